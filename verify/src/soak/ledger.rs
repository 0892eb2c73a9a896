//! Which items of a round were sent and received: a bit for each, sums, and the order of each sender.

use std::sync::atomic::{AtomicU64, Ordering};

/// The bits of the items that were received.
#[derive(Debug)]
pub(super) struct Bitmap {
    words: Vec<AtomicU64>,
    each: u64,
}

/// What one sender or receiver has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) items: u64,
    pub(super) sum: u64,
    pub(super) xor: u64,
    /// Operations that were cancelled.
    pub(super) cancelled: u64,
    /// Handles that were cloned.
    pub(super) clones: u64,
}

impl Tally {
    pub(super) fn count(&mut self, number: u64) {
        self.items += 1;
        self.sum = self.sum.wrapping_add(number.wrapping_mul(number | 1));
        self.xor ^= number.rotate_left((number % 63) as u32);
    }

    pub(super) fn add(&mut self, other: Tally) {
        self.items += other.items;
        self.sum = self.sum.wrapping_add(other.sum);
        self.xor ^= other.xor;
        self.cancelled += other.cancelled;
        self.clones += other.clones;
    }
}

/// What a receiver has seen of each sender.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    bitmap: &'a Bitmap,
    /// For each sender the number behind the last item.
    next: [u64; 4],
}

impl Bitmap {
    /// For so many items of each of four senders.
    pub(super) fn new(each: u64) -> Self {
        let words = (4 * each).div_ceil(64) as usize;
        Bitmap { words: std::iter::repeat_with(AtomicU64::default).take(words).collect(), each }
    }

    /// How many items each sender has.
    pub(super) fn each(&self) -> u64 {
        self.each
    }

    /// The number of an item.
    pub(super) fn number(&self, sender: usize, item: u64) -> u64 {
        sender as u64 * self.each + item
    }

    pub(super) fn seen(&self) -> Seen<'_> {
        Seen { bitmap: self, next: [0; 4] }
    }

    /// Checks that exactly the first items of each sender, as many as were sent, were received.
    pub(super) fn settle(&self, sent: &[u64]) -> Result<(), String> {
        for (sender, &sent) in sent.iter().enumerate() {
            for item in 0..self.each {
                let number = self.number(sender, item);
                let is_set = self.words[(number / 64) as usize].load(Ordering::Relaxed) >> (number % 64) & 1 == 1;
                if is_set != (item < sent) {
                    let what = if is_set { "was received, though its send failed" } else { "was lost" };
                    return Err(format!("item {item} of sender {sender} {what}"));
                }
            }
        }
        Ok(())
    }
}

impl Seen<'_> {
    /// Notes an item: it must be new, and behind the earlier ones of its sender.
    pub(super) fn receive(&mut self, number: u64) -> Result<(), String> {
        let (sender, item) = ((number / self.bitmap.each) as usize, number % self.bitmap.each);
        let Some(next) = self.next.get_mut(sender) else { return Err(format!("item {number} was never sent")) };
        let bit = 1 << (number % 64);
        if self.bitmap.words[(number / 64) as usize].fetch_or(bit, Ordering::Relaxed) & bit != 0 {
            return Err(format!("item {item} of sender {sender} was received twice"));
        }
        if item < *next {
            return Err(format!("item {item} of sender {sender} was received after item {}", *next - 1));
        }
        *next = item + 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_received_once_in_order_and_only_if_it_was_sent() {
        let bitmap = Bitmap::new(100);
        let mut seen = bitmap.seen();
        (0..3).for_each(|item| seen.receive(bitmap.number(2, item)).unwrap());
        assert!(bitmap.settle(&[0, 0, 3, 0]).is_ok());
        assert!(bitmap.settle(&[0, 0, 4, 0]).unwrap_err().contains("item 3 of sender 2 was lost"));
        assert!(bitmap.settle(&[0, 0, 2, 0]).unwrap_err().contains("though its send failed"));
        assert!(seen.receive(bitmap.number(2, 1)).unwrap_err().contains("twice"));
        seen.receive(bitmap.number(1, 5)).unwrap();
        assert!(seen.receive(bitmap.number(1, 4)).unwrap_err().contains("after item 5"));
        assert!(seen.receive(4000).unwrap_err().contains("never sent"));
    }

    #[test]
    fn sums_differ_when_one_item_differs() {
        let tally = |numbers: &[u64]| {
            let mut tally = Tally::default();
            numbers.iter().for_each(|&number| tally.count(number));
            tally
        };
        assert_eq!(tally(&[1, 2, 3]), tally(&[3, 1, 2]));
        assert_ne!(tally(&[1, 2, 3]), tally(&[1, 2, 2]));
        assert_ne!(tally(&[1, 4]), tally(&[2, 3]));
    }
}
