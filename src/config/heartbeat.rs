//! Configuration of heartbeats: sender and receiver.

use std::time::Duration;

use serde::Serialize;

use super::endpoint::{Endpoint, validate_features};
use super::field_value::{serialize_duration, string_enum};
use super::reader::SectionReader;
use super::secret::{MASK, Secret};
use super::tls::TlsConfig;
use super::validator::ConfigValidator;
use crate::model::heartbeat::BeatId;
use crate::model::units::format_duration;

/// The path of the list of workers.
pub(crate) const WORKERS_PATH: &str = "/api/v1/workers/health";
/// The path of one worker, and of its beats.
pub(crate) const HEARTBEAT_PATH: &str = "/api/v1/workers/{worker_id}/heartbeat";

/// The minimum interval: faster beats say nothing more, and cost their receiver.
const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// The maximum time after which a worker is forgotten.
const MAX_EXPIRY: Duration = Duration::from_secs(31 * 86_400);

/// The heartbeats of workers and schedulers: interval, sink, timeouts.
///
/// The first half is for whoever beats, `stalled_after` and what follows it for whoever receives.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct HeartbeatConfig {
    /// How often a worker of this process beats, moved by up to a tenth at random: 100 ms to half
    /// of `offline_after`. Default: 30 s.
    #[serde(serialize_with = "serialize_duration")]
    pub interval: Duration,
    /// Where beats go. Default: `local`.
    pub sink: HeartbeatSink,
    /// The service that receives them, such as `http://api:8080`, for the sink `http`. Default: none.
    pub endpoint: Option<Endpoint>,
    /// The bearer token that the receiver asks for. Default: none.
    pub token: Option<Secret>,
    /// The time one beat may take, connecting included: more than 0, at most a day. Default: 5 s.
    #[serde(serialize_with = "serialize_duration")]
    pub timeout: Duration,
    /// Certificates for an `https` endpoint. Default: the system's authorities, no client
    /// certificate.
    pub tls: TlsConfig,
    /// After how long without progress a worker that beats and has work is stalled: more than 0, at
    /// most a day. Default: 5 min.
    #[serde(serialize_with = "serialize_duration")]
    pub stalled_after: Duration,
    /// How long after its last beat a worker is offline: more than 0, at most a day. Default: 5 min.
    #[serde(serialize_with = "serialize_duration")]
    pub offline_after: Duration,
    /// How long after its last beat a worker is forgotten: more than `offline_after`, at most 31
    /// days. Default: 24 h.
    #[serde(serialize_with = "serialize_duration")]
    pub expire_after: Duration,
    /// How many workers and schedulers the receiver remembers at once, 1 to 1,000,000; a new one beyond
    /// them is refused. Default: 100,000, about 80 MB.
    pub capacity: usize,
    /// The ids of workers that are to be missed even if they never beat. Default: none.
    pub expected: Vec<String>,
}

/// The destination of beats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeartbeatSink {
    /// Into the registry of this process, and with it into the store.
    Local,
    /// To the API of another process.
    Http,
}

string_enum!(HeartbeatSink {
    Local: "local",
    Http: "http",
});

impl Default for HeartbeatConfig {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(30),
            sink: HeartbeatSink::Local,
            endpoint: None,
            token: None,
            timeout: Duration::from_secs(5),
            tls: TlsConfig::default(),
            stalled_after: Duration::from_secs(300),
            offline_after: Duration::from_secs(300),
            expire_after: Duration::from_secs(86_400),
            capacity: 100_000,
            expected: Vec::new(),
        }
    }
}

impl HeartbeatConfig {
    pub(super) fn read(&mut self, section: &mut SectionReader<'_, '_>) {
        section.read_field("interval", &mut self.interval);
        section.read_field("sink", &mut self.sink);
        section.read_field("endpoint", &mut self.endpoint);
        section.read_field("token", &mut self.token);
        section.read_field("timeout", &mut self.timeout);
        section.read_section("tls", |section| self.tls.read(section));
        section.read_field("stalled_after", &mut self.stalled_after);
        section.read_field("offline_after", &mut self.offline_after);
        section.read_field("expire_after", &mut self.expire_after);
        section.read_field("capacity", &mut self.capacity);
        section.read_list("expected", &mut self.expected);
    }

    pub(super) fn validate(&self, validator: &mut ConfigValidator<'_>) {
        self.validate_times(validator);
        self.validate_sink(validator);
        let fine = (1..=1_000_000).contains(&self.capacity);
        validator.require(fine, "heartbeat.capacity", self.capacity, "1 to 1000000");
        for id in &self.expected {
            let fine = BeatId::parse(id).is_some();
            let shown = format!("{:?}", id.chars().take(140).collect::<String>());
            validator.require(fine, "heartbeat.expected", shown, BeatId::ALLOWED);
        }
    }

    fn validate_times(&self, validator: &mut ConfigValidator<'_>) {
        validator.require_duration("heartbeat.timeout", self.timeout);
        validator.require_duration("heartbeat.stalled_after", self.stalled_after);
        validator.require_duration("heartbeat.offline_after", self.offline_after);
        // One lost beat is no lost worker.
        let fine = self.interval >= MIN_INTERVAL && self.interval <= self.offline_after / 2;
        let (interval, offline) = ("heartbeat.interval", "heartbeat.offline_after");
        // Told where somebody set something.
        let path = if validator.is_set(interval) {
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
        validator.require(fine, path, shown, allowed);
        let fine = self.expire_after > self.offline_after && self.expire_after <= MAX_EXPIRY;
        let (expiry, shown) = ("heartbeat.expire_after", format_duration(self.expire_after));
        let path = if validator.is_set(expiry) {
            expiry
        } else {
            offline
        };
        validator.require(fine, path, shown, "more than offline_after, at most 31d");
    }

    fn validate_sink(&self, validator: &mut ConfigValidator<'_>) {
        self.tls.validate("heartbeat.tls", validator);
        validate_features("heartbeat.endpoint", self.endpoint.as_ref(), validator);
        let http = self.sink == HeartbeatSink::Http;
        let fine = !http || self.endpoint.is_some();
        let allowed = r#"local, or http with heartbeat.endpoint such as "http://api:8080""#;
        validator.require(fine, "heartbeat.sink", self.sink, allowed);
        let fine = !http || cfg!(feature = "otlp");
        let allowed = "local: the crate was built without its `otlp` feature, which has the client";
        validator.require(fine, "heartbeat.sink", self.sink, allowed);
        if let Some(token) = self.token.as_ref().and_then(Secret::expose) {
            let allowed = "letters, digits and -._~+/=, as RFC 6750 has a bearer token";
            validator.require(
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
