//! Retries on a clock that the test moves: the same run each time.

use crate::tests_common::Probe;
use crate::time::Time;
use crate::{Dead, Failure, Job, Retry, Stage, State};
use joinq::Queue;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const STEP: Duration = Duration::from_millis(500);
const HOUR: Duration = Duration::from_secs(3600);

/// What has happened when a job was tried until it was dead.
struct Run {
    /// Seconds between the attempts.
    delays: Vec<f64>,
    attempts: Vec<u32>,
    letter: String,
}

/// Runs a job that always fails. `meanwhile` is called after each step of the clock.
fn run(retry: Retry, mut meanwhile: impl FnMut(&Stage<&'static str>, &Job<&'static str>)) -> Run {
    let time = Time::fake();
    let dead: Arc<Queue<Dead<&str>>> = Arc::new(Queue::unbounded());
    let stage: Stage<&str> = Stage::builder("mail").time(time.clone()).retry(retry).dead_letters(dead.clone()).build();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (clock, log) = (time.clone(), seen.clone());
    let mut worker = Probe::new(Box::pin(stage.work_async(move |job: Job<&str>| {
        log.lock().unwrap().push((clock.now(), job.attempt()));
        async { Err::<(), Failure>("connection refused".into()) }
    })));
    stage.put("first, which is done").wait().unwrap().cancel();
    let job = stage.put("hello").wait().unwrap();
    let begin = time.now();
    let (mut join, mut has_ended) = (None, false);
    while !job.state().is_final() && time.now() - begin < HOUR {
        if worker.wants_a_poll() {
            has_ended = worker.poll_again().is_ready();
        }
        let join = join.get_or_insert_with(|| Probe::new(stage.join()));
        assert_eq!(join.poll().is_ready(), job.state().is_final(), "a job that is to be tried again is unfinished");
        meanwhile(&stage, &job);
        time.advance(STEP);
    }
    assert_eq!(job.state(), State::Dead);
    let stats = stage.stats();
    assert_eq!((stats.dead, stats.unfinished, stats.retrying, stats.used), (1, 0, 0, 0));
    stage.close();
    assert!(has_ended || worker.poll().is_ready());
    // Only the timer for metrics may be left.
    assert_eq!(time.timers(), usize::from(cfg!(feature = "metrics")));
    let seen = seen.lock().unwrap();
    Run {
        delays: seen.windows(2).map(|pair| (pair[1].0 - pair[0].0).as_secs_f64()).collect(),
        attempts: seen.iter().map(|(_, attempt)| *attempt).collect(),
        letter: dead.try_get().unwrap().to_string(),
    }
}

#[test]
fn a_job_is_tried_after_2_4_8_and_16_seconds_and_the_fifth_failure_is_final() {
    let run = run(Retry::default(), |_, _| {});
    assert_eq!(run.delays, [2., 4., 8., 16.]);
    assert_eq!(run.attempts, [1, 2, 3, 4, 5]);
    assert_eq!(run.letter, "stage `mail`, job 2: gave up after 5 attempts: connection refused");
}

#[test]
fn with_more_attempts_the_delays_stay_at_32_seconds() {
    let run = run(Retry::default().attempts(8), |_, _| {});
    assert_eq!(run.delays, [2., 4., 8., 16., 32., 32., 32.]);
    assert_eq!(run.letter, "stage `mail`, job 2: gave up after 8 attempts: connection refused");
}

#[test]
fn a_close_between_two_attempts_takes_no_attempt_away() {
    let run = run(Retry::default(), |stage, job| {
        if job.state() == State::Retrying {
            stage.close();
        }
    });
    assert_eq!(run.delays, [2., 4., 8., 16.]);
    assert_eq!(run.attempts, [1, 2, 3, 4, 5]);
}

#[test]
fn a_failure_that_names_its_delay_is_tried_again_after_that() {
    let time = Time::fake();
    let stage: Stage<u32> = Stage::builder("busy").time(time.clone()).retry(Retry::default()).build();
    let mut worker = Probe::new(Box::pin(stage.work_async(|job: Job<u32>| async move {
        match job.attempt() {
            1 => Err(Failure::retry_after("busy", 7 * Duration::from_secs(1))),
            _ => Ok(()),
        }
    })));
    let job = stage.put(1).wait().unwrap();
    assert!(worker.poll().is_pending());
    time.advance(Duration::from_millis(6999));
    assert!(worker.poll().is_pending());
    assert_eq!(job.state(), State::Retrying);
    time.advance(Duration::from_millis(1));
    assert!(worker.poll().is_pending());
    assert_eq!((job.state(), job.attempt()), (State::Done, 2));
}

#[test]
fn a_job_that_is_cancelled_between_two_attempts_is_not_tried_again() {
    let time = Time::fake();
    let stage: Stage<u32> = Stage::builder("cancel").time(time.clone()).retry(Retry::default()).build();
    let mut worker = Probe::new(Box::pin(stage.work_async(|_: Job<u32>| async { Err::<(), Failure>("no".into()) })));
    let job = stage.put(1).wait().unwrap();
    assert!(worker.poll().is_pending());
    assert!(job.cancel());
    time.advance(HOUR);
    assert!(worker.poll().is_pending());
    let stats = stage.stats();
    assert_eq!((job.state(), stats.failed, stats.cancelled, stats.unfinished), (State::Cancelled, 1, 1, 0));
}

#[test]
fn a_delay_without_end_keeps_the_job_until_it_is_cancelled() {
    let time = Time::fake();
    let stage: Stage<u32> = Stage::builder("never").time(time.clone()).retry(Retry::default()).build();
    let never = |_: Job<u32>| async { Err::<(), Failure>(Failure::retry_after("never", Duration::MAX)) };
    let mut worker = Probe::new(Box::pin(stage.work_async(never)));
    let job = stage.put(1).wait().unwrap();
    assert!(worker.poll().is_pending());
    time.advance(HOUR);
    assert_eq!(job.state(), State::Retrying);
    assert!(job.cancel());
}
