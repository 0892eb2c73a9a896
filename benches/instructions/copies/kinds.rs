//! The ways through a queue whose copies are counted: with a capacity of 100, so that tasks wait now and then.

use joinq::{mpsc, Queue};
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

/// Sends so many messages.
type Perform = fn(u32);

pub struct Kind {
    pub name: String,
    /// Of a message, in bytes.
    pub size: usize,
    pub perform: Perform,
}

const CAPACITY: usize = 100;

/// So many words.
type Message<const N: usize> = [u64; N];

fn new<const N: usize>(value: u32) -> Message<N> {
    [black_box(value).into(); N]
}

fn queue<T>() -> (Arc<Queue<T>>, Arc<Queue<T>>) {
    let queue = Arc::new(Queue::bounded(CAPACITY));
    (queue.clone(), queue)
}

/// Reads its ends: not all of it, as the compiler would have to copy it to one place first.
fn read<const N: usize>(message: &Message<N>) -> u64 {
    message[0] ^ message[N - 1]
}

/// A way of a thread that never has to wait: it receives what it has sent.
macro_rules! thread {
    (($tx:ident, $rx:ident) = $open:expr; |$value:ident| $send:expr, $recv:expr) => {
        |times| {
            #[allow(unused_mut)]
            let ($tx, mut $rx) = $open;
            for $value in 0..times {
                assert!($send.is_ok());
                black_box(read(&$recv.unwrap()));
            }
        }
    };
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Polls the tasks in turn until each is done. A task that is pending waits for the other.
fn in_turn(mut tasks: Vec<Task>) {
    let mut context = Context::from_waker(Waker::noop());
    while !tasks.is_empty() {
        tasks.retain_mut(|task| task.as_mut().poll(&mut context).is_pending());
    }
}

/// A way from one task to another on the same thread.
macro_rules! tasks {
    (($tx:ident, $rx:ident) = $open:expr; |$value:ident| $send:expr, $recv:expr) => {
        |times| {
            #[allow(unused_mut)]
            let ($tx, mut $rx) = $open;
            let sender = async move {
                for $value in 0..times {
                    assert!($send.await.is_ok());
                }
            };
            let receiver = async move {
                for _ in 0..times {
                    black_box(read(&$recv.await.unwrap()));
                }
            };
            in_turn(vec![Box::pin(sender), Box::pin(receiver)]);
        }
    };
}

fn with_size<const N: usize>() -> Vec<Kind> {
    let ways: [(&str, Perform); 12] = [
        ("Queue, put and get, await", tasks!((tx, rx) = queue(); |value| tx.put(new::<N>(value)), rx.get())),
        (
            "Queue, put and get, wait",
            thread!((tx, rx) = queue(); |value| tx.put(new::<N>(value)).wait(), rx.get().wait()),
        ),
        ("Queue, try_put and try_get", thread!((tx, rx) = queue(); |value| tx.try_put(new::<N>(value)), rx.try_get())),
        ("channel, send and recv, await", {
            tasks!((tx, rx) = joinq::bounded(CAPACITY); |value| tx.send(new::<N>(value)), rx.recv())
        }),
        ("channel, send and recv, wait", {
            thread!((tx, rx) = joinq::bounded(CAPACITY); |value| tx.send(new::<N>(value)).wait(), rx.recv().wait())
        }),
        ("mpsc, send and recv, await", {
            tasks!((tx, rx) = mpsc::bounded(CAPACITY); |value| tx.send(new::<N>(value)), rx.recv())
        }),
        ("mpsc, send and recv, wait", {
            thread!((tx, rx) = mpsc::bounded(CAPACITY); |value| tx.send(new::<N>(value)).wait(), rx.recv().wait())
        }),
        ("kanal, send and recv, await", {
            tasks!((tx, rx) = kanal::bounded_async(CAPACITY); |value| tx.send(new::<N>(value)), rx.recv())
        }),
        ("kanal, send and recv, threads", {
            thread!((tx, rx) = kanal::bounded(CAPACITY); |value| tx.send(new::<N>(value)), rx.recv())
        }),
        ("crossfire::spsc, send and recv, await", {
            tasks!((tx, rx) = crossfire::spsc::bounded_async(CAPACITY); |value| tx.send(new::<N>(value)), rx.recv())
        }),
        ("crossfire::mpmc, send and recv, await", {
            tasks!((tx, rx) = crossfire::mpmc::bounded_async(CAPACITY); |value| tx.send(new::<N>(value)), rx.recv())
        }),
        ("crossfire::mpmc, send and recv, threads", {
            thread!((tx, rx) = crossfire::mpmc::bounded_blocking(CAPACITY); |value| tx.send(new::<N>(value)), rx.recv())
        }),
    ];
    let size = size_of::<Message<N>>();
    ways.map(|(way, perform)| Kind { name: format!("{way}, {size} bytes"), size, perform }).into()
}

pub fn all() -> Vec<Kind> {
    [with_size::<8>(), with_size::<128>()].into_iter().flatten().collect()
}
