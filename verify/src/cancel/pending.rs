//! Operations that are polled by hand.

use super::ledger::{Item, Ledger};
use fastrand::Rng;
use joinq::queue::{GetManyOwned, GetOwned, JoinOwned, PutManyOwned, PutOwned, ReserveOwned};
use joinq::Queue;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// A queue of the round, and the ledger of its items.
#[derive(Clone)]
pub(super) struct Round {
    pub(super) queue: Arc<Queue<Item>>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) permits: bool,
}

impl Round {
    /// A get has returned the item, which is done with it.
    pub(super) fn got(&self, item: Item) {
        item.got();
        // An item may be counted as done while its put has not returned; its claim counts from the beginning.
        self.queue.task_done().expect("each item that was got is unfinished");
    }
}

/// An operation that has not ended.
enum Operation {
    Get(GetOwned<Item>),
    GetMany(GetManyOwned<Item>),
    Put(PutOwned<Item>, usize),
    PutMany(PutManyOwned<Item>, Vec<usize>),
    Reserve(ReserveOwned<Item>),
    Join(JoinOwned<Item>),
}

/// For what an operation waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    Item,
    Slot,
    Done,
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// An operation with its waker.
pub(super) struct Pending {
    operation: Operation,
    count: Arc<Count>,
    waker: Waker,
    /// How often the waker was woken at the last poll; `None` before the first.
    seen: Option<usize>,
}

fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

impl Pending {
    /// A random operation; `None` if there is no item for it.
    pub(super) fn begin(round: &Round, rng: &mut Rng) -> Option<Self> {
        let queue = round.queue.clone();
        let operation = match rng.u8(..16) {
            0..=5 => Operation::Get(queue.get_owned()),
            6 => Operation::GetMany(queue.get_many_owned(3)),
            7..=11 => {
                let item = round.ledger.item()?;
                let id = item.id();
                Operation::Put(queue.put_owned(item), id)
            }
            12 | 13 => {
                let items: Vec<Item> = (0..3).filter_map(|_| round.ledger.item()).collect();
                let ids = items.iter().map(Item::id).collect();
                Operation::PutMany(queue.put_many_owned(items), ids)
            }
            14 if round.permits => Operation::Reserve(queue.reserve_owned(1)),
            _ => Operation::Join(queue.join_owned()),
        };
        let count = Arc::new(Count::default());
        Some(Pending { operation, waker: Waker::from(count.clone()), count, seen: None })
    }

    pub(super) fn waits(&self) -> Waits {
        match self.operation {
            Operation::Get(_) | Operation::GetMany(_) => Waits::Item,
            Operation::Put(..) | Operation::PutMany(..) | Operation::Reserve(_) => Waits::Slot,
            Operation::Join(_) => Waits::Done,
        }
    }

    pub(super) fn is_reservation(&self) -> bool {
        matches!(self.operation, Operation::Reserve(_))
    }

    /// Whether it was woken since its last poll, or never polled.
    pub(super) fn wants_a_poll(&self) -> bool {
        self.seen != Some(self.count.0.load(Ordering::SeqCst))
    }

    /// From now on another waker is used.
    pub(super) fn change_waker(&mut self) {
        self.count = Arc::new(Count::default());
        self.waker = Waker::from(self.count.clone());
        self.seen = None;
    }

    /// Polls once; true if the operation has ended.
    pub(super) fn poll(&mut self, round: &Round) -> bool {
        self.seen = Some(self.count.0.load(Ordering::SeqCst));
        match &mut self.operation {
            Operation::Get(get) => poll(get, &self.waker).map(|got| round.got(got.expect("the queue is open"))),
            Operation::GetMany(get) => poll(get, &self.waker)
                .map(|got| got.expect("the queue is open").into_iter().for_each(|item| round.got(item))),
            Operation::Put(put, id) => poll(put, &self.waker).map(|put| {
                put.expect("the queue is open");
                round.ledger.put(*id);
            }),
            Operation::PutMany(put, ids) => poll(put, &self.waker).map(|put| {
                put.expect("the queue is open");
                ids.iter().for_each(|&id| round.ledger.put(id));
            }),
            Operation::Reserve(reserve) => poll(reserve, &self.waker).map(|permit| {
                let mut permit = permit.expect("the queue is open");
                // A permit that is not used is released.
                if let Some(item) = round.ledger.item() {
                    round.ledger.put(item.id());
                    permit.put(item);
                }
            }),
            Operation::Join(join) => poll(join, &self.waker),
        }
        .is_ready()
    }

    /// Ends the operation: a put gives back what is not in the queue.
    pub(super) fn take(mut self) {
        match &mut self.operation {
            Operation::Put(put, _) => drop(put.take().map(Item::returned)),
            Operation::PutMany(put, _) => put.take().into_iter().for_each(Item::returned),
            _ => {}
        }
    }
}
