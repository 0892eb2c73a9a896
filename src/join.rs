//! How many items are not done with yet: a count of those done, beside what the queue knows anyway.
//!
//! Knows two numbers of an intake. Does not know queues, nor who waits.
//!
//! Nothing is counted when an item comes in: the tail's position and the number of claims given up say how many came.

use crate::error::TaskDoneError;
use crate::sync::{meet, AtomicU64, Ordering};

/// What has come in.
pub(crate) trait Intake {
    /// Claims of a place ever made. Only grows.
    fn claims(&self) -> u64;
    /// Claims that brought no item. Only grows; each is counted after the claim.
    fn given_up(&self) -> u64;
}

/// The count of items done, and how far the intake was when it was last looked at.
pub(crate) struct Unfinished {
    done: AtomicU64,
    /// A number of claims the intake had at some time. Spares `finish` a look at the line where claims are made.
    claims_seen: AtomicU64,
}

/// What is left after a `finish`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    Some,
    /// Nothing was unfinished at some moment since the call.
    Nothing,
}

impl Unfinished {
    crate::sync::const_fn! {
        pub(crate) const fn new() -> Self {
            Unfinished { done: AtomicU64::new(0), claims_seen: AtomicU64::new(0) }
        }
    }

    /// Counts `count` items as done, or none if fewer are unfinished.
    pub(crate) fn finish(&self, count: u64, intake: &impl Intake) -> Result<Left, TaskDoneError> {
        self.add(intake, |unfinished| if count <= unfinished { Ok(count) } else { Err(TaskDoneError) }, count)
    }

    /// Counts `count` items as done, or as many as are unfinished if these are fewer.
    pub(crate) fn finish_at_most(&self, count: u64, intake: &impl Intake) -> Left {
        let never: Result<Left, std::convert::Infallible> =
            self.add(intake, |unfinished| Ok(count.min(unfinished)), count);
        match never {
            Ok(left) => left,
            Err(never) => match never {},
        }
    }

    /// Counts as many items as done as `allow` makes of the number of unfinished ones, of which there may be more than it
    /// is told if these are `enough`.
    fn add<E>(&self, intake: &impl Intake, allow: impl Fn(u64) -> Result<u64, E>, enough: u64) -> Result<Left, E> {
        // Ordering: Acquire, J1. Pairs with J2: what others are done with is not seen without their having put it.
        let mut done = self.done.load(Ordering::Acquire);
        let after = loop {
            let mut unfinished = self.entered_at_least(intake).saturating_sub(done);
            if unfinished < enough {
                unfinished = self.look(intake).saturating_sub(done);
            }
            let after = done + allow(unfinished)?;
            // Ordering: AcqRel and Acquire, J2. Release: the work on the item, for who joins (J3). Acquire: a joiner's
            // meeting (M1); where it fails, as J1.
            match self.done.compare_exchange(done, after, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break after,
                Err(now) => done = now,
            }
        };
        let some = after < self.entered_at_least(intake) || after < self.look(intake);
        Ok(if some { Left::Some } else { Left::Nothing })
    }

    /// Items not done with at one moment between the call and the return.
    pub(crate) fn count(&self, intake: &impl Intake) -> u64 {
        loop {
            let given_up = intake.given_up();
            let claims = intake.claims();
            // Ordering: Acquire, J3. Pairs with J2: who sees the last item done sees the work that was done for it.
            let done = self.done.load(Ordering::Acquire);
            if intake.claims() == claims && intake.given_up() == given_up {
                return (claims - given_up).saturating_sub(done);
            }
        }
    }

    /// A parked joiner's look is worth nothing unless whoever finishes an item later sees that it is parked.
    pub(crate) fn meet_finishing(&self) {
        meet(&self.done);
    }

    /// A lower bound of what has come in. The number of claims may be old and only grows; that of the claims given up
    /// is read now, so that a claim that counted once and was given up since does not count here.
    fn entered_at_least(&self, intake: &impl Intake) -> u64 {
        // Ordering: Relaxed, J4. Any number that claims ever had is right. That a claim of them was given up is seen by
        // whoever must see it through the word that told of it: a joiner's meeting (M1), or what the caller knows.
        let claims = self.claims_seen.load(Ordering::Relaxed);
        claims.saturating_sub(intake.given_up())
    }

    /// What has come in, exactly; notes the claims.
    #[cold]
    fn look(&self, intake: &impl Intake) -> u64 {
        loop {
            let given_up = intake.given_up();
            let claims = intake.claims();
            // Ordering: Relaxed, J4. An older number may overwrite a newer one: it only costs a look.
            self.claims_seen.store(claims, Ordering::Relaxed);
            if intake.given_up() == given_up {
                return claims - given_up;
            }
        }
    }
}
