//! Burn rates as bars, with the thresholds of the alerts that look at them.

use super::super::numbers::grouped;
use crate::model::slo::policy::{Level, Pair, Policy};
use crate::model::slo::report::{BurnRate, ObjectiveReport};
use crate::model::units::{Ratio, format_duration};

/// The burn rate of one window.
#[derive(Debug)]
pub(super) struct Rate {
    pub(super) window: String,
    pub(super) tone: &'static str,
    pub(super) value: String,
    /// The length of its bar in percent of the scale; empty where there is none.
    pub(super) width: String,
    /// Where on the scale 1x is.
    pub(super) one: String,
    pub(super) limits: Vec<Limit>,
    pub(super) words: String,
}

/// The threshold of an alert.
#[derive(Debug)]
pub(super) struct Limit {
    pub(super) x: String,
}

/// Shortest window first; all on one scale, so that they can be compared.
pub(super) fn rates(report: &ObjectiveReport, policy: &Policy) -> Vec<Rate> {
    let end = scale(policy);
    let rate = |rate: &BurnRate| show(rate, report, policy, end);
    report.burn_rate.iter().map(rate).collect()
}

/// Half as much again as the highest threshold.
fn scale(policy: &Policy) -> f64 {
    let factors = policy.pairs.iter().map(|pair| pair.factor.to_f64());
    factors.fold(1.0, f64::max) * 1.5
}

fn show(rate: &BurnRate, report: &ObjectiveReport, policy: &Policy, end: f64) -> Rate {
    let value = rate.value(report.target);
    let looks = |pair: &&Pair| pair.long == rate.window || pair.short == rate.window;
    let pairs: Vec<_> = policy.pairs.iter().filter(looks).collect();
    let exceeded = pairs
        .iter()
        .filter(|pair| rate.exceeds(report.target, pair.factor));
    let tone = match exceeded.map(|pair| pair.level).max() {
        _ if !rate.is_covered() => "none",
        Some(Level::Critical) => "major",
        Some(Level::Warning) => "deg",
        None if pairs.is_empty() => "plain",
        None => "ok",
    };
    let place = |value: f64| format!("{:.1}", (value / end * 100.0).min(100.0));
    Rate {
        window: format_duration(rate.window),
        tone,
        value: value.map_or_else(
            || "no data".into(),
            |value| format!("{}x", value.rounded_up(2)),
        ),
        width: value.map_or_else(String::new, |value| place(value.to_f64())),
        one: place(1.0),
        limits: pairs
            .iter()
            .map(|pair| Limit {
                x: place(pair.factor.to_f64()),
            })
            .collect(),
        words: words(
            rate,
            &pairs,
            value.is_some_and(|value| value.to_f64() > end),
        ),
    }
}

fn words(rate: &BurnRate, pairs: &[&Pair], cut: bool) -> String {
    let total = u128::from(rate.good) + u128::from(rate.bad);
    let mut words = vec![format!("{} bad of {}", grouped(rate.bad), grouped(total))];
    for pair in pairs {
        let other = if pair.long == rate.window {
            pair.short
        } else {
            pair.long
        };
        words.push(format!(
            "{} above {}x here and over {}",
            pair.level.as_str(),
            factor(pair.factor),
            format_duration(other)
        ));
    }
    if cut {
        words.push("longer than shown".into());
    }
    if rate.coverage < 1.0 {
        words.push(format!("{} % covered", (rate.coverage * 100.0).floor()));
    }
    words.join(" · ")
}

fn factor(factor: Ratio) -> String {
    factor.shortened(2)
}
