//! Access to the stores of services, without the service.
//!
//! A file belongs to the process that has it open, so that what is read is a copy of it, made while nobody else
//! writes; it is never repaired, set aside or begun here. In a PostgreSQL no schema is created.

use std::future::Future;
use std::time::Duration;

use crate::config::{self, StoreKind};
#[cfg(feature = "file-store")]
use crate::model::causes::with_causes;
use crate::store::{Store, StoreError, StoreOp};

/// The longest time that reading or changing the store may take.
const ACCESS_TIMEOUT: Duration = Duration::from_secs(30);

/// An open store, and the copy of its file, which is removed when it is dropped.
pub(crate) struct OpenedStore {
    pub(crate) store: Box<dyn Store>,
    #[cfg(feature = "file-store")]
    _copy: Option<crate::store::StoreCopy>,
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
                let describe =
                    |error: crate::store::CopyError| with_causes(&error).replace('\n', ", ");
                let copy = crate::store::StoreCopy::new(&path).map_err(describe)?;
                Ok(Self {
                    store: Box::new(copy.open().map_err(describe)?),
                    _copy: Some(copy),
                })
            }
            #[cfg(feature = "postgres")]
            StoreKind::Postgres => {
                let url = store.url.as_ref().ok_or("the store has no URL")?;
                let address = crate::store::postgres_client::PostgresAddress::parse(url);
                let address = address.map_err(|error| error.with_causes())?;
                Ok(Self {
                    store: Box::new(crate::store::PostgresStore::for_reader(
                        address,
                        ACCESS_TIMEOUT / 2,
                    )),
                    #[cfg(feature = "file-store")]
                    _copy: None,
                })
            }
            StoreKind::Memory => Err(
                "a store of the kind memory ends with its process: query the service with --url"
                    .into(),
            ),
            #[cfg(not(all(feature = "file-store", feature = "postgres")))]
            kind => Err(format!(
                "this build has no store of the kind {kind}: it lacks the feature"
            )),
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
            let file = crate::store::open_undamaged(path).map_err(|error| with_causes(&error))?;
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
    let describe = |error: StoreError| {
        format!(
            "the store can't be read or changed: {}",
            error.with_causes()
        )
    };
    reply
        .map_err(|_| "the store does not respond".to_owned())?
        .map_err(describe)
}
