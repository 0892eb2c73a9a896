//! Operations that may wait: in a task, on a thread, on a thread with a deadline, or with a timer.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::{pin, Pin};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

mod sealed {
    /// A future that a timeout can end.
    ///
    /// It owns what it needs and pins nothing. `on_timeout` is only called after a poll that was pending, so
    /// that an operation that can complete without waiting has completed.
    pub trait Operation: std::future::Future + Unpin {
        /// The result of a wait with a timeout.
        type Timed;

        /// The result of a wait with a timeout, for an operation that completed in time.
        fn in_time(output: Self::Output) -> Self::Timed;

        /// The timeout has passed: ends the operation and undoes what it has begun. `None` if the operation
        /// is beyond the point where it can be undone; then the wait goes on without a timeout.
        fn on_timeout(&mut self) -> Option<Self::Timed>;
    }
}
pub(crate) use sealed::Operation;

/// The timeout has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut(pub(crate) ());

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the timeout has passed")
    }
}

impl std::error::Error for TimedOut {}

/// This thread as a waiter.
struct ThreadWaiter {
    parker: parking::Parker,
    waker: Waker,
}

impl ThreadWaiter {
    fn new() -> Self {
        let parker = parking::Parker::new();
        let waker = Waker::from(parker.unparker());
        ThreadWaiter { parker, waker }
    }

    /// Runs `wait` with the parker of this thread. If that parker is in use (a waker that itself waits) or
    /// gone (in a destructor of thread-local data), `wait` gets a new one.
    fn with<R>(wait: impl FnOnce(&ThreadWaiter) -> R) -> R {
        thread_local!(static THREAD: Cell<Option<ThreadWaiter>> = const { Cell::new(None) });
        let thread = THREAD.try_with(Cell::take).ok().flatten().unwrap_or_else(ThreadWaiter::new);
        let result = wait(&thread);
        let _ = THREAD.try_with(|cell| cell.set(Some(thread)));
        result
    }
}

/// Polls outside of the budget of a task: a thread that waits inside of one would spin if the future found no
/// budget.
fn poll_unconstrained<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    let context = &mut Context::from_waker(waker);
    #[cfg(feature = "tokio")]
    return Pin::new(&mut tokio::task::coop::unconstrained(future)).poll(context);
    #[cfg(not(feature = "tokio"))]
    Pin::new(future).poll(context)
}

/// Pending if the task has no budget; it is woken for its next turn then.
fn poll_has_budget(context: &mut Context<'_>) -> Poll<()> {
    #[cfg(feature = "tokio")]
    return tokio::task::coop::poll_proceed(context).map(drop);
    #[cfg(not(feature = "tokio"))]
    {
        let _ = context;
        Poll::Ready(())
    }
}

/// Blocks this thread until the future is ready.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    // Most operations need no wait, and then no parker.
    if let Poll::Ready(output) = poll_unconstrained(&mut future, Waker::noop()) {
        return output;
    }
    ThreadWaiter::with(|thread| loop {
        if let Poll::Ready(output) = poll_unconstrained(&mut future, &thread.waker) {
            return output;
        }
        thread.parker.park();
    })
}

/// Blocks this thread until the operation has completed, at most until `deadline`.
pub(crate) fn block<O: Operation>(mut operation: O, deadline: Option<Instant>) -> O::Timed {
    let Some(deadline) = deadline else { return O::in_time(block_on(operation)) };
    if let Poll::Ready(output) = poll_unconstrained(&mut operation, Waker::noop()) {
        return O::in_time(output);
    }
    let timed = ThreadWaiter::with(|thread| loop {
        if let Poll::Ready(output) = poll_unconstrained(&mut operation, &thread.waker) {
            return Some(O::in_time(output));
        }
        if Instant::now() >= deadline {
            return operation.on_timeout();
        }
        // It may wake for no reason.
        thread.parker.park_deadline(deadline);
    });
    timed.unwrap_or_else(|| O::in_time(block_on(operation)))
}

pin_project_lite::pin_project! {
    /// An operation with a timer, which times out when the timer completes; returned by `until`, as in
    /// [`Acquire::until`](crate::Acquire::until).
    ///
    /// The operation is polled first: if it can complete without waiting, it does so even if the timer has
    /// completed. Any future can be the timer: a sleep of the runtime, or a cancellation.
    ///
    /// When the time is over, the operation ends by itself and returns what it holds. A `timeout` of a
    /// runtime drops the future instead, and the item with it.
    ///
    /// # Cancel safety
    /// As for the operation itself.
    ///
    /// # Panics
    /// If it is polled after it completed.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Until<O, F> {
        operation: O,
        // `None` once the timer has completed.
        #[pin]
        timer: Option<F>,
    }
}

impl<O, F> Until<O, F> {
    pub(crate) fn new(operation: O, timer: F) -> Self {
        Until { operation, timer: Some(timer) }
    }
}

impl<O: Operation, F: Future> Future for Until<O, F> {
    type Output = O::Timed;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<O::Timed> {
        // Without budget the operation would not try, so that the timer must not end it.
        std::task::ready!(poll_has_budget(context));
        let mut this = self.project();
        if let Poll::Ready(output) = Pin::new(&mut *this.operation).poll(context) {
            return Poll::Ready(O::in_time(output));
        }
        if let Some(timer) = this.timer.as_mut().as_pin_mut() {
            std::task::ready!(timer.poll(context));
            this.timer.set(None);
            if let Some(timed) = this.operation.on_timeout() {
                return Poll::Ready(timed);
            }
        }
        Poll::Pending
    }
}

/// Gives a public operation, which implements [`Operation`], its methods that wait.
///
/// ```text
/// waits! {
///     Acquire<T> where T: Send + 'static => Output, in time Timed;
///     example ["lines of preparation"] "the text before the call", "the text after it";
///     times out ["lines of preparation"] "the text before the call", "the text after it";
/// }
/// ```
/// The types and the examples may be left out.
macro_rules! waits {
    (
        $name:ident $(<$($param:ident),+>)? $(where $($bounded:ident: $bound:tt $(+ $bounds:tt)*),+)?
        => $output:ty, in time $timed:ty;
        $(
            example [$($given:literal)*] $before:literal, $after:literal;
            times out [$($late_given:literal)*] $late_before:literal, $late_after:literal;
        )?
    ) => {
        impl $(<$($param),+>)? std::fmt::Debug for $name $(<$($param),+>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }

        impl $(<$($param),+>)? $name $(<$($param),+>)? $(where $($bounded: $bound $(+ $bounds)*),+)? {
            /// Blocks this thread until the operation has completed.
            ///
            /// Do not call this in an async task, as that keeps the runtime from running other tasks on this
            /// thread; with one thread the program hangs. Use `.await` there, or a thread that may block
            /// (`spawn_blocking`).
            ///
            /// # Panics
            /// If the operation has ended.
            $(
                ///
                /// # Examples
                #[doc = concat!("```\n", $($given, "\n",)* $before, ".wait()", $after, "\n```")]
            )?
            pub fn wait(self) -> $output {
                crate::operation::block_on(self)
            }

            /// Blocks this thread until the operation has completed, for at most `timeout`.
            ///
            /// Any length is allowed; `Duration::MAX` means without a limit. If the operation can complete
            /// without waiting, it does so even if the timeout is zero.
            ///
            /// # Panics
            /// If the operation has ended.
            $(
                ///
                /// # Examples
                #[doc = concat!(
                    "```\nuse std::time::Duration;\n\n", $($late_given, "\n",)*
                    $late_before, ".wait_timeout(Duration::from_millis(1))", $late_after, "\n```",
                )]
            )?
            pub fn wait_timeout(self, timeout: std::time::Duration) -> $timed {
                crate::operation::block(self, std::time::Instant::now().checked_add(timeout))
            }

            /// Blocks this thread until the operation has completed, at most until `deadline`.
            ///
            /// If the operation can complete without waiting, it does so even if the deadline has passed.
            ///
            /// # Panics
            /// If the operation has ended.
            $(
                ///
                /// # Examples
                #[doc = concat!(
                    "```\nuse std::time::{Duration, Instant};\n\n", $($late_given, "\n",)*
                    "let deadline = Instant::now() + Duration::from_millis(1);\n",
                    $late_before, ".wait_deadline(deadline)", $late_after, "\n```",
                )]
            )?
            pub fn wait_deadline(self, deadline: std::time::Instant) -> $timed {
                crate::operation::block(self, Some(deadline))
            }

            /// A future that waits for the operation until `timer`, which may be any future, completes.
            ///
            /// Unlike a `timeout` of the runtime around the operation, it loses nothing when the time is
            /// over: see [`Until`](crate::Until).
            $(
                ///
                /// # Examples
                /// With a timer of tokio:
                #[doc = concat!(
                    "```\n# #[tokio::main(flavor = \"current_thread\")]\n# async fn main() {\n",
                    "use std::time::Duration;\nuse tokio::time::sleep;\n\n", $($late_given, "\n",)*
                    $late_before, ".until(sleep(Duration::from_millis(1))).await", $late_after, "\n# }\n```",
                )]
            )?
            pub fn until<F: std::future::Future>(self, timer: F) -> crate::operation::Until<Self, F> {
                crate::operation::Until::new(self, timer)
            }
        }
    };
    ($name:ident $(<$($param:ident),+>)? $(where $($bounded:ident: $bound:tt $(+ $bounds:tt)*),+)?) => {
        crate::operation::waits! {
            $name $(<$($param),+>)? $(where $($bounded: $bound $(+ $bounds)*),+)?
            => <Self as std::future::Future>::Output, in time <Self as crate::operation::Operation>::Timed;
        }
    };
}
pub(crate) use waits;

#[cfg(test)]
mod tests {
    #![allow(unreachable_pub)] // The methods of `waits`.

    use super::*;
    use crate::tests_common::{poll, watchdog, Count, Tick};
    use std::sync::{Arc, Mutex};
    use std::thread;
    use std::time::Duration;

    /// An operation that is ready when a flag is set.
    struct Flag {
        shared: Arc<Mutex<(bool, Option<Waker>)>>,
        /// Whether a timeout can end it.
        ends: Ends,
        timeouts: usize,
    }

    #[derive(Clone, Copy, PartialEq)]
    enum Ends {
        OnTimeout,
        OnlyByItself,
    }

    impl Flag {
        fn new(ends: Ends) -> (Flag, impl Fn()) {
            let shared = Arc::new(Mutex::new((false, None::<Waker>)));
            let setter = shared.clone();
            let set = move || {
                let mut shared = setter.lock().unwrap();
                shared.0 = true;
                let waker = shared.1.take();
                drop(shared);
                if let Some(waker) = waker {
                    waker.wake();
                }
            };
            (Flag { shared, ends, timeouts: 0 }, set)
        }
    }

    impl Future for Flag {
        type Output = &'static str;

        fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<&'static str> {
            let mut shared = self.shared.lock().unwrap();
            if shared.0 {
                return Poll::Ready("set");
            }
            shared.1 = Some(context.waker().clone());
            Poll::Pending
        }
    }

    impl Operation for Flag {
        type Timed = Result<&'static str, TimedOut>;

        fn in_time(output: &'static str) -> Self::Timed {
            Ok(output)
        }

        fn on_timeout(&mut self) -> Option<Self::Timed> {
            self.timeouts += 1;
            assert_eq!(self.timeouts, 1, "the timeout is told once");
            (self.ends == Ends::OnTimeout).then_some(Err(TimedOut(())))
        }
    }

    waits!(Flag);

    /// A setter that sets the flag when an operation is registered with another waker than the first poll's.
    fn set_when_registered(flag: &Flag, set: impl Fn() + Send + 'static) -> thread::JoinHandle<()> {
        let shared = flag.shared.clone();
        thread::spawn(move || {
            while shared.lock().unwrap().1.as_ref().is_none_or(|waker| waker.will_wake(Waker::noop())) {
                thread::yield_now();
            }
            set();
        })
    }

    #[test]
    fn a_wait_returns_after_another_thread_has_completed_the_operation() {
        let _watchdog = watchdog();
        let (flag, set) = Flag::new(Ends::OnTimeout);
        let setter = set_when_registered(&flag, set);
        assert_eq!(flag.wait(), "set");
        setter.join().unwrap();
    }

    #[test]
    fn a_wait_with_a_long_timeout_completes_in_time() {
        let _watchdog = watchdog();
        for timeout in [Duration::from_secs(50), Duration::MAX] {
            let (flag, set) = Flag::new(Ends::OnTimeout);
            let setter = set_when_registered(&flag, set);
            assert_eq!(flag.wait_timeout(timeout), Ok("set"));
            setter.join().unwrap();
        }
    }

    #[test]
    fn an_operation_that_is_ready_completes_even_if_the_deadline_has_passed() {
        let (flag, set) = Flag::new(Ends::OnTimeout);
        set();
        assert_eq!(flag.wait_deadline(Instant::now()), Ok("set"));
    }

    #[test]
    fn a_pending_operation_times_out() {
        let _watchdog = watchdog();
        let (flag, _set) = Flag::new(Ends::OnTimeout);
        assert_eq!(flag.wait_timeout(Duration::from_millis(2)), Err(TimedOut(())));
    }

    #[test]
    fn an_operation_that_cannot_be_undone_outlasts_the_timeout() {
        let _watchdog = watchdog();
        let (flag, set) = Flag::new(Ends::OnlyByItself);
        let setter = set_when_registered(&flag, move || {
            thread::sleep(Duration::from_millis(5));
            set();
        });
        assert_eq!(flag.wait_timeout(Duration::ZERO), Ok("set"));
        setter.join().unwrap();
    }

    #[test]
    fn a_waker_that_waits_itself_gets_a_parker_of_its_own() {
        let _watchdog = watchdog();
        ThreadWaiter::with(|outer| {
            let (flag, _set) = Flag::new(Ends::OnTimeout);
            assert!(flag.wait_timeout(Duration::from_millis(1)).is_err());
            outer.parker.unpark();
            outer.parker.park();
        });
    }

    #[test]
    fn the_operation_wins_against_a_timer_that_is_ready_as_well() {
        let (flag, set) = Flag::new(Ends::OnTimeout);
        set();
        let mut until = flag.until(std::future::ready(()));
        assert_eq!(poll(&mut until, Waker::noop()), Poll::Ready(Ok("set")));
    }

    #[test]
    fn a_timer_ends_an_operation() {
        let (flag, _set) = Flag::new(Ends::OnTimeout);
        let mut until = flag.until(Tick::default());
        assert_eq!(poll(&mut until, Waker::noop()), Poll::Pending);
        assert_eq!(poll(&mut until, Waker::noop()), Poll::Ready(Err(TimedOut(()))));
    }

    #[test]
    fn a_timer_that_could_not_end_the_operation_is_not_polled_again() {
        let (flag, set) = Flag::new(Ends::OnlyByItself);
        let (woken, waker) = Count::new();
        let mut until = Box::pin(flag.until(async {}));
        assert_eq!(poll(&mut until, &waker), Poll::Pending);
        assert_eq!(poll(&mut until, &waker), Poll::Pending);
        set();
        assert_eq!(woken.get(), 1);
        assert_eq!(poll(&mut until, &waker), Poll::Ready(Ok("set")));
    }

    /// A task of tokio may do so many steps in one turn; then its operations are pending.
    #[cfg(feature = "tokio")]
    mod without_budget {
        use super::*;
        use crate::Semaphore;

        fn in_a_task_without_budget(run: impl FnOnce() + Send + 'static) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let task = async move {
                std::future::poll_fn(|context| {
                    while let Poll::Ready(unit) = tokio::task::coop::poll_proceed(context) {
                        unit.made_progress();
                    }
                    Poll::Ready(())
                })
                .await;
                run();
            };
            runtime.block_on(runtime.spawn(task)).unwrap();
        }

        #[test]
        fn a_thread_waits_all_the_same() {
            let _watchdog = watchdog();
            in_a_task_without_budget(|| {
                let semaphore = Semaphore::new(1);
                let permit = semaphore.acquire(1).wait();
                assert!(semaphore.acquire(1).wait_timeout(Duration::from_millis(1)).is_err());
                drop(permit);
                assert!(semaphore.acquire(1).wait_timeout(Duration::ZERO).is_ok());
            });
        }

        #[test]
        fn a_timer_does_not_end_an_operation_that_could_complete() {
            let _watchdog = watchdog();
            in_a_task_without_budget(|| {
                let mut until = Semaphore::new(1).acquire(1).until(std::future::ready(()));
                assert!(poll(&mut until, Waker::noop()).is_pending());
                let in_its_next_turn = tokio::task::coop::unconstrained(until);
                assert!(futures_lite::future::block_on(in_its_next_turn).is_ok());
            });
        }
    }
}
