//! The desk: where those who wait for an item or for room are written down, and from where they are called.
//!
//! Knows lines, the core and the credit. Does not know operations.
//!
//! There is one mutex, and in front of it a *gate* for each line: the number of those who wait and are not called. While
//! it is 0, which is whenever nobody waits, an operation pays one relaxed load and takes no lock.
//!
//! Race: a call that cannot be lost. The waiter (W) waits for a change that is an RMW of a word by a changer (C).
//! 1. W enters the line, and the gate is set.
//! 2. W *meets* the word: an RMW that changes nothing ([`crate::sync::meet`]).
//! 3. W looks once more whether it must wait, and only then waits.
//! 4. C's RMW comes before step 2: then W sees the change in step 3.
//! 5. Or it comes after: then C has acquired what W did in step 1, and its relaxed load of the gate sees it.
//!
//! The waiter pays, not the changer: no fence and no second RMW stands in `put` or `get`.
//!
//! Who was called learns that without the lock: see [`super::through`].
//!
//! A put waits *in line* with its item: a get that has made room moves the items of those who wait into the queue, the
//! first in line first, so that none of them has to run before the next get (kanal does so, and Go's channels). A permit
//! that comes back goes to the first in line likewise (as in tokio's semaphore). A get that waits is only called: an item
//! is never in the hands of a future that may be dropped.

use super::credit::{Credit, Denied};
use super::lines::{Getters, Lines, Want};
use super::through::Through;
use super::told::{Told, EVERYBODY};
use super::Queue;
use crate::line::{Called, Calls, Line, Place};
use crate::raw::{to_usize, Observer, Refused, Vacant, UNBOUNDED};
use crate::sync::Mutex;
use std::collections::VecDeque;
use std::sync::PoisonError;
use std::task::Waker;

pub(super) struct Desk<T> {
    /// They are made when somebody waits for the first time.
    lines: Mutex<Option<Box<Lines<T>>>>,
    /// Gets that were called.
    getters_through: Through,
    /// Puts whose item went in from the line.
    putters_through: Through,
}

impl<T> Desk<T> {
    crate::sync::const_fn! {
        pub(super) const fn new() -> Self {
            Desk { lines: Mutex::new(None), getters_through: Through::new(), putters_through: Through::new() }
        }
    }
}

/// What goes with a get while it waits.
#[derive(Debug, Default)]
pub(crate) struct Expecting {
    /// With capacity 0: one item may go in for it.
    meets: bool,
    /// It tries from its place in line or on a call. Room that it makes is noted then, to be told of when it has left the
    /// line and called the next: who is told of room may be somebody else's code.
    pub(super) in_line: bool,
    /// What was noted.
    pub(super) room: bool,
}

/// How a wait for room began.
pub(super) enum LinedUp<T> {
    Waits(Place),
    /// It was granted at once, or the queue is closed and it will not be.
    Over(Want<T>),
}

impl<T> Queue<T> {
    /// Runs `act` with the desk locked. No code of others may run in it; should an allocation fail there, nothing is half done.
    #[inline]
    fn at_desk<R>(&self, act: impl FnOnce(&mut Lines<T>) -> R) -> R {
        let mut desk = self.aside.desk.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = match &mut *desk {
            Some(lines) => lines,
            none => none.insert(Lines::boxed()),
        };
        let result = act(lines);
        self.set_gates(lines);
        result
    }

    /// As [`at_desk`](Self::at_desk); what `act` tells of is passed on after that.
    #[inline]
    fn telling_at_desk<R>(&self, act: impl FnOnce(&mut Lines<T>, &mut Told<'_, T>) -> R) -> R {
        let (result, told) = self.hear_at_desk(Told::new(self), act);
        drop(told);
        result
    }

    /// As [`telling_at_desk`](Self::telling_at_desk), for a caller who has something to do that must not be left out if a waker
    /// panics.
    fn hear_at_desk<'a, R>(
        &'a self,
        mut told: Told<'a, T>,
        act: impl FnOnce(&mut Lines<T>, &mut Told<'a, T>) -> R,
    ) -> (R, Told<'a, T>) {
        let result = self.at_desk(|lines| {
            let result = act(lines, &mut told);
            lines.call_getters(told.surfaced.get(), &mut told.calls);
            result
        });
        (result, told)
    }

    /// Sets each gate to what its line has, and says who is through; the desk is locked.
    fn set_gates(&self, lines: &Lines<T>) {
        let (gates, desk) = (&self.beside.gates, &self.aside.desk);
        gates.set_getters(lines.getters.waiting());
        desk.getters_through.set(lines.getters.through());
        #[cfg(feature = "stream")]
        gates.set_streams(lines.streams.waiting());
        gates.set_putters(lines.putters.waiting());
        desk.putters_through.set(lines.putters.through());
    }

    /// Calls for `items` that have come in.
    #[cold]
    pub(super) fn call_getters(&self, items: usize) {
        let mut calls = Calls::default();
        self.at_desk(|lines| lines.call_getters(items, &mut calls));
    }

    /// Gives what there is to those who wait for room.
    #[cold]
    pub(super) fn serve_putters(&self, limit: u64) {
        self.telling_at_desk(|lines, told| self.serve(lines, limit, told));
    }

    fn serve(&self, lines: &mut Lines<T>, limit: u64, told: &mut Told<'_, T>) {
        // Who puts in himself has not yet done so, also if it was notified before.
        let mut called = if self.goes_by_the_limit() { lines.putters.notified() as u64 } else { 0 };
        while let Some(want) = lines.putters.first() {
            if matches!(want, Want::Room) && self.goes_by_the_limit() {
                if self.raw.len().saturating_add(called) >= limit {
                    break;
                }
                called += 1;
            }
            if !self.grant(want, limit.saturating_sub(called), told) {
                break;
            }
            told.calls.add(match want {
                Want::Granted => lines.putters.finish_first(),
                _ => lines.putters.call_first(),
            });
        }
    }

    /// How many items may be inside now, where something else than credit decides.
    fn limit_at_desk(&self, lines: &Lines<T>) -> u64 {
        if !self.is_rendezvous() {
            self.beside.limit
        } else if self.beside.hands_over {
            self.raw.len() + lines.waiting_getters() as u64
        } else {
            lines.expecting
        }
    }

    /// Gives the first in line what it wants, if that is there.
    fn grant(&self, want: &mut Want<T>, limit: u64, told: &mut Told<'_, T>) -> bool {
        match std::mem::replace(want, Want::Granted) {
            Want::Put(item) => match self.push_at_desk(item, limit, told) {
                Ok(()) => true,
                Err(Refused::Full(item) | Refused::Closed(item)) => {
                    *want = Want::Put(item);
                    false
                }
            },
            Want::Permits { missing, held } => {
                // Closing or none free: nothing is to be had.
                let more = self.credit().acquire(1, missing).unwrap_or(0);
                *want = Want::Permits { missing: missing - more, held: held + more };
                more == missing
            }
            Want::Room => {
                *want = Want::Room;
                true
            }
            Want::Granted => unreachable!("who is granted what he wants is called"),
        }
    }

    fn push_at_desk(&self, item: T, limit: u64, told: &mut Told<'_, T>) -> Result<(), Refused<T>> {
        let Some(credit) = self.credit_if_any() else {
            return self.raw.push(item, limit, told);
        };
        if credit.admit(1, 1).is_err() {
            return Err(Refused::Full(item));
        }
        self.push_admitted(credit, item, told)
    }

    /// Takes permits, unless somebody waits for them.
    #[cold]
    pub(super) fn take_in_turn<R>(
        &self,
        credit: &Credit,
        take: impl FnOnce(&Credit) -> Result<R, Denied>,
    ) -> Result<R, Denied> {
        self.at_desk(|lines| match lines.putters.waiting() {
            0 => take(credit),
            _ if self.raw.is_closed() => Err(Denied::Closed),
            _ => Err(Denied::TooFew),
        })
    }

    /// Puts an item in beyond the capacity, for a get that waits and was not notified: see [`Queue::with_handover`].
    pub(super) fn push_to_waiting(&self, item: T) -> Result<(), Refused<T>> {
        self.telling_at_desk(|lines, told| match lines.waiting_getters() {
            0 => Err(Refused::Full(item)),
            _ => self.raw.push(item, UNBOUNDED, told),
        })
    }

    /// With permits: closes the core, unless an operation is at work that takes an item out for one that it puts in.
    pub(super) fn close_locked(&self, told: &Told<'_, T>) -> bool {
        self.at_desk(|_| self.raw.close(told))
    }

    /// Puts an item into a queue that was full, and takes the oldest out unless a slot was freed in the meantime. One such
    /// operation at a time, so that each takes out what was displaced by its own item.
    pub(super) fn displace(&self, item: T) -> Result<Option<T>, Refused<T>> {
        self.telling_at_desk(|_, told| {
            if self.credit_if_any().is_none() {
                // In first, so that nothing is lost if the queue is closed in between. The one item beyond the capacity is
                // this operation's.
                self.raw.push(item, UNBOUNDED, told)?;
                return Ok(self.raw.pop_beyond(self.beside.limit, told));
            }
            if self.raw.is_closed() {
                return Err(Refused::Closed(item));
            }
            // By the permit of the oldest item, if there is one.
            let Ok(oldest) = self.raw.pop(told) else { return Err(Refused::Full(item)) };
            // With permits the core is closed under the mutex only, so that it is open still.
            self.raw.push(item, UNBOUNDED, told)?;
            Ok(Some(oldest))
        })
    }

    /// Puts an item in by a permit after the close.
    #[cold]
    pub(super) fn push_late(&self, item: T) {
        self.telling_at_desk(|lines, told| {
            lines.late.push_back(item);
            self.beside.late.count_put();
            told.surfaced(1);
        });
    }

    /// Takes the oldest item that was put by a permit after the close, when nothing is left of those before.
    #[cold]
    #[inline(never)]
    pub(super) fn pop_late(&self) -> Result<T, Vacant> {
        self.take_late(|late| late.pop_front().map(|item| (item, 1)))
    }

    /// As [`pop_late`](Self::pop_late), up to `limit` items, appended to `items`.
    pub(super) fn pop_many_late(&self, items: &mut Vec<T>, limit: usize) -> Result<usize, Vacant> {
        // What may panic comes before anything is taken, and before the lock.
        items.reserve(limit.min(to_usize(self.beside.late.len())));
        let space = items.capacity() - items.len();
        self.take_late(|late| {
            let count = late.len().min(limit).min(space);
            items.extend(late.drain(..count));
            (count > 0).then_some((count, count))
        })
    }

    /// Takes late items; `take` says what, and how many.
    fn take_late<R>(&self, take: impl FnOnce(&mut VecDeque<T>) -> Option<(R, usize)>) -> Result<R, Vacant> {
        // In this order: once nothing is held nothing is put any more.
        let may_come = self.credit_if_any().is_some_and(Credit::is_held);
        if self.beside.late.len() > 0 {
            let taken = self.at_desk(|lines| {
                let (taken, count) = take(&mut lines.late)?;
                self.beside.late.count_got(count);
                Some(taken)
            });
            if let Some(taken) = taken {
                return Ok(taken);
            }
        }
        Err(if may_come { Vacant::Empty } else { Vacant::Closed })
    }

    /// With capacity 0: puts an item in if a get waits for it, and no put that came before has one for that get.
    pub(super) fn push_to_expecting(&self, item: T) -> Result<(), Refused<T>> {
        self.telling_at_desk(|lines, told| {
            // The same for both: a get is counted for one item, by whichever put.
            let limit = self.limit_at_desk(lines);
            self.serve(lines, limit, told);
            self.push_at_desk(item, limit, told)
        })
    }

    /// With capacity 0: takes what was put in for a get that waits, or the item of the first put in line.
    pub(super) fn pop_from_line(&self, expecting: &mut Expecting) -> Result<T, Vacant> {
        self.telling_at_desk(|lines, told| {
            let item = self.hand_over(lines, told)?;
            if std::mem::take(&mut expecting.meets) {
                lines.expecting -= 1;
            } else {
                // It may have been put in for a get that still waits.
                self.serve(lines, self.limit_at_desk(lines), told);
            }
            Ok(item)
        })
    }

    fn hand_over(&self, lines: &mut Lines<T>, told: &mut Told<'_, T>) -> Result<T, Vacant> {
        let vacant = match self.raw.pop(told) {
            Ok(item) => return Ok(item),
            Err(vacant) => vacant,
        };
        let Some(want) = lines.putters.first() else { return Err(vacant) };
        // Through the core, in and out, so that it counts. Nobody is called for it: it does not stay.
        let surfaced = told.surfaced.get();
        let granted = self.grant(want, 1, told);
        told.surfaced.set(surfaced);
        if !granted {
            return Err(vacant);
        }
        told.calls.add(lines.putters.finish_first());
        self.raw.pop(told)
    }

    /// With capacity 0: the get no longer waits.
    #[inline]
    pub(super) fn expect_no_more(&self, expecting: &mut Expecting) {
        if std::mem::take(&mut expecting.meets) {
            self.at_desk(|lines| lines.expecting -= 1);
        }
    }

    /// Steps 1 and 2 of a get, and a first look: the third step is the caller's if that says true.
    pub(super) fn line_up_to_get(&self, which: Getters, waker: Waker, expecting: &mut Expecting) -> (Place, bool) {
        let place = self.at_desk(|lines| {
            if self.is_rendezvous() && !std::mem::replace(&mut expecting.meets, true) {
                lines.expecting += 1;
            }
            lines.enter_to_get(which, waker)
        });
        let may_get = self.raw.meet_pushes();
        (place, may_get || self.is_rendezvous())
    }

    /// A get that waits is polled again: it has left the line if it was called, else is woken by `waker` from now on.
    pub(super) fn hear_call(&self, which: Getters, place: &mut Option<Place>, waker: Option<&Waker>) {
        self.poll_line(|lines| lines.line(which), place, waker, |_| false);
    }

    /// As [`hear_call`](Self::hear_call), for a get that waits in the queue of [`Getters::Eager`], without the lock: whether it
    /// was notified. If not, it may have been meanwhile.
    #[inline]
    pub(super) fn hear_call_at_once(&self, place: &Place) -> bool {
        self.aside.desk.getters_through.includes(place.number())
    }

    /// After an attempt by a queued get: removes it from the wait queue, and notifies putters of the slot that it freed, also
    /// if a waker panics.
    pub(super) fn finish_in_line(&self, leaving: Option<(Getters, Place)>, room: bool) {
        struct Serve<'a, T>(&'a Queue<T>, bool);
        impl<T> Drop for Serve<'_, T> {
            fn drop(&mut self) {
                if self.1 {
                    self.0.tell_of_room();
                }
            }
        }
        let _serve = Serve(self, room);
        if let Some((which, place)) = leaving {
            self.leave_getters(which, place);
        }
    }

    /// Removes a get from the wait queue. If it was notified in the meantime, the notification goes on to the next waiter.
    pub(super) fn leave_getters(&self, which: Getters, place: Place) {
        let mut calls = Calls::default();
        let left = self.at_desk(|lines| {
            let left = lines.line(which).leave(place);
            // If nothing is in the queue, the item that it was notified of is taken.
            if left.is_none() && which == Getters::Eager && self.raw.len() + self.beside.late.len() > 0 {
                lines.call_getters(1, &mut calls);
            }
            left
        });
        drop(calls);
        drop(left);
    }

    /// A put or a reservation gets in line, and in its turn has what it wants if there is that. The second result is for
    /// the caller to drop once it has dealt with the first.
    pub(super) fn line_up_for_room(&self, waker: Waker, want: Want<T>) -> (LinedUp<T>, impl Sized + '_) {
        let mut told = None;
        let (lined_up, waker) = self.at_desk(|lines| {
            let place = lines.putters.enter(waker, want);
            self.beside.gates.set_putters(lines.putters.waiting());
            let limit = self.limit_at_desk(lines);
            if !self.meet_room(limit) && !self.raw.is_closed() {
                return (LinedUp::Waits(place), None);
            }
            let told = told.insert(Told::new(self));
            self.serve(lines, limit, told);
            let called = lines.putters.called(&place) != Called::No;
            let lined_up = if called || self.raw.is_closed() {
                let (want, waker) = lines.putters.leave(place).unwrap_or((Want::Granted, None));
                // Not to be woken: it is here.
                (LinedUp::Over(want), if called { told.calls.take_last() } else { waker })
            } else {
                (LinedUp::Waits(place), None)
            };
            lines.call_getters(told.surfaced.get(), &mut told.calls);
            lined_up
        });
        (lined_up, (waker, told))
    }

    /// A wait for room is polled again: says what it has got if it is over.
    pub(super) fn look_for_room(&self, place: &mut Option<Place>, waker: Option<&Waker>) -> Option<Want<T>> {
        let over = self.poll_line(|lines| &mut lines.putters, place, waker, |queue| queue.raw.is_closed());
        over.map(|want| want.unwrap_or(Want::Granted))
    }

    /// Whether the item of a put that stands in line with it went in, without the lock. If not, it may have meanwhile.
    #[inline]
    pub(super) fn went_in(&self, place: &Place) -> bool {
        self.aside.desk.putters_through.includes(place.number())
    }

    /// A wait for room is given up. Who was called for room that he does not use leaves it to the next.
    pub(super) fn leave_putters(&self, place: Place) -> Want<T> {
        let left = self.telling_at_desk(|lines, told| {
            let left = lines.putters.leave(place);
            if matches!(left, Some((Want::Room, None))) {
                self.serve(lines, self.limit_at_desk(lines), told);
            }
            left
        });
        left.map_or(Want::Granted, |(want, _)| want)
    }

    /// Leaves the line, and says what it wanted, if called or if it is all over (`Some(None)` if it was through already); else
    /// is woken by `waker` from now on.
    fn poll_line<W>(
        &self,
        line: impl Fn(&mut Lines<T>) -> &mut Line<W>,
        place: &mut Option<Place>,
        waker: Option<&Waker>,
        over: impl Fn(&Self) -> bool,
    ) -> Option<Option<W>> {
        let mut fresh = None;
        loop {
            // A waker is cloned, and one that is no longer needed dropped, while the desk is not locked.
            let (left, wants_a_clone, _unneeded) = self.at_desk(|lines| {
                let line = line(lines);
                let Some(here) = place.take() else { return (None, false, None) };
                if line.called(&here) != Called::No || over(self) {
                    return match line.leave(here) {
                        Some((want, old)) => (Some(Some(want)), false, old),
                        None => (Some(None), false, None),
                    };
                }
                let here = place.insert(here);
                match waker.filter(|waker| line.has_another_waker(here, waker)).map(|_| fresh.take()) {
                    Some(Some(fresh)) => (None, false, Some(line.change_waker(here, fresh))),
                    Some(None) => (None, true, None),
                    None => (None, false, fresh.take()),
                }
            });
            if !wants_a_clone {
                return left;
            }
            fresh = waker.cloned();
        }
    }

    /// The queue is closed, as `told` tells of: calls all who wait for room. What was kept for one who has not got all goes
    /// back. If nothing will come out any more (`is_over`), calls all who wait for an item as well.
    pub(super) fn dismiss(&self, told: Told<'_, T>, is_over: bool) {
        // Whatever the gates say: who waits for room does not meet the word that a close changes, but looks at it under the
        // lock.
        if is_over {
            told.surfaced.set(EVERYBODY);
        }
        let nobody_came = self.aside.desk.lines.lock().unwrap_or_else(PoisonError::into_inner).is_none();
        if nobody_came {
            return;
        }
        let (held, told) = self.hear_at_desk(told, |lines, told| {
            let mut all = 0;
            // Also of reservations that have all they asked for and were not polled since.
            for want in lines.putters.each() {
                if let Want::Permits { missing, held } = want {
                    *missing += *held;
                    all += std::mem::take(held);
                }
            }
            while lines.putters.waiting() > 0 {
                told.calls.add(lines.putters.call_first());
            }
            all
        });
        if held > 0 {
            self.return_permits(self.credit(), held);
        }
        drop(told);
    }
}
