//! Who waits, and for what: a gate before event-listener's list.
//!
//! Knows listeners. Does not know queues, values, or any runtime.
//!
//! `Event::notify` takes a mutex every time, listener or not. The gate in front of it is a count of *tokens*: wake-ups
//! that are still to be handed out. While it is 0, which is whenever nobody waits and also once everybody who
//! waits has a wake-up on its way, an operation pays one relaxed load and takes no lock.
//!
//! Invariant: tokens + notifications under way >= listeners that are not notified. (More is harmless.)
//!
//! Race: a wake-up that cannot be lost. The waiter (W) waits for a change that is an RMW of a word by a changer (C).
//! 1. W enrols: its listener is in the list, then the token is counted.
//! 2. W *meets* the word: an RMW that changes nothing ([`crate::sync::meet`]).
//! 3. W looks once more whether it must wait, and only then waits.
//! 4. C's RMW comes before step 2: then W sees the change in step 3.
//! 5. Or it comes after: then C has acquired what W did in step 1, and its relaxed load of the tokens sees it.
//!
//! The waiter pays, not the changer: no fence and no second RMW stands in `put` or `get`.

use crate::sync::{AtomicUsize, Ordering};
use event_listener::{Event, EventListener, IntoNotification, Listener};

/// Those who wait for one kind of change.
pub(crate) struct WaitSet {
    tokens: AtomicUsize,
    event: Event,
}

impl WaitSet {
    crate::sync::const_fn! {
        pub(crate) const fn new() -> Self {
            WaitSet { tokens: AtomicUsize::new(0), event: Event::new() }
        }
    }

    /// Step 1. Steps 2 and 3 are the caller's.
    pub(crate) fn enrol(&self) -> EventListener {
        let listener = self.event.listen();
        // Ordering: Relaxed, W1. The meeting that follows (M1) releases it, to whoever changes the word after that.
        self.tokens.fetch_add(1, Ordering::Relaxed);
        listener
    }

    /// Stops waiting without having been woken. If a wake-up had come it goes to the next.
    pub(crate) fn leave(&self, listener: EventListener) {
        // The token first. Once the listener is out of the list, a token taken back could be that of another who
        // enrols meanwhile, and nobody would wake that one.
        self.take_tokens(1);
        if listener.discard() {
            self.event.notify(1.additional().relaxed());
        }
    }

    /// Wakes up to `count` waiters, if there are any.
    #[inline]
    pub(crate) fn wake(&self, count: usize) {
        if self.anyone() {
            self.wake_some(count);
        }
    }

    /// Wakes everybody, if there is anybody.
    pub(crate) fn wake_all(&self) {
        self.wake(usize::MAX);
    }

    #[inline]
    pub(crate) fn anyone(&self) -> bool {
        // Ordering: Relaxed, W2. After an RMW of a word that a waiter has met (M1) the waiter's token (W1) is seen.
        self.tokens.load(Ordering::Relaxed) != 0
    }

    #[cold]
    fn wake_some(&self, count: usize) {
        let taken = self.take_tokens(count);
        if taken > 0 {
            self.event.notify(taken.additional().relaxed());
        }
    }

    /// Takes up to `count` tokens, never below 0.
    fn take_tokens(&self, count: usize) -> usize {
        // Ordering: Relaxed, W3. Tokens are only counted; what they stand for is in the list, under its mutex.
        let mut tokens = self.tokens.load(Ordering::Relaxed);
        while tokens > 0 {
            let taken = tokens.min(count);
            match self.tokens.compare_exchange(tokens, tokens - taken, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return taken,
                Err(now) => tokens = now,
            }
        }
        0
    }
}
