//! Systems on which it is not asked.

/// Returns true: a line is worth more than the risk of a full pipe.
pub(super) const fn is_ready() -> bool {
    true
}
