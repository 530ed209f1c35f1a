//! The exchange of workers with the store: rows from before the start, and of workers that beat
//! elsewhere.
//!
//! | store | reads rows | leads |
//! |---|---|---|
//! | memory or file | once, at the start | always: nobody else has it |
//! | shared, role `api` or `web` | every second | while it holds the lease |
//! | shared, other roles | once | never: it doesn't see all workers |

use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;

use crate::config::Config;
use crate::model::heartbeat::BeatId;
use crate::model::random::random_u64;
use crate::store::{Revision, StorePoll, StoreWriter, WorkerRow};

/// The interval at which rows of other processes are read.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The interval at which the lead is renewed, and its duration: an outage of the store that is shorter
/// costs no slice of a worker that beats here.
const LEAD_RENEWAL_INTERVAL: Duration = Duration::from_secs(10);
/// Seven renewals: six may fail before another process takes over.
const LEAD_DURATION: Duration = Duration::from_secs(70);
/// Failures at the start after which the receiver goes on without the store.
///
/// Ten seconds at [`POLL_INTERVAL`]: a receiver without history is better than none.
const MAX_INITIAL_FAILURES: u32 = 10;
/// The name of the lead: counting slices and lost jobs of workers.
const LEAD_NAME: &str = "workers";

/// A poller of the store that does not wait for it: a response is processed
/// when it is there.
#[derive(Debug)]
pub(super) struct StoreSync {
    store_writer: StoreWriter,
    instance: Arc<str>,
    /// `true` if rows of other processes are read periodically.
    keeps_polling: bool,
    /// Up to which rows are known; `None` before the first answer.
    revision: Option<Revision>,
    /// Responses so far, good or bad.
    responses: u32,
    rows: StorePoll<(Vec<WorkerRow>, Revision)>,
    leadership: StorePoll<bool>,
    /// Rows of workers that beat elsewhere and are not shown here: one that beats here later has a
    /// history.
    other_rows: HashMap<BeatId, WorkerRow>,
    /// `None`, or over, while another process leads, or none is known to.
    leader_until: Option<Instant>,
}

/// The answer of a store to a query of its rows.
#[derive(Debug)]
pub(super) enum PolledRows {
    /// All that it had, however old.
    All(Vec<WorkerRow>),
    /// The rows that it got since the answer before.
    Changes(Vec<WorkerRow>),
    /// None: it can't be read.
    Unavailable,
}

impl StoreSync {
    pub(super) fn new(config: &Config, store_writer: StoreWriter, polls: bool) -> Self {
        let instance = config.service.instance_id.as_deref();
        // Two replicas of one name must not take each other for themselves.
        let generate = || format!("{}:{:016x}", config.service.name, random_u64());
        Self {
            keeps_polling: polls && store_writer.is_shared(),
            instance: instance.map_or_else(generate, str::to_owned).into(),
            store_writer,
            revision: None,
            responses: 0,
            rows: StorePoll::default(),
            leadership: StorePoll::default(),
            other_rows: HashMap::new(),
            leader_until: None,
        }
    }

    /// Returns new rows, or that there are none to be had, where a response has come: of a store that is shared only those that
    /// `is_known` accepts, unless we answer for all. What is not read again would be taken for
    /// offline.
    pub(super) fn poll(
        &mut self,
        now: Instant,
        is_known: impl Fn(&BeatId) -> bool,
    ) -> Option<PolledRows> {
        self.renew_lead(now);
        if self.revision.is_some() && !self.keeps_polling {
            return None;
        }
        let (store_writer, since) = (&self.store_writer, self.revision.unwrap_or_default());
        let response = self
            .rows
            .poll(now, POLL_INTERVAL, || store_writer.workers(since))?;
        self.responses = self.responses.saturating_add(1);
        let Ok((rows, revision)) = response else {
            return Some(PolledRows::Unavailable);
        };
        let is_first = self.revision.replace(revision).is_none();
        if self.sees_all() {
            return Some(if is_first {
                PolledRows::All(rows)
            } else {
                PolledRows::Changes(rows)
            });
        }
        let (known, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| is_known(&row.id));
        let others = others.into_iter().map(|row| (row.id.clone(), row));
        self.other_rows = others.collect();
        Some(PolledRows::All(known))
    }

    /// Returns whether beats of other processes come through the store.
    pub(super) const fn is_carrier(&self) -> bool {
        self.keeps_polling
    }

    /// Returns whether the rows of all workers of the store are known here, as they are now.
    pub(super) fn sees_all(&self) -> bool {
        self.keeps_polling || !self.store_writer.is_shared()
    }

    /// Removes and returns the stored row of a worker that beats here now.
    pub(super) fn take_row(&mut self, id: &BeatId) -> Option<WorkerRow> {
        self.other_rows.remove(id)
    }

    /// Returns whether the store has responded once, or can't in time.
    pub(super) const fn is_ready(&self) -> bool {
        self.revision.is_some() || self.responses >= MAX_INITIAL_FAILURES
    }

    /// Returns whether this receiver counts for all that share the store. By a time, because the lead ends also
    /// where no tick renews it.
    pub(super) fn is_leader(&self, now: Instant) -> bool {
        !self.store_writer.is_shared() || self.leader_until.is_some_and(|until| now < until)
    }

    /// Renews the lease when it is due.
    fn renew_lead(&mut self, now: Instant) {
        // Whoever does not see all can't count for all.
        if !self.keeps_polling {
            return;
        }
        let (store_writer, instance) = (&self.store_writer, &self.instance);
        let renew = || store_writer.acquire_lease(LEAD_NAME, instance, LEAD_DURATION);
        if let Some(Ok(leads)) = self.leadership.poll(now, LEAD_RENEWAL_INTERVAL, renew) {
            // By then it has been asked for again, or another one may have it.
            // Shorter than the lease by one renewal, so that it ends here before it ends in the
            // store.
            self.leader_until = leads.then(|| now + LEAD_DURATION - LEAD_RENEWAL_INTERVAL);
        }
    }
}
