//! The figures of a database server; those that it does not report to us are `None` or absent.

/// The figures of one database at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct DatabaseFigures {
    pub(crate) activity: DatabaseActivity,
    /// On disk, all relations together.
    pub(crate) size_bytes: Option<u64>,
    /// Of the whole server and not of this database: the limit is the server's.
    pub(crate) connections: Option<ServerConnections>,
    pub(crate) relations: Option<RelationFigures>,
}

/// The activity of a database since its statistics began.
///
/// Counters of the server, which may be reset there; this process adds them up so that they never
/// fall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DatabaseActivity {
    pub(crate) committed: u64,
    pub(crate) rolled_back: u64,
    pub(crate) deadlocks: u64,
    pub(crate) blocks_from_cache: u64,
    /// Read from the operating system, which may have had them in its own cache.
    pub(crate) blocks_from_disk: u64,
}

/// The connections of the whole server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerConnections {
    /// Connections that ordinary users may open.
    pub(crate) max: u64,
    /// By the state's name in the catalog. States without a connection are there too, as 0, so that
    /// their series don't come and go.
    pub(crate) by_state: Vec<(&'static str, u64)>,
}

/// The largest tables and indexes, each followed by the sum of the others.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RelationFigures {
    pub(crate) tables: Vec<TableFigures>,
    pub(crate) indexes: Vec<IndexFigures>,
    /// The share of scans of tables that went by an index, of those since the sample before.
    /// `None` where nothing was scanned since then: a quiet database says nothing about its
    /// indexes.
    pub(crate) index_usage: Option<f64>,
}

/// The figures of a table without its indexes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TableFigures {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    /// Scans of the whole table: on a large table usually a missing index.
    pub(crate) sequential_scans: u64,
    pub(crate) index_scans: u64,
}

/// The figures of an index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct IndexFigures {
    pub(crate) table: String,
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) scans: u64,
}
