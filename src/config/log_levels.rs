//! Log levels: one for everything, and others by module.
//!
//! Why a grammar of our own and not that of `EnvFilter`? Because levels by module are what operators
//! change at night; spans and field values as conditions would bring a regex engine into every
//! service. A text that asks for them is refused, not half understood.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::fault::{InvalidValue, nearest};
use super::field_value::FieldValue;
use super::log_level::LogLevel;
use crate::model::causes::debug_as_text;
use crate::model::string_enum::StringEnum as _;

/// Targets that are limited to warnings: crates that exporters and servers are made of. What they say below warn is about their own
/// insides, and what they say while they export would be exported in turn.
// Without this an export logs, the log record is exported, and that logs again.
const WARN_ONLY_TARGETS: [&str; 9] = [
    "h2",
    "hyper",
    "hyper_rustls",
    "hyper_util",
    "reqwest",
    "rustls",
    "tokio_postgres",
    "tonic",
    "tower",
];

/// The minimum severity of log records: a level for everything and others by module, as in
/// `info,my_service::db=debug,noisy=off`.
///
/// A module's level holds for all modules inside it, and the longest name that fits decides. Names
/// are compared with the record's target, which is its module unless the code says otherwise.
/// Without a level for everything it is info. `h2`, `hyper`, `reqwest`, `rustls`, `tokio_postgres`, `tonic`,
/// `tower` and `opentelemetry` with its relatives are kept to warnings unless a directive names them.
///
/// ```
/// use vantage_obs::config::{LogLevel, LogLevels};
///
/// let levels: LogLevels = "warn, my_service::db = debug".parse()?;
/// assert_eq!(levels.level_for("my_service::db::pool"), LogLevel::Debug);
/// assert_eq!(levels.level_for("my_service::dbx"), LogLevel::Warn);
/// assert_eq!(levels.to_string(), "warn,my_service::db=debug");
/// # Ok::<(), vantage_obs::config::LogLevelsError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLevels {
    default_level: LogLevel,
    /// Sorted by name; the order of the canonical text.
    modules: Vec<(String, LogLevel)>,
}

impl LogLevels {
    /// Returns the level of records with this target.
    #[must_use]
    pub fn level_for(&self, target: &str) -> LogLevel {
        let named = self
            .modules
            .iter()
            .filter(|(module, _)| is_within(module, target))
            // The longest name is the innermost module. Names are unique, so that no two have one
            // length and both fit.
            .max_by_key(|(module, _)| module.len());
        match named {
            Some((_, level)) => *level,
            // Kept to warnings, but not raised to them: with `error` for everything these are
            // errors too.
            None if is_warn_only(target) => self.default_level.min(LogLevel::Warn),
            None => self.default_level,
        }
    }

    /// Returns the least severe level that any module has.
    #[must_use]
    pub fn least_severe(&self) -> LogLevel {
        let modules = self.modules.iter().map(|(_, level)| *level);
        modules.fold(self.default_level, LogLevel::max)
    }
}

/// Returns whether the target is the module or inside it.
fn is_within(module: &str, target: &str) -> bool {
    target
        .strip_prefix(module)
        // A whole path segment: `my_service::db` is not an ancestor of `my_service::dbx`.
        .is_some_and(|default_level| default_level.is_empty() || default_level.starts_with("::"))
}

fn is_warn_only(target: &str) -> bool {
    target.starts_with("opentelemetry")
        || WARN_ONLY_TARGETS
            .iter()
            .any(|quiet| is_within(quiet, target))
}

impl Default for LogLevels {
    fn default() -> Self {
        LogLevel::Info.into()
    }
}

/// One level for everything.
impl From<LogLevel> for LogLevels {
    fn from(default_level: LogLevel) -> Self {
        Self {
            default_level,
            modules: Vec::new(),
        }
    }
}

/// The canonical text, which parses back to the same.
impl fmt::Display for LogLevels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.default_level)?;
        self.modules
            .iter()
            .try_for_each(|(module, level)| write!(f, ",{module}={level}"))
    }
}

impl Serialize for LogLevels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that is no [`LogLevels`]. Its author is at fault.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}; allowed: {}", self.join_directives(), LogLevels::allowed())]
pub struct LogLevelsError {
    directives: Vec<String>,
}
debug_as_text!(LogLevelsError);

impl LogLevelsError {
    /// Returns the directives that were refused, each with its reason, in the order of the text.
    #[must_use]
    pub fn directives(&self) -> &[String] {
        &self.directives
    }

    fn join_directives(&self) -> String {
        self.directives.join(", ")
    }
}

impl FromStr for LogLevels {
    type Err = LogLevelsError;

    fn from_str(text: &str) -> Result<Self, LogLevelsError> {
        let mut parser = DirectiveParser::default();
        let mut directives = Vec::new();
        for directive in text.split(',').map(str::trim) {
            if let Err(reason) = parser.parse_directive(directive) {
                directives.push(format!("{directive:?}{reason}"));
            }
        }
        if directives.is_empty() {
            Ok(parser.into_levels())
        } else {
            Err(LogLevelsError { directives })
        }
    }
}

/// Parser of directives: the levels read so far.
#[derive(Debug, Default)]
struct DirectiveParser {
    default_level: Option<LogLevel>,
    modules: Vec<(String, LogLevel)>,
}

impl DirectiveParser {
    /// Parses a directive; the error is text that follows it.
    fn parse_directive(&mut self, directive: &str) -> Result<(), &'static str> {
        let Some((module, level)) = directive.split_once('=') else {
            // A word without `=` is a level. A module alone is refused here, unlike in `RUST_LOG`:
            // a misspelt level would silently become a module's name.
            let level = LogLevel::parse(directive).map_err(|_| "")?;
            return match self.default_level.replace(level) {
                None => Ok(()),
                Some(_) => Err(" (a second level for everything)"),
            };
        };
        let module = module.trim_end();
        if !is_module(module) {
            return Err(" (not a module name)");
        }
        let level = LogLevel::parse(level.trim_start()).map_err(|_| " (no level)")?;
        if self.modules.iter().any(|(known, _)| known == module) {
            return Err(" (the module appears twice)");
        }
        self.modules.push((module.into(), level));
        Ok(())
    }

    fn into_levels(mut self) -> LogLevels {
        // Sorted, so that equal settings have equal texts and compare as equal.
        self.modules.sort();
        LogLevels {
            default_level: self.default_level.unwrap_or(LogLevel::Info),
            modules: self.modules,
        }
    }
}

impl LogLevels {
    /// Parses directives as `RUST_LOG` has them, for `env_logger` and for `tracing`: a target alone means all
    /// of it, and of two directives for the same the later wins. The error is the first directive that only
    /// those filters understand, such as one with a span or a field.
    pub(super) fn parse_rust_log(text: &str) -> Result<Self, InvalidValue> {
        let mut parser = DirectiveParser::default();
        for directive in text.split(',').map(str::trim) {
            let rejection = || InvalidValue::from_text(directive, Self::allowed());
            let level = |text: &str| match text {
                // `tracing` reads levels as numbers, too.
                "0" => Some(LogLevel::Off),
                "1" => Some(LogLevel::Error),
                "2" => Some(LogLevel::Warn),
                "3" => Some(LogLevel::Info),
                "4" => Some(LogLevel::Debug),
                "5" => Some(LogLevel::Trace),
                text => LogLevel::parse(text).ok(),
            };
            let (module, level) = match directive.split_once('=') {
                Some((module, text)) => (module.trim_end(), level(text.trim_start())),
                None => match level(directive) {
                    Some(level) => {
                        parser.default_level = Some(level);
                        continue;
                    }
                    // A slip of a level would be taken for the name of a module.
                    None if directive.contains('/')
                        || directive.eq_ignore_ascii_case("warning") =>
                    {
                        return Err(rejection());
                    }
                    None if nearest(
                        directive,
                        LogLevel::ALL.iter().map(|level| level.as_str()),
                    )
                    .is_some() =>
                    {
                        return Err(rejection());
                    }
                    None => (directive, Some(LogLevel::Trace)),
                },
            };
            let level = level.filter(|_| is_module(module)).ok_or_else(rejection)?;
            // The later one wins, as in `env_logger` and `tracing`.
            parser.modules.retain(|(known, _)| known != module);
            parser.modules.push((module.into(), level));
        }
        Ok(parser.into_levels())
    }
}

/// A path of Rust names; also what targets that are written by hand are made of.
// Generous: a target is any text that a program gives.
fn is_module(name: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '.' | '-' | '/');
    !name.is_empty() && name.chars().all(fits)
}

impl FieldValue for LogLevels {
    fn allowed() -> String {
        let levels = LogLevel::allowed();
        format!("{levels}; by module too, as in \"info,my_service::db=debug\"")
    }

    fn parse(text: &str) -> Result<Self, InvalidValue> {
        text.parse().map_err(|error: LogLevelsError| {
            InvalidValue::new(error.join_directives(), Self::allowed())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(text: &str) -> LogLevels {
        text.parse().unwrap()
    }

    #[test]
    fn the_longest_module_that_contains_the_target_decides() {
        let levels = levels("info,a=error,a::b=debug,a::b::c=off,z=trace");
        for (target, level) in [
            ("a", LogLevel::Error),
            ("a::x", LogLevel::Error),
            ("a::b", LogLevel::Debug),
            ("a::b::x", LogLevel::Debug),
            ("a::bc", LogLevel::Error),
            ("a::b::c::d", LogLevel::Off),
            ("ab", LogLevel::Info),
            ("z", LogLevel::Trace),
            ("", LogLevel::Info),
        ] {
            assert_eq!(levels.level_for(target), level, "{target}");
        }
        assert_eq!(levels.least_severe(), LogLevel::Trace);
    }

    #[test]
    fn crates_of_exporters_are_limited_to_warnings_unless_named() {
        let all = levels("trace,tonic=debug,opentelemetry_sdk=info");
        for (target, level) in [
            ("hyper::client", LogLevel::Warn),
            ("hyper_util::client::legacy", LogLevel::Warn),
            ("opentelemetry-otlp", LogLevel::Warn),
            ("opentelemetry", LogLevel::Warn),
            ("opentelemetry_sdk::trace", LogLevel::Info),
            ("tonic::transport", LogLevel::Debug),
            ("tower_http", LogLevel::Trace),
            ("towering", LogLevel::Trace),
        ] {
            assert_eq!(all.level_for(target), level, "{target}");
        }
        assert_eq!(levels("error").level_for("h2"), LogLevel::Error);
    }

    #[test]
    fn the_canonical_text_reads_back_as_the_same() {
        for (text, canonical) in [
            ("INFO", "info"),
            ("b=debug", "info,b=debug"),
            (" b = off , a::c=WARN,error", "error,a::c=warn,b=off"),
        ] {
            assert_eq!(levels(text).to_string(), canonical);
            assert_eq!(levels(canonical), levels(text));
        }
    }

    #[test]
    fn every_bad_directive_is_named_in_one_error() {
        let text = "info,db=loud,,=warn,debug,[span]=info,x=info,x=warn,quiet";
        let error = text.parse::<LogLevels>().unwrap_err();
        assert_eq!(
            error.directives(),
            [
                r#""db=loud" (no level)"#,
                r#""""#,
                r#""=warn" (not a module name)"#,
                r#""debug" (a second level for everything)"#,
                r#""[span]=info" (not a module name)"#,
                r#""x=warn" (the module appears twice)"#,
                r#""quiet""#,
            ]
        );
        assert_eq!(
            "loud".parse::<LogLevels>().unwrap_err().to_string(),
            r#""loud"; allowed: off, error, warn, info, debug, trace; by module too, as in "info,my_service::db=debug""#
        );
    }
}
