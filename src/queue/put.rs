//! Putting, with waiting: one item, or many.

use super::desk::LinedUp;
use super::lines::Want;
use super::{Host, Queue};
use crate::error::{PutError, PutTimeoutError};
use crate::line::Place;
use crate::operation::{operation, Attempt, Operation, Spin};
use crate::raw::{Hitch, PutTicket, Refused};
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::task::Waker;

/// What is put: an `Option` of one item, or a `VecDeque` of many.
pub(crate) trait Load<T> {
    /// In what shape the items are handed back.
    type Rest;

    fn next(&mut self) -> Option<T>;
    fn put_back(&mut self, item: T);
    /// Puts as much in as there is room for; what did not go in stays.
    fn push(&mut self, queue: &Queue<T>) -> Result<(), Refused<()>>;
    /// Hands the items back, if there are any.
    fn rest(&mut self) -> Option<Self::Rest>;
}

/// As [`Queue::push_within_limit`].
#[inline(never)]
fn push_within_limit<T>(load: &mut Option<T>, queue: &Queue<T>) -> Result<(), Refused<()>> {
    match queue.ticket_to_put_within_limit() {
        Ok(ticket) => put_in(load, queue, ticket),
        Err(hitch) => push_otherwise(load, queue, hitch),
    }
}

/// Puts the item in for which there is a slot. Only now is it taken out of the load, so that it is copied once.
#[inline]
fn put_in<T>(load: &mut Option<T>, queue: &Queue<T>, ticket: PutTicket<'_, T>) -> Result<(), Refused<()>> {
    let Some(item) = load.take() else { unreachable!("a slot was claimed for an item") };
    match queue.publish(ticket, item) {
        Ok(()) => Ok(()),
        Err(asked) => queue.put_in_asked(asked).map_err(|refused| keep(refused, load)),
    }
}

#[cold]
#[inline(never)]
fn push_otherwise<T>(load: &mut Option<T>, queue: &Queue<T>, hitch: Hitch<'_, T>) -> Result<(), Refused<()>> {
    let Some(item) = load.take() else { return Ok(()) };
    queue.push_otherwise(item, hitch).map_err(|refused| keep(refused, load))
}

/// Puts a refused item back; what is left is why it was refused.
fn keep<T>(refused: Refused<T>, load: &mut impl Load<T>) -> Refused<()> {
    let (item, why) = match refused {
        Refused::Full(item) => (item, Refused::Full(())),
        Refused::Closed(item) => (item, Refused::Closed(())),
    };
    load.put_back(item);
    why
}

impl<T> Load<T> for Option<T> {
    type Rest = T;

    fn next(&mut self) -> Option<T> {
        self.take()
    }

    #[inline]
    fn put_back(&mut self, item: T) {
        *self = Some(item);
    }

    #[inline]
    fn push(&mut self, queue: &Queue<T>) -> Result<(), Refused<()>> {
        if self.is_none() {
            return Ok(());
        }
        if queue.has_limit() {
            return push_within_limit(self, queue);
        }
        match queue.raw.ticket_to_put() {
            Ok(ticket) => put_in(self, queue, ticket),
            Err(hitch) => push_otherwise(self, queue, hitch),
        }
    }

    fn rest(&mut self) -> Option<T> {
        self.take()
    }
}

impl<T> Load<T> for VecDeque<T> {
    type Rest = Vec<T>;

    fn next(&mut self) -> Option<T> {
        self.pop_front()
    }

    #[inline]
    fn put_back(&mut self, item: T) {
        self.push_front(item);
    }

    fn push(&mut self, queue: &Queue<T>) -> Result<(), Refused<()>> {
        queue.push_many(self)
    }

    fn rest(&mut self) -> Option<Vec<T>> {
        (!self.is_empty()).then(|| std::mem::take(self).into())
    }
}

/// Items on their way in. The errors are called `E` in general and `F` where time may run out.
pub(crate) struct PutAttempt<T, H, L, E = PutError<<L as Load<T>>::Rest>, F = PutTimeoutError<<L as Load<T>>::Rest>>
where
    H: Host<T>,
    L: Load<T>,
{
    pub(crate) host: H,
    pub(crate) load: L,
    /// Where the next item waits for room. It is no longer in the load then, unless it `stays` there.
    place: Option<Place>,
    /// The item stays with the one who puts until he is polled: nobody else moves it in.
    stays: bool,
    item: PhantomData<fn(T) -> (E, F)>,
}

impl<T, H: Host<T>, L: Load<T>, E: From<PutError<L::Rest>>, F> PutAttempt<T, H, L, E, F> {
    #[inline]
    pub(crate) fn new(host: H, load: L) -> Self {
        PutAttempt { host, load, place: None, stays: false, item: PhantomData }
    }

    /// One whose item goes in only when it is polled; but with capacity 0, where an item has no room but by a get.
    #[cfg(feature = "compat")]
    pub(crate) fn that_stays(host: H, load: L) -> Self {
        let stays = !host.queue().is_rendezvous();
        PutAttempt { stays, ..PutAttempt::new(host, load) }
    }

    /// What is not in the queue for good.
    pub(crate) fn take_back(&mut self) -> Option<L::Rest> {
        if let Some(place) = self.place.take() {
            if let Want::Put(item) = self.host.queue().leave_putters(place) {
                self.load.put_back(item);
            }
        }
        self.load.rest()
    }

    #[inline]
    fn push(&mut self) -> Option<Result<(), E>> {
        match self.load.push(self.host.queue()) {
            Ok(()) => Some(Ok(())),
            Err(Refused::Full(())) => None,
            Err(Refused::Closed(())) => Some(self.closed_out()),
        }
    }

    #[cold]
    fn closed_out(&mut self) -> Result<(), E> {
        self.load.rest().map_or(Ok(()), |rest| Err(PutError(rest).into()))
    }

    #[cold]
    fn attempt_in_line(&mut self, waker: Option<&Waker>) -> Option<Result<(), E>> {
        if !self.stays && self.place.as_ref().is_some_and(|place| self.host.queue().went_in(place)) {
            self.place = None;
            return self.push();
        }
        match self.host.queue().look_for_room(&mut self.place, waker) {
            Some(want) => self.after(want),
            None if self.stays => self.attempt_out_of_turn(),
            None => None,
        }
    }

    /// An item that stays with its put goes in whenever that is polled and there is space, also if another put was notified
    /// of it.
    fn attempt_out_of_turn(&mut self) -> Option<Result<(), E>> {
        let output = self.push()?;
        if let Some(place) = self.place.take() {
            self.host.queue().leave_putters(place);
        }
        Some(output)
    }

    /// The wait of one item is over.
    fn after(&mut self, want: Want<T>) -> Option<Result<(), E>> {
        match want {
            Want::Put(item) => {
                self.load.put_back(item);
                Some(self.closed_out())
            }
            _ => self.push(),
        }
    }
}

#[cfg(feature = "sink")]
impl<T, H: Host<T>> PutAttempt<T, H, Option<T>> {
    /// Whether no item is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        self.load.is_none() && self.place.is_none()
    }
}

impl<T, H, L, E, F> Attempt for PutAttempt<T, H, L, E, F>
where
    H: Host<T>,
    L: Load<T>,
    E: From<PutError<L::Rest>>,
    F: From<PutTimeoutError<L::Rest>> + From<E>,
{
    type Output = Result<(), E>;
    type Timed = Result<(), F>;

    #[inline]
    fn attempt(&mut self, waker: Option<&Waker>) -> Option<Self::Output> {
        if self.place.is_none() {
            self.push()
        } else {
            self.attempt_in_line(waker)
        }
    }

    fn stands_in_line(&self) -> bool {
        true
    }

    fn spin(&self) -> Spin<'_> {
        self.host.queue().spin(false)
    }

    fn traffic(&self) -> u64 {
        self.host.queue().raw.head_traffic()
    }

    fn waits(&self) -> bool {
        self.place.is_some()
    }

    fn enrol(&mut self, waker: &Waker) -> Option<Self::Output> {
        loop {
            // Cloned first: that may panic.
            let waker = waker.clone();
            let want = match self.stays {
                true => Want::Room,
                false => match self.load.next() {
                    Some(item) => Want::Put(item),
                    None => return Some(Ok(())),
                },
            };
            let want = {
                let (lined_up, _told) = self.host.queue().line_up_for_room(waker, want);
                match lined_up {
                    LinedUp::Waits(place) => {
                        self.place = Some(place);
                        return None;
                    }
                    LinedUp::Over(want) => want,
                }
            };
            if let Some(output) = self.after(want) {
                return Some(output);
            }
        }
    }

    #[cold]
    fn cancel(&mut self) {
        drop(self.take_back());
    }

    fn in_time(output: Self::Output) -> Self::Timed {
        Ok(output?)
    }

    fn out_of_time(&mut self) -> Self::Timed {
        self.take_back().map_or(Ok(()), |rest| Err(PutTimeoutError::Timeout(rest).into()))
    }
}

impl<T, H, L, E, F> Operation<PutAttempt<T, H, L, E, F>>
where
    H: Host<T>,
    L: Load<T>,
    E: From<PutError<L::Rest>>,
    F: From<PutTimeoutError<L::Rest>> + From<E>,
{
    /// Ends the operation and hands back what is not in the queue.
    pub(crate) fn take_back(&mut self) -> Option<L::Rest> {
        self.finish();
        self.attempt.take_back()
    }
}

operation! {
    /// An item on its way into a queue; made by [`Queue::put`].
    ///
    /// # Cancel safety
    /// An item that waits stands in line: a get that makes room moves it into the queue, polled or not. So dropping this
    /// while it is pending drops the item unless it has gone in by then. [`Put::take`] tells: it gives the item back, or
    /// `None` if it is in.
    pub struct Put<'a, T>(PutAttempt<T, &'a Queue<T>, Option<T>>)
        -> Result<(), PutError<T>>, in time Result<(), PutTimeoutError<T>>;
}

impl<T> Put<'_, T> {
    /// Takes the item back and ends the operation; `None` once the item is in the queue, as it may be before the operation
    /// was polled again, or was handed back by an error.
    ///
    /// # Examples
    /// ```
    /// use futures_lite::future::{block_on, poll_once};
    ///
    /// let queue = joinq::Queue::bounded(1);
    /// queue.try_put(1).unwrap();
    /// let mut put = queue.put(2);
    /// // The put loses a `select!`:
    /// assert!(block_on(poll_once(&mut put)).is_none());
    /// assert_eq!(put.take(), Some(2));
    /// ```
    pub fn take(&mut self) -> Option<T> {
        self.0.take_back()
    }
}

operation! {
    /// Items on their way into a queue; made by [`Queue::put_many`].
    ///
    /// # Cancel safety
    /// Dropping it while it is pending drops the items that are not in the queue; [`PutMany::take`] gives them back. The
    /// first of those stands in line, as with [`Put`].
    pub struct PutMany<'a, T>(PutAttempt<T, &'a Queue<T>, VecDeque<T>>)
        -> Result<(), PutError<Vec<T>>>, in time Result<(), PutTimeoutError<Vec<T>>>;
}

impl<T> PutMany<'_, T> {
    /// Takes the items back that are not in the queue, in their order, and ends the operation.
    pub fn take(&mut self) -> Vec<T> {
        self.0.take_back().unwrap_or_default()
    }
}
