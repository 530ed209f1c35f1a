//! Ours beside its peers: read the ratios, not the times.

mod alloc;
mod log;
mod record;
mod render;
mod request;

use std::time::Instant;

/// The median time of a call in nanoseconds and its allocations, over rounds of `calls`.
fn measure(calls: u64, mut call: impl FnMut()) -> (f64, f64) {
    for _ in 0..calls.min(1_000) {
        call();
    }
    let mut rounds: Vec<f64> = (0..15)
        .map(|_| {
            let start = Instant::now();
            (0..calls).for_each(|_| call());
            start.elapsed().as_nanos() as f64 / calls as f64
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    let before = alloc::count();
    (0..calls).for_each(|_| call());
    let allocations = (alloc::count() - before) as f64 / calls as f64;
    (rounds[rounds.len() / 2], allocations)
}

fn row(what: &str, (nanos, allocations): (f64, f64), (first, _): (f64, f64)) {
    println!(
        "{what:58} {nanos:>12.1} ns {:>8.2} x {allocations:>10.1} alloc",
        nanos / first
    );
}

fn main() {
    record::run();
    request::run();
    render::run();
    log::run();
}
