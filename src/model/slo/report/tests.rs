use jiff::Timestamp;

use super::*;
use crate::model::slo::Objectives;

const API: &str = include_str!("../../../../slo/api.json");

const DAY: Duration = Duration::from_secs(86_400);

fn at() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn latency() -> ObjectiveReport {
    let objectives = Objectives::parse(&[("api.json", API)]).unwrap();
    ObjectiveReport::new(objectives.get("api.latency").unwrap(), at())
}

fn report(objective: ObjectiveReport) -> SloReport {
    let mut report = SloReport::new(at(), ReportSource::Local);
    report.objectives.push(objective);
    report
}

#[test]
fn a_report_is_the_json_that_is_promised() {
    let mut latency = latency();
    latency.data = DataQuality::Ok;
    latency.coverage = 1.0;
    (latency.good, latency.bad) = (9_641, 359);
    let minutes = Duration::from_secs(300);
    latency.burn_rate.push(BurnRate::new(minutes, 964, 36, 1.0));
    let expected = concat!(
        r#"{"generated_at":"2026-11-24T12:00:00Z","source":"local","objectives":[{"#,
        r#""service":"api","name":"latency","kind":"latency","method":"occurrences","#,
        r#""target":95,"threshold":{"value":2000,"unit":"ms"},"window":"30d","#,
        r#""description":"95% of requests under 2s over 30 days","data":"ok","coverage":1,"#,
        r#""good":9641,"bad":359,"total":10000,"sli":0.9641,"#,
        r#""budget":{"fraction":0.05,"seconds":129600,"events":500,"consumed":0.718,"#,
        r#""remaining":0.282},"#,
        r#""burn_rate":[{"window":"5m","value":0.72,"good":964,"total":1000,"coverage":1}],"#,
        r#""alert":"none","exhausts_at":null,"recovers_at":null,"reason":null,"raw":null,"#,
        r#""seen":{"seconds":2592000,"of_seconds":2592000,"share":1,"collecting":false}}]}"#,
    );
    assert_eq!(report(latency).to_json(), expected);
}

#[test]
fn what_is_not_recorded_has_no_counts() {
    let json: serde_json::Value = serde_json::from_str(&report(latency()).to_json()).unwrap();
    let objective = &json["objectives"][0];
    assert_eq!(objective["data"], "absent");
    for field in ["good", "bad", "total", "sli"] {
        assert!(objective[field].is_null(), "{field}");
    }
    assert_eq!(objective["budget"]["seconds"], 129_600);
    assert!(objective["budget"]["events"].is_null());
    assert!(objective["budget"]["remaining"].is_null());
}

#[test]
fn where_nothing_happened_shares_are_null_and_counts_are_0() {
    let mut quiet = latency();
    quiet.data = DataQuality::from_coverage(1.0, 0);
    quiet
        .burn_rate
        .push(BurnRate::new(Duration::from_secs(300), 0, 0, 1.0));
    let json: serde_json::Value = serde_json::from_str(&report(quiet).to_json()).unwrap();
    let objective = &json["objectives"][0];
    assert_eq!(objective["data"], "no_data");
    assert_eq!(objective["total"], 0);
    assert!(objective["sli"].is_null() && objective["budget"]["remaining"].is_null());
    assert!(objective["burn_rate"][0]["value"].is_null());
}

#[test]
fn an_overspent_budget_is_negative() {
    let mut spent = latency();
    (spent.data, spent.coverage) = (DataQuality::Ok, 1.0);
    (spent.good, spent.bad) = (900, 100);
    let json: serde_json::Value = serde_json::from_str(&report(spent).to_json()).unwrap();
    assert_eq!(json["objectives"][0]["budget"]["consumed"], 2);
    assert_eq!(json["objectives"][0]["budget"]["remaining"], -1);
}

#[test]
fn a_budget_is_a_sparkline_where_its_past_is_known() {
    let mut burning = latency();
    (burning.good, burning.bad, burning.data) = (9_400, 600, DataQuality::Ok);
    burning.coverage = 1.0;
    let point = |minutes: i64| {
        let at = at() - jiff::SignedDuration::from_mins(60 - minutes);
        (at, Ratio::new(50 - i128::from(minutes), 50).unwrap())
    };
    burning.burn_down = (0..=60).map(point).collect();
    let table = render_table(&report(burning));
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[2].contains("BUDGET"), "{table}");
    assert!(lines[3].contains("██▇▆▅▄▃▂▂▁××  none"), "{table}");
    assert!(
        lines.iter().all(|line| line.chars().count() <= 100),
        "{table}"
    );
}

#[test]
fn a_table_fits_100_columns_and_has_notes_below_rows() {
    let mut firing = latency();
    firing.data = DataQuality::Partial;
    firing.coverage = 0.599;
    (firing.good, firing.bad) = (9_641, 2_359);
    firing.alert = AlertState::Critical;
    firing.recovers_at = Some(at());
    for (window, bad) in [
        (300, 900),
        (1_800, 260),
        (3_600, 100),
        (21_600, 20),
        (86_400, 0),
    ] {
        let window = Duration::from_secs(window);
        firing
            .burn_rate
            .push(BurnRate::new(window, 1_000 - bad, bad, 1.0));
    }
    let mut report = report(firing);
    let mut unknown = latency();
    unknown.service = "a-service-of-a-very-long-name-indeed".into();
    unknown.reason = Some("nothing of it was found, ".repeat(8));
    report.objectives.push(unknown);
    let table = render_table(&report);
    let lines: Vec<_> = table.lines().collect();
    assert!(
        lines.iter().all(|line| line.chars().count() <= 100),
        "{table}"
    );
    let expected = [
        "local 2026-11-24T12:00:00Z",
        "",
        "OBJECTIVE                              TARGET        SLI       LEFT  HIGHEST BURN    BURN   ALERT",
        "api.latency                              95 %  80.3416 %  -135.51 %  18.00x over 5m  ▁▂▄▆▇  CRITICAL",
        "  collecting data, 17 of 30 d",
        "  within its budget again at 2026-11-24T12:00:00Z if there are no more bad events",
        "a-service-of-a-very-long-name-indeed…    95 %          -          -  -                      none",
    ];
    assert_eq!(&lines[..7], expected, "{table}");
    assert!(
        lines[7].starts_with("  nothing of it was recorded here so far: nothing of it was found, "),
        "{table}"
    );
}

#[test]
fn the_highest_burn_rate_of_a_young_process_is_of_the_shortest_window() {
    let mut young = latency();
    (young.good, young.bad, young.data) = (90, 10, DataQuality::Partial);
    for window in [300, 1_800, 3_600] {
        let rate = BurnRate::new(Duration::from_secs(window), 90, 10, 0.01);
        young.burn_rate.push(rate);
    }
    let table = render_table(&report(young));
    assert!(table.contains("2.00x over 5m"), "{table}");
}

#[test]
fn notes_say_in_words_what_the_figures_are() {
    let note = |change: fn(&mut ObjectiveReport)| {
        let mut one = latency();
        (one.good, one.bad, one.data) = (100, 0, DataQuality::Ok);
        one.seen_time = Some(SeenTime::new(DAY * 30, DAY * 30));
        change(&mut one);
        let table = render_table(&report(one));
        let notes = table.lines().skip(4).take_while(|line| !line.is_empty());
        notes.map(str::trim).collect::<Vec<_>>().join("|")
    };
    assert_eq!(note(|_| {}), "");
    let collecting = note(|one| {
        one.data = DataQuality::Partial;
        one.seen_time = Some(SeenTime::new(
            Duration::from_secs(1_080),
            Duration::from_secs(3_600),
        ));
    });
    assert_eq!(collecting, "collecting data, 18 of 60 min");
    let quiet = note(|one| (one.good, one.data) = (0, DataQuality::NoData));
    assert_eq!(quiet, "nothing happened: neither good nor bad");
    let early = note(|one| {
        (one.good, one.data) = (0, DataQuality::NoData);
        one.method = BudgetingMethod::Timeslices;
    });
    assert_eq!(early, "no time slice was counted yet");
    let stale = note(|one| {
        (one.data, one.alert) = (DataQuality::Stale, AlertState::Frozen);
        one.reason = Some("the newest sample is 9m old".into());
    });
    let expected = "stale, no new samples arrive: the newest sample is 9m old\
        |its alert is frozen: samples are missing, so that nothing is raised or cleared";
    assert_eq!(stale, expected);
    let burning = note(|one| one.exhausts_at = Some(at()));
    assert_eq!(
        burning,
        "exhausted at 2026-11-24T12:00:00Z at the rate of the last hour"
    );
    let spent = note(|one| (one.bad, one.exhausts_at) = (900, Some(at())));
    assert_eq!(spent, "", "the row says that less than nothing is left");
}

#[test]
fn a_report_is_read_back_as_it_was_written() {
    let mut latency = latency();
    latency.data = DataQuality::Partial;
    latency.coverage = 0.25;
    latency.seen_time = Some(SeenTime::new(DAY * 7, DAY * 28));
    (latency.good, latency.bad) = (9_641, 359);
    latency.slice = Some(Duration::from_millis(500));
    let young = BurnRate::new(Duration::from_secs(300), 964, 36, 0.4).with_reach(0.4);
    latency.burn_rate.push(young);
    latency.alert = AlertState::Warning;
    latency.exhausts_at = Some(at());
    latency.raw = Some((9_700, 400));
    let half = Ratio::new(1, 2).unwrap();
    latency.burn_down = vec![(at(), half)];
    let file = r#"{"shop":{"sales":{"metric":"vantage.worker.jobs","good":{"outcome":"succeeded"},
        "target":99,"window":{"calendar":"month","time_zone":"UTC"}}}}"#;
    let objectives = Objectives::parse(&[("shop.json", file)]).unwrap();
    let mut report = report(latency);
    let sales = ObjectiveReport::new(objectives.iter().next().unwrap(), at());
    report.objectives.push(sales);
    report.objectives[1].seen_time = Some(SeenTime::new(Duration::ZERO, DAY * 30));
    assert_eq!(SloReport::from_json(&report.to_json()), Ok(report));
}

#[test]
fn a_report_of_an_earlier_release_has_the_budget_of_its_coverage() {
    let mut half = latency();
    (half.good, half.bad) = (9_641, 359);
    (half.data, half.coverage) = (DataQuality::Partial, 0.5);
    let mut json: serde_json::Value = serde_json::from_str(&report(half).to_json()).unwrap();
    json["objectives"][0]
        .as_object_mut()
        .unwrap()
        .remove("seen");
    let read = SloReport::from_json(&json.to_string()).unwrap();
    let half = &read.objectives[0];
    assert_eq!(half.budget().consumed().map(Ratio::to_f64), Some(0.359));
    assert_eq!(half.seen(), SeenTime::new(DAY * 15, DAY * 30));
}

#[test]
fn a_young_report_says_so_in_json_and_in_words() {
    let mut young = latency();
    (young.good, young.bad) = (17, 0);
    young.data = DataQuality::Partial;
    young.seen_time = Some(SeenTime::new(Duration::from_secs(18 * 60), DAY * 30));
    let words = Some("collecting data, 18 min of 30 d");
    assert_eq!(young.collecting_text().as_deref(), words);
    let mut absent = young.clone();
    absent.data = DataQuality::Absent;
    assert_eq!(absent.collecting_text(), None);
    let json: serde_json::Value = serde_json::from_str(&report(young).to_json()).unwrap();
    let expected = serde_json::json!({"seconds": 1080, "of_seconds": 2_592_000,
        "share": 1.0 / 2400.0, "collecting": true});
    assert_eq!(json["objectives"][0]["seen"], expected);
}

#[test]
fn a_calendar_window_that_was_seen_so_far_is_still_collecting() {
    let file = r#"{"api":{"latency":{"target":95,"threshold":2000,
        "window":{"calendar":"month"}}}}"#;
    let objectives = Objectives::parse(&[("api.json", file)]).unwrap();
    let mut month = ObjectiveReport::new(objectives.get("api.latency").unwrap(), at());
    (month.good, month.bad, month.coverage) = (990, 10, 1.0);
    month.data = DataQuality::from_coverage(month.coverage, 1_000);
    assert_eq!(month.data, DataQuality::Ok);
    let words = Some("collecting data, 23 of 30 d");
    assert_eq!(month.collecting_text().as_deref(), words);
    // 23.5 days of 30 at a fifth of the permitted share.
    assert_eq!(month.budget().consumed(), Ratio::new(235, 1_500));
}

#[test]
fn an_invalid_report_is_an_error_that_names_the_value() {
    let json = report(latency()).to_json();
    let read = |from: &str, to: &str| SloReport::from_json(&json.replace(from, to));
    let why = |from: &str, to: &str| read(from, to).unwrap_err().to_string();
    assert!(why(r#""absent""#, r#""fine""#).contains(r#"data "fine": known are ok, partial"#));
    assert!(why(r#""none""#, r#""shouting""#).contains(r#"alert "shouting""#));
    assert!(why(r#""30d""#, r#""1y""#).contains("window"));
    assert!(why(r#""target":95"#, r#""target":195"#).contains("a percentage is between 0 and 100"));
    assert!(SloReport::from_json("<html>").is_err());
    assert!(read(r#""source""#, r#""later":{},"source""#).is_ok());
}

#[test]
fn services_of_a_fleet_are_told_apart_and_read_back() {
    let of = |job: &str| {
        let mut one = latency();
        (one.job, one.environment) = (Some(job.into()), Some("production".into()));
        one
    };
    let mut fleet = report(of("blog"));
    let alone = render_table(&fleet);
    assert!(!alone.contains("blog"), "{alone}");
    fleet.objectives.push(of("shop"));
    let table = render_table(&fleet);
    for service in ["blog", "shop"] {
        let line = format!("\n  {service} in production\n");
        assert!(table.contains(&line), "{table}");
    }
    let json = fleet.to_json();
    assert!(
        json.contains(r#""job":"shop","environment":"production""#),
        "{json}"
    );
    assert_eq!(SloReport::from_json(&json).unwrap().to_json(), json);
    assert!(!report(latency()).to_json().contains("\"job\""));
}

#[test]
fn what_is_no_report_is_told_in_one_short_line() {
    let text = format!(
        r#"{{"generated_at": "{}\n\u{{1b}}[2J"}}"#,
        "x".repeat(5_000)
    );
    let error = SloReport::from_json(&text).unwrap_err().to_string();
    assert!(
        error.len() < 300 && !error.contains(char::is_control),
        "{error:?}"
    );
}
