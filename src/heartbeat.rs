//! Workers that can be trusted: who is alive, by the clock of whoever receives the beats.

mod life;
mod roster;

pub(crate) use life::{Limits, State};
pub(crate) use roster::{Changes, Page, Query, Receipt, Roster, SliceCount, Transition, View};
