//! PromQL: its literals, and whole expressions.

use super::input::texts;
use super::{fingerprint, magnitude};
use crate::model::promql_literal::quote;

pub(super) fn literal(data: &[u8]) -> u64 {
    let [text] = texts(data);
    let quoted = quote(&text);
    assert_eq!(unquote(&quoted), Some((text.to_string(), "")), "{quoted}");
    assert_balanced(&format!("up{{job={quoted}}} > 0"));
    assert!(quoted.len() <= 2 + 2 * text.len());
    assert!(!quoted.contains('\n'), "{quoted}");
    fingerprint((
        magnitude(text.len()),
        text.contains('"'),
        text.contains('\\'),
        text.contains('\n'),
    ))
}

/// Reads a literal as Prometheus's lexer does; returns its text, and what follows.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.strip_prefix('"')?.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\n' => return None,
            '\\' => value.push(match chars.next()? {
                'n' => '\n',
                escaped @ ('"' | '\\') => escaped,
                _ => return None,
            }),
            plain => value.push(plain),
        }
    }
}

/// Asserts that quotes and brackets of an expression balance.
#[track_caller]
pub(super) fn assert_balanced(expression: &str) {
    let (mut open, mut rest) = (Vec::new(), expression);
    while let Some(c) = rest.chars().next() {
        if c == '"' {
            let literal = unquote(rest).unwrap_or_else(|| panic!("a bad literal: {expression}"));
            rest = literal.1;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' => assert_eq!(open.pop(), Some(c), "{expression}"),
            _ => {}
        }
    }
    assert!(open.is_empty(), "{open:?} is missing: {expression}");
}
