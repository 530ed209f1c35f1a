//! The `vantage-obs` command.
fn main() {}
