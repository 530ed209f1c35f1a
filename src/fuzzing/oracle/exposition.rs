//! A strict reader of a scrape, in both formats.

use std::collections::{BTreeMap, BTreeSet};

/// A sample: its name, its labels, its value.
pub(in crate::fuzzing) type Sample = (String, BTreeMap<String, String>, String);

/// Reads a whole scrape.
///
/// # Panics
///
/// When a scraper would refuse it.
#[track_caller]
pub(in crate::fuzzing) fn samples(text: &str, is_open_metrics: bool) -> Vec<Sample> {
    let body = match is_open_metrics {
        true => text
            .strip_suffix("# EOF\n")
            .unwrap_or_else(|| panic!("no end mark: {text:?}")),
        false => text,
    };
    assert!(
        body.is_empty() || body.ends_with('\n'),
        "the last line has no end"
    );
    let (mut samples, mut series, mut families) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    let (mut family, mut kind) = (String::new(), String::new());
    for line in body.split_terminator('\n') {
        if let Some(comment) = line.strip_prefix("# ") {
            let (word, rest) = comment
                .split_once(' ')
                .unwrap_or_else(|| panic!("{line:?}"));
            let (name, value) = rest.split_once(' ').unwrap_or_else(|| panic!("{line:?}"));
            assert!(is_metric_name(name), "{line:?}");
            if name != family {
                assert!(families.insert(name.to_owned()), "{name} is there twice");
                name.clone_into(&mut family);
                kind.clear();
            }
            match word {
                "TYPE" => {
                    assert!(kind.is_empty(), "a second type of {name}");
                    value.clone_into(&mut kind);
                }
                "HELP" => assert_escapes(value, is_open_metrics),
                "UNIT" => assert!(is_open_metrics && name.ends_with(value), "{line:?}"),
                other => panic!("{other} in {line:?}"),
            }
            continue;
        }
        let sample = sample(line, is_open_metrics);
        let (name, labels, _) = &sample;
        assert!(name.starts_with(&family), "{name} below {family}");
        assert!(
            series.insert((name.clone(), labels.clone())),
            "twice: {line:?}"
        );
        samples.push(sample);
    }
    samples
}

fn is_metric_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_:".contains(c);
    !name.is_empty() && name.chars().all(allowed) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// A help text has backslashes in pairs of two kinds, and in OpenMetrics no bare quote.
#[track_caller]
fn assert_escapes(text: &str, is_open_metrics: bool) {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                let escaped = chars.next();
                let fine =
                    matches!(escaped, Some('n' | '\\')) || is_open_metrics && escaped == Some('"');
                assert!(fine, "{text:?}");
            }
            '"' => assert!(!is_open_metrics, "{text:?}"),
            _ => {}
        }
    }
}

#[track_caller]
fn sample(line: &str, is_open_metrics: bool) -> Sample {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("{line:?}"));
    let (name, mut rest) = line.split_at(end);
    assert!(is_metric_name(name), "{line:?}");
    let mut labels = BTreeMap::new();
    if let Some(text) = rest.strip_prefix('{') {
        rest = read_labels(text, &mut labels);
    }
    let rest = rest
        .strip_prefix(' ')
        .unwrap_or_else(|| panic!("no space in {line:?}"));
    let (numbers, exemplar) = match rest.split_once(" # ") {
        Some((numbers, exemplar)) => (numbers, Some(exemplar)),
        None => (rest, None),
    };
    assert!(
        is_open_metrics || exemplar.is_none(),
        "an exemplar: {line:?}"
    );
    if let Some(exemplar) = exemplar {
        let mut labels = BTreeMap::new();
        let labelled = exemplar
            .strip_prefix('{')
            .unwrap_or_else(|| panic!("{line:?}"));
        let rest = read_labels(labelled, &mut labels);
        assert!(rest.split(' ').skip(1).all(is_number), "{line:?}");
    }
    let mut numbers = numbers.split(' ');
    let value = numbers.next().unwrap_or_default();
    assert!(is_number(value) && numbers.all(is_number), "{line:?}");
    (name.to_owned(), labels, value.to_owned())
}

fn is_number(text: &str) -> bool {
    matches!(text, "+Inf" | "-Inf" | "NaN")
        || text.parse::<f64>().is_ok() && text.bytes().all(|byte| b"0123456789+-.e".contains(&byte))
}

/// Reads `key="value",…}`, and returns what follows.
#[track_caller]
fn read_labels<'a>(text: &'a str, labels: &mut BTreeMap<String, String>) -> &'a str {
    let mut rest = text;
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return after;
        }
        let (key, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{text:?}"));
        assert!(is_metric_name(key) && !key.contains(':'), "{key:?}");
        let (mut value, mut chars) = (String::new(), after.chars());
        loop {
            match chars.next() {
                Some('"') => break,
                Some('\\') => value.push(match chars.next() {
                    Some('n') => '\n',
                    Some(escaped @ ('"' | '\\')) => escaped,
                    other => panic!("the escape {other:?} in {text:?}"),
                }),
                Some(plain) => value.push(plain),
                None => panic!("a value without an end: {text:?}"),
            }
        }
        assert!(
            labels.insert(key.to_owned(), value).is_none(),
            "{key} is there twice"
        );
        rest = chars.as_str();
        rest = match rest.strip_prefix(',') {
            Some(after) => after,
            None => {
                assert!(rest.starts_with('}'), "{text:?}");
                rest
            }
        };
    }
}
