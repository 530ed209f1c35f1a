//! What the store knows of workers: those of before the start, and those that beat elsewhere.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;

use crate::config::Config;
use crate::model::heartbeat::BeatId;
use crate::store::{Asked, Keeper, Revision, WorkerRow};

/// How often what others wrote is read.
const EVERY: Duration = Duration::from_secs(1);
/// How often the lead is asked for, and how long it lasts: an outage of the store that is shorter
/// costs no slice.
const LEAD_EVERY: Duration = Duration::from_secs(10);
const LEAD_LASTS: Duration = Duration::from_secs(70);
/// So many failures are waited for at the start.
const PATIENCE: u32 = 10;
/// What is led: counting slices and lost jobs of workers.
const MATTER: &str = "workers";

/// Asks the store without waiting for it: an answer is taken up when it is there.
#[derive(Debug)]
pub(super) struct Others {
    keeper: Keeper,
    instance: Arc<str>,
    /// Whether what others write is read again and again.
    follows: bool,
    known: Option<Revision>,
    /// Answers so far, good or bad.
    asked: u32,
    rows: Asked<(Vec<WorkerRow>, Revision)>,
    lead: Asked<bool>,
    /// Those that beat elsewhere, where nobody asks us about them: one that turns out to be ours has
    /// a past.
    strangers: HashMap<BeatId, WorkerRow>,
    leads_until: Option<Instant>,
}

impl Others {
    pub(super) fn new(config: &Config, keeper: Keeper, reads: bool) -> Self {
        let instance = config.service.instance_id.as_deref();
        // Two replicas of one name must not take each other for themselves.
        let own = || format!("{}:{:016x}", config.service.name, fresh());
        Self {
            follows: reads && keeper.is_shared(),
            instance: instance.map_or_else(own, str::to_owned).into(),
            keeper,
            known: None,
            asked: 0,
            rows: Asked::default(),
            lead: Asked::default(),
            strangers: HashMap::new(),
            leads_until: None,
        }
    }

    /// Rows that are new, where an answer has come: of a store that is shared only those that are
    /// `ours`, unless we answer for all. What is not read again would be taken for offline.
    pub(super) fn ask(
        &mut self,
        now: Instant,
        ours: impl Fn(&BeatId) -> bool,
    ) -> Option<Vec<WorkerRow>> {
        self.ask_for_lead(now);
        if self.known.is_some() && !self.follows {
            return None;
        }
        let (keeper, since) = (&self.keeper, self.known.unwrap_or_default());
        let answer = self.rows.ask(now, EVERY, || keeper.workers(since))?;
        self.asked = self.asked.saturating_add(1);
        let (rows, revision) = answer.ok()?;
        self.known = Some(revision);
        if self.follows || !self.keeper.is_shared() {
            return Some(rows);
        }
        let (ours, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| ours(&row.id));
        let others = others.into_iter().map(|row| (row.id.clone(), row));
        self.strangers = others.collect();
        Some(ours)
    }

    /// What the store knew of somebody who has turned out to be ours.
    pub(super) fn recognise(&mut self, id: &BeatId) -> Option<WorkerRow> {
        self.strangers.remove(id)
    }

    /// Whether the store has said once what it knows, or can't in time.
    pub(super) const fn is_ready(&self) -> bool {
        self.known.is_some() || self.asked >= PATIENCE
    }

    /// Whether this receiver counts for all that share the store.
    pub(super) fn has_lead(&self) -> bool {
        !self.keeper.is_shared() || self.leads_until.is_some()
    }

    fn ask_for_lead(&mut self, now: Instant) {
        // Whoever does not see all can't count for all.
        if !self.follows {
            return;
        }
        let (keeper, instance) = (&self.keeper, &self.instance);
        let ask = || keeper.lead(MATTER, instance, LEAD_LASTS);
        if let Some(Ok(leads)) = self.lead.ask(now, LEAD_EVERY, ask) {
            // By then it has been asked for again, or another one may have it.
            self.leads_until = leads.then(|| now + LEAD_LASTS - LEAD_EVERY);
        }
        self.leads_until = self.leads_until.filter(|until| now < *until);
    }
}

fn fresh() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(std::process::id())
}
