//! Dashboards as Grafana's files have them: the classic model, `schemaVersion` 42, which is what it
//! reads from files. Only what our dashboards use can be written here, because Grafana ignores a
//! misspelt field without a word.
//!
//! Where panels stand is worked out and never written, so that they cannot overlap.

mod annotation;
mod dashboard;
mod field;
mod layout;
mod link;
mod panel;
mod query;
mod steps;
mod variable;
mod view;

pub(crate) use annotation::Annotation;
pub(crate) use dashboard::{Dashboard, Row};
pub(crate) use field::{Override, Unit};
pub(crate) use link::DataLink;
pub(crate) use panel::Panel;
pub(crate) use query::Query;
pub(crate) use steps::{Color, Steps};
pub(crate) use variable::Variable;
pub(crate) use view::View;
