//! `cargo test --release --lib registry::tests::size -- --ignored --nocapture`

use std::time::Instant;

use super::*;

const WORKERS: u64 = 100_000;

/// Beats that are timed together; the machine may have other things to do in some.
const BATCH: usize = 1000;

fn many_workers() -> (WorkerRegistry, Vec<BeatId>) {
    let capacity = WORKERS as usize;
    let registry = WorkerRegistry::new(
        StateTimeouts {
            capacity,
            ..timeouts()
        },
        start(),
    );
    let ids: Vec<_> = (0..WORKERS)
        .map(|n| id(&format!("publisher-{n}.eu-west")))
        .collect();
    (registry, ids)
}

#[test]
#[ignore = "it measures"]
fn a_beat_among_100_000_workers_takes_less_than_2_microseconds() {
    let (mut registry, ids) = many_workers();
    let all: Vec<Vec<Beat>> = (1..=6)
        .map(|round| {
            let beats =
                (0..WORKERS).map(|n| busy(&format!("boot-{n}-0123456789abcdef"), round, 1, round));
            beats.collect()
        })
        .collect();
    // One after the other, as those of a fleet do.
    let (mut now, step) = (start(), Duration::from_secs(30) / WORKERS as u32);
    for (round, mut beats) in (0..).zip(all) {
        let mut took = Vec::new();
        now = now.max(at(round * 30));
        for ids in ids.chunks(BATCH) {
            let batch: Vec<_> = ids.iter().zip(beats.drain(..BATCH)).collect();
            let began = Instant::now();
            for (id, beat) in batch {
                now = saturating_add(now, step);
                registry.ingest(id, beat, now).unwrap();
            }
            took.push(began.elapsed().as_nanos() / BATCH as u128);
        }
        took.sort_unstable();
        let median = took[took.len() / 2];
        let worst = took[took.len() - 1];
        print(format_args!(
            "round {round}: {median} ns a beat, {worst} in the worst batch"
        ));
        assert!(round == 0 || median < 2000);
    }
    let began = Instant::now();
    let found = registry.advance(now);
    print(format_args!("nothing due: {:?}", began.elapsed()));
    assert!(found.transitions.is_empty());
    let began = Instant::now();
    let found = registry.advance(at(10_000)).transitions.len();
    print(format_args!("{found} changes: {:?}", began.elapsed()));
    assert_eq!(found, 2 * ids.len());
}

#[test]
#[ignore = "it measures, and wants a process of its own"]
#[cfg(target_os = "linux")]
fn workers_100_000_take_less_than_100_megabytes() {
    let (mut registry, ids) = many_workers();
    let before = resident();
    for (n, id) in (0..).zip(&ids) {
        let beat = Beat {
            version: Some("1.4.2".into()),
            ..busy(&format!("boot-{n}-0123456789abcdef"), 1, 1, n)
        };
        registry.ingest(id, beat, at(0)).unwrap();
    }
    let bytes = resident() - before;
    print(format_args!("{} bytes a worker", bytes / WORKERS));
    assert!(bytes < 100_000_000);
}

/// Of the process, in bytes.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let pages = procfs::process::Process::myself().unwrap().statm().unwrap();
    pages.resident * procfs::page_size()
}

/// To whoever asked for the measurement.
fn print(what: std::fmt::Arguments<'_>) {
    eprintln!("{what}");
}
