//! The waiters of one queue: wait queues of gets and of puts behind one mutex.
//!
//! Knows wait queues, wakers and counts. Does not know what waiters request, nor what else the mutex guards:
//! both are type parameters.
//!
//! User code never runs under the mutex. Wakers are cloned before it is locked, and run and dropped after it
//! is unlocked.

use super::counts::Watermark;
use super::{WaitQueue, WaiterCounts, WaiterKey, WaiterState, WakeList};
use crate::sync::Mutex;
use std::sync::PoisonError;
use std::task::Waker;

/// In which wait queue a get waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GetterKind {
    /// Each item notifies one get.
    Get,
    /// Each item notifies the streams that began to wait before the get that it notifies, or all streams if
    /// no get waits: a stream that was notified may not take the item.
    #[cfg(feature = "stream")]
    Stream,
}

/// As a number of items: all gets are notified.
pub(crate) const ALL: usize = usize::MAX;

/// The wait queues, and what else the mutex guards.
pub(crate) struct WaitLists<R, S> {
    /// The request of a get is its turn: how many gets of both kinds began to wait before.
    getters: WaitQueue<u64>,
    #[cfg(feature = "stream")]
    streams: WaitQueue<u64>,
    /// The turn of the next get.
    next_turn: u64,
    pub(crate) putters: WaitQueue<R>,
    pub(crate) locked: S,
}

/// Wait queues behind a mutex.
pub(crate) struct Waiters<R, S> {
    lists: Mutex<WaitLists<R, S>>,
    notified_gets: Watermark,
    /// Of puts whose item was enqueued by the operation that freed a slot.
    completed_puts: Watermark,
}

/// Wakers that are no longer needed. Their drop is user code, which may panic: the caller drops them by an
/// explicit call after it has bound its output to a name, as a return value is not dropped if a local
/// variable panics.
pub(crate) type Unneeded = [Option<Waker>; 2];

/// What a queued waiter finds when it is polled.
pub(crate) enum Polled<R> {
    /// It waits, and the waker of this poll will be woken.
    Pending,
    /// It was notified, or its wait has ended, and is removed; its request comes back.
    Ready(R),
    /// Its notifier has removed it.
    Removed,
}

impl<R, S: Default> WaitLists<R, S> {
    fn new() -> Self {
        WaitLists {
            getters: WaitQueue::new(),
            #[cfg(feature = "stream")]
            streams: WaitQueue::new(),
            next_turn: 0,
            putters: WaitQueue::new(),
            locked: S::default(),
        }
    }

    pub(crate) fn push_getter(&mut self, kind: GetterKind, waker: Waker) -> WaiterKey {
        let turn = self.next_turn;
        self.next_turn += 1;
        self.getters_of(kind).push_back(waker, turn)
    }

    /// Notifies gets of `items` that were enqueued.
    #[inline]
    pub(crate) fn notify_getters(&mut self, items: usize, wakes: &mut WakeList) {
        if items == ALL {
            self.getters.remove_all(wakes);
            #[cfg(feature = "stream")]
            self.streams.remove_all(wakes);
            return;
        }
        for _ in 0..items {
            #[cfg(feature = "stream")]
            self.notify_streams(wakes);
            if self.getters.waiting() == 0 {
                return;
            }
            wakes.push(self.getters.remove_first());
        }
    }

    /// Notifies the streams that began to wait before the first get.
    #[cfg(feature = "stream")]
    fn notify_streams(&mut self, wakes: &mut WakeList) {
        let until = self.getters.front_mut().map_or(u64::MAX, |turn| *turn);
        while self.streams.front_mut().is_some_and(|turn| *turn < until) {
            wakes.push(self.streams.remove_first());
        }
    }

    /// Gets that were not notified.
    pub(crate) fn waiting_getters(&self) -> usize {
        #[cfg(feature = "stream")]
        let streams = self.streams.waiting();
        #[cfg(not(feature = "stream"))]
        let streams = 0;
        self.getters.waiting() + streams
    }

    pub(crate) fn getters_of(&mut self, kind: GetterKind) -> &mut WaitQueue<u64> {
        match kind {
            GetterKind::Get => &mut self.getters,
            #[cfg(feature = "stream")]
            GetterKind::Stream => &mut self.streams,
        }
    }
}

impl<R, S: Default> Waiters<R, S> {
    pub(crate) fn new() -> Self {
        let lists = Mutex::new(WaitLists::new());
        Waiters { lists, notified_gets: Watermark::new(), completed_puts: Watermark::new() }
    }

    /// Runs `act` with the mutex locked, and publishes the counts and watermarks before it is unlocked. User
    /// code must not run in `act`. If an allocation fails there, no step is left half done.
    #[inline]
    pub(crate) fn lock<O>(&self, counts: &WaiterCounts, act: impl FnOnce(&mut WaitLists<R, S>) -> O) -> O {
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let output = act(&mut lists);
        self.publish(counts, &lists);
        output
    }

    fn publish(&self, counts: &WaiterCounts, lists: &WaitLists<R, S>) {
        counts.set_getters(lists.waiting_getters());
        self.notified_gets.set(lists.getters.removed());
        counts.set_putters(lists.putters.waiting());
        self.completed_puts.set(lists.putters.removed());
    }

    /// Whether a get of [`GetterKind::Get`] was notified, by the watermark, without the mutex. If not, it
    /// may have been notified in the meantime.
    #[inline]
    pub(crate) fn is_get_notified(&self, key: &WaiterKey) -> bool {
        self.notified_gets.is_above(key)
    }

    /// Whether the item of a queued put was enqueued, as [`is_get_notified`](Self::is_get_notified).
    #[inline]
    pub(crate) fn is_put_completed(&self, key: &WaiterKey) -> bool {
        self.completed_puts.is_above(key)
    }

    /// Polls the waiter `key` of the wait queue that `list` selects. It is removed if it was notified or if
    /// `is_finished`; else it waits on, with the waker of this poll.
    pub(crate) fn poll<W>(
        &self,
        counts: &WaiterCounts,
        list: impl Fn(&mut WaitLists<R, S>) -> &mut WaitQueue<W>,
        key: &WaiterKey,
        waker: Option<&Waker>,
        is_finished: impl Fn() -> bool,
    ) -> (Polled<W>, Unneeded) {
        enum Step<W> {
            /// The wait goes on, with the waker that it has, or has had replaced.
            Pending,
            NeedsClone,
            Over(Polled<W>),
        }
        let mut fresh = None;
        loop {
            // A waker is cloned, and one that is no longer needed is dropped, while the mutex is not locked.
            let (step, unneeded) = self.lock(counts, |lists| {
                let list = list(lists);
                if list.state(key) != WaiterState::Waiting || is_finished() {
                    return match list.remove(key) {
                        Some((request, old)) => (Step::Over(Polled::Ready(request)), old),
                        None => (Step::Over(Polled::Removed), None),
                    };
                }
                match waker.filter(|waker| list.needs_waker(key, waker)).map(|_| fresh.take()) {
                    Some(Some(fresh)) => (Step::Pending, Some(list.replace_waker(key, fresh))),
                    Some(None) => (Step::NeedsClone, None),
                    None => (Step::Pending, fresh.take()),
                }
            });
            match step {
                Step::Over(polled) => return (polled, [unneeded, fresh]),
                Step::Pending => return (Polled::Pending, [unneeded, fresh]),
                Step::NeedsClone => fresh = waker.cloned(),
            }
        }
    }
}
