use jiff::Timestamp;

use super::*;
use crate::model::slo::Objectives;
use crate::model::slo::budget::SeenTime;
use crate::model::slo::report::{AlertState, BurnRate, DataQuality};
use crate::model::units::Ratio;

const FILE: &str = r#"{"api":{"latency":{"target":95,"threshold":2000,"window":"30d",
    "description":"95% of requests under 2s <b>\"&'"}}}"#;

fn at() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn objective() -> ObjectiveReport {
    let objectives = Objectives::parse(&[("api.json", FILE)]).unwrap();
    ObjectiveReport::new(objectives.get("api.latency").unwrap(), at())
}

fn rendered(objective: ObjectiveReport) -> String {
    let mut report = SloReport::new(at(), ReportSource::Local);
    report.objectives.push(objective);
    render_slo(&report, &BurnRatePolicy::platform())
}

/// The text of a page, as a reader without pictures gets it.
fn text(page: &str) -> String {
    let mut text = String::new();
    for part in page.split('<').skip(1) {
        text.push_str(part.split_once('>').map_or("", |(_, text)| text));
        text.push(' ');
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn overspent() -> ObjectiveReport {
    let mut spent = objective();
    (spent.good, spent.bad, spent.coverage) = (9_000, 1_000, 1.0);
    spent.data = DataQuality::Ok;
    let hour = std::time::Duration::from_secs(3_600);
    spent.burn_rate = vec![BurnRate::new(hour, 400, 600, 0.75)];
    let point = |hours: i64, left: i128| {
        let at = at() - jiff::SignedDuration::from_hours(hours);
        (at, Ratio::new(left, 10).unwrap())
    };
    spent.burn_down = vec![
        point(5, 10),
        point(4, 8),
        point(2, 2),
        point(1, -5),
        point(0, -10),
    ];
    spent
}

#[test]
fn every_state_has_a_label_and_a_description() {
    let cases = [
        (AlertState::Critical, DataQuality::Stale, "Critical"),
        (AlertState::Warning, DataQuality::Ok, "Warning"),
        (AlertState::Frozen, DataQuality::Partial, "Frozen"),
        (AlertState::Frozen, DataQuality::Stale, "Stale"),
        (AlertState::Frozen, DataQuality::Absent, "Absent"),
        (AlertState::None, DataQuality::NoData, "No data"),
        (
            AlertState::None,
            DataQuality::Partial,
            "Within budget so far",
        ),
        (AlertState::None, DataQuality::Ok, "Within budget"),
        (
            AlertState::Frozen,
            DataQuality::Inconsistent,
            "Inconsistent",
        ),
    ];
    for (alert, data, word) in cases {
        let mut objective = objective();
        (objective.alert, objective.data) = (alert, data);
        if data == DataQuality::Ok || data == DataQuality::Partial {
            objective.good = 10;
            objective.coverage = if data == DataQuality::Ok { 1.0 } else { 0.5 };
        }
        let state = StateLabel::from_report(&objective);
        assert_eq!(state.label, word, "{alert:?} {data:?}");
        let text = text(&rendered(objective));
        assert!(
            text.contains(&state.description) && text.contains(word),
            "{text}"
        );
    }
}

#[test]
fn overspent_budget_is_negative_and_labelled() {
    let page = rendered(overspent());
    let text = text(&page);
    for words in [
        "Overspent",
        "Budget left −100.00 %",
        "Good (SLI) 90.0000 %",
        "It was overspent by 24 Nov 2026, 11:00 UTC",
        "600 bad of 1,000 · critical above 10x here and over 5m · 75 % covered",
        "12.00x",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn line_is_broken_at_gaps_in_samples() {
    let chart = BurnDownChart::from_report(&overspent()).unwrap();
    assert_eq!(chart.line.matches('M').count(), 2, "{}", chart.line);
    let gaps: Vec<_> = chart
        .gaps
        .iter()
        .map(|gap| (gap.x.as_str(), gap.width.as_str()))
        .collect();
    assert_eq!(gaps, [("20.0", "40.0")]);
    assert_eq!((chart.top, chart.floor), (60, 500));
    assert!(
        chart.summary.contains("Samples are missing in one period."),
        "{}",
        chart.summary
    );
}

const YOUNG: &str = r#"{"api":{"availability":{"target":99.9,"window":"30d"}}}"#;

/// Two bad minutes of the first 17, 18 minutes after the start.
fn young() -> ObjectiveReport {
    let minutes = |minutes: u64| std::time::Duration::from_secs(60 * minutes);
    let objectives = Objectives::parse(&[("api.json", YOUNG)]).unwrap();
    let mut young = ObjectiveReport::new(objectives.get("api.availability").unwrap(), at());
    (young.good, young.bad) = (15, 2);
    (young.data, young.slice) = (DataQuality::Partial, Some(minutes(1)));
    let month = minutes(30 * 24 * 60);
    young.seen_time = Some(SeenTime::new(minutes(18), month));
    let hour = BurnRate::new(minutes(60), 15, 2, 0.3).with_reach(0.3);
    young.burn_rate = vec![BurnRate::new(minutes(5), 5, 0, 1.0), hour];
    let budget = young.budget();
    let point = |minute: i64, bad| {
        let at = at() - jiff::SignedDuration::from_mins(18 - minute);
        (at, budget.with_counts(17 - bad, bad).remaining().unwrap())
    };
    young.burn_down = (0..=18)
        .map(|minute| point(minute, minute.cast_unsigned().min(2)))
        .collect();
    young
}

#[test]
fn a_young_process_has_believable_figures_and_says_what_they_are_of() {
    let page = rendered(young());
    let text = text(&page);
    for words in [
        "SLI 88.23 % Target 99.9 % Budget left 95.3 % Burn rate 117.65x over 1h",
        "Within budget so far",
        "Collecting data, 18 min of 30 d",
        "Budget left 95.37 % of 43 m 12 s in 30d",
        "Samples Collecting data 18 min of 30 d",
        "2 bad of 17 · critical above 10x here and over 5m · longer than shown · collecting data, 18 of 60 min",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    for word in ["Frozen", "frozen", "−", "spent on"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
    assert!(!page.contains("class=\"gap\"") && !page.contains("class=\"over\""));
    assert!(text.contains(
        "The samples begin at the left edge; the window starts on 25 Oct 2026, 12:00 UTC."
    ));
}

#[test]
fn a_budget_that_is_spent_evenly_falls_with_the_window_and_not_with_the_picture() {
    let chart = BurnDownChart::from_report(&young()).unwrap();
    assert_eq!(
        (chart.top, chart.even_end),
        (60, 60),
        "18 minutes of a month"
    );
    let mut half = objective();
    half.burn_down = vec![
        (at() - half.length / 2, Ratio::ONE),
        (at(), Ratio::new(1, 4).unwrap()),
    ];
    let chart = BurnDownChart::from_report(&half).unwrap();
    assert_eq!((chart.top, chart.even_end, chart.floor), (60, 500, 940));
}

#[test]
fn objectives_of_one_id_have_places_of_their_own() {
    let mut report = SloReport::new(at(), ReportSource::Prometheus);
    report.objectives = vec![young(), objective(), young(), young()];
    let page = render_slo(&report, &BurnRatePolicy::platform());
    for anchor in [
        "api.availability",
        "api.availability-2",
        "api.availability-3",
    ] {
        assert_eq!(
            page.matches(&format!(" id=\"{anchor}\"")).count(),
            1,
            "{anchor}"
        );
        assert_eq!(
            page.matches(&format!("href=\"#{anchor}\"")).count(),
            1,
            "{anchor}"
        );
    }
}

#[test]
fn text_of_a_declaration_is_escaped() {
    let page = rendered(objective());
    assert!(
        page.contains("under 2s &#60;b&#62;&#34;&#38;&#39;"),
        "{page}"
    );
    assert!(!page.contains("<b>"));
}

#[test]
fn standalone_file_loads_nothing() {
    let page = rendered(overspent());
    for word in [
        "<script", "http://", "https://", "src=", "@import", " style=", "refresh",
    ] {
        let page = page
            .replace("http://www.w3.org/2000/svg", "")
            .replace("http-equiv", "");
        let page = page.replace("style-src=", "");
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("default-src 'none'") || page.contains("default-src &#39;none&#39;"));
}

#[test]
fn bars_are_cut_at_the_end_of_the_scale_and_say_so() {
    let mut spent = overspent();
    let hour = std::time::Duration::from_secs(3_600);
    spent.burn_rate = vec![BurnRate::new(hour, 0, 600, 1.0)];
    let rate = &burn_rate_bars(&spent, &BurnRatePolicy::platform())[0];
    assert_eq!((rate.width.as_str(), rate.tone), ("100.0", "major"));
    assert_eq!(rate.thresholds[0].x, "66.7");
    assert!(
        rate.description.contains("longer than shown"),
        "{}",
        rate.description
    );
}

#[test]
fn of_equal_burn_rates_the_shortest_window_is_named_and_nothing_else_is_denied() {
    let mut young = young();
    let rate = |minutes: u64, good| {
        BurnRate::new(std::time::Duration::from_secs(60 * minutes), good, 5, 0.2)
    };
    // Of a process that is 20 minutes old every longer window has seen the same events.
    young.burn_rate = vec![rate(5, 995), rate(30, 95), rate(60, 95), rate(4_320, 95)];
    let mut calm = young.clone();
    let page = text(&rendered(young));
    assert!(page.contains("50.00x over 30m"), "{page}");
    assert!(page.contains("and no alert is raised."), "{page}");
    assert!(!page.contains("does not burn"), "{page}");
    // Nothing bad over a day says more than nothing bad over five minutes.
    let rate = |minutes: u64, good| {
        BurnRate::new(std::time::Duration::from_secs(60 * minutes), good, 0, 1.0)
    };
    calm.burn_rate = vec![
        rate(5, 10),
        rate(60, 900),
        rate(1_440, 9_000),
        rate(4_320, 9_000),
    ];
    let page = text(&rendered(calm));
    assert!(page.contains("0.00x over 1d"), "{page}");
}
