//! A place for one value, which one lays down and the first who comes for it takes: one compare-and-swap
//! each.
//!
//! Knows nothing of what the value is for, nor of queues.

use crate::sync::{AtomicU8, Ordering, UnsafeCell};

const EMPTY: u8 = 0;
const FULL: u8 = 1;
/// Somebody is at the value, and nobody else may be.
const HELD: u8 = 2;

/// A place for one value.
pub struct TakeCell<V> {
    state: AtomicU8,
    value: UnsafeCell<Option<V>>,
}

// SAFETY: a value goes from the thread that lays it down to the one that takes it, hence `V: Send`; a
// reference to it is only with the one who holds the place.
unsafe impl<V: Send> Sync for TakeCell<V> {}

impl<V> std::fmt::Debug for TakeCell<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TakeCell { .. }")
    }
}

impl<V> TakeCell<V> {
    crate::sync::const_fn! {
        /// An empty place.
        pub const fn new() -> Self {
            TakeCell { state: AtomicU8::new(EMPTY), value: UnsafeCell::new(None) }
        }
    }

    /// Lays a value down and hands back the one that was there; itself comes back if somebody is at the place
    /// just now.
    pub fn lay(&self, value: V) -> Result<Option<V>, V> {
        // Ordering: Relaxed, B1. The compare-and-swap confirms it.
        let seen = self.state.load(Ordering::Relaxed);
        // Ordering: Acquire, B1. Pairs with B3: who took the value before is through with it.
        if seen == HELD || self.state.compare_exchange(seen, HELD, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return Err(value);
        }
        // SAFETY: the state was another, and nobody touches the value without making it `HELD`.
        let old = self.value.with_mut(|place| unsafe { (*place).replace(value) });
        // Ordering: Release, B2. Pairs with B3: the value is there.
        self.state.store(FULL, Ordering::Release);
        Ok(old)
    }

    /// Takes the value, if one is there and nobody is at it.
    pub fn take(&self) -> Option<V> {
        // Ordering: Acquire, B3. Pairs with B2: the value.
        self.state.compare_exchange(FULL, HELD, Ordering::Acquire, Ordering::Relaxed).ok()?;
        // SAFETY: as in `lay`.
        let value = self.value.with_mut(|place| unsafe { (*place).take() });
        // Ordering: Release, B3. Pairs with B1: this thread is through with the place.
        self.state.store(EMPTY, Ordering::Release);
        value
    }

    /// Whether a value lies there. Says nothing about what was done before it was taken.
    #[inline]
    pub fn is_full(&self) -> bool {
        // Ordering: Relaxed, B4. The state is all there is; who takes the value looks again (B3).
        self.state.load(Ordering::Relaxed) == FULL
    }
}
