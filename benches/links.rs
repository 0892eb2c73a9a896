//! One direction between two threads or tasks, for each kind of queue.

use joinq::Queue;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::mpsc;

/// The capacity of the bounded ones.
const CAPACITY: usize = 100;

pub trait Link: 'static {
    const NAME: &'static str;
    type Tx: Send + 'static;
    type Rx: Send + 'static;

    fn pair() -> (Self::Tx, Self::Rx);
    fn send(tx: &mut Self::Tx, message: u64) -> impl Future<Output = ()> + Send;
    fn recv(rx: &mut Self::Rx) -> impl Future<Output = u64> + Send;
    fn send_blocking(tx: &mut Self::Tx, message: u64);
    fn recv_blocking(rx: &mut Self::Rx) -> u64;
}

/// With this bound; with 0 without.
pub struct Joinq<const BOUND: usize>;

impl<const BOUND: usize> Link for Joinq<BOUND> {
    const NAME: &'static str = if BOUND == 0 { "joinq unbounded" } else { "joinq bounded" };
    type Tx = Arc<Queue<u64>>;
    type Rx = Arc<Queue<u64>>;

    fn pair() -> (Self::Tx, Self::Rx) {
        let queue = Arc::new(if BOUND == 0 { Queue::unbounded() } else { Queue::bounded(BOUND) });
        (queue.clone(), queue)
    }

    async fn send(tx: &mut Self::Tx, message: u64) {
        tx.put(message).await.unwrap();
    }

    async fn recv(rx: &mut Self::Rx) -> u64 {
        rx.get().await.unwrap()
    }

    fn send_blocking(tx: &mut Self::Tx, message: u64) {
        tx.put(message).wait().unwrap();
    }

    fn recv_blocking(rx: &mut Self::Rx) -> u64 {
        rx.get().wait().unwrap()
    }
}

pub struct TokioBounded;

impl Link for TokioBounded {
    const NAME: &'static str = "tokio bounded";
    type Tx = mpsc::Sender<u64>;
    type Rx = mpsc::Receiver<u64>;

    fn pair() -> (Self::Tx, Self::Rx) {
        mpsc::channel(CAPACITY)
    }

    async fn send(tx: &mut Self::Tx, message: u64) {
        tx.send(message).await.unwrap();
    }

    async fn recv(rx: &mut Self::Rx) -> u64 {
        rx.recv().await.unwrap()
    }

    fn send_blocking(tx: &mut Self::Tx, message: u64) {
        tx.blocking_send(message).unwrap();
    }

    fn recv_blocking(rx: &mut Self::Rx) -> u64 {
        rx.blocking_recv().unwrap()
    }
}

pub struct TokioUnbounded;

impl Link for TokioUnbounded {
    const NAME: &'static str = "tokio unbounded";
    type Tx = mpsc::UnboundedSender<u64>;
    type Rx = mpsc::UnboundedReceiver<u64>;

    fn pair() -> (Self::Tx, Self::Rx) {
        mpsc::unbounded_channel()
    }

    async fn send(tx: &mut Self::Tx, message: u64) {
        tx.send(message).unwrap();
    }

    async fn recv(rx: &mut Self::Rx) -> u64 {
        rx.recv().await.unwrap()
    }

    fn send_blocking(tx: &mut Self::Tx, message: u64) {
        tx.send(message).unwrap();
    }

    fn recv_blocking(rx: &mut Self::Rx) -> u64 {
        rx.blocking_recv().unwrap()
    }
}
