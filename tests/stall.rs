//! One thread is stopped at a random instruction, and the other threads must continue.
//!
//! A victim, a putter and a getter share a queue. A signal stops the victim at any instruction of this
//! program. If the instruction is in libc, whose allocator takes locks, the signal is sent again. While the
//! victim is stopped, a put of the putter must succeed, a get of the getter must return, and an item whose
//! put began after the stop must arrive: a queue that answers `Empty` behind the hole of a stalled put would
//! fail here.
//!
//! A busy machine may delay a thread for long, while a real freeze lasts as long as the victim is stopped. So
//! the test keeps the victim stopped, for seconds if necessary, and noise does not make it fail.
//!
//! The last part (`stall/waiting.rs`) stops a waiting thread, and notifies it.
//!
//! `JOINQ_STALLS=1000 cargo test --release --test stall -- --nocapture` makes more stalls than the default.
#![cfg(all(unix, target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
#![allow(clippy::disallowed_types)]

mod common;
#[path = "stall/harness.rs"]
mod harness;
#[path = "stall/results.rs"]
mod results;
#[path = "stall/signal.rs"]
mod signal;
#[path = "stall/waiting.rs"]
mod waiting;

use harness::{run, Plan};
use joinq::{Queue, TryGetError, TryPutError};
use results::Results;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

#[test]
fn a_stalled_thread_freezes_no_other_in_an_unbounded_queue() {
    let mut results = Results::default();
    results += assert_no_freeze(&Queue::<Item<NARROW>>::unbounded(), stalls());
    results += assert_no_freeze(&Queue::<Item<WIDE>>::unbounded(), stalls());
    println!("unbounded: {results}");
}

#[test]
fn a_stalled_thread_freezes_no_other_in_a_bounded_queue() {
    let mut results = Results::default();
    results += assert_no_freeze(&Queue::<Item<NARROW>>::bounded(1024), stalls());
    results += assert_no_freeze(&Queue::<Item<NARROW>>::bounded(4), stalls());
    results += assert_no_freeze(&Queue::<Item<WIDE>>::bounded(4), stalls());
    results += assert_no_freeze(&Queue::<Item<WIDE>>::bounded(1), stalls());
    println!("bounded: {results}");
}

#[test]
fn a_stalled_thread_does_not_block_a_close() {
    let mut results = Results::default();
    for _ in 0..stalls() {
        results += assert_no_freeze(&Queue::<Item<NARROW>>::unbounded(), 0);
        results += assert_no_freeze(&Queue::<Item<WIDE>>::bounded(4), 0);
    }
    println!("closing: {results}");
}

#[test]
fn other_gets_are_served_beside_a_stopped_waiter() {
    waiting::gets("gets", &Queue::unbounded(), stalls());
    waiting::gets("gets, bounded", &Queue::bounded(waiting::ITEMS), stalls());
    waiting::gets("gets, with permits", &Queue::with_permits(waiting::ITEMS), stalls());
    waiting::gets_of_a_batch(&Queue::unbounded(), stalls());
    waiting::gets_of_a_rendezvous(&Queue::bounded(0), stalls());
}

#[test]
fn other_puts_are_served_beside_a_stopped_waiter() {
    waiting::puts("puts", &Queue::bounded(4), stalls());
    waiting::puts("puts, with permits", &Queue::with_permits(4), stalls());
    waiting::reservations(&Queue::with_permits(3), stalls());
}

#[test]
fn other_joins_complete_beside_a_stopped_waiter() {
    waiting::joins(&Queue::unbounded(), stalls());
}

/// The control: it shows that the tests above can fail.
#[test]
fn the_harness_detects_the_freeze_of_a_mutex() {
    let plan = Plan { stalls: stalls().max(150), patience: Duration::from_millis(300), enough: 3, end_beside: false };
    let results = run(&Locked::<NARROW>(Mutex::default()), &plan);
    println!("control, a lock: {results}");
    assert!(results.frozen() > 0, "a lock was held in none of the stalls: the harness is blind. {results}");
    assert!(results.faults.is_empty(), "the harness, not the queue: {results}");
}

/// The number of stalls for each queue.
fn stalls() -> u32 {
    std::env::var("JOINQ_STALLS").map_or(100, |number| number.parse().expect("JOINQ_STALLS is a number"))
}

fn assert_no_freeze<const WORDS: usize>(queue: &impl TestQueue<WORDS>, stalls: u32) -> Results {
    let results = run(queue, &Plan { stalls, patience: Duration::from_secs(5), enough: 3, end_beside: true });
    assert_eq!(results.frozen(), 0, "{results}");
    assert!(results.faults.is_empty(), "{results}");
    results
}

// The queues under test.

/// Words of an item. A segment has hundreds of narrow items or eight wide ones, so that its edges are reached
/// often.
const NARROW: usize = 1;
const WIDE: usize = 64;

const PUTTER: u64 = 0;
const VICTIM: u64 = 1;

/// An item with its producer and its number in each word.
struct Item<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> Item<WORDS> {
    fn new(producer: u64, number: u64) -> Self {
        Item([number << 1 | producer; WORDS])
    }

    /// The producer and the number; `None` if the item is torn.
    fn read(&self) -> Option<(u64, u64)> {
        let word = self.0[0];
        self.0.iter().all(|other| *other == word).then_some((word & 1, word >> 1))
    }
}

/// The operations of a queue that the harness uses.
trait TestQueue<const WORDS: usize>: Sync {
    fn put(&self, item: Item<WORDS>) -> Result<(), TryPutError<Item<WORDS>>>;
    fn get(&self) -> Result<Item<WORDS>, TryGetError>;
    fn end(&self);
}

impl<const WORDS: usize> TestQueue<WORDS> for Queue<Item<WORDS>> {
    fn put(&self, item: Item<WORDS>) -> Result<(), TryPutError<Item<WORDS>>> {
        self.try_put(item)
    }

    fn get(&self) -> Result<Item<WORDS>, TryGetError> {
        self.try_get()
    }

    fn end(&self) {
        self.close();
    }
}

/// The control, a queue behind a mutex: the items, and whether the queue is closed.
struct Locked<const WORDS: usize>(Mutex<(VecDeque<Item<WORDS>>, bool)>);

impl<const WORDS: usize> TestQueue<WORDS> for Locked<WORDS> {
    fn put(&self, item: Item<WORDS>) -> Result<(), TryPutError<Item<WORDS>>> {
        let mut state = self.0.lock().unwrap();
        if state.1 {
            return Err(TryPutError::Closed(item));
        }
        state.0.push_back(item);
        Ok(())
    }

    fn get(&self) -> Result<Item<WORDS>, TryGetError> {
        let mut state = self.0.lock().unwrap();
        let none = if state.1 { TryGetError::Closed } else { TryGetError::Empty };
        state.0.pop_front().ok_or(none)
    }

    fn end(&self) {
        self.0.lock().unwrap().1 = true;
    }
}
