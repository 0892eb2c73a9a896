//! One direction between threads or tasks, for each kind of queue.

use joinq::Queue;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// The capacity of the bounded queues.
const CAPACITY: usize = 100;

/// A link between threads, for messages of type `M`.
pub trait Link<M>: 'static {
    const NAME: &'static str;
    type Tx: Clone + Send + 'static;
    type Rx: Send + 'static;

    fn pair() -> (Self::Tx, Self::Rx);
    fn send_blocking(tx: &mut Self::Tx, message: M);
    fn recv_blocking(rx: &mut Self::Rx) -> M;
}

/// A link between tasks.
pub trait TaskLink<M>: Link<M> {
    fn send(tx: &mut Self::Tx, message: M) -> impl Future<Output = ()> + Send;
    fn recv(rx: &mut Self::Rx) -> impl Future<Output = M> + Send;
}

/// joinq with this capacity; unbounded with 0.
pub struct Joinq<const BOUND: usize>;

impl<const BOUND: usize, M: Send + 'static> Link<M> for Joinq<BOUND> {
    const NAME: &'static str = if BOUND == 0 { "joinq unbounded" } else { "joinq bounded" };
    type Tx = Arc<Queue<M>>;
    type Rx = Arc<Queue<M>>;

    fn pair() -> (Self::Tx, Self::Rx) {
        let queue = Arc::new(if BOUND == 0 { Queue::unbounded() } else { Queue::bounded(BOUND) });
        (queue.clone(), queue)
    }

    fn send_blocking(tx: &mut Self::Tx, message: M) {
        assert!(tx.put(message).wait().is_ok());
    }

    fn recv_blocking(rx: &mut Self::Rx) -> M {
        rx.get().wait().unwrap()
    }
}

impl<const BOUND: usize, M: Send + 'static> TaskLink<M> for Joinq<BOUND> {
    async fn send(tx: &mut Self::Tx, message: M) {
        assert!(tx.put(message).await.is_ok());
    }

    async fn recv(rx: &mut Self::Rx) -> M {
        rx.get().await.unwrap()
    }
}

pub struct TokioBounded;

impl<M: Send + 'static> Link<M> for TokioBounded {
    const NAME: &'static str = "tokio bounded";
    type Tx = mpsc::Sender<M>;
    type Rx = mpsc::Receiver<M>;

    fn pair() -> (Self::Tx, Self::Rx) {
        mpsc::channel(CAPACITY)
    }

    fn send_blocking(tx: &mut Self::Tx, message: M) {
        assert!(tx.blocking_send(message).is_ok());
    }

    fn recv_blocking(rx: &mut Self::Rx) -> M {
        rx.blocking_recv().unwrap()
    }
}

impl<M: Send + 'static> TaskLink<M> for TokioBounded {
    async fn send(tx: &mut Self::Tx, message: M) {
        assert!(tx.send(message).await.is_ok());
    }

    async fn recv(rx: &mut Self::Rx) -> M {
        rx.recv().await.unwrap()
    }
}

pub struct TokioUnbounded;

impl<M: Send + 'static> Link<M> for TokioUnbounded {
    const NAME: &'static str = "tokio unbounded";
    type Tx = mpsc::UnboundedSender<M>;
    type Rx = mpsc::UnboundedReceiver<M>;

    fn pair() -> (Self::Tx, Self::Rx) {
        mpsc::unbounded_channel()
    }

    fn send_blocking(tx: &mut Self::Tx, message: M) {
        assert!(tx.send(message).is_ok());
    }

    fn recv_blocking(rx: &mut Self::Rx) -> M {
        rx.blocking_recv().unwrap()
    }
}

impl<M: Send + 'static> TaskLink<M> for TokioUnbounded {
    async fn send(tx: &mut Self::Tx, message: M) {
        assert!(tx.send(message).is_ok());
    }

    async fn recv(rx: &mut Self::Rx) -> M {
        rx.recv().await.unwrap()
    }
}

/// Several receiving threads that share the single receiver of a queue, by a mutex.
pub struct Shared<L>(PhantomData<L>);

impl<L: Link<M>, M> Link<M> for Shared<L> {
    const NAME: &'static str = L::NAME;
    type Tx = L::Tx;
    type Rx = Arc<Mutex<L::Rx>>;

    fn pair() -> (Self::Tx, Self::Rx) {
        let (tx, rx) = L::pair();
        (tx, Arc::new(Mutex::new(rx)))
    }

    fn send_blocking(tx: &mut Self::Tx, message: M) {
        L::send_blocking(tx, message);
    }

    fn recv_blocking(rx: &mut Self::Rx) -> M {
        L::recv_blocking(&mut rx.lock().unwrap())
    }
}
