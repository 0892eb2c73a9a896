//! Senders and receivers are tasks on tokio.

use super::span::{elapsed, portion, shares, Span};
use crate::cells::{Cell, Workers, BATCH};
use crate::link::{Link, Message, Tasks};
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

pub fn runtime(workers: Workers) -> Runtime {
    match workers {
        Workers::Current => Builder::new_current_thread().build().unwrap(),
        Workers::Multi(workers) => Builder::new_multi_thread().worker_threads(workers).build().unwrap(),
    }
}

/// The end that a task uses. Senders and receivers are one type of task, which halves the code to compile.
enum End<Tx, Rx> {
    Sender(Tx, Range<u64>),
    Receiver(Rx, u64),
}

/// All tasks start together. Each returns its end, so that no end is dropped while the clock runs.
fn run<L, T, Sending, Receiving>(
    cell: &Cell,
    workers: Workers,
    send: fn(L::Tx<T>, Range<u64>) -> Sending,
    recv: fn(L::Rx<T>, u64) -> Receiving,
) -> Duration
where
    L: Link,
    T: Message,
    Sending: Future<Output = L::Tx<T>> + Send + 'static,
    Receiving: Future<Output = (L::Rx<T>, u64)> + Send + 'static,
{
    let (tx, rx) = L::open::<T>(cell.capacity, cell.shape);
    let barrier = Arc::new(Barrier::new(tx.len() + rx.len()));
    let receivers = rx.into_iter().map(|rx| End::Receiver(rx, portion(cell)));
    let ends: Vec<_> =
        receivers.chain(tx.into_iter().zip(shares(cell)).map(|(tx, share)| End::Sender(tx, share))).collect();
    runtime(workers).block_on(async {
        let mut tasks = JoinSet::new();
        for end in ends {
            let barrier = barrier.clone();
            tasks.spawn(async move {
                barrier.wait().await;
                let start = Instant::now();
                match end {
                    End::Sender(tx, share) => {
                        let tx = send(tx, share).await;
                        (Span::since(start, 0), (Some(tx), None))
                    }
                    End::Receiver(rx, count) => {
                        let (rx, received) = recv(rx, count).await;
                        (Span::since(start, received), (None, Some(rx)))
                    }
                }
            });
        }
        let (spans, _ends): (Vec<Span>, Vec<_>) = tasks.join_all().await.into_iter().unzip();
        elapsed(cell, &spans)
    })
}

async fn send_each<L: Tasks, T: Message>(mut tx: L::Tx<T>, values: Range<u64>) -> L::Tx<T> {
    for value in values {
        L::send(&mut tx, T::new(value)).await;
    }
    tx
}

async fn recv_each<L: Tasks, T: Message>(mut rx: L::Rx<T>, count: u64) -> (L::Rx<T>, u64) {
    let mut sum = 0;
    for _ in 0..count {
        sum += L::recv(&mut rx).await.value();
    }
    (rx, sum)
}

pub fn flow<L: Tasks, T: Message>(cell: &Cell, workers: Workers) -> Duration {
    run::<L, T, _, _>(cell, workers, send_each::<L, T>, recv_each::<L, T>)
}

async fn send_batches<L: Tasks>(mut tx: L::Tx<u64>, values: Range<u64>) -> L::Tx<u64> {
    for start in values.clone().step_by(BATCH as usize) {
        L::send_many::<u64>(&mut tx, start..values.end.min(start + BATCH)).await;
    }
    tx
}

async fn recv_batches<L: Tasks>(mut rx: L::Rx<u64>, count: u64) -> (L::Rx<u64>, u64) {
    let mut batch = Vec::with_capacity(BATCH as usize);
    let (mut left, mut sum) = (count, 0);
    while left > 0 {
        L::recv_many(&mut rx, &mut batch, left.min(BATCH) as usize).await;
        left -= batch.len() as u64;
        sum += batch.drain(..).sum::<u64>();
    }
    (rx, sum)
}

pub fn batches<L: Tasks>(cell: &Cell, workers: Workers) -> Duration {
    run::<L, u64, _, _>(cell, workers, send_batches::<L>, recv_batches::<L>)
}

enum Echoes {
    Yes,
    No,
}

async fn echo<L: Tasks>(mut rx: L::Rx<u64>, mut tx: L::Tx<u64>, trips: u64) {
    for _ in 0..trips {
        let trip = L::recv(&mut rx).await;
        L::send(&mut tx, trip).await;
    }
}

async fn there_and_back<L: Tasks>(mut tx: L::Tx<u64>, mut rx: L::Rx<u64>, trips: u64) {
    for trip in 0..trips {
        L::send(&mut tx, trip).await;
        assert_eq!(L::recv::<u64>(&mut rx).await, trip);
    }
}

pub fn round_trips<L: Tasks>(cell: &Cell, workers: Workers) -> Duration {
    let (ping, far_in) = L::open::<u64>(cell.capacity, cell.shape);
    let (far_out, pong) = L::open::<u64>(cell.capacity, cell.shape);
    let near = (ping, pong, Echoes::No);
    let far = (far_out, far_in, Echoes::Yes);
    let trips = cell.messages;
    runtime(workers).block_on(async {
        let [near, _far] = [near, far].map(|(mut tx, mut rx, echoes)| {
            tokio::spawn(async move {
                let (tx, rx, start) = (tx.remove(0), rx.remove(0), Instant::now());
                match echoes {
                    Echoes::Yes => echo::<L>(rx, tx, trips).await,
                    Echoes::No => there_and_back::<L>(tx, rx, trips).await,
                }
                start.elapsed()
            })
        });
        near.await.unwrap()
    })
}
