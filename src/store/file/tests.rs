//! Tests of the file store: damage, kills, other schemas.

mod cost;
mod damage;
mod killed;

use std::sync::Arc;

use tempfile::TempDir;

use super::super::tests::rows::{at, slice, worker};
use super::super::tests::suite::{self, all_workers, put_slices, put_workers};
use super::super::writer::block_on;
use super::{FileStore, OpenError, tables};
use crate::store::{Store, WorkerRow};

fn temp_folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn stored_workers(file: &FileStore) -> Vec<WorkerRow> {
    block_on(all_workers(file))
}

#[test]
fn the_file_store_fulfils_the_contract() {
    for (name, contract_test) in suite::CONTRACT {
        eprintln!("{name}");
        let folder = temp_folder();
        let store: Arc<dyn Store> = Arc::new(FileStore::open(folder.path().join("store")).unwrap());
        block_on(contract_test(store));
    }
}

#[test]
fn committed_rows_are_there_after_a_restart() {
    let folder = temp_folder();
    let path = folder.path().join("store");
    let file = FileStore::open(&path).unwrap();
    block_on(put_workers(&file, [worker("w", "x", 1, 1)]));
    block_on(put_slices(&file, [slice("i", "o", 0, 5)]));
    drop(file);
    let file = FileStore::open(&path).unwrap();
    assert_eq!(stored_workers(&file), [worker("w", "x", 1, 1)]);
    let slices = block_on(file.slices("i", at(0))).unwrap();
    assert_eq!(slices, [slice("i", "o", 0, 5)]);
    assert_eq!(file.notice(), None);
}

#[test]
fn a_second_opener_is_told_what_to_do() {
    let folder = temp_folder();
    let path = folder.path().join("store");
    let _first = FileStore::open(&path).unwrap();
    let error = FileStore::open(&path).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(path.to_str().unwrap()), "{text}");
    assert!(text.contains("its own file"), "{text}");
}

/// Writes a file that says that it has this schema.
fn write_file_of_schema(path: &std::path::Path, schema: u64) {
    let database = redb::Database::create(path).unwrap();
    let meta: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("meta");
    let transaction = database.begin_write().unwrap();
    let mut table = transaction.open_table(meta).unwrap();
    table.insert("schema", schema).unwrap();
    drop(table);
    transaction.commit().unwrap();
}

#[test]
fn a_file_of_another_schema_is_refused_and_left_alone() {
    let (newer, older) = (tables::SCHEMA + 1, tables::SCHEMA - 1);
    for (schema, expected) in [
        (newer, "later release (schema 5"),
        (
            older,
            "development version that was never released (schema 3",
        ),
    ] {
        let folder = temp_folder();
        let path = folder.path().join("store");
        write_file_of_schema(&path, schema);
        let before = std::fs::read(&path).unwrap();
        let error = FileStore::open(&path).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(FileStore::open(&path).is_err());
        assert_eq!(std::fs::read(&path).unwrap().len(), before.len());
    }
}

#[test]
fn a_folder_that_is_missing_is_an_error() {
    let folder = temp_folder();
    let error = FileStore::open(folder.path().join("missing/store")).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
    assert!(
        FileStore::open(folder.path()).is_err(),
        "and so is a folder"
    );
}

#[test]
fn calls_beyond_the_queue_of_the_disk_wait_for_room_and_are_all_answered() {
    let folder = temp_folder();
    let file = FileStore::open(folder.path().join("store")).unwrap();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let hanging = file.submit(move |_| {
        // Ends when the test says so, as a disk that hangs and comes back.
        let _ = held.recv();
        Ok(())
    });
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut calls: Vec<_> = (0..4 * super::MAX_QUEUED_JOBS)
        .map(|number| {
            let order = Arc::clone(&order);
            file.submit(move |_| {
                order.lock().unwrap().push(number);
                Ok(number)
            })
        })
        .collect();
    // The callers of these have given up.
    drop(calls.split_off(3 * super::MAX_QUEUED_JOBS));
    let all = futures_in_order(calls);
    drop(release);
    block_on(hanging).unwrap();
    let expected: Vec<_> = (0..3 * super::MAX_QUEUED_JOBS).collect();
    assert_eq!(block_on(all), expected);
    // In the order in which they were given their places, which is that of their polls.
    let mut order = order.lock().unwrap().clone();
    order.sort_unstable();
    assert_eq!(order, expected);
}

/// Awaits all at the same time, as the tasks of their callers do.
async fn futures_in_order<T>(calls: Vec<crate::store::StoreFuture<'_, T>>) -> Vec<T> {
    let mut calls: Vec<_> = calls.into_iter().map(|call| (call, None)).collect();
    std::future::poll_fn(move |context| {
        for (call, answer) in &mut calls {
            if answer.is_none()
                && let std::task::Poll::Ready(found) = call.as_mut().poll(context)
            {
                *answer = Some(found.unwrap());
            }
        }
        if calls.iter().any(|(_, answer)| answer.is_none()) {
            return std::task::Poll::Pending;
        }
        std::task::Poll::Ready(
            calls
                .iter_mut()
                .filter_map(|(_, answer)| answer.take())
                .collect(),
        )
    })
    .await
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_no_regular_file_is_refused_and_left_as_it_is() {
    use std::os::unix::fs::FileTypeExt as _;
    let folder = temp_folder();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("/dev/null", &link).unwrap();
    for path in [&*pipe, &*link, folder.path()] {
        let error = FileStore::open(path).unwrap_err();
        let text = crate::model::causes::with_causes(&error);
        assert!(text.ends_with("not a regular file"), "{text}");
    }
    assert!(std::fs::metadata(&pipe).unwrap().file_type().is_fifo());
    assert!(
        std::fs::metadata(&link)
            .unwrap()
            .file_type()
            .is_char_device()
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}
