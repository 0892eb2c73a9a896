//! Holes ahead of the head: claims beyond the bound that were given up, and that no getter has passed.
//!
//! Knows positions only. Such a claim needs a word of the tail that comes back between a look and a claim, after at least
//! 256 segments. So there are next to none, and each is kept, by its position, until the queue goes: who counts items in
//! earnest subtracts those between the head and the tail.

use crate::sync::{AtomicPtr, Ordering, UnsafeCell};
use std::ptr::null_mut;

/// The list: pushed by compare-and-swap, and nothing is taken from it, so that it has no ABA.
pub(super) struct HolesAhead {
    newest: AtomicPtr<Node>,
}

struct Node {
    holes: UnsafeCell<Holes>,
}

/// The holes of one claim.
struct Holes {
    first: u64,
    count: u64,
    older: *mut Node,
}

impl HolesAhead {
    crate::sync::const_fn! {
        pub(super) const fn new() -> Self {
            HolesAhead { newest: AtomicPtr::new(null_mut()) }
        }
    }

    /// Whether there never was one.
    pub(super) fn is_empty(&self) -> bool {
        self.newest().is_null()
    }

    /// How many there are at the positions from `head` on and before `tail`.
    ///
    /// A position belongs to one claim and never comes back, so that each hole counts once. One that the head had passed
    /// when it was looked at counts no more, and one that the tail had not reached does not count yet.
    #[inline]
    pub(super) fn between(&self, head: u64, tail: u64) -> u64 {
        match self.newest() {
            newest if newest.is_null() => 0,
            newest => Self::sum(newest, head, tail),
        }
    }

    #[cold]
    fn sum(newest: *mut Node, head: u64, tail: u64) -> u64 {
        let (mut sum, mut node) = (0, newest);
        // SAFETY: the list's nodes live as long as the queue, and are not written once they are in it.
        while let Some(known) = unsafe { node.as_ref() } {
            node = known.holes.with(|holes| {
                // SAFETY: as above.
                let holes = unsafe { &*holes };
                sum += (holes.first + holes.count).min(tail).saturating_sub(holes.first.max(head));
                holes.older
            });
        }
        sum
    }

    /// Adds `count` from the position `first` on. After this no look at the ends counts them.
    #[cold]
    pub(super) fn add(&self, first: u64, count: u64) {
        // Ordering: Relaxed, N2. A guess; the CAS confirms it.
        let mut older = self.newest.load(Ordering::Relaxed);
        let node = Box::into_raw(Box::new(Node { holes: UnsafeCell::new(Holes { first, count, older }) }));
        loop {
            // Ordering: Release, N1. Pairs with the look (N1): the node, and those before it by its release sequence.
            match self.newest.compare_exchange(older, node, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => older = now,
            }
            // SAFETY: nobody else knows the node.
            unsafe { (*node).holes.with_mut(|holes| (*holes).older = older) };
        }
    }

    #[inline]
    fn newest(&self) -> *mut Node {
        // Ordering: Acquire, N1. Pairs with the CAS of the list (N1): the nodes as they were made.
        self.newest.load(Ordering::Acquire)
    }
}

impl Drop for HolesAhead {
    fn drop(&mut self) {
        let mut node = self.newest();
        while !node.is_null() {
            // SAFETY: each node was made by a box, is in the list once, and nobody else is there.
            let known = unsafe { Box::from_raw(node) };
            // SAFETY: as above.
            node = known.holes.with(|holes| unsafe { (*holes).older });
        }
    }
}
