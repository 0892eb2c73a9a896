//! The receive of a single consumer: in an unbounded queue it claims without an RMW. It waits as other gets
//! do, so alone in the cell.
//!
//! Knows the core's single consumer and the queue. Does not know handles.

use super::get::{take_slow, Form, GetSlowPath, GetSource, Many};
use super::get_state::GetState;
use super::getters::{GetWaiter, PolledGet};
use super::{Bound, Queue};
use crate::error::{RecvError, RecvTimeoutError, TryRecvError};
use crate::operation::{finish, Attempt, BatchAttempt, Fallback, Operation, SpinPolicy};
use crate::raw::{PopError, PopFallback, SingleConsumer};
use crate::wait::GetterKind;
use std::task::Waker;

/// The right to be the single consumer of a queue.
///
/// In an unbounded queue the consumer owns the head and moves it by plain stores. In a bounded queue a sender
/// may take the oldest item out as well ([`Queue::force_put`]), so that the consumer claims its slots as
/// every other get does.
pub(crate) struct Consumer<T> {
    single: Option<SingleConsumer<T>>,
    /// The wait of the present receive, or one that [`poll_recv`](crate::mpsc::Receiver::poll_recv) has
    /// begun: its operation ends with the poll while its wait goes on.
    waiter: Option<GetWaiter>,
}

/// The slow path of the single consumer.
struct ConsumerSlowPath<'a, 'q, T> {
    queue: &'q Queue<T>,
    consumer: &'a mut Consumer<T>,
}

impl<T> GetSource<T> for ConsumerSlowPath<'_, '_, T> {
    fn pop(self) -> Result<T, PopError> {
        match &mut self.consumer.single {
            Some(single) => self.queue.raw.pop_single_slow(single),
            None => self.queue.try_get_or(),
        }
    }

    fn pop_many(self, items: &mut Vec<T>, limit: usize) -> Result<usize, PopError> {
        match &mut self.consumer.single {
            Some(single) => self.queue.raw.pop_many_single(single, items, limit),
            None => self.queue.pop_many(items, limit, &mut GetState::default()),
        }
    }
}

/// The attempt of a receive by the single consumer.
pub(crate) struct ConsumerAttempt<'a, T, K: Form<T>> {
    queue: &'a Queue<T>,
    consumer: &'a mut Consumer<T>,
    form: K,
    /// Whether this attempt has registered, so that it ends the wait when it is cancelled.
    registered: bool,
}

impl<'a, T, K: Form<T>> ConsumerAttempt<'a, T, K> {
    #[inline]
    pub(crate) fn new(queue: &'a Queue<T>, consumer: &'a mut Consumer<T>, form: K) -> Self {
        ConsumerAttempt { queue, consumer, form, registered: false }
    }

    /// Takes what is there, and ends the wait if there is anything.
    fn try_take(&mut self) -> Option<Result<K::Got, RecvError>> {
        let output = received(self.form.take_from(ConsumerSlowPath { queue: self.queue, consumer: self.consumer }))?;
        self.end_wait();
        Some(output)
    }

    #[inline]
    fn end_wait(&mut self) {
        if let Some(waiter) = self.consumer.waiter.take() {
            self.queue.cancel_get(GetterKind::Get, waiter);
        }
    }

    /// The slow path in an unbounded queue.
    fn take_single_slow(&mut self, waker: Option<&Waker>) -> Option<Result<K::Got, RecvError>> {
        // As in a get: a poll registers next, and rechecks.
        if waker.is_some() && self.queue.looks_empty() {
            return None;
        }
        self.try_complete_slow(waker)
    }

    /// The slow path of a single item in a bounded queue.
    fn take_bounded_slow<'q>(
        &mut self,
        fallback: PopFallback<'q, T>,
        waker: Option<&Waker>,
    ) -> Option<Result<K::Got, RecvError>>
    where
        'a: 'q,
    {
        let slow_path = GetSlowPath { queue: self.queue, fallback, state: &mut GetState::default() };
        take_slow(&mut self.form, slow_path, waker)
    }

    /// Tries while a waker is registered, or where the fast path does not suffice.
    #[cold]
    fn try_complete_slow(&mut self, waker: Option<&Waker>) -> Option<Result<K::Got, RecvError>> {
        let (polled, unneeded) = self.queue.poll_get(GetterKind::Get, &mut self.consumer.waiter, waker);
        self.registered |= waker.is_some() && self.consumer.waiter.is_some();
        let output = match polled {
            PolledGet::Pending => None,
            PolledGet::MayHaveItems => self.try_take(),
        };
        drop(unneeded);
        output
    }
}

impl<T, K: Form<T>> Attempt for ConsumerAttempt<'_, T, K> {
    type Output = Result<K::Got, RecvError>;
    type TimeoutOutput = Result<K::Got, RecvTimeoutError>;

    #[inline]
    fn try_complete(&mut self, waker: Option<&Waker>) -> Option<Self::Output> {
        if let Some(waiter) = &self.consumer.waiter {
            if !self.queue.is_get_notified(GetterKind::Get, waiter) {
                return self.try_complete_slow(waker);
            }
            self.consumer.waiter = None;
        }
        if !K::SINGLE {
            return self.try_complete_slow(waker);
        }
        let (queue, form) = (self.queue, &self.form);
        match &mut self.consumer.single {
            Some(single) => match queue.raw.peek_ready(single) {
                Some(ready) => ready.take(|item| Some(Ok(form.wrap(item)))),
                None => self.take_single_slow(waker),
            },
            None => match queue.try_claim_pop() {
                Ok(ticket) => queue.take_and_serve_putters(ticket, |item| Some(Ok(form.wrap(item)))),
                Err(fallback) => self.take_bounded_slow(fallback, waker),
            },
        }
    }

    #[inline(always)]
    fn complete_at_once<R>(
        operation: &mut Operation<Self>,
        ready: impl FnOnce(Self::Output) -> R,
        otherwise: impl FnOnce(&mut Operation<Self>, Fallback) -> R,
    ) -> R {
        let Operation { attempt, finished } = operation;
        let queue = attempt.queue;
        if !K::SINGLE || attempt.consumer.waiter.is_some() {
            return otherwise(operation, Fallback::General);
        }
        let ConsumerAttempt { consumer, form, .. } = attempt;
        match &mut consumer.single {
            Some(single) => match queue.raw.peek_ready(single) {
                Some(value) => {
                    let _finish = finish(finished);
                    value.take(|item| ready(Ok(form.wrap(item))))
                }
                None => otherwise(operation, Fallback::General),
            },
            None => match queue.try_claim_pop() {
                Ok(ticket) => {
                    let _finish = finish(finished);
                    queue.take_and_serve_putters(ticket, |item| ready(Ok(form.wrap(item))))
                }
                Err(fallback @ PopFallback::Unpublished(_)) => {
                    attempt.spin_policy().pause_for_batch();
                    match attempt.take_bounded_slow(fallback, None) {
                        Some(output) => {
                            *finished = true;
                            ready(output)
                        }
                        None => otherwise(operation, Fallback::General),
                    }
                }
                Err(fallback) => {
                    let fallback = fallback.without_claim();
                    otherwise(operation, fallback)
                }
            },
        }
    }

    #[inline]
    fn try_after(&mut self, fallback: Fallback, waker: Option<&Waker>) -> Option<Self::Output> {
        if !K::SINGLE || self.consumer.waiter.is_some() {
            return self.try_complete(waker);
        }
        match &self.consumer.single {
            // A thread spins next, so that a batch forms; but not while the item is ready. In a short segment and in
            // the last slot of a long one the fast path does not take it.
            Some(single) if waker.is_none() && !self.queue.raw.may_pop_single(single) => None,
            Some(_) => self.take_single_slow(waker),
            None => self.take_bounded_slow(fallback.into(), waker),
        }
    }

    #[inline]
    fn spin_policy(&self) -> SpinPolicy<'_> {
        SpinPolicy { batch: !self.queue.is_bounded(), ..self.queue.spin_policy() }
    }

    fn progress(&self) -> u64 {
        self.queue.raw.tail_progress()
    }

    fn may_succeed(&self) -> bool {
        self.consumer.single.as_ref().map_or(true, |single| self.queue.raw.may_pop_single(single))
    }

    fn is_registered(&self) -> bool {
        self.consumer.waiter.is_some()
    }

    #[inline]
    fn register(&mut self, waker: &Waker) -> Option<Self::Output> {
        let waiter = self.queue.register_get(GetterKind::Get, waker, &mut GetState::default());
        self.consumer.waiter = Some(waiter);
        self.registered = true;
        match self.queue.raw.fence_pushes() {
            true => self.try_take(),
            false => None,
        }
    }

    #[cold]
    fn cancel(&mut self) {
        if self.registered {
            self.end_wait();
        }
    }

    fn with_timeout_error(output: Self::Output) -> Self::TimeoutOutput {
        Ok(output?)
    }

    fn on_timeout(&mut self) -> Self::TimeoutOutput {
        let output = self.try_complete(None);
        self.cancel();
        output.map_or(Err(RecvTimeoutError::Timeout), Self::with_timeout_error)
    }
}

impl<T> BatchAttempt for ConsumerAttempt<'_, T, Many<'_, T>> {
    type Error = RecvError;
    type TimeoutError = RecvTimeoutError;

    fn lower_limit(&mut self, appended: usize) -> usize {
        self.form.lower_limit(appended)
    }
}

impl<T> Queue<T> {
    /// Makes the caller the single consumer.
    pub(crate) fn consumer(&mut self) -> Consumer<T> {
        assert!(!self.is_rendezvous(), "a rendezvous has no single consumer: see `joinq::bounded`");
        assert!(!matches!(self.bound(), Bound::Permits(_)), "a queue with permits has no single consumer");
        Consumer { single: (!self.is_bounded()).then(|| self.raw.single_consumer()), waiter: None }
    }

    pub(crate) fn end_consumer(&self, consumer: &mut Consumer<T>) {
        if let Some(single) = &mut consumer.single {
            self.raw.end_single_consumer(single);
        }
    }

    #[inline]
    pub(crate) fn try_get_single(&self, consumer: &mut Consumer<T>) -> Result<T, TryRecvError> {
        let Some(single) = &mut consumer.single else { return self.try_get_or() };
        match self.raw.peek_ready(single) {
            Some(ready) => ready.take(Ok),
            None => self.try_get_single_slow(consumer),
        }
    }

    pub(crate) fn try_get_many_single(
        &self,
        consumer: &mut Consumer<T>,
        items: &mut Vec<T>,
        limit: usize,
    ) -> Result<usize, TryRecvError> {
        Ok(ConsumerSlowPath { queue: self, consumer }.pop_many(items, limit)?)
    }

    #[cold]
    fn try_get_single_slow(&self, consumer: &mut Consumer<T>) -> Result<T, TryRecvError> {
        Ok(ConsumerSlowPath { queue: self, consumer }.pop()?)
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

#[cfg(all(test, not(loom)))]
mod tests {
    use crate::operation::waits;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    /// More items than the short segments hold at the beginning of a queue, and two long segments.
    const ITEMS: u64 = 120 + 2 * 256 + 1;

    /// Panics if the future is pending at the first poll.
    fn at_once<F: Future>(future: F) -> F::Output {
        let waker = Waker::from(std::sync::Arc::new(Sleeps));
        match pin!(future).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("the item is ready"),
        }
    }

    struct Sleeps;
    impl std::task::Wake for Sleeps {
        fn wake(self: std::sync::Arc<Self>) {}
    }

    /// Checks that no receive begins a wait while its item is ready. So many items are `ahead` at a time.
    fn no_wait(ahead: u64, send: impl Fn(u64), mut receive: impl FnMut(u64)) {
        for first in (0..ITEMS).step_by(ahead as usize) {
            (first..first + ahead).for_each(&send);
            for n in first..first + ahead {
                let before = waits::begun();
                receive(n);
                assert_eq!(waits::begun(), before, "a wait begins though item {n} is ready, of {ahead} at a time");
            }
        }
    }

    /// Each capacity, number of items ahead, and way to wait.
    fn each_case(test: impl Fn(Option<usize>, u64, u32)) {
        for capacity in [None, Some(ITEMS as usize)] {
            [1, ITEMS].into_iter().for_each(|ahead| (0..4).for_each(|way| test(capacity, ahead, way)));
        }
    }

    #[test]
    fn a_receive_whose_item_is_ready_begins_no_wait() {
        each_case(|capacity, ahead, way| {
            let (sender, mut receiver) = capacity.map_or_else(crate::mpsc::unbounded, crate::mpsc::bounded);
            let send = |n| sender.try_send(n).unwrap();
            no_wait(ahead, send, |n| match way {
                0 => assert_eq!(receiver.recv().wait(), Ok(n)),
                1 => assert_eq!(receiver.recv().wait_timeout(Duration::MAX), Ok(n)),
                2 => assert_eq!(at_once(receiver.recv()), Ok(n)),
                _ => {
                    let mut items = Vec::new();
                    assert_eq!((receiver.recv_many(&mut items, 1).wait(), items), (Ok(1), vec![n]));
                }
            });
        });
    }

    #[test]
    fn a_get_whose_item_is_ready_begins_no_wait() {
        each_case(|capacity, ahead, way| {
            let queue = capacity.map_or_else(crate::Queue::unbounded, crate::Queue::bounded);
            let put = |n| queue.try_put(n).unwrap();
            no_wait(ahead, put, |n| match way {
                0 => assert_eq!(queue.get().wait(), Ok(n)),
                1 => assert_eq!(queue.get().wait_timeout(Duration::MAX), Ok(n)),
                2 => assert_eq!(at_once(queue.get()), Ok(n)),
                _ => {
                    let mut items = Vec::new();
                    assert_eq!((queue.get_many(&mut items, 1).wait(), items), (Ok(1), vec![n]));
                }
            });
        });
    }
}
