//! `cargo test --release --lib roster::tests::size -- --ignored --nocapture`

use std::time::Instant;

use super::*;

const WORKERS: u64 = 100_000;

fn crowd() -> (Roster, Vec<BeatId>) {
    let capacity = WORKERS as usize;
    let roster = Roster::new(
        Terms {
            capacity,
            ..terms()
        },
        start(),
    );
    let ids: Vec<_> = (0..WORKERS)
        .map(|n| id(&format!("publisher-{n}.eu-west")))
        .collect();
    (roster, ids)
}

fn nanos(took: Duration, beats: u64) -> u128 {
    took.as_nanos() / u128::from(beats)
}

#[test]
#[ignore = "it measures"]
fn a_beat_among_100_000_workers_takes_less_than_2_microseconds() {
    let (roster, ids) = crowd();
    let all: Vec<Vec<Beat>> = (1..=6)
        .map(|round| {
            let beats =
                (0..WORKERS).map(|n| busy(&format!("boot-{n}-0123456789abcdef"), round, 1, round));
            beats.collect()
        })
        .collect();
    // One after the other, as those of a fleet do.
    let (mut now, step) = (start(), Duration::from_secs(30) / WORKERS as u32);
    for (round, beats) in (0..).zip(all) {
        let began = Instant::now();
        for (id, beat) in ids.iter().zip(beats) {
            now = now.max(at(round * 30)) + step;
            roster.beat(id, beat, now).unwrap();
        }
        let took = nanos(began.elapsed(), WORKERS);
        eprintln!("round {round}: {took} ns a beat");
        assert!(round == 0 || took < 2000);
    }
    let began = Instant::now();
    let found = roster.advance(now);
    eprintln!("advance with nothing due: {:?}", began.elapsed());
    assert!(found.transitions.is_empty());
    let began = Instant::now();
    let found = roster.advance(at(10_000));
    eprintln!(
        "advance, {} changes: {:?}",
        found.transitions.len(),
        began.elapsed()
    );
    assert_eq!(found.transitions.len(), 2 * ids.len());
}
