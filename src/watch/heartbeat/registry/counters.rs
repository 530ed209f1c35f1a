//! What the roster has counted since the start, for its metrics.

/// How a beat was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reception {
    Accepted,
    /// The first beat of a new boot of a worker that was known.
    Restarted,
    /// The same beat once more.
    Duplicate,
    /// Older than the latest.
    OutOfOrder,
    /// Of a boot that another one has followed.
    Superseded,
}

/// Why a beat was not received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The roster holds as many as it may.
    Full,
    /// More beats of one worker in a second than anybody needs.
    TooFast,
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) accepted: u64,
    pub(crate) restarted: u64,
    pub(crate) duplicate: u64,
    pub(crate) out_of_order: u64,
    pub(crate) superseded: u64,
    pub(crate) full: u64,
    pub(crate) too_fast: u64,
    /// Could not be read, or came from somebody who may not beat.
    pub(crate) refused: u64,
    pub(crate) unknown_fields: u64,
}

impl Reception {
    /// The word for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Restarted => "restarted",
            Self::Duplicate => "duplicate",
            Self::OutOfOrder => "out_of_order",
            Self::Superseded => "superseded",
        }
    }
}

impl Tally {
    pub(super) fn count(&mut self, result: Result<Reception, Refusal>) {
        *match result {
            Ok(Reception::Accepted) => &mut self.accepted,
            Ok(Reception::Restarted) => &mut self.restarted,
            Ok(Reception::Duplicate) => &mut self.duplicate,
            Ok(Reception::OutOfOrder) => &mut self.out_of_order,
            Ok(Reception::Superseded) => &mut self.superseded,
            Err(Refusal::Full) => &mut self.full,
            Err(Refusal::TooFast) => &mut self.too_fast,
        } += 1;
    }

    /// Beats by what became of them, in the words of the catalog.
    pub(crate) const fn results(&self) -> [(&'static str, u64); 8] {
        [
            ("accepted", self.accepted),
            ("restarted", self.restarted),
            ("duplicate", self.duplicate),
            ("out_of_order", self.out_of_order),
            ("superseded", self.superseded),
            ("full", self.full),
            ("too_fast", self.too_fast),
            ("refused", self.refused),
        ]
    }
}
