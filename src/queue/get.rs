//! Getting, with waiting: one item, some, or one in a guard.

use super::desk::Expecting;
use super::lines::Getters;
use super::{Host, Queue, Task};
use crate::error::{GetError, GetTimeoutError};
use crate::line::{Place, Who};
use crate::operation::{operation, Attempt};
use crate::raw::Vacant;
use std::marker::PhantomData;
use std::task::Waker;

/// In what shape items are got.
pub(crate) trait Take<T> {
    type Got;
    /// Whether it is one item: then all is done when room is told of. A batch has what was inside and not, beyond that, what
    /// goes in for the room that it makes.
    const IS_ONE: bool = true;

    fn take(&mut self, queue: &Queue<T>, expecting: &mut Expecting) -> Result<Self::Got, Vacant>;
}

/// One item as it is.
pub(crate) struct One;

impl<T> Take<T> for One {
    type Got = T;

    #[inline]
    fn take(&mut self, queue: &Queue<T>, expecting: &mut Expecting) -> Result<T, Vacant> {
        queue.pop(expecting)
    }
}

/// Up to `limit` items, appended to a vector.
pub(crate) struct Many<'a, T> {
    pub(crate) items: &'a mut Vec<T>,
    pub(crate) limit: usize,
}

impl<T> Take<T> for Many<'_, T> {
    type Got = usize;
    const IS_ONE: bool = false;

    fn take(&mut self, queue: &Queue<T>, expecting: &mut Expecting) -> Result<usize, Vacant> {
        queue.pop_many(self.items, self.limit, expecting)
    }
}

/// One item in the guard that counts it as done.
pub(crate) struct Guarded<'a, T>(pub(crate) &'a Queue<T>);

impl<'a, T> Take<T> for Guarded<'a, T> {
    type Got = Task<'a, T>;

    fn take(&mut self, queue: &Queue<T>, expecting: &mut Expecting) -> Result<Task<'a, T>, Vacant> {
        One.take(queue, expecting).map(|item| Task::new(self.0, item))
    }
}

/// Items on their way out.
pub(crate) struct GetAttempt<T, H: Host<T>, K: Take<T>> {
    pub(crate) host: H,
    take: K,
    line: Getters,
    place: Option<Place>,
    who: Who,
    expecting: Expecting,
    item: PhantomData<fn() -> T>,
}

impl<T, H: Host<T>, K: Take<T>> GetAttempt<T, H, K> {
    pub(crate) fn new(host: H, take: K) -> Self {
        let expecting = Expecting::default();
        GetAttempt { host, take, line: Getters::Eager, place: None, who: Who::Task, expecting, item: PhantomData }
    }

    /// For one who may not come when he is called.
    #[cfg(feature = "stream")]
    pub(crate) fn at_leisure(host: H, take: K) -> Self {
        GetAttempt { line: Getters::AtLeisure, ..GetAttempt::new(host, take) }
    }

    #[inline]
    fn try_take(&mut self) -> Option<Result<K::Got, GetError>> {
        match self.take.take(self.host.queue(), &mut self.expecting) {
            Ok(got) => Some(Ok(got)),
            Err(Vacant::Closed) => Some(Err(GetError)),
            Err(Vacant::Empty) => None,
        }
    }

    /// A call is used up before the try that it is for: one that comes after the try may be for what the try did not see,
    /// and goes on to another if the try succeeds.
    #[cold]
    fn attempt_in_line(&mut self, waker: Option<&Waker>) -> Option<Result<K::Got, GetError>> {
        self.host.queue().hear_call(self.line, self.who, &mut self.place, waker);
        let come = self.place.is_none() && self.who == Who::Thread;
        if come {
            // From here on others are called for what comes in; what came before is seen.
            self.host.queue().raw.meet_pushes();
        }
        self.try_in_line(come)
    }

    fn try_in_line(&mut self, come: bool) -> Option<Result<K::Got, GetError>> {
        self.expecting.in_line = true;
        let output = self.try_take();
        self.expecting.in_line = false;
        let room = std::mem::take(&mut self.expecting.room);
        if output.is_some() {
            self.leave_line();
        }
        self.host.queue().finish_in_line(come && output.is_some(), room);
        if output.is_some() {
            self.host.queue().expect_no_more(&mut self.expecting);
        }
        output
    }

    fn leave_line(&mut self) {
        if let Some(place) = self.place.take() {
            self.host.queue().leave_getters(self.line, self.who, place);
        }
    }
}

impl<T, H: Host<T>, K: Take<T>> Attempt for GetAttempt<T, H, K> {
    type Output = Result<K::Got, GetError>;
    type Timed = Result<K::Got, GetTimeoutError>;

    #[inline]
    fn attempt(&mut self, waker: Option<&Waker>) -> Option<Self::Output> {
        if let Some(place) = &self.place {
            if self.line != Getters::Eager || self.who == Who::Thread || !self.host.queue().hear_call_at_once(place) {
                return self.attempt_in_line(waker);
            }
            self.place = None;
            if !K::IS_ONE {
                return self.try_in_line(false);
            }
        }
        let output = self.try_take()?;
        self.host.queue().expect_no_more(&mut self.expecting);
        Some(output)
    }

    fn first_pause(&self) -> u32 {
        self.host.queue().first_pause()
    }

    fn may_succeed(&self) -> bool {
        self.host.queue().may_get()
    }

    fn waits(&self) -> bool {
        self.place.is_some()
    }

    fn enrol(&mut self, waker: &Waker, who: Who) -> Option<Self::Output> {
        self.who = who;
        let (place, may_get) = self.host.queue().line_up_to_get(self.line, waker.clone(), who, &mut self.expecting);
        self.place = Some(place);
        if may_get {
            self.try_in_line(false)
        } else {
            None
        }
    }

    #[inline]
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
                Err(GetTimeoutError::Timeout)
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
