//! Those who wait for what ends all their waits at once: that all work is done, that the queue is closed.
//!
//! Knows listeners. Does not know queues, values, or any runtime.
//!
//! The list is event-listener's, which takes a mutex at each notification, listener or not. In front of it is a gate: a
//! flag that says that somebody may wait. While it is down, an operation pays one relaxed load and takes no lock.
//!
//! Race: a wake-up that cannot be lost. The waiter enrols (its listener is in the list, then the flag is up), *meets* the
//! word whose change it waits for ([`crate::sync::meet`]), and looks once more. A change that comes before the meeting is
//! seen by that look. One that comes after it has acquired the flag. If the flag is down again then, another changer took
//! it down after this listener was in the list, and wakes it.

use crate::sync::{AtomicUsize, Ordering};
use event_listener::{Event, EventListener};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};

const DOWN: usize = 0;
const UP: usize = 1;

/// Those who wait for one kind of change.
pub(crate) struct WaitSet {
    flag: AtomicUsize,
    event: Event,
}

/// One of them. Dropped, it waits no longer.
pub(crate) struct Waiting(EventListener);

impl WaitSet {
    crate::sync::const_fn! {
        pub(crate) const fn new() -> Self {
            WaitSet { flag: AtomicUsize::new(DOWN), event: Event::new() }
        }
    }

    /// The first step of a wait.
    pub(crate) fn enrol(&self) -> Waiting {
        let listener = self.event.listen();
        // Ordering: Relaxed, W4. The meeting that follows (M1) releases it, to whoever changes the word after that.
        self.flag.store(UP, Ordering::Relaxed);
        Waiting(listener)
    }

    /// Wakes everybody, if there is anybody.
    #[inline]
    pub(crate) fn wake_all(&self) {
        // Ordering: Relaxed, W5. After an RMW of a word that a waiter has met (M1) the waiter's flag (W4) is seen.
        if self.flag.load(Ordering::Relaxed) != DOWN {
            self.wake_them();
        }
    }

    #[cold]
    fn wake_them(&self) {
        // Ordering: Relaxed, W6. Who is in the list before this is woken now; the list has a mutex.
        self.flag.store(DOWN, Ordering::Relaxed);
        self.event.notify(usize::MAX);
    }
}

impl Waiting {
    /// Whether it was woken; if not, it will be by `waker`.
    pub(crate) fn is_woken(&mut self, waker: &Waker) -> bool {
        Pin::new(&mut self.0).poll(&mut Context::from_waker(waker)).is_ready()
    }
}
