//! The space of a file system.

use std::path::Path;

use super::step::DiagnosisStep;
use crate::watch::sampler::FilesystemSample;

/// The free share, in percent, below which a warning is given: that of the alert on disks.
const WARN_PERCENT: u64 = 10;

/// Returns the step about the file system at this path. Blocks for as long as one of a network hangs.
pub(super) fn disk_step(name: &'static str, path: &Path) -> DiagnosisStep {
    let shown = path.display();
    let Some(sample) = FilesystemSample::read(path) else {
        let finding = format!("the space of {shown} can't be read on this system");
        return DiagnosisStep::warn(name, finding);
    };
    let (free, used) = (sample.free_bytes, sample.used_bytes);
    let total = free.saturating_add(used);
    let percent = u128::from(free) * 100 / u128::from(total.max(1));
    let percent = u64::try_from(percent).unwrap_or(100);
    let finding = format!(
        "{shown} has {percent} % free, {} of {}",
        gigabytes(free),
        gigabytes(total)
    );
    if percent < WARN_PERCENT {
        let fix = format!("free some space on {shown}, or enlarge it");
        return DiagnosisStep::warn(name, finding).with_fix(fix);
    }
    DiagnosisStep::ok(name, finding)
}

fn gigabytes(bytes: u64) -> String {
    let tenths = bytes / 100_000_000;
    format!("{}.{} GB", tenths / 10, tenths % 10)
}
