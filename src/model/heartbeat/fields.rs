//! The members of a JSON object, taken one by one; what does not fit is collected, and what nobody
//! takes is counted.

use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value};

/// The largest number that every store can hold.
const LARGEST: u64 = i64::MAX as u64;

/// How much of a value is repeated in a message.
const SHOWN: usize = 64;

/// A beat that can't be read: every fault at once. Whoever sent it is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) struct BeatFault(pub(super) Vec<Misfit>);

/// One thing that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// The JSON path, such as `$.progress.in_flight`.
    pub(crate) path: String,
    /// The value as found, shortened.
    pub(crate) found: String,
    pub(crate) allowed: String,
}

impl BeatFault {
    /// Never empty.
    pub(crate) fn misfits(&self) -> &[Misfit] {
        &self.0
    }
}

impl fmt::Display for BeatFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("the beat has a fault")?,
            count => write!(f, "the beat has {count} faults")?,
        }
        let mut before = ": ";
        for misfit in &self.0 {
            write!(f, "{before}{misfit}")?;
            before = "; ";
        }
        Ok(())
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            found,
            allowed,
        } = self;
        write!(f, "{path}: {found}, allowed: {allowed}")
    }
}

/// One object whose members are taken.
pub(super) struct Members<'a> {
    path: &'static str,
    members: &'a Map<String, Value>,
    taken: u64,
    misfits: &'a mut Vec<Misfit>,
}

impl<'a> Members<'a> {
    /// `None`, and a fault, where the value is no object.
    pub(super) fn of(
        path: &'static str,
        value: &'a Value,
        misfits: &'a mut Vec<Misfit>,
    ) -> Option<Self> {
        let Value::Object(members) = value else {
            misfits.push(Misfit {
                path: path.into(),
                found: shown(value),
                allowed: "an object".into(),
            });
            return None;
        };
        Some(Self {
            path,
            members,
            taken: 0,
            misfits,
        })
    }

    /// How many members nobody has taken.
    pub(super) fn unknown(&self) -> u64 {
        (self.members.len() as u64).saturating_sub(self.taken)
    }

    pub(super) fn take(&mut self, key: &str) -> Option<&'a Value> {
        let value = self.members.get(key)?;
        self.taken += 1;
        (!value.is_null()).then_some(value)
    }

    /// What `read` makes of a member. An absent one is `None`, as null is; one that does not fit is a
    /// fault, and `None` too.
    pub(super) fn optional<T>(
        &mut self,
        key: &str,
        allowed: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(key)?;
        let read = read(value);
        if read.is_none() {
            self.misfit(key, shown(value), allowed);
        }
        read
    }

    /// The same, where absence is a fault.
    pub(super) fn required<T>(
        &mut self,
        key: &str,
        allowed: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        if self.members.get(key).is_none_or(Value::is_null) {
            self.misfit(key, "missing".into(), allowed);
        }
        self.optional(key, allowed, read)
    }

    pub(super) fn count(&mut self, key: &str) -> Option<u64> {
        self.optional(key, WHOLE, count)
    }

    pub(super) fn time(&mut self, key: &str) -> Option<Timestamp> {
        let allowed = "a time of RFC 3339, such as \"2026-03-01T12:00:00.000Z\"";
        self.optional(key, allowed, |value| value.as_str()?.parse().ok())
    }

    fn misfit(&mut self, key: &str, found: String, allowed: &str) {
        self.misfits.push(Misfit {
            path: format!("{}.{key}", self.path),
            found,
            allowed: allowed.into(),
        });
    }
}

/// What a count may be, for messages.
pub(super) const WHOLE: &str = "a whole number from 0 to 9223372036854775807";

pub(super) fn count(value: &Value) -> Option<u64> {
    value.as_u64().filter(|count| *count <= LARGEST)
}

/// A value as a message repeats it: short, and on one line.
fn shown(value: &Value) -> String {
    let kind = match value {
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
        scalar => {
            let text = scalar.to_string();
            if text.chars().count() <= SHOWN {
                return text;
            }
            let start: String = text.chars().take(SHOWN).collect();
            return format!("{start}…");
        }
    };
    kind.into()
}
