//! A harness for the loom models: a segment without ends, with one slot for the threads of the model.
//!
//! Knows segments and slots. Does not know queues. A model has a producer and a consumer at the same slot
//! from the beginning, and stale loads of its bytes, which models of the whole queue seldom reach.

use super::fence::Handshake;
use super::segment::Segment;
use super::slot::Found;
use super::span::Span;

/// The last slot of a segment that both ends have left.
#[allow(missing_debug_implementations)]
pub struct SlotHarness<T> {
    segment: Segment<T>,
}

// SAFETY: as for the queue; the segment is known by its address.
unsafe impl<T: Send> Send for SlotHarness<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for SlotHarness<T> {}

impl<T> SlotHarness<T> {
    const SLOT: u64 = Segment::<T>::LEN - 1;

    /// A fresh segment.
    pub fn new(handshake: Handshake) -> Self {
        handshake.fix();
        let harness = SlotHarness { segment: Segment::allocate(Span::long(0), 0) };
        harness.begin();
        harness
    }

    /// Uses up the other slots, and leaves the segment as both ends.
    fn begin(&self) {
        // SAFETY: the caller owns the segment.
        unsafe {
            self.segment.leave(0);
            self.segment.leave(0);
            for index in 0..Self::SLOT {
                self.segment.long_slot(index).leave_hole();
                let Found::Hole = self.segment.long_slot(index).take(self.segment.handshake()) else { unreachable!() };
            }
        }
    }

    /// The producer's part, once in each generation of the segment. The value comes back from a poisoned
    /// slot.
    pub fn push(&self, value: T) -> Result<(), T> {
        // SAFETY: the model calls this once.
        unsafe {
            match self.segment.long_slot(Self::SLOT).push(value) {
                None => Ok(()),
                Some(value) => Err(value),
            }
        }
    }

    /// The producer's part without a value.
    pub fn leave_hole(&self) {
        // SAFETY: the model calls this once.
        unsafe { self.segment.long_slot(Self::SLOT).leave_hole() }
    }

    /// The consumer's part, once in each generation of the segment.
    pub fn take(&self) -> Option<T> {
        // SAFETY: the model calls this once.
        match unsafe { self.segment.long_slot(Self::SLOT).take(self.segment.handshake()) } {
            Found::Value(value) => Some(value),
            Found::Hole => None,
        }
    }

    /// Begins another generation of the segment if the producer and the consumer have finished.
    pub fn reuse(&self) -> bool {
        // SAFETY: only one thread of the model calls this.
        unsafe {
            let done = self.segment.is_reclaimable();
            if done {
                self.segment.clear(0, 0);
                self.begin();
            }
            done
        }
    }
}

impl<T> Drop for SlotHarness<T> {
    fn drop(&mut self) {
        // SAFETY: the model has ended.
        unsafe { self.segment.free() }
    }
}
