//! Daily, weekly and monthly checklists, with their commands.

use super::page::RunbookPage;

/// A checklist by its interval.
#[derive(Debug, Clone, Copy)]
pub(super) enum Checklist {
    Daily,
    Weekly,
    Monthly,
}

/// An item: its name, reason and method, and its commands.
struct ChecklistItem(&'static str, &'static str, &'static [&'static str]);

pub(super) fn pages() -> Vec<RunbookPage> {
    Checklist::ALL.into_iter().map(Checklist::page).collect()
}

impl Checklist {
    pub(super) const ALL: [Checklist; 3] =
        [Checklist::Daily, Checklist::Weekly, Checklist::Monthly];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        }
    }

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Daily => "Each day",
            Self::Weekly => "Each week",
            Self::Monthly => "Each month",
        }
    }

    const fn items(self) -> &'static [ChecklistItem] {
        match self {
            Self::Daily => &[
                ChecklistItem(
                    "Check error budgets",
                    "Whatever has less than a quarter left needs an owner today. The exit status is 1 at a warning, 2 when critical.",
                    &["vantage-obs slo report --prometheus \"$PROMETHEUS\" --exit-code"],
                ),
                ChecklistItem(
                    "Review alert history",
                    "What fired since yesterday, and for how long. What fired and needed nobody has a threshold to mend in `alerts` of the configuration.",
                    &["vantage-obs alerts history --prometheus \"$PROMETHEUS\" --since 24h"],
                ),
                ChecklistItem(
                    "Monitor key metrics",
                    "The first row of each dashboard: colours are the alerts' levels. Services say themselves how they are.",
                    &[
                        "curl -s \"$SERVICE/api/v1/health/detailed\"",
                        "curl -s \"$SERVICE/api/v1/workers/health\"",
                    ],
                ),
            ],
            Self::Weekly => &[
                ChecklistItem(
                    "Review SLO performance",
                    "This week beside the one before.",
                    &["vantage-obs slo report --prometheus \"$PROMETHEUS\" --since 7d --compare"],
                ),
                ChecklistItem(
                    "Analyze trends",
                    "Latency, queue depth, database size and memory over 30 days on the dashboards: what grows steadily meets its alert one day, and the slope says which.",
                    &[],
                ),
                ChecklistItem(
                    "Update dashboards",
                    "They follow from the code. Differences mean that somebody edited them by hand, or that a release was not followed by this command.",
                    &[
                        "vantage-obs generate --out . --check",
                        "vantage-obs generate --out .",
                    ],
                ),
            ],
            Self::Monthly => &[
                ChecklistItem(
                    "Review and update SLOs",
                    "An objective that was never in danger is too lax or not needed; one that is always overspent is a wish. Change the file, and see what the change means before you keep it.",
                    &["vantage-obs slo validate slo", "vantage-obs slo budget slo"],
                ),
                ChecklistItem(
                    "Analyze error budget consumption",
                    "What spent the budget? Set the month beside the one before, and the incidents of the history page beside its steps. Keep the page with the review.",
                    &[
                        "vantage-obs slo report --prometheus \"$PROMETHEUS\" --since 30d --compare",
                        "vantage-obs slo report --prometheus \"$PROMETHEUS\" --format html > slo-report.html",
                    ],
                ),
                ChecklistItem(
                    "Plan capacity improvements",
                    "Saturation at the busiest hour of the month, from the last row of each dashboard: memory, processors, pools, disks, workers. Whatever would pass its alert at one and a half times that load is planned now.",
                    &[],
                ),
            ],
        }
    }

    fn page(self) -> RunbookPage {
        let page = RunbookPage::new(self.name(), self.title()).paragraph(
            "`$PROMETHEUS` is the base of the Prometheus that scrapes the platform, `$SERVICE` that of a service.",
        );
        self.items()
            .iter()
            .fold(page, |page, ChecklistItem(name, how, commands)| {
                let page = page.section(name).paragraph(how);
                match commands.is_empty() {
                    true => page,
                    false => page.commands(commands),
                }
            })
    }
}
