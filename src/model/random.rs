//! Random numbers for ids and jitter.
//!
//! From the keys of the standard library's hash maps, which are seeded by the system: ids of different
//! processes and hosts must differ, and a small generator like fastrand's seeds itself from the time since
//! boot and the number of the thread, in which replicas that start together may agree.

use std::hash::{BuildHasher as _, RandomState};

/// Returns a random number, another one at each call.
///
/// Not for secrets: SipHash of nothing with random keys is unpredictable enough for ids and jitter,
/// and nothing here protects anything.
pub(crate) fn random_u64() -> u64 {
    RandomState::new().hash_one(())
}

/// Returns a random number from 0 to 1, without 1.
pub(crate) fn random_fraction() -> f64 {
    // As many bits as a float holds.
    // 53 bits: every quotient is exact, and 1 can't come out of rounding.
    (random_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_differ_and_use_all_bits() {
        let numbers: std::collections::HashSet<_> = (0..1_000).map(|_| random_u64()).collect();
        assert_eq!(numbers.len(), 1_000);
        for bit in 0..64 {
            let set = numbers.iter().filter(|number| **number >> bit & 1 == 1);
            assert!((300..700).contains(&set.count()), "bit {bit}");
        }
    }
}
