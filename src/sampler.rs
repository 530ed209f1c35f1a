//! Background samples of what the service doesn't report by itself.

#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the sampling loop is to read it")
)]
pub(crate) mod process;
