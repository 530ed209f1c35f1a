//! `docs/RELIABILITY.md` promises only what a test shows: each row of its tables names tests that exist and that
//! something runs, and each test of a failure is named by a row.

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
/// The prefix of functions that a child process of a test runs, which are no tests by themselves.
const CHILD: &str = "run_";

/// The folders of the tests of `--test it` and of `--lib`.
const ROOTS: [&str; 2] = ["tests/it", "src"];

/// Returns the paths of all tests, such as `failures::disks::a_disk_that_is_full`.
fn tests() -> BTreeSet<String> {
    let all = ROOTS.into_iter().flat_map(tests_below);
    all.map(|test| test.path).collect()
}

fn tests_below(root: &str) -> Vec<Test> {
    let mut found = Vec::new();
    read_folder(Path::new(root), Path::new(root), &mut found);
    found
}

#[derive(Debug, PartialEq)]
struct Test {
    path: String,
    is_ignored: bool,
}

fn read_folder(folder: &Path, root: &Path, found: &mut Vec<Test>) {
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
fn tests_of(module: &str, source: &str) -> Vec<Test> {
    let (mut tests, mut is_test, mut is_ignored) = (Vec::new(), false, false);
    for line in source.lines() {
        let code = line.trim_start();
        is_test |= code.starts_with("#[test]") || code.starts_with("#[tokio::test");
        is_ignored |= code.starts_with("#[ignore");
        let function = code
            .strip_prefix("async ")
            .unwrap_or(code)
            .strip_prefix("fn ");
        if let Some((name, _)) = function.and_then(|rest| rest.split_once('(')) {
            if is_test {
                let inner = if line.starts_with(' ') { "tests::" } else { "" };
                let path = format!("{module}::{inner}{name}");
                tests.push(Test { path, is_ignored });
            }
            (is_test, is_ignored) = (false, false);
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

/// What a script runs of the ignored tests: below one root, those whose path contains the filter.
type IgnoredRun = (&'static str, String);

/// Returns the runs of ignored tests of all scripts.
fn ignored_runs() -> Vec<IgnoredRun> {
    let scripts = fs::read_dir(".ci").unwrap().map(|entry| entry.unwrap());
    let scripts = scripts.filter(|entry| entry.path().is_file());
    let texts = scripts.filter_map(|entry| fs::read_to_string(entry.path()).ok());
    texts.flat_map(|text| runs_of(&text)).collect()
}

/// Returns the runs of a script, by `cargo test … FILTER -- --ignored` or by the function `ignored` with the same
/// arguments. One without a filter is the function itself.
fn runs_of(script: &str) -> Vec<IgnoredRun> {
    let mut runs = Vec::new();
    let lines = script.lines().map(str::trim_start);
    let lines = lines.filter(|line| !line.starts_with('#'));
    for command in lines.flat_map(|line| line.split(';')) {
        let command = command.replace(['\'', '"'], " ");
        let call = command.split_once(" ignored ").or_else(|| {
            let call = command.split_once("cargo test ");
            call.filter(|_| command.contains("-- --ignored"))
        });
        let Some((_, arguments)) = call.or_else(|| command.split_once("ignored ")) else {
            continue;
        };
        let mut words = arguments.split(" -- ").next().unwrap().split_whitespace();
        let (mut roots, mut filters) = (Vec::new(), Vec::new());
        while let Some(word) = words.next() {
            match word {
                "--lib" => roots.push(ROOTS[1]),
                "--test" if words.next() == Some("it") => roots.push(ROOTS[0]),
                word if word.starts_with(['-', '$']) => {}
                filter => filters.push(filter.to_owned()),
            }
        }
        for root in roots {
            runs.extend(filters.iter().map(|filter| (root, filter.clone())));
        }
    }
    runs
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
fn each_ignored_test_of_a_row_is_run_by_a_script() {
    let page = fs::read_to_string(PAGE).unwrap();
    let rows = rows(&page);
    let names: Vec<_> = rows.iter().flat_map(|(_, names)| names).collect();
    let runs = ignored_runs();
    let (mut ignored, mut left_out) = (0, Vec::new());
    for root in ROOTS {
        let is_named = |test: &Test| names.iter().any(|name| covers(name, &test.path));
        let tests = tests_below(root).into_iter();
        for test in tests.filter(|test| test.is_ignored && is_named(test)) {
            ignored += 1;
            let is_run = runs
                .iter()
                .any(|(of, filter)| *of == root && test.path.contains(filter.as_str()));
            if !is_run {
                left_out.push(test.path);
            }
        }
    }
    assert!(ignored > 20, "{ignored}");
    assert!(left_out.is_empty(), "no script in .ci runs {left_out:#?}");
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
    let source = "#[test]\n#[ignore = \"slow\"]\nfn one() {}\nfn helper() {}\nmod tests {\n    #[tokio::test(start_paused = true)]\n    async fn two() {}\n}\n";
    let test = |path: &str, is_ignored| Test {
        path: path.to_owned(),
        is_ignored,
    };
    let expected = [test("m::one", true), test("m::tests::two", false)];
    assert_eq!(tests_of("m", source), expected);
}

#[test]
fn the_runs_of_a_script_have_roots_and_filters() {
    let script = "ignored() { cargo test --quiet \"$@\" -- --ignored; }\n# ignored --lib no\n\
        load() { ignored --test it failures::load; }\nbash -c 'ignored --lib a::b'\n\
        VAR='x' ignored --lib c\ncargo test --all-features --lib --test it d e -- --ignored \"$@\"\n\
        cargo test --lib f\ncargo test --test other g -- --ignored\n";
    let of = |root, filter: &str| (root, filter.to_owned());
    let ([it, lib], runs) = (ROOTS, runs_of(script));
    let expected = [
        of(it, "failures::load"),
        of(lib, "a::b"),
        of(lib, "c"),
        of(lib, "d"),
        of(lib, "e"),
        of(it, "d"),
        of(it, "e"),
    ];
    // A brace is a word of the shell, and no filter that a test is named by.
    let runs: Vec<_> = runs
        .into_iter()
        .filter(|(_, filter)| filter != "}")
        .collect();
    assert_eq!(runs, expected);
}
