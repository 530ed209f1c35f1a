//! A process that is killed while it writes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use std::{env, io, thread};

use super::super::super::writer::block_on;
use super::super::FileStore;
use super::{all_workers, temp_folder, worker};
use crate::background::Supervisor;
use crate::record::clock::Clock;
use crate::store::{Store as _, StoreOp, StoreWriter, WriterSettings};

const CHILD: &str = "VANTAGE_TEST_STORE_CHILD";
const TEST_NAME: &str = "store::file::tests::killed::nothing_is_lost_that_was_committed";
/// The number of files at once, each of whose processes is killed over and over.
const PARALLEL_FILES: u64 = 5;
const KILLS: u64 = 10;

/// The output of a child.
#[derive(Debug, Default)]
struct ChildReport {
    committed: u64,
    /// The sequences that it enqueued, and when.
    enqueued: Vec<(u64, Duration)>,
}

/// Counts up, a millisecond at a time, and prints what it enqueues and what is committed.
fn run_child(path: &str) {
    let settings = WriterSettings {
        clock: Clock::system(),
        instance: Arc::from("child"),
        retention: Duration::from_secs(3_600),
    };
    let file = FileStore::open(path).unwrap();
    let first = block_on(all_workers(&file))
        .first()
        .map_or(0, |row| row.sequence);
    let writer = StoreWriter::start(Arc::new(file), settings, &Supervisor::default()).unwrap();
    let started = Instant::now();
    let mut flush = writer.flush(Duration::from_secs(9));
    let mut flushed = first;
    for sequence in first + 1.. {
        writer.enqueue(StoreOp::Worker(worker("w", "x", sequence, 1)));
        print_line(&format!(
            "kept {sequence} {}",
            started.elapsed().as_millis()
        ));
        if sequence % 20 == 0 {
            // Answered at once, because all of it is under way; the file is asked, not the clock.
            assert_eq!(flush.wait().unwrap(), 0);
            print_line(&format!("committed {flushed}"));
            flushed = sequence;
            flush = writer.flush(Duration::from_secs(9));
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn print_line(line: &str) {
    let mut out = io::stdout().lock();
    // The reader is gone after it was killed.
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(1);
    }
}

fn spawn_child(path: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", TEST_NAME, "--nocapture", "--test-threads=1"])
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Lets a child run for a time after its first line, and kills it.
fn kill_after(path: &Path, time: Duration) -> ChildReport {
    let mut child = spawn_child(path);
    let out = BufReader::new(child.stdout.take().unwrap());
    let (writes, started) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut report = ChildReport::default();
        for line in out.lines().map_while(Result::ok) {
            let words: Vec<_> = line.split(' ').collect();
            let number = |word: &str| word.parse().unwrap_or(0);
            match *words {
                ["kept", sequence, ms] => {
                    let at = Duration::from_millis(number(ms));
                    report.enqueued.push((number(sequence), at));
                    let _ = writes.send(());
                }
                ["committed", sequence] => report.committed = number(sequence),
                _ => {}
            }
        }
        report
    });
    // On a busy machine the start of a process takes longer than its life here.
    started.recv().expect("the child writes");
    thread::sleep(time);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

/// Returns the sequence that was enqueued a second before the end.
fn enqueued_a_second_ago(report: &ChildReport) -> u64 {
    let end = report.enqueued.last().map_or(Duration::ZERO, |(_, at)| *at);
    let old = report
        .enqueued
        .iter()
        .filter(|(_, at)| *at + Duration::from_secs(1) <= end);
    old.map(|(sequence, _)| *sequence).max().unwrap_or(0)
}

fn kill_repeatedly() -> usize {
    let folder = temp_folder();
    let path = folder.path().join("store");
    let mut committed = 0;
    for kill in 0..KILLS {
        // The last of each lane lives long enough for the second to count.
        let long = if kill == KILLS - 1 { 1_200 } else { 0 };
        let random = crate::model::random::random_u64();
        let report = kill_after(&path, Duration::from_millis(20 + random % 300 + long));
        let file = FileStore::open(&path).unwrap();
        assert_eq!(file.notice(), None, "a kill is no damage");
        let found = block_on(all_workers(&file))
            .first()
            .map_or(0, |row| row.sequence);
        committed = committed.max(report.committed);
        assert!(
            found >= committed,
            "{found} is there, and {committed} was committed"
        );
        let old = enqueued_a_second_ago(&report);
        assert!(
            found >= old,
            "{found} is there, and {old} is older than a second"
        );
        committed = found;
    }
    usize::try_from(committed).unwrap()
}

#[test]
fn nothing_is_lost_that_was_committed() {
    if let Ok(path) = env::var(CHILD) {
        return run_child(&path);
    }
    let lanes: Vec<_> = (0..PARALLEL_FILES)
        .map(|_| thread::spawn(kill_repeatedly))
        .collect();
    for lane in lanes {
        assert!(lane.join().unwrap() > 100, "the children did write");
    }
}
