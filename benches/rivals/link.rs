//! The traits that a contender implements: a kind of queue, opened for one shape, one capacity and one type
//! of message.

use std::fmt::Debug;
use std::future::Future;
use std::ops::Range;

/// The numbers of senders and receivers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    pub senders: usize,
    pub receivers: usize,
}

impl Shape {
    pub const ONE_TO_ONE: Shape = Shape { senders: 1, receivers: 1 };

    pub fn one_receiver(self) -> bool {
        self.receivers == 1
    }

    pub fn one_to_one(self) -> bool {
        self == Self::ONE_TO_ONE
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Capacity {
    /// With 0 a rendezvous.
    Bounded(usize),
    Unbounded,
}

impl Capacity {
    pub fn bound(self) -> Option<usize> {
        match self {
            Capacity::Bounded(bound) => Some(bound),
            Capacity::Unbounded => None,
        }
    }

    pub fn unbounded(self) -> bool {
        self == Capacity::Unbounded
    }

    pub fn rendezvous(self) -> bool {
        self == Capacity::Bounded(0)
    }

    /// Bounded, with a capacity of at least one.
    pub fn buffered(self) -> bool {
        !self.unbounded() && !self.rendezvous()
    }
}

/// A message: a number, padded to the size of the cell.
pub trait Message: Clone + Debug + Default + Send + Sync + Unpin + 'static {
    fn new(value: u64) -> Self;
    fn value(&self) -> u64;
}

impl Message for u64 {
    fn new(value: u64) -> Self {
        value
    }

    fn value(&self) -> u64 {
        *self
    }
}

/// A message of this number of words, each of which is the number.
#[derive(Clone, Debug)]
pub struct Words<const COUNT: usize>([u64; COUNT]);

impl<const COUNT: usize> Default for Words<COUNT> {
    fn default() -> Self {
        Self([0; COUNT])
    }
}

impl<const COUNT: usize> Message for Words<COUNT> {
    fn new(value: u64) -> Self {
        Self([value; COUNT])
    }

    fn value(&self) -> u64 {
        assert_eq!(self.0[0], self.0[COUNT - 1], "a torn message");
        self.0[0]
    }
}

/// The ends of one queue, one for each thread or task.
pub type Ends<L, T> = (Vec<<L as Link>::Tx<T>>, Vec<<L as Link>::Rx<T>>);

/// One kind of queue.
pub trait Link: 'static {
    /// The crate, and after `::` the queue if the crate has several.
    const NAME: &'static str;

    /// The shapes and capacities for which a user of the crate would take this queue.
    const FITS: fn(Shape, Capacity) -> bool;

    type Tx<T: Message>: Send + 'static;
    type Rx<T: Message>: Send + 'static;

    fn open<T: Message>(capacity: Capacity, shape: Shape) -> Ends<Self, T>;

    /// The queue must not be full.
    fn try_send<T: Message>(tx: &mut Self::Tx<T>, message: T);

    /// The queue must not be empty.
    fn try_recv<T: Message>(rx: &mut Self::Rx<T>) -> T;
}

/// A queue for threads. A crate without batches sends and receives one by one.
pub trait Blocking: Link {
    fn send<T: Message>(tx: &mut Self::Tx<T>, message: T);
    fn recv<T: Message>(rx: &mut Self::Rx<T>) -> T;

    fn send_many<T: Message>(tx: &mut Self::Tx<T>, values: Range<u64>) {
        values.for_each(|value| Self::send(tx, T::new(value)));
    }

    /// Receives at least one message, and at most `limit` if there are other receivers.
    fn recv_many<T: Message>(rx: &mut Self::Rx<T>, into: &mut Vec<T>, limit: usize) {
        debug_assert!(limit > 0);
        into.push(Self::recv(rx));
    }
}

/// A queue for tasks.
pub trait Tasks: Link {
    fn send<T: Message>(tx: &mut Self::Tx<T>, message: T) -> impl Future<Output = ()> + Send;
    fn recv<T: Message>(rx: &mut Self::Rx<T>) -> impl Future<Output = T> + Send;

    fn send_many<T: Message>(tx: &mut Self::Tx<T>, values: Range<u64>) -> impl Future<Output = ()> + Send {
        async {
            for value in values {
                Self::send(tx, T::new(value)).await;
            }
        }
    }

    /// Receives at least one message, and at most `limit` if there are other receivers.
    fn recv_many<T: Message>(rx: &mut Self::Rx<T>, into: &mut Vec<T>, limit: usize) -> impl Future<Output = ()> + Send {
        async move {
            debug_assert!(limit > 0);
            into.push(Self::recv(rx).await);
        }
    }
}
