use std::time::Duration;

use jiff::Timestamp;

use crate::model::snapshot::store::StoreStatus;
use crate::watch::health::finding::Finding;

/// The time for which commits may fail or wait: a restart of a database is no news.
const GRACE_PERIOD: Duration = Duration::from_secs(10);

/// Evaluates whether the store commits, and can be read where it carries heartbeats: it was read until `lost_since`.
/// What waits is not lost while the process lives.
pub(in crate::watch::health) fn check_store(
    condition: &StoreStatus,
    lost_since: Option<Timestamp>,
) -> Finding {
    let overdue = |time: Option<Duration>| time.is_some_and(|time| time >= GRACE_PERIOD);
    // Failing before slow: a commit that fails also makes what waits old.
    let (code, detail) = if overdue(condition.failing) {
        ("not_kept", condition.error.as_ref())
    } else if overdue(condition.oldest_pending) {
        ("too_slow", condition.error.as_ref())
    } else if let Some(since) = lost_since {
        let detail =
            format!("the store that carries heartbeats has not been readable since {since:.0}");
        return Finding::warn("not_read").with_detail(detail);
    } else if let Some(remark) = &condition.notice {
        // Data of a file that could not be read was put aside: the store works, and somebody should
        // look.
        return Finding::warn("set_aside").with_private_detail(remark);
    } else {
        return Finding::pass();
    };
    let finding = Finding::fail(code);
    match detail {
        Some(detail) => finding.with_private_detail(detail),
        None => finding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::snapshot::health::HealthStatus;
    use crate::model::snapshot::private::PrivateText;

    #[test]
    fn a_store_fails_once_it_has_kept_nothing_for_ten_seconds() {
        let secs = |secs| Some(Duration::from_secs(secs));
        let code = |failing, oldest_pending, remark: Option<&str>| {
            let finding = check_store(
                &StoreStatus {
                    failing,
                    oldest_pending,
                    notice: remark.map(PrivateText::new),
                    error: Some(PrivateText::new("refused by 10.0.0.1")),
                    ..StoreStatus::default()
                },
                None,
            );
            (finding.code(), finding.detail().map(str::to_owned))
        };
        assert_eq!(code(None, None, None), ("ok", None));
        assert_eq!(code(secs(9), secs(9), None), ("ok", None));
        let detail = Some("refused by 10.0.0.1".to_owned());
        assert_eq!(code(secs(10), None, None), ("not_kept", detail.clone()));
        assert_eq!(code(None, secs(10), Some("x")), ("too_slow", detail));
        assert_eq!(code(None, None, Some("x")), ("set_aside", Some("x".into())));
    }

    #[test]
    fn a_store_that_cannot_be_read_warns_with_the_time() {
        let since = Timestamp::from_second(1_800_000_000).unwrap();
        let finding = check_store(&StoreStatus::default(), Some(since));
        assert_eq!(
            (finding.status(), finding.code()),
            (HealthStatus::Warn, "not_read")
        );
        let detail = finding.detail().unwrap_or_default();
        assert!(detail.contains("2027-01-15T08:00:00Z"), "{detail}");
        let failing = StoreStatus {
            failing: Some(GRACE_PERIOD),
            ..StoreStatus::default()
        };
        assert_eq!(check_store(&failing, Some(since)).code(), "not_kept");
    }
}
