//! The waker of a single consumer, registered and woken without a lock.
//!
//! Knows one waker, and a second place for it after a panic. Does not know queues or items.
//!
//! The flag is what [`WaitSet`](super::WaitSet) has in its number of waiters: while it is not set, a notifier
//! pays one relaxed load.
//!
//! Race: a wake-up that cannot be lost.
//! 1. The consumer registers its waker and sets the flag.
//! 2. The consumer does an RMW fence on the tail's word ([`crate::sync::rmw_fence`]).
//! 3. The consumer rechecks whether there is an item, and only then waits.
//! 4. A notifier has changed the tail's word by an RMW. If that RMW comes before the fence, the consumer sees
//!    the item in step 3.
//! 5. If it comes after the fence, the notifier sees the flag set, or cleared by another notifier.
//! 6. A notifier that sees the flag set clears it, and *then* wakes the registered waker.
//!
//! The flag is cleared by a plain store, so a notifier that was suspended before step 6 can clear the flag of
//! a later wait. That is why the store comes before the wake-up. Each notifier that sees the flag cleared then
//! relies on a wake-up that is still to come, and it takes the waker of that later wait: for the consumer a
//! spurious wake-up, after which it goes through all steps again. In the opposite order the wake-up of an
//! earlier wait would come first, and the flag would be cleared with no wake-up after it.

use crate::sync::{AtomicBool, AtomicWaker, Mutex, Ordering};
use std::sync::PoisonError;
use std::task::Waker;

/// Whether a single consumer waits and is not notified yet.
pub(crate) struct ConsumerFlag(AtomicBool);

/// The waker of a single consumer while it waits. It is apart from the flag, which each notifier reads, and is
/// allocated when the consumer waits for the first time.
pub(crate) struct ConsumerWaker {
    waker: AtomicWaker,
    /// User code has panicked inside of `waker`: the clone of a waker, the drop of the former one, or a
    /// wake-up. `waker` may take no other waker then, and the fallback is used.
    broken: AtomicBool,
    fallback: FallbackWaker,
}

/// Where the waker is registered after user code has panicked inside of the `AtomicWaker`.
struct FallbackWaker(Mutex<Option<Waker>>);

impl FallbackWaker {
    fn new() -> Self {
        FallbackWaker(Mutex::new(None))
    }

    #[cold]
    #[inline(never)]
    fn register(&self, waker: &Waker) {
        drop(self.replace(Some(waker.clone())));
    }

    #[cold]
    #[inline(never)]
    fn wake(&self) {
        if let Some(waker) = self.replace(None) {
            waker.wake();
        }
    }

    #[cold]
    #[inline(never)]
    fn clear(&self) {
        drop(self.replace(None));
    }

    /// Replaces the waker, and returns the former one, which is woken or dropped after the mutex is unlocked.
    fn replace(&self, waker: Option<Waker>) -> Option<Waker> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), waker)
    }
}

impl ConsumerFlag {
    crate::sync::const_fn! {
        pub(crate) const fn new() -> Self {
            ConsumerFlag(AtomicBool::new(false))
        }
    }

    /// Whether the flag is set.
    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        // Ordering: Relaxed, B1. After an RMW on a word on which the consumer has made its fence (M1) the
        // flag is seen.
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self) {
        // Ordering: Relaxed, B1. The RMW fence that follows (M1) releases it.
        self.0.store(true, Ordering::Relaxed);
    }

    fn clear(&self) {
        // Ordering: Relaxed, B1. By a notifier before the wake-up, which releases it to the consumer. By the
        // consumer itself, which alone could miss it.
        self.0.store(false, Ordering::Relaxed);
    }
}

impl ConsumerWaker {
    pub(crate) fn new() -> Self {
        ConsumerWaker { waker: AtomicWaker::new(), broken: AtomicBool::new(false), fallback: FallbackWaker::new() }
    }

    /// Step 1 of a wait. Replaces the waker of an earlier poll. If a wake-up is in progress, this may wake
    /// `waker` at once.
    pub(crate) fn register(&self, waker: &Waker, flag: &ConsumerFlag) {
        // Ordering: Relaxed, B2. Only the consumer itself writes it.
        if self.broken.load(Ordering::Relaxed) {
            self.fallback.register(waker);
        } else {
            // Ordering: Relaxed, B2. As above.
            self.broken.store(true, Ordering::Relaxed);
            self.waker.register(waker);
            // Ordering: Relaxed, B2. As above. Not reached if user code has panicked.
            self.broken.store(false, Ordering::Relaxed);
        }
        flag.set();
    }

    /// Step 6: notifies the consumer.
    #[cold]
    pub(crate) fn wake(&self, flag: &ConsumerFlag) {
        flag.clear();
        self.waker.wake();
        // Ordering: Relaxed, B2. Seen with the flag: the consumer wrote it before its RMW fence (M1).
        if self.broken.load(Ordering::Relaxed) {
            self.fallback.wake();
        }
    }

    /// Ends a wait. A wake-up that is in progress may still wake the consumer.
    pub(crate) fn clear(&self, flag: &ConsumerFlag) {
        flag.clear();
        drop(self.waker.take());
        // Ordering: Relaxed, B2. Only the consumer itself writes it.
        if self.broken.load(Ordering::Relaxed) {
            self.fallback.clear();
        }
    }
}
