use serde_json::{Value, json};

use super::field::{Field, Override, Unit};
use super::link::DataLink;
use super::query::Query;
use super::steps::{Color, Steps};
use super::view::View;

/// One panel: what it asks, how it draws the answer, and what to make of it.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    title: &'static str,
    view: View,
    description: String,
    runbook: Option<String>,
    queries: Vec<Query>,
    field: Field,
    size: (u32, u32),
    transformations: Vec<Value>,
    /// The least distance of points.
    interval: Option<&'static str>,
    /// Whether the colours are the levels of an alert.
    leveled: bool,
}

impl Panel {
    /// A panel that draws its answer so.
    pub(crate) fn new(view: View, title: &'static str) -> Self {
        Self {
            title,
            size: view.size(),
            view,
            description: String::new(),
            runbook: None,
            queries: Vec::new(),
            field: Field::default(),
            transformations: Vec::new(),
            interval: None,
            leveled: false,
        }
    }

    /// What it shows, and what good looks like.
    pub(crate) fn describe(mut self, shows: &str, good: &str) -> Self {
        self.description = format!("{shows}\n\n**Good:** {good}");
        self
    }

    /// The page for when it isn't good.
    pub(crate) fn runbook(mut self, url: String) -> Self {
        self.runbook = Some(url);
        self
    }

    /// Asks this, too.
    pub(crate) fn query(mut self, query: Query) -> Self {
        self.queries.push(query);
        self
    }

    /// In this unit.
    pub(crate) const fn unit(mut self, unit: Unit) -> Self {
        self.field.unit = Some(unit);
        self
    }

    /// With the levels of an alert: a stat's colours, or lines.
    pub(crate) fn levels(mut self, steps: Steps) -> Self {
        self.field.steps = Some(steps);
        self.leveled = true;
        self
    }

    /// A word for a value.
    pub(crate) fn word(mut self, value: f64, word: &'static str, color: Color) -> Self {
        self.field.words.push((value, word, color));
        self
    }

    /// From 0 to 1, whatever the values.
    pub(crate) const fn whole_share(mut self) -> Self {
        self.field.min = Some(0.0);
        self.field.max = Some(1.0);
        self
    }

    /// With so many digits behind the point.
    pub(crate) const fn decimals(mut self, decimals: u8) -> Self {
        self.field.decimals = Some(decimals);
        self
    }

    /// What stands there while there is nothing to show: a state, not a fault.
    pub(crate) const fn nothing(mut self, words: &'static str) -> Self {
        self.field.nothing = Some(words);
        self
    }

    /// A way on from its values.
    pub(crate) fn link(mut self, link: DataLink) -> Self {
        self.field.links.push(link);
        self
    }

    /// Some of its series or columns differ.
    pub(crate) fn differ(mut self, difference: Override) -> Self {
        self.field.overrides.push(difference);
        self
    }

    /// So many columns of 24, and so many rows.
    pub(crate) const fn size(mut self, width: u32, height: u32) -> Self {
        self.size = (width, height);
        self
    }

    /// Points at least so far apart.
    pub(crate) const fn every(mut self, interval: &'static str) -> Self {
        self.interval = Some(interval);
        self
    }

    /// All queries in one table, joined by the labels that they share; without the time.
    pub(crate) fn joined(mut self, order: &[&str]) -> Self {
        let places: serde_json::Map<_, _> = order
            .iter()
            .enumerate()
            .map(|(place, column)| ((*column).to_owned(), place.into()))
            .collect();
        self.transformations
            .push(json!({"id": "merge", "options": {}}));
        self.transformations.push(json!({
            "id": "organize",
            "options": {"excludeByName": {"Time": true}, "indexByName": places, "renameByName": {}},
        }));
        self
    }

    /// Rows of (x, series, value) become a column for each series.
    pub(crate) fn pivoted(mut self, x: &str, series: &str, value: &str) -> Self {
        self.transformations.push(json!({
            "id": "groupingToMatrix",
            "options": {"rowField": x, "columnField": series, "valueField": value, "emptyValue": "zero"},
        }));
        self
    }

    /// Columns of 24, and rows.
    pub(super) const fn extent(&self) -> (u32, u32) {
        self.size
    }

    /// As `panels` has it.
    pub(super) fn json(&self, id: u32, place: &Value) -> Value {
        let steps = self.field.steps.as_ref();
        let targets = self
            .queries
            .iter()
            .zip(0..)
            .map(|(query, place)| query.target(place));
        let mut json = json!({
            "id": id,
            "type": self.view.plugin(),
            "title": self.title,
            "description": self.text(),
            "gridPos": place,
            "options": self.view.options(self.leveled),
            "fieldConfig": self.field.json(
                &self.view.color(steps),
                &self.view.custom(steps),
                &self.view.thresholds(steps),
            ),
        });
        if let Some(source) = self.queries.first().map(Query::source) {
            json["datasource"] = serde_json::to_value(source).unwrap_or_default();
            json["targets"] = targets.collect();
        }
        if !self.transformations.is_empty() {
            json["transformations"] = self.transformations.clone().into();
        }
        if let Some(interval) = self.interval {
            json["interval"] = interval.into();
        }
        if let Some(url) = self.runbook.as_deref().filter(|page| is_url(page)) {
            json["links"] = json!([DataLink::to("Runbook", url).panel()]);
        }
        json
    }

    fn text(&self) -> String {
        match &self.runbook {
            Some(url) if is_url(url) => format!("{}\n\n[Runbook]({url})", self.description),
            Some(path) => format!("{}\n\n**Runbook:** `{path}`", self.description),
            None => self.description.clone(),
        }
    }
}

/// Whether a browser finds it: a path in the repository is no address to Grafana.
fn is_url(page: &str) -> bool {
    page.starts_with("http://") || page.starts_with("https://")
}
