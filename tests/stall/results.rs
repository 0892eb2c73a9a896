//! The results of the stalls, and whether each item arrived once and in order.

use super::Item;
use std::fmt;
use std::ops::AddAssign;

/// The items that one getter received.
#[derive(Default)]
pub(crate) struct Ledger {
    /// For each producer: one bit for each item.
    got: [Vec<u64>; 2],
    /// For each producer: the lowest number that may arrive next.
    next: [u64; 2],
    torn: u64,
    disordered: u64,
}

impl Ledger {
    pub(crate) fn enter<const WORDS: usize>(&mut self, item: &Item<WORDS>) -> Option<(u64, u64)> {
        let Some((producer, number)) = item.read() else {
            self.torn += 1;
            return None;
        };
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
        Some((producer, number))
    }
}

/// The results of some stalls.
#[derive(Default)]
pub(crate) struct Results {
    pub(crate) stalls: u32,
    pub(crate) puts: u32,
    pub(crate) gets: u32,
    pub(crate) nothing: u32,
    /// Closes beside a stopped victim after which the putter or the getter did not end.
    pub(crate) ends: u32,
    /// Stalls in which a thread made no progress within the first limit.
    pub(crate) late: u32,
    /// The instructions of the victim when others froze, relative to the begin of the program: for
    /// `addr2line`.
    pub(crate) places: Vec<usize>,
    pub(crate) faults: Vec<String>,
}

impl Results {
    pub(crate) fn frozen(&self) -> u32 {
        self.puts + self.gets + self.nothing + self.ends
    }

    /// Records the faults in the ledgers of the two getters, when each producer has `put` so many items.
    pub(crate) fn audit(&mut self, put: [u64; 2], ledgers: &[Ledger; 2]) {
        for (producer, put) in put.into_iter().enumerate() {
            let words = ledgers.iter().map(|ledger| ledger.got[producer].len() as u64).max().unwrap_or(0);
            for word in 0..words.max(put / 64 + 1) {
                let [one, two] =
                    [0, 1].map(|getter| ledgers[getter].got[producer].get(word as usize).map_or(0, |bits| *bits));
                let all =
                    1_u64.checked_shl(put.saturating_sub(word * 64).min(64) as u32).map_or(u64::MAX, |bit| bit - 1);
                let first = word * 64;
                for (what, bits) in
                    [("lost", all & !(one | two)), ("doubled", one & two), ("made up", (one | two) & !all)]
                {
                    if bits != 0 && self.faults.len() < 10 {
                        self.faults.push(format!("{what} of producer {producer}, from {first} on: {bits:#b}"));
                    }
                }
            }
        }
        for ledger in ledgers {
            if ledger.torn + ledger.disordered > 0 {
                self.faults.push(format!("{} torn, {} out of order", ledger.torn, ledger.disordered));
            }
        }
    }
}

impl AddAssign for Results {
    fn add_assign(&mut self, more: Results) {
        self.stalls += more.stalls;
        self.puts += more.puts;
        self.gets += more.gets;
        self.nothing += more.nothing;
        self.ends += more.ends;
        self.late += more.late;
        self.places.extend(more.places);
        self.faults.extend(more.faults);
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Results { stalls, puts, gets, nothing, ends, late, places, faults } = self;
        write!(f, "stalls {stalls} puts frozen {puts} gets frozen {gets} nothing delivered {nothing}")?;
        write!(f, " (ends frozen {ends}, late {late})")?;
        if !places.is_empty() {
            write!(f, "; the victim was at {places:#x?}")?;
        }
        faults.iter().try_for_each(|fault| write!(f, "; {fault}"))
    }
}
