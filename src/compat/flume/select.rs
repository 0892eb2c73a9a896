//! Waiting for several channels at once.
//!
//! Knows this crate's own select. Does not know how its operations complete.

use super::{Receiver, RecvError, SendError, Sender};
use crate::queue::QueueRef;
use crate::select::{self, GetBranch, PutBranch};
use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant};

/// Error returned by [`Selector::wait_timeout`] and [`Selector::wait_deadline`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectError {
    /// The operation timed out before one of its sends or receives could complete.
    Timeout,
}

impl fmt::Display for SelectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("timeout occurred")
    }
}

impl Error for SelectError {}

/// A set of sends and receives of which a thread completes exactly one.
///
/// If several are ready, a random one completes. The message of a send that loses is dropped with the
/// selector, and was not sent.
///
/// # Examples
/// ```
/// use joinq::compat::flume::{unbounded, Selector};
///
/// let (words, word_receiver) = unbounded();
/// let (_numbers, number_receiver) = unbounded::<u32>();
/// std::thread::spawn(move || words.send("word"));
/// let text = Selector::new()
///     .recv(&word_receiver, |word| word.unwrap().to_string())
///     .recv(&number_receiver, |number| number.unwrap().to_string())
///     .wait();
/// assert_eq!(text, "word");
/// ```
pub struct Selector<'a, T: 'a>(select::Selector<'a, T>);

impl<'a, T: 'a> Selector<'a, T> {
    /// A selector without operations.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::flume;
    ///
    /// let (sender, receiver) = flume::unbounded();
    /// sender.send(1).unwrap();
    /// assert_eq!(flume::Selector::new().recv(&receiver, |number| number).wait(), Ok(1));
    /// ```
    pub fn new() -> Self {
        Selector(select::Selector::new())
    }

    /// Adds a send of `msg`; `mapper` turns its result into that of the selector.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::flume;
    ///
    /// let (sender, receiver) = flume::bounded(1);
    /// assert!(flume::Selector::new().send(&sender, 1, |sent| sent.is_ok()).wait());
    /// assert_eq!(receiver.recv(), Ok(1));
    /// ```
    pub fn send<U, F: FnMut(Result<(), SendError<U>>) -> T + 'a>(
        self,
        sender: &'a Sender<U>,
        msg: U,
        mut mapper: F,
    ) -> Self {
        let branch = PutBranch::new(sender.queue(), Some(msg));
        Selector(self.0.with_branch(branch, move |put| mapper(put.map_err(SendError::from))))
    }

    /// Adds a receive; `mapper` turns its result into that of the selector.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::flume;
    ///
    /// let (sender, receiver) = flume::unbounded::<u32>();
    /// drop(sender);
    /// assert!(flume::Selector::new().recv(&receiver, |number| number.is_err()).wait());
    /// ```
    pub fn recv<U, F: FnMut(Result<U, RecvError>) -> T + 'a>(self, receiver: &'a Receiver<U>, mut mapper: F) -> Self {
        let branch = GetBranch::new(receiver.queue());
        Selector(self.0.with_branch(branch, move |got| mapper(got.map_err(RecvError::from))))
    }

    /// Blocks this thread until an operation has completed.
    ///
    /// # Panics
    /// If there is no operation, as it would wait for ever.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::flume;
    ///
    /// let (_a, first) = flume::unbounded::<u32>();
    /// let (b, second) = flume::unbounded();
    /// b.send(2).unwrap();
    /// let got = flume::Selector::new().recv(&first, |number| number).recv(&second, |number| number).wait();
    /// assert_eq!(got, Ok(2));
    /// ```
    #[track_caller]
    pub fn wait(self) -> T {
        self.0.wait()
    }

    /// [`wait`](Selector::wait) that blocks for at most `dur`.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::flume;
    /// use std::time::Duration;
    ///
    /// let (_sender, receiver) = flume::unbounded::<u32>();
    /// let late = flume::Selector::new().recv(&receiver, |number| number).wait_timeout(Duration::from_millis(1));
    /// assert!(late.is_err());
    /// ```
    pub fn wait_timeout(self, dur: Duration) -> Result<T, SelectError> {
        self.0.wait_timeout(dur).map_err(|_| SelectError::Timeout)
    }

    /// [`wait`](Selector::wait) that blocks at most until `deadline`.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::flume;
    /// use std::time::{Duration, Instant};
    ///
    /// let (_sender, receiver) = flume::unbounded::<u32>();
    /// let deadline = Instant::now() + Duration::from_millis(1);
    /// let late = flume::Selector::new().recv(&receiver, |number| number).wait_deadline(deadline);
    /// assert!(late.is_err());
    /// ```
    pub fn wait_deadline(self, deadline: Instant) -> Result<T, SelectError> {
        self.0.wait_deadline(deadline).map_err(|_| SelectError::Timeout)
    }
}

impl<'a, T: 'a> Default for Selector<'a, T> {
    fn default() -> Self {
        Selector::new()
    }
}

impl<'a, T: 'a> fmt::Debug for Selector<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selector").finish()
    }
}
