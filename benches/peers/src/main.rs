//! Ours beside its peers: read the ratios, not the times.

mod alloc;
mod log;
mod memory;
mod probe;
mod record;
mod render;
mod request;

use std::time::Instant;

/// The median time of a call in nanoseconds and its allocations, over rounds of `calls`.
fn measure(calls: u64, mut call: impl FnMut()) -> (f64, f64) {
    let [measured] = measure_together(calls, [&mut call]);
    measured
}

/// As [`measure`], with the rounds of several calls taken in turn: what slows the machine for a
/// while slows all of them.
fn measure_together<const N: usize>(calls: u64, mut all: [&mut dyn FnMut(); N]) -> [(f64, f64); N] {
    let mut rounds = [const { Vec::new() }; N];
    for call in &mut all {
        (0..calls.min(1_000)).for_each(|_| call());
    }
    for _ in 0..15 {
        for (call, rounds) in all.iter_mut().zip(&mut rounds) {
            let start = Instant::now();
            (0..calls).for_each(|_| call());
            rounds.push(start.elapsed().as_nanos() as f64 / calls as f64);
        }
    }
    let mut rounds = rounds.into_iter();
    all.map(|call| {
        let before = alloc::allocations();
        (0..calls).for_each(|_| call());
        let allocations = (alloc::allocations() - before) as f64 / calls as f64;
        let mut rounds: Vec<f64> = rounds.next().unwrap_or_default();
        rounds.sort_by(f64::total_cmp);
        (rounds[rounds.len() / 2], allocations)
    })
}

fn row(what: &str, (nanos, allocations): (f64, f64), (first, _): (f64, f64)) {
    println!(
        "{what:58} {nanos:>12.1} ns {:>8.2} x {allocations:>10.1} alloc",
        nanos / first
    );
}

/// All parts, or the one that is named: `cargo run --release -- request`, and of that one layer:
/// `-- request ours`.
fn main() {
    let wanted = std::env::args().nth(1);
    let layer = std::env::args().nth(2);
    let parts: [(&str, &dyn Fn()); 6] = [
        ("record", &record::run),
        ("request", &|| request::run(layer.as_deref())),
        ("render", &render::run),
        ("log", &log::run),
        ("memory", &memory::run),
        ("probe", &probe::run),
    ];
    for (name, run) in parts {
        if wanted.as_deref().is_none_or(|wanted| wanted == name) {
            run();
        }
    }
}
