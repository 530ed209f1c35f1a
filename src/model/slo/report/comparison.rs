//! A period beside the one before it.

use serde::Serialize;

use super::table::{align_columns, format_percent, write_wrapped};
use super::{ObjectiveReport, SloReport};
use crate::model::string_enum::string_enum;
use crate::model::units::{Ratio, format_duration};

/// The change of an objective's SLI between two periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SliChange {
    /// A larger share was good.
    Better,
    /// A smaller share was good.
    Worse,
    /// The same share was good.
    Same,
    /// One of the periods says nothing: no figures, or nothing happened.
    NoData,
}

string_enum!(pub SliChange {
    Better: "better",
    Worse: "worse",
    Same: "same",
    NoData: "no_data",
});

/// One objective in both periods.
struct PeriodPair<'a> {
    before: Option<&'a ObjectiveReport>,
    now: &'a ObjectiveReport,
}

/// Both reports, and the difference of each objective that is in the later one: the contract of
/// `--compare --format json`.
#[derive(Serialize)]
struct ReportComparison<'a> {
    now: &'a SloReport,
    before: &'a SloReport,
    differences: Vec<Difference<'a>>,
}

#[derive(Serialize)]
struct Difference<'a> {
    service: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<&'a str>,
    change: SliChange,
    sli: Option<Ratio>,
    remaining: Option<Ratio>,
    bad: Option<i128>,
    total: Option<i128>,
}

impl SloReport {
    /// Serializes this report, the one of the period before, and their differences, as one line of JSON.
    ///
    /// `differences` has for each objective its `change` (`better`, `worse`, `same`, `no_data`), and by
    /// how much it moved: `sli`, `remaining` (of the budget), `bad` and `total`, each null where one of
    /// the periods doesn't say.
    #[must_use]
    pub fn to_comparison_json(&self, before: &SloReport) -> String {
        let pairs = period_pairs(self, before);
        let comparison = ReportComparison {
            now: self,
            before,
            differences: pairs.map(PeriodPair::difference).collect(),
        };
        // Every key is text and no value fails to serialise.
        serde_json::to_string(&comparison).unwrap_or_default()
    }
}

/// Both periods for people: a row for each, and in which direction the objective has moved.
#[must_use]
pub fn render_comparison(now: &SloReport, before: &SloReport) -> String {
    let window = now.objectives.first().map(|one| one.length);
    let each = window.map_or_else(String::new, |window| {
        format!(", {} each", format_duration(window))
    });
    let (source, from, to) = (now.source.as_str(), before.generated_at, now.generated_at);
    let title = format!("{source}, periods that end {from:.0} and {to:.0}{each}\n\n");
    let headings = [
        "OBJECTIVE",
        "PERIOD",
        "SLI",
        "LEFT",
        "BAD",
        "TOTAL",
        "CHANGE",
    ];
    let mut rows = vec![headings.map(str::to_owned)];
    let mut notes = vec![None];
    for pair in period_pairs(now, before) {
        rows.extend(pair.rows());
        notes.extend(pair.notes());
    }
    let mut text = title;
    for (line, note) in align_columns(&rows, 2..=5).iter().zip(notes) {
        text.push_str(line);
        if let Some(note) = note {
            write_wrapped(&mut text, &note);
        }
    }
    text
}

fn period_pairs<'a>(
    now: &'a SloReport,
    before: &'a SloReport,
) -> impl Iterator<Item = PeriodPair<'a>> {
    now.objectives.iter().map(|now| PeriodPair {
        now,
        before: before
            .objectives
            .iter()
            .find(|before| before.key() == now.key()),
    })
}

fn counts(objective: &ObjectiveReport) -> Option<(i128, i128)> {
    let total = i128::from(objective.good) + i128::from(objective.bad);
    objective
        .is_counted()
        .then_some((i128::from(objective.bad), total))
}

impl<'a> PeriodPair<'a> {
    fn difference(self) -> Difference<'a> {
        let both = counts(self.now).zip(self.before.and_then(counts));
        let moved = both.map(|(now, before)| (now.0 - before.0, now.1 - before.1));
        Difference {
            service: &self.now.service,
            name: &self.now.name,
            job: self.now.job.as_deref(),
            environment: self.now.environment.as_deref(),
            change: self.change(),
            sli: self.moved(ObjectiveReport::sli),
            remaining: self.moved(ObjectiveReport::remaining),
            bad: moved.map(|(bad, _)| bad),
            total: moved.map(|(_, total)| total),
        }
    }

    /// Returns by how much a value has moved; `None` where a period doesn't say it.
    fn moved(&self, value: fn(&ObjectiveReport) -> Option<Ratio>) -> Option<Ratio> {
        value(self.now)?.checked_sub(value(self.before?)?)
    }

    fn change(&self) -> SliChange {
        match self.moved(ObjectiveReport::sli) {
            None => SliChange::NoData,
            Some(moved) if moved.is_negative() => SliChange::Worse,
            Some(moved) if moved == Ratio::ZERO => SliChange::Same,
            Some(_) => SliChange::Better,
        }
    }

    fn rows(&self) -> [[String; 7]; 2] {
        let row = |period: &str, objective: Option<&ObjectiveReport>, first, last| {
            let counted = objective.and_then(counts);
            let count =
                |count: Option<i128>| count.map_or_else(|| "-".into(), |count| count.to_string());
            [
                first,
                period.into(),
                format_percent(objective.and_then(ObjectiveReport::sli), 4),
                format_percent(objective.and_then(ObjectiveReport::remaining), 2),
                count(counted.map(|(bad, _)| bad)),
                count(counted.map(|(_, total)| total)),
                last,
            ]
        };
        let name = self.now.id();
        [
            row("before", self.before, name, String::new()),
            row(
                "now",
                Some(self.now),
                self.now
                    .service_text()
                    .map_or_else(String::new, |of| format!("  {of}")),
                self.describe_change(),
            ),
        ]
    }

    /// Returns how much there is of each period, where that is not all of it.
    fn notes(&self) -> [Option<String>; 2] {
        let note = |objective: &ObjectiveReport| objective.collecting_text();
        [self.before.and_then(note), note(self.now)]
    }

    fn describe_change(&self) -> String {
        let change = self.change();
        let points = |moved: Ratio| moved.checked_mul(Ratio::from(100));
        match self.moved(ObjectiveReport::sli).and_then(points) {
            Some(points) if change == SliChange::Better => {
                format!("better by {} points", points.format_floor(4))
            }
            Some(points) if change == SliChange::Worse => {
                format!(
                    "worse by {} points",
                    points.format_floor(4).trim_start_matches('-')
                )
            }
            _ if change == SliChange::NoData => "no data".into(),
            _ => change.as_str().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::slo::Objectives;
    use crate::model::slo::report::{DataQuality, ReportSource};

    fn report(at: &str, figures: &[(u64, u64, DataQuality)]) -> SloReport {
        let file = r#"{"api":{"latency":{"target":95,"threshold":2000,"window":"30d"},
            "error_rate":{"target":99.5,"threshold":0.5,"window":"30d"}}}"#;
        let objectives = Objectives::parse(&[("api.json", file)]).unwrap();
        let objectives = objectives.with_window("7d".parse().unwrap());
        let at = at.parse().unwrap();
        let mut report = SloReport::new(at, ReportSource::Prometheus);
        for (objective, (good, bad, data)) in objectives.iter().zip(figures) {
            let mut one = ObjectiveReport::new(objective, at);
            (one.good, one.bad, one.data) = (*good, *bad, *data);
            one.coverage = 1.0;
            report.objectives.push(one);
        }
        report
    }

    fn both() -> (SloReport, SloReport) {
        let before = [(990, 10, DataQuality::Ok), (0, 0, DataQuality::Absent)];
        let now = [(960, 40, DataQuality::Ok), (1_000, 0, DataQuality::Ok)];
        (
            report("2026-11-24T12:00:00Z", &now),
            report("2026-11-17T12:00:00Z", &before),
        )
    }

    #[test]
    fn a_comparison_shows_both_periods_and_their_changes() {
        let (now, before) = both();
        let expected = "\
prometheus, periods that end 2026-11-17T12:00:00Z and 2026-11-24T12:00:00Z, 7d each

OBJECTIVE       PERIOD         SLI      LEFT  BAD  TOTAL  CHANGE
api.latency     before   99.0000 %   80.00 %   10   1000
                now      96.0000 %   20.00 %   40   1000  worse by 3.0000 points
api.error_rate  before           -         -    -      -
                now     100.0000 %  100.00 %    0   1000  no data
";
        assert_eq!(render_comparison(&now, &before), expected);
    }

    #[test]
    fn a_period_that_is_not_full_says_so() {
        let (mut now, before) = both();
        now.objectives[0].coverage = 0.5;
        let text = render_comparison(&now, &before);
        let lines: Vec<_> = text.lines().collect();
        // Half of the period with twice the share of bad spends as much as all of it with that share.
        assert_eq!(
            lines[4..6],
            [
                "                now      96.0000 %   60.00 %   40   1000  worse by 3.0000 points",
                "  collecting data, 3 of 7 d",
            ]
        );
    }

    #[test]
    fn differences_are_exact_and_null_where_a_period_has_no_data() {
        let (now, before) = both();
        let json = now.to_comparison_json(&before);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let expected = serde_json::json!([
            {"service":"api","name":"latency","change":"worse","sli":-0.03,"remaining":-0.6,
             "bad":30,"total":0},
            {"service":"api","name":"error_rate","change":"no_data","sli":null,"remaining":null,
             "bad":null,"total":null},
        ]);
        assert_eq!(json["differences"], expected);
        assert_eq!(json["now"]["objectives"][0]["window"], "7d");
        assert_eq!(json["before"]["generated_at"], "2026-11-17T12:00:00Z");
    }

    #[test]
    fn a_single_event_makes_the_difference_between_better_and_the_same() {
        let at = "2026-11-24T12:00:00Z";
        let of = |good, bad| report(at, &[(good, bad, DataQuality::Ok)]);
        let change = |now: &SloReport, before: &SloReport| {
            period_pairs(now, before).next().unwrap().change()
        };
        assert_eq!(change(&of(99, 1), &of(198, 2)), SliChange::Same);
        assert_eq!(change(&of(100, 1), &of(198, 2)), SliChange::Better);
        assert_eq!(change(&of(0, 0), &of(198, 2)), SliChange::NoData);
    }

    #[test]
    fn each_service_is_compared_with_itself() {
        let of = |jobs: [(&str, u64); 2]| {
            let figures = jobs.map(|(_, good)| (good, 10, DataQuality::Ok));
            let mut all = report("2026-11-24T12:00:00Z", &figures);
            for (one, (job, _)) in all.objectives.iter_mut().zip(jobs) {
                (one.name, one.job) = ("latency".into(), Some(job.into()));
                one.environment = Some("production".into());
            }
            all
        };
        let now = of([("blog", 990), ("shop", 90)]);
        let before = of([("shop", 990), ("blog", 990)]);
        let json: serde_json::Value =
            serde_json::from_str(&now.to_comparison_json(&before)).unwrap();
        let differences = json["differences"].as_array().unwrap();
        let change = |at: usize| {
            let difference = &differences[at];
            (difference["job"].clone(), difference["change"].clone())
        };
        assert_eq!(change(0), ("blog".into(), "same".into()));
        assert_eq!(change(1), ("shop".into(), "worse".into()));
        assert_eq!(differences[0]["environment"], "production");
        let text = render_comparison(&now, &before);
        assert!(text.contains("\n  shop in production  now "), "{text}");
    }
}
