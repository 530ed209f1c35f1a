#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vantage_obs::fuzzing::run("slo_report", data));
