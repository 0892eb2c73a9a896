//! A slot: room for one value, and the three bytes by which its putter and its getter settle who does what.
//!
//! Knows one putter and one getter, the owners of the slot's two tickets. Knows no segments.
//!
//! | byte | value | meaning | next |
//! |---|---|---|---|
//! | state | `EMPTY` | nothing published | `FULL`, `SKIPPED` |
//! | | `FULL` | a value is in it | final: the getter takes the value, unless it has killed the slot |
//! | | `SKIPPED` | the putter gave its ticket up | final: the getter goes on to the next ticket |
//! | putter's | `OPEN` | the putter has not come, or is at work | `DONE` by the putter; `ASKED` by the getter |
//! | | `ASKED` | the getter has lost patience and is about to look once more | `DONE` by the putter; `POISONED` by the getter |
//! | | `POISONED` | *poisoned*: the getter went on | `DONE` by the putter, who takes its value back first, and claims anew |
//! | | `DONE` | the putter is through | final |
//! | getter's | `OPEN` | the getter has not come, or is at work | `DONE` by the getter |
//! | | `DONE` | the getter is through | final |
//!
//! Each party sets its own byte to `DONE`, the *mark*, as its last access: a segment whose slots are all marked
//! twice has no slot ticket outstanding. GetterKind look at the putter's byte only when they have lost patience.
//!
//! A slot is full or poisoned, and both parties agree on which: section 3 of `docs/design.md` has the proof.

use super::fence::{heavy, light, Handshake};
use crate::sync::{AtomicU8, Ordering, UnsafeCell};
use std::mem::{size_of, MaybeUninit};

/// Also what a fresh or cleared segment holds.
pub(crate) const EMPTY: u8 = 0;
const FULL: u8 = 1;
const SKIPPED: u8 = 2;

/// Also what a fresh or cleared segment holds, in the putter's byte and in the getter's.
pub(crate) const OPEN: u8 = 0;
/// The one with this bit, so that marks can be tested many at a time.
pub(crate) const DONE: u8 = 1;
const ASKED: u8 = 2;
const POISONED: u8 = 4;

/// What the putter's publication came to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Published {
    Kept,
    /// The getter has asked for the value, or gone on without it: see [`Slot::answer`].
    Contested,
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
    pub(crate) putter: *const AtomicU8,
    pub(crate) getter: *const AtomicU8,
    pub(crate) value: *const UnsafeCell<MaybeUninit<T>>,
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Slot<T> {}

impl<T> Slot<T> {
    /// Puts `value` in before anyone else can see the slot; the putter is through with it.
    ///
    /// # Safety
    /// The caller owns the whole segment, and the slot is empty.
    pub(crate) unsafe fn fill(self, value: T) {
        // SAFETY: the caller owns the slot.
        unsafe {
            self.write(value);
            // Ordering: Relaxed, S1. The link or swing that makes the segment known releases both.
            (*self.state).store(FULL, Ordering::Relaxed);
            (*self.putter).store(DONE, Ordering::Relaxed);
        }
    }

    /// Takes back what [`Slot::fill`] put in. The bytes stay as they are until the segment is cleared for its next owner.
    ///
    /// # Safety
    /// The caller owns the whole segment still, and filled the slot.
    pub(crate) unsafe fn unfill(self) -> T {
        // SAFETY: the caller owns the slot, and it is full.
        unsafe { self.read() }
    }

    /// The putter's part: writes the value and publishes it.
    ///
    /// # Safety
    /// The caller owns the slot's put ticket and has not used it. The means are the segment's.
    #[inline]
    pub(crate) unsafe fn publish(self, value: T, handshake: Handshake) -> Published {
        // SAFETY: before the state is stored only the ticket's owner touches the value, and afterwards the getter. The
        // ticket keeps the segment alive until the putter's byte is DONE, which is the last access on each way.
        unsafe {
            self.write(value);
            // Ordering: Release, S2. Pairs with the getter's load (S5): the value is seen.
            (*self.state).store(FULL, Ordering::Release);
            let unasked = match handshake {
                // Ordering: Release and Relaxed, S3. Release as a mark (S7), and as S2 for who looks here first (S6).
                Handshake::Rmw => {
                    (*self.putter).compare_exchange(OPEN, DONE, Ordering::Release, Ordering::Relaxed).is_ok()
                }
                Handshake::Membarrier => {
                    light();
                    // Race: the getter may ask just now.
                    //  1. It asks, passes `heavy` and finds the state empty: then this load comes after its asking.
                    //  2. This load finds nothing: then the getter finds the state full. It takes the value and leaves
                    //     this byte alone, so that the plain store below hides its question only.
                    // Ordering: Relaxed, S4. Ordered by the barriers (F1).
                    let unasked = (*self.putter).load(Ordering::Relaxed) == OPEN;
                    if unasked {
                        self.mark_putter();
                    }
                    unasked
                }
            };
            if unasked {
                Published::Kept
            } else {
                Published::Contested
            }
        }
    }

    /// The putter was asked for its value, which is there by now, or the slot is poisoned: then the value comes back.
    ///
    /// # Safety
    /// [`Slot::publish`] has just said so to the caller, who does this once.
    #[cold]
    pub(crate) unsafe fn resolve(self) -> Option<T> {
        // SAFETY: as in `publish`. After POISONED the getter is gone and has not touched the value; the mark is the ticket's
        // last access.
        unsafe {
            // Ordering: Release and Acquire, S9. Release as S3. Acquire: what the getter did before it killed the slot (S8).
            if (*self.putter).compare_exchange(ASKED, DONE, Ordering::Release, Ordering::Acquire).is_ok() {
                return None;
            }
            let value = self.read();
            self.mark_putter();
            Some(value)
        }
    }

    /// The putter's part to its end: the value comes back from a poisoned slot.
    ///
    /// # Safety
    /// As for [`Slot::publish`].
    #[inline]
    pub(crate) unsafe fn put(self, value: T, handshake: Handshake) -> Option<T> {
        // SAFETY: as demanded.
        unsafe {
            match self.publish(value, handshake) {
                Published::Kept => None,
                Published::Contested => self.resolve(),
            }
        }
    }

    /// The putter's part when it cannot use its ticket: the getter is to go on, whether it has killed the slot or not.
    ///
    /// # Safety
    /// The caller owns the slot's put ticket and has not used it.
    pub(crate) unsafe fn skip(self) {
        // SAFETY: as in `publish`; there is no value.
        unsafe {
            // Ordering: Relaxed, S1. There is no value to be seen. The mark below releases it for who finds that first.
            (*self.state).store(SKIPPED, Ordering::Relaxed);
            self.mark_putter();
        }
    }

    /// How many pauses a getter grants a putter that has claimed and not published: its copy of the value takes
    /// longer for a larger type.
    const PATIENCE: u32 = 64 + (if size_of::<T>() < 1 << 16 { size_of::<T>() } else { 1 << 16 }) as u32 / 32;

    /// The getter's part: takes the value, or poisons a slot that stays empty.
    ///
    /// # Safety
    /// The caller owns the slot's get ticket and has not used it. The means are the segment's.
    #[inline]
    pub(crate) unsafe fn take(self, handshake: Handshake) -> Found<T> {
        // SAFETY: the ticket keeps the segment alive until the getter's mark, which is its last access. FULL gives it the
        // value, unless it has killed the slot; then it goes by EMPTY, whatever the state is by now.
        unsafe {
            // Ordering: Acquire, S5. Pairs with the publication (S2): the value is seen.
            let mut state = (*self.state).load(Ordering::Acquire);
            if state == EMPTY {
                state = self.wait_or_poison(handshake);
            }
            self.finish(state)
        }
    }

    /// Whether there is a value, which is the getter's then.
    ///
    /// # Safety
    /// The caller pins the segment.
    #[inline]
    pub(crate) unsafe fn is_full(&self) -> bool {
        // SAFETY: pinned.
        // Ordering: Acquire, S5. As in `take`.
        unsafe { (*self.state).load(Ordering::Acquire) == FULL }
    }

    /// As [`Slot::take`] where there is a value, in the shape in which it is wanted: so a large one is copied once.
    ///
    /// # Safety
    /// As for [`Slot::take`], and [`Slot::is_full`].
    #[inline]
    pub(crate) unsafe fn take_full<R>(self, wrap: impl FnOnce(T) -> R) -> R {
        // SAFETY: FULL gives the value to the getter. The mark is its last access.
        unsafe {
            // Before the mark: the compiler moves no copy across it.
            let wrapped = wrap(self.read());
            self.mark_getter();
            wrapped
        }
    }

    /// Whether the putter has published or given up.
    ///
    /// # Safety
    /// The caller pins the segment.
    #[inline]
    pub(crate) unsafe fn is_settled(&self) -> bool {
        // SAFETY: pinned.
        // Ordering: Acquire, S5. As in `take`.
        unsafe { (*self.state).load(Ordering::Acquire) != EMPTY }
    }

    /// As [`Slot::take`] where the putter has published or given up; `None` where it has not.
    ///
    /// # Safety
    /// As for [`Slot::take`]; the ticket is used if there is an answer.
    #[inline]
    pub(crate) unsafe fn take_if_settled(self) -> Option<Found<T>> {
        // SAFETY: as in `take`.
        unsafe {
            // Ordering: Acquire, S5. As in `take`.
            match (*self.state).load(Ordering::Acquire) {
                EMPTY => None,
                state => Some(self.finish(state)),
            }
        }
    }

    /// Takes what the state says, and marks.
    ///
    /// # Safety
    /// As for [`Slot::take`], and the state is settled or the slot killed.
    #[inline]
    unsafe fn finish(self, state: u8) -> Found<T> {
        // SAFETY: FULL gives the value to the getter. The mark is its last access.
        unsafe {
            if state == FULL {
                return self.take_full(Found::Value);
            }
            self.mark_getter();
            Found::Hole
        }
    }

    /// The state after some patience: EMPTY if the slot is killed.
    ///
    /// # Safety
    /// As for [`Slot::take`].
    #[cold]
    unsafe fn wait_or_poison(self, handshake: Handshake) -> u8 {
        // SAFETY: the ticket keeps the segment alive.
        unsafe {
            // Ordering: Acquire, S5. As in `take`.
            let load_state = || (*self.state).load(Ordering::Acquire);
            for _ in 0..crate::sync::spin_limit(Self::PATIENCE) {
                crate::sync::pause();
                let state = load_state();
                if state != EMPTY {
                    return state;
                }
            }
            // Ordering: Relaxed and Acquire, S6. Acquire: a putter that is through has stored the state before (S3, S7).
            if (*self.putter).compare_exchange(OPEN, ASKED, Ordering::Relaxed, Ordering::Acquire).is_ok() {
                // Without the barrier it is not known whether the putter sees the question. Then there is nothing for it but
                // to wait: for the putter, or for the kernel to change its mind.
                loop {
                    let sure = handshake == Handshake::Rmw || heavy();
                    let state = load_state();
                    if state != EMPTY {
                        return state;
                    }
                    if sure {
                        break;
                    }
                    crate::sync::yield_now();
                }
                // Ordering: Release and Acquire, S8. Release: the putter, who claims anew, sees the head where it is by now.
                if (*self.putter).compare_exchange(ASKED, POISONED, Ordering::Release, Ordering::Acquire).is_ok() {
                    return EMPTY;
                }
            }
            load_state()
        }
    }

    /// # Safety
    /// The caller has the slot's value to itself.
    #[inline]
    unsafe fn write(&self, value: T) {
        // SAFETY: the caller has it to itself, and there is nothing in it to drop.
        unsafe { (*self.value).with_mut(|place| place.cast::<T>().write(value)) }
    }

    /// # Safety
    /// The caller has the slot's value to itself; it was written and not read since.
    #[inline]
    unsafe fn read(&self) -> T {
        // SAFETY: as demanded.
        unsafe { (*self.value).with_mut(|place| place.cast::<T>().read()) }
    }

    /// # Safety
    /// The caller is the getter and does not touch the segment afterwards by this ticket.
    #[inline]
    unsafe fn mark_getter(&self) {
        // SAFETY: the ticket is not returned before this store.
        // Ordering: Release, S7. Pairs with the look at all marks (G5): what this party did comes before a re-use.
        unsafe { (*self.getter).store(DONE, Ordering::Release) }
    }

    /// # Safety
    /// The caller is the putter and does not touch the segment afterwards by this ticket.
    #[inline]
    unsafe fn mark_putter(&self) {
        // SAFETY: the ticket is not returned before this store.
        // Ordering: Release, S7. As the getter's.
        unsafe { (*self.putter).store(DONE, Ordering::Release) }
    }
}
