//! The branches of selects that wait at a queue with capacity 0, in FIFO order.
//!
//! Knows selections and wakers. Does not know how an item is enqueued or dequeued. Used under the mutex of
//! the waiters.
//!
//! A get or put that waits by itself is committed: the other side completes it. A branch of a select is not,
//! as another branch may be completed first. So the other side has to win the selection of the select
//! before it touches the branch (as `crossbeam-channel` and Go do it).

use crate::wait::{Selection, WakeList};
use slab::Slab;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

/// A queue for the one item that follows a match. It is closed if the item will not follow.
#[cfg(feature = "compat")]
pub(crate) type Later<T> = Arc<super::Queue<T>>;

/// What a branch waits for, or what the thread that has selected it left there.
pub(crate) enum Part<T> {
    /// Waits for an item.
    Get,
    /// Waits with its item.
    Put(T),
    /// Waits for a get. The item follows once the branch is selected.
    #[cfg(feature = "compat")]
    LatePut,
    /// Is woken when a get may succeed.
    #[cfg(feature = "compat")]
    WatchGet,
    /// Is woken when a put may succeed.
    #[cfg(feature = "compat")]
    WatchPut,
    /// A selected get: its item.
    Got(T),
    /// A selected get, whose item follows.
    #[cfg(feature = "compat")]
    GotLater(Later<T>),
    /// A selected put, whose item was taken.
    Taken,
    /// A selected put, whose item has to follow.
    #[cfg(feature = "compat")]
    Owes(Later<T>),
}

/// A side of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Gets,
    Puts,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Side::Gets => Side::Puts,
            Side::Puts => Side::Gets,
        }
    }
}

impl<T> Part<T> {
    pub(super) fn side(&self) -> Side {
        match self {
            Part::Get | Part::Got(_) => Side::Gets,
            Part::Put(_) | Part::Taken => Side::Puts,
            #[cfg(feature = "compat")]
            Part::WatchGet | Part::GotLater(_) => Side::Gets,
            #[cfg(feature = "compat")]
            Part::LatePut | Part::WatchPut | Part::Owes(_) => Side::Puts,
        }
    }

    /// Whether the other side can select the branch.
    pub(super) fn is_selectable(&self) -> bool {
        match self {
            Part::Get | Part::Put(_) => true,
            #[cfg(feature = "compat")]
            Part::LatePut => true,
            _ => false,
        }
    }

    /// Whether the branch has to be woken when the other side begins to wait.
    fn is_watching(&self) -> bool {
        match self {
            #[cfg(feature = "compat")]
            Part::LatePut | Part::WatchGet | Part::WatchPut => true,
            _ => false,
        }
    }
}

/// The branch of a select: what it waits for, and how it is selected and woken.
pub(crate) struct Entry<T> {
    pub(crate) part: Part<T>,
    pub(crate) selection: Arc<Selection>,
    /// The number of the branch in its select.
    pub(crate) branch: usize,
    /// Of a thread, so that no user code runs when it is cloned.
    pub(crate) waker: Waker,
}

/// The key of a branch until it is removed.
#[derive(Debug)]
pub(crate) struct SelectKey(usize);

/// A list with space for more entries is freed when the last one is removed.
const KEPT: usize = 64;

pub(super) struct Selects<T> {
    entries: Slab<Entry<T>>,
    /// The branches that the other side can select, in FIFO order.
    gets: VecDeque<usize>,
    puts: VecDeque<usize>,
    /// Waiting gets to which the item of a selected put has been promised. They are gets that no select owns.
    pub(super) owed: u64,
    /// Whether a branch has precedence over a waiter that no select owns: in turn, so that none starves.
    first: bool,
    /// The same for a put whose item follows.
    #[cfg(feature = "compat")]
    late_first: bool,
    /// Items on their way between a branch whose type is erased and its user.
    #[cfg(feature = "compat")]
    pub(super) stash: Slab<T>,
}

impl<T> Default for Selects<T> {
    fn default() -> Self {
        Selects {
            entries: Slab::new(),
            gets: VecDeque::new(),
            puts: VecDeque::new(),
            owed: 0,
            first: false,
            #[cfg(feature = "compat")]
            late_first: false,
            #[cfg(feature = "compat")]
            stash: Slab::new(),
        }
    }
}

impl<T> Selects<T> {
    fn order(&mut self, side: Side) -> &mut VecDeque<usize> {
        match side {
            Side::Gets => &mut self.gets,
            Side::Puts => &mut self.puts,
        }
    }

    pub(super) fn insert(&mut self, entry: Entry<T>) -> SelectKey {
        let (side, is_selectable) = (entry.part.side(), entry.part.is_selectable());
        let key = self.entries.insert(entry);
        if is_selectable {
            self.order(side).push_back(key);
        }
        SelectKey(key)
    }

    pub(super) fn remove(&mut self, SelectKey(key): SelectKey) -> Entry<T> {
        let entry = self.entries.remove(key);
        self.order(entry.part.side()).retain(|other| *other != key);
        if self.entries.is_empty() && self.entries.capacity() > KEPT {
            self.entries.shrink_to_fit();
        }
        entry
    }

    /// Whether a branch is to be tried before the other waiters; no if there is none on this side.
    pub(super) fn are_first(&mut self, side: Side) -> bool {
        if self.order(side).is_empty() {
            return false;
        }
        self.first = !self.first;
        self.first
    }

    /// As [`are_first`](Self::are_first), for puts whose items follow.
    #[cfg(feature = "compat")]
    pub(super) fn are_late_first(&mut self) -> bool {
        if !self.puts.iter().any(|key| matches!(self.entries[*key].part, Part::LatePut)) {
            return false;
        }
        self.late_first = !self.late_first;
        self.late_first
    }

    /// Selects the first branch of this side that is still open and that `fits`, and wakes its thread.
    fn select(&mut self, side: Side, wakes: &mut WakeList, fits: impl Fn(&Part<T>) -> bool) -> Option<&mut Part<T>> {
        let mut at = 0;
        loop {
            let key = *self.order(side).get(at)?;
            if !fits(&self.entries[key].part) {
                at += 1;
                continue;
            }
            // A branch that is not open is removed by its select soon.
            self.order(side).remove(at);
            let entry = &self.entries[key];
            if entry.selection.select(entry.branch) {
                wakes.push(Some(entry.waker.clone()));
                return Some(&mut self.entries[key].part);
            }
        }
    }

    pub(super) fn select_get(&mut self, wakes: &mut WakeList) -> Option<&mut Part<T>> {
        self.select(Side::Gets, wakes, |_| true)
    }

    /// Selects a put that has its item.
    pub(super) fn select_put(&mut self, wakes: &mut WakeList) -> Option<&mut Part<T>> {
        self.select(Side::Puts, wakes, |part| matches!(part, Part::Put(_)))
    }

    /// Selects a put whose item follows.
    #[cfg(feature = "compat")]
    pub(super) fn select_late_put(&mut self, wakes: &mut WakeList) -> Option<&mut Part<T>> {
        self.select(Side::Puts, wakes, |part| matches!(part, Part::LatePut))
    }

    /// Whether a select waits on this side, other than `beside`.
    pub(super) fn has_open(&self, side: Side, beside: Option<&Arc<Selection>>) -> bool {
        let order = match side {
            Side::Gets => &self.gets,
            Side::Puts => &self.puts,
        };
        order.iter().any(|key| {
            let selection = &self.entries[*key].selection;
            !beside.is_some_and(|own| Arc::ptr_eq(selection, own)) && selection.is_open()
        })
    }

    /// Wakes the branches of this side to try again.
    pub(super) fn wake(&self, side: Side, wakes: &mut WakeList) {
        for (_, entry) in &self.entries {
            if entry.part.side() == side {
                wakes.push(Some(entry.waker.clone()));
            }
        }
    }

    /// Wakes the branches of this side that the other side does not select by itself.
    pub(super) fn wake_watching(&self, side: Side, beside: Option<&Arc<Selection>>, wakes: &mut WakeList) {
        for (_, entry) in &self.entries {
            let is_own = beside.is_some_and(|own| Arc::ptr_eq(&entry.selection, own));
            if entry.part.is_watching() && !is_own && entry.part.side() == side {
                wakes.push(Some(entry.waker.clone()));
            }
        }
    }

    /// Wakes all branches: the queue was closed.
    pub(super) fn wake_all(&self, wakes: &mut WakeList) {
        self.wake(Side::Gets, wakes);
        self.wake(Side::Puts, wakes);
    }
}
