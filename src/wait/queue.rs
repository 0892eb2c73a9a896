//! A wait queue: waiters in FIFO order.
//!
//! Knows wakers. Does not know what its waiters request. Used under a mutex: it returns wakers, which its
//! caller runs and drops after the mutex is unlocked.

use super::WakeList;
use slab::Slab;
use std::task::Waker;

/// Waiters in the order in which they were enqueued.
///
/// Each has a sequence number: the number of waiters enqueued before it. Waiters are notified in this order,
/// so that one number, the *watermark*, tells which of them were removed by their notifier: see `Watermark`
/// in `counts.rs`.
pub(crate) struct WaitQueue<R> {
    /// The entry of a waiter that was enqueued while no other waited, so that such a wait does not touch the
    /// slab.
    alone: Option<Entry<R>>,
    entries: Slab<Entry<R>>,
    front: usize,
    back: usize,
    waiting: usize,
    /// Waiters ever enqueued.
    enqueued: u64,
    /// The sequence number behind the last waiter that was removed by its notifier.
    removed: u64,
}

/// No entry.
const NONE: usize = usize::MAX;
/// The index of `alone`.
const ALONE: usize = usize::MAX - 1;

struct Entry<R> {
    request: R,
    seq: u64,
    /// `None` once the waiter is notified.
    waker: Option<Waker>,
    previous: usize,
    next: usize,
}

/// The key of a waiter's entry, for as long as it has not been removed.
#[derive(Debug)]
pub(crate) struct WaiterKey {
    index: usize,
    seq: u64,
}

impl WaiterKey {
    /// The number of waiters enqueued before this one.
    #[inline]
    pub(super) fn seq(&self) -> u64 {
        self.seq
    }
}

/// How far a waiter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaiterState {
    Waiting,
    /// It keeps its entry until it is polled and removes that.
    Notified,
    /// Its entry is gone.
    Removed,
}

impl<R> WaitQueue<R> {
    /// A slab with more entries is freed when the last waiter is removed: about 4 KiB are kept.
    const KEPT: usize = {
        let entries = 4096 / std::mem::size_of::<Entry<R>>();
        if entries < 4 {
            4
        } else {
            entries
        }
    };

    pub(crate) const fn new() -> Self {
        WaitQueue { alone: None, entries: Slab::new(), front: NONE, back: NONE, waiting: 0, enqueued: 0, removed: 0 }
    }

    /// Waiters that were not notified.
    #[inline]
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Waiters that were notified and keep their entries.
    #[inline]
    pub(crate) fn notified(&self) -> usize {
        self.entries.len() + usize::from(self.alone.is_some()) - self.waiting
    }

    /// The sequence number behind the last waiter that was removed by its notifier. Only grows.
    #[inline]
    pub(crate) fn removed(&self) -> u64 {
        self.removed
    }

    pub(crate) fn push_back(&mut self, waker: Waker, request: R) -> WaiterKey {
        let (previous, seq) = (self.back, self.enqueued);
        let entry = Entry { request, seq, waker: Some(waker), previous, next: NONE };
        let index = if self.waiting == 0 && self.alone.is_none() {
            self.alone = Some(entry);
            self.front = ALONE;
            ALONE
        } else {
            self.append(entry)
        };
        self.back = index;
        self.waiting += 1;
        self.enqueued += 1;
        WaiterKey { index, seq }
    }

    /// Inserts an entry into the slab, behind the last waiter.
    #[inline(never)]
    fn append(&mut self, entry: Entry<R>) -> usize {
        let previous = entry.previous;
        let index = self.entries.insert(entry);
        match self.entry_mut(previous) {
            Some(back) => back.next = index,
            None => self.front = index,
        }
        index
    }

    #[inline]
    fn get(&self, key: &WaiterKey) -> Option<&Entry<R>> {
        let entry = if key.index == ALONE { self.alone.as_ref() } else { self.entries.get(key.index) };
        entry.filter(|entry| entry.seq == key.seq)
    }

    #[inline]
    fn entry_mut(&mut self, index: usize) -> Option<&mut Entry<R>> {
        if index == ALONE {
            self.alone.as_mut()
        } else {
            self.entries.get_mut(index)
        }
    }

    #[inline]
    fn take_entry(&mut self, index: usize) -> Option<Entry<R>> {
        if index == ALONE {
            return self.alone.take();
        }
        let entry = self.entries.try_remove(index);
        if self.entries.is_empty() && self.entries.capacity() > Self::KEPT {
            self.entries = Slab::new();
        }
        entry
    }

    #[inline]
    pub(crate) fn state(&self, key: &WaiterKey) -> WaiterState {
        match self.get(key) {
            Some(Entry { waker: Some(_), .. }) => WaiterState::Waiting,
            Some(_) => WaiterState::Notified,
            None => WaiterState::Removed,
        }
    }

    /// Whether the waiter waits with a waker that does not wake the task of `waker`.
    pub(crate) fn needs_waker(&self, key: &WaiterKey, waker: &Waker) -> bool {
        self.get(key).and_then(|entry| entry.waker.as_ref()).is_some_and(|present| !present.will_wake(waker))
    }

    /// Replaces the waker of a waiter that was not notified, and returns the old one for the caller to drop.
    pub(crate) fn replace_waker(&mut self, key: &WaiterKey, waker: Waker) -> Waker {
        match self.entry_mut(key.index).and_then(|entry| entry.waker.as_mut()) {
            Some(present) => std::mem::replace(present, waker),
            None => waker,
        }
    }

    /// The request of the first waiter.
    #[inline]
    pub(crate) fn front_mut(&mut self) -> Option<&mut R> {
        self.entry_mut(self.front).map(|front| &mut front.request)
    }

    /// The requests of all waiters, of notified ones too.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut R> {
        let others = self.entries.iter_mut().map(|(_, entry)| entry);
        self.alone.iter_mut().chain(others).map(|entry| &mut entry.request)
    }

    /// Notifies the first waiter, which keeps its entry and with it its request until it is polled.
    pub(crate) fn notify_first(&mut self) -> Option<Waker> {
        let front = self.entry_mut(self.front)?;
        let (waker, next) = (front.waker.take(), front.next);
        self.unlink(NONE, next);
        waker
    }

    /// Notifies the first waiter and removes its entry, as nothing is left for it to do there.
    pub(crate) fn remove_first(&mut self) -> Option<Waker> {
        let Entry { seq, waker, next, .. } = self.take_entry(self.front)?;
        self.removed = seq + 1;
        self.unlink(NONE, next);
        waker
    }

    /// Notifies and removes all waiters.
    #[inline]
    pub(crate) fn remove_all(&mut self, wakes: &mut WakeList) {
        while self.waiting() > 0 {
            wakes.push(self.remove_first());
        }
    }

    /// Removes a waiter and returns its request, with the waker if it was not notified; `None` if its
    /// notifier has removed it.
    pub(crate) fn remove(&mut self, key: &WaiterKey) -> Option<(R, Option<Waker>)> {
        if self.state(key) == WaiterState::Removed {
            return None;
        }
        let Entry { request, waker, previous, next, .. } = self.take_entry(key.index)?;
        if waker.is_some() {
            self.unlink(previous, next);
        }
        Some((request, waker))
    }

    /// Links the neighbours of a waiter that no longer stands between them.
    fn unlink(&mut self, previous: usize, next: usize) {
        match self.entry_mut(previous) {
            Some(previous) => previous.next = next,
            None => self.front = next,
        }
        match self.entry_mut(next) {
            Some(next) => next.previous = previous,
            None => self.back = previous,
        }
        self.waiting -= 1;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::task::Wake;

    struct Ignore;

    impl Wake for Ignore {
        fn wake(self: Arc<Self>) {}
    }

    fn waker() -> Waker {
        Waker::from(Arc::new(Ignore))
    }

    #[test]
    fn waiters_are_notified_in_fifo_order() {
        let mut queue = WaitQueue::new();
        let keys: Vec<WaiterKey> = (0..4).map(|request| queue.push_back(waker(), request)).collect();
        let [a, b, c, d] = <[WaiterKey; 4]>::try_from(keys).unwrap();
        assert!(queue.notify_first().is_some());
        assert_eq!(
            (queue.state(&a), queue.state(&b), queue.waiting()),
            (WaiterState::Notified, WaiterState::Waiting, 3)
        );
        assert_eq!(queue.remove(&c).map(|(request, waker)| (request, waker.is_some())), Some((2, true)));
        assert_eq!(queue.front_mut(), Some(&mut 1));
        assert!(queue.remove_first().is_some() && queue.notify_first().is_some() && queue.notify_first().is_none());
        assert_eq!((queue.state(&b), queue.removed()), (WaiterState::Removed, 2));
        assert_eq!(queue.remove(&d).map(|(request, waker)| (request, waker.is_some())), Some((3, false)));
        assert!(queue.remove(&a).is_some_and(|(request, _)| request == 0) && queue.remove(&b).is_none());
        assert_eq!((queue.waiting(), queue.notified(), queue.entries.len()), (0, 0, 0));
    }

    #[test]
    fn the_key_of_a_removed_waiter_names_no_later_waiter() {
        let mut queue = WaitQueue::new();
        let first = queue.push_back(waker(), 'a');
        assert!(queue.remove_first().is_some());
        let second = queue.push_back(waker(), 'b');
        assert_eq!(
            (first.index, queue.state(&first), queue.state(&second)),
            (second.index, WaiterState::Removed, WaiterState::Waiting)
        );
        assert!(queue.remove(&first).is_none() && queue.remove(&second).is_some());
    }

    #[test]
    fn a_long_wait_queue_frees_its_memory() {
        let mut queue = WaitQueue::new();
        let keys: Vec<WaiterKey> = (0..1000).map(|request| queue.push_back(waker(), request)).collect();
        assert!(queue.entries.capacity() >= 1000);
        keys.into_iter().for_each(|key| drop(queue.remove(&key)));
        assert_eq!(queue.entries.capacity(), 0);
    }
}
