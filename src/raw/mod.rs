//! The core: a list of segments with a head and a tail. The list is unbounded; a push checks the limit that
//! it is given.
//!
//! Knows segments, slots and values. Does not know waiting, tasks or time: an operation adds to [`Events`]
//! what a waiter may be waiting for. The only folder with `unsafe`. `docs/design.md` has the drawings, the
//! invariants and the proof.
//!
//! The words of the core: a *push* claims a slot at the tail, a *pop* claims one at the head (`put` and `get`
//! are words of `Queue`). The *producer* and the *consumer* of a slot are the threads whose push and pop
//! claimed it. A claim that brings no value leaves a *hole*; any other claim counts as an *item*. The *word* of
//! an end is its cursor in memory. It *wraps around* when the sequence number in it does: after 256 segments it
//! can have the same bits again. A
//! segment that is reused begins another *generation*.
#![allow(unsafe_code)]
// Of the other crates only the loom models reach this module.
#![cfg_attr(not(loom), allow(unreachable_pub))]

mod ahead;
#[cfg(all(test, not(loom)))]
mod claim_limit_tests;
mod cursor;
#[cfg(all(test, not(loom)))]
mod edge_tests;
mod end;
mod fast;
mod fence;
mod handoff;
#[cfg(all(test, not(loom)))]
mod hooks;
mod lazy_box;
mod link;
mod memory;
mod points;
mod pool;
#[cfg(loom)]
mod pool_harness;
mod pop;
mod push;
#[cfg(all(test, not(loom)))]
mod random_tests;
#[cfg(any(feature = "compat", test, loom))]
mod reserve;
#[cfg(all(test, not(loom)))]
mod reserve_tests;
#[cfg(all(test, not(loom)))]
mod schedules;
mod segment;
#[cfg(all(test, not(loom)))]
mod short_edge_tests;
#[cfg(all(test, not(loom)))]
mod short_tests;
mod single;
#[cfg(all(test, not(loom)))]
mod single_tests;
mod slot;
#[cfg(loom)]
mod slot_harness;
mod span;
#[cfg(all(test, not(loom)))]
mod tests;

use crate::sync::{rmw_fence, AtomicU64, AtomicUsize, LineStart, Ordering};
use ahead::HolesAhead;
use end::{End, Snapshot};
use points::point;
use pool::SegmentPool;
use segment::{Segment, SEALED};
use std::fmt;

#[cfg(loom)]
pub use cursor::short::fix_sequence_bits;
pub use fast::{Contested, PopFallback, PopTicket, PushFallback, PushTicket};
#[cfg(loom)]
pub use fence::Handshake;
pub use handoff::{Handoff, HandoffKey};
pub use lazy_box::LazyBox;
#[cfg(loom)]
pub use points::{model::visit_points, Point};
#[cfg(loom)]
pub use pool_harness::{OwnedSegment, PoolHarness};
#[cfg(any(feature = "compat", loom))]
pub use reserve::ReservedSlot;
#[cfg(loom)]
pub use segment::live::segments as live_segments;
pub use single::SingleConsumer;
#[cfg(loom)]
pub use slot_harness::SlotHarness;
#[cfg(loom)]
pub use span::small::fix_short_segments;

/// No limit.
pub const UNBOUNDED: u64 = u64::MAX;

/// What operations have changed that a waiter may be waiting for. Each operation adds to it; the caller
/// notifies the waiters when the operation has returned, so that no waker ever runs in the core.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Events {
    /// Items that can be popped now.
    pub pushed: usize,
    /// Slots that the head has passed, and holes ahead of it: there may be free capacity.
    pub freed: usize,
    /// Claims that had counted as items and became holes.
    pub holes: u64,
}

/// Why a push failed. The value comes back.
#[derive(PartialEq, Eq)]
pub enum PushError<T> {
    /// The queue holds as many items as the limit of the push allows.
    Full(T),
    /// The queue is closed.
    Closed(T),
}

impl<T> PushError<T> {
    /// The value, and the reason without it.
    pub fn split(self) -> (T, PushError<()>) {
        match self {
            PushError::Full(value) => (value, PushError::Full(())),
            PushError::Closed(value) => (value, PushError::Closed(())),
        }
    }
}

impl<T> fmt::Debug for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PushError::Full(_) => "Full(..)",
            PushError::Closed(_) => "Closed(..)",
        })
    }
}

/// Why a pop failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PopError {
    /// The queue is empty and not closed.
    Empty,
    /// The queue is empty and closed.
    Closed,
}

/// Consecutive slots of one segment, claimed by one push or one pop.
///
/// Invariant: the tickets of these slots belong to the owner of the claim and are not used. So they pin the segment for
/// as long as the claim exists. What uses the tickets takes the claim by value, so it uses them once.
struct Claim<T> {
    segment: Segment<T>,
    index: u64,
    count: u64,
}

/// The number of items at one moment.
struct Count {
    head: Snapshot,
    /// The position of the tail.
    tail: u64,
    items: u64,
}

/// The numbers of values that were ever pushed and popped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Claims at the tail that are not known to be holes.
    pub pushed: u64,
    /// Those of them that the head has passed.
    pub popped: u64,
}

/// The count, or the greatest `usize`.
pub(crate) fn to_usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// The queue without waiting, in two cache lines. Each push writes the first, and each pop the second. Beside
/// each end is what is seldom written: at the edge of a segment, or when a consumer exceeded its spin limit.
#[repr(C)]
pub struct RawQueue<T> {
    tail: End,
    cold: Cold<T>,
    line: LineStart,
    head: End,
    /// The link of the sentinel segment 0.
    first: AtomicUsize,
    /// The id of the single consumer, or 0. Each of its pops reads it.
    single: AtomicU64,
    /// Claims of the tail that brought no value. Each `task_done` reads it, after a pop.
    holes: AtomicU64,
}

/// What pushes read beside the tail.
struct Cold<T> {
    pool: SegmentPool<T>,
    ahead: HolesAhead,
}

impl<T> fmt::Debug for RawQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawQueue").field("len", &self.len()).field("closed", &self.is_closed()).finish()
    }
}

// SAFETY: a value moves from the thread that pushes it to the one that pops it, hence `T: Send`. The queue
// never hands out a reference to a value, so `T: Sync` is not needed.
unsafe impl<T: Send> Send for RawQueue<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for RawQueue<T> {}

impl<T> RawQueue<T> {
    /// The length of a segment, and the position of the first claim: the positions of the sentinel segment 0
    /// are used up.
    const LEN: u64 = Segment::<T>::LEN;

    crate::sync::const_fn! {
        /// An empty queue. It allocates nothing before the first push.
        pub const fn new() -> Self {
            RawQueue {
                tail: End::new(Self::LEN),
                cold: Cold { pool: SegmentPool::new(), ahead: HolesAhead::new() },
                line: LineStart,
                head: End::new(Self::LEN),
                first: AtomicUsize::new(0),
                single: AtomicU64::new(0),
                holes: AtomicU64::new(0),
            }
        }
    }

    /// The number of items in the queue, including those whose push has claimed a slot and is not finished.
    pub fn len(&self) -> u64 {
        self.count().items
    }

    /// The number of items, and the ends of the list, at one moment.
    #[inline]
    fn count(&self) -> Count {
        loop {
            let (head, tail) = self.ends();
            if let Some(items) = self.between(head.position, tail.position) {
                return Count { head, tail: tail.position, items };
            }
        }
    }

    /// The number of items before `tail`, at which the tail is, or which is the position of a claim.
    fn items_before(&self, tail: u64) -> u64 {
        loop {
            if let Some(items) = self.between(self.head.snapshot(Self::LEN).position, tail) {
                return items;
            }
        }
    }

    /// The number of items between these positions, which head and tail had at one moment: all positions but
    /// the holes. `None` if the head has moved since, so that a hole may be missing in the list.
    #[inline]
    fn between(&self, head: u64, tail: u64) -> Option<u64> {
        let claimed = tail.saturating_sub(head);
        match self.cold.ahead.is_empty() {
            true => Some(claimed),
            false => self.between_holes(head, claimed - self.cold.ahead.between(head, tail)),
        }
    }

    /// Confirms a number of items. Race: the entry of a hole that the head has passed is reused, see
    /// `ahead.rs`.
    #[cold]
    fn between_holes(&self, head: u64, items: u64) -> Option<u64> {
        (self.head.snapshot(Self::LEN).position == head).then_some(items)
    }

    /// A number that grows by one with each claim at the tail, and changes otherwise at each new segment.
    pub fn tail_progress(&self) -> u64 {
        self.tail.cursor().bits()
    }

    /// Like [`RawQueue::tail_progress`], for the head.
    pub fn head_progress(&self) -> u64 {
        self.head.cursor().bits()
    }

    /// Whether the queue is closed, so that no push succeeds any more.
    pub fn is_closed(&self) -> bool {
        self.tail.cursor().is_closed()
    }

    /// The number of claims ever made at the tail, including those of unfinished pushes. Only grows.
    pub fn claims(&self) -> u64 {
        self.tail.snapshot(Self::LEN).position - Self::LEN
    }

    /// The number of claims at the tail that brought no value. Only grows. A hole is counted after its claim.
    pub fn holes(&self) -> u64 {
        // Ordering: Acquire, H1. Pairs with the count (H2): the claim is seen as well.
        self.holes.load(Ordering::Acquire)
    }

    /// The numbers of values ever pushed and popped, at one moment. A push in progress counts as one that is
    /// done; also with a claim that was poisoned, until it counts the hole.
    pub fn totals(&self) -> Totals {
        loop {
            let holes = self.holes();
            let Count { tail, items, .. } = self.count();
            if self.holes() == holes {
                let pushed = tail - Self::LEN - holes;
                return Totals { pushed, popped: pushed.saturating_sub(items) };
            }
        }
    }

    /// An RMW fence on the count of holes: each push that counts a hole later sees what the caller did
    /// before.
    pub fn fence_holes(&self) {
        rmw_fence(&self.holes);
    }

    /// An RMW fence on the tail: each push that claims later sees what the caller did before. Returns whether
    /// the queue may be non-empty or closed by the earlier ones.
    pub fn fence_pushes(&self) -> bool {
        let tail = self.tail.rmw_fence();
        // The head enters a segment only after the tail, and an earlier generation of a segment ends before
        // the tail enters it again. So the head's word is not of an earlier generation than the tail's. If it
        // is of a later one, the head has passed the position of `tail`.
        let head = self.head.cursor();
        tail.is_closed() || head.address() != tail.address() || head.ticket() < tail.ticket()
    }

    /// An RMW fence on the head: each pop that claims later sees what the caller did before. Returns false
    /// if, after the earlier pops, `limit` items were in the queue, so that only a later pop frees a slot.
    pub fn fence_pops(&self, limit: u64) -> bool {
        let head = self.head.rmw_fence();
        // The head enters a segment only after the tail. If the tail is in a later segment by now, its ticket
        // shows it less far ahead than it is. If the tail is in a later generation of this segment, the head
        // has left this generation after the fence.
        let tail = self.tail.cursor();
        tail.ticket().min(Self::LEN) < head.ticket().saturating_add(limit)
            // The positions between may be holes: a push that leaves holes adds them to `ahead` before its RMW
            // fence on this word.
            || !self.cold.ahead.is_empty()
    }

    /// Whether the ends' words look as those of a queue that is empty and open. A hint, for a caller that
    /// rechecks.
    #[inline]
    pub fn looks_empty(&self) -> bool {
        self.head.cursor().opened() == self.tail.cursor()
    }

    /// Whether fewer than `limit` items are in the queue, for a caller that has freed a slot. If other pops
    /// move the head meanwhile, the answer may be false although there is a free slot, but not for the last
    /// of them.
    #[inline]
    pub fn is_below(&self, limit: u64) -> bool {
        let head = self.head.cursor();
        let tail = self.tail.cursor();
        // If no pop has moved the head since, the two words are of one generation, as the tail is never
        // behind it. Positions between may be holes.
        if head.address() == tail.address() && self.cold.ahead.is_empty() {
            tail.ticket().min(Self::LEN) < head.ticket().saturating_add(limit)
        } else {
            self.len() < limit
        }
    }

    /// Snapshots of head and tail at one moment: the head did not move while the tail was read, because the
    /// head's position never decreases.
    #[inline]
    fn ends(&self) -> (Snapshot, Snapshot) {
        let mut head = self.head.snapshot(Self::LEN);
        loop {
            let tail = self.tail.snapshot(Self::LEN);
            let again = self.head.snapshot(Self::LEN);
            if again.position == head.position {
                return (head, tail);
            }
            head = again;
        }
    }

    /// Pops and drops all values. If the drop of a value panics, this drops the remaining values and then
    /// unwinds.
    pub fn discard(&self) {
        drop_all(|| self.pop(&mut Events::default()).ok());
    }

    /// Counts claims that became holes.
    fn add_holes(&self, claims: u64, events: &mut Events) {
        point!(HoleUncounted);
        // Ordering: AcqRel, H2. Release: the claim comes before (H1). Acquire: the RMW fence of a join (M1).
        self.holes.fetch_add(claims, Ordering::AcqRel);
        point!(HoleCounted);
        events.holes += claims;
    }

    /// Closes the queue: pushes fail from now on, and the values in it can still be popped. Returns true for
    /// the one call that closed it.
    pub fn close(&self, events: &mut Events) -> bool {
        loop {
            let seen = self.tail.cursor();
            if seen.is_closed() {
                return false;
            }
            if seen.ticket() < Self::LEN {
                point!(CloseChecked);
                if self.tail.advance(seen, seen.closed()).is_ok() {
                    return true;
                }
                continue;
            }
            // The segment is full, and an appender may link the next one at any moment. So the link is sealed
            // first.
            let Some(link) = self.link(&self.tail, seen) else { continue };
            // Ordering: Release and Acquire, L1. Release: what this thread did before it closed, for a push that finds
            // the seal and sets the closed bit. Acquire: the segment of an appender, or what the other closer did.
            match link.next().compare_exchange(0, SEALED, Ordering::Release, Ordering::Acquire) {
                Ok(_) => {
                    point!(LinkSealed);
                    self.close_sealed();
                    return true;
                }
                Err(SEALED) => {
                    self.close_sealed();
                    return false;
                }
                Err(next) => {
                    if self.cross(&self.tail, seen, &link, next, 1) {
                        events.pushed += 1;
                    }
                }
            }
        }
    }

    /// Sets the closed bit. The link is already sealed, so the word cannot leave its segment.
    fn close_sealed(&self) {
        let mut seen = self.tail.cursor();
        while !seen.is_closed() {
            match self.tail.advance(seen, seen.closed()) {
                Ok(()) => return,
                Err(now) => seen = now,
            }
        }
    }
}

/// Drops what `next` returns until it returns nothing. If the drop of a value panics, this drops the remaining
/// values and then unwinds.
pub(crate) fn drop_all<T>(next: impl FnMut() -> Option<T>) {
    struct Remaining<T, F: FnMut() -> Option<T>>(F);
    impl<T, F: FnMut() -> Option<T>> Remaining<T, F> {
        fn discard(&mut self) {
            while let Some(value) = (self.0)() {
                drop(value);
            }
        }
    }
    impl<T, F: FnMut() -> Option<T>> Drop for Remaining<T, F> {
        fn drop(&mut self) {
            self.discard();
        }
    }
    Remaining(next).discard();
}

impl<T> Drop for RawQueue<T> {
    fn drop(&mut self) {
        /// Frees the segments, also if the drop of a value panics.
        struct Free<'a, T>(&'a RawQueue<T>);
        impl<T> Drop for Free<'_, T> {
            fn drop(&mut self) {
                let queue = self.0;
                // Ordering: Relaxed, L4. No other thread accesses the queue.
                let mut next = match queue.head.cursor().address() {
                    0 => queue.first.load(Ordering::Relaxed),
                    address => address,
                };
                while next != SEALED {
                    let Some(segment) = Segment::<T>::at(next) else { break };
                    // SAFETY: the queue is being dropped, so no other thread accesses a segment. A linked
                    // segment from the head on is neither the spare nor retired. Its values were popped or
                    // are forgotten.
                    unsafe {
                        // Ordering: Relaxed, L4. As above.
                        next = segment.header().next.load(Ordering::Relaxed);
                        segment.free();
                    }
                }
                // SAFETY: as above.
                unsafe { queue.cold.pool.free_all() };
            }
        }
        let _free = Free(self);
        if self.has_single_consumer() {
            self.head.store(self.head.cursor().opened());
        }
        self.discard();
    }
}
