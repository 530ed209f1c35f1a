use std::borrow::Cow;

use serde_json::{Value, json};

use super::annotation::Annotation;
use super::layout::GridCursor;
use super::link::{self, TAG};
use super::panel::Panel;
use super::variable::Variable;

/// The schema that file provisioning takes as it is.
const SCHEMA_VERSION: u32 = 42;

/// The model of a dashboard, from top to bottom.
#[derive(Clone, Debug)]
pub(crate) struct DashboardModel {
    /// Also the name of its file and the end of its address, `/d/…`.
    pub(crate) uid: &'static str,
    /// The title.
    pub(crate) title: &'static str,
    /// The purpose.
    pub(crate) description: &'static str,
    /// The initial time range, such as `6h`.
    pub(crate) since: &'static str,
    /// The template variables.
    pub(crate) variables: Vec<Variable>,
    /// The annotations of all panels.
    pub(crate) annotations: Vec<Annotation>,
    /// The rows of panels.
    pub(crate) rows: Vec<DashboardRow>,
}

/// A row: panels under a title.
#[derive(Clone, Debug)]
pub(crate) struct DashboardRow {
    title: Cow<'static, str>,
    panels: Vec<Panel>,
}

impl DashboardRow {
    /// Returns a row of panels, from left to right.
    pub(crate) fn new(title: impl Into<Cow<'static, str>>, panels: Vec<Panel>) -> Self {
        Self {
            title: title.into(),
            panels,
        }
    }
}

impl DashboardModel {
    /// Returns the dashboard's JSON.
    pub(crate) fn to_json(&self) -> Value {
        let built_in = [Annotation::built_in()].into_iter();
        let annotations = built_in.chain(self.annotations.iter().map(Annotation::to_json));
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
            // Provisioning counts it up itself.
            "version": 1,
            "fiscalYearStartMonth": 0,
            "preload": false,
            "links": link::to_dashboards(),
            "templating": {"list": self.variables.iter().map(Variable::to_json).collect::<Vec<_>>()},
            "annotations": {"list": annotations.collect::<Vec<_>>()},
            "panels": self.panels(),
        })
    }

    fn panels(&self) -> Vec<Value> {
        let (mut cursor, mut panels) = (GridCursor::default(), Vec::new());
        for row in &self.rows {
            let id = next_id(&panels);
            panels.push(json!({
                "id": id,
                "type": "row",
                "title": row.title,
                "collapsed": false,
                "gridPos": cursor.place_row(),
                "panels": [],
            }));
            for panel in &row.panels {
                let (width, height) = panel.grid_size();
                let place = cursor.place_panel(width, height);
                panels.push(panel.to_json(next_id(&panels), &place));
            }
        }
        panels
    }
}

/// Returns the next panel id, counted from 1, because 0 is no id to Grafana.
fn next_id(panels: &[Value]) -> u32 {
    u32::try_from(panels.len()).map_or(u32::MAX, |count| count + 1)
}
