//! `vantage-obs slo budget`: how much each objective permits.
//!
//! Without counts: what an objective permits follows from its file alone.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};
use vantage_obs::slo::budget::Budget;
use vantage_obs::slo::{BudgetingMethod, Objective, Objectives};
use vantage_obs::units::format_duration;

use super::ObjectivesFolder;
use crate::config::FigureArgs;
use crate::output::{CliError, ExitStatus, OutputFormat, write_json, write_table};

/// Prints the error budget of each objective: as time, and as the share of events that may be bad.
///
/// For a calendar window, the length of the current one is used.
///
/// Exit status: 0 printed; 1 the files have faults; 3 the folder can't be read.
#[derive(Debug, Args)]
pub(crate) struct BudgetArgs {
    #[command(flatten)]
    folder: ObjectivesFolder,
    /// A service's config file: objectives may name its figures.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    figures: FigureArgs,
    /// The output format.
    #[arg(long, value_enum, default_value = "table")]
    format: OutputFormat,
}

impl BudgetArgs {
    pub(crate) fn run(
        &self,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<ExitStatus, CliError> {
        let figures = match self.figures.load(self.config.as_deref(), err)? {
            Ok(config) => config.figures,
            Err(error) => {
                writeln!(err, "{error}")?;
                return Ok(ExitStatus::Faulty);
            }
        };
        let objectives = match Objectives::load_with(self.folder.readable()?, &figures) {
            Ok(objectives) => objectives,
            Err(error) => {
                writeln!(err, "{error}")?;
                return Ok(ExitStatus::Faulty);
            }
        };
        for warning in objectives.warnings() {
            writeln!(err, "warning: {warning}")?;
        }
        let now = Timestamp::now();
        let budget = |objective| (objective, objective_budget(objective, now));
        let budgets: Vec<_> = objectives.iter().map(budget).collect();
        match self.format {
            OutputFormat::Table => {
                let headings = ["OBJECTIVE", "TARGET", "WINDOW", "TIME BUDGET", "MAY BE BAD"];
                let rows: Vec<_> = budgets.iter().map(budget_row).collect();
                write_table(out, headings, &rows)?;
            }
            OutputFormat::Json => {
                let objects: Vec<_> = budgets.iter().map(budget_json).collect();
                write_json(out, &objects)?;
            }
        }
        Ok(ExitStatus::Success)
    }
}

fn objective_budget(objective: &Objective, now: Timestamp) -> Budget {
    Budget::from_counts(objective, 0, 0).with_window(objective.window().range_at(now).duration())
}

fn budget_row((objective, budget): &(&Objective, Budget)) -> [String; 5] {
    let (bad, events) = budget.permitted_bad().lowest_terms();
    let unit = match objective.method() {
        BudgetingMethod::Timeslices => "time slices",
        _ => "events",
    };
    [
        objective.id().to_owned(),
        format!("{} %", objective.target()),
        objective.window().to_string(),
        format_whole_seconds(budget.time_budget()),
        format!("{bad} in {events} {unit}"),
    ]
}

fn budget_json((objective, budget): &(&Objective, Budget)) -> Value {
    json!({
        "service": objective.service().as_str(),
        "name": objective.name(),
        "kind": objective.kind().as_str(),
        "method": objective.method().as_str(),
        "target": objective.target(),
        "window": objective.window(),
        "description": objective.description(),
        "budget": {
            "fraction": budget.permitted_bad().to_f64(),
            "seconds": budget.time_budget_seconds(),
        },
    })
}

/// Formats whole seconds, if there is one: a budget's nanoseconds don't matter.
pub(super) fn format_whole_seconds(duration: Duration) -> String {
    match duration.as_secs() {
        0 => format_duration(duration),
        seconds => format_duration(Duration::from_secs(seconds)),
    }
}
