//! What an objective's state is in words.

use super::super::moment::Moment;
use super::super::numbers::{grouped, percent};
use crate::model::slo::report::{Alert, Data, ObjectiveReport};
use crate::model::units::Ratio;

/// The state in a word and in a sentence, with the sign and pattern that go with it.
#[derive(Debug)]
pub(super) struct State {
    pub(super) tone: &'static str,
    pub(super) word: &'static str,
    pub(super) sentence: String,
    /// How bad it is: the worst of a page is its greatest.
    pub(super) rank: u8,
}

impl State {
    pub(super) fn of(report: &ObjectiveReport) -> Self {
        let left = report.budget().remaining().filter(|_| report.is_counted());
        let overspent = left.is_some_and(Ratio::is_negative);
        let reason = || report.reason.clone().unwrap_or_default();
        let (rank, tone, word, sentence) = match (report.alert, report.data) {
            (Alert::Critical, _) => (6, "major", "Critical", CRITICAL.to_owned()),
            (Alert::Warning, _) => (5, "deg", "Warning", WARNING.to_owned()),
            (_, Data::Inconsistent) => (
                4,
                "part",
                "Inconsistent",
                format!("{IMPOSSIBLE} {}", reason()),
            ),
            (_, Data::Stale) => (3, "none", "Stale", format!("{STALE} {}", reason())),
            (_, Data::Absent) => (1, "none", "Absent", ABSENT.to_owned()),
            (Alert::Frozen, _) => (2, "none", "Frozen", FROZEN.to_owned()),
            _ if overspent => (4, "part", "Overspent", OVERSPENT.to_owned()),
            (_, Data::NoData) => (1, "none", "No data", NO_DATA.to_owned()),
            (Alert::None, Data::Partial) => (0, "ok", "Within budget so far", PARTIAL.to_owned()),
            (Alert::None, Data::Ok) => (0, "ok", "Within budget", MET.to_owned()),
        };
        let sentence = sentence.trim_end().to_owned();
        Self {
            tone,
            word,
            sentence,
            rank,
        }
    }
}

const CRITICAL: &str = "The budget burns so fast that somebody is woken.";
const WARNING: &str = "The budget burns too fast; somebody should look at it in working hours.";
const IMPOSSIBLE: &str = "The figures are impossible.";
const STALE: &str = "No new samples arrive; the figures are as old as the newest one.";
const ABSENT: &str = "Nothing of this objective is recorded here.";
const FROZEN: &str =
    "Too little of a burn window has samples, so that no alert is raised and none is cleared.";
const OVERSPENT: &str =
    "More was bad than the target permits; the budget does not burn too fast now.";
const NO_DATA: &str = "Somebody looked, but nothing happened: neither good nor bad.";
const PARTIAL: &str =
    "Less than 90 % of the window has samples; what they show is within the budget.";
const MET: &str = "The objective is met, and the budget does not burn too fast.";

/// What else there is to say.
pub(super) fn remarks(report: &ObjectiveReport) -> Vec<String> {
    let mut remarks = Vec::new();
    let moment = |at| Moment::utc(at).text;
    let left = report.budget().remaining();
    match report.exhausts_at {
        Some(_) if left.is_some_and(|left| left <= Ratio::ZERO) => {}
        Some(at) => remarks.push(format!(
            "At the rate of the last hour the budget is spent on {}.",
            moment(at)
        )),
        None => {}
    }
    if let Some(at) = report.recovers_at {
        remarks.push(format!(
            "If nothing more is bad, it is within its budget again on {}.",
            moment(at)
        ));
    }
    let talked_of = matches!(report.data, Data::Ok | Data::Absent);
    if !talked_of && report.alert != Alert::None {
        remarks.push(format!("Its figures are {}.", words(report.data)));
    }
    if let Some((good, bad)) = report.raw {
        let total = u128::from(good) + u128::from(bad);
        let share = Ratio::new(i128::from(good), total);
        let share = share.map_or_else(|| "nothing".into(), |share| percent(share, 4));
        remarks.push(format!(
            "Declared maintenance is left out; with it {share} was good, {} bad of {}.",
            grouped(bad),
            grouped(total)
        ));
    }
    remarks
}

const fn words(data: Data) -> &'static str {
    match data {
        Data::Ok => "complete",
        Data::Partial => "partial: less than 90 % of the window has samples",
        Data::NoData => "without an event: neither good nor bad",
        Data::Stale => "stale: no new samples arrive",
        Data::Absent => "absent",
        Data::Inconsistent => "inconsistent",
    }
}
