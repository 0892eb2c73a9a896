//! tokio's `mpsc`.

use crate::peer::{Boxed, NotReceived, NotSent, Peer};
use std::time::Duration;
use tokio::sync::mpsc::error::{TryRecvError, TrySendError};
use tokio::sync::mpsc::{self, Receiver, Sender, UnboundedReceiver, UnboundedSender};

pub struct Tokio;

pub enum Tx<T> {
    Bounded(Sender<T>),
    Unbounded(UnboundedSender<T>),
}

impl<T> Clone for Tx<T> {
    fn clone(&self) -> Self {
        match self {
            Tx::Bounded(tx) => Tx::Bounded(tx.clone()),
            Tx::Unbounded(tx) => Tx::Unbounded(tx.clone()),
        }
    }
}

pub enum Rx<T> {
    Bounded(Receiver<T>),
    Unbounded(UnboundedReceiver<T>),
}

impl<T> Rx<T> {
    fn len(&self) -> usize {
        match self {
            Rx::Bounded(rx) => rx.len(),
            Rx::Unbounded(rx) => rx.len(),
        }
    }
}

impl Peer for Tokio {
    const NAME: &'static str = "tokio `mpsc`";
    type Tx<T: Send + Unpin + 'static> = Tx<T>;
    type Rx<T: Send + Unpin + 'static> = Rx<T>;

    fn open<T: Send + Unpin + 'static>(capacity: Option<usize>) -> Option<(Self::Tx<T>, Self::Rx<T>)> {
        match capacity {
            // It has no rendezvous.
            Some(0) => None,
            Some(capacity) => {
                let (tx, rx) = mpsc::channel(capacity);
                Some((Tx::Bounded(tx), Rx::Bounded(rx)))
            }
            None => {
                let (tx, rx) = mpsc::unbounded_channel();
                Some((Tx::Unbounded(tx), Rx::Unbounded(rx)))
            }
        }
    }

    fn clone_tx<T: Send + Unpin + 'static>(tx: &Self::Tx<T>) -> Self::Tx<T> {
        tx.clone()
    }

    fn clone_rx<T: Send + Unpin + 'static>(_rx: &Self::Rx<T>) -> Option<Self::Rx<T>> {
        None
    }

    fn try_send<T: Send + Unpin + 'static>(tx: &Self::Tx<T>, message: T) -> Result<(), NotSent> {
        match tx {
            Tx::Bounded(tx) => tx.try_send(message).map_err(|error| match error {
                TrySendError::Full(_) => NotSent::Full,
                TrySendError::Closed(_) => NotSent::Closed,
            }),
            Tx::Unbounded(tx) => tx.send(message).map_err(|_| NotSent::Closed),
        }
    }

    fn try_recv<T: Send + Unpin + 'static>(rx: &mut Self::Rx<T>) -> Result<T, NotReceived> {
        let received = match rx {
            Rx::Bounded(rx) => rx.try_recv(),
            Rx::Unbounded(rx) => rx.try_recv(),
        };
        received.map_err(|error| match error {
            TryRecvError::Empty => NotReceived::Empty,
            TryRecvError::Disconnected => NotReceived::Closed,
        })
    }

    fn send<T: Send + Unpin + 'static>(tx: &Self::Tx<T>, message: T) -> bool {
        match tx {
            Tx::Bounded(tx) => tx.blocking_send(message).is_ok(),
            Tx::Unbounded(tx) => tx.send(message).is_ok(),
        }
    }

    fn recv<T: Send + Unpin + 'static>(rx: &mut Self::Rx<T>) -> Option<T> {
        match rx {
            Rx::Bounded(rx) => rx.blocking_recv(),
            Rx::Unbounded(rx) => rx.blocking_recv(),
        }
    }

    fn recv_timeout<T: Send + Unpin + 'static>(
        _rx: &mut Self::Rx<T>,
        _timeout: Duration,
    ) -> Option<Result<T, NotReceived>> {
        None
    }

    fn send_async<T: Send + Unpin + 'static>(tx: &Self::Tx<T>, message: T) -> Option<Boxed<'_, bool>> {
        match tx {
            Tx::Bounded(tx) => Some(Box::pin(async { tx.send(message).await.is_ok() })),
            Tx::Unbounded(_) => None,
        }
    }

    fn recv_async<T: Send + Unpin + 'static>(rx: &mut Self::Rx<T>) -> Option<Boxed<'_, Option<T>>> {
        Some(match rx {
            Rx::Bounded(rx) => Box::pin(rx.recv()),
            Rx::Unbounded(rx) => Box::pin(rx.recv()),
        })
    }

    fn len<T: Send + Unpin + 'static>(rx: &Self::Rx<T>) -> usize {
        rx.len()
    }
}
