//! What a scenario needs of a crate. A crate without an operation says so, and the scenario has no result for it.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

pub type Boxed<'a, R> = Pin<Box<dyn Future<Output = R> + 'a>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSent {
    Full,
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotReceived {
    /// Nothing to receive, also when it timed out.
    Empty,
    Closed,
}

pub trait Peer: 'static {
    const NAME: &'static str;
    type Tx<T: Send + Unpin + 'static>: Send + 'static;
    type Rx<T: Send + Unpin + 'static>: Send + 'static;

    /// A channel with this capacity, or an unbounded one.
    fn open<T: Send + Unpin + 'static>(capacity: Option<usize>) -> Option<(Self::Tx<T>, Self::Rx<T>)>;
    fn clone_tx<T: Send + Unpin + 'static>(tx: &Self::Tx<T>) -> Self::Tx<T>;
    /// Another receiver, unless there can be only one.
    fn clone_rx<T: Send + Unpin + 'static>(rx: &Self::Rx<T>) -> Option<Self::Rx<T>>;

    fn try_send<T: Send + Unpin + 'static>(tx: &Self::Tx<T>, message: T) -> Result<(), NotSent>;
    fn try_recv<T: Send + Unpin + 'static>(rx: &mut Self::Rx<T>) -> Result<T, NotReceived>;
    /// Blocks the thread. True if the message was sent.
    fn send<T: Send + Unpin + 'static>(tx: &Self::Tx<T>, message: T) -> bool;
    /// Blocks the thread.
    fn recv<T: Send + Unpin + 'static>(rx: &mut Self::Rx<T>) -> Option<T>;
    fn recv_timeout<T: Send + Unpin + 'static>(
        rx: &mut Self::Rx<T>,
        timeout: Duration,
    ) -> Option<Result<T, NotReceived>>;
    fn send_async<T: Send + Unpin + 'static>(tx: &Self::Tx<T>, message: T) -> Option<Boxed<'_, bool>>;
    fn recv_async<T: Send + Unpin + 'static>(rx: &mut Self::Rx<T>) -> Option<Boxed<'_, Option<T>>>;
    fn len<T: Send + Unpin + 'static>(rx: &Self::Rx<T>) -> usize;

    /// Whether the last handle of a side ends the channel.
    fn disconnects() -> bool {
        true
    }
}
