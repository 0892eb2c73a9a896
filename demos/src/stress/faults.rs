//! Jobs that are cancelled, fail, panic, lose their worker or their handle, in stages that end in four ways.
//!
//! A round has a stage of its own. Its workers are threads, tasks of which some are aborted, `Workers` that
//! grow and shrink, and a stream whose attempts are dropped at times. In the middle of the round the stage
//! becomes empty: then all its capacity must be free, and as many jobs as there are workers must run at the
//! same time. After that the round goes on, and ends by a join, a shutdown whose deadline is over, the drop
//! of all handles, or the drop of all handles and workers.

mod judge;
mod round;

pub use judge::run;
pub(super) use round::child;

use fastrand::Rng;
use serde::{Deserialize, Serialize};

/// How many jobs there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jobs {
    /// Rounds, after as many for warming up as there are kinds.
    pub rounds: u64,
    /// Puts in a round.
    pub puts: u64,
    /// Of the random choices.
    pub seed: u64,
}

impl Jobs {
    /// More than a million jobs.
    pub fn long(seed: u64) -> Jobs {
        Jobs { rounds: 72, puts: 25_000, seed }
    }

    /// A few seconds.
    pub fn short(seed: u64) -> Jobs {
        Jobs { rounds: 8, puts: 1000, seed }
    }
}

/// At most so many attempts.
const ATTEMPTS: u64 = 3;
/// The workers of a round: threads, threads of `Workers`, tasks of `Workers`, the stream.
const WORKERS: [usize; 4] = [2, 2, 4, 1];

/// How a round ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Join,
    Deadline,
    HandlesDropped,
    AllDropped,
}

impl Ending {
    const ALL: [Ending; 4] = [Ending::Join, Ending::Deadline, Ending::HandlesDropped, Ending::AllDropped];
}

/// What an attempt does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Succeeds,
    /// After some time.
    SucceedsLate,
    Fails,
    FailsForGood,
    FailsForNow,
    Panics,
    PanicsLate,
    /// A value of the handler panics when it is dropped.
    PanicsInDrop,
    /// Runs until it is cancelled.
    WaitsForCancel,
    /// Puts another job.
    Spawns,
}

impl Fate {
    fn of(key: u64, attempt: u32, seed: u64) -> Fate {
        let mut rng = Rng::with_seed(seed ^ (key << 8) ^ u64::from(attempt));
        match rng.u8(0..100) {
            0..=39 => Fate::Succeeds,
            40..=54 => Fate::SucceedsLate,
            55..=64 => Fate::Fails,
            65..=69 => Fate::FailsForGood,
            70..=74 => Fate::FailsForNow,
            75..=82 => Fate::Panics,
            83..=87 => Fate::PanicsLate,
            88..=91 => Fate::PanicsInDrop,
            92..=93 => Fate::WaitsForCancel,
            _ => Fate::Spawns,
        }
    }
}

/// The codes of refusals.
const WITHDRAWN: u64 = 4;
