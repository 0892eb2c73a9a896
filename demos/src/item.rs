//! The items of the tests: what becomes of a job is known from the key of its item.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a job of the tests is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Item {
    /// Different for each put, of all processes.
    pub key: u64,
    /// Bytes that make some rows larger than a page.
    pub padding: String,
}

/// What the handler does with a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It succeeds.
    Done,
    /// The first attempt fails, the second one succeeds.
    FailsOnce,
    /// The first attempt panics, the second one succeeds.
    PanicsOnce,
    /// Each attempt fails.
    Fails,
    /// The first attempt fails, and no other is allowed.
    Fatal,
    /// It aborts the process.
    Poison,
}

/// The attempts that the stage of the tests allows.
pub const ATTEMPTS: u32 = 3;

/// The key of the nth put of one putter of one process.
pub fn key(process: u32, putter: usize, nth: u32) -> u64 {
    (u64::from(process) << 32) | ((putter as u64) << 24) | u64::from(nth)
}

/// The process of a key.
pub fn process_of(key: u64) -> u32 {
    (key >> 32) as u32
}

/// The trace context that the put of a key has: `traceparent`, and of some `tracestate`.
pub fn trace_of(key: u64) -> (String, Option<String>) {
    let state = key.is_multiple_of(4).then(|| format!("demo={}", "k".repeat(key as usize % 200 + 1)));
    (format!("00-{:032x}-{key:016x}-01", u128::from(key) << 32 | 7), state)
}

impl Item {
    /// The item of this key.
    pub fn new(key: u64) -> Item {
        let padding = match mix(key) >> 32 & 31 {
            0 => "x".repeat(9000),
            1..=3 => "x".repeat(900),
            _ => String::new(),
        };
        Item { key, padding }
    }
}

impl Fate {
    /// Whether the job becomes a dead letter.
    pub fn dies(self) -> bool {
        matches!(self, Fate::Fails | Fate::Fatal | Fate::Poison)
    }
}

/// What becomes of the jobs of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fates {
    /// Some fail, some panic, some die.
    Mixed,
    /// One after another, so that a few jobs have each of them.
    Each,
    /// All are done by their first attempt.
    Done,
    /// All are done by their first attempt, but that with this key aborts the process.
    Poisoned(u64),
}

impl Fates {
    /// What becomes of the job with this key.
    pub fn of(self, key: u64) -> Fate {
        match (self, mix(key) & 63) {
            (Fates::Poisoned(poison), _) if poison == key => Fate::Poison,
            (Fates::Each, _) => match key % 6 {
                0 => Fate::FailsOnce,
                1 => Fate::PanicsOnce,
                2 => Fate::Fails,
                3 => Fate::Fatal,
                _ => Fate::Done,
            },
            (Fates::Mixed, 0..=7) => Fate::FailsOnce,
            (Fates::Mixed, 8..=11) => Fate::PanicsOnce,
            (Fates::Mixed, 12 | 13) => Fate::Fails,
            (Fates::Mixed, 14) => Fate::Fatal,
            _ => Fate::Done,
        }
    }
}

/// How long the handler works on the job with this key, at most `most`.
pub fn duration(key: u64, most: Duration) -> Duration {
    most * (mix(key) >> 40 & 0xfff) as u32 / 0xfff
}

/// A number that looks random, from a key (the finalizer of splitmix64).
fn mix(key: u64) -> u64 {
    let key = (key ^ key >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let key = (key ^ key >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    key ^ key >> 31
}
