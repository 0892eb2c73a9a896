//! Shared by the test files: a watchdog, counting wakers, counting items, futures polled by hand.
#![allow(dead_code, unused_imports, unused_macros)] // Each test file uses a part of this one.

use std::collections::HashMap;
use std::future::Future;
use std::io::Write;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{channel, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// Aborts the process unless it is dropped in time.
pub(crate) struct Watchdog {
    _alive: Sender<()>,
}

/// Held during a test that may hang: `let _watchdog = watchdog();`. After a minute, or as many as `JOINQ_WATCHDOG` says
/// for an emulator, it names the test and aborts.
pub(crate) fn watchdog() -> Watchdog {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let minutes = std::env::var("JOINQ_WATCHDOG").map_or(1, |minutes| minutes.parse().expect("a number of minutes"));
    watchdog_with(Duration::from_secs(60 * minutes), move || format!("`{test}` has not ended within {minutes} min"))
}

/// A watchdog with this limit, which prints `report` before it aborts. Prints past the capture of the test,
/// which would be lost.
pub(crate) fn watchdog_with(limit: Duration, report: impl FnOnce() -> String + Send + 'static) -> Watchdog {
    let (alive, end) = channel();
    std::thread::spawn(move || {
        if end.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            let _ = writeln!(std::io::stderr(), "watchdog: {}", report());
            std::process::abort();
        }
    });
    Watchdog { _alive: alive }
}

/// A waker that counts how often it is woken.
#[derive(Default)]
pub(crate) struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    pub(crate) fn new() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (count.clone(), Waker::from(count))
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// A waker that panics.
pub(crate) fn panicking_waker() -> Waker {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker panics");
        }
    }
    Waker::from(Arc::new(Panics))
}

/// Forgets a value as `mem::forget` does. A static keeps its address, so that a leak checker finds it
/// reachable.
pub(crate) fn forget<T>(value: T) {
    static FORGOTTEN: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    FORGOTTEN.lock().unwrap().push(Box::into_raw(Box::new(value)) as usize);
}

/// One poll with a waker.
pub(crate) fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// A future with its own counting waker, polled by hand.
pub(crate) struct Probe<F> {
    pub(crate) future: F,
    pub(crate) woken: Arc<Count>,
    waker: Waker,
    /// How often it had been woken at its last poll; `None` before the first.
    seen: Option<usize>,
}

impl<F: Unpin> Probe<F> {
    pub(crate) fn new(future: F) -> Self {
        let (woken, waker) = Count::new();
        Probe { future, woken, waker, seen: None }
    }

    /// Polls a value that is not a future, e.g. a stream or a sink.
    pub(crate) fn poll_with<R>(&mut self, poll: impl FnOnce(Pin<&mut F>, &mut Context<'_>) -> R) -> R {
        poll(Pin::new(&mut self.future), &mut Context::from_waker(&self.waker))
    }

    pub(crate) fn is_woken(&self) -> bool {
        self.woken.get() > 0
    }
}

impl<F: Future + Unpin> Probe<F> {
    /// Polls once, and asserts that the future is pending.
    pub(crate) fn pending(future: F) -> Self {
        let mut probe = Probe::new(future);
        assert!(probe.poll().is_pending(), "the operation should be pending");
        probe
    }

    pub(crate) fn poll(&mut self) -> Poll<F::Output> {
        poll(&mut self.future, &self.waker)
    }

    /// Polls once, and records that all wake-ups so far are answered.
    pub(crate) fn poll_again(&mut self) -> Poll<F::Output> {
        self.seen = Some(self.woken.get());
        self.poll()
    }

    /// Whether it was woken since the last `poll_again`, or `poll_again` was never called.
    pub(crate) fn wants_a_poll(&self) -> bool {
        self.seen != Some(self.woken.get())
    }

    /// Polls once, and asserts that the future is ready.
    pub(crate) fn ready(mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("the operation should be ready"),
        }
    }
}

/// Retries until it succeeds: it is not known when another thread begins to wait.
pub(crate) fn eventually<T, E>(mut attempt: impl FnMut() -> Result<T, E>) -> T {
    loop {
        match attempt() {
            Ok(done) => return done,
            Err(_) => std::thread::yield_now(),
        }
    }
}

/// A timer that is ready at its second poll.
#[derive(Default)]
pub(crate) struct Tick(bool);

impl Future for Tick {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match std::mem::replace(&mut self.0, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

/// The items that were made, and how often each was dropped.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<HashMap<usize, usize>>>);

/// An item with a number, whose drop is recorded.
pub(crate) struct Item {
    pub(crate) id: usize,
    ledger: Ledger,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Ledger::default()
    }

    pub(crate) fn item(&self, id: usize) -> Item {
        let before = self.0.lock().unwrap().insert(id, 0);
        assert_eq!(before, None, "item {id} was made twice");
        Item { id, ledger: self.clone() }
    }

    pub(crate) fn items(&self, ids: std::ops::Range<usize>) -> Vec<Item> {
        ids.map(|id| self.item(id)).collect()
    }

    /// The number of items that were dropped.
    pub(crate) fn dropped(&self) -> usize {
        self.0.lock().unwrap().values().filter(|&&drops| drops > 0).count()
    }

    /// Asserts that each item was dropped exactly once.
    pub(crate) fn settle(&self) {
        for (id, &drops) in self.0.lock().unwrap().iter() {
            assert_eq!(drops, 1, "drops of item {id}");
        }
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        let mut ledger = self.ledger.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *ledger.get_mut(&self.id).expect("only items in the ledger exist") += 1;
    }
}

/// A small generator of random numbers (SplitMix64): a run can be repeated from its seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// Asserts that the types implement the traits.
macro_rules! are {
    ($($bound:path),+; $($type:ty),+ $(,)?) => {
        const _: () = {
            #[allow(clippy::extra_unused_type_parameters)]
            const fn check<T: $($bound +)+>() {}
            $(check::<$type>();)+
        };
    };
}
pub(crate) use are;

/// Asserts that no type implements the trait: otherwise two impls would apply, and the call would be
/// ambiguous.
macro_rules! are_not {
    ($bound:path; $($type:ty),+ $(,)?) => {$(
        const _: fn() = || {
            trait Ambiguous<A> {
                fn some() {}
            }
            struct Implemented;
            impl<T: ?Sized> Ambiguous<()> for T {}
            impl<T: ?Sized + $bound> Ambiguous<Implemented> for T {}
            let _ = <$type as Ambiguous<_>>::some;
        };
    )+};
}
pub(crate) use are_not;
