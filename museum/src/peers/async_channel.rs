//! async-channel.

use crate::peer::{Boxed, NotReceived, NotSent, Peer};
use async_channel::{Receiver, Sender, TryRecvError, TrySendError};
use std::time::Duration;

pub struct AsyncChannel;

impl Peer for AsyncChannel {
    const NAME: &'static str = "async-channel";
    type Tx<T: Send + Unpin + 'static> = Sender<T>;
    type Rx<T: Send + Unpin + 'static> = Receiver<T>;

    fn open<T: Send + Unpin + 'static>(capacity: Option<usize>) -> Option<(Self::Tx<T>, Self::Rx<T>)> {
        match capacity {
            // It has no rendezvous.
            Some(0) => None,
            Some(capacity) => Some(async_channel::bounded(capacity)),
            None => Some(async_channel::unbounded()),
        }
    }

    fn clone_tx<T: Send + Unpin + 'static>(tx: &Self::Tx<T>) -> Self::Tx<T> {
        tx.clone()
    }

    fn clone_rx<T: Send + Unpin + 'static>(rx: &Self::Rx<T>) -> Option<Self::Rx<T>> {
        Some(rx.clone())
    }

    fn try_send<T: Send + Unpin + 'static>(tx: &Self::Tx<T>, message: T) -> Result<(), NotSent> {
        tx.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => NotSent::Full,
            _ => NotSent::Closed,
        })
    }

    fn try_recv<T: Send + Unpin + 'static>(rx: &mut Self::Rx<T>) -> Result<T, NotReceived> {
        rx.try_recv().map_err(|error| match error {
            TryRecvError::Empty => NotReceived::Empty,
            _ => NotReceived::Closed,
        })
    }

    fn send<T: Send + Unpin + 'static>(tx: &Self::Tx<T>, message: T) -> bool {
        tx.send_blocking(message).is_ok()
    }

    fn recv<T: Send + Unpin + 'static>(rx: &mut Self::Rx<T>) -> Option<T> {
        rx.recv_blocking().ok()
    }

    fn recv_timeout<T: Send + Unpin + 'static>(
        _rx: &mut Self::Rx<T>,
        _timeout: Duration,
    ) -> Option<Result<T, NotReceived>> {
        None
    }

    fn send_async<T: Send + Unpin + 'static>(tx: &Self::Tx<T>, message: T) -> Option<Boxed<'_, bool>> {
        Some(Box::pin(async { tx.send(message).await.is_ok() }))
    }

    fn recv_async<T: Send + Unpin + 'static>(rx: &mut Self::Rx<T>) -> Option<Boxed<'_, Option<T>>> {
        Some(Box::pin(async { rx.recv().await.ok() }))
    }

    fn len<T: Send + Unpin + 'static>(rx: &Self::Rx<T>) -> usize {
        rx.len()
    }
}
