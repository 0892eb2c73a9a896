//! For the models: a segment without ends, of whose slots one is left to the threads of the model.
//!
//! So a model has a getter and a putter at the same slot from the start, and stale looks at its bytes, which those of
//! the whole queue seldom come to.

use super::fence::Handshake;
use super::segment::Segment;
use super::slot::Found;

/// The last slot of a segment that both ends have left.
#[allow(missing_debug_implementations)]
pub struct SlotHarness<T> {
    segment: Segment<T>,
}

// SAFETY: as for the queue; the segment goes by its address.
unsafe impl<T: Send> Send for SlotHarness<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for SlotHarness<T> {}

impl<T> SlotHarness<T> {
    const SLOT: u64 = Segment::<T>::LEN - 1;

    /// A fresh segment.
    pub fn new(handshake: Handshake) -> Self {
        handshake.fix();
        let trial = SlotHarness { segment: Segment::allocate(0) };
        trial.begin();
        trial
    }

    /// Uses up the other slots, and leaves.
    fn begin(&self) {
        // SAFETY: the segment is ours still.
        unsafe {
            self.segment.leave(0);
            self.segment.leave(0);
            for index in 0..Self::SLOT {
                self.segment.slot(index).skip();
                let Found::Hole = self.segment.slot(index).take(self.segment.handshake()) else { unreachable!() };
            }
        }
    }

    /// The putter's part, once in each life; the value comes back from a poisoned slot.
    pub fn put(&self, value: T) -> Result<(), T> {
        let slot = self.segment.slot(Self::SLOT);
        // SAFETY: the model calls it once.
        unsafe {
            match slot.put(value, self.segment.handshake()) {
                None => Ok(()),
                Some(value) => Err(value),
            }
        }
    }

    /// The putter's part otherwise.
    pub fn skip(&self) {
        // SAFETY: the model calls it once.
        unsafe { self.segment.slot(Self::SLOT).skip() }
    }

    /// The getter's part, once in each life.
    pub fn get(&self) -> Option<T> {
        // SAFETY: the model calls it once.
        match unsafe { self.segment.slot(Self::SLOT).take(self.segment.handshake()) } {
            Found::Value(value) => Some(value),
            Found::Hole => None,
        }
    }

    /// Begins another life, if putter and getter are through.
    pub fn reuse(&self) -> bool {
        // SAFETY: one thread of the model calls it.
        unsafe {
            let done = self.segment.is_done();
            if done {
                self.segment.clear(0);
                self.begin();
            }
            done
        }
    }
}

impl<T> Drop for SlotHarness<T> {
    fn drop(&mut self) {
        // SAFETY: the model is over.
        unsafe { self.segment.free() }
    }
}
