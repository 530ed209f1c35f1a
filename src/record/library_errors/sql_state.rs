//! The error class of a SQLSTATE, for labels.
//!
//! A code has five characters: a class, which the standard and the products' manuals name, and the condition in it.
//! Code of the database itself may raise any, so that codes are no label; their classes are a closed list. The
//! conditions that an operator looks for have names of their own, those of
//! [PostgreSQL's appendix](https://www.postgresql.org/docs/current/errcodes-appendix.html).

/// The conditions that are told from others of their class.
const CONDITIONS: [(&str, &str); 15] = [
    ("23502", "not_null_violation"),
    ("23503", "foreign_key_violation"),
    ("23505", "unique_violation"),
    ("23514", "check_violation"),
    ("23P01", "exclusion_violation"),
    ("25006", "read_only_sql_transaction"),
    ("40001", "serialization_failure"),
    ("40P01", "deadlock_detected"),
    ("42501", "insufficient_privilege"),
    ("53100", "disk_full"),
    ("53300", "too_many_connections"),
    ("55P03", "lock_not_available"),
    ("57014", "query_canceled"),
    ("57P01", "admin_shutdown"),
    ("57P03", "cannot_connect_now"),
];

/// The classes, by their two characters.
const CLASSES: [(&str, &str); 28] = [
    ("08", "connection_exception"),
    ("0A", "feature_not_supported"),
    ("0F", "locator_exception"),
    ("0L", "invalid_grantor"),
    ("0P", "invalid_role_specification"),
    ("20", "case_not_found"),
    ("21", "cardinality_violation"),
    ("22", "data_exception"),
    ("23", "integrity_constraint_violation"),
    ("24", "invalid_cursor_state"),
    ("25", "invalid_transaction_state"),
    ("26", "invalid_sql_statement_name"),
    ("28", "invalid_authorization_specification"),
    ("2B", "dependent_objects_still_exist"),
    ("2D", "invalid_transaction_termination"),
    ("34", "invalid_cursor_name"),
    ("3D", "invalid_catalog_name"),
    ("3F", "invalid_schema_name"),
    ("40", "transaction_rollback"),
    ("42", "syntax_error_or_access_rule_violation"),
    ("44", "with_check_option_violation"),
    ("53", "insufficient_resources"),
    ("54", "program_limit_exceeded"),
    ("55", "object_not_in_prerequisite_state"),
    ("57", "operator_intervention"),
    ("58", "system_error"),
    ("P0", "raise_exception"),
    ("XX", "internal_error"),
];

/// The error type where the code says nothing more.
pub(crate) const OTHER_DATABASE_ERROR: &str = "database_error";

/// Returns the error type of a code; that of an unknown class is `database_error`.
pub(crate) fn error_type(code: &str) -> &'static str {
    let of = |table: &[(&str, &'static str)], key: &str| {
        let mut found = table.iter().filter(|(known, _)| *known == key);
        found.next().map(|(_, name)| *name)
    };
    let class = || of(&CLASSES, code.get(..2)?);
    let is_state = code.len() == 5;
    let known = is_state.then(|| of(&CONDITIONS, code).or_else(class));
    known.flatten().unwrap_or(OTHER_DATABASE_ERROR)
}

/// Returns `true` for a word that codes have.
#[cfg(all(test, feature = "sqlx"))]
pub(super) fn is_known(word: &str) -> bool {
    let mut known = CONDITIONS.iter().chain(&CLASSES);
    known.any(|(_, known)| *known == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_its_condition_its_class_or_a_database_error() {
        for (code, expected) in [
            ("23505", "unique_violation"),
            ("23001", "integrity_constraint_violation"),
            ("40P01", "deadlock_detected"),
            ("40002", "transaction_rollback"),
            ("42P01", "syntax_error_or_access_rule_violation"),
            ("P0001", "raise_exception"),
            ("ZZ999", "database_error"),
            // Not of SQLite, whose result codes are numbers.
            ("1555", "database_error"),
            ("25006", "read_only_sql_transaction"),
            ("25P02", "invalid_transaction_state"),
            ("23", "database_error"),
            ("ééa", "database_error"),
            ("", "database_error"),
        ] {
            assert_eq!(error_type(code), expected, "{code}");
        }
    }
}
