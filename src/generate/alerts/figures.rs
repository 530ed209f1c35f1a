//! The alerts of the service's figures. Their names, queries and texts follow from the declarations.

use std::collections::HashSet;
use std::time::Duration;

use super::{Alert, Baseline, Counted};
use crate::generate::input::GenerateInput;
use crate::model::alerts::{self, AlertThreshold, DashboardId, Severity, ThresholdComparison};
use crate::model::catalog::MetricSpec;
use crate::model::figure::{Figure, FigureLabel};
use crate::model::promql::{CounterQuery, QueryWindow};
use crate::model::units::Ratio;

/// A figure that is compared with what is usual, and its alerts.
#[derive(Debug)]
pub(in crate::generate) struct FigureAlerts {
    pub(in crate::generate) metric: &'static MetricSpec,
    pub(in crate::generate) baseline: Baseline,
    pub(in crate::generate) drop: Option<Alert>,
    pub(in crate::generate) spike: Option<Alert>,
}

/// Returns the title of a figure: `Shop orders` of `shop.orders`.
pub(in crate::generate) fn figure_title(figure: &Figure) -> String {
    capitalized(&words(figure).collect::<Vec<_>>().join(" "))
}

/// Returns the labels of a figure with their values, for a page; `none` of one without.
pub(in crate::generate) fn label_list(figure: &Figure) -> String {
    let labels = figure.labels.iter().map(|(key, values)| match values {
        FigureLabel::AtMost(limit) => format!("`{key}` (at most {limit} values)"),
        FigureLabel::OneOf(values) => format!("`{key}` ({})", in_markdown(&values.join(", "))),
    });
    match figure.labels.is_empty() {
        true => "none".into(),
        false => labels.collect::<Vec<_>>().join(", "),
    }
}

/// Returns a text that Markdown shows as it is written.
pub(in crate::generate) fn in_markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\`*_[]<>|".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

impl FigureAlerts {
    /// Returns those of each figure that is compared with what is usual.
    pub(in crate::generate) fn all(input: &GenerateInput) -> Vec<FigureAlerts> {
        let mut taken: HashSet<_> = alerts::ALL
            .iter()
            .map(|spec| spec.name.to_owned())
            .collect();
        let figures = input.config.figures.metrics();
        let watched = figures.filter(|(figure, _)| figure.is_watched());
        watched
            .map(|(figure, metric)| Self::new(figure, metric, &mut taken))
            .collect()
    }

    fn new(figure: &Figure, metric: &'static MetricSpec, taken: &mut HashSet<String>) -> Self {
        let baseline = Baseline::new(Counted::of_figure(figure, metric));
        let mut alert = |comparison, multiple: Option<Ratio>| {
            Some(figure_alert(
                figure, metric, &baseline, comparison, multiple?, taken,
            ))
        };
        let drop = alert(ThresholdComparison::Below, figure.drop_alert);
        let spike = alert(ThresholdComparison::Above, figure.spike_alert);
        Self {
            metric,
            baseline,
            drop,
            spike,
        }
    }

    /// Returns the alerts.
    pub(super) fn into_alerts(self) -> impl Iterator<Item = Alert> {
        self.drop.into_iter().chain(self.spike)
    }
}

/// The words of a figure's name: `shop` and `orders` of `shop.orders`.
fn words(figure: &Figure) -> impl Iterator<Item = &str> {
    let words = figure.name.split(['.', '_']);
    words.filter(|word| !word.is_empty())
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// Returns a name that no other alert has, such as `ShopOrdersDrop`. Two names that differ in dots and
/// underscores alone have the same words.
fn unique_name(figure: &Figure, suffix: &str, taken: &mut HashSet<String>) -> String {
    let words: String = words(figure).map(capitalized).collect();
    let numbered = (2_u32..).map(|number| format!("{words}Figure{number}{suffix}"));
    let names = [format!("{words}{suffix}"), format!("{words}Figure{suffix}")];
    let mut names = names.into_iter().chain(numbered);
    let free = names.find(|name| !taken.contains(name));
    let name = free.unwrap_or_else(|| format!("{words}{suffix}"));
    taken.insert(name.clone());
    name
}

fn figure_alert(
    figure: &Figure,
    metric: &'static MetricSpec,
    baseline: &Baseline,
    comparison: ThresholdComparison,
    multiple: Ratio,
    taken: &mut HashSet<String>,
) -> Alert {
    let is_drop = comparison == ThresholdComparison::Below;
    let (suffix, less, below) = match is_drop {
        true => ("Drop", "less", "below"),
        false => ("Spike", "more", "above"),
    };
    // Names alone and no descriptions: Prometheus would read braces in them as its own templates.
    let (name, title) = (&figure.name, figure_title(figure));
    let currency = match baseline.is_by_currency() {
        true => "{{ with $labels.currency }} in {{ . }}{{ end }}",
        false => "",
    };
    let alert_name = unique_name(figure, suffix, taken);
    Alert {
        signal: None,
        comparison,
        levels: vec![(Severity::Warning, AlertThreshold::Ratio(multiple))],
        // As that of posts: the comparison is with whole hours, and its first minutes are noisy.
        for_duration: Duration::from_secs(900),
        team: "product".into(),
        dashboard: DashboardId::Figures,
        summary: format!("{title}{currency}: {less} than {{threshold}} of what is usual").into(),
        critical_summary: None,
        description: format!(
            "In the last 3 hours, {name}{currency} grew by {{{{ $value | humanizePercentage }}}} of what is usual at this time of the week (the median of three weeks); {below} {{threshold}} something is wrong."
        )
        .into(),
        meaning: format!("`{name}` is far {below} what is usual: {}.", in_markdown(metric.description)).into(),
        query: Some(baseline.query(comparison)),
        prose: prose(figure, metric, baseline, &alert_name, is_drop).into(),
        name: alert_name.into(),
    }
}

fn prose(
    figure: &Figure,
    metric: &'static MetricSpec,
    baseline: &Baseline,
    alert: &str,
    is_drop: bool,
) -> String {
    let (name, unit) = (&figure.name, metric.unit.ucum());
    let (setting, impact, holiday, mitigation, escalation) = match is_drop {
        true => (
            "drop_alert",
            "Less of it happens than usual: something fails or refuses, or users have stopped.",
            "Is it a holiday? The median of three weeks does not account for holidays.",
            "- Fix the failure, then make up for what was held up.",
            "If nothing is counted at all, treat it as an incident.",
        ),
        false => (
            "spike_alert",
            "Much more of it happens than usual: a loop, an endless retry, abuse, or success.",
            "Is it a planned campaign or launch?",
            "- Stop the loop, or limit those that cause it.",
            "If it continues for an hour, tell the owner of the figure.",
        ),
    };
    let unit = match unit {
        "" => String::new(),
        unit => format!(" in `{unit}`"),
    };
    let labels: Vec<_> = metric.attributes.iter().map(|label| label.key).collect();
    let hours = CounterQuery::new(metric).increase(QueryWindow::hours(3));
    let by = match labels.is_empty() {
        true => vec!["job"],
        false => labels,
    };
    let (recent, listed) = (hours.sum_by(&by).topk(10), label_list(figure));
    let minimum = baseline.minimum();
    format!(
        "\
# {alert}

## Impact

{impact}

`{name}` counts{unit}: {description}. Its labels: {listed}.

Usual is the median of the same 3 hours of the last three weeks. The alert is quiet before there are three weeks, \
and where fewer than {minimum} are usual.

## Diagnosis

1. Is it one value of a label or all? One points to its own cause, all of them to the service.
2. Did it begin with a release? Dashboards mark releases.
3. Do requests or jobs fail, or does a dependency?
4. {holiday}

{{{{value As a multiple of what is usual (1 is as usual):}}}}

The most in the last 3 hours:

```promql
{recent}
```

{{{{query failing_requests}}}}

## Mitigation

{mitigation}
- If it is expected: change `figures.{name}.{setting}` for as long as it lasts.

## Escalation

{escalation}

## Common issue

None.
",
        description = in_markdown(metric.description),
    )
}
