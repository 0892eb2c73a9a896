//! Pending operations of one side, each with its own wakers.

use super::{Item, Out};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// What an operation waits for. A woken operation may leave the event to another waiter of the same topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    Items,
    Capacity,
    Close,
}

/// A future, a stream, a sink, or another kind of work that is polled.
pub(crate) trait Work {
    /// Polls; `how` selects one of several ways.
    fn poll(&mut self, context: &mut Context<'_>, how: u8) -> Poll<Out>;

    /// Whether `act` has an effect now.
    fn acts(&self) -> bool {
        false
    }

    /// Acts between two polls.
    fn act(&mut self, _how: u8, _item: Item) -> Option<Out> {
        None
    }

    /// Whether a ready poll ends it.
    fn ends(&self) -> bool {
        true
    }

    /// The results of its queries.
    fn facts(&self) -> Vec<(&'static str, usize)> {
        Vec::new()
    }
}

impl<F: Future<Output = Out>> Work for Pin<Box<F>> {
    fn poll(&mut self, context: &mut Context<'_>, _: u8) -> Poll<Out> {
        self.as_mut().poll(context)
    }
}

/// A waker that records a wake-up.
#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

const WAKERS: usize = 2;

pub(crate) struct Operation {
    work: Box<dyn Work>,
    pub(crate) topic: Topic,
    flags: [Arc<Flag>; WAKERS],
    /// The waker of its last poll, if that poll was pending.
    current: Option<usize>,
    /// It was polled after a wake-up at least once.
    was_woken: bool,
}

impl Operation {
    pub(super) fn new(topic: Topic, work: impl Work + 'static) -> Self {
        Operation { work: Box::new(work), topic, flags: Default::default(), current: None, was_woken: false }
    }

    pub(super) fn poll(&mut self, how: u8) -> Out {
        let which = usize::from(how) % WAKERS;
        self.was_woken |= self.is_woken();
        for flag in &self.flags {
            flag.0.store(false, Ordering::Relaxed);
        }
        let waker = Waker::from(self.flags[which].clone());
        match self.work.poll(&mut Context::from_waker(&waker), how / WAKERS as u8) {
            Poll::Ready(out) => {
                self.current = None;
                out
            }
            Poll::Pending => {
                self.current = Some(which);
                // A wake-up by its own poll does not count: the operation still waits. flume wakes a changed
                // waker so.
                self.flags[which].0.store(false, Ordering::Relaxed);
                Out::Pending
            }
        }
    }

    pub(super) fn acts(&self) -> bool {
        self.work.acts()
    }

    pub(super) fn act(&mut self, how: u8, item: Item) -> Option<Out> {
        // The wait of its last poll is over, also if this panics.
        let current = self.current.take();
        let out = self.work.act(how, item);
        if out.is_none() {
            self.current = current;
        }
        out
    }

    pub(super) fn ends(&self) -> bool {
        self.work.ends()
    }

    pub(super) fn facts(&self) -> Vec<(&'static str, usize)> {
        self.work.facts()
    }

    /// Whether its last poll was pending.
    pub(super) fn waits(&self) -> bool {
        self.current.is_some()
    }

    /// Whether it waits again, after it was woken and polled, and was not woken once more.
    pub(crate) fn waits_again(&self) -> bool {
        self.was_woken && self.waits() && !self.is_woken()
    }

    /// Whether it was woken since its last poll, by the waker of that poll.
    pub(super) fn is_woken(&self) -> bool {
        self.current.is_some_and(|which| self.flags[which].0.load(Ordering::Relaxed))
    }
}
