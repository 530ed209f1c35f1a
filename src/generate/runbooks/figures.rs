//! The page of the service's figures: what each counts, and which alerts watch it.

use super::markdown;
use crate::generate::GenerateInput;
use crate::generate::alerts::{Alert, in_markdown, label_list};
use crate::model::alerts::DashboardId;

/// The page's name without `.md`.
pub(super) const PAGE: &str = "figures";
/// The page's title.
pub(super) const TITLE: &str = "The service's own figures";

/// Returns the text of the page; `None` where no figure is shown or watched.
pub(super) fn text(alerts: &[Alert], input: &GenerateInput) -> Option<String> {
    if !input.has_dashboard(DashboardId::Figures) {
        return None;
    }
    let figures = input.config.figures.metrics().map(|(figure, metric)| {
        [
            format!("`{}`", figure.name),
            figure.kind.to_string(),
            match metric.unit.ucum() {
                "" => String::new(),
                unit => format!("`{unit}`"),
            },
            label_list(figure),
            in_markdown(metric.description),
        ]
    });
    let head = ["Figure", "Kind", "Unit", "Labels", "Description"];
    let table = markdown::table(head, &figures.collect::<Vec<_>>());
    let watching = alerts.iter();
    let watching = watching.filter(|alert| alert.dashboard == DashboardId::Figures);
    let alerts = super::alert_list(watching);
    let alerts = match alerts.is_empty() {
        true => {
            "None of them has an alert: `drop_alert` and `spike_alert` of a counter add one.".into()
        }
        false => alerts,
    };
    let uid = DashboardId::Figures.uid();
    let dashboard = input.config.links.dashboard(uid);
    Some(format!(
        "\
# {TITLE}

What the configuration declares in `figures`. The dashboard: [{uid}]({dashboard})

{table}

A figure that shows nothing was not recorded yet, or not by the services that the dashboard's variables choose. Of a \
gauge the largest value of all replicas is shown, because each replica counts the same things.

## Alerts

{alerts}

Each compares 3 hours with the median of the same hours of the last three weeks, and is quiet before there are three \
weeks."
    ))
}
