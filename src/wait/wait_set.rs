//! Waiters for what ends all their waits at once: all work is done, or the queue is closed.
//!
//! Knows listeners and wakers. Does not know queues, values, or any runtime.
//!
//! The list of waiters is event-listener's, which takes a mutex at each notification. In front of it stands the number of
//! waiters: while that is 0, an operation pays one relaxed load and takes no lock.
//!
//! Race: a notification that cannot be lost. The waiter registers (its listener is in the list, then it is counted), *meets*
//! the word whose change it waits for ([`crate::sync::rmw_fence`]), and looks once more. A change that comes before the meeting
//! is seen by that look. A change that comes after it has acquired the number, and notifies all who are in the list.
//!
//! event-listener clones, wakes and drops wakers under its mutex, and all three may be code of a user. So the list holds a
//! [`Proxy`] of each waiter: its clones are references, and its wake-up is a note to the notifying thread, which wakes the
//! user's waker when the mutex is unlocked. No reference in the list is the last one.

use crate::sync::{thread_local, AtomicUsize, Ordering};
use crate::wait::wake_each;
use event_listener::{Event, EventListener, Listener};
use std::cell::RefCell;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

/// Those who wait for one kind of change.
pub(crate) struct WaitSet {
    waiters: AtomicUsize,
    event: Event,
}

/// One of them. It is counted from [`WaitSet::enter`] to [`WaitSet::leave`].
pub(crate) struct Waiting {
    /// `None` once it was notified.
    listener: Option<EventListener>,
    /// What the list holds references to while there is a listener.
    proxy: Option<Arc<Proxy>>,
}

/// A user's waker, for event-listener.
struct Proxy(Waker);

thread_local! {
    /// What event-listener has woken in the call that this thread is in. It is never dropped, as it is empty between two
    /// calls: so it is there also for the destructors of other data of the thread.
    #[allow(clippy::missing_const_for_thread_local)] // loom's macro takes no `const` block.
    static NOTIFIED: ManuallyDrop<RefCell<Vec<Arc<Proxy>>>> = ManuallyDrop::new(RefCell::new(Vec::new()));
}

impl Wake for Proxy {
    fn wake(self: Arc<Self>) {
        NOTIFIED.with(|notified| notified.borrow_mut().push(self));
    }
}

impl WaitSet {
    crate::sync::const_fn! {
        pub(crate) const fn new() -> Self {
            WaitSet { waiters: AtomicUsize::new(0), event: Event::new() }
        }
    }

    /// The first step of a wait.
    pub(crate) fn enter(&self) -> Waiting {
        let waiting = Waiting { listener: Some(self.event.listen()), proxy: None };
        // Ordering: Relaxed, W4. The meeting that follows (M1) releases it, to whoever changes the word after that.
        self.waiters.fetch_add(1, Ordering::Relaxed);
        waiting
    }

    /// The first step of waiting on, for a waiter that was notified and has not found what it waits for.
    pub(crate) fn enter_again(&self, waiting: &mut Waiting) {
        waiting.listener = Some(self.event.listen());
    }

    /// The end of a wait.
    pub(crate) fn leave(&self, waiting: Waiting) {
        // Ordering: Relaxed, W6. The waiter itself is the only one for whom this could come too early.
        self.waiters.fetch_sub(1, Ordering::Relaxed);
        drop(waiting);
    }

    /// Whether nobody waits.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        // Ordering: Relaxed, W5. After an RMW of a word that a waiter has met (M1) the waiter's count (W4) is seen.
        self.waiters.load(Ordering::Relaxed) == 0
    }

    /// Wakes everybody, if there is anybody.
    #[inline]
    pub(crate) fn wake_all(&self) {
        if !self.is_empty() {
            self.notify();
        }
    }

    #[cold]
    fn notify(&self) {
        self.event.notify(usize::MAX);
        wake_each(NOTIFIED.with(|notified| notified.take()), |proxy| proxy.0.wake_by_ref());
    }
}

impl Waiting {
    /// Whether it can be notified: it has not been, as far as it knows.
    pub(crate) fn listens(&self) -> bool {
        self.listener.is_some()
    }

    /// Looks whether it was notified; if not, `waker` will be woken.
    pub(crate) fn look(&mut self, waker: &Waker) {
        let Some(listener) = &mut self.listener else { return };
        let proxy = match &self.proxy {
            Some(proxy) if proxy.0.will_wake(waker) => proxy.clone(),
            _ => Arc::new(Proxy(waker.clone())),
        };
        let for_list = Waker::from(proxy.clone());
        if Pin::new(listener).poll(&mut Context::from_waker(&for_list)).is_ready() {
            self.listener = None;
        }
        // The list has given up its reference to the former proxy by now.
        self.proxy = Some(proxy);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(listener) = self.listener.take() {
            // A notification need not be passed on: all who were in the list got one. The proxy goes after this.
            listener.discard();
        }
    }
}
