//! `vantage-obs slo calc`: the arithmetic, written out.

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use serde_json::json;
use vantage_obs::slo::RollingWindow;
use vantage_obs::slo::budget::{Budget, SeenTime};
use vantage_obs::units::{Percent, Ratio, format_duration, parse_duration};

use super::budget::format_whole_seconds;
use crate::output::{CliError, ExitStatus, OutputFormat, write_json};

/// The number of decimals of a ratio.
const PLACES: u32 = 6;

/// Computes an error budget, and shows every formula with its numbers.
///
/// All of it is exact; decimals past the sixth are cut off.
///
/// Exit status: 0 printed; 3 the numbers contradict each other.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    vantage-obs slo calc --target 99.9 --window 30d --good 999500 --total 1000000\n  \
    vantage-obs slo calc --target 99.9 --window 30d --good 1180 --total 1200 --seen 20m")]
pub(crate) struct CalcArgs {
    /// The share that must be good, in percent: above 0, below 100.
    #[arg(long, value_parser = parse_target)]
    target: Percent,
    /// The window of the objective: a whole number with m, h, d or w.
    #[arg(long)]
    window: RollingWindow,
    /// The number of good events.
    #[arg(long)]
    good: u64,
    /// The number of all events.
    #[arg(long)]
    total: u64,
    /// The part of the window that the events are of, such as 18m, where that is not all of it.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    seen: Option<Duration>,
    /// The output format.
    #[arg(long, value_enum, default_value = "table")]
    format: OutputFormat,
}

fn parse_target(text: &str) -> Result<Percent, String> {
    let target: Percent = text.parse().map_err(|error| format!("{error}"))?;
    if target > Percent::ZERO && target < Percent::HUNDRED {
        return Ok(target);
    }
    Err("a target is above 0 and below 100".into())
}

impl CalcArgs {
    pub(crate) fn run(&self, out: &mut dyn Write) -> Result<ExitStatus, CliError> {
        // Each number is fine by itself, so that clap cannot refuse it.
        let Some(bad) = self.total.checked_sub(self.good) else {
            let (good, total) = (self.good, self.total);
            let message = format!("--good {good} is more than --total {total}");
            return Err(CliError::Usage(message));
        };
        let window = self.window.duration();
        let part = self.seen.unwrap_or(window);
        if part.is_zero() || part > window {
            let (part, window) = (format_duration(part), self.window);
            let message = format!("--seen {part} is no part of --window {window}");
            return Err(CliError::Usage(message));
        }
        let seen = SeenTime::new(part, window);
        let budget = Budget::new(self.target, window, self.good, bad).with_seen(seen);
        match self.format {
            OutputFormat::Table => self.print(&budget, bad, out)?,
            OutputFormat::Json => write_json(out, &self.to_json(&budget, bad))?,
        }
        Ok(ExitStatus::Success)
    }

    fn to_json(&self, budget: &Budget, bad: u64) -> serde_json::Value {
        json!({
            "target": self.target,
            "window": self.window.to_string(),
            "good": self.good,
            "bad": bad,
            "total": self.total,
            "seen": self.seen_share(),
            "sli": budget.sli(),
            "fraction": budget.permitted_bad(),
            "seconds": budget.time_budget_seconds(),
            "events": budget.event_budget(),
            "consumed": budget.consumed(),
            "remaining": budget.remaining(),
            "burn_rate": self.burn_rate(bad),
        })
    }

    fn seen_share(&self) -> Ratio {
        let window = self.window.duration();
        SeenTime::new(self.seen.unwrap_or(window), window).share()
    }

    /// Returns the burn rate of the part that was seen.
    fn burn_rate(&self, bad: u64) -> Option<Ratio> {
        Budget::new(self.target, self.window.duration(), self.good, bad).consumed()
    }

    fn print(&self, budget: &Budget, bad: u64, out: &mut dyn Write) -> io::Result<()> {
        let Self {
            target,
            window,
            good,
            total,
            ..
        } = self;
        let fraction = budget.permitted_bad().format_trimmed(12);
        let events = budget.event_budget().unwrap_or(Ratio::ZERO);
        let events = events.format_trimmed(PLACES);
        let mut line = |name: &str, formula: &str, value: &str| {
            writeln!(out, "{name:16}  {formula:36} = {value}")
        };
        line(
            "permitted share",
            &format!("(100 - {target}) / 100"),
            &fraction,
        )?;
        let time = format_whole_seconds(budget.time_budget());
        line("time budget", &format!("{fraction} × {window}"), &time)?;
        let mut window_events = total.to_string();
        if let (Some(part), Some(all)) = (self.seen, budget.window_events()) {
            window_events = all.format_trimmed(PLACES);
            let formula = format!("{total} × {window} / {}", format_duration(part));
            line("events of window", &formula, &window_events)?;
        }
        line(
            "event budget",
            &format!("{fraction} × {window_events} events"),
            &events,
        )?;
        let (Some(sli), Some(consumed), Some(remaining), Some(rate)) = (
            budget.sli(),
            budget.consumed(),
            budget.remaining(),
            self.burn_rate(bad),
        ) else {
            return writeln!(
                out,
                "no data: there were no events, so no budget was consumed"
            );
        };
        let consumed_text = consumed.format_trimmed(PLACES);
        line(
            "SLI",
            &format!("{good} / {total}"),
            &sli.format_trimmed(PLACES),
        )?;
        line("consumed", &format!("{bad} / {events}"), &consumed_text)?;
        let overspent = if remaining.is_negative() {
            " (overspent)"
        } else {
            ""
        };
        let remaining_text = format!("{}{overspent}", remaining.format_trimmed(PLACES));
        line(
            "remaining",
            &format!("1 - {consumed_text}"),
            &remaining_text,
        )?;
        let rate_text = rate.format_trimmed(PLACES);
        let part = self.seen.unwrap_or_else(|| window.duration());
        line(
            "burn rate",
            &format!("({bad} / {total}) / {fraction}"),
            &format!("{rate_text}x over {}", format_duration(part)),
        )?;
        let exhausted_in = budget
            .time_to_exhaustion(rate)
            .map_or("forever".into(), format_whole_seconds);
        let formula = format!(
            "{} × {window} / {rate_text}",
            remaining.format_trimmed(PLACES)
        );
        line("lasts", &formula, &exhausted_in)
    }
}
