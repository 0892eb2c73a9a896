//! Holes ahead of the head: claims that became holes at positions that the head may not have passed yet, and
//! that do not count as items.
//!
//! Knows positions only. There are two kinds of such claims:
//! - Claims beyond the limit. One requires that the tail's word returns to the same bits between a check and
//!   the claim, after at least 256 segments. So they are extremely rare.
//! - Slots that were reserved for a value that did not follow (`reserve.rs`): one for each send of a
//!   `select!` whose message is left by `break`, `continue`, `?` or a panic.
//!
//! Each is kept, by its position, until the queue is dropped. An exact count of items subtracts the holes
//! between the head and the tail, and visits all entries of the list. So each hole costs an allocation, and
//! some time in each exact count: `len`, and each push that finds the queue full.

use crate::sync::{AtomicPtr, Ordering, UnsafeCell};
use std::ptr::null_mut;

/// The list of these holes. Nodes are pushed by compare-and-swap and never removed, so there is no ABA
/// problem.
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

    /// Whether no such hole was ever added.
    pub(super) fn is_empty(&self) -> bool {
        self.newest().is_null()
    }

    /// The number of these holes at the positions `head..tail`.
    ///
    /// A position belongs to one claim and does not recur, so each hole counts once. A hole that the head had
    /// passed when it was read does not count any more. A hole that the tail had not reached does not count
    /// yet.
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
        // SAFETY: the nodes live as long as the queue, and are not written once they are in the list.
        while let Some(listed) = unsafe { node.as_ref() } {
            node = listed.holes.with(|holes| {
                // SAFETY: as above.
                let holes = unsafe { &*holes };
                sum += (holes.first + holes.count).min(tail).saturating_sub(holes.first.max(head));
                holes.older
            });
        }
        sum
    }

    /// Adds `count` holes at the positions from `first` on. A count of items that begins after this excludes
    /// them.
    #[cold]
    pub(super) fn add(&self, first: u64, count: u64) {
        // Ordering: Relaxed, N2. A guess; the CAS confirms it.
        let mut older = self.newest.load(Ordering::Relaxed);
        let node = Box::into_raw(Box::new(Node { holes: UnsafeCell::new(Holes { first, count, older }) }));
        loop {
            // Ordering: Release, N1. Pairs with the load (N1): the node is seen, and the earlier ones by its
            // release sequence.
            match self.newest.compare_exchange(older, node, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => older = now,
            }
            // SAFETY: no other thread knows the node.
            unsafe { (*node).holes.with_mut(|holes| (*holes).older = older) };
        }
    }

    #[inline]
    fn newest(&self) -> *mut Node {
        // Ordering: Acquire, N1. Pairs with the CAS of the list (N1): the nodes are seen as they were made.
        self.newest.load(Ordering::Acquire)
    }
}

impl Drop for HolesAhead {
    fn drop(&mut self) {
        let mut node = self.newest();
        while !node.is_null() {
            // SAFETY: each node comes from a box and is in the list once, and no other thread accesses the
            // list.
            let listed = unsafe { Box::from_raw(node) };
            // SAFETY: as above.
            node = listed.holes.with(|holes| unsafe { (*holes).older });
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn holes_count_between_the_head_and_the_tail_only() {
        let holes = HolesAhead::new();
        assert!(holes.is_empty() && holes.between(0, 100) == 0);
        holes.add(10, 4);
        holes.add(20, 1);
        for (head, tail, count) in
            [(0, 10, 0), (0, 11, 1), (0, 100, 5), (12, 100, 3), (14, 20, 0), (12, 13, 1), (21, 100, 0), (15, 5, 0)]
        {
            assert_eq!(holes.between(head, tail), count, "{head}..{tail}");
        }
    }
}
