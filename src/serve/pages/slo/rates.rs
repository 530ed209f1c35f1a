//! Burn rates as bars, with the thresholds of their alerts.

use std::cmp::Reverse;

use super::super::format::group_digits;
use crate::model::slo::budget::SeenTime;
use crate::model::slo::policy::{AlertLevel, BurnRatePolicy, WindowPair};
use crate::model::slo::report::{BurnRate, ObjectiveReport};
use crate::model::units::{Ratio, format_duration};

/// The bar of one window's burn rate.
#[derive(Debug)]
pub(super) struct BurnRateBar {
    pub(super) window: String,
    pub(super) tone: &'static str,
    pub(super) value: String,
    /// Length of its bar in percent of the scale; empty without data.
    pub(super) width: String,
    /// Position of 1x in percent of the scale.
    pub(super) unit_mark: String,
    pub(super) thresholds: Vec<ThresholdMark>,
    pub(super) description: String,
}

/// The mark of an alert's threshold.
#[derive(Debug)]
pub(super) struct ThresholdMark {
    pub(super) x: String,
}

/// The fastest burn rate of all windows, and the window that it is of.
#[derive(Debug)]
pub(super) struct FastestBurnRate {
    pub(super) value: String,
    /// Such as `over 5m`; empty without data.
    pub(super) window: String,
}

/// Returns the fastest burn rate; of equal ones that of most events, which says most, over the shortest window
/// that has seen them: shortly after a start all have the same, and none has seen days of them.
pub(super) fn fastest_burn_rate(report: &ObjectiveReport) -> FastestBurnRate {
    let ranked = report.burn_rate.iter().filter_map(|rate| {
        let events = u128::from(rate.good) + u128::from(rate.bad);
        Some((rate.value(report.target)?, events, Reverse(rate.window)))
    });
    match ranked.max() {
        Some((value, _, Reverse(window))) => FastestBurnRate {
            value: format_burn_rate(value),
            window: format!("over {}", format_duration(window)),
        },
        None => FastestBurnRate {
            value: NO_DATA.into(),
            window: String::new(),
        },
    }
}

const NO_DATA: &str = "no data";

/// Rounds up: a rate just above its threshold must not be shown as equal.
fn format_burn_rate(value: Ratio) -> String {
    format!("{}x", value.format_ceil(2))
}

/// Returns the bars, shortest window first; all on one scale, so that they can be compared.
pub(super) fn burn_rate_bars(
    report: &ObjectiveReport,
    policy: &BurnRatePolicy,
) -> Vec<BurnRateBar> {
    let end = scale_end(policy);
    let rate = |rate: &BurnRate| burn_rate_bar(rate, report, policy, end);
    report.burn_rate.iter().map(rate).collect()
}

/// Returns the end of the scale: half as much again as the highest threshold.
/// Room above the highest threshold, so that a bar that exceeds it is seen to.
fn scale_end(policy: &BurnRatePolicy) -> f64 {
    let factors = policy.pairs.iter().map(|pair| pair.factor.to_f64());
    factors.fold(1.0, f64::max) * 1.5
}

fn burn_rate_bar(
    rate: &BurnRate,
    report: &ObjectiveReport,
    policy: &BurnRatePolicy,
    end: f64,
) -> BurnRateBar {
    let value = rate.value(report.target);
    let uses_window = |pair: &&WindowPair| pair.long == rate.window || pair.short == rate.window;
    let pairs: Vec<_> = policy.pairs.iter().filter(uses_window).collect();
    let exceeded = pairs
        .iter()
        .filter(|pair| rate.exceeds(report.target, pair.factor));
    let tone = match exceeded.map(|pair| pair.level).max() {
        // Before the levels: a window with few samples raises nothing, so that its bar must not
        // look as if.
        _ if !rate.is_covered() => "none",
        Some(AlertLevel::Critical) => "major",
        Some(AlertLevel::Warning) => "deg",
        None if pairs.is_empty() => "plain",
        None => "ok",
    };
    let position = |value: f64| format!("{:.1}", (value / end * 100.0).min(100.0));
    BurnRateBar {
        window: format_duration(rate.window),
        tone,
        value: value.map_or_else(|| NO_DATA.into(), format_burn_rate),
        width: value.map_or_else(String::new, |value| position(value.to_f64())),
        unit_mark: position(1.0),
        thresholds: pairs
            .iter()
            .map(|pair| ThresholdMark {
                x: position(pair.factor.to_f64()),
            })
            .collect(),
        description: describe(
            rate,
            &pairs,
            value.is_some_and(|value| value.to_f64() > end),
        ),
    }
}

/// Describes a bar in words, for those who can't see it; `cut` says that it is longer than the
/// scale.
fn describe(rate: &BurnRate, pairs: &[&WindowPair], cut: bool) -> String {
    let total = u128::from(rate.good) + u128::from(rate.bad);
    let mut parts = vec![format!(
        "{} bad of {}",
        group_digits(rate.bad),
        group_digits(total)
    )];
    for pair in pairs {
        let other = if pair.long == rate.window {
            pair.short
        } else {
            pair.long
        };
        parts.push(format!(
            "{} above {}x here and over {}",
            pair.level.as_str(),
            format_factor(pair.factor),
            format_duration(other)
        ));
    }
    if cut {
        parts.push("longer than shown".into());
    }
    let seen = SeenTime::from_coverage(rate.coverage, rate.window, rate.window);
    match seen.collecting_text() {
        Some(text) if rate.reach < 1.0 && rate.is_covered() => parts.push(text),
        _ if rate.coverage < 1.0 => {
            parts.push(format!("{} % covered", (rate.coverage * 100.0).floor()));
        }
        _ => {}
    }
    parts.join(" · ")
}

fn format_factor(factor: Ratio) -> String {
    factor.format_trimmed(2)
}
