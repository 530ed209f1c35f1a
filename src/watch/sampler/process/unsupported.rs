//! Platforms without procfs: no data, which is a state and not an error.

use std::path::Path;

use super::{FilesystemSample, ProcessSample};

#[derive(Debug)]
pub(super) struct ProcessSource;

impl ProcessSource {
    pub(super) fn current_process() -> ProcessSource {
        ProcessSource
    }

    pub(super) fn sample(&self) -> Option<ProcessSample> {
        None
    }
}

pub(super) fn read_filesystem(_path: &Path) -> Option<FilesystemSample> {
    None
}
