//! The edge between two segments, and how an end is moved across it by whoever finds it there.
//!
//! Knows ends and segments. Does not know what is put or got.

use super::cursor::{Cursor, MAX_TICKET};
use super::end::End;
use super::segment::Segment;
use super::RawQueue;
use crate::sync::AtomicUsize;

/// The way out of a used-up segment, with a helper's ticket that keeps the segment alive while this is held.
pub(super) struct Link<'q, T> {
    queue: &'q RawQueue<T>,
    /// `None` for the imaginary segment 0, which needs no keeping.
    segment: Option<Segment<T>>,
}

impl<T> Link<'_, T> {
    /// The place of the link itself.
    pub(super) fn next(&self) -> &AtomicUsize {
        match self.segment {
            None => &self.queue.side.first,
            // SAFETY: the helper's ticket pins the segment for as long as `self` is there.
            Some(segment) => unsafe { &segment.header().next },
        }
    }

    /// The position of slot 0 of the segment behind the link.
    pub(super) fn base_behind(&self) -> u64 {
        match self.segment {
            None => RawQueue::<T>::LEN,
            // SAFETY: pinned, as in `next`.
            Some(segment) => unsafe { segment.base() + RawQueue::<T>::LEN },
        }
    }
}

impl<T> Link<'_, T> {
    /// Gives the ticket back to the word of `end` if that is still at this edge. So a ticket that did nothing is not counted
    /// among those of which an edge has so many and no more. It does not matter whose ticket was the last.
    #[cold]
    fn hand_back(&mut self, end: &End) {
        let Some(segment) = self.segment else { return };
        let mut now = end.cursor();
        // Pinned, so that the address says which segment it is; and beyond its slots, as our ticket is there.
        while now.address() == segment.address() {
            match end.advance(now, now.receded()) {
                Ok(()) => {
                    self.segment = None;
                    return;
                }
                Err(moved) => now = moved,
            }
        }
    }
}

impl<T> Drop for Link<'_, T> {
    fn drop(&mut self) {
        if let Some(segment) = self.segment {
            // SAFETY: the helper's ticket is ours and was not returned yet.
            unsafe { segment.release(1) };
        }
    }
}

impl<T> RawQueue<T> {
    /// Enters the edge at which `end` was seen. `None` if the end has moved since.
    pub(super) fn link(&self, end: &End, seen: Cursor) -> Option<Link<'_, T>> {
        debug_assert!(seen.ticket() >= Self::LEN);
        let segment = Segment::at(seen.address());
        if segment.is_some() {
            if seen.ticket() == MAX_TICKET {
                // Some sixteen thousand threads are at this one edge. Each leaves as soon as the word has moved.
                crate::sync::pause();
                return None;
            }
            end.advance(seen, seen.advanced(1)).ok()?;
        }
        Some(Link { queue: self, segment })
    }

    /// A segment for what is to come behind a link of the tail. Should there be none to be had, and that unwind, the link's
    /// ticket is handed back: else each caller who catches it would cost the edge one.
    pub(super) fn acquire_behind(&self, link: &mut Link<'_, T>) -> Segment<T> {
        struct HandBack<'a, 'q, T>(&'a mut Link<'q, T>);
        impl<T> Drop for HandBack<'_, '_, T> {
            fn drop(&mut self) {
                let queue = self.0.queue;
                self.0.hand_back(&queue.tail);
            }
        }
        let unwound = HandBack(link);
        let segment = self.side.pool.acquire(unwound.0.base_behind());
        std::mem::forget(unwound);
        segment
    }

    /// Moves `end` from the segment of `seen` to the one at `next`, of which `ticket` slots are taken by the move.
    /// True for the one whose move it was.
    pub(super) fn cross(&self, end: &End, seen: Cursor, link: &Link<'_, T>, next: usize, ticket: u64) -> bool {
        end.raise(seen, link.base_behind(), Self::LEN);
        self.swing(end, seen, link.segment, next, ticket)
    }

    /// The move itself, for callers that pin `from`; the base behind it is raised.
    pub(super) fn swing(&self, end: &End, seen: Cursor, from: Option<Segment<T>>, next: usize, ticket: u64) -> bool {
        let mut now = end.cursor();
        // While `from` is pinned it is not used anew, so that its address says which segment the word is in. The root
        // never comes back.
        while now.address() == seen.address() {
            match end.advance(now, now.swung(next, ticket)) {
                Ok(()) => {
                    if let Some(segment) = from {
                        // SAFETY: the swing is ours, and the caller pins the segment.
                        unsafe { segment.leave(now.ticket() - Self::LEN) };
                    }
                    return true;
                }
                Err(moved) => now = moved,
            }
        }
        false
    }
}
