use serde_json::{Value, json};

use super::link::DataLink;
use super::threshold_steps::{Color, ThresholdSteps, number_json};

/// A unit in which Grafana writes numbers. All our metrics are in base units, so that there is no factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DisplayUnit {
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
    /// Bytes in a second, in powers of 1024.
    BytesPerSecond,
    /// A whole number, all of its digits.
    Whole,
}

impl DisplayUnit {
    /// Returns Grafana's id of the unit.
    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Bytes => "bytes",
            Self::Share => "percentunit",
            Self::Count => "short",
            Self::RequestsPerSecond => "reqps",
            Self::OperationsPerSecond => "ops",
            Self::PerSecond => "cps",
            Self::BytesPerSecond => "binBps",
            Self::Whole => "none",
        }
    }
}

/// An override of the field configuration for some of a panel's series or columns.
#[derive(Clone, Debug)]
pub(crate) struct FieldOverride {
    matcher: Value,
    properties: Vec<Value>,
}

impl FieldOverride {
    /// Returns an override for the field with this name.
    pub(crate) fn by_name(name: &str) -> Self {
        Self {
            matcher: json!({"id": "byName", "options": name}),
            properties: Vec::new(),
        }
    }

    /// Returns an override for fields whose names match.
    pub(crate) fn by_regex(pattern: &str) -> Self {
        Self {
            matcher: json!({"id": "byRegexp", "options": pattern}),
            properties: Vec::new(),
        }
    }

    /// Sets the colour.
    pub(crate) fn color(self, color: Color) -> Self {
        self.with_property(
            "color",
            json!({"mode": "fixed", "fixedColor": color.name()}),
        )
    }

    /// Sets the unit.
    pub(crate) fn unit(self, unit: DisplayUnit) -> Self {
        self.with_property("unit", unit.id())
    }

    /// Sets the display name.
    pub(crate) fn display_name(self, name: &str) -> Self {
        self.with_property("displayName", name)
    }

    /// Draws a dashed line without an area: a limit, not a measurement.
    pub(crate) fn into_limit_line(self) -> Self {
        self.color(Color::Red)
            .with_property("custom.lineStyle", json!({"fill": "dash", "dash": [8, 8]}))
            .with_property("custom.fillOpacity", 0)
    }

    /// Colours the background by these steps.
    pub(crate) fn steps(self, steps: &ThresholdSteps) -> Self {
        self.with_property("thresholds", steps.to_json())
            .with_property("color", json!({"mode": "thresholds"}))
            .with_property(
                "custom.cellOptions",
                json!({"type": "color-background", "mode": "basic"}),
            )
    }

    fn with_property(mut self, id: &str, value: impl Into<Value>) -> Self {
        let value: Value = value.into();
        self.properties.push(json!({"id": id, "value": value}));
        self
    }

    fn to_json(&self) -> Value {
        json!({"matcher": self.matcher, "properties": self.properties})
    }
}

/// The field configuration of a panel: how its values are written and coloured.
#[derive(Clone, Debug, Default)]
pub(super) struct FieldConfig {
    pub(super) unit: Option<DisplayUnit>,
    pub(super) steps: Option<ThresholdSteps>,
    /// Texts and colours of values.
    pub(super) value_mappings: Vec<(f64, &'static str, Color)>,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) decimals: Option<u8>,
    pub(super) no_value: Option<&'static str>,
    pub(super) links: Vec<DataLink>,
    pub(super) overrides: Vec<FieldOverride>,
}

impl FieldConfig {
    /// Returns `fieldConfig`, with the parts that depend on the visualization.
    pub(super) fn to_json(&self, color: &Value, custom: &Value, thresholds: &Value) -> Value {
        let mut defaults = json!({
            "unit": self.unit.unwrap_or(DisplayUnit::Count).id(),
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
        set("min", self.min.map(number_json));
        set("max", self.max.map(number_json));
        set("decimals", self.decimals.map(Into::into));
        set("noValue", self.no_value.map(Into::into));
        let links: Vec<_> = self.links.iter().map(DataLink::to_json).collect();
        set("links", (!links.is_empty()).then(|| links.into()));
        let overrides: Vec<_> = self.overrides.iter().map(FieldOverride::to_json).collect();
        json!({"defaults": defaults, "overrides": overrides})
    }

    fn mappings(&self) -> Value {
        if self.value_mappings.is_empty() {
            return json!([]);
        }
        let words = self
            .value_mappings
            .iter()
            .enumerate()
            .map(|(index, (value, text, color))| {
                let result = json!({"text": text, "color": color.name(), "index": index});
                (number_json(*value).to_string(), result)
            });
        let options: serde_json::Map<_, _> = words.collect();
        json!([{"type": "value", "options": options}])
    }
}
