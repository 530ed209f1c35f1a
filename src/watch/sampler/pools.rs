use std::sync::Arc;

use crate::model::snapshot::PoolState;

/// The pools of one sample. Those of one name are one in the figures that are recorded where they happen, such as
/// waits and time-outs, and so they are here: the states of different pools are added up.
#[derive(Debug, Default)]
pub(super) struct SampledPools(Vec<SampledPool>);

#[derive(Debug)]
struct SampledPool {
    name: Arc<str>,
    /// `None` where nothing tells it from others.
    address: Option<usize>,
    state: PoolState,
}

impl SampledPools {
    pub(super) fn add(&mut self, name: Arc<str>, address: Option<usize>, state: PoolState) {
        let mut known = self.0.iter_mut();
        let same = known.find(|known| known.name == name && known.address == address);
        match same {
            Some(same) => {
                // Callers may wait at either handle of a pool that is watched twice.
                let pending = same.state.pending.max(state.pending);
                same.state = match address {
                    Some(_) => PoolState { pending, ..state },
                    None => state,
                };
            }
            None => self.0.push(SampledPool {
                name,
                address,
                state,
            }),
        }
    }

    /// Returns each name with its figures.
    pub(super) fn into_named(self) -> Vec<(Arc<str>, PoolState)> {
        let mut named: Vec<SampledPool> = Vec::new();
        for pool in self.0 {
            match named.iter_mut().find(|known| known.name == pool.name) {
                Some(sum) => sum.join(&pool),
                None => named.push(pool),
            }
        }
        let named = named.into_iter();
        named.map(|pool| (pool.name, pool.state)).collect()
    }
}

impl SampledPool {
    /// Adds another pool to this one. One that nothing tells from others may be each of them: it counts alone.
    fn join(&mut self, other: &Self) {
        let (sum, added) = (self.state, other.state);
        match (self.address, other.address) {
            (Some(_), None) => {}
            (None, _) => (self.address, self.state) = (other.address, added),
            (Some(_), Some(_)) => {
                self.state = PoolState {
                    used: sum.used + added.used,
                    idle: sum.idle + added.idle,
                    max: sum.max + added.max,
                    pending: sum.pending + added.pending,
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(used: u64, pending: u64) -> PoolState {
        PoolState {
            used,
            idle: 1,
            max: 10,
            pending,
        }
    }

    #[test]
    fn pools_of_one_name_are_added_and_one_that_is_watched_twice_is_not() {
        let mut pools = SampledPools::default();
        let [shop, other] = ["shop", "other"].map(Arc::<str>::from);
        pools.add(Arc::clone(&shop), Some(1), state(2, 4));
        pools.add(Arc::clone(&shop), Some(2), state(3, 0));
        pools.add(Arc::clone(&shop), Some(1), state(2, 1));
        pools.add(Arc::clone(&other), Some(1), state(7, 0));
        let sum = PoolState {
            used: 5,
            idle: 2,
            max: 20,
            pending: 4,
        };
        assert_eq!(pools.into_named(), [(shop, sum), (other, state(7, 0))]);
    }

    #[test]
    fn of_those_that_nothing_tells_apart_the_last_counts() {
        let mut pools = SampledPools::default();
        let shop = Arc::<str>::from("shop");
        pools.add(Arc::clone(&shop), None, state(2, 4));
        pools.add(Arc::clone(&shop), None, state(3, 1));
        assert_eq!(pools.into_named(), [(shop, state(3, 1))]);
    }

    #[test]
    fn one_that_integrations_watch_too_changes_no_sum_whatever_their_order() {
        let shop = Arc::<str>::from("shop");
        let sum = PoolState {
            used: 7,
            idle: 2,
            max: 20,
            pending: 0,
        };
        for by_hand in 0..3 {
            let mut watched = vec![(Some(1), state(3, 0)), (Some(2), state(4, 0))];
            watched.insert(by_hand, (None, state(9, 2)));
            let mut pools = SampledPools::default();
            for (address, state) in watched {
                pools.add(Arc::clone(&shop), address, state);
            }
            assert_eq!(pools.into_named(), [(Arc::clone(&shop), sum)], "{by_hand}");
        }
    }
}
