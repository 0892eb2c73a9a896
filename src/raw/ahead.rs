//! Holes ahead of the head: claims that became holes at positions that the head may not have passed yet, and
//! that do not count as items.
//!
//! Knows positions only. There are two kinds of such claims:
//! - Claims beyond the limit. One requires that the tail's word returns to the same bits between a check and
//!   the claim, after at least 256 segments. So they are extremely rare.
//! - Slots that were reserved for a value that did not follow (`reserve.rs`): one for each send of a
//!   `select!` whose message is left by `break`, `continue`, `?` or a panic.
//!
//! An exact count of items subtracts the holes between the head and the tail. An entry whose hole the head has
//! passed is reused for another hole: so there are as many entries as there ever were such holes between the
//! head and the tail, and they are kept until the queue is dropped.

use crate::sync::{AtomicPtr, AtomicU64, Ordering, UnsafeCell};
use std::ptr::null_mut;

/// The list of these holes. Nodes are pushed by compare-and-swap and never removed, so there is no ABA
/// problem.
pub(super) struct HolesAhead {
    newest: AtomicPtr<Node>,
}

struct Node {
    /// The position of the hole. It only grows: it is replaced once the head has passed it, by one that the head had
    /// not passed.
    position: AtomicU64,
    older: UnsafeCell<*mut Node>,
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

    /// The number of these holes at the positions `head..tail`. If an entry of one of them is reused at the
    /// same time, it is missing in the sum. Then a later load of the head's position finds that the head has
    /// moved.
    ///
    /// A position belongs to one claim and does not recur, so each hole counts once. A hole that the head had
    /// passed when it was read does not count any more. A hole that the tail had not reached does not count
    /// yet.
    #[cold]
    pub(super) fn between(&self, head: u64, tail: u64) -> u64 {
        // Ordering: Acquire, N3. Pairs with the reuse (N3): the head is seen at least where the thread that
        // reused the entry saw it.
        let is_between = |node: &&Node| (head..tail).contains(&node.position.load(Ordering::Acquire));
        self.nodes().filter(is_between).count() as u64
    }

    /// Adds a hole. The head has reached `head`, and was not seen behind `position`. A count of items that begins after
    /// this excludes the hole.
    #[cold]
    pub(super) fn add(&self, position: u64, head: u64) {
        let is_reused = self.nodes().any(|node| {
            // Ordering: Relaxed, N2. A guess; the CAS confirms it.
            let passed = node.position.load(Ordering::Relaxed);
            // Ordering: Release and Relaxed, N3. Release: where the head was seen. A reuse that lost tries the next
            // entry.
            passed < head
                && node.position.compare_exchange(passed, position, Ordering::Release, Ordering::Relaxed).is_ok()
        });
        if !is_reused {
            self.push(position);
        }
    }

    fn push(&self, position: u64) {
        // Ordering: Relaxed, N2. A guess; the CAS confirms it.
        let mut older = self.newest.load(Ordering::Relaxed);
        let node = Node { position: AtomicU64::new(position), older: UnsafeCell::new(older) };
        let node = Box::into_raw(Box::new(node));
        loop {
            // Ordering: Release, N1. Pairs with the load (N1): the node is seen, and the earlier ones by its
            // release sequence.
            match self.newest.compare_exchange(older, node, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => older = now,
            }
            // SAFETY: no other thread knows the node.
            unsafe { (*node).older.with_mut(|link| *link = older) };
        }
    }

    fn nodes(&self) -> impl Iterator<Item = &Node> {
        let mut next = self.newest();
        std::iter::from_fn(move || {
            // SAFETY: the nodes live as long as the queue, and their links are not written once they are in the
            // list.
            let node = unsafe { next.as_ref() }?;
            // SAFETY: as above.
            next = node.older.with(|link| unsafe { *link });
            Some(node)
        })
    }

    #[cfg(all(test, not(loom)))]
    pub(super) fn entries(&self) -> usize {
        self.nodes().count()
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
            node = listed.older.with(|link| unsafe { *link });
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
        for position in [10, 11, 12, 13, 20] {
            holes.add(position, 0);
        }
        for (head, tail, count) in
            [(0, 10, 0), (0, 11, 1), (0, 100, 5), (12, 100, 3), (14, 20, 0), (12, 13, 1), (21, 100, 0), (15, 5, 0)]
        {
            assert_eq!(holes.between(head, tail), count, "{head}..{tail}");
        }
    }

    #[test]
    fn an_entry_is_reused_once_the_head_has_passed_its_hole() {
        let holes = HolesAhead::new();
        holes.add(10, 10);
        for (position, head, entries) in [(11, 10, 2), (12, 11, 2), (13, 13, 2), (14, 13, 2), (15, 13, 3)] {
            holes.add(position, head);
            assert_eq!((holes.entries(), holes.between(position, 100)), (entries, 1), "{position}");
        }
        assert_eq!(holes.between(0, 100), 3);
    }
}
