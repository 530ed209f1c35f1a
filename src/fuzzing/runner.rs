//! The harness: runs a target over its corpus and over mutations of it.
//!
//! Why not `bolero` or `cargo fuzz` alone? Both need a nightly compiler for what they add, which is coverage;
//! without it `bolero` is a random generator behind 40 crates. Here the targets share the build of the tests,
//! so that every `cargo test` runs them. What replaces coverage is the number that a target answers with: an
//! input that takes a way that none took before joins the pool.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `FUZZ_SECONDS` | time for each target | up to 300 mutations |
//! | `FUZZ_SEED` | seed of the mutations | 1 |
//! | `FUZZ_REPLAY` | a file to run instead, as a failure left it in `target/fuzz` | |

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::mutate::{Dictionary, mutate};
use super::rng::Rng;
use super::{FuzzTarget, TARGETS, fingerprint};
use crate::record::sync::lock;

/// The most mutations, and the most time, without `FUZZ_SECONDS`: a few seconds for all targets together.
const SMOKE_EXECUTIONS: u64 = 300;
const SMOKE_TIME: Duration = Duration::from_millis(150);
/// The most inputs that are kept to be mutated.
const MAX_POOL: usize = 2_000;
/// The time after which an input is taken for one that never ends.
const HANG: Duration = Duration::from_secs(60);

/// Runs a target; panics with the failing input's file where its property doesn't hold.
pub(super) fn check(name: &str) {
    // A published package has no `fuzz/`.
    if !folder("").is_dir() {
        return;
    }
    let target = TARGETS.iter().find(|target| target.name == name);
    let target = target.unwrap_or_else(|| panic!("{name} is in the table"));
    if let Some(file) = std::env::var_os("FUZZ_REPLAY") {
        return replay(target, Path::new(&file));
    }
    let seconds = number("FUZZ_SECONDS");
    let seed = number("FUZZ_SEED").unwrap_or(1);
    let mut run = Run::new(target, seed);
    run.all(seconds.map(Duration::from_secs));
    if seconds.is_some() {
        eprintln!("{run}");
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable}={text} is not a whole number")))
}

/// Runs the file alone. Its name begins with that of the target which it is for.
fn replay(target: &FuzzTarget, file: &Path) {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let meant = TARGETS
        .iter()
        .find(|target| name.split('.').next() == Some(target.name));
    if meant.is_none_or(|meant| meant.name == target.name) {
        let input = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        (target.run)(&input);
        eprintln!("{}: the property holds for {}", target.name, file.display());
    }
}

/// One run of one target.
struct Run<'a> {
    target: &'a FuzzTarget,
    seed: u64,
    pool: Vec<Vec<u8>>,
    paths: HashSet<u64>,
    executions: u64,
    since: Instant,
    current: Arc<Mutex<(Instant, Vec<u8>)>>,
}

impl<'a> Run<'a> {
    fn new(target: &'a FuzzTarget, seed: u64) -> Self {
        Self {
            target,
            seed,
            pool: Vec::new(),
            paths: HashSet::new(),
            executions: 0,
            since: Instant::now(),
            current: Arc::new(Mutex::new((Instant::now(), Vec::new()))),
        }
    }

    fn all(&mut self, time: Option<Duration>) {
        for input in corpus(self.target.name) {
            self.one(&input);
            self.pool.push(input);
        }
        let dictionary =
            fs::read_to_string(folder("dictionaries").join(format!("{}.dict", self.target.name)));
        let dictionary = Dictionary::parse(&dictionary.unwrap_or_default());
        let mut rng = Rng::new(self.seed ^ fingerprint(self.target.name));
        let _watchdog = time.map(|_| self.watch());
        while match time {
            Some(time) => self.since.elapsed() < time,
            None => self.executions < SMOKE_EXECUTIONS && self.since.elapsed() < SMOKE_TIME,
        } {
            let input = mutate(&self.pool, &dictionary, &mut rng);
            let is_new = self.one(&input);
            if is_new && self.pool.len() < MAX_POOL {
                self.pool.push(input);
            }
        }
    }

    /// Runs one input; returns true where it took a way that none took before.
    fn one(&mut self, input: &[u8]) -> bool {
        self.executions += 1;
        {
            let mut current = lock(&self.current);
            current.0 = Instant::now();
            current.1.clear();
            current.1.extend_from_slice(input);
        }
        // A saved input is worth more than the message: the panic goes on after it.
        let run = std::panic::AssertUnwindSafe(|| (self.target.run)(input));
        match std::panic::catch_unwind(run) {
            Ok(path) => self.paths.insert(path),
            Err(_) => {
                let (name, seed, executions) = (self.target.name, self.seed, self.executions);
                let file = save(name, seed, executions, input);
                panic!(
                    "{name} found a fault after {executions} executions from seed {seed}: \
                     FUZZ_REPLAY={} cargo test --all-features --lib fuzzing::tests::{name}",
                    file.display()
                );
            }
        }
    }

    /// Watches for an input that never ends, until the answer is dropped.
    fn watch(&self) -> Arc<()> {
        let (name, seed) = (self.target.name, self.seed);
        let (alive, current) = (Arc::new(()), Arc::clone(&self.current));
        let watched = Arc::downgrade(&alive);
        std::thread::spawn(move || {
            while watched.upgrade().is_some() {
                std::thread::sleep(Duration::from_millis(100));
                let current = lock(&current);
                if watched.upgrade().is_some() && current.0.elapsed() > HANG {
                    let file = save(name, seed, 0, &current.1);
                    eprintln!("{name} does not end: {}", file.display());
                    // The thread that hangs can't be ended alone.
                    std::process::abort();
                }
            }
        });
        alive
    }
}

impl std::fmt::Display for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (time, paths) = (self.since.elapsed().as_secs_f64(), self.paths.len());
        let Self {
            target,
            executions,
            seed,
            ..
        } = self;
        let name = target.name;
        write!(
            f,
            "fuzz {name}: {executions} executions in {time:.1} s, {paths} paths, seed {seed}"
        )
    }
}

/// Asserts that nothing of a target is missing in `fuzz/`, whose parts are lists of their own.
pub(super) fn assert_complete() {
    if !folder("").is_dir() {
        return;
    }
    let read = |name: &str| {
        fs::read_to_string(folder(name)).unwrap_or_else(|error| panic!("fuzz/{name}: {error}"))
    };
    let (manifest, planted) = (read("Cargo.toml"), read("planted"));
    for FuzzTarget { name, .. } in TARGETS {
        let program = read(&format!("fuzz_targets/{name}.rs"));
        assert!(
            program.contains(&format!("run(\"{name}\", data)")),
            "{name}"
        );
        assert!(
            manifest.contains(&format!("\nname = \"{name}\"\n")),
            "{name}"
        );
        assert!(planted.contains(&format!("\n{name}\t")), "{name}");
        let dictionary = read(&format!("dictionaries/{name}.dict"));
        assert!(!Dictionary::parse(&dictionary).is_empty(), "{name}");
    }
    let listed = manifest.matches("[[bin]]").count();
    assert_eq!(listed, TARGETS.len(), "programs without a target");
}

/// A folder beside the targets of `cargo fuzz`.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(name)
}

/// Returns the committed inputs of a target, in the order of their names.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = folder("corpus").join(name);
    let files =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = files.flatten().map(|file| file.path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    let read = |file: &PathBuf| {
        fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    };
    files.iter().map(read).collect()
}

fn save(name: &str, seed: u64, execution: u64, input: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target")
        .join("fuzz");
    let file = folder.join(format!("{name}.{seed}.{execution}"));
    let saved = fs::create_dir_all(&folder).and_then(|()| fs::write(&file, input));
    saved.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    file
}
