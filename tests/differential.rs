//! Runs the bodies of the fuzz targets on seeded programs and on the committed corpus: fuzzing without a fuzzer.
//!
//! `JOINQ_SEEDS=100000 cargo test --test differential` runs more programs of each target.

// Each target of `fuzz/` uses a part of it.
#[allow(dead_code)]
#[path = "../fuzz/bodies.rs"]
mod bodies;
mod common;

use std::panic::{catch_unwind, resume_unwind};
use std::time::Duration;

/// Runs one program, and names it on failure.
fn run_one(what: &str, bytes: &[u8], run: fn(&[u8])) {
    if let Err(panic) = catch_unwind(|| run(bytes)) {
        eprintln!("{what} failed: {bytes:?}");
        resume_unwind(panic);
    }
}

fn run_seeds(target: &'static str, seeds: u64, run: fn(&[u8])) {
    let seeds = std::env::var("JOINQ_SEEDS").map_or(seeds, |seeds| seeds.parse().expect("a number of seeds"));
    let limit = Duration::from_secs(60 + seeds / 50);
    let _watchdog = common::watchdog_with(limit, move || format!("the programs of `{target}` have not ended"));
    for seed in 0..seeds {
        let mut random = fastrand::Rng::with_seed(seed);
        let longest = 1 << random.u32(4..10);
        let length = random.usize(1..longest);
        let bytes: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
        run_one(&format!("{target}: seed {seed}"), &bytes, run);
    }
}

fn run_corpus(target: &'static str, run: fn(&[u8])) {
    let _watchdog = common::watchdog();
    let folder = format!("{}/fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(folder).expect("each target has a corpus");
    let mut count = 0;
    for file in files {
        let path = file.unwrap().path();
        run_one(&path.display().to_string(), &std::fs::read(&path).unwrap(), run);
        count += 1;
    }
    assert!(count > 0, "`{target}` has a corpus");
}

/// Each target with the number of its programs, which take about a second.
macro_rules! targets {
    ($($target:ident: $seeds:literal,)*) => {$(
        mod $target {
            use super::{bodies::$target::run, run_corpus, run_seeds};

            #[test]
            fn seeded_programs_agree_with_the_model() {
                run_seeds(stringify!($target), $seeds, run);
            }

            #[test]
            fn the_corpus_agrees_with_the_model() {
                run_corpus(stringify!($target), run);
            }
        }
    )*};
}

targets! {
    channel: 3_000,
    multi: 300,
    ops: 3_000,
    panics: 3_000,
    select: 3_000,
    waitlist: 3_000,
    work: 3_000,
}
