//! Putting items into a stage.

use super::Inner;
use crate::disk::{Committing, Place, QuotaTaken};
use crate::job::core::{Acknowledge, JobPermits, OnSettled};
use crate::job::Job;
use crate::listen::Listen;
use crate::operation::{block_on, waits, Operation};
use crate::{Cause, Overflow, Refused, TraceContext};
use joinq::queue::ReserveOwned;
use joinq::TryPutError;
use std::convert::Infallible;
use std::future::{poll_fn, Future};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{ready, Context, Poll};

/// Future returned by [`Stage::put`](crate::Stage::put).
///
/// # Cancel safety
/// It can be dropped at any time, and [`take`](Put::take) gives the item back before. Exception: if the stage
/// has a store and the commit of the item has begun, the item is in the stage all the same, unless the commit
/// fails.
#[must_use = "an operation does nothing unless you `.await` it or call `.wait()`"]
pub struct Put<T, R = ()> {
    stage: Arc<Inner<T, R>>,
    item: Option<T>,
    on_settled: Option<OnSettled<T, R>>,
    trace: Option<TraceContext>,
    progress: Progress<T, R>,
}

/// How far a put is.
enum Progress<T, R> {
    New,
    /// The item is admitted, and waits for permits, or for free bytes on disk.
    Waiting {
        weight: usize,
        wait: Wait,
    },
    /// The store has the item, and commits it.
    Committing(Committing<T, R>),
    Ended,
}

enum Wait {
    /// For permits; or for the close, which a stage with a store does not tell those that wait for permits.
    Permits { reserve: ReserveOwned<Infallible>, closed: Listen, resized: Listen },
    /// Until no job is only on disk.
    Memory(Listen),
    /// For free bytes on disk.
    Quota { body: Vec<u8>, fewer: Listen, reserve: Option<ReserveOwned<Infallible>> },
}

/// What a put has waited for.
enum Waited {
    Permits(JobPermits),
    Closed,
    Memory,
    Quota(Vec<u8>),
    /// The capacity is smaller now than the weight.
    TooHeavy,
}

const ENDED: &str = "this put has ended: it completed, timed out, or its item was taken back; call `put` again";

/// A step of a put that needs no wait.
enum Step<T, R> {
    Ready(Result<Job<T, R>, Refused<T>>),
    Next(Progress<T, R>),
}

impl<T: Send + Sync + 'static, R: Send + 'static> Put<T, R> {
    pub(super) fn new(stage: Arc<Inner<T, R>>, item: T) -> Self {
        let trace = stage.present_context();
        Put { stage, item: Some(item), on_settled: None, trace, progress: Progress::New }
    }

    /// Has `call` run once, when the job is settled, on the thread that settles it: for an acknowledgement to
    /// the source of the item. It should be short: for a job with a row in the store it is the thread of the
    /// store, where a put into the same stage is refused; [`Job::spawn`] is for that. If it panics, the panic
    /// is counted in the stage's [`Stats`](crate::Stats), and nothing else follows from it.
    ///
    /// # Examples
    /// ```
    /// use joinq_flow::{Job, Stage};
    /// use std::sync::mpsc::channel;
    ///
    /// let stage: Stage<&str> = Stage::builder("messages").build();
    /// let (acknowledge, acknowledged) = channel();
    /// stage.put("first").on_settled(move |job| acknowledge.send(job.is_done()).unwrap()).wait()?;
    /// stage.close();
    /// stage.work(|_: &Job<&str>| Ok(())).wait();
    /// assert_eq!(acknowledged.recv(), Ok(true));
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn on_settled(mut self, call: impl FnOnce(&Job<T, R>) + Send + 'static) -> Self {
        self.on_settled = Some(Box::new(Acknowledge(Box::new(call))));
        self
    }

    /// Where the item comes from, as W3C `traceparent` text: for a bridge whose message has one. The job has
    /// this context instead of the one of this thread or task, see
    /// [`StageBuilder::trace`](crate::StageBuilder::trace). A text that is not valid is ignored, as W3C
    /// demands: the job has no context then.
    ///
    /// # Examples
    /// ```
    /// let stage: joinq_flow::Stage<&str> = joinq_flow::Stage::builder("messages").build();
    /// let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    /// let job = stage.put("first").trace_context(text).wait()?;
    /// assert_eq!(job.trace_context(), Some(text));
    /// let job = stage.put("second").trace_context("no context").wait()?;
    /// assert_eq!(job.trace_context(), None);
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn trace_context(mut self, traceparent: &str) -> Self {
        self.trace = TraceContext::new(traceparent);
        self
    }

    /// The W3C `tracestate` that the message has beside its `traceparent`. Call it after
    /// [`trace_context`](Put::trace_context); without a context the text is ignored. See
    /// [`TraceContext::with_state`] for what is kept.
    ///
    /// # Examples
    /// ```
    /// let stage: joinq_flow::Stage<&str> = joinq_flow::Stage::builder("messages").build();
    /// let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    /// let job = stage.put("first").trace_context(text).trace_state("rojo=1").wait()?;
    /// assert_eq!(job.trace_state(), Some("rojo=1"));
    /// # Ok::<(), joinq_flow::BoxError>(())
    /// ```
    pub fn trace_state(mut self, tracestate: &str) -> Self {
        self.trace = self.trace.take().map(|context| context.with_state(tracestate));
        self
    }

    /// Takes the item back; the operation has ended then. `None` if it has ended before, or if the commit of
    /// the item has begun.
    ///
    /// # Examples
    /// ```
    /// let stage: joinq_flow::Stage<String> = joinq_flow::Stage::builder("mails").build();
    /// let mut put = stage.put("first".into());
    /// assert_eq!(put.take().as_deref(), Some("first"));
    /// assert_eq!(stage.stats().put, 0);
    /// ```
    pub fn take(&mut self) -> Option<T> {
        if matches!(self.progress, Progress::Committing(_)) {
            return None;
        }
        self.progress = Progress::Ended;
        self.item.take()
    }

    fn item(&self) -> &T {
        self.item.as_ref().expect("a put that has not ended has its item")
    }

    fn refuse(&mut self, refused: impl FnOnce(T) -> Refused<T>) -> Step<T, R> {
        let item = self.item.take().expect("a put that has not ended has its item");
        Step::Ready(Err(refused(item)))
    }

    /// Admission and weight.
    fn begin(&mut self, overflow: Overflow) -> Step<T, R> {
        if self.stage.unfinished.is_closed() {
            return self.refuse(Refused::Closed);
        }
        if self.stage.disk.as_ref().is_some_and(|disk| disk.keeps_all() && disk.acknowledges_here()) {
            return self.refuse_own_thread();
        }
        let item = self.item.take().expect("a put that has not ended has its item");
        match self.stage.admit(item) {
            Ok(item) => self.item = Some(item),
            Err(refused) => return Step::Ready(Err(refused)),
        }
        let weight = self.stage.weight(self.item());
        if weight > self.stage.most_permits() {
            return self.refuse_full();
        }
        self.reserve(weight, overflow)
    }

    /// Takes permits, or does what the stage does when it is full.
    fn reserve(&mut self, weight: usize, overflow: Overflow) -> Step<T, R> {
        if let Some(disk) = self.stage.disk.as_ref().filter(|disk| disk.on_disk() > 0) {
            // The jobs on disk come first.
            return match disk.keeps_all() {
                true => self.wait_for_memory(weight, overflow),
                false => self.spill(weight, overflow),
            };
        }
        loop {
            match self.stage.try_reserve(weight) {
                Ok(permits) => return self.admitted(permits),
                Err(TryPutError::Closed(())) => return self.refuse(Refused::Closed),
                Err(TryPutError::Full(())) => {}
            }
            if self.stage.disk.as_ref().is_some_and(|disk| !disk.keeps_all()) {
                return self.spill(weight, overflow);
            }
            match overflow {
                Overflow::Wait => {
                    let reserve = self.stage.permits.clone().reserve_owned(weight);
                    let wait = Wait::Permits { reserve, closed: Listen::new(), resized: Listen::new() };
                    return Step::Next(Progress::Waiting { weight, wait });
                }
                Overflow::DropNewest => return self.drop_newest(),
                Overflow::DropOldest if self.stage.evict_oldest() => {}
                Overflow::Reject | Overflow::DropOldest => return self.refuse_full(),
            }
        }
    }

    /// The new item becomes a dead letter.
    fn drop_newest(&mut self) -> Step<T, R> {
        if self.stage.unfinished.add().map_err(|(_, then)| self.stage.follow(then)).is_err() {
            return self.refuse(Refused::Closed);
        }
        let item = self.item.take().expect("a put that has not ended has its item");
        self.stage.counters.evicted.add(1);
        Step::Ready(Ok(self.stage.begin_dead(item, self.trace.take(), self.on_settled.take(), Cause::Evicted)))
    }

    /// The permits are there.
    fn admitted(&mut self, permits: JobPermits) -> Step<T, R> {
        if let Some(disk) = self.stage.disk.as_ref().filter(|disk| disk.keeps_all()) {
            // This runs the user's codec, so nothing is counted yet.
            return match disk.encode(self.item()) {
                Ok(body) => self.commit(Place::Memory(permits), body),
                Err(error) => self.refuse(|item| Refused::Store(item, error)),
            };
        }
        if let Err((_, then)) = self.stage.unfinished.add() {
            self.stage.follow(then);
            return self.refuse(Refused::Closed);
        }
        let item = self.item.take().expect("a put that has not ended has its item");
        Step::Ready(Ok(self.stage.begin(item, self.trace.take(), Some(permits), self.on_settled.take())))
    }

    /// Waits until the jobs on disk are in memory.
    fn wait_for_memory(&mut self, weight: usize, overflow: Overflow) -> Step<T, R> {
        match overflow {
            Overflow::Wait => Step::Next(Progress::Waiting { weight, wait: Wait::Memory(Listen::new()) }),
            Overflow::DropNewest => self.drop_newest(),
            Overflow::Reject | Overflow::DropOldest => self.refuse_full(),
        }
    }

    fn refuse_full(&mut self) -> Step<T, R> {
        self.refuse(Refused::Full)
    }

    /// An acknowledgement puts on the thread that would have to commit the item.
    fn refuse_own_thread(&mut self) -> Step<T, R> {
        let why = "this is the thread of the stage's store, which cannot wait for itself: use `Job::spawn`";
        self.refuse(|item| Refused::Store(item, why.into()))
    }

    /// The item goes to the end of those on disk, if the quota allows it.
    fn spill(&mut self, weight: usize, overflow: Overflow) -> Step<T, R> {
        let Some(disk) = &self.stage.disk else { unreachable!("only a stage with a store spills") };
        if disk.acknowledges_here() {
            return self.refuse_own_thread();
        }
        let body = match disk.encode(self.item()) {
            Ok(body) => body,
            Err(error) => return self.refuse(|item| Refused::Store(item, error)),
        };
        if !disk.fits_quota(body.len()) {
            return self.refuse_full();
        }
        if disk.try_take_quota(body.len()) {
            return self.commit(Place::Disk, body);
        }
        match overflow {
            Overflow::DropNewest => self.drop_newest(),
            // The permits of the oldest job in memory go to the first one on disk, whose bytes there go to
            // this one.
            Overflow::DropOldest if !self.stage.evict_oldest() => self.refuse_full(),
            Overflow::Wait | Overflow::DropOldest => Step::Next(Progress::Waiting {
                weight,
                wait: Wait::Quota { body, fewer: Listen::new(), reserve: None },
            }),
            Overflow::Reject => self.refuse_full(),
        }
    }

    /// Hands the item to the store.
    fn commit(&mut self, place: Place, body: Vec<u8>) -> Step<T, R> {
        let Some(disk) = &self.stage.disk else { unreachable!("only a stage with a store commits") };
        if let Err((_, then)) = self.stage.unfinished.add() {
            if matches!(place, Place::Disk) {
                disk.return_quota(body.len());
            }
            self.stage.follow(then);
            return self.refuse(Refused::Closed);
        }
        let item = self.item.take().expect("a put that has not ended has its item");
        Step::Next(Progress::Committing(disk.put(item, body, self.trace.take(), place, self.on_settled.take())))
    }

    /// A put that waits for free capacity.
    fn poll_wait(
        &mut self,
        weight: usize,
        wait: &mut Wait,
        overflow: Overflow,
        context: &mut Context<'_>,
    ) -> Poll<Step<T, R>> {
        let stage = self.stage.clone();
        let closed = || stage.unfinished.is_closed();
        let waited = match (wait, &stage.disk) {
            (Wait::Permits { reserve, closed: listen, resized }, disk) => {
                match (Pin::new(reserve).poll(context), disk) {
                    (Poll::Ready(permits), _) => permits.map_or(Waited::Closed, Waited::Permits),
                    (Poll::Pending, _) if is_too_heavy(&stage, weight, resized, context) => Waited::TooHeavy,
                    (Poll::Pending, None) => return Poll::Pending,
                    (Poll::Pending, Some(disk)) => {
                        ready!(disk.poll_closed(listen, closed, context));
                        Waited::Closed
                    }
                }
            }
            (Wait::Memory(listen), Some(disk)) => {
                ready!(disk.poll_memory(listen, closed, context));
                Waited::Memory
            }
            (Wait::Quota { body, fewer, reserve }, Some(disk)) => loop {
                // Capacity in memory is as good, unless jobs on disk come first.
                match disk.on_disk() {
                    0 => {
                        let waiting = reserve.get_or_insert_with(|| stage.permits.clone().reserve_owned(weight));
                        if let Poll::Ready(permits) = Pin::new(waiting).poll(context) {
                            *reserve = None;
                            match permits {
                                Ok(_) if disk.on_disk() > 0 => continue,
                                Ok(permits) => break Waited::Permits(permits),
                                Err(_) => break Waited::Closed,
                            }
                        }
                    }
                    _ => *reserve = None,
                }
                let knows_disk_as_empty = reserve.is_some();
                match ready!(disk.poll_quota(fewer, body.len(), closed, knows_disk_as_empty, context)) {
                    QuotaTaken::Yes => break Waited::Quota(mem::take(body)),
                    QuotaTaken::Closed => break Waited::Closed,
                    QuotaTaken::NotYet => {}
                }
            },
            (Wait::Memory(_) | Wait::Quota { .. }, None) => unreachable!("only a stage with a store waits for it"),
        };
        Poll::Ready(match waited {
            Waited::Permits(permits) => self.admitted(permits),
            Waited::Closed => self.refuse(Refused::Closed),
            Waited::Memory if closed() => self.refuse(Refused::Closed),
            Waited::Memory => self.reserve(weight, overflow),
            Waited::Quota(body) => self.commit(Place::Disk, body),
            Waited::TooHeavy => self.refuse_full(),
        })
    }

    /// One step; after a step that is pending the progress is as before.
    fn poll_step(&mut self, context: &mut Context<'_>, overflow: Overflow) -> Poll<Step<T, R>> {
        match mem::replace(&mut self.progress, Progress::Ended) {
            Progress::New => Poll::Ready(self.begin(overflow)),
            Progress::Waiting { weight, mut wait } => {
                let step = self.poll_wait(weight, &mut wait, overflow, context);
                if step.is_pending() {
                    self.progress = Progress::Waiting { weight, wait };
                }
                step
            }
            Progress::Committing(mut committing) => {
                let result = Pin::new(&mut committing).poll(context);
                if result.is_pending() {
                    self.progress = Progress::Committing(committing);
                }
                result.map(Step::Ready)
            }
            Progress::Ended => panic!("{ENDED}"),
        }
    }

    /// Goes on until the put has ended or has to wait.
    fn poll_with(&mut self, context: &mut Context<'_>, overflow: Overflow) -> Poll<Result<Job<T, R>, Refused<T>>> {
        loop {
            match self.poll_step(context, overflow) {
                Poll::Ready(Step::Ready(result)) => {
                    if let Err(refused) = &result {
                        self.stage.counters.refused.count(refused);
                    }
                    return Poll::Ready(result);
                }
                Poll::Ready(Step::Next(progress)) => self.progress = progress,
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Puts without waiting for free capacity, but for a commit.
    pub(super) fn put_now(mut self) -> Result<Job<T, R>, Refused<T>> {
        let overflow = match self.stage.options.overflow {
            Overflow::Wait => Overflow::Reject,
            overflow => overflow,
        };
        block_on(poll_fn(|context| self.poll_with(context, overflow)))
    }
}

/// Whether a waiting put could not be served, as the capacity was lowered; it is woken if that happens.
fn is_too_heavy<T, R>(stage: &Inner<T, R>, weight: usize, resized: &mut Listen, context: &mut Context<'_>) -> bool {
    let too_heavy = || (weight > stage.most_permits()).then_some(());
    stage.options.weigh.is_some() && resized.poll(&stage.resized, context, too_heavy).is_ready()
}

impl<T: Send + Sync + 'static, R: Send + 'static> Future for Put<T, R> {
    type Output = Result<Job<T, R>, Refused<T>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let overflow = self.stage.options.overflow;
        self.poll_with(context, overflow)
    }
}

// No field is pinned.
impl<T, R> Unpin for Put<T, R> {}

impl<T: Send + Sync + 'static, R: Send + 'static> Operation for Put<T, R> {
    type Timed = Self::Output;

    fn in_time(output: Self::Output) -> Self::Timed {
        output
    }

    /// An item whose commit has begun cannot be taken back: the put goes on until the commit has ended.
    fn on_timeout(&mut self) -> Option<Self::Timed> {
        if matches!(self.progress, Progress::Committing(_)) {
            return None;
        }
        let refused = Refused::Timeout(self.take().expect("a put that has not ended has its item"));
        self.stage.counters.refused.count(&refused);
        Some(Err(refused))
    }
}

waits!(Put<T, R> where T: Send + Sync + 'static, R: Send + 'static);
