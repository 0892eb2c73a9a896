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

use crate::sync::{thread_local, AtomicU32, Ordering};
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
    event: Event,
}

/// The number of waiters of a [`WaitSet`]. It is apart from the set, which is allocated when the first waiter
/// registers.
pub(crate) struct WaitCount(AtomicU32);

/// A waiter, which is counted from [`WaitSet::register`] to [`WaitCount::remove`].
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
    pub(crate) fn new() -> Self {
        WaitSet { event: Event::new() }
    }

    /// Registers a new waiter, and counts it. An RMW fence must follow.
    pub(crate) fn register(&self, count: &WaitCount) -> Waiting {
        let waiting = Waiting { listener: Some(self.event.listen()), proxy: None };
        count.add();
        waiting
    }

    /// Registers a waiter again, which was notified and has found that its condition does not hold.
    pub(crate) fn register_again(&self, waiting: &mut Waiting) {
        waiting.listener = Some(self.event.listen());
    }

    /// Notifies all waiters. For a caller that has found the count not empty.
    #[cold]
    pub(crate) fn notify_all(&self) {
        self.event.notify(usize::MAX);
        wake_each(NOTIFIED.with(|notified| notified.take()), |proxy| proxy.0.wake_by_ref());
    }
}

impl WaitCount {
    crate::sync::const_fn! {
        pub(crate) const fn new() -> Self {
            WaitCount(AtomicU32::new(0))
        }
    }

    fn add(&self) {
        // Ordering: Relaxed, W4. The RMW fence that follows (M1) releases it to each later RMW of that word.
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends a wait.
    pub(crate) fn remove(&self, waiting: Waiting) {
        self.remove_permanent();
        drop(waiting);
    }

    /// From now on [`is_empty`](WaitCount::is_empty) is false, as with a waiter that is never notified. An RMW
    /// fence must follow, as after [`register`](WaitSet::register).
    pub(crate) fn add_permanent(&self) {
        self.add();
    }

    pub(crate) fn remove_permanent(&self) {
        // Ordering: Relaxed, W6. Only the waiter itself could miss a notification if this came too early.
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether there is no waiter.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        // Ordering: Relaxed, W5. After an RMW of the word on which a waiter made its RMW fence (M1) the
        // number (W4) is seen.
        self.0.load(Ordering::Relaxed) == 0
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
