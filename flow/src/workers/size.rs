//! How many workers there are, and how many there are to be.

use std::time::{Duration, Instant};

/// How long the need has to be below the number of workers before one goes home.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// The size of a crew, under its lock.
#[derive(Debug)]
pub(super) struct Size {
    pub(super) least: usize,
    pub(super) most: usize,
    /// Workers that are started or run.
    pub(super) alive: usize,
    /// How many of them are told to go home, and have not gone.
    pub(super) leaving: usize,
    /// Since when the need is below the number of workers.
    low_since: Option<Instant>,
    /// Whether the timekeeper is to call.
    pub(super) is_checked: bool,
    /// The stage has ended: workers that leave are not replaced.
    pub(super) is_over: bool,
}

/// What has to follow a change, after the lock.
#[derive(Debug, Default, PartialEq, Eq)]
#[must_use]
pub(super) struct Orders {
    /// So many workers have to be started. They count as alive.
    pub(super) start: usize,
    /// So many workers have to be told to go home. They count as leaving.
    pub(super) send_home: usize,
}

impl Size {
    pub(super) fn new() -> Self {
        Size { least: 0, most: 0, alive: 0, leaving: 0, low_since: None, is_checked: false, is_over: false }
    }

    /// The number of workers that stay.
    pub(super) fn staying(&self) -> usize {
        // An order to go home may be on its way for a worker that was dropped before it began.
        self.alive.saturating_sub(self.leaving)
    }

    /// Changes the number of workers. `call_back` takes the order to go home from a worker that has not seen
    /// it yet.
    pub(super) fn change(&mut self, to: usize, mut call_back: impl FnMut() -> bool) -> Orders {
        if self.is_over {
            return Orders::default();
        }
        while self.staying() < to && self.leaving > 0 && call_back() {
            self.leaving -= 1;
        }
        let orders = Orders { start: to.saturating_sub(self.staying()), send_home: self.staying().saturating_sub(to) };
        self.alive += orders.start;
        self.leaving += orders.send_home;
        orders
    }

    /// The number of workers for this need: more at once, fewer one by one.
    pub(super) fn for_need(&mut self, need: usize, now: Instant) -> usize {
        let staying = self.staying();
        let need = need.clamp(self.least, self.most);
        if need >= staying {
            self.low_since = None;
            return need;
        }
        let since = *self.low_since.get_or_insert(now);
        if now.saturating_duration_since(since) < PATIENCE {
            return staying.clamp(self.least, self.most);
        }
        self.low_since = Some(now);
        (staying - 1).clamp(self.least, self.most)
    }

    /// Whether the number of workers has to be looked at again.
    pub(super) fn needs_checks(&self) -> bool {
        !self.is_over && (self.least < self.most || self.staying() < self.least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn size(least: usize, most: usize, alive: usize) -> Size {
        Size { least, most, alive, ..Size::new() }
    }

    #[test]
    fn more_workers_start_at_once() {
        let mut size = size(1, 8, 1);
        let now = Instant::now();
        assert_eq!(size.for_need(5, now), 5);
        assert_eq!(size.change(5, || false), Orders { start: 4, send_home: 0 });
        assert_eq!(size.for_need(100, now), 8);
    }

    #[test]
    fn workers_go_home_one_by_one_while_the_need_is_low_all_the_time() {
        let mut size = size(2, 8, 6);
        let begin = Instant::now();
        let mut counts = Vec::new();
        for second in 0..=130 {
            let to = size.for_need(1, begin + second * SECOND);
            let orders = size.change(to, || false);
            // Each worker goes at once.
            size.alive -= orders.send_home;
            size.leaving -= orders.send_home;
            if orders.send_home > 0 {
                counts.push((second, size.staying()));
            }
        }
        assert_eq!(counts, [(30, 5), (60, 4), (90, 3), (120, 2)]);
    }

    #[test]
    fn a_need_that_returns_begins_the_patience_anew() {
        let mut size = size(1, 8, 4);
        let begin = Instant::now();
        assert_eq!(size.for_need(1, begin), 4);
        assert_eq!(size.for_need(4, begin + 29 * SECOND), 4);
        assert_eq!(size.for_need(1, begin + 30 * SECOND), 4);
        assert_eq!(size.for_need(1, begin + 59 * SECOND), 4);
        assert_eq!(size.for_need(1, begin + 60 * SECOND), 3);
    }

    #[test]
    fn workers_that_have_not_gone_home_are_called_back_before_others_start() {
        let mut size = size(0, 8, 5);
        assert_eq!(size.change(1, || unreachable!()), Orders { start: 0, send_home: 4 });
        assert_eq!((size.alive, size.leaving), (5, 4));
        // Two have not seen the order yet.
        let mut unseen = 2;
        let call_back = || {
            let any = unseen > 0;
            unseen -= usize::from(any);
            any
        };
        assert_eq!(size.change(4, call_back), Orders { start: 1, send_home: 0 });
        assert_eq!((size.alive, size.leaving, size.staying()), (6, 2, 4));
    }
}
