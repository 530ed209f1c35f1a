//! Documents in JSON: objectives, reports, beats, incidents, rows of a store, answers of Prometheus.

use std::fmt::Debug;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::input::parts;
use super::oracle::markup;
use super::{assert_line, fingerprint, magnitude, promql};
use crate::model::fault::Fault;
use crate::model::heartbeat::{Beat, BeatId};
use crate::model::slo::Objectives;
use crate::model::slo::policy::BurnRatePolicy;
use crate::model::slo::promql::{events_query, maintenance_query};
use crate::model::slo::report::{SloReport, render_table};
use crate::serve::pages::render_slo;
use crate::store::{AlertStateRow, IncidentRow, SpanRow, TotalRow, WorkerRow};
use crate::watch::slo::fleet::response::{parse_matrix, parse_vector};
use crate::watch::status::request::{parse_incident, parse_maintenance, parse_update};

/// The most bytes of a text that a fault repeats.
const MAX_FOUND_BYTES: usize = 1_024;

pub(super) fn slo_file(data: &[u8]) -> u64 {
    let texts: Vec<_> = parts(data).take(2).collect();
    let files: Vec<_> = ["a.json", "b.json"]
        .into_iter()
        .zip(texts.iter().map(|text| &**text))
        .collect();
    let (objectives, way) = match Objectives::parse(&files) {
        Ok(objectives) => {
            let way = fingerprint((true, objectives.len(), objectives.warnings().count()));
            (objectives, way)
        }
        Err(error) => {
            let faults = error.faults();
            assert!(!faults.is_empty());
            for fault in faults {
                assert!(["a.json", "b.json"].contains(&&*fault.file), "{fault}");
                assert!(fault.path.starts_with('$'), "{fault}");
            }
            let text = error.to_string();
            assert!(
                text.len() <= 8_192 + 512 * data.len(),
                "{} bytes of {}",
                text.len(),
                data.len()
            );
            let problems: Vec<_> = faults
                .iter()
                .map(|fault| std::mem::discriminant(&fault.problem))
                .collect();
            (
                error.valid_objectives().clone(),
                fingerprint((
                    magnitude(faults.len()),
                    problems.first().copied(),
                    problems.last().copied(),
                )),
            )
        }
    };
    for objective in &objectives {
        let target = objective.target();
        assert_eq!(target.to_string().parse(), Ok(target));
        assert!(
            objective
                .id()
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        );
        assert!(objective.time_budget() <= objective.window().duration());
    }
    for query in [
        events_query(&objectives, Duration::from_secs(300)),
        maintenance_query(&objectives, Duration::from_secs(300)),
    ] {
        promql::assert_balanced(&query);
    }
    way
}

pub(super) fn slo_report(data: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(data);
    let report = match SloReport::from_json(&text) {
        Ok(report) => report,
        Err(error) => {
            assert_line(&error.to_string(), 1_024);
            return fingerprint(error.to_string().split(['`', '"', '0']).next());
        }
    };
    let written = report.to_json();
    let again = SloReport::from_json(&written);
    let again = again.unwrap_or_else(|error| panic!("{error} of {written}"));
    assert_eq!(again.to_json(), written);
    assert!(!render_table(&report).contains('\u{1b}'));
    markup::elements(&render_slo(&report, &BurnRatePolicy::platform()), false);
    let states: Vec<_> = report
        .objectives
        .iter()
        .map(|one| (one.data.as_str(), one.alert.as_str()))
        .collect();
    fingerprint(states)
}

pub(super) fn heartbeat(data: &[u8]) -> u64 {
    let limit = Duration::from_secs(150);
    let way = match Beat::parse(data, limit) {
        Ok((beat, unknown)) => {
            let json = beat.to_json();
            assert!(json.len() <= 1_024 + 2 * data.len());
            let again = Beat::parse(json.as_bytes(), limit);
            let again = again.unwrap_or_else(|error| panic!("{error} of {json}"));
            assert_eq!(again, (beat.clone(), 0), "{json}");
            fingerprint((
                beat.state,
                beat.role,
                magnitude(unknown as usize),
                beat.version.is_some(),
                beat.progress.has_work(),
            ))
        }
        Err(error) => {
            // A member is told once, however it is wrong.
            assert_faults(error.faults(), 16);
            assert!(error.to_string().len() <= 16 << 10);
            fingerprint(
                error
                    .faults()
                    .iter()
                    .map(|fault| &*fault.path)
                    .collect::<Vec<_>>(),
            )
        }
    };
    // Ids come in paths.
    let id = String::from_utf8_lossy(data);
    if let Some(id) = BeatId::parse(&id) {
        let segment = id.path_segment().to_string();
        assert!(
            segment
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"/?#\"<>".contains(&byte)),
            "{segment}"
        );
        let decoded = percent_encoding::percent_decode_str(&segment).decode_utf8();
        assert_eq!(decoded.as_deref(), Ok(id.as_str()));
    }
    way
}

/// Faults are told within bounds, at most so many.
#[track_caller]
fn assert_faults(faults: &[Fault], most: usize) {
    assert!(
        !faults.is_empty() && faults.len() <= most,
        "{} faults",
        faults.len()
    );
    for fault in faults {
        assert!(fault.path.starts_with('$'), "{fault}");
        assert!(
            fault.found.len() <= MAX_FOUND_BYTES,
            "{} bytes at {}",
            fault.found.len(),
            fault.path
        );
        assert!(
            fault.path.len() <= MAX_FOUND_BYTES,
            "{} bytes of path",
            fault.path.len()
        );
        assert!(!fault.found.contains(char::is_control), "{:?}", fault.found);
    }
}

pub(super) fn incident_body(data: &[u8]) -> u64 {
    let outcomes = [
        parse_incident(data).map(|incident| format!("{incident:?}")),
        parse_maintenance(data).map(|maintenance| format!("{maintenance:?}")),
        parse_update(data).map(|update| format!("{update:?}")),
    ];
    let mut ways = Vec::new();
    for outcome in outcomes {
        ways.push(match outcome {
            Ok(parsed) => {
                assert!(parsed.len() <= 1_024 + 16 * data.len());
                0
            }
            Err(faults) => {
                // One for each key and component that was sent, one for each that is missing.
                assert_faults(&faults, 16 + data.len() / 4);
                1 + magnitude(faults.len())
            }
        });
    }
    fingerprint(ways)
}

pub(super) fn stored_row(data: &[u8]) -> u64 {
    let texts: Vec<_> = parts(data).take(2).collect();
    let [first, second] = [0, 1].map(|index| texts.get(index).map_or("", |text| text));
    let workers = [row::<WorkerRow>(first), row::<WorkerRow>(second)];
    if let [Some(left), Some(right)] = &workers
        && left != right
    {
        // Two processes that merge the same rows come to the same end.
        assert!(!left.supersedes(left));
        assert!(
            !(left.supersedes(right) && right.supersedes(left)),
            "{left:?} {right:?}"
        );
    }
    let kinds = [
        workers[0].is_some(),
        workers[1].is_some(),
        row::<IncidentRow>(first).is_some(),
        row::<SpanRow>(first).is_some(),
        row::<TotalRow>(first).is_some(),
        row::<AlertStateRow>(first).is_some(),
    ];
    if let Some(incident) = row::<IncidentRow>(first) {
        let _ = (
            incident.ends_at(),
            incident.is_relevant_after(jiff::Timestamp::MAX),
        );
    }
    fingerprint(kinds)
}

/// A row that is read is written and read to the same.
#[track_caller]
fn row<R: Serialize + DeserializeOwned + PartialEq + Debug>(text: &str) -> Option<R> {
    let row: R = serde_json::from_str(text).ok()?;
    let written = serde_json::to_string(&row);
    let written = written.unwrap_or_else(|error| panic!("{error}: {row:?}"));
    let again: R =
        serde_json::from_str(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
    assert_eq!(again, row, "{written}");
    Some(row)
}

pub(super) fn prometheus_response(data: &[u8]) -> u64 {
    let vector = parse_vector(data);
    let matrix = parse_matrix(data);
    let mut way = Vec::new();
    for error in [vector.as_ref().err(), matrix.as_ref().err()]
        .into_iter()
        .flatten()
    {
        assert_line(error, 1_024);
        way.push(
            error
                .split([':', '`', '"'])
                .next()
                .unwrap_or_default()
                .to_owned(),
        );
    }
    let warnings = [
        vector.as_ref().map(|(_, warnings)| warnings),
        matrix.as_ref().map(|(_, warnings)| warnings),
    ];
    for warnings in warnings.into_iter().flatten() {
        warnings
            .iter()
            .for_each(|warning| assert_line(warning, 1_024));
    }
    let series =
        vector.map_or(0, |(values, _)| values.len()) + matrix.map_or(0, |(series, _)| series.len());
    fingerprint((way, magnitude(series)))
}
