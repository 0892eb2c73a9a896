//! A cell for one value, which one thread puts in and one thread takes out: the same one, or another.
//!
//! Knows one value. Does not know what it is, or the queue.
//!
//! ```text
//!  63                                               2  1     0
//! +---------------------------------------------------+-------+
//! |  sequence number: values that were put in so far  | state |    0 empty, 1 held, 2 full
//! +---------------------------------------------------+-------+
//! ```
//!
//! - *Empty*: there is no value. A compare-and-swap to held, with the next number, gives a thread the right to
//!   put one in.
//! - *Full*: there is a value, which no thread accesses. A compare-and-swap to held, with the same number,
//!   gives a thread the right to access it.
//! - *Held*: one thread accesses the value. It ends that by a plain store of full or empty, with the same
//!   number.
//!
//! No operation waits: one that does not find the state that it needs, or loses the compare-and-swap, fails.
//! So a thread that is stopped while it holds the cell takes the use of the cell from the others, and nothing
//! else.
//!
//! The number identifies a value. The owner of a value keeps its key, which is the word of that value while
//! it is in the cell. No word comes back: 2^62 values take longer than any machine runs. Another thread takes
//! whatever value is there, so for it a word that came back would do no harm.

use super::points::point;
use crate::sync::{AtomicU64, Ordering, UnsafeCell};

/// A place for one value.
#[allow(missing_debug_implementations)]
pub struct Handoff<V> {
    word: AtomicU64,
    /// `None` while the state is empty.
    value: UnsafeCell<Option<V>>,
}

/// The key of a value that was put in: the word while this value is there.
#[derive(Debug)]
pub struct HandoffKey(u64);

const EMPTY: u64 = 0;
const HELD: u64 = 1;
const FULL: u64 = 2;
const STATE: u64 = 3;
const NEXT: u64 = 4;

// SAFETY: a value moves from the thread that puts it in to the one that takes it out, and one thread at a time
// accesses it; hence `V: Send`.
unsafe impl<V: Send> Sync for Handoff<V> {}

impl<V> Handoff<V> {
    crate::sync::const_fn! {
        pub const fn new() -> Self {
            Handoff { word: AtomicU64::new(EMPTY), value: UnsafeCell::new(None) }
        }
    }

    /// Whether there is a value, or was when the present holder began.
    #[inline]
    pub fn is_occupied(&self) -> bool {
        self.load_relaxed() & STATE != EMPTY
    }

    /// Puts a value in if the cell is empty. The value comes back otherwise.
    #[inline]
    pub fn put(&self, value: V) -> Result<HandoffKey, V> {
        let seen = self.load_relaxed();
        let held = seen.wrapping_add(NEXT) | HELD;
        if seen & STATE != EMPTY || !self.hold(seen, held) {
            return Err(value);
        }
        point!(CellHeld);
        // SAFETY: this thread holds the cell.
        self.value.with_mut(|place| unsafe { *place = Some(value) });
        self.release(held, FULL);
        Ok(HandoffKey(held - HELD + FULL))
    }

    /// Takes the value that is there, whose owner learns of it by [`contains`](Handoff::contains).
    #[inline]
    pub fn take(&self) -> Option<V> {
        let seen = self.load_relaxed();
        if seen & STATE != FULL {
            return None;
        }
        self.take_out(seen)
    }

    /// Whether the value of this key is in the cell, and no thread has begun to take it.
    #[inline]
    pub fn contains(&self, key: &HandoffKey) -> bool {
        // Ordering: Acquire, B3. Pairs with the CAS of the thread that takes the value (B1) and with its
        // store (B2): the owner sees what that thread did before.
        self.word.load(Ordering::Acquire) == key.0
    }

    /// Takes the value of this key back, unless another thread has begun to take it.
    #[inline]
    pub fn take_back(&self, key: &HandoffKey) -> Option<V> {
        self.take_out(key.0)
    }

    /// Lets the owner of a value access it, unless another thread has begun to take it. A thread that would
    /// take the value meanwhile does not find it. No user code may run in `access`.
    #[inline]
    pub fn access<R>(&self, key: &HandoffKey, access: impl FnOnce(&mut V) -> R) -> Option<R> {
        let held = key.0 - FULL + HELD;
        if !self.hold(key.0, held) {
            return None;
        }
        point!(CellHeld);
        // SAFETY: this thread holds the cell.
        let result = self.value.with_mut(|place| unsafe { (*place).as_mut().map(access) });
        self.release(held, FULL);
        result
    }

    #[inline]
    fn take_out(&self, full: u64) -> Option<V> {
        let held = full - FULL + HELD;
        if !self.hold(full, held) {
            return None;
        }
        point!(CellHeld);
        // SAFETY: this thread holds the cell.
        let value = self.value.with_mut(|place| unsafe { (*place).take() });
        self.release(held, EMPTY);
        value
    }

    #[inline]
    fn load_relaxed(&self) -> u64 {
        // Ordering: Relaxed, B4. After an RMW of a word on which the owner made its RMW fence (M1) the value
        // is seen. A CAS confirms the state before the value is accessed.
        self.word.load(Ordering::Relaxed)
    }

    #[inline]
    fn hold(&self, from: u64, held: u64) -> bool {
        // Ordering: AcqRel and Acquire, B1. Acquire: the accesses of the former holder (B2); on failure also
        // what the thread did that has taken the value. Release: what this thread did before, for the owner
        // (B3).
        self.word.compare_exchange(from, held, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    #[inline]
    fn release(&self, held: u64, state: u64) {
        point!(CellAccessed);
        // Ordering: Release, B2. The access comes before that of the next holder (B1). Only the holder writes
        // now.
        self.word.store(held - HELD + state, Ordering::Release);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_taken_by_its_owner_or_by_another_thread() {
        let cell = Handoff::new();
        assert!(!cell.is_occupied() && cell.take().is_none());
        let first = cell.put("first").unwrap();
        assert!(cell.is_occupied() && cell.contains(&first));
        assert_eq!(cell.put("second").unwrap_err(), "second");
        assert_eq!(cell.take(), Some("first"));
        let second = cell.put("second").unwrap();
        assert!(!cell.contains(&first) && cell.contains(&second));
        assert_eq!((cell.take_back(&first), cell.take_back(&second)), (None, Some("second")));
        assert!(!cell.is_occupied() && !cell.contains(&second));
    }

    #[test]
    fn the_owner_changes_its_value_until_it_is_taken() {
        let cell = Handoff::new();
        let key = cell.put(1).unwrap();
        assert_eq!(cell.access(&key, |value| std::mem::replace(value, 2)), Some(1));
        assert!(cell.contains(&key));
        assert_eq!((cell.take(), cell.access(&key, |value| *value)), (Some(2), None));
    }

    #[test]
    fn the_cell_drops_its_value() {
        let value = std::sync::Arc::new(());
        let cell = Handoff::new();
        assert!(cell.put(value.clone()).is_ok());
        drop(cell);
        assert_eq!(std::sync::Arc::strong_count(&value), 1);
    }
}
