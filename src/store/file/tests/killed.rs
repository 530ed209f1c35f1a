//! A process that is killed while it writes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, io, thread};

use super::super::super::writer::block_on;
use super::super::File;
use super::{all, folder, worker};
use crate::record::clock::Clock;
use crate::store::{Change, Keeper, Settings, Store as _};

const CHILD: &str = "VANTAGE_TEST_STORE_CHILD";
const THIS: &str = "store::file::tests::killed::nothing_is_lost_that_was_committed";
/// So many files at once, each killed over and over.
const LANES: u64 = 5;
const KILLS: u64 = 10;

/// What a child said last.
#[derive(Debug, Default)]
struct Said {
    committed: u64,
    /// What it kept, and when.
    kept: Vec<(u64, Duration)>,
}

/// Counts up, a millisecond at a time, and tells what it keeps and what is committed.
fn write(path: &str) {
    let settings = Settings {
        clock: Clock::system(),
        instance: Arc::from("child"),
        retention: Duration::from_secs(3_600),
    };
    let file = File::open(path).unwrap();
    let first = block_on(all(&file)).first().map_or(0, |row| row.sequence);
    let keeper = Keeper::start(Arc::new(file), settings).unwrap();
    let begun = Instant::now();
    let mut flush = keeper.flush(Duration::from_secs(9));
    let mut flushed = first;
    for sequence in first + 1.. {
        keeper.keep(Change::Worker(worker("w", "x", sequence, 1)));
        say(&format!("kept {sequence} {}", begun.elapsed().as_millis()));
        if sequence % 20 == 0 {
            // Answered at once, because all of it is under way; the file is asked, not the clock.
            assert_eq!(flush.wait().unwrap(), 0);
            say(&format!("committed {flushed}"));
            flushed = sequence;
            flush = keeper.flush(Duration::from_secs(9));
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn say(line: &str) {
    let mut out = io::stdout().lock();
    // Nobody listens any more after the kill of the one that does.
    if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
        std::process::exit(1);
    }
}

fn start(path: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", THIS, "--nocapture", "--test-threads=1"])
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Lets a child run for a time and kills it.
fn kill_after(path: &Path, time: Duration) -> Said {
    let mut child = start(path);
    let out = BufReader::new(child.stdout.take().unwrap());
    let reader = thread::spawn(move || {
        let mut said = Said::default();
        for line in out.lines().map_while(Result::ok) {
            let words: Vec<_> = line.split(' ').collect();
            let number = |word: &str| word.parse().unwrap_or(0);
            match *words {
                ["kept", sequence, ms] => said
                    .kept
                    .push((number(sequence), Duration::from_millis(number(ms)))),
                ["committed", sequence] => said.committed = number(sequence),
                _ => {}
            }
        }
        said
    });
    thread::sleep(time);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

/// What was kept a second before the end.
fn a_second_ago(said: &Said) -> u64 {
    let end = said.kept.last().map_or(Duration::ZERO, |(_, at)| *at);
    let old = said
        .kept
        .iter()
        .filter(|(_, at)| *at + Duration::from_secs(1) <= end);
    old.map(|(sequence, _)| *sequence).max().unwrap_or(0)
}

fn lane(lane: u64) -> usize {
    let folder = folder();
    let path = folder.path().join("store");
    let mut committed = 0;
    for kill in 0..KILLS {
        // The last of each lane lives long enough for the second to count.
        let long = if kill == KILLS - 1 { 1_200 } else { 0 };
        let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), (lane, kill));
        let said = kill_after(&path, Duration::from_millis(20 + random % 300 + long));
        let file = File::open(&path).unwrap();
        assert_eq!(file.remark(), None, "a kill is no damage");
        let found = block_on(all(&file)).first().map_or(0, |row| row.sequence);
        committed = committed.max(said.committed);
        assert!(
            found >= committed,
            "{found} is there, and {committed} was committed"
        );
        let old = a_second_ago(&said);
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
        return write(&path);
    }
    let lanes: Vec<_> = (0..LANES).map(|n| thread::spawn(move || lane(n))).collect();
    for lane in lanes {
        assert!(lane.join().unwrap() > 100, "the children did write");
    }
}
