//! Failures made for real: disks that are full, read-only or slow, databases that are killed, locked or emptied,
//! processes that are killed, receivers that are hostile, and load.
//!
//! They need what a test can't bring itself, and are not in `cargo test`:
//!
//! ```console
//! .ci/failures short
//! ```
//!
//! Without it they fail; they never pass by doing nothing. `docs/RELIABILITY.md` has a row for each.

mod client;
mod databases;
mod disks;
mod kills;
mod load;
mod receivers;
mod releases;

use std::time::Duration;

/// Returns what `.ci/failures` says about the means that it provides.
fn means(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set, so the failure can't be made: run .ci/failures")
    })
}

/// Returns how long a load is kept up: the first time for each change, the second one at night.
fn duration(short: Duration, long: Duration) -> Duration {
    match means("VANTAGE_TEST_FAILURES").as_str() {
        "short" => short,
        "long" => long,
        other => panic!("VANTAGE_TEST_FAILURES is {other:?}, and not short or long"),
    }
}
