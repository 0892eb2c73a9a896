//! Standing: a push that stays with its item until somebody takes it, and may take it back.
//!
//! This is what a rendezvous needs. Only one item stands at a time: it goes in when nothing else is inside, so that
//! it is at the head for as long as it is there, and taking it back is a claim of the head like any other's.

use super::put::{Place, Stay};
use super::segment::Segment;
use super::slot::Found;
use super::{Claim, Observer, RawQueue, Refused};
use crate::sync::Ordering;

/// An item in line. Must be given back to the queue it came from, by [`RawQueue::withdraw`] or
/// [`RawQueue::step_off`]; one that is forgotten keeps a segment from re-use until the queue is dropped.
#[derive(Debug)]
pub struct Stand {
    queue: usize,
    segment: usize,
    index: u64,
    position: u64,
}

impl<T> RawQueue<T> {
    /// Puts `value` in if nothing is inside, and stands by it.
    pub fn stand(&self, value: T, observer: &impl Observer) -> Result<Stand, Refused<T>> {
        // Ordering: Relaxed, R1. Who closes the queue has acquired the claim that follows, if that was made in time.
        self.side.standing.fetch_add(1, Ordering::Relaxed);
        let Place { segment, index } = match self.enter(value, 1, Stay::Hold, observer) {
            Ok(place) => place,
            Err(refused) => {
                // Ordering: Relaxed, R1. As above.
                self.side.standing.fetch_sub(1, Ordering::Relaxed);
                return Err(refused);
            }
        };
        Ok(Stand {
            queue: self.identity(),
            segment: segment.address(),
            index,
            // SAFETY: the hold pins the segment.
            position: unsafe { segment.base() } + index,
        })
    }

    /// Whether a pop has claimed the item.
    pub fn is_taken(&self, stand: &Stand) -> bool {
        self.head.sight(Self::LEN).position > stand.position
    }

    /// Takes the item back, unless it is taken.
    pub fn withdraw(&self, stand: Stand, observer: &impl Observer) -> Option<T> {
        self.owns(&stand);
        let Some(segment) = Segment::at(stand.segment) else { unreachable!() };
        while !self.is_taken(&stand) {
            // Nothing was inside when the item came, and it is not taken: the head is at it, or at the end of the
            // segment before. While the segment is held its address is not used anew: no compare-and-swap errs.
            let seen = self.head.cursor();
            if seen.ticket() >= Self::LEN {
                self.leave_used_up(seen);
            } else if seen.address() == stand.segment
                && seen.ticket() == stand.index
                && self.head.advance(seen, seen.advanced(1)).is_ok()
            {
                let claim = Claim { segment, index: stand.index, count: 1 };
                let left = self.leave_behind(&claim);
                let found = self.take(&claim, stand.index);
                self.step_off(stand);
                self.retire(left);
                observer.vacated(1);
                // It came in and went out by the same hand: it does not count.
                self.void(1, observer);
                return match found {
                    Found::Value(value) => Some(value),
                    Found::Hole => unreachable!("a standing item was published before"),
                };
            }
        }
        self.step_off(stand);
        None
    }

    /// Leaves the item to whoever takes it, or has.
    pub fn step_off(&self, stand: Stand) {
        self.owns(&stand);
        // Ordering: Relaxed, R1. As above.
        self.side.standing.fetch_sub(1, Ordering::Relaxed);
        if let Some(segment) = Segment::<T>::at(stand.segment) {
            // SAFETY: the hold came with the stand, which is used up here, and the stand from this queue: a `Put` keeps
            // its queue borrowed or shared for as long as it has a stand, so that the address says which queue it is.
            unsafe { segment.release(1) };
        }
    }

    /// Whether a put stands, or is about to. On a closed queue no more will.
    pub fn has_standing(&self) -> bool {
        // Ordering: Relaxed, R1. As above.
        self.side.standing.load(Ordering::Relaxed) != 0
    }

    fn owns(&self, stand: &Stand) {
        assert_eq!(stand.queue, self.identity(), "a stand of another queue");
    }

    fn identity(&self) -> usize {
        self as *const Self as usize
    }
}
