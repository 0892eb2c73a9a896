//! A slot that is claimed before its value is there, for a select that evaluates the value only when it is
//! certain to be pushed.
//!
//! Knows the slow path of a push. Does not know why the value is late.
//!
//! While the value is missing, the slot is like that of a producer that is stopped after its claim: it counts
//! as an item, and a pop that reaches it does not wait but poisons it. Then the value comes back.

use super::push::NoClaim;
use super::{Claim, Events, PushError, RawQueue};
use std::fmt;

impl<T> RawQueue<T> {
    /// Claims a slot for a value that follows. Until then the claim counts as an item; a pop that reaches the
    /// slot does not wait for the value.
    #[cold]
    pub fn reserve(&self, limit: u64, events: &mut Events) -> Result<ReservedSlot<'_, T>, PushError<()>> {
        loop {
            match self.claim_one(limit, events) {
                Ok(claim) => return Ok(ReservedSlot { queue: self, claim: Some(claim) }),
                Err(NoClaim::Full) => return Err(PushError::Full(())),
                Err(NoClaim::Closed) => return Err(PushError::Closed(())),
                Err(NoClaim::Edge(seen)) => {
                    if let Some(claim) = self.append(seen, &mut None, limit, events)? {
                        return Ok(ReservedSlot { queue: self, claim: Some(claim) });
                    }
                }
            }
        }
    }
}

/// A claimed slot whose value follows. If it is dropped without a value, it leaves a hole ahead of the head.
pub struct ReservedSlot<'a, T> {
    queue: &'a RawQueue<T>,
    /// `None` once it was used.
    claim: Option<Claim<T>>,
}

impl<T> ReservedSlot<'_, T> {
    /// Publishes the value. It comes back if the slot is poisoned: a pop has passed it.
    pub fn publish(mut self, value: T, events: &mut Events) -> Option<T> {
        let Some(claim) = self.claim.take() else { unreachable!("a slot is used once") };
        self.queue.publish_one(claim, value, events)
    }

    /// Leaves a hole in the slot.
    pub fn abandon(mut self, events: &mut Events) {
        if let Some(claim) = self.claim.take() {
            self.queue.leave_holes(claim, events);
        }
    }
}

impl<T> Drop for ReservedSlot<'_, T> {
    fn drop(&mut self) {
        if let Some(claim) = self.claim.take() {
            self.queue.leave_holes(claim, &mut Events::default());
        }
    }
}

impl<T> fmt::Debug for ReservedSlot<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReservedSlot { .. }")
    }
}
