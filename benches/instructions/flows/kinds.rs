//! The flows that are counted: two tasks on one thread, by tokio's scheduler `current_thread`.

use crate::collect::{joinq_collect, COUNTED};
use joinq::{mpsc, Queue};
use std::hint::black_box;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

pub struct Kind {
    pub name: &'static str,
    /// Sends so many messages.
    pub perform: fn(u32),
}

/// A message of 64 bytes.
type Line = [u64; 8];
/// A message of 1024 bytes.
type Kilobyte = [u64; 128];

trait Message: Send + 'static {
    fn of(value: u64) -> Self;
    /// Reads its ends: not all of it, as the compiler would have to copy it to one place first.
    fn read(&self) -> u64;
}

impl Message for u64 {
    fn of(value: u64) -> Self {
        value
    }

    fn read(&self) -> u64 {
        *self
    }
}

impl<const WORDS: usize> Message for [u64; WORDS] {
    fn of(value: u64) -> Self {
        [value; WORDS]
    }

    fn read(&self) -> u64 {
        self[0] ^ self[WORDS - 1]
    }
}

fn queue<T>(capacity: Option<usize>) -> (Arc<Queue<T>>, Arc<Queue<T>>) {
    let queue = Arc::new(capacity.map_or_else(Queue::unbounded, Queue::bounded));
    (queue.clone(), queue)
}

fn single<T>(capacity: Option<usize>) -> (mpsc::Sender<T>, mpsc::Receiver<T>) {
    capacity.map_or_else(mpsc::unbounded, mpsc::bounded)
}

/// The messages before those that are counted.
#[derive(Clone, Copy)]
enum Before {
    /// Those of this queue.
    Few,
    /// So many in the process that its costs are those of later messages: `src/raw/fence.rs` changes its handshake
    /// after 2^20 slots.
    Many,
}

/// Makes so many segments that a process has no first costs any more.
fn make_segments() {
    const SLOTS: usize = (1 << 20) + (1 << 17);
    /// Of the first segment of a queue.
    const SMALLEST: usize = 8;
    for item in 0..SLOTS / SMALLEST {
        Queue::unbounded().try_put(item).unwrap();
    }
}

/// Counts `run`, which sends so many messages, after a run that is not counted.
fn count(times: u32, before: Before, mut run: impl FnMut(u32)) {
    if let Before::Many = before {
        make_segments();
    }
    run(COUNTED / 8);
    joinq_collect(&mut || run(times));
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

/// The two flows of a kind of queue. They are no functions with the queue as a parameter, which would copy messages on
/// their own.
macro_rules! flows {
    ($module:ident: $open:ident, $send:ident, $recv:ident) => {
        mod $module {
            use super::*;

            /// Messages from one task to another.
            pub fn flow<T: Message>(times: u32, capacity: Option<usize>, before: Before) {
                let runtime = runtime();
                let mut ends = None;
                count(times, before, |times| {
                    #[allow(unused_mut)]
                    let (tx, mut rx) = ends.take().unwrap_or_else(|| $open::<T>(capacity));
                    let receiver = runtime.spawn(async move {
                        for _ in 0..times {
                            black_box(rx.$recv().await.unwrap().read());
                        }
                        rx
                    });
                    let sender = runtime.spawn(async move {
                        for value in 0..u64::from(times) {
                            assert!(tx.$send(T::of(black_box(value))).await.is_ok());
                        }
                        tx
                    });
                    ends = Some(runtime.block_on(async { (sender.await.unwrap(), receiver.await.unwrap()) }));
                });
            }

            /// Messages to another task, each of which comes back before the next is sent.
            pub fn round_trip(times: u32, capacity: Option<usize>) {
                let runtime = runtime();
                let mut ends = None;
                count(times, Before::Many, |times| {
                    #[allow(unused_mut)]
                    let ((ping, mut far_in), (far_out, mut pong)) =
                        ends.take().unwrap_or_else(|| ($open::<u64>(capacity), $open::<u64>(capacity)));
                    let far = runtime.spawn(async move {
                        for _ in 0..times {
                            far_out.$send(far_in.$recv().await.unwrap()).await.unwrap();
                        }
                        (far_in, far_out)
                    });
                    let near = runtime.spawn(async move {
                        for trip in 0..u64::from(times) {
                            ping.$send(trip).await.unwrap();
                            assert_eq!(pong.$recv().await.unwrap(), trip);
                        }
                        (ping, pong)
                    });
                    let ((ping, pong), (far_in, far_out)) =
                        runtime.block_on(async { (near.await.unwrap(), far.await.unwrap()) });
                    ends = Some(((ping, far_in), (far_out, pong)));
                });
            }
        }
    };
}

flows! { shared: queue, put, get }
flows! { one_receiver: single, send, recv }

macro_rules! kinds {
    ($($name:literal: $perform:expr,)*) => {
        vec![$(Kind { name: $name, perform: $perform }),*]
    };
}

pub fn all() -> Vec<Kind> {
    use Before::{Few, Many};
    kinds! {
        "Queue, capacity 1": |times| shared::flow::<u64>(times, Some(1), Many),
        "Queue, capacity 100": |times| shared::flow::<u64>(times, Some(100), Many),
        "Queue, unbounded": |times| shared::flow::<u64>(times, None, Many),
        "Queue, unbounded, first of a process": |times| shared::flow::<u64>(times, None, Few),
        "Queue, 64 bytes": |times| shared::flow::<Line>(times, Some(100), Many),
        "Queue, 1024 bytes": |times| shared::flow::<Kilobyte>(times, Some(100), Many),
        "Queue, round trip, capacity 100": |times| shared::round_trip(times, Some(100)),
        "Queue, round trip, unbounded": |times| shared::round_trip(times, None),

        "mpsc, capacity 1": |times| one_receiver::flow::<u64>(times, Some(1), Many),
        "mpsc, capacity 100": |times| one_receiver::flow::<u64>(times, Some(100), Many),
        "mpsc, unbounded": |times| one_receiver::flow::<u64>(times, None, Many),
        "mpsc, unbounded, first of a process": |times| one_receiver::flow::<u64>(times, None, Few),
        "mpsc, 64 bytes": |times| one_receiver::flow::<Line>(times, Some(100), Many),
        "mpsc, 1024 bytes": |times| one_receiver::flow::<Kilobyte>(times, Some(100), Many),
        "mpsc, round trip, capacity 100": |times| one_receiver::round_trip(times, Some(100)),
        "mpsc, round trip, unbounded": |times| one_receiver::round_trip(times, None),
    }
}
