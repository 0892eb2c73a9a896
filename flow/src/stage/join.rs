//! Waiting until nothing is unfinished.

use super::stats::Stats;
use super::Inner;
use crate::job::Job;
use crate::listen::Listen;
use crate::operation::{waits, Operation};
use crate::TimedOut;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Future returned by [`Stage::join`](crate::Stage::join).
///
/// # Cancel safety
/// It can be dropped at any time.
#[must_use = "an operation does nothing unless you `.await` it or call `.wait()`"]
pub struct Join<T, R = ()> {
    stage: Arc<Inner<T, R>>,
    zero: Listen,
}

impl<T, R> Join<T, R> {
    pub(super) fn new(stage: Arc<Inner<T, R>>) -> Self {
        Join { stage, zero: Listen::new() }
    }
}

impl<T, R> Future for Join<T, R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Join { stage, zero } = &mut *self;
        zero.poll(stage.unfinished.event(), context, || stage.is_joined().then_some(())).map(|()| {
            #[cfg(feature = "metrics")]
            stage.publish();
        })
    }
}

impl<T, R> Operation for Join<T, R> {
    type Timed = Result<(), TimedOut>;

    fn in_time((): ()) -> Self::Timed {
        Ok(())
    }

    fn on_timeout(&mut self) -> Option<Self::Timed> {
        Some(if self.stage.is_joined() { Ok(()) } else { Err(TimedOut(())) })
    }
}

waits!(Join<T, R>);

/// Future returned by [`Stage::shutdown`](crate::Stage::shutdown).
///
/// # Cancel safety
/// It can be dropped at any time: the stage is closed then, and goes on with what is inside.
#[must_use = "an operation does nothing unless you `.await` it or call `.wait()`"]
pub struct Shutdown<T, R = ()>(Join<T, R>);

impl<T, R> Shutdown<T, R> {
    pub(super) fn new(stage: Arc<Inner<T, R>>) -> Self {
        Shutdown(Join::new(stage))
    }
}

impl<T: Send + Sync + 'static, R: Send + 'static> Future for Shutdown<T, R> {
    type Output = Stats;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Stats> {
        Pin::new(&mut self.0).poll(context).map(|()| self.0.stage.stats())
    }
}

impl<T: Send + Sync + 'static, R: Send + 'static> Operation for Shutdown<T, R> {
    type Timed = Result<Stats, Unsettled<T, R>>;

    fn in_time(output: Stats) -> Self::Timed {
        Ok(output)
    }

    fn on_timeout(&mut self) -> Option<Self::Timed> {
        let stage = &self.0.stage;
        if stage.is_joined() {
            return Some(Ok(stage.stats()));
        }
        let unsettled = stage.halt();
        if let Some(disk) = &stage.disk {
            disk.clear_marks();
        }
        Some(Err(unsettled))
    }
}

waits!(Shutdown<T, R> where T: Send + Sync + 'static, R: Send + 'static);

/// What a shutdown has left when its timeout had passed.
#[non_exhaustive]
pub struct Unsettled<T, R = ()> {
    /// The jobs that were waiting, or were to be retried, and are in no store. Their state is *cancelled*.
    pub left: Vec<Job<T, R>>,
    /// How many jobs run. They were told to end: see [`Job::is_cancelled`].
    pub running: usize,
    /// How many jobs do not run and are in the store. They will run when it is opened again, and so will those that run
    /// now, if they do not end before the process does.
    pub on_disk: usize,
}

impl<T, R> fmt::Debug for Unsettled<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unsettled")
            .field("left", &self.left.len())
            .field("running", &self.running)
            .field("on_disk", &self.on_disk)
            .finish()
    }
}

impl<T, R> fmt::Display for Unsettled<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (left, running, on_disk) = (self.left.len(), self.running, self.on_disk);
        write!(f, "the stage was shut down with {left} jobs not begun, {running} running and {on_disk} in the store")
    }
}

impl<T, R> std::error::Error for Unsettled<T, R> {}
