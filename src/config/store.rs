//! Configuration of the store.

use std::path::PathBuf;
use std::time::Duration;

use super::checks::range;
use super::field_value::config_enum;
use super::postgres_url::PostgresUrl;
use super::secret::Secret;
use super::service::ServiceConfig;
use super::setting::section;
use super::validator::ConfigValidator;
use crate::model::input_file::read_input_bytes;

/// Slices belong to an instance, which is the service's name where it has no name of its own.
const MISSING_INSTANCE_ID: &str = "store.kind is postgres and service.instance_id is not set: two replicas of \
                       this service would overwrite each other's history of objectives";

const MIN_RETENTION: Duration = Duration::from_secs(3_600);
/// Ten years.
const MAX_RETENTION: Duration = Duration::from_secs(3_650 * 86_400);

section! {
    /// The store of data that must outlive the process: workers' heartbeats, incidents, and the history of objectives.
    ///
    /// Why one store for all of it? Because what it takes is the same for all: to survive a kill, never to be on the path
    /// of a request, and to say how old its newest row is. `memory` loses it with the process, `file` belongs to one
    /// process, `postgres` is shared by a fleet.
    ///
    /// ```
    /// use vantage_obs::config::{Environment, StoreKind};
    /// use vantage_obs::{Config, Role};
    ///
    /// let mut config = Config::new("vantage-api", Role::Api);
    /// assert_eq!(config.store.kind, StoreKind::Memory);
    /// config.store.kind = StoreKind::File;
    /// let error = config.resolve(&Environment::empty()).unwrap_err();
    /// assert!(error.to_string().contains("store.path"), "{error}");
    /// ```
    pub struct StoreConfig, rules: check_kind {
        /// The kind of store. Default: `memory`, which ends with the process.
        pub kind: StoreKind = StoreKind::Memory;
        /// The file of kind `file`, in a folder that exists, relative to the working directory. It
        /// belongs to one process. Default: none.
        pub path: Option<PathBuf>;
        /// The database of kind `postgres`, such as `postgres://user:password@host/name`. Default: none.
        pub url: Option<Secret>;
        /// The maximum number of connections to that database, 1 to 100. Default: 4.
        pub pool_size: usize = 4, range(1..=100);
        /// The time that rows are kept after their end: 1 hour to 3650 days. Default: 62 days, because windows of
        /// 30 days are compared with those before.
        pub retention: Duration = Duration::from_secs(62 * 86_400), range(MIN_RETENTION..=MAX_RETENTION);
    }
}

/// A kind of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreKind {
    /// Nothing outlives the process.
    Memory,
    /// A file of the process's own; needs the crate's feature `file-store`.
    File,
    /// A PostgreSQL that processes share; needs the crate's feature `postgres`.
    Postgres,
}

config_enum!(StoreKind {
    Memory: "memory",
    File: "file",
    Postgres: "postgres",
});

impl StoreKind {
    /// Returns whether this build supports the kind.
    // A feature that is missing is told at the start, with its name, instead of falling back to
    // memory: data that is silently not kept is found out too late.
    const fn is_built(self) -> bool {
        match self {
            Self::Memory => true,
            Self::File => cfg!(feature = "file-store"),
            Self::Postgres => cfg!(feature = "postgres"),
        }
    }

    /// Returns the accepted kinds of this build, for messages.
    const fn requirement(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::File => "memory, or file in a build with the crate's `file-store` feature",
            Self::Postgres => "memory, or postgres in a build with the crate's `postgres` feature",
        }
    }
}

impl StoreConfig {
    /// Requires what each kind needs.
    fn check_kind(&self, _: &str, validator: &mut ConfigValidator<'_>) {
        let kind = self.kind;
        validator.require(kind.is_built(), "store.kind", kind, kind.requirement());
        let fine = kind != StoreKind::File || self.path.is_some();
        validator.require(fine, "store.path", "null", "a path, for the kind file");
        let fine = kind != StoreKind::Postgres || self.url.is_some();
        let allowed = "a URL such as postgres://user@host/name, for the kind postgres";
        validator.require(fine, "store.url", "null", allowed);
        if let Some(url) = &self.url
            && kind == StoreKind::Postgres
            && kind.is_built()
        {
            check_url(url, validator);
        }
    }

    /// Returns a warning for each unused setting: a slip that would keep nothing.
    pub(super) fn warnings(&self, service: &ServiceConfig) -> Vec<String> {
        let path = self.path.is_some() && self.kind != StoreKind::File;
        let url = self.url.is_some() && self.kind != StoreKind::Postgres;
        let unused = [(path, "path"), (url, "url")];
        let kind = self.kind;
        let warning =
            move |name| format!("store.{name} has no effect, because store.kind is {kind}");
        let unused = unused.into_iter().filter(|(unused, _)| *unused);
        let mut warnings: Vec<_> = unused.map(|(_, name)| warning(name)).collect();
        // A warning and no fault: a service with one replica is right without one.
        if self.kind == StoreKind::Postgres && service.instance_id.is_none() {
            warnings.push(MISSING_INSTANCE_ID.to_owned());
        }
        warnings
    }
}

/// Requires a URL that the store can connect with, as far as that shows without the server.
fn check_url(url: &Secret, validator: &mut ConfigValidator<'_>) {
    const PATH: &str = "store.url";
    // A reference that was not followed has a fault of its own.
    if url.expose().is_none() {
        return;
    }
    let url = match PostgresUrl::parse(url) {
        Ok(url) => url,
        Err(error) => {
            let value = format!("a URL that {}", error.problem);
            validator.require(false, PATH, value, error.allowed.as_ref());
            return;
        }
    };
    for file in url.files() {
        let value = format!("a URL that names {file:?}");
        let allowed = "existing files that can be read, of at most 4 MiB";
        validator.require(read_input_bytes(file).is_ok(), PATH, value, allowed);
    }
}
