use std::time::Duration;

use crate::model::snapshot::store::StoreStatus;
use crate::watch::health::finding::Finding;

/// The time for which commits may fail or wait: a restart of a database is no news.
const GRACE_PERIOD: Duration = Duration::from_secs(10);

/// Evaluates whether the store commits. What waits is not lost while the process lives.
pub(in crate::watch::health) fn check_store(condition: &StoreStatus) -> Finding {
    let overdue = |time: Option<Duration>| time.is_some_and(|time| time >= GRACE_PERIOD);
    // Failing before slow: a commit that fails also makes what waits old.
    let (code, detail) = if overdue(condition.failing) {
        ("not_kept", condition.error.as_ref())
    } else if overdue(condition.oldest_pending) {
        ("too_slow", condition.error.as_ref())
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
    use crate::model::snapshot::private::PrivateText;

    #[test]
    fn a_store_fails_once_it_has_kept_nothing_for_ten_seconds() {
        let secs = |secs| Some(Duration::from_secs(secs));
        let code = |failing, oldest_pending, remark: Option<&str>| {
            let finding = check_store(&StoreStatus {
                failing,
                oldest_pending,
                notice: remark.map(PrivateText::new),
                error: Some(PrivateText::new("refused by 10.0.0.1")),
                ..StoreStatus::default()
            });
            (finding.code(), finding.detail().map(str::to_owned))
        };
        assert_eq!(code(None, None, None), ("ok", None));
        assert_eq!(code(secs(9), secs(9), None), ("ok", None));
        let detail = Some("refused by 10.0.0.1".to_owned());
        assert_eq!(code(secs(10), None, None), ("not_kept", detail.clone()));
        assert_eq!(code(None, secs(10), Some("x")), ("too_slow", detail));
        assert_eq!(code(None, None, Some("x")), ("set_aside", Some("x".into())));
    }
}
