//! Runs a string of bytes as a program of operations on one queue, on one thread, and compares each with a
//! model.
//!
//! Uses the public interface only. The first two bytes choose the capacity and the type of the items; each
//! further byte is an operation (its low five bits) with a small argument (its high three). `cargo fuzz run
//! ops` makes up the bytes, and so does `tests/differential.rs`. With `JOINQ_TRACE` set each step is printed.
//!
//! # What is checked
//! - The result of each operation is that of the model, with exactly the same items.
//! - `len`, `is_empty`, `is_full`, `capacity`, `remaining_capacity`, `unfinished` and `is_closed` agree with
//!   the model after each step.
//! - Waiting puts and reservations are served in FIFO order: a free slot takes the item of the put that waits
//!   longest, whether that put is polled again or not, and permits go to the reservation that waits longest.
//!   With capacity 0 an item is put if and only if a get waits for it.
//! - Each item is dropped once, and in the end no item is alive.
//! - No wake-up is lost: see [`Driver::check_wakes`].
//! - A completed operation keeps no waker.

mod item;
mod model;
mod operation;

use item::{alive, same, Item, Narrow, Unit, Wide};
use joinq::queue::Permits;
use joinq::{Queue, Task};
use model::{Model, Outcome, Request, Topic};
use operation::{check_flags, release, Flag, Op, Pending, Real};
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};

/// The most operations that are pending at a time.
const SLOTS: usize = 8;

/// Runs one program.
pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let kind = input.byte();
    let capacity = match kind % 13 {
        0 => None,
        1 | 2 => Some(0),
        3 => Some(1),
        4 => Some(2),
        5 => Some(3),
        // Around the length of a segment: 8 slots for the wide items, 256 for the others.
        6 => Some(8),
        7 => Some(9),
        8 => Some(255),
        9 => Some(256),
        10 => Some(257),
        11 => Some(usize::MAX - 1),
        _ => Some(usize::MAX),
    };
    let permits = kind / 13 % 2 == 1 && matches!(capacity, Some(1..=257));
    match input.byte() % 4 {
        0 | 1 => run_with::<Narrow>(capacity, permits, input),
        2 => run_with::<Wide>(capacity, permits, input),
        _ => run_with::<Unit>(capacity, permits, input),
    }
}

fn run_with<I: Item>(capacity: Option<usize>, permits: bool, input: Input<'_>) {
    item::reset();
    trace(|| format!("capacity {capacity:?}, permits {permits}, {}", std::any::type_name::<I>()));
    let queue = match capacity {
        None => Queue::<I>::unbounded(),
        Some(capacity) if permits => Queue::with_permits(capacity),
        Some(capacity) => Queue::bounded(capacity),
    };
    let left = Driver::new(&queue, capacity, permits).run(input);
    assert_eq!(alive(), left, "items alive when only the queue is left");
    drop(queue);
    assert_eq!(alive(), 0, "items alive after the queue");
}

fn trace(step: impl FnOnce() -> String) {
    static ON: OnceLock<bool> = OnceLock::new();
    if *ON.get_or_init(|| std::env::var_os("JOINQ_TRACE").is_some()) {
        eprintln!("{}", step());
    }
}

/// The bytes not yet used; zeros after the end.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }
}

struct Driver<'q, I> {
    queue: &'q Queue<I>,
    model: Model,
    slots: [Option<Pending<'q, I>>; SLOTS],
    tasks: Vec<Task<'q, I>>,
    held: Vec<Permits<'q, I>>,
    ids: u32,
    reservations: u32,
}

impl<'q, I: Item + 'q> Driver<'q, I> {
    fn new(queue: &'q Queue<I>, capacity: Option<usize>, permits: bool) -> Self {
        let (model, slots) = (Model::new(capacity, permits), Default::default());
        Driver { queue, model, slots, tasks: Vec::new(), held: Vec::new(), ids: 0, reservations: 0 }
    }

    /// Runs to the end of the input; returns the number of items that are left in the queue.
    fn run(mut self, mut input: Input<'_>) -> usize {
        while let Some(byte) = input.next() {
            self.step(byte & 31, usize::from(byte >> 5), &mut input);
            self.check_queries();
            self.check_wakes();
        }
        self.settle();
        for slot in 0..SLOTS {
            let pending = self.slots[slot].take();
            self.drop_pending(pending);
            self.check_queries();
            self.check_wakes();
        }
        self.tasks.clear();
        while !self.held.is_empty() {
            self.drop_permits(0);
        }
        self.model.items.len()
    }

    fn step(&mut self, op: u8, arg: usize, input: &mut Input<'_>) {
        trace(|| format!("{op} {arg}: items {:?}", self.model.items));
        match op {
            0 | 1 => self.try_put(),
            2 => self.try_put_many(arg),
            3 => self.try_put_many(usize::from(input.byte())),
            4 | 5 => self.try_get(),
            6 => self.try_get_many(arg),
            7 => self.try_get_many(usize::from(input.byte())),
            8 => self.begin(arg, |driver| {
                let (id, item) = driver.fresh();
                (Op::Put(driver.queue.put(item)), Request::Put { left: [id].into(), waits: false })
            }),
            9 | 10 => {
                let count = if op == 9 { arg } else { usize::from(input.byte()) };
                self.begin(arg, |driver| {
                    let (ids, items) = driver.fresh_many(count);
                    (Op::PutMany(driver.queue.put_many(items)), Request::Put { left: ids.into(), waits: false })
                });
            }
            11 => self.begin(arg, |driver| (Op::Get(driver.queue.get()), Request::Get { limit: 1, waits: false })),
            12 => self
                .begin(arg, |driver| (Op::GetTask(driver.queue.get_task()), Request::Get { limit: 1, waits: false })),
            13 => self.begin(arg, |driver| {
                let (queue, limit) = (driver.queue, arg * arg);
                let get = async move {
                    let mut items = Vec::new();
                    let got = queue.get_many(&mut items, limit).await;
                    got.map(|count| assert_eq!(count, items.len(), "the count of a get_many")).map_err(drop)?;
                    Ok(items)
                };
                (Op::GetMany(Box::pin(get)), Request::Get { limit, waits: false })
            }),
            14 => self.begin(arg, |driver| (Op::Join(driver.queue.join()), Request::Join { since: None })),
            15 => self.begin(arg, |driver| (Op::Closed(driver.queue.closed()), Request::Closed)),
            16..=18 => self.poll_slot(arg, 0),
            19 => self.poll_slot(arg, 1),
            20 => {
                let pending = self.take_operation(arg);
                self.drop_pending(pending);
            }
            21 => self.take_slot(arg),
            22 => self.end_slot(arg, false),
            // A thread spins before it waits, which takes long.
            23 => self.end_slot(arg, input.byte() % 8 == 0),
            24 => self.tasks_done(1),
            25 => self.tasks_done(match arg {
                7 => usize::MAX - usize::from(input.byte()),
                count => count,
            }),
            26 => self.try_get_task(),
            27 => self.end_task(arg),
            28 => self.settle(),
            29 if arg == 0 => self.close(),
            29 if arg == 1 => self.shutdown_now(),
            29 if arg == 2 => self.forget(usize::from(input.byte()) % SLOTS),
            29 if self.model.permits => self.permits(arg, input),
            30 => self.iterate(arg),
            _ if arg == 0 => self.drain(),
            _ if arg < 4 => self.force_put(),
            _ => self.try_get(),
        }
    }

    fn fresh(&mut self) -> (u32, I) {
        let id = self.ids;
        self.ids += 1;
        (id, I::new(id))
    }

    fn fresh_many(&mut self, count: usize) -> (Vec<u32>, Vec<I>) {
        (0..count).map(|_| self.fresh()).unzip()
    }

    /// The free slots for a put that does not wait: none while other puts wait.
    fn free_slots_without_waiting(&self) -> usize {
        match self.model.has_waiters() {
            true => 0,
            false => self.model.free_slots(),
        }
    }

    fn permits(&mut self, arg: usize, input: &mut Input<'_>) {
        let count = (usize::from(input.byte()) % 4).min(self.model.capacity.unwrap_or(0));
        match arg {
            3 | 4 => self.begin(0, |driver| {
                // The numbers of reservations count down, so that they differ from those of items.
                driver.reservations += 1;
                let id = u32::MAX - driver.reservations;
                (Op::Reserve(driver.queue.reserve(count)), Request::Reserve { id, count, waits: false })
            }),
            5 => {
                let fits = !self.model.closed && (count == 0 || count <= self.free_slots_without_waiting());
                match self.queue.try_reserve(count) {
                    Ok(permits) => {
                        assert!(fits, "try_reserve({count})");
                        self.model.held += count;
                        self.keep(permits, count);
                    }
                    Err(error) => assert!(!fits && error.is_closed() == self.model.closed, "{error:?}"),
                }
            }
            6 => {
                let Some(place) = self.held.iter().position(|permits| !permits.is_empty()) else { return };
                let (id, item) = self.fresh();
                self.held[place].put(item);
                self.model.use_permit(id);
            }
            _ => self.drop_permits(count),
        }
    }

    fn keep(&mut self, permits: Permits<'q, I>, count: usize) {
        assert_eq!(permits.len(), count, "permits");
        self.held.push(permits);
        if self.held.len() > SLOTS {
            self.drop_permits(0);
        }
    }

    fn drop_permits(&mut self, place: usize) {
        if place < self.held.len() {
            let permits = self.held.remove(place);
            self.model.release_permits(permits.len());
        }
    }

    fn try_put(&mut self) {
        let (id, item) = self.fresh();
        let free = self.free_slots_without_waiting();
        match self.queue.try_put(item) {
            Ok(()) => {
                assert!(!self.model.closed && free > 0, "try_put: {free} free slots");
                self.model.push(id);
            }
            Err(error) => {
                assert!(if self.model.closed { error.is_closed() } else { error.is_full() && free == 0 }, "{error:?}");
                assert!(error.into_inner().is(id));
            }
        }
    }

    /// Puts an item. If the queue is full, the oldest item is displaced and counts as done.
    fn force_put(&mut self) {
        let (id, item) = self.fresh();
        let (free, rendezvous) = (self.free_slots_without_waiting(), self.model.capacity == Some(0));
        match self.queue.force_put(item) {
            Err(error) => {
                assert!(self.model.closed);
                assert!(error.into_inner().is(id));
            }
            Ok(None) => {
                assert!(!self.model.closed && free > 0, "force_put: full");
                self.model.push(id);
            }
            Ok(Some(oldest)) => {
                assert!(!self.model.closed && free == 0, "force_put: {free} free slots");
                if rendezvous || self.model.items.is_empty() {
                    assert!(oldest.is(id), "force_put: not its own item");
                    return;
                }
                let Some(displaced) = self.model.items.pop_front() else { unreachable!() };
                same(&[oldest], &[displaced]);
                self.model.push(id);
                self.model.count_removed(1);
            }
        }
    }

    fn drain(&mut self) {
        let count = if self.model.capacity == Some(0) { 0 } else { usize::MAX };
        let drained: Vec<I> = self.queue.drain().collect();
        let ids = match self.model.try_get(count.min(self.model.items.len())) {
            Some(Ok(ids)) => ids,
            _ => Vec::new(),
        };
        same(&drained, &ids);
        self.model.count_removed(ids.len());
    }

    fn try_put_many(&mut self, count: usize) {
        let (ids, items) = self.fresh_many(count);
        let fit = if self.model.closed { 0 } else { count.min(self.free_slots_without_waiting()) };
        match self.queue.try_put_many(items) {
            Ok(()) => assert_eq!(fit, count, "try_put_many put all"),
            Err(error) => {
                assert!(fit < count && error.is_closed() == self.model.closed, "{error:?}");
                same(&error.into_inner(), &ids[fit..]);
            }
        }
        ids[..fit].iter().for_each(|id| self.model.push(*id));
    }

    fn try_get(&mut self) {
        let got = self.queue.try_get();
        match (got, self.model.try_get(1)) {
            (Ok(item), Some(Ok(ids))) => same(&[item], &ids),
            (Err(error), Some(Err(()))) => assert!(error.is_closed()),
            (Err(error), None) => assert!(error.is_empty()),
            (got, model) => panic!("try_get: {:?} for {model:?}", got.map(drop)),
        }
    }

    fn try_get_many(&mut self, limit: usize) {
        let mut items = Vec::new();
        let got = self.queue.try_get_many(&mut items, limit);
        match (got, self.model.try_get(limit)) {
            (Ok(count), Some(Ok(ids))) if count == items.len() => same(&items, &ids),
            (Err(error), Some(Err(()))) => assert!(error.is_closed()),
            (Err(error), None) => assert!(error.is_empty()),
            (got, model) => panic!("try_get_many: {got:?} for {model:?}"),
        }
    }

    fn try_get_task(&mut self) {
        let got = self.queue.try_get_task();
        match (got, self.model.try_get(1)) {
            (Ok(task), Some(Ok(ids))) => self.hold(task, &ids),
            (Err(error), Some(Err(()))) => assert!(error.is_closed()),
            (Err(error), None) => assert!(error.is_empty()),
            (got, model) => panic!("try_get_task: {:?} for {model:?}", got.map(drop)),
        }
    }

    fn hold(&mut self, task: Task<'q, I>, ids: &[u32]) {
        assert!(ids.len() == 1 && task.is(ids[0]), "a task with another item than {ids:?}");
        self.tasks.push(task);
        if self.tasks.len() > SLOTS {
            self.end_task(0);
        }
    }

    /// Ends one of the held tasks: as a whole, in its two parts, or in parts of which the guard is forgotten.
    fn end_task(&mut self, arg: usize) {
        if self.tasks.is_empty() {
            return;
        }
        let task = self.tasks.remove(arg % self.tasks.len());
        match arg {
            7 => std::mem::forget(task.into_parts().1),
            6 => {
                let (item, done) = task.into_parts();
                drop(item);
                assert_eq!(self.queue.unfinished(), self.model.unfinished(), "unfinished, before the guard is dropped");
                drop(done);
                self.model.count_done(1);
            }
            _ => {
                drop(task);
                self.model.count_done(1);
            }
        }
    }

    fn tasks_done(&mut self, count: usize) {
        let done = if count == 1 { self.queue.task_done() } else { self.queue.tasks_done(count) };
        assert_eq!(done.is_ok(), self.model.count_done(count as u64), "tasks_done({count})");
    }

    fn close(&mut self) {
        assert_eq!(self.queue.close(), !self.model.closed);
        self.model.close();
    }

    /// The remaining items no longer count as unfinished; fewer do if some of them were counted as done
    /// before.
    fn shutdown_now(&mut self) {
        let left = self.queue.shutdown_now();
        self.model.close();
        let ids: Vec<u32> = self.model.items.drain(..).collect();
        same(&left, &ids);
        self.model.count_removed(ids.len());
    }

    /// Takes up to `arg` items by an iterator; all items for 7, and after a close by the iterator that waits.
    fn iterate(&mut self, arg: usize) {
        let limit = if arg == 7 { usize::MAX } else { arg };
        let items: Vec<I> = match self.model.is_over() {
            true => self.queue.iter().take(limit).collect(),
            false => self.queue.try_iter().take(limit).collect(),
        };
        let got = std::iter::from_fn(|| self.model.try_get(1)?.ok()).take(limit);
        same(&items, &got.flatten().collect::<Vec<_>>());
    }

    /// Takes the operation out of a slot, unless it is forgotten.
    fn take_operation(&mut self, slot: usize) -> Option<Pending<'q, I>> {
        match &self.slots[slot] {
            Some(pending) if pending.forgotten => None,
            _ => self.slots[slot].take(),
        }
    }

    /// Makes an operation in a free slot, and polls it, leaves it unpolled, or ends it with a timeout.
    fn begin(&mut self, arg: usize, make: impl FnOnce(&mut Self) -> (Op<'q, I>, Request)) {
        let Some(slot) = self.slots.iter().position(Option::is_none) else { return };
        let (op, request) = make(self);
        let flags = [Flag::new(), Flag::new()];
        self.slots[slot] = Some(Pending { op, request, flags, polled: None, forgotten: false });
        match arg {
            6 => {}
            7 => self.end_slot(slot, false),
            _ => self.poll_slot(slot, 0),
        }
    }

    /// Polls an operation, with the same waker as before or (`switch`) the other one.
    fn poll_slot(&mut self, slot: usize, switch: usize) {
        let Some(mut pending) = self.take_operation(slot) else { return };
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
            }
            (Poll::Ready(real), Some(expected)) => {
                self.check_outcome(real, expected);
                assert!(pending.op.take().is_empty(), "items in an operation that was ready");
                release(pending);
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

    fn drop_pending(&mut self, pending: Option<Pending<'q, I>>) {
        if let Some(mut pending) = pending {
            let ids = self.model.withdraw(&mut pending.request);
            let before = alive();
            release(pending);
            assert_eq!(before - alive(), ids.len(), "items dropped with an operation");
        }
    }

    fn take_slot(&mut self, slot: usize) {
        if let Some(mut pending) = self.take_operation(slot) {
            same(&pending.op.take(), &self.model.withdraw(&mut pending.request));
            assert!(pending.op.take().is_empty(), "items taken back twice");
            release(pending);
        }
    }

    fn end_slot(&mut self, slot: usize, on_thread: bool) {
        let Some(pending) = self.take_operation(slot) else { return };
        let Pending { op, mut request, flags, .. } = pending;
        let real = op.end(on_thread);
        let expected =
            self.model.poll(&mut request).unwrap_or_else(|| Outcome::TimedOut(self.model.withdraw(&mut request)));
        trace(|| format!("  slot {slot} ends: {expected:?}"));
        self.check_outcome(real, expected);
        check_flags(&flags);
    }

    fn forget(&mut self, slot: usize) {
        if let Some(pending) = &mut self.slots[slot] {
            pending.forgotten = true;
        }
    }

    /// Polls woken operations until no operation is woken. By `check_wakes`, no operation then waits for an
    /// item or a slot that is available, except where the wake-up went to a forgotten operation.
    fn settle(&mut self) {
        for round in 0.. {
            let ready = |slot: &Option<Pending<'q, I>>| {
                slot.as_ref().is_some_and(|pending| !pending.forgotten && pending.is_woken())
            };
            let Some(slot) = self.slots.iter().position(ready) else { break };
            assert!(round < 10_000, "the waiters wake each other without end");
            self.poll_slot(slot, round % 2);
            self.check_queries();
            self.check_wakes();
        }
    }

    fn check_queries(&self) {
        let (queue, model) = (self.queue, &self.model);
        let len = model.items.len().min(model.capacity.unwrap_or(usize::MAX));
        assert_eq!(queue.len(), len, "len");
        assert_eq!(queue.is_empty(), len == 0, "is_empty");
        let is_full = match model.permits {
            true => model.remaining_capacity() == Some(0),
            false => model.capacity.is_some_and(|capacity| len >= capacity),
        };
        assert_eq!(queue.is_full(), is_full, "is_full");
        assert_eq!(queue.capacity(), model.capacity, "capacity");
        let remaining = if model.capacity == Some(0) { Some(0) } else { model.remaining_capacity() };
        assert_eq!(queue.remaining_capacity(), remaining, "remaining capacity");
        assert_eq!(queue.unfinished(), model.unfinished(), "unfinished");
        assert_eq!(queue.is_closed(), model.closed, "is_closed");
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
    fn check_wakes(&self) {
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
