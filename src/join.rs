//! How many items are not done with yet: a count of those done, beside what the queue knows anyway.
//!
//! Knows two numbers of an intake. Does not know queues, nor who waits.
//!
//! Nothing is counted when an item comes in: the tail's position and the number of claims given up say how many came.

use crate::error::TaskDoneError;
use crate::sync::{rmw_fence, AtomicU64, Ordering};

/// What has come in.
pub(crate) trait Claims {
    /// Claims of a place ever made. Only grows.
    fn claims(&self) -> u64;
    /// Claims that brought no item. Only grows; each is counted after the claim.
    fn holes(&self) -> u64;
}

/// What had come in at one moment.
struct Entered {
    claims: u64,
    /// Claims that were not given up.
    count: u64,
}

/// The count of items done, and how far the intake was when it was last looked at.
pub(crate) struct Unfinished {
    done: AtomicU64,
    /// A number of claims the intake had at some time. Spares `finish` a look at the line where claims are made.
    claims_seen: AtomicU64,
}

/// What is left after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remaining {
    Some,
    /// Nothing was unfinished at a moment since the call, at which there had been so many claims.
    Zero {
        claims: u64,
    },
}

/// The last moment at which nothing was unfinished, as far as it was noted for those who join.
///
/// A moment is known by the number of claims there had been, which only grows. A join remembers the number that it found
/// when it began. It may return when it finds a moment noted with at least as many claims:
/// * with more, that moment came after the join began;
/// * with as many, no claim lies between that moment and the beginning. So nothing was unfinished at the beginning either.
///
/// A moment with fewer claims is of no use to the join: it was before the join began, and an item came in since.
pub(crate) struct LastZero {
    claims: AtomicU64,
}

impl LastZero {
    crate::sync::const_fn! {
        /// Nothing was unfinished before the first claim.
        pub(crate) const fn new() -> Self {
            LastZero { claims: AtomicU64::new(0) }
        }
    }

    pub(crate) fn note(&self, claims: u64) {
        // Ordering: Release, J5. The work on all items, for who joins (J6).
        self.claims.fetch_max(claims, Ordering::Release);
    }

    /// Whether a moment was noted with at least so many claims.
    pub(crate) fn is_since(&self, claims: u64) -> bool {
        // Ordering: Acquire, J6. Pairs with J5. Who was notified sees what was noted before, by the mutex of the list.
        self.claims.load(Ordering::Acquire) >= claims
    }
}

impl Unfinished {
    crate::sync::const_fn! {
        pub(crate) const fn new() -> Self {
            Unfinished { done: AtomicU64::new(0), claims_seen: AtomicU64::new(0) }
        }
    }

    /// Counts `count` items as done, or none if fewer are unfinished.
    pub(crate) fn finish(&self, count: u64, claims_of: &impl Claims) -> Result<Remaining, TaskDoneError> {
        self.add(claims_of, |unfinished| if count <= unfinished { Ok(count) } else { Err(TaskDoneError) }, count)
    }

    /// Counts `count` items as done, or as many as are unfinished if these are fewer.
    pub(crate) fn finish_at_most(&self, count: u64, claims_of: &impl Claims) -> Remaining {
        let never: Result<Remaining, std::convert::Infallible> =
            self.add(claims_of, |unfinished| Ok(count.min(unfinished)), count);
        match never {
            Ok(left) => left,
            Err(never) => match never {},
        }
    }

    /// Counts as many items as done as `allow` makes of the number of unfinished ones, of which there may be more than it
    /// is told if these are `enough`.
    fn add<E>(
        &self,
        claims_of: &impl Claims,
        allow: impl Fn(u64) -> Result<u64, E>,
        enough: u64,
    ) -> Result<Remaining, E> {
        // Ordering: Acquire, J1. Pairs with J2: what others are done with is not seen without their having put it.
        let mut done = self.done.load(Ordering::Acquire);
        let after = loop {
            let mut unfinished = self.entered_at_least(claims_of).saturating_sub(done);
            if unfinished < enough {
                unfinished = self.look(claims_of).count.saturating_sub(done);
            }
            let after = done + allow(unfinished)?;
            // Ordering: AcqRel and Acquire, J2. Release: the work on the item, for who joins (J3). Acquire: a joiner's
            // meeting (M1); where it fails, as J1.
            match self.done.compare_exchange(done, after, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break after,
                Err(now) => done = now,
            }
        };
        if after < self.entered_at_least(claims_of) {
            return Ok(Remaining::Some);
        }
        let Entered { claims, count } = self.look(claims_of);
        Ok(if after < count { Remaining::Some } else { Remaining::Zero { claims } })
    }

    /// Items not done with at one moment between the call and the return.
    pub(crate) fn count(&self, claims_of: &impl Claims) -> u64 {
        self.count_with_claims(claims_of).0
    }

    /// The same, and the number of claims at that moment.
    fn count_with_claims(&self, claims_of: &impl Claims) -> (u64, u64) {
        loop {
            let holes = claims_of.holes();
            let claims = claims_of.claims();
            // Ordering: Acquire, J3. Pairs with J2: who sees the last item done sees the work that was done for it.
            let done = self.done.load(Ordering::Acquire);
            if claims_of.claims() == claims && claims_of.holes() == holes {
                return ((claims - holes).saturating_sub(done), claims);
            }
        }
    }

    /// What is left after the caller has counted a claim as given up.
    ///
    /// If another finishes the last item meanwhile, one of the two finds that nothing is left: of his RMW of `done` and the
    /// meeting here the second one sees what came before the first.
    pub(crate) fn remaining_after_holes(&self, claims_of: &impl Claims) -> Remaining {
        self.fence_done();
        match self.count_with_claims(claims_of) {
            (0, claims) => Remaining::Zero { claims },
            _ => Remaining::Some,
        }
    }

    /// After this, whoever finishes an item whose finish was not yet visible sees what the caller did before.
    pub(crate) fn fence_done(&self) {
        rmw_fence(&self.done);
    }

    /// A lower bound of what has come in. The number of claims may be old and only grows; that of the claims given up
    /// is read now, so that a claim that counted once and was given up since does not count here.
    fn entered_at_least(&self, claims_of: &impl Claims) -> u64 {
        // Ordering: Relaxed, J4. Any number that claims ever had is right. That a claim of them was given up is seen by
        // whoever must see it through the word that told of it: a joiner's meeting (M1), or what the caller knows.
        let claims = self.claims_seen.load(Ordering::Relaxed);
        claims.saturating_sub(claims_of.holes())
    }

    /// What has come in, exactly; notes the claims.
    #[cold]
    fn look(&self, claims_of: &impl Claims) -> Entered {
        loop {
            let holes = claims_of.holes();
            let claims = claims_of.claims();
            // Ordering: Relaxed, J4. An older number may overwrite a newer one: it only costs a look.
            self.claims_seen.store(claims, Ordering::Relaxed);
            if claims_of.holes() == holes {
                return Entered { claims, count: claims - holes };
            }
        }
    }
}
