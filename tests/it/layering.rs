//! The crate root promises that its modules stand in reading order: each uses only those above it.

use std::fs;
use std::path::{Path, PathBuf};

/// The top-level modules in the order of the crate root.
fn modules(root: &str) -> Vec<String> {
    let declared = |line: &str| {
        let line = line.strip_prefix("pub ").unwrap_or(line);
        let name = line.strip_prefix("mod ")?.strip_suffix(';')?;
        Some(name.to_owned())
    };
    root.lines().filter_map(declared).collect()
}

/// The names that follow `crate::` in a source, outside comments; of `crate::{a, b::c}` both.
fn used(source: &str) -> Vec<String> {
    let code: String = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut names = Vec::new();
    for after in code.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            Some(group) => names.extend(first_names(group)),
            None => names.extend(first_name(after)),
        }
    }
    names
}

/// The first names of a group's members, at its own depth only.
fn first_names(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut rest) = (0, Vec::new(), group);
    names.extend(first_name(rest));
    while let Some(at) = rest.find(['{', '}', ',']) {
        let met = rest.as_bytes()[at];
        rest = &rest[at + 1..];
        match met {
            b'{' => depth += 1,
            b'}' if depth == 0 => break,
            b'}' => depth -= 1,
            _ if depth == 0 => names.extend(first_name(rest)),
            _ => {}
        }
    }
    names
}

fn first_name(text: &str) -> Option<String> {
    let text = text.trim_start();
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

/// What a module's source uses that stands below it, or is no module at all.
fn violations(order: &[String], module: &str, source: &str) -> Vec<String> {
    let place = |name: &str| order.iter().position(|known| known == name);
    let own = place(module).expect("the module is declared");
    let below = |name: &String| place(name).is_none_or(|place| place > own);
    used(source).into_iter().filter(below).collect()
}

fn sources(path: &Path, into: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            sources(&entry.unwrap().path(), into);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        into.push(path.to_owned());
    }
}

#[test]
fn every_module_uses_only_those_above_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let order = modules(&fs::read_to_string(root.join("lib.rs")).unwrap());
    assert!(order.len() > 10, "{order:?}");
    let (mut seen, mut found) = (0, Vec::new());
    for module in &order {
        let mut files = vec![root.join(module).with_extension("rs")];
        if root.join(module).is_dir() {
            sources(&root.join(module), &mut files);
        }
        for file in files {
            let source = fs::read_to_string(&file).unwrap();
            seen += used(&source).len();
            for name in violations(&order, module, &source) {
                found.push(format!("{} uses crate::{name}", file.display()));
            }
        }
    }
    assert!(seen > 50, "only {seen} uses were found");
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_use_of_a_module_below_is_found_in_every_form() {
    let order =
        modules("pub mod low;\n\nmod middle;\n// mod not_this;\npub mod high;\npub use low::X;");
    assert_eq!(order, ["low", "middle", "high"]);
    let check = |source: &str| violations(&order, "middle", source);
    assert_eq!(check("use crate::high::Thing;"), ["high"]);
    assert_eq!(check("fn f() -> crate::high::Thing {}"), ["high"]);
    assert_eq!(check("use crate::{low::{A, B}, high};"), ["high"]);
    assert_eq!(
        check("use crate::{\n    low::A,\n    high::B,\n};"),
        ["high"]
    );
    assert_eq!(check("use crate::ReExported;"), ["ReExported"]);
    assert!(check("use crate::low::A;\nuse crate::middle::B;").is_empty());
    assert!(check("use crate::{low, middle::{high, B}};").is_empty());
    assert!(check("/// See [`high`](crate::high).\nstruct S;").is_empty());
}
