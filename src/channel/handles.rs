//! Senders and receivers, strong and weak, and their reference counts.
//!
//! Knows the queue, which stores the counts. Does not know how an operation waits.

#[cfg(feature = "stream")]
use super::operations::RecvStream;
#[cfg(feature = "sink")]
use super::operations::SendSink;
use super::operations::{IntoIter, Recv, RecvMany, RecvManyOwned, RecvOwned, Send, SendMany, SendManyOwned, SendOwned};
use crate::error::{SendError, TryRecvError, TrySendError};
use crate::queue::{Closed, Drain, HandleCount, Iter, Queue, QueueRef, TryIter};
use std::fmt;
use std::sync::{Arc, Weak};

/// The queue, which also counts the handles of each kind.
struct Shared<T> {
    queue: Queue<T>,
    on_disconnect: OnDisconnect,
}

/// What happens to the messages in the channel when the last receiver is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnDisconnect {
    /// They are dropped at once.
    Drop,
    /// They stay until the last sender is dropped as well, as in some other crates.
    #[cfg(feature = "compat")]
    Keep,
    /// As `Keep`. If the drop of a message panics, the messages behind it are leaked: the tests of
    /// `crossbeam-channel` check that.
    #[cfg(feature = "compat")]
    KeepUntilPanic,
}

impl<T> Shared<T> {
    /// The number of senders. It is stored in the queue, where it costs no memory.
    fn senders(&self) -> &HandleCount {
        &self.queue.handles().senders
    }

    fn receivers(&self) -> &HandleCount {
        &self.queue.handles().receivers
    }
}

#[cfg(feature = "compat")]
impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // The queue itself would drop the other messages after a panic.
        if self.on_disconnect == OnDisconnect::KeepUntilPanic {
            self.queue.discard_until_panic();
        }
    }
}

pub(crate) fn pair<T>(queue: Queue<T>, on_disconnect: OnDisconnect) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared { queue, on_disconnect });
    (Sender { shared: shared.clone() }, Receiver { shared })
}

/// The sending side of a channel; returned by [`unbounded`](crate::unbounded) and
/// [`bounded`](crate::bounded).
///
/// It can be cloned and shared. When the last sender is dropped, the channel is closed; messages in the
/// channel can still be received.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

/// The receiving side of a channel; returned by [`unbounded`](crate::unbounded) and
/// [`bounded`](crate::bounded).
///
/// It can be cloned and shared; each message goes to one receiver. When the last receiver is dropped, the
/// channel is closed and the messages in it are dropped at once.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
}

/// A sender that keeps neither the channel open nor its messages alive; returned by [`Sender::downgrade`].
pub struct WeakSender<T> {
    shared: Weak<Shared<T>>,
}

/// A receiver that keeps neither the channel open nor its messages alive; returned by
/// [`Receiver::downgrade`].
pub struct WeakReceiver<T> {
    shared: Weak<Shared<T>>,
}

impl<T> Sender<T> {
    /// Sends a message; waits while the channel is full.
    ///
    /// # Errors
    /// [`SendError`](crate::SendError) with the message if the channel is closed.
    ///
    /// # Cancel safety
    /// As for [`Queue::put`]: a waiting message may be enqueued before the future is polled again.
    /// [`Send::take`] returns the message if it was not sent.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::bounded(10);
    /// sender.send("hello").wait().unwrap(); // on a thread; `.await` in a task
    /// assert_eq!(receiver.recv().wait(), Ok("hello"));
    /// drop(receiver);
    /// assert_eq!(sender.send("bye").wait().unwrap_err().into_inner(), "bye");
    /// ```
    #[inline]
    #[doc(alias("blocking_send", "send_async", "send_blocking", "send_timeout", "send_deadline"))]
    pub fn send(&self, message: T) -> Send<'_, T> {
        Send::new(&self.shared.queue, message)
    }

    /// As [`Sender::send`], but the message is sent only when the future is polled.
    #[cfg(feature = "compat")]
    pub(crate) fn send_when_polled(&self, message: T) -> Send<'_, T> {
        Send::without_handoff(&self.shared.queue, message)
    }

    /// Sends a message without waiting.
    ///
    /// # Errors
    /// [`TrySendError`] with the message.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::bounded(1);
    /// sender.try_send(1).unwrap();
    /// assert!(sender.try_send(2).unwrap_err().is_full());
    /// receiver.close();
    /// assert!(sender.try_send(3).unwrap_err().is_closed());
    /// ```
    #[inline]
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        Ok(self.shared.queue.try_put(message)?)
    }

    /// Sends a message without waiting; if the channel is full, it displaces the oldest message, which is
    /// returned. See [`Queue::force_put`].
    ///
    /// # Errors
    /// [`SendError`](crate::SendError) with the message if the channel is closed.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::bounded(2);
    /// assert_eq!(sender.force_send(1), Ok(None));
    /// assert_eq!(sender.force_send(2), Ok(None));
    /// assert_eq!(sender.force_send(3), Ok(Some(1))); // full: the oldest message is displaced
    /// assert_eq!(receiver.drain().collect::<Vec<_>>(), [2, 3]);
    /// ```
    #[doc(alias("overflow", "displace", "send_overwrite"))]
    pub fn force_send(&self, message: T) -> Result<Option<T>, SendError<T>> {
        Ok(self.shared.queue.force_put(message)?)
    }

    /// [`send`](Sender::send) as an operation that owns the sender, and so is `'static`.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::bounded(10);
    /// let send = sender.clone().into_send(1); // borrows nothing, so a thread or a task can own it
    /// std::thread::spawn(move || send.wait()).join().unwrap().unwrap();
    /// assert_eq!(receiver.recv().wait(), Ok(1));
    /// ```
    #[doc(alias = "into_send_async")]
    pub fn into_send(self, message: T) -> SendOwned<T> {
        SendOwned::new(self, message)
    }

    /// Sends all messages, in their order; waits while the channel is full. See [`Queue::put_many`].
    ///
    /// # Errors
    /// [`SendError`](crate::SendError) with the messages that were not sent if the channel is closed.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::unbounded();
    /// sender.send_many(0..100).wait().unwrap();
    /// assert_eq!(receiver.len(), 100);
    /// ```
    #[doc(alias = "send_all")]
    pub fn send_many(&self, messages: impl IntoIterator<Item = T>) -> SendMany<'_, T> {
        SendMany::new(&self.shared.queue, messages.into_iter().collect())
    }

    /// [`send_many`](Sender::send_many) as an operation that owns the sender, and so is `'static`.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::bounded(2);
    /// let send = sender.into_send_many(0..5);
    /// std::thread::spawn(move || send.wait());
    /// assert_eq!(receiver.iter().sum::<i32>(), 10);
    /// ```
    pub fn into_send_many(self, messages: impl IntoIterator<Item = T>) -> SendManyOwned<T> {
        SendManyOwned::new(self, messages.into_iter().collect())
    }

    /// Sends as many of the messages as there are free slots, without waiting.
    ///
    /// # Errors
    /// [`TrySendError`] with the messages that were not sent.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::bounded(2);
    /// let error = sender.try_send_many([1, 2, 3]).unwrap_err();
    /// assert_eq!(error.into_inner(), [3]); // there was no slot for it
    /// assert_eq!(receiver.len(), 2);
    /// ```
    pub fn try_send_many(&self, messages: impl IntoIterator<Item = T>) -> Result<(), TrySendError<Vec<T>>> {
        Ok(self.shared.queue.try_put_many(messages)?)
    }

    /// A sender that does not keep the channel open.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::unbounded::<u32>();
    /// let weak = sender.downgrade();
    /// assert!(weak.upgrade().is_some());
    /// drop(sender);
    /// assert!(receiver.is_closed() && weak.upgrade().is_none());
    /// ```
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender { shared: Arc::downgrade(&self.shared) }
    }

    /// A sink that sends messages and owns the sender.
    ///
    /// Requires the feature `sink`.
    ///
    /// # Examples
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use futures_sink::Sink;
    /// use std::{future::poll_fn, pin::Pin};
    ///
    /// let (sender, receiver) = joinq::bounded(10);
    /// let mut sink = sender.into_sink(); // the crate `futures` has `sink.send(1).await` for these three lines
    /// poll_fn(|context| Pin::new(&mut sink).poll_ready(context)).await.unwrap();
    /// Pin::new(&mut sink).start_send(1).unwrap();
    /// poll_fn(|context| Pin::new(&mut sink).poll_flush(context)).await.unwrap();
    /// assert_eq!(receiver.recv().await, Ok(1));
    /// # }
    /// ```
    #[cfg(feature = "sink")]
    #[doc(alias = "PollSender")]
    pub fn into_sink(self) -> SendSink<T> {
        SendSink::new(self)
    }
}

impl<T> Receiver<T> {
    /// Receives the oldest message; waits while the channel is empty.
    ///
    /// # Errors
    /// [`RecvError`](crate::RecvError) if the channel is closed and empty.
    ///
    /// # Cancel safety
    /// It can be dropped at any time: it takes a message only in the poll that returns it.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::unbounded();
    /// std::thread::spawn(move || sender.send("hello").wait());
    /// assert_eq!(receiver.recv().wait(), Ok("hello")); // on a thread; `.await` in a task
    /// assert!(receiver.recv().wait().is_err()); // the sender was dropped
    /// ```
    #[inline]
    #[doc(alias("blocking_recv", "recv_async", "recv_blocking", "recv_timeout", "recv_deadline"))]
    pub fn recv(&self) -> Recv<'_, T> {
        Recv::new(&self.shared.queue)
    }

    /// Receives the oldest message without waiting.
    ///
    /// # Errors
    /// [`TryRecvError::Empty`], or [`TryRecvError::Closed`] if the channel is empty and will stay so.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::unbounded();
    /// assert!(receiver.try_recv().unwrap_err().is_empty());
    /// sender.try_send(1).unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Ok(1));
    /// assert!(receiver.try_recv().unwrap_err().is_closed());
    /// ```
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.shared.queue.try_get_or()
    }

    /// Receives up to `limit` messages and appends them to `messages`; waits while the channel is empty. See
    /// [`Queue::get_many`].
    ///
    /// # Errors
    /// [`RecvError`](crate::RecvError) if the channel is closed and empty.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::unbounded();
    /// sender.send_many("abc".chars()).wait().unwrap();
    /// let mut batch = Vec::new();
    /// assert_eq!(receiver.recv_many(&mut batch, 2).wait(), Ok(2));
    /// assert_eq!(batch, ['a', 'b']);
    /// ```
    #[doc(alias = "blocking_recv_many")]
    pub fn recv_many<'a>(&'a self, messages: &'a mut Vec<T>, limit: usize) -> RecvMany<'a, T> {
        RecvMany::new(&self.shared.queue, messages, limit)
    }

    /// Receives up to `limit` messages without waiting, appends them to `messages`, and returns their number.
    ///
    /// # Errors
    /// As for [`try_recv`](Receiver::try_recv), if the channel is empty.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::unbounded();
    /// let mut batch = Vec::new();
    /// assert!(receiver.try_recv_many(&mut batch, 10).is_err()); // empty
    /// sender.try_send_many([1, 2, 3]).unwrap();
    /// assert_eq!(receiver.try_recv_many(&mut batch, 10), Ok(3));
    /// assert_eq!(batch, [1, 2, 3]);
    /// ```
    pub fn try_recv_many(&self, messages: &mut Vec<T>, limit: usize) -> Result<usize, TryRecvError> {
        Ok(self.shared.queue.try_get_many(messages, limit)?)
    }

    /// Removes the messages that are in the channel at the time of the call.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::unbounded();
    /// sender.try_send_many([1, 2, 3]).unwrap();
    /// assert_eq!(receiver.drain().collect::<Vec<_>>(), [1, 2, 3]);
    /// assert!(receiver.is_empty());
    /// ```
    pub fn drain(&self) -> Drain<T> {
        self.shared.queue.drain()
    }

    /// [`recv`](Receiver::recv) as an operation that owns the receiver, and so is `'static`.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::unbounded();
    /// let receive = receiver.clone().into_recv(); // borrows nothing, so a thread or a task can own it
    /// let thread = std::thread::spawn(move || receive.wait());
    /// sender.send(1).wait().unwrap();
    /// assert_eq!(thread.join().unwrap(), Ok(1));
    /// ```
    #[doc(alias = "into_recv_async")]
    pub fn into_recv(self) -> RecvOwned<T> {
        RecvOwned::new(self)
    }

    /// [`recv_many`](Receiver::recv_many) as an operation that owns the receiver, and so is `'static`; it
    /// returns the messages in a vector, which is empty only if `limit` is 0.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::unbounded();
    /// sender.send_many([1, 2, 3]).wait().unwrap();
    /// let recv = receiver.clone().into_recv_many(2);
    /// assert_eq!(std::thread::spawn(move || recv.wait()).join().unwrap(), Ok(vec![1, 2]));
    /// ```
    pub fn into_recv_many(self, limit: usize) -> RecvManyOwned<T> {
        RecvManyOwned::new(self, limit)
    }

    /// A receiver that does not keep the channel open.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::unbounded::<u32>();
    /// let weak = receiver.downgrade();
    /// assert!(weak.upgrade().is_some());
    /// drop(receiver);
    /// assert!(sender.is_closed() && weak.upgrade().is_none());
    /// ```
    pub fn downgrade(&self) -> WeakReceiver<T> {
        WeakReceiver { shared: Arc::downgrade(&self.shared) }
    }

    /// A blocking iterator over the messages as they arrive, which ends when the channel is closed and empty.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::unbounded();
    /// std::thread::spawn(move || sender.send_many([1, 2, 3]).wait());
    /// assert_eq!(receiver.iter().sum::<u32>(), 6); // ends when the sender was dropped
    /// ```
    pub fn iter(&self) -> Iter<'_, T> {
        self.shared.queue.iter()
    }

    /// An iterator that receives without waiting, and ends when it finds the channel empty.
    ///
    /// # Examples
    /// ```
    /// let (sender, receiver) = joinq::unbounded();
    /// sender.try_send_many([1, 2, 3]).unwrap();
    /// assert_eq!(receiver.try_iter().take(2).collect::<Vec<_>>(), [1, 2]);
    /// assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [3]); // the channel is still open
    /// ```
    pub fn try_iter(&self) -> TryIter<'_, T> {
        self.shared.queue.try_iter()
    }

    /// A stream of the messages, which ends when the channel is closed and empty.
    ///
    /// Requires the feature `stream`.
    ///
    /// # Examples
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use futures_lite::StreamExt;
    ///
    /// let (sender, receiver) = joinq::unbounded();
    /// sender.send_many([1, 2, 3]).await.unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.stream().map(|number| number * 10).collect::<Vec<_>>().await, [10, 20, 30]);
    /// # }
    /// ```
    #[cfg(feature = "stream")]
    pub fn stream(&self) -> crate::queue::GetStream<'_, T> {
        self.shared.queue.stream()
    }

    /// A stream of the messages that owns the receiver.
    ///
    /// Requires the feature `stream`.
    ///
    /// # Examples
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use futures_lite::StreamExt;
    ///
    /// let (sender, receiver) = joinq::unbounded();
    /// let mut stream = receiver.into_stream();
    /// let reader = tokio::spawn(async move { stream.next().await }); // the stream is `'static`
    /// sender.send(1).await.unwrap();
    /// assert_eq!(reader.await.unwrap(), Some(1));
    /// # }
    /// ```
    #[cfg(feature = "stream")]
    #[doc(alias = "ReceiverStream")]
    pub fn into_stream(self) -> RecvStream<T> {
        RecvStream::new(self)
    }
}

/// The methods and traits of both handles, strong and weak.
macro_rules! handle {
    ($name:ident, $weak:ident, $count:ident, $variable:literal, $last:expr) => {
        impl<T> $name<T> {
            /// Closes the channel. Returns true for the one call that closed it.
            ///
            /// Further sends fail; messages in the channel can still be received.
            ///
            /// # Examples
            /// ```
            /// let (sender, receiver) = joinq::unbounded();
            /// sender.try_send(1).unwrap();
            #[doc = concat!("assert!(", $variable, ".close());")]
            #[doc = concat!("assert!(!", $variable, ".close()); // it is closed already")]
            /// assert!(sender.try_send(2).unwrap_err().is_closed());
            /// assert_eq!(receiver.recv().wait(), Ok(1));
            /// ```
            #[doc(alias("shutdown", "disconnect"))]
            pub fn close(&self) -> bool {
                self.shared.queue.close()
            }

            /// Whether the channel is closed: by a call, or because all senders or all receivers were
            /// dropped.
            ///
            /// # Examples
            /// ```
            /// let (sender, receiver) = joinq::unbounded::<u32>();
            #[doc = concat!("assert!(!", $variable, ".is_closed());")]
            /// receiver.close();
            #[doc = concat!("assert!(", $variable, ".is_closed());")]
            /// ```
            #[doc(alias = "is_disconnected")]
            pub fn is_closed(&self) -> bool {
                self.shared.queue.is_closed()
            }

            /// Waits until the channel is closed.
            ///
            /// # Examples
            /// ```
            /// let (sender, receiver) = joinq::unbounded::<u32>();
            /// let other = sender.clone();
            /// std::thread::spawn(move || other.close());
            #[doc = concat!($variable, ".closed().wait();")]
            #[doc = concat!("assert!(", $variable, ".is_closed());")]
            /// ```
            #[doc(alias("disconnected", "wait_closed"))]
            pub fn closed(&self) -> Closed<'_, T> {
                self.shared.queue.closed()
            }

            /// The number of messages in the channel; never more than the capacity.
            ///
            /// # Examples
            /// ```
            /// let (sender, receiver) = joinq::unbounded();
            /// sender.try_send_many([1, 2, 3]).unwrap();
            #[doc = concat!("assert_eq!(", $variable, ".len(), 3);")]
            /// ```
            #[doc(alias = "qsize")]
            pub fn len(&self) -> usize {
                self.shared.queue.len()
            }

            /// Whether the channel contains no messages.
            ///
            /// # Examples
            /// ```
            /// let (sender, receiver) = joinq::unbounded();
            #[doc = concat!("assert!(", $variable, ".is_empty());")]
            /// sender.try_send(1).unwrap();
            #[doc = concat!("assert!(!", $variable, ".is_empty());")]
            /// ```
            #[doc(alias = "empty")]
            pub fn is_empty(&self) -> bool {
                self.shared.queue.is_empty()
            }

            /// Whether there is no free slot.
            ///
            /// # Examples
            /// ```
            /// let (sender, receiver) = joinq::bounded(1);
            #[doc = concat!("assert!(!", $variable, ".is_full());")]
            /// sender.try_send(1).unwrap();
            #[doc = concat!("assert!(", $variable, ".is_full());")]
            /// ```
            #[doc(alias = "full")]
            pub fn is_full(&self) -> bool {
                self.shared.queue.is_full()
            }

            /// The capacity; `None` if the channel is unbounded.
            ///
            /// # Examples
            /// ```
            /// let (sender, receiver) = joinq::bounded::<u32>(10);
            #[doc = concat!("assert_eq!(", $variable, ".capacity(), Some(10));")]
            /// ```
            #[doc(alias("maxsize", "max_capacity"))]
            pub fn capacity(&self) -> Option<usize> {
                self.shared.queue.capacity()
            }

            /// The number of free slots, or of free permits; `None` if the channel is unbounded.
            ///
            /// # Examples
            /// ```
            /// let (sender, receiver) = joinq::bounded(10);
            /// sender.try_send(1).unwrap();
            #[doc = concat!("assert_eq!(", $variable, ".remaining_capacity(), Some(9));")]
            /// ```
            pub fn remaining_capacity(&self) -> Option<usize> {
                self.shared.queue.remaining_capacity()
            }

            /// Changes the capacity while the channel is used: as [`Queue::set_capacity`], for messages.
            ///
            /// # Panics
            /// If `capacity` is 0, or if the channel is unbounded or has capacity 0.
            ///
            /// # Examples
            /// ```
            /// let (sender, receiver) = joinq::bounded(1);
            /// sender.try_send(1).unwrap();
            #[doc = concat!($variable, ".set_capacity(2);")]
            /// sender.try_send(2).unwrap();
            /// ```
            #[doc(alias = "resize")]
            #[track_caller]
            pub fn set_capacity(&self, capacity: usize) {
                self.shared.queue.set_capacity(capacity);
            }

            /// The number of senders.
            ///
            /// # Examples
            /// ```
            /// let (sender, receiver) = joinq::unbounded::<u32>();
            /// let other = sender.clone();
            #[doc = concat!("assert_eq!(", $variable, ".sender_count(), 2);")]
            /// drop(other);
            #[doc = concat!("assert_eq!(", $variable, ".sender_count(), 1);")]
            /// ```
            #[doc(alias("strong_count", "sender_strong_count"))]
            pub fn sender_count(&self) -> usize {
                self.shared.senders().get()
            }

            /// The number of receivers.
            ///
            /// # Examples
            /// ```
            /// let (sender, receiver) = joinq::unbounded::<u32>();
            /// let other = receiver.clone();
            #[doc = concat!("assert_eq!(", $variable, ".receiver_count(), 2);")]
            /// drop(other);
            #[doc = concat!("assert_eq!(", $variable, ".receiver_count(), 1);")]
            /// ```
            #[doc(alias("strong_count", "receiver_strong_count"))]
            pub fn receiver_count(&self) -> usize {
                self.shared.receivers().get()
            }

            /// The number of weak handles, of both kinds.
            #[cfg(feature = "tokio")]
            pub(crate) fn weak_count(&self) -> usize {
                Arc::weak_count(&self.shared)
            }

            /// A weak handle that keeps the messages alive.
            #[cfg(feature = "compat")]
            pub(crate) fn downgrade_keeping_messages(&self) -> WeakKeepingMessages<T> {
                WeakKeepingMessages { counted: Arc::downgrade(&self.shared), shared: self.shared.clone() }
            }

            /// Whether both are handles of the same channel.
            ///
            /// # Examples
            /// ```
            /// let (sender, receiver) = joinq::unbounded::<u32>();
            /// let (other_sender, other_receiver) = joinq::unbounded::<u32>();
            #[doc = concat!("assert!(", $variable, ".same_channel(&", $variable, ".clone()));")]
            #[doc = concat!("assert!(!", $variable, ".same_channel(&other_", $variable, "));")]
            /// ```
            #[doc(alias("same_queue", "same_receiver"))]
            pub fn same_channel(&self, other: &Self) -> bool {
                Arc::ptr_eq(&self.shared, &other.shared)
            }
        }

        impl<T> QueueRef<T> for $name<T> {
            fn queue(&self) -> &Queue<T> {
                &self.shared.queue
            }
        }

        impl<T> Clone for $name<T> {
            /// Returns another handle of the same channel.
            ///
            /// # Panics
            /// If there are `i32::MAX` handles, which is possible only if handles are leaked.
            #[track_caller]
            fn clone(&self) -> Self {
                assert!(self.shared.$count().add_unless_zero(), "the reference count of a live handle is 0");
                $name { shared: self.shared.clone() }
            }
        }

        impl<T> Drop for $name<T> {
            fn drop(&mut self) {
                if self.shared.$count().remove() {
                    let end: fn(&Shared<T>) = $last;
                    end(&self.shared);
                }
            }
        }

        impl<T> $weak<T> {
            /// Returns a strong handle, unless all strong handles of this side were dropped.
            ///
            /// # Examples
            /// ```
            /// let (sender, receiver) = joinq::unbounded();
            #[doc = concat!("let weak = ", $variable, ".downgrade();")]
            /// let handle = weak.upgrade().unwrap(); // another handle of the channel
            /// sender.try_send(1).unwrap();
            #[doc = concat!("drop((", $variable, ", handle));")]
            /// assert!(weak.upgrade().is_none());
            /// ```
            pub fn upgrade(&self) -> Option<$name<T>> {
                let shared = self.shared.upgrade()?;
                shared.$count().add_unless_zero().then(|| $name { shared })
            }
        }

        impl<T> Clone for $weak<T> {
            fn clone(&self) -> Self {
                $weak { shared: self.shared.clone() }
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), " { .. }"))
            }
        }

        impl<T> fmt::Debug for $weak<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($weak), " { .. }"))
            }
        }
    };
}

handle!(Sender, WeakSender, senders, "sender", |shared| {
    shared.queue.close();
});
handle!(Receiver, WeakReceiver, receivers, "receiver", |shared| {
    // Discards even if a waker panics in `close`.
    let _discard = Discard(shared);
    shared.queue.close();
});

/// A handle of either side that does not keep the channel open but keeps its messages alive, as in some other
/// crates.
#[cfg(feature = "compat")]
pub(crate) struct WeakKeepingMessages<T> {
    shared: Arc<Shared<T>>,
    /// So that this handle is counted as a weak one.
    counted: Weak<Shared<T>>,
}

#[cfg(feature = "compat")]
impl<T> WeakKeepingMessages<T> {
    pub(crate) fn upgrade_sender(&self) -> Option<Sender<T>> {
        self.shared.senders().add_unless_zero().then(|| Sender { shared: self.shared.clone() })
    }

    pub(crate) fn upgrade_receiver(&self) -> Option<Receiver<T>> {
        self.shared.receivers().add_unless_zero().then(|| Receiver { shared: self.shared.clone() })
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn sender_count(&self) -> usize {
        self.shared.senders().get()
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn weak_count(&self) -> usize {
        Arc::weak_count(&self.shared)
    }
}

#[cfg(feature = "compat")]
impl<T> Clone for WeakKeepingMessages<T> {
    fn clone(&self) -> Self {
        WeakKeepingMessages { shared: self.shared.clone(), counted: self.counted.clone() }
    }
}

/// Drops the messages in the channel when it is dropped, unless the channel keeps them.
struct Discard<'a, T>(&'a Shared<T>);

impl<T> Drop for Discard<'_, T> {
    fn drop(&mut self) {
        if self.0.on_disconnect == OnDisconnect::Drop {
            self.0.queue.discard();
        }
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter::new(self)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_send_returns_its_message_when_the_last_receiver_is_dropped() {
        use futures_lite::future::{block_on, poll_once};

        let (sender, receiver) = pair(Queue::bounded(0), OnDisconnect::Drop);
        let mut send = sender.send(1);
        assert_eq!(block_on(poll_once(&mut send)), None);
        drop(receiver);
        assert_eq!(block_on(poll_once(&mut send)), Some(Err(SendError(1))));
    }
}
