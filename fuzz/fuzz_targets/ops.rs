//! The body is shared with `tests/differential.rs`, which runs it without a fuzzer.
#![no_main]

#[path = "../ops.rs"]
mod ops;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ops::run(bytes));
