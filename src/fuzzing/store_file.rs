//! The store's file with damage anywhere: it is opened or set aside, and never half believed.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;

use super::fingerprint;
use super::settings::scratch;
use crate::background::Supervisor;
use crate::store::{SliceRow, Store, StoreOp, block_on, open_file};

const ROWS: u64 = 64;

/// Each five bytes of the input are one damage: a place, of four bytes, and what is done there.
pub(super) fn store_file(data: &[u8]) -> u64 {
    static GOOD: OnceLock<Vec<u8>> = OnceLock::new();
    let mut bytes = GOOD.get_or_init(good_file).clone();
    for damage in data.chunks_exact(5).take(16) {
        let [a, b, c, d, action] = *damage else {
            continue;
        };
        let at = u32::from_le_bytes([a, b, c, d]) as usize % bytes.len().max(1);
        match action {
            // Half of a file whose end was not written.
            0 => bytes.truncate(at),
            1 => bytes[at..].iter_mut().take(512).for_each(|byte| *byte = 0),
            // A page that was written to another place.
            2 => bytes.copy_within(..at.min(4_096), at - at.min(4_096)),
            3 => bytes.resize(bytes.len() + at % 10_000, 0xff),
            flipped => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= flipped;
                }
            }
        }
    }
    let folder = scratch().join("store");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{error}"));
    let path = folder.join("store");
    fs::write(&path, &bytes).unwrap_or_else(|error| panic!("{error}"));
    let store = open(&path);
    let set_aside = set_aside(&folder);
    assert_eq!(store.notice().is_some(), !set_aside.is_empty());
    let found = slices(&*store).len() as u64;
    match set_aside.as_slice() {
        [] => assert!([0, ROWS].contains(&found), "{found} rows"),
        [aside] => {
            assert_eq!(found, 0);
            let kept = fs::read(aside).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(kept.len(), bytes.len(), "what was set aside is whole");
        }
        more => panic!("{more:?}"),
    }
    // It is used as any other.
    let written = block_on(store.commit(&[slice(ROWS)]));
    written.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(slices(&*store).len() as u64, found + 1);
    drop(store);
    assert_eq!(slices(&*open(&path)).len() as u64, found + 1);
    let _ = fs::remove_dir_all(&folder);
    fingerprint((set_aside.len(), found))
}

fn open(path: &Path) -> Arc<dyn Store> {
    open_file(path.to_owned(), &Supervisor::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn set_aside(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap_or_else(|error| panic!("{error}"));
    let files = files.flatten().map(|file| file.path());
    files
        .filter(|path| path.to_string_lossy().contains(".damaged-"))
        .collect()
}

fn slice(number: u64) -> StoreOp {
    StoreOp::Slice(SliceRow {
        instance: "i".into(),
        objective: "o".into(),
        start: Timestamp::UNIX_EPOCH + Duration::from_secs(60 * number),
        length: Duration::from_secs(60),
        covered: Duration::from_secs(60),
        good: number,
        bad: 1,
    })
}

fn slices(store: &dyn Store) -> Vec<SliceRow> {
    let rows = block_on(store.slices("i", Timestamp::UNIX_EPOCH));
    rows.unwrap_or_else(|error| panic!("{error}"))
}

fn good_file() -> Vec<u8> {
    let path = scratch().join("good");
    let _ = fs::remove_file(&path);
    let store = open(&path);
    let rows: Vec<_> = (0..ROWS).map(slice).collect();
    block_on(store.commit(&rows)).unwrap_or_else(|error| panic!("{error}"));
    drop(store);
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{error}"));
    let _ = fs::remove_file(&path);
    bytes
}
