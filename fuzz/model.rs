//! The specification of a queue for one thread: items are numbers, and an operation is either complete or
//! pending.
//!
//! Does not know the library.

use std::collections::VecDeque;

/// The state of a queue.
pub(super) struct Model {
    pub(super) capacity: Option<usize>,
    /// Whether the queue has permits.
    pub(super) permits: bool,
    pub(super) items: VecDeque<u32>,
    /// The puts and reservations that wait for a free slot, in FIFO order.
    waiters: VecDeque<Waiter>,
    /// The number of permits in use, including those that a waiting reservation has collected.
    pub(super) held: usize,
    /// Reservations that were granted all their permits and not polled since, with the number of permits.
    granted: Vec<(u32, usize)>,
    /// The number of waiting gets. With capacity 0 each allows one put.
    waiting_gets: usize,
    /// The number of items put, of which `done` are finished.
    pub(super) put: u64,
    pub(super) done: u64,
    /// The value of `put` when no item was unfinished the last time.
    last_zero: u64,
    pub(super) closed: bool,
}

/// A waiting put, or a reservation with the permits that it has collected.
struct Waiter {
    /// The number of the item, or of the reservation.
    id: u32,
    collected: Option<Collected>,
}

#[derive(Clone, Copy)]
struct Collected {
    missing: usize,
    held: usize,
}

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
    pub(super) fn new(capacity: Option<usize>, permits: bool) -> Self {
        Model {
            capacity,
            permits,
            items: VecDeque::new(),
            waiters: VecDeque::new(),
            held: 0,
            granted: Vec::new(),
            waiting_gets: 0,
            put: 0,
            done: 0,
            last_zero: 0,
            closed: false,
        }
    }

    pub(super) fn unfinished(&self) -> usize {
        self.put.saturating_sub(self.done) as usize
    }

    fn is_rendezvous(&self) -> bool {
        self.capacity == Some(0)
    }

    /// The part of the capacity that neither items nor permits use.
    pub(super) fn remaining_capacity(&self) -> Option<usize> {
        Some(self.capacity?.saturating_sub(self.items.len() + self.held))
    }

    /// The number of items that can be put. With capacity 0, the number of waiting gets for which no item was
    /// put yet.
    pub(super) fn free_slots(&self) -> usize {
        match self.capacity {
            None => usize::MAX,
            Some(0) => self.waiting_gets.saturating_sub(self.items.len()),
            // An item that is put with a permit after a close needs no capacity.
            Some(capacity) => capacity.saturating_sub(self.items.len() + self.held),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.closed && self.held == 0
    }

    pub(super) fn has_waiters(&self) -> bool {
        !self.waiters.is_empty()
    }

    fn is_waiting(&self, id: u32) -> bool {
        self.waiters.iter().any(|waiter| waiter.id == id)
    }

    fn take_granted(&mut self, id: u32) -> usize {
        let place = self.granted.iter().position(|granted| granted.0 == id);
        place.map_or(0, |place| self.granted.swap_remove(place).1)
    }

    fn remove_waiter(&mut self, id: u32) -> Option<Waiter> {
        let place = self.waiters.iter().position(|waiter| waiter.id == id)?;
        self.waiters.remove(place)
    }

    pub(super) fn push(&mut self, id: u32) {
        self.items.push_back(id);
        self.put += 1;
    }

    /// Gives the free slots to the first waiters.
    fn serve(&mut self) {
        while !self.closed && self.free_slots() > 0 {
            let free = self.free_slots();
            let Some(first) = self.waiters.front_mut() else { return };
            let id = first.id;
            match &mut first.collected {
                None => {
                    self.waiters.pop_front();
                    self.push(id);
                }
                Some(collected) => {
                    let more = free.min(collected.missing);
                    collected.missing -= more;
                    collected.held += more;
                    let (all, held) = (collected.missing == 0, collected.held);
                    self.held += more;
                    if all {
                        self.waiters.pop_front();
                        self.granted.push((id, held));
                    }
                }
            }
        }
    }

    /// Takes up to `limit` items; `None` if an operation has to wait. With permits, slots become free only at
    /// the end of a batch.
    pub(super) fn get(&mut self, limit: usize) -> Option<Result<Vec<u32>, ()>> {
        self.get_from(limit, false)
    }

    /// A queued get serves the puts for the slots that it frees after it has left the wait queue.
    fn get_from(&mut self, limit: usize, queued: bool) -> Option<Result<Vec<u32>, ()>> {
        let mut ids = Vec::new();
        while ids.len() < limit {
            if self.items.is_empty() && self.is_rendezvous() && !self.closed {
                if let Some(first) = self.waiters.pop_front() {
                    self.push(first.id);
                }
            }
            let Some(id) = self.items.pop_front() else { break };
            ids.push(id);
            if !self.permits && !self.is_rendezvous() && !queued {
                self.serve();
            }
        }
        if self.permits || queued {
            self.serve();
        }
        if ids.is_empty() && limit > 0 {
            return self.is_over().then_some(Err(()));
        }
        Some(Ok(ids))
    }

    /// As `get`, for an operation that does not wait, and so may take an item that was put for a waiting get.
    pub(super) fn try_get(&mut self, limit: usize) -> Option<Result<Vec<u32>, ()>> {
        let got = self.get(limit);
        self.serve();
        got
    }

    pub(super) fn count_done(&mut self, count: u64) -> bool {
        let fits = count <= self.put.saturating_sub(self.done);
        if fits {
            self.done += count;
            if self.done == self.put {
                self.last_zero = self.put;
            }
        }
        fits
    }

    /// Counts items as done that were displaced, drained, or returned by a shutdown.
    pub(super) fn count_removed(&mut self, count: usize) {
        self.count_done(count.min(self.unfinished()) as u64);
    }

    /// Releases the permits of reservations that have not completed.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.held -= self.granted.drain(..).map(|(_, held)| held).sum::<usize>();
        for collected in self.waiters.iter_mut().filter_map(|waiter| waiter.collected.as_mut()) {
            self.held -= std::mem::take(&mut collected.held);
        }
    }

    /// Releases permits.
    pub(super) fn release_permits(&mut self, count: usize) {
        self.held -= count;
        self.serve();
    }

    /// Puts an item with a permit.
    pub(super) fn use_permit(&mut self, id: u32) {
        self.held -= 1;
        self.push(id);
    }

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
