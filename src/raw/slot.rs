//! A slot: space for one value, and three bytes by which its producer and its consumer agree on the outcome.
//!
//! Knows one producer and one consumer: the owners of the slot's push ticket and pop ticket. Does not know
//! segments.
//!
//! | byte | value | meaning | next value |
//! |---|---|---|---|
//! | state | `EMPTY` | nothing is published | `FULL`, `HOLE` |
//! | | `FULL` | a value is published; the consumer takes it unless it has poisoned the slot | final |
//! | | `HOLE` | the producer left a hole; the consumer continues with the next ticket | final |
//! | producer's | `PENDING`, `PENDING_RMW` | the producer has not finished | `DONE`, `CONTESTED` |
//! | | `CONTESTED` | the consumer has stopped waiting and rechecks the state | `DONE`, `POISONED` |
//! | | `POISONED` | the consumer has left without a value; the producer will take its value back | `DONE` |
//! | | `DONE` | the producer has finished | final |
//! | consumer's | `PENDING` | the consumer has not finished | `DONE` |
//! | | `DONE` | the consumer has finished | final |
//!
//! The producer writes the state and sets its own byte to `DONE`. The consumer sets the producer's byte to
//! `CONTESTED` and `POISONED`, and its own byte to `DONE`.
//!
//! `DONE` is the *done flag* of the byte's owner. Setting it is the owner's last access to the slot. So a
//! segment has no slot ticket outstanding once both done flags of every slot are set. A consumer reads the
//! producer's byte only when it has waited longer than its spin limit.
//!
//! A slot ends as full or as poisoned, and both owners agree on which: section 3 of `docs/design.md` has the
//! proof.

use super::fence::{heavy, light, Handshake};
use super::points::point;
use crate::sync::{AtomicU8, Ordering, UnsafeCell};
use std::mem::{size_of, MaybeUninit};

/// The state of a slot of a fresh or cleared segment.
pub(crate) const EMPTY: u8 = 0;
const FULL: u8 = 1;
const HOLE: u8 = 2;

/// The producer's byte and the consumer's byte of a slot of a fresh or cleared segment.
pub(crate) const PENDING: u8 = 0;
/// The only value with this bit, so that many done flags can be tested at a time.
pub(crate) const DONE: u8 = 1;
/// As `PENDING`, in the producer's byte of a segment whose handshake is [`Handshake::Rmw`].
const PENDING_RMW: u8 = 8;
const CONTESTED: u8 = 2;

/// The producer's byte of a slot of a fresh or cleared segment with this handshake.
pub(crate) fn pending(handshake: Handshake) -> u8 {
    match handshake {
        Handshake::Rmw => PENDING_RMW,
        Handshake::Membarrier => PENDING,
    }
}
const POISONED: u8 = 4;

/// The outcome of the producer's publication.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Published {
    /// The consumer takes the value; the producer has finished.
    Kept,
    /// The consumer has contested the slot, and may have poisoned it: see [`Slot::resolve`].
    Contested,
}

/// What the consumer finds in its slot.
pub(crate) enum Found<T> {
    Value(T),
    /// There is no value and there will be none.
    Hole,
}

/// One slot, by the addresses of its parts. The segment may be freed as soon as its last done flag is set, so
/// no reference to the segment may outlive the access that sets the flag.
pub(crate) struct Slot<T> {
    pub(crate) state: *const AtomicU8,
    pub(crate) producer: *const AtomicU8,
    pub(crate) consumer: *const AtomicU8,
    pub(crate) value: *const UnsafeCell<MaybeUninit<T>>,
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Slot<T> {}

impl<T> Slot<T> {
    /// Writes `value` before any other thread can see the slot. This also finishes the producer's part.
    ///
    /// # Safety
    /// The caller owns the whole segment, and the slot is empty.
    pub(crate) unsafe fn fill(self, value: T) {
        // SAFETY: the caller owns the slot.
        unsafe {
            self.write(value);
            // Ordering: Relaxed, S1. The link or the swing that publishes the segment releases both.
            (*self.state).store(FULL, Ordering::Relaxed);
            (*self.producer).store(DONE, Ordering::Relaxed);
        }
    }

    /// Takes back the value that [`Slot::fill`] wrote. The bytes keep their values until the segment is
    /// cleared.
    ///
    /// # Safety
    /// The caller filled the slot and still owns the whole segment.
    pub(crate) unsafe fn unfill(self) -> T {
        // SAFETY: the caller owns the slot, and it is full.
        unsafe { self.read() }
    }

    /// The producer's part: writes the value and publishes it.
    ///
    /// # Safety
    /// The caller owns the slot's push ticket and has not used it.
    #[inline]
    pub(crate) unsafe fn publish(self, value: T) -> Published {
        // SAFETY: only the ticket's owner accesses the value before the state is stored, and only the
        // consumer afterwards, unless it poisons the slot. The ticket keeps the segment alive until the producer's
        // byte is DONE. To store that is the last access on each path but one: with `Contested` the byte is not DONE,
        // and the ticket is not used up.
        unsafe {
            point!(PushClaimed);
            self.write(value);
            point!(ValueWritten);
            // Ordering: Release, S2. Pairs with the consumer's load (S5): the value is seen.
            (*self.state).store(FULL, Ordering::Release);
            light();
            point!(ValuePublished);
            // Race: the consumer may contest the slot at the same time.
            //  1. The consumer contests, passes `heavy` and finds the state empty. Then this load comes after
            //     the contesting CAS and sees it.
            //  2. This load finds `PENDING`. Then the consumer finds the state full: it takes the value and
            //     does not write this byte again. The plain store below overwrites at most CONTESTED.
            // Ordering: Relaxed, S4. Ordered by the fences (F1), or by the CAS below.
            let uncontested = match (*self.producer).load(Ordering::Relaxed) {
                PENDING => {
                    point!(ByteRead);
                    self.set_producer_done();
                    true
                }
                // Ordering: Release and Relaxed, S3. Release as a done flag (S7), and as S2 for a consumer that
                // reads this byte first (S6).
                PENDING_RMW => {
                    point!(ByteRead);
                    (*self.producer).compare_exchange(PENDING_RMW, DONE, Ordering::Release, Ordering::Relaxed).is_ok()
                }
                _ => false,
            };
            if uncontested {
                Published::Kept
            } else {
                Published::Contested
            }
        }
    }

    /// Settles a contested publication: the value comes back if the slot is poisoned, else the consumer takes
    /// it.
    ///
    /// # Safety
    /// [`Slot::publish`] has just returned `Contested` to the caller, which calls this once.
    #[cold]
    pub(crate) unsafe fn resolve(self) -> Option<T> {
        // SAFETY: as in `publish`. After POISONED the consumer has left and has not accessed the value. The
        // done flag is the ticket's last access.
        unsafe {
            point!(ContestSeen);
            // Ordering: Release and Acquire, S9. Release as S3. Acquire: what the consumer did before it
            // poisoned the slot (S8).
            if (*self.producer).compare_exchange(CONTESTED, DONE, Ordering::Release, Ordering::Acquire).is_ok() {
                return None;
            }
            point!(PoisonSeen);
            let value = self.read();
            self.set_producer_done();
            Some(value)
        }
    }

    /// The producer's whole part: [`Slot::publish`] and, if needed, [`Slot::resolve`]. The value comes back
    /// from a poisoned slot.
    ///
    /// # Safety
    /// As for [`Slot::publish`].
    #[inline]
    pub(crate) unsafe fn push(self, value: T) -> Option<T> {
        // SAFETY: as demanded.
        unsafe {
            match self.publish(value) {
                Published::Kept => None,
                Published::Contested => self.resolve(),
            }
        }
    }

    /// The producer's part if it has no value for its ticket. The consumer finds a hole, whether or not it
    /// has poisoned the slot.
    ///
    /// # Safety
    /// The caller owns the slot's push ticket and has not used it.
    pub(crate) unsafe fn leave_hole(self) {
        // SAFETY: as in `publish`; there is no value.
        unsafe {
            // Ordering: Relaxed, S1. There is no value to publish. The done flag below releases this store
            // for a consumer that reads the flag first.
            (*self.state).store(HOLE, Ordering::Relaxed);
            point!(HoleStored);
            self.set_producer_done();
        }
    }

    /// Pauses for which a consumer waits for a producer that has claimed the slot and not yet published. A
    /// large type takes longer to copy.
    const SPIN_LIMIT: u32 = 64 + (if size_of::<T>() < 1 << 16 { size_of::<T>() } else { 1 << 16 }) as u32 / 32;

    /// The consumer's part: takes the value, or poisons the slot if it stays empty.
    ///
    /// # Safety
    /// The caller owns the slot's pop ticket and has not used it. `handshake` is the segment's.
    #[inline]
    pub(crate) unsafe fn take(self, handshake: Handshake) -> Found<T> {
        // SAFETY: the ticket keeps the segment alive until the consumer's done flag, which is its last
        // access. FULL makes the value the consumer's unless it has poisoned the slot. A consumer that has
        // poisoned the slot uses EMPTY, whatever the state has become.
        unsafe {
            point!(PopClaimed);
            // Ordering: Acquire, S5. Pairs with the publication (S2): the value is seen.
            let mut state = (*self.state).load(Ordering::Acquire);
            if state == EMPTY {
                state = self.wait_or_poison(handshake);
            }
            self.finish(state)
        }
    }

    /// Whether the slot has a value, which then belongs to the consumer.
    ///
    /// # Safety
    /// The caller pins the segment.
    #[inline]
    pub(crate) unsafe fn is_full(&self) -> bool {
        // SAFETY: pinned.
        // Ordering: Acquire, S5. As in `take`.
        unsafe { (*self.state).load(Ordering::Acquire) == FULL }
    }

    /// [`Slot::take`] for a slot that has a value. `wrap` converts the value in place, so that a large value
    /// is copied only once.
    ///
    /// # Safety
    /// As for [`Slot::take`]. [`Slot::is_full`] has returned true, and the caller has not poisoned the slot.
    #[inline]
    pub(crate) unsafe fn take_full<R>(self, wrap: impl FnOnce(T) -> R) -> R {
        /// Sets the done flag when it is dropped: after the value was copied to where it is returned, which the
        /// compiler does not move across the flag. Also if `wrap` unwinds.
        struct Finish<T>(Slot<T>);
        impl<T> Drop for Finish<T> {
            #[inline(always)]
            fn drop(&mut self) {
                point!(ValueTaken);
                // SAFETY: as demanded of `take_full`; this is its last access.
                unsafe { self.0.set_consumer_done() }
            }
        }
        point!(FullFound);
        let _finish = Finish(self);
        // SAFETY: FULL makes the value the consumer's.
        wrap(unsafe { self.read() })
    }

    /// Whether the producer has published a value or a hole. A hint, for a caller that reads the state again before it
    /// takes the value.
    ///
    /// # Safety
    /// The caller pins the segment.
    #[inline]
    pub(crate) unsafe fn is_published(&self) -> bool {
        // SAFETY: pinned.
        // Ordering: Relaxed, S10. A later load of the state (S5) is not older.
        unsafe { (*self.state).load(Ordering::Relaxed) != EMPTY }
    }

    /// [`Slot::take`] if the producer has published a value or a hole; `None` if it has not.
    ///
    /// # Safety
    /// As for [`Slot::take`]. `Some` uses the ticket up, `None` does not.
    #[inline]
    pub(crate) unsafe fn take_if_published(self) -> Option<Found<T>> {
        // SAFETY: as in `take`.
        unsafe {
            // Ordering: Acquire, S5. As in `take`.
            match (*self.state).load(Ordering::Acquire) {
                EMPTY => None,
                state => Some(self.finish(state)),
            }
        }
    }

    /// Takes the value if `state` says that there is one, and sets the consumer's done flag.
    ///
    /// # Safety
    /// As for [`Slot::take`], and `state` is final or the caller has poisoned the slot.
    #[inline]
    unsafe fn finish(self, state: u8) -> Found<T> {
        // SAFETY: FULL makes the value the consumer's. The done flag is its last access.
        unsafe {
            if state == FULL {
                return self.take_full(Found::Value);
            }
            point!(HoleFound);
            self.set_consumer_done();
            Found::Hole
        }
    }

    /// Waits up to the spin limit for the producer and returns the state; EMPTY if the slot is now poisoned.
    ///
    /// # Safety
    /// As for [`Slot::take`].
    #[cold]
    unsafe fn wait_or_poison(self, handshake: Handshake) -> u8 {
        // SAFETY: the ticket keeps the segment alive.
        unsafe {
            // Ordering: Acquire, S5. As in `take`.
            let load_state = || (*self.state).load(Ordering::Acquire);
            for _ in 0..crate::sync::spins_if_parallel(Self::SPIN_LIMIT) {
                crate::sync::pause();
                let state = load_state();
                if state != EMPTY {
                    return state;
                }
            }
            point!(EmptyFound);
            // Ordering: Relaxed and Acquire, S6. Acquire: a producer that has finished stored the state
            // before (S3, S7).
            let pending = pending(handshake);
            if (*self.producer).compare_exchange(pending, CONTESTED, Ordering::Relaxed, Ordering::Acquire).is_ok() {
                point!(SlotContested);
                // Without the heavy fence the producer may not see that the slot is contested. Then the
                // consumer must not poison it. It waits until the producer publishes or the kernel executes
                // the fence after all.
                loop {
                    let fenced = handshake == Handshake::Rmw || heavy();
                    let state = load_state();
                    if state != EMPTY {
                        return state;
                    }
                    if fenced {
                        break;
                    }
                    crate::sync::yield_now();
                }
                point!(ContestFenced);
                // Ordering: Release and Acquire, S8. Release: the producer, which claims another slot, sees
                // the head at least where this consumer saw it.
                if (*self.producer).compare_exchange(CONTESTED, POISONED, Ordering::Release, Ordering::Acquire).is_ok()
                {
                    point!(SlotPoisoned);
                    return EMPTY;
                }
            }
            load_state()
        }
    }

    /// # Safety
    /// The caller has exclusive access to the slot's value.
    #[inline]
    unsafe fn write(&self, value: T) {
        // SAFETY: the access is exclusive, and the old content needs no drop.
        unsafe { (*self.value).with_mut(|place| place.cast::<T>().write(value)) }
    }

    /// # Safety
    /// The caller has exclusive access to the slot's value, which was written and not read since.
    #[inline]
    unsafe fn read(&self) -> T {
        // SAFETY: as demanded.
        unsafe { (*self.value).with_mut(|place| place.cast::<T>().read()) }
    }

    /// # Safety
    /// The caller is the consumer and does not access the segment afterwards by this ticket.
    #[inline]
    unsafe fn set_consumer_done(&self) {
        // SAFETY: the ticket is not returned before this store.
        // Ordering: Release, S7. Pairs with the loads of all done flags (G5): what this owner did comes
        // before a reuse.
        unsafe { (*self.consumer).store(DONE, Ordering::Release) }
    }

    /// # Safety
    /// The caller is the producer and does not access the segment afterwards by this ticket.
    #[inline]
    unsafe fn set_producer_done(&self) {
        // SAFETY: the ticket is not returned before this store.
        // Ordering: Release, S7. As the consumer's.
        unsafe { (*self.producer).store(DONE, Ordering::Release) }
    }
}
