//! A slot: room for one value, and the two bytes by which its putter and its getter settle who does what.
//!
//! Knows one putter and one getter, the owners of the slot's two tickets. Knows no segments.
//!
//! | state | meaning | next |
//! |---|---|---|
//! | `EMPTY` | nothing published | `FULL`, `SKIPPED` by the putter; `POISONED` by the getter |
//! | `FULL` | a value is in it | final: the getter takes the value |
//! | `SKIPPED` | the putter gave its ticket up | final: the getter goes on to the next ticket |
//! | `POISONED` | the getter lost patience and went on | final for the getter; the putter, whose swap finds it, takes its value back and claims anew |
//!
//! The second byte, the *mark*, says that both owners are through: it is set once, as the last access of the party
//! that is last: the getter after `FULL` and `SKIPPED`, the putter after `POISONED`. A segment whose slots
//! are all marked has no slot ticket outstanding.

use crate::sync::{AtomicU8, Ordering, UnsafeCell};
use std::mem::{size_of, MaybeUninit};

/// Also what a fresh or cleared segment holds.
pub(crate) const EMPTY: u8 = 0;
const FULL: u8 = 1;
const SKIPPED: u8 = 2;
const POISONED: u8 = 3;

/// Not yet marked; also what a fresh or cleared segment holds.
pub(crate) const OPEN: u8 = 0;
pub(crate) const DONE: u8 = 1;

/// What the putter's publication came to.
pub(crate) enum Published<T> {
    Kept,
    /// The getter went on without it. The value is back and the slot is done with.
    Poisoned(T),
}

/// What the getter finds in its slot.
pub(crate) enum Found<T> {
    Value(T),
    /// There is no value and there will be none.
    Hole,
}

/// One slot, by the addresses of its parts: a segment may go as soon as its last mark is set, so no reference
/// to it may outlive the access that sets it.
pub(crate) struct Slot<T> {
    pub(crate) state: *const AtomicU8,
    pub(crate) mark: *const AtomicU8,
    pub(crate) value: *const UnsafeCell<MaybeUninit<T>>,
}

impl<T> Slot<T> {
    /// Puts `value` in before anyone else can see the slot.
    ///
    /// # Safety
    /// The caller owns the whole segment, and the slot is empty.
    pub(crate) unsafe fn fill(self, value: T) {
        // SAFETY: the caller owns the slot.
        unsafe {
            self.write(value);
            // Ordering: Relaxed, S1. The link or swing that makes the segment known releases it.
            (*self.state).store(FULL, Ordering::Relaxed);
        }
    }

    /// Takes back what [`Slot::fill`] put in.
    ///
    /// # Safety
    /// The caller owns the whole segment still, and filled the slot.
    pub(crate) unsafe fn unfill(self) -> T {
        // SAFETY: the caller owns the slot, and it is full.
        unsafe {
            // Ordering: Relaxed, S2. Nobody else has seen the segment.
            (*self.state).store(EMPTY, Ordering::Relaxed);
            self.read()
        }
    }

    /// The putter's part: writes the value and publishes it.
    ///
    /// # Safety
    /// The caller owns the slot's put ticket and has not used it.
    pub(crate) unsafe fn publish(self, value: T) -> Published<T> {
        // SAFETY: before the swap only the ticket's owner touches the value; the ticket keeps the segment alive
        // until the slot is marked, which after FULL is the getter's doing, so that the swap is the last access;
        // after POISONED the getter is gone and the value is the putter's again until it marks the slot itself.
        unsafe {
            self.write(value);
            // Ordering: AcqRel, S3. Release: the value before the getter's load (S5). Acquire: the poison (S6).
            match (*self.state).swap(FULL, Ordering::AcqRel) {
                POISONED => {
                    let value = self.read();
                    self.mark();
                    Published::Poisoned(value)
                }
                _ => Published::Kept,
            }
        }
    }

    /// The putter's part when it cannot use its ticket: the getter is to go on.
    ///
    /// # Safety
    /// The caller owns the slot's put ticket and has not used it.
    pub(crate) unsafe fn skip(self) {
        // SAFETY: as in `publish`; there is no value.
        unsafe {
            // Ordering: AcqRel, S4. As S3: the getter's last accesses come before the putter's mark.
            if (*self.state).swap(SKIPPED, Ordering::AcqRel) == POISONED {
                self.mark();
            }
        }
    }

    /// How many pauses a getter grants a putter that has claimed and not published: its copy of the value takes
    /// longer for a larger type.
    const PATIENCE: u32 = 64 + (if size_of::<T>() < 1 << 16 { size_of::<T>() } else { 1 << 16 }) as u32 / 32;

    /// The getter's part: takes the value, or poisons a slot that stays empty.
    ///
    /// # Safety
    /// The caller owns the slot's get ticket and has not used it.
    pub(crate) unsafe fn take(self) -> Found<T> {
        // SAFETY: the ticket keeps the segment alive until the slot is marked; FULL gives the value to the getter,
        // and the mark is its last access. Once the poison is in, the slot is the putter's and is not touched.
        unsafe {
            // Ordering: Acquire, S5. Pairs with the publication (S3): the value is seen.
            let mut state = (*self.state).load(Ordering::Acquire);
            if state == EMPTY {
                for _ in 0..crate::sync::patience(Self::PATIENCE) {
                    crate::sync::pause();
                    // Ordering: Acquire, S5. As above.
                    state = (*self.state).load(Ordering::Acquire);
                    if state != EMPTY {
                        break;
                    }
                }
            }
            if state == EMPTY {
                // Ordering: AcqRel and Acquire, S6. Pairs with the putter's swap (S3, S4), in either order.
                match (*self.state).compare_exchange(EMPTY, POISONED, Ordering::AcqRel, Ordering::Acquire) {
                    Ok(_) => return Found::Hole,
                    Err(now) => state = now,
                }
            }
            let found = if state == FULL { Found::Value(self.read()) } else { Found::Hole };
            self.mark();
            found
        }
    }

    /// # Safety
    /// The caller has the slot's value to itself.
    unsafe fn write(&self, value: T) {
        // SAFETY: the caller has it to itself, and there is nothing in it to drop.
        unsafe { (*self.value).with_mut(|place| place.cast::<T>().write(value)) }
    }

    /// # Safety
    /// The caller has the slot's value to itself; it was written and not read since.
    unsafe fn read(&self) -> T {
        // SAFETY: as demanded.
        unsafe { (*self.value).with_mut(|place| place.cast::<T>().read()) }
    }

    /// # Safety
    /// The caller is the last party of the slot and does not touch the segment afterwards by this ticket.
    unsafe fn mark(&self) {
        // SAFETY: the ticket is not returned before this store.
        // Ordering: Release, S7. Pairs with the look at all marks (G5): what this party did comes before a re-use.
        unsafe { (*self.mark).store(DONE, Ordering::Release) }
    }
}
