//! Getting where there is a single consumer, known beforehand: no wait queue, and without a bound a head that nobody
//! else moves.
//!
//! Knows the core's only getter and the queue. Does not know handles.

use super::get::{Many, One};
use super::get_state::GetState;
use super::{Bound, Queue};
use crate::error::{RecvError, RecvTimeoutError, TryRecvError};
use crate::operation::{Attempt, Spin};
use crate::raw::{PopError, SingleConsumer, TakeCell};
use crate::sync::{AtomicU8, Ordering};
use std::task::Waker;

/// The only getter has nothing to wait for.
const BUSY: u8 = 0;
/// It waits, or was called and has not come yet.
const EXPECTING: u8 = 1;

/// Where the only getter waits: it lays its waker down, and who takes that calls it.
///
/// Race: as at the desk, with the waker for a gate.
pub(super) struct ConsumerWaker {
    waker: TakeCell<Waker>,
    state: AtomicU8,
}

impl ConsumerWaker {
    crate::sync::const_fn! {
        pub(super) const fn new() -> Self {
            ConsumerWaker { waker: TakeCell::new(), state: AtomicU8::new(BUSY) }
        }
    }

    /// Step 1 of a wait.
    fn listen(&self, waker: &Waker) {
        match self.waker.lay(waker.clone()) {
            Ok(old) => {
                // Ordering: Relaxed, B5. Only the getter itself goes by it; for others it is a hint, as the desk's.
                self.state.store(EXPECTING, Ordering::Relaxed);
                drop(old);
            }
            // Somebody is about to call, by a waker that may be no longer the right one.
            Err(waker) => {
                waker.wake();
                crate::sync::yield_now();
            }
        }
    }

    /// Whether the getter waits and is not called.
    ///
    /// After an RMW of the tail's word, which the waiter has met (M1), its waker is seen.
    #[inline]
    pub(super) fn is_registered(&self) -> bool {
        self.waker.is_full()
    }

    /// Whether an item is expected: by a get that waits, or was called and has not come.
    #[inline]
    pub(super) fn is_expecting(&self) -> bool {
        // Ordering: Relaxed, B5. As above.
        self.state.load(Ordering::Relaxed) != BUSY
    }

    #[cold]
    pub(super) fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Ends a wait. A call that is under way wakes the getter in vain.
    fn hang_up(&self) {
        // Ordering: Relaxed, B5. As above.
        self.state.store(BUSY, Ordering::Relaxed);
    }

    fn forget_waker(&self) {
        drop(self.waker.take());
    }
}

/// The right to be the single consumer of a queue.
///
/// Without a bound the consumer owns the head and moves it by plain stores. With a bound a sender may take the oldest item
/// out as well ([`Queue::force_put`]), so that the consumer claims its slots as every other get does.
pub(crate) struct Consumer<T>(Option<SingleConsumer<T>>);

/// In what shape the only getter takes items.
pub(crate) trait TakeSingle<T> {
    type Got;

    /// Whether an item is taken as soon as it is there.
    const SINGLE: bool;

    /// The shape of one.
    fn shape(item: T) -> Self::Got;
    fn take(&mut self, queue: &Queue<T>, consumer: &mut Consumer<T>) -> Result<Self::Got, PopError>;
}

impl<T> TakeSingle<T> for One {
    type Got = T;
    const SINGLE: bool = true;

    #[inline]
    fn shape(item: T) -> T {
        item
    }

    fn take(&mut self, queue: &Queue<T>, consumer: &mut Consumer<T>) -> Result<T, PopError> {
        match &mut consumer.0 {
            Some(sole) => queue.raw.pop_single_slow(sole),
            None => queue.try_get_or(),
        }
    }
}

impl<T> TakeSingle<T> for Many<'_, T> {
    type Got = usize;
    const SINGLE: bool = false;

    fn shape(_item: T) -> usize {
        unreachable!("items are taken one by one")
    }

    fn take(&mut self, queue: &Queue<T>, consumer: &mut Consumer<T>) -> Result<usize, PopError> {
        match &mut consumer.0 {
            Some(sole) => queue.raw.pop_many_single(sole, self.items, self.limit),
            None => queue.pop_many(self.items, self.limit, &mut GetState::default()),
        }
    }
}

/// Items on their way out to the only getter.
pub(crate) struct ConsumerAttempt<'a, T, K: TakeSingle<T>> {
    queue: &'a Queue<T>,
    consumer: &'a mut Consumer<T>,
    take: K,
    /// Whether this has the bell ring for it. It may ring for [`poll_recv`](crate::mpsc::Receiver::poll_recv), which keeps
    /// nothing of its own.
    listens: bool,
}

impl<'a, T, K: TakeSingle<T>> ConsumerAttempt<'a, T, K> {
    #[inline]
    pub(crate) fn new(queue: &'a Queue<T>, consumer: &'a mut Consumer<T>, take: K) -> Self {
        ConsumerAttempt { queue, consumer, take, listens: false }
    }

    /// Nobody waits any more.
    #[inline]
    fn stop(&mut self) {
        let consumer_waker = self.consumer_waker();
        if consumer_waker.is_expecting() {
            consumer_waker.hang_up();
            consumer_waker.forget_waker();
        }
    }

    /// Steps 1 and 2 of a wait.
    fn listen(&mut self, waker: &Waker) {
        self.consumer_waker().listen(waker);
        self.listens = true;
        self.queue.raw.fence_pushes();
    }

    #[inline]
    fn consumer_waker(&self) -> &'a ConsumerWaker {
        &self.queue.hot.consumer_waker
    }

    fn try_take(&mut self) -> Option<Result<K::Got, RecvError>> {
        received(self.take.take(self.queue, self.consumer))
    }

    /// Tries when the bell is to be heard, or the simplest way does not do.
    #[cold]
    fn try_complete_slow(&mut self, waker: Option<&Waker>) -> Option<Result<K::Got, RecvError>> {
        let consumer_waker = self.consumer_waker();
        if consumer_waker.is_expecting() {
            if !consumer_waker.is_registered() {
                // Called. If this try does not see what for, the next wait meets it.
                consumer_waker.hang_up();
            } else if let Some(waker) = waker {
                self.listen(waker);
            }
        }
        let output = self.try_take()?;
        self.stop();
        Some(output)
    }
}

impl<T, K: TakeSingle<T>> Attempt for ConsumerAttempt<'_, T, K> {
    type Output = Result<K::Got, RecvError>;
    type Timed = Result<K::Got, RecvTimeoutError>;

    #[inline]
    fn try_complete(&mut self, waker: Option<&Waker>) -> Option<Self::Output> {
        if K::SINGLE && !self.consumer_waker().is_expecting() {
            match &mut self.consumer.0 {
                Some(sole) => {
                    if let Some(ready) = self.queue.raw.peek_ready(sole) {
                        return ready.take(|item| Some(Ok(K::shape(item))));
                    }
                }
                None => {
                    let queue = self.queue;
                    return match queue.raw.try_claim_pop() {
                        Ok(ticket) => {
                            let got = ticket.take(|item| Some(Ok(K::shape(item))));
                            queue.notify_putters();
                            got
                        }
                        Err(fallback) => received(queue.try_get_slow(fallback).map(K::shape)),
                    };
                }
            }
        }
        self.try_complete_slow(waker)
    }

    fn spin(&self) -> Spin<'_> {
        self.queue.spin(self.queue.capacity().is_none())
    }

    fn progress(&self) -> u64 {
        self.queue.raw.tail_progress()
    }

    fn may_succeed(&self) -> bool {
        self.consumer.0.as_ref().map_or(true, |sole| self.queue.raw.may_pop_single(sole))
    }

    fn is_registered(&self) -> bool {
        self.consumer_waker().is_expecting()
    }

    fn register(&mut self, waker: &Waker) -> Option<Self::Output> {
        self.listen(waker);
        let output = self.try_take()?;
        self.stop();
        Some(output)
    }

    #[cold]
    fn cancel(&mut self) {
        if self.listens {
            self.stop();
        }
    }

    fn timed(output: Self::Output) -> Self::Timed {
        Ok(output?)
    }

    fn on_timeout(&mut self) -> Self::Timed {
        let output = self.try_complete(None);
        self.cancel();
        output.map_or(Err(RecvTimeoutError::Timeout), Self::timed)
    }
}

impl<T> Queue<T> {
    /// Makes the caller the single consumer.
    pub(crate) fn consumer(&mut self) -> Consumer<T> {
        assert!(!self.is_rendezvous(), "a rendezvous is for the general ends: see `joinq::bounded`");
        assert!(!matches!(self.bound(), Bound::Permits(_)), "permits are for the general ends");
        Consumer((!self.is_bounded()).then(|| self.raw.single_consumer()))
    }

    pub(crate) fn end_consumer(&self, consumer: &mut Consumer<T>) {
        if let Some(sole) = &mut consumer.0 {
            self.raw.end_single_consumer(sole);
        }
    }

    #[inline]
    pub(crate) fn try_get_single(&self, consumer: &mut Consumer<T>) -> Result<T, TryRecvError> {
        let Some(sole) = &mut consumer.0 else { return self.try_get_or() };
        match self.raw.peek_ready(sole) {
            Some(ready) => ready.take(Ok),
            None => self.try_get_single_slow(consumer),
        }
    }

    #[cold]
    fn try_get_single_slow(&self, consumer: &mut Consumer<T>) -> Result<T, TryRecvError> {
        Ok(One.take(self, consumer)?)
    }
}

/// The outcome of a receive; `None` while there is nothing to receive.
#[inline]
fn received<G>(taken: Result<G, PopError>) -> Option<Result<G, RecvError>> {
    match taken {
        Ok(got) => Some(Ok(got)),
        Err(PopError::Closed) => Some(Err(RecvError)),
        Err(PopError::Empty) => None,
    }
}
