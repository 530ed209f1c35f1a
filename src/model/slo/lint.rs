//! What is legal in a declaration but probably not meant.

mod description;

use std::time::Duration;

use self::description::Quantity;
use super::policy::Policy;
use super::{Objective, Threshold, Warning};
use crate::model::units::Percent;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Everything suspicious about an objective, whatever the alerts are.
pub(super) fn warnings(objective: &Objective) -> Vec<Warning> {
    let target = ratio_as_target(objective).into_iter();
    let target = target.map(|message| warning(objective, "target", message));
    let description = disagreeing_description(objective).into_iter();
    target
        .chain(description.map(|message| warning(objective, "description", message)))
        .collect()
}

/// The alerts of a policy that can never fire for an objective.
pub(super) fn unreachable(objective: &Objective, policy: &Policy) -> Option<Warning> {
    let message = unreachable_alert(objective, policy)?;
    Some(warning(objective, "target", message))
}

fn warning(objective: &Objective, key: &str, message: String) -> Warning {
    Warning {
        file: objective.file.clone(),
        path: format!("$.{}.{key}", objective.id()),
        message,
    }
}

/// A target below 1 is nearly always a ratio: 0.999 where 99.9 was meant.
fn ratio_as_target(objective: &Objective) -> Option<String> {
    let target = objective.target();
    let one = Percent::ONE;
    (target < one)
        .then(|| format!("{target} means {target} %; targets are percentages, not ratios"))
}

/// All events bad is a burn rate of 1 / permitted bad; no window can show a higher one.
fn unreachable_alert(objective: &Objective, policy: &Policy) -> Option<String> {
    let (target, bad) = (objective.target(), objective.permitted_bad());
    let never: Vec<_> = policy
        .unreachable(target)
        .map(|pair| {
            format!(
                "the {} alert at more than {}x",
                pair.level.as_str(),
                pair.factor.shortened(3)
            )
        })
        .collect();
    let (verb, highest) = match never.len() {
        0 => return None,
        1 => ("fires", bad.denominator() / bad.numerator()),
        _ => ("fire", bad.denominator() / bad.numerator()),
    };
    let exact = bad.denominator() % bad.numerator() == 0;
    let about = if exact { "" } else { "about " };
    Some(format!(
        "with a target of {target} the burn rate can't exceed {about}{highest}x, so {} never {verb}",
        never.join(" and ")
    ))
}

/// The numbers in the description that nothing in the declaration says.
fn disagreeing_description(objective: &Objective) -> Vec<String> {
    let Some(description) = objective.description() else {
        return Vec::new();
    };
    let quantities = description::quantities(description).into_iter();
    let wrong = quantities.filter(|quantity| disagrees(objective, quantity.value));
    wrong
        .map(|quantity| {
            format!(
                "{:?} agrees with neither target, threshold nor window",
                quantity.text
            )
        })
        .collect()
}

fn disagrees(objective: &Objective, quantity: Quantity) -> bool {
    match quantity {
        Quantity::Percent(percent) => {
            let target = objective.target();
            percent != target && percent != target.complement()
        }
        Quantity::Duration(duration) => {
            let window = objective.window().duration();
            let threshold = match objective.threshold() {
                Some(Threshold::Duration(threshold)) => Some(threshold),
                _ => None,
            };
            // Minutes beside a window of days speak of a threshold; without one, of anything.
            let comparable = threshold.is_some() || duration >= DAY || window < DAY;
            comparable && duration != window && Some(duration) != threshold
        }
    }
}
