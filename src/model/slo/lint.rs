//! Lints of a declaration: legal but probably not meant.
//!
//! A lint may be wrong, so that it is a warning: a description is prose, and a target of 0.5 % is
//! possible.

mod description;

use std::time::Duration;

use self::description::MentionedQuantity;
use super::policy::BurnRatePolicy;
use super::{Objective, ObjectiveThreshold, SloWarning};
use crate::model::units::{Percent, Ratio};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Returns the warnings about an objective, independent of the alert policy.
pub(super) fn lint_objective(objective: &Objective) -> Vec<SloWarning> {
    let target = ratio_as_target_message(objective).into_iter();
    let target = target.map(|message| new_warning(objective, "target", message));
    let description = contradicting_quantities(objective).into_iter();
    target
        .chain(description.map(|message| new_warning(objective, "description", message)))
        .collect()
}

/// Returns a warning if alerts of the policy can never fire for the objective.
pub(super) fn lint_unreachable_alerts(
    objective: &Objective,
    policy: &BurnRatePolicy,
) -> Option<SloWarning> {
    let message = unreachable_alert_message(objective, policy)?;
    Some(new_warning(objective, "target", message))
}

fn new_warning(objective: &Objective, key: &str, message: String) -> SloWarning {
    SloWarning {
        file: objective.file.clone(),
        path: format!("$.{}.{key}", objective.id()),
        message,
    }
}

/// Returns the message for a target below 1, which is nearly always a ratio: 0.999 where 99.9 was meant.
fn ratio_as_target_message(objective: &Objective) -> Option<String> {
    let target = objective.target();
    let one = Percent::ONE;
    (target < one)
        .then(|| format!("{target} means {target} %; targets are percentages, not ratios"))
}

/// Returns the message for alerts above the highest burn rate: 1 / permitted bad, when all events are bad.
fn unreachable_alert_message(objective: &Objective, policy: &BurnRatePolicy) -> Option<String> {
    let (target, bad) = (objective.target(), objective.permitted_bad());
    let never: Vec<_> = policy
        .unreachable(target)
        .map(|pair| {
            format!(
                "the {} alert at more than {}x",
                pair.level.as_str(),
                pair.factor.format_trimmed(3)
            )
        })
        .collect();
    let verb = match never.len() {
        0 => return None,
        1 => "fires",
        _ => "fire",
    };
    let highest = Ratio::ONE.checked_div(bad)?.format_floor(0);
    let is_whole = bad.lowest_terms().0 == 1;
    let about = if is_whole { "" } else { "about " };
    Some(format!(
        "with a target of {target} the burn rate can't exceed {about}{highest}x, so {} never {verb}",
        never.join(" and ")
    ))
}

/// Returns a message for each quantity of the description that contradicts the declaration.
fn contradicting_quantities(objective: &Objective) -> Vec<String> {
    let Some(description) = objective.description() else {
        return Vec::new();
    };
    let quantities = description::find_quantities(description).into_iter();
    let wrong = quantities.filter(|quantity| contradicts(objective, quantity.value));
    wrong
        .map(|quantity| {
            format!(
                "{:?} agrees with neither target, threshold nor window",
                quantity.text
            )
        })
        .collect()
}

fn contradicts(objective: &Objective, quantity: MentionedQuantity) -> bool {
    match quantity {
        MentionedQuantity::Percent(percent) => {
            let target = objective.target();
            // "95 % succeed" and "5 % may fail" say the same.
            percent != target && percent != target.complement()
        }
        MentionedQuantity::Duration(duration) => {
            let window = objective.window().duration();
            let threshold = match objective.threshold() {
                Some(ObjectiveThreshold::Duration(threshold)) => Some(threshold),
                _ => None,
            };
            // Minutes beside a window of days speak of a threshold; without one, of anything.
            let comparable = threshold.is_some() || duration >= DAY || window < DAY;
            comparable && duration != window && Some(duration) != threshold
        }
    }
}
