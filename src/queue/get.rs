//! Getting, with waiting: one item, many, or one in a guard.
//!
//! Knows how gets wait for items, and that a get serves waiting puts. Does not know how puts wait.

use super::get_state::GetState;
use super::getters::{GetWaiter, PolledGet};
use super::{Queue, QueueRef, Task, TaskOwned};
use crate::error::{GetError, GetTimeoutError};
use crate::operation::{finish, operation, Attempt, Fallback, Operation, SpinPolicy};
use crate::raw::{PopError, PopFallback};
use crate::wait::{GetterKind, HeldPanic};
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::Waker;

/// What takes items out of the queue on the slow path.
pub(crate) trait GetSource<T> {
    fn pop(self) -> Result<T, PopError>;
    /// Appends up to `limit` items to `items`, and says how many.
    fn pop_many(self, items: &mut Vec<T>, limit: usize) -> Result<usize, PopError>;
}

/// In what form items are returned.
pub(crate) trait Form<T> {
    type Got;

    /// Whether this is one item, which has a fast path.
    const SINGLE: bool;

    /// Converts one item. Not for a batch.
    fn wrap(&self, item: T) -> Self::Got;

    /// Takes from `source` what is there.
    fn take_from(&mut self, source: impl GetSource<T>) -> Result<Self::Got, PopError>;
}

/// One item.
pub(crate) struct One;

impl<T> Form<T> for One {
    type Got = T;

    const SINGLE: bool = true;

    #[inline]
    fn wrap(&self, item: T) -> T {
        item
    }

    #[inline]
    fn take_from(&mut self, source: impl GetSource<T>) -> Result<T, PopError> {
        source.pop()
    }
}

/// Up to `limit` items, appended to a vector.
pub(crate) struct Many<'a, T> {
    pub(crate) items: &'a mut Vec<T>,
    pub(crate) limit: usize,
}

impl<T> Many<'_, T> {
    /// Lowers the limit by a number of items that were appended, and returns what is left of it.
    pub(crate) fn lower_limit(&mut self, appended: usize) -> usize {
        self.limit -= appended;
        self.limit
    }
}

impl<T> Form<T> for Many<'_, T> {
    type Got = usize;

    const SINGLE: bool = false;

    fn wrap(&self, _item: T) -> usize {
        unreachable!("a batch has no fast path")
    }

    fn take_from(&mut self, source: impl GetSource<T>) -> Result<usize, PopError> {
        source.pop_many(self.items, self.limit)
    }
}

/// Up to `limit` items, in a vector of their own.
pub(crate) struct Collected<T> {
    pub(crate) items: Vec<T>,
    pub(crate) limit: usize,
}

impl<T> Form<T> for Collected<T> {
    type Got = Vec<T>;

    const SINGLE: bool = false;

    fn wrap(&self, _item: T) -> Vec<T> {
        unreachable!("a batch has no fast path")
    }

    fn take_from(&mut self, source: impl GetSource<T>) -> Result<Vec<T>, PopError> {
        source.pop_many(&mut self.items, self.limit)?;
        Ok(std::mem::take(&mut self.items))
    }
}

/// One item in the guard that counts it as done. The guard gets this reference to the queue.
pub(crate) struct Guarded<H>(pub(crate) H);

impl<'a, T> Form<T> for Guarded<&'a Queue<T>> {
    type Got = Task<'a, T>;

    const SINGLE: bool = true;

    #[inline]
    fn wrap(&self, item: T) -> Task<'a, T> {
        Task::new(self.0, item)
    }

    fn take_from(&mut self, source: impl GetSource<T>) -> Result<Task<'a, T>, PopError> {
        source.pop().map(|item| Task::new(self.0, item))
    }
}

impl<T> Form<T> for Guarded<Arc<Queue<T>>> {
    type Got = TaskOwned<T>;

    const SINGLE: bool = true;

    #[inline]
    fn wrap(&self, item: T) -> TaskOwned<T> {
        TaskOwned::new(self.0.clone(), item)
    }

    fn take_from(&mut self, source: impl GetSource<T>) -> Result<TaskOwned<T>, PopError> {
        source.pop().map(|item| TaskOwned::new(self.0.clone(), item))
    }
}

/// The slow path of a get.
pub(super) struct GetSlowPath<'a, 'q, T> {
    pub(super) queue: &'q Queue<T>,
    /// Why the fast path failed; `General` for a batch.
    pub(super) fallback: PopFallback<'q, T>,
    pub(super) state: &'a mut GetState,
}

impl<T> GetSource<T> for GetSlowPath<'_, '_, T> {
    fn pop(self) -> Result<T, PopError> {
        self.queue.pop_slow(self.fallback, self.state)
    }

    fn pop_many(self, items: &mut Vec<T>, limit: usize) -> Result<usize, PopError> {
        self.queue.pop_many(items, limit, self.state)
    }
}

impl<T> PopFallback<'_, T> {
    /// The reason, if no slot was claimed.
    #[inline]
    pub(super) fn without_claim(&self) -> Fallback {
        match self {
            PopFallback::Contended => Fallback::Contended,
            _ => Fallback::General,
        }
    }
}

impl<T> From<Fallback> for PopFallback<'_, T> {
    #[inline]
    fn from(fallback: Fallback) -> Self {
        match fallback {
            Fallback::Contended => PopFallback::Contended,
            Fallback::General => PopFallback::General,
        }
    }
}

fn try_take<T, K: Form<T>, E: From<GetError>>(
    form: &mut K,
    slow_path: GetSlowPath<'_, '_, T>,
) -> Option<Result<K::Got, E>> {
    match form.take_from(slow_path) {
        Ok(got) => Some(Ok(got)),
        Err(PopError::Closed) => Some(Err(GetError.into())),
        Err(PopError::Empty) => None,
    }
}

/// For a get that is not in the wait queue.
#[cold]
pub(super) fn take_slow<T, K: Form<T>, E: From<GetError>>(
    form: &mut K,
    GetSlowPath { queue, fallback, state }: GetSlowPath<'_, '_, T>,
    waker: Option<&Waker>,
) -> Option<Result<K::Got, E>> {
    let mut fallback = fallback;
    // Not a batch, whose limit may be 0. The hint is exact enough for a poll: it registers next, and rechecks.
    if K::SINGLE && waker.is_some() && matches!(fallback, PopFallback::General) && queue.looks_empty() {
        return None;
    }
    if K::SINGLE && queue.core_decides() {
        match queue.try_claim_pop_and_look(fallback) {
            Ok(ticket) => return queue.take_and_serve_putters(ticket, |item| Some(Ok(form.wrap(item)))),
            Err(why) => fallback = why,
        }
    }
    let output = try_take(form, GetSlowPath { queue, fallback, state })?;
    queue.withdraw_match(state);
    Some(output)
}

/// An attempt to get items. `E` is its error, and `F` its error where a timeout is possible.
pub(crate) struct GetAttempt<T, H: QueueRef<T>, K: Form<T>, E = GetError, F = GetTimeoutError> {
    pub(crate) handle: H,
    pub(super) form: K,
    kind: GetterKind,
    waiter: Option<GetWaiter>,
    state: GetState,
    item: PhantomData<fn() -> T>,
    errors: PhantomData<fn() -> (E, F)>,
}

impl<T, H: QueueRef<T>, K: Form<T>, E: From<GetError>, F> GetAttempt<T, H, K, E, F> {
    #[inline]
    pub(crate) fn new(handle: H, form: K) -> Self {
        let (kind, state) = (GetterKind::Get, GetState::default());
        GetAttempt { handle, form, kind, waiter: None, state, item: PhantomData, errors: PhantomData }
    }

    /// The get of a stream, which may not be polled when it is notified.
    #[cfg(feature = "stream")]
    pub(crate) fn for_stream(handle: H, form: K) -> Self {
        GetAttempt { kind: GetterKind::Stream, ..GetAttempt::new(handle, form) }
    }

    /// The notification is consumed before the attempt that it is for. One that arrives after the attempt may
    /// be of an item that the attempt did not see, and is forwarded if the attempt succeeds.
    #[cold]
    fn poll_queued(&mut self, waker: Option<&Waker>) -> Option<Result<K::Got, E>> {
        let (polled, unneeded) = self.handle.queue().poll_get(self.kind, &mut self.waiter, waker);
        let output = match polled {
            PolledGet::Pending => None,
            PolledGet::MayHaveItems => self.try_queued(),
        };
        drop(unneeded);
        output
    }

    /// An attempt while this is registered, or was notified. If it unwinds, as when a vector cannot
    /// grow, the notification is forwarded.
    fn try_queued(&mut self) -> Option<Result<K::Got, E>> {
        self.state.queued = true;
        let mut attempt = QueuedAttempt { get: self, is_over: true, has_unwound: true };
        let GetAttempt { handle, form, state, .. } = &mut *attempt.get;
        let output = try_take(form, GetSlowPath { queue: handle.queue(), fallback: PopFallback::General, state });
        (attempt.is_over, attempt.has_unwound) = (output.is_some(), false);
        drop(attempt);
        output
    }

    fn leave_queue(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            self.handle.queue().cancel_get(self.kind, waiter);
        }
    }
}

impl<T, H, K, E, F> Attempt for GetAttempt<T, H, K, E, F>
where
    H: QueueRef<T>,
    K: Form<T>,
    E: From<GetError>,
    F: From<GetTimeoutError> + From<E>,
{
    type Output = Result<K::Got, E>;
    type TimeoutOutput = Result<K::Got, F>;

    #[inline]
    fn try_complete(&mut self, waker: Option<&Waker>) -> Option<Self::Output> {
        if let Some(waiter) = &self.waiter {
            if !self.handle.queue().is_get_notified(self.kind, waiter) {
                return self.poll_queued(waker);
            }
            self.waiter = None;
            if !K::SINGLE {
                return self.try_queued();
            }
        }
        let queue = self.handle.queue();
        let mut fallback = PopFallback::General;
        if K::SINGLE {
            match queue.try_claim_pop() {
                Ok(ticket) => {
                    let form = &self.form;
                    return queue.take_and_serve_putters(ticket, |item| Some(Ok(form.wrap(item))));
                }
                Err(why) => fallback = why,
            }
        }
        take_slow(&mut self.form, GetSlowPath { queue, fallback, state: &mut self.state }, waker)
    }

    #[inline(always)]
    fn complete_at_once<R>(
        operation: &mut Operation<Self>,
        ready: impl FnOnce(Self::Output) -> R,
        otherwise: impl FnOnce(&mut Operation<Self>, Fallback) -> R,
    ) -> R {
        let Operation { attempt, finished } = operation;
        let queue = attempt.handle.queue();
        if !K::SINGLE || attempt.waiter.is_some() {
            return otherwise(operation, Fallback::General);
        }
        match queue.try_claim_pop() {
            Ok(ticket) => {
                let _finish = finish(finished);
                let form = &attempt.form;
                queue.take_and_serve_putters(ticket, |item| ready(Ok(form.wrap(item))))
            }
            Err(fallback @ PopFallback::Unpublished(_)) => {
                attempt.spin_policy().pause_for_batch();
                match take_slow(&mut attempt.form, GetSlowPath { queue, fallback, state: &mut attempt.state }, None) {
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
        }
    }

    #[inline]
    fn try_after(&mut self, fallback: Fallback, waker: Option<&Waker>) -> Option<Self::Output> {
        if !K::SINGLE || self.waiter.is_some() {
            return self.try_complete(waker);
        }
        let (queue, fallback) = (self.handle.queue(), fallback.into());
        take_slow(&mut self.form, GetSlowPath { queue, fallback, state: &mut self.state }, waker)
    }

    #[inline]
    fn spin_policy(&self) -> SpinPolicy<'_> {
        let queue = self.handle.queue();
        // With capacity 0 a put completes at once only for a get that is registered.
        SpinPolicy { batch: !queue.is_bounded(), register_first: queue.is_rendezvous(), ..queue.spin_policy() }
    }

    fn progress(&self) -> u64 {
        self.handle.queue().raw.tail_progress()
    }

    fn is_registered(&self) -> bool {
        self.waiter.is_some()
    }

    /// The three steps of a wait: see [`crate::wait`].
    fn register(&mut self, waker: &Waker) -> Option<Self::Output> {
        let queue = self.handle.queue();
        self.waiter = Some(queue.register_get(self.kind, waker, &mut self.state));
        let may_have_items = queue.raw.fence_pushes();
        if may_have_items || queue.is_rendezvous() {
            self.try_queued()
        } else {
            None
        }
    }

    #[cold]
    fn cancel(&mut self) {
        self.handle.queue().withdraw_match(&mut self.state);
        self.leave_queue();
    }

    fn with_timeout_error(output: Self::Output) -> Self::TimeoutOutput {
        Ok(output?)
    }

    fn on_timeout(&mut self) -> Self::TimeoutOutput {
        // In this order: first no further item can be enqueued for this get, then it takes one that was
        // enqueued.
        self.handle.queue().withdraw_match(&mut self.state);
        match self.try_complete(None) {
            Some(output) => Self::with_timeout_error(output),
            None => {
                self.leave_queue();
                Err(GetTimeoutError::Timeout.into())
            }
        }
    }
}

/// The end of an attempt of a queued get, also if the attempt unwinds.
struct QueuedAttempt<'a, T, H: QueueRef<T>, K: Form<T>, E, F> {
    get: &'a mut GetAttempt<T, H, K, E, F>,
    /// Whether the get has ended. Otherwise it waits on.
    is_over: bool,
    has_unwound: bool,
}

impl<T, H: QueueRef<T>, K: Form<T>, E, F> Drop for QueuedAttempt<'_, T, H, K, E, F> {
    fn drop(&mut self) {
        let GetAttempt { handle, kind, waiter, state, .. } = &mut *self.get;
        let queue = handle.queue();
        state.queued = false;
        let freed = std::mem::take(&mut state.freed);
        if self.is_over {
            queue.withdraw_match(state);
        }
        // Each of these runs wakers, which may panic.
        let mut held = HeldPanic::default();
        match waiter.take() {
            Some(waiter) if self.is_over => held.run(|| queue.cancel_get(*kind, waiter)),
            None if self.has_unwound => held.run(|| queue.forward_notification()),
            other => *waiter = other,
        }
        if freed {
            held.run(|| queue.serve_putters());
        }
    }
}

operation! {
    /// Future returned by [`Queue::get`].
    ///
    /// # Cancel safety
    /// It can be dropped at any time: it takes an item only in the poll that returns it.
    pub struct Get<'a, T>(GetAttempt<T, &'a Queue<T>, One>)
        -> Result<T, GetError>, in time Result<T, GetTimeoutError>;
    example ["let queue = joinq::Queue::unbounded();" "queue.try_put(1).unwrap();"]
        "assert_eq!(queue.get()", ", Ok(1));";
    times out ["let queue = joinq::Queue::<u32>::unbounded();"]
        "let late = queue.get()", ";\nassert_eq!(late, Err(joinq::GetTimeoutError::Timeout));";
}

operation! {
    /// Future returned by [`Queue::get_many`].
    ///
    /// # Cancel safety
    /// It can be dropped at any time: it takes items only in the poll that returns their number.
    pub struct GetMany<'a, T>(GetAttempt<T, &'a Queue<T>, Many<'a, T>>)
        -> Result<usize, GetError>, in time Result<usize, GetTimeoutError>;
    example [
        "let queue = joinq::Queue::unbounded();"
        "queue.try_put_many([1, 2, 3]).unwrap();"
        "let mut items = Vec::new();"
    ] "assert_eq!(queue.get_many(&mut items, 2)", ", Ok(2));\nassert_eq!(items, [1, 2]);";
    times out ["let queue = joinq::Queue::<u32>::unbounded();" "let mut items = Vec::new();"]
        "let late = queue.get_many(&mut items, 2)", ";\nassert_eq!(late, Err(joinq::GetTimeoutError::Timeout));";
}

operation! {
    /// Future returned by [`Queue::get_task`].
    ///
    /// # Cancel safety
    /// It can be dropped at any time: it takes an item only in the poll that returns it.
    pub struct GetTask<'a, T>(GetAttempt<T, &'a Queue<T>, Guarded<&'a Queue<T>>>)
        -> Result<Task<'a, T>, GetError>, in time Result<Task<'a, T>, GetTimeoutError>;
    example ["let queue = joinq::Queue::unbounded();" "queue.try_put(1).unwrap();"]
        "let task = queue.get_task()",
        ".unwrap();\nassert_eq!((*task, queue.unfinished()), (1, 1));\ndrop(task);\nassert_eq!(queue.unfinished(), 0);";
    times out ["let queue = joinq::Queue::<u32>::unbounded();"]
        "let late = queue.get_task()", ";\nassert!(late.unwrap_err().is_timeout());";
}
