//! What a queue is to do, in one sequence of steps: numbers for items, and no waiting but a plain *not yet*.
//!
//! Knows nothing of the library.

use std::collections::VecDeque;

/// What the queue is to be.
pub(super) struct Model {
    pub(super) capacity: Option<usize>,
    pub(super) inside: VecDeque<u32>,
    /// Items put, without those that were withdrawn; `done` of them are done with. More can be done than put: an
    /// item with capacity 0 may be counted while its put stands by it, and be withdrawn then.
    pub(super) put: u64,
    pub(super) done: u64,
    pub(super) closed: bool,
}

/// What an operation is for, and how far it has come.
pub(super) enum Want {
    /// The items that are not in the queue for good. With capacity 0 one of them, `stands`, may be inside.
    Put {
        left: VecDeque<u32>,
        stands: Option<u32>,
    },
    Get {
        limit: usize,
    },
    Join,
    Closed,
}

/// What an operation came to, by the numbers of the items; an error holds those that came back.
#[derive(Debug)]
pub(super) enum Outcome {
    Put(Result<(), Vec<u32>>),
    Got(Result<Vec<u32>, ()>),
    Holds,
    OutOfTime(Vec<u32>),
}

/// Whom a change serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    Items,
    Room,
    Taken(u32),
    Done,
    Closed,
}

impl Model {
    pub(super) fn new(capacity: Option<usize>) -> Self {
        Model { capacity, inside: VecDeque::new(), put: 0, done: 0, closed: false }
    }

    pub(super) fn unfinished(&self) -> usize {
        self.put.saturating_sub(self.done) as usize
    }

    pub(super) fn is_rendezvous(&self) -> bool {
        self.capacity == Some(0)
    }

    /// For how many items a put that may wait finds room. With capacity 0 one item at a time stands.
    pub(super) fn room(&self) -> usize {
        match self.capacity {
            None => usize::MAX,
            Some(0) => usize::from(self.inside.is_empty()),
            Some(capacity) => capacity - self.inside.len(),
        }
    }

    pub(super) fn enter(&mut self, id: u32) {
        self.inside.push_back(id);
        self.put += 1;
    }

    /// Takes up to `limit` items; `None` if an operation has to wait.
    pub(super) fn get(&mut self, limit: usize) -> Option<Result<Vec<u32>, ()>> {
        let count = limit.min(self.inside.len());
        if count == 0 && limit > 0 {
            return self.closed.then_some(Err(()));
        }
        Some(Ok(self.inside.drain(..count).collect()))
    }

    pub(super) fn count_done(&mut self, count: u64) -> bool {
        let fits = count <= self.put.saturating_sub(self.done);
        if fits {
            self.done += count;
        }
        fits
    }

    pub(super) fn poll(&mut self, want: &mut Want) -> Option<Outcome> {
        match want {
            Want::Get { limit } => self.get(*limit).map(Outcome::Got),
            Want::Join => (self.put <= self.done).then_some(Outcome::Holds),
            Want::Closed => self.closed.then_some(Outcome::Holds),
            Want::Put { left, stands } => loop {
                if stands.is_some_and(|id| self.inside.contains(&id)) {
                    // Nobody has it, so that a close finds it not put.
                    return self.closed.then(|| Outcome::Put(Err(self.withdraw(want))));
                }
                *stands = None;
                let Some(id) = left.front().copied() else { return Some(Outcome::Put(Ok(()))) };
                if self.closed {
                    return Some(Outcome::Put(Err(left.drain(..).collect())));
                }
                if self.room() == 0 {
                    return None;
                }
                left.pop_front();
                self.enter(id);
                if self.is_rendezvous() {
                    *stands = Some(id);
                }
            },
        }
    }

    /// Ends a pending operation and says which items it has still.
    pub(super) fn withdraw(&mut self, want: &mut Want) -> Vec<u32> {
        let Want::Put { left, stands } = want else { return Vec::new() };
        if let Some(id) = stands.take().filter(|id| self.inside.contains(id)) {
            assert_eq!(self.inside.pop_front(), Some(id), "an item stands behind another");
            // It was not put.
            self.put -= 1;
            left.push_front(id);
        }
        left.drain(..).collect()
    }
}

impl Want {
    /// What a pending operation waits for.
    pub(super) fn topic(&self) -> Topic {
        match self {
            Want::Put { stands: Some(id), .. } => Topic::Taken(*id),
            Want::Put { .. } => Topic::Room,
            Want::Get { .. } => Topic::Items,
            Want::Join => Topic::Done,
            Want::Closed => Topic::Closed,
        }
    }
}
