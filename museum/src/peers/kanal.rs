//! kanal.

use crate::peer::{Boxed, NotReceived, NotSent, Peer};
use kanal::{ReceiveErrorTimeout, Receiver, Sender};
use std::time::Duration;

pub struct Kanal;

impl Peer for Kanal {
    const NAME: &'static str = "kanal";
    type Tx<T: Send + Unpin + 'static> = Sender<T>;
    type Rx<T: Send + Unpin + 'static> = Receiver<T>;

    fn open<T: Send + Unpin + 'static>(capacity: Option<usize>) -> Option<(Self::Tx<T>, Self::Rx<T>)> {
        Some(capacity.map_or_else(kanal::unbounded, kanal::bounded))
    }

    fn clone_tx<T: Send + Unpin + 'static>(tx: &Self::Tx<T>) -> Self::Tx<T> {
        tx.clone()
    }

    fn clone_rx<T: Send + Unpin + 'static>(rx: &Self::Rx<T>) -> Option<Self::Rx<T>> {
        Some(rx.clone())
    }

    fn try_send<T: Send + Unpin + 'static>(tx: &Self::Tx<T>, message: T) -> Result<(), NotSent> {
        match tx.try_send(message) {
            Ok(true) => Ok(()),
            Ok(false) => Err(NotSent::Full),
            Err(_) => Err(NotSent::Closed),
        }
    }

    fn try_recv<T: Send + Unpin + 'static>(rx: &mut Self::Rx<T>) -> Result<T, NotReceived> {
        match rx.try_recv() {
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err(NotReceived::Empty),
            Err(_) => Err(NotReceived::Closed),
        }
    }

    fn send<T: Send + Unpin + 'static>(tx: &Self::Tx<T>, message: T) -> bool {
        tx.send(message).is_ok()
    }

    fn recv<T: Send + Unpin + 'static>(rx: &mut Self::Rx<T>) -> Option<T> {
        rx.recv().ok()
    }

    fn recv_timeout<T: Send + Unpin + 'static>(
        rx: &mut Self::Rx<T>,
        timeout: Duration,
    ) -> Option<Result<T, NotReceived>> {
        Some(rx.recv_timeout(timeout).map_err(|error| match error {
            ReceiveErrorTimeout::Timeout => NotReceived::Empty,
            _ => NotReceived::Closed,
        }))
    }

    fn send_async<T: Send + Unpin + 'static>(tx: &Self::Tx<T>, message: T) -> Option<Boxed<'_, bool>> {
        let send = tx.as_async().send(message);
        Some(Box::pin(async { send.await.is_ok() }))
    }

    fn recv_async<T: Send + Unpin + 'static>(rx: &mut Self::Rx<T>) -> Option<Boxed<'_, Option<T>>> {
        let recv = rx.as_async().recv();
        Some(Box::pin(async { recv.await.ok() }))
    }

    fn len<T: Send + Unpin + 'static>(rx: &Self::Rx<T>) -> usize {
        rx.len()
    }
}
