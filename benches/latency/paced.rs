//! One round under a paced load: each message has a time at which it is due, and each sender is a thread that
//! spins until then.
//!
//! A late sender, which was preempted or had to wait for a free slot, sends all overdue messages immediately.
//! A message carries both times, and its receiver reads the clock: the time since *sent* is the latency of
//! the queue, the time since *due* is the latency that a user sees. The first alone would miss the very
//! messages that were delayed.

use crate::links::{Link, TaskLink};
use crate::runtime;
use hdrhistogram::Histogram;
use std::thread;
use std::time::{Duration, Instant};

/// The time in which all threads start before the first message is due.
const LEAD: Duration = Duration::from_millis(5);

/// The load that the senders produce.
#[derive(Clone, Copy)]
pub struct Load {
    pub per_second: u64,
    pub round: Duration,
    /// The number of sending threads, which send the messages in turn.
    pub senders: u64,
}

#[derive(Clone, Copy)]
pub struct Stamp {
    due: u64,
    sent: u64,
}

impl Stamp {
    /// The last message to each receiver.
    const END: Stamp = Stamp { due: u64::MAX, sent: u64::MAX };
}

/// Latencies in nanoseconds.
pub struct Times {
    pub due: Histogram<u64>,
    pub sent: Histogram<u64>,
}

impl Times {
    pub fn new() -> Self {
        // A fixed size, up to a minute, so that recording allocates nothing.
        let histogram = Histogram::new_with_bounds(1, 60_000_000_000, 3).unwrap();
        Times { due: histogram.clone(), sent: histogram }
    }

    pub fn add(&mut self, other: &Times) {
        self.due.add(&other.due).unwrap();
        self.sent.add(&other.sent).unwrap();
    }

    /// Records one message; false if it was the end.
    fn received(&mut self, stamp: Stamp, clock: Clock) -> bool {
        if stamp.due == u64::MAX {
            return false;
        }
        let now = clock.now();
        self.due.saturating_record(now.saturating_sub(stamp.due));
        self.sent.saturating_record(now.saturating_sub(stamp.sent));
        true
    }
}

#[derive(Clone, Copy)]
struct Clock(Instant);

impl Clock {
    fn now(self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
}

/// Runs the senders, and sends the end to each of the receivers.
fn send_all<L: Link<Stamp>>(mut tx: L::Tx, load: Load, clock: Clock, receivers: usize) {
    let count = load.round.as_millis() as u64 * load.per_second / 1000;
    let first = clock.now() + LEAD.as_nanos() as u64;
    let spawn = |sender| {
        let mut tx = tx.clone();
        thread::spawn(move || {
            for message in (sender..count).step_by(load.senders as usize) {
                let due = first + message * 1_000_000_000 / load.per_second;
                while clock.now() < due {
                    std::hint::spin_loop();
                }
                L::send_blocking(&mut tx, Stamp { due, sent: clock.now() });
            }
        })
    };
    let senders: Vec<_> = (0..load.senders).map(spawn).collect();
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    (0..receivers).for_each(|_| L::send_blocking(&mut tx, Stamp::END));
}

pub fn to_task<L: TaskLink<Stamp>>(load: Load) -> Times {
    let (tx, mut rx) = L::pair();
    let clock = Clock(Instant::now());
    let runtime = runtime(1);
    let task = runtime.spawn(async move {
        let mut times = Times::new();
        while times.received(L::recv(&mut rx).await, clock) {}
        times
    });
    send_all::<L>(tx, load, clock, 1);
    runtime.block_on(task).unwrap()
}

pub fn to_thread<L: Link<Stamp>>(load: Load) -> Times {
    let (tx, rx) = L::pair();
    to_receivers::<L>(tx, vec![rx], load)
}

/// With as many receiving threads as senders.
pub fn to_threads<L: Link<Stamp, Rx: Clone>>(load: Load) -> Times {
    let (tx, rx) = L::pair();
    to_receivers::<L>(tx, vec![rx; load.senders as usize], load)
}

fn to_receivers<L: Link<Stamp>>(tx: L::Tx, receivers: Vec<L::Rx>, load: Load) -> Times {
    let clock = Clock(Instant::now());
    let spawn = |mut rx| {
        thread::spawn(move || {
            let mut times = Times::new();
            while times.received(L::recv_blocking(&mut rx), clock) {}
            times
        })
    };
    let receivers: Vec<_> = receivers.into_iter().map(spawn).collect();
    send_all::<L>(tx, load, clock, receivers.len());
    let mut all = Times::new();
    receivers.into_iter().for_each(|receiver| all.add(&receiver.join().unwrap()));
    all
}
