//! Grafana dashboards as JSON files: the classic model, `schemaVersion` 42, which is what it
//! reads from files. Only what our dashboards use can be written here, because Grafana ignores a
//! misspelt field without a word.
//!
//! Where panels stand is worked out and never written, so that they cannot overlap.

mod annotation;
mod dashboard;
mod field_config;
mod layout;
mod link;
mod panel;
mod query;
mod threshold_steps;
mod variable;
mod visualization;

pub(crate) use annotation::Annotation;
pub(crate) use dashboard::{DashboardModel, DashboardRow};
pub(crate) use field_config::{DisplayUnit, FieldOverride};
pub(crate) use link::DataLink;
pub(crate) use panel::Panel;
pub(crate) use query::PanelQuery;
pub(crate) use threshold_steps::{Color, ThresholdSteps};
pub(crate) use variable::Variable;
pub(crate) use visualization::Visualization;
