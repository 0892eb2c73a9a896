//! A set of waiters that are all notified at once: an eventcount over event-listener.
//!
//! Knows listeners and wakers. Does not know queues, values, or any runtime.
//!
//! A waiter registers in two steps: its listener enters the list of event-listener, and then the number of
//! waiters is raised. [`crate::wait`] says why no notification is lost.
//!
//! event-listener clones, wakes and drops wakers under its mutex, and all three may be user code. So the list
//! holds a [`Proxy`] of each waiter: its clones are references, and its wake-up is an entry in a list of the
//! notifying thread, which wakes the user's waker when the mutex is unlocked. No reference in the list of
//! event-listener is the last one.

use crate::sync::{thread_local, AtomicUsize, Ordering};
use crate::wait::wake_each;
use event_listener::{Event, EventListener, Listener};
use std::cell::RefCell;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

/// Waiters for one kind of change.
pub(crate) struct WaitSet {
    waiters: AtomicUsize,
    event: Event,
}

/// A waiter, which is counted from [`WaitSet::register`] to [`WaitSet::remove`].
pub(crate) struct Waiting {
    /// `None` once the waiter was notified.
    listener: Option<EventListener>,
    /// The list holds references to it while there is a listener.
    proxy: Option<Arc<Proxy>>,
}

/// A user's waker, for event-listener.
struct Proxy(Waker);

thread_local! {
    /// The proxies that event-listener has woken in the present call of this thread. It is empty between two
    /// calls and is never dropped, so that destructors of other thread-local data can use it.
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

    /// Registers a new waiter.
    pub(crate) fn register(&self) -> Waiting {
        let waiting = Waiting { listener: Some(self.event.listen()), proxy: None };
        // Ordering: Relaxed, W4. The RMW fence that follows (M1) releases it to each later RMW of that word.
        self.waiters.fetch_add(1, Ordering::Relaxed);
        waiting
    }

    /// Registers a waiter again, which was notified and has found that its condition does not hold.
    pub(crate) fn register_again(&self, waiting: &mut Waiting) {
        waiting.listener = Some(self.event.listen());
    }

    /// Ends a wait.
    pub(crate) fn remove(&self, waiting: Waiting) {
        // Ordering: Relaxed, W6. Only the waiter itself could miss a notification if this came too early.
        self.waiters.fetch_sub(1, Ordering::Relaxed);
        drop(waiting);
    }

    /// From now on [`is_empty`](WaitSet::is_empty) is false, as with a waiter that is never notified. An RMW
    /// fence must follow, as after [`register`](WaitSet::register).
    pub(crate) fn add_permanent(&self) {
        // Ordering: Relaxed, W4. As in `register`.
        self.waiters.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn remove_permanent(&self) {
        // Ordering: Relaxed, W6. As in `remove`.
        self.waiters.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether there is no waiter.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        // Ordering: Relaxed, W5. After an RMW of the word on which a waiter made its RMW fence (M1) the
        // number (W4) is seen.
        self.waiters.load(Ordering::Relaxed) == 0
    }

    /// Notifies all waiters.
    #[inline]
    pub(crate) fn notify_all(&self) {
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
    /// Whether the waiter is in the list, as far as it knows.
    pub(crate) fn is_registered(&self) -> bool {
        self.listener.is_some()
    }

    /// Checks whether the waiter was notified; if not, `waker` will be woken.
    pub(crate) fn poll(&mut self, waker: &Waker) {
        let Some(listener) = &mut self.listener else { return };
        let proxy = match &self.proxy {
            Some(proxy) if proxy.0.will_wake(waker) => proxy.clone(),
            _ => Arc::new(Proxy(waker.clone())),
        };
        let for_list = Waker::from(proxy.clone());
        if Pin::new(listener).poll(&mut Context::from_waker(&for_list)).is_ready() {
            self.listener = None;
        }
        // The list no longer has a reference to the former proxy.
        self.proxy = Some(proxy);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(listener) = self.listener.take() {
            // A notification need not be forwarded: all waiters in the list got one. The proxy is dropped
            // after this.
            listener.discard();
        }
    }
}
