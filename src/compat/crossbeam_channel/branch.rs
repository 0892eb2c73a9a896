//! The branches of a select over these channels: a receive, and a send whose message is evaluated only after
//! the send was selected.
//!
//! Knows the branches of this crate's own select. Does not know the macros or `Select`.

use super::{Flavor, Receiver, RecvError, SendError, Sender, Ticks};
use crate::error::{PutError, TryPutError};
use crate::operation::{Attempt, Operation};
use crate::queue::{ClaimedSlot, Match, Part, PutAttempt, Queue, QueueRef, Vacancy};
use crate::select::{ready_if, run, Branch, GetBranch, Limit, Opening, Order, Registration};
use std::fmt;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

/// A receive.
pub struct RecvBranch<'a, T>(Source<'a, T>);

enum Source<'a, T> {
    Channel(GetBranch<'a, T>),
    Timer { ticks: &'a Ticks<T>, arrival: Option<Instant> },
    Never,
}

/// The message of a receive that was selected.
pub struct Received<T>(Option<Result<T, RecvError>>);

impl<'a, T> RecvBranch<'a, T> {
    #[allow(missing_docs)]
    pub fn new(receiver: &'a Receiver<T>) -> Self {
        RecvBranch(match &receiver.0 {
            Flavor::Channel(receiver) => Source::Channel(GetBranch::new(receiver.queue())),
            Flavor::Timer(ticks) => Source::Timer { ticks, arrival: None },
            Flavor::Never => Source::Never,
        })
    }

    /// The branch as one of a list.
    pub fn listed(&mut self) -> Listed<'_> {
        Listed(self)
    }

    /// The message of a timer.
    pub(super) fn arrival(&mut self) -> Option<Instant> {
        match &mut self.0 {
            Source::Timer { arrival, .. } => arrival.take(),
            _ => None,
        }
    }

    /// The end of the branch, which no longer borrows the receiver.
    pub fn end(mut self) -> Received<T> {
        Received(match &mut self.0 {
            Source::Channel(get) => get.completed().map(|got| got.map_err(|_| RecvError)),
            Source::Timer { ticks, arrival } => arrival.take().map(|arrival| Ok((ticks.message)(arrival))),
            Source::Never => None,
        })
    }
}

impl<T> Received<T> {
    pub fn recv(self) -> Result<T, RecvError> {
        self.0.expect("the receive was selected")
    }
}

impl<T> Branch for RecvBranch<'_, T> {
    fn attempt(&mut self, waker: &Waker) -> Poll<()> {
        match &mut self.0 {
            Source::Channel(get) => get.attempt(waker),
            Source::Timer { ticks, arrival } => {
                *arrival = ticks.timer.try_recv().ok();
                ready_if(arrival.is_some())
            }
            Source::Never => Poll::Pending,
        }
    }

    fn register(&mut self, waker: &Waker) -> Poll<()> {
        match &mut self.0 {
            Source::Channel(get) => get.register(waker),
            _ => Poll::Pending,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.0 {
            Source::Timer { ticks, .. } => ticks.timer.next(),
            _ => None,
        }
    }

    fn progress(&self) -> u64 {
        match &self.0 {
            Source::Channel(get) => get.progress(),
            _ => 0,
        }
    }

    fn can_be_selected(&self) -> bool {
        matches!(&self.0, Source::Channel(get) if get.can_be_selected())
    }

    fn open(&mut self, opening: Opening<'_>) -> Poll<()> {
        match &mut self.0 {
            Source::Channel(get) => get.open(opening),
            _ => Poll::Pending,
        }
    }

    fn close(&mut self) -> Poll<()> {
        match &mut self.0 {
            Source::Channel(get) => get.close(),
            _ => Poll::Pending,
        }
    }

    fn end_wait(&mut self) {
        if let Source::Channel(get) = &mut self.0 {
            get.end_wait();
        }
    }

    fn is_late(&self) -> bool {
        matches!(&self.0, Source::Channel(get) if get.is_late())
    }

    fn wait_for_item(&mut self) -> Poll<()> {
        match &mut self.0 {
            Source::Channel(get) => get.wait_for_item(),
            _ => Poll::Ready(()),
        }
    }
}

/// A send, whose message follows when it was selected.
pub struct SendBranch<'a, T> {
    queue: &'a Queue<T>,
    /// Waits for a free slot. Not used with capacity 0.
    vacancy: Operation<PutAttempt<T, &'a Queue<T>, Vacancy>>,
    has_waited: bool,
    /// Used with capacity 0 only.
    registration: Option<Registration<'a, T>>,
    reserved: Option<Place<'a, T>>,
}

/// Where the message of a selected send goes.
enum Place<'a, T> {
    /// Back: the channel is disconnected.
    Nowhere,
    /// Into the channel.
    Slot(ClaimedSlot<'a, T>),
    /// To a receiver that waits; with capacity 0.
    Match(Match<T>),
}

/// A send that was selected.
pub struct Reserved<'a, T> {
    queue: &'a Queue<T>,
    place: Option<Place<'a, T>>,
}

impl<'a, T> SendBranch<'a, T> {
    #[allow(missing_docs)]
    pub fn new(sender: &'a Sender<T>) -> Self {
        let queue = sender.0.queue();
        let vacancy = Operation::new(PutAttempt::without_handoff(queue, Vacancy));
        SendBranch { queue, vacancy, has_waited: false, registration: None, reserved: None }
    }

    /// The branch as one of a list.
    pub fn listed(&mut self) -> Listed<'_> {
        Listed(self)
    }

    /// The end of the branch.
    pub fn end(mut self) -> Reserved<'a, T> {
        Reserved { queue: self.queue, place: self.reserved.take() }
    }

    fn vacant(&mut self, output: Option<Result<(), PutError<()>>>) -> Poll<()> {
        if output.is_none() {
            return Poll::Pending;
        }
        self.reserve()
    }

    fn reserve(&mut self) -> Poll<()> {
        let reserved = match self.queue.is_rendezvous() {
            true => self.queue.try_match_get().map(Place::Match),
            false => self.queue.reserve_slot().map(Place::Slot),
        };
        self.reserved = match reserved {
            Err(TryPutError::Full(())) => None,
            Err(TryPutError::Closed(())) => Some(Place::Nowhere),
            Ok(place) => Some(place),
        };
        ready_if(self.reserved.is_some())
    }
}

impl<T> Reserved<'_, T> {
    pub fn send(mut self, msg: T) -> Result<(), SendError<T>> {
        let sent = match self.place.take().expect("the send was selected") {
            Place::Nowhere => return Err(SendError(msg)),
            Place::Slot(slot) => slot.put(msg),
            Place::Match(Match::Selected(later)) => later.try_put(msg),
            Place::Match(Match::Waiting) => self.queue.put_matched(msg),
        };
        sent.map_err(|error| SendError(error.into_inner()))
    }
}

impl<T> Drop for Reserved<'_, T> {
    fn drop(&mut self) {
        match self.place.take() {
            Some(Place::Match(Match::Selected(later))) => {
                let _ = later.close();
            }
            Some(Place::Match(Match::Waiting)) => self.queue.abandon_match(),
            // A slot that is not used is free again when it is dropped.
            Some(Place::Slot(_) | Place::Nowhere) | None => {}
        }
    }
}

impl<T> Branch for SendBranch<'_, T> {
    fn attempt(&mut self, waker: &Waker) -> Poll<()> {
        if self.vacancy.attempt.is_registered() {
            // Consumes a notification.
            let output = self.vacancy.attempt.try_complete(Some(waker));
            return self.vacant(output);
        }
        self.reserve()
    }

    fn register(&mut self, waker: &Waker) -> Poll<()> {
        while !self.queue.is_rendezvous() && !self.vacancy.attempt.is_registered() {
            self.has_waited = true;
            let output = self.vacancy.attempt.register(waker);
            if output.is_some() && self.vacant(output).is_ready() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    fn progress(&self) -> u64 {
        self.vacancy.attempt.progress()
    }

    fn can_be_selected(&self) -> bool {
        self.queue.is_rendezvous()
    }

    fn open(&mut self, opening: Opening<'_>) -> Poll<()> {
        if !self.queue.is_rendezvous() {
            return Poll::Pending;
        }
        let (registration, may_complete) = Registration::begin(self.queue, Part::LatePut, opening);
        self.registration = Some(registration);
        may_complete
    }

    fn close(&mut self) -> Poll<()> {
        if let Some(Part::Owes(later)) = self.registration.take().and_then(Registration::end) {
            self.reserved = Some(Place::Match(Match::Selected(later)));
        }
        ready_if(self.reserved.is_some())
    }

    fn end_wait(&mut self) {
        if std::mem::take(&mut self.has_waited) {
            // It may have been notified of a slot that it does not use.
            self.vacancy.attempt.take_back();
            self.queue.pass_on_free_slot();
        }
    }
}

impl<T> Drop for SendBranch<'_, T> {
    fn drop(&mut self) {
        // A branch that was registered and unwinds may have been selected.
        let _ = self.close();
        drop(Reserved { queue: self.queue, place: self.reserved.take() });
        self.end_wait();
    }
}

/// A branch in the list of a select.
pub struct Listed<'b>(&'b mut (dyn Branch + 'b));

/// Which of several ready branches is selected.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug)]
pub enum Precedence {
    Random,
    First,
}

pub(super) fn until(timeout: Duration) -> Limit {
    Instant::now().checked_add(timeout).map_or(Limit::None, Limit::Deadline)
}

fn run_listed<const N: usize>(branches: [Listed<'_>; N], limit: Limit, precedence: Precedence) -> Option<usize> {
    let mut numbers = 0..N;
    let mut branches = branches.map(|Listed(branch)| (numbers.next().unwrap_or(N), branch));
    let order = match precedence {
        Precedence::Random => Order::Random,
        Precedence::First => Order::AsListed,
    };
    run(&mut branches, limit, order)
}

/// Selects one of the branches, and blocks this thread meanwhile. Returns its number.
pub fn select<const N: usize>(branches: [Listed<'_>; N], precedence: Precedence) -> Option<usize> {
    run_listed(branches, Limit::None, precedence)
}

/// Selects one of the branches that are ready.
pub fn try_select<const N: usize>(branches: [Listed<'_>; N], precedence: Precedence) -> Option<usize> {
    run_listed(branches, Limit::Now, precedence)
}

/// Selects one of the branches, and blocks this thread for at most `timeout` meanwhile.
pub fn select_timeout<const N: usize>(
    branches: [Listed<'_>; N],
    timeout: Duration,
    precedence: Precedence,
) -> Option<usize> {
    run_listed(branches, until(timeout), precedence)
}

opaque_debug!(pad " { .. }": RecvBranch<'_, T>, SendBranch<'_, T>, Reserved<'_, T>, Received<T>);

impl fmt::Debug for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Listed { .. }")
    }
}
