//! The operations that are counted.

use crate::collect::{rounds, IN_A_ROW};
use joinq::{mpsc, Queue};
use std::future::Future;
use std::hint::black_box;
use std::pin::{pin, Pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

pub struct Op {
    pub name: &'static str,
    pub perform: fn(),
}

const ITEM: u64 = 1;
const BATCH: usize = 32;

fn unbounded() -> Queue<u64> {
    Queue::unbounded()
}

/// With capacity for the items of one round.
fn bounded() -> Queue<u64> {
    Queue::bounded(2 * IN_A_ROW as usize)
}

fn with_permits() -> Queue<u64> {
    Queue::with_permits(2 * IN_A_ROW as usize)
}

fn nothing() {}

fn try_put(queue: &Queue<u64>) {
    queue.try_put(black_box(ITEM)).unwrap();
}

fn try_get(queue: &Queue<u64>) {
    black_box(queue.try_get().unwrap());
}

fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("an operation that should not wait"),
    }
}

/// Counts `op`, which takes as many items as it puts.
fn balanced(queue: Queue<u64>, op: impl Fn(&Queue<u64>)) {
    rounds(nothing, || op(&queue), nothing);
}

/// Counts `op`, which puts an item.
fn putting(queue: Queue<u64>, op: impl Fn(&Queue<u64>)) {
    rounds(nothing, || op(&queue), || try_get(&queue));
}

/// Counts `op`, which takes an item.
fn getting(queue: Queue<u64>, op: impl Fn(&Queue<u64>)) {
    rounds(|| try_put(&queue), || op(&queue), nothing);
}

fn task_done(queue: Queue<u64>) {
    let turn = || {
        try_put(&queue);
        try_get(&queue);
    };
    rounds(turn, || queue.task_done().unwrap(), nothing);
}

fn batch(queue: Queue<u64>) {
    let mut items = Vec::with_capacity(BATCH);
    let mut all = Vec::with_capacity(BATCH * IN_A_ROW as usize);
    let op = || {
        queue.put_many([ITEM; BATCH]).wait().unwrap();
        queue.get_many(&mut items, BATCH).wait().unwrap();
        all.append(&mut items);
        all.clear();
    };
    rounds(nothing, op, nothing);
}

struct Counter(AtomicU64);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts an operation that waits and is woken by `other`.
fn woken<'a, F: Future>(queue: &'a Queue<u64>, make: impl Fn(&'a Queue<u64>) -> F, other: impl Fn(&Queue<u64>)) {
    let counter = Arc::new(Counter(AtomicU64::new(0)));
    let waker = Waker::from(counter.clone());
    let mut context = Context::from_waker(&waker);
    let mut times = 0;
    let op = || {
        let mut waiting = pin!(make(queue));
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        other(queue);
        assert!(Pin::new(&mut waiting).poll(&mut context).is_ready());
        times += 1;
    };
    rounds(nothing, op, nothing);
    assert_eq!(counter.0.load(Ordering::Relaxed), times);
}

fn woken_getter(queue: Queue<u64>) {
    woken(&queue, Queue::get, try_put);
}

/// Each round takes the item that the woken put of the round before has put.
fn woken_putter(queue: Queue<u64>) {
    while queue.try_put(ITEM).is_ok() {}
    woken(&queue, |queue| queue.put(black_box(ITEM)), try_get);
}

/// As [`woken`], for the single consumer of a channel.
fn woken_receiver((sender, mut receiver): (joinq::Sender<u64>, mpsc::Receiver<u64>)) {
    let counter = Arc::new(Counter(AtomicU64::new(0)));
    let waker = Waker::from(counter.clone());
    let mut context = Context::from_waker(&waker);
    let mut times = 0;
    let op = || {
        let mut waiting = receiver.recv();
        assert!(Pin::new(&mut waiting).poll(&mut context).is_pending());
        sender.try_send(black_box(ITEM)).unwrap();
        assert!(Pin::new(&mut waiting).poll(&mut context).is_ready());
        times += 1;
    };
    rounds(nothing, op, nothing);
    assert_eq!(counter.0.load(Ordering::Relaxed), times);
}

/// As [`woken_putter`], for a channel with a single consumer.
fn woken_sender((sender, mut receiver): (joinq::Sender<u64>, mpsc::Receiver<u64>)) {
    while sender.try_send(ITEM).is_ok() {}
    let counter = Arc::new(Counter(AtomicU64::new(0)));
    let waker = Waker::from(counter.clone());
    let mut context = Context::from_waker(&waker);
    let op = || {
        let mut waiting = sender.send(black_box(ITEM));
        assert!(Pin::new(&mut waiting).poll(&mut context).is_pending());
        black_box(receiver.try_recv().unwrap());
        assert!(Pin::new(&mut waiting).poll(&mut context).is_ready());
    };
    rounds(nothing, op, nothing);
    assert!(counter.0.load(Ordering::Relaxed) > 0);
}

/// A pending receive of the single consumer that is dropped.
fn cancelled_receive((_sender, mut receiver): (joinq::Sender<u64>, mpsc::Receiver<u64>)) {
    let op = || {
        let mut waiting = receiver.recv();
        assert!(Pin::new(&mut waiting).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    };
    rounds(nothing, op, nothing);
}

/// Receives one message that is there.
fn receiving((sender, mut receiver): (joinq::Sender<u64>, mpsc::Receiver<u64>)) {
    let before = || sender.try_send(black_box(ITEM)).unwrap();
    rounds(
        before,
        || {
            black_box(ready(receiver.recv()).unwrap());
        },
        nothing,
    );
}

/// Counts a pending get that is dropped.
fn cancelled(queue: Queue<u64>) {
    let op = || {
        let mut waiting = pin!(queue.get());
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    };
    rounds(nothing, op, nothing);
}

macro_rules! ops {
    ($($name:literal: $perform:expr,)*) => {
        vec![$(Op { name: $name, perform: || $perform }),*]
    };
}

pub fn all() -> Vec<Op> {
    ops! {
        "loop around nothing": rounds(nothing, || { black_box(ITEM); }, nothing),

        "unbounded try_put": putting(unbounded(), try_put),
        "unbounded try_get": getting(unbounded(), try_get),
        "unbounded put wait": putting(unbounded(), |queue| queue.put(black_box(ITEM)).wait().unwrap()),
        "unbounded get wait": getting(unbounded(), |queue| { black_box(queue.get().wait().unwrap()); }),
        "unbounded put poll": putting(unbounded(), |queue| ready(queue.put(black_box(ITEM))).unwrap()),
        "unbounded get poll": getting(unbounded(), |queue| { black_box(ready(queue.get()).unwrap()); }),
        "unbounded try_get_task, dropped": getting(unbounded(), |queue| { black_box(*queue.try_get_task().unwrap()); }),
        "unbounded task_done": task_done(unbounded()),
        "unbounded join, nothing unfinished": balanced(unbounded(), |queue| queue.join().wait()),
        "unbounded try_get, empty": balanced(unbounded(), |queue| { assert!(black_box(queue.try_get()).is_err()); }),
        "unbounded 32 by put_many, get_many": batch(unbounded()),
        "unbounded get woken by try_put": woken_getter(unbounded()),
        "unbounded get pending, dropped": cancelled(unbounded()),

        "bounded try_put": putting(bounded(), try_put),
        "bounded try_get": getting(bounded(), try_get),
        "bounded put wait": putting(bounded(), |queue| queue.put(black_box(ITEM)).wait().unwrap()),
        "bounded get wait": getting(bounded(), |queue| { black_box(queue.get().wait().unwrap()); }),
        "bounded put poll": putting(bounded(), |queue| ready(queue.put(black_box(ITEM))).unwrap()),
        "bounded get poll": getting(bounded(), |queue| { black_box(ready(queue.get()).unwrap()); }),
        "bounded 32 by put_many, get_many": batch(bounded()),
        "bounded get woken by try_put": woken_getter(bounded()),
        "bounded put woken by try_get": woken_putter(bounded()),

        "permits try_put": putting(with_permits(), try_put),
        "permits try_get": getting(with_permits(), try_get),
        "permits try_reserve 1, put": putting(with_permits(), |queue| queue.try_reserve(1).unwrap().put(black_box(ITEM))),
        "permits reserve 1 poll, put": putting(with_permits(), |queue| {
            ready(queue.reserve(1)).unwrap().put(black_box(ITEM));
        }),
        "permits get woken by try_put": woken_getter(with_permits()),
        "permits put woken by try_get": woken_putter(with_permits()),

        "mpsc recv poll": receiving(mpsc::unbounded()),
        "mpsc recv woken by try_send": woken_receiver(mpsc::unbounded()),
        "mpsc recv pending, dropped": cancelled_receive(mpsc::unbounded()),
        "mpsc bounded send woken by try_recv": woken_sender(mpsc::bounded(2 * IN_A_ROW as usize)),
        "mpsc bounded recv poll": receiving(mpsc::bounded(2 * IN_A_ROW as usize)),
        "mpsc bounded recv woken by try_send": woken_receiver(mpsc::bounded(2 * IN_A_ROW as usize)),
    }
}
