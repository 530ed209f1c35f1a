use std::collections::BTreeMap;

use crate::background::ThreadFailure;
use crate::watch::health::finding::Finding;

/// Warns while threads of the telemetry are down, and names them. They are started again without help, so
/// that they never make a service fail.
pub(in crate::watch::health) fn check_threads(
    down: &BTreeMap<&'static str, ThreadFailure>,
) -> Finding {
    if down.is_empty() {
        return Finding::pass();
    }
    let down = down.iter();
    let texts: Vec<_> = down
        .map(|(name, failure)| format!("{name}: {failure}"))
        .collect();
    Finding::warn("thread_down").with_detail(texts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::snapshot::health::HealthStatus;

    #[test]
    fn threads_that_are_down_are_named_in_a_warning() {
        assert_eq!(check_threads(&BTreeMap::new()).status(), HealthStatus::Pass);
        let failure = || ThreadFailure::Panicked("no luck".into());
        let down = BTreeMap::from([("vantage-slo", failure()), ("vantage-health", failure())]);
        let finding = check_threads(&down);
        assert_eq!(finding.status(), HealthStatus::Warn);
        assert_eq!(finding.code(), "thread_down");
        let text = "vantage-health: it panicked: no luck; vantage-slo: it panicked: no luck";
        assert_eq!(finding.detail(), Some(text));
    }
}
