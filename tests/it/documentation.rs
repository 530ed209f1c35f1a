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

/// Returns the links of a page that lead to a file of ours or a heading: those in place, and the definitions of others.
fn links(text: &str) -> Vec<&str> {
    let in_place = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let links = in_place.chain(definitions(text).map(|(_, link)| link));
    links
        .filter(|link| !link.contains("://") && !link.contains(' '))
        .collect()
}

/// Returns the labels and targets of links that are defined apart.
fn definitions(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().filter_map(|line| line.strip_prefix('['));
    lines.filter_map(|line| line.split_once("]: "))
}

#[test]
fn every_link_of_a_page_leads_to_a_file_and_a_heading() {
    let mut found = 0;
    for (path, text) in pages() {
        for link in links(&text) {
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
            found += 1;
        }
    }
    assert!(found > 40, "{found} links were found");
}

#[test]
fn links_of_the_guide_lead_to_its_modules_in_rustdoc() {
    let modules = fs::read_to_string("src/guide.rs").unwrap();
    let in_rustdoc = fs::read_to_string("src/guide/links.md").unwrap();
    let known: Vec<_> = definitions(&in_rustdoc).collect();
    let mut used = Vec::new();
    for (path, text) in pages() {
        let file = path.file_name().unwrap().to_str().unwrap();
        if file == "README.md" || !modules.contains(&format!("{file}\"\n")) {
            continue;
        }
        for link in links(&text) {
            let is_picture = link.ends_with(".png");
            let is_defined = definitions(&text).any(|(_, target)| target == link);
            assert!(
                is_defined || is_picture || link.starts_with('#'),
                "{}: {link} leads nowhere in rustdoc: define it below the page",
                path.display()
            );
        }
        for (label, target) in definitions(&text) {
            let module = known.iter().find(|(known, _)| *known == label);
            let (_, module) = module.unwrap_or_else(|| panic!("{label} is not in links.md"));
            let anchor = |link: &str| link.split_once('#').map(|(_, anchor)| anchor.to_owned());
            assert_eq!(anchor(module), anchor(target), "{label}");
            used.push(label.to_owned());
        }
    }
    for (label, _) in known {
        assert!(used.iter().any(|used| used == label), "{label} is not used");
    }
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
