//! Tests of damaged files: the service starts, and no wrong row is read.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::super::writer::block_on;
use super::super::FileStore;
use super::{all_workers, put_slices, put_workers, slice, stored_workers, temp_folder, worker};
use crate::store::{Store as _, StoreOp};

const WORKERS: u64 = 200;

fn write_sample_file(path: &Path) {
    let file = FileStore::open(path).unwrap();
    let workers = (0..WORKERS).map(|n| worker(&format!("w{n}"), "x", n + 1, 1));
    block_on(put_workers(&file, workers));
    block_on(put_slices(
        &file,
        (0..500).map(|n| slice("i", "o", n * 60, 5)),
    ));
}

fn set_aside_files(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let damaged = |path: &PathBuf| path.to_str().unwrap().contains(".damaged-");
    files.filter(damaged).collect()
}

/// Opens a damaged copy of a good file, and uses it; returns true if it was set aside.
fn open_damaged(bytes: &[u8], what: &str) -> bool {
    let folder = temp_folder();
    let path = folder.path().join("store");
    fs::write(&path, bytes).unwrap();
    let file = FileStore::open(&path).unwrap_or_else(|error| panic!("{what}: {error}"));
    let set_aside = set_aside_files(folder.path());
    assert_eq!(file.notice().is_some(), !set_aside.is_empty(), "{what}");
    let found = stored_workers(&file).len();
    let whole = usize::try_from(WORKERS).unwrap();
    match &*set_aside {
        [] => assert!([0, whole].contains(&found), "{what}: {found} rows"),
        [aside] => {
            assert_eq!(found, 0, "{what}");
            assert_eq!(fs::read(aside).unwrap().len(), bytes.len(), "{what}");
        }
        more => panic!("{what}: {more:?}"),
    }
    block_on(put_workers(&file, [worker("new", "x", 1, 1)]));
    assert!(
        block_on(all_workers(&file)).contains(&worker("new", "x", 1, 1)),
        "{what}"
    );
    !set_aside.is_empty()
}

fn sample_file_bytes() -> Vec<u8> {
    let folder = temp_folder();
    let path = folder.path().join("store");
    write_sample_file(&path);
    fs::read(&path).unwrap()
}

#[test]
fn a_truncated_file_is_set_aside() {
    let good = sample_file_bytes();
    let lengths = [
        1,
        10,
        64,
        320,
        511,
        4_095,
        4_096,
        8_192,
        good.len() / 2,
        good.len() - 4_096,
        good.len() - 1,
    ];
    let aside =
        lengths.map(|length| open_damaged(&good[..length], &format!("the first {length} bytes")));
    assert!(
        aside.iter().filter(|aside| **aside).count() >= 8,
        "{aside:?}"
    );
    assert!(!open_damaged(&[], "an empty file"));
}

#[test]
fn flipped_bytes_anywhere_do_not_keep_a_service_from_starting() {
    let good = sample_file_bytes();
    let used = 4_096..good.len().min(300_000);
    let header = (0..320).step_by(11);
    let pages = used.step_by(17_077);
    let mut aside = 0;
    for position in header.chain(pages) {
        let mut bytes = good.clone();
        bytes[position] ^= 0xff;
        aside += u32::from(open_damaged(&bytes, &format!("byte {position}")));
    }
    assert!(aside > 0, "no damage was noticed");
}

#[test]
fn another_kind_of_file_is_set_aside() {
    assert!(open_damaged(&[b'x'; 100_000], "text"));
    assert!(open_damaged(&[0; 100_000], "zeros"));
}

#[test]
fn what_a_kill_left_of_a_beginning_is_no_damage() {
    let folder = temp_folder();
    let path = folder.path().join("store");
    fs::write(folder.path().join("store.new"), [0; 5_000]).unwrap();
    let file = FileStore::open(&path).unwrap();
    assert_eq!(file.notice(), None);
    block_on(put_workers(&file, [worker("w", "x", 1, 1)]));
    drop(file);
    assert_eq!(stored_workers(&FileStore::open(&path).unwrap()).len(), 1);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// Wants a folder on a disk of about 2 MiB, such as a small tmpfs.
#[test]
#[ignore = "wants a small disk, named by VANTAGE_TEST_SMALL_DISK"]
fn a_full_disk_loses_nothing_that_was_kept_and_is_used_again_once_there_is_room() {
    let disk = std::path::PathBuf::from(std::env::var("VANTAGE_TEST_SMALL_DISK").unwrap());
    let file = FileStore::open(disk.join("store")).unwrap();
    block_on(put_workers(&file, [worker("w", "x", 1, 1)]));
    let filler = disk.join("filler");
    std::fs::write(&filler, vec![1; 64 << 20]).unwrap_err();
    let many: Vec<_> = (0..20_000)
        .map(|n| StoreOp::Slice(slice("i", "o", n * 60, 1)))
        .collect();
    let error = block_on(file.commit(&many)).unwrap_err();
    assert!(error.transient, "{}", error.with_causes());
    eprintln!("{}", error.with_causes());
    assert_eq!(
        block_on(file.commit(&many)).map_err(|error| error.transient),
        Err(true)
    );
    std::fs::remove_file(filler).unwrap();
    block_on(put_workers(&file, [worker("w", "x", 2, 2)]));
    assert_eq!(block_on(all_workers(&file)), [worker("w", "x", 2, 2)]);
    assert_eq!(file.notice(), None, "the disk's fault, and not the file's");
}
