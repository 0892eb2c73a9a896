//! What a queue is to do, in one sequence of steps: numbers for items, and no waiting but a plain *not yet*.
//!
//! Knows nothing of the library.

use std::collections::VecDeque;

/// What the queue is to be.
pub(super) struct Model {
    pub(super) capacity: Option<usize>,
    /// Whether room can be kept.
    pub(super) permits: bool,
    pub(super) inside: VecDeque<u32>,
    /// Who waits for room, the first in line first.
    line: VecDeque<Standing>,
    /// Permits that are held, those included that a waiter has collected.
    pub(super) held: usize,
    /// Reservations that have all they asked for and were not polled since, with their permits.
    granted: Vec<(u32, usize)>,
    /// Gets that wait, of which with capacity 0 each lets one item in.
    expecting: usize,
    /// Items put, of which `done` are done with.
    pub(super) put: u64,
    pub(super) done: u64,
    /// How many had been put when nothing was unfinished the last time.
    last_zero: u64,
    pub(super) closed: bool,
}

/// One in line: with its item, or for permits.
struct Standing {
    /// The number of the item, or of the reservation.
    id: u32,
    reserves: Option<Reserves>,
}

#[derive(Clone, Copy)]
struct Reserves {
    missing: usize,
    held: usize,
}

/// What an operation is for, and how far it has come.
pub(super) enum Want {
    /// The items that it has not put. If it waits the first of them stands in line, or went in since.
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
        /// How many items had been put when it began to wait.
        since: Option<u64>,
    },
    Closed,
}

/// What an operation came to, by the numbers of the items; an error holds those that came back.
#[derive(Debug)]
pub(super) enum Outcome {
    Put(Result<(), Vec<u32>>),
    Reserved(Result<usize, ()>),
    Got(Result<Vec<u32>, ()>),
    Holds,
    OutOfTime(Vec<u32>),
}

/// Whom a change serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    Items,
    Room,
    /// What this one waited for it has got.
    Granted(u32),
    /// Nothing is unfinished, or was so since the join began.
    Done,
    Unfinished,
    Closed,
}

impl Model {
    pub(super) fn new(capacity: Option<usize>, permits: bool) -> Self {
        Model {
            capacity,
            permits,
            inside: VecDeque::new(),
            line: VecDeque::new(),
            held: 0,
            granted: Vec::new(),
            expecting: 0,
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

    /// What is left of the capacity.
    pub(super) fn left(&self) -> Option<usize> {
        Some(self.capacity?.saturating_sub(self.inside.len() + self.held))
    }

    /// For how many items there is room; with capacity 0 one for each get that waits and for which none was
    /// put in.
    pub(super) fn room(&self) -> usize {
        match self.capacity {
            None => usize::MAX,
            Some(0) => self.expecting.saturating_sub(self.inside.len()),
            // What is put by a permit after a close needs none of the capacity.
            Some(capacity) => capacity.saturating_sub(self.inside.len() + self.held),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.closed && self.held == 0
    }

    pub(super) fn someone_stands(&self) -> bool {
        !self.line.is_empty()
    }

    fn stands(&self, id: u32) -> bool {
        self.line.iter().any(|standing| standing.id == id)
    }

    fn take_granted(&mut self, id: u32) -> usize {
        let place = self.granted.iter().position(|granted| granted.0 == id);
        place.map_or(0, |place| self.granted.swap_remove(place).1)
    }

    fn leave(&mut self, id: u32) -> Option<Standing> {
        let place = self.line.iter().position(|standing| standing.id == id)?;
        self.line.remove(place)
    }

    pub(super) fn enter(&mut self, id: u32) {
        self.inside.push_back(id);
        self.put += 1;
    }

    /// Room goes to the first in line.
    fn serve(&mut self) {
        while !self.closed && self.room() > 0 {
            let room = self.room();
            let Some(first) = self.line.front_mut() else { return };
            let id = first.id;
            match &mut first.reserves {
                None => {
                    self.line.pop_front();
                    self.enter(id);
                }
                Some(reserves) => {
                    let more = room.min(reserves.missing);
                    reserves.missing -= more;
                    reserves.held += more;
                    let (all, held) = (reserves.missing == 0, reserves.held);
                    self.held += more;
                    if all {
                        self.line.pop_front();
                        self.granted.push((id, held));
                    }
                }
            }
        }
    }

    /// Takes up to `limit` items; `None` if an operation has to wait. With permits no room comes before the
    /// end of a batch.
    pub(super) fn get(&mut self, limit: usize) -> Option<Result<Vec<u32>, ()>> {
        self.get_from(limit, false)
    }

    /// One that stands in line tells of the room that it makes when it has left.
    fn get_from(&mut self, limit: usize, in_line: bool) -> Option<Result<Vec<u32>, ()>> {
        let mut ids = Vec::new();
        while ids.len() < limit {
            if self.inside.is_empty() && self.is_rendezvous() && !self.closed {
                if let Some(first) = self.line.pop_front() {
                    self.enter(first.id);
                }
            }
            let Some(id) = self.inside.pop_front() else { break };
            ids.push(id);
            if !self.permits && !self.is_rendezvous() && !in_line {
                self.serve();
            }
        }
        if self.permits || in_line {
            self.serve();
        }
        if ids.is_empty() && limit > 0 {
            return self.is_over().then_some(Err(()));
        }
        Some(Ok(ids))
    }

    /// As `get`, by one who does not wait, and so may take what came for one who does.
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

    /// Takes an item out that gives its place up to another, or counts as done for another reason.
    pub(super) fn count_taken_out(&mut self, count: usize) {
        self.count_done(count.min(self.unfinished()) as u64);
    }

    /// What reservations have collected goes back, unless they were told of it.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.held -= self.granted.drain(..).map(|(_, held)| held).sum::<usize>();
        for reserves in self.line.iter_mut().filter_map(|standing| standing.reserves.as_mut()) {
            self.held -= std::mem::take(&mut reserves.held);
        }
    }

    /// Permits that were held come back.
    pub(super) fn give_back(&mut self, count: usize) {
        self.held -= count;
        self.serve();
    }

    /// A permit that is held is used.
    pub(super) fn use_permit(&mut self, id: u32) {
        self.held -= 1;
        self.enter(id);
    }

    pub(super) fn poll(&mut self, want: &mut Want) -> Option<Outcome> {
        match want {
            Want::Get { limit, waits } => {
                let counts = !self.is_rendezvous();
                let waited = usize::from(std::mem::take(waits));
                // It does not count for itself.
                self.expecting -= if counts { waited } else { 0 };
                let got = self.get_from(*limit, waited == 1 && counts);
                self.expecting -= if counts { 0 } else { waited };
                *waits = got.is_none();
                self.expecting += usize::from(*waits);
                self.serve();
                got.map(Outcome::Got)
            }
            Want::Join { since } => {
                if self.ends_join(*since) {
                    return Some(Outcome::Holds);
                }
                since.get_or_insert(self.put);
                None
            }
            Want::Closed => self.closed.then_some(Outcome::Holds),
            Want::Reserve { id, count, waits } => {
                if !*waits {
                    if self.closed {
                        return Some(Outcome::Reserved(Err(())));
                    }
                    if *count == 0 {
                        return Some(Outcome::Reserved(Ok(0)));
                    }
                    *waits = true;
                    self.line.push_back(Standing { id: *id, reserves: Some(Reserves { missing: *count, held: 0 }) });
                    self.serve();
                }
                if self.closed {
                    self.withdraw(want);
                    return Some(Outcome::Reserved(Err(())));
                }
                if self.stands(*id) {
                    return None;
                }
                self.take_granted(*id);
                Some(Outcome::Reserved(Ok(*count)))
            }
            Want::Put { left, waits } => loop {
                let Some(id) = left.front().copied() else { return Some(Outcome::Put(Ok(()))) };
                if !std::mem::replace(waits, true) {
                    if self.closed {
                        return Some(Outcome::Put(Err(left.drain(..).collect())));
                    }
                    self.line.push_back(Standing { id, reserves: None });
                    self.serve();
                }
                if self.stands(id) {
                    return self.closed.then(|| Outcome::Put(Err(self.withdraw(want))));
                }
                left.pop_front();
                *waits = false;
            },
        }
    }

    /// Ends a pending operation and says which items it has still.
    pub(super) fn withdraw(&mut self, want: &mut Want) -> Vec<u32> {
        match want {
            Want::Put { left, waits } => {
                if std::mem::take(waits) {
                    let id = left[0];
                    if self.leave(id).is_none() {
                        // It went in.
                        left.pop_front();
                    }
                }
                left.drain(..).collect()
            }
            Want::Reserve { id, waits, .. } => {
                if std::mem::take(waits) {
                    let held = match self.leave(*id) {
                        Some(standing) => standing.reserves.map_or(0, |r| r.held),
                        None => self.take_granted(*id),
                    };
                    self.give_back(held);
                }
                Vec::new()
            }
            Want::Get { waits, .. } => {
                self.expecting -= usize::from(std::mem::take(waits));
                Vec::new()
            }
            Want::Join { .. } | Want::Closed => Vec::new(),
        }
    }

    fn ends_join(&self, since: Option<u64>) -> bool {
        self.put <= self.done || since.is_some_and(|since| self.last_zero >= since)
    }

    /// What a pending operation waits for.
    pub(super) fn topic(&self, want: &Want) -> Topic {
        let room = |id: u32| if self.stands(id) { Topic::Room } else { Topic::Granted(id) };
        match want {
            Want::Put { left, .. } => room(left[0]),
            Want::Reserve { id, .. } => room(*id),
            Want::Get { .. } => Topic::Items,
            Want::Join { since } if self.ends_join(*since) => Topic::Done,
            Want::Join { .. } => Topic::Unfinished,
            Want::Closed => Topic::Closed,
        }
    }
}
