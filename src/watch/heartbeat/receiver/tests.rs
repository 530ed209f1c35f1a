use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::*;
use crate::config::Role;
use crate::model::heartbeat::{Condition, Progress};
use crate::model::slo::Objectives;
use crate::model::status::StatusId;
use crate::store::{
    Answer, BulletinRow, Memory, NoteRow, Revision, Settings, SliceRow, SpanRow, Store, WorkerRow,
};
use crate::watch::heartbeat::registry::State as Is;

/// A store that several processes share.
#[derive(Debug, Default)]
struct Shared(Memory, Mutex<Option<String>>);

impl Store for Shared {
    fn commit<'a>(&'a self, changes: &'a [Change]) -> Answer<'a, ()> {
        self.0.commit(changes)
    }

    fn workers(&self, since: Revision) -> Answer<'_, (Vec<WorkerRow>, Revision)> {
        self.0.workers(since)
    }

    fn instances(&self) -> Answer<'_, Vec<Arc<str>>> {
        self.0.instances()
    }

    fn slices<'a>(&'a self, instance: &'a str, since: Timestamp) -> Answer<'a, Vec<SliceRow>> {
        self.0.slices(instance, since)
    }

    fn notes<'a>(&'a self, instance: &'a str) -> Answer<'a, Vec<NoteRow>> {
        self.0.notes(instance)
    }

    fn bulletins(&self, since: Timestamp) -> Answer<'_, Vec<BulletinRow>> {
        self.0.bulletins(since)
    }

    fn bulletin(&self, id: StatusId) -> Answer<'_, Option<BulletinRow>> {
        self.0.bulletin(id)
    }

    fn spans(&self, since: i64) -> Answer<'_, Vec<SpanRow>> {
        self.0.spans(since)
    }

    fn sweep_status(&self, before: Timestamp) -> Answer<'_, u64> {
        self.0.sweep_status(before)
    }

    fn sweep(&self, before: Timestamp) -> Answer<'_, u64> {
        self.0.sweep(before)
    }

    /// Whoever asks first leads for ever.
    fn lead<'a>(&'a self, _: &'a str, instance: &'a str, _: Duration) -> Answer<'a, bool> {
        let mut leader = self.1.lock().unwrap();
        let leads = leader.get_or_insert_with(|| instance.to_owned()) == instance;
        Box::pin(async move { Ok(leads) })
    }

    fn is_shared(&self) -> bool {
        true
    }
}

/// One process that receives.
struct Process {
    desk: Reception,
    keeper: Keeper,
    ledger: Ledger,
}

fn clock() -> Clock {
    Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000))
}

fn process(role: Role, clock: &Clock, store: Arc<dyn Store>) -> Process {
    let objectives = [("workers.json", include_str!("../../../../slo/workers.json"))];
    let ledger = Ledger::of(&Objectives::parse(&objectives).unwrap());
    let settings = Settings {
        clock: clock.clone(),
        instance: "i".into(),
        retention: Duration::from_secs(86_400),
    };
    let keeper = Keeper::idle(store, settings).unwrap();
    let config = Config::new("test", role);
    let desk = Reception::new(&config, clock.clone(), keeper.clone(), ledger.clone());
    Process {
        desk,
        keeper,
        ledger,
    }
}

fn id(text: &str) -> BeatId {
    BeatId::closest(text)
}

fn beat(boot: &str, sequence: u64) -> Beat {
    Beat {
        boot_id: boot.into(),
        sequence,
        role: Sender::Worker,
        interval: Duration::from_secs(30),
        condition: Condition::Running,
        sent_at: None,
        version: None,
        progress: Progress {
            in_flight: 3,
            in_flight_overdue: 1,
            ..Progress::default()
        },
    }
}

impl Process {
    fn tick(&self) {
        self.desk.tick(&Voice::AtOnce);
        self.keeper.tick();
    }

    /// Second by second, as the thread does.
    fn live(&self, clock: &Clock, seconds: u64) {
        for _ in 0..seconds {
            clock.advance(Duration::from_secs(1));
            self.tick();
        }
    }

    fn state(&self, worker: &str) -> Option<Is> {
        let view = self.desk.roster.view(&id(worker), self.desk.now());
        view.map(|view| view.state)
    }

    fn counted(&self, objective: &str) -> Option<(u64, u64)> {
        let account = self.ledger.opened().find(|a| a.objective() == objective);
        account.map(|account| (account.good(), account.bad()))
    }
}

#[test]
fn jobs_that_are_lost_with_their_worker_are_counted_once() {
    let clock = clock();
    let api = process(Role::Api, &clock, Arc::new(Memory::default()));
    api.desk.take(&id("w1"), beat("a", 1)).unwrap();
    api.live(&clock, 299);
    assert_eq!(api.counted("workers.processing_time"), None);
    api.live(&clock, 1);
    assert_eq!(api.state("w1"), Some(Is::Offline));
    assert_eq!(api.counted("workers.processing_time"), Some((0, 2)));
    api.live(&clock, 600);
    assert_eq!(api.counted("workers.processing_time"), Some((0, 2)));
}

#[test]
fn slices_are_counted_where_workers_are() {
    let clock = clock();
    let api = process(Role::Api, &clock, Arc::new(Memory::default()));
    api.live(&clock, 120);
    assert_eq!(api.counted("workers.availability"), None);
    api.desk.take(&id("w1"), beat("a", 1)).unwrap();
    api.live(&clock, 600);
    assert_eq!(api.counted("workers.availability"), Some((5, 5)));
}

#[test]
fn a_receiver_that_starts_again_knows_who_was_there() {
    let clock = clock();
    let store: Arc<dyn Store> = Arc::new(Memory::default());
    let before = process(Role::Api, &clock, Arc::clone(&store));
    before.desk.take(&id("w1"), beat("a", 1)).unwrap();
    before.live(&clock, 10);
    drop(before);
    clock.advance(Duration::from_secs(289));
    let after = process(Role::Api, &clock, store);
    after.tick();
    assert_eq!(after.state("w1"), Some(Is::Late));
    clock.advance(Duration::from_secs(1));
    assert_eq!(after.state("w1"), Some(Is::Offline), "at the exact instant");
}

#[test]
fn two_that_share_a_store_answer_the_same_and_one_counts() {
    let clock = clock();
    let store: Arc<dyn Store> = Arc::new(Shared::default());
    let [one, two] = [(); 2].map(|()| process(Role::Api, &clock, Arc::clone(&store)));
    let both = |seconds| {
        for _ in 0..seconds {
            clock.advance(Duration::from_secs(1));
            one.tick();
            two.tick();
        }
    };
    one.desk.take(&id("w1"), beat("a", 1)).unwrap();
    both(3);
    assert_eq!(two.state("w1"), Some(Is::Online));
    two.desk.take(&id("w1"), beat("a", 2)).unwrap();
    both(400);
    assert_eq!(
        (one.state("w1"), two.state("w1")),
        (Some(Is::Offline), Some(Is::Offline))
    );
    let counted = |objective| [&one, &two].map(|process| process.counted(objective));
    assert_eq!(counted("workers.processing_time"), [Some((0, 2)), None]);
    let [first, second] = counted("workers.availability");
    assert_eq!(
        (first.map(|(good, bad)| good + bad), second),
        (Some(6), None)
    );
}

#[test]
fn a_worker_that_shares_the_store_shows_itself_alone_and_its_restart_is_counted() {
    let clock = clock();
    let store: Arc<dyn Store> = Arc::new(Shared::default());
    let old = process(Role::Worker, &clock, Arc::clone(&store));
    for (worker, boot) in [("w1", "a"), ("w2", "x")] {
        old.desk.receive(&id(worker), beat(boot, 1));
    }
    old.live(&clock, 2);
    let new = process(Role::Worker, &clock, Arc::clone(&store));
    new.tick();
    assert_eq!((new.state("w1"), new.state("w2")), (None, None));
    new.desk.receive(&id("w1"), beat("b", 1));
    new.live(&clock, 2);
    assert_eq!((new.state("w1"), new.state("w2")), (Some(Is::Online), None));
    let api = process(Role::Api, &clock, store);
    api.tick();
    let view = api.desk.roster.view(&id("w1"), api.desk.now()).unwrap();
    assert_eq!((view.row.restarts, view.state), (1, Is::Online));
}

#[test]
fn an_expected_worker_is_missed_though_it_never_beat() {
    let clock = clock();
    let settings = Settings {
        clock: clock.clone(),
        instance: "i".into(),
        retention: Duration::from_secs(86_400),
    };
    let keeper = Keeper::idle(Arc::new(Memory::default()), settings).unwrap();
    let mut config = Config::new("test", Role::Api);
    config.heartbeat.expected = vec!["w1".into()];
    let desk = Reception::new(&config, clock.clone(), keeper, Ledger::default());
    let state = || desk.roster.view(&id("w1"), desk.now()).unwrap().state;
    assert_eq!(state(), Is::New);
    clock.advance(Duration::from_secs(300));
    assert_eq!(state(), Is::Offline);
}
