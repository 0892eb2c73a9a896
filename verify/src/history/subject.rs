//! The ports through which the threads of a program use a queue.

use super::program::{Call, Kind, Program};
use super::Step;
use futures_lite::future::poll_once;
use futures_lite::FutureExt as _;
use joinq::queue::PermitsOwned;
use joinq::{mpsc, Queue};
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// One thread's access to a queue.
pub trait Port: Send {
    /// Makes the call and appends what it did.
    fn call(&mut self, call: &Call, steps: &mut Vec<Step>);

    /// Whether the port can get.
    fn gets(&self) -> bool {
        true
    }
}

/// The ports of a program.
pub type Ports = Vec<Box<dyn Port>>;

/// The ports of joinq's queues.
pub fn joinq(program: &Program) -> Ports {
    let threads = program.threads.len();
    let queue = match (program.kind, program.capacity) {
        (Kind::Queue, None) => Queue::unbounded(),
        (Kind::Queue, Some(capacity)) => Queue::bounded(capacity),
        (Kind::Permits, capacity) => Queue::with_permits(capacity.expect("permits are a bound")),
        (Kind::Mpsc, capacity) => return mpsc_ports(capacity.map_or_else(mpsc::unbounded, mpsc::bounded), threads),
    };
    let queue = Arc::new(queue);
    (0..threads).map(|_| Box::new(QueuePort { queue: queue.clone(), held: None }) as Box<dyn Port>).collect()
}

fn mpsc_ports((sender, receiver): (mpsc::Sender<u8>, mpsc::Receiver<u8>), threads: usize) -> Ports {
    let mut ports: Ports = vec![Box::new(ReceiverPort { receiver })];
    ports.extend((1..threads).map(|_| Box::new(SenderPort { sender: sender.clone() }) as Box<dyn Port>));
    ports
}

/// A put that was refused, as a step.
fn refused(is_closed: bool) -> Step {
    if is_closed {
        Step::PutClosed
    } else {
        Step::PutFull
    }
}

/// A get that found nothing, as a step.
fn found_nothing(is_closed: bool) -> Step {
    if is_closed {
        Step::GotClosed
    } else {
        Step::GotEmpty
    }
}

/// The steps of a batch of which `rest` was not put.
fn put_batch(items: &[u8], rest: usize, is_closed: bool, steps: &mut Vec<Step>) {
    steps.extend(items[..items.len() - rest].iter().map(|&item| Step::Put(item)));
    if rest > 0 {
        steps.push(refused(is_closed));
    }
}

/// The steps of a batch that was got.
fn got_batch(items: Vec<u8>, found: Result<usize, bool>, steps: &mut Vec<Step>) {
    assert_eq!(found.unwrap_or(0), items.len(), "the number of items that a batch reports");
    steps.extend(items.into_iter().map(Step::Got));
    steps.extend(found.err().map(found_nothing));
}

fn poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// The calls that put: the methods have the same names but for `put` and `send`.
macro_rules! put {
    ($port:expr, $call:expr, $steps:expr, $try_put:ident, $put:ident, $try_put_many:ident, $put_many:ident) => {
        match $call {
            Call::TryPut(item) => $steps.push(match $port.$try_put(*item) {
                Ok(()) => Step::Put(*item),
                Err(error) => refused(error.is_closed()),
            }),
            Call::PutWithin(item, timeout) => $steps.push(match $port.$put(*item).wait_timeout(*timeout) {
                Ok(()) => Step::Put(*item),
                Err(error) => refused(error.is_closed()),
            }),
            Call::PollPut(item) => {
                let mut put = $port.$put(*item);
                $steps.push(match poll(&mut put) {
                    Some(Ok(())) => Step::Put(*item),
                    Some(Err(_)) => Step::PutClosed,
                    // The wait may have ended by a close: then the put is polled again.
                    None => match put.take() {
                        None => Step::Put(*item),
                        Some(_) => Step::PutFull,
                    },
                });
            }
            Call::TryPutMany(items) => match $port.$try_put_many(items.iter().copied()) {
                Ok(()) => put_batch(items, 0, false, $steps),
                Err(error) => {
                    let is_closed = error.is_closed();
                    put_batch(items, error.into_inner().len(), is_closed, $steps);
                }
            },
            Call::PutManyWithin(items, timeout) => {
                match $port.$put_many(items.iter().copied()).wait_timeout(*timeout) {
                    Ok(()) => put_batch(items, 0, false, $steps),
                    Err(error) => {
                        let is_closed = error.is_closed();
                        put_batch(items, error.into_inner().len(), is_closed, $steps);
                    }
                }
            }
            _ => {}
        }
    };
}

/// The calls that get.
macro_rules! get {
    ($port:expr, $call:expr, $steps:expr, $try_get:ident, $get:ident, $try_get_many:ident, $get_many:ident) => {
        match $call {
            Call::TryGet => $steps.push(match $port.$try_get() {
                Ok(item) => Step::Got(item),
                Err(error) => found_nothing(error.is_closed()),
            }),
            Call::GetWithin(timeout) => $steps.push(match $port.$get().wait_timeout(*timeout) {
                Ok(item) => Step::Got(item),
                Err(error) => found_nothing(error.is_closed()),
            }),
            Call::PollGet => $steps.push(match futures_lite::future::block_on(poll_once($port.$get())) {
                Some(Ok(item)) => Step::Got(item),
                Some(Err(_)) => Step::GotClosed,
                None => Step::GotEmpty,
            }),
            Call::TryGetMany(limit) => {
                let mut items = Vec::new();
                let found = $port.$try_get_many(&mut items, *limit).map_err(|error| error.is_closed());
                got_batch(items, found, $steps);
            }
            Call::GetManyWithin(limit, timeout) => {
                let mut items = Vec::new();
                let found = $port.$get_many(&mut items, *limit).wait_timeout(*timeout);
                got_batch(items, found.map_err(|error| error.is_closed()), $steps);
            }
            _ => {}
        }
    };
}

/// The queries and the close, of both sides.
macro_rules! ask {
    ($port:expr, $call:expr, $steps:expr) => {
        $steps.extend(match $call {
            Call::Len => Some(Step::Len($port.len())),
            Call::IsEmpty => Some(Step::IsEmpty($port.is_empty())),
            Call::IsFull => Some(Step::IsFull($port.is_full())),
            Call::IsClosed => Some(Step::IsClosed($port.is_closed())),
            Call::Close => Some(Step::Close($port.close())),
            _ => None,
        })
    };
}

struct QueuePort {
    queue: Arc<Queue<u8>>,
    held: Option<PermitsOwned<u8>>,
}

impl Port for QueuePort {
    fn call(&mut self, call: &Call, steps: &mut Vec<Step>) {
        let queue = &*self.queue;
        put!(queue, call, steps, try_put, put, try_put_many, put_many);
        get!(queue, call, steps, try_get, get, try_get_many, get_many);
        ask!(queue, call, steps);
        match call {
            Call::Reserve if self.held.is_none() => {
                steps.push(match self.queue.clone().try_reserve_owned(1) {
                    Ok(permit) => {
                        self.held = Some(permit);
                        Step::Reserved
                    }
                    Err(error) if error.is_closed() => Step::ReserveClosed,
                    Err(_) => Step::ReserveFull,
                });
            }
            Call::PutHeld(item) => {
                if let Some(mut permit) = self.held.take() {
                    permit.put(*item);
                    steps.push(Step::PutHeld(*item));
                }
            }
            Call::Release => steps.extend(self.held.take().map(|_released| Step::Released)),
            _ => {}
        }
    }
}

struct SenderPort {
    sender: mpsc::Sender<u8>,
}

impl Port for SenderPort {
    fn call(&mut self, call: &Call, steps: &mut Vec<Step>) {
        put!(self.sender, call, steps, try_send, send, try_send_many, send_many);
        ask!(self.sender, call, steps);
    }

    fn gets(&self) -> bool {
        false
    }
}

struct ReceiverPort {
    receiver: mpsc::Receiver<u8>,
}

impl Port for ReceiverPort {
    fn call(&mut self, call: &Call, steps: &mut Vec<Step>) {
        get!(self.receiver, call, steps, try_recv, recv, try_recv_many, recv_many);
        ask!(self.receiver, call, steps);
    }
}
