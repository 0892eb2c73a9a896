//! The core: an unbounded list of segments with a head and a tail, and a bound that is a number beside it.
//!
//! Knows nothing of waiting, tasks, threads or time. An operation notes in [`Events`] what a waiter may be waiting for.
//! The only folder with `unsafe`. `docs/design.md` has the drawings, the invariants and the proof.
#![allow(unsafe_code)]
// The loom models reach this module; nobody else does.
#![cfg_attr(not(loom), allow(unreachable_pub))]

mod ahead;
mod cursor;
#[cfg(all(test, not(loom)))]
mod edge_tests;
mod end;
mod fast;
mod fence;
#[cfg(all(test, not(loom)))]
mod hooks;
mod link;
mod pool;
mod pop;
mod push;
#[cfg(all(test, not(loom)))]
mod schedules;
mod segment;
mod single;
mod slot;
#[cfg(loom)]
mod slot_harness;
#[cfg(all(test, not(loom)))]
mod tests;

use crate::sync::{rmw_fence, AtomicU64, AtomicUsize, CachePadded, Ordering};
use ahead::HolesAhead;
use end::{End, Snapshot};
use pool::SegmentPool;
use segment::{Segment, SEALED};
use std::fmt;

#[cfg(loom)]
pub use cursor::short::fix_sequence_bits;
pub use fast::{Contested, PopFallback, PopTicket, PushFallback, PushTicket};
#[cfg(loom)]
pub use fence::Handshake;
#[cfg(loom)]
pub use segment::live::segments as live_segments;
pub use single::SingleConsumer;
#[cfg(loom)]
pub use slot_harness::SlotHarness;

/// No bound.
pub const UNBOUNDED: u64 = u64::MAX;

/// What operations have changed that a waiter may be waiting for. Each operation adds to it; the caller notifies the
/// waiters when the operation has returned, so that no waker ever runs in the core.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Events {
    /// Items that can be popped now.
    pub pushed: usize,
    /// Slots that the head has passed, and holes ahead of it: there may be free capacity.
    pub freed: usize,
    /// Claims that had counted as items and became holes.
    pub holes: u64,
}

/// Why a push did not happen; the value comes back.
#[derive(PartialEq, Eq)]
pub enum PushError<T> {
    /// The bound is reached.
    Full(T),
    /// Nothing is taken in any more.
    Closed(T),
}

impl<T> fmt::Debug for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PushError::Full(_) => "Full(..)",
            PushError::Closed(_) => "Closed(..)",
        })
    }
}

/// Why a pop brought nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PopError {
    /// Nothing inside at this moment.
    Empty,
    /// Nothing inside, and nothing will come.
    Closed,
}

/// Consecutive slots of one segment, claimed for one side.
struct Claim<T> {
    segment: Segment<T>,
    index: u64,
    count: u64,
}

/// As many as the machine can count.
pub(crate) fn to_usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// The queue without waiting: two units of memory in the sense of [`CachePadded`]. Each push writes the first, and each pop
/// the second.
#[repr(C)]
pub struct RawQueue<T> {
    tail: CachePadded<End>,
    head: End,
    side: Cold<T>,
}

/// What is seldom written: at the edge of a segment, or when somebody lost patience.
struct Cold<T> {
    /// The link out of the imaginary segment 0.
    first: AtomicUsize,
    pool: SegmentPool<T>,
    /// Claims of the tail that brought no item.
    holes: AtomicU64,
    /// Which one is the only getter, if there is one.
    single: AtomicUsize,
    ahead: HolesAhead,
}

impl<T> fmt::Debug for RawQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawQueue").field("len", &self.len()).field("closed", &self.is_closed()).finish()
    }
}

// SAFETY: values move from the thread that puts to the one that gets, hence `T: Send`; no reference to a value is
// ever handed out, so that `T: Sync` is not needed.
unsafe impl<T: Send> Send for RawQueue<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for RawQueue<T> {}

impl<T> RawQueue<T> {
    /// The length of a segment, and the position at which the first item goes: the imaginary segment 0 is used up.
    const LEN: u64 = Segment::<T>::LEN;

    crate::sync::const_fn! {
        /// An empty queue; it has no memory on the heap until the first push.
        pub const fn new() -> Self {
            RawQueue {
                tail: CachePadded::new(End::new(Self::LEN)),
                head: End::new(Self::LEN),
                side: Cold {
                    first: AtomicUsize::new(0),
                    pool: SegmentPool::new(),
                    holes: AtomicU64::new(0),
                    single: AtomicUsize::new(0),
                    ahead: HolesAhead::new(),
                },
            }
        }
    }

    /// Items inside, those included whose push has claimed its place and is not yet finished.
    pub fn len(&self) -> u64 {
        let (head, tail) = self.ends();
        self.between(head.position, tail.position)
    }

    /// Items between the head and the tail, which were there at one moment before: all places but the holes.
    #[inline]
    fn between(&self, head: u64, tail: u64) -> u64 {
        tail.saturating_sub(head) - self.side.ahead.between(head, tail)
    }

    /// A number that grows by one with each place that is taken at the tail, and is another one beyond each segment.
    pub fn tail_progress(&self) -> u64 {
        self.tail.cursor().bits()
    }

    /// The same of the head.
    pub fn head_progress(&self) -> u64 {
        self.head.cursor().bits()
    }

    /// Whether nothing more is taken in.
    pub fn is_closed(&self) -> bool {
        self.tail.cursor().is_closed()
    }

    /// Claims ever made at the tail, those under way included. Only grows.
    pub fn claims(&self) -> u64 {
        self.tail.snapshot(Self::LEN).position - Self::LEN
    }

    /// Claims of the tail that brought no item. Only grows; each is counted after the claim.
    pub fn holes(&self) -> u64 {
        // Ordering: Acquire, H1. Pairs with the count (H2): the claim is seen as well.
        self.side.holes.load(Ordering::Acquire)
    }

    /// After this, every push whose giving-up was not yet visible sees what the caller did before.
    pub fn fence_holes(&self) {
        rmw_fence(&self.side.holes);
    }

    /// After this, every push whose claim was not yet visible sees what the caller did before. False if nothing is left of
    /// what was visible, and it was not the end.
    pub fn fence_pushes(&self) -> bool {
        let tail = self.tail.rmw_fence();
        // The head enters a segment only after the tail, and an earlier life of a segment is over before the tail enters
        // again: so the head's word is not of an earlier life than the tail's. If it is of a later one it has passed the
        // tail's place.
        let head = self.head.cursor();
        tail.is_closed() || head.address() != tail.address() || head.ticket() < tail.ticket()
    }

    /// After this, every pop whose claim was not yet visible sees what the caller did before. False if with those that were
    /// visible `limit` items were inside, so that one whose claim was not will make room.
    pub fn fence_pops(&self, limit: u64) -> bool {
        let head = self.head.rmw_fence();
        // The head enters a segment only after the tail. If the tail is in a later one by now, by its ticket alone it is not as
        // far ahead as it is; and if in a later life of this one, the head has left this one after the meeting.
        let tail = self.tail.cursor();
        tail.ticket().min(Self::LEN) < head.ticket().saturating_add(limit)
            // Some of these may be holes. Who gives a claim up says so, and then meets this word.
            || !self.side.ahead.is_empty()
    }

    /// Head and tail at one moment: the head did not move while the tail was looked at, as its position never
    /// goes back.
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

    /// Takes items out and drops them until there is none; goes on when the drop of one panics.
    pub fn discard(&self) {
        struct Rest<'a, T>(&'a RawQueue<T>);
        impl<T> Rest<'_, T> {
            fn discard(&self) {
                while let Ok(value) = self.0.pop(&mut Events::default()) {
                    drop(value);
                }
            }
        }
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                self.discard();
            }
        }
        Rest(self).discard();
    }

    /// Counts claims given up.
    fn add_holes(&self, claims: u64, events: &mut Events) {
        // Ordering: AcqRel, H2. Release: the claim comes before (H1). Acquire: a joiner's meeting (M1).
        self.side.holes.fetch_add(claims, Ordering::AcqRel);
        events.holes += claims;
    }

    /// Takes nothing in any more; what is inside can still be got. True for the one call that closed.
    pub fn close(&self, events: &mut Events) -> bool {
        loop {
            let seen = self.tail.cursor();
            if seen.is_closed() {
                return false;
            }
            if seen.ticket() < Self::LEN {
                if self.tail.advance(seen, seen.closed()).is_ok() {
                    return true;
                }
                continue;
            }
            // The segment is full: an appender may link the next one at any moment, so that the link is what to close.
            let Some(link) = self.link(&self.tail, seen) else { continue };
            // Ordering: AcqRel and Acquire, L1. As the appender's (L2), with which it competes.
            match link.next().compare_exchange(0, SEALED, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
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

    /// Sets the closed bit where the link is sealed already, so that the word cannot leave its segment.
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

impl<T> Drop for RawQueue<T> {
    fn drop(&mut self) {
        /// Frees the segments also when a value's drop panics.
        struct Free<'a, T>(&'a RawQueue<T>);
        impl<T> Drop for Free<'_, T> {
            fn drop(&mut self) {
                let queue = self.0;
                // Ordering: Relaxed, L4. Nobody else is there.
                let mut next = match queue.head.cursor().address() {
                    0 => queue.side.first.load(Ordering::Relaxed),
                    address => address,
                };
                while next != SEALED {
                    let Some(segment) = Segment::<T>::at(next) else { break };
                    // SAFETY: the queue is being dropped: nobody else is in any segment, and each linked one from
                    // the head on is in no other place. Its values were taken out or are forgotten.
                    unsafe {
                        // Ordering: Relaxed, L4. As above.
                        next = segment.header().next.load(Ordering::Relaxed);
                        segment.free();
                    }
                }
                // SAFETY: as above.
                unsafe { queue.side.pool.free_all() };
            }
        }
        let _free = Free(self);
        if self.has_single_consumer() {
            self.head.store(self.head.cursor().opened());
        }
        self.discard();
    }
}
