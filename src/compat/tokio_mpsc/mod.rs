#![doc = include_str!("../../../docs/migration/tokio-mpsc.md")]

/// The text of the example of a method that both channels have: it creates a channel by the call `$channel` and
/// runs the lines, in which `.await` may stand. `$line` is one line or several.
macro_rules! example {
    ($(use $($import:expr),+;)* $receiver:literal = $channel:literal: $($line:expr),+) => {
        concat!(
            "# Examples\n```\n",
            $("use ", $($import,)+ ";\n",)*
            "# futures_lite::future::block_on(async {\n",
            "let (sender, ", $receiver, ") = joinq::compat::tokio_mpsc::", $channel, ";\n",
            $($line,)+
            "\n# });\n```"
        )
    };
}

mod bounded;
pub mod error;
mod permits;
mod poll_receiver;
mod poll_sender;
mod streams;
mod unbounded;

pub use bounded::{channel, Receiver, Sender, WeakSender};
pub use permits::{OwnedPermit, Permit, PermitIterator};
pub use poll_sender::{PollSendError, PollSender};
pub use streams::{ReceiverStream, UnboundedReceiverStream};
pub use unbounded::{unbounded_channel, UnboundedReceiver, UnboundedSender, WeakUnboundedSender};

/// Panics, with tokio's own text, if this thread drives asynchronous tasks and so must not block.
#[track_caller]
fn assert_may_block() {
    // The lock is free, so this does not wait. It makes the check that precedes all blocking in tokio.
    drop(tokio::sync::Mutex::new(()).blocking_lock());
}

/// The methods and traits of both kinds of senders, and of their weak counterparts. The literals are for the
/// examples.
macro_rules! sender {
    ($name:ident, $weak:ident, $channel:literal, $send:literal) => {
        impl<T> $name<T> {
            /// Waits until the receiver is dropped or closes the channel.
            ///
            /// # Cancel safety
            /// It can be dropped at any time.
            ///
            #[doc = example!(
                "receiver" = $channel:
                "drop(receiver);\n",
                "sender.closed().await;\n",
                "assert!(sender.", $send, "(1).is_err());"
            )]
            pub async fn closed(&self) {
                let mut closed = self.0.closed().0;
                // As in tokio, this takes no part in the budget.
                std::future::poll_fn(|context| closed.poll_without_budget(context)).await;
            }

            /// Whether the receiver was dropped or has closed the channel.
            ///
            #[doc = example!(
                "mut receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "receiver.close();\n",
                "assert!(sender.is_closed());"
            )]
            pub fn is_closed(&self) -> bool {
                self.0.is_closed()
            }

            /// Returns a sender that does not keep the channel open.
            ///
            #[doc = example!(
                "mut receiver" = $channel:
                "let weak = sender.downgrade();\n",
                "weak.upgrade().unwrap().", $send, "(1).unwrap();\n",
                "drop(sender);\n",
                "assert!(weak.upgrade().is_none());\n",
                "assert_eq!((receiver.recv().await, receiver.recv().await), (Some(1), None));"
            )]
            #[must_use = "this returns a weak sender and leaves the sender alone"]
            pub fn downgrade(&self) -> $weak<T> {
                $weak(self.0.downgrade_keeping_messages())
            }

            /// Whether both are senders of the same channel.
            ///
            #[doc = example!(
                "receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "let (other, _) = joinq::compat::tokio_mpsc::", $channel, ";\n",
                "assert!(sender.same_channel(&sender.clone()) && !sender.same_channel(&other));\n",
                "drop(receiver);"
            )]
            pub fn same_channel(&self, other: &Self) -> bool {
                self.0.same_channel(&other.0)
            }

            /// The number of senders.
            ///
            #[doc = example!(
                "mut receiver" = $channel:
                "sender.clone().", $send, "(1).unwrap();\n",
                "let second = sender.clone();\n",
                "assert_eq!(second.strong_count(), 2);\n",
                "assert_eq!(receiver.recv().await, Some(1));"
            )]
            pub fn strong_count(&self) -> usize {
                self.0.sender_count()
            }

            /// The number of weak senders.
            ///
            #[doc = example!(
                "mut receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "let weak = sender.downgrade();\n",
                "assert_eq!((sender.strong_count(), sender.weak_count()), (1, 1));\n",
                "drop(weak);\n",
                "assert_eq!(receiver.recv().await, Some(1));"
            )]
            pub fn weak_count(&self) -> usize {
                self.0.weak_count()
            }
        }

        impl<T> $weak<T> {
            /// Returns a sender, unless all senders were dropped.
            ///
            #[doc = example!(
                "mut receiver" = $channel:
                "let weak = sender.downgrade();\n",
                "weak.upgrade().unwrap().", $send, "(1).unwrap();\n",
                "drop(sender);\n",
                "assert!(weak.upgrade().is_none());\n",
                "assert_eq!(receiver.recv().await, Some(1));"
            )]
            pub fn upgrade(&self) -> Option<$name<T>> {
                self.0.upgrade_sender().map($name)
            }

            /// The number of senders.
            ///
            #[doc = example!(
                "mut receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "let weak = sender.downgrade();\n",
                "drop(sender);\n",
                "assert_eq!(weak.strong_count(), 0);\n",
                "assert_eq!(receiver.recv().await, Some(1));"
            )]
            pub fn strong_count(&self) -> usize {
                self.0.sender_count()
            }

            /// The number of weak senders.
            ///
            #[doc = example!(
                "mut receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "let weak = sender.downgrade();\n",
                "assert_eq!(weak.clone().weak_count(), 2);\n",
                "assert_eq!(receiver.recv().await, Some(1));"
            )]
            pub fn weak_count(&self) -> usize {
                self.0.weak_count()
            }
        }

        delegate!(impl Clone for $name(.0) by $name);
        delegate!(impl Clone for $weak(.0) by $weak);
        opaque_debug!(write_str " { .. }": $name<T>, $weak<T>);
    };
}
use sender;

/// The methods and traits of both kinds of receivers. The literals are for the examples.
macro_rules! receiver {
    ($name:ident, $channel:literal, $send:literal) => {
        impl<T> $name<T> {
            /// Receives a message; waits while the channel is empty. Returns `None` if the channel is closed
            /// and empty and no permit is held.
            ///
            /// # Cancel safety
            /// It can be dropped at any time: it takes a message only in the poll that returns it.
            ///
            #[doc = example!(
                "mut receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "drop(sender);\n",
                "assert_eq!((receiver.recv().await, receiver.recv().await), (Some(1), None));"
            )]
            pub async fn recv(&mut self) -> Option<T> {
                std::future::poll_fn(|context| self.0.poll_recv(context)).await
            }

            /// Receives up to `limit` messages, appends them to `buffer`, and returns their number; waits
            /// while the channel is empty. Returns 0 if `recv` would return `None`, or if `limit` is 0.
            ///
            /// # Cancel safety
            /// As for [`recv`](Self::recv).
            ///
            #[doc = example!(
                "mut receiver" = $channel:
                "(1..=3).for_each(|number| sender.", $send, "(number).unwrap());\n",
                "let mut buffer = Vec::new();\n",
                "assert_eq!(receiver.recv_many(&mut buffer, 2).await, 2);\n",
                "assert_eq!(buffer, [1, 2]);"
            )]
            pub async fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
                std::future::poll_fn(|context| self.0.poll_recv_many(context, buffer, limit)).await
            }

            /// Receives a message without waiting.
            ///
            /// # Errors
            /// [`TryRecvError::Empty`](crate::compat::tokio_mpsc::error::TryRecvError::Empty), or
            /// [`TryRecvError::Disconnected`](crate::compat::tokio_mpsc::error::TryRecvError::Disconnected) if
            /// no message will arrive.
            ///
            #[doc = example!(
                use "joinq::compat::tokio_mpsc::error::TryRecvError";
                "mut receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "assert_eq!(receiver.try_recv(), Ok(1));\n",
                "assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));\n",
                "drop(sender);\n",
                "assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));"
            )]
            pub fn try_recv(&mut self) -> Result<T, crate::compat::tokio_mpsc::error::TryRecvError> {
                Ok(self.0.handle().try_recv()?)
            }

            /// Receives a message; blocks this thread while the channel is empty.
            ///
            /// # Panics
            /// If this thread drives asynchronous tasks: there, use [`recv`](Self::recv).
            ///
            #[doc = example!(
                "mut receiver" = $channel:
                "let thread = std::thread::spawn(move || receiver.blocking_recv());\n",
                "sender.", $send, "(1).unwrap();\n",
                "assert_eq!(thread.join().unwrap(), Some(1));"
            )]
            #[track_caller]
            pub fn blocking_recv(&mut self) -> Option<T> {
                crate::compat::tokio_mpsc::assert_may_block();
                self.0.blocking_recv()
            }

            /// [`recv_many`](Self::recv_many) that blocks this thread while the channel is empty.
            ///
            /// # Panics
            /// If this thread drives asynchronous tasks: there, use [`recv_many`](Self::recv_many).
            ///
            #[doc = example!(
                "mut receiver" = $channel:
                "(1..=3).for_each(|number| sender.", $send, "(number).unwrap());\n",
                "let mut buffer = Vec::new();\n",
                "assert_eq!(receiver.blocking_recv_many(&mut buffer, 2), 2);\n",
                "assert_eq!(buffer, [1, 2]);"
            )]
            #[track_caller]
            pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
                crate::compat::tokio_mpsc::assert_may_block();
                self.0.blocking_recv_many(buffer, limit)
            }

            /// Closes the channel. Further sends fail, except those with a permit that is held; messages in
            /// the channel can still be received.
            ///
            #[doc = example!(
                "mut receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "receiver.close();\n",
                "assert!(sender.", $send, "(2).is_err());\n",
                "assert_eq!((receiver.recv().await, receiver.recv().await), (Some(1), None));"
            )]
            pub fn close(&mut self) {
                self.0.handle().close();
            }

            /// Polls [`recv`](Self::recv); the waker of the last call is woken.
            ///
            #[doc = example!(
                use "std::future::poll_fn";
                "mut receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "assert_eq!(poll_fn(|context| receiver.poll_recv(context)).await, Some(1));"
            )]
            pub fn poll_recv(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Option<T>> {
                self.0.poll_recv(cx)
            }

            /// Polls [`recv_many`](Self::recv_many); the waker of the last call is woken.
            ///
            #[doc = example!(
                use "std::future::poll_fn";
                "mut receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "let mut buffer = Vec::new();\n",
                "assert_eq!(poll_fn(|context| receiver.poll_recv_many(context, &mut buffer, 2)).await, 1);"
            )]
            pub fn poll_recv_many(
                &mut self,
                cx: &mut std::task::Context<'_>,
                buffer: &mut Vec<T>,
                limit: usize,
            ) -> std::task::Poll<usize> {
                self.0.poll_recv_many(cx, buffer, limit)
            }

            /// Whether the channel is closed: by [`close`](Self::close), or because all senders were dropped.
            ///
            #[doc = example!(
                "receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "drop(sender);\n",
                "assert!(receiver.is_closed() && !receiver.is_empty());"
            )]
            pub fn is_closed(&self) -> bool {
                self.0.handle().is_closed()
            }

            /// Whether the channel contains no messages.
            ///
            #[doc = example!(
                "receiver" = $channel:
                "assert!(receiver.is_empty());\n",
                "sender.", $send, "(1).unwrap();\n",
                "assert!(!receiver.is_empty());"
            )]
            pub fn is_empty(&self) -> bool {
                self.0.handle().is_empty()
            }

            /// The number of messages in the channel.
            ///
            #[doc = example!(
                "receiver" = $channel:
                "sender.", $send, "(1).unwrap();\n",
                "assert_eq!(receiver.len(), 1);"
            )]
            pub fn len(&self) -> usize {
                self.0.handle().len()
            }

            /// The number of senders.
            ///
            #[doc = example!(
                "receiver" = $channel:
                "sender.clone().", $send, "(1).unwrap();\n",
                "assert_eq!(receiver.sender_strong_count(), 1);"
            )]
            pub fn sender_strong_count(&self) -> usize {
                self.0.handle().sender_count()
            }

            /// The number of weak senders.
            ///
            #[doc = example!(
                "receiver" = $channel:
                "let weak = sender.downgrade();\n",
                "weak.upgrade().unwrap().", $send, "(1).unwrap();\n",
                "assert_eq!(receiver.sender_weak_count(), 1);"
            )]
            pub fn sender_weak_count(&self) -> usize {
                self.0.handle().weak_count()
            }
        }

        impl<T> Unpin for $name<T> {}

        opaque_debug!(write_str " { .. }": $name<T>);
    };
}
use receiver;
