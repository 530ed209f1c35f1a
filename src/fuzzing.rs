//! Fuzz targets: for each kind of input from outside of the process a property that holds for any bytes.
//!
//! A target reads an input in the way of the code that meets it first, and asserts: what was parsed is
//! formatted and parsed to the same; what is written is accepted by an independent parser; a line is one line;
//! an error holds no secret; whatever comes out is bounded by what came in. It answers with a number that
//! says which way the code took, for a harness without coverage.
//!
//! The targets are part of the crate, because parsers are private and stay so. They are compiled for its
//! tests, where `runner` is the harness, and with `--cfg fuzzing`, which `cargo fuzz` sets. `fuzz/README.md`
//! says how to run them.

mod input;
mod oracle;

mod answers;
mod documents;
mod exposition;
mod headers;
mod log_lines;
mod numbers;
mod pages;
mod promql;
mod requests;
mod settings;
mod store_file;

#[cfg(test)]
mod mutate;
#[cfg(test)]
mod rng;
#[cfg(test)]
mod runner;

use std::hash::{DefaultHasher, Hash, Hasher as _};

/// A property of the code that reads one kind of input.
#[derive(Clone, Copy, Debug)]
pub struct FuzzTarget {
    /// The name, which is also that of its corpus and dictionary.
    pub name: &'static str,
    /// Panics where the property doesn't hold for an input; returns the way that the code took.
    pub run: fn(&[u8]) -> u64,
}

/// Runs a target by its name.
///
/// # Panics
///
/// When the property doesn't hold for the input, or there is no such target.
pub fn run(name: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    let target = target.unwrap_or_else(|| panic!("{name} is no target"));
    (target.run)(input);
}

macro_rules! targets {
    ($($name:ident => $function:path;)*) => {
        /// All targets.
        pub const TARGETS: &[FuzzTarget] = &[
            $(FuzzTarget { name: stringify!($name), run: $function }),*
        ];

        #[cfg(test)]
        mod tests {
            $(
                #[test]
                fn $name() {
                    super::runner::check(stringify!($name));
                }
            )*

            #[test]
            fn every_target_has_a_dictionary_a_program_and_a_fault_to_find() {
                super::runner::assert_complete();
            }
        }
    };
}

targets! {
    config_file => settings::config_file;
    environment => settings::environment;
    log_levels => settings::log_levels;
    postgres_url => settings::postgres_url;
    endpoint => settings::endpoint;
    duration => numbers::duration;
    decimal => numbers::decimal;
    ratio => numbers::ratio;
    cron => numbers::cron;
    slo_file => documents::slo_file;
    slo_report => documents::slo_report;
    heartbeat => documents::heartbeat;
    incident_body => documents::incident_body;
    stored_row => documents::stored_row;
    prometheus_response => documents::prometheus_response;
    trace_context => headers::trace_context;
    accept => headers::accept;
    link_base => headers::link_base;
    worker_query => headers::worker_query;
    otlp_grpc => answers::otlp_grpc;
    otlp_http => answers::otlp_http;
    grpc_web => answers::grpc_web;
    health_answer => answers::health_answer;
    exposition => exposition::registry;
    exposition_otel => exposition::otel;
    log_line => log_lines::log_line;
    promql => promql::literal;
    pages => pages::pages;
    requests => requests::requests;
    store_file => store_file::store_file;
}

/// Returns the way of a run as one number.
fn fingerprint(way: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    way.hash(&mut hasher);
    hasher.finish()
}

/// Returns the size class of a number, so that more of the same is no other way.
fn magnitude(number: usize) -> u32 {
    usize::BITS - number.leading_zeros()
}

/// Asserts that a text for people is one line of bounded length.
#[track_caller]
fn assert_line(text: &str, max_bytes: usize) {
    assert!(!text.contains(char::is_control), "{text:?}");
    assert!(text.len() <= max_bytes, "{} bytes: {text:?}", text.len());
}
