//! The integrations, against the libraries that they are for.
