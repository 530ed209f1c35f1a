use serde_json::{Value, json};

use super::annotation::Annotation;
use super::layout::Cursor;
use super::link::{self, TAG};
use super::panel::Panel;
use super::variable::Variable;

/// The schema that file provisioning takes as it is.
const SCHEMA_VERSION: u32 = 42;

/// A dashboard, from top to bottom.
#[derive(Clone, Debug)]
pub(crate) struct Dashboard {
    /// Also the name of its file and the end of its address, `/d/…`.
    pub(crate) uid: &'static str,
    /// What it is called.
    pub(crate) title: &'static str,
    /// What it is for.
    pub(crate) description: &'static str,
    /// How far back it looks when it is opened, such as `6h`.
    pub(crate) since: &'static str,
    /// What can be chosen.
    pub(crate) variables: Vec<Variable>,
    /// What all panels mark.
    pub(crate) annotations: Vec<Annotation>,
    /// What it shows.
    pub(crate) rows: Vec<Row>,
}

/// Panels under a title.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    title: &'static str,
    panels: Vec<Panel>,
}

impl Row {
    /// Panels under this title, from left to right.
    pub(crate) const fn new(title: &'static str, panels: Vec<Panel>) -> Self {
        Self { title, panels }
    }
}

impl Dashboard {
    /// The file.
    pub(crate) fn json(&self) -> Value {
        let built_in = [Annotation::built_in()].into_iter();
        let annotations = built_in.chain(self.annotations.iter().map(Annotation::json));
        json!({
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": [TAG],
            "timezone": "browser",
            "editable": false,
            // The crosshair is shared: what happened at that moment elsewhere?
            "graphTooltip": 1,
            "time": {"from": format!("now-{}", self.since), "to": "now"},
            "timepicker": {"refresh_intervals": ["15s", "30s", "1m", "5m", "15m", "1h"]},
            "refresh": "30s",
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "fiscalYearStartMonth": 0,
            "preload": false,
            "links": link::to_dashboards(),
            "templating": {"list": self.variables.iter().map(Variable::json).collect::<Vec<_>>()},
            "annotations": {"list": annotations.collect::<Vec<_>>()},
            "panels": self.panels(),
        })
    }

    fn panels(&self) -> Vec<Value> {
        let (mut cursor, mut panels) = (Cursor::default(), Vec::new());
        for row in &self.rows {
            let id = next(&panels);
            panels.push(json!({
                "id": id,
                "type": "row",
                "title": row.title,
                "collapsed": false,
                "gridPos": cursor.row(),
                "panels": [],
            }));
            for panel in &row.panels {
                let (width, height) = panel.extent();
                let place = cursor.place(width, height);
                panels.push(panel.json(next(&panels), &place));
            }
        }
        panels
    }
}

/// Ids count from 1, because 0 is no id to Grafana.
fn next(panels: &[Value]) -> u32 {
    u32::try_from(panels.len()).map_or(u32::MAX, |count| count + 1)
}
