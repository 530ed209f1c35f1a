//! Tests of the file store: damage, kills, upgrades.

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
    assert!(text.contains("a file of its own"), "{text}");
}

#[test]
fn a_file_of_a_later_release_is_refused_and_left_alone() {
    let folder = temp_folder();
    let path = folder.path().join("store");
    {
        let database = redb::Database::create(&path).unwrap();
        let meta: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("meta");
        let transaction = database.begin_write().unwrap();
        let later = tables::SCHEMA + 1;
        transaction
            .open_table(meta)
            .unwrap()
            .insert("schema", later)
            .unwrap();
        transaction.commit().unwrap();
    }
    let before = std::fs::read(&path).unwrap();
    let error = FileStore::open(&path).unwrap_err();
    assert!(
        error.to_string().contains("later release (schema 4"),
        "{error}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(FileStore::open(&path).is_err());
    assert_eq!(std::fs::read(&path).unwrap().len(), before.len());
}

#[test]
fn a_file_of_schema_1_is_brought_to_the_present_one_and_loses_nothing() {
    let folder = temp_folder();
    let path = folder.path().join("store");
    drop(FileStore::open(&path).unwrap());
    {
        let database = redb::Database::open(&path).unwrap();
        let meta: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("meta");
        let slices: redb::TableDefinition<'_, (&str, i128, &str), (u64, u64, u64)> =
            redb::TableDefinition::new("slices");
        let transaction = database.begin_write().unwrap();
        transaction
            .open_table(meta)
            .unwrap()
            .insert("schema", 1)
            .unwrap();
        let minute = (60_000_000_000, 5, 1);
        let key = ("i", at(0).as_nanosecond(), "o");
        transaction
            .open_table(slices)
            .unwrap()
            .insert(key, minute)
            .unwrap();
        transaction.commit().unwrap();
    }
    let store = FileStore::open(&path).unwrap();
    let mut stored = slice("i", "o", 0, 5);
    stored.covered = stored.length;
    assert_eq!(
        block_on(store.slices("i", at(0))).unwrap(),
        [stored.clone()]
    );
    drop(store);
    let again = FileStore::open(&path).unwrap();
    assert_eq!(block_on(again.slices("i", at(0))).unwrap(), [stored]);
}

#[test]
fn a_file_of_the_schema_before_is_brought_up_and_keeps_what_it_has() {
    let folder = temp_folder();
    let path = folder.path().join("store");
    block_on(put_workers(
        &FileStore::open(&path).unwrap(),
        [worker("w", "x", 1, 1)],
    ));
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    for table in ["bulletins", "spans"] {
        let found = transaction.list_tables().unwrap();
        let mut found = found.filter(|found| redb::TableHandle::name(found) == table);
        transaction.delete_table(found.next().unwrap()).unwrap();
    }
    let meta: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("meta");
    let mut table = transaction.open_table(meta).unwrap();
    table.insert("schema", 2).unwrap();
    drop(table);
    transaction.commit().unwrap();
    drop(database);
    let file = FileStore::open(&path).unwrap();
    assert_eq!(stored_workers(&file), [worker("w", "x", 1, 1)]);
    assert_eq!(block_on(file.spans(0)).unwrap(), []);
    assert_eq!(file.notice(), None);
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
