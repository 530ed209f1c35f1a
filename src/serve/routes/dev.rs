//! `GET /dev`: the development page of this process, and the same as JSON at `/dev.json`.
//!
//! Both are for this machine alone: see [`dev_guard`](super::super::dev_guard). Nothing of it is cached.

use std::sync::Arc;
use std::time::SystemTime;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;

use super::document_cache::{DocumentCache, DocumentSource};
use super::query_string::QueryString;
use super::response::json_text_response;
use crate::background::Supervisor;
use crate::config::ServiceConfig;
use crate::export::dev::DevRecorder;
use crate::model::dev::{DevCheck, DevObjective, DevProcess, DevWorker};
use crate::model::heartbeat::BeatRole;
use crate::model::slo::report::ObjectiveReport;
use crate::model::snapshot::health::{CheckState, HealthStatus, LatestHealth};
use crate::model::snapshot::slo::LatestSloReport;
use crate::record::clock::Clock;
use crate::serve::dev_guard::{page_response, protect, refuse};
use crate::serve::pages::{DevQuery, DevSource, render_dev};
use crate::serve::time::Rfc3339Millis;
use crate::watch::heartbeat::HeartbeatReceiver;
use crate::watch::heartbeat::registry::{WorkerQuery, WorkerView};

/// The most workers that are shown, of each role.
const MAX_WORKERS: usize = 100;

/// The most answers that wait at a time.
const MAX_WAITING: usize = 8;

/// The page's route. What it shows is never the same twice: it is rendered for each request, on another thread than
/// those that answer requests, because that takes long where much is kept, and waits for lines on their way.
#[derive(Debug)]
pub(crate) struct DevRoutes(DocumentCache<DevState>);

/// The state of the process that the page shows.
#[derive(Debug)]
pub(crate) struct DevState {
    pub(crate) recorder: DevRecorder,
    pub(crate) service: ServiceConfig,
    pub(crate) traced: bool,
    pub(crate) started_at: SystemTime,
    pub(crate) clock: Clock,
    pub(crate) health: LatestHealth,
    pub(crate) slo: LatestSloReport,
    pub(crate) workers: Arc<HeartbeatReceiver>,
}

/// The form of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum DevDocument {
    Json,
    Page(DevQuery),
}

pub(super) async fn respond(State(routes): State<Arc<DevRoutes>>, request: Request) -> Response {
    if let Some(refusal) = refuse(request.extensions(), request.uri(), request.headers()) {
        return refusal;
    }
    let is_json = request.uri().path().ends_with(".json");
    let document = if is_json {
        DevDocument::Json
    } else {
        let parameters = QueryString::parse(request.uri());
        DevDocument::Page(DevQuery::parse(parameters.iter()))
    };
    match routes.0.get(document).await {
        Ok(json) if is_json => protect(json_text_response(StatusCode::OK, Bytes::clone(&json))),
        Ok(page) => page_response(Bytes::clone(&page)),
        Err(error) => protect(error.to_response()),
    }
}

impl DevRoutes {
    pub(crate) fn new(state: DevState, supervisor: Supervisor) -> Self {
        Self(DocumentCache::new(state, MAX_WAITING, supervisor))
    }
}

impl DocumentSource for DevState {
    type Key = DevDocument;
    type State = ();
    type Revision = ();
    type Document = Bytes;

    fn read(&self) -> ((), ()) {
        ((), ())
    }

    fn is_current(&self, (): &()) -> bool {
        false
    }

    fn render(&self, document: &DevDocument, (): ()) -> Bytes {
        let json = self.json();
        let DevDocument::Page(query) = document else {
            return json.into();
        };
        let process = serde_json::from_str(&json).map_err(|error| error.to_string());
        let source = DevSource { url: None, process };
        render_dev(&[source], query.clone()).into()
    }
}

impl DevState {
    /// Returns the process as JSON.
    fn json(&self) -> String {
        // Texts and numbers only: it can't fail.
        let mut json = serde_json::to_value(self.process()).unwrap_or_default();
        let members = json.as_object_mut();
        let kept = ["spans", "lines"].map(str::to_owned);
        members.into_iter().for_each(|members| {
            members.retain(|key, _| !kept.contains(key));
        });
        let text = json.to_string();
        // Kept as JSON, and not parsed to be written again.
        let (spans, lines) = (self.recorder.spans_json(), self.recorder.lines_json());
        let head = text.strip_suffix('}').unwrap_or_default();
        format!("{head},\"spans\":[{spans}],\"lines\":[{lines}]}}")
    }

    /// Returns the process without its spans and lines.
    fn process(&self) -> DevProcess {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let health = self.health.read();
        let overall = health.evaluate_excluding(now, |_| false);
        let report = self.slo.read();
        let objectives = report.iter().flat_map(|report| &report.objectives);
        DevProcess {
            service: self.service.name.clone(),
            version: self.service.version.clone(),
            environment: self.service.environment.clone(),
            instance: self.service.instance_id.clone(),
            roles: self
                .service
                .roles
                .iter()
                .map(|role| role.as_str().to_owned())
                .collect(),
            pid: std::process::id(),
            started_at: rfc3339(self.started_at),
            taken_at: rfc3339(wall),
            health: overall.status.as_str().into(),
            ready: overall.ready,
            traced: self.traced,
            operations: self.recorder.operations(),
            workers: self.workers(),
            checks: health
                .checks
                .iter()
                .map(|check| dev_check(check, now))
                .collect(),
            objectives: objectives.map(dev_objective).collect(),
            ..DevProcess::default()
        }
    }

    fn workers(&self) -> Vec<DevWorker> {
        let (mut registry, now) = self.workers.lock_registry();
        let views = [BeatRole::Worker, BeatRole::Scheduler].map(|role| {
            let query = WorkerQuery {
                role,
                states: Vec::new(),
                after: None,
                limit: MAX_WORKERS,
            };
            registry.page(&query, now).workers
        });
        drop(registry);
        views.iter().flatten().map(dev_worker).collect()
    }
}

fn dev_worker(view: &WorkerView) -> DevWorker {
    let progress = &view.row.progress;
    DevWorker {
        id: view.row.id.as_str().into(),
        state: view.state.shown().as_str().into(),
        age_ms: view.age_ms(),
        in_flight: progress.in_flight,
        processed: progress.processed_total,
        failed: progress.failed_total,
        queue_depth: progress.queue_depth,
    }
}

fn dev_check(check: &CheckState, now: std::time::Instant) -> DevCheck {
    let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let result = check.last_result.as_ref();
    DevCheck {
        id: check.id.to_string(),
        status: check
            .status(now)
            .unwrap_or(HealthStatus::Warn)
            .as_str()
            .into(),
        code: check.code(now).into(),
        criticality: check.criticality.as_str().into(),
        age_ms: result.map(|result| millis(now.saturating_duration_since(result.at))),
        duration_ms: result.map(|result| millis(result.took)),
    }
}

fn dev_objective(report: &ObjectiveReport) -> DevObjective {
    let percent = |share: Option<crate::model::units::Ratio>| {
        let percent = share?.checked_mul(crate::model::units::Ratio::from(100))?;
        Some(format!(
            "{}\u{a0}%",
            percent.format_floor(2).replace('-', "−")
        ))
    };
    DevObjective {
        id: report.id(),
        target: report.target.to_string(),
        sli: percent(report.sli()),
        budget_left: percent(report.remaining()),
        data: report.data.as_str().into(),
        alert: report.alert.as_str().into(),
    }
}

fn rfc3339(at: SystemTime) -> String {
    let at = Timestamp::try_from(at).unwrap_or_default();
    Rfc3339Millis(at).to_string()
}
