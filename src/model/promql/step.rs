//! The queries of annotations: what happened within one step of a panel.
//!
//! A dashboard asks for annotations over its whole range, in steps. An event must show in exactly
//! one step, whatever the step's length; that is why each query compares with what was one step
//! ago.

use super::labels::Labels;
use super::selector::{DASHBOARD_VARIABLES, selector_text, variable_matchers};
use super::{InstantVector, TARGET_LABELS};

impl InstantVector {
    /// The processes that the variables of a dashboard choose, with what they say of themselves:
    /// attributes of their resource, in Prometheus's notation.
    pub(crate) fn chosen_targets(attributes: &[&str]) -> InstantVector {
        let matchers = variable_matchers(&DASHBOARD_VARIABLES);
        let labels = attributes.iter().chain(&TARGET_LABELS).copied();
        let text = selector_text("target_info", &matchers);
        InstantVector::atom(text, Labels::by_name(labels))
    }

    /// Ages that began within a step: a step ago there was none, or a greater one. What is older than five
    /// minutes did not begin, but could not be seen for a while.
    pub(crate) fn began_within_step(&self) -> InstantVector {
        let younger = format!("{self} offset $__interval <= {self}");
        let text = format!("({self} unless ({younger})) < 300");
        InstantVector::atom(text, self.labels().clone())
    }

    /// One element for each combination of these labels that was not there a step ago.
    #[track_caller]
    pub(crate) fn new_within_step(&self, keys: &[&str]) -> InstantVector {
        let now = self.count_by(keys);
        let before =
            InstantVector::atom(format!("{self} offset $__interval"), self.labels().clone());
        now.unless(&before.count_by(keys))
    }
}
