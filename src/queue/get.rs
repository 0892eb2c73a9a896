//! Getting, with waiting: one item, some, or one in a guard.

use super::desk::Expecting;
use super::lines::Getters;
use super::{Host, Queue, Task};
use crate::error::{GetError, GetTimeoutError};
use crate::line::Place;
use crate::operation::{operation, Attempt, Spin};
use crate::raw::{Setback, Vacant};
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
        setback: Setback<'_, T>,
        expecting: &mut Expecting,
    ) -> Result<Self::Got, Vacant>;
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

    fn take(&mut self, queue: &Queue<T>, setback: Setback<'_, T>, expecting: &mut Expecting) -> Result<T, Vacant> {
        queue.pop_otherwise(setback, expecting)
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

    fn take(&mut self, queue: &Queue<T>, _: Setback<'_, T>, expecting: &mut Expecting) -> Result<usize, Vacant> {
        queue.pop_many(self.items, self.limit, expecting)
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
        setback: Setback<'_, T>,
        expecting: &mut Expecting,
    ) -> Result<Task<'a, T>, Vacant> {
        One.take(queue, setback, expecting).map(|item| self.shape(item))
    }
}

/// Tries after a setback.
fn try_take<T, K: Take<T>, E: From<GetError>>(
    queue: &Queue<T>,
    take: &mut K,
    setback: Setback<'_, T>,
    expecting: &mut Expecting,
) -> Option<Result<K::Got, E>> {
    match take.take(queue, setback, expecting) {
        Ok(got) => Some(Ok(got)),
        Err(Vacant::Closed) => Some(Err(GetError.into())),
        Err(Vacant::Empty) => None,
    }
}

/// The same for a get that is not in line.
#[cold]
fn take_otherwise<T, K: Take<T>, E: From<GetError>>(
    queue: &Queue<T>,
    take: &mut K,
    setback: Setback<'_, T>,
    expecting: &mut Expecting,
) -> Option<Result<K::Got, E>> {
    let output = try_take(queue, take, setback, expecting)?;
    queue.expect_no_more(expecting);
    Some(output)
}

/// Items on their way out. The errors are called `E` in general and `F` where time may run out.
pub(crate) struct GetAttempt<T, H: Host<T>, K: Take<T>, E = GetError, F = GetTimeoutError> {
    pub(crate) host: H,
    take: K,
    line: Getters,
    place: Option<Place>,
    expecting: Expecting,
    item: PhantomData<fn() -> T>,
    errors: PhantomData<fn() -> (E, F)>,
}

impl<T, H: Host<T>, K: Take<T>, E: From<GetError>, F> GetAttempt<T, H, K, E, F> {
    #[inline]
    pub(crate) fn new(host: H, take: K) -> Self {
        let expecting = Expecting::default();
        GetAttempt { host, take, line: Getters::Eager, place: None, expecting, item: PhantomData, errors: PhantomData }
    }

    /// For one who may not come when he is called.
    #[cfg(feature = "stream")]
    pub(crate) fn at_leisure(host: H, take: K) -> Self {
        GetAttempt { line: Getters::AtLeisure, ..GetAttempt::new(host, take) }
    }

    /// A call is used up before the try that it is for: one that comes after the try may be for what the try did not see,
    /// and goes on to another if the try succeeds.
    #[cold]
    fn attempt_in_line(&mut self, waker: Option<&Waker>) -> Option<Result<K::Got, E>> {
        self.host.queue().hear_call(self.line, &mut self.place, waker);
        self.try_in_line()
    }

    fn try_in_line(&mut self) -> Option<Result<K::Got, E>> {
        self.expecting.in_line = true;
        let (queue, expecting) = (self.host.queue(), &mut self.expecting);
        let output = try_take(queue, &mut self.take, Setback::Unknown, expecting);
        self.expecting.in_line = false;
        let room = std::mem::take(&mut self.expecting.room);
        let place = if output.is_some() { self.place.take() } else { None };
        self.host.queue().finish_in_line(place.map(|place| (self.line, place)), room);
        if output.is_some() {
            self.host.queue().expect_no_more(&mut self.expecting);
        }
        output
    }

    fn leave_line(&mut self) {
        if let Some(place) = self.place.take() {
            self.host.queue().leave_getters(self.line, place);
        }
    }
}

impl<T, H, K, E, F> Attempt for GetAttempt<T, H, K, E, F>
where
    H: Host<T>,
    K: Take<T>,
    E: From<GetError>,
    F: From<GetTimeoutError> + From<E>,
{
    type Output = Result<K::Got, E>;
    type Timed = Result<K::Got, F>;

    #[inline]
    fn attempt(&mut self, waker: Option<&Waker>) -> Option<Self::Output> {
        if let Some(place) = &self.place {
            if self.line != Getters::Eager || !self.host.queue().hear_call_at_once(place) {
                return self.attempt_in_line(waker);
            }
            self.place = None;
            if !K::SINGLE {
                return self.try_in_line();
            }
        }
        let queue = self.host.queue();
        let mut setback = Setback::Unknown;
        if K::SINGLE {
            match queue.ticket_to_get() {
                Ok(ticket) => {
                    let got = ticket.take(|item| Some(Ok(self.take.shape(item))));
                    queue.tell_of_room();
                    return got;
                }
                Err(why) => setback = why,
            }
        }
        take_otherwise(queue, &mut self.take, setback, &mut self.expecting)
    }

    /// With capacity 0: a put goes in at once only for one that waits.
    fn stands_in_line(&self) -> bool {
        self.host.queue().is_rendezvous()
    }

    fn spin(&self) -> Spin<'_> {
        let queue = self.host.queue();
        queue.spin(queue.capacity().is_none())
    }

    fn traffic(&self) -> u64 {
        self.host.queue().raw.tail_traffic()
    }

    fn waits(&self) -> bool {
        self.place.is_some()
    }

    fn enrol(&mut self, waker: &Waker) -> Option<Self::Output> {
        let (place, may_get) = self.host.queue().line_up_to_get(self.line, waker.clone(), &mut self.expecting);
        self.place = Some(place);
        if may_get {
            self.try_in_line()
        } else {
            None
        }
    }

    #[cold]
    fn cancel(&mut self) {
        self.leave_line();
        self.host.queue().expect_no_more(&mut self.expecting);
    }

    fn in_time(output: Self::Output) -> Self::Timed {
        Ok(output?)
    }

    fn out_of_time(&mut self) -> Self::Timed {
        // First nobody counts on this get any more; then what came for it is not left behind.
        self.host.queue().expect_no_more(&mut self.expecting);
        match self.attempt(None) {
            Some(output) => Self::in_time(output),
            None => {
                self.leave_line();
                Err(GetTimeoutError::Timeout.into())
            }
        }
    }
}

operation! {
    /// An item on its way out of a queue; made by [`Queue::get`].
    ///
    /// # Cancel safety
    /// It can be dropped at any time: it takes an item only in the poll that returns it.
    ///
    /// # Panics
    /// If polled after it completed.
    pub struct Get<'a, T>(GetAttempt<T, &'a Queue<T>, One>)
        -> Result<T, GetError>, in time Result<T, GetTimeoutError>;
}

operation! {
    /// Some items on their way out of a queue; made by [`Queue::get_many`].
    ///
    /// # Cancel safety
    /// It can be dropped at any time: it takes items only in the poll that returns their number.
    ///
    /// # Panics
    /// If polled after it completed.
    pub struct GetMany<'a, T>(GetAttempt<T, &'a Queue<T>, Many<'a, T>>)
        -> Result<usize, GetError>, in time Result<usize, GetTimeoutError>;
}

operation! {
    /// An item on its way out of a queue, in a guard; made by [`Queue::get_task`].
    ///
    /// # Cancel safety
    /// It can be dropped at any time: it takes an item only in the poll that returns it.
    ///
    /// # Panics
    /// If polled after it completed.
    pub struct GetTask<'a, T>(GetAttempt<T, &'a Queue<T>, Guarded<'a, T>>)
        -> Result<Task<'a, T>, GetError>, in time Result<Task<'a, T>, GetTimeoutError>;
}
