//! The number of unfinished items: the items ever enqueued minus those marked done.
//!
//! Knows the numbers of claims and holes of a queue. Does not know queues or waiters.
//!
//! A put counts nothing here: the claims minus the holes are the items ever enqueued.

use crate::error::TaskDoneError;
use crate::sync::{rmw_fence, AtomicU64, Ordering};

/// The numbers that tell how many items were ever enqueued.
pub(crate) trait Claims {
    /// The number of claims ever made. Only grows.
    fn claims(&self) -> u64;
    /// The number of claims that brought no item. Only grows. A hole is counted after its claim.
    fn holes(&self) -> u64;
}

/// The numbers at one moment.
struct Enqueued {
    claims: u64,
    /// The items ever enqueued: claims minus holes.
    items: u64,
}

/// The number of items done, and a cached number of claims.
pub(crate) struct Unfinished {
    done: AtomicU64,
    /// A number of claims that the queue had at some time. Spares `finish` a load from the cache line of the
    /// claims.
    claims_seen: AtomicU64,
}

/// What remains unfinished after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remaining {
    /// At least one item.
    Items,
    /// No item was unfinished at a moment since the call, up to which this number of claims had been made.
    Zero { claims: u64 },
}

/// The last moment at which no item was unfinished, of those recorded for joins.
///
/// A moment is identified by the number of claims up to it, which only grows. A join remembers the number at
/// its beginning. It may return when a moment is recorded with at least as many claims:
/// * With more claims, that moment came after the join began.
/// * With the same number, no claim lies between that moment and the beginning. So no item was unfinished at
///   the beginning either.
///
/// A moment with fewer claims does not end the join: it came before the beginning, and an item was enqueued
/// since.
pub(crate) struct LastZero {
    claims: AtomicU64,
}

impl LastZero {
    /// No item was unfinished before the first claim.
    pub(crate) fn new() -> Self {
        LastZero { claims: AtomicU64::new(0) }
    }

    /// Records that no item was unfinished at the moment with this number of claims.
    pub(crate) fn record(&self, claims: u64) {
        // Ordering: Release, J5. Releases the work on all items to a join (J6).
        self.claims.fetch_max(claims, Ordering::Release);
    }

    /// Whether a moment with at least this number of claims was recorded.
    pub(crate) fn reached(&self, claims: u64) -> bool {
        // Ordering: Acquire, J6. Pairs with J5. A notified join sees what was recorded before, by the mutex of
        // the listeners.
        self.claims.load(Ordering::Acquire) >= claims
    }
}

impl Unfinished {
    crate::sync::const_fn! {
        pub(crate) const fn new() -> Self {
            Unfinished { done: AtomicU64::new(0), claims_seen: AtomicU64::new(0) }
        }
    }

    /// Counts `count` items as done, or no item if fewer are unfinished.
    pub(crate) fn finish(&self, count: u64, numbers: &impl Claims) -> Result<Remaining, TaskDoneError> {
        self.count_done(numbers, |unfinished| if count <= unfinished { Ok(count) } else { Err(TaskDoneError) }, count)
    }

    /// Counts `count` items as done, or all unfinished items if these are fewer.
    pub(crate) fn finish_at_most(&self, count: u64, numbers: &impl Claims) -> Remaining {
        let never: Result<Remaining, std::convert::Infallible> =
            self.count_done(numbers, |unfinished| Ok(count.min(unfinished)), count);
        match never {
            Ok(remaining) => remaining,
            Err(never) => match never {},
        }
    }

    /// Counts items as done: the number that `allow` returns for the number of unfinished ones. `allow` may
    /// get a lower bound of that number, which is at least `enough`.
    fn count_done<E>(
        &self,
        numbers: &impl Claims,
        allow: impl Fn(u64) -> Result<u64, E>,
        enough: u64,
    ) -> Result<Remaining, E> {
        // Ordering: Acquire, J1. Pairs with J2: an item that another thread counted as done is also seen as
        // enqueued.
        let mut done = self.done.load(Ordering::Acquire);
        let after = loop {
            let mut unfinished = self.items_at_least(numbers).saturating_sub(done);
            if unfinished < enough {
                unfinished = self.enqueued(numbers).items.saturating_sub(done);
            }
            let after = done + allow(unfinished)?;
            // Ordering: AcqRel and Acquire, J2. Release: the work on the item, for a join (J3). Acquire: the
            // RMW fence of a join (M1); on failure as J1.
            match self.done.compare_exchange(done, after, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break after,
                Err(now) => done = now,
            }
        };
        if after < self.items_at_least(numbers) {
            return Ok(Remaining::Items);
        }
        let Enqueued { claims, items } = self.enqueued(numbers);
        Ok(if after < items { Remaining::Items } else { Remaining::Zero { claims } })
    }

    /// The number of items that were ever counted as done.
    pub(crate) fn done(&self) -> u64 {
        // Ordering: Acquire, J3. An item that is seen as done is also seen as enqueued.
        self.done.load(Ordering::Acquire)
    }

    /// The number of unfinished items at one moment between the call and the return.
    pub(crate) fn count(&self, numbers: &impl Claims) -> u64 {
        self.count_with_claims(numbers).0
    }

    /// The number of unfinished items, and the number of claims at that moment.
    fn count_with_claims(&self, numbers: &impl Claims) -> (u64, u64) {
        loop {
            let holes = numbers.holes();
            let claims = numbers.claims();
            // Ordering: Acquire, J3. Pairs with J2: a join that sees the last item done sees the work on it.
            let done = self.done.load(Ordering::Acquire);
            if numbers.claims() == claims && numbers.holes() == holes {
                return ((claims - holes).saturating_sub(done), claims);
            }
        }
    }

    /// What remains after the caller has counted a claim as a hole.
    ///
    /// If another thread finishes the last item at the same time, at least one of the two finds that no item
    /// remains: the later one of its RMW of `done` and the RMW fence here sees what came before the earlier
    /// one.
    pub(crate) fn remaining_after_holes(&self, numbers: &impl Claims) -> Remaining {
        self.fence_done();
        match self.count_with_claims(numbers) {
            (0, claims) => Remaining::Zero { claims },
            _ => Remaining::Items,
        }
    }

    /// An RMW fence on the count of items done: each later finish of an item sees what the caller did before.
    pub(crate) fn fence_done(&self) {
        rmw_fence(&self.done);
    }

    /// A lower bound of the items ever enqueued. The number of claims may be old and only grows. The number
    /// of holes is read now, so that a claim that counted as an item and became a hole does not count here.
    fn items_at_least(&self, numbers: &impl Claims) -> u64 {
        // Ordering: Relaxed, J4. Any number that claims ever had is right. A hole among these claims is seen,
        // where that matters, by the word that reported it: by the RMW fence of a join (M1), or by what the
        // caller knows.
        let claims = self.claims_seen.load(Ordering::Relaxed);
        claims.saturating_sub(numbers.holes())
    }

    /// The exact number of items ever enqueued. Caches the number of claims.
    #[cold]
    fn enqueued(&self, numbers: &impl Claims) -> Enqueued {
        loop {
            let holes = numbers.holes();
            let claims = numbers.claims();
            // Ordering: Relaxed, J4. An older number may overwrite a newer one: that only costs a load later.
            self.claims_seen.store(claims, Ordering::Relaxed);
            if numbers.holes() == holes {
                return Enqueued { claims, items: claims - holes };
            }
        }
    }
}
