//! The specification of the operations that wait: what each does when it is polled or withdrawn, and what it waits for.
//!
//! Knows the model. Does not know the library.

use super::model::{Collected, Model, Waiter};
use std::collections::VecDeque;

/// What an operation does, and its progress.
pub(super) enum Request {
    /// The items that it has not put. If it waits, the first of them is in the wait queue or was put since.
    Put {
        left: VecDeque<u32>,
        waits: bool,
    },
    Reserve {
        id: u32,
        count: usize,
        waits: bool,
    },
    Get {
        limit: usize,
        waits: bool,
    },
    Join {
        /// The number of items put when it began to wait.
        since: Option<u64>,
    },
    Closed,
}

/// The result of an operation, with the numbers of the items; an error has those that were returned.
#[derive(Debug)]
pub(super) enum Outcome {
    Put(Result<(), Vec<u32>>),
    Reserved(Result<usize, ()>),
    Got(Result<Vec<u32>, ()>),
    Completed,
    TimedOut(Vec<u32>),
}

/// What an operation waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    Items,
    Capacity,
    /// This operation was served.
    Granted(u32),
    /// No item is unfinished, or none was at some time since the join began.
    Done,
    Unfinished,
    Closed,
}

impl Model {
    pub(super) fn poll(&mut self, request: &mut Request) -> Option<Outcome> {
        match request {
            Request::Get { limit, waits } => {
                let counts = !self.is_rendezvous();
                let waited = usize::from(std::mem::take(waits));
                // The get itself is not one of the other waiting gets.
                self.waiting_gets -= if counts { waited } else { 0 };
                let got = self.get_from(*limit, waited == 1 && counts);
                self.waiting_gets -= if counts { 0 } else { waited };
                *waits = got.is_none();
                self.waiting_gets += usize::from(*waits);
                self.serve();
                got.map(Outcome::Got)
            }
            Request::Join { since } => {
                if self.ends_join(*since) {
                    return Some(Outcome::Completed);
                }
                since.get_or_insert(self.put);
                None
            }
            Request::Closed => self.closed.then_some(Outcome::Completed),
            Request::Reserve { id, count, waits } => {
                if !*waits {
                    if self.closed {
                        return Some(Outcome::Reserved(Err(())));
                    }
                    if *count == 0 {
                        return Some(Outcome::Reserved(Ok(0)));
                    }
                    *waits = true;
                    self.waiters.push_back(Waiter { id: *id, collected: Some(Collected { missing: *count, held: 0 }) });
                    self.serve();
                }
                if self.closed {
                    self.withdraw(request);
                    return Some(Outcome::Reserved(Err(())));
                }
                if self.is_waiting(*id) {
                    return None;
                }
                self.take_granted(*id);
                Some(Outcome::Reserved(Ok(*count)))
            }
            Request::Put { left, waits } => loop {
                let Some(id) = left.front().copied() else { return Some(Outcome::Put(Ok(()))) };
                if !std::mem::replace(waits, true) {
                    if self.closed {
                        return Some(Outcome::Put(Err(left.drain(..).collect())));
                    }
                    self.waiters.push_back(Waiter { id, collected: None });
                    self.serve();
                }
                if self.is_waiting(id) {
                    return self.closed.then(|| Outcome::Put(Err(self.withdraw(request))));
                }
                left.pop_front();
                *waits = false;
            },
        }
    }

    /// Cancels a pending operation, and returns the items that it still has.
    pub(super) fn withdraw(&mut self, request: &mut Request) -> Vec<u32> {
        match request {
            Request::Put { left, waits } => {
                if std::mem::take(waits) {
                    let id = left[0];
                    if self.remove_waiter(id).is_none() {
                        // The item was put.
                        left.pop_front();
                    }
                }
                left.drain(..).collect()
            }
            Request::Reserve { id, waits, .. } => {
                if std::mem::take(waits) {
                    let held = match self.remove_waiter(*id) {
                        Some(waiter) => waiter.collected.map_or(0, |r| r.held),
                        None => self.take_granted(*id),
                    };
                    self.release_permits(held);
                }
                Vec::new()
            }
            Request::Get { waits, .. } => {
                self.waiting_gets -= usize::from(std::mem::take(waits));
                Vec::new()
            }
            Request::Join { .. } | Request::Closed => Vec::new(),
        }
    }

    fn ends_join(&self, since: Option<u64>) -> bool {
        self.put <= self.done || since.is_some_and(|since| self.last_zero >= since)
    }

    /// What a pending operation waits for.
    pub(super) fn topic(&self, request: &Request) -> Topic {
        let of_put = |id: u32| if self.is_waiting(id) { Topic::Capacity } else { Topic::Granted(id) };
        match request {
            Request::Put { left, .. } => of_put(left[0]),
            Request::Reserve { id, .. } => of_put(*id),
            Request::Get { .. } => Topic::Items,
            Request::Join { since } if self.ends_join(*since) => Topic::Done,
            Request::Join { .. } => Topic::Unfinished,
            Request::Closed => Topic::Closed,
        }
    }
}
