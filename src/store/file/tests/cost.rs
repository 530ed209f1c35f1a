//! The cost of enqueueing and committing. Run with `--release -- --ignored --nocapture store::file::tests::cost`.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::super::super::writer::block_on;
use super::super::FileStore;
use super::{all_workers, put_slices, put_workers, slice, temp_folder, worker};
use crate::record::clock::Clock;
use crate::store::{MemoryStore, Store as _, StoreOp, StoreWriter, WriterSettings};

#[test]
#[ignore = "a measurement"]
fn cost_of_enqueueing_and_committing() {
    let clock = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let settings = WriterSettings {
        clock,
        instance: Arc::from("i"),
        retention: Duration::from_secs(3_600),
    };
    for ids in [1, 1_000, 100_000_u64] {
        let writer =
            StoreWriter::without_thread(Arc::new(MemoryStore::default()), settings.clone())
                .unwrap();
        let rows: Vec<_> = (0..200_000)
            .map(|n| worker(&format!("w{}", n % ids), "x", n + 1, 1))
            .collect();
        let started = Instant::now();
        let count = u32::try_from(rows.len()).unwrap();
        rows.into_iter()
            .for_each(|row| writer.enqueue(StoreOp::Worker(row)));
        eprintln!(
            "keep over {ids} workers: {:?} each",
            started.elapsed() / count
        );
    }
    let folder = temp_folder();
    let path = folder.path().join("store");
    let file = FileStore::open(&path).unwrap();
    for round in 1..=5 {
        let rows: Vec<_> = (0..1_000)
            .map(|n| worker(&format!("w{n}"), "x", round, 1))
            .collect();
        let started = Instant::now();
        block_on(put_workers(&file, rows));
        eprintln!("commit of 1000 workers: {:?}", started.elapsed());
    }
    for round in 0..100 {
        let rows = (0..5_000).map(|n| slice("i", "o", (round * 5_000 + n) * 60, 1));
        block_on(put_slices(&file, rows));
    }
    let started = Instant::now();
    let read = block_on(file.slices("i", super::at(400_000 * 60))).unwrap();
    eprintln!(
        "last {} of 500000 slices: {:?}",
        read.len(),
        started.elapsed()
    );
    let started = Instant::now();
    eprintln!(
        "workers: {} in {:?}",
        block_on(all_workers(&file)).len(),
        started.elapsed()
    );
    drop(file);
    let length = std::fs::metadata(&path).unwrap().len();
    let started = Instant::now();
    let file = FileStore::open(&path).unwrap();
    eprintln!("opened {} MiB in {:?}", length >> 20, started.elapsed());
    let started = Instant::now();
    let deleted = block_on(file.delete_expired_slices(super::at(100_000 * 60))).unwrap();
    eprintln!("swept {deleted} slices in {:?}", started.elapsed());
}
