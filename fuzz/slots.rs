//! Up to eight pending operations, the guards and permits that completed ones have returned, and the model with which
//! each outcome is compared.
//!
//! Knows operations and the model. Does not know the queue: see [`Driver`](super::driver::Driver).

use super::input::trace;
use super::item::{self, alive, same, Item};
use super::model::Model;
use super::operation::{check_flags, release, Flag, Op, Pending, Real};
use super::request::{Outcome, Request, Topic};
use joinq::queue::Permits;
use joinq::Task;
use std::task::{Context, Poll, Waker};

/// The most operations that are pending at a time.
pub(super) const SLOTS: usize = 8;

pub(super) struct Slots<'q, I> {
    pub(super) model: Model,
    pub(super) slots: [Option<Pending<'q, I>>; SLOTS],
    pub(super) tasks: Vec<Task<'q, I>>,
    pub(super) held: Vec<Permits<'q, I>>,
}

impl<'q, I: Item + 'q> Slots<'q, I> {
    pub(super) fn new(model: Model) -> Self {
        Slots { model, slots: Default::default(), tasks: Vec::new(), held: Vec::new() }
    }

    pub(super) fn fresh(&mut self) -> (u32, I) {
        item::fresh()
    }

    pub(super) fn fresh_many(&mut self, count: usize) -> (Vec<u32>, Vec<I>) {
        (0..count).map(|_| item::fresh()).unzip()
    }

    /// Makes an operation in a free slot, and polls it, leaves it unpolled, or ends it with a timeout.
    pub(super) fn begin(&mut self, arg: usize, make: impl FnOnce(&mut Self) -> (Op<'q, I>, Request)) {
        let Some(slot) = self.slots.iter().position(Option::is_none) else { return };
        let (op, request) = make(self);
        let flags = [Flag::new(), Flag::new()];
        self.slots[slot] = Some(Pending { op, request, flags, polled: None, forgotten: false });
        match arg {
            6 => {}
            7 => self.end_slot(slot, false),
            _ => {
                self.poll_slot(slot, 0);
            }
        }
    }

    /// Takes the operation out of a slot, unless it is forgotten.
    fn take_operation(&mut self, slot: usize) -> Option<Pending<'q, I>> {
        match &self.slots[slot] {
            Some(pending) if pending.forgotten => None,
            _ => self.slots[slot].take(),
        }
    }

    /// Polls an operation, with the same waker as before or (`switch`) the other one. True if it has completed.
    pub(super) fn poll_slot(&mut self, slot: usize, switch: usize) -> bool {
        let Some(mut pending) = self.take_operation(slot) else { return false };
        let flag = pending.polled.map_or(0, |(flag, _)| flag ^ switch);
        let waker = Waker::from(pending.flags[flag].clone());
        let polled = pending.op.poll(&mut Context::from_waker(&waker));
        let expected = self.model.poll(&mut pending.request);
        trace(|| format!("  slot {slot}: {expected:?}"));
        drop(waker);
        match (polled, expected) {
            (Poll::Pending, None) => {
                pending.polled = Some((flag, pending.flags[flag].count()));
                self.slots[slot] = Some(pending);
                false
            }
            (Poll::Ready(real), Some(expected)) => {
                self.check_outcome(real, expected);
                assert!(pending.op.take().is_empty(), "items in an operation that was ready");
                release(pending);
                true
            }
            (Poll::Pending, expected) => panic!("pending, for {expected:?}"),
            (Poll::Ready(_), None) => panic!("ready, not pending"),
        }
    }

    fn check_outcome(&mut self, real: Real<'q, I>, expected: Outcome) {
        match (real, expected) {
            (Real::Put(Ok(())), Outcome::Put(Ok(()))) | (Real::Completed, Outcome::Completed) => {}
            (Real::Put(Err(items)), Outcome::Put(Err(ids))) => same(&items, &ids),
            (Real::Got(Ok(items)), Outcome::Got(Ok(ids))) => same(&items, &ids),
            (Real::Task(Ok(task)), Outcome::Got(Ok(ids))) => self.hold(task, &ids),
            (Real::Reserved(Ok(permits)), Outcome::Reserved(Ok(count))) => self.keep(permits, count),
            (Real::Reserved(Err(())), Outcome::Reserved(Err(()))) => {}
            (Real::Got(Err(())) | Real::Task(Err(())), Outcome::Got(Err(()))) => {}
            (Real::TimedOut(items), Outcome::TimedOut(ids)) => same(&items, &ids),
            (real, expected) => {
                let real = match real {
                    Real::Put(put) => format!("put, closed: {}", put.is_err()),
                    Real::Got(got) => format!("got, closed: {}", got.is_err()),
                    Real::Reserved(held) => format!("reserved, closed: {}", held.is_err()),
                    Real::Task(got) => format!("got a task, closed: {}", got.is_err()),
                    Real::Completed => "completed".into(),
                    Real::TimedOut(items) => format!("timed out with {} items", items.len()),
                };
                panic!("{real}, for {expected:?}");
            }
        }
    }

    /// Drops an operation. True if there was one.
    pub(super) fn drop_slot(&mut self, slot: usize) -> bool {
        let pending = self.take_operation(slot);
        self.drop_pending(pending)
    }

    /// Drops an operation, also one that is forgotten.
    pub(super) fn drop_at_end(&mut self, slot: usize) {
        let pending = self.slots[slot].take();
        self.drop_pending(pending);
    }

    fn drop_pending(&mut self, pending: Option<Pending<'q, I>>) -> bool {
        let Some(mut pending) = pending else { return false };
        let ids = self.model.withdraw(&mut pending.request);
        // With the last receiver of a channel all its messages are dropped.
        let is_last = matches!(pending.op, Op::Recv(_));
        let before = alive();
        release(pending);
        assert!(is_last || before - alive() == ids.len(), "other items than {ids:?} were dropped with an operation");
        true
    }

    /// Takes the items back, and drops the operation. True if there was one.
    pub(super) fn take_slot(&mut self, slot: usize) -> bool {
        let Some(mut pending) = self.take_operation(slot) else { return false };
        same(&pending.op.take(), &self.model.withdraw(&mut pending.request));
        assert!(pending.op.take().is_empty(), "items taken back twice");
        release(pending);
        true
    }

    pub(super) fn end_slot(&mut self, slot: usize, on_thread: bool) {
        let Some(pending) = self.take_operation(slot) else { return };
        let Pending { op, mut request, flags, .. } = pending;
        let real = op.end(on_thread);
        let expected =
            self.model.poll(&mut request).unwrap_or_else(|| Outcome::TimedOut(self.model.withdraw(&mut request)));
        trace(|| format!("  slot {slot} ends: {expected:?}"));
        self.check_outcome(real, expected);
        check_flags(&flags);
    }

    pub(super) fn forget(&mut self, slot: usize) {
        if let Some(pending) = &mut self.slots[slot] {
            pending.forgotten = true;
        }
    }

    /// An operation that was woken and not polled since.
    pub(super) fn woken(&self) -> Option<usize> {
        self.slots.iter().position(|slot| slot.as_ref().is_some_and(|pending| !pending.forgotten && pending.is_woken()))
    }

    pub(super) fn hold(&mut self, task: Task<'q, I>, ids: &[u32]) {
        assert!(ids.len() == 1 && task.is(ids[0]), "a task with another item than {ids:?}");
        self.tasks.push(task);
        if self.tasks.len() > SLOTS {
            drop(self.tasks.remove(0));
            self.model.count_done(1);
        }
    }

    pub(super) fn keep(&mut self, permits: Permits<'q, I>, count: usize) {
        assert_eq!(permits.len(), count, "permits");
        self.held.push(permits);
        if self.held.len() > SLOTS {
            self.drop_permits(0);
        }
    }

    pub(super) fn drop_permits(&mut self, place: usize) {
        if place < self.held.len() {
            let permits = self.held.remove(place);
            self.model.release_permits(permits.len());
        }
    }

    /// No wake-up is lost: of the operations that wait for the same event, as many are woken and not polled
    /// since as there are items or slots for them, or all of them if they are fewer.
    ///
    /// Why this always holds: a waiter is registered when nothing is available for it. Each item or slot that
    /// becomes available wakes one more waiter, if one sleeps. It is taken by a waiter, with or without its
    /// wake-up being used, or by an operation that did not wait, and both sides of the comparison sink by at
    /// most one: a waiter that is served, dropped or taken back before it used its wake-up forwards the
    /// wake-up. A waiter that finds nothing has lost nothing. An operation that is forgotten after it was
    /// woken keeps its wake-up, and counts as woken here.
    ///
    /// A put or a reservation is woken when it has been served. An event for all waiters (closed, all done)
    /// wakes all.
    pub(super) fn check_wakes(&self) {
        let model = &self.model;
        assert!(
            !model.has_waiters() || model.closed || model.free_slots() == 0,
            "a free slot that the first waiter has not"
        );
        let waiting = || self.slots.iter().flatten().filter(|pending| pending.polled.is_some());
        for pending in waiting() {
            let topic = model.topic(&pending.request);
            let wakes_all = match topic {
                Topic::Done | Topic::Unfinished => false,
                Topic::Items => model.is_over(),
                _ => model.closed,
            };
            let ready = match topic {
                _ if wakes_all => usize::MAX,
                Topic::Items => model.items.len(),
                Topic::Capacity => 0,
                Topic::Done => usize::MAX,
                // No other has the same topic.
                Topic::Granted(_) => 1,
                Topic::Unfinished | Topic::Closed => 0,
            };
            let alike = || waiting().filter(|other| model.topic(&other.request) == topic);
            let (waiters, woken) = (alike().count(), alike().filter(|other| other.is_woken()).count());
            assert!(woken >= ready.min(waiters), "{topic:?}: {ready} ready, {waiters} wait, only {woken} are woken");
        }
    }
}
