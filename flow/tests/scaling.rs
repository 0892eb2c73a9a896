//! How the number of workers follows the work, on threads and by the real clock: the long form of the test in
//! src/workers/scaling_tests.rs.

use joinq_flow::{Job, Stage, Workers};
use std::thread;
use std::time::{Duration, Instant};

const LEAST: usize = 1;
const MOST: usize = 10;

/// The numbers of workers during a phase, without repetitions. The feed is 200 jobs a second, or nothing.
fn phase(stage: &Stage<u32>, workers: &Workers, duration: Duration, fed: bool) -> Vec<usize> {
    let (begin, mut put, mut counts) = (Instant::now(), 0, Vec::new());
    while begin.elapsed() < duration {
        while fed && f64::from(put) < begin.elapsed().as_secs_f64() * 200.0 {
            stage.try_put(put).unwrap();
            put += 1;
        }
        let count = workers.count();
        assert!((LEAST..=MOST).contains(&count), "{count} workers are outside of {LEAST}..={MOST}");
        if counts.last() != Some(&count) {
            counts.push(count);
        }
        thread::sleep(Duration::from_millis(2));
    }
    println!("{counts:?}");
    let rises: Vec<_> = counts.windows(2).map(|pair| pair[1] > pair[0]).collect();
    let turns = rises.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(turns <= 1, "the number of workers turns {turns} times: {counts:?}");
    counts
}

#[test]
#[ignore = "six minutes, and it wants an idle machine"]
fn workers_follow_a_feed_a_backlog_and_silence() {
    let stage: Stage<u32> = Stage::builder("sleep").capacity(10_000).build();
    let workers = Workers::threads(&stage, LEAST..=MOST, |_: &Job<u32>| {
        thread::sleep(Duration::from_millis(20));
        Ok(())
    });
    phase(&stage, &workers, Duration::from_secs(2), true);
    let steady = phase(&stage, &workers, Duration::from_secs(40), true);
    assert!(steady.iter().all(|count| (4..=6).contains(count)), "{steady:?}");
    (0..1000).for_each(|item| drop(stage.try_put(item).unwrap()));
    let backlog = phase(&stage, &workers, Duration::from_secs(10), true);
    assert_eq!(backlog.iter().max(), Some(&MOST), "{backlog:?}");
    assert!(stage.stats().unfinished < 100, "{:?}", stage.stats());
    let silence = phase(&stage, &workers, Duration::from_secs(32 * MOST as u64), false);
    assert_eq!(silence.last(), Some(&LEAST));
    let stats = stage.stats();
    assert_eq!((stats.done, stats.failed, stats.unfinished), (stats.put, 0, 0));
}
