//! Runs the body of the fuzz target on seeded programs and on the committed corpus: fuzzing without a fuzzer.
//!
//! `JOINQ_SEEDS=100000 cargo test --test differential` runs more of them.

#[path = "../fuzz/ops.rs"]
mod ops;

use std::panic::{catch_unwind, resume_unwind};

/// Runs one program, and names it on failure.
fn run(what: &str, bytes: &[u8]) {
    if let Err(panic) = catch_unwind(|| ops::run(bytes)) {
        eprintln!("{what} failed: {bytes:?}");
        resume_unwind(panic);
    }
}

#[test]
fn seeded_programs_agree_with_the_model() {
    let seeds = std::env::var("JOINQ_SEEDS").map_or(3_000, |seeds| seeds.parse().expect("a number of seeds"));
    for seed in 0..seeds {
        let mut random = fastrand::Rng::with_seed(seed);
        let longest = 1 << random.u32(4..10);
        let length = random.usize(1..longest);
        let bytes: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
        run(&format!("seed {seed}"), &bytes);
    }
}

#[test]
fn the_corpus_agrees_with_the_model() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/ops");
    let Ok(files) = std::fs::read_dir(folder) else { return };
    for file in files {
        let path = file.unwrap().path();
        run(&path.display().to_string(), &std::fs::read(&path).unwrap());
    }
}
