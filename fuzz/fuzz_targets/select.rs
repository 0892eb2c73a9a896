//! The body is `select.rs` in the folder above.
#![no_main]

// Each target uses a part of it.
#[allow(dead_code)]
#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::select::run(bytes));
