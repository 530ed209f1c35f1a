use std::time::Duration;

use crate::model::snapshot::store::StoreCondition;
use crate::watch::health::finding::Finding;

/// For how long commits may fail or wait: a restart of a database is no news.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether what must outlive the process is kept. What waits is not lost while the process lives.
pub(in crate::watch::health) fn store(told: &StoreCondition) -> Finding {
    let long = |time: Option<Duration>| time.is_some_and(|time| time >= PATIENCE);
    let (code, detail) = if long(told.failing) {
        ("not_kept", told.error.as_ref())
    } else if long(told.oldest_pending) {
        ("too_slow", told.error.as_ref())
    } else if let Some(remark) = &told.remark {
        return Finding::warn("set_aside").with_private(remark);
    } else {
        return Finding::pass();
    };
    let finding = Finding::fail(code);
    match detail {
        Some(detail) => finding.with_private(detail),
        None => finding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::snapshot::private::Private;

    #[test]
    fn a_store_fails_once_it_has_kept_nothing_for_ten_seconds() {
        let secs = |secs| Some(Duration::from_secs(secs));
        let code = |failing, oldest_pending, remark: Option<&str>| {
            let finding = store(&StoreCondition {
                failing,
                oldest_pending,
                remark: remark.map(Private::new),
                error: Some(Private::new("refused by 10.0.0.1")),
                ..StoreCondition::default()
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
