//! One queue, what is pending on it, and the model: the state of a program of one thread.
//!
//! Knows what holds between two steps. Does not know which steps a program makes: see `ops.rs` and `work.rs`.
//!
//! # What is checked
//! - The result of each operation is that of the model, with exactly the same items.
//! - `len`, `is_empty`, `is_full`, `capacity`, `remaining_capacity`, `unfinished`, `counts` and `is_closed` agree with
//!   the model after each step.
//! - Waiting puts and reservations are served in FIFO order: a free slot takes the item of the put that waits
//!   longest, whether that put is polled again or not, and permits go to the reservation that waits longest.
//!   With capacity 0 an item is put if and only if a get waits for it.
//! - Each item is dropped once, and in the end no item is alive.
//! - No wake-up is lost: see [`Slots::check_wakes`].
//! - A completed operation keeps no waker.

use super::input::{trace, Input};
use super::item::{self, alive, Item, Narrow, Unit, Wide};
use super::model::Model;
use super::slots::{Slots, SLOTS};
use joinq::Queue;
use std::ops::{Deref, DerefMut};

pub(super) struct Driver<'q, I> {
    pub(super) queue: &'q Queue<I>,
    slots: Slots<'q, I>,
    /// The number of reservations so far.
    pub(super) reservations: u32,
}

impl<'q, I> Deref for Driver<'q, I> {
    type Target = Slots<'q, I>;

    fn deref(&self) -> &Slots<'q, I> {
        &self.slots
    }
}

impl<I> DerefMut for Driver<'_, I> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.slots
    }
}

/// The steps of a program: what an operation (five bits) with a small argument (three bits) does.
pub(super) trait Steps {
    fn step<'q, I: Item + 'q>(driver: &mut Driver<'q, I>, op: u8, arg: usize, input: &mut Input<'_>);
}

/// Runs one program. The first two bytes choose the capacity and the type of the items; each further byte is an
/// operation (its low five bits) with an argument (its high three).
pub(super) fn run<S: Steps>(bytes: &[u8]) {
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
        0 | 1 => run_with::<Narrow, S>(capacity, permits, input),
        2 => run_with::<Wide, S>(capacity, permits, input),
        _ => run_with::<Unit, S>(capacity, permits, input),
    }
}

fn run_with<I: Item, S: Steps>(capacity: Option<usize>, permits: bool, mut input: Input<'_>) {
    item::reset();
    trace(|| format!("capacity {capacity:?}, permits {permits}, {}", std::any::type_name::<I>()));
    let queue = queue::<I>(capacity, permits);
    let mut driver = Driver::new(&queue, capacity, permits);
    while let Some(byte) = input.next() {
        let (op, arg) = (byte & 31, usize::from(byte >> 5));
        trace(|| format!("{op} {arg}: items {:?}", driver.model.items));
        S::step(&mut driver, op, arg, &mut input);
        driver.check();
    }
    let left = driver.finish();
    assert_eq!(alive(), left, "items alive when only the queue is left");
    drop(queue);
    assert_eq!(alive(), 0, "items alive after the queue");
}

pub(super) fn queue<I>(capacity: Option<usize>, permits: bool) -> Queue<I> {
    match capacity {
        None => Queue::unbounded(),
        Some(capacity) if permits => Queue::with_permits(capacity),
        Some(capacity) => Queue::bounded(capacity),
    }
}

impl<'q, I: Item + 'q> Driver<'q, I> {
    pub(super) fn new(queue: &'q Queue<I>, capacity: Option<usize>, permits: bool) -> Self {
        Driver { queue, slots: Slots::new(Model::new(capacity, permits)), reservations: 0 }
    }

    /// Ends everything that is pending; returns the number of items that are left in the queue.
    pub(super) fn finish(mut self) -> usize {
        self.settle();
        for slot in 0..SLOTS {
            self.drop_at_end(slot);
            self.check();
        }
        while !self.tasks.is_empty() {
            drop(self.tasks.remove(0));
            self.model.count_done(1);
            self.check();
        }
        while !self.held.is_empty() {
            self.drop_permits(0);
            self.check();
        }
        self.model.items.len()
    }

    /// Polls woken operations until no operation is woken. By `check_wakes`, no operation then waits for an
    /// item or a slot that is available, except where the wake-up went to a forgotten operation.
    pub(super) fn settle(&mut self) {
        for round in 0.. {
            let Some(slot) = self.woken() else { break };
            assert!(round < 10_000, "the waiters wake each other without end");
            self.poll_slot(slot, round % 2);
            self.check();
        }
    }

    pub(super) fn check(&self) {
        self.check_queries();
        self.check_wakes();
    }

    pub(super) fn check_queries(&self) {
        let (queue, model) = (self.queue, &self.model);
        let len = model.len();
        assert_eq!(queue.len(), len, "len");
        assert_eq!(queue.is_empty(), len == 0, "is_empty");
        assert_eq!(queue.is_full(), model.is_full(), "is_full");
        assert_eq!(queue.capacity(), model.capacity, "capacity");
        let remaining = if model.capacity == Some(0) { Some(0) } else { model.remaining_capacity() };
        assert_eq!(queue.remaining_capacity(), remaining, "remaining capacity");
        assert_eq!(queue.unfinished(), model.unfinished(), "unfinished");
        assert_eq!(queue.is_closed(), model.closed, "is_closed");
        let counts = queue.counts();
        let got = model.put - model.items.len() as u64;
        assert_eq!((counts.put, counts.got, counts.done), (model.put, got, model.done), "counts");
    }
}
