#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vantage_obs::fuzzing::run("store_file", data));
