use std::path::Path;

use super::UsageLimits;
use crate::watch::health::finding::Finding;
use crate::watch::sampler::FilesystemSample;

/// Evaluates the usage of the file system at `path`. Blocks for as long as a hung network file system
/// does.
pub(in crate::watch::health) fn check_disk(path: &Path, limits: UsageLimits) -> Finding {
    let Some(sample) = FilesystemSample::read(path) else {
        return Finding::fail("unreadable").with_detail(path.display().to_string());
    };
    // As `df` has it: blocks that are reserved for root are neither used nor free.
    let total = sample.used_bytes.saturating_add(sample.free_bytes);
    limits.evaluate(usage_ratio(sample.used_bytes, total))
}

/// Returns the share in use, 0 to 1.
#[expect(
    clippy::cast_precision_loss,
    reason = "a share needs no more than 52 bits"
)]
pub(super) fn usage_ratio(used: u64, total: u64) -> f64 {
    // A size of 0 counts as full: the division would be NaN, which is below every limit and passes.
    if total == 0 {
        1.0
    } else {
        used as f64 / total as f64
    }
}
