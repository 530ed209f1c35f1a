//! `vantage-obs slo budget`: how much each objective permits.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};
use vantage_obs::slo::budget::Budget;
use vantage_obs::slo::{Method, Objective, Objectives};
use vantage_obs::units::format_duration;

use super::Folder;
use crate::output::{Failure, Format, Status, write_table};

/// The error budget of every objective: its time, and which share of events may be bad.
///
/// A calendar window has the length of the one that it is now.
///
/// Exit status: 0 printed; 1 the files have faults; 3 the folder can't be read.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    folder: Folder,
    /// How the budgets are printed.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

impl Arguments {
    pub(crate) fn run(&self, out: &mut dyn Write, err: &mut dyn Write) -> Result<Status, Failure> {
        let objectives = match Objectives::load(self.folder.readable()?) {
            Ok(objectives) => objectives,
            Err(error) => {
                writeln!(err, "{error}")?;
                return Ok(Status::Faulty);
            }
        };
        for warning in objectives.warnings() {
            writeln!(err, "warning: {warning}")?;
        }
        let now = Timestamp::now();
        let budget = |objective| (objective, budget(objective, now));
        let budgets: Vec<_> = objectives.iter().map(budget).collect();
        match self.format {
            Format::Table => {
                let headings = ["OBJECTIVE", "TARGET", "WINDOW", "TIME BUDGET", "MAY BE BAD"];
                let rows: Vec<_> = budgets.iter().map(row).collect();
                write_table(out, headings, &rows)?;
            }
            Format::Json => {
                let objects: Vec<_> = budgets.iter().map(object).collect();
                writeln!(out, "{}", serde_json::to_string_pretty(&objects)?)?;
            }
        }
        Ok(Status::Fine)
    }
}

fn budget(objective: &Objective, now: Timestamp) -> Budget {
    Budget::of(objective, 0, 0).over(objective.window().span(now).duration())
}

fn row((objective, budget): &(&Objective, Budget)) -> [String; 5] {
    let share = budget.fraction();
    let what = match objective.method() {
        Method::Timeslices => "time slices",
        _ => "events",
    };
    [
        objective.id().to_owned(),
        format!("{} %", objective.target()),
        objective.window().to_string(),
        duration(budget.time()),
        format!("{} in {} {what}", share.numerator(), share.denominator()),
    ]
}

fn object((objective, budget): &(&Objective, Budget)) -> Value {
    json!({
        "service": objective.service().as_str(),
        "name": objective.name(),
        "kind": objective.kind().as_str(),
        "method": objective.method().as_str(),
        "target": objective.target(),
        "window": objective.window(),
        "description": objective.description(),
        "budget": {
            "fraction": budget.fraction().to_f64(),
            "seconds": budget.seconds(),
        },
    })
}

/// Whole seconds, where there is one: nobody waits for a budget's nanoseconds.
pub(super) fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        0 => format_duration(duration),
        seconds => format_duration(Duration::from_secs(seconds)),
    }
}
