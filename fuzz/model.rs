//! The specification of a queue for one thread: items are numbers, and an operation is either complete or pending.
//!
//! Does not know the library, nor the operations that wait: see `request.rs`.

use std::collections::VecDeque;

/// The state of a queue.
pub(super) struct Model {
    pub(super) capacity: Option<usize>,
    /// The largest capacity so far, 0 if there is none.
    pub(super) most: usize,
    /// Whether the queue has permits.
    pub(super) permits: bool,
    /// Whether a subtask was ever put, so that there may be more items than the capacity.
    subtasks: bool,
    pub(super) items: VecDeque<u32>,
    /// The puts and reservations that wait for a free slot, in FIFO order.
    pub(super) waiters: VecDeque<Waiter>,
    /// The number of permits in use, including those that a waiting reservation has collected.
    pub(super) held: usize,
    /// Reservations that were granted all their permits and not polled since, with the number of permits.
    pub(super) granted: Vec<(u32, usize)>,
    /// The number of waiting gets. With capacity 0 each allows one put.
    pub(super) waiting_gets: usize,
    /// The number of items put, of which `done` are finished.
    pub(super) put: u64,
    pub(super) done: u64,
    /// The value of `put` when no item was unfinished the last time.
    pub(super) last_zero: u64,
    pub(super) closed: bool,
    /// Whether the queue is closed in two steps, and the second one has not come.
    accepts_subtasks: bool,
}

/// A waiting put, or a reservation with the permits that it has collected.
pub(super) struct Waiter {
    /// The number of the item, or of the reservation.
    pub(super) id: u32,
    pub(super) collected: Option<Collected>,
}

#[derive(Clone, Copy)]
pub(super) struct Collected {
    pub(super) missing: usize,
    pub(super) held: usize,
}

impl Model {
    pub(super) fn new(capacity: Option<usize>, permits: bool) -> Self {
        Model {
            capacity,
            most: capacity.unwrap_or(0),
            permits,
            subtasks: false,
            items: VecDeque::new(),
            waiters: VecDeque::new(),
            held: 0,
            granted: Vec::new(),
            waiting_gets: 0,
            put: 0,
            done: 0,
            last_zero: 0,
            closed: false,
            accepts_subtasks: false,
        }
    }

    /// The number of items as the queue tells it: never more than the capacity, unless that is possible for good.
    pub(super) fn len(&self) -> usize {
        match self.capacity {
            Some(_) if !self.subtasks => self.items.len().min(self.most),
            _ => self.items.len(),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        match self.permits {
            true => self.remaining_capacity() == Some(0),
            false => self.capacity.is_some_and(|capacity| self.len() >= capacity),
        }
    }

    pub(super) fn unfinished(&self) -> usize {
        self.put.saturating_sub(self.done) as usize
    }

    pub(super) fn is_rendezvous(&self) -> bool {
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
        self.closed && !self.accepts_subtasks && self.held == 0
    }

    pub(super) fn has_waiters(&self) -> bool {
        !self.waiters.is_empty()
    }

    pub(super) fn is_waiting(&self, id: u32) -> bool {
        self.waiters.iter().any(|waiter| waiter.id == id)
    }

    pub(super) fn take_granted(&mut self, id: u32) -> usize {
        let place = self.granted.iter().position(|granted| granted.0 == id);
        place.map_or(0, |place| self.granted.swap_remove(place).1)
    }

    pub(super) fn remove_waiter(&mut self, id: u32) -> Option<Waiter> {
        let place = self.waiters.iter().position(|waiter| waiter.id == id)?;
        self.waiters.remove(place)
    }

    pub(super) fn push(&mut self, id: u32) {
        self.items.push_back(id);
        self.put += 1;
    }

    /// Gives the free slots to the first waiters.
    pub(super) fn serve(&mut self) {
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
    pub(super) fn get_from(&mut self, limit: usize, queued: bool) -> Option<Result<Vec<u32>, ()>> {
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
            self.end_if_done();
        }
        fits
    }

    /// Makes the second step of a close, if no item is unfinished and no permit is held.
    fn end_if_done(&mut self) {
        self.accepts_subtasks &= self.put > self.done || self.held > 0;
    }

    /// Makes the first step of a close; makes the second one too if nothing is left to do.
    pub(super) fn close_when_done(&mut self) {
        if !self.closed {
            self.close();
            self.accepts_subtasks = true;
            self.end_if_done();
        }
    }

    /// Puts an item beyond the capacity, also after the first step of a close. False if it is refused.
    pub(super) fn put_subtask(&mut self, id: u32) -> bool {
        self.subtasks = true;
        let accepts = !self.closed || self.accepts_subtasks;
        if accepts {
            self.push(id);
        }
        accepts
    }

    pub(super) fn set_capacity(&mut self, capacity: usize) {
        self.capacity = Some(capacity);
        self.most = self.most.max(capacity);
        self.serve();
    }

    /// Counts items as done that were displaced, drained, or returned by a shutdown.
    pub(super) fn count_removed(&mut self, count: usize) {
        self.count_done(count.min(self.unfinished()) as u64);
    }

    /// Releases the permits of reservations that have not completed.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.accepts_subtasks = false;
        self.held -= self.granted.drain(..).map(|(_, held)| held).sum::<usize>();
        for collected in self.waiters.iter_mut().filter_map(|waiter| waiter.collected.as_mut()) {
            self.held -= std::mem::take(&mut collected.held);
        }
    }

    /// Releases permits.
    pub(super) fn release_permits(&mut self, count: usize) {
        self.held -= count;
        self.serve();
        self.end_if_done();
    }

    /// Puts an item with a permit.
    pub(super) fn use_permit(&mut self, id: u32) {
        self.held -= 1;
        self.push(id);
        self.end_if_done();
    }
}
