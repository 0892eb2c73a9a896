//! The lines at the desk, and what is waited for in each.
//!
//! Knows lines. Does not know the desk's lock, nor the core.

use super::told::EVERYBODY;
use crate::line::{Calls, Line, Place};
use std::collections::VecDeque;
use std::task::Waker;

/// What one waits for who waits for room.
pub(super) enum Want<T> {
    /// That its item goes in.
    Put(T),
    /// That so many permits more come to those it holds.
    Permits { missing: u64, held: u64 },
    /// That there is room, when it will put its item in itself.
    Room,
    /// Nothing any more: its item went in.
    Granted,
}

/// Which line a get waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Getters {
    /// Each item notifies one of them.
    Eager,
    /// Each item notifies those that began to wait before the `Eager` one that it notifies, or all if there is none: one that
    /// was notified may not take the item.
    #[cfg(feature = "stream")]
    AtLeisure,
}

/// The lines at the desk.
pub(super) struct Lines<T> {
    /// What a get wants is its turn: how many gets of both kinds began to wait before.
    pub(super) getters: Line<u64>,
    #[cfg(feature = "stream")]
    pub(super) streams: Line<u64>,
    /// The turn of the next get.
    next_turn: u64,
    pub(super) putters: Line<Want<T>>,
    /// With capacity 0: gets that wait, and for each of which one item may go in.
    pub(super) expecting: u64,
    /// Items that were put by a permit after the close.
    pub(super) late: VecDeque<T>,
}

impl<T> Lines<T> {
    #[cold]
    pub(super) fn boxed() -> Box<Self> {
        Box::new(Lines {
            getters: Line::new(),
            #[cfg(feature = "stream")]
            streams: Line::new(),
            next_turn: 0,
            putters: Line::new(),
            expecting: 0,
            late: VecDeque::new(),
        })
    }

    /// A get begins to wait.
    pub(super) fn enter_to_get(&mut self, which: Getters, waker: Waker) -> Place {
        let turn = self.next_turn;
        self.next_turn += 1;
        self.line(which).enter(waker, turn)
    }

    /// Notifies gets of `items` that came in.
    #[inline]
    pub(super) fn call_getters(&mut self, items: usize, calls: &mut Calls) {
        if items == EVERYBODY {
            calls.call_all(&mut self.getters);
            #[cfg(feature = "stream")]
            calls.call_all(&mut self.streams);
            return;
        }
        for _ in 0..items {
            #[cfg(feature = "stream")]
            self.call_streams(calls);
            if self.getters.waiting() == 0 {
                return;
            }
            calls.add(self.getters.finish_first());
        }
    }

    /// Notifies the streams that began to wait before the first other get.
    #[cfg(feature = "stream")]
    fn call_streams(&mut self, calls: &mut Calls) {
        let until = self.getters.first().map_or(u64::MAX, |turn| *turn);
        while self.streams.first().is_some_and(|turn| *turn < until) {
            calls.add(self.streams.finish_first());
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

    pub(super) fn line(&mut self, which: Getters) -> &mut Line<u64> {
        match which {
            Getters::Eager => &mut self.getters,
            #[cfg(feature = "stream")]
            Getters::AtLeisure => &mut self.streams,
        }
    }
}
