//! The operation and the table of a statement, for labels and span names.
//!
//! Why not a parser of SQL? Each product has a grammar of its own, and a label needs two words. Those are read
//! from the tokens: the first keyword, out of a closed list, and the name after the first `FROM`, `INTO`, `UPDATE`
//! or the like. Nothing else of a text gets out: a table is a plain or quoted identifier, and where that is in
//! doubt there is none. So no literal becomes a label, whatever was put into the text.
//!
//! | text | operation | table |
//! |---|---|---|
//! | `SELECT * FROM shop.orders o JOIN items …` | `SELECT` | `orders` |
//! | `WITH due AS (SELECT id FROM jobs …) UPDATE jobs SET …` | `UPDATE` | `jobs` |
//! | `WITH moved AS (DELETE FROM jobs …) SELECT * FROM moved` | `SELECT` | `jobs` |
//! | `SELECT * FROM (SELECT id FROM orders) AS o` | `SELECT` | `orders` |
//! | `SELECT * FROM generate_series(1, 3)`, `SELECT 1` | `SELECT` | – |
//! | `ALTER TABLE orders …`, `COMMIT` | `ALTER`, `COMMIT` | – |
//!
//! The schema is left out: it is often a customer's. So is a table with four or more digits in a row, one of many for
//! days or customers: they would use up the instrument's series. It costs no allocation, and reads at most the first
//! [`MAX_BYTES`] of a text.

use crate::record::error_reasons::holds_id;

/// The part of a text that is read.
const MAX_BYTES: usize = 8_192;
/// Longer names are no identifiers in any product.
const MAX_NAME_BYTES: usize = 128;
/// Common table expressions that are known by name; further ones count as tables.
const MAX_EXPRESSIONS: usize = 8;
/// Queries inside queries that are followed to a table.
const MAX_NESTING: usize = 8;

/// The words that a statement may begin with, in the form of the label.
const OPERATIONS: [&str; 48] = [
    "ALTER",
    "ANALYZE",
    "ATTACH",
    "BEGIN",
    "CALL",
    "CHECKPOINT",
    "CLUSTER",
    "COMMENT",
    "COMMIT",
    "COPY",
    "CREATE",
    "DEALLOCATE",
    "DECLARE",
    "DELETE",
    "DESCRIBE",
    "DETACH",
    "DISCARD",
    "DO",
    "DROP",
    "EXECUTE",
    "EXPLAIN",
    "FETCH",
    "GRANT",
    "INSERT",
    "LISTEN",
    "LOCK",
    "MERGE",
    "NOTIFY",
    "OPTIMIZE",
    "PRAGMA",
    "PREPARE",
    "REFRESH",
    "REINDEX",
    "RELEASE",
    "REPLACE",
    "REVOKE",
    "ROLLBACK",
    "SAVEPOINT",
    "SELECT",
    "SET",
    "SHOW",
    "START",
    "TABLE",
    "TRUNCATE",
    "UNLISTEN",
    "UPDATE",
    "VACUUM",
    "VALUES",
];

/// The labels of a statement; a part that is not known is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SqlSummary<'a> {
    pub(crate) operation: &'static str,
    pub(crate) table: &'a str,
}

/// The products as far as their texts are read in different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `#` is an operator.
    Standard,
    /// A comment goes from `#` to the end of the line.
    MySql,
    /// It may be either: behind `#` nobody knows what is a literal.
    Unknown,
}

impl<'a> SqlSummary<'a> {
    /// Reads the operation and the table of a text, of the first statement where it holds several.
    pub(crate) fn parse(text: &'a str, dialect: Dialect) -> Self {
        let mut end = text.len().min(MAX_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let mut tokens = Tokens::new(&text[..end], dialect);
        let mut expressions = Expressions::default();
        let mut summary = tokens.statement(&mut expressions, 0);
        if holds_id(summary.table) {
            summary.table = "";
        }
        summary
    }
}

/// The common table expressions of a statement: each name, and the text from its body on.
#[derive(Clone, Copy, Debug, Default)]
struct Expressions<'a> {
    known: [(&'a str, &'a str); MAX_EXPRESSIONS],
    count: usize,
}

impl<'a> Expressions<'a> {
    fn add(&mut self, name: &'a str, body: &'a str) {
        if let Some(place) = self.known.get_mut(self.count) {
            *place = (name, body);
            self.count += 1;
        }
    }

    fn body(&self, name: &str) -> Option<&'a str> {
        let known = self.known[..self.count].iter();
        let mut found = known.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        found.next().map(|(_, body)| *body)
    }
}

/// The place of a table's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A source that is read: a table, a query or a function.
    From,
    /// A table that is written, whose columns may follow.
    Into,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    /// A keyword or an identifier without quotes.
    Word(&'a str),
    /// An identifier in quotes, without them.
    Quoted(&'a str),
    Open,
    Close,
    /// A character that is none of these, such as `.` or `,`.
    Sign(u8),
    /// A string, a number or a parameter, of which nothing is kept.
    Literal,
}

impl Token<'_> {
    fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Word(found) if found.eq_ignore_ascii_case(word))
    }

    fn is_one_of(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is_word(word))
    }
}

/// The tokens of a text from a place on. They end where the text ends, and where its meaning is in doubt.
#[derive(Clone, Copy, Debug)]
struct Tokens<'a> {
    text: &'a str,
    at: usize,
    dialect: Dialect,
}

impl<'a> Tokens<'a> {
    const fn new(text: &'a str, dialect: Dialect) -> Self {
        Self {
            text,
            at: 0,
            dialect,
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Returns the next token without taking it.
    fn peek(&self) -> Option<Token<'a>> {
        let mut ahead = *self;
        ahead.next()
    }

    /// Takes the next token if it is one of these words.
    fn skip(&mut self, words: &[&str]) -> bool {
        let found = self.peek().is_some_and(|token| token.is_one_of(words));
        if found {
            self.next();
        }
        found
    }

    /// Reads a statement that begins here.
    fn statement(&mut self, expressions: &mut Expressions<'a>, nesting: usize) -> SqlSummary<'a> {
        while self.peek() == Some(Token::Open) {
            self.next();
        }
        let Some(Token::Word(word)) = self.next() else {
            return SqlSummary::default();
        };
        if word.eq_ignore_ascii_case("WITH") {
            self.expressions(expressions);
            return match self.peek() {
                // What stands there now is the statement itself, which can't be a second `WITH`.
                Some(token) if !token.is_word("WITH") => self.statement(expressions, nesting),
                _ => SqlSummary::default(),
            };
        }
        let known = OPERATIONS.iter();
        let mut known = known.filter(|known| known.eq_ignore_ascii_case(word));
        let Some(operation) = known.next().copied() else {
            return SqlSummary::default();
        };
        let table = match operation {
            "SELECT" | "DELETE" => self.after_from(expressions, nesting),
            "INSERT" | "MERGE" | "REPLACE" => {
                self.skip_modifiers();
                self.skip(&["INTO"]);
                self.target(Place::Into, expressions, nesting)
            }
            "UPDATE" => {
                self.skip_modifiers();
                self.target(Place::Into, expressions, nesting)
            }
            "TRUNCATE" | "LOCK" => {
                self.skip(&["TABLE", "TABLES"]);
                self.target(Place::Into, expressions, nesting)
            }
            "COPY" | "TABLE" => self.target(Place::Into, expressions, nesting),
            _ => None,
        };
        SqlSummary {
            operation,
            table: table.unwrap_or_default(),
        }
    }

    /// Takes what may stand between a keyword and the table: `OR REPLACE`, `IGNORE` and the like.
    fn skip_modifiers(&mut self) {
        if self.skip(&["OR"]) {
            self.next();
        }
        while self.skip(&[
            "LOW_PRIORITY",
            "HIGH_PRIORITY",
            "DELAYED",
            "QUICK",
            "IGNORE",
        ]) {}
    }

    /// Takes the list of common table expressions, from after `WITH` to before the statement.
    fn expressions(&mut self, expressions: &mut Expressions<'a>) {
        self.skip(&["RECURSIVE"]);
        loop {
            let Some(Token::Word(name) | Token::Quoted(name)) = self.next() else {
                return;
            };
            // A list of columns stands before `AS`.
            if self.peek() == Some(Token::Open) {
                self.next();
                self.close();
            }
            self.skip(&["AS"]);
            self.skip(&["NOT"]);
            self.skip(&["MATERIALIZED"]);
            if self.next() != Some(Token::Open) {
                return;
            }
            expressions.add(name, self.rest());
            self.close();
            // `SEARCH` and `CYCLE` clauses may follow; nothing in them is a statement's first word.
            loop {
                match self.peek() {
                    Some(Token::Sign(b',')) => {
                        self.next();
                        break;
                    }
                    Some(token) if token.is_one_of(&OPERATIONS) && !token.is_word("SET") => return,
                    Some(Token::Open) | None => return,
                    Some(_) => {
                        self.next();
                    }
                }
            }
        }
    }

    /// Takes everything up to the parenthesis that closes the one before.
    fn close(&mut self) {
        let mut depth = 1_usize;
        while depth > 0 {
            match self.next() {
                Some(Token::Open) => depth += 1,
                Some(Token::Close) => depth -= 1,
                Some(_) => {}
                None => return,
            }
        }
    }

    /// Returns the table after the first `FROM` outside of parentheses.
    fn after_from(&mut self, expressions: &Expressions<'a>, nesting: usize) -> Option<&'a str> {
        let mut before = Token::Literal;
        loop {
            let token = self.next()?;
            match token {
                Token::Open => self.close(),
                // The end of a query in parentheses, or of the statement.
                Token::Close | Token::Sign(b';') => return None,
                // `IS DISTINCT FROM` compares with what follows.
                _ if token.is_word("FROM") && !before.is_word("DISTINCT") => {
                    return self.target(Place::From, expressions, nesting);
                }
                _ => {}
            }
            before = token;
        }
    }

    /// Returns the table that is named here, or that the query stands for which is written or named here.
    fn target(
        &mut self,
        place: Place,
        expressions: &Expressions<'a>,
        nesting: usize,
    ) -> Option<&'a str> {
        if nesting > MAX_NESTING {
            return None;
        }
        self.skip(&["ONLY"]);
        self.skip(&["LATERAL"]);
        let mut name = match self.next()? {
            Token::Open => {
                let is_query =
                    |token: Token<'_>| token.is_one_of(&["SELECT", "WITH", "TABLE", "VALUES"]);
                return match self.peek()? {
                    token if is_query(token) => {
                        let mut expressions = *expressions;
                        let inner = self.statement(&mut expressions, nesting + 1);
                        (!inner.table.is_empty()).then_some(inner.table)
                    }
                    // A list of joined tables in parentheses.
                    Token::Word(_) | Token::Quoted(_) | Token::Open => {
                        self.target(place, expressions, nesting + 1)
                    }
                    _ => None,
                };
            }
            Token::Word(name) | Token::Quoted(name) => name,
            _ => return None,
        };
        let mut is_qualified = false;
        while self.peek() == Some(Token::Sign(b'.')) {
            self.next();
            // Catalogs of SQL Server leave the schema between two dots empty.
            if self.peek() == Some(Token::Sign(b'.')) {
                continue;
            }
            let (Token::Word(part) | Token::Quoted(part)) = self.next()? else {
                return None;
            };
            name = part;
            is_qualified = true;
        }
        // `ROWS FROM (…)` is a list of functions.
        if !is_qualified && name.eq_ignore_ascii_case("ROWS") && self.skip(&["FROM"]) {
            return None;
        }
        // After `FROM` it is a function that returns rows, and after `INTO` the list of columns.
        if place == Place::From && self.peek() == Some(Token::Open) {
            return None;
        }
        if is_qualified {
            return Some(name);
        }
        match expressions.body(name) {
            None => Some(name),
            Some(body) => {
                let mut expressions = *expressions;
                let inner =
                    Tokens::new(body, self.dialect).statement(&mut expressions, nesting + 1);
                (!inner.table.is_empty()).then_some(inner.table)
            }
        }
    }

    /// Takes the next token. Where there is a doubt nothing after it is read either: it may be inside of a literal.
    fn next(&mut self) -> Option<Token<'a>> {
        let token = self.read();
        if token.is_none() {
            self.at = self.text.len();
        }
        token
    }

    fn read(&mut self) -> Option<Token<'a>> {
        self.skip_space()?;
        let bytes = self.text.as_bytes();
        let start = self.at;
        let first = *bytes.get(start)?;
        match first {
            b'(' => self.single(Token::Open),
            b')' => self.single(Token::Close),
            b'\'' => self.string(),
            b'"' | b'`' => self.quoted(first),
            b'[' => self.quoted(b']'),
            b'$' => self.dollar(),
            b'0'..=b'9' => {
                self.take_while(|byte| is_name(byte) || byte == b'.');
                Some(Token::Literal)
            }
            _ if is_name(first) => {
                self.take_while(is_name);
                let word = &self.text[start..self.at];
                // `E'…'`, `N'…'`, `U&'…'` and `U&"…"`: prefixes of what follows.
                let next = self.rest().as_bytes().first();
                if word.len() == 1 && next == Some(&b'\'') {
                    return self.string();
                }
                if word.eq_ignore_ascii_case("u") && next == Some(&b'&') {
                    return None;
                }
                (word.len() <= MAX_NAME_BYTES).then_some(Token::Word(word))
            }
            _ => self.single(Token::Sign(first)),
        }
    }

    fn single(&mut self, token: Token<'a>) -> Option<Token<'a>> {
        self.at += 1;
        Some(token)
    }

    fn take_while(&mut self, accept: impl Fn(u8) -> bool) {
        let rest = self.rest().bytes();
        self.at += rest.take_while(|byte| accept(*byte)).count();
    }

    /// Takes white space and comments; `None` where a comment has no end.
    fn skip_space(&mut self) -> Option<()> {
        loop {
            self.take_while(|byte| byte.is_ascii_whitespace());
            let rest = self.rest();
            let is_hash = rest.starts_with('#');
            if is_hash && self.dialect == Dialect::Unknown {
                return None;
            }
            if rest.starts_with("--") || is_hash && self.dialect == Dialect::MySql {
                self.take_while(|byte| byte != b'\n');
            } else if rest.starts_with("/*") {
                self.comment()?;
            } else {
                return Some(());
            }
        }
    }

    /// Takes a comment. PostgreSQL nests them, others end them at the first end: where that makes a difference
    /// nothing after it is read.
    fn comment(&mut self) -> Option<()> {
        let inner = &self.rest()[2..];
        let length = inner.find("*/")?;
        if inner[..length].contains("/*") {
            return None;
        }
        self.at += 2 + length + 2;
        Some(())
    }

    /// Takes a string. A backslash before a quote means one thing to MySQL and another to PostgreSQL: behind it
    /// nobody knows what is a literal.
    fn string(&mut self) -> Option<Token<'a>> {
        let bytes = self.text.as_bytes();
        self.at += 1;
        loop {
            match bytes.get(self.at)? {
                b'\\' if matches!(bytes.get(self.at + 1), Some(b'\'' | b'\\')) => return None,
                b'\'' if bytes.get(self.at + 1) == Some(&b'\'') => self.at += 2,
                b'\'' => {
                    self.at += 1;
                    return Some(Token::Literal);
                }
                _ => self.at += 1,
            }
        }
    }

    /// Takes an identifier in quotes, or in MySQL a string; only one that looks like a name is told.
    fn quoted(&mut self, end: u8) -> Option<Token<'a>> {
        let start = self.at + 1;
        let length = self.text.as_bytes()[start..]
            .iter()
            .position(|byte| *byte == end)?;
        let name = self.text.get(start..start + length)?;
        self.at = start + length + 1;
        let is_plain = |byte: u8| is_name(byte) || matches!(byte, b' ' | b'-' | b'.' | b':');
        let is_name =
            !name.is_empty() && name.len() <= MAX_NAME_BYTES && name.bytes().all(is_plain);
        // A doubled quote inside a name, or a backslash of MySQL's: its end is in doubt.
        if self.rest().as_bytes().first() == Some(&end) || name.contains('\\')
            // A subscript of PostgreSQL's, which holds strings.
            || end == b']' && name.contains('\'')
        {
            return None;
        }
        Some(if is_name {
            Token::Quoted(name)
        } else {
            Token::Literal
        })
    }

    /// Takes a parameter such as `$1`, or a string such as `$$…$$` and `$tag$…$tag$`.
    fn dollar(&mut self) -> Option<Token<'a>> {
        let rest = self.rest();
        let tag = rest[1..]
            .bytes()
            .take_while(|byte| is_name(*byte) && *byte != b'$');
        let tag = tag.count();
        let is_string =
            rest.as_bytes().get(tag + 1) == Some(&b'$') && !rest.as_bytes()[1].is_ascii_digit();
        if is_string {
            let delimiter = &rest[..tag + 2];
            let length = rest[tag + 2..].find(delimiter)?;
            self.at += length + 2 * delimiter.len();
        } else {
            self.at += 1 + tag;
        }
        Some(Token::Literal)
    }
}

/// The bytes of a name without quotes; those beyond ASCII are parts of letters.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (&str, &str) {
        parse_as(Dialect::Standard, text)
    }

    fn parse_as(dialect: Dialect, text: &str) -> (&str, &str) {
        let summary = SqlSummary::parse(text, dialect);
        (summary.operation, summary.table)
    }

    #[test]
    fn a_comment_of_mysql_is_none_elsewhere() {
        for (text, mysql, standard) in [
            (
                "SELECT a # the customer's\nFROM orders WHERE b = 'FROM secret'",
                ("SELECT", "orders"),
                // Between the apostrophes is a string.
                ("SELECT", "secret"),
            ),
            (
                "# it's FROM secret\nUPDATE orders SET a = 1",
                ("UPDATE", "orders"),
                ("", ""),
            ),
            (
                "WITH a AS (SELECT 1 # ')\n FROM orders) SELECT * FROM a # it's",
                ("SELECT", "orders"),
                ("", ""),
            ),
            // An exclusive or, and a part of JSON.
            (
                "SELECT a # b, c #> '{d}' FROM orders",
                ("SELECT", ""),
                ("SELECT", "orders"),
            ),
            (
                "SELECT '# ' FROM orders",
                ("SELECT", "orders"),
                ("SELECT", "orders"),
            ),
        ] {
            assert_eq!(parse_as(Dialect::MySql, text), mysql, "{text}");
            assert_eq!(parse_as(Dialect::Standard, text), standard, "{text}");
            let (operation, table) = parse_as(Dialect::Unknown, text);
            assert!(operation.is_empty() || operation == mysql.0, "{text}");
            assert!(
                table.is_empty() || (mysql.1 == table && standard.1 == table),
                "{text}"
            );
        }
    }

    #[test]
    fn the_operation_and_the_table_are_read_from_statements_of_every_kind() {
        let cases = [
            (
                "SELECT id, total FROM orders WHERE id = $1",
                "SELECT",
                "orders",
            ),
            (
                "select * from shop.orders o join items i on true",
                "SELECT",
                "orders",
            ),
            (
                "SELECT * FROM \"shop\".\"Order Items\" WHERE a = 'x'",
                "SELECT",
                "Order Items",
            ),
            ("SELECT * FROM `shop`.`orders` LIMIT 1", "SELECT", "orders"),
            ("SELECT * FROM [dbo].[orders]", "SELECT", "orders"),
            ("SELECT * FROM warehouse..orders", "SELECT", "orders"),
            ("SELECT * FROM ONLY orders", "SELECT", "orders"),
            ("SELECT FROM orders", "SELECT", "orders"),
            (
                "SELECT extract(epoch FROM now() - min(due)), count(*) FROM outbox",
                "SELECT",
                "outbox",
            ),
            (
                "SELECT substring('a' from 'secret') FROM orders",
                "SELECT",
                "orders",
            ),
            (
                "SELECT a IS DISTINCT FROM b FROM orders",
                "SELECT",
                "orders",
            ),
            (
                "SELECT 'it''s FROM secret', E'x' FROM orders",
                "SELECT",
                "orders",
            ),
            (
                "SELECT $$ FROM secret $$, $tag$ FROM $$ secret $tag$, $1 FROM orders",
                "SELECT",
                "orders",
            ),
            ("SELECT 1.5e3, data->>'a' FROM orders", "SELECT", "orders"),
            (
                "(SELECT id FROM orders) UNION (SELECT id FROM items)",
                "SELECT",
                "orders",
            ),
            (
                "SELECT count(*) FROM (SELECT DISTINCT id FROM orders) AS o",
                "SELECT",
                "orders",
            ),
            (
                "SELECT * FROM ((orders JOIN items ON true))",
                "SELECT",
                "orders",
            ),
            ("SELECT EXISTS(SELECT 1 FROM orders)", "SELECT", ""),
            ("SELECT * FROM generate_series(1, 3)", "SELECT", ""),
            (
                "SELECT * FROM unnest($1::int[], $2::int[]) AS t(a, b)",
                "SELECT",
                "",
            ),
            ("SELECT 1", "SELECT", ""),
            ("SELECT version();", "SELECT", ""),
            (
                "-- FROM a\n  /* FROM b */ SELECT /* c */ id -- FROM d\n FROM orders",
                "SELECT",
                "orders",
            ),
            (
                "INSERT INTO orders (id, total) VALUES ($1, $2) RETURNING id",
                "INSERT",
                "orders",
            ),
            ("INSERT INTO orders(id) VALUES ($1)", "INSERT", "orders"),
            (
                "INSERT INTO shop.orders(id) SELECT id FROM carts",
                "INSERT",
                "orders",
            ),
            (
                "INSERT OR IGNORE INTO orders DEFAULT VALUES",
                "INSERT",
                "orders",
            ),
            (
                "INSERT LOW_PRIORITY IGNORE orders VALUES (1)",
                "INSERT",
                "orders",
            ),
            ("REPLACE INTO orders VALUES (1)", "REPLACE", "orders"),
            (
                "MERGE INTO orders AS o USING carts ON true",
                "MERGE",
                "orders",
            ),
            ("UPDATE orders SET total = 1", "UPDATE", "orders"),
            ("UPDATE ONLY shop.orders SET total = 1", "UPDATE", "orders"),
            (
                "UPDATE OR ROLLBACK orders SET total = 1",
                "UPDATE",
                "orders",
            ),
            ("DELETE FROM orders WHERE id = 1", "DELETE", "orders"),
            ("delete from orders using items", "DELETE", "orders"),
            ("TRUNCATE TABLE orders, items", "TRUNCATE", "orders"),
            ("TRUNCATE orders", "TRUNCATE", "orders"),
            ("LOCK TABLES orders READ", "LOCK", "orders"),
            ("LOCK TABLE orders IN SHARE MODE", "LOCK", "orders"),
            (
                "SELECT * FROM ROWS FROM (f(1), g(2)) AS t(a, b)",
                "SELECT",
                "",
            ),
            ("SELECT * FROM rows", "SELECT", "rows"),
            // One of many tables: of a day, of a customer.
            ("SELECT * FROM events_20261129", "SELECT", ""),
            ("INSERT INTO shop.orders_4711 VALUES (1)", "INSERT", ""),
            ("SELECT * FROM shop_4711.orders", "SELECT", "orders"),
            ("SELECT * FROM oauth2_tokens", "SELECT", "oauth2_tokens"),
            ("COPY orders(id, total) FROM STDIN", "COPY", "orders"),
            ("TABLE orders", "TABLE", "orders"),
            ("CREATE TABLE IF NOT EXISTS orders (id int)", "CREATE", ""),
            ("BEGIN", "BEGIN", ""),
            ("  commit ;", "COMMIT", ""),
            ("SAVEPOINT _sqlx_savepoint_1", "SAVEPOINT", ""),
            ("SET search_path TO tenant", "SET", ""),
            ("EXPLAIN SELECT * FROM orders", "EXPLAIN", ""),
            ("CALL settle($1)", "CALL", ""),
            ("SELECT * FROM été WHERE \"ü\" = 1", "SELECT", "été"),
        ];
        for (text, operation, table) in cases {
            assert_eq!(parse(text), (operation, table), "{text}");
        }
    }

    #[test]
    fn a_common_table_expression_stands_for_its_table() {
        let cases = [
            (
                "WITH due AS (SELECT id FROM jobs WHERE x = ')' FOR UPDATE SKIP LOCKED LIMIT 1)
                 UPDATE jobs SET state = 1 FROM due WHERE due.id = jobs.id",
                "UPDATE",
                "jobs",
            ),
            ("WITH moved AS (DELETE FROM jobs RETURNING *) SELECT * FROM moved", "SELECT", "jobs"),
            (
                "WITH a AS MATERIALIZED (SELECT 1), b(x) AS NOT MATERIALIZED (SELECT * FROM \"A\" JOIN orders ON true)
                 INSERT INTO archive SELECT * FROM b",
                "INSERT",
                "archive",
            ),
            ("WITH a AS (SELECT * FROM orders), b AS (SELECT * FROM a) SELECT * FROM b", "SELECT", "orders"),
            // One schema further it is a table again.
            ("WITH orders AS (SELECT 1) SELECT * FROM shop.orders", "SELECT", "orders"),
            (
                "WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t) SELECT sum(n) FROM t",
                "SELECT",
                "",
            ),
            ("WITH RECURSIVE t AS (SELECT * FROM t) SELECT * FROM t", "SELECT", ""),
            ("WITH a AS (SELECT 1", "", ""),
            ("WITH", "", ""),
        ];
        for (text, operation, table) in cases {
            assert_eq!(parse(text), (operation, table), "{text}");
        }
    }

    #[test]
    fn nothing_of_a_literal_gets_out() {
        let doubtful = [
            // To MySQL the string goes on behind its second quote.
            r"SELECT 'a\' FROM secret ' FROM orders",
            r"SELECT E'a\\' FROM secret ' FROM orders",
            r#"SELECT "a\" FROM secret " FROM orders"#,
            "SELECT /* /* */ FROM secret */ 1",
            "SELECT 'unfinished FROM secret",
            "SELECT $$unfinished FROM secret",
            "SELECT * FROM 'secret'",
            "SELECT * FROM $1",
            "SELECT * FROM \"secret!\"",
            "SELECT * FROM U&\"secret\"",
            "SELECT ARRAY['] FROM secret '] FROM orders",
            "SELECT * FROM f ('secret')",
            "UPDATE 'secret' SET a = 1",
            // Inside of parentheses, which are skipped as a whole.
            r"SELECT concat('C:\\', 'paid FROM secret ') FROM orders",
            "SELECT f(ARRAY['a] FROM secret ', 'b']) FROM orders",
            r#"SELECT concat("a\" FROM secret ") FROM orders"#,
            r"SELECT f((E'a\\', 'x) FROM secret ')) FROM orders",
            r"WITH a AS (SELECT 'C:\\', 'x) SELECT * FROM secret ') SELECT * FROM a",
            r"WITH a('\\', ') AS (SELECT 1) SELECT * FROM secret ') AS (SELECT 1) SELECT * FROM a",
            r"SELECT * FROM (SELECT '\\', ') FROM secret ') AS a",
            r"WITH a AS (SELECT 1) SEARCH '\\' ' SELECT * FROM secret ' SELECT * FROM a",
        ];
        for text in doubtful {
            for dialect in [Dialect::Standard, Dialect::MySql, Dialect::Unknown] {
                assert_eq!(parse_as(dialect, text).1, "", "{text}");
            }
        }
        for text in [
            "",
            ";",
            "secret",
            "SECRETS FROM orders",
            "'secret'",
            "\u{feff}",
            "$",
            "\"",
            "[",
            "-",
            "/*/",
        ] {
            assert_eq!(parse(text), ("", ""), "{text}");
        }
    }

    #[test]
    fn a_text_of_any_length_is_read_to_the_limit_and_in_any_nesting() {
        let long = format!("SELECT {} FROM orders", "'x', ".repeat(1_000_000));
        assert_eq!(parse(&long), ("SELECT", ""));
        let in_the_middle_of_a_letter = format!("SELECT '{}", "é".repeat(10_000));
        assert_eq!(parse(&in_the_middle_of_a_letter), ("SELECT", ""));
        let deep = format!("SELECT * FROM {}orders", "(SELECT * FROM ".repeat(400));
        assert_eq!(parse(&deep), ("SELECT", ""));
        let open = format!("SELECT {}", "(".repeat(8_000));
        assert_eq!(parse(&open), ("SELECT", ""));
        // Each stands for the one before twice: a body is followed once each time, and not to every depth.
        let chain: String = (1..8)
            .map(|n| format!("t{n} AS (SELECT * FROM t{}), ", n - 1))
            .collect();
        let chain = format!("WITH {chain} z AS (SELECT 1) SELECT * FROM t7");
        assert_eq!(parse(&chain), ("SELECT", "t0"));
    }

    #[test]
    fn no_text_makes_it_fail_and_a_table_is_a_name_in_the_text() {
        let words = [
            "SELECT",
            "FROM",
            "WITH",
            "AS",
            "(",
            ")",
            "'",
            "\"",
            "`",
            "[",
            "]",
            "$1",
            "$$",
            "$t$",
            "--",
            "/*",
            "*/",
            "/",
            "\n",
            ";",
            ",",
            ".",
            "INSERT",
            "INTO",
            "UPDATE",
            "ONLY",
            "é",
            "orders",
            "\\",
            "E'",
            "U&'",
            "DISTINCT",
            "RECURSIVE",
            "NOT",
            "OR",
            "SET",
            "COPY",
            "1.5",
            "#",
            "VALUES",
            "\u{feff}",
            "\u{1f600}",
            "",
        ];
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |bound: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % bound as u64) as usize
        };
        let mut tables = 0;
        for turn in 0..20_000 {
            let mut text = String::from(if turn % 2 == 0 { "SELECT * FROM " } else { "" });
            for _ in 0..random(25) {
                text.push_str(words[random(words.len())]);
                text.push_str(if random(3) == 0 { "" } else { " " });
            }
            let dialects = [Dialect::Standard, Dialect::MySql, Dialect::Unknown];
            let dialect = dialects[turn / 2 % 3];
            let table = SqlSummary::parse(&text, dialect).table;
            let is_name = |c: char| c.is_alphanumeric() || " _$.-:\u{feff}\u{1f600}".contains(c);
            assert!(
                table.chars().all(is_name) && text.contains(table),
                "{text}: {table}"
            );
            tables += usize::from(!table.is_empty());
        }
        assert!(tables > 1_000, "{tables}");
    }
}
