//! The results of the stalls, and whether each item arrived once and in order.
//!
//! Knows items by their producer and their number. Does not know threads or queues.

use super::signal::Op;
use super::PRODUCERS;
use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

/// The items that one getter received.
#[derive(Default)]
pub(crate) struct Ledger {
    /// For each producer: one bit for each item.
    got: [Vec<u64>; PRODUCERS],
    /// For each producer: the lowest number that may arrive next.
    next: [u64; PRODUCERS],
    /// Items whose words differ.
    pub(crate) torn: u64,
    disordered: u64,
    /// Items that arrived too early: one that was put before it, after the stop, had not arrived.
    pub(crate) early: u64,
}

impl Ledger {
    pub(crate) fn enter(&mut self, producer: u64, number: u64) {
        let (got, next) = (&mut self.got[producer as usize], &mut self.next[producer as usize]);
        if number < *next {
            self.disordered += 1;
        }
        *next = number + 1;
        let word = (number / 64) as usize;
        if word >= got.len() {
            got.resize(2 * word + 1, 0);
        }
        got[word] |= 1 << (number % 64);
    }
}

/// The results of some stalls.
#[derive(Default)]
pub(crate) struct Results {
    pub(crate) stalls: u32,
    /// Stalls in which the putter, and the getter, did not complete enough operations.
    pub(crate) puts: u32,
    pub(crate) gets: u32,
    /// Stalls in which the items that were put after the stop did not arrive.
    pub(crate) items: u32,
    /// Stalls in which the second victim could not be stopped: it ran no operation beside the first.
    pub(crate) stuck: u32,
    /// Closes beside a stopped victim after which the putter or the getter did not end.
    pub(crate) ends: u32,
    /// Stalls in which a thread made no progress within the first limit.
    pub(crate) late: u32,
    /// The number of stops in each operation.
    pub(crate) ops: [u32; Op::NAMES.len()],
    /// The instructions of the victims when others froze, relative to the begin of the program: for `addr2line`.
    pub(crate) places: Vec<usize>,
    pub(crate) faults: Vec<String>,
    pub(crate) took: Duration,
}

impl Results {
    /// The number of freezes of each kind, together.
    pub(crate) fn frozen(&self) -> u32 {
        self.puts + self.gets + self.items + self.stuck + self.ends
    }

    /// Records the faults in the ledgers of the getters, when each producer has `put` so many items. Items that may
    /// be `dropped` need not have arrived.
    pub(crate) fn audit(&mut self, put: [u64; PRODUCERS], ledgers: &[Ledger], dropped: bool) {
        for (producer, put) in put.into_iter().enumerate() {
            let words = ledgers.iter().map(|ledger| ledger.got[producer].len() as u64).max().unwrap_or(0);
            for word in 0..words.max(put / 64 + 1) {
                let (mut once, mut twice) = (0, 0);
                for ledger in ledgers {
                    let bits = ledger.got[producer].get(word as usize).map_or(0, |bits| *bits);
                    twice |= once & bits;
                    once |= bits;
                }
                let first = word * 64;
                let all = 1_u64.checked_shl(put.saturating_sub(first).min(64) as u32).map_or(u64::MAX, |bit| bit - 1);
                let lost = if dropped { 0 } else { all & !once };
                for (what, bits) in [("lost", lost), ("doubled", twice), ("made up", once & !all)] {
                    if bits != 0 {
                        self.fault(format!("{what} of producer {producer}, from {first} on: {bits:#b}"));
                    }
                }
            }
        }
        for Ledger { torn, disordered, early, .. } in ledgers {
            if torn + disordered + early > 0 {
                self.fault(format!(
                    "{torn} torn, {disordered} out of order, {early} before items of the same producer"
                ));
            }
        }
    }

    pub(crate) fn fault(&mut self, text: String) {
        if self.faults.len() < 10 {
            self.faults.push(text);
        }
    }
}

impl AddAssign for Results {
    fn add_assign(&mut self, more: Results) {
        self.stalls += more.stalls;
        self.puts += more.puts;
        self.gets += more.gets;
        self.items += more.items;
        self.stuck += more.stuck;
        self.ends += more.ends;
        self.late += more.late;
        self.ops.iter_mut().zip(more.ops).for_each(|(ops, more)| *ops += more);
        self.places.extend(more.places);
        self.faults.extend(more.faults);
        self.took += more.took;
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Results { stalls, puts, gets, items, stuck, ends, late, ops, places, faults, took } = self;
        write!(f, "{stalls} stalls; frozen: puts {puts}, gets {gets}, items {items}, victims {stuck}, ends {ends}")?;
        write!(f, "; late {late}; stopped in")?;
        let stopped = Op::NAMES.iter().zip(ops).filter(|(_, times)| **times > 0);
        stopped.into_iter().try_for_each(|(name, times)| write!(f, " {name} {times}"))?;
        write!(f, "; {:.1} s", took.as_secs_f64())?;
        if !places.is_empty() {
            write!(f, "; the victims were at {:x?}", &places[..places.len().min(8)])?;
        }
        faults.iter().try_for_each(|fault| write!(f, "; {fault}"))
    }
}
