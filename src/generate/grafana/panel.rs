use std::borrow::Cow;

use serde_json::{Value, json};

use super::field_config::{DisplayUnit, FieldConfig, FieldOverride};
use super::link::DataLink;
use super::query::PanelQuery;
use super::threshold_steps::{Color, ThresholdSteps};
use super::visualization::Visualization;

/// A panel: queries, visualization, description, runbook.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    title: Cow<'static, str>,
    visualization: Visualization,
    shows: String,
    good: String,
    runbook: Option<String>,
    queries: Vec<PanelQuery>,
    field: FieldConfig,
    size: (u32, u32),
    transformations: Vec<Value>,
    /// Minimum distance of points.
    min_interval: Option<&'static str>,
    /// True if the colours are the levels of an alert.
    has_alert_levels: bool,
}

impl Panel {
    /// Returns a panel with this visualization.
    pub(crate) fn new(view: Visualization, title: impl Into<Cow<'static, str>>) -> Self {
        Self {
            title: title.into(),
            size: view.size(),
            visualization: view,
            shows: String::new(),
            good: String::new(),
            runbook: None,
            queries: Vec::new(),
            field: FieldConfig::default(),
            transformations: Vec::new(),
            min_interval: None,
            has_alert_levels: false,
        }
    }

    /// Sets the description: its content, and a healthy value.
    pub(crate) fn describe(mut self, shows: &str, good: &str) -> Self {
        self.shows = shows.into();
        self.good(good)
    }

    /// Sets the healthy value alone.
    pub(crate) fn good(mut self, good: &str) -> Self {
        self.good = good.into();
        self
    }

    /// Sets the runbook's address.
    pub(crate) fn runbook(mut self, url: String) -> Self {
        self.runbook = Some(url);
        self
    }

    /// Adds a query.
    pub(crate) fn query(mut self, query: PanelQuery) -> Self {
        self.queries.push(query);
        self
    }

    /// Sets the unit.
    pub(crate) const fn unit(mut self, unit: DisplayUnit) -> Self {
        self.field.unit = Some(unit);
        self
    }

    /// Sets the levels of an alert: a stat's colours, or lines.
    pub(crate) fn alert_levels(mut self, steps: ThresholdSteps) -> Self {
        self.field.steps = Some(steps);
        self.has_alert_levels = true;
        self
    }

    /// Adds a text for a value.
    pub(crate) fn value_mapping(mut self, value: f64, text: &'static str, color: Color) -> Self {
        self.field.value_mappings.push((value, text, color));
        self
    }

    /// Sets the axis to 0 to 1, whatever the values.
    pub(crate) const fn zero_to_one(mut self) -> Self {
        self.field.min = Some(0.0);
        self.field.max = Some(1.0);
        self
    }

    /// Sets the number of decimals.
    pub(crate) const fn decimals(mut self, decimals: u8) -> Self {
        self.field.decimals = Some(decimals);
        self
    }

    /// Sets the text shown without a value: a state, not a fault.
    pub(crate) const fn no_value(mut self, text: &'static str) -> Self {
        self.field.no_value = Some(text);
        self
    }

    /// Adds a link from its values.
    pub(crate) fn link(mut self, link: DataLink) -> Self {
        self.field.links.push(link);
        self
    }

    /// Adds an override for some of its series or columns.
    pub(crate) fn with_override(mut self, field_override: FieldOverride) -> Self {
        self.field.overrides.push(field_override);
        self
    }

    /// Sets the size in columns of 24 and in rows.
    pub(crate) const fn size(mut self, width: u32, height: u32) -> Self {
        self.size = (width, height);
        self
    }

    /// Sets the minimum distance of points.
    pub(crate) const fn min_interval(mut self, interval: &'static str) -> Self {
        self.min_interval = Some(interval);
        self
    }

    /// Merges all queries into one table, joined by the labels that they share; without the time.
    pub(crate) fn merge_tables(mut self, order: &[&str]) -> Self {
        let positions: serde_json::Map<_, _> = order
            .iter()
            .enumerate()
            .map(|(position, column)| ((*column).to_owned(), position.into()))
            .collect();
        self.transformations
            .push(json!({"id": "merge", "options": {}}));
        self.transformations.push(json!({
            "id": "organize",
            "options": {"excludeByName": {"Time": true}, "indexByName": positions, "renameByName": {}},
        }));
        self
    }

    /// Pivots rows of (x, series, value) into a column for each series.
    pub(crate) fn pivot(mut self, x: &str, series: &str, value: &str) -> Self {
        self.transformations.push(json!({
            "id": "groupingToMatrix",
            "options": {"rowField": x, "columnField": series, "valueField": value, "emptyValue": "zero"},
        }));
        self
    }

    /// Returns the size in columns of 24 and in rows.
    pub(super) const fn grid_size(&self) -> (u32, u32) {
        self.size
    }

    /// Returns the entry of `panels`.
    pub(super) fn to_json(&self, id: u32, grid_position: &Value) -> Value {
        let steps = self.field.steps.as_ref();
        let targets = self
            .queries
            .iter()
            .zip(0..)
            .map(|(query, index)| query.to_target(index));
        let mut json = json!({
            "id": id,
            "type": self.visualization.plugin(),
            "title": self.title,
            "description": self.full_description(),
            "gridPos": grid_position,
            "options": self.visualization.options(self.has_alert_levels),
            "fieldConfig": self.field.to_json(
                &self.visualization.color(steps),
                &self.visualization.custom(steps),
                &self.visualization.thresholds(steps),
            ),
        });
        if let Some(source) = self.queries.first().map(PanelQuery::data_source) {
            json["datasource"] = serde_json::to_value(source).unwrap_or_default();
            json["targets"] = targets.collect();
        }
        if !self.transformations.is_empty() {
            json["transformations"] = self.transformations.clone().into();
        }
        if let Some(interval) = self.min_interval {
            json["interval"] = interval.into();
        }
        if let Some(url) = self.runbook.as_deref().filter(|page| is_url(page)) {
            json["links"] = json!([DataLink::to_url("Runbook", url).to_panel_link()]);
        }
        json
    }

    fn full_description(&self) -> String {
        let description = format!("{}\n\n**Good:** {}", self.shows, self.good);
        match &self.runbook {
            Some(url) if is_url(url) => format!("{description}\n\n[Runbook]({url})"),
            Some(path) => format!("{description}\n\n**Runbook:** `{path}`"),
            None => description,
        }
    }
}

/// Returns true for a URL; a path in the repository is no address to Grafana.
fn is_url(page: &str) -> bool {
    page.starts_with("http://") || page.starts_with("https://")
}
