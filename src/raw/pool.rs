//! The segment pool: supplies segments, and takes them back when the head has left them.
//!
//! Knows segments. Does not know head and tail: the caller has the right to the segment that it passes in.
//!
//! A segment is in exactly one state: linked, private to its appender, the spare, in the list of retired
//! segments, or owned by the thread that sweeps that list. The list is pushed by CAS and taken as a whole, so
//! it has no ABA problem.

use super::segment::{Header, Segment};
use crate::sync::{AtomicPtr, Ordering};
use std::marker::PhantomData;
use std::ptr::null_mut;

pub(crate) struct SegmentPool<T> {
    /// One segment ready for use, so that a queue in steady use does not allocate.
    spare: AtomicPtr<Header>,
    /// Segments that the head has left and that other threads may still access.
    retired: AtomicPtr<Header>,
    segments: PhantomData<*mut T>,
}

impl<T> SegmentPool<T> {
    crate::sync::const_fn! {
        pub(crate) const fn new() -> Self {
            SegmentPool {
                spare: AtomicPtr::new(null_mut()),
                retired: AtomicPtr::new(null_mut()),
                segments: PhantomData,
            }
        }
    }

    /// An empty segment with this base, owned by the caller.
    pub(crate) fn acquire(&self, base: u64) -> Segment<T> {
        let spare = self.take_spare().or_else(|| {
            self.sweep();
            self.take_spare()
        });
        match spare {
            Some(segment) => {
                // SAFETY: the thread that takes the spare owns it, and the spare was empty when it was
                // stored.
                unsafe { segment.clear(base) };
                segment
            }
            None => Segment::allocate(base),
        }
    }

    /// Takes back an empty segment that the caller owns: it becomes the spare, or its memory is freed.
    pub(crate) fn recycle(&self, segment: Segment<T>) {
        // Ordering: Release, D1. Pairs with `take_spare`: what was done in the segment comes before its
        // reuse.
        let stored = self.spare.compare_exchange(null_mut(), segment.as_header(), Ordering::Release, Ordering::Relaxed);
        if stored.is_err() {
            // SAFETY: the caller owns the segment.
            unsafe {
                #[cfg(loom)]
                segment.clear(0); // as by its next owner, so that loom reports a thread that still accesses it
                segment.free();
            }
        }
    }

    /// Takes a segment that the head has left, and rechecks the segments that could not be reused before.
    ///
    /// # Safety
    /// The caller won the swing of the head out of this segment.
    pub(crate) unsafe fn retire(&self, segment: Segment<T>) {
        // Ordering: Relaxed, D2. A list that is missed here is swept the next time.
        if !self.retired.load(Ordering::Relaxed).is_null() {
            self.sweep();
        }
        // SAFETY: as demanded.
        unsafe { self.recycle_or_retire(segment) };
    }

    /// Recycles a segment that no other thread can access any more; adds any other segment to the retired
    /// list.
    ///
    /// # Safety
    /// The caller has the right to reclaim the segment.
    unsafe fn recycle_or_retire(&self, segment: Segment<T>) {
        // SAFETY: the caller has the right to reclaim it.
        if unsafe { segment.is_reclaimable() } {
            return self.recycle(segment);
        }
        // Ordering: Relaxed, D2. A guess; the CAS confirms it.
        let mut top = self.retired.load(Ordering::Relaxed);
        loop {
            // SAFETY: the right to reclaim the segment includes its link of the retired list.
            unsafe { segment.header().retired.with_mut(|next| *next = top) };
            // Ordering: Release, D3. Pairs with the sweep (D4): it sees the link, and gets the right to
            // reclaim.
            match self.retired.compare_exchange(top, segment.as_header(), Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }

    /// Rechecks all retired segments.
    fn sweep(&self) {
        // SAFETY: each segment was pushed with the right to reclaim it. The thread that takes the list gets
        // these rights.
        self.each_retired(|segment| unsafe { self.recycle_or_retire(segment) });
    }

    fn take_spare(&self) -> Option<Segment<T>> {
        // Ordering: Acquire, D1. Pairs with `recycle`.
        Segment::from_header(self.spare.swap(null_mut(), Ordering::Acquire))
    }

    fn each_retired(&self, mut visit: impl FnMut(Segment<T>)) {
        // Ordering: Acquire, D4. Pairs with the pushes (D3), each of which continues the release sequence
        // before it.
        let mut top = self.retired.swap(null_mut(), Ordering::Acquire);
        while let Some(segment) = Segment::from_header(top) {
            // SAFETY: the thread that took the list has the right to its segments.
            top = unsafe { segment.header().retired.with_mut(|next| *next) };
            visit(segment);
        }
    }

    /// Frees all memory, even of segments with outstanding tickets.
    ///
    /// # Safety
    /// The caller has exclusive access to the whole queue, for the last time.
    pub(crate) unsafe fn free_all(&self) {
        // SAFETY: no other thread accesses the queue, now or later.
        self.each_retired(|segment| unsafe { segment.free() });
        if let Some(segment) = self.take_spare() {
            // SAFETY: as above.
            unsafe { segment.free() };
        }
    }
}
