//! The promises of a store, each as a function that wants an empty one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::rows::{at, id, incident, maintenance, note, silent, slice, span, worker};
use crate::model::status::{ComponentState, StatusId};
use crate::store::{BulletinRow, Change, Course, Revision, SliceRow, SpanRow, Store, WorkerRow};

type Claim = fn(Arc<dyn Store>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

macro_rules! claims {
    ($($name:ident)*) => {
        /// Every promise by its name.
        pub(crate) const CLAIMS: &[(&str, Claim)] =
            &[$((stringify!($name), |store| Box::pin($name(store)))),*];
    };
}

claims! {
    a_row_comes_back_as_it_was_kept
    the_newer_row_wins_in_whichever_order_they_come
    a_straggler_of_the_boot_before_changes_nothing
    the_same_batch_twice_changes_nothing_more
    a_worker_is_forgotten_only_if_it_has_not_come_back
    a_batch_is_done_in_its_order
    only_what_changed_since_a_revision_is_told
    slices_come_back_in_order_and_only_those_of_the_instance
    a_slice_takes_the_place_of_its_like
    a_note_takes_the_place_of_its_like_and_is_its_instance_s_own
    a_sweep_removes_what_ended_before
    a_lead_is_had_by_one
    an_incident_comes_back_as_it_was_kept
    of_those_that_open_the_same_at_once_one_does
    a_change_to_an_older_version_is_left_out
    only_what_is_open_or_was_changed_since_is_told
    a_span_only_grows
    a_sweep_of_status_leaves_what_is_open_or_recent
}

pub(crate) async fn put(store: &dyn Store, rows: impl IntoIterator<Item = WorkerRow>) {
    let changes: Vec<_> = rows.into_iter().map(Change::Worker).collect();
    store.commit(&changes).await.unwrap();
}

pub(crate) async fn put_slices(store: &dyn Store, rows: impl IntoIterator<Item = SliceRow>) {
    let changes: Vec<_> = rows.into_iter().map(Change::Slice).collect();
    store.commit(&changes).await.unwrap();
}

/// All workers, by id.
pub(crate) async fn all(store: &dyn Store) -> Vec<WorkerRow> {
    let (mut rows, _) = store.workers(Revision::default()).await.unwrap();
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    rows
}

async fn a_row_comes_back_as_it_was_kept(store: Arc<dyn Store>) {
    let mut lost = worker("b", "boot", 7, 7);
    lost.previous_boot_id = Some(Arc::from("earlier"));
    lost.lost = true;
    let rows = [silent("a"), lost, worker("c", "boot", 1, 1)];
    put(&*store, rows.clone()).await;
    assert_eq!(all(&*store).await, rows);
}

async fn the_newer_row_wins_in_whichever_order_they_come(store: Arc<dyn Store>) {
    put(&*store, [worker("w", "x", 3, 30)]).await;
    put(&*store, [worker("w", "x", 2, 40), silent("w")]).await;
    assert_eq!(all(&*store).await, [worker("w", "x", 3, 30)]);
    put(&*store, [worker("w", "x", 4, 35)]).await;
    assert_eq!(all(&*store).await, [worker("w", "x", 4, 35)]);
    let mut lost = worker("w", "x", 4, 35);
    lost.lost = true;
    put(&*store, [lost.clone(), worker("w", "x", 4, 35)]).await;
    assert_eq!(all(&*store).await, [lost]);
}

async fn a_straggler_of_the_boot_before_changes_nothing(store: Arc<dyn Store>) {
    let mut restarted = worker("w", "y", 1, 50);
    restarted.previous_boot_id = Some(Arc::from("x"));
    put(&*store, [worker("w", "x", 9, 40), restarted.clone()]).await;
    put(&*store, [worker("w", "x", 10, 60)]).await;
    assert_eq!(all(&*store).await, [restarted]);
    put(&*store, [worker("w", "z", 1, 70)]).await;
    assert_eq!(all(&*store).await, [worker("w", "z", 1, 70)]);
}

async fn the_same_batch_twice_changes_nothing_more(store: Arc<dyn Store>) {
    let changes = [
        Change::Worker(worker("w", "x", 1, 1)),
        Change::Slice(slice("i", "o", 0, 5)),
        Change::Forget(id("gone"), None),
    ];
    store.commit(&changes).await.unwrap();
    let (_, revision) = store.workers(Revision::default()).await.unwrap();
    store.commit(&changes).await.unwrap();
    let (again, _) = store.workers(revision).await.unwrap();
    assert_eq!(again, [], "nothing is told again");
    assert_eq!(all(&*store).await, [worker("w", "x", 1, 1)]);
    let slices = store.slices("i", at(0)).await.unwrap();
    assert_eq!(slices, [slice("i", "o", 0, 5)]);
}

async fn a_worker_is_forgotten_only_if_it_has_not_come_back(store: Arc<dyn Store>) {
    put(&*store, [worker("w", "x", 2, 20), silent("never")]).await;
    let forget = |seen| [Change::Forget(id("w"), seen)];
    store.commit(&forget(Some(at(10)))).await.unwrap();
    store.commit(&forget(None)).await.unwrap();
    assert_eq!(all(&*store).await.len(), 2);
    store.commit(&forget(Some(at(20)))).await.unwrap();
    assert_eq!(all(&*store).await, [silent("never")]);
    let never = [Change::Forget(id("never"), None)];
    store.commit(&never).await.unwrap();
    assert_eq!(all(&*store).await, []);
}

async fn a_batch_is_done_in_its_order(store: Arc<dyn Store>) {
    put(&*store, [worker("w", "x", 9, 20)]).await;
    let changes = [
        Change::Forget(id("w"), Some(at(20))),
        Change::Worker(silent("w")),
    ];
    store.commit(&changes).await.unwrap();
    assert_eq!(all(&*store).await, [silent("w")]);
}

async fn only_what_changed_since_a_revision_is_told(store: Arc<dyn Store>) {
    put(&*store, [worker("a", "x", 1, 1), worker("b", "x", 1, 1)]).await;
    let (rows, first) = store.workers(Revision::default()).await.unwrap();
    assert_eq!(rows.len(), 2);
    let (rows, same) = store.workers(first).await.unwrap();
    assert_eq!(rows, []);
    put(&*store, [worker("b", "x", 2, 2), worker("a", "x", 1, 1)]).await;
    let (rows, second) = store.workers(same).await.unwrap();
    assert_eq!(
        rows,
        [worker("b", "x", 2, 2)],
        "and not a, which is as it was"
    );
    assert!(second > first);
}

async fn slices_come_back_in_order_and_only_those_of_the_instance(store: Arc<dyn Store>) {
    let rows = [
        slice("i", "o", 120, 3),
        slice("i", "o", 0, 1),
        slice("i", "p", 60, 9),
        slice("i", "o", 60, 2),
        slice("other", "o", 60, 7),
        slice("", "o", 60, 8),
    ];
    put_slices(&*store, rows).await;
    let all = store.slices("i", at(0)).await.unwrap();
    let expected = [
        slice("i", "o", 0, 1),
        slice("i", "o", 60, 2),
        slice("i", "p", 60, 9),
        slice("i", "o", 120, 3),
    ];
    assert_eq!(all, expected);
    let later = store.slices("i", at(120)).await.unwrap();
    assert_eq!(
        later,
        [slice("i", "o", 120, 3)],
        "one that ended then is not after it"
    );
    assert_eq!(store.slices("nobody", at(0)).await.unwrap(), []);
    let instances = store.instances().await.unwrap();
    assert!(instances.iter().any(|name| **name == *"i"), "{instances:?}");
    assert!(
        instances.is_sorted_by(|left, right| left < right),
        "{instances:?}"
    );
}

async fn a_slice_takes_the_place_of_its_like(store: Arc<dyn Store>) {
    let mut longer = slice("i", "o", 0, 6);
    (longer.length, longer.covered) = (Duration::from_secs(300), Duration::from_secs(70));
    put_slices(&*store, [slice("i", "o", 0, 5)]).await;
    put_slices(&*store, [longer.clone()]).await;
    assert_eq!(store.slices("i", at(0)).await.unwrap(), [longer.clone()]);
    let still = store.slices("i", at(299)).await.unwrap();
    assert_eq!(still, [longer]);
}

async fn a_note_takes_the_place_of_its_like_and_is_its_instance_s_own(store: Arc<dyn Store>) {
    let notes = [
        note("i", "b", 2, "later"),
        note("i", "a", 1, "first"),
        note("other", "a", 1, "theirs"),
        note("", "a", 1, "nobody's"),
    ];
    let changes = notes.clone().map(Change::Note);
    store.commit(&changes).await.unwrap();
    store.commit(&changes).await.unwrap();
    assert_eq!(
        store.notes("i").await.unwrap(),
        [notes[1].clone(), notes[0].clone()]
    );
    let newer = note("i", "a", 5, "");
    store.commit(&[Change::Note(newer.clone())]).await.unwrap();
    assert_eq!(store.notes("i").await.unwrap()[0], newer);
    assert_eq!(store.sweep(at(5)).await.unwrap(), 0);
    assert_eq!(store.notes("i").await.unwrap(), [newer]);
    assert_eq!(store.notes("other").await.unwrap(), []);
}

async fn a_sweep_removes_what_ended_before(store: Arc<dyn Store>) {
    put_slices(&*store, (0..2_500).map(|n| slice("i", "o", n * 60, 1))).await;
    put(&*store, [worker("w", "x", 1, 0)]).await;
    let cut = at(2_400 * 60);
    assert_eq!(store.sweep(cut).await.unwrap(), 2_399);
    assert_eq!(store.sweep(cut).await.unwrap(), 0);
    let left = store.slices("i", at(0)).await.unwrap();
    assert_eq!(left.len(), 101, "one that ended at that moment stays");
    assert_eq!(
        all(&*store).await.len(),
        1,
        "workers are forgotten otherwise"
    );
}

async fn a_lead_is_had_by_one(store: Arc<dyn Store>) {
    let ttl = Duration::from_secs(60);
    assert!(store.lead("m", "one", ttl).await.unwrap());
    assert!(store.lead("m", "one", ttl).await.unwrap(), "and kept");
    let second = store.lead("m", "two", ttl).await.unwrap();
    assert_eq!(second, !store.is_shared());
    assert!(store.lead("other", "two", ttl).await.unwrap());
}

async fn post(store: &dyn Store, rows: impl IntoIterator<Item = BulletinRow>) {
    let changes: Vec<_> = rows.into_iter().map(Change::Bulletin).collect();
    store.commit(&changes).await.unwrap();
}

/// The ids of all that are open or were changed after a second.
async fn posted(store: &dyn Store, second: i64) -> Vec<StatusId> {
    let rows = store.bulletins(at(second)).await.unwrap();
    let mut ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    ids.sort();
    ids
}

fn names<const N: usize>(names: [&str; N]) -> Vec<StatusId> {
    let mut ids: Vec<_> = names.map(StatusId::of).into();
    ids.sort();
    ids
}

async fn an_incident_comes_back_as_it_was_kept(store: Arc<dyn Store>) {
    let rows = [incident("a", 0, Some(9)), maintenance("m", 10, 20)];
    post(&*store, rows.clone()).await;
    for row in rows {
        let id = row.id;
        assert_eq!(store.bulletin(id).await.unwrap(), Some(row));
    }
    assert_eq!(store.bulletin(StatusId::of("nobody")).await.unwrap(), None);
}

async fn of_those_that_open_the_same_at_once_one_does(store: Arc<dyn Store>) {
    let of = |name: &str, slot: &str, resolved| BulletinRow {
        slot: Some(slot.into()),
        ..incident(name, 0, resolved)
    };
    post(&*store, [of("a", "s", None), of("b", "s", None)]).await;
    post(&*store, [of("c", "s", None), of("d", "other", None)]).await;
    assert_eq!(posted(&*store, 0).await, names(["a", "d"]));
    let mut over = of("a", "s", Some(5));
    over.version = 2;
    post(&*store, [over, of("e", "s", None)]).await;
    assert_eq!(posted(&*store, 4).await, names(["a", "d", "e"]));
}

async fn a_change_to_an_older_version_is_left_out(store: Arc<dyn Store>) {
    let version = |version, title: &str| BulletinRow {
        version,
        title: title.into(),
        ..incident("a", 0, None)
    };
    post(&*store, [version(1, "one"), version(2, "two")]).await;
    post(
        &*store,
        [version(1, "late"), version(2, "other"), version(4, "gap")],
    )
    .await;
    let kept = store.bulletin(StatusId::of("a")).await.unwrap().unwrap();
    assert_eq!((kept.version, &*kept.title), (2, "two"));
    post(&*store, [version(3, "three"), version(3, "three")]).await;
    let kept = store.bulletin(StatusId::of("a")).await.unwrap().unwrap();
    assert_eq!((kept.version, &*kept.title), (3, "three"));
}

async fn only_what_is_open_or_was_changed_since_is_told(store: Arc<dyn Store>) {
    let mut early = maintenance("early", 100, 200);
    if let Course::Maintenance(course) = &mut early.course {
        course.completed_at = Some(at(150));
    }
    let rows = [
        incident("open", 0, None),
        incident("over", 0, Some(50)),
        early,
    ];
    post(&*store, rows).await;
    assert_eq!(posted(&*store, 49).await, names(["open", "over", "early"]));
    assert_eq!(posted(&*store, 50).await, names(["open", "early"]));
    assert_eq!(posted(&*store, 150).await, names(["open"]));
}

async fn a_span_only_grows(store: Arc<dyn Store>) {
    let (fine, down) = (ComponentState::Operational, ComponentState::MajorOutage);
    let spans = |rows: &[SpanRow]| rows.iter().cloned().map(Change::Span).collect::<Vec<_>>();
    let rows = [
        span("api", fine, 0, 10),
        span("api", down, 10, 12),
        span("web", fine, 0, 30),
    ];
    store.commit(&spans(&rows)).await.unwrap();
    let more = [span("api", fine, 0, 5), span("api", down, 10, 20)];
    store.commit(&spans(&more)).await.unwrap();
    store.commit(&spans(&more)).await.unwrap();
    let mut all = store.spans(at(0).as_second()).await.unwrap();
    all.sort_by_key(|row| (row.component.clone(), row.start));
    assert_eq!(
        all,
        [
            span("api", fine, 0, 10),
            span("api", down, 10, 20),
            rows[2].clone()
        ]
    );
    let mut later = store.spans(at(20).as_second()).await.unwrap();
    later.sort_by_key(|row| row.component.clone());
    assert_eq!(later, [span("api", down, 10, 20), rows[2].clone()]);
}

async fn a_sweep_of_status_leaves_what_is_open_or_recent(store: Arc<dyn Store>) {
    let rows = [
        incident("open", 0, None),
        incident("over", 0, Some(50)),
        maintenance("m", 10, 40),
    ];
    post(&*store, rows).await;
    let fine = ComponentState::Operational;
    let spans = [span("api", fine, 0, 10), span("api", fine, 20, 100)];
    store.commit(&spans.map(Change::Span)).await.unwrap();
    assert_eq!(store.sweep_status(at(45)).await.unwrap(), 2);
    assert_eq!(posted(&*store, 0).await, names(["open", "over"]));
    let left = store.spans(at(0).as_second()).await.unwrap();
    assert_eq!(left, [span("api", fine, 20, 100)]);
    assert_eq!(store.sweep_status(at(45)).await.unwrap(), 0);
}
