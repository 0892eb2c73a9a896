//! A pending operation of the library, of any kind, and the wakers with which it is polled.

use super::item::Item;
use super::request::Request;
use joinq::channel::{RecvOwned, SendOwned};
use joinq::mpsc;
use joinq::queue::{Closed, Get, GetTask, Join, Permits, Put, PutMany, Reserve};
use joinq::Task;
use std::cell::RefCell;
use std::future::{ready, Future};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// The result of an operation: an [`Outcome`](super::request::Outcome) with the items themselves.
pub(super) enum Real<'q, I> {
    Put(Result<(), Vec<I>>),
    Got(Result<Vec<I>, ()>),
    Task(Result<Task<'q, I>, ()>),
    Reserved(Result<Permits<'q, I>, ()>),
    Completed,
    TimedOut(Vec<I>),
}

/// An operation of the library.
pub(super) enum Op<'q, I> {
    Put(Put<'q, I>),
    PutMany(PutMany<'q, I>),
    Reserve(Reserve<'q, I>),
    Get(Get<'q, I>),
    GetTask(GetTask<'q, I>),
    /// With the vector to which it appends.
    GetMany(Pin<Box<dyn Future<Output = Result<Vec<I>, ()>> + 'q>>),
    Join(Join<'q, I>),
    Closed(Closed<'q, I>),
    /// With its sender.
    Send(SendOwned<I>),
    /// With its receiver.
    Recv(RecvOwned<I>),
    /// A receive of the single consumer, which keeps the waker beyond the operation.
    Single(Rc<RefCell<mpsc::Receiver<I>>>),
}

impl<'q, I: Item + 'q> Op<'q, I> {
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Real<'q, I>> {
        match self {
            Op::Put(put) => {
                Pin::new(put).poll(context).map(|put| Real::Put(put.map_err(|error| vec![error.into_inner()])))
            }
            Op::PutMany(put) => {
                Pin::new(put).poll(context).map(|put| Real::Put(put.map_err(|error| error.into_inner())))
            }
            Op::Reserve(reserve) => Pin::new(reserve).poll(context).map(|held| Real::Reserved(held.map_err(drop))),
            Op::Get(get) => Pin::new(get).poll(context).map(|got| Real::Got(got.map(|item| vec![item]).map_err(drop))),
            Op::GetTask(get) => Pin::new(get).poll(context).map(|got| Real::Task(got.map_err(drop))),
            Op::GetMany(get) => get.as_mut().poll(context).map(Real::Got),
            Op::Join(join) => Pin::new(join).poll(context).map(|()| Real::Completed),
            Op::Closed(closed) => Pin::new(closed).poll(context).map(|()| Real::Completed),
            Op::Send(send) => {
                Pin::new(send).poll(context).map(|sent| Real::Put(sent.map_err(|error| vec![error.into_inner()])))
            }
            Op::Recv(receive) => {
                Pin::new(receive).poll(context).map(|got| Real::Got(got.map(|item| vec![item]).map_err(drop)))
            }
            Op::Single(receiver) => {
                receiver.borrow_mut().poll_recv(context).map(|got| Real::Got(got.map(|item| vec![item]).ok_or(())))
            }
        }
    }

    /// Ends it without waiting: on a thread with a timeout of zero, or in a task with a timer that is ready.
    pub(super) fn end(self, on_thread: bool) -> Real<'q, I> {
        macro_rules! timed {
            ($operation:expr) => {
                if on_thread {
                    $operation.wait_timeout(Duration::ZERO)
                } else {
                    now($operation.until(ready(())))
                }
            };
        }
        match self {
            Op::Put(put) => match timed!(put) {
                Ok(()) => Real::Put(Ok(())),
                Err(error) if error.is_timeout() => Real::TimedOut(vec![error.into_inner()]),
                Err(error) => Real::Put(Err(vec![error.into_inner()])),
            },
            Op::PutMany(put) => match timed!(put) {
                Ok(()) => Real::Put(Ok(())),
                Err(error) if error.is_timeout() => Real::TimedOut(error.into_inner()),
                Err(error) => Real::Put(Err(error.into_inner())),
            },
            Op::Reserve(reserve) => match timed!(reserve) {
                Ok(permits) => Real::Reserved(Ok(permits)),
                Err(error) if error.is_timeout() => Real::TimedOut(Vec::new()),
                Err(_) => Real::Reserved(Err(())),
            },
            Op::Get(get) => match timed!(get) {
                Ok(item) => Real::Got(Ok(vec![item])),
                Err(error) if error.is_timeout() => Real::TimedOut(Vec::new()),
                Err(_) => Real::Got(Err(())),
            },
            Op::GetTask(get) => match timed!(get) {
                Ok(task) => Real::Task(Ok(task)),
                Err(error) if error.is_timeout() => Real::TimedOut(Vec::new()),
                Err(_) => Real::Task(Err(())),
            },
            // Its vector cannot be reached from here: it is polled and dropped, which has the same effect.
            Op::GetMany(mut get) => match get.as_mut().poll(&mut Context::from_waker(&Waker::from(Flag::new()))) {
                Poll::Ready(got) => Real::Got(got),
                Poll::Pending => Real::TimedOut(Vec::new()),
            },
            Op::Send(send) => match timed!(send) {
                Ok(()) => Real::Put(Ok(())),
                Err(error) if error.is_timeout() => Real::TimedOut(vec![error.into_inner()]),
                Err(error) => Real::Put(Err(vec![error.into_inner()])),
            },
            Op::Recv(receive) => match timed!(receive) {
                Ok(item) => Real::Got(Ok(vec![item])),
                Err(error) if error.is_timeout() => Real::TimedOut(Vec::new()),
                Err(_) => Real::Got(Err(())),
            },
            Op::Single(receiver) => match timed!(receiver.borrow_mut().recv()) {
                Ok(item) => Real::Got(Ok(vec![item])),
                Err(error) if error.is_timeout() => Real::TimedOut(Vec::new()),
                Err(_) => Real::Got(Err(())),
            },
            Op::Join(join) => timed!(join).map_or(Real::TimedOut(Vec::new()), |()| Real::Completed),
            Op::Closed(closed) => timed!(closed).map_or(Real::TimedOut(Vec::new()), |()| Real::Completed),
        }
    }

    /// Takes back the items that are not in the queue.
    pub(super) fn take(&mut self) -> Vec<I> {
        match self {
            Op::Put(put) => put.take().into_iter().collect(),
            Op::PutMany(put) => put.take(),
            Op::Send(send) => send.take().into_iter().collect(),
            _ => Vec::new(),
        }
    }
}

/// The result of a future that does not wait.
pub(super) fn now<F: Future>(future: F) -> F::Output {
    let mut future = Box::pin(future);
    match future.as_mut().poll(&mut Context::from_waker(&Waker::from(Flag::new()))) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("an operation outlasts its timer"),
    }
}

/// A waker that counts its wake-ups.
pub(super) struct Flag(AtomicUsize);

impl Flag {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Flag(AtomicUsize::new(0)))
    }

    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// An operation that has not completed.
pub(super) struct Pending<'q, I> {
    pub(super) op: Op<'q, I>,
    pub(super) request: Request,
    /// It is polled with the one or the other.
    pub(super) flags: [Arc<Flag>; 2],
    /// The flag of the last poll, and its count at that poll; `None` before the first poll.
    pub(super) polled: Option<(usize, usize)>,
    /// It is not used again before the end, as after `mem::forget`, which would leak its memory.
    pub(super) forgotten: bool,
}

impl<I> Pending<'_, I> {
    pub(super) fn is_woken(&self) -> bool {
        self.polled.is_some_and(|(flag, seen)| self.flags[flag].count() > seen)
    }
}

/// Drops a completed operation.
pub(super) fn release<I>(pending: Pending<'_, I>) {
    let Pending { op, flags, .. } = pending;
    let keeps_waker = matches!(op, Op::Single(_));
    drop(op);
    if !keeps_waker {
        check_flags(&flags);
    }
}

pub(super) fn check_flags(flags: &[Arc<Flag>; 2]) {
    assert!(flags.iter().all(|flag| Arc::strong_count(flag) == 1), "a waker is kept beyond its operation");
}
