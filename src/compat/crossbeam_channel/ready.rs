//! The branches of `Select::ready`: they wait until an operation is ready, and do not complete it.
//!
//! Knows how to watch a queue. Does not know the list of operations.

use super::{Flavor, Receiver, Sender};
use crate::operation::{Attempt, Operation};
use crate::queue::{GetAttempt, Part, Peek, PutAttempt, Queue, QueueRef, Vacancy};
use crate::select::{ready_if, Branch, Opening, Registration};
use std::task::{Poll, Waker};
use std::time::Instant;

/// Watches a queue with capacity 0.
pub(super) struct Watch<'a, T> {
    queue: &'a Queue<T>,
    part: fn() -> Part<T>,
    registration: Option<Registration<'a, T>>,
}

impl<'a, T> Watch<'a, T> {
    fn new(queue: &'a Queue<T>, part: fn() -> Part<T>) -> Self {
        Watch { queue, part, registration: None }
    }

    fn attempt(&self) -> Poll<()> {
        ready_if(self.queue.may_match((self.part)()))
    }

    fn open(&mut self, opening: Opening<'_>) -> Poll<()> {
        let (registration, may_complete) = Registration::begin(self.queue, (self.part)(), opening);
        self.registration = Some(registration);
        may_complete
    }

    fn close(&mut self) {
        self.registration = None;
    }
}

/// Whether a receive is ready.
pub(super) enum RecvReady<'a, T> {
    Buffered(Operation<GetAttempt<T, &'a Queue<T>, Peek<'a, T>>>),
    Rendezvous(Watch<'a, T>),
    Timer(&'a super::Timer),
    Never,
}

impl<'a, T> RecvReady<'a, T> {
    pub(super) fn new(receiver: &'a Receiver<T>) -> Self {
        match &receiver.0 {
            Flavor::Channel(receiver) => {
                let queue = receiver.queue();
                match queue.is_rendezvous() {
                    true => RecvReady::Rendezvous(Watch::new(queue, || Part::WatchGet)),
                    false => RecvReady::Buffered(Operation::new(GetAttempt::for_stream(queue, Peek(queue)))),
                }
            }
            Flavor::Timer(ticks) => RecvReady::Timer(&ticks.timer),
            Flavor::Never => RecvReady::Never,
        }
    }
}

impl<T> Branch for RecvReady<'_, T> {
    fn attempt(&mut self, waker: &Waker) -> Poll<()> {
        match self {
            RecvReady::Buffered(get) => ready_if(get.attempt.try_complete(Some(waker)).is_some()),
            RecvReady::Rendezvous(watch) => watch.attempt(),
            RecvReady::Timer(timer) => ready_if(timer.has_message()),
            RecvReady::Never => Poll::Pending,
        }
    }

    fn register(&mut self, waker: &Waker) -> Poll<()> {
        match self {
            RecvReady::Buffered(get) if !get.attempt.is_registered() => ready_if(get.attempt.register(waker).is_some()),
            _ => Poll::Pending,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self {
            RecvReady::Timer(timer) => timer.next(),
            _ => None,
        }
    }

    fn progress(&self) -> u64 {
        match self {
            RecvReady::Buffered(get) => get.attempt.progress(),
            _ => 0,
        }
    }

    fn can_be_selected(&self) -> bool {
        matches!(self, RecvReady::Rendezvous(_))
    }

    fn open(&mut self, opening: Opening<'_>) -> Poll<()> {
        match self {
            RecvReady::Rendezvous(watch) => watch.open(opening),
            _ => Poll::Pending,
        }
    }

    fn close(&mut self) -> Poll<()> {
        if let RecvReady::Rendezvous(watch) = self {
            watch.close();
        }
        Poll::Pending
    }
}

/// Whether a send is ready.
pub(super) enum SendReady<'a, T> {
    Buffered(&'a Queue<T>, Operation<PutAttempt<T, &'a Queue<T>, Vacancy>>),
    Rendezvous(Watch<'a, T>),
}

impl<'a, T> SendReady<'a, T> {
    pub(super) fn new(sender: &'a Sender<T>) -> Self {
        let queue = sender.0.queue();
        match queue.is_rendezvous() {
            true => SendReady::Rendezvous(Watch::new(queue, || Part::WatchPut)),
            false => SendReady::Buffered(queue, Operation::new(PutAttempt::without_handoff(queue, Vacancy))),
        }
    }
}

impl<T> Branch for SendReady<'_, T> {
    fn attempt(&mut self, waker: &Waker) -> Poll<()> {
        match self {
            SendReady::Buffered(_, put) => ready_if(put.attempt.try_complete(Some(waker)).is_some()),
            SendReady::Rendezvous(watch) => watch.attempt(),
        }
    }

    fn register(&mut self, waker: &Waker) -> Poll<()> {
        match self {
            SendReady::Buffered(_, put) if !put.attempt.is_registered() => {
                ready_if(put.attempt.register(waker).is_some())
            }
            _ => Poll::Pending,
        }
    }

    fn progress(&self) -> u64 {
        match self {
            SendReady::Buffered(_, put) => put.attempt.progress(),
            SendReady::Rendezvous(_) => 0,
        }
    }

    fn can_be_selected(&self) -> bool {
        matches!(self, SendReady::Rendezvous(_))
    }

    fn open(&mut self, opening: Opening<'_>) -> Poll<()> {
        match self {
            SendReady::Rendezvous(watch) => watch.open(opening),
            SendReady::Buffered(..) => Poll::Pending,
        }
    }

    fn close(&mut self) -> Poll<()> {
        if let SendReady::Rendezvous(watch) = self {
            watch.close();
        }
        Poll::Pending
    }
}

impl<T> Drop for SendReady<'_, T> {
    fn drop(&mut self) {
        if let SendReady::Buffered(queue, put) = self {
            // It does not use the slot of which it may have been notified.
            put.attempt.take_back();
            queue.pass_on_free_slot();
        }
    }
}
