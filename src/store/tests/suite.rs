//! The contract of a store: tests as functions that take an empty one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::rows::{
    alert_state, at, id, incident, maintenance, slice, span, unbeaten_worker, worker,
};
use crate::model::status::{ComponentState, StatusId};
use crate::store::{
    IncidentKind, IncidentRow, RecordKind, Revision, SliceRow, SpanRow, Store, StoreOp, WorkerRow,
};

type ContractTest = fn(Arc<dyn Store>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

macro_rules! contract {
    ($($name:ident)*) => {
        /// Every test of the contract, by its name.
        pub(crate) const CONTRACT: &[(&str, ContractTest)] =
            &[$((stringify!($name), |store| Box::pin($name(store)))),*];
    };
}

contract! {
    a_row_is_read_back_as_it_was_written
    the_newer_row_wins_in_any_order
    a_late_beat_of_the_previous_boot_changes_nothing
    repeating_a_batch_changes_nothing
    a_worker_is_deleted_only_if_it_has_not_beaten_since
    a_forgotten_worker_stays_so_until_it_beats_again
    a_batch_is_applied_in_order
    only_rows_changed_since_a_revision_are_read
    slices_of_an_instance_are_read_in_order
    a_slice_replaces_the_one_with_its_key
    an_alert_state_replaces_the_one_with_its_key_and_belongs_to_its_instance
    expired_slices_are_deleted
    a_lease_is_held_by_one_instance
    an_incident_is_read_back_as_it_was_written
    one_of_several_incidents_opened_in_the_same_slot_is_stored
    an_update_of_an_older_version_is_ignored
    only_incidents_open_or_changed_since_are_read
    a_span_only_grows
    open_and_recent_incidents_survive_deletion
}

pub(crate) async fn put_workers(store: &dyn Store, rows: impl IntoIterator<Item = WorkerRow>) {
    let ops: Vec<_> = rows.into_iter().map(StoreOp::Worker).collect();
    store.commit(&ops).await.unwrap();
}

pub(crate) async fn put_slices(store: &dyn Store, rows: impl IntoIterator<Item = SliceRow>) {
    let ops: Vec<_> = rows.into_iter().map(StoreOp::Slice).collect();
    store.commit(&ops).await.unwrap();
}

/// All workers, by id.
pub(crate) async fn all_workers(store: &dyn Store) -> Vec<WorkerRow> {
    let (mut rows, _) = store.workers(Revision::default()).await.unwrap();
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    rows
}

async fn a_row_is_read_back_as_it_was_written(store: Arc<dyn Store>) {
    let mut lost = worker("b", "boot", 7, 7);
    lost.previous_boot_id = Some(Arc::from("earlier"));
    lost.lost = true;
    let rows = [unbeaten_worker("a"), lost, worker("c", "boot", 1, 1)];
    put_workers(&*store, rows.clone()).await;
    assert_eq!(all_workers(&*store).await, rows);
}

async fn the_newer_row_wins_in_any_order(store: Arc<dyn Store>) {
    put_workers(&*store, [worker("w", "x", 3, 30)]).await;
    put_workers(&*store, [worker("w", "x", 2, 40), unbeaten_worker("w")]).await;
    assert_eq!(all_workers(&*store).await, [worker("w", "x", 3, 30)]);
    put_workers(&*store, [worker("w", "x", 4, 35)]).await;
    assert_eq!(all_workers(&*store).await, [worker("w", "x", 4, 35)]);
    let mut lost = worker("w", "x", 4, 35);
    lost.lost = true;
    put_workers(&*store, [lost.clone(), worker("w", "x", 4, 35)]).await;
    assert_eq!(all_workers(&*store).await, [lost]);
}

async fn a_late_beat_of_the_previous_boot_changes_nothing(store: Arc<dyn Store>) {
    let mut restarted = worker("w", "y", 1, 50);
    restarted.previous_boot_id = Some(Arc::from("x"));
    put_workers(&*store, [worker("w", "x", 9, 40), restarted.clone()]).await;
    put_workers(&*store, [worker("w", "x", 10, 60)]).await;
    assert_eq!(all_workers(&*store).await, [restarted]);
    put_workers(&*store, [worker("w", "z", 1, 70)]).await;
    assert_eq!(all_workers(&*store).await, [worker("w", "z", 1, 70)]);
}

async fn repeating_a_batch_changes_nothing(store: Arc<dyn Store>) {
    let ops = [
        StoreOp::Worker(worker("w", "x", 1, 1)),
        StoreOp::Slice(slice("i", "o", 0, 5)),
        StoreOp::DeleteWorker(id("gone"), None),
    ];
    store.commit(&ops).await.unwrap();
    let (_, revision) = store.workers(Revision::default()).await.unwrap();
    store.commit(&ops).await.unwrap();
    let (again, _) = store.workers(revision).await.unwrap();
    assert_eq!(again, [], "nothing is told again");
    assert_eq!(all_workers(&*store).await, [worker("w", "x", 1, 1)]);
    let slices = store.slices("i", at(0)).await.unwrap();
    assert_eq!(slices, [slice("i", "o", 0, 5)]);
}

async fn a_worker_is_deleted_only_if_it_has_not_beaten_since(store: Arc<dyn Store>) {
    put_workers(&*store, [worker("w", "x", 2, 20), unbeaten_worker("never")]).await;
    let delete = |seen| [StoreOp::DeleteWorker(id("w"), seen)];
    store.commit(&delete(Some(at(10)))).await.unwrap();
    store.commit(&delete(None)).await.unwrap();
    assert_eq!(all_workers(&*store).await.len(), 2);
    store.commit(&delete(Some(at(20)))).await.unwrap();
    assert_eq!(all_workers(&*store).await, [unbeaten_worker("never")]);
    let never = [StoreOp::DeleteWorker(id("never"), None)];
    store.commit(&never).await.unwrap();
    assert_eq!(all_workers(&*store).await, []);
}

async fn a_forgotten_worker_stays_so_until_it_beats_again(store: Arc<dyn Store>) {
    let forgotten = |second| WorkerRow {
        forgotten_at: Some(at(second)),
        ..worker("w", "x", 2, 20)
    };
    put_workers(&*store, [worker("w", "x", 2, 20), forgotten(30)]).await;
    let mut lost = worker("w", "x", 2, 20);
    lost.lost = true;
    put_workers(
        &*store,
        [worker("w", "x", 2, 20), lost, worker("w", "x", 1, 10)],
    )
    .await;
    assert_eq!(all_workers(&*store).await, [forgotten(30)]);
    for anew in [worker("w", "x", 3, 40), worker("w", "y", 1, 50)] {
        put_workers(&*store, [forgotten(30), anew.clone()]).await;
        assert_eq!(all_workers(&*store).await, [anew]);
    }
    // Registered again without a beat, because it is expected: the word of before is out of date.
    let gone = WorkerRow {
        forgotten_at: Some(at(5)),
        ..unbeaten_worker("n")
    };
    let expected = WorkerRow {
        registered_at: at(6),
        ..unbeaten_worker("n")
    };
    put_workers(&*store, [gone.clone(), expected.clone(), gone]).await;
    assert_eq!(all_workers(&*store).await[0], expected);
}

async fn a_batch_is_applied_in_order(store: Arc<dyn Store>) {
    put_workers(&*store, [worker("w", "x", 9, 20)]).await;
    let ops = [
        StoreOp::DeleteWorker(id("w"), Some(at(20))),
        StoreOp::Worker(unbeaten_worker("w")),
    ];
    store.commit(&ops).await.unwrap();
    assert_eq!(all_workers(&*store).await, [unbeaten_worker("w")]);
}

async fn only_rows_changed_since_a_revision_are_read(store: Arc<dyn Store>) {
    put_workers(&*store, [worker("a", "x", 1, 1), worker("b", "x", 1, 1)]).await;
    let (rows, first) = store.workers(Revision::default()).await.unwrap();
    assert_eq!(rows.len(), 2);
    let (rows, same) = store.workers(first).await.unwrap();
    assert_eq!(rows, []);
    put_workers(&*store, [worker("b", "x", 2, 2), worker("a", "x", 1, 1)]).await;
    let (rows, second) = store.workers(same).await.unwrap();
    assert_eq!(
        rows,
        [worker("b", "x", 2, 2)],
        "and not a, which is as it was"
    );
    assert!(second > first);
}

async fn slices_of_an_instance_are_read_in_order(store: Arc<dyn Store>) {
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

async fn a_slice_replaces_the_one_with_its_key(store: Arc<dyn Store>) {
    let mut longer = slice("i", "o", 0, 6);
    (longer.length, longer.covered) = (Duration::from_secs(300), Duration::from_secs(70));
    put_slices(&*store, [slice("i", "o", 0, 4), slice("i", "o", 0, 5)]).await;
    assert_eq!(
        store.slices("i", at(0)).await.unwrap(),
        [slice("i", "o", 0, 5)]
    );
    put_slices(&*store, [longer.clone()]).await;
    assert_eq!(store.slices("i", at(0)).await.unwrap(), [longer.clone()]);
    let still = store.slices("i", at(299)).await.unwrap();
    assert_eq!(still, [longer]);
}

async fn an_alert_state_replaces_the_one_with_its_key_and_belongs_to_its_instance(
    store: Arc<dyn Store>,
) {
    let alert_states = [
        alert_state("i", "b", 2, "later"),
        alert_state("i", "a", 1, "first"),
        alert_state("other", "a", 1, "theirs"),
        alert_state("", "a", 1, "nobody's"),
    ];
    let ops = alert_states.clone().map(StoreOp::AlertState);
    store.commit(&ops).await.unwrap();
    store.commit(&ops).await.unwrap();
    assert_eq!(
        store.alert_states("i").await.unwrap(),
        [alert_states[1].clone(), alert_states[0].clone()]
    );
    let newer = alert_state("i", "a", 5, "");
    store
        .commit(&[StoreOp::AlertState(newer.clone())])
        .await
        .unwrap();
    assert_eq!(store.alert_states("i").await.unwrap()[0], newer);
    let expired = store.delete_expired(RecordKind::AlertState, at(5));
    assert_eq!(expired.await.unwrap(), 3);
    assert_eq!(store.alert_states("i").await.unwrap(), [newer]);
    assert_eq!(store.alert_states("other").await.unwrap(), []);
}

async fn expired_slices_are_deleted(store: Arc<dyn Store>) {
    put_slices(&*store, (0..2_500).map(|n| slice("i", "o", n * 60, 1))).await;
    put_workers(&*store, [worker("w", "x", 1, 0)]).await;
    let cutoff = at(2_400 * 60);
    assert_eq!(store.delete_expired_slices(cutoff).await.unwrap(), 2_399);
    assert_eq!(store.delete_expired_slices(cutoff).await.unwrap(), 0);
    let left = store.slices("i", at(0)).await.unwrap();
    assert_eq!(left.len(), 101, "one that ended at that moment stays");
    assert_eq!(
        all_workers(&*store).await.len(),
        1,
        "workers are forgotten otherwise"
    );
}

async fn a_lease_is_held_by_one_instance(store: Arc<dyn Store>) {
    let ttl = Duration::from_secs(60);
    assert!(store.acquire_lease("m", "one", ttl).await.unwrap());
    assert!(
        store.acquire_lease("m", "one", ttl).await.unwrap(),
        "and kept"
    );
    let second = store.acquire_lease("m", "two", ttl).await.unwrap();
    assert_eq!(second, !store.is_shared());
    assert!(store.acquire_lease("other", "two", ttl).await.unwrap());
}

async fn put_incidents(store: &dyn Store, rows: impl IntoIterator<Item = IncidentRow>) {
    let ops: Vec<_> = rows.into_iter().map(StoreOp::Incident).collect();
    store.commit(&ops).await.unwrap();
}

/// The ids of all that are open or were changed after a second.
async fn incident_ids(store: &dyn Store, second: i64) -> Vec<StatusId> {
    let rows = store.incidents(at(second)).await.unwrap();
    let mut ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    ids.sort();
    ids
}

fn ids_of<const N: usize>(names: [&str; N]) -> Vec<StatusId> {
    let mut ids: Vec<_> = names.map(StatusId::from_key).into();
    ids.sort();
    ids
}

async fn an_incident_is_read_back_as_it_was_written(store: Arc<dyn Store>) {
    let rows = [incident("a", 0, Some(9)), maintenance("m", 10, 20)];
    put_incidents(&*store, rows.clone()).await;
    for row in rows {
        let id = row.id;
        assert_eq!(store.incident(id).await.unwrap(), Some(row));
    }
    assert_eq!(
        store.incident(StatusId::from_key("nobody")).await.unwrap(),
        None
    );
}

async fn one_of_several_incidents_opened_in_the_same_slot_is_stored(store: Arc<dyn Store>) {
    let incident_in_slot = |name: &str, slot: &str, resolved| IncidentRow {
        slot: Some(slot.into()),
        ..incident(name, 0, resolved)
    };
    put_incidents(
        &*store,
        [
            incident_in_slot("a", "s", None),
            incident_in_slot("b", "s", None),
        ],
    )
    .await;
    put_incidents(
        &*store,
        [
            incident_in_slot("c", "s", None),
            incident_in_slot("d", "other", None),
        ],
    )
    .await;
    assert_eq!(incident_ids(&*store, 0).await, ids_of(["a", "d"]));
    let mut over = incident_in_slot("a", "s", Some(5));
    over.version = 2;
    put_incidents(&*store, [over, incident_in_slot("e", "s", None)]).await;
    assert_eq!(incident_ids(&*store, 4).await, ids_of(["a", "d", "e"]));
}

async fn an_update_of_an_older_version_is_ignored(store: Arc<dyn Store>) {
    let version = |version, title: &str| IncidentRow {
        version,
        title: title.into(),
        ..incident("a", 0, None)
    };
    put_incidents(&*store, [version(1, "one"), version(2, "two")]).await;
    put_incidents(
        &*store,
        [version(1, "late"), version(2, "other"), version(4, "gap")],
    )
    .await;
    let stored = store
        .incident(StatusId::from_key("a"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((stored.version, &*stored.title), (2, "two"));
    put_incidents(&*store, [version(3, "three"), version(3, "three")]).await;
    let stored = store
        .incident(StatusId::from_key("a"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((stored.version, &*stored.title), (3, "three"));
}

async fn only_incidents_open_or_changed_since_are_read(store: Arc<dyn Store>) {
    let mut early = maintenance("early", 100, 200);
    if let IncidentKind::Maintenance(details) = &mut early.kind {
        details.completed_at = Some(at(150));
    }
    let rows = [
        incident("open", 0, None),
        incident("over", 0, Some(50)),
        early,
    ];
    put_incidents(&*store, rows).await;
    assert_eq!(
        incident_ids(&*store, 49).await,
        ids_of(["open", "over", "early"])
    );
    assert_eq!(incident_ids(&*store, 50).await, ids_of(["open", "early"]));
    assert_eq!(incident_ids(&*store, 150).await, ids_of(["open"]));
}

async fn a_span_only_grows(store: Arc<dyn Store>) {
    let (fine, down) = (ComponentState::Operational, ComponentState::MajorOutage);
    let spans = |rows: &[SpanRow]| rows.iter().cloned().map(StoreOp::Span).collect::<Vec<_>>();
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

async fn open_and_recent_incidents_survive_deletion(store: Arc<dyn Store>) {
    let rows = [
        incident("open", 0, None),
        incident("over", 0, Some(50)),
        maintenance("m", 10, 40),
    ];
    put_incidents(&*store, rows).await;
    let fine = ComponentState::Operational;
    let spans = [span("api", fine, 0, 10), span("api", fine, 20, 100)];
    store.commit(&spans.map(StoreOp::Span)).await.unwrap();
    for kind in [RecordKind::Incident, RecordKind::Span] {
        assert_eq!(store.delete_expired(kind, at(45)).await.unwrap(), 1);
        assert_eq!(store.delete_expired(kind, at(45)).await.unwrap(), 0);
    }
    assert_eq!(incident_ids(&*store, 0).await, ids_of(["open", "over"]));
    let left = store.spans(at(0).as_second()).await.unwrap();
    assert_eq!(left, [span("api", fine, 20, 100)]);
}
