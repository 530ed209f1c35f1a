//! The value of a field, in the type that it has in the code.

use std::error::Error;
use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};

use super::escape::{Quoting, escape_display, escape_text};
use super::format::LineFormat;
use crate::model::causes::causes;

/// A field value as recorded by `tracing`.
///
/// Kept apart by type, because a log store that indexes a number can't compare its text.
#[derive(Clone, Copy)]
pub(super) enum LogFieldValue<'a> {
    Bool(bool),
    I64(i64),
    U64(u64),
    I128(i128),
    U128(u128),
    F64(f64),
    Text(&'a str),
    Error(&'a (dyn Error + 'static)),
    /// Also values given with `%`.
    Debug(&'a dyn Debug),
}

impl LogFieldValue<'_> {
    /// Appends the value as JSON or as text; returns `true` if it was cut.
    pub(super) fn write(self, into: &mut Vec<u8>, limit: usize, format: LineFormat) -> bool {
        if self.write_number(into) {
            return false;
        }
        let quoting = match (format, self) {
            (LineFormat::Json, _) => Quoting::Json,
            (_, Self::Text(_)) => Quoting::Quoted,
            _ => return self.write_unquoted(into, limit, Quoting::Bare),
        };
        into.push(b'"');
        let truncated = self.write_unquoted(into, limit, quoting);
        into.push(b'"');
        truncated
    }

    /// Appends the value as the inside of a text.
    pub(super) fn write_unquoted(self, into: &mut Vec<u8>, limit: usize, quoting: Quoting) -> bool {
        match self {
            Self::Text(value) => escape_text(into, limit, quoting, value),
            Self::Error(error) => escape_display(into, limit, quoting, |f| with_sources(f, error)),
            Self::Debug(value) => escape_display(into, limit, quoting, |f| write!(f, "{value:?}")),
            Self::F64(value) if !value.is_finite() => {
                escape_text(into, limit, quoting, not_finite(value))
            }
            Self::I128(value) => escape_display(into, limit, quoting, |f| write!(f, "{value}")),
            Self::U128(value) => escape_display(into, limit, quoting, |f| write!(f, "{value}")),
            Self::Bool(_) | Self::I64(_) | Self::U64(_) | Self::F64(_) => {
                self.write_number(into);
                false
            }
        }
    }

    /// Appends what is a number or boolean in JSON; says whether it is one.
    fn write_number(self, into: &mut Vec<u8>) -> bool {
        let mut digits = itoa::Buffer::new();
        let mut float = zmij::Buffer::new();
        let text = match self {
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
            Self::I64(value) => digits.format(value),
            Self::U64(value) => digits.format(value),
            // JSON readers keep 64 bits at most; a larger number is text, exactly.
            Self::I128(value) => match i64::try_from(value) {
                Ok(value) => digits.format(value),
                Err(_) => return false,
            },
            Self::U128(value) => match u64::try_from(value) {
                Ok(value) => digits.format(value),
                Err(_) => return false,
            },
            Self::F64(value) if value.is_finite() => float.format_finite(value),
            Self::F64(_) | Self::Text(_) | Self::Error(_) | Self::Debug(_) => return false,
        };
        into.extend_from_slice(text.as_bytes());
        true
    }
}

/// JSON has no word for these; text keeps the information.
fn not_finite(value: f64) -> &'static str {
    match value {
        f64::INFINITY => "inf",
        f64::NEG_INFINITY => "-inf",
        _ => "NaN",
    }
}

/// Writes an error and its causes, as `a: b: c`, up to the first that fails to be written.
fn with_sources(f: &mut dyn Write, error: &(dyn Error + 'static)) -> fmt::Result {
    write!(f, "{error}")?;
    // All causes: the outermost alone rarely says what happened.
    let mut sources = causes(error).skip(1);
    sources.try_for_each(|source| write!(f, ": {source}"))
}

/// Hands each field to a function, by its name without `r#`.
pub(super) struct FieldVisitor<F>(pub(super) F);

impl<F: FnMut(&'static str, LogFieldValue<'_>)> FieldVisitor<F> {
    fn visit(&mut self, field: &Field, value: LogFieldValue<'_>) {
        let name = field.name();
        (self.0)(name.strip_prefix("r#").unwrap_or(name), value);
    }
}

impl<F: FnMut(&'static str, LogFieldValue<'_>)> Visit for FieldVisitor<F> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.visit(field, LogFieldValue::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.visit(field, LogFieldValue::I64(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.visit(field, LogFieldValue::U64(value));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.visit(field, LogFieldValue::I128(value));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.visit(field, LogFieldValue::U128(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.visit(field, LogFieldValue::F64(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.visit(field, LogFieldValue::Text(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.visit(field, LogFieldValue::Error(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.visit(field, LogFieldValue::Debug(value));
    }
}
