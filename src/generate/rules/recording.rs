//! What is recorded: who is there, what is usual, and what became of the objectives.

use std::time::Duration;

use crate::generate::Source;
use crate::generate::alert_query::{Budgets, Presence, Time, Usual, requests};
use crate::generate::rule::{Group, Record, Rule};

pub(super) fn groups(source: &Source) -> Vec<Group> {
    let time = Time { source };
    let budgets = Budgets::of(time);
    let minutes = |minutes: u64| Some(source.pace.of(Duration::from_secs(60 * minutes)));
    let presence = Presence::all().iter().map(Presence::record).collect();
    let usual = Usual::all(time).iter().flat_map(Usual::records).collect();
    [
        ("vantage-requests", None, requests(time)),
        ("vantage-presence", None, presence),
        ("vantage-usual", minutes(5), usual),
        (
            "vantage-slo-slices",
            Some(budgets.slice()),
            budgets.slices(),
        ),
        ("vantage-slo-burn", None, budgets.burning()),
        // A month of samples is much to read, and what is left of it changes slowly.
        ("vantage-slo-budget", minutes(5), budgets.remaining()),
    ]
    .into_iter()
    .filter(|(_, _, records)| !records.is_empty())
    .map(|(name, interval, records)| group(name, interval, records))
    .collect()
}

fn group(name: &'static str, interval: Option<Duration>, records: Vec<Record>) -> Group {
    Group {
        name,
        interval,
        rules: records.into_iter().map(Rule::Record).collect(),
    }
}
