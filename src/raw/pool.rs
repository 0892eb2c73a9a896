//! The depot: where segments come from and where they go when the head has left them.
//!
//! Knows segments. Does not know head and tail: who calls has the right to the segment it brings.
//!
//! A segment is in exactly one place: linked, private to its appender, the spare, in the list of retired ones, or
//! in the hands of the one who swept that list. The list is pushed by CAS and taken whole, so that it has no ABA.

use super::segment::{Header, Segment};
use crate::sync::{AtomicPtr, Ordering};
use std::marker::PhantomData;
use std::ptr::null_mut;

pub(crate) struct SegmentPool<T> {
    /// One segment ready for use, so that a queue that turns over steadily does not allocate.
    spare: AtomicPtr<Header>,
    /// Segments that the head has left and in which somebody may still be.
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

    /// A segment of the caller's own, empty, for `base`.
    pub(crate) fn acquire(&self, base: u64) -> Segment<T> {
        let spare = self.take_spare().or_else(|| {
            self.sweep();
            self.take_spare()
        });
        match spare {
            Some(segment) => {
                // SAFETY: the spare belongs to who takes it, and was empty when it was laid there.
                unsafe { segment.clear(base) };
                segment
            }
            None => Segment::allocate(base),
        }
    }

    /// Takes back an empty segment of the caller's own: it becomes the spare, or its memory goes.
    pub(crate) fn recycle(&self, segment: Segment<T>) {
        // Ordering: Release, D1. Pairs with `take_spare`: what was done in the segment comes before its re-use.
        let laid = self.spare.compare_exchange(null_mut(), segment.as_header(), Ordering::Release, Ordering::Relaxed);
        if laid.is_err() {
            // SAFETY: the caller's own.
            unsafe {
                #[cfg(loom)]
                segment.clear(0); // as by its next owner, so that loom tells of who is still in it
                segment.free();
            }
        }
    }

    /// Takes a segment that the head has left, and looks again at those that could not be re-used before.
    ///
    /// # Safety
    /// The caller won the swing of the head out of this segment.
    pub(crate) unsafe fn retire(&self, segment: Segment<T>) {
        // Ordering: Relaxed, D2. A list that is missed is swept the next time.
        if !self.retired.load(Ordering::Relaxed).is_null() {
            self.sweep();
        }
        // SAFETY: as demanded.
        unsafe { self.recycle_or_retire(segment) };
    }

    /// A segment in which nobody is becomes the spare or goes; another is kept in the list of retired ones.
    ///
    /// # Safety
    /// The caller has the right to reclaim the segment.
    unsafe fn recycle_or_retire(&self, segment: Segment<T>) {
        // SAFETY: the right to reclaim it is the caller's.
        if unsafe { segment.is_done() } {
            return self.recycle(segment);
        }
        // Ordering: Relaxed, D2. A guess; the CAS confirms it.
        let mut top = self.retired.load(Ordering::Relaxed);
        loop {
            // SAFETY: the right to reclaim it includes the link of the retired list.
            unsafe { segment.header().retired.with_mut(|next| *next = top) };
            // Ordering: Release, D3. Pairs with the sweep (D4): the link, and the right with it.
            match self.retired.compare_exchange(top, segment.as_header(), Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }

    /// Looks again at all retired segments.
    fn sweep(&self) {
        // SAFETY: each segment of the list was pushed with the right to reclaim it, which came with the list.
        self.each_retired(|segment| unsafe { self.recycle_or_retire(segment) });
    }

    fn take_spare(&self) -> Option<Segment<T>> {
        // Ordering: Acquire, D1. Pairs with `give_back`.
        Segment::from_header(self.spare.swap(null_mut(), Ordering::Acquire))
    }

    fn each_retired(&self, mut visit: impl FnMut(Segment<T>)) {
        // Ordering: Acquire, D4. Pairs with the pushes (D3), each of which continues the release sequence before it.
        let mut top = self.retired.swap(null_mut(), Ordering::Acquire);
        while let Some(segment) = Segment::from_header(top) {
            // SAFETY: the list came with the right to its segments.
            top = unsafe { segment.header().retired.with_mut(|next| *next) };
            visit(segment);
        }
    }

    /// Gives all memory back, whether anybody is inside or not.
    ///
    /// # Safety
    /// The caller has the whole queue to itself.
    pub(crate) unsafe fn free_all(&self) {
        // SAFETY: nobody else is there, and nobody comes.
        self.each_retired(|segment| unsafe { segment.free() });
        if let Some(segment) = self.take_spare() {
            // SAFETY: as above.
            unsafe { segment.free() };
        }
    }
}
