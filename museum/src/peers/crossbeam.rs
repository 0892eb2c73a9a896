//! crossbeam-channel.

use crate::peer::{Boxed, NotReceived, NotSent, Peer};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, TrySendError};
use std::time::Duration;

pub struct Crossbeam;

impl Peer for Crossbeam {
    const NAME: &'static str = "crossbeam-channel";
    type Tx<T: Send + Unpin + 'static> = Sender<T>;
    type Rx<T: Send + Unpin + 'static> = Receiver<T>;

    fn open<T: Send + Unpin + 'static>(capacity: Option<usize>) -> Option<(Self::Tx<T>, Self::Rx<T>)> {
        Some(capacity.map_or_else(crossbeam_channel::unbounded, crossbeam_channel::bounded))
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
            RecvTimeoutError::Timeout => NotReceived::Empty,
            _ => NotReceived::Closed,
        }))
    }

    fn send_async<T: Send + Unpin + 'static>(_tx: &Self::Tx<T>, _message: T) -> Option<Boxed<'_, bool>> {
        None
    }

    fn recv_async<T: Send + Unpin + 'static>(_rx: &mut Self::Rx<T>) -> Option<Boxed<'_, Option<T>>> {
        None
    }

    fn len<T: Send + Unpin + 'static>(rx: &Self::Rx<T>) -> usize {
        rx.len()
    }
}
