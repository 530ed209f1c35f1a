//! What the system says to the public: names of components and words of states, and nothing else.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::status::ComponentState;
use crate::model::units::format_duration;
use crate::store::AffectedRow;

/// Names by keys.
pub(super) type Names<'a> = BTreeMap<&'a str, &'a str>;

/// Such as `Major outage of Database and API`: the worst state, and those that are in trouble.
pub(super) fn title(affected: &[AffectedRow], names: &Names<'_>) -> String {
    let worst = affected.iter().map(|one| one.state).max();
    let worst = worst.unwrap_or(ComponentState::NoData);
    let mut ordered: Vec<_> = affected.iter().collect();
    ordered.sort_by_key(|one| std::cmp::Reverse(one.state));
    let of: Vec<_> = ordered.iter().map(|one| name(&one.key, names)).collect();
    format!("{} of {}", worst.label(), list(&of))
}

pub(super) fn found(affected: &[AffectedRow], names: &Names<'_>) -> String {
    format!("{} Found by automatic checks.", states(affected, names))
}

pub(super) fn changed(changed: &[AffectedRow], names: &Names<'_>, well: bool) -> String {
    let states = states(changed, names);
    if well {
        format!("{states} All that was affected works again, and is watched.")
    } else {
        states
    }
}

/// `left` are those that are not quite well yet.
pub(super) fn over(
    now: Timestamp,
    started_at: Timestamp,
    left: &[AffectedRow],
    names: &Names<'_>,
) -> String {
    let seconds = now.as_second().saturating_sub(started_at.as_second());
    let lasted = std::time::Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    let lasted = format_duration(lasted);
    if left.is_empty() {
        format!("Everything has worked for a while. It lasted {lasted}.")
    } else {
        format!("It is over, and lasted {lasted}. {}", states(left, names))
    }
}

pub(super) const BEGUN: &str = "The announced work has begun.";
pub(super) const DONE: &str = "The time that was announced for the work is over.";

/// Such as `API: partial outage. Workers: operational.`
fn states(affected: &[AffectedRow], names: &Names<'_>) -> String {
    let one = |one: &AffectedRow| {
        let state = one.state.label().to_lowercase();
        format!("{}: {state}.", name(&one.key, names))
    };
    affected.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn name<'a>(key: &'a str, names: &Names<'a>) -> &'a str {
    names.get(key).copied().unwrap_or(key)
}

/// Such as `a, b and c`; of many, how many more.
fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [before @ .., last] if names.len() <= 4 => format!("{} and {last}", before.join(", ")),
        [one, two, three, more @ ..] => {
            format!("{one}, {two}, {three} and {} more", more.len())
        }
        _ => names.join(", "),
    }
}
