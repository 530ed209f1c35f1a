//! What keeping costs. Run with `--release -- --ignored --nocapture store::file::tests::figures`.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::super::super::writer::block_on;
use super::super::File;
use super::{all, folder, put, put_slices, slice, worker};
use crate::record::clock::Clock;
use crate::store::{Change, Keeper, Memory, Settings, Store as _};

#[test]
#[ignore = "a measurement"]
fn what_keeping_and_committing_cost() {
    let clock = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let settings = Settings {
        clock,
        instance: Arc::from("i"),
        retention: Duration::from_secs(3_600),
    };
    for ids in [1, 1_000, 100_000_u64] {
        let keeper = Keeper::idle(Arc::new(Memory::default()), settings.clone()).unwrap();
        let rows: Vec<_> = (0..200_000)
            .map(|n| worker(&format!("w{}", n % ids), "x", n + 1, 1))
            .collect();
        let begun = Instant::now();
        let count = u32::try_from(rows.len()).unwrap();
        rows.into_iter()
            .for_each(|row| keeper.keep(Change::Worker(row)));
        eprintln!(
            "keep over {ids} workers: {:?} each",
            begun.elapsed() / count
        );
    }
    let folder = folder();
    let path = folder.path().join("store");
    let file = File::open(&path).unwrap();
    for round in 1..=5 {
        let rows: Vec<_> = (0..1_000)
            .map(|n| worker(&format!("w{n}"), "x", round, 1))
            .collect();
        let begun = Instant::now();
        block_on(put(&file, rows));
        eprintln!("commit of 1000 workers: {:?}", begun.elapsed());
    }
    for round in 0..100 {
        let rows = (0..5_000).map(|n| slice("i", "o", (round * 5_000 + n) * 60, 1));
        block_on(put_slices(&file, rows));
    }
    let begun = Instant::now();
    let read = block_on(file.slices("i", super::at(400_000 * 60))).unwrap();
    eprintln!(
        "last {} of 500000 slices: {:?}",
        read.len(),
        begun.elapsed()
    );
    let begun = Instant::now();
    eprintln!(
        "workers: {} in {:?}",
        block_on(all(&file)).len(),
        begun.elapsed()
    );
    drop(file);
    let length = std::fs::metadata(&path).unwrap().len();
    let begun = Instant::now();
    let file = File::open(&path).unwrap();
    eprintln!("opened {} MiB in {:?}", length >> 20, begun.elapsed());
    let begun = Instant::now();
    let swept = block_on(file.sweep(super::at(100_000 * 60))).unwrap();
    eprintln!("swept {swept} slices in {:?}", begun.elapsed());
}
