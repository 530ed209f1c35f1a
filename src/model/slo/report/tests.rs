use jiff::Timestamp;

use super::*;
use crate::model::slo::Objectives;

const API: &str = include_str!("../../../../slo/api.json");

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
    latency.coverage = 0.98;
    (latency.good, latency.bad) = (9_641, 359);
    let minutes = Duration::from_secs(300);
    latency.burn_rate.push(BurnRate::new(minutes, 964, 36, 1.0));
    let expected = concat!(
        r#"{"generated_at":"2026-11-24T12:00:00Z","source":"local","objectives":[{"#,
        r#""service":"api","name":"latency","kind":"latency","method":"occurrences","#,
        r#""target":95,"threshold":{"value":2000,"unit":"ms"},"window":"30d","#,
        r#""description":"95% of requests under 2s over 30 days","data":"ok","coverage":0.98,"#,
        r#""good":9641,"bad":359,"total":10000,"sli":0.9641,"#,
        r#""budget":{"fraction":0.05,"seconds":129600,"events":500,"consumed":0.718,"#,
        r#""remaining":0.282},"#,
        r#""burn_rate":[{"window":"5m","value":0.72,"good":964,"total":1000,"coverage":1}],"#,
        r#""alert":"none","exhausts_at":null,"recovers_at":null,"reason":null,"raw":null}]}"#,
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
    spent.data = DataQuality::Ok;
    (spent.good, spent.bad) = (900, 100);
    let json: serde_json::Value = serde_json::from_str(&report(spent).to_json()).unwrap();
    assert_eq!(json["objectives"][0]["budget"]["consumed"], 2);
    assert_eq!(json["objectives"][0]["budget"]["remaining"], -1);
}

#[test]
fn a_budget_is_a_sparkline_where_its_past_is_known() {
    let mut burning = latency();
    (burning.good, burning.bad, burning.data) = (9_400, 600, DataQuality::Ok);
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
    (firing.good, firing.bad) = (9_641, 1_359);
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
        "api.latency                              95 %  87.6454 %  -147.10 %  18.00x over 5m  ▁▂▄▆▇  CRITICAL",
        "  partial, 59 % covered",
        "  within its budget again at 2026-11-24T12:00:00Z if nothing more happens",
        "a-service-of-a-very-long-name-indeed…    95 %          -          -  -                      none",
    ];
    assert_eq!(&lines[..7], expected, "{table}");
    assert!(
        lines[7].starts_with("  absent, 0 % covered: nothing of it"),
        "{table}"
    );
}

#[test]
fn a_report_is_read_back_as_it_was_written() {
    let mut latency = latency();
    latency.data = DataQuality::Partial;
    latency.coverage = 0.25;
    (latency.good, latency.bad) = (9_641, 359);
    let minutes = Duration::from_secs(300);
    latency.burn_rate.push(BurnRate::new(minutes, 964, 36, 1.0));
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
    assert_eq!(SloReport::from_json(&report.to_json()), Ok(report));
}

#[test]
fn an_invalid_report_is_an_error_that_names_the_value() {
    let json = report(latency()).to_json();
    let read = |from: &str, to: &str| SloReport::from_json(&json.replace(from, to));
    let why = |from: &str, to: &str| read(from, to).unwrap_err().to_string();
    assert!(why(r#""absent""#, r#""fine""#).contains(r#"data "fine": known are ok, partial"#));
    assert!(why(r#""none""#, r#""shouting""#).contains(r#"alert "shouting""#));
    assert!(why(r#""30d""#, r#""1y""#).contains("window"));
    assert!(why(r#""target":95"#, r#""target":195"#).contains("a percentage is from 0 to 100"));
    assert!(SloReport::from_json("<html>").is_err());
    assert!(read(r#""source""#, r#""later":{},"source""#).is_ok());
}
