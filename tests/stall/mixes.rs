//! What a thread does with a queue of joinq in one mix of operations, and the control.
//!
//! Knows the public operations. Does not know which threads are stopped.

use super::engine::{Ends, Item, Mark, Next, NotGot, NotPut, Op};
use joinq::{mpsc, Queue, Receiver, Sender, TryGetError, TryPutError};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

fn not_put<T>(error: TryPutError<T>) -> NotPut {
    match error {
        TryPutError::Closed(_) => NotPut::Closed,
        _ => NotPut::Full,
    }
}

fn not_got(error: TryGetError) -> NotGot {
    match error {
        TryGetError::Closed => NotGot::Closed,
        _ => NotGot::Empty,
    }
}

/// `try_put` and `try_get`.
pub(crate) struct Try<'a, const WORDS: usize>(pub(crate) &'a Queue<Item<WORDS>>);

impl<const WORDS: usize> Ends<WORDS> for Try<'_, WORDS> {
    fn put(&mut self, mark: Mark, next: Next) -> Result<u64, NotPut> {
        let item = next.item(0);
        mark.during(Op::Put, || self.0.try_put(item)).map(|()| 1).map_err(not_put)
    }

    fn get(&mut self, mark: Mark, into: &mut Vec<Item<WORDS>>) -> Result<(), NotGot> {
        mark.during(Op::Get, || self.0.try_get()).map(|item| into.push(item)).map_err(not_got)
    }
}

/// `try_put_many` and `try_get_many`, of 1 to `MOST` items.
pub(crate) struct Batches<'a, const WORDS: usize>(&'a Queue<Item<WORDS>>, u64);

impl<'a, const WORDS: usize> Batches<'a, WORDS> {
    pub(crate) fn new(queue: &'a Queue<Item<WORDS>>) -> Self {
        Batches(queue, 0)
    }

    fn size(&mut self) -> u64 {
        self.1 += 3;
        self.1 % Self::MOST + 1
    }
}

impl<const WORDS: usize> Ends<WORDS> for Batches<'_, WORDS> {
    const MOST: u64 = 8;

    fn put(&mut self, mark: Mark, next: Next) -> Result<u64, NotPut> {
        let size = self.size();
        let items: Vec<_> = (0..size).map(|index| next.item(index)).collect();
        let (left, error) = match mark.during(Op::PutMany, || self.0.try_put_many(items)) {
            Ok(()) => return Ok(size),
            Err(TryPutError::Closed(items)) => (items.len() as u64, NotPut::Closed),
            Err(error) => (error.into_inner().len() as u64, NotPut::Full),
        };
        if left < size {
            Ok(size - left)
        } else {
            Err(error)
        }
    }

    fn get(&mut self, mark: Mark, into: &mut Vec<Item<WORDS>>) -> Result<(), NotGot> {
        let size = self.size() as usize;
        mark.during(Op::GetMany, || self.0.try_get_many(into, size)).map(|_| ()).map_err(not_got)
    }
}

/// Which of the two operations a thread leaves out three times of four.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seldom {
    Neither,
    Puts,
    Gets,
}

/// `put`, `get`, `put_many` and `get_many`, which may wait.
pub(crate) struct Waits<'a, const WORDS: usize> {
    queue: &'a Queue<Item<WORDS>>,
    seldom: Seldom,
    turn: u64,
}

impl<'a, const WORDS: usize> Waits<'a, WORDS> {
    pub(crate) fn new(queue: &'a Queue<Item<WORDS>>, seldom: Seldom) -> Self {
        Waits { queue, seldom, turn: 0 }
    }
}

impl<const WORDS: usize> Ends<WORDS> for Waits<'_, WORDS> {
    const MOST: u64 = 2;

    fn put(&mut self, mark: Mark, next: Next) -> Result<u64, NotPut> {
        self.turn += 1;
        if self.seldom == Seldom::Puts && self.turn % 4 > 0 {
            return Err(NotPut::Full);
        }
        if self.turn % 5 > 0 {
            let item = next.item(0);
            return mark.during(Op::Put, || self.queue.put(item).wait()).map(|()| 1).map_err(|_| NotPut::Closed);
        }
        let items = [next.item(0), next.item(1)];
        match mark.during(Op::PutMany, || self.queue.put_many(items).wait()) {
            Ok(()) => Ok(2),
            Err(error) => match error.into_inner().len() {
                1 => Ok(1),
                _ => Err(NotPut::Closed),
            },
        }
    }

    fn get(&mut self, mark: Mark, into: &mut Vec<Item<WORDS>>) -> Result<(), NotGot> {
        if self.seldom == Seldom::Gets && self.turn % 4 > 0 {
            return Err(NotGot::Empty);
        }
        if self.turn % 5 > 0 {
            let item = mark.during(Op::Get, || self.queue.get().wait()).map_err(|_| NotGot::Closed)?;
            into.push(item);
            return Ok(());
        }
        mark.during(Op::GetMany, || self.queue.get_many(into, 2).wait()).map(|_| ()).map_err(|_| NotGot::Closed)
    }
}

/// `try_put` below one length and `try_get` above another, which keeps the queue between the two.
pub(crate) struct Between<'a, const WORDS: usize> {
    pub(crate) queue: &'a Queue<Item<WORDS>>,
    pub(crate) low: usize,
    pub(crate) high: usize,
}

impl<'a, const WORDS: usize> Between<'a, WORDS> {
    /// A put and a get of the same victim need not wait.
    pub(crate) fn in_between(queue: &'a Queue<Item<WORDS>>) -> Self {
        Between { queue, low: 16, high: 100 }
    }

    /// Gets have to wait.
    pub(crate) fn empty(queue: &'a Queue<Item<WORDS>>) -> Self {
        Between { queue, low: 0, high: 2 }
    }

    /// Puts have to wait.
    pub(crate) fn full(queue: &'a Queue<Item<WORDS>>) -> Self {
        Between { queue, low: queue.capacity().map_or(0, |capacity| capacity - 1), high: usize::MAX }
    }
}

impl<const WORDS: usize> Ends<WORDS> for Between<'_, WORDS> {
    fn put(&mut self, mark: Mark, next: Next) -> Result<u64, NotPut> {
        if self.queue.len() >= self.high {
            return Err(NotPut::Full);
        }
        Try(self.queue).put(mark, next)
    }

    fn get(&mut self, mark: Mark, into: &mut Vec<Item<WORDS>>) -> Result<(), NotGot> {
        if self.queue.len() <= self.low && !self.queue.is_closed() {
            return Err(NotGot::Empty);
        }
        Try(self.queue).get(mark, into)
    }
}

/// `try_send` and `try_recv` of handles that are cloned and dropped each time.
pub(crate) struct Handles<const WORDS: usize>(pub(crate) Sender<Item<WORDS>>, pub(crate) Receiver<Item<WORDS>>);

impl<const WORDS: usize> Clone for Handles<WORDS> {
    fn clone(&self) -> Self {
        Handles(self.0.clone(), self.1.clone())
    }
}

impl<const WORDS: usize> Ends<WORDS> for Handles<WORDS> {
    fn put(&mut self, mark: Mark, next: Next) -> Result<u64, NotPut> {
        let item = next.item(0);
        let sender = mark.during(Op::Clone, || self.0.clone());
        let sent = mark.during(Op::Put, || sender.try_send(item));
        mark.during(Op::Drop, || drop(sender));
        sent.map(|()| 1).map_err(|error| if error.is_full() { NotPut::Full } else { NotPut::Closed })
    }

    fn get(&mut self, mark: Mark, into: &mut Vec<Item<WORDS>>) -> Result<(), NotGot> {
        let receiver = mark.during(Op::Clone, || self.1.clone());
        let received = mark.during(Op::Get, || receiver.try_recv());
        mark.during(Op::Drop, || drop(receiver));
        into.push(received.map_err(|error| if error.is_empty() { NotGot::Empty } else { NotGot::Closed })?);
        Ok(())
    }
}

/// `try_send`, and `try_recv` of the single receiver, if this thread has it.
pub(crate) struct Single<const WORDS: usize>(
    pub(crate) Sender<Item<WORDS>>,
    pub(crate) Option<mpsc::Receiver<Item<WORDS>>>,
);

impl<const WORDS: usize> Single<WORDS> {
    /// The victims do not receive, so they send below this length only.
    const LENGTH: usize = 8000;
}

impl<const WORDS: usize> Ends<WORDS> for Single<WORDS> {
    fn put(&mut self, mark: Mark, next: Next) -> Result<u64, NotPut> {
        if mark.is_victim() && self.0.len() > Self::LENGTH {
            return Err(NotPut::Full);
        }
        let item = next.item(0);
        let sent = mark.during(Op::Put, || self.0.try_send(item));
        sent.map(|()| 1).map_err(|error| if error.is_full() { NotPut::Full } else { NotPut::Closed })
    }

    fn get(&mut self, mark: Mark, into: &mut Vec<Item<WORDS>>) -> Result<(), NotGot> {
        let receiver = self.1.as_mut().ok_or(NotGot::Empty)?;
        let received = mark.during(Op::Get, || receiver.try_recv());
        into.push(received.map_err(|error| if error.is_empty() { NotGot::Empty } else { NotGot::Closed })?);
        Ok(())
    }
}

/// `try_put` now and then, and a `get` that a task polls, which may be dropped while it waits. The waker of the task
/// takes no lock, where that of a parked thread does.
pub(crate) struct Task<'a, const WORDS: usize> {
    queue: &'a Queue<Item<WORDS>>,
    woken: Arc<Woken>,
    waker: Waker,
    turn: u64,
}

#[derive(Default)]
pub(crate) struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

impl<'a, const WORDS: usize> Task<'a, WORDS> {
    pub(crate) fn new(queue: &'a Queue<Item<WORDS>>) -> Self {
        let woken = Arc::new(Woken::default());
        Task { queue, waker: woken.clone().into(), woken, turn: 0 }
    }
}

impl<const WORDS: usize> Ends<WORDS> for Task<'_, WORDS> {
    fn put(&mut self, mark: Mark, next: Next) -> Result<u64, NotPut> {
        self.turn += 1;
        if self.turn % 8 > 0 {
            return Err(NotPut::Full);
        }
        Try(self.queue).put(mark, next)
    }

    fn get(&mut self, mark: Mark, into: &mut Vec<Item<WORDS>>) -> Result<(), NotGot> {
        let mut get = self.queue.get();
        let mut op = Op::Get;
        loop {
            match mark.during(op, || Pin::new(&mut get).poll(&mut Context::from_waker(&self.waker))) {
                Poll::Ready(Ok(item)) => {
                    into.push(item);
                    return Ok(());
                }
                Poll::Ready(Err(_)) => return Err(NotGot::Closed),
                Poll::Pending if self.turn % 4 == 0 => {
                    mark.during(Op::Cancel, || drop(get));
                    return Err(NotGot::Empty);
                }
                Poll::Pending => {}
            }
            while !self.woken.0.swap(false, Ordering::Acquire) {
                thread::yield_now();
            }
            op = Op::Notified;
        }
    }
}

/// The control, a queue behind a mutex: the items, and whether the queue is closed.
pub(crate) struct Locked<const WORDS: usize>(Mutex<(VecDeque<Item<WORDS>>, bool)>);

impl<const WORDS: usize> Locked<WORDS> {
    pub(crate) fn new() -> Self {
        Locked(Mutex::new((VecDeque::new(), false)))
    }

    pub(crate) fn close(&self) {
        self.0.lock().unwrap().1 = true;
    }
}

impl<const WORDS: usize> Ends<WORDS> for &Locked<WORDS> {
    fn put(&mut self, mark: Mark, next: Next) -> Result<u64, NotPut> {
        let item = next.item(0);
        mark.during(Op::Put, || {
            let mut state = self.0.lock().unwrap();
            if state.1 {
                return Err(NotPut::Closed);
            }
            state.0.push_back(item);
            Ok(1)
        })
    }

    fn get(&mut self, mark: Mark, into: &mut Vec<Item<WORDS>>) -> Result<(), NotGot> {
        let item = mark.during(Op::Get, || {
            let mut state = self.0.lock().unwrap();
            let none = if state.1 { NotGot::Closed } else { NotGot::Empty };
            state.0.pop_front().ok_or(none)
        })?;
        into.push(item);
        Ok(())
    }
}
