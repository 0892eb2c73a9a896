//! joinq: a queue, a channel, one with permits, and one with a single receiver.

use crate::peer::{Boxed, NotReceived, NotSent, Peer};
use joinq::{mpsc, TryPutError, TryRecvError, TrySendError};
use std::sync::Arc;
use std::time::Duration;

fn not_sent<T>(error: TrySendError<T>) -> NotSent {
    if error.is_full() {
        NotSent::Full
    } else {
        NotSent::Closed
    }
}

fn not_received(error: TryRecvError) -> NotReceived {
    if error.is_empty() {
        NotReceived::Empty
    } else {
        NotReceived::Closed
    }
}

pub struct Queue;

impl Peer for Queue {
    const NAME: &'static str = "joinq `Queue`";
    type Tx<T: Send + Unpin + 'static> = Arc<joinq::Queue<T>>;
    type Rx<T: Send + Unpin + 'static> = Arc<joinq::Queue<T>>;

    fn open<T: Send + Unpin + 'static>(capacity: Option<usize>) -> Option<(Self::Tx<T>, Self::Rx<T>)> {
        let queue = Arc::new(capacity.map_or_else(joinq::Queue::unbounded, joinq::Queue::bounded));
        Some((queue.clone(), queue))
    }

    fn clone_tx<T: Send + Unpin + 'static>(tx: &Self::Tx<T>) -> Self::Tx<T> {
        tx.clone()
    }

    fn clone_rx<T: Send + Unpin + 'static>(rx: &Self::Rx<T>) -> Option<Self::Rx<T>> {
        Some(rx.clone())
    }

    fn try_send<T: Send + Unpin + 'static>(tx: &Self::Tx<T>, message: T) -> Result<(), NotSent> {
        tx.try_put(message).map_err(|error| match error {
            TryPutError::Full(_) => NotSent::Full,
            _ => NotSent::Closed,
        })
    }

    fn try_recv<T: Send + Unpin + 'static>(rx: &mut Self::Rx<T>) -> Result<T, NotReceived> {
        rx.try_get().map_err(|error| if error.is_empty() { NotReceived::Empty } else { NotReceived::Closed })
    }

    fn send<T: Send + Unpin + 'static>(tx: &Self::Tx<T>, message: T) -> bool {
        tx.put(message).wait().is_ok()
    }

    fn recv<T: Send + Unpin + 'static>(rx: &mut Self::Rx<T>) -> Option<T> {
        rx.get().wait().ok()
    }

    fn recv_timeout<T: Send + Unpin + 'static>(
        rx: &mut Self::Rx<T>,
        timeout: Duration,
    ) -> Option<Result<T, NotReceived>> {
        let closed =
            |error: joinq::GetTimeoutError| if error.is_closed() { NotReceived::Closed } else { NotReceived::Empty };
        Some(rx.get().wait_timeout(timeout).map_err(closed))
    }

    fn send_async<T: Send + Unpin + 'static>(tx: &Self::Tx<T>, message: T) -> Option<Boxed<'_, bool>> {
        let put = tx.put(message);
        Some(Box::pin(async { put.await.is_ok() }))
    }

    fn recv_async<T: Send + Unpin + 'static>(rx: &mut Self::Rx<T>) -> Option<Boxed<'_, Option<T>>> {
        let get = rx.get();
        Some(Box::pin(async { get.await.ok() }))
    }

    fn len<T: Send + Unpin + 'static>(rx: &Self::Rx<T>) -> usize {
        rx.len()
    }

    fn disconnects() -> bool {
        false
    }
}

/// Channels that differ in what opens them, and in the number of receivers.
macro_rules! channel {
    ($peer:ident, $name:literal, $receiver:ident <$param:ident>, $open:expr, |$rx:ident| $clone:expr) => {
        pub struct $peer;

        impl Peer for $peer {
            const NAME: &'static str = $name;
            type Tx<T: Send + Unpin + 'static> = joinq::Sender<T>;
            type Rx<$param: Send + Unpin + 'static> = $receiver<$param>;

            fn open<T: Send + Unpin + 'static>(capacity: Option<usize>) -> Option<(Self::Tx<T>, Self::Rx<T>)> {
                $open(capacity)
            }

            fn clone_tx<T: Send + Unpin + 'static>(tx: &Self::Tx<T>) -> Self::Tx<T> {
                tx.clone()
            }

            fn clone_rx<T: Send + Unpin + 'static>($rx: &Self::Rx<T>) -> Option<Self::Rx<T>> {
                $clone
            }

            fn try_send<T: Send + Unpin + 'static>(tx: &Self::Tx<T>, message: T) -> Result<(), NotSent> {
                tx.try_send(message).map_err(not_sent)
            }

            fn try_recv<T: Send + Unpin + 'static>(rx: &mut Self::Rx<T>) -> Result<T, NotReceived> {
                rx.try_recv().map_err(not_received)
            }

            fn send<T: Send + Unpin + 'static>(tx: &Self::Tx<T>, message: T) -> bool {
                tx.send(message).wait().is_ok()
            }

            fn recv<T: Send + Unpin + 'static>(rx: &mut Self::Rx<T>) -> Option<T> {
                rx.recv().wait().ok()
            }

            fn recv_timeout<T: Send + Unpin + 'static>(
                rx: &mut Self::Rx<T>,
                timeout: Duration,
            ) -> Option<Result<T, NotReceived>> {
                let received = rx.recv().wait_timeout(timeout);
                Some(received.map_err(|error| match error.is_closed() {
                    true => NotReceived::Closed,
                    false => NotReceived::Empty,
                }))
            }

            fn send_async<T: Send + Unpin + 'static>(tx: &Self::Tx<T>, message: T) -> Option<Boxed<'_, bool>> {
                let send = tx.send(message);
                Some(Box::pin(async { send.await.is_ok() }))
            }

            fn recv_async<T: Send + Unpin + 'static>(rx: &mut Self::Rx<T>) -> Option<Boxed<'_, Option<T>>> {
                let recv = rx.recv();
                Some(Box::pin(async { recv.await.ok() }))
            }

            fn len<T: Send + Unpin + 'static>(rx: &Self::Rx<T>) -> usize {
                rx.len()
            }
        }
    };
}

type Shared<T> = joinq::Receiver<T>;
type Single<T> = mpsc::Receiver<T>;

channel!(
    Channel,
    "joinq `bounded`, `unbounded`",
    Shared<T>,
    |capacity: Option<usize>| Some(capacity.map_or_else(joinq::unbounded, joinq::bounded)),
    |rx| Some(rx.clone())
);
channel!(
    Permits,
    "joinq `with_permits`",
    Shared<T>,
    |capacity: Option<usize>| capacity.filter(|&capacity| capacity > 0).map(joinq::with_permits),
    |rx| Some(rx.clone())
);
channel!(
    Mpsc,
    "joinq `mpsc`",
    Single<T>,
    |capacity: Option<usize>| match capacity {
        Some(0) => None,
        Some(capacity) => Some(mpsc::bounded(capacity)),
        None => Some(mpsc::unbounded()),
    },
    |_rx| None
);
