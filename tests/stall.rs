//! One thread is frozen at a random instruction, and the others must go on.
//!
//! A victim, a putter and a getter share a queue. A signal stops the victim wherever it happens to be in the code of
//! this program; if that is in libc, whose allocator takes locks of its own, the signal is sent again. While the
//! victim stands still a put of the putter must succeed, a get of the getter must return, and an item whose put began
//! after the freeze must arrive: a queue that answers `Empty` behind the hole of a stalled put would fail here.
//!
//! A busy machine may keep a thread waiting for long, while a real freeze lasts for as long as the victim is held.
//! So the test holds it, for seconds if need be, and is not fooled by noise.
//!
//! The last part (`stall/waiting.rs`) stops a thread that waits, and notifies it.
//!
//! `JOINQ_STALLS=1000 cargo test --release --test stall -- --nocapture` for more stalls than the default.
#![cfg(all(unix, target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
#![allow(clippy::disallowed_types)]

#[path = "stall/harness.rs"]
mod harness;
#[path = "stall/signal.rs"]
mod signal;
#[path = "stall/tally.rs"]
mod tally;
#[path = "stall/waiting.rs"]
mod waiting;

use harness::{run, Plan};
use joinq::{Queue, TryGetError, TryPutError};
use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;
use tally::Tally;

#[test]
fn a_stalled_thread_freezes_no_other_in_an_unbounded_queue() {
    let mut tally = Tally::default();
    tally += nobody_freezes(&Queue::<Item<NARROW>>::unbounded(), stalls());
    tally += nobody_freezes(&Queue::<Item<WIDE>>::unbounded(), stalls());
    println!("unbounded: {tally}");
}

#[test]
fn a_stalled_thread_freezes_no_other_in_a_bounded_queue() {
    let mut tally = Tally::default();
    tally += nobody_freezes(&Queue::<Item<NARROW>>::bounded(1024), stalls());
    tally += nobody_freezes(&Queue::<Item<NARROW>>::bounded(4), stalls());
    tally += nobody_freezes(&Queue::<Item<WIDE>>::bounded(4), stalls());
    tally += nobody_freezes(&Queue::<Item<WIDE>>::bounded(1), stalls());
    println!("bounded: {tally}");
}

#[test]
fn a_stalled_thread_does_not_block_a_close() {
    let mut tally = Tally::default();
    for _ in 0..stalls() {
        tally += nobody_freezes(&Queue::<Item<NARROW>>::unbounded(), 0);
        tally += nobody_freezes(&Queue::<Item<WIDE>>::bounded(4), 0);
    }
    println!("closing: {tally}");
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

/// The evidence that the tests above can fail.
#[test]
fn the_harness_detects_the_freeze_of_a_mutex() {
    let plan = Plan { stalls: stalls().max(150), patience: Duration::from_millis(300), enough: 3, end_beside: false };
    let tally = run(&Locked::<NARROW>(Mutex::default()), &plan);
    println!("control, a lock: {tally}");
    assert!(tally.frozen() > 0, "a lock was held in none of the stalls: the harness is blind. {tally}");
    assert!(tally.faults.is_empty(), "the harness, not the queue: {tally}");
}

/// How many stalls each queue gets.
fn stalls() -> u32 {
    std::env::var("JOINQ_STALLS").map_or(100, |number| number.parse().expect("JOINQ_STALLS is a number"))
}

fn nobody_freezes<const WORDS: usize>(line: &impl Line<WORDS>, stalls: u32) -> Tally {
    let tally = run(line, &Plan { stalls, patience: Duration::from_secs(5), enough: 3, end_beside: true });
    assert_eq!(tally.frozen(), 0, "{tally}");
    assert!(tally.faults.is_empty(), "{tally}");
    tally
}

// The queues.

/// Words of an item: of narrow ones a segment has hundreds, of wide ones eight, so that its edges are met often.
const NARROW: usize = 1;
const WIDE: usize = 64;

const PUTTER: u64 = 0;
const VICTIM: u64 = 1;

/// An item that says in each word who put it, and as which of that producer's items.
struct Item<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> Item<WORDS> {
    fn new(producer: u64, number: u64) -> Self {
        Item([number << 1 | producer; WORDS])
    }

    /// The producer and the number; `None` of an item that is not in one piece.
    fn read(&self) -> Option<(u64, u64)> {
        let word = self.0[0];
        self.0.iter().all(|other| *other == word).then_some((word & 1, word >> 1))
    }
}

/// What the harness asks of a queue.
trait Line<const WORDS: usize>: Sync {
    fn put(&self, item: Item<WORDS>) -> Result<(), TryPutError<Item<WORDS>>>;
    fn get(&self) -> Result<Item<WORDS>, TryGetError>;
    fn end(&self);
}

impl<const WORDS: usize> Line<WORDS> for Queue<Item<WORDS>> {
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

/// The control, a queue behind a lock: the items, and whether it is closed.
struct Locked<const WORDS: usize>(Mutex<(VecDeque<Item<WORDS>>, bool)>);

impl<const WORDS: usize> Line<WORDS> for Locked<WORDS> {
    fn put(&self, item: Item<WORDS>) -> Result<(), TryPutError<Item<WORDS>>> {
        let mut inside = self.0.lock().unwrap();
        if inside.1 {
            return Err(TryPutError::Closed(item));
        }
        inside.0.push_back(item);
        Ok(())
    }

    fn get(&self) -> Result<Item<WORDS>, TryGetError> {
        let mut inside = self.0.lock().unwrap();
        let vacant = if inside.1 { TryGetError::Closed } else { TryGetError::Empty };
        inside.0.pop_front().ok_or(vacant)
    }

    fn end(&self) {
        self.0.lock().unwrap().1 = true;
    }
}
