//! The segment pool: supplies segments, and takes them back when the head has left them.
//!
//! Knows segments. Does not know head and tail: the caller has the right to the segment that it passes in.
//!
//! A segment is in exactly one state: linked, private to its appender, in the list of spares, in the list of
//! retired segments, or owned by the thread that has taken one of these lists. Both lists are pushed by CAS and
//! taken as a whole, so they have no ABA problem. The word of the spares also has their number, in the low bits
//! that are 0 in the address of a segment: so no more than the wanted number of spares is kept.

use super::cursor::SEGMENT_ALIGN;
use super::points::point;
use super::segment::{Header, Segment};
use super::span::Span;
use crate::sync::{AtomicPtr, AtomicUsize, Ordering};
use std::marker::PhantomData;
use std::ptr::null_mut;

/// The bits of the number of spares.
const COUNT: usize = SEGMENT_ALIGN - 1;

pub(crate) struct SegmentPool<T> {
    /// Long segments ready for use, so that a queue in steady use does not allocate: the address of the first one,
    /// plus their number.
    spares: AtomicUsize,
    /// Segments that the head has left and that other threads may still access.
    retired: AtomicPtr<Header>,
    segments: PhantomData<*mut T>,
}

impl<T> SegmentPool<T> {
    crate::sync::const_fn! {
        pub(crate) const fn new() -> Self {
            SegmentPool {
                spares: AtomicUsize::new(0),
                retired: AtomicPtr::new(null_mut()),
                segments: PhantomData,
            }
        }
    }

    /// An empty segment with this span, owned by the caller, for a queue with this limit.
    pub(crate) fn acquire(&self, span: Span, limit: u64) -> Segment<T> {
        if span.is_short() {
            // A short segment is used once: with no spare to keep, it is freed when it is recycled.
            return Segment::allocate(span, 0);
        }
        let spare = self.take_spare().or_else(|| {
            self.sweep();
            self.take_spare()
        });
        let kept_spares = Segment::<T>::kept_spares(limit);
        match spare {
            Some(segment) => {
                // SAFETY: the thread that takes a spare owns it, and the spare was empty when it was stored.
                unsafe { segment.clear(span.base, kept_spares) };
                segment
            }
            None => Segment::allocate(span, kept_spares),
        }
    }

    /// Takes back an empty segment: it becomes a spare, or its memory is freed.
    ///
    /// # Safety
    /// The caller owns the segment, which has no value in it, and gives it up.
    pub(crate) unsafe fn recycle(&self, segment: Segment<T>) {
        // SAFETY: as demanded.
        let kept = usize::from(unsafe { segment.spares_to_keep() });
        // Ordering: Relaxed, D2. A guess; the CAS confirms it.
        let mut now = self.spares.load(Ordering::Relaxed);
        while now & COUNT < kept {
            // SAFETY: as demanded; the link belongs to the owner of the segment.
            unsafe { segment.header().listed.with_mut(|next| *next = first_of(now)) };
            let with_this = segment.address() | ((now & COUNT) + 1);
            point!(SpareUnlisted);
            // Ordering: Release, D1. Pairs with `take_spare`: what was done in the segment comes before its
            // reuse. The next pushes continue the release sequence.
            match self.spares.compare_exchange(now, with_this, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(other) => now = other,
            }
        }
        // SAFETY: as demanded. No spare list has the segment, as each CAS has failed.
        unsafe {
            #[cfg(loom)]
            segment.clear(0, 0); // as by its next owner, so that loom reports a thread that still accesses it
            segment.free();
        }
    }

    /// Takes a segment that the head has left, and rechecks the segments that could not be reused before.
    ///
    /// # Safety
    /// The caller won the swing of the head out of this segment, and calls this once for it.
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
        // SAFETY: as demanded.
        if unsafe { segment.is_reclaimable() } {
            // SAFETY: no other thread can access the segment, so the caller owns it. Each value in it was taken, or is
            // forgotten.
            return unsafe { self.recycle(segment) };
        }
        // Ordering: Relaxed, D2. A guess; the CAS confirms it.
        let mut top = self.retired.load(Ordering::Relaxed);
        loop {
            // SAFETY: the right to reclaim the segment includes its link of the retired list.
            unsafe { segment.header().listed.with_mut(|next| *next = top) };
            point!(RetiredUnlisted);
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

    /// Takes the list of spares, and puts all of them back but the first. Another thread that needs a segment
    /// meanwhile allocates one.
    fn take_spare(&self) -> Option<Segment<T>> {
        // Ordering: Acquire, D1. Pairs with `recycle`.
        let spares = self.spares.swap(0, Ordering::Acquire);
        point!(SparesTaken);
        let segment = Segment::from_header(first_of(spares))?;
        if spares & COUNT > 1 {
            // SAFETY: the thread that took the list owns its segments. The count says that more of them follow.
            unsafe {
                let rest = segment.header().listed.with_mut(|next| *next);
                self.put_back(rest, (spares & COUNT) - 1);
            }
        }
        Some(segment)
    }

    /// Puts back a list of so many spares.
    ///
    /// # Safety
    /// The caller owns the spares of the list, of which there are so many, and gives them up.
    unsafe fn put_back(&self, list: *mut Header, count: usize) {
        // Ordering: Relaxed, D5. The caller has changed nothing in this list. Each change of the word is an RMW, so
        // the release sequences of the pushes (D1) go on.
        let stored = self.spares.compare_exchange(0, list as usize | count, Ordering::Relaxed, Ordering::Relaxed);
        if stored.is_err() {
            // Others have recycled segments in the meantime.
            // SAFETY: as demanded, the CAS has failed; a spare has no value in it.
            unsafe { Self::each_of(list, |segment| self.recycle(segment)) };
        }
    }

    fn each_retired(&self, visit: impl FnMut(Segment<T>)) {
        // Ordering: Acquire, D4. Pairs with the pushes (D3), each of which continues the release sequence
        // before it.
        let retired = self.retired.swap(null_mut(), Ordering::Acquire);
        point!(RetiredTaken);
        // SAFETY: this thread has taken the list.
        unsafe { Self::each_of(retired, visit) };
    }

    /// Visits the segments of a list. Each may be freed or listed again by its visit.
    ///
    /// # Safety
    /// The caller has taken the list, or had it put into no other place.
    unsafe fn each_of(mut list: *mut Header, mut visit: impl FnMut(Segment<T>)) {
        while let Some(segment) = Segment::from_header(list) {
            // SAFETY: as demanded: the thread that took a list has the right to its segments.
            list = unsafe { segment.header().listed.with_mut(|next| *next) };
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
        // Ordering: Relaxed, D5. No other thread accesses the queue.
        let spares = self.spares.swap(0, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { Self::each_of(first_of(spares), |segment| segment.free()) };
    }
}

/// The first spare of a word, or null.
fn first_of(spares: usize) -> *mut Header {
    (spares & !COUNT) as *mut Header
}
