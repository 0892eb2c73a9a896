//! The two ends of a queue, as the threads of a slice use them: of joinq, and of a queue that can be given a fault.

use super::Slice;
use fastrand::Rng;
use joinq::{mpsc, Queue};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex};

/// Which queue a slice uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A `Queue`.
    Queue,
    /// A `Queue` with permits.
    Permits,
    /// A channel of `joinq::mpsc`.
    Mpsc,
}

/// How a call puts or gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// One item, without waiting.
    Try,
    /// One item.
    Wait,
    /// Several items, without waiting.
    TryBatch,
    /// Several items.
    WaitBatch,
}

impl Way {
    pub(super) fn random(rng: &mut Rng) -> Self {
        [Way::Try, Way::Try, Way::Wait, Way::TryBatch, Way::WaitBatch][rng.usize(..5)]
    }

    pub(super) fn is_batch(self) -> bool {
        matches!(self, Way::TryBatch | Way::WaitBatch)
    }
}

/// The end of a thread that puts.
pub trait Putter: Send {
    /// Puts the items in their order, and returns how many there was a slot for.
    fn put(&mut self, way: Way, items: Range<u64>) -> u64;
}

/// The end of a thread that gets.
pub trait Getter: Send {
    /// Appends what it gets, at most `limit` items; true if the queue is closed and empty.
    fn get(&mut self, way: Way, limit: usize, items: &mut Vec<u64>) -> bool;
}

/// The ends of a queue, one for each thread.
pub struct Ends {
    /// Those that put.
    pub putters: Vec<Box<dyn Putter>>,
    /// Those that get.
    pub getters: Vec<Box<dyn Getter>>,
    /// Closes the queue.
    pub close: Box<dyn FnOnce()>,
}

impl std::fmt::Debug for Ends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ends { .. }")
    }
}

/// A whole batch, or what was left of it.
fn put_of(items: &Range<u64>, rest: usize) -> u64 {
    items.end - items.start - rest as u64
}

macro_rules! put {
    ($end:expr, $way:expr, $items:expr, $try_put:ident, $put:ident, $try_put_many:ident, $put_many:ident) => {
        match $way {
            Way::Try => u64::from($end.$try_put($items.start).is_ok()),
            Way::Wait => u64::from($end.$put($items.start).wait().is_ok()),
            Way::TryBatch => match $end.$try_put_many($items.clone()) {
                Ok(()) => put_of(&$items, 0),
                Err(error) => put_of(&$items, error.into_inner().len()),
            },
            Way::WaitBatch => match $end.$put_many($items.clone()).wait() {
                Ok(()) => put_of(&$items, 0),
                Err(error) => put_of(&$items, error.into_inner().len()),
            },
        }
    };
}

macro_rules! get {
    ($end:expr, $way:expr, $limit:expr, $items:expr, $try_get:ident, $get:ident, $try_get_many:ident, $get_many:ident) => {
        match $way {
            Way::Try => match $end.$try_get() {
                Ok(item) => {
                    $items.push(item);
                    false
                }
                Err(error) => error.is_closed(),
            },
            Way::Wait => $end.$get().wait().map(|item| $items.push(item)).is_err(),
            Way::TryBatch => $end.$try_get_many($items, $limit).is_err_and(|error| error.is_closed()),
            Way::WaitBatch => $end.$get_many($items, $limit).wait().is_err(),
        }
    };
}

impl Putter for Arc<Queue<u64>> {
    fn put(&mut self, way: Way, items: Range<u64>) -> u64 {
        put!((**self), way, items, try_put, put, try_put_many, put_many)
    }
}

impl Getter for Arc<Queue<u64>> {
    fn get(&mut self, way: Way, limit: usize, items: &mut Vec<u64>) -> bool {
        get!((**self), way, limit, items, try_get, get, try_get_many, get_many)
    }
}

impl Putter for mpsc::Sender<u64> {
    fn put(&mut self, way: Way, items: Range<u64>) -> u64 {
        put!(self, way, items, try_send, send, try_send_many, send_many)
    }
}

impl Getter for mpsc::Receiver<u64> {
    fn get(&mut self, way: Way, limit: usize, items: &mut Vec<u64>) -> bool {
        get!(self, way, limit, items, try_recv, recv, try_recv_many, recv_many)
    }
}

/// The ends of joinq's queues.
pub fn joinq(slice: &Slice) -> Ends {
    let queue = match (slice.kind, slice.capacity) {
        (Kind::Mpsc, capacity) => {
            let (sender, receiver) = capacity.map_or_else(mpsc::unbounded, mpsc::bounded);
            let putters = (0..slice.putters).map(|_| Box::new(sender.clone()) as Box<dyn Putter>).collect();
            return Ends { putters, getters: vec![Box::new(receiver)], close: Box::new(move || _ = sender.close()) };
        }
        (Kind::Permits, Some(capacity)) => Queue::with_permits(capacity),
        (_, Some(capacity)) => Queue::bounded(capacity),
        (_, None) => Queue::unbounded(),
    };
    let queue = Arc::new(queue);
    Ends {
        putters: (0..slice.putters).map(|_| Box::new(queue.clone()) as Box<dyn Putter>).collect(),
        getters: (0..slice.getters).map(|_| Box::new(queue.clone()) as Box<dyn Getter>).collect(),
        close: Box::new(move || _ = queue.close()),
    }
}

/// What is wrong with a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// A get takes the second item first.
    Swaps,
    /// A put loses its item.
    Loses,
    /// A get takes an item and leaves it in the queue.
    Duplicates,
    /// *Empty* though there is an item.
    LiesEmpty,
    /// *Full* though there is a free slot.
    LiesFull,
    /// Items beyond the capacity.
    ExceedsCapacity,
}

impl Fault {
    /// All faults.
    pub const ALL: [Fault; 6] =
        [Fault::Swaps, Fault::Loses, Fault::Duplicates, Fault::LiesEmpty, Fault::LiesFull, Fault::ExceedsCapacity];
}

struct Locked {
    fault: Fault,
    capacity: usize,
    items: VecDeque<u64>,
    closed: bool,
    operations: u64,
}

struct Faulty(Mutex<Locked>, Condvar);

/// The ends of a queue behind a mutex. Its fault shows in one operation of a hundred.
pub fn faulty(slice: &Slice, fault: Fault) -> Ends {
    let capacity = slice.capacity.unwrap_or(usize::MAX);
    let locked = Locked { fault, capacity, items: VecDeque::new(), closed: false, operations: 0 };
    let queue = Arc::new(Faulty(Mutex::new(locked), Condvar::new()));
    Ends {
        putters: (0..slice.putters).map(|_| Box::new(queue.clone()) as Box<dyn Putter>).collect(),
        getters: (0..slice.getters).map(|_| Box::new(queue.clone()) as Box<dyn Getter>).collect(),
        close: Box::new(move || {
            queue.0.lock().expect("no end panics").closed = true;
            queue.1.notify_all();
        }),
    }
}

impl Locked {
    fn shows(&self, fault: Fault) -> bool {
        self.fault == fault && self.operations % 100 == 99
    }
}

impl Putter for Arc<Faulty> {
    fn put(&mut self, way: Way, items: Range<u64>) -> u64 {
        let mut put = 0;
        for item in items.take(if way.is_batch() { usize::MAX } else { 1 }) {
            let mut locked = self.0.lock().expect("no end panics");
            let waits = matches!(way, Way::Wait | Way::WaitBatch);
            while waits && locked.items.len() >= locked.capacity {
                locked = self.1.wait(locked).expect("no end panics");
            }
            locked.operations += 1;
            let full = locked.items.len() >= locked.capacity && !locked.shows(Fault::ExceedsCapacity);
            if full || (!waits && locked.shows(Fault::LiesFull)) {
                return put;
            }
            if !locked.shows(Fault::Loses) {
                locked.items.push_back(item);
            }
            put += 1;
            self.1.notify_all();
        }
        put
    }
}

impl Getter for Arc<Faulty> {
    fn get(&mut self, way: Way, limit: usize, items: &mut Vec<u64>) -> bool {
        let mut locked = self.0.lock().expect("no end panics");
        let waits = matches!(way, Way::Wait | Way::WaitBatch);
        while waits && locked.items.is_empty() && !locked.closed {
            locked = self.1.wait(locked).expect("no end panics");
        }
        locked.operations += 1;
        if locked.items.is_empty() {
            return locked.closed;
        }
        if !waits && locked.shows(Fault::LiesEmpty) {
            return false;
        }
        if locked.shows(Fault::Swaps) && locked.items.len() > 1 {
            locked.items.swap(0, 1);
        }
        let count = if way.is_batch() { limit } else { 1 }.min(locked.items.len());
        let again = locked.shows(Fault::Duplicates).then(|| locked.items[0]);
        items.extend(locked.items.drain(..count));
        again.into_iter().for_each(|item| locked.items.push_front(item));
        self.1.notify_all();
        false
    }
}
