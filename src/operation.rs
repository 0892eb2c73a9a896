//! An operation that may have to wait, and the one loop that serves a thread, a thread with a deadline and a task.
//!
//! Knows how to try and how to wait. Does not know queues or values.

use crate::line::Who;
#[cfg(not(loom))]
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
#[cfg(not(loom))]
use std::time::Duration;
use std::time::Instant;

/// What an operation tries, and how it waits while that does not succeed.
pub(crate) trait Attempt {
    /// What it is all for.
    type Output;
    /// The same, where time may run out.
    type Timed;

    /// Whether what it wants is given to it while it waits, so that it had better wait early.
    const STANDS_IN_LINE: bool = false;

    /// Tries, without waiting; one that waits is woken by `waker` from now on, if there is one. It no longer waits when
    /// it has succeeded, and may no longer when it was called in vain.
    fn attempt(&mut self, waker: Option<&Waker>) -> Option<Self::Output>;
    /// How many pauses to make before the first look of a spin; 0 for no spin.
    fn first_pause(&self) -> u32 {
        PAUSES
    }
    /// Whether it is worth a try, for who tries again and again.
    #[inline]
    fn may_succeed(&self) -> bool {
        true
    }
    /// Whether it waits.
    fn waits(&self) -> bool;
    /// Begins to wait, to be woken by `waker`, and tries once more.
    fn enrol(&mut self, waker: &Waker, who: Who) -> Option<Self::Output>;
    /// Ends the wait, and undoes what a pending operation has begun.
    fn cancel(&mut self);

    fn in_time(output: Self::Output) -> Self::Timed;
    /// Time has run out: as `cancel`, but it may have succeeded at the last moment.
    fn out_of_time(&mut self) -> Self::Timed;
}

/// Pauses before each look of a spin, unless the attempt wants fewer at first. Not less: the look takes the line from who
/// works on what is waited for, and more is done by then.
pub(crate) const PAUSES: u32 = 32;
/// Looks of a spin.
const LOOKS: u32 = 8;

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
        self.poll_as(Who::Task, context)
    }

    #[inline]
    fn poll_as(&mut self, who: Who, context: &mut Context<'_>) -> Poll<A::Output> {
        assert!(!self.finished, "an operation was polled after it had completed or was taken back");
        match self.attempt.attempt(Some(context.waker())) {
            Some(output) => {
                self.finished = true;
                Poll::Ready(output)
            }
            None => self.poll_in_vain(who, context.waker()),
        }
    }

    #[cold]
    fn poll_in_vain(&mut self, who: Who, waker: &Waker) -> Poll<A::Output> {
        if !self.attempt.waits() {
            if let Some(output) = self.attempt.enrol(waker, who) {
                self.finished = true;
                return Poll::Ready(output);
            }
        }
        Poll::Pending
    }

    /// Waits on this thread. Time runs out at `deadline`; what can be done at once is done even after it.
    #[inline]
    pub(crate) fn block(&mut self, deadline: Option<Instant>) -> Result<A::Output, A::Timed> {
        if let Some(output) = self.attempt.attempt(None) {
            self.finished = true;
            return Ok(output);
        }
        self.wait(deadline)
    }

    #[cold]
    fn wait(&mut self, deadline: Option<Instant>) -> Result<A::Output, A::Timed> {
        Thread::with(|thread| {
            let lingers = thread.may_linger();
            if lingers {
                if let Some(output) = self.spin() {
                    return Ok(output);
                }
            }
            if lingers && !A::STANDS_IN_LINE {
                if let Some(output) = thread.linger(deadline, || self.try_again()) {
                    return Ok(output);
                }
            }
            let mut context = Context::from_waker(&thread.waker);
            loop {
                if let Poll::Ready(output) = self.poll_as(Who::Thread, &mut context) {
                    return Ok(output);
                }
                if lingers && A::STANDS_IN_LINE && thread.linger(deadline, || thread.is_woken()).is_some() {
                    continue;
                }
                if !thread.park(deadline) {
                    return Err(self.time_out());
                }
            }
        })
    }

    /// Tries for a moment, in the hope that another thread is just about to do what is waited for. On one core none is.
    fn spin(&mut self) -> Option<A::Output> {
        let mut pauses = self.attempt.first_pause();
        let looks = if pauses == 0 { 0 } else { crate::sync::patience(LOOKS) };
        for _ in 0..looks {
            for _ in 0..pauses {
                crate::sync::pause();
            }
            pauses = (2 * pauses).min(PAUSES);
            if let Some(output) = self.try_again() {
                return Some(output);
            }
        }
        None
    }

    fn try_again(&mut self) -> Option<A::Output> {
        if !self.attempt.may_succeed() {
            return None;
        }
        let output = self.attempt.attempt(None)?;
        self.finished = true;
        Some(output)
    }

    /// Ends a pending operation because its time is over.
    pub(crate) fn time_out(&mut self) -> A::Timed {
        self.finished = true;
        self.attempt.out_of_time()
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

impl<A: Attempt> Drop for Operation<A> {
    #[inline]
    fn drop(&mut self) {
        if !self.finished {
            self.attempt.cancel();
        }
    }
}

/// This thread as one that can be woken.
struct Thread {
    parker: parking::Parker,
    waker: Waker,
    #[cfg(not(loom))]
    manners: Cell<Manners>,
}

/// How a thread behaves that has nothing to do at the moment: on idle cores it yields for a while, as parking and waking
/// cost ten times as much. On busy cores somebody else would keep the core for a whole slice of time, whereas who is woken
/// gets it soon: then it parks at once.
#[cfg(not(loom))]
#[derive(Clone, Copy, Default)]
struct Manners {
    /// Waits left that park at once.
    without: u32,
    /// How many the next bad experience makes it.
    next: u32,
}

/// How often a thread yields before it parks.
#[cfg(not(loom))]
const YIELDS: u32 = 32;
/// A yield that takes longer has let somebody run who does not give the core back.
#[cfg(not(loom))]
const LONG: Duration = Duration::from_micros(500);
/// Waits that park at once after the first long yield, and at most.
#[cfg(not(loom))]
const FEW: u32 = 256;
#[cfg(not(loom))]
const MANY: u32 = 1 << 15;

impl Thread {
    fn new() -> Self {
        let parker = parking::Parker::new();
        let waker = Waker::from(parker.unparker());
        Thread {
            parker,
            waker,
            #[cfg(not(loom))]
            manners: Cell::default(),
        }
    }

    /// Whether a wait that begins now may spin and yield.
    #[cfg(not(loom))]
    fn may_linger(&self) -> bool {
        let Manners { without, next } = self.manners.get();
        self.manners.set(Manners { without: without.saturating_sub(1), next });
        without == 0
    }

    #[cfg(loom)]
    fn may_linger(&self) -> bool {
        false
    }

    /// Yields to other threads and looks in between, for as long as that promises anything.
    #[cfg(not(loom))]
    fn linger<R>(&self, deadline: Option<Instant>, mut look: impl FnMut() -> Option<R>) -> Option<R> {
        let Manners { next, .. } = self.manners.get();
        for _ in 0..YIELDS {
            let before = Instant::now();
            if deadline.is_some_and(|deadline| deadline <= before) {
                return None;
            }
            crate::sync::step_aside();
            if let Some(result) = look() {
                return Some(result);
            }
            if before.elapsed() > LONG {
                let without = next.clamp(FEW, MANY);
                self.manners.set(Manners { without, next: 8 * without });
                return None;
            }
        }
        self.manners.set(Manners { without: 0, next: next / 2 });
        None
    }

    #[cfg(loom)]
    fn linger<R>(&self, _deadline: Option<Instant>, _look: impl FnMut() -> Option<R>) -> Option<R> {
        None
    }

    fn is_woken(&self) -> Option<()> {
        #[cfg(not(loom))]
        return self.parker.park_timeout(Duration::ZERO).then_some(());
        #[cfg(loom)]
        None
    }

    /// Runs `wait` with this thread's parker; with a fresh one where that is in use (a waker that itself waits) or gone
    /// (in a destructor of thread-local data).
    #[cfg(not(loom))]
    fn with<R>(wait: impl FnOnce(&Thread) -> R) -> R {
        thread_local!(static THREAD: Cell<Option<Thread>> = const { Cell::new(None) });
        let thread = THREAD.try_with(Cell::take).ok().flatten().unwrap_or_else(Thread::new);
        let result = wait(&thread);
        let _ = THREAD.try_with(|place| place.set(Some(thread)));
        result
    }

    /// What is loom's does not outlive an execution.
    #[cfg(loom)]
    fn with<R>(wait: impl FnOnce(&Thread) -> R) -> R {
        wait(&Thread::new())
    }

    /// Sleeps until woken; false once the deadline has passed.
    fn park(&self, deadline: Option<Instant>) -> bool {
        match deadline {
            None => {
                self.parker.park();
                true
            }
            #[cfg(not(loom))]
            // It may wake for no reason.
            Some(deadline) => self.parker.park_deadline(deadline) || Instant::now() < deadline,
            #[cfg(loom)]
            Some(_) => unreachable!("no model has a clock"),
        }
    }
}

mod sealed {
    /// How [`Until`](super::Until) ends an operation.
    pub trait Timed: Unpin {
        type Output;
        type Timed;
        fn poll_operation(&mut self, context: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output>;
        fn in_time(output: Self::Output) -> Self::Timed;
        fn time_out(&mut self) -> Self::Timed;
    }
}
pub(crate) use sealed::Timed;

pin_project_lite::pin_project! {
    /// An operation that ends when `timer` does; made by `until`, as in [`Get::until`](crate::Get::until).
    ///
    /// The operation is polled first: what can be done at once is done even if the timer is over. Any future serves as
    /// the timer, so that no runtime is needed: `tokio::time::sleep`, `futures_timer::Delay`, or a cancellation.
    ///
    /// # Cancel safety
    /// As the operation's own.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Until<O, F> {
        operation: O,
        #[pin]
        timer: F,
    }
}

impl<O, F> Until<O, F> {
    pub(crate) fn new(operation: O, timer: F) -> Self {
        Until { operation, timer }
    }
}

impl<O: Timed, F: Future> Future for Until<O, F> {
    type Output = O::Timed;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<O::Timed> {
        let this = self.project();
        if let Poll::Ready(output) = this.operation.poll_operation(context) {
            return Poll::Ready(O::in_time(output));
        }
        this.timer.poll(context).map(|_| this.operation.time_out())
    }
}

/// Makes a public operation of an attempt: the future and the three ways to wait on a thread.
macro_rules! operation {
    (
        $(#[$meta:meta])*
        pub struct $name:ident<$($life:lifetime,)* $param:ident>($attempt:ty) -> $output:ty, in time $timed:ty;
    ) => {
        $(#[$meta])*
        #[must_use = "an operation does nothing unless you `.await` it or call `.wait()`"]
        pub struct $name<$($life,)* $param>(pub(crate) crate::operation::Operation<$attempt>);

        impl<$($life,)* $param> $name<$($life,)* $param> {
            /// Waits on this thread until the operation is done.
            ///
            /// Spins and yields for a moment before it parks. Do not call this inside an async task: `.await` there.
            #[inline]
            pub fn wait(mut self) -> $output {
                match self.0.block(None) {
                    Ok(output) => output,
                    Err(_) => unreachable!("no deadline was given"),
                }
            }

            /// Waits on this thread for at most `timeout`; any length is allowed, and `Duration::MAX` means for ever.
            ///
            /// What can be done at once is done even if the timeout is zero.
            pub fn wait_timeout(self, timeout: std::time::Duration) -> $timed {
                self.wait_until(std::time::Instant::now().checked_add(timeout))
            }

            /// Waits on this thread until `deadline` at most.
            ///
            /// What can be done at once is done even if the deadline has passed.
            pub fn wait_deadline(self, deadline: std::time::Instant) -> $timed {
                self.wait_until(Some(deadline))
            }

            /// Waits in a task until `timer`, which may be any future, is over.
            pub fn until<F: std::future::Future>(self, timer: F) -> crate::operation::Until<Self, F> {
                crate::operation::Until::new(self, timer)
            }

            #[inline]
            fn wait_until(mut self, deadline: Option<std::time::Instant>) -> $timed {
                match self.0.block(deadline) {
                    Ok(output) => <$attempt as crate::operation::Attempt>::in_time(output),
                    Err(timed) => timed,
                }
            }
        }

        impl<$($life,)* $param> Unpin for $name<$($life,)* $param> {}

        impl<$($life,)* $param> std::future::Future for $name<$($life,)* $param> {
            type Output = $output;

            #[inline]
            fn poll(
                self: std::pin::Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Self::Output> {
                self.get_mut().0.poll(context)
            }
        }

        impl<$($life,)* $param> crate::operation::Timed for $name<$($life,)* $param> {
            type Output = $output;
            type Timed = $timed;

            fn poll_operation(&mut self, context: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
                self.0.poll(context)
            }

            fn in_time(output: Self::Output) -> Self::Timed {
                <$attempt as crate::operation::Attempt>::in_time(output)
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
