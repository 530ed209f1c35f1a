pub(crate) mod fixture;

use std::sync::LazyLock;

use fixture::{hours_ago, now, snapshot};

use super::*;
use crate::model::status::{ComponentState, Impact};

/// Links without a host and a prefix.
static BASE: LazyLock<LinkBase> = LazyLock::new(LinkBase::default);

fn context(snapshot: &StatusSnapshot) -> PageContext<'_> {
    PageContext {
        snapshot,
        now: now(),
        auto_refresh: true,
        base: &BASE,
        page: 1,
    }
}

fn gzip(text: &str) -> usize {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap().len()
}

#[test]
fn fifty_components_of_ninety_days_stay_under_thirty_kilobytes() {
    let mut worst = 0;
    for calm in [1_000, 20, 5] {
        let page = render_status(context(&snapshot(50, calm)));
        assert_eq!(page.matches("<path class=\"s-").count(), 50 * 90 + 6);
        worst = worst.max(gzip(&page));
    }
    assert!(worst < 30_000, "{worst}");
}

#[test]
fn everything_together_is_as_bad_as_the_worst_of_components_and_incidents() {
    let mut all = snapshot(5, 1_000);
    assert_eq!(OverallStatus::from_snapshot(&all).impact, Impact::Major);
    all.components[1].state = ComponentState::Operational;
    assert_eq!(
        OverallStatus::from_snapshot(&all).impact,
        Impact::Major,
        "an incident is open"
    );
    all.incidents.clear();
    assert_eq!(
        OverallStatus::from_snapshot(&all).label,
        "All systems operational"
    );
    all.components[0].state = ComponentState::NoData;
    assert_eq!(
        OverallStatus::from_snapshot(&all).label,
        "All systems that report are operational"
    );
    all.maintenances[0].status = crate::model::status::MaintenanceStatus::InProgress;
    assert_eq!(
        OverallStatus::from_snapshot(&all).label,
        "Maintenance under way"
    );
    all.maintenances.clear();
    all.components.truncate(1);
    assert_eq!(OverallStatus::from_snapshot(&all).label, "No data yet");
}

#[test]
fn each_bar_says_its_day_in_words_and_with_a_pattern() {
    let mut all = snapshot(1, 1_000);
    let day = &mut all.components[0].days[80];
    day.seconds = StateDurations::default();
    (day.seconds.operational, day.seconds.partial_outage) = (82_800, 3_600);
    let page = render_status(context(&all));
    let text = "15 Nov: partial outage for 1 h, 95.833 % up";
    assert!(page.contains(&format!(
        "<path class=\"s-part\" d=\"M400 2h4V30h-4z\"><title>{text}<"
    )));
    assert_eq!(
        page.matches(text).count(),
        2,
        "also in the list of days with trouble"
    );
    assert!(page.contains("API, the last 90 days: problems on one day, 3 without data"));
}

#[test]
fn outdated_page_has_a_warning() {
    let mut all = snapshot(2, 1_000);
    assert!(!render_status(context(&all)).contains("role=\"status\""));
    all.taken_at = hours_ago(1);
    let page = render_status(context(&all));
    assert!(
        page.contains("This status is 1 h old, from 24 Nov 2026, 12:00 CET"),
        "{page}"
    );
    all.taken_at = now();
    all.store_away_since = Some(hours_ago(3));
    for page in [
        render_status(context(&all)),
        render_incidents(context(&all)),
        render_history(context(&all)),
    ] {
        assert!(
            page.contains("has not been available since 24 Nov 2026, 10:00 CET (3 h)"),
            "{page}"
        );
    }
}

#[test]
fn a_page_says_of_which_states_nothing_is_known() {
    let current = "component states are current";
    let unknown = "whose heartbeats come through it is not known";
    for (away, workers, is_current, is_unknown) in [
        (false, false, false, false),
        (true, false, true, false),
        (true, true, true, true),
        (false, true, false, true),
    ] {
        let mut all = snapshot(2, 1_000);
        all.store_away_since = away.then(|| hours_ago(3));
        all.workers_unknown_since = workers.then(|| hours_ago(3));
        let page = render_status(context(&all));
        assert_eq!(page.contains(current), is_current, "{away} {workers}");
        assert_eq!(page.contains(unknown), is_unknown, "{away} {workers}");
        let others = page.contains("other component states are current");
        assert_eq!(others, away && workers, "{away} {workers}");
        assert_eq!(page.contains("10:00 CET (3 h)"), away || workers);
    }
}

#[test]
fn an_age_below_a_minute_is_no_zero() {
    let mut all = snapshot(2, 1_000);
    all.store_away_since = Some(now() - jiff::SignedDuration::from_secs(31));
    let page = render_status(context(&all));
    let text = "since 24 Nov 2026, 12:59 CET (less than a minute)";
    assert!(page.contains(text) && !page.contains("(0 s)"), "{page}");
}

#[test]
fn recent_incidents_do_not_contradict_a_current_one() {
    let mut all = snapshot(2, 1_000);
    all.incidents.truncate(1);
    let page = render_status(context(&all));
    assert!(page.contains("Posts are published late"));
    assert!(page.contains("No other one in the last 14 days."));
    all.incidents.clear();
    let page = render_status(context(&all));
    assert!(page.contains("None in the last 14 days."), "{page}");
}

#[test]
fn an_unresolved_incident_names_each_component_with_its_state() {
    let mut all = snapshot(2, 1_000);
    let mut api = all.incidents[0].affected[0].clone();
    (api.name, api.state) = ("API".into(), ComponentState::DegradedPerformance);
    all.incidents[0].affected.insert(0, api);
    for page in [
        render_status(context(&all)),
        render_incidents(context(&all)),
        render_feed(&all, &BASE),
    ] {
        let text = "Major impact: Workers (partial outage), API (degraded performance)";
        assert!(page.contains(text), "{page}");
        assert!(!page.contains("(operational)"), "resolved, so names alone");
    }
}

#[test]
fn times_of_a_component_are_durations_apart_from_its_uptime() {
    let mut all = snapshot(1, 1_000);
    let page = render_history(context(&all));
    let text =
        "<small>Up 87 d, down 0 s; no data for 3 d</small></th><td class=\"n\">100.000\u{a0}%</td>";
    assert!(page.contains(text), "{page}");
    let seconds = &mut all.components[0].seconds;
    (seconds.no_data, seconds.maintenance, seconds.major_outage) = (0, 90, 1);
    let page = render_status(context(&all));
    assert!(
        page.contains("<p>Up 87 d, down 1 s; maintenance for 1 m 30 s</p>"),
        "{page}"
    );
}

#[test]
fn a_page_stays_the_same_for_a_minute() {
    let mut all = snapshot(2, 1_000);
    all.store_away_since = Some(hours_ago(3));
    let mut later = all.clone();
    later.taken_at = all.taken_at + jiff::SignedDuration::from_secs(20);
    let at = |snapshot, seconds| PageContext {
        snapshot,
        now: now() + jiff::SignedDuration::from_secs(seconds),
        auto_refresh: true,
        base: &BASE,
        page: 1,
    };
    assert!(render_status(at(&all, 0)) == render_status(at(&later, 20)));
}

#[test]
fn history_is_by_month_and_the_newest_first() {
    let page = render_history(context(&snapshot(2, 1_000)));
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}: {page}"));
    let order = [
        "November 2026",
        "Posts are published late",
        "Sign-in was slow",
        "October 2026",
        "Emails arrived twice",
        StateDurations::FORMULA,
    ];
    assert!(order.map(place).is_sorted());
    assert!(page.contains("21 Nov 2026, 05:00 CET to 07:00 (2 h)"));
}

#[test]
fn the_first_page_has_recent_incidents_and_what_is_planned() {
    let page = render_status(context(&snapshot(2, 1_000)));
    assert!(page.contains("Sign-in was slow") && page.contains("Move to a larger database"));
    assert!(!page.contains("Emails arrived twice"), "a month ago");
}

#[test]
fn ids_of_a_feed_are_uuids_that_never_change() {
    let mut all = snapshot(1, 1_000);
    let ids = |feed: &str| {
        let ids = feed
            .split("<id>")
            .skip(1)
            .map(|rest| rest.split_once('<').unwrap().0.to_owned());
        ids.collect::<Vec<_>>()
    };
    let before = ids(&render_feed(&all, &BASE));
    assert_eq!(before.len(), 5);
    for id in &before {
        let uuid = id.strip_prefix("urn:uuid:").unwrap();
        let parts: Vec<_> = uuid.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{uuid}");
        assert_eq!(
            (&uuid[14..15], &uuid[19..20]),
            ("8", "8"),
            "version and variant"
        );
    }
    all.incidents[0].title = "Another title".into();
    let elsewhere = LinkBase::from_url("http://elsewhere/ops").unwrap();
    assert_eq!(ids(&render_feed(&all, &elsewhere)), before);
}
