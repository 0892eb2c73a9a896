//! Getting, with waiting: one item, some, or one in a guard.

use super::wait_lists::GetterKind;
use super::waiters::GetState;
use super::{Queue, QueueRef, Task};
use crate::error::{GetError, GetTimeoutError};
use crate::operation::{operation, Attempt, Spin};
use crate::raw::{PopError, PopFallback};
use crate::wait::WaiterKey;
use std::marker::PhantomData;
use std::task::Waker;

/// In what shape items are got.
pub(crate) trait Take<T> {
    type Got;

    /// Whether an item is taken as soon as it is there: then all is done when room is told of. A batch has what was inside
    /// and not, beyond that, what goes in for the room that it makes.
    const SINGLE: bool;

    /// The shape of one.
    fn shape(&self, item: T) -> Self::Got;
    /// Takes what is there after a setback.
    fn take(
        &mut self,
        queue: &Queue<T>,
        fallback: PopFallback<'_, T>,
        get_state: &mut GetState,
    ) -> Result<Self::Got, PopError>;
}

/// One item as it is.
pub(crate) struct One;

impl<T> Take<T> for One {
    type Got = T;

    const SINGLE: bool = true;

    #[inline]
    fn shape(&self, item: T) -> T {
        item
    }

    fn take(
        &mut self,
        queue: &Queue<T>,
        fallback: PopFallback<'_, T>,
        get_state: &mut GetState,
    ) -> Result<T, PopError> {
        queue.pop_slow(fallback, get_state)
    }
}

/// Up to `limit` items, appended to a vector.
pub(crate) struct Many<'a, T> {
    pub(crate) items: &'a mut Vec<T>,
    pub(crate) limit: usize,
}

impl<T> Take<T> for Many<'_, T> {
    type Got = usize;
    const SINGLE: bool = false;

    fn shape(&self, _item: T) -> usize {
        unreachable!("items are taken by the batch")
    }

    fn take(&mut self, queue: &Queue<T>, _: PopFallback<'_, T>, get_state: &mut GetState) -> Result<usize, PopError> {
        queue.pop_many(self.items, self.limit, get_state)
    }
}

/// One item in the guard that counts it as done.
pub(crate) struct Guarded<'a, T>(pub(crate) &'a Queue<T>);

impl<'a, T> Take<T> for Guarded<'a, T> {
    type Got = Task<'a, T>;

    const SINGLE: bool = true;

    #[inline]
    fn shape(&self, item: T) -> Task<'a, T> {
        Task::new(self.0, item)
    }

    fn take(
        &mut self,
        queue: &Queue<T>,
        fallback: PopFallback<'_, T>,
        get_state: &mut GetState,
    ) -> Result<Task<'a, T>, PopError> {
        One.take(queue, fallback, get_state).map(|item| self.shape(item))
    }
}

/// Tries after a setback.
fn try_take<T, K: Take<T>, E: From<GetError>>(
    queue: &Queue<T>,
    take: &mut K,
    fallback: PopFallback<'_, T>,
    get_state: &mut GetState,
) -> Option<Result<K::Got, E>> {
    match take.take(queue, fallback, get_state) {
        Ok(got) => Some(Ok(got)),
        Err(PopError::Closed) => Some(Err(GetError.into())),
        Err(PopError::Empty) => None,
    }
}

/// The same for a get that is not in line.
#[cold]
fn take_slow<T, K: Take<T>, E: From<GetError>>(
    queue: &Queue<T>,
    take: &mut K,
    fallback: PopFallback<'_, T>,
    get_state: &mut GetState,
) -> Option<Result<K::Got, E>> {
    let output = try_take(queue, take, fallback, get_state)?;
    queue.withdraw(get_state);
    Some(output)
}

/// Items on their way out. The errors are called `E` in general and `F` where time may run out.
pub(crate) struct GetAttempt<T, H: QueueRef<T>, K: Take<T>, E = GetError, F = GetTimeoutError> {
    pub(crate) handle: H,
    take: K,
    line: GetterKind,
    place: Option<WaiterKey>,
    get_state: GetState,
    item: PhantomData<fn() -> T>,
    errors: PhantomData<fn() -> (E, F)>,
}

impl<T, H: QueueRef<T>, K: Take<T>, E: From<GetError>, F> GetAttempt<T, H, K, E, F> {
    #[inline]
    pub(crate) fn new(handle: H, take: K) -> Self {
        let get_state = GetState::default();
        GetAttempt {
            handle,
            take,
            line: GetterKind::Get,
            place: None,
            get_state,
            item: PhantomData,
            errors: PhantomData,
        }
    }

    /// For one who may not come when he is called.
    #[cfg(feature = "stream")]
    pub(crate) fn for_stream(handle: H, take: K) -> Self {
        GetAttempt { line: GetterKind::Stream, ..GetAttempt::new(handle, take) }
    }

    /// A call is used up before the try that it is for: one that comes after the try may be for what the try did not see,
    /// and goes on to another if the try succeeds.
    #[cold]
    fn poll_queued(&mut self, waker: Option<&Waker>) -> Option<Result<K::Got, E>> {
        self.handle.queue().poll_queued_get(self.line, &mut self.place, waker);
        self.try_queued()
    }

    fn try_queued(&mut self) -> Option<Result<K::Got, E>> {
        self.get_state.in_line = true;
        let (queue, get_state) = (self.handle.queue(), &mut self.get_state);
        let output = try_take(queue, &mut self.take, PopFallback::General, get_state);
        self.get_state.in_line = false;
        let room = std::mem::take(&mut self.get_state.room);
        let place = if output.is_some() { self.place.take() } else { None };
        self.handle.queue().finish_queued_get(place.map(|place| (self.line, place)), room);
        if output.is_some() {
            self.handle.queue().withdraw(&mut self.get_state);
        }
        output
    }

    fn leave_queue(&mut self) {
        if let Some(place) = self.place.take() {
            self.handle.queue().cancel_get(self.line, place);
        }
    }
}

impl<T, H, K, E, F> Attempt for GetAttempt<T, H, K, E, F>
where
    H: QueueRef<T>,
    K: Take<T>,
    E: From<GetError>,
    F: From<GetTimeoutError> + From<E>,
{
    type Output = Result<K::Got, E>;
    type Timed = Result<K::Got, F>;

    #[inline]
    fn try_complete(&mut self, waker: Option<&Waker>) -> Option<Self::Output> {
        if let Some(place) = &self.place {
            if self.line != GetterKind::Get || !self.handle.queue().is_get_notified(place) {
                return self.poll_queued(waker);
            }
            self.place = None;
            if !K::SINGLE {
                return self.try_queued();
            }
        }
        let queue = self.handle.queue();
        let mut fallback = PopFallback::General;
        if K::SINGLE {
            match queue.try_claim_pop() {
                Ok(ticket) => {
                    let got = ticket.take(|item| Some(Ok(self.take.shape(item))));
                    queue.notify_putters();
                    return got;
                }
                Err(why) => fallback = why,
            }
        }
        take_slow(queue, &mut self.take, fallback, &mut self.get_state)
    }

    /// With capacity 0: a put goes in at once only for one that waits.
    fn registers_first(&self) -> bool {
        self.handle.queue().is_rendezvous()
    }

    fn spin(&self) -> Spin<'_> {
        let queue = self.handle.queue();
        queue.spin(queue.capacity().is_none())
    }

    fn progress(&self) -> u64 {
        self.handle.queue().raw.tail_progress()
    }

    fn is_registered(&self) -> bool {
        self.place.is_some()
    }

    fn register(&mut self, waker: &Waker) -> Option<Self::Output> {
        let (place, may_get) = self.handle.queue().enqueue_get(self.line, waker.clone(), &mut self.get_state);
        self.place = Some(place);
        if may_get {
            self.try_queued()
        } else {
            None
        }
    }

    #[cold]
    fn cancel(&mut self) {
        self.leave_queue();
        self.handle.queue().withdraw(&mut self.get_state);
    }

    fn timed(output: Self::Output) -> Self::Timed {
        Ok(output?)
    }

    fn on_timeout(&mut self) -> Self::Timed {
        // First nobody counts on this get any more; then what came for it is not left behind.
        self.handle.queue().withdraw(&mut self.get_state);
        match self.try_complete(None) {
            Some(output) => Self::timed(output),
            None => {
                self.leave_queue();
                Err(GetTimeoutError::Timeout.into())
            }
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
}

operation! {
    /// Future returned by [`Queue::get_many`].
    ///
    /// # Cancel safety
    /// It can be dropped at any time: it takes items only in the poll that returns their number.
    pub struct GetMany<'a, T>(GetAttempt<T, &'a Queue<T>, Many<'a, T>>)
        -> Result<usize, GetError>, in time Result<usize, GetTimeoutError>;
}

operation! {
    /// Future returned by [`Queue::get_task`].
    ///
    /// # Cancel safety
    /// It can be dropped at any time: it takes an item only in the poll that returns it.
    pub struct GetTask<'a, T>(GetAttempt<T, &'a Queue<T>, Guarded<'a, T>>)
        -> Result<Task<'a, T>, GetError>, in time Result<Task<'a, T>, GetTimeoutError>;
}
