//! A store that carries the beats of other processes and can't be read: silence that it explains is no outage.

use super::*;

/// An API and a worker's process that share a store, as each of them reaches it.
struct Fleet {
    clock: Clock,
    api: TestReceiver,
    api_link: Arc<SharedStore>,
    worker: TestReceiver,
    worker_link: Arc<SharedStore>,
    /// `true` while the worker's process lives.
    beats: bool,
    /// `true` while its jobs make no progress.
    is_stuck: bool,
    processed: u64,
    sequence: u64,
    /// The states of its worker in the API, one after the other.
    states: Vec<WorkerState>,
}

impl Fleet {
    fn new() -> Self {
        Self::with_wall(1_800_000_000)
    }

    /// The worker has beaten for two minutes, and an API for the second of them.
    fn with_wall(wall: u64) -> Self {
        let clock = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(wall));
        let store = SharedStore::default();
        let (api_link, worker_link) = (Arc::new(store.link()), Arc::new(store.link()));
        let worker = test_receiver(Role::Worker, &clock, Arc::clone(&worker_link) as _);
        let api = test_receiver(Role::Api, &clock, Arc::clone(&api_link) as _);
        let mut fleet = Self {
            clock,
            api,
            api_link,
            worker,
            worker_link,
            beats: true,
            is_stuck: false,
            processed: 0,
            sequence: 0,
            states: Vec::new(),
        };
        fleet.run_for(120);
        assert_eq!(fleet.api.state("w1"), Some(WorkerState::Online));
        fleet
    }

    fn set_away(&self, away: bool) {
        self.api_link.set_away(away);
        self.worker_link.set_away(away);
    }

    /// Another API, which has the store as the first one has it.
    fn restart_api(&mut self) {
        let link = Arc::clone(&self.api_link) as _;
        self.api = test_receiver(Role::Api, &self.clock, link);
    }

    /// Second by second; the worker beats in each thirtieth.
    fn run_for(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.clock.advance(Duration::from_secs(1));
            let wall = self.clock.wall().duration_since(SystemTime::UNIX_EPOCH);
            if self.beats {
                if wall.unwrap().as_secs().is_multiple_of(30) || self.sequence == 0 {
                    self.sequence += 1;
                    self.processed += u64::from(!self.is_stuck);
                    self.worker.receiver.receive(&id("w1"), self.beat());
                }
                self.worker.tick();
            }
            self.api.tick();
            self.note_state();
        }
    }

    /// A beat with progress since the one before, unless it is stuck.
    fn beat(&self) -> Beat {
        let mut beat = beat("a", self.sequence);
        beat.progress.processed_total = self.processed;
        beat
    }

    fn note_state(&mut self) {
        if let Some(state) = self.api.state("w1")
            && self.states.last() != Some(&state)
        {
            self.states.push(state);
        }
    }

    fn was_offline(&self) -> bool {
        self.states.contains(&WorkerState::Offline)
    }

    /// Lets seconds go by until the worker is offline in the API; their number.
    fn seconds_until_offline(&mut self, limit: u64) -> Option<u64> {
        (1..=limit).find(|_| {
            self.run_for(1);
            self.api.state("w1") == Some(WorkerState::Offline)
        })
    }
}

#[test]
fn a_worker_that_beats_on_while_the_store_is_away_is_never_offline() {
    // An instant, less than its timeout, more, and longer than it would be remembered.
    for outage in [3, 200, 310, 1_200, 5_000, 100_000] {
        let mut fleet = Fleet::new();
        let before = fleet.api.counted("workers.availability").unwrap();
        fleet.set_away(true);
        fleet.run_for(outage);
        assert!(!fleet.was_offline(), "{outage}: {:?}", fleet.states);
        assert!(fleet.api.state("w1").is_some(), "{outage}");
        let during = fleet.api.counted("workers.availability").unwrap();
        fleet.set_away(false);
        fleet.run_for(900);
        assert!(!fleet.was_offline(), "{outage}: {:?}", fleet.states);
        let after = fleet.api.counted("workers.availability").unwrap();
        assert_eq!(after.1, 0, "{outage}: {after:?}");
        let uncovered = during.0 - before.0;
        assert!(
            uncovered <= u64::from(outage >= 60),
            "{outage}: {uncovered}"
        );
        // The lead lasts 60 s and is taken again within 10 s.
        assert!(after.0 - during.0 >= 13, "{outage}: {after:?}");
        assert_eq!(fleet.api.counted("workers.processing_time"), None);
    }
}

#[test]
fn a_worker_whose_jobs_were_stuck_before_it_died_waits_with_the_others() {
    // Its deadline for progress lies before the one for its beats, and one of them before the outage.
    for alive in (200..=360).step_by(10) {
        let mut fleet = Fleet::new();
        fleet.is_stuck = true;
        fleet.run_for(60);
        fleet.beats = false;
        fleet.run_for(alive);
        let was_offline = fleet.was_offline();
        fleet.set_away(true);
        fleet.run_for(200);
        assert_eq!(
            fleet.was_offline(),
            was_offline,
            "{alive}: {:?}",
            fleet.states
        );
        fleet.set_away(false);
        fleet.run_for(310);
        assert!(fleet.was_offline(), "{alive}: {:?}", fleet.states);
    }
}

#[test]
fn a_worker_that_is_gone_when_the_store_is_back_is_offline_at_its_timeout_from_then_on() {
    for outage in [60, 290, 310, 1_200, 5_000] {
        let mut fleet = Fleet::new();
        fleet.set_away(true);
        fleet.run_for(outage / 2);
        fleet.beats = false;
        fleet.run_for(outage / 2);
        fleet.set_away(false);
        assert_eq!(fleet.seconds_until_offline(900), Some(301), "{outage}");
        fleet.run_for(400);
        let lost = fleet.api.counted("workers.processing_time");
        assert_eq!(lost, Some((0, 2)), "{outage}: once");
        let (_, bad) = fleet.api.counted("workers.availability").unwrap();
        assert!((6..=7).contains(&bad), "{outage}: {bad}");
    }
}

#[test]
fn a_worker_that_was_offline_stays_so_and_comes_back_with_its_next_beat() {
    let mut fleet = Fleet::new();
    fleet.beats = false;
    fleet.run_for(400);
    assert_eq!(fleet.api.state("w1"), Some(WorkerState::Offline));
    let before = fleet.api.counted("workers.availability").unwrap();
    fleet.set_away(true);
    fleet.run_for(10_000);
    assert_eq!(fleet.api.state("w1"), Some(WorkerState::Offline));
    let during = fleet.api.counted("workers.availability").unwrap();
    assert!(during.1 - before.1 <= 1, "{before:?} {during:?}");
    fleet.set_away(false);
    fleet.run_for(30);
    assert_eq!(fleet.api.state("w1"), Some(WorkerState::Offline));
    fleet.states.clear();
    fleet.beats = true;
    fleet.run_for(900);
    assert_eq!(fleet.states, [WorkerState::Offline, WorkerState::Online]);
}

#[test]
fn beats_that_come_here_are_current_while_the_store_is_away() {
    for is_local in [false, true] {
        let clock = clock();
        let link = Arc::new(SharedStore {
            is_local,
            ..SharedStore::default()
        });
        let api = test_receiver(Role::Api, &clock, Arc::clone(&link) as _);
        api.run_for(&clock, 60);
        link.set_away(true);
        for sequence in 1..=20 {
            let mut beat = beat("a", sequence);
            beat.progress.processed_total = sequence;
            api.receiver.ingest(&id("w1"), beat).unwrap();
            api.run_for(&clock, 30);
            assert_eq!(api.state("w1"), Some(WorkerState::Online), "{is_local}");
        }
        api.run_for(&clock, 269);
        assert_eq!(api.state("w1"), Some(WorkerState::Late), "{is_local}");
        api.run_for(&clock, 1);
        assert_eq!(api.state("w1"), Some(WorkerState::Offline), "{is_local}");
        // As long as it has the lead, or needs none.
        let counted = api.counted("workers.availability").unwrap_or_default();
        assert_eq!(counted.0 > 10, is_local, "{counted:?}");
        link.set_away(false);
        api.run_for(&clock, 100);
        assert_eq!(api.state("w1"), Some(WorkerState::Offline), "{is_local}");
    }
}

#[test]
fn a_clock_that_is_set_while_the_store_is_away_makes_no_worker_offline() {
    for step in [3_600_000, -3_600_000, 86_400_000] {
        let mut fleet = Fleet::new();
        fleet.set_away(true);
        fleet.run_for(600);
        fleet.clock.step_wall(step);
        fleet.run_for(600);
        fleet.beats = false;
        fleet.set_away(false);
        assert!(!fleet.was_offline(), "{step}");
        assert_eq!(fleet.seconds_until_offline(900), Some(301), "{step}");
    }
}

#[test]
fn outages_one_after_the_other_hide_no_worker_that_is_gone() {
    let mut fleet = Fleet::new();
    fleet.beats = false;
    let mut readable = 0;
    for _ in 0..10 {
        fleet.set_away(true);
        fleet.run_for(60);
        if fleet.was_offline() {
            break;
        }
        fleet.set_away(false);
        fleet.run_for(100);
        readable += 100;
    }
    assert!(fleet.was_offline());
    // It was silent for its timeout while the store could be read.
    assert_eq!(readable, 400);
    // One that lives is never missed.
    let mut fleet = Fleet::new();
    for _ in 0..20 {
        fleet.set_away(true);
        fleet.run_for(290);
        fleet.set_away(false);
        fleet.run_for(15);
    }
    assert!(!fleet.was_offline(), "{:?}", fleet.states);
}

#[test]
fn an_api_that_starts_while_the_store_is_away_waits_for_those_who_live() {
    for (outage, beats) in [(60, true), (1_200, true), (1_200, false)] {
        let mut fleet = Fleet::new();
        fleet.set_away(true);
        fleet.run_for(outage);
        fleet.restart_api();
        fleet.states.clear();
        fleet.run_for(20);
        fleet.beats = beats;
        fleet.set_away(false);
        // Whoever lives writes what it has kept within seconds.
        fleet.run_for(30);
        assert_eq!(fleet.was_offline(), !beats, "{outage}: {:?}", fleet.states);
        fleet.run_for(900);
        assert_eq!(fleet.was_offline(), !beats, "{outage}: {:?}", fleet.states);
    }
}

#[test]
fn of_two_apis_the_one_that_lost_the_store_knows_nothing_new_and_the_other_all() {
    let mut fleet = Fleet::new();
    let link = Arc::new(fleet.api_link.link());
    let other = test_receiver(Role::Api, &fleet.clock, link as _);
    let run = |fleet: &mut Fleet, seconds| {
        for _ in 0..seconds {
            fleet.run_for(1);
            other.tick();
        }
    };
    run(&mut fleet, 60);
    fleet.api_link.set_away(true);
    run(&mut fleet, 600);
    assert_eq!(other.state("w1"), Some(WorkerState::Online));
    assert!(!fleet.was_offline());
    fleet.api_link.set_away(false);
    run(&mut fleet, 3);
    fleet.beats = false;
    fleet.api_link.set_away(true);
    // The other takes the lead.
    *fleet.api_link.leader.lock().unwrap() = None;
    run(&mut fleet, 330);
    assert_eq!(other.state("w1"), Some(WorkerState::Offline));
    assert!(!fleet.was_offline());
    // Its jobs were counted as lost: somebody has found it offline, which is known at once.
    assert_eq!(other.counted("workers.processing_time"), Some((0, 2)));
    fleet.api_link.set_away(false);
    run(&mut fleet, 3);
    assert_eq!(fleet.api.state("w1"), Some(WorkerState::Offline));
}

#[test]
fn a_worker_whose_beats_come_here_and_there_is_current_while_they_come_here() {
    let mut fleet = Fleet::new();
    fleet.set_away(true);
    for _ in 0..20 {
        fleet.run_for(30);
        fleet.sequence += 1;
        fleet.api.receiver.ingest(&id("w1"), fleet.beat()).unwrap();
        fleet.note_state();
        let (mut registry, now) = fleet.api.receiver.lock_registry();
        assert!(!registry.view(&id("w1"), now).unwrap().is_stale);
    }
    assert_eq!(fleet.states, [WorkerState::Online]);
    // For so long none has come through the store, so that its silence is its own.
    fleet.run_for(299);
    assert!(!fleet.was_offline());
    fleet.run_for(1);
    assert!(fleet.was_offline());
}

#[test]
fn what_is_unknown_is_told_with_the_last_known_state_and_counts_nowhere() {
    use crate::watch::heartbeat::registry::WorkerQuery;
    let query = WorkerQuery {
        role: BeatRole::Worker,
        states: Vec::new(),
        after: None,
        limit: 9,
    };
    let mut fleet = Fleet::new();
    let page = |fleet: &Fleet| {
        let (mut registry, now) = fleet.api.receiver.lock_registry();
        let page = registry.page(&query, now);
        let seen = registry.last_seen(BeatRole::Worker, 9, now).unwrap();
        let stale: Vec<_> = page.workers.iter().map(|worker| worker.is_stale).collect();
        let known = page.known_counts.count(WorkerState::Online);
        let online = page.counts.count(WorkerState::Online);
        let offline_at = page.workers[0].offline_at.is_some();
        (
            (online, known, stale[0], offline_at, seen.len()),
            page.store_lost_since,
        )
    };
    let current = ((1, 1, false, true, 1), None);
    assert_eq!(page(&fleet), current);
    let lost_at = Timestamp::try_from(fleet.clock.wall()).unwrap();
    fleet.set_away(true);
    // A query that fails is no news.
    fleet.run_for(10);
    assert_eq!(page(&fleet), current);
    fleet.run_for(1);
    let unknown = ((1, 0, true, false, 0), Some(lost_at));
    assert_eq!(page(&fleet), unknown);
    fleet.run_for(1_000);
    assert_eq!(page(&fleet), unknown);
    // Until it is heard again.
    fleet.worker_link.set_away(true);
    fleet.api_link.set_away(false);
    fleet.run_for(2);
    assert_eq!(page(&fleet), ((1, 0, true, true, 0), None));
    fleet.worker_link.set_away(false);
    fleet.run_for(10);
    assert_eq!(page(&fleet), current);
}
