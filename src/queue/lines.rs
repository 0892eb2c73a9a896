//! The lines at the desk, and what is waited for in each.
//!
//! Knows lines. Does not know the desk's lock, nor the core.

use super::told::EVERYBODY;
use crate::line::{Calls, Line};
use std::collections::VecDeque;

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
    /// Each item calls one of them.
    Eager,
    /// Each item calls all of them, as one that is called may not come.
    #[cfg(feature = "stream")]
    AtLeisure,
}

/// The lines at the desk.
pub(super) struct Lines<T> {
    pub(super) getters: Line<()>,
    #[cfg(feature = "stream")]
    pub(super) streams: Line<()>,
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
            putters: Line::new(),
            expecting: 0,
            late: VecDeque::new(),
        })
    }

    /// Calls for `items` that have come in.
    #[inline]
    pub(super) fn call_getters(&mut self, items: usize, calls: &mut Calls) {
        match items {
            0 => return,
            EVERYBODY => calls.call_all(&mut self.getters),
            _ => calls.call_in_turn(&mut self.getters, items),
        }
        #[cfg(feature = "stream")]
        calls.call_all(&mut self.streams);
    }

    pub(super) fn line(&mut self, which: Getters) -> &mut Line<()> {
        match which {
            Getters::Eager => &mut self.getters,
            #[cfg(feature = "stream")]
            Getters::AtLeisure => &mut self.streams,
        }
    }
}
