use serde_json::{Value, json};

use super::link::DataLink;
use super::steps::{Color, Steps, number};

/// How Grafana writes numbers. All our metrics are in base units, so that there is no factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Seconds.
    Seconds,
    /// Bytes, in powers of 1024.
    Bytes,
    /// A fraction, written as a percentage.
    Share,
    /// A number of things.
    Count,
    /// Requests in a second.
    RequestsPerSecond,
    /// Jobs, queries and the like in a second.
    OperationsPerSecond,
    /// Events in a second.
    PerSecond,
    /// A whole number, all of its digits.
    Whole,
}

impl Unit {
    /// Its id.
    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Bytes => "bytes",
            Self::Share => "percentunit",
            Self::Count => "short",
            Self::RequestsPerSecond => "reqps",
            Self::OperationsPerSecond => "ops",
            Self::PerSecond => "cps",
            Self::Whole => "none",
        }
    }
}

/// What is different for some of a panel's series or columns.
#[derive(Clone, Debug)]
pub(crate) struct Override {
    matcher: Value,
    properties: Vec<Value>,
}

impl Override {
    /// For the one with this name.
    pub(crate) fn of(name: &str) -> Self {
        Self {
            matcher: json!({"id": "byName", "options": name}),
            properties: Vec::new(),
        }
    }

    /// For those whose names match.
    pub(crate) fn matching(pattern: &str) -> Self {
        Self {
            matcher: json!({"id": "byRegexp", "options": pattern}),
            properties: Vec::new(),
        }
    }

    /// In this colour.
    pub(crate) fn color(self, color: Color) -> Self {
        self.with(
            "color",
            json!({"mode": "fixed", "fixedColor": color.name()}),
        )
    }

    /// In this unit.
    pub(crate) fn unit(self, unit: Unit) -> Self {
        self.with("unit", unit.id())
    }

    /// Under this name.
    pub(crate) fn renamed(self, name: &str) -> Self {
        self.with("displayName", name)
    }

    /// As a dashed line without an area: a limit, not a measurement.
    pub(crate) fn drawn_as_limit(self) -> Self {
        self.color(Color::Red)
            .with("custom.lineStyle", json!({"fill": "dash", "dash": [8, 8]}))
            .with("custom.fillOpacity", 0)
    }

    /// With the background in the colour of these steps.
    pub(crate) fn steps(self, steps: &Steps) -> Self {
        self.with("thresholds", steps.json())
            .with("color", json!({"mode": "thresholds"}))
            .with(
                "custom.cellOptions",
                json!({"type": "color-background", "mode": "basic"}),
            )
    }

    fn with(mut self, id: &str, value: impl Into<Value>) -> Self {
        let value: Value = value.into();
        self.properties.push(json!({"id": id, "value": value}));
        self
    }

    fn json(&self) -> Value {
        json!({"matcher": self.matcher, "properties": self.properties})
    }
}

/// How the values of a panel are written and coloured.
#[derive(Clone, Debug, Default)]
pub(super) struct Field {
    pub(super) unit: Option<Unit>,
    pub(super) steps: Option<Steps>,
    /// Words for values.
    pub(super) words: Vec<(f64, &'static str, Color)>,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) decimals: Option<u8>,
    pub(super) nothing: Option<&'static str>,
    pub(super) links: Vec<DataLink>,
    pub(super) overrides: Vec<Override>,
}

impl Field {
    /// As `fieldConfig`, with what is particular to the view.
    pub(super) fn json(&self, color: &Value, custom: &Value, thresholds: &Value) -> Value {
        let mut defaults = json!({
            "unit": self.unit.unwrap_or(Unit::Count).id(),
            "color": color,
            "custom": custom,
            "thresholds": thresholds,
            "mappings": self.mappings(),
        });
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                defaults[name] = value;
            }
        };
        set("min", self.min.map(number));
        set("max", self.max.map(number));
        set("decimals", self.decimals.map(Into::into));
        set("noValue", self.nothing.map(Into::into));
        let links: Vec<_> = self.links.iter().map(DataLink::json).collect();
        set("links", (!links.is_empty()).then(|| links.into()));
        let overrides: Vec<_> = self.overrides.iter().map(Override::json).collect();
        json!({"defaults": defaults, "overrides": overrides})
    }

    fn mappings(&self) -> Value {
        if self.words.is_empty() {
            return json!([]);
        }
        let words = self
            .words
            .iter()
            .enumerate()
            .map(|(index, (value, text, color))| {
                let result = json!({"text": text, "color": color.name(), "index": index});
                (number(*value).to_string(), result)
            });
        let options: serde_json::Map<_, _> = words.collect();
        json!([{"type": "value", "options": options}])
    }
}
