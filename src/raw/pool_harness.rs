//! A harness for the loom models: a segment pool without a queue.
//!
//! Knows the pool and segments. Does not know queues.

use super::pool::SegmentPool;
use super::segment::Segment;
use super::span::Span;

/// A segment pool whose segments belong to the threads of the model.
#[allow(missing_debug_implementations)]
pub struct PoolHarness(SegmentPool<u8>);

/// A segment that a thread owns.
#[must_use]
#[allow(missing_debug_implementations)]
pub struct OwnedSegment(Segment<u8>);

// SAFETY: as for the queue; a segment is known by its address, and belongs to one thread at a time.
unsafe impl Send for PoolHarness {}
// SAFETY: as above.
unsafe impl Sync for PoolHarness {}
// SAFETY: as above.
unsafe impl Send for OwnedSegment {}

impl PoolHarness {
    /// A pool with so many spares, which keeps `limit / 2 + 2` of them.
    pub fn with_spares(spares: usize, limit: u64) -> Self {
        let harness = PoolHarness(SegmentPool::new());
        let owned: Vec<_> = (0..spares).map(|_| harness.acquire(limit)).collect();
        owned.into_iter().for_each(|segment| harness.recycle(segment));
        harness
    }

    /// Takes a spare or allocates a segment, and clears it. loom reports it if another thread has the same one.
    pub fn acquire(&self, limit: u64) -> OwnedSegment {
        OwnedSegment(self.0.acquire(Span::long(0), limit))
    }

    /// Gives a segment back.
    pub fn recycle(&self, segment: OwnedSegment) {
        // SAFETY: a thread of the model owns the segment, which never had a value.
        unsafe { self.0.recycle(segment.0) };
    }
}

impl Drop for PoolHarness {
    fn drop(&mut self) {
        // SAFETY: no other thread accesses the pool, now or later.
        unsafe { self.0.free_all() }
    }
}
