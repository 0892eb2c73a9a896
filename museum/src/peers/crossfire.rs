//! crossfire's `mpmc`, by its handles for tasks, which become those for threads where a thread waits.

use crate::peer::{Boxed, NotReceived, NotSent, Peer};
use crossfire::mpmc::{self, Array, List};
use crossfire::{MAsyncRx, MAsyncTx, MTx, RecvTimeoutError, TryRecvError, TrySendError};
use std::time::Duration;

pub struct Crossfire;

pub enum Tx<T: Send + Unpin + 'static> {
    Bounded(MAsyncTx<Array<T>>),
    Unbounded(MTx<List<T>>),
}

impl<T: Send + Unpin + 'static> Clone for Tx<T> {
    fn clone(&self) -> Self {
        match self {
            Tx::Bounded(tx) => Tx::Bounded(tx.clone()),
            Tx::Unbounded(tx) => Tx::Unbounded(tx.clone()),
        }
    }
}

pub enum Rx<T: Send + Unpin + 'static> {
    Bounded(MAsyncRx<Array<T>>),
    Unbounded(MAsyncRx<List<T>>),
}

impl<T: Send + Unpin + 'static> Clone for Rx<T> {
    fn clone(&self) -> Self {
        match self {
            Rx::Bounded(rx) => Rx::Bounded(rx.clone()),
            Rx::Unbounded(rx) => Rx::Unbounded(rx.clone()),
        }
    }
}

impl<T: Send + Unpin + 'static> Rx<T> {
    fn len(&self) -> usize {
        match self {
            Rx::Bounded(rx) => rx.len(),
            Rx::Unbounded(rx) => rx.len(),
        }
    }
}

impl Peer for Crossfire {
    const NAME: &'static str = "crossfire `mpmc`";
    type Tx<T: Send + Unpin + 'static> = Tx<T>;
    type Rx<T: Send + Unpin + 'static> = Rx<T>;

    fn open<T: Send + Unpin + 'static>(capacity: Option<usize>) -> Option<(Self::Tx<T>, Self::Rx<T>)> {
        match capacity {
            // A capacity of 0 is one of 1.
            Some(0) => None,
            Some(capacity) => {
                let (tx, rx) = mpmc::bounded_async(capacity);
                Some((Tx::Bounded(tx), Rx::Bounded(rx)))
            }
            None => {
                let (tx, rx) = mpmc::unbounded_async();
                Some((Tx::Unbounded(tx), Rx::Unbounded(rx)))
            }
        }
    }

    fn clone_tx<T: Send + Unpin + 'static>(tx: &Self::Tx<T>) -> Self::Tx<T> {
        tx.clone()
    }

    fn clone_rx<T: Send + Unpin + 'static>(rx: &Self::Rx<T>) -> Option<Self::Rx<T>> {
        Some(rx.clone())
    }

    fn try_send<T: Send + Unpin + 'static>(tx: &Self::Tx<T>, message: T) -> Result<(), NotSent> {
        let sent = match tx {
            Tx::Bounded(tx) => tx.try_send(message),
            Tx::Unbounded(tx) => tx.try_send(message),
        };
        sent.map_err(|error| match error {
            TrySendError::Full(_) => NotSent::Full,
            TrySendError::Disconnected(_) => NotSent::Closed,
        })
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
            Tx::Bounded(tx) => tx.clone().into_blocking().send(message).is_ok(),
            Tx::Unbounded(tx) => tx.send(message).is_ok(),
        }
    }

    fn recv<T: Send + Unpin + 'static>(rx: &mut Self::Rx<T>) -> Option<T> {
        match rx {
            Rx::Bounded(rx) => rx.clone().into_blocking().recv().ok(),
            Rx::Unbounded(rx) => rx.clone().into_blocking().recv().ok(),
        }
    }

    fn recv_timeout<T: Send + Unpin + 'static>(
        rx: &mut Self::Rx<T>,
        timeout: Duration,
    ) -> Option<Result<T, NotReceived>> {
        let received = match rx {
            Rx::Bounded(rx) => rx.clone().into_blocking().recv_timeout(timeout),
            Rx::Unbounded(rx) => rx.clone().into_blocking().recv_timeout(timeout),
        };
        Some(received.map_err(|error| match error {
            RecvTimeoutError::Timeout => NotReceived::Empty,
            RecvTimeoutError::Disconnected => NotReceived::Closed,
        }))
    }

    fn send_async<T: Send + Unpin + 'static>(tx: &Self::Tx<T>, message: T) -> Option<Boxed<'_, bool>> {
        match tx {
            Tx::Bounded(tx) => {
                let send = tx.send(message);
                Some(Box::pin(async { send.await.is_ok() }))
            }
            Tx::Unbounded(_) => None,
        }
    }

    fn recv_async<T: Send + Unpin + 'static>(rx: &mut Self::Rx<T>) -> Option<Boxed<'_, Option<T>>> {
        Some(match rx {
            Rx::Bounded(rx) => {
                let recv = rx.recv();
                Box::pin(async { recv.await.ok() })
            }
            Rx::Unbounded(rx) => {
                let recv = rx.recv();
                Box::pin(async { recv.await.ok() })
            }
        })
    }

    fn len<T: Send + Unpin + 'static>(rx: &Self::Rx<T>) -> usize {
        rx.len()
    }
}
