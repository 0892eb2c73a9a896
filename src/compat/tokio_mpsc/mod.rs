#![doc = include_str!("../../../docs/migration/tokio-mpsc.md")]

mod bounded;
pub mod error;
mod permits;
mod reception;
mod unbounded;

pub use bounded::{channel, Receiver, Sender, WeakSender};
pub use permits::{OwnedPermit, Permit, PermitIterator};
pub use unbounded::{unbounded_channel, UnboundedReceiver, UnboundedSender, WeakUnboundedSender};

/// Panics, with tokio's own words, where this thread drives asynchronous tasks and so must not block.
#[track_caller]
fn may_block() {
    // A lock that is free: nothing is waited for, and the check is made that comes before all blocking in tokio.
    drop(tokio::sync::Mutex::new(()).blocking_lock());
}

/// The text of a type that shows nothing of its inside.
macro_rules! opaque {
    ($name:ident $(<$life:lifetime>)?) => {
        impl<T> std::fmt::Debug for $name<$($life,)? T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), " { .. }"))
            }
        }
    };
}
use opaque;

/// No code of the message's type runs while a handle is between two states.
macro_rules! unwind_safe {
    ($name:ident $(<$life:lifetime>)?) => {
        impl<T> std::panic::UnwindSafe for $name<$($life,)? T> {}
        impl<T> std::panic::RefUnwindSafe for $name<$($life,)? T> {}
    };
}
use unwind_safe;

/// What both kinds of senders have, and their weak counterparts.
macro_rules! sender {
    ($name:ident, $weak:ident) => {
        impl<T> $name<T> {
            /// Waits until the receiver is dropped or closes the channel.
            pub async fn closed(&self) {
                self.0.closed().await;
            }

            /// Whether the receiver was dropped or has closed the channel.
            pub fn is_closed(&self) -> bool {
                self.0.is_closed()
            }

            /// Whether both are senders of one channel.
            pub fn same_channel(&self, other: &Self) -> bool {
                self.0.same_channel(&other.0)
            }

            /// A sender that does not keep the channel open.
            #[must_use = "a weak sender is made, and this one goes on to exist"]
            pub fn downgrade(&self) -> $weak<T> {
                $weak(self.0.downgrade_and_keep())
            }

            /// How many senders there are.
            pub fn strong_count(&self) -> usize {
                self.0.sender_count()
            }

            /// How many weak senders there are.
            pub fn weak_count(&self) -> usize {
                self.0.weak_count()
            }
        }

        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                $name(self.0.clone())
            }
        }

        impl<T> $weak<T> {
            /// A sender, if there is one left.
            pub fn upgrade(&self) -> Option<$name<T>> {
                self.0.upgrade_sender().map($name)
            }

            /// How many senders there are.
            pub fn strong_count(&self) -> usize {
                self.0.sender_count()
            }

            /// How many weak senders there are.
            pub fn weak_count(&self) -> usize {
                self.0.weak_count()
            }
        }

        impl<T> Clone for $weak<T> {
            fn clone(&self) -> Self {
                $weak(self.0.clone())
            }
        }

        crate::compat::tokio_mpsc::opaque!($name);
        crate::compat::tokio_mpsc::opaque!($weak);
        crate::compat::tokio_mpsc::unwind_safe!($name);
        crate::compat::tokio_mpsc::unwind_safe!($weak);
    };
}
use sender;

/// What both kinds of receivers have.
macro_rules! receiver {
    ($name:ident) => {
        impl<T> $name<T> {
            /// Receives a message; waits while the channel is empty. `None` once the channel is closed, nothing is inside
            /// and no permit is held.
            ///
            /// # Cancel safety
            /// It can be dropped at any time: it takes a message only in the poll that returns it.
            pub async fn recv(&mut self) -> Option<T> {
                std::future::poll_fn(|context| self.0.poll_recv(context)).await
            }

            /// Appends between 1 and `limit` messages to `buffer`; waits while the channel is empty. 0 where `recv` returns
            /// `None`, and where `limit` is 0.
            ///
            /// # Cancel safety
            /// As [`recv`](Self::recv).
            pub async fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
                std::future::poll_fn(|context| self.0.poll_recv_many(context, buffer, limit)).await
            }

            /// Receives a message if there is one at this moment.
            pub fn try_recv(&mut self) -> Result<T, crate::compat::tokio_mpsc::error::TryRecvError> {
                Ok(self.0.handle().try_recv()?)
            }

            /// Receives a message, blocking this thread while the channel is empty.
            ///
            /// # Panics
            /// If this thread drives asynchronous tasks.
            #[track_caller]
            pub fn blocking_recv(&mut self) -> Option<T> {
                crate::compat::tokio_mpsc::may_block();
                self.0.blocking_recv()
            }

            /// [`recv_many`](Self::recv_many), blocking this thread while the channel is empty.
            ///
            /// # Panics
            /// If this thread drives asynchronous tasks.
            #[track_caller]
            pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
                crate::compat::tokio_mpsc::may_block();
                self.0.blocking_recv_many(buffer, limit)
            }

            /// Closes the channel: nothing more is sent, except by permits that are held; what is inside can be received.
            pub fn close(&mut self) {
                self.0.handle().close();
            }

            /// Whether the channel is closed: by a call, or because all senders are gone.
            pub fn is_closed(&self) -> bool {
                self.0.handle().is_closed()
            }

            /// Whether nothing is inside.
            pub fn is_empty(&self) -> bool {
                self.0.handle().is_empty()
            }

            /// How many messages are inside.
            pub fn len(&self) -> usize {
                self.0.handle().len()
            }

            /// [`recv`](Self::recv) as a function to poll; who polled last is woken.
            pub fn poll_recv(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Option<T>> {
                self.0.poll_recv(cx)
            }

            /// [`recv_many`](Self::recv_many) as a function to poll; who polled last is woken.
            pub fn poll_recv_many(
                &mut self,
                cx: &mut std::task::Context<'_>,
                buffer: &mut Vec<T>,
                limit: usize,
            ) -> std::task::Poll<usize> {
                self.0.poll_recv_many(cx, buffer, limit)
            }

            /// How many senders there are.
            pub fn sender_strong_count(&self) -> usize {
                self.0.handle().sender_count()
            }

            /// How many weak senders there are.
            pub fn sender_weak_count(&self) -> usize {
                self.0.handle().weak_count()
            }
        }

        impl<T> Unpin for $name<T> {}

        crate::compat::tokio_mpsc::opaque!($name);
        crate::compat::tokio_mpsc::unwind_safe!($name);
    };
}
use receiver;
