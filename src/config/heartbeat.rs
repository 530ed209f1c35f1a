//! Configuration of heartbeats: sender and receiver.
//!
//! Sender and receiver may be different processes with files of their own. What both must agree on
//! (how long silence may last) is the receiver's alone: a beat carries its interval, and the
//! receiver refuses one that it could not judge by.

use std::time::Duration;

use super::checks::{bearer_token, each, optional, range, up_to_a_day};
use super::endpoint::Endpoint;
use super::field_value::config_enum;
use super::secret::Secret;
use super::setting::section;
use super::tls::TlsConfig;
use super::validator::ConfigValidator;
use crate::model::heartbeat::BeatId;
use crate::model::units::format_duration;

/// The minimum interval: faster beats say nothing more, and cost their receiver.
// Ten beats a second of a thousand workers are ten thousand messages; a state that is a tenth of a
// second old is old enough.
const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// The least of the times after which a worker is forgotten, where none is set.
const MIN_DEFAULT_FORGET: Duration = Duration::from_secs(3_600);
/// The multiple of `offline_after` after which a worker is forgotten, where no time is set: it is missed for long
/// enough to be noticed, whatever `offline_after` is.
const DEFAULT_FORGET_MULTIPLE: u32 = 12;
/// The maximum time after which a worker is forgotten.
///
/// The receiver keeps each worker in memory for this long.
const MAX_EXPIRY: Duration = Duration::from_secs(31 * 86_400);

section! {
    /// The heartbeats of workers and schedulers: interval, sink, timeouts.
    ///
    /// The fields before `stalled_after` concern the sender, the others the receiver; `token` concerns both.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vantage_obs::config::Environment;
    /// use vantage_obs::{Config, Role};
    ///
    /// let mut config = Config::new("vantage-worker", Role::Worker);
    /// config.heartbeat.expected = vec!["publisher-1".into()]; // missed even if it never beats
    /// config.heartbeat.interval = Duration::from_secs(200); // more than half of the 5 min of `offline_after`
    /// let error = config.resolve(&Environment::empty()).unwrap_err();
    /// assert_eq!(error.faults()[0].allowed, "an interval from 100ms to half of offline_after");
    /// ```
    pub struct HeartbeatConfig, rules: check_rules {
        /// The interval between heartbeats of a worker in this process, varied at random by up to a tenth:
        /// 100 ms to half of `offline_after`. Default: 30 s.
        pub interval: Duration = Duration::from_secs(30);
        /// The destination of heartbeats. Default: `local`.
        pub sink: HeartbeatSink = HeartbeatSink::Local;
        /// The service that receives them, such as `http://api:8080`, for the sink `http`. Default: none.
        pub endpoint: Option<Endpoint>;
        /// The bearer token of beats over HTTP: the sender sends it, and the receiver requires it, also to forget
        /// a worker. Default: none, and a receiver refuses beats over HTTP unless `open`.
        pub token: Option<Secret>, optional(bearer_token);
        /// The time one beat may take, connecting included: more than 0, at most a day. Default: 5 s.
        pub timeout: Duration = Duration::from_secs(5), up_to_a_day;
        /// Certificates for an `https` endpoint. Default: the system's authorities, no client
        /// certificate.
        pub tls: TlsConfig;
        /// The time without progress after which a worker that beats and has work is stalled: more than 0, at
        /// most a day. Default: 5 min.
        pub stalled_after: Duration = Duration::from_secs(300), up_to_a_day;
        /// The time since its last heartbeat after which a worker is offline: more than 0, at most a day.
        /// Default: 5 min.
        pub offline_after: Duration = Duration::from_secs(300), up_to_a_day;
        /// The time since its last heartbeat after which a worker that is not `expected` counts no more: it is
        /// one of many, such as a pod with a random name, and no alert or component is about it any longer. A
        /// scheduler is missed until it expires. More than `offline_after`, at most 31 days. Default: twelve times
        /// `offline_after`, but at least 1 h.
        pub forget_after: Option<Duration>;
        /// The time since its last heartbeat after which a worker that is not `expected` is gone from lists,
        /// too: more than `offline_after`, at most 31 days. Default: 24 h.
        pub expire_after: Duration = Duration::from_secs(86_400);
        /// The maximum number of workers and schedulers that the receiver remembers, 1 to 1,000,000. A new one
        /// beyond it takes the place of one that beat once, counts no more or signed off, and is refused where there
        /// is none: one that is offline stays. Default: 100,000, about 90 MB.
        pub capacity: usize = 100_000, range(1..=1_000_000);
        /// The ids of workers that are reported as missing even if they never beat, and that never expire.
        /// Default: none.
        pub expected: Vec<String>, each(worker_id);
        /// Lets everybody beat who reaches the routes, without a token. Default: false.
        pub open: bool = false;
    }
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

config_enum!(HeartbeatSink {
    Local: "local",
    Http: "http",
});

impl HeartbeatConfig {
    /// Checks what concerns more than one field.
    fn check_rules(&self, _: &str, validator: &mut ConfigValidator<'_>) {
        let (interval, offline) = (self.interval, self.offline_after);
        // One lost beat is no lost worker.
        let fine = interval >= MIN_INTERVAL && interval <= offline / 2;
        let path = validator.responsible(&["heartbeat.interval", "heartbeat.offline_after"]);
        let shown = format!(
            "an interval of {} with an offline_after of {}",
            format_duration(interval),
            format_duration(offline)
        );
        // Half, so that a single lost beat never makes a worker offline.
        let allowed = "an interval from 100ms to half of offline_after";
        validator.require(fine, path, shown, allowed);
        let fine = self.expire_after > offline && self.expire_after <= MAX_EXPIRY;
        let path = validator.responsible(&["heartbeat.expire_after", "heartbeat.offline_after"]);
        let shown = format!(
            "an expire_after of {} with an offline_after of {}",
            format_duration(self.expire_after),
            format_duration(offline)
        );
        let allowed = "an expire_after of more than offline_after, at most 31d";
        validator.require(fine, path, shown, allowed);
        // The default follows offline_after.
        if let Some(forget) = self.forget_after {
            let fine = forget > offline && forget <= MAX_EXPIRY;
            let path =
                validator.responsible(&["heartbeat.forget_after", "heartbeat.offline_after"]);
            let shown = format!(
                "a forget_after of {} with an offline_after of {}",
                format_duration(forget),
                format_duration(offline)
            );
            let allowed = "a forget_after of more than offline_after, at most 31d";
            validator.require(fine, path, shown, allowed);
        }
        let http = self.sink == HeartbeatSink::Http;
        let fine = !http || self.endpoint.is_some();
        let allowed = r#"local, or http with heartbeat.endpoint such as "http://api:8080""#;
        validator.require(fine, "heartbeat.sink", self.sink, allowed);
        // Two faults for two mistakes: a missing endpoint can be mended in the file, a missing
        // feature only by a build.
        let fine = !http || cfg!(feature = "otlp");
        let allowed = "local: the crate was built without its `otlp` feature, which has the client";
        validator.require(fine, "heartbeat.sink", self.sink, allowed);
    }

    /// Returns the time of `forget_after`, or its default: more than `offline_after`, since a worker that is
    /// forgotten when it goes offline would never be missed.
    pub(crate) fn effective_forget_after(&self) -> Duration {
        self.forget_after.unwrap_or_else(|| {
            let multiple = self.offline_after.saturating_mul(DEFAULT_FORGET_MULTIPLE);
            multiple.clamp(MIN_DEFAULT_FORGET, MAX_EXPIRY)
        })
    }

    /// Returns a warning for a setting without effect.
    pub(super) fn warnings(&self) -> Vec<String> {
        let unused = self.endpoint.is_some() && self.sink != HeartbeatSink::Http;
        let warning = r#"heartbeat.endpoint has no effect: heartbeat.sink is not "http""#;
        unused.then(|| warning.to_owned()).into_iter().collect()
    }
}

fn worker_id(id: &str, path: &str, validator: &mut ConfigValidator<'_>) {
    let fine = BeatId::parse(id).is_some();
    let shown = format!("{:?}", id.chars().take(140).collect::<String>());
    validator.require(fine, path, shown, BeatId::ALLOWED);
}
