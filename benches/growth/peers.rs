//! The kinds of queue that are compared, behind common traits.

use crate::waiting::Waiter;
use std::cell::RefCell;
use tokio::sync::mpsc;

pub trait Peer {
    const NAME: &'static str;
    /// The queue must not be full.
    fn try_put(&self, item: u64);
    fn try_get(&self) -> Option<u64>;
}

pub trait Unbounded: Peer {
    fn unbounded() -> Self;
}

/// A queue on which many tasks can wait for items.
pub trait Getters: Unbounded {
    fn get(&self) -> Waiter<'_>;
    fn end_gets(&self);
}

/// A queue on which many tasks can wait for a free slot.
pub trait Putters: Peer {
    fn bounded(capacity: usize) -> Self;
    fn put(&self, item: u64) -> Waiter<'_>;
    fn end_puts(&self);
}

pub struct Joinq(joinq::Queue<u64>);

impl Peer for Joinq {
    const NAME: &'static str = "joinq";

    fn try_put(&self, item: u64) {
        self.0.try_put(item).unwrap();
    }

    fn try_get(&self) -> Option<u64> {
        self.0.try_get().ok()
    }
}

impl Unbounded for Joinq {
    fn unbounded() -> Self {
        Joinq(joinq::Queue::unbounded())
    }
}

impl Getters for Joinq {
    fn get(&self) -> Waiter<'_> {
        Box::pin(async {
            let _ = self.0.get().await;
        })
    }

    fn end_gets(&self) {
        self.0.close();
    }
}

impl Putters for Joinq {
    fn bounded(capacity: usize) -> Self {
        Joinq(joinq::Queue::bounded(capacity))
    }

    fn put(&self, item: u64) -> Waiter<'_> {
        Box::pin(async move {
            let _ = self.0.put(item).await;
        })
    }

    fn end_puts(&self) {
        self.0.close();
    }
}

pub struct AsyncChannel(async_channel::Sender<u64>, async_channel::Receiver<u64>);

impl Peer for AsyncChannel {
    const NAME: &'static str = "async-channel";

    fn try_put(&self, item: u64) {
        self.0.try_send(item).unwrap();
    }

    fn try_get(&self) -> Option<u64> {
        self.1.try_recv().ok()
    }
}

impl Unbounded for AsyncChannel {
    fn unbounded() -> Self {
        let (sender, receiver) = async_channel::unbounded();
        AsyncChannel(sender, receiver)
    }
}

impl Getters for AsyncChannel {
    fn get(&self) -> Waiter<'_> {
        Box::pin(async {
            let _ = self.1.recv().await;
        })
    }

    fn end_gets(&self) {
        self.0.close();
    }
}

impl Putters for AsyncChannel {
    fn bounded(capacity: usize) -> Self {
        let (sender, receiver) = async_channel::bounded(capacity);
        AsyncChannel(sender, receiver)
    }

    fn put(&self, item: u64) -> Waiter<'_> {
        Box::pin(async move {
            let _ = self.0.send(item).await;
        })
    }

    fn end_puts(&self) {
        self.1.close();
    }
}

pub struct Crossbeam(crossbeam_channel::Sender<u64>, crossbeam_channel::Receiver<u64>);

impl Peer for Crossbeam {
    const NAME: &'static str = "crossbeam";

    fn try_put(&self, item: u64) {
        self.0.try_send(item).unwrap();
    }

    fn try_get(&self) -> Option<u64> {
        self.1.try_recv().ok()
    }
}

impl Unbounded for Crossbeam {
    fn unbounded() -> Self {
        let (sender, receiver) = crossbeam_channel::unbounded();
        Crossbeam(sender, receiver)
    }
}

/// It has no `close`: a side ends when its last handle is dropped. So waiting operations hold handles of
/// their own.
pub struct Flume {
    sender: RefCell<Option<flume::Sender<u64>>>,
    receiver: RefCell<Option<flume::Receiver<u64>>>,
}

impl Flume {
    fn new((sender, receiver): (flume::Sender<u64>, flume::Receiver<u64>)) -> Self {
        Flume { sender: RefCell::new(Some(sender)), receiver: RefCell::new(Some(receiver)) }
    }
}

impl Peer for Flume {
    const NAME: &'static str = "flume";

    fn try_put(&self, item: u64) {
        self.sender.borrow().as_ref().unwrap().try_send(item).unwrap();
    }

    fn try_get(&self) -> Option<u64> {
        self.receiver.borrow().as_ref().unwrap().try_recv().ok()
    }
}

impl Unbounded for Flume {
    fn unbounded() -> Self {
        Flume::new(flume::unbounded())
    }
}

impl Getters for Flume {
    fn get(&self) -> Waiter<'_> {
        let receiver = self.receiver.borrow().clone().unwrap();
        Box::pin(async {
            let _ = receiver.into_recv_async().await;
        })
    }

    fn end_gets(&self) {
        self.sender.take();
    }
}

impl Putters for Flume {
    fn bounded(capacity: usize) -> Self {
        Flume::new(flume::bounded(capacity))
    }

    fn put(&self, item: u64) -> Waiter<'_> {
        let sender = self.sender.borrow().clone().unwrap();
        Box::pin(async move {
            let _ = sender.into_send_async(item).await;
        })
    }

    fn end_puts(&self) {
        self.receiver.take();
    }
}

/// It has a single receiver: many tasks can wait for a free slot, but only one for items.
pub struct TokioUnbounded(mpsc::UnboundedSender<u64>, RefCell<mpsc::UnboundedReceiver<u64>>);

impl Peer for TokioUnbounded {
    const NAME: &'static str = "tokio mpsc";

    fn try_put(&self, item: u64) {
        self.0.send(item).unwrap();
    }

    fn try_get(&self) -> Option<u64> {
        self.1.borrow_mut().try_recv().ok()
    }
}

impl Unbounded for TokioUnbounded {
    fn unbounded() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        TokioUnbounded(sender, RefCell::new(receiver))
    }
}

pub struct TokioBounded(mpsc::Sender<u64>, RefCell<mpsc::Receiver<u64>>);

impl Peer for TokioBounded {
    const NAME: &'static str = "tokio mpsc";

    fn try_put(&self, item: u64) {
        self.0.try_send(item).unwrap();
    }

    fn try_get(&self) -> Option<u64> {
        self.1.borrow_mut().try_recv().ok()
    }
}

impl Putters for TokioBounded {
    fn bounded(capacity: usize) -> Self {
        let (sender, receiver) = mpsc::channel(capacity);
        TokioBounded(sender, RefCell::new(receiver))
    }

    fn put(&self, item: u64) -> Waiter<'_> {
        Box::pin(async move {
            let _ = self.0.send(item).await;
        })
    }

    fn end_puts(&self) {
        self.1.borrow_mut().close();
    }
}
