use super::Share;
use super::disk::share;
use crate::model::snapshot::Snapshot;
use crate::watch::health::finding::Finding;

/// Memory in use of the limit that applies, as the sampler found it last. Where the platform does
/// not tell, there is nothing to warn of.
pub(in crate::watch::health) fn memory(snapshot: &Snapshot, limits: Share) -> Finding {
    let process = snapshot.process.as_ref();
    let used = process.and_then(|process| process.resident_bytes);
    let limit = process.and_then(|process| process.memory_limit_bytes);
    match (used, limit) {
        (Some(used), Some(limit)) => limits.judge(share(used, limit)),
        _ => Finding::pass(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::snapshot::Process;

    #[test]
    fn memory_is_judged_by_its_limit() {
        let with = |resident_bytes, memory_limit_bytes| {
            let process = Process {
                resident_bytes,
                memory_limit_bytes,
                ..Process::default()
            };
            let snapshot = Snapshot {
                process: Some(process),
                ..Snapshot::default()
            };
            memory(&snapshot, Share::MEMORY).code()
        };
        assert_eq!(with(Some(79), Some(100)), "ok");
        assert_eq!(with(Some(80), Some(100)), "nearly_full");
        assert_eq!(with(Some(90), Some(100)), "full");
        assert_eq!(with(None, Some(100)), "ok");
        assert_eq!(memory(&Snapshot::default(), Share::MEMORY).code(), "ok");
    }
}
