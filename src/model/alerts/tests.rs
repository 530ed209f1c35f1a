use std::collections::BTreeSet;

use super::*;

#[test]
fn every_signal_has_one_alert_and_every_alert_one_signal_and_name() {
    let signals: BTreeSet<_> = ALL.iter().map(|spec| spec.signal).collect();
    let keys: BTreeSet<_> = ALL.iter().map(|spec| spec.signal.key()).collect();
    let names: BTreeSet<_> = ALL.iter().map(|spec| spec.name).collect();
    assert_eq!(signals.len(), ALL.len());
    assert_eq!(keys.len(), ALL.len());
    assert_eq!(names.len(), ALL.len());
    // The last one declared: no signal is without an alert.
    assert_eq!(AlertSignal::Watchdog as usize + 1, ALL.len());
    for spec in ALL {
        assert_eq!(spec.signal.spec().name, spec.name);
    }
}

#[test]
fn a_more_urgent_level_is_further_from_what_is_good() {
    for spec in ALL {
        let levels: Vec<_> = spec.levels.all().into_iter().flatten().collect();
        for pair in levels.windows(2) {
            let (lower, higher) = (pair[0].lower_bound(), pair[1].lower_bound());
            match spec.comparison {
                ThresholdComparison::Above => assert!(lower < higher, "{}", spec.name),
                _ => assert!(lower > higher, "{}", spec.name),
            }
        }
        let configurable = spec.quantity != ThresholdQuantity::None;
        assert_eq!(configurable, !levels.is_empty(), "{}", spec.name);
    }
}

#[test]
fn texts_name_the_threshold_and_end_as_sentences() {
    for spec in ALL {
        assert!(
            spec.description.ends_with('.') && spec.meaning.ends_with('.'),
            "{}",
            spec.name
        );
        assert!(!spec.summary.ends_with('.'), "{}", spec.name);
        let mentioned =
            spec.description.contains("{threshold}") || spec.signal == AlertSignal::Watchdog;
        assert!(mentioned, "{}", spec.name);
        // Every opened template is closed.
        for text in [spec.summary, spec.description] {
            assert_eq!(
                text.matches("{{").count(),
                text.matches("}}").count(),
                "{}",
                spec.name
            );
        }
    }
}

#[test]
fn thresholds_are_written_as_people_do() {
    let threshold = |signal, severity| {
        let threshold: Option<AlertThreshold> = Thresholds::default().get(signal, severity);
        threshold.unwrap().to_string()
    };
    assert_eq!(
        threshold(AlertSignal::ApiErrorRatio, Severity::Warning),
        "2%"
    );
    assert_eq!(threshold(AlertSignal::ApiLatency, Severity::High), "2s");
    assert_eq!(threshold(AlertSignal::QueueDepth, Severity::High), "1000");
    assert_eq!(threshold(AlertSignal::DiskFullIn, Severity::Warning), "7d");
    assert_eq!(
        threshold(AlertSignal::Revenue, Severity::Warning),
        "50% to 200%"
    );
}

#[test]
fn a_level_that_is_switched_off_is_gone() {
    let mut thresholds = Thresholds::default();
    thresholds.set(AlertSignal::ApiErrorRatio, Severity::High, None);
    thresholds.set(
        AlertSignal::Watchdog,
        Severity::High,
        Some(AlertThreshold::Count(1)),
    );
    let levels: Vec<_> = thresholds
        .levels(AlertSignal::ApiErrorRatio)
        .map(|(severity, _)| severity)
        .collect();
    assert_eq!(levels, [Severity::Warning, Severity::Critical]);
    assert_eq!(thresholds.levels(AlertSignal::Watchdog).count(), 0);
}

#[test]
fn thresholds_serialise_as_the_configuration_has_them() {
    let json = serde_json::to_value(Thresholds::default()).unwrap();
    assert_eq!(json["api_error_ratio"]["high"], 0.05);
    assert_eq!(json["revenue"]["warning"], serde_json::json!([0.5, 2]));
    assert_eq!(json["worker_offline"]["critical"], "5m");
    assert!(json["api_latency"]["critical"].is_null());
    assert!(json.get("error_budget").is_none());
}
