use serde_json::{Value, json};

use super::threshold_steps::{Color, ThresholdSteps, number_json};

/// The visualization of a panel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Visualization {
    /// The newest value, large, over a line of its past.
    Stat,
    /// Lines over time.
    Lines,
    /// Lines over time that add up.
    Stacked,
    /// Bars over time that add up.
    Bars,
    /// A bar for each series' newest value.
    BarGauge,
    /// A distribution over time.
    Heatmap,
    /// For each series the states that it went through.
    StateTimeline,
    /// Rows and columns.
    Table,
    /// Bars over the values of this column.
    BarChart(&'static str),
}

impl Visualization {
    /// Returns the id of the panel plugin.
    pub(super) const fn plugin(&self) -> &'static str {
        match self {
            Self::Stat => "stat",
            Self::Lines | Self::Stacked | Self::Bars => "timeseries",
            Self::BarGauge => "bargauge",
            Self::Heatmap => "heatmap",
            Self::StateTimeline => "state-timeline",
            Self::Table => "table",
            Self::BarChart(_) => "barchart",
        }
    }

    /// Returns the default size in columns of 24 and in rows.
    pub(super) const fn size(&self) -> (u32, u32) {
        match self {
            Self::Stat => (4, 4),
            _ => (12, 8),
        }
    }

    /// Returns `fieldConfig.defaults.color`: by steps, or one colour for each series.
    pub(super) fn color(&self, steps: Option<&ThresholdSteps>) -> Value {
        let by_value = matches!(self, Self::Stat | Self::BarGauge | Self::StateTimeline);
        match steps {
            Some(_) if by_value => json!({"mode": "thresholds"}),
            None if matches!(self, Self::Stat) => {
                json!({"mode": "fixed", "fixedColor": "blue"})
            }
            _ => json!({"mode": "palette-classic"}),
        }
    }

    /// Returns `fieldConfig.defaults.thresholds`.
    pub(super) fn thresholds(&self, steps: Option<&ThresholdSteps>) -> Value {
        match (self, steps) {
            (_, None) => ThresholdSteps::single(Color::Green).to_json(),
            (Self::Lines | Self::Stacked | Self::Bars, Some(steps)) => steps.as_lines().to_json(),
            (_, Some(steps)) => steps.to_json(),
        }
    }

    /// Returns `options`, all of them: what is left out gets a default that changes with Grafana.
    pub(super) fn options(&self, leveled: bool) -> Value {
        match self {
            Self::Stat => stat(leveled),
            Self::Lines | Self::Stacked | Self::Bars => json!({
                "legend": legend(),
                "tooltip": {"mode": "multi", "sort": "desc", "hideZeros": false},
            }),
            Self::BarGauge => json!({
                "displayMode": "basic", "valueMode": "color", "namePlacement": "auto",
                "showUnfilled": true, "sizing": "auto", "minVizWidth": 8, "minVizHeight": 16,
                "maxVizHeight": 48, "orientation": "horizontal", "reduceOptions": last_value(),
                "legend": {"showLegend": false, "displayMode": "list", "placement": "bottom", "calcs": []},
            }),
            Self::Heatmap => heatmap(),
            Self::StateTimeline => json!({
                "showValue": "never", "rowHeight": 0.8, "mergeValues": true, "alignValue": "left",
                "legend": legend(),
                "tooltip": {"mode": "single", "sort": "none", "hideZeros": false},
            }),
            Self::Table => json!({"frameIndex": 0, "showHeader": true, "cellHeight": "sm"}),
            Self::BarChart(x) => bar_chart(x),
        }
    }

    /// Returns `fieldConfig.defaults.custom`.
    pub(super) fn custom(&self, steps: Option<&ThresholdSteps>) -> Value {
        let hide = json!({"legend": false, "tooltip": false, "viz": false});
        match self {
            Self::Lines => time_series("none", "line", 10, steps),
            Self::Stacked => time_series("normal", "line", 40, steps),
            Self::Bars => time_series("normal", "bars", 80, steps),
            Self::Heatmap => json!({"scaleDistribution": {"type": "linear"}, "hideFrom": hide}),
            Self::StateTimeline => json!({"lineWidth": 0, "fillOpacity": 80, "hideFrom": hide}),
            Self::Table => {
                json!({"align": "auto", "cellOptions": {"type": "auto"}, "inspect": false})
            }
            Self::BarChart(_) => json!({
                "lineWidth": 1, "fillOpacity": 80, "gradientMode": "none", "axisPlacement": "auto",
                "axisColorMode": "text", "axisBorderShow": false, "axisLabel": "",
                "axisGridShow": true, "axisSoftMin": 0, "axisCenteredZero": false,
                "scaleDistribution": {"type": "linear"}, "thresholdsStyle": {"mode": "off"},
                "hideFrom": hide,
            }),
            Self::Stat | Self::BarGauge => json!({}),
        }
    }
}

fn legend() -> Value {
    json!({"showLegend": true, "displayMode": "list", "placement": "bottom", "calcs": []})
}

fn last_value() -> Value {
    json!({"values": false, "calcs": ["lastNotNull"], "fields": ""})
}

fn stat(leveled: bool) -> Value {
    json!({
        "graphMode": "area", "colorMode": if leveled { "background_solid" } else { "value" },
        "justifyMode": "auto", "textMode": "auto", "wideLayout": true, "showPercentChange": false,
        "percentChangeColorMode": "standard", "orientation": "auto", "reduceOptions": last_value(),
    })
}

fn heatmap() -> Value {
    json!({
        "calculate": false,
        "color": {"mode": "scheme", "scheme": "Blues", "steps": 32, "fill": "blue", "exponent": 0.5, "reverse": false},
        "cellGap": 1, "cellRadius": 0, "showValue": "never",
        "rowsFrame": {"layout": "auto"}, "filterValues": {"le": 1e-9},
        "yAxis": {"unit": "s", "axisPlacement": "left", "reverse": false},
        "legend": {"show": true}, "exemplars": {"color": "orange"},
        "tooltip": {"mode": "single", "yHistogram": true, "showColorScale": true},
    })
}

fn bar_chart(x: &str) -> Value {
    json!({
        "xField": x, "orientation": "auto", "barRadius": 0, "barWidth": 0.9, "groupWidth": 0.7,
        "xTickLabelRotation": 0, "xTickLabelMaxLength": 0, "xTickLabelSpacing": 100,
        "stacking": "normal", "showValue": "never", "fullHighlight": false,
        "legend": legend(), "tooltip": {"mode": "multi", "sort": "desc", "hideZeros": false},
    })
}

/// Returns the custom fields of a time series; the axis reaches the first step, so that how
/// far it is away can be seen.
fn time_series(stacking: &str, style: &str, fill: u32, steps: Option<&ThresholdSteps>) -> Value {
    let first = steps.and_then(ThresholdSteps::first_value);
    let mut custom = json!({
        "drawStyle": style, "lineInterpolation": "linear", "lineWidth": 1, "fillOpacity": fill,
        "gradientMode": "none", "showPoints": "never", "pointSize": 5, "spanNulls": false,
        "insertNulls": false, "axisPlacement": "auto", "axisColorMode": "text", "axisLabel": "",
        "axisBorderShow": false, "axisGridShow": true, "axisCenteredZero": false, "axisSoftMin": 0,
        "barAlignment": 0, "barWidthFactor": 0.8, "scaleDistribution": {"type": "linear"},
        "stacking": {"mode": stacking, "group": "A"},
        "thresholdsStyle": {"mode": if first.is_some() { "dashed" } else { "off" }},
        "hideFrom": {"legend": false, "tooltip": false, "viz": false},
    });
    if let Some(first) = first {
        custom["axisSoftMax"] = number_json(first * 1.1);
    }
    custom
}
