//! User code that panics at any step inside of any operation costs nothing but that operation: no item, no capacity,
//! no permit, no count and no wake-up is lost.
//!
//! Knows which byte is which operation. An operation that unwinds has no result, so this compares what must hold
//! between any two operations, and not each result with the model.
//!
//! # What is checked after each operation
//! - The items alive are those in the queue, in guards and in puts that wait; `counts` agrees with `len`.
//! - With a free slot no put waits that was not woken, with an item no get waits while fewer than there are items were
//!   woken, and a close or a moment without an unfinished item has woken all that waited for it.
//! - In the end the queue holds as many items as its capacity, and puts, gets, joins and wake-ups work.

use super::driver;
use super::fuse::{self, arm, disarm, guarded, Bomb, Event, Hook};
use super::input::{trace, Input};
use super::item::{self, alive};
use super::operation::{Op, Real};
use joinq::queue::Permits;
use joinq::{Queue, Task};
use std::sync::Arc;
use std::task::{Context, Poll};

const SLOTS: usize = 8;

/// What an operation waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Item,
    Slot,
    Done,
    Close,
}

struct Pending<'q> {
    op: Op<'q, Bomb>,
    wait: Wait,
    /// It is polled with the one or the other.
    hooks: [Arc<Hook>; 2],
    /// The hook of the last poll, and its count at that poll.
    polled: Option<(usize, usize)>,
    /// The most items that it may still have.
    items: usize,
}

impl Pending<'_> {
    /// Waits, and was not woken since its last poll.
    fn sleeps(&self) -> bool {
        self.polled.is_some_and(|(hook, seen)| self.hooks[hook].count() == seen)
    }
}

struct Program<'q> {
    queue: &'q Queue<Bomb>,
    slots: [Option<Pending<'q>>; SLOTS],
    tasks: Vec<Task<'q, Bomb>>,
    permits: Vec<Permits<'q, Bomb>>,
    has_permits: bool,
}

/// Runs one program. The first byte chooses the queue; each further one is an operation (its low five bits) with an
/// argument (its high three).
pub(crate) fn run(bytes: &[u8]) {
    item::reset();
    disarm();
    let mut input = Input(bytes);
    let kind = usize::from(input.byte());
    let capacity = [None, Some(0), Some(1), Some(2), Some(3), Some(9), Some(256)][kind % 7];
    let has_permits = kind / 7 % 2 == 1 && matches!(capacity, Some(1..));
    trace(|| format!("capacity {capacity:?}, permits {has_permits}"));
    let queue = driver::queue::<Bomb>(capacity, has_permits);
    let mut program =
        Program { queue: &queue, slots: Default::default(), tasks: Vec::new(), permits: Vec::new(), has_permits };
    while let Some(byte) = input.next() {
        let (op, arg) = (byte & 31, usize::from(byte >> 5));
        let finished = guarded(|| program.step(op, arg, &mut input)).is_some();
        trace(|| format!("{op} {arg}: {} items, unwound: {}", queue.len(), !finished));
        program.check();
    }
    disarm();
    let left = program.finish();
    assert_eq!(alive(), left, "items alive when only the queue is left");
    arm(Some(Event::ItemDrop), u32::from(input.byte()));
    guarded(|| drop(queue));
    disarm();
    assert_eq!(alive(), 0, "items alive after the queue");
}

impl<'q> Program<'q> {
    fn step(&mut self, op: u8, arg: usize, input: &mut Input<'_>) {
        let queue = self.queue;
        match op {
            0 | 1 => drop(queue.try_put(item::fresh().1)),
            2 => drop(queue.try_put_many(fuse::items(arg))),
            3 => drop(queue.try_put_many(fuse::items(usize::from(input.byte())))),
            4 | 5 => drop(queue.try_get()),
            6 => drop(queue.try_get_many(&mut Vec::new(), arg)),
            7 => drop(queue.try_iter().take(arg * 40).collect::<Vec<_>>()),
            8 | 9 => self.begin(arg, Wait::Slot, 1, |queue| Op::Put(queue.put(item::fresh().1))),
            10 => self.begin(arg, Wait::Slot, arg, |queue| Op::PutMany(queue.put_many(fuse::items(arg)))),
            11 | 12 => self.begin(arg, Wait::Item, 0, |queue| Op::Get(queue.get())),
            13 => self.begin(arg, Wait::Item, 0, |queue| Op::GetTask(queue.get_task())),
            14 => self.begin(arg, Wait::Done, 0, |queue| Op::Join(queue.join())),
            15 => self.begin(arg, Wait::Close, 0, |queue| Op::Closed(queue.closed())),
            16..=18 => self.poll(arg, 0),
            19 => self.poll(arg, 1),
            20 | 21 => drop(self.slots[arg].take()),
            22 => {
                if let Some(Pending { op, hooks: _hooks, .. }) = self.slots[arg].take() {
                    drop(op.end(false));
                }
            }
            23 => {
                if let Some(mut pending) = self.slots[arg].take() {
                    drop(pending.op.take());
                }
            }
            24 => _ = queue.tasks_done(arg),
            25 => self.tasks.extend(queue.try_get_task().ok().filter(|_| self.tasks.len() < SLOTS)),
            26 if arg < self.tasks.len() => drop(self.tasks.swap_remove(arg)),
            26 => self.put_subtasks(arg),
            27 => drop(queue.force_put(item::fresh().1)),
            28 if arg == 0 => _ = queue.close(),
            28 if arg == 1 => drop(queue.shutdown_now()),
            28 if arg == 2 => _ = queue.close_when_done(),
            28 if arg == 3 => drop(queue.shutdown_on_drop()),
            28 => drop(queue.drain()),
            29 if self.has_permits => self.use_permits(arg),
            29 => drop(queue.try_put(item::fresh().1)),
            _ => {
                let kinds = [Event::ItemDrop, Event::WakerClone, Event::Wake, Event::WakerDrop, Event::Next];
                arm(kinds.get(arg).copied(), u32::from(input.byte() % 16));
            }
        }
    }

    fn begin(&mut self, arg: usize, wait: Wait, items: usize, make: impl FnOnce(&'q Queue<Bomb>) -> Op<'q, Bomb>) {
        let Some(slot) = self.slots.iter().position(Option::is_none) else { return };
        let pending = Pending { op: make(self.queue), wait, hooks: Default::default(), polled: None, items };
        self.slots[slot] = Some(pending);
        if arg != 6 {
            self.poll(slot, 0);
        }
    }

    /// Polls an operation. If that unwinds, the operation is dropped.
    fn poll(&mut self, slot: usize, switch: usize) {
        let Some(mut pending) = self.slots[slot].take() else { return };
        let hook = pending.polled.map_or(0, |(hook, _)| hook ^ switch);
        // Its own drop may panic as well, when the poll has ended.
        let waker = pending.hooks[hook].waker();
        let polled = pending.op.poll(&mut Context::from_waker(&waker));
        match polled {
            Poll::Ready(real) => {
                drop(pending);
                match real {
                    Real::Task(Ok(task)) if self.tasks.len() < SLOTS => self.tasks.push(task),
                    Real::Reserved(Ok(permits)) if self.permits.len() < SLOTS => self.permits.push(permits),
                    real => drop(real),
                }
            }
            Poll::Pending => {
                pending.polled = Some((hook, pending.hooks[hook].count()));
                self.slots[slot] = Some(pending);
            }
        }
    }

    fn put_subtasks(&mut self, arg: usize) {
        if let Some(task) = self.tasks.first() {
            drop(task.put_subtasks(fuse::items(arg)));
        }
    }

    fn use_permits(&mut self, arg: usize) {
        let capacity = self.queue.capacity().unwrap_or(0);
        match arg {
            0..=2 => {
                let count = (1 + arg).min(capacity);
                self.begin(0, Wait::Slot, 0, |queue| Op::Reserve(queue.reserve(count)));
            }
            3 if self.permits.len() < SLOTS => self.permits.extend(self.queue.try_reserve(1)),
            4 | 5 => {
                if let Some(permits) = self.permits.iter_mut().find(|permits| !permits.is_empty()) {
                    permits.put(item::fresh().1);
                }
            }
            _ => drop(self.permits.pop()),
        }
    }

    fn check(&self) {
        let (queue, counts) = (self.queue, self.queue.counts());
        let stored = counts.put - counts.got;
        // With capacity 0 an item that is on its way to a get is none of the queue.
        assert!(queue.len() as u64 == stored || queue.capacity() == Some(0), "len, and items put and not got");
        assert_eq!(queue.unfinished() as u64, counts.put.saturating_sub(counts.done), "unfinished");
        let pending = || self.slots.iter().flatten();
        let elsewhere = alive().checked_sub(stored as usize + self.tasks.len()).expect("an item was lost");
        let most: usize = pending().map(|pending| pending.items).sum();
        assert!(elsewhere <= most, "{elsewhere} items are alive beside the queue, and puts have {most}");

        let sleeping = |wait| pending().filter(|pending| pending.wait == wait && pending.sleeps()).count();
        let waiting = |wait| pending().filter(|pending| pending.wait == wait && pending.polled.is_some()).count();
        let (gets, puts) = (sleeping(Wait::Item), sleeping(Wait::Slot));
        let woken = waiting(Wait::Item) - gets;
        assert!(gets == 0 || woken as u64 >= stored, "{stored} items, {gets} gets sleep, {woken} are woken");
        assert!(gets == 0 || puts == 0 || queue.capacity() != Some(0), "a get and a put sleep");
        assert!(puts == 0 || queue.is_full(), "a put sleeps beside a free slot");
        assert!(sleeping(Wait::Done) == 0 || queue.unfinished() > 0, "a join sleeps, and nothing is unfinished");
        if queue.is_closed() {
            assert_eq!((puts, sleeping(Wait::Close)), (0, 0), "operations that sleep at a closed queue");
        }
    }

    /// Ends everything that is pending, and uses the queue; returns the number of items that are left in it.
    fn finish(mut self) -> usize {
        for slot in 0..SLOTS {
            drop(self.slots[slot].take());
            self.check();
        }
        self.tasks.clear();
        self.permits.clear();
        self.check();
        let queue = self.queue;
        let left = alive();
        assert_eq!(left as u64, queue.counts().put - queue.counts().got, "items when only the queue is left");
        if queue.is_closed() {
            // No guard is left that could put a subtask.
            queue.close();
            assert_eq!(queue.iter().count(), left, "items of a closed queue");
            return 0;
        }
        if let Some(capacity @ 1..) = queue.capacity() {
            let free = capacity.saturating_sub(left);
            assert_eq!(queue.remaining_capacity(), Some(free), "free slots when nothing waits");
            (0..free).for_each(|_| assert!(queue.try_put(item::fresh().1).is_ok(), "a free slot"));
        }
        assert!(queue.capacity().is_none() || queue.try_put(item::fresh().1).is_err(), "one more than the capacity");
        assert!(queue.try_iter().count() >= left);
        self.begin(0, Wait::Item, 0, |queue| Op::Get(queue.get()));
        assert!(queue.try_put(item::fresh().1).is_ok(), "a put beside a get that waits");
        self.check();
        self.poll(0, 0);
        assert!(self.slots[0].is_none(), "a get beside an item");
        assert!(queue.tasks_done(queue.unfinished()).is_ok());
        self.begin(0, Wait::Done, 0, |queue| Op::Join(queue.join()));
        assert!(self.slots[0].is_none(), "a join when all is done");
        queue.try_iter().count()
    }
}
