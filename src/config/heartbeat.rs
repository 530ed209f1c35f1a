//! How workers and schedulers beat, and when one that does not is given up.

use std::time::Duration;

use serde::Serialize;

use super::check::Check;
use super::endpoint::{Endpoint, check_features};
use super::reader::Section;
use super::secret::{MASK, Secret};
use super::setting::{duration, words};
use super::tls::Tls;
use crate::model::heartbeat::BeatId;
use crate::model::units::format_duration;

/// The path of the list of workers.
pub(crate) const WORKERS_PATH: &str = "/api/v1/workers/health";
/// The path of one worker, and of its beats.
pub(crate) const HEARTBEAT_PATH: &str = "/api/v1/workers/{worker_id}/heartbeat";

/// Faster beats than that say nothing more, and cost their receiver.
const SHORTEST: Duration = Duration::from_millis(100);
/// A worker that has been away for so long has been forgotten by everybody.
const LONGEST_EXPIRY: Duration = Duration::from_secs(31 * 86_400);

/// How workers and schedulers beat, and when one that does not is given up.
///
/// The first half is for whoever beats, `stalled_after` and what follows it for whoever receives.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Heartbeat {
    /// How often a worker of this process beats, moved by up to a tenth at random: 100 ms to half
    /// of `offline_after`. Default: 30 s.
    #[serde(serialize_with = "duration")]
    pub interval: Duration,
    /// Where beats go. Default: `local`.
    pub sink: HeartbeatSink,
    /// The service that receives them, such as `http://api:8080`, for the sink `http`. Default: none.
    pub endpoint: Option<Endpoint>,
    /// The bearer token that the receiver asks for. Default: none.
    pub token: Option<Secret>,
    /// The time one beat may take, connecting included: more than 0, at most a day. Default: 5 s.
    #[serde(serialize_with = "duration")]
    pub timeout: Duration,
    /// Certificates for an `https` endpoint. Default: the system's authorities, no client
    /// certificate.
    pub tls: Tls,
    /// After how long without progress a worker that beats and has work is stalled: more than 0, at
    /// most a day. Default: 5 min.
    #[serde(serialize_with = "duration")]
    pub stalled_after: Duration,
    /// How long after its last beat a worker is offline: more than 0, at most a day. Default: 5 min.
    #[serde(serialize_with = "duration")]
    pub offline_after: Duration,
    /// How long after its last beat a worker is forgotten: more than `offline_after`, at most 31
    /// days. Default: 24 h.
    #[serde(serialize_with = "duration")]
    pub expire_after: Duration,
    /// How many workers and schedulers the receiver remembers at once, 1 to 1,000,000; a new one beyond
    /// them is refused. Default: 100,000, about 80 MB.
    pub capacity: usize,
    /// The ids of workers that are to be missed even if they never beat. Default: none.
    pub expected: Vec<String>,
}

/// Where beats go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeartbeatSink {
    /// Into the roster of this process, and with it into the store.
    Local,
    /// To the API of another process.
    Http,
}

words!(HeartbeatSink {
    Local: "local",
    Http: "http",
});

impl Default for Heartbeat {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(30),
            sink: HeartbeatSink::Local,
            endpoint: None,
            token: None,
            timeout: Duration::from_secs(5),
            tls: Tls::default(),
            stalled_after: Duration::from_secs(300),
            offline_after: Duration::from_secs(300),
            expire_after: Duration::from_secs(86_400),
            capacity: 100_000,
            expected: Vec::new(),
        }
    }
}

impl Heartbeat {
    pub(super) fn read(&mut self, section: &mut Section<'_, '_>) {
        section.field("interval", &mut self.interval);
        section.field("sink", &mut self.sink);
        section.field("endpoint", &mut self.endpoint);
        section.field("token", &mut self.token);
        section.field("timeout", &mut self.timeout);
        section.section("tls", |section| self.tls.read(section));
        section.field("stalled_after", &mut self.stalled_after);
        section.field("offline_after", &mut self.offline_after);
        section.field("expire_after", &mut self.expire_after);
        section.field("capacity", &mut self.capacity);
        section.list("expected", &mut self.expected);
    }

    pub(super) fn check(&self, check: &mut Check<'_>) {
        self.check_times(check);
        self.check_sink(check);
        let fine = (1..=1_000_000).contains(&self.capacity);
        check.require(fine, "heartbeat.capacity", self.capacity, "1 to 1000000");
        for id in &self.expected {
            let fine = BeatId::parse(id).is_some();
            let shown = format!("{:?}", id.chars().take(140).collect::<String>());
            check.require(fine, "heartbeat.expected", shown, BeatId::ALLOWED);
        }
    }

    fn check_times(&self, check: &mut Check<'_>) {
        check.duration("heartbeat.timeout", self.timeout);
        check.duration("heartbeat.stalled_after", self.stalled_after);
        check.duration("heartbeat.offline_after", self.offline_after);
        // One lost beat is no lost worker.
        let fine = self.interval >= SHORTEST && self.interval <= self.offline_after / 2;
        let (interval, offline) = ("heartbeat.interval", "heartbeat.offline_after");
        // Told where somebody set something.
        let path = if check.is_set(interval) {
            interval
        } else {
            offline
        };
        let shown = format!(
            "an interval of {} with an offline_after of {}",
            format_duration(self.interval),
            format_duration(self.offline_after)
        );
        let allowed = "an interval from 100ms to half of offline_after";
        check.require(fine, path, shown, allowed);
        let fine = self.expire_after > self.offline_after && self.expire_after <= LONGEST_EXPIRY;
        let (expiry, shown) = ("heartbeat.expire_after", format_duration(self.expire_after));
        let path = if check.is_set(expiry) {
            expiry
        } else {
            offline
        };
        check.require(fine, path, shown, "more than offline_after, at most 31d");
    }

    fn check_sink(&self, check: &mut Check<'_>) {
        self.tls.check("heartbeat.tls", check);
        check_features("heartbeat.endpoint", self.endpoint.as_ref(), check);
        let http = self.sink == HeartbeatSink::Http;
        let fine = !http || self.endpoint.is_some();
        let allowed = r#"local, or http with heartbeat.endpoint such as "http://api:8080""#;
        check.require(fine, "heartbeat.sink", self.sink, allowed);
        let fine = !http || cfg!(feature = "otlp");
        let allowed = "local: the crate was built without its `otlp` feature, which has the client";
        check.require(fine, "heartbeat.sink", self.sink, allowed);
        if let Some(token) = self.token.as_ref().and_then(Secret::expose) {
            let allowed = "letters, digits and -._~+/=, as RFC 6750 has a bearer token";
            check.require(
                Secret::is_bearer_token(token),
                "heartbeat.token",
                MASK,
                allowed,
            );
        }
    }

    /// What is set and has no effect.
    pub(super) fn warnings(&self) -> Vec<String> {
        let unused = self.endpoint.is_some() && self.sink != HeartbeatSink::Http;
        let warning = r#"heartbeat.endpoint has no effect: heartbeat.sink is not "http""#;
        unused.then(|| warning.to_owned()).into_iter().collect()
    }
}
