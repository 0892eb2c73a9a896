//! loom's atomic types, changed where loom would miss an interleaving or explore one that no machine has.
//!
//! Knows loom. Does not know queues.

use super::Ordering;
use ::loom::sync::atomic;

/// loom's byte, with a swap in place of each store; the result of the swap is not used.
///
/// Let a thread store to a byte while another thread does an RMW on it. If the RMW reads the value before the
/// store, the store comes after the RMW: no write comes between the read and the write of an RMW. loom leaves
/// open which of the two values remains.
#[derive(Debug)]
pub(crate) struct AtomicU8(atomic::AtomicU8);

impl AtomicU8 {
    #[track_caller]
    pub(crate) fn new(value: u8) -> Self {
        Self(atomic::AtomicU8::new(value))
    }

    #[track_caller]
    pub(crate) fn store(&self, value: u8, order: Ordering) {
        self.0.swap(value, order);
    }
}

impl std::ops::Deref for AtomicU8 {
    type Target = atomic::AtomicU8;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl std::ops::DerefMut for AtomicU8 {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

/// Under `--cfg loom_rmw`: loom's words, with an RMW of the same effect in place of each load and store.
///
/// loom keeps only the last access to a word. A load just before a compare-and-swap hides the accesses that
/// compete with the compare-and-swap, and some interleavings are never run (tokio-rs/loom#166). Between RMWs
/// loom tries all interleavings, but then no load returns a stale value. Hence each model is run both ways.
/// The bytes and the counts have no compare-and-swap loop and stay as they are.
#[cfg(loom_rmw)]
mod words {
    use super::{atomic, Ordering};

    macro_rules! words {
        ($($name:ident $(<$param:ident>)? = $value:ty;)*) => {$(
            #[derive(Debug)]
            pub(crate) struct $name$(<$param>)?(atomic::$name$(<$param>)?);

            impl$(<$param>)? $name$(<$param>)? {
                #[track_caller]
                pub(crate) fn new(value: $value) -> Self {
                    Self(atomic::$name::new(value))
                }

                #[track_caller]
                pub(crate) fn load(&self, order: Ordering) -> $value {
                    let any = 0 as $value;
                    self.0.compare_exchange(any, any, order, order).unwrap_or_else(|value| value)
                }

                #[allow(dead_code)] // no pointer is stored
                #[track_caller]
                pub(crate) fn store(&self, value: $value, order: Ordering) {
                    self.0.swap(value, order);
                }
            }

            impl$(<$param>)? std::ops::Deref for $name$(<$param>)? {
                type Target = atomic::$name$(<$param>)?;

                fn deref(&self) -> &Self::Target {
                    &self.0
                }
            }
        )*};
    }

    words! {
        AtomicPtr<T> = *mut T;
        AtomicU64 = u64;
        AtomicUsize = usize;
    }
}
#[cfg(not(loom_rmw))]
pub(crate) use atomic::{AtomicPtr, AtomicU64, AtomicUsize};
#[cfg(loom_rmw)]
pub(crate) use words::{AtomicPtr, AtomicU64, AtomicUsize};
