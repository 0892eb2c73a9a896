//! The numbers of each stage for the recorder of the crate `metrics`.
//!
//! Counters and gauges are set from the numbers that the stage has anyway, so that a job does not pay for them; only
//! the histograms are recorded job by job. The recorder is code of the user: no lock is held while it runs.

mod describe;
#[cfg(test)]
mod tests;

use crate::stage::Inner;
use metrics::{counter, gauge, Key, Label, Level, Metadata, SharedString};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

const WAIT: &str = "joinq_wait_seconds";
const RUN: &str = "joinq_run_seconds";
const COMMIT: &str = "joinq_commit_seconds";

/// How often the numbers are set.
const EVERY: Duration = Duration::from_secs(1);
/// A stage that becomes empty again and again sets them at most this often.
const APART: Duration = Duration::from_millis(10);

/// What a stage needs to set its metrics.
pub(crate) struct Metrics {
    stage: SharedString,
    wait: Key,
    run: Key,
    commit: Key,
    begin: Instant,
    /// When the numbers were last set, in nanoseconds since `begin`.
    last: AtomicU64,
    /// How many calls of `publish` have not been followed by a reading of the numbers. One thread at a time sets
    /// them, so that an old reading of a gauge does not replace a newer one.
    requests: AtomicUsize,
}

impl Metrics {
    pub(crate) fn new(stage: &str, begin: Instant) -> Self {
        let stage = SharedString::from_shared(Arc::from(stage));
        let key = |name: &'static str| Key::from_parts(name, vec![Label::new("stage", stage.clone())]);
        Metrics {
            wait: key(WAIT),
            run: key(RUN),
            commit: key(COMMIT),
            stage,
            begin,
            last: AtomicU64::new(0),
            requests: AtomicUsize::new(0),
        }
    }

    /// A time as a number.
    fn number(&self, time: Instant) -> u64 {
        u64::try_from(time.saturating_duration_since(self.begin).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The recorder is asked each time, so that it may be installed later than the stage is built.
fn record(key: &Key, duration: Duration) {
    static METADATA: Metadata<'_> = Metadata::new("joinq_flow", Level::INFO, Some("joinq_flow"));
    metrics::with_recorder(|recorder| recorder.register_histogram(key, &METADATA).record(duration));
}

impl<T, R> Inner<T, R> {
    /// The time as a job carries it from when it is enqueued.
    pub(crate) fn enqueued_at(&self) -> u64 {
        self.metrics.number(self.time.now())
    }

    /// An attempt begins at `now`, whose job was enqueued then.
    pub(crate) fn record_wait(&self, enqueued_at: u64, now: Instant) {
        let wait = self.metrics.number(now).saturating_sub(enqueued_at);
        self.guarded(|| record(&self.metrics.wait, Duration::from_nanos(wait)));
    }

    /// An attempt has ended.
    pub(crate) fn record_run(&self, run: Duration) {
        self.guarded(|| record(&self.metrics.run, run));
    }

    /// A transaction of the store has ended, which began then.
    pub(crate) fn record_commit(&self, begin: Instant) {
        let commit = self.time.now().saturating_duration_since(begin);
        self.guarded(|| record(&self.metrics.commit, commit));
    }

    /// Nothing is unfinished: sets the numbers, unless that was a moment ago.
    pub(crate) fn publish_empty(&self) {
        // Ordering: Relaxed. If two threads read the same, both set the numbers.
        let last = self.metrics.last.load(Ordering::Relaxed);
        if self.enqueued_at().saturating_sub(last) >= APART.as_nanos() as u64 {
            self.publish();
        }
    }

    /// Sets the numbers. If another thread is about it, that thread does so once more.
    pub(crate) fn publish(&self) {
        let requests = &self.metrics.requests;
        // Ordering: AcqRel. What this thread knows comes before the reading that another thread takes for it.
        if requests.fetch_add(1, Ordering::AcqRel) > 0 {
            return;
        }
        let mut seen = 1;
        loop {
            self.guarded(|| self.set());
            // Ordering: AcqRel, as before.
            match requests.compare_exchange(seen, 0, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return,
                Err(more) => seen = more,
            }
        }
    }

    fn set(&self) {
        // Ordering: Relaxed, as in `publish_empty`.
        self.metrics.last.store(self.enqueued_at(), Ordering::Relaxed);
        let stats = self.stats();
        let stage = || self.metrics.stage.clone();
        let settled = stats.done + stats.dead + stats.cancelled + stats.left;
        // The puts come first: a scrape in between must not see more settled jobs than there are.
        for (name, count) in [
            ("joinq_put_total", stats.put),
            ("joinq_settled_total", settled),
            ("joinq_failed_total", stats.failed),
            ("joinq_retried_total", stats.retried),
            ("joinq_spilled_total", stats.spilled),
            ("joinq_panics_total", stats.panicked),
        ] {
            counter!(name, "stage" => stage()).absolute(count);
        }
        for (cause, count) in [
            ("failed", stats.dead_by.failed),
            ("panicked", stats.dead_by.panicked),
            ("dropped", stats.dead_by.dropped),
            ("crashed", stats.dead_by.crashed),
            ("evicted", stats.dead_by.evicted),
            ("undecodable", stats.dead_by.undecodable),
        ] {
            counter!("joinq_dead_total", "stage" => stage(), "cause" => cause).absolute(count);
        }
        for (reason, count) in [
            ("full", stats.refused_by.full),
            ("closed", stats.refused_by.closed),
            ("denied", stats.refused_by.denied),
            ("store", stats.refused_by.store),
            ("timeout", stats.refused_by.timeout),
        ] {
            counter!("joinq_refused_total", "stage" => stage(), "reason" => reason).absolute(count);
        }
        for (name, count) in [
            ("joinq_lag", stats.unfinished),
            ("joinq_queued", stats.queued),
            ("joinq_running", stats.running),
            ("joinq_retrying", stats.retrying),
            ("joinq_on_disk", stats.on_disk),
            ("joinq_capacity", stats.capacity),
            ("joinq_high_water", stats.high_water),
            ("joinq_workers", stats.workers),
            ("joinq_desired_workers", stats.desired_workers),
        ] {
            gauge!(name, "stage" => stage()).set(count as f64);
        }
        gauge!("joinq_oldest_seconds", "stage" => stage()).set(stats.oldest.as_secs_f64());
    }
}

impl<T: Send + Sync + 'static, R: Send + 'static> Inner<T, R> {
    /// Sets the numbers now, and once a second until the stage is over.
    pub(crate) fn start_metrics(self: &Arc<Self>) {
        // The last job may be settled and the last worker gone after this.
        let is_over = self.is_over();
        self.update_desired_workers();
        self.guarded(describe::describe);
        self.publish();
        if is_over {
            return;
        }
        let stage = Arc::downgrade(self);
        let next = Box::new(move || {
            if let Some(stage) = stage.upgrade() {
                stage.start_metrics();
            }
        });
        // If the thread for timers cannot be started, the next timer tries again.
        self.guarded(|| self.time.at(self.time.after(EVERY), next));
    }

    fn is_over(&self) -> bool {
        self.unfinished.is_closed() && self.is_joined() && self.users.workers() == 0
    }
}

impl<T, R> Drop for Inner<T, R> {
    /// The last workers may have left since the numbers were set.
    fn drop(&mut self) {
        self.publish();
    }
}
