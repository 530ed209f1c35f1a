//! The `metrics` facade: metrics of dependencies that count through it.
