//! Pools of deadpool.
