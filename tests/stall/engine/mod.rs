//! Stops one or two threads at random instructions of their operations, and watches the others.
//!
//! One or two victims, a putter and a getter share a queue. While the victims are stopped, puts of the putter and gets
//! of the getter must complete, and each item whose put began after the stop must arrive, in order: a queue that
//! answers *empty* behind the hole of a stopped put fails here.
//!
//! A busy machine may delay a thread for long, while a real freeze lasts as long as the victims are stopped. So they
//! are kept stopped, for seconds if necessary, and noise does not make a test fail.
//!
//! In every other stall the putter and the getter pause until the victims are stopped: so a victim is stopped both
//! beside others and without contention.
//!
//! Knows no queue: `tests/stall.rs` and the package `museum` have the queues, as [`Ends`].

mod results;
pub(crate) mod signal;
mod stage;

pub(crate) use results::{Ledger, Results};
pub(crate) use signal::{Mark, Op};
pub(crate) use stage::{freeze_all, one_at_a_time, pause_if, run, until, Plan, FIRST_LIMIT};

/// The numbers of the producers: the putter, and the victims from 1 on.
pub(crate) const PUTTER: u64 = 0;
pub(crate) const PRODUCERS: usize = 3;

/// An item with its producer and its number in each word.
pub(crate) struct Item<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> Item<WORDS> {
    /// The producer and the number; `None` if the item is torn.
    pub(crate) fn read(&self) -> Option<(u64, u64)> {
        let word = self.0[0];
        self.0.iter().all(|other| *other == word).then_some((word & 3, word >> 2))
    }
}

/// The items that a producer puts next.
#[derive(Clone, Copy)]
pub(crate) struct Next {
    producer: u64,
    number: u64,
}

impl Next {
    pub(crate) fn item<const WORDS: usize>(self, index: u64) -> Item<WORDS> {
        Item([(self.number + index) << 2 | self.producer; WORDS])
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotPut {
    Full,
    Closed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotGot {
    Empty,
    Closed,
}

/// What one thread has of a queue, and the operations that it runs. It marks those of the queue.
pub(crate) trait Ends<const WORDS: usize> {
    /// The most items of one put.
    const MOST: u64 = 1;

    /// Puts one or more items, and returns their number.
    fn put(&mut self, mark: Mark, next: Next) -> Result<u64, NotPut>;

    /// Gets one or more items.
    fn get(&mut self, mark: Mark, into: &mut Vec<Item<WORDS>>) -> Result<(), NotGot>;
}
