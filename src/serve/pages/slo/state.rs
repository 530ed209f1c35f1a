//! The state of an objective as text.
//!
//! | severity | state |
//! |---|---|
//! | 6, 5 | an alert is raised |
//! | 4 | impossible figures, or an overspent budget |
//! | 3, 2 | stale, frozen: not known |
//! | 1 | absent, or nothing happened |
//! | 0 | within the budget |
//!
//! An alert comes before the quality of the data: what burns must be seen although figures are
//! missing.

use super::super::display_time::DisplayTime;
use super::super::format::{format_percent, group_digits};
use crate::model::slo::report::{AlertState, DataQuality, ObjectiveReport};
use crate::model::units::Ratio;

/// The label and description of a state, with the tone for its icon and pattern.
#[derive(Debug)]
pub(super) struct StateLabel {
    pub(super) tone: &'static str,
    pub(super) label: &'static str,
    pub(super) description: String,
    /// The severity, 0 to 6; the worst state of a page is its greatest.
    pub(super) severity: u8,
}

impl StateLabel {
    /// Returns the state by the table above.
    pub(super) fn from_report(report: &ObjectiveReport) -> Self {
        let overspent = report.remaining().is_some_and(Ratio::is_negative);
        let reason = || report.reason.clone().unwrap_or_default();
        let (severity, tone, label, description) = match (report.alert, report.data) {
            (AlertState::Critical, _) => (6, "major", "Critical", CRITICAL.to_owned()),
            (AlertState::Warning, _) => (5, "deg", "Warning", WARNING.to_owned()),
            (_, DataQuality::Inconsistent) => (
                4,
                "part",
                "Inconsistent",
                format!("{IMPOSSIBLE} {}", reason()),
            ),
            (_, DataQuality::Stale) => (3, "none", "Stale", format!("{STALE} {}", reason())),
            (_, DataQuality::Absent) => (1, "none", "Absent", ABSENT.to_owned()),
            (AlertState::Frozen, _) => (2, "none", "Frozen", FROZEN.to_owned()),
            _ if overspent => (4, "part", "Overspent", OVERSPENT.to_owned()),
            (_, DataQuality::NoData) => (1, "none", "No data", NO_DATA.to_owned()),
            (AlertState::None, DataQuality::Ok | DataQuality::Partial) => {
                let (label, description) = if report.seen().is_collecting() {
                    ("Within budget so far", MET_SO_FAR)
                } else {
                    ("Within budget", MET)
                };
                (0, "ok", label, description.to_owned())
            }
        };
        let description = description.trim_end().to_owned();
        Self {
            tone,
            label,
            description,
            severity,
        }
    }
}

const CRITICAL: &str = "The budget burns at a critical rate: it needs attention now.";
const WARNING: &str = "The budget burns too fast: it needs attention during working hours.";
const IMPOSSIBLE: &str = "The figures are impossible.";
const STALE: &str = "No new samples arrive; the figures are as old as the newest one.";
const ABSENT: &str = "Nothing is recorded for this objective.";
const FROZEN: &str = "Samples are missing, so alerts are neither raised nor cleared.";
const OVERSPENT: &str =
    "More events were bad than the target permits; at present no alert is raised.";
const NO_DATA: &str = "There are samples but no events, neither good nor bad.";
const MET_SO_FAR: &str =
    "The bad events so far are within the budget of the whole window, and no alert is raised.";
const MET: &str = "The objective is met, and no alert is raised.";

/// Returns further remarks on an objective.
pub(super) fn remarks(report: &ObjectiveReport) -> Vec<String> {
    let mut remarks = Vec::new();
    let moment = |at| DisplayTime::utc(at).text;
    let left = report.budget().remaining();
    match report.exhausts_at {
        Some(_) if left.is_some_and(|left| left <= Ratio::ZERO) => {}
        Some(at) => remarks.push(format!(
            "At the rate of the last hour, the budget will be spent on {}.",
            moment(at)
        )),
        None => {}
    }
    if let Some(at) = report.recovers_at {
        remarks.push(format!(
            "If there are no more bad events, the objective is within its budget again on {}.",
            moment(at)
        ));
    }
    let is_described = matches!(
        report.data,
        DataQuality::Ok | DataQuality::Partial | DataQuality::Absent
    );
    if !is_described && report.alert != AlertState::None {
        remarks.push(format!("The data is {}.", data_quality_text(report.data)));
    }
    if let Some((good, bad)) = report.raw {
        let total = u128::from(good) + u128::from(bad);
        let share = Ratio::new(i128::from(good), total);
        let share = share.map_or_else(|| "nothing".into(), |share| format_percent(share, 4));
        remarks.push(format!(
            "Declared maintenance is excluded; including it, {share} were good ({} bad of {}).",
            group_digits(bad),
            group_digits(total)
        ));
    }
    remarks
}

const fn data_quality_text(data: DataQuality) -> &'static str {
    match data {
        DataQuality::Ok => "complete",
        DataQuality::Partial => "partial",
        DataQuality::NoData => "without events, neither good nor bad",
        DataQuality::Stale => "stale: no new samples arrive",
        DataQuality::Absent => "absent",
        DataQuality::Inconsistent => "inconsistent",
    }
}
