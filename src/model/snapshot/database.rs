//! What a database server tells of itself; what it does not tell, or not us, is `None` or not there.

/// One database at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Database {
    pub(crate) activity: Activity,
    pub(crate) size_bytes: Option<u64>,
    pub(crate) connections: Option<Connections>,
    pub(crate) relations: Option<Relations>,
}

/// What was done in it since its statistics began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Activity {
    pub(crate) committed: u64,
    pub(crate) rolled_back: u64,
    pub(crate) deadlocks: u64,
    pub(crate) blocks_from_cache: u64,
    pub(crate) blocks_from_disk: u64,
}

/// Clients of the whole server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Connections {
    pub(crate) max: u64,
    pub(crate) by_state: Vec<(&'static str, u64)>,
}

/// The largest tables and indexes, each followed by the sum of the others.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Relations {
    pub(crate) tables: Vec<Table>,
    pub(crate) indexes: Vec<Index>,
    /// The share of scans of tables that went by an index, of those since the sample before.
    pub(crate) index_usage: Option<f64>,
}

/// A table without its indexes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) sequential_scans: u64,
    pub(crate) index_scans: u64,
}

/// An index of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) table: String,
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) scans: u64,
}
