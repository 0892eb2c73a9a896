//! The workers of one `Workers`: they are started, go home, and are replaced when they die.

use super::size::{Orders, Size};
use crate::stage::Inner;
use crate::time::Time;
use crate::work::Worker;
use crate::{Attempt, BoxError};
use event_listener::Event;
use joinq::Queue;
use std::future::{poll_fn, Future};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::{pin, Pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

/// How often the timekeeper looks at the need.
const CHECK: Duration = Duration::from_secs(1);

/// The order to go home, for one worker.
struct GoHome;

/// Starts one worker.
pub(super) type StartWorker = dyn Fn(&Arc<Crew>) -> Result<(), BoxError> + Send + Sync;

/// What a crew asks its stage.
pub(super) trait Need: Send + Sync {
    /// How many workers the stage needs.
    fn workers(&self) -> usize;
    /// Whether the stage has ended.
    fn is_over(&self) -> bool;
}

pub(super) struct Crew {
    start: Box<StartWorker>,
    need: Arc<dyn Need>,
    time: Time,
    size: Mutex<Size>,
    leave: Queue<GoHome>,
    /// Notified when no worker is left.
    empty: Event,
}

impl Crew {
    pub(super) fn new(start: Box<StartWorker>, need: Arc<dyn Need>, time: Time) -> Self {
        Crew { start, need, time, size: Mutex::new(Size::new()), leave: Queue::unbounded(), empty: Event::new() }
    }

    fn size(&self) -> MutexGuard<'_, Size> {
        self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count(&self) -> usize {
        self.size().alive
    }

    /// Notified when no worker is left.
    pub(super) fn empty(&self) -> &Event {
        &self.empty
    }

    /// Sets the bounds, and starts workers or sends some home, so that their number is within.
    pub(super) fn resize(self: &Arc<Self>, least: usize, most: usize) -> Result<(), BoxError> {
        let orders = {
            let mut size = self.size();
            (size.least, size.most) = (least, most);
            let to = size.staying().clamp(least, most);
            size.change(to, || self.call_back())
        };
        let carried_out = self.carry_out(orders);
        self.check_later();
        carried_out
    }

    /// Takes back an order to go home.
    fn call_back(&self) -> bool {
        self.leave.try_get().is_ok()
    }

    /// Without the lock, as it wakes tasks and starts workers.
    fn carry_out(self: &Arc<Self>, orders: Orders) -> Result<(), BoxError> {
        let put = self.leave.put_many((0..orders.send_home).map(|_| GoHome)).wait();
        debug_assert!(put.is_ok(), "this queue is never closed");
        let mut carried_out = Ok(());
        for _ in 0..orders.start {
            // A worker that did not start has left the crew by its drop.
            let started = catch_unwind(AssertUnwindSafe(|| (self.start)(self)));
            let started = started.unwrap_or_else(|_| Err("the function that spawns workers panicked".into()));
            carried_out = carried_out.and(started);
        }
        carried_out
    }

    /// Has the timekeeper look at the need, once a second while that can change something.
    fn check_later(self: &Arc<Self>) {
        {
            let mut size = self.size();
            if size.is_checked || !size.needs_checks() {
                return;
            }
            size.is_checked = true;
        }
        let crew = self.clone();
        // A crew without handle goes on, until its stage is over.
        self.time.at(self.time.after(CHECK), Box::new(move || crew.check()));
    }

    fn check(self: &Arc<Self>) {
        let is_over = self.need.is_over();
        let need = self.need.workers();
        let orders = {
            let mut size = self.size();
            size.is_checked = false;
            size.is_over |= is_over;
            let to = size.for_need(need, self.time.now());
            size.change(to, || self.call_back())
        };
        // A worker that did not start is tried again with the next check.
        let _ = self.carry_out(orders);
        self.check_later();
    }

    /// A worker is about to be gone: starts another one, if it has died.
    fn replace(self: &Arc<Self>, exit: Exit) -> Farewell {
        let farewell = {
            let mut size = self.size();
            size.is_over |= exit == Exit::StageOver;
            match exit {
                Exit::WentHome => Farewell::ByOrder,
                Exit::StageOver => Farewell::Gone,
                // It takes the place of one that was to leave and has not seen the order.
                Exit::NeverBegan | Exit::Died if size.leaving > 0 && self.call_back() => Farewell::ByOrder,
                Exit::Died if !size.is_over => Farewell::Replaced,
                Exit::NeverBegan | Exit::Died => Farewell::Gone,
            }
        };
        if farewell == Farewell::Replaced {
            let _ = self.carry_out(Orders { start: 1, send_home: 0 });
        }
        farewell
    }

    /// A worker is gone.
    fn remove(self: &Arc<Self>, farewell: Farewell) {
        let is_empty = {
            let mut size = self.size();
            size.alive -= usize::from(farewell != Farewell::Replaced);
            size.leaving -= usize::from(farewell == Farewell::ByOrder);
            size.alive == 0
        };
        if is_empty {
            self.empty.notify(usize::MAX);
        }
        // For a worker that was not started: the next check tries it again.
        let _ = catch_unwind(AssertUnwindSafe(|| self.check_later()));
    }
}

/// Why a worker is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// It was dropped before it began: by a runtime that has ended, for example.
    NeverBegan,
    /// It was dropped or has panicked.
    Died,
    WentHome,
    StageOver,
}

/// How a worker that is gone is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Farewell {
    /// Another worker has its place.
    Replaced,
    Gone,
    /// It was one of those that were told to go home.
    ByOrder,
}

/// One worker of a crew. If it is dropped before it has left, another one replaces it.
pub(super) struct Member<T: Send + Sync + 'static, R: Send + 'static> {
    crew: Arc<Crew>,
    exit: Exit,
    /// There until the drop.
    worker: Option<Worker<T, R>>,
}

impl<T: Send + Sync + 'static, R: Send + 'static> Drop for Member<T, R> {
    fn drop(&mut self) {
        // The stage must not be without a worker in between, and after a join of the crew it has none of it.
        let farewell = self.crew.replace(self.exit);
        drop(self.worker.take());
        self.crew.remove(farewell);
    }
}

impl<T: Send + Sync + 'static, R: Send + 'static> Member<T, R> {
    /// A worker that counts as alive.
    pub(super) fn new(crew: Arc<Crew>, stage: Arc<Inner<T, R>>) -> Self {
        Member { crew, exit: Exit::NeverBegan, worker: Some(Worker::new(stage)) }
    }

    /// The worker runs.
    pub(super) fn begin(&mut self) {
        self.exit = Exit::Died;
    }

    /// The next attempt; `None` when the worker has to end.
    pub(super) async fn next(&mut self) -> Option<Attempt<T, R>> {
        let next = self.next_or_exit().await;
        next.map_err(|exit| self.exit = exit).ok()
    }

    async fn next_or_exit(&self) -> Result<Attempt<T, R>, Exit> {
        if self.crew.call_back() {
            return Err(Exit::WentHome);
        }
        // A job that the worker has taken and not begun goes back when it goes home.
        let worker = self.worker.as_ref().expect("there until the drop");
        let mut next = pin!(worker.next());
        let mut leave = self.crew.leave.get();
        poll_fn(|context| match next.as_mut().poll(context) {
            Poll::Ready(attempt) => Poll::Ready(attempt.ok_or(Exit::StageOver)),
            Poll::Pending => Pin::new(&mut leave).poll(context).map(|_| Err(Exit::WentHome)),
        })
        .await
    }
}
