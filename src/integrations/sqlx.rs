//! Pools of sqlx.
