//! Queues that will be closed, and what closes each of them: `close`, or the drop of the last handle of a side.
//!
//! Knows the public operations. Does not know which threads are stopped.

use super::engine::{NotGot, NotPut};
use joinq::Queue;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::Arc;

/// An item: its producer and its number. The drops are counted.
pub(crate) struct Token(pub(crate) u64, pub(crate) u64);

thread_local! {
    /// The tokens that this thread has made, minus those that it has dropped.
    pub(crate) static KEPT: Cell<i64> = const { Cell::new(0) };
}

impl Token {
    pub(crate) fn new(producer: u64, number: u64) -> Self {
        KEPT.set(KEPT.get() + 1);
        Token(producer, number)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        KEPT.set(KEPT.get() - 1);
    }
}

type Put = Box<dyn Fn(Token) -> Result<(), NotPut> + Send + Sync>;
type Get = Box<dyn Fn() -> Result<Token, NotGot> + Send + Sync>;
pub(crate) type End = Box<dyn FnOnce() + Send>;

/// A queue that will be closed.
pub(crate) struct Shot {
    pub(crate) put: Put,
    pub(crate) get: Get,
    /// The items that were put and not got.
    pub(crate) items: AtomicI64,
    /// Whether a get found the queue closed.
    pub(crate) closed: AtomicBool,
}

impl Shot {
    /// More items than that are not put into one queue.
    pub(crate) const MOST: i64 = 4096;

    fn new(put: Put, get: Get) -> Self {
        Shot { put, get, items: AtomicI64::new(0), closed: AtomicBool::new(false) }
    }
}

fn not_put<T>(error: joinq::TryPutError<T>) -> NotPut {
    if error.is_closed() {
        NotPut::Closed
    } else {
        NotPut::Full
    }
}

fn not_sent<T>(error: joinq::TrySendError<T>) -> NotPut {
    if error.is_closed() {
        NotPut::Closed
    } else {
        NotPut::Full
    }
}

fn not_received(error: joinq::TryRecvError) -> NotGot {
    if error.is_closed() {
        NotGot::Closed
    } else {
        NotGot::Empty
    }
}

/// A queue that is closed by `close`.
pub(crate) fn close(queue: Queue<Token>) -> (Shot, End) {
    let queue = Arc::new(queue);
    let (putter, getter) = (queue.clone(), queue.clone());
    let put = move |token| putter.try_put(token).map_err(not_put);
    let get = move || getter.try_get().map_err(|error| if error.is_closed() { NotGot::Closed } else { NotGot::Empty });
    (Shot::new(Box::new(put), Box::new(get)), Box::new(move || assert!(queue.close())))
}

/// A channel that ends when its last sender is dropped: the putters have weak ones.
pub(crate) fn last_sender((sender, receiver): (joinq::Sender<Token>, joinq::Receiver<Token>)) -> (Shot, End) {
    let weak = sender.downgrade();
    let put = move |token| weak.upgrade().ok_or(NotPut::Closed)?.try_send(token).map_err(not_sent);
    let get = move || receiver.try_recv().map_err(not_received);
    (Shot::new(Box::new(put), Box::new(get)), Box::new(move || drop(sender)))
}

/// A channel that ends when its last receiver is dropped: the getters have weak ones.
pub(crate) fn last_receiver((sender, receiver): (joinq::Sender<Token>, joinq::Receiver<Token>)) -> (Shot, End) {
    let weak = receiver.downgrade();
    let put = move |token| sender.try_send(token).map_err(not_sent);
    let get = move || weak.upgrade().ok_or(NotGot::Closed)?.try_recv().map_err(not_received);
    (Shot::new(Box::new(put), Box::new(get)), Box::new(move || drop(receiver)))
}
