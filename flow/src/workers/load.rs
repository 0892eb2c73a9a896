//! How much work a stage has: how many workers it needs.

use super::crew::Need;
use crate::stage::{Counter, Inner};
use crate::time::Time;
use crate::Stage;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// In which time [`Workers`](super::Workers) are to work off what is unfinished.
const DRAIN_WITHIN: Duration = Duration::from_secs(60);

/// Samples are at least so far apart.
const APART: Duration = Duration::from_millis(500);
/// Over this time the rate of puts is measured: a burst has to show at once.
const RATE_OVER: Duration = Duration::from_secs(1);
/// Over this time the run time of attempts is measured.
const RUN_TIME_OVER: Duration = Duration::from_secs(10);

/// The share of its time that a worker should be busy: more, and jobs wait in a line that grows without bound
/// as the share comes near 1.
const BUSY: f64 = 0.8;

/// Measures the run time of attempts, as soon as a number is asked for.
#[derive(Default)]
pub(crate) struct Load {
    is_measured: AtomicBool,
    begun: Counter,
    /// Nanoseconds of attempts that have ended.
    busy: Counter,
    ended: Counter,
    samples: Mutex<Samples>,
    /// The number of workers that were last desired for [`DRAIN_WITHIN`].
    desired: AtomicUsize,
}

/// When an attempt began, if that is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run(Option<Instant>);

#[cfg(feature = "metrics")]
impl Run {
    pub(crate) fn begin(self) -> Option<Instant> {
        self.0
    }
}

/// The numbers of a stage at one time.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    put: u64,
    busy: u64,
    ended: u64,
}

#[derive(Default)]
struct Samples {
    /// The oldest first.
    all: VecDeque<Sample>,
    /// The mean run time in seconds, when it was last known.
    run_time: f64,
    /// Since when attempts run without one that ends.
    running_since: Option<Instant>,
}

/// What a stage does now.
struct Now {
    sample: Sample,
    unfinished: usize,
    /// Attempts that run. Jobs that wait until the stage is ready, for its limit or for a commit say nothing about the
    /// run time.
    running: u64,
}

impl Load {
    /// Begins to measure.
    fn measure(&self, time: &Time) {
        // Ordering: Relaxed. A setting; an attempt that does not see it yet is not measured.
        if !self.is_measured.swap(true, Ordering::Relaxed) {
            self.samples().running_since = Some(time.now());
        }
    }

    /// An attempt begins.
    pub(crate) fn begin(&self, time: &Time) -> Run {
        // Ordering: Relaxed, as in `measure`.
        Run(self.is_measured.load(Ordering::Relaxed).then(|| {
            self.begun.add(1);
            time.now()
        }))
    }

    /// An attempt has ended; returns how long it ran, if that is measured.
    pub(crate) fn end(&self, run: Run, time: &Time) -> Option<Duration> {
        let begin = run.0?;
        let busy = time.now().saturating_duration_since(begin);
        self.busy.add(u64::try_from(busy.as_nanos()).unwrap_or(u64::MAX));
        self.ended.add(1);
        Some(busy)
    }

    /// The number of workers that were last desired for [`DRAIN_WITHIN`].
    pub(crate) fn desired(&self) -> usize {
        // Ordering: Relaxed. A number to show.
        self.desired.load(Ordering::Relaxed)
    }

    fn samples(&self) -> MutexGuard<'_, Samples> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Samples {
    /// The newest sample that is at least this old, or else the oldest one.
    fn before(&self, now: Instant, age: Duration) -> Option<&Sample> {
        let old = |sample: &&Sample| now.saturating_duration_since(sample.at) >= age;
        self.all.iter().rev().find(old).or(self.all.front())
    }

    /// How many workers there should be, so that they keep up with the puts and work off the rest in time.
    fn need(&mut self, now: &Now, drain_within: Duration) -> usize {
        let at = now.sample.at;
        self.learn_run_time(now);
        let put_rate = match self.before(at, RATE_OVER) {
            Some(before) => per_second(now.sample.put.saturating_sub(before.put), at - before.at),
            None => 0.0,
        };
        self.keep(now.sample);
        let lag = now.unfinished as f64;
        let drain_rate = lag / drain_within.as_secs_f64().max(1e-3);
        let need = (put_rate + drain_rate) * self.run_time / BUSY;
        // A run time of zero, or one that is not known yet, needs a worker all the same.
        (need.ceil() as usize).max(usize::from(now.unfinished > 0))
    }

    fn learn_run_time(&mut self, now: &Now) {
        let at = now.sample.at;
        if self.all.back().is_some_and(|last| last.ended != now.sample.ended) || now.running == 0 {
            self.running_since = Some(at);
        }
        let Some(before) = self.before(at, RUN_TIME_OVER) else { return };
        let ended = now.sample.ended.saturating_sub(before.ended);
        if ended > 0 {
            self.run_time = now.sample.busy.saturating_sub(before.busy) as f64 / 1e9 / ended as f64;
        } else if let Some(since) = self.running_since {
            // Attempts that run so long without one that ends take at least this time.
            self.run_time = self.run_time.max(at.saturating_duration_since(since).as_secs_f64());
        }
    }

    fn keep(&mut self, sample: Sample) {
        if self.all.back().is_some_and(|last| sample.at.saturating_duration_since(last.at) < APART) {
            return;
        }
        while self.all.get(1).is_some_and(|second| sample.at.saturating_duration_since(second.at) >= RUN_TIME_OVER) {
            self.all.pop_front();
        }
        self.all.push_back(sample);
    }
}

fn per_second(count: u64, time: Duration) -> f64 {
    match time.is_zero() {
        true => 0.0,
        false => count as f64 / time.as_secs_f64(),
    }
}

impl<T: Send + Sync + 'static, R: Send + 'static> Inner<T, R> {
    fn desired_workers(&self, drain_within: Duration) -> usize {
        self.load.measure(&self.time);
        let stats = self.stats();
        // In this order, so that an attempt which ends meanwhile does not seem to run.
        let begun = self.load.begun.get();
        let sample =
            Sample { at: self.time.now(), put: stats.put, busy: self.load.busy.get(), ended: self.load.ended.get() };
        let now = Now { sample, unfinished: stats.unfinished, running: begun.saturating_sub(sample.ended) };
        self.load.samples().need(&now, drain_within)
    }

    /// How many workers the stage needs for [`DRAIN_WITHIN`]; the numbers show it until the next call.
    pub(crate) fn update_desired_workers(&self) -> usize {
        let desired = self.desired_workers(DRAIN_WITHIN);
        // Ordering: Relaxed. A number to show.
        self.load.desired.store(desired, Ordering::Relaxed);
        desired
    }
}

/// The need of one stage.
pub(super) struct StageNeed<T, R>(Arc<Inner<T, R>>);

impl<T, R> StageNeed<T, R> {
    pub(super) fn new(stage: Arc<Inner<T, R>>) -> Self {
        StageNeed(stage)
    }
}

impl<T: Send + Sync + 'static, R: Send + 'static> Need for StageNeed<T, R> {
    fn workers(&self) -> usize {
        self.0.update_desired_workers()
    }

    fn is_over(&self) -> bool {
        self.0.unfinished.is_closed() && self.0.unfinished.count() == 0
    }
}

impl<T: Send + Sync + 'static, R: Send + 'static> Stage<T, R> {
    /// How many workers the stage needs: to keep up with its puts, and to work off within `drain_within` what
    /// is unfinished now.
    ///
    /// It is `(put rate + unfinished / drain_within) * mean run time / 0.8`, rounded up. (The workers are to
    /// be busy for 80 % of their time.) The rate is that of the last second or so, and the run time that of
    /// the attempts of the last 10 seconds. The first call begins the measurement, so call it now and then,
    /// for example once a second; [`Workers`](crate::Workers) between two bounds do.
    ///
    /// The number is for an autoscaler as well, whose replicas have one worker each. Unlike the length of the
    /// queue it takes the run time into account.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let stage: joinq_flow::Stage<u8> = joinq_flow::Stage::builder("idle").build();
    /// assert_eq!(stage.desired_workers(Duration::from_secs(60)), 0);
    /// stage.put(1).wait().unwrap();
    /// assert_eq!(stage.desired_workers(Duration::from_secs(60)), 1);
    /// ```
    pub fn desired_workers(&self, drain_within: Duration) -> usize {
        self.inner().desired_workers(drain_within)
    }
}
