#![doc = include_str!("../../../docs/migration/tokio-mpsc.md")]

/// The code of the example of a method that both channels have: it creates a channel by the call `$channel` and
/// runs the lines, in which `.await` may stand. `$line` is one line or several.
macro_rules! example {
    ($(use $($import:expr),+;)* $receiver:literal = $channel:literal: $($line:expr),+) => {
        concat!(
            $("use ", $($import,)+ ";\n",)*
            "# futures_lite::future::block_on(async {\n",
            "let (sender, ", $receiver, ") = joinq::compat::tokio_mpsc::", $channel, ";\n",
            $($line,)+
            "\n# });"
        )
    };
}

#[macro_use]
mod receivers;
#[macro_use]
mod senders;

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
