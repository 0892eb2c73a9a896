//! How the number of workers follows the work: jobs of 20 ms, 200 a second in bursts, then a backlog of 1,000, then
//! nothing. The clock is moved by the test.

use super::tests::{Tasks, SECOND, STEP};
use super::Workers;
use crate::time::Time;
use crate::{Job, Stage};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

const LEAST: usize = 1;
const MOST: usize = 12;
const RUN: Duration = Duration::from_millis(20);
const BURST: u32 = 10;
const BURST_EVERY: Duration = Duration::from_millis(50);

/// The numbers of workers in one phase, without repetitions.
#[derive(Default)]
struct Phase(Vec<usize>);

impl Phase {
    fn note(&mut self, count: usize) {
        assert!((LEAST..=MOST).contains(&count), "{count} workers are outside of {LEAST}..={MOST}");
        if self.0.last() != Some(&count) {
            self.0.push(count);
        }
    }

    /// How often the number turns from more to fewer or back.
    fn turns(&self) -> usize {
        let rises: Vec<_> = self.0.windows(2).map(|pair| pair[1] > pair[0]).collect();
        rises.windows(2).filter(|pair| pair[0] != pair[1]).count()
    }
}

/// Counts a handler that was dropped before its end.
struct CutShort(Arc<AtomicU64>);

impl Drop for CutShort {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

struct Run {
    time: Time,
    tasks: Tasks,
    stage: Stage<u32>,
    workers: Workers,
    step: u128,
}

impl Run {
    fn phase(&mut self, duration: Duration, fed: bool) -> Phase {
        let mut phase = Phase::default();
        let Run { time, tasks, stage, workers, step } = self;
        tasks.run_for(time, duration, || {
            phase.note(workers.count());
            if fed && *step % (BURST_EVERY.as_nanos() / STEP.as_nanos()) == 0 {
                (0..BURST).for_each(|item| drop(stage.try_put(item).unwrap()));
            }
            *step += 1;
        });
        phase.note(workers.count());
        assert!(phase.turns() <= 1, "the number of workers turns more than once: {:?}", phase.0);
        phase
    }
}

#[test]
fn workers_follow_a_feed_a_backlog_and_silence() {
    let (time, tasks) = (Time::fake(), Tasks::default());
    let stage: Stage<u32> = Stage::builder("sleep").capacity(10_000).time(time.clone()).build();
    let (clock, cut_short) = (time.clone(), Arc::new(AtomicU64::new(0)));
    let count = cut_short.clone();
    let workers = Workers::spawned(&stage, LEAST..=MOST, tasks.spawn(), move |_: Job<u32>| {
        let (sleep, guard) = (clock.sleep(RUN), CutShort(count.clone()));
        async move {
            sleep.await;
            std::mem::forget(guard);
            Ok(())
        }
    });
    let mut run = Run { time, tasks, stage: stage.clone(), workers, step: 0 };

    // 4 workers would be at work all the time, so 5 at 80 %.
    run.phase(2 * SECOND, true);
    let steady = run.phase(120 * SECOND, true);
    assert!(steady.0.iter().all(|count| (4..=6).contains(count)), "{:?}", steady.0);

    (0..1000).for_each(|item| drop(stage.try_put(item).unwrap()));
    let backlog = run.phase(5 * SECOND, true);
    assert_eq!(backlog.0.iter().max(), Some(&MOST), "{:?}", backlog.0);
    assert!(stage.stats().unfinished < 100, "{:?}", stage.stats());

    let silence = run.phase(400 * SECOND, false);
    assert_eq!(silence.0, (LEAST..=MOST).rev().collect::<Vec<_>>());
    let stats = stage.stats();
    assert_eq!((stats.put, stats.done, stats.failed), (stats.done, 25_400 + 1000, 0));
    assert_eq!(cut_short.load(Ordering::Relaxed), 0);
}
