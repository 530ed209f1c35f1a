//! `vantage-obs slo calc`: the arithmetic, written out.

use std::io::{self, Write};

use clap::Args;
use serde_json::json;
use vantage_obs::slo::Rolling;
use vantage_obs::slo::budget::Budget;
use vantage_obs::units::{Percent, Ratio};

use super::budget::duration;
use crate::output::{Failure, Format, Status};

/// How many decimals a ratio is shown with.
const PLACES: u32 = 6;

/// Works out an error budget, and shows every formula with its numbers.
///
/// All of it is exact; decimals past the sixth are cut off.
///
/// Exit status: 0 printed; 3 the numbers don't go together.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    vantage-obs slo calc --target 99.9 --window 30d --good 999500 --total 1000000")]
pub(crate) struct Arguments {
    /// The share that must be good, in percent: above 0, below 100.
    #[arg(long, value_parser = target)]
    target: Percent,
    /// The time over which it must be: a whole number with m, h, d or w.
    #[arg(long)]
    window: Rolling,
    /// How many events were good.
    #[arg(long)]
    good: u64,
    /// How many events there were.
    #[arg(long)]
    total: u64,
    /// How the result is printed.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

fn target(text: &str) -> Result<Percent, String> {
    let target: Percent = text.parse().map_err(|error| format!("{error}"))?;
    if target > Percent::ZERO && target < Percent::HUNDRED {
        return Ok(target);
    }
    Err("a target is above 0 and below 100".into())
}

impl Arguments {
    pub(crate) fn run(&self, out: &mut dyn Write) -> Result<Status, Failure> {
        let Some(bad) = self.total.checked_sub(self.good) else {
            let (good, total) = (self.good, self.total);
            let what = format!("--good {good} is more than --total {total}");
            return Err(Failure::Usage(what));
        };
        let budget = Budget::new(self.target, self.window.duration(), self.good, bad);
        match self.format {
            Format::Table => self.print(&budget, bad, out)?,
            Format::Json => {
                let object = self.object(&budget, bad);
                writeln!(out, "{}", serde_json::to_string_pretty(&object)?)?;
            }
        }
        Ok(Status::Fine)
    }

    fn object(&self, budget: &Budget, bad: u64) -> serde_json::Value {
        json!({
            "target": self.target,
            "window": self.window.to_string(),
            "good": self.good,
            "bad": bad,
            "total": self.total,
            "sli": budget.sli(),
            "fraction": Ratio::from(budget.fraction()),
            "seconds": budget.seconds(),
            "events": budget.events(),
            "consumed": budget.consumed(),
            "remaining": budget.remaining(),
            "burn_rate": budget.consumed(),
        })
    }

    fn print(&self, budget: &Budget, bad: u64, out: &mut dyn Write) -> io::Result<()> {
        let Self {
            target,
            window,
            good,
            total,
            ..
        } = self;
        let share = Ratio::from(budget.fraction()).shortened(12);
        let events = budget.events().shortened(PLACES);
        let mut line = |name: &str, formula: &str, value: &str| {
            writeln!(out, "{name:15}  {formula:36} = {value}")
        };
        line(
            "permitted share",
            &format!("(100 - {target}) / 100"),
            &share,
        )?;
        let time = duration(budget.time());
        line("time budget", &format!("{share} × {window}"), &time)?;
        line(
            "event budget",
            &format!("{share} × {total} events"),
            &events,
        )?;
        let (Some(sli), Some(consumed), Some(remaining)) =
            (budget.sli(), budget.consumed(), budget.remaining())
        else {
            return writeln!(
                out,
                "no data: nothing happened, so nothing was consumed or kept"
            );
        };
        let consumed_text = consumed.shortened(PLACES);
        line("SLI", &format!("{good} / {total}"), &sli.shortened(PLACES))?;
        line("consumed", &format!("{bad} / {events}"), &consumed_text)?;
        let overspent = if remaining.is_negative() {
            " (overspent)"
        } else {
            ""
        };
        let left = format!("{}{overspent}", remaining.shortened(PLACES));
        line("remaining", &format!("1 - {consumed_text}"), &left)?;
        let rate = format!("{consumed_text}x over {window}");
        line("burn rate", &format!("({bad} / {total}) / {share}"), &rate)?;
        let lasts = budget.lasts(consumed).map_or("forever".into(), duration);
        let formula = format!(
            "{} × {window} / {consumed_text}",
            remaining.shortened(PLACES)
        );
        line("lasts", &formula, &lasts)
    }
}
