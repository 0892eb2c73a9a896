//! Who is through: a number for each line, for who waits and takes no lock.
//!
//! Knows numbers. Does not know lines.
//!
//! Race: who is through has nothing left at the desk. He who calls stores the number while the desk is locked, and when that
//! is unlocked nothing of those with smaller numbers is there: a get has no place any more, and the item of a put has gone in.
//! (Who is called and is to look at the desk is not through, though the number may pass his: a reservation, and one who wants
//! room only, never ask here; and behind a put that a close has called nobody is through any more.) So one
//! who reads a number greater than his own is done without the lock. The number only grows, and who reads an old one takes the
//! lock and sees there what is so.

use crate::sync::{AtomicU64, Ordering};

/// The number behind the last one who is through.
pub(super) struct Watermark(AtomicU64);

impl Watermark {
    crate::sync::const_fn! {
        pub(super) const fn new() -> Self {
            Watermark(AtomicU64::new(0))
        }
    }

    /// Under the desk's mutex.
    #[inline]
    pub(super) fn set(&self, through: u64) {
        // Ordering: Relaxed, W3. All stores are made under the mutex.
        if self.0.load(Ordering::Relaxed) != through {
            // Ordering: Release, W7. Pairs with W8: the item for which a get is called, or that of the put.
            self.0.store(through, Ordering::Release);
        }
    }

    #[inline]
    pub(super) fn includes(&self, number: u64) -> bool {
        // Ordering: Acquire, W8. Pairs with W7: a get that is called and finds nothing has not missed what it was called for,
        // and who puts finds inside what he has put.
        self.0.load(Ordering::Acquire) > number
    }
}
