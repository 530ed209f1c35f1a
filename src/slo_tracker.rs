//! What became of each objective: samples of the ledger, kept as cumulative slices, and what follows
//! from them.
//!
//! Time is an argument everywhere, and everything but the loop is plain arithmetic, so that a month
//! can be played in a test.

mod alert;
mod history;
mod judge;
mod ring;
mod slices;
mod tiers;
