//! Access to the stores of services, without the service.
//!
//! A file belongs to the process that has it open, so that what is read is a copy of it, made while nobody else
//! writes; it is never repaired, set aside or begun here. A PostgreSQL is opened as a service of this release
//! opens it.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::{self, StoreKind};
use crate::store::{Store, StoreError, StoreOp};

/// The longest time that reading or changing the store may take.
const ACCESS_TIMEOUT: Duration = Duration::from_secs(30);

/// An open store, and the path in its messages with the path that replaces it.
pub(crate) struct OpenedStore {
    pub(crate) store: Box<dyn Store>,
    display_path: (String, String),
    #[expect(dead_code, reason = "the copy is removed when it is dropped")]
    copy: Option<StoreCopy>,
}

impl OpenedStore {
    /// Opens a store to be read: of a file, a copy.
    ///
    /// # Errors
    ///
    /// Text for the operator, where the store is not there, in use by a service that has it for itself, damaged,
    /// or of a kind that this build lacks.
    pub(crate) fn of_copy(store: &config::StoreConfig) -> Result<Self, String> {
        match store.kind {
            #[cfg(feature = "file-store")]
            StoreKind::File => {
                let path = store.path.clone().unwrap_or_default();
                let copy = StoreCopy::from_file(&path)?;
                let file = copy.file();
                let opened = crate::store::FileStore::open(file.clone());
                let display_path = (file.display().to_string(), path.display().to_string());
                let opened = opened
                    .map_err(|error| error.to_string().replace(&display_path.0, &display_path.1))?;
                Ok(Self {
                    store: Box::new(opened),
                    display_path,
                    copy: Some(copy),
                })
            }
            #[cfg(feature = "postgres")]
            StoreKind::Postgres => {
                let url = store.url.as_ref().ok_or("the store has no URL")?;
                let address = crate::store::postgres_client::PostgresAddress::parse(
                    url,
                    &config::TlsConfig::default(),
                );
                let address = address.map_err(|error| error.to_string())?;
                Ok(Self {
                    store: Box::new(crate::store::PostgresStore::new(
                        address,
                        ACCESS_TIMEOUT / 2,
                        1,
                    )),
                    display_path: <(String, String)>::default(),
                    copy: None,
                })
            }
            StoreKind::Memory => Err(
                "a store of the kind memory ends with its process: ask the service with --url"
                    .into(),
            ),
            #[cfg(not(all(feature = "file-store", feature = "postgres")))]
            kind => Err(format!(
                "this build has no store of the kind {kind}: it lacks the feature"
            )),
        }
    }

    /// Fails where the store was damaged when it was opened.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self.store.notice() {
            Some(notice) => Err(notice.replace(&self.display_path.0, &self.display_path.1)),
            None => Ok(()),
        }
    }
}

/// Commits operations in the store itself. A file must have been read before: what is missing is created.
///
/// # Errors
///
/// As [`OpenedStore::of_copy`].
pub(crate) fn commit(store: &config::StoreConfig, ops: &[StoreOp]) -> Result<(), String> {
    match store.kind {
        #[cfg(feature = "file-store")]
        StoreKind::File => {
            let path = store.path.clone().unwrap_or_default();
            let file = crate::store::FileStore::open(path).map_err(|error| error.to_string())?;
            block_on_store(file.commit(ops))
        }
        _ => block_on_store(OpenedStore::of_copy(store)?.store.commit(ops)),
    }
}

/// Waits for a call of a store. Must not be called in a runtime.
pub(crate) fn block_on_store<T>(
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let reply = runtime.block_on(async { tokio::time::timeout(ACCESS_TIMEOUT, call).await });
    let describe = |error: StoreError| format!("the store fails: {}", error.with_causes());
    reply
        .map_err(|_| "the store doesn't answer".to_owned())?
        .map_err(describe)
}

/// A folder with a copy of a store's file, which is deleted when it is dropped.
struct StoreCopy(PathBuf);

#[cfg(feature = "file-store")]
impl StoreCopy {
    fn from_file(path: &std::path::Path) -> Result<Self, String> {
        let display_path = path.display();
        let unreadable = |error: std::io::Error| format!("{display_path} can't be read: {error}");
        let file = std::fs::File::open(path).map_err(unreadable)?;
        if !is_free(&file) {
            return Err(format!(
                "{display_path} is open in the service that it belongs to: ask that with --url"
            ));
        }
        let now = jiff::Timestamp::now().as_nanosecond();
        let name = format!("vantage-obs-{}-{now}", std::process::id());
        let copy = Self(std::env::temp_dir().join(name));
        let mut folder = std::fs::DirBuilder::new();
        // What is private in the store is private here.
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        let failed = |error| format!("no copy of {display_path} can be made: {error}");
        folder.create(&copy.0).map_err(failed)?;
        std::fs::copy(path, copy.file()).map_err(failed)?;
        Ok(copy)
    }

    fn file(&self) -> PathBuf {
        self.0.join("copy.redb")
    }
}

impl Drop for StoreCopy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Returns whether no process has locked the file; where that can't be seen, a copy of a file that is
/// being written is reported as damaged.
#[cfg(all(feature = "file-store", target_os = "linux"))]
fn is_free(file: &std::fs::File) -> bool {
    use rustix::fs::{FlockOperation, flock};
    flock(file, FlockOperation::NonBlockingLockShared).is_ok()
}

#[cfg(all(feature = "file-store", not(target_os = "linux")))]
fn is_free(_: &std::fs::File) -> bool {
    true
}
