//! Operations that may wait: one state machine for a task, a thread, and a thread with a deadline.
//!
//! Knows how to repeat an attempt and how to wait in between. It knows a capacity, but neither the queue nor
//! the items.

mod budget;
mod linger;
mod skip_counter;
mod spin;
mod thread;
mod tuning;
#[cfg(not(loom))]
mod turns;
mod until;

pub(crate) use budget::poll_unconstrained;
#[cfg(feature = "tokio")]
pub(crate) use budget::within_budget;
pub use linger::Linger;
pub(crate) use linger::{lingers, BatchAttempt, LingerOperation};
pub(crate) use skip_counter::SkipCounter;
pub(crate) use spin::SpinPolicy;
#[cfg(all(test, not(loom)))]
pub(crate) use thread::waits;
pub(crate) use thread::ThreadWaiter;
pub use until::Until;
pub(crate) use until::UntilOperation;

use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// One kind of operation: how it completes, and how it waits until it can.
pub(crate) trait Attempt {
    /// The result.
    type Output;
    /// The result of a wait with a timeout.
    type TimeoutOutput;

    /// Tries to complete without waiting. If the attempt is registered, `waker`, if given, replaces its
    /// waker. If it is not, a failure with a `waker` is a hint: [`register`](Attempt::register) follows, and
    /// rechecks. After a success the attempt is not registered; after a failure it may have lost its
    /// registration, because it was notified.
    fn try_complete(&mut self, waker: Option<&Waker>) -> Option<Self::Output>;
    /// Completes an operation by the fast path alone, which is inlined into each poll, or else calls
    /// `otherwise`. `ready` converts the result in place, so that a large one is copied only once.
    #[inline(always)]
    fn complete_at_once<R>(
        operation: &mut Operation<Self>,
        _ready: impl FnOnce(Self::Output) -> R,
        otherwise: impl FnOnce(&mut Operation<Self>, Fallback) -> R,
    ) -> R
    where
        Self: Sized,
    {
        otherwise(operation, Fallback::General)
    }
    /// Like [`try_complete`](Attempt::try_complete), after the fast path has failed. On a thread, where there
    /// is no `waker`, a failure is a hint too: a spin follows.
    #[inline]
    fn try_after(&mut self, _fallback: Fallback, waker: Option<&Waker>) -> Option<Self::Output> {
        self.try_complete(waker)
    }
    /// How the operation spins and yields before it parks.
    fn spin_policy(&self) -> SpinPolicy<'_> {
        SpinPolicy::THREADS_ONLY
    }
    /// A number that changes with each step of another thread towards what this attempt waits for; always 0 if
    /// there is no such number. Within one segment of the core it grows by one.
    fn progress(&self) -> u64 {
        0
    }
    /// False if [`try_complete`](Attempt::try_complete) would not complete. A cheap check for an operation
    /// that probes again and again; true if there is no such check.
    #[inline]
    fn may_succeed(&self) -> bool {
        true
    }
    /// Whether a waker is registered, so that a notification wakes the operation.
    fn is_registered(&self) -> bool;
    /// Registers the attempt with `waker`, and rechecks: tries to complete once more.
    fn register(&mut self, waker: &Waker) -> Option<Self::Output>;
    /// Ends the wait and undoes what the pending operation has begun.
    fn cancel(&mut self);

    /// The result of a wait with a timeout, for an operation that completed in time.
    fn with_timeout_error(output: Self::Output) -> Self::TimeoutOutput;
    /// The timeout has passed: as `cancel`, but completes if that is possible without waiting.
    fn on_timeout(&mut self) -> Self::TimeoutOutput;
}

/// Why the fast path of an operation failed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fallback {
    /// The slow path may complete it.
    General,
    /// Another thread was first.
    Contended,
}

/// An attempt, which is cancelled on drop unless it has ended.
pub(crate) struct Operation<A: Attempt> {
    pub(crate) attempt: A,
    pub(crate) finished: bool,
}

/// Notes that an operation is finished, when the result is dropped: after the result of the operation was
/// copied to where it is returned.
#[inline(always)]
pub(crate) fn finish(finished: &mut bool) -> impl Sized + '_ {
    struct Finish<'a>(&'a mut bool);
    impl Drop for Finish<'_> {
        #[inline(always)]
        fn drop(&mut self) {
            *self.0 = true;
        }
    }
    Finish(finished)
}

impl<A: Attempt> Operation<A> {
    #[inline]
    pub(crate) fn new(attempt: A) -> Self {
        Operation { attempt, finished: false }
    }

    /// Tries to complete, and registers the waker of `context` if that is not possible. Under the feature
    /// `tokio` it takes part in the budget of the task: without budget it neither tries nor registers, and a
    /// notification that it has got stays for the next poll.
    #[inline(always)]
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<A::Output> {
        budget::within_budget(context, |context| self.poll_without_budget(context))
    }

    /// As [`poll`](Operation::poll), for a caller that takes part in the budget itself, or stands for a crate
    /// whose operations do not.
    #[inline(always)]
    pub(crate) fn poll_without_budget(&mut self, context: &mut Context<'_>) -> Poll<A::Output> {
        A::complete_at_once(self, Poll::Ready, |operation, fallback| operation.poll_slow(fallback, context.waker()))
    }

    /// The slow path of a poll: tries, spins, and then registers.
    #[inline(never)]
    fn poll_slow(&mut self, fallback: Fallback, waker: &Waker) -> Poll<A::Output> {
        if let Some(output) = self.attempt.try_after(fallback, Some(waker)) {
            self.finished = true;
            return Poll::Ready(output);
        }
        if !self.attempt.is_registered() {
            if let Some(output) = self.spin_in_task() {
                return Poll::Ready(output);
            }
        }
        self.register(waker)
    }

    /// Registers the attempt and rechecks, unless it is registered.
    fn register(&mut self, waker: &Waker) -> Poll<A::Output> {
        if !self.attempt.is_registered() {
            if let Some(output) = self.attempt.register(waker) {
                self.finished = true;
                return Poll::Ready(output);
            }
        }
        Poll::Pending
    }

    /// Waits on this thread.
    #[inline(always)]
    pub(crate) fn block(&mut self) -> A::Output {
        A::complete_at_once(self, |output| output, Operation::block_slow)
    }

    #[inline(never)]
    fn block_slow(&mut self, fallback: Fallback) -> A::Output {
        if let Some(output) = self.attempt.try_after(fallback, None) {
            self.finished = true;
            return output;
        }
        match self.wait(None) {
            Ok(output) => output,
            Err(_) => unreachable!("no deadline was given"),
        }
    }

    /// Waits on this thread until `deadline`. An attempt that can complete without waiting completes even
    /// after it.
    #[inline]
    pub(crate) fn block_until(&mut self, deadline: Option<Instant>) -> Result<A::Output, A::TimeoutOutput> {
        if let Some(output) = self.attempt.try_complete(None) {
            self.finished = true;
            return Ok(output);
        }
        self.wait(deadline)
    }

    #[cold]
    fn wait(&mut self, deadline: Option<Instant>) -> Result<A::Output, A::TimeoutOutput> {
        ThreadWaiter::with(|thread| loop {
            // Also after a wake-up that brought no item: in a steady flow more items follow soon.
            let policy = self.attempt.spin_policy();
            let (yields, register_first) = (thread.may_yield(&policy), policy.register_first);
            if yields {
                if let Some(output) = self.spin_on_thread(&thread.spins) {
                    thread.spin_succeeded();
                    return Ok(output);
                }
            }
            if yields && !register_first {
                if let Some(output) = thread.yield_phase(deadline, || self.probe()) {
                    return Ok(output);
                }
            }
            loop {
                if let Some(output) = self.attempt.try_complete(Some(&thread.waker)) {
                    self.finished = true;
                    return Ok(output);
                }
                if let Poll::Ready(output) = self.register(&thread.waker) {
                    return Ok(output);
                }
                if yields && register_first && thread.yield_phase(deadline, || thread.take_unpark()).is_some() {
                    continue;
                }
                if !thread.park(deadline) {
                    return Err(self.time_out());
                }
                if let Some(output) = self.attempt.try_complete(Some(&thread.waker)) {
                    self.finished = true;
                    return Ok(output);
                }
                if !self.attempt.is_registered() {
                    break;
                }
            }
        })
    }

    /// Tries to complete, if a cheap check does not rule that out.
    fn probe(&mut self) -> Option<A::Output> {
        if !self.attempt.may_succeed() {
            return None;
        }
        let output = self.attempt.try_complete(None)?;
        self.finished = true;
        Some(output)
    }

    /// Ends a pending operation whose timeout has passed.
    pub(crate) fn time_out(&mut self) -> A::TimeoutOutput {
        let output = self.attempt.on_timeout();
        self.finished = true;
        output
    }

    /// Panics if the operation has ended. `name` is its type.
    #[inline]
    #[track_caller]
    pub(crate) fn assert_not_ended(&self, name: &str) {
        if self.finished {
            panic_ended(name);
        }
    }

    /// Ends the operation; its drop has nothing to undo.
    pub(crate) fn finish(&mut self) {
        self.finished = true;
    }

    /// Makes a finished operation like a new one, for an attempt that can be repeated.
    pub(crate) fn restart(&mut self) {
        self.finished = false;
    }
}

#[cold]
#[track_caller]
fn panic_ended(name: &str) -> ! {
    panic!(
        "`{name}` has ended: it completed, timed out, or its items were taken back; call the method that returned it \
         again, for a new operation"
    );
}

impl<A: Attempt> Drop for Operation<A> {
    #[inline]
    fn drop(&mut self) {
        if !self.finished {
            self.attempt.cancel();
        }
    }
}

/// Defines a public operation from an attempt: the future and the three ways to wait on a thread.
///
/// The examples of its methods have an operation that completes at once, and one that times out: lines of
/// preparation in brackets, and the text before and after the call of the method.
macro_rules! operation {
    (
        $(#[$meta:meta])*
        pub struct $name:ident<$($life:lifetime,)* $param:ident>($attempt:ty) -> $output:ty, in time $timed:ty;
        $(
            example [$($given:literal)*] $before:literal, $after:literal;
            times out [$($late_given:literal)*] $late_before:literal, $late_after:literal;
        )?
    ) => {
        $(#[$meta])*
        ///
        /// # Panics
        /// If it is polled or waited for after it has ended: after it completed, after it timed out, or after
        /// its items were taken back.
        #[must_use = "an operation does nothing unless you `.await` it or call `.wait()`"]
        pub struct $name<$($life,)* $param>(pub(crate) crate::operation::Operation<$attempt>);

        impl<$($life,)* $param> $name<$($life,)* $param> {
            /// Blocks this thread until the operation has completed.
            ///
            /// It spins and yields for a short time before it parks. Do not call this in an async task, as that
            /// keeps the runtime from running other tasks on this thread; with one thread the program hangs.
            /// Use `.await` there, or move the call to a thread that may block (`spawn_blocking`).
            ///
            /// # Panics
            /// If the operation has ended.
            ///
            /// # Examples
            #[doc = concat!("```\n", $($($given, "\n",)* $before, ".wait()", $after, "\n",)? "```")]
            // Always inlined: the caller has usually just created the operation, so the compiler removes the
            // check.
            #[inline(always)]
            #[track_caller]
            #[doc(alias("block_on", "blocking"))]
            pub fn wait(mut self) -> $output {
                self.0.assert_not_ended(stringify!($name));
                self.0.block()
            }

            /// Blocks this thread until the operation has completed, for at most `timeout`.
            ///
            /// Any length is allowed; `Duration::MAX` means without a limit. If the operation can complete
            /// without waiting, it does so even if the timeout is zero.
            ///
            /// # Panics
            /// If the operation has ended.
            ///
            /// # Examples
            #[doc = concat!(
                "```\nuse std::time::Duration;\n\n",
                $($($late_given, "\n",)* $late_before, ".wait_timeout(Duration::from_millis(1))", $late_after, "\n",)?
                "```",
            )]
            #[track_caller]
            pub fn wait_timeout(self, timeout: std::time::Duration) -> $timed {
                self.wait_until(std::time::Instant::now().checked_add(timeout))
            }

            /// Blocks this thread until the operation has completed, at most until `deadline`.
            ///
            /// If the operation can complete without waiting, it does so even if the deadline has passed.
            ///
            /// # Panics
            /// If the operation has ended.
            ///
            /// # Examples
            #[doc = concat!(
                "```\nuse std::time::{Duration, Instant};\n\nlet deadline = Instant::now() + Duration::from_millis(1);\n",
                $($($late_given, "\n",)* $late_before, ".wait_deadline(deadline)", $late_after, "\n",)?
                "```",
            )]
            #[track_caller]
            pub fn wait_deadline(self, deadline: std::time::Instant) -> $timed {
                self.wait_until(Some(deadline))
            }

            /// A future that waits for the operation until `timer`, which may be any future, completes.
            ///
            /// Unlike a `timeout` of the runtime around the operation, it loses nothing when the time is over:
            /// see [`Until`](crate::Until).
            ///
            /// # Panics
            /// If the operation has ended.
            ///
            /// # Examples
            /// With a timer of tokio:
            #[doc = concat!(
                "```\n# #[tokio::main(flavor = \"current_thread\")]\n# async fn main() {\n",
                "use std::time::Duration;\nuse tokio::time::sleep;\n\n",
                $($($late_given, "\n",)* $late_before, ".until(sleep(Duration::from_millis(1))).await", $late_after, "\n",)?
                "# }\n```",
            )]
            #[track_caller]
            #[doc(alias("timeout", "timeout_at"))]
            pub fn until<F: std::future::Future>(self, timer: F) -> crate::operation::Until<Self, F> {
                self.0.assert_not_ended(stringify!($name));
                crate::operation::Until::new(self, timer)
            }

            #[inline]
            #[track_caller]
            fn wait_until(mut self, deadline: Option<std::time::Instant>) -> $timed {
                self.0.assert_not_ended(stringify!($name));
                match self.0.block_until(deadline) {
                    Ok(output) => <$attempt as crate::operation::Attempt>::with_timeout_error(output),
                    Err(timed) => timed,
                }
            }
        }

        impl<$($life,)* $param> Unpin for $name<$($life,)* $param> {}

        impl<$($life,)* $param> std::future::Future for $name<$($life,)* $param> {
            type Output = $output;

            // Always inlined: it is the fast path and a call.
            #[inline(always)]
            #[track_caller]
            fn poll(
                self: std::pin::Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Self::Output> {
                let operation = &mut self.get_mut().0;
                operation.assert_not_ended(stringify!($name));
                operation.poll(context)
            }
        }

        impl<$($life,)* $param> crate::operation::UntilOperation for $name<$($life,)* $param> {
            type Output = $output;
            type TimeoutOutput = $timed;

            #[track_caller]
            fn poll_operation(&mut self, context: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
                self.0.assert_not_ended(stringify!($name));
                self.0.poll(context)
            }

            fn with_timeout_error(output: Self::Output) -> Self::TimeoutOutput {
                <$attempt as crate::operation::Attempt>::with_timeout_error(output)
            }

            fn time_out(&mut self) -> Self::TimeoutOutput {
                self.0.time_out()
            }
        }

        impl<$($life,)* $param> std::fmt::Debug for $name<$($life,)* $param> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), " { .. }"))
            }
        }
    };
}
pub(crate) use operation;
