//! Which log records are written: one level for everything, and others by module.
//!
//! Why a grammar of our own and not that of `EnvFilter`? Because levels by module are what operators
//! change at night; spans and field values as conditions would bring a regex engine into every
//! service. A text that asks for them is refused, not half understood.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::fault::Refusal;
use super::level::Level;
use super::setting::Setting;

/// Crates that exporters and servers are made of. What they say below warn is about their own
/// insides, and what they say while they export would be exported in turn.
const QUIET: [&str; 8] = [
    "h2",
    "hyper",
    "hyper_rustls",
    "hyper_util",
    "reqwest",
    "rustls",
    "tonic",
    "tower",
];

/// How severe a log record must be to be written: a level for everything and others by module, as in
/// `info,my_service::db=debug,noisy=off`.
///
/// A module's level holds for all modules inside it, and the longest name that fits decides. Names
/// are compared with the record's target, which is its module unless the code says otherwise.
/// Without a level for everything it is info. `h2`, `hyper`, `reqwest`, `rustls`, `tonic`, `tower`
/// and `opentelemetry` with its relatives are kept to warnings unless a directive names them.
///
/// ```
/// use vantage_obs::config::{Level, Levels};
///
/// let levels: Levels = "warn, my_service::db = debug".parse()?;
/// assert_eq!(levels.of("my_service::db::pool"), Level::Debug);
/// assert_eq!(levels.of("my_service::dbx"), Level::Warn);
/// assert_eq!(levels.to_string(), "warn,my_service::db=debug");
/// # Ok::<(), vantage_obs::config::LevelsError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    rest: Level,
    /// Sorted by name; the order of the canonical text.
    modules: Vec<(String, Level)>,
}

impl Levels {
    /// The level of records with this target.
    #[must_use]
    pub fn of(&self, target: &str) -> Level {
        let named = self
            .modules
            .iter()
            .filter(|(module, _)| contains(module, target))
            .max_by_key(|(module, _)| module.len());
        match named {
            Some((_, level)) => *level,
            None if is_quiet(target) => self.rest.min(Level::Warn),
            None => self.rest,
        }
    }

    /// The least severe level that any module has.
    #[must_use]
    pub fn least_severe(&self) -> Level {
        let modules = self.modules.iter().map(|(_, level)| *level);
        modules.fold(self.rest, Level::max)
    }
}

/// Whether the target is the module or stands inside it.
fn contains(module: &str, target: &str) -> bool {
    target
        .strip_prefix(module)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn is_quiet(target: &str) -> bool {
    target.starts_with("opentelemetry") || QUIET.iter().any(|quiet| contains(quiet, target))
}

impl Default for Levels {
    fn default() -> Self {
        Level::Info.into()
    }
}

/// One level for everything.
impl From<Level> for Levels {
    fn from(rest: Level) -> Self {
        Self {
            rest,
            modules: Vec::new(),
        }
    }
}

/// The canonical text, which parses back to the same.
impl fmt::Display for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.rest)?;
        self.modules
            .iter()
            .try_for_each(|(module, level)| write!(f, ",{module}={level}"))
    }
}

impl Serialize for Levels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that is no [`Levels`]. Whoever wrote it is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}; allowed: {}", self.refused(), Levels::allowed())]
pub struct LevelsError {
    directives: Vec<String>,
}

impl LevelsError {
    /// The directives that were refused, each with its reason, in the order of the text.
    #[must_use]
    pub fn directives(&self) -> &[String] {
        &self.directives
    }

    fn refused(&self) -> String {
        self.directives.join(", ")
    }
}

impl FromStr for Levels {
    type Err = LevelsError;

    fn from_str(text: &str) -> Result<Self, LevelsError> {
        let mut found = Found::default();
        let mut directives = Vec::new();
        for directive in text.split(',').map(str::trim) {
            if let Err(reason) = found.add(directive) {
                directives.push(format!("{directive:?}{reason}"));
            }
        }
        if directives.is_empty() {
            Ok(found.into_levels())
        } else {
            Err(LevelsError { directives })
        }
    }
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Found {
    rest: Option<Level>,
    modules: Vec<(String, Level)>,
}

impl Found {
    /// Takes a directive, or says what is wrong with it, in words that follow it.
    fn add(&mut self, directive: &str) -> Result<(), &'static str> {
        let Some((module, level)) = directive.split_once('=') else {
            let level = Level::parse(directive).map_err(|_| "")?;
            return match self.rest.replace(level) {
                None => Ok(()),
                Some(_) => Err(" (a second level for everything)"),
            };
        };
        let module = module.trim_end();
        if !is_module(module) {
            return Err(" (no name of a module)");
        }
        let level = Level::parse(level.trim_start()).map_err(|_| " (no level)")?;
        if self.modules.iter().any(|(known, _)| known == module) {
            return Err(" (the module stands twice)");
        }
        self.modules.push((module.into(), level));
        Ok(())
    }

    fn into_levels(mut self) -> Levels {
        self.modules.sort();
        Levels {
            rest: self.rest.unwrap_or(Level::Info),
            modules: self.modules,
        }
    }
}

/// A path of Rust names; also what targets that are written by hand are made of.
fn is_module(name: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '.' | '-' | '/');
    !name.is_empty() && name.chars().all(fits)
}

impl Setting for Levels {
    fn allowed() -> String {
        let levels = Level::allowed();
        format!("{levels}; by module too, as in \"info,my_service::db=debug\"")
    }

    fn parse(text: &str) -> Result<Self, Refusal> {
        text.parse()
            .map_err(|error: LevelsError| Refusal::new(error.refused(), Self::allowed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(text: &str) -> Levels {
        text.parse().unwrap()
    }

    #[test]
    fn the_longest_module_that_contains_the_target_decides() {
        let levels = levels("info,a=error,a::b=debug,a::b::c=off,z=trace");
        for (target, level) in [
            ("a", Level::Error),
            ("a::x", Level::Error),
            ("a::b", Level::Debug),
            ("a::b::x", Level::Debug),
            ("a::bc", Level::Error),
            ("a::b::c::d", Level::Off),
            ("ab", Level::Info),
            ("z", Level::Trace),
            ("", Level::Info),
        ] {
            assert_eq!(levels.of(target), level, "{target}");
        }
        assert_eq!(levels.least_severe(), Level::Trace);
    }

    #[test]
    fn what_exporters_are_made_of_is_kept_to_warnings_unless_it_is_named() {
        let all = levels("trace,tonic=debug,opentelemetry_sdk=info");
        for (target, level) in [
            ("hyper::client", Level::Warn),
            ("hyper_util::client::legacy", Level::Warn),
            ("opentelemetry-otlp", Level::Warn),
            ("opentelemetry", Level::Warn),
            ("opentelemetry_sdk::trace", Level::Info),
            ("tonic::transport", Level::Debug),
            ("tower_http", Level::Trace),
            ("towering", Level::Trace),
        ] {
            assert_eq!(all.of(target), level, "{target}");
        }
        assert_eq!(levels("error").of("h2"), Level::Error);
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
        let error = text.parse::<Levels>().unwrap_err();
        assert_eq!(
            error.directives(),
            [
                r#""db=loud" (no level)"#,
                r#""""#,
                r#""=warn" (no name of a module)"#,
                r#""debug" (a second level for everything)"#,
                r#""[span]=info" (no name of a module)"#,
                r#""x=warn" (the module stands twice)"#,
                r#""quiet""#,
            ]
        );
        assert_eq!(
            "loud".parse::<Levels>().unwrap_err().to_string(),
            r#""loud"; allowed: off, error, warn, info, debug, trace; by module too, as in "info,my_service::db=debug""#
        );
    }
}
