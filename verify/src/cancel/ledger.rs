//! What became of each item.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::Arc;

/// A put of the item has succeeded.
const PUT: u8 = 1;
/// A get has returned the item.
const GOT: u8 = 2;
/// A put that failed or was cancelled has given the item back.
const RETURNED: u8 = 4;
/// The item was dropped with a put that was cancelled.
const DROPPED: u8 = 8;
/// The item was in the queue at the end.
const INSIDE: u8 = 16;
/// The item came to two ends.
const TWICE: u8 = 32;

const ENDS: u8 = GOT | RETURNED | DROPPED | INSIDE;

/// The items of a round.
#[derive(Debug)]
pub struct Ledger {
    marks: Vec<AtomicU8>,
    made: AtomicUsize,
}

/// An item that records its end.
#[derive(Debug)]
pub struct Item {
    /// On the heap, so that the allocator notices when an item is dropped twice.
    id: Box<usize>,
    ledger: Option<Arc<Ledger>>,
}

/// The sums of a ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Items that gets have returned.
    pub got: u64,
    /// Items that were in the queue at the end.
    pub inside: u64,
    /// Items that puts have given back.
    pub returned: u64,
    /// Items that were dropped with their puts.
    pub dropped: u64,
}

impl Ledger {
    /// A ledger of at most so many items.
    pub fn new(most: usize) -> Arc<Self> {
        let marks = std::iter::repeat_with(AtomicU8::default).take(most).collect();
        Arc::new(Ledger { marks, made: AtomicUsize::new(0) })
    }

    /// A new item, or `None` if there are as many as the ledger has places.
    pub fn item(self: &Arc<Self>) -> Option<Item> {
        let made = self
            .made
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |made| (made < self.marks.len()).then_some(made + 1));
        made.ok().map(|id| Item { id: Box::new(id), ledger: Some(self.clone()) })
    }

    /// A put of this item has succeeded.
    pub fn put(&self, id: usize) {
        self.marks[id].fetch_or(PUT, Ordering::Relaxed);
    }

    fn end(&self, id: usize, end: u8) {
        if self.marks[id].fetch_or(end, Ordering::Relaxed) & ENDS != 0 {
            self.marks[id].fetch_or(TWICE, Ordering::Relaxed);
        }
    }

    /// The sums, if each item has come to one end, and those whose put has succeeded were got or are inside.
    pub fn settle(&self) -> Result<Sums, String> {
        let mut sums = Sums::default();
        for (id, marks) in self.marks.iter().take(self.made.load(Ordering::Relaxed)).enumerate() {
            let marks = marks.load(Ordering::Relaxed);
            let counter = match marks & !PUT {
                GOT => &mut sums.got,
                INSIDE => &mut sums.inside,
                RETURNED if marks & PUT == 0 => &mut sums.returned,
                DROPPED if marks & PUT == 0 => &mut sums.dropped,
                _ => return Err(format!("item {id}: {}", describe(marks))),
            };
            *counter += 1;
        }
        Ok(sums)
    }
}

fn describe(marks: u8) -> String {
    let names = ["put", "got", "returned", "dropped", "inside at the end", "at two ends"];
    let set = names.iter().enumerate().filter(|(bit, _)| marks & 1 << bit != 0);
    format!("[{}]", set.map(|(_, name)| *name).collect::<Vec<_>>().join(", "))
}

impl Item {
    /// The number of the item.
    pub fn id(&self) -> usize {
        *self.id
    }

    fn end(mut self, end: u8) {
        if let Some(ledger) = self.ledger.take() {
            ledger.end(*self.id, end);
        }
    }

    /// A get has returned the item.
    pub fn got(self) {
        self.end(GOT);
    }

    /// A put has given the item back.
    pub fn returned(self) {
        self.end(RETURNED);
    }

    /// The item was in the queue at the end.
    pub fn inside(self) {
        self.end(INSIDE);
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        if let Some(ledger) = self.ledger.take() {
            ledger.end(*self.id, DROPPED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_has_to_come_to_one_end() {
        let ledger = Ledger::new(4);
        let next = || ledger.item().unwrap();
        let (a, b, c, d) = (next(), next(), next(), next());
        assert!(ledger.item().is_none());
        ledger.put(a.id());
        a.got();
        b.returned();
        drop(c);
        assert!(ledger.settle().unwrap_err().contains("item 3: []"), "an item that is lost");
        d.inside();
        assert_eq!(ledger.settle(), Ok(Sums { got: 1, inside: 1, returned: 1, dropped: 1 }));
        ledger.end(1, GOT);
        assert!(ledger.settle().unwrap_err().contains("item 1"), "an item that was returned and got");
    }

    #[test]
    fn an_item_whose_put_has_succeeded_must_not_be_dropped() {
        let ledger = Ledger::new(1);
        let item = ledger.item().unwrap();
        ledger.put(item.id());
        drop(item);
        assert!(ledger.settle().is_err());
    }
}
