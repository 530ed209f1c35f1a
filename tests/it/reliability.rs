//! `docs/RELIABILITY.md` promises only what a test shows: each row of its tables names tests that exist, and each test
//! of a failure is named by a row.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const PAGE: &str = "docs/RELIABILITY.md";
/// The modules all of whose tests make failures for real. One that is not there yet has no tests.
const FAILURES: [&str; 8] = [
    "clock_steps",
    "failures",
    "otlp::torture",
    "processes",
    "server_limits",
    "thread_limits",
    "threads",
    "user_code",
];
/// What a child process of a test runs, and is no test by itself.
const CHILD: &str = "run_";

/// Returns the paths of all tests, such as `failures::disks::a_disk_that_is_full`.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for root in ["tests/it", "src"] {
        read_folder(Path::new(root), Path::new(root), &mut found);
    }
    found
}

fn read_folder(folder: &Path, root: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_folder(&path, root, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            let module = path.strip_prefix(root).unwrap().with_extension("");
            let module: Vec<_> = module.iter().map(|part| part.to_str().unwrap()).collect();
            found.extend(tests_of(&module.join("::"), &source));
        }
    }
}

/// Returns the tests of a file. Those of its inner module `tests` have its name in their path.
fn tests_of(module: &str, source: &str) -> Vec<String> {
    let (mut tests, mut is_test) = (Vec::new(), false);
    for line in source.lines() {
        let code = line.trim_start();
        is_test |= code.starts_with("#[test]") || code.starts_with("#[tokio::test");
        let function = code
            .strip_prefix("async ")
            .unwrap_or(code)
            .strip_prefix("fn ");
        if let Some((name, _)) = function.and_then(|rest| rest.split_once('(')) {
            if is_test {
                let inner = if line.starts_with(' ') { "tests::" } else { "" };
                tests.push(format!("{module}::{inner}{name}"));
            }
            is_test = false;
        }
    }
    tests
}

/// Returns the rows of the tables that have a column of tests, which is their last, and what it names.
fn rows(page: &str) -> Vec<(String, Vec<String>)> {
    let (mut rows, mut is_matrix) = (Vec::new(), false);
    for line in page.lines() {
        let Some(cells) = line
            .strip_prefix('|')
            .and_then(|line| line.strip_suffix('|'))
        else {
            is_matrix = false;
            continue;
        };
        let cells: Vec<_> = cells.split('|').map(str::trim).collect();
        let last = cells[cells.len() - 1];
        if last == "shown by" {
            is_matrix = true;
        } else if is_matrix && !last.starts_with('-') {
            // Every second part is between backticks.
            let names = last.split('`').skip(1).step_by(2);
            rows.push((cells[0].to_owned(), names.map(str::to_owned).collect()));
        }
    }
    rows
}

/// Returns true if a name of the page is this test's, or that of a module with `*` for all its tests.
fn covers(name: &str, test: &str) -> bool {
    match name.strip_suffix('*') {
        Some(module) => module.ends_with("::") && test.starts_with(module),
        None => name == test,
    }
}

#[test]
fn each_failure_names_tests_that_exist() {
    let (page, tests) = (fs::read_to_string(PAGE).unwrap(), tests());
    let rows = rows(&page);
    assert!(rows.len() > 20, "{} rows", rows.len());
    let mut faults = Vec::new();
    for (failure, names) in rows {
        if names.is_empty() {
            faults.push(format!("{failure}: no test"));
        }
        for name in names {
            if !tests.iter().any(|test| covers(&name, test)) {
                faults.push(format!("{failure}: there is no test {name}"));
            }
        }
    }
    assert!(faults.is_empty(), "{PAGE}: {faults:#?}");
}

#[test]
fn each_test_of_a_failure_has_a_row() {
    let page = fs::read_to_string(PAGE).unwrap();
    let named: Vec<_> = rows(&page)
        .into_iter()
        .flat_map(|(_, names)| names)
        .collect();
    let is_failure = |test: &String| {
        FAILURES.iter().any(|module| {
            test.strip_prefix(module)
                .is_some_and(|rest| rest.starts_with("::"))
        })
    };
    let is_child = |test: &String| test.rsplit("::").next().unwrap().starts_with(CHILD);
    let tests = tests();
    let failures: Vec<_> = tests
        .iter()
        .filter(|test| is_failure(test) && !is_child(test))
        .collect();
    assert!(failures.len() > 10, "{failures:?}");
    let unnamed = failures
        .into_iter()
        .filter(|test| !named.iter().any(|name| covers(name, test)));
    let unnamed: Vec<_> = unnamed.collect();
    assert!(unnamed.is_empty(), "{PAGE} has no row for {unnamed:#?}");
}

#[test]
fn a_row_that_names_no_test_is_found() {
    let page = "| failure | shown by |\n|---|---|\n| a | `x::one`, `y::*` |\n| b | by hand |\n\n| c | `no` |\n";
    let expected = [
        ("a".to_owned(), vec!["x::one".to_owned(), "y::*".to_owned()]),
        ("b".to_owned(), vec![]),
    ];
    assert_eq!(rows(page), expected);
    assert!(covers("x::one", "x::one") && !covers("x::one", "x::one_more"));
    assert!(covers("y::*", "y::z::one") && !covers("y::*", "yz::one") && !covers("y*", "yz::one"));
    let source = "#[test]\nfn one() {}\nfn helper() {}\nmod tests {\n    #[tokio::test(start_paused = true)]\n    async fn two() {}\n}\n";
    assert_eq!(tests_of("m", source), ["m::one", "m::tests::two"]);
}
