use std::path::Path;

use super::Share;
use crate::watch::health::finding::Finding;
use crate::watch::sampler::FilesystemSample;

/// How full the file system at a path is. Blocks for as long as a hung network file system does.
pub(in crate::watch::health) fn disk(path: &Path, limits: Share) -> Finding {
    let Some(sample) = FilesystemSample::read(path) else {
        return Finding::fail("unreadable").with_detail(path.display().to_string());
    };
    let all = sample.used_bytes.saturating_add(sample.free_bytes);
    limits.judge(share(sample.used_bytes, all))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a share needs no more than 52 bits"
)]
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}
