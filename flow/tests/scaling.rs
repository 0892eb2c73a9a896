//! How the number of workers follows the work, on threads and by the real clock: the long form of the test in
//! src/workers/scaling_tests.rs.

use joinq_flow::{Job, Stage, Workers};
use std::sync::{Arc, Mutex};
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

/// When each attempt ended, and how long it ran.
type Runs = Arc<Mutex<Vec<(Instant, Duration)>>>;

/// The most workers that a feed of 200 jobs a second needs: 6, unless a busy machine has made the jobs longer for a
/// second.
fn needed(runs: &Runs) -> usize {
    let runs = runs.lock().unwrap();
    let Some((begin, _)) = runs.first() else { return 6 };
    let mut seconds = vec![(Duration::ZERO, 0); 600];
    for (end, run) in runs.iter() {
        let (sum, count) = &mut seconds[(*end - *begin).as_secs() as usize];
        *sum += *run;
        *count += 1;
    }
    let means =
        seconds.iter().filter(|(_, count)| *count > 0).map(|(sum, count)| sum.as_secs_f64() / f64::from(*count));
    let worst = means.fold(0.0, f64::max);
    println!("a job takes up to {:.1} ms in the mean of a second", worst * 1000.0);
    if worst < 0.021 {
        return 6;
    }
    println!("the machine is busy");
    (200.0 * worst / 0.8).ceil() as usize + 1
}

#[test]
#[ignore = "six minutes, and it wants an idle machine"]
fn workers_follow_a_feed_a_backlog_and_silence() {
    let stage: Stage<u32> = Stage::builder("sleep").capacity(10_000).build();
    let runs = Runs::default();
    let log = runs.clone();
    let workers = Workers::threads(&stage, LEAST..=MOST, move |_: &Job<u32>| {
        let begin = Instant::now();
        thread::sleep(Duration::from_millis(20));
        log.lock().unwrap().push((Instant::now(), begin.elapsed()));
        Ok(())
    });
    phase(&stage, &workers, Duration::from_secs(2), true);
    let steady = phase(&stage, &workers, Duration::from_secs(40), true);
    assert!(steady.iter().all(|count| (4..=needed(&runs)).contains(count)), "{steady:?}");
    (0..1000).for_each(|item| drop(stage.try_put(item).unwrap()));
    let backlog = phase(&stage, &workers, Duration::from_secs(10), true);
    assert_eq!(backlog.iter().max(), Some(&MOST), "{backlog:?}");
    assert!(stage.stats().unfinished < 100, "{:?}", stage.stats());
    let silence = phase(&stage, &workers, Duration::from_secs(32 * MOST as u64), false);
    assert_eq!(silence.last(), Some(&LEAST));
    let stats = stage.stats();
    assert_eq!((stats.done, stats.failed, stats.unfinished), (stats.put, 0, 0));
}
