//! Futures polled by hand, wakers that count, and the result of a scenario.

use crate::peer::Boxed;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Why a scenario has not passed.
pub enum Failure {
    /// The crate has no such operation.
    NoSuch,
    Fails(&'static str),
}

pub type Verdict = Result<(), Failure>;

/// What the crate has, or the end of the scenario.
pub fn have<T>(value: Option<T>) -> Result<T, Failure> {
    value.ok_or(Failure::NoSuch)
}

pub fn check(holds: bool, otherwise: &'static str) -> Verdict {
    holds.then_some(()).ok_or(Failure::Fails(otherwise))
}

/// A waker that counts how often it is woken.
#[derive(Default)]
pub struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    pub fn new() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (count.clone(), Waker::from(count))
    }

    pub fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

pub fn poll<R>(future: &mut Boxed<'_, R>, waker: &Waker) -> Poll<R> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}

/// A future with a counting waker of its own.
pub struct Probe<'a, R> {
    pub future: Boxed<'a, R>,
    pub woken: Arc<Count>,
    waker: Waker,
}

impl<'a, R> Probe<'a, R> {
    pub fn new(future: Boxed<'a, R>) -> Self {
        let (woken, waker) = Count::new();
        Probe { future, woken, waker }
    }

    /// Polls once; the future has to be pending.
    pub fn pending(future: Boxed<'a, R>) -> Result<Self, Failure> {
        let mut probe = Probe::new(future);
        check(probe.poll().is_pending(), "does not wait")?;
        Ok(probe)
    }

    pub fn poll(&mut self) -> Poll<R> {
        poll(&mut self.future, &self.waker)
    }

    pub fn is_woken(&self) -> bool {
        self.woken.get() > 0
    }
}
