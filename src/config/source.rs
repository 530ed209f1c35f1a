//! Where an effective value came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// The layer that decided a value. Later layers win: an operator can correct what the code says
/// without a new build.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Source {
    /// Nobody set it.
    Default,
    /// The code set it to something else than the default.
    Code,
    /// This config file.
    File(PathBuf),
    /// This environment variable.
    Environment(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Code => f.write_str("code"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(variable) => write!(f, "environment {variable}"),
        }
    }
}

/// The source of each setting, by dotted path; what is absent is a default.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources {
    by_path: BTreeMap<String, Source>,
    file: Option<PathBuf>,
    refused: Vec<String>,
}

impl Sources {
    /// Remembers that this file took part, even where it says nothing.
    pub(super) fn set_file(&mut self, file: &Path) {
        self.file = Some(file.into());
    }

    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    pub(super) fn set(&mut self, path: &str, source: Source) {
        self.by_path.insert(path.into(), source);
    }

    pub(super) fn get(&self, path: &str) -> &Source {
        self.by_path.get(path).unwrap_or(&Source::Default)
    }

    /// Remembers that somebody tried to set this, in vain.
    pub(super) fn refuse(&mut self, path: &str) {
        self.refused.push(path.into());
    }

    /// Whether somebody tried in vain to set this, a part of it, or what it is a part of.
    pub(super) fn is_refused(&self, path: &str) -> bool {
        let within = |inner: &str, outer: &str| {
            let rest = inner.strip_prefix(outer);
            rest.is_some_and(|rest| {
                outer.is_empty() || rest.is_empty() || rest.starts_with(['.', '['])
            })
        };
        let mut refused = self.refused.iter();
        refused.any(|refused| within(refused, path) || within(path, refused))
    }
}
