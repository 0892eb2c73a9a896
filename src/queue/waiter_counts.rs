//! WaiterCounts: how many wait in each line of the desk, for who passes by and takes no lock.
//!
//! Knows numbers. Does not know lines.

use crate::sync::{AtomicUsize, Ordering};

/// How many wait in each line.
pub(super) struct WaiterCounts {
    getters: AtomicUsize,
    #[cfg(feature = "stream")]
    streams: AtomicUsize,
    putters: AtomicUsize,
}

impl WaiterCounts {
    crate::sync::const_fn! {
        pub(super) const fn new() -> Self {
            WaiterCounts {
                getters: AtomicUsize::new(0),
                #[cfg(feature = "stream")]
                streams: AtomicUsize::new(0),
                putters: AtomicUsize::new(0),
            }
        }
    }

    #[inline]
    pub(super) fn no_getters(&self) -> bool {
        #[cfg(feature = "stream")]
        if !is_shut(&self.streams) {
            return false;
        }
        is_shut(&self.getters)
    }

    #[inline]
    pub(super) fn no_putters(&self) -> bool {
        is_shut(&self.putters)
    }

    /// Under the desk's mutex, as the two that follow.
    #[inline]
    pub(super) fn set_getters(&self, waiting: usize) {
        set(&self.getters, waiting);
    }

    #[cfg(feature = "stream")]
    #[inline]
    pub(super) fn set_streams(&self, waiting: usize) {
        set(&self.streams, waiting);
    }

    #[inline]
    pub(super) fn set_putters(&self, waiting: usize) {
        set(&self.putters, waiting);
    }
}

#[inline]
fn is_shut(gate: &AtomicUsize) -> bool {
    // Ordering: Relaxed, W2. After an RMW of a word that a waiter has met (M1) what the waiter set (W1) is seen.
    gate.load(Ordering::Relaxed) == 0
}

#[inline]
fn set(gate: &AtomicUsize, waiting: usize) {
    // Ordering: Relaxed, W3. All stores are made under the mutex.
    if gate.load(Ordering::Relaxed) != waiting {
        // Ordering: Relaxed, W1. The meeting that follows (M1) releases it, to whoever changes the word after that.
        gate.store(waiting, Ordering::Relaxed);
    }
}
