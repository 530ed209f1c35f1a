//! Units, durations and exact decimals: a number never travels without its unit.
