//! The lines at the desk, and what is waited for in each.
//!
//! Knows lines. Does not know the desk's lock, nor the core.

use super::deferred::ALL;
use crate::wait::{WaitQueue, WaiterKey, WakeList};
use std::collections::VecDeque;
use std::task::Waker;

/// What one waits for who waits for room.
pub(super) enum Request<T> {
    /// That its item goes in.
    Put(T),
    /// That so many permits more come to those it holds.
    Permits { missing: u64, held: u64 },
    /// That there is room, when it will put its item in itself.
    Space,
    /// Nothing any more: its item went in.
    Granted,
}

/// Which line a get waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GetterKind {
    /// Each item notifies one of them.
    Get,
    /// Each item notifies those that began to wait before the `Get` one that it notifies, or all if there is none: one that
    /// was notified may not take the item.
    #[cfg(feature = "stream")]
    Stream,
}

/// The lines at the desk.
pub(super) struct WaitLists<T> {
    /// What a get wants is its turn: how many gets of both kinds began to wait before.
    pub(super) getters: WaitQueue<u64>,
    #[cfg(feature = "stream")]
    pub(super) streams: WaitQueue<u64>,
    /// The turn of the next get.
    next_turn: u64,
    pub(super) putters: WaitQueue<Request<T>>,
    /// With capacity 0: gets that wait, and for each of which one item may go in.
    pub(super) get_state: u64,
    /// Items that were put by a permit after the close.
    pub(super) late: VecDeque<T>,
}

impl<T> WaitLists<T> {
    #[cold]
    pub(super) fn boxed() -> Box<Self> {
        Box::new(WaitLists {
            getters: WaitQueue::new(),
            #[cfg(feature = "stream")]
            streams: WaitQueue::new(),
            next_turn: 0,
            putters: WaitQueue::new(),
            get_state: 0,
            late: VecDeque::new(),
        })
    }

    /// A get begins to wait.
    pub(super) fn push_getter(&mut self, which: GetterKind, waker: Waker) -> WaiterKey {
        let turn = self.next_turn;
        self.next_turn += 1;
        self.line(which).enter(waker, turn)
    }

    /// Notifies gets of `items` that came in.
    #[inline]
    pub(super) fn notify_getters(&mut self, items: usize, calls: &mut WakeList) {
        if items == ALL {
            calls.call_all(&mut self.getters);
            #[cfg(feature = "stream")]
            calls.call_all(&mut self.streams);
            return;
        }
        for _ in 0..items {
            #[cfg(feature = "stream")]
            self.notify_streams(calls);
            if self.getters.waiting() == 0 {
                return;
            }
            calls.add(self.getters.complete_first());
        }
    }

    /// Notifies the streams that began to wait before the first other get.
    #[cfg(feature = "stream")]
    fn notify_streams(&mut self, calls: &mut WakeList) {
        let until = self.getters.first().map_or(u64::MAX, |turn| *turn);
        while self.streams.first().is_some_and(|turn| *turn < until) {
            calls.add(self.streams.complete_first());
        }
    }

    /// How many gets wait that were not notified.
    pub(super) fn waiting_getters(&self) -> usize {
        #[cfg(feature = "stream")]
        let streams = self.streams.waiting();
        #[cfg(not(feature = "stream"))]
        let streams = 0;
        self.getters.waiting() + streams
    }

    pub(super) fn line(&mut self, which: GetterKind) -> &mut WaitQueue<u64> {
        match which {
            GetterKind::Get => &mut self.getters,
            #[cfg(feature = "stream")]
            GetterKind::Stream => &mut self.streams,
        }
    }
}
