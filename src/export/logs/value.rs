//! The value of a field, in the type that it has in the code.

use std::error::Error;
use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};

use super::escape::{Quoting, printed, text};
use super::format::Form;

/// A value as `tracing` hands it over.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Bool(bool),
    I64(i64),
    U64(u64),
    I128(i128),
    U128(u128),
    F64(f64),
    Text(&'a str),
    Error(&'a (dyn Error + 'static)),
    /// Also what was given with `%`.
    Debug(&'a dyn Debug),
}

impl Value<'_> {
    /// Appends the value as a member of an object, or as text for people; says whether it was cut.
    pub(super) fn write(self, into: &mut Vec<u8>, limit: usize, form: Form) -> bool {
        if self.number(into) {
            return false;
        }
        let quoting = match (form, self) {
            (Form::Json, _) => Quoting::Json,
            (_, Self::Text(_)) => Quoting::Quoted,
            _ => return self.bare(into, limit, Quoting::Bare),
        };
        into.push(b'"');
        let cut = self.bare(into, limit, quoting);
        into.push(b'"');
        cut
    }

    /// Appends the value as the inside of a text.
    pub(super) fn bare(self, into: &mut Vec<u8>, limit: usize, quoting: Quoting) -> bool {
        match self {
            Self::Text(value) => text(into, limit, quoting, value),
            Self::Error(error) => printed(into, limit, quoting, |f| with_sources(f, error)),
            Self::Debug(value) => printed(into, limit, quoting, |f| write!(f, "{value:?}")),
            Self::F64(value) if !value.is_finite() => text(into, limit, quoting, not_finite(value)),
            Self::I128(value) => printed(into, limit, quoting, |f| write!(f, "{value}")),
            Self::U128(value) => printed(into, limit, quoting, |f| write!(f, "{value}")),
            Self::Bool(_) | Self::I64(_) | Self::U64(_) | Self::F64(_) => {
                self.number(into);
                false
            }
        }
    }

    /// Appends what is a number or boolean in JSON; says whether it is one.
    fn number(self, into: &mut Vec<u8>) -> bool {
        let mut digits = itoa::Buffer::new();
        let mut float = zmij::Buffer::new();
        let text = match self {
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
            Self::I64(value) => digits.format(value),
            Self::U64(value) => digits.format(value),
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

fn not_finite(value: f64) -> &'static str {
    match value {
        f64::INFINITY => "inf",
        f64::NEG_INFINITY => "-inf",
        _ => "NaN",
    }
}

/// An error and what caused it, as `a: b: c`. Causes can form a ring.
fn with_sources(f: &mut dyn Write, error: &(dyn Error + 'static)) -> fmt::Result {
    write!(f, "{error}")?;
    let mut cause = error.source();
    for _ in 0..32 {
        let Some(error) = cause else { break };
        write!(f, ": {error}")?;
        cause = error.source();
    }
    Ok(())
}

/// Hands each field to a function, by its name without `r#`.
pub(super) struct Each<F>(pub(super) F);

impl<F: FnMut(&'static str, Value<'_>)> Each<F> {
    fn hand(&mut self, field: &Field, value: Value<'_>) {
        let name = field.name();
        (self.0)(name.strip_prefix("r#").unwrap_or(name), value);
    }
}

impl<F: FnMut(&'static str, Value<'_>)> Visit for Each<F> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.hand(field, Value::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.hand(field, Value::I64(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.hand(field, Value::U64(value));
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.hand(field, Value::I128(value));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.hand(field, Value::U128(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.hand(field, Value::F64(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.hand(field, Value::Text(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.hand(field, Value::Error(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.hand(field, Value::Debug(value));
    }
}
