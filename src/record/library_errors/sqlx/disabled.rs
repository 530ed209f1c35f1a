//! Without sqlx there are no errors of it.

use crate::record::error_reasons::ErrorReasons;

pub(super) const fn classify(_: &ErrorReasons) {}
