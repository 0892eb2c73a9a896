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
//! A put waits *in line* with its item: a get that has made room moves the items of those who wait into the queue, the
//! first in line first, so that none of them has to run before the next get (kanal does so, and Go's channels). A permit
//! that comes back goes to the first in line likewise (as in tokio's semaphore). A get that waits is only called: an item
//! is never in the hands of a future that may be dropped.

use super::credit::After;
use super::Queue;
use crate::line::{Called, Calls, Line, Place};
use crate::raw::{Observer, Refused, Vacant, UNBOUNDED};
use crate::sync::{AtomicUsize, Mutex, Ordering};
use std::cell::Cell;
use std::sync::PoisonError;
use std::task::Waker;

/// How many wait in each line.
pub(super) struct Gates {
    getters: AtomicUsize,
    #[cfg(feature = "stream")]
    streams: AtomicUsize,
    putters: AtomicUsize,
    /// Gets that wait, or were called and have not come yet.
    expected: AtomicUsize,
}

impl Gates {
    crate::sync::const_fn! {
        pub(super) const fn new() -> Self {
            Gates {
                getters: AtomicUsize::new(0),
                #[cfg(feature = "stream")]
                streams: AtomicUsize::new(0),
                putters: AtomicUsize::new(0),
                expected: AtomicUsize::new(0),
            }
        }
    }

    #[inline]
    fn is_shut(gate: &AtomicUsize) -> bool {
        // Ordering: Relaxed, W2. After an RMW of a word that a waiter has met (M1) what the waiter set (W1) is seen.
        gate.load(Ordering::Relaxed) == 0
    }

    #[inline]
    pub(super) fn nobody_gets(&self) -> bool {
        #[cfg(feature = "stream")]
        if !Self::is_shut(&self.streams) {
            return false;
        }
        Self::is_shut(&self.getters)
    }

    #[inline]
    pub(super) fn nobody_puts(&self) -> bool {
        Self::is_shut(&self.putters)
    }

    /// How many items more than its capacity a queue takes in now: each get that waits takes one off at once.
    #[inline]
    pub(super) fn expected(&self) -> u64 {
        // Ordering: Relaxed, W2. A hint: who is not seen to wait only has no item put in for it.
        self.expected.load(Ordering::Relaxed) as u64
    }

    /// Sets each to what its line has; the desk is locked.
    fn set<T>(&self, lines: &Lines<T>) {
        let set = |gate: &AtomicUsize, waiting| {
            // Ordering: Relaxed, W3. All stores are made under the mutex.
            if gate.load(Ordering::Relaxed) != waiting {
                // Ordering: Relaxed, W1. The meeting that follows (M1) releases it, to whoever changes the word after that.
                gate.store(waiting, Ordering::Relaxed);
            }
        };
        set(&self.getters, lines.getters.waiting());
        #[cfg(feature = "stream")]
        set(&self.streams, lines.streams.waiting());
        set(&self.putters, lines.putters.waiting());
        set(&self.expected, lines.getters.expected());
    }
}

/// What one waits for who waits for room.
pub(super) enum Want<T> {
    /// That its item goes in.
    Put(T),
    /// That so many permits more come to those it holds.
    Permits { missing: u64, held: u64 },
    /// Nothing any more: its item went in.
    Granted,
}

/// Which line a get waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Getters {
    /// Each item calls one of them.
    Eager,
    /// Each item calls all of them, as one that is called may not come.
    #[cfg(feature = "stream")]
    AtLeisure,
}

pub(super) struct Lines<T> {
    getters: Line<()>,
    #[cfg(feature = "stream")]
    streams: Line<()>,
    putters: Line<Want<T>>,
    /// With capacity 0: gets that wait, and for each of which one item may go in.
    expecting: u64,
}

impl<T> Lines<T> {
    fn getters(&mut self, which: Getters) -> &mut Line<()> {
        match which {
            Getters::Eager => &mut self.getters,
            #[cfg(feature = "stream")]
            Getters::AtLeisure => &mut self.streams,
        }
    }
}

pub(super) struct Desk<T>(Mutex<Lines<T>>);

impl<T> Desk<T> {
    crate::sync::const_fn! {
        pub(super) const fn new() -> Self {
            Desk(Mutex::new(Lines {
                getters: Line::new(),
                #[cfg(feature = "stream")]
                streams: Line::new(),
                putters: Line::new(),
                expecting: 0,
            }))
        }
    }
}

/// Whether one item may go in, with capacity 0, for the get that has this.
#[derive(Debug, Default)]
pub(crate) struct Expecting(bool);

/// How a wait for room began.
pub(super) enum LinedUp<T> {
    Waits(Place),
    /// It was granted at once, or the queue is closed and it will not be.
    Over(Want<T>),
}

/// What was heard from the core while the desk was locked, and who is to be woken when it no longer is.
#[derive(Default)]
struct Told {
    surfaced: Cell<usize>,
    voided: Cell<bool>,
    close: bool,
    calls: Calls,
}

impl Observer for Told {
    fn surfaced(&self, items: usize) {
        self.surfaced.set(self.surfaced.get().saturating_add(items));
    }

    // Whoever is at the desk serves the putters himself.
    fn vacated(&self, _slots: usize) {}

    fn voided(&self) {
        self.voided.set(true);
    }
}

impl<T> Queue<T> {
    /// Runs `act` with the desk locked. What it tells of is passed on when the desk is no longer locked: wakers are
    /// somebody else's code.
    #[inline]
    fn at_desk<R>(&self, act: impl FnOnce(&mut Lines<T>, &mut Told) -> R) -> R {
        let mut told = Told::default();
        let result = {
            // No code of others runs under the lock; should an allocation fail there, nothing is half done.
            let mut lines = self.desk.0.lock().unwrap_or_else(PoisonError::into_inner);
            let result = act(&mut lines, &mut told);
            let surfaced = told.surfaced.get();
            if surfaced > 0 {
                told.calls.call(&mut lines.getters, surfaced);
                #[cfg(feature = "stream")]
                told.calls.call(&mut lines.streams, usize::MAX);
            }
            self.beside.gates.set(&lines);
            result
        };
        if told.surfaced.get() > 0 {
            self.beside.bell.ring();
        }
        if told.voided.get() {
            self.beside.joiners.wake_all();
        }
        if told.close {
            self.close_core();
        }
        drop(told);
        result
    }

    /// Calls for `items` that have come in.
    #[cold]
    pub(super) fn call_getters(&self, items: usize) {
        self.at_desk(|_, told| told.surfaced(items));
    }

    /// Gives what there is to those who wait for room.
    #[cold]
    pub(super) fn serve_putters(&self) {
        self.at_desk(|lines, told| self.serve(lines, told));
    }

    fn serve(&self, lines: &mut Lines<T>, told: &mut Told) {
        let expecting = lines.expecting;
        while let Some(want) = lines.putters.first() {
            if !self.grant(want, expecting, told) {
                break;
            }
            told.calls.call(&mut lines.putters, 1);
        }
    }

    /// Gives the first in line what it wants, if that is there.
    fn grant(&self, want: &mut Want<T>, expecting: u64, told: &mut Told) -> bool {
        match std::mem::replace(want, Want::Granted) {
            Want::Put(item) => match self.push_at_desk(item, expecting, told) {
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
            Want::Granted => unreachable!("who is granted what he wants is called"),
        }
    }

    fn push_at_desk(&self, item: T, expecting: u64, told: &mut Told) -> Result<(), Refused<T>> {
        let Some(credit) = &self.beside.credit else {
            let limit = if self.is_rendezvous() { expecting } else { self.limit_now() };
            return self.raw.push(item, limit, told);
        };
        if credit.acquire(1, 1).is_err() {
            return Err(Refused::Full(item));
        }
        let pushed = self.raw.push(item, UNBOUNDED, told);
        told.close |= credit.spend(1) == After::Close;
        pushed
    }

    /// With capacity 0: puts an item in if a get waits for it.
    pub(super) fn push_to_expecting(&self, item: T) -> Result<(), Refused<T>> {
        self.at_desk(|lines, told| self.push_at_desk(item, lines.expecting, told))
    }

    /// With capacity 0: takes what was put in for a get that waits, or the item of the first put in line.
    pub(super) fn pop_from_line(&self, expecting: &mut Expecting) -> Result<T, Vacant> {
        self.at_desk(|lines, told| {
            let item = self.hand_over(lines, told)?;
            if std::mem::take(&mut expecting.0) {
                lines.expecting -= 1;
            }
            Ok(item)
        })
    }

    fn hand_over(&self, lines: &mut Lines<T>, told: &mut Told) -> Result<T, Vacant> {
        let vacant = match self.raw.pop(told) {
            Ok(item) => return Ok(item),
            Err(vacant) => vacant,
        };
        let Some(want) = lines.putters.first() else { return Err(vacant) };
        // Through the core, in and out, so that it counts. Nobody is called for it: it does not stay.
        if !self.grant(want, 1, &mut Told::default()) {
            return Err(vacant);
        }
        told.calls.call(&mut lines.putters, 1);
        self.raw.pop(told)
    }

    /// With capacity 0: the get no longer waits.
    pub(super) fn expect_no_more(&self, expecting: &mut Expecting) {
        if std::mem::take(&mut expecting.0) {
            self.at_desk(|lines, _| lines.expecting -= 1);
        }
    }

    /// Steps 1 and 2 of a get; the third is the caller's.
    pub(super) fn line_up_to_get(&self, which: Getters, waker: Waker, expecting: &mut Expecting) -> Place {
        let place = self.at_desk(|lines, _| {
            if self.is_rendezvous() && !std::mem::replace(&mut expecting.0, true) {
                lines.expecting += 1;
            }
            lines.getters(which).enter(waker, ())
        });
        self.raw.meet_pushes();
        place
    }

    /// A get that waits is polled again: leaves the line if it was called, else is woken by `waker` from now on.
    pub(super) fn hear_call(&self, which: Getters, place: Place, waker: Option<&Waker>) -> Option<Place> {
        self.poll_line(|lines| lines.getters(which), place, waker, |_| false).ok()
    }

    /// A get leaves the line. If it was called meanwhile the next one is, as it did not come for that.
    pub(super) fn leave_getters(&self, which: Getters, place: Place) {
        let waker = self.at_desk(|lines, told| {
            let line = lines.getters(which);
            let ((), called, waker) = line.leave(place);
            if called == Called::Yes && which == Getters::Eager {
                told.calls.call(line, 1);
            }
            waker
        });
        drop(waker);
    }

    /// A put or a reservation gets in line, and in its turn has what it wants if there is that.
    pub(super) fn line_up_for_room(&self, waker: Waker, want: Want<T>) -> LinedUp<T> {
        let (lined_up, waker) = self.at_desk(|lines, told| {
            let place = lines.putters.enter(waker, want);
            self.beside.gates.set(lines);
            self.meet_room();
            self.serve(lines, told);
            if lines.putters.called(&place) == Called::Yes {
                // Not to be woken: it is here.
                return (LinedUp::Over(lines.putters.leave(place).0), told.calls.take_last());
            }
            if self.entry_is_closed() {
                let (want, _, waker) = lines.putters.leave(place);
                return (LinedUp::Over(want), waker);
            }
            (LinedUp::Waits(place), None)
        });
        drop(waker);
        lined_up
    }

    /// A wait for room is polled again: what it has got if it is over, its place if not.
    pub(super) fn look_for_room(&self, place: Place, waker: Option<&Waker>) -> Result<Place, Want<T>> {
        self.poll_line(|lines| &mut lines.putters, place, waker, |queue| queue.entry_is_closed())
    }

    /// A wait for room is given up.
    pub(super) fn leave_putters(&self, place: Place) -> Want<T> {
        let (want, waker) = self.at_desk(|lines, _| {
            let (want, _, waker) = lines.putters.leave(place);
            (want, waker)
        });
        drop(waker);
        want
    }

    /// Leaves the line if called or if it is all over; else the waiter is woken by `waker` from now on.
    fn poll_line<W>(
        &self,
        line: impl Fn(&mut Lines<T>) -> &mut Line<W>,
        place: Place,
        waker: Option<&Waker>,
        over: impl Fn(&Self) -> bool,
    ) -> Result<Place, W> {
        let mut place = place;
        let mut fresh = None;
        loop {
            // A waker is cloned, and one that is no longer needed dropped, while the desk is not locked.
            let (answer, _unneeded) = self.at_desk(|lines, _| {
                let line = line(lines);
                if line.called(&place) == Called::Yes || over(self) {
                    let (want, _, waker) = line.leave(place);
                    return (Err(want), waker);
                }
                if !waker.is_some_and(|waker| line.has_another_waker(&place, waker)) {
                    return (Ok((place, true)), fresh.take());
                }
                match fresh.take() {
                    Some(fresh) => {
                        let old = line.change_waker(&place, fresh);
                        (Ok((place, true)), Some(old))
                    }
                    None => (Ok((place, false)), None),
                }
            });
            match answer {
                Ok((place, true)) => return Ok(place),
                Ok((same, _)) => (place, fresh) = (same, waker.cloned()),
                Err(want) => return Err(want),
            }
        }
    }

    /// The queue is closed: calls all who wait for room. What was kept for one who has not got all goes back.
    pub(super) fn dismiss_putters(&self) {
        let held = self.at_desk(|lines, told| {
            let mut all = 0;
            while let Some(want) = lines.putters.first() {
                if let Want::Permits { missing, held } = want {
                    *missing += *held;
                    all += std::mem::take(held);
                }
                told.calls.call(&mut lines.putters, 1);
            }
            all
        });
        if held > 0 {
            self.return_permits(self.credit(), held);
        }
    }

    /// Calls all who wait for an item: none will come.
    pub(super) fn dismiss_getters(&self) {
        self.call_getters(usize::MAX);
    }
}
