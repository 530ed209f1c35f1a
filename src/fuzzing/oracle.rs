//! Independent readers of what the crate writes: small, strict, and unlike the code that they judge.

pub(super) mod exposition;
pub(super) mod markup;
