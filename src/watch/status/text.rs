//! The texts of automatic updates: names of components and labels of states, and nothing else.
//!
//! No text of an error, a check or an alert: these pages are public, and such a text may name a
//! host or a person.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::status::ComponentState;
use crate::model::string_enum::StringEnum as _;
use crate::model::units::format_duration_spaced;
use crate::store::AffectedRow;

/// The names of components by their keys.
pub(super) type NamesByKey<'a> = BTreeMap<&'a str, &'a str>;

/// Returns a title such as `Major outage of Database, degraded performance of API`: the worst state first, each with
/// the components that are in it. Components that need no attention are left out.
pub(super) fn incident_title(affected: &[AffectedRow], names: &NamesByKey<'_>) -> String {
    let states = ComponentState::ALL.iter().copied().rev();
    let groups = states
        .filter(|state| state.needs_attention())
        .filter_map(|state| {
            let of_state = affected.iter().filter(|one| one.state == state);
            let in_state: Vec<_> = of_state.map(|one| display_name(&one.key, names)).collect();
            let label = state.label();
            (!in_state.is_empty()).then(|| format!("{label} of {}", join_names(&in_state)))
        });
    let mut title = String::new();
    for group in groups {
        if title.is_empty() {
            title = group;
        } else {
            title.push_str(", ");
            title.push_str(&lower_first(&group));
        }
    }
    title
}

/// Returns the first update's text, such as `API: partial outage. Detected by automatic checks.`
pub(super) fn opened_body(affected: &[AffectedRow], names: &NamesByKey<'_>) -> String {
    format!(
        "{} Detected by automatic checks.",
        list_states(affected, names)
    )
}

/// Returns the text of a change.
pub(super) fn changed_body(
    changed: &[AffectedRow],
    names: &NamesByKey<'_>,
    all_operational: bool,
) -> String {
    let states = list_states(changed, names);
    if all_operational {
        format!("{states} All affected components work again and are being monitored.")
    } else {
        states
    }
}

/// Returns the text of the end. `remaining` are the components that are not operational yet.
pub(super) fn resolved_body(
    now: Timestamp,
    started_at: Timestamp,
    remaining: &[AffectedRow],
    names: &NamesByKey<'_>,
) -> String {
    let seconds = now.as_second().saturating_sub(started_at.as_second());
    let duration = std::time::Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    let duration = format_duration_spaced(duration);
    if remaining.is_empty() {
        format!("All components have been working for a while. The incident lasted {duration}.")
    } else {
        format!(
            "The incident is over; it lasted {duration}. {}",
            list_states(remaining, names)
        )
    }
}

pub(super) const MAINTENANCE_STARTED: &str = "The announced maintenance has started.";
pub(super) const MAINTENANCE_ENDED: &str = "The announced maintenance window is over.";

/// Returns a list such as `API: partial outage. Workers: operational.`
fn list_states(affected: &[AffectedRow], names: &NamesByKey<'_>) -> String {
    let one = |one: &AffectedRow| {
        let state = one.state.label().to_lowercase();
        format!("{}: {state}.", display_name(&one.key, names))
    };
    affected.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// Returns a component's name; its key where it is not configured any more.
fn display_name<'a>(key: &'a str, names: &NamesByKey<'a>) -> &'a str {
    names.get(key).copied().unwrap_or(key)
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_lowercase);
    first.into_iter().flatten().chain(letters).collect()
}

/// Returns a list such as `a, b and c`; of many, the number of the others.
fn join_names(names: &[&str]) -> String {
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
