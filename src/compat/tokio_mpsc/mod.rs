#![doc = include_str!("../../../docs/migration/tokio-mpsc.md")]

mod bounded;
pub mod error;
mod permits;
mod poll_receiver;
mod unbounded;

pub use bounded::{channel, Receiver, Sender, WeakSender};
pub use permits::{OwnedPermit, Permit, PermitIterator};
pub use unbounded::{unbounded_channel, UnboundedReceiver, UnboundedSender, WeakUnboundedSender};

/// Panics, with tokio's own text, if this thread drives asynchronous tasks and so must not block.
#[track_caller]
fn assert_may_block() {
    // The lock is free, so this does not wait. It makes the check that precedes all blocking in tokio.
    drop(tokio::sync::Mutex::new(()).blocking_lock());
}

/// The methods and traits of both kinds of senders, and of their weak counterparts. `$channel` creates a channel in
/// an example.
macro_rules! sender {
    ($name:ident, $weak:ident, $channel:literal) => {
        impl<T> $name<T> {
            /// Waits until the receiver is dropped or closes the channel.
            pub async fn closed(&self) {
                let mut closed = self.0.closed().0;
                // As in tokio, this takes no part in the budget.
                std::future::poll_fn(|context| closed.poll_without_budget(context)).await;
            }

            /// Whether the receiver was dropped or has closed the channel.
            pub fn is_closed(&self) -> bool {
                self.0.is_closed()
            }

            /// Returns a sender that does not keep the channel open.
            #[must_use = "this returns a weak sender and leaves the sender alone"]
            pub fn downgrade(&self) -> $weak<T> {
                $weak(self.0.downgrade_keeping_messages())
            }
        }

        impl<T> $weak<T> {
            /// Returns a sender, unless all senders were dropped.
            pub fn upgrade(&self) -> Option<$name<T>> {
                self.0.upgrade_sender().map($name)
            }
        }

        delegate!($name(.0) in [$channel]: same_channel, strong_count, weak_count);
        delegate!($weak(.0) in [concat!($channel, "\nlet weak = sender.downgrade();")]: strong_count, weak_count);
        delegate!(impl Clone for $name(.0) by $name);
        delegate!(impl Clone for $weak(.0) by $weak);
        opaque_debug!(write_str " { .. }": $name<T>, $weak<T>);
    };
}
use sender;

/// The methods and traits of both kinds of receivers.
macro_rules! receiver {
    ($name:ident, $channel:literal, $send:literal) => {
        impl<T> $name<T> {
            /// Receives a message; waits while the channel is empty. Returns `None` if the channel is closed
            /// and empty and no permit is held.
            ///
            /// # Cancel safety
            /// It can be dropped at any time: it takes a message only in the poll that returns it.
            pub async fn recv(&mut self) -> Option<T> {
                std::future::poll_fn(|context| self.0.poll_recv(context)).await
            }

            /// Receives up to `limit` messages, appends them to `buffer`, and returns their number; waits
            /// while the channel is empty. Returns 0 if `recv` would return `None`, or if `limit` is 0.
            ///
            /// # Cancel safety
            /// As for [`recv`](Self::recv).
            pub async fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
                std::future::poll_fn(|context| self.0.poll_recv_many(context, buffer, limit)).await
            }

            /// Receives a message without waiting.
            pub fn try_recv(&mut self) -> Result<T, crate::compat::tokio_mpsc::error::TryRecvError> {
                Ok(self.0.handle().try_recv()?)
            }

            /// Receives a message; blocks this thread while the channel is empty.
            ///
            /// # Panics
            /// If this thread drives asynchronous tasks.
            #[track_caller]
            pub fn blocking_recv(&mut self) -> Option<T> {
                crate::compat::tokio_mpsc::assert_may_block();
                self.0.blocking_recv()
            }

            /// [`recv_many`](Self::recv_many) that blocks this thread while the channel is empty.
            ///
            /// # Panics
            /// If this thread drives asynchronous tasks.
            #[track_caller]
            pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
                crate::compat::tokio_mpsc::assert_may_block();
                self.0.blocking_recv_many(buffer, limit)
            }

            /// Closes the channel. Further sends fail, except those with a permit that is held; messages in
            /// the channel can still be received.
            pub fn close(&mut self) {
                self.0.handle().close();
            }

            /// Polls [`recv`](Self::recv); the waker of the last call is woken.
            pub fn poll_recv(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Option<T>> {
                self.0.poll_recv(cx)
            }

            /// Polls [`recv_many`](Self::recv_many); the waker of the last call is woken.
            pub fn poll_recv_many(
                &mut self,
                cx: &mut std::task::Context<'_>,
                buffer: &mut Vec<T>,
                limit: usize,
            ) -> std::task::Poll<usize> {
                self.0.poll_recv_many(cx, buffer, limit)
            }

            /// The number of senders.
            pub fn sender_strong_count(&self) -> usize {
                self.0.handle().sender_count()
            }

            /// The number of weak senders.
            pub fn sender_weak_count(&self) -> usize {
                self.0.handle().weak_count()
            }
        }

        impl<T> Unpin for $name<T> {}

        delegate!(
            $name(.0.handle()) in [concat!($channel, "\nsender.", $send, "('a').unwrap();")]: is_closed, is_empty, len
        );
        opaque_debug!(write_str " { .. }": $name<T>);
    };
}
use receiver;
