use super::UsageLimits;
use super::disk::usage_ratio;
use crate::model::snapshot::Snapshot;
use crate::watch::health::finding::Finding;

/// Evaluates memory in use against the limit that applies, as the sampler read it last. Passes where
/// the platform does not tell.
pub(in crate::watch::health) fn check_memory(snapshot: &Snapshot, limits: UsageLimits) -> Finding {
    let process = snapshot.process.as_ref();
    let used = process.and_then(|process| process.resident_bytes);
    let limit = process.and_then(|process| process.memory_limit_bytes);
    match (used, limit) {
        (Some(used), Some(limit)) => limits.evaluate(usage_ratio(used, limit)),
        // Without figures a failure would be a guess.
        _ => Finding::pass(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::snapshot::ProcessFigures;

    #[test]
    fn memory_is_evaluated_against_its_limit() {
        let with = |resident_bytes, memory_limit_bytes| {
            let process = ProcessFigures {
                resident_bytes,
                memory_limit_bytes,
                ..ProcessFigures::default()
            };
            let snapshot = Snapshot {
                process: Some(process),
                ..Snapshot::default()
            };
            check_memory(&snapshot, UsageLimits::MEMORY).code()
        };
        assert_eq!(with(Some(79), Some(100)), "ok");
        assert_eq!(with(Some(80), Some(100)), "nearly_full");
        assert_eq!(with(Some(90), Some(100)), "full");
        assert_eq!(with(None, Some(100)), "ok");
        assert_eq!(
            check_memory(&Snapshot::default(), UsageLimits::MEMORY).code(),
            "ok"
        );
    }
}
