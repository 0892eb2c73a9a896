//! How long the oldest waiting job has waited, from readings of the numbers: no job carries a time for it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// With more readings each second one is forgotten: the ages of jobs that wait for long become coarser.
const MOST: usize = 1024;

/// How many jobs had been enqueued at which time; only readings that jobs may still refer to.
#[derive(Default)]
pub(crate) struct Ages(Mutex<VecDeque<(Instant, u64)>>);

impl Ages {
    /// Takes a reading: so many jobs have ever been enqueued, and so many of them wait. Returns how long the oldest
    /// of these has waited at least: since the first reading that had counted it.
    pub(crate) fn read(&self, now: Instant, enqueued: u64, waiting: u64) -> Duration {
        // Jobs begin in the order in which they were put.
        let begun = enqueued.saturating_sub(waiting);
        let mut readings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while readings.front().is_some_and(|(_, enqueued)| *enqueued <= begun) {
            readings.pop_front();
        }
        if waiting == 0 {
            return Duration::ZERO;
        }
        if readings.back().is_none_or(|(_, before)| *before < enqueued) {
            readings.push_back((now, enqueued));
        }
        if readings.len() > MOST {
            let mut keeps = false;
            readings.retain(|_| {
                keeps = !keeps;
                keeps
            });
        }
        readings.front().map_or(Duration::ZERO, |(at, _)| now.saturating_duration_since(*at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_age_is_that_of_the_oldest_waiting_job_within_the_time_between_two_readings() {
        let (ages, begin) = (Ages::default(), Instant::now());
        let read =
            |second: u32, enqueued, waiting| ages.read(begin + second * SECOND, enqueued, waiting) / 1_000_000_000;
        let second = Duration::from_nanos(1);
        assert_eq!(read(0, 0, 0), Duration::ZERO);
        // Job 1 is there.
        assert_eq!(read(1, 1, 1), Duration::ZERO);
        assert_eq!(read(5, 1, 1), 4 * second);
        // Job 2 comes, and job 1 begins later.
        assert_eq!(read(6, 2, 2), 5 * second);
        assert_eq!(read(8, 2, 1), 2 * second);
        // All begin; a new one waits from now on.
        assert_eq!(read(9, 2, 0), Duration::ZERO);
        assert_eq!(read(10, 3, 1), Duration::ZERO);
        assert_eq!(read(11, 3, 1), second);
    }

    #[test]
    fn a_job_that_waits_again_has_waited_since_it_does() {
        let (ages, begin) = (Ages::default(), Instant::now());
        assert_eq!(ages.read(begin, 1, 1), Duration::ZERO);
        assert_eq!(ages.read(begin + SECOND, 1, 0), Duration::ZERO);
        // Its delay is over.
        assert_eq!(ages.read(begin + 60 * SECOND, 1, 1), Duration::ZERO);
        assert_eq!(ages.read(begin + 62 * SECOND, 1, 1), 2 * SECOND);
    }

    #[test]
    fn readings_of_a_long_time_take_little_memory() {
        let (ages, begin) = (Ages::default(), Instant::now());
        let mut oldest = Duration::ZERO;
        for second in 0..100_000 {
            oldest = ages.read(begin + second * SECOND, u64::from(second) + 1, u64::from(second) + 1);
        }
        assert!(ages.0.lock().unwrap().len() <= MOST);
        assert_eq!(oldest, 99_999 * SECOND);
    }
}
