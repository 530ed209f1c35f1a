//! The registry's counters since the start, for its metrics.

/// The classification of a beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BeatOutcome {
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

/// The reason for which a beat was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BeatRejection {
    /// The registry holds as many as it may.
    Full,
    /// More beats of one worker in a second than anybody needs.
    TooFast,
}

/// The registry's counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RegistryCounters {
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

impl BeatOutcome {
    /// Returns the name in JSON.
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

impl RegistryCounters {
    pub(super) fn record(&mut self, result: Result<BeatOutcome, BeatRejection>) {
        *match result {
            Ok(BeatOutcome::Accepted) => &mut self.accepted,
            Ok(BeatOutcome::Restarted) => &mut self.restarted,
            Ok(BeatOutcome::Duplicate) => &mut self.duplicate,
            Ok(BeatOutcome::OutOfOrder) => &mut self.out_of_order,
            Ok(BeatOutcome::Superseded) => &mut self.superseded,
            Err(BeatRejection::Full) => &mut self.full,
            Err(BeatRejection::TooFast) => &mut self.too_fast,
        } += 1;
    }

    /// Returns the number of beats by result, in the words of the catalog.
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
