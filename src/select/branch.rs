//! The branches of a select: a get, a put, and any future.
//!
//! Knows how each completes, waits, and is ended when it loses. Does not know the other branches.

use super::run::{Branch, Opening};
use crate::error::{GetError, PutError, TryGetError};
use crate::operation::{poll_unconstrained, Attempt, Operation};
#[cfg(feature = "compat")]
use crate::queue::Later;
use crate::queue::{Entry, Found, GetAttempt, One, Part, PutAttempt, Queue, RegisteredBranch, SelectKey};
use std::future::Future;
use std::task::{Context, Poll, Waker};

/// A branch with an output.
pub(crate) trait Completes: Branch {
    type Output;

    /// The output of a branch that has completed.
    fn output(&mut self) -> Self::Output;
}

pub(crate) fn ready_if(condition: bool) -> Poll<()> {
    match condition {
        true => Poll::Ready(()),
        false => Poll::Pending,
    }
}

/// The registration of a branch at a queue with capacity 0. It ends when it is dropped.
pub(crate) struct Registration<'a, T> {
    queue: &'a Queue<T>,
    key: Option<SelectKey>,
}

impl<'a, T> Registration<'a, T> {
    pub(crate) fn begin(queue: &'a Queue<T>, part: Part<T>, opening: Opening<'_>) -> (Self, Poll<()>) {
        let Opening { selection, branch, waker } = opening;
        let entry = Entry { part, selection: selection.clone(), branch, waker: waker.clone() };
        let RegisteredBranch { key, may_complete } = queue.register_branch(entry);
        (Registration { queue, key: Some(key) }, ready_if(may_complete))
    }

    /// What the branch waits for, or what the thread that has selected it left.
    pub(crate) fn end(mut self) -> Option<Part<T>> {
        self.key.take().map(|key| self.queue.remove_branch(key))
    }
}

impl<T> Drop for Registration<'_, T> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            drop(self.queue.remove_branch(key));
        }
    }
}

/// A get of one item.
pub(crate) struct GetBranch<'a, T> {
    queue: &'a Queue<T>,
    /// Not used with capacity 0.
    get: Operation<GetAttempt<T, &'a Queue<T>, One>>,
    /// Used with capacity 0 only.
    registration: Option<Registration<'a, T>>,
    /// Its item follows: the select of another thread provides it.
    #[cfg(feature = "compat")]
    later: Option<Later<T>>,
    output: Option<Result<T, GetError>>,
}

impl<'a, T> GetBranch<'a, T> {
    pub(crate) fn new(queue: &'a Queue<T>) -> Self {
        let get = Operation::new(GetAttempt::new(queue, One));
        GetBranch {
            queue,
            get,
            registration: None,
            #[cfg(feature = "compat")]
            later: None,
            output: None,
        }
    }

    /// The output, if the branch has completed.
    #[cfg(feature = "compat")]
    pub(crate) fn completed(&mut self) -> Option<Result<T, GetError>> {
        self.output.take()
    }

    fn complete(&mut self, output: Option<Result<T, GetError>>) -> Poll<()> {
        self.output = output;
        ready_if(self.output.is_some())
    }

    /// Was selected, or has selected a put, and its item follows.
    #[cfg(feature = "compat")]
    fn complete_later(&mut self, later: Later<T>) -> Poll<()> {
        self.later = Some(later);
        Poll::Ready(())
    }
}

impl<T> Branch for GetBranch<'_, T> {
    fn attempt(&mut self, waker: &Waker) -> Poll<()> {
        let output = if !self.queue.is_rendezvous() {
            // Exact, as a select may have a default: a get that is given a waker may leave that to `register`.
            let waker = self.get.attempt.is_registered().then_some(waker);
            let output = self.get.attempt.try_complete(waker);
            if output.is_some() {
                self.get.finish();
            }
            output
        } else {
            match self.queue.try_get_beside_selects() {
                Ok(Found::Item(item)) => Some(Ok(item)),
                #[cfg(feature = "compat")]
                Ok(Found::Later(later)) => return self.complete_later(later),
                Err(TryGetError::Empty) => None,
                Err(TryGetError::Closed) => Some(Err(GetError)),
            }
        };
        self.complete(output)
    }

    fn register(&mut self, waker: &Waker) -> Poll<()> {
        if self.queue.is_rendezvous() || self.get.attempt.is_registered() {
            return Poll::Pending;
        }
        let output = self.get.attempt.register(waker);
        if output.is_some() {
            self.get.finish();
        }
        self.complete(output)
    }

    fn progress(&self) -> u64 {
        self.get.attempt.progress()
    }

    fn can_be_selected(&self) -> bool {
        self.queue.is_rendezvous()
    }

    fn open(&mut self, opening: Opening<'_>) -> Poll<()> {
        if !self.queue.is_rendezvous() {
            return Poll::Pending;
        }
        let (registration, may_complete) = Registration::begin(self.queue, Part::Get, opening);
        self.registration = Some(registration);
        may_complete
    }

    fn close(&mut self) -> Poll<()> {
        let output = match self.registration.take().and_then(Registration::end) {
            Some(Part::Got(item)) => Some(Ok(item)),
            #[cfg(feature = "compat")]
            Some(Part::GotLater(later)) => return self.complete_later(later),
            _ => None,
        };
        self.complete(output)
    }

    fn end_wait(&mut self) {
        self.get.attempt.cancel();
    }

    #[cfg(feature = "compat")]
    fn is_late(&self) -> bool {
        self.later.is_some()
    }

    #[cfg(feature = "compat")]
    fn wait_for_item(&mut self) -> Poll<()> {
        let item = self.later.take().and_then(|later| later.get().wait().ok());
        self.complete(item.map(Ok))
    }
}

impl<T> Completes for GetBranch<'_, T> {
    type Output = Result<T, GetError>;

    fn output(&mut self) -> Self::Output {
        self.output.take().expect("the branch has completed")
    }
}

/// Where the item of a put comes from, and where it goes if the put loses.
pub(crate) trait Place<T> {
    fn take(&mut self) -> Option<T>;
    fn put_back(&mut self, item: T);
}

impl<T> Place<T> for &mut Option<T> {
    fn take(&mut self) -> Option<T> {
        Option::take(self)
    }

    fn put_back(&mut self, item: T) {
        **self = Some(item);
    }
}

/// The item of a put that drops it if it loses.
#[cfg(feature = "compat")]
impl<T> Place<T> for Option<T> {
    fn take(&mut self) -> Option<T> {
        Option::take(self)
    }

    fn put_back(&mut self, item: T) {
        *self = Some(item);
    }
}

/// A put of one item. The item is enqueued only when the put completes; if it loses, it returns to its place.
pub(crate) struct PutBranch<'a, T, P: Place<T>> {
    queue: &'a Queue<T>,
    place: P,
    /// Has the item until the end, unless this is registered with capacity 0.
    put: Operation<PutAttempt<T, &'a Queue<T>, Option<T>>>,
    /// Used with capacity 0 only.
    registration: Option<Registration<'a, T>>,
    output: Option<Result<(), PutError<T>>>,
}

impl<'a, T, P: Place<T>> PutBranch<'a, T, P> {
    /// # Panics
    /// If there is no item.
    #[track_caller]
    pub(crate) fn new(queue: &'a Queue<T>, mut place: P) -> Self {
        let item = place.take().expect("there is no item to put: the `Option` is `None`");
        let put = Operation::new(PutAttempt::without_handoff(queue, Some(item)));
        PutBranch { queue, place, put, registration: None, output: None }
    }

    fn complete(&mut self, output: Option<Result<(), PutError<T>>>) -> Poll<()> {
        self.output = output;
        ready_if(self.output.is_some())
    }

    /// Completes an operation that waits in the wait queue.
    fn finish(&mut self, output: Option<Result<(), PutError<T>>>) -> Poll<()> {
        if output.is_some() {
            self.put.finish();
        }
        self.complete(output)
    }
}

impl<T, P: Place<T>> Branch for PutBranch<'_, T, P> {
    fn attempt(&mut self, waker: &Waker) -> Poll<()> {
        // With capacity 0 it is not registered now.
        let output = self.put.attempt.try_complete(Some(waker));
        self.finish(output)
    }

    fn register(&mut self, waker: &Waker) -> Poll<()> {
        if self.queue.is_rendezvous() || self.put.attempt.is_registered() {
            return Poll::Pending;
        }
        let output = self.put.attempt.register(waker);
        self.finish(output)
    }

    fn progress(&self) -> u64 {
        self.put.attempt.progress()
    }

    fn can_be_selected(&self) -> bool {
        self.queue.is_rendezvous()
    }

    fn open(&mut self, opening: Opening<'_>) -> Poll<()> {
        if !self.queue.is_rendezvous() {
            return Poll::Pending;
        }
        let Some(item) = self.put.attempt.items.take() else { unreachable!("a put that waits has its item") };
        let (registration, may_complete) = Registration::begin(self.queue, Part::Put(item), opening);
        self.registration = Some(registration);
        may_complete
    }

    fn close(&mut self) -> Poll<()> {
        let output = match self.registration.take().and_then(Registration::end) {
            Some(Part::Taken) => Some(Ok(())),
            Some(Part::Put(item)) => {
                self.put.attempt.items = Some(item);
                None
            }
            _ => None,
        };
        self.finish(output)
    }

    fn end_wait(&mut self) {
        self.put.attempt.items = self.put.attempt.take_back();
    }
}

impl<T, P: Place<T>> Completes for PutBranch<'_, T, P> {
    type Output = Result<(), PutError<T>>;

    fn output(&mut self) -> Self::Output {
        self.output.take().expect("the branch has completed")
    }
}

impl<T, P: Place<T>> Drop for PutBranch<'_, T, P> {
    fn drop(&mut self) {
        // A select that unwinds has not ended the registration.
        if self.output.is_none() {
            let _ = self.close();
        }
        if let Some(item) = self.put.take_back() {
            self.place.put_back(item);
        }
    }
}

/// Any future that need not be pinned.
pub(crate) struct FutureBranch<F: Future> {
    future: F,
    output: Option<F::Output>,
}

impl<F: Future> FutureBranch<F> {
    pub(crate) fn new(future: F) -> Self {
        FutureBranch { future, output: None }
    }
}

impl<F: Future + Unpin> Branch for FutureBranch<F> {
    /// A poll registers the future as well.
    fn attempt(&mut self, waker: &Waker) -> Poll<()> {
        poll_unconstrained(&mut self.future, &mut Context::from_waker(waker)).map(|output| self.output = Some(output))
    }
}

impl<F: Future + Unpin> Completes for FutureBranch<F> {
    type Output = F::Output;

    fn output(&mut self) -> F::Output {
        self.output.take().expect("the future has completed")
    }
}
