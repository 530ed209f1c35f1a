//! README and the pages of `docs/`: their links lead somewhere, and their console blocks run. Their Rust is compiled and
//! run by the tests of the documentation (`src/guide.rs`).

#[cfg(all(target_os = "linux", feature = "otlp", feature = "file-store"))]
mod console;

use std::fs;
use std::path::{Path, PathBuf};

/// The most lines of the README: a newcomer reads it in ten minutes.
const MAX_README_LINES: usize = 150;

fn pages() -> Vec<(PathBuf, String)> {
    let docs = fs::read_dir("docs").unwrap();
    let docs = docs.map(|entry| entry.unwrap().path());
    let docs = docs.filter(|path| path.extension().is_some_and(|end| end == "md"));
    let others = ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(PathBuf::from);
    let pages = docs.chain(others);
    pages
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path, text)
        })
        .collect()
}

/// Returns the anchors of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter_map(|line| {
        let title = line.trim_start_matches('#');
        (title.len() < line.len()).then(|| title.trim())
    });
    let anchor = |title: &str| {
        let title = title.to_lowercase();
        let kept = title.chars().filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || matches!(c, '-' | '_') => Some(c),
            _ => None,
        });
        kept.collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_of_a_page_leads_to_a_file_and_a_heading() {
    let mut links = 0;
    for (path, text) in pages() {
        for link in text.split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            if link.contains("://") || link.contains(' ') {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                file => path.parent().unwrap().join(file),
            };
            assert!(target.exists(), "{}: {link}", path.display());
            if !anchor.is_empty() {
                let target = fs::read_to_string(target).unwrap();
                assert!(
                    anchors(&target).contains(&anchor.to_owned()),
                    "{}: {link}",
                    path.display()
                );
            }
            links += 1;
        }
    }
    assert!(links > 20, "{links} links were found");
}

#[test]
fn the_readme_is_short() {
    let lines = fs::read_to_string("README.md").unwrap().lines().count();
    assert!(lines <= MAX_README_LINES, "{lines} lines");
}

#[test]
fn the_examples_that_the_pages_run_are_there() {
    let mut shown = 0;
    for (path, text) in pages() {
        for line in text
            .lines()
            .filter(|line| line.contains("cargo run --example "))
        {
            let name = line.split("cargo run --example ").nth(1).unwrap();
            let name = name.split([' ', '`']).next().unwrap();
            let found = [
                format!("examples/{name}.rs"),
                format!("examples/{name}/main.rs"),
            ];
            assert!(
                found.iter().any(|file| Path::new(file).exists()),
                "{}: {line}",
                path.display()
            );
            shown += 1;
        }
    }
    assert!(shown > 3, "{shown} examples were found");
}
