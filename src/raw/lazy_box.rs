//! A box that is allocated on first use, without a lock: a thread that is suspended in between keeps no other
//! thread waiting, as it would with std's `OnceLock`.
//!
//! Knows one pointer. Does not know what the box contains.

use super::points::point;
use crate::sync::{AtomicPtr, Ordering};
use std::marker::PhantomData;
use std::ptr::null_mut;

/// Null, or the address of a box. It is set once and keeps its value.
pub struct LazyBox<T> {
    pointer: AtomicPtr<T>,
    owned: PhantomData<Box<T>>,
}

// SAFETY: as a `Box<T>`.
unsafe impl<T: Send> Send for LazyBox<T> {}
// SAFETY: threads that share this get a `&T`, hence `T: Sync`. One of them makes the value and another one may
// drop it, hence `T: Send`.
unsafe impl<T: Send + Sync> Sync for LazyBox<T> {}

impl<T> std::fmt::Debug for LazyBox<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LazyBox").field("allocated", &self.get().is_some()).finish()
    }
}

impl<T> LazyBox<T> {
    crate::sync::const_fn! {
        /// Nothing is allocated.
        pub const fn new() -> Self {
            LazyBox { pointer: AtomicPtr::new(null_mut()), owned: PhantomData }
        }
    }

    /// What is in the box, if it was allocated.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        // Ordering: Acquire, O1. Pairs with the CAS (O2): the content is seen as it was made.
        let pointer = self.pointer.load(Ordering::Acquire);
        // SAFETY: a pointer that is not null comes from a box, which lives as long as `self`.
        unsafe { pointer.as_ref() }
    }

    /// As [`get`](Self::get), by an RMW. If it returns nothing, a thread that allocates the box later sees what
    /// the caller did before.
    pub fn get_ordered(&self) -> Option<&T> {
        // Ordering: Release and Acquire, O2. Release: for the thread that allocates the box. Acquire: as O1.
        match self.pointer.compare_exchange(null_mut(), null_mut(), Ordering::Release, Ordering::Acquire) {
            Ok(_) => None,
            // SAFETY: as in `get`.
            Err(pointer) => unsafe { pointer.as_ref() },
        }
    }

    /// What is in the box, which is allocated now if it was not before.
    #[inline]
    pub fn get_or_make(&self, make: impl FnOnce() -> T) -> &T {
        match self.get() {
            Some(content) => content,
            None => self.make(make),
        }
    }

    #[cold]
    #[inline(never)]
    fn make(&self, make: impl FnOnce() -> T) -> &T {
        let mine = Box::into_raw(Box::new(make()));
        point!(BoxMade);
        // Ordering: AcqRel and Acquire, O2. Release: the content as it was made. Acquire: the content that
        // another thread has made, and what a thread did before it found nothing.
        match self.pointer.compare_exchange(null_mut(), mine, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: as in `get`.
            Ok(_) => unsafe { &*mine },
            Err(theirs) => {
                // SAFETY: no other thread knows this box.
                drop(unsafe { Box::from_raw(mine) });
                // SAFETY: as in `get`; the CAS has failed, so the pointer is not null.
                unsafe { &*theirs }
            }
        }
    }
}

impl<T> Drop for LazyBox<T> {
    fn drop(&mut self) {
        // Ordering: Relaxed, O3. No other thread accesses the box.
        let pointer = self.pointer.load(Ordering::Relaxed);
        if !pointer.is_null() {
            // SAFETY: the pointer comes from a box, and this is the last access.
            drop(unsafe { Box::from_raw(pointer) });
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_box_is_made_once_and_dropped_once() {
        let counted = Arc::new(());
        let lazy = LazyBox::new();
        assert!(lazy.get().is_none() && lazy.get_ordered().is_none());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert!(Arc::ptr_eq(lazy.get_or_make(|| counted.clone()), &counted)));
            }
        });
        assert_eq!(Arc::strong_count(&counted), 2);
        assert!(lazy.get().is_some() && lazy.get_ordered().is_some());
        drop(lazy);
        assert_eq!(Arc::strong_count(&counted), 1);
    }

    #[test]
    fn a_box_that_is_not_used_is_not_allocated() {
        let lazy = LazyBox::<u8>::new();
        assert_eq!(format!("{lazy:?}"), "LazyBox { allocated: false }");
    }
}
