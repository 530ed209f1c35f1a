//! Platforms without procfs: no data, which is a state and not an error.

use std::path::Path;

use super::{FilesystemSample, ProcessSample};

#[derive(Debug)]
pub(super) struct Source;

impl Source {
    pub(super) fn of_this_process() -> Source {
        Source
    }

    pub(super) fn sample(&self) -> Option<ProcessSample> {
        None
    }
}

pub(super) fn filesystem(_path: &Path) -> Option<FilesystemSample> {
    None
}
