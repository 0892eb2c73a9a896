//! An operation that may have to wait, and the one loop that serves a thread, a thread with a deadline and a task.
//!
//! Knows how to try and how to wait. Does not know queues or values.

mod spin;
mod thread;
mod until;

pub(crate) use spin::{Spin, SpinHistory, PAUSES};
pub(crate) use until::Timed;
pub use until::Until;

use std::task::{Context, Poll, Waker};
use std::time::Instant;
use thread::Thread;

/// What an operation tries, and how it waits while that does not succeed.
pub(crate) trait Attempt {
    /// What it is all for.
    type Output;
    /// The same, where time may run out.
    type Timed;

    /// Tries, without waiting; one that waits is woken by `waker` from now on, if there is one. It no longer waits when
    /// it has succeeded, and may no longer when it was called in vain.
    fn try_complete(&mut self, waker: Option<&Waker>) -> Option<Self::Output>;
    /// Whether it counts for others that it waits, so that it had better wait early.
    fn registers_first(&self) -> bool {
        false
    }
    /// How to spin before it waits.
    fn spin(&self) -> Spin<'_> {
        Spin { pauses: PAUSES, luck: None, gathers: false }
    }
    /// Another number whenever somebody has worked on what it wants, if that is known; higher by the number of steps.
    fn progress(&self) -> u64 {
        0
    }
    /// Whether it is worth a try, for who tries again and again.
    #[inline]
    fn may_succeed(&self) -> bool {
        true
    }
    /// Whether it waits.
    fn is_registered(&self) -> bool;
    /// Begins to wait, to be woken by `waker`, and tries once more.
    fn register(&mut self, waker: &Waker) -> Option<Self::Output>;
    /// Ends the wait, and undoes what a pending operation has begun.
    fn cancel(&mut self);

    fn timed(output: Self::Output) -> Self::Timed;
    /// Time has run out: as `cancel`, but it may have succeeded at the last moment.
    fn on_timeout(&mut self) -> Self::Timed;
}

/// An attempt under way.
pub(crate) struct Operation<A: Attempt> {
    pub(crate) attempt: A,
    finished: bool,
}

impl<A: Attempt> Operation<A> {
    #[inline]
    pub(crate) fn new(attempt: A) -> Self {
        Operation { attempt, finished: false }
    }

    #[inline]
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<A::Output> {
        match self.attempt.try_complete(Some(context.waker())) {
            Some(output) => {
                self.finished = true;
                Poll::Ready(output)
            }
            None => self.poll_slow(context.waker()),
        }
    }

    /// The slow path of a poll: spins, and then registers.
    #[cold]
    fn poll_slow(&mut self, waker: &Waker) -> Poll<A::Output> {
        if !self.attempt.is_registered() {
            if let Some(output) = self.spin_in_task() {
                return Poll::Ready(output);
            }
        }
        self.register(waker)
    }

    /// Registers, unless the attempt is registered, and tries once more.
    fn register(&mut self, waker: &Waker) -> Poll<A::Output> {
        if !self.attempt.is_registered() {
            if let Some(output) = self.attempt.register(waker) {
                self.finished = true;
                return Poll::Ready(output);
            }
        }
        Poll::Pending
    }

    /// Waits on this thread. Time runs out at `deadline`; what can be done at once is done even after it.
    #[inline]
    pub(crate) fn block(&mut self, deadline: Option<Instant>) -> Result<A::Output, A::Timed> {
        if let Some(output) = self.attempt.try_complete(None) {
            self.finished = true;
            return Ok(output);
        }
        self.wait(deadline)
    }

    #[cold]
    fn wait(&mut self, deadline: Option<Instant>) -> Result<A::Output, A::Timed> {
        Thread::with(|thread| loop {
            // Also after a wake-up in vain: who took the item may be about to leave more.
            let yields = thread.may_yield();
            if yields {
                if let Some(output) = self.spin_on_thread(&thread.luck) {
                    return Ok(output);
                }
            }
            if yields && !self.attempt.registers_first() {
                if let Some(output) = thread.yield_phase(deadline, || self.try_again()) {
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
                if yields
                    && self.attempt.registers_first()
                    && thread.yield_phase(deadline, || thread.is_woken()).is_some()
                {
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

    fn try_again(&mut self) -> Option<A::Output> {
        if !self.attempt.may_succeed() {
            return None;
        }
        let output = self.attempt.try_complete(None)?;
        self.finished = true;
        Some(output)
    }

    /// Ends a pending operation because its time is over.
    pub(crate) fn time_out(&mut self) -> A::Timed {
        self.finished = true;
        self.attempt.on_timeout()
    }

    /// Panics if the operation, which is called `name`, has ended.
    #[inline]
    #[track_caller]
    pub(crate) fn assert_not_ended(&self, name: &str) {
        if self.finished {
            has_ended(name);
        }
    }

    /// Nothing is to be undone any more.
    pub(crate) fn finish(&mut self) {
        self.finished = true;
    }

    /// Makes a finished operation like a new one, for an attempt that can be made again.
    #[cfg(any(feature = "stream", feature = "sink"))]
    pub(crate) fn restart(&mut self) {
        self.finished = false;
    }
}

#[cold]
#[track_caller]
fn has_ended(name: &str) -> ! {
    panic!("`{name}` has ended: it completed, ran out of time, or was taken back. Make a new one to go on");
}

impl<A: Attempt> Drop for Operation<A> {
    #[inline]
    fn drop(&mut self) {
        if !self.finished {
            self.attempt.cancel();
        }
    }
}

/// Makes a public operation of an attempt: the future and the three ways to wait on a thread.
macro_rules! operation {
    (
        $(#[$meta:meta])*
        pub struct $name:ident<$($life:lifetime,)* $param:ident>($attempt:ty) -> $output:ty, in time $timed:ty;
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
            /// It spins and yields for a short time before it parks. Do not call this in an async task: use
            /// `.await` there.
            ///
            /// # Panics
            /// If the operation has ended.
            // Inlined for certain: where the operation is made its being new is known, and the test falls away.
            #[inline(always)]
            #[track_caller]
            pub fn wait(mut self) -> $output {
                self.0.assert_not_ended(stringify!($name));
                match self.0.block(None) {
                    Ok(output) => output,
                    Err(_) => unreachable!("no deadline was given"),
                }
            }

            /// Blocks this thread until the operation has completed, for at most `timeout`.
            ///
            /// Any length is allowed; `Duration::MAX` means without a limit. If the operation can complete
            /// without waiting, it does so even if the timeout is zero.
            ///
            /// # Panics
            /// If the operation has ended.
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
            #[track_caller]
            pub fn wait_deadline(self, deadline: std::time::Instant) -> $timed {
                self.wait_until(Some(deadline))
            }

            /// A future that waits for the operation until `timer`, which may be any future, completes.
            ///
            /// # Panics
            /// If the operation has ended.
            #[track_caller]
            pub fn until<F: std::future::Future>(self, timer: F) -> crate::operation::Until<Self, F> {
                self.0.assert_not_ended(stringify!($name));
                crate::operation::Until::new(self, timer)
            }

            #[inline]
            #[track_caller]
            fn wait_until(mut self, deadline: Option<std::time::Instant>) -> $timed {
                self.0.assert_not_ended(stringify!($name));
                match self.0.block(deadline) {
                    Ok(output) => <$attempt as crate::operation::Attempt>::timed(output),
                    Err(timed) => timed,
                }
            }
        }

        impl<$($life,)* $param> Unpin for $name<$($life,)* $param> {}

        impl<$($life,)* $param> std::future::Future for $name<$($life,)* $param> {
            type Output = $output;

            #[inline]
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

        impl<$($life,)* $param> crate::operation::Timed for $name<$($life,)* $param> {
            type Output = $output;
            type Timed = $timed;

            fn poll_operation(&mut self, context: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
                self.0.assert_not_ended(stringify!($name));
                self.0.poll(context)
            }

            fn timed(output: Self::Output) -> Self::Timed {
                <$attempt as crate::operation::Attempt>::timed(output)
            }

            fn time_out(&mut self) -> Self::Timed {
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
