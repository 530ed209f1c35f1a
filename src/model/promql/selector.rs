use super::labels::{Labels, TARGET_LABELS};
use crate::model::catalog::{AttributeValues, MetricSpec};
use crate::model::promql_literal::quote;

/// The variables of a dashboard that choose series.
pub(super) const DASHBOARD_VARIABLES: [&str; 3] = ["job", "instance", "environment"];

/// The series of one metric, or some of them.
#[derive(Debug, Clone)]
pub(crate) struct Selector {
    pub(super) spec: &'static MetricSpec,
    matchers: Vec<String>,
    /// The labels that each selected series has.
    present: Vec<String>,
}

/// A query whose series can be selected by label.
pub(crate) trait Select: Sized {
    #[doc(hidden)]
    fn selector(&mut self) -> &mut Selector;

    /// Starts a condition on a label, by its OpenTelemetry key: an attribute of the metric, `job`,
    /// `instance` or `environment`.
    ///
    /// # Panics
    ///
    /// When the metric has no such label.
    #[track_caller]
    fn with(mut self, key: &'static str) -> LabelCondition<Self> {
        let spec = self.selector().spec;
        let label = Labels::of_metric(spec, &[]).resolve(&[key]).concat();
        LabelCondition {
            selected: self,
            key,
            label,
        }
    }

    /// Selects the series that match the variables of a dashboard.
    fn with_dashboard_variables(self) -> Self {
        self.with_variables(&DASHBOARD_VARIABLES)
    }

    /// Selects the series that match some of those variables: those that others depend on.
    fn with_variables(mut self, labels: &[&'static str]) -> Self {
        self.selector().matchers.extend(variable_matchers(labels));
        self
    }
}

/// A condition on a label that lacks its value.
///
/// Made by [`Select::with`] and consumed by its methods: a condition without a value can't be
/// forgotten silently.
#[derive(Debug)]
pub(crate) struct LabelCondition<S> {
    selected: S,
    key: &'static str,
    label: String,
}

impl<S: Select> LabelCondition<S> {
    /// The label has this value; `""` where it is absent.
    ///
    /// # Panics
    ///
    /// When the label is declared never to have it.
    #[track_caller]
    pub(crate) fn is(self, value: &str) -> S {
        self.matching("=", value, &[value])
    }

    /// The label has another value, or is absent.
    ///
    /// # Panics
    ///
    /// As [`is`](Self::is).
    #[track_caller]
    pub(crate) fn other_than(self, value: &str) -> S {
        self.matching("!=", value, &[value])
    }

    /// The label's whole value matches a regular expression. Of a label with declared values it is some
    /// of those, with `|` between them.
    ///
    /// # Panics
    ///
    /// As [`is`](Self::is).
    #[track_caller]
    pub(crate) fn like(self, pattern: &str) -> S {
        let values: Vec<_> = pattern.split('|').collect();
        self.matching("=~", pattern, &values)
    }

    /// The label's whole value doesn't match a regular expression, or it is absent.
    ///
    /// # Panics
    ///
    /// As [`is`](Self::is).
    #[track_caller]
    pub(crate) fn unlike(self, pattern: &str) -> S {
        let values: Vec<_> = pattern.split('|').collect();
        self.matching("!~", pattern, &values)
    }

    #[track_caller]
    fn matching(mut self, operator: &str, text: &str, values: &[&str]) -> S {
        let selector = self.selected.selector();
        for value in values {
            let declared = is_declared(selector.spec, self.key, value);
            assert!(declared, "{} is never {value:?}", self.label);
        }
        // An absent label counts as an empty one.
        let is_empty_listed = values.contains(&"");
        if operator.starts_with('!') == is_empty_listed {
            selector.present.push(self.label.clone());
        }
        selector.push(&self.label, operator, text);
        self.selected
    }
}

impl Selector {
    pub(super) const fn all(spec: &'static MetricSpec) -> Self {
        Self {
            spec,
            matchers: Vec::new(),
            present: Vec::new(),
        }
    }

    /// Returns the labels of the selected series.
    pub(super) fn labels(&self) -> Labels {
        Labels::of_metric(self.spec, &self.present)
    }

    fn push(&mut self, label: &str, operator: &str, value: &str) {
        self.matchers
            .push(format!("{label}{operator}{}", quote(value)));
    }

    /// `name{label="value"}`, where the name has this suffix and there are further matchers.
    pub(super) fn text(&self, suffix: &str, extra_matchers: &[String]) -> String {
        let name = format!("{}{suffix}", self.spec.prometheus_name());
        let matchers: Vec<_> = self.matchers.iter().chain(extra_matchers).collect();
        selector_text(&name, &matchers)
    }
}

/// Returns whether a label may have this value; an open label may have any.
///
/// A closed label never has another value: a condition on one would match nothing for ever, as a
/// typing error does.
fn is_declared(spec: &MetricSpec, key: &str, value: &str) -> bool {
    let attribute = spec
        .attributes
        .iter()
        .find(|attribute| attribute.key == key);
    match attribute.map(|attribute| attribute.values) {
        Some(AttributeValues::OneOf(values)) => value.is_empty() || values.contains(&value),
        Some(_) => true,
        None => TARGET_LABELS.contains(&key),
    }
}

/// Formats the selector of a name and matchers.
pub(super) fn selector_text<T: AsRef<str>>(name: &str, matchers: &[T]) -> String {
    let matchers: Vec<_> = matchers.iter().map(AsRef::as_ref).collect();
    match matchers.as_slice() {
        [] => name.to_owned(),
        matchers => format!("{name}{{{}}}", matchers.join(", ")),
    }
}

/// The matchers of the variables of a dashboard.
///
/// `=~`, because a variable of Grafana may hold several values, joined to a pattern.
pub(super) fn variable_matchers(labels: &[&str]) -> Vec<String> {
    let matcher = |label: &&str| format!("{label}=~{}", quote(&format!("${label}")));
    labels.iter().map(matcher).collect()
}
