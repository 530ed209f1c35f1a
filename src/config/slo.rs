//! Where the objectives stand.

use std::path::PathBuf;

use serde::Serialize;

use super::check::Check;
use super::reader::Section;

/// Where the service-level objectives stand.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Slo {
    /// The folder with the objectives' JSON files, relative to the working directory.
    /// Default: `slo`, and where that folder doesn't exist there are no objectives. A folder that
    /// somebody names must exist.
    pub directory: PathBuf,
}

impl Default for Slo {
    fn default() -> Self {
        Self {
            directory: "slo".into(),
        }
    }
}

impl Slo {
    pub(super) fn read(&mut self, section: &mut Section<'_, '_>) {
        section.field("directory", &mut self.directory);
    }

    pub(super) fn check(&self, check: &mut Check<'_>) {
        let path = "slo.directory";
        let fine = !check.is_set(path) || self.directory.is_dir();
        check.require(
            fine,
            path,
            format!("{:?}", self.directory),
            "an existing folder",
        );
    }
}
