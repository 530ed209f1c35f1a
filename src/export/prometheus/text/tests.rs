//! The claims of the exposition, tested on what the real SDK and registry collect.

mod fixture;
mod formats;
mod parity;
mod precedence;
mod traps;
