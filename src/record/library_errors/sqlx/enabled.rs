//! The errors of sqlx.

use sqlx::Error;
use sqlx::error::{DatabaseError, ErrorKind};

use super::{sql_codes, sql_state};
use crate::record::error_reasons::ErrorReasons;

pub(super) fn classify(reasons: &ErrorReasons) {
    reasons.classify_by_default(error_type);
}

/// Returns the class of an error, out of a closed list.
pub(crate) fn error_type(error: &Error) -> &'static str {
    match error {
        Error::PoolTimedOut => "pool_timed_out",
        Error::PoolClosed => "pool_closed",
        Error::Database(error) => database_error_type(&**error),
        Error::Io(_) => "io",
        Error::Tls(_) => "tls",
        Error::Protocol(_) => "protocol",
        Error::Configuration(_) => "configuration",
        Error::RowNotFound => "row_not_found",
        Error::Encode(_) | Error::InvalidArgument(_) => "encode",
        Error::ColumnDecode { .. } | Error::Decode(_) => "decode",
        Error::TypeNotFound { .. }
        | Error::ColumnIndexOutOfBounds { .. }
        | Error::ColumnNotFound(_) => "schema_mismatch",
        Error::WorkerCrashed => "worker_crashed",
        Error::BeginFailed | Error::InvalidSavePointStatement => "begin_failed",
        // The conventions' value for what has no name.
        _ => "_OTHER",
    }
}

fn database_error_type(error: &dyn DatabaseError) -> &'static str {
    // Also where the product has codes of its own, as SQLite and MySQL do.
    match error.kind() {
        ErrorKind::UniqueViolation => "unique_violation",
        ErrorKind::ForeignKeyViolation => "foreign_key_violation",
        ErrorKind::NotNullViolation => "not_null_violation",
        ErrorKind::CheckViolation => "check_violation",
        ErrorKind::ExclusionViolation => "exclusion_violation",
        _ => error
            .code()
            .map_or(sql_state::OTHER_DATABASE_ERROR, |code| {
                error_type_of_code(&code, error)
            }),
    }
}

fn error_type_of_code(code: &str, error: &dyn DatabaseError) -> &'static str {
    // A SQLSTATE has five characters, and a result code of SQLite fewer.
    if let Some(known) = result_code(code).and_then(sql_codes::sqlite_error_type) {
        return known;
    }
    let number = mysql_number(&error.to_string(), code);
    let known = number.and_then(sql_codes::mysql_error_type);
    known.unwrap_or_else(|| sql_state::error_type(code))
}

fn result_code(code: &str) -> Option<u16> {
    (code.len() < 5).then(|| code.parse().ok())?
}

/// Returns the number of an error of MySQL, as its text begins: `1205 (HY000): …`. Nothing else of it is asked for:
/// its type needs the driver.
fn mysql_number(text: &str, code: &str) -> Option<u16> {
    let (number, rest) = text.split_once(" (")?;
    let rest = rest.strip_prefix(code)?;
    rest.starts_with("): ").then(|| number.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_mysql_stands_before_its_state() {
        for (text, code, expected) in [
            (
                "1205 (HY000): Lock wait timeout exceeded",
                "HY000",
                Some(1205),
            ),
            ("1205 (HY000): Lock wait timeout exceeded", "40001", None),
            ("99999 (HY000): no number of 16 bits", "HY000", None),
            ("the order 1205 (HY000): is gone", "HY000", None),
            ("1205: Lock wait timeout exceeded", "HY000", None),
            ("", "HY000", None),
        ] {
            assert_eq!(mysql_number(text, code), expected, "{text}");
        }
    }

    #[test]
    fn a_state_is_no_result_code() {
        assert_eq!(result_code("5"), Some(5));
        assert_eq!(result_code("2067"), Some(2067));
        assert_eq!(result_code("23505"), None);
        assert_eq!(result_code("HY00"), None);
        assert_eq!(result_code(""), None);
    }
}
