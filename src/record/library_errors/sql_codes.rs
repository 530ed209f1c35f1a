//! The error classes of products that have codes of their own beside the SQLSTATE, or none of that: the same
//! words, those of [`sql_state`](super::sql_state).

/// Numbers of [MySQL](https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html) and
/// [MariaDB](https://mariadb.com/kb/en/mariadb-error-code-reference/) whose SQLSTATE says less, `HY000` most often.
const MYSQL: [(u16, &str); 23] = [
    (1021, "disk_full"),
    (1037, "insufficient_resources"),
    (1038, "insufficient_resources"),
    (1040, "too_many_connections"),
    (1041, "insufficient_resources"),
    (1044, "insufficient_privilege"),
    (1053, "admin_shutdown"),
    // The table is full, for want of space in its file.
    (1114, "disk_full"),
    (1142, "insufficient_privilege"),
    (1143, "insufficient_privilege"),
    (1203, "too_many_connections"),
    (1205, "lock_not_available"),
    (1213, "deadlock_detected"),
    (1226, "too_many_connections"),
    (1227, "insufficient_privilege"),
    (1290, "read_only_sql_transaction"),
    (1317, "query_canceled"),
    (1792, "read_only_sql_transaction"),
    (1836, "read_only_sql_transaction"),
    // `max_execution_time`, and that of MariaDB.
    (1969, "query_canceled"),
    (3024, "query_canceled"),
    // `NOWAIT`
    (3572, "lock_not_available"),
    (3819, "check_violation"),
];

/// Result codes of [SQLite](https://www.sqlite.org/rescode.html): the low byte is the class, and what is above it the
/// condition. `SQLITE_ERROR` is left out: it is for all that has no code.
const SQLITE: [(u16, &str); 29] = [
    (2, "internal_error"),
    (3, "insufficient_privilege"),
    (4, "transaction_rollback"),
    (5, "lock_not_available"),
    (6, "lock_not_available"),
    (7, "insufficient_resources"),
    (8, "read_only_sql_transaction"),
    (9, "query_canceled"),
    (10, "system_error"),
    (11, "internal_error"),
    (13, "disk_full"),
    (14, "connection_exception"),
    (15, "lock_not_available"),
    (18, "program_limit_exceeded"),
    (19, "integrity_constraint_violation"),
    (20, "data_exception"),
    (21, "internal_error"),
    (23, "insufficient_privilege"),
    (26, "internal_error"),
    // A reader that wants to write after another one has.
    (517, "serialization_failure"),
    // Memory for what the system is asked for.
    (3082, "insufficient_resources"),
    (275, "check_violation"),
    (787, "foreign_key_violation"),
    (1299, "not_null_violation"),
    (1555, "unique_violation"),
    (1811, "raise_exception"),
    (2067, "unique_violation"),
    (2579, "unique_violation"),
    (3091, "data_exception"),
];

/// Returns the error type of a number of MySQL that says more than its SQLSTATE.
pub(super) fn mysql_error_type(number: u16) -> Option<&'static str> {
    of(&MYSQL, number)
}

/// Returns the error type of a result code of SQLite, by its condition or else by its class.
pub(super) fn sqlite_error_type(code: u16) -> Option<&'static str> {
    of(&SQLITE, code).or_else(|| of(&SQLITE, code & 0xff))
}

fn of(table: &[(u16, &'static str)], key: u16) -> Option<&'static str> {
    let mut found = table.iter().filter(|(known, _)| *known == key);
    found.next().map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::library_errors::sql_state;

    #[test]
    fn a_number_of_mysql_is_its_condition() {
        for (number, expected) in [
            (1040, Some("too_many_connections")),
            (1205, Some("lock_not_available")),
            (1213, Some("deadlock_detected")),
            (3024, Some("query_canceled")),
            // By its SQLSTATE, 42S02.
            (1146, None),
            (0, None),
        ] {
            assert_eq!(mysql_error_type(number), expected, "{number}");
        }
    }

    #[test]
    fn a_result_code_of_sqlite_is_its_condition_or_its_class() {
        for (code, expected) in [
            (5, Some("lock_not_available")),
            // `SQLITE_BUSY_RECOVERY` and `SQLITE_LOCKED_SHAREDCACHE`.
            (261, Some("lock_not_available")),
            (262, Some("lock_not_available")),
            (517, Some("serialization_failure")),
            (13, Some("disk_full")),
            (19, Some("integrity_constraint_violation")),
            // `SQLITE_CONSTRAINT_VTAB`
            (2323, Some("integrity_constraint_violation")),
            (787, Some("foreign_key_violation")),
            (1555, Some("unique_violation")),
            (2067, Some("unique_violation")),
            // `SQLITE_IOERR_FSYNC`
            (1034, Some("system_error")),
            (3082, Some("insufficient_resources")),
            (1, None),
            (0, None),
        ] {
            assert_eq!(sqlite_error_type(code), expected, "{code}");
        }
    }

    #[test]
    fn no_word_is_unknown_to_sql_states() {
        for (code, word) in MYSQL.iter().chain(&SQLITE) {
            assert!(sql_state::is_known(word), "{code}: {word}");
        }
    }
}
