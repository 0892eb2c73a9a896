//! A blocking select: a thread waits for several operations at once, and exactly one of them takes effect.
//!
//! Knows queues, channels, operations and how a thread waits. Does not know how the core or the wait queues
//! work.

mod branch;
mod run;
mod shuffle;

#[cfg(feature = "compat")]
pub(crate) use branch::{ready_if, Registration};
pub(crate) use branch::{Completes, FutureBranch, GetBranch, PutBranch};
#[cfg(feature = "compat")]
pub(crate) use run::Opening;
pub(crate) use run::{run, Branch, Limit, Order};

use crate::channel::{Receiver, Sender};
use crate::error::{GetError, PutError, RecvError, SendError};
use crate::queue::{Queue, QueueRef};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

/// A set of operations of which a thread completes exactly one: a blocking select.
///
/// Add the operations, each with a function that turns its output into the result of the select. Then call
/// [`wait`](Selector::wait), [`wait_timeout`](Selector::wait_timeout),
/// [`wait_deadline`](Selector::wait_deadline) or [`try_select`](Selector::try_select): the first operation
/// that can complete does so, and its function is called. The thread parks once for all of them. In an async
/// task use a `select!` of the runtime instead: every operation is a future.
///
/// If several operations can complete, a random one does. [`biased`](Selector::biased) prefers those that
/// were added first.
///
/// # Operations that lose
/// They have no effect, and wait no longer when the select returns:
///
/// - A [`get`](Selector::get) or [`recv`](Selector::recv) has taken nothing. A notification that it did not
///   use is forwarded to the next get.
/// - A [`put`](Selector::put) or [`send`](Selector::send) has enqueued nothing. Its item is in the `Option`
///   from which it came.
/// - A future that was added by value is dropped; one that was added by `&mut` can be polled or waited for
///   again. What it has done by then its own page says. A [`Put`](crate::queue::Put) that is added as a
///   future may have enqueued its item although another operation completed:
///   [`Put::take`](crate::queue::Put::take) tells. The method [`put`](Selector::put) does not.
///
/// All this holds with capacity 0 as well, also if both sides select. There, a get or put of a select
/// completes together with one operation of the other side, and the select has completed no other operation.
///
/// # Examples
/// A worker that ends as soon as it is told to:
///
/// ```
/// use joinq::{Queue, Selector};
///
/// let (jobs, stop) = (Queue::bounded(10), Queue::<()>::unbounded());
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         // `None` ends the loop.
///         while let Some(job) = Selector::new()
///             .get(&jobs, |job| job.ok())
///             .get(&stop, |_| None)
///             .wait()
///         {
///             let _: u32 = job;
///         }
///     });
///     jobs.put(1).wait().unwrap();
///     stop.put(()).wait().unwrap();
/// });
/// ```
///
/// An item that loses comes back:
///
/// ```
/// use joinq::{Queue, Selector};
///
/// let (full, ready) = (Queue::bounded(1), Queue::unbounded());
/// full.try_put("a").unwrap();
/// ready.try_put("c").unwrap();
/// let mut item = Some("b");
/// let got = Selector::new()
///     .put(&full, &mut item, |_| None)
///     .get(&ready, |got| got.ok())
///     .wait();
/// assert_eq!((got, item), (Some("c"), Some("b")));
/// ```
#[must_use = "a select does nothing unless you call `.wait()` or one of its variants"]
pub struct Selector<'a, R> {
    branches: Vec<Box<dyn Mapped<R> + 'a>>,
    order: Order,
}

/// A branch with the function that turns its output into the result of the select.
trait Mapped<R> {
    fn branch(&mut self) -> &mut dyn Branch;
    fn result(self: Box<Self>) -> R;
}

struct Map<B, F> {
    branch: B,
    map: F,
}

impl<R, B: Completes, F: FnOnce(B::Output) -> R> Mapped<R> for Map<B, F> {
    fn branch(&mut self) -> &mut dyn Branch {
        &mut self.branch
    }

    fn result(mut self: Box<Self>) -> R {
        let output = self.branch.output();
        (self.map)(output)
    }
}

impl<'a, R> Selector<'a, R> {
    /// A select without operations, which completes a random one of those that can complete.
    ///
    /// # Examples
    /// ```
    /// use joinq::{Queue, Selector};
    ///
    /// let (a, b) = (Queue::unbounded(), Queue::<u32>::unbounded());
    /// a.try_put(1).unwrap();
    /// assert_eq!(Selector::new().get(&a, |got| got).get(&b, |got| got).wait(), Ok(1));
    /// ```
    #[doc(alias = "select")]
    pub fn new() -> Self {
        Selector { branches: Vec::new(), order: Order::Random }
    }

    /// A select without operations, which completes the first one of those that can complete, in the order in
    /// which they were added.
    ///
    /// # Examples
    /// ```
    /// use joinq::{Queue, Selector};
    ///
    /// let (urgent, other) = (Queue::unbounded(), Queue::unbounded());
    /// other.try_put(2).unwrap();
    /// urgent.try_put(1).unwrap();
    /// assert_eq!(Selector::biased().get(&urgent, |got| got).get(&other, |got| got).wait(), Ok(1));
    /// ```
    #[doc(alias("new_biased", "select_biased"))]
    pub fn biased() -> Self {
        Selector { branches: Vec::new(), order: Order::AsListed }
    }

    /// Adds a branch.
    pub(crate) fn with_branch<B: Completes + 'a>(mut self, branch: B, map: impl FnOnce(B::Output) -> R + 'a) -> Self {
        self.branches.push(Box::new(Map { branch, map }));
        self
    }

    /// Adds [`Queue::get`]. It completes with an error if the queue is closed and empty.
    ///
    /// # Examples
    /// ```
    /// use joinq::{Queue, Selector};
    ///
    /// let queue = Queue::unbounded();
    /// queue.try_put(1).unwrap();
    /// queue.close();
    /// assert_eq!(Selector::new().get(&queue, |got| got.ok()).wait(), Some(1));
    /// assert_eq!(Selector::new().get(&queue, |got| got.ok()).wait(), None); // closed and empty
    /// ```
    pub fn get<T>(self, queue: &'a Queue<T>, map: impl FnOnce(Result<T, GetError>) -> R + 'a) -> Self {
        self.with_branch(GetBranch::new(queue), map)
    }

    /// Adds [`Queue::put`] of the item that is in `item`, where it is again if another operation completes.
    /// It completes with an error, which contains the item, if the queue is closed.
    ///
    /// # Panics
    /// If `item` is `None`.
    ///
    /// # Examples
    /// ```
    /// use joinq::{Queue, Selector};
    ///
    /// let queue = Queue::bounded(1);
    /// let mut item = Some(1);
    /// assert!(Selector::new().put(&queue, &mut item, |put| put.is_ok()).wait());
    /// assert_eq!((item, queue.try_get()), (None, Ok(1)));
    /// ```
    #[track_caller]
    pub fn put<T>(
        self,
        queue: &'a Queue<T>,
        item: &'a mut Option<T>,
        map: impl FnOnce(Result<(), PutError<T>>) -> R + 'a,
    ) -> Self {
        self.with_branch(PutBranch::new(queue, item), map)
    }

    /// Adds [`Receiver::recv`]. It completes with an error if the channel is closed and empty.
    ///
    /// # Examples
    /// ```
    /// use joinq::Selector;
    ///
    /// let (sender, numbers) = joinq::unbounded();
    /// let (_sender, words) = joinq::unbounded::<&str>();
    /// sender.try_send(7).unwrap();
    /// let text = Selector::new()
    ///     .recv(&numbers, |number| number.unwrap().to_string())
    ///     .recv(&words, |word| word.unwrap().to_string())
    ///     .wait();
    /// assert_eq!(text, "7");
    /// ```
    pub fn recv<T>(self, receiver: &'a Receiver<T>, map: impl FnOnce(Result<T, RecvError>) -> R + 'a) -> Self {
        self.with_branch(GetBranch::new(receiver.queue()), |got| map(got.map_err(RecvError::from)))
    }

    /// Adds [`Sender::send`] of the message that is in `message`, where it is again if another operation
    /// completes. It completes with an error, which contains the message, if the channel is closed.
    ///
    /// # Panics
    /// If `message` is `None`.
    ///
    /// # Examples
    /// ```
    /// use joinq::Selector;
    /// use std::time::Duration;
    ///
    /// let (sender, receiver) = joinq::bounded(1);
    /// sender.try_send(1).unwrap();
    /// let mut message = Some(2);
    /// let sent = Selector::new().send(&sender, &mut message, |sent| sent).wait_timeout(Duration::from_millis(1));
    /// assert!(sent.is_err());
    /// assert_eq!((message, receiver.try_recv()), (Some(2), Ok(1))); // the message is here again
    /// ```
    #[track_caller]
    pub fn send<T>(
        self,
        sender: &'a Sender<T>,
        message: &'a mut Option<T>,
        map: impl FnOnce(Result<(), SendError<T>>) -> R + 'a,
    ) -> Self {
        self.with_branch(PutBranch::new(sender.queue(), message), |put| map(put.map_err(SendError::from)))
    }

    /// Adds any future that is `Unpin`, by value or by `&mut`: a [`get_task`](Queue::get_task), a
    /// [`join`](Queue::join), a [`closed`](Queue::closed), a [`Reserve`](crate::queue::Reserve), the future
    /// of another crate. For a ticker add `&mut` of a timer's future, or get from a queue with capacity 1
    /// into which another thread puts by [`force_put`](Queue::force_put).
    ///
    /// What it has done when it loses is for the future to say: see the [type](Selector).
    ///
    /// # Examples
    /// ```
    /// use joinq::{Queue, Selector};
    ///
    /// let (jobs, stop) = (Queue::<u32>::unbounded(), Queue::<()>::unbounded());
    /// let mut join = jobs.join();
    /// let all_done = Selector::new().add(&mut join, |()| true).get(&stop, |_| false).wait();
    /// assert!(all_done, "nothing was put");
    /// ```
    #[doc(alias = "oper")]
    pub fn add<F: Future + Unpin + 'a>(self, operation: F, map: impl FnOnce(F::Output) -> R + 'a) -> Self {
        self.with_branch(FutureBranch::new(operation), map)
    }

    /// Blocks this thread until one operation has completed, and returns what its function returns.
    ///
    /// It yields for a short time before it parks. Do not call this in an async task.
    ///
    /// # Panics
    /// If there is no operation, as it would wait for ever.
    ///
    /// # Examples
    /// ```
    /// use joinq::{Queue, Selector};
    ///
    /// let (jobs, stop) = (Queue::<u32>::unbounded(), Queue::<()>::unbounded());
    /// stop.close();
    /// let job = Selector::new().get(&jobs, |job| job.ok()).get(&stop, |_| None).wait();
    /// assert_eq!(job, None); // the queue that is closed and empty is ready
    /// ```
    #[track_caller]
    pub fn wait(self) -> R {
        assert!(
            !self.branches.is_empty(),
            "no operation was added to this `Selector`, so it would wait for ever: add one"
        );
        match self.run(Limit::None) {
            Some(result) => result,
            None => unreachable!("no deadline was given"),
        }
    }

    /// Blocks this thread until one operation has completed, for at most `timeout`.
    ///
    /// Any length is allowed; `Duration::MAX` means without a limit. If an operation can complete without
    /// waiting, it does so even if the timeout is zero. Without any operation this sleeps.
    ///
    /// # Errors
    /// [`SelectTimeoutError`] if no operation has completed; then all of them have lost.
    ///
    /// # Panics
    /// If there is no operation, and the timeout is too long to end.
    ///
    /// # Examples
    /// ```
    /// use joinq::{Queue, SelectTimeoutError, Selector};
    /// use std::time::Duration;
    ///
    /// let queue = Queue::<u32>::unbounded();
    /// let result = Selector::new().get(&queue, |got| got).wait_timeout(Duration::from_millis(1));
    /// assert_eq!(result, Err(SelectTimeoutError));
    /// ```
    #[track_caller]
    #[doc(alias = "select_timeout")]
    pub fn wait_timeout(self, timeout: Duration) -> Result<R, SelectTimeoutError> {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.wait_deadline(deadline),
            None => Ok(self.wait()),
        }
    }

    /// Blocks this thread until one operation has completed, at most until `deadline`.
    ///
    /// If an operation can complete without waiting, it does so even if the deadline has passed. Without any
    /// operation this sleeps.
    ///
    /// # Errors
    /// As for [`wait_timeout`](Selector::wait_timeout).
    ///
    /// # Examples
    /// ```
    /// use joinq::{Queue, SelectTimeoutError, Selector};
    /// use std::time::{Duration, Instant};
    ///
    /// let queue = Queue::<u32>::unbounded();
    /// let deadline = Instant::now() + Duration::from_millis(1);
    /// let result = Selector::new().get(&queue, |got| got).wait_deadline(deadline);
    /// assert_eq!(result, Err(SelectTimeoutError));
    /// ```
    #[doc(alias = "select_deadline")]
    pub fn wait_deadline(self, deadline: Instant) -> Result<R, SelectTimeoutError> {
        self.run(Limit::Deadline(deadline)).ok_or(SelectTimeoutError)
    }

    /// Completes an operation that can complete without waiting.
    ///
    /// # Errors
    /// [`TrySelectError`] if there is none; then all of them have lost.
    ///
    /// # Examples
    /// ```
    /// use joinq::{Queue, Selector, TrySelectError};
    ///
    /// let (a, b) = (Queue::<u32>::unbounded(), Queue::unbounded());
    /// assert_eq!(Selector::new().get(&a, |got| got).get(&b, |got| got).try_select(), Err(TrySelectError));
    /// b.try_put(1).unwrap();
    /// assert_eq!(Selector::new().get(&a, |got| got).get(&b, |got| got).try_select(), Ok(Ok(1)));
    /// ```
    pub fn try_select(self) -> Result<R, TrySelectError> {
        self.run(Limit::Now).ok_or(TrySelectError)
    }

    fn run(mut self, limit: Limit) -> Option<R> {
        let branches = self.branches.iter_mut().enumerate();
        let mut branches: Vec<_> = branches.map(|(number, mapped)| (number, mapped.branch())).collect();
        let completed = run(&mut branches, limit, self.order)?;
        let mapped = self.branches.swap_remove(completed);
        // Those that have lost end before the function of the user runs.
        drop(self.branches);
        Some(mapped.result())
    }
}

impl<R> Default for Selector<'_, R> {
    /// The same as [`Selector::new`].
    fn default() -> Self {
        Selector::new()
    }
}

impl<R> fmt::Debug for Selector<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selector").field("operations", &self.branches.len()).finish_non_exhaustive()
    }
}

/// Error returned by [`Selector::wait_timeout`] and [`Selector::wait_deadline`]: it timed out before an
/// operation could complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectTimeoutError;

impl fmt::Display for SelectTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timed out selecting: no operation could complete")
    }
}

impl Error for SelectTimeoutError {}

/// Error returned by [`Selector::try_select`]: no operation could complete without waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrySelectError;

impl fmt::Display for TrySelectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no operation of the select can complete without waiting")
    }
}

impl Error for TrySelectError {}
