//! The channels of a timer: one message at an instant, one at each tick, or never one.
//!
//! Knows clocks. Does not know queues.

use super::{RecvTimeoutError, TryRecvError};
use crate::select::{run, Limit, Order};
use crate::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// When the next message arrives. No thread works for it: a receiver looks at the clock.
pub(super) struct Timer {
    /// `None` if no more message arrives.
    next: Mutex<Option<Instant>>,
    /// From one message to the next; `None` if there is only one.
    period: Option<Duration>,
}

impl Timer {
    pub(super) fn new(next: Instant, period: Option<Duration>) -> Self {
        Timer { next: Mutex::new(Some(next)), period }
    }

    fn with<R>(&self, act: impl FnOnce(&mut Option<Instant>) -> R) -> R {
        act(&mut self.next.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.with(|next| *next)
    }

    pub(super) fn has_message(&self) -> bool {
        self.next().is_some_and(|next| next <= Instant::now())
    }

    /// The message that arrives next, if `now` is late enough. The following one arrives a period after `now`.
    fn take(&self, now: Instant) -> Result<Instant, TryRecvError> {
        self.with(|next| match *next {
            Some(arrival) if arrival <= now => {
                *next = self.period.and_then(|period| now.checked_add(period));
                Ok(arrival)
            }
            _ => Err(TryRecvError::Empty),
        })
    }

    pub(super) fn try_recv(&self) -> Result<Instant, TryRecvError> {
        self.take(Instant::now())
    }

    /// Sleeps until a message arrives. A tick is this thread's own before it sleeps, so that several threads
    /// receive one each.
    pub(super) fn recv(&self, deadline: Option<Instant>) -> Result<Instant, RecvTimeoutError> {
        loop {
            let now = Instant::now();
            if let Ok(arrival) = self.take(now) {
                return Ok(arrival);
            }
            let claimed = self.with(|next| match (*next, self.period) {
                (Some(arrival), Some(period)) if !deadline.is_some_and(|deadline| deadline < arrival) => {
                    *next = arrival.max(now).checked_add(period);
                    Some(arrival)
                }
                _ => None,
            });
            if let Some(arrival) = claimed {
                sleep_until(Some(arrival));
                return Ok(arrival);
            }
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Err(RecvTimeoutError::Timeout);
            }
            sleep_until(self.next().into_iter().chain(deadline).min());
        }
    }
}

/// Sleeps until `deadline`; for ever without one.
pub(super) fn sleep_until(deadline: Option<Instant>) {
    run(&mut [], deadline.map_or(Limit::None, Limit::Deadline), Order::AsListed);
}
