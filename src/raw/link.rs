//! The edge between two segments, and how any thread that finds an end there moves it to the next segment.
//!
//! Knows ends and segments. Does not know values.

use super::cursor::{Cursor, MAX_TICKET};
use super::end::End;
use super::points::point;
use super::segment::Segment;
use super::span::Span;
use super::RawQueue;
use crate::sync::AtomicUsize;

/// The link of a used-up segment, with a helper ticket that keeps the segment alive until this is dropped.
pub(super) struct Link<'q, T> {
    queue: &'q RawQueue<T>,
    /// `None` for the sentinel segment 0, which needs no ticket. Also after the ticket was handed back.
    segment: Option<Segment<T>>,
}

impl<T> Link<'_, T> {
    /// The link itself: 0, the address of the next segment, or `SEALED`.
    pub(super) fn next(&self) -> &AtomicUsize {
        match self.segment {
            None => &self.queue.first,
            // SAFETY: the helper ticket pins the segment for as long as `self` exists.
            Some(segment) => unsafe { &segment.header().next },
        }
    }

    /// The span of the used-up segment.
    fn span(&self) -> Span {
        match self.segment {
            None => Span::SENTINEL,
            // SAFETY: pinned, as in `next`.
            Some(segment) => unsafe { segment.span() },
        }
    }

    /// The span of the next segment.
    pub(super) fn next_span(&self) -> Span {
        self.span().next(RawQueue::<T>::LEN)
    }
}

impl<T> Link<'_, T> {
    /// Returns the ticket to the word of `end`, if the word is still at this edge: an unused ticket then does
    /// not count towards the limited number of tickets of an edge. It does not matter which ticket was the last
    /// one.
    #[cold]
    fn hand_back(&mut self, end: &End) {
        let Some(segment) = self.segment else { return };
        let mut now = end.cursor();
        // The segment is pinned, so the address identifies it. The cursor is beyond its slots, where this
        // ticket was taken.
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
            point!(HelperUnreleased);
            // SAFETY: `self` owns the helper ticket, which was not returned yet.
            unsafe { segment.release() };
        }
    }
}

impl<T> RawQueue<T> {
    /// Takes a helper ticket at the edge where `end` was seen. `None` if the end has moved since or the edge
    /// has no ticket left.
    pub(super) fn link(&self, end: &End, seen: Cursor) -> Option<Link<'_, T>> {
        debug_assert!(seen.ticket() >= Self::LEN);
        let segment = Segment::at(seen.address());
        if segment.is_some() {
            if seen.ticket() == MAX_TICKET {
                // Some eight thousand threads are at this edge, and one more ticket would overflow. Each of
                // them leaves the edge as soon as the word has moved.
                crate::sync::pause();
                return None;
            }
            end.advance(seen, seen.advanced(1)).ok()?;
            point!(HelperClaimed);
        }
        Some(Link { queue: self, segment })
    }

    /// A segment to append at a link of the tail. If the allocation unwinds, the link's ticket is handed
    /// back: otherwise each such panic that is caught would cost the edge a ticket.
    pub(super) fn acquire_next(&self, link: &mut Link<'_, T>, limit: u64) -> Segment<T> {
        struct HandBack<'a, 'q, T>(&'a mut Link<'q, T>);
        impl<T> Drop for HandBack<'_, '_, T> {
            fn drop(&mut self) {
                let queue = self.0.queue;
                self.0.hand_back(&queue.tail);
            }
        }
        let unwound = HandBack(link);
        let segment = self.cold.pool.acquire(unwound.0.next_span(), limit);
        std::mem::forget(unwound);
        segment
    }

    /// Moves `end` from the segment of `seen` to the segment at `next`. The move claims `claimed` slots there.
    /// Returns whether this call moved it.
    pub(super) fn cross(&self, end: &End, seen: Cursor, link: &Link<'_, T>, next: usize, claimed: u64) -> bool {
        // SAFETY: the helper ticket pins the segment for as long as the link exists.
        unsafe { self.swing(end, seen, (link.segment, link.span()), next, claimed) }
    }

    /// As [`RawQueue::cross`], from `from` with this span, which was the segment of `end` at `seen`.
    ///
    /// # Safety
    /// The caller pins the segment `from`.
    pub(super) unsafe fn swing(
        &self,
        end: &End,
        seen: Cursor,
        (from, span): (Option<Segment<T>>, Span),
        next: usize,
        claimed: u64,
    ) -> bool {
        point!(NextRead);
        end.raise(seen, span, Self::LEN);
        point!(BaseRaised);
        let to = span.next(Self::LEN);
        let mut now = end.cursor();
        // While `from` is pinned it is not reused, so its address identifies the segment of the word. An end
        // never returns to the sentinel.
        while now.address() == seen.address() {
            end.clear_claim_limit();
            point!(ClaimLimitCleared);
            match end.advance(now, to.enter(now, next, claimed)) {
                Ok(()) => {
                    point!(EndSwung);
                    if let Some(segment) = from {
                        // SAFETY: this thread won the swing.
                        unsafe { segment.leave(now.ticket() - Self::LEN) };
                        point!(EndLeft);
                    }
                    return true;
                }
                Err(moved) => now = moved,
            }
        }
        false
    }
}
