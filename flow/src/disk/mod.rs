//! The jobs of a stage that are in its store.
//!
//! One thread, the *writer*, owns the store. Puts, workers and settled jobs send it requests; it takes all
//! that are there and makes one transaction of them, so that puts that wait at the same time share one
//! commit. While jobs are only on disk, it waits for the next permit of the stage as well, and loads them
//! into the queue in the order of their ids.

mod absent;
mod loader;
mod quota;
mod request;
mod writer;

use crate::job::core::{Core, JobPermits, OnSettled, Open};
use crate::job::state::Stored;
use crate::job::Job;
use crate::listen::Listen;
use crate::oneshot::{self, Answer};
use crate::operation::{waits, Operation};
use crate::stage::{End, Inner};
use crate::store::{Codec, Recovered, Store};
use crate::trace::events;
use crate::{BoxError, Refused, TimedOut, TraceContext};
use absent::{Absent, Held};
use event_listener::Event;
use joinq::Queue;
use quota::Quota;
use request::Request;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::thread::{self, ThreadId};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Which jobs are in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// All of them: `durable`.
    All,
    /// Those for which there was no free capacity in memory: `spill`.
    Excess,
}

/// The store of a stage, as its handles, jobs and workers see it.
pub(crate) struct Disk<T, R> {
    keeps: Keeps,
    codec: Box<dyn Codec<T>>,
    requests: Queue<Request<T, R>>,
    /// The last id. A request for a new job is sent under this lock, so that requests have the order of their
    /// ids.
    last_id: Mutex<u64>,
    absent: Absent<T, R>,
    quota: Quota,
    /// Notified when fewer jobs are on disk, when the stage is closed, and at the end.
    changed: Event,
    /// Notified when the stage is closed.
    closed: Event,
    error: Mutex<Option<String>>,
    has_ended: AtomicBool,
    thread: OnceLock<ThreadId>,
    acknowledges: AtomicBool,
}

/// Where a new job of a stage with a store goes beside the store.
pub(crate) enum Place {
    /// Into memory, with these permits.
    Memory(JobPermits),
    /// It is only on disk until there is free capacity.
    Disk,
}

/// The result of a put: the job, or the item with the error.
type PutResult<T, R> = Result<Job<T, R>, Refused<T>>;

impl<T: Send + Sync + 'static, R: Send + 'static> Disk<T, R> {
    /// Reads what an earlier process has left, and returns the store for [`start`](Disk::start).
    pub(crate) fn new(
        mut store: Box<dyn Store>,
        codec: Box<dyn Codec<T>>,
        keeps: Keeps,
        quota: u64,
    ) -> Result<(Self, Box<dyn Store>, Recovered), BoxError> {
        let recovered = store.recover()?;
        let disk = Disk {
            keeps,
            codec,
            requests: Queue::unbounded(),
            last_id: Mutex::new(recovered.last_id),
            absent: Absent::new(recovered.jobs as usize),
            quota: Quota::new(quota, store.bytes()),
            changed: Event::new(),
            closed: Event::new(),
            error: Mutex::new(None),
            has_ended: AtomicBool::new(false),
            thread: OnceLock::new(),
            acknowledges: AtomicBool::new(false),
        };
        Ok((disk, store, recovered))
    }

    /// Starts the thread of the store.
    pub(crate) fn start(stage: Arc<Inner<T, R>>, store: Box<dyn Store>) -> std::io::Result<()> {
        std::thread::Builder::new().name("joinq-flow store".into()).spawn(move || writer::run(stage, store)).map(drop)
    }

    /// Sends a request for a new job, with its id.
    fn send_new(&self, request: impl FnOnce(u64) -> Request<T, R>) {
        let mut last_id = self.last_id.lock().unwrap_or_else(PoisonError::into_inner);
        *last_id += 1;
        // The only waker that this calls is the writer's.
        self.send(request(*last_id));
    }

    /// Commits a new item, which was counted as unfinished. If that fails, the count goes down again.
    pub(crate) fn put(
        &self,
        item: T,
        body: Vec<u8>,
        trace: Option<TraceContext>,
        place: Place,
        on_settled: Option<OnSettled<T, R>>,
    ) -> Committing<T, R> {
        let (reply, answer) = oneshot::channel();
        self.send_new(|id| Request::Put { id, item, body, trace, place, on_settled, reply });
        Committing(answer)
    }

    /// As `put`, for a job that comes of another one, which must not be settled before. Does not wait, and
    /// needs neither permits nor quota; a commit that fails is tried again.
    pub(crate) fn spawn(
        &self,
        stage: &Arc<Inner<T, R>>,
        item: T,
        trace: Option<TraceContext>,
        weight: usize,
        body: Vec<u8>,
    ) -> Job<T, R> {
        let mut job = None;
        stage.counters.put.add(1);
        self.send_new(|id| {
            let core = Arc::new(Core::new(stage.clone(), id, item, trace, Stored::Yes, Open::default()));
            job = Some(Job(core.clone()));
            Request::Spawn { core, body, weight }
        });
        job.expect("the request was made")
    }

    /// Makes dead letters of the store jobs again.
    pub(crate) fn redrive(&self, limit: usize) -> Redrive {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Redrive { limit, reply });
        Redrive(Some(answer))
    }

    pub(crate) fn encode(&self, item: &T) -> Result<Vec<u8>, BoxError> {
        let mut body = Vec::new();
        self.codec.encode(item, &mut body)?;
        Ok(body)
    }
}

impl<T, R> Disk<T, R> {
    /// An id for a job that has no request: of a dead letter, or only in memory.
    pub(crate) fn next_id(&self) -> u64 {
        let mut last_id = self.last_id.lock().unwrap_or_else(PoisonError::into_inner);
        *last_id += 1;
        *last_id
    }

    /// Whether all jobs are in the store, not only those for which there was no free capacity.
    pub(crate) fn keeps_all(&self) -> bool {
        self.keeps == Keeps::All
    }

    /// The number of jobs that are on disk and not in memory.
    pub(crate) fn on_disk(&self) -> usize {
        self.absent.count()
    }

    /// The error of the last commit, if it failed.
    pub(crate) fn error(&self) -> Option<String> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps the error of the store, or that there is none, and tells of a change.
    fn set_error(&self, stage: &str, error: Option<String>) {
        let failure = error.clone();
        let before = std::mem::replace(&mut *self.error.lock().unwrap_or_else(PoisonError::into_inner), error);
        match (before, failure) {
            (None, Some(error)) => events::store_failed(stage, &error),
            (Some(_), None) => events::store_works_again(stage),
            _ => {}
        }
    }

    fn send(&self, request: Request<T, R>) {
        // After the end there is nothing to write: the request is dropped.
        drop(self.requests.put(request).wait());
    }

    /// Waits until the stage is closed.
    pub(crate) fn poll_closed(
        &self,
        listen: &mut Listen,
        closed: impl Fn() -> bool,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        listen.poll(&self.closed, context, || closed().then_some(()))
    }

    /// The stage is closed.
    pub(crate) fn notify_closed(&self) {
        self.closed.notify(usize::MAX);
        self.notify();
    }

    /// Waits until no job is only on disk, or the stage is closed.
    pub(crate) fn poll_memory(
        &self,
        listen: &mut Listen,
        closed: impl Fn() -> bool,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        listen.poll(&self.changed, context, || (self.on_disk() == 0 || closed()).then_some(()))
    }

    /// Waits until a body of this length fits into the quota, and takes its bytes, or until the stage is
    /// closed.
    pub(crate) fn poll_quota(
        &self,
        listen: &mut Listen,
        len: usize,
        closed: impl Fn() -> bool,
        knows_disk_as_empty: bool,
        context: &mut Context<'_>,
    ) -> Poll<QuotaTaken> {
        listen.poll(&self.changed, context, || match self.try_take_quota(len) {
            true => Some(QuotaTaken::Yes),
            false if closed() => Some(QuotaTaken::Closed),
            false => ((self.on_disk() == 0) != knows_disk_as_empty).then_some(QuotaTaken::NotYet),
        })
    }

    /// Takes a share of the quota for a body of this length.
    pub(crate) fn try_take_quota(&self, len: usize) -> bool {
        self.quota.try_take(len)
    }

    /// Whether a body of this length could ever be within the quota.
    pub(crate) fn fits_quota(&self, len: usize) -> bool {
        self.quota.fits(len)
    }

    /// Returns the share of a body that is not put.
    pub(crate) fn return_quota(&self, len: usize) {
        self.quota.end_put(len);
        self.notify();
    }

    /// Has puts that wait for free bytes on disk check again.
    pub(crate) fn notify(&self) {
        self.changed.notify(usize::MAX);
    }

    /// Marks the start of an attempt, which must not run before this is committed.
    pub(crate) fn mark_start(&self, core: &Arc<Core<T, R>>) -> Written {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Start { id: core.id, reply });
        Written(answer)
    }

    /// The attempt that was to begin does not run.
    pub(crate) fn clear_mark(&self, id: u64) {
        self.send(Request::ClearMark { id });
    }

    /// An attempt failed, and the next one is due after `delay`.
    pub(crate) fn failed(&self, core: &Arc<Core<T, R>>, failures: u32, delay: Duration) {
        let due = milliseconds_since_epoch().saturating_add(delay.as_millis().try_into().unwrap_or(u64::MAX));
        self.send(Request::Failed { id: core.id, failures, due });
    }

    /// The job ends: after the commit the writer calls `Inner::finish`.
    pub(crate) fn end_job(&self, core: &Arc<Core<T, R>>, end: End<R>) {
        self.send(Request::End { core: core.clone(), end });
    }

    /// The job was cancelled before it ran. Its row is removed now, and if it is only on disk, it ends now.
    pub(crate) fn cancelled(&self, core: &Arc<Core<T, R>>) {
        self.send(Request::Cancelled { core: core.clone() });
    }

    /// No handle of the job is left.
    pub(crate) fn forget_handle(&self, id: u64) {
        self.absent.forget_handle(id);
    }

    /// The deadline of a shutdown is over: jobs that are only on disk stay in the store and are no longer
    /// unfinished. Returns how many.
    pub(crate) fn halt(&self, stage: &Inner<T, R>) -> usize {
        let (count, handles) = self.absent.halt();
        self.settle_left(stage, count, handles);
        count
    }

    /// So many jobs that were only on disk are no longer unfinished; these handles of them are held.
    fn settle_left(&self, stage: &Inner<T, R>, count: usize, handles: Vec<Held<T, R>>) {
        let left = count - handles.len();
        for (core, on_settled) in handles {
            core.give(None, on_settled);
            stage.guarded(|| stage.settle_left(&core));
            stage.guarded(|| drop(core));
        }
        stage.counters.left.add(left as u64);
        stage.follow(stage.unfinished.remove(left));
        stage.guarded(|| self.notify());
    }

    /// Has the writer clear the marks of the jobs that run, since they do not end by a crash, and waits for
    /// that; but not for ever, as a store may hang.
    pub(crate) fn clear_marks(&self) {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Halt { reply });
        Written(answer).wait_timeout(Duration::from_secs(1));
    }

    /// Nothing is unfinished, and the stage is closed: the writer ends.
    pub(crate) fn end(&self) {
        self.requests.close();
    }

    /// The capacity has changed.
    pub(crate) fn resized(&self) {
        self.send(Request::Resized);
    }

    /// Whether an acknowledgement runs on this thread, which is that of the store.
    pub(crate) fn acknowledges_here(&self) -> bool {
        // Ordering: Relaxed. Only the thread of the store writes it, and only for that thread the result is true.
        self.acknowledges.load(Ordering::Relaxed) && self.thread.get() == Some(&thread::current().id())
    }

    /// Whether the store is closed.
    pub(crate) fn has_ended(&self) -> bool {
        // Ordering: SeqCst. A join that reads false after its listener was created has missed no notification.
        self.has_ended.load(Ordering::SeqCst)
    }
}

/// Whether a put has its share of the quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QuotaTaken {
    Yes,
    Closed,
    /// Whether jobs are only on disk has changed.
    NotYet,
}

/// The time of the calendar, which processes share.
fn milliseconds_since_epoch() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
}

/// A wait for the commit of a put.
pub(crate) struct Committing<T, R>(Answer<PutResult<T, R>>);

impl<T, R> Future for Committing<T, R> {
    type Output = PutResult<T, R>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|result| result.expect("the writer answers each put"))
    }
}

/// A wait until the writer has done what it was asked for, or does it no more.
pub(crate) struct Written(Answer<()>);

impl Future for Written {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(context).map(drop)
    }
}

impl Operation for Written {
    type Timed = ();

    fn in_time((): ()) {}

    fn on_timeout(&mut self) -> Option<()> {
        Some(())
    }
}

impl Written {
    fn wait_timeout(self, timeout: Duration) {
        crate::operation::block(self, std::time::Instant::now().checked_add(timeout));
    }
}

/// Future returned by [`Stage::redrive`](crate::Stage::redrive).
///
/// # Cancel safety
/// It can be dropped at any time: the dead letters become jobs all the same.
#[must_use = "an operation does nothing unless you `.await` it or call `.wait()`"]
pub struct Redrive(Option<Answer<Result<usize, BoxError>>>);

impl Redrive {
    /// For a stage without a store.
    pub(crate) fn none() -> Self {
        Redrive(None)
    }
}

impl Future for Redrive {
    type Output = Result<usize, BoxError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            None => Poll::Ready(Ok(0)),
            // Without an answer the stage has ended.
            Some(answer) => Pin::new(answer).poll(context).map(|answer| answer.unwrap_or(Ok(0))),
        }
    }
}

impl Operation for Redrive {
    type Timed = Result<Result<usize, BoxError>, TimedOut>;

    fn in_time(output: Self::Output) -> Self::Timed {
        Ok(output)
    }

    fn on_timeout(&mut self) -> Option<Self::Timed> {
        Some(Err(TimedOut(())))
    }
}

waits!(Redrive);
