//! A sender that is polled for capacity, as in `tokio_util::sync`.

use super::permits::OwnedPermit;
use super::Sender;
use crate::channel;
use crate::operation::Operation;
use crate::queue::ReserveAttempt;
use futures_sink::Sink;
use std::fmt;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

/// Error returned by a [`PollSender`]: the channel or the sender is closed.
#[derive(Debug)]
pub struct PollSendError<T>(Option<T>);

impl<T> PollSendError<T> {
    /// Returns the message that was not sent, if this is the error of [`send_item`](PollSender::send_item) or
    /// `start_send`.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::tokio_mpsc::{channel, PollSender};
    ///
    /// let (sender, _receiver) = channel(1);
    /// let mut sender = PollSender::new(sender);
    /// sender.close();
    /// assert_eq!(sender.send_item('a').unwrap_err().into_inner(), Some('a'));
    /// ```
    pub fn into_inner(self) -> Option<T> {
        self.0
    }
}

impl<T> fmt::Display for PollSendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("channel closed")
    }
}

impl<T: fmt::Debug> std::error::Error for PollSendError<T> {}

/// What a [`PollSender`] does. Each state but the last has a handle of the channel, as in `tokio-util`, where
/// it counts as a sender.
enum State<T> {
    Idle(Sender<T>),
    /// It waits for a permit.
    Reserving(Operation<ReserveAttempt<T, channel::Sender<T>>>),
    Reserved(OwnedPermit<T>),
    Closed,
}

/// A [`Sender`] that is polled for capacity, and a sink: `tokio_util::sync::PollSender`.
///
/// [`poll_reserve`](PollSender::poll_reserve) reserves capacity for one message, and
/// [`send_item`](PollSender::send_item) sends it. As a `Sink`, `poll_ready` and `start_send` do the same.
///
/// # Examples
/// ```
/// use joinq::compat::tokio_mpsc::{channel, PollSender};
/// use std::future::poll_fn;
///
/// # futures_lite::future::block_on(async {
/// let (sender, mut receiver) = channel(1);
/// let mut sender = PollSender::new(sender);
/// poll_fn(|context| sender.poll_reserve(context)).await.unwrap();
/// sender.send_item('a').unwrap();
/// assert_eq!(receiver.recv().await, Some('a'));
/// # });
/// ```
pub struct PollSender<T> {
    /// `None` once this is closed.
    sender: Option<Sender<T>>,
    state: State<T>,
}

impl<T> PollSender<T> {
    /// Creates a sender that is polled, of the channel of `sender`.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::tokio_mpsc::{channel, PollSender};
    ///
    /// let (sender, _receiver) = channel::<u8>(1);
    /// assert!(!PollSender::new(sender).is_closed());
    /// ```
    pub fn new(sender: Sender<T>) -> Self {
        PollSender { sender: Some(sender.clone()), state: State::Idle(sender) }
    }

    fn take_state(&mut self) -> State<T> {
        std::mem::replace(&mut self.state, State::Closed)
    }

    /// Idle with this handle, unless this was closed.
    fn idle(&self, sender: Sender<T>) -> State<T> {
        match self.sender {
            Some(_) => State::Idle(sender),
            None => State::Closed,
        }
    }

    /// Polls until capacity for one message is reserved. The next [`send_item`](PollSender::send_item) uses
    /// it; until then, further calls are ready at once.
    ///
    /// # Errors
    /// [`PollSendError`] if the channel or this sender is closed; it stays closed.
    ///
    /// # Cancel safety
    /// A call loses nothing if it is the last one: [`abort_send`](PollSender::abort_send) or a drop releases
    /// what is reserved.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::tokio_mpsc::{channel, PollSender};
    /// use std::future::poll_fn;
    ///
    /// # futures_lite::future::block_on(async {
    /// let (sender, receiver) = channel::<u8>(1);
    /// let mut sender = PollSender::new(sender);
    /// assert!(poll_fn(|context| sender.poll_reserve(context)).await.is_ok());
    /// assert_eq!(receiver.capacity(), 0);
    /// # });
    /// ```
    pub fn poll_reserve(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PollSendError<T>>> {
        if let State::Idle(_) = self.state {
            let State::Idle(Sender(handle)) = self.take_state() else { unreachable!("it is idle") };
            self.state = State::Reserving(Operation::new(ReserveAttempt::new(handle, 1)));
        }
        match &mut self.state {
            State::Reserving(operation) => match ready!(operation.poll(cx)) {
                Ok(permit) => {
                    self.state = State::Reserved(OwnedPermit(permit));
                    Poll::Ready(Ok(()))
                }
                Err(_) => {
                    self.state = State::Closed;
                    Poll::Ready(Err(PollSendError(None)))
                }
            },
            State::Closed => Poll::Ready(Err(PollSendError(None))),
            State::Idle(_) | State::Reserved(_) => Poll::Ready(Ok(())),
        }
    }

    /// Sends a message with the capacity that [`poll_reserve`](PollSender::poll_reserve) has reserved; never
    /// waits. Capacity that was reserved before the channel was closed can still be used.
    ///
    /// # Errors
    /// [`PollSendError`] with the message if `poll_reserve` has failed, or this sender is closed.
    ///
    /// # Panics
    /// If no capacity is reserved. Call `poll_reserve` before, until it is ready.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::tokio_mpsc::{channel, PollSender};
    /// use std::future::poll_fn;
    ///
    /// # futures_lite::future::block_on(async {
    /// let (sender, mut receiver) = channel(1);
    /// let mut sender = PollSender::new(sender);
    /// poll_fn(|context| sender.poll_reserve(context)).await.unwrap();
    /// sender.send_item('a').unwrap();
    /// assert_eq!(receiver.try_recv(), Ok('a'));
    /// # });
    /// ```
    #[track_caller]
    pub fn send_item(&mut self, value: T) -> Result<(), PollSendError<T>> {
        match self.take_state() {
            State::Idle(_) | State::Reserving(_) => panic!("`send_item` called without first calling `poll_reserve`"),
            State::Reserved(permit) => {
                let sender = permit.send(value);
                self.state = self.idle(sender);
                Ok(())
            }
            State::Closed => Err(PollSendError(Some(value))),
        }
    }

    /// Whether this sender is closed: by [`close`](PollSender::close), or because a call has found the channel
    /// closed.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::tokio_mpsc::{channel, PollSender};
    ///
    /// let (sender, _receiver) = channel::<u8>(1);
    /// let mut sender = PollSender::new(sender);
    /// assert!(!sender.is_closed());
    /// sender.close();
    /// assert!(sender.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.sender.is_none() || matches!(self.state, State::Closed)
    }

    /// The sender; `None` after [`close`](PollSender::close).
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::tokio_mpsc::{channel, PollSender};
    ///
    /// let (sender, _receiver) = channel::<u8>(4);
    /// assert_eq!(PollSender::new(sender).get_ref().unwrap().max_capacity(), 4);
    /// ```
    pub fn get_ref(&self) -> Option<&Sender<T>> {
        self.sender.as_ref()
    }

    /// Closes this sender; the channel stays open for other senders. Capacity that is reserved can be used
    /// for one more message, or released by [`abort_send`](PollSender::abort_send).
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::tokio_mpsc::{channel, PollSender};
    ///
    /// let (sender, mut receiver) = channel::<u8>(1);
    /// PollSender::new(sender.clone()).close();
    /// sender.try_send(1).unwrap(); // the channel is open
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// ```
    pub fn close(&mut self) {
        self.sender = None;
        if !matches!(self.state, State::Reserved(_)) {
            self.state = State::Closed;
        }
    }

    /// Releases the capacity that is reserved, or ends the wait for it. Returns true if there was any of
    /// these. The sender can reserve again, unless it is closed.
    ///
    /// # Examples
    /// ```
    /// use joinq::compat::tokio_mpsc::{channel, PollSender};
    /// use std::future::poll_fn;
    ///
    /// # futures_lite::future::block_on(async {
    /// let (sender, receiver) = channel::<u8>(1);
    /// let mut sender = PollSender::new(sender);
    /// poll_fn(|context| sender.poll_reserve(context)).await.unwrap();
    /// assert!(sender.abort_send());
    /// assert_eq!(receiver.capacity(), 1);
    /// assert!(!sender.abort_send());
    /// # });
    /// ```
    pub fn abort_send(&mut self) -> bool {
        match self.take_state() {
            State::Reserving(operation) => {
                drop(operation);
                self.state = self.sender.clone().map_or(State::Closed, State::Idle);
                true
            }
            State::Reserved(permit) => {
                let sender = permit.release();
                self.state = self.idle(sender);
                true
            }
            state => {
                self.state = state;
                false
            }
        }
    }
}

impl<T> Clone for PollSender<T> {
    /// Returns another sender of the channel, with no capacity reserved; it is closed if this one is.
    fn clone(&self) -> Self {
        match &self.sender {
            Some(sender) => PollSender::new(sender.clone()),
            None => PollSender { sender: None, state: State::Closed },
        }
    }
}

impl<T> Sink<T> for PollSender<T> {
    type Error = PollSendError<T>;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), PollSendError<T>>> {
        self.get_mut().poll_reserve(cx)
    }

    #[track_caller]
    fn start_send(self: Pin<&mut Self>, item: T) -> Result<(), PollSendError<T>> {
        self.get_mut().send_item(item)
    }

    /// Ready at once: each message is sent by `start_send`.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), PollSendError<T>>> {
        Poll::Ready(Ok(()))
    }

    /// Closes this sender, not the channel.
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), PollSendError<T>>> {
        self.get_mut().close();
        Poll::Ready(Ok(()))
    }
}

impl<T> Unpin for PollSender<T> {}

opaque_debug!(write_str " { .. }": PollSender<T>);
