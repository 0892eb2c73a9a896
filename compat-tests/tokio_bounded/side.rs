//! The operations of the bounded channel, and of its permits.

use super::channel::error::{SendError, TryRecvError, TrySendError};
use super::channel::{channel, Receiver, Sender, WeakSender};
use crate::harness::{held, Base, Item, Op, Orders, Out, Place, Side, Slots, Topic, POLL};
use crate::tokio_ops::{tokio_ops, Polled};
use std::future::poll_fn;
use std::rc::Rc;

pub(crate) struct Channel {
    base: Base,
    senders: Slots<Rc<Sender<Item>>>,
    weak_senders: Slots<WeakSender<Item>>,
    receiver: Place<Receiver<Item>>,
}

fn sent(result: Result<(), SendError<Item>>) -> Out {
    match result {
        Ok(()) => Out::Done,
        Err(SendError(item)) => Out::not_sent("closed", item),
    }
}

fn refused<T>(error: TrySendError<T>) -> Out {
    match error {
        TrySendError::Full(_) => Out::Failed("full", None),
        TrySendError::Closed(_) => Out::Failed("closed", None),
    }
}

/// Uses one permit: the first order sends with it, or releases it.
macro_rules! use_permit {
    ($permit:expr, $orders:expr) => {{
        let permit = $permit;
        match $orders.next(Out::Done).await {
            (0..=2, item) => permit.send(item),
            (_, item) => {
                item.id();
                drop(permit);
            }
        }
        Out::Done
    }};
}

/// Uses one owned permit, which returns its sender.
macro_rules! use_owned_permit {
    ($permit:expr, $orders:expr) => {{
        let permit = $permit;
        let (how, item) = $orders.next(Out::Done).await;
        let sender = match how {
            0 | 1 => permit.send(item),
            2 => {
                item.id();
                permit.release()
            }
            _ => {
                item.id();
                drop(permit);
                return Out::Done;
            }
        };
        Out::Facts(vec![("closed", sender.is_closed().into()), ("capacity", sender.capacity())])
    }};
}

/// Uses several permits, of which some may be taken out of the iterator first.
macro_rules! use_permits {
    ($permits:expr, $orders:expr) => {{
        let mut permits = $permits;
        let mut taken = Vec::new();
        let mut answer = Out::Facts(vec![("permits", permits.len())]);
        loop {
            let (how, item) = $orders.next(answer).await;
            let permit = match how {
                0..=2 => permits.next(),
                3 => taken.pop(),
                _ => {
                    taken.extend(permits.next());
                    None
                }
            };
            match permit {
                Some(permit) => permit.send(item),
                None => drop(item.id()),
            }
            if permits.len() + taken.len() == 0 {
                return Out::Done;
            }
            answer = Out::Facts(vec![("permits", permits.len()), ("taken", taken.len())]);
        }
    }};
}

impl Side for Channel {
    fn new(kind: u8) -> Self {
        let (sender, receiver) = channel(1 + usize::from(kind % 3));
        Channel {
            base: Base::new(),
            senders: Slots::of(Rc::new(sender)),
            weak_senders: Slots::new(),
            receiver: Place::new(receiver),
        }
    }

    fn base(&mut self) -> &mut Base {
        &mut self.base
    }

    const OPS: &'static [Op<Self>] = tokio_ops!(Receiver, [capacity, max_capacity]:
        Op(10, "try_send", |it, a, _| {
            let sender = it.senders.get(a)?;
            Some(match sender.try_send(it.base.item()) {
                Ok(()) => Out::Done,
                Err(TrySendError::Full(item)) => Out::not_sent("full", item),
                Err(TrySendError::Closed(item)) => Out::not_sent("closed", item),
            })
        }),
        Op(8, "send", |it, a, _| {
            let (sender, item) = (it.senders.get(a)?.clone(), it.base.item());
            it.base.begin(Topic::Capacity, Box::pin(async move { sent(sender.send(item).await) }))
        }),
        Op(1, "blocking_send", |it, a, _| {
            let sender = it.senders.get(a)?;
            (sender.capacity() > 0 || sender.is_closed()).then(|| sent(sender.blocking_send(it.base.item())))
        }),
        Op(4, "reserve", |it, a, _| {
            let sender = it.senders.get(a)?.clone();
            let reservation = held(|orders: Orders| async move {
                match sender.reserve().await {
                    Ok(permit) => use_permit!(permit, orders),
                    Err(SendError(())) => Out::Failed("closed", None),
                }
            });
            it.base.begin(Topic::Capacity, reservation)
        }),
        Op(4, "reserve_many", |it, a, b| {
            let sender = it.senders.get(a)?.clone();
            let reservation = held(|orders: Orders| async move {
                match sender.reserve_many(usize::from(b) % 5).await {
                    Ok(permits) => use_permits!(permits, orders),
                    Err(SendError(())) => Out::Failed("closed", None),
                }
            });
            it.base.begin(Topic::Capacity, reservation)
        }),
        Op(3, "reserve_owned", |it, a, _| {
            let sender = Sender::clone(it.senders.get(a)?);
            let reservation = held(|orders: Orders| async move {
                match sender.reserve_owned().await {
                    Ok(permit) => use_owned_permit!(permit, orders),
                    Err(SendError(())) => Out::Failed("closed", None),
                }
            });
            it.base.begin(Topic::Capacity, reservation)
        }),
        Op(3, "try_reserve", |it, a, _| {
            let sender = it.senders.get(a)?.clone();
            let reservation = held(|orders: Orders| async move {
                match sender.try_reserve() {
                    Ok(permit) => use_permit!(permit, orders),
                    Err(error) => refused(error),
                }
            });
            it.base.begin(Topic::Capacity, reservation)
        }),
        Op(3, "try_reserve_many", |it, a, b| {
            let sender = it.senders.get(a)?.clone();
            let reservation = held(|orders: Orders| async move {
                match sender.try_reserve_many(usize::from(b) % 5) {
                    Ok(permits) => use_permits!(permits, orders),
                    Err(error) => refused(error),
                }
            });
            it.base.begin(Topic::Capacity, reservation)
        }),
        Op(2, "try_reserve_owned", |it, a, _| {
            let sender = Sender::clone(it.senders.get(a)?);
            let reservation = held(|orders: Orders| async move {
                match sender.try_reserve_owned() {
                    Ok(permit) => use_owned_permit!(permit, orders),
                    Err(error) => refused(error),
                }
            });
            it.base.begin(Topic::Capacity, reservation)
        }),
        Op(14, "use a permit", |it, a, b| it.base.act(a, b)),
        Op(3, "poll_recv_many", |it, a, _| {
            let mut receiver = it.receiver.lend_alone()?;
            let many = async move {
                let mut buffer = Vec::new();
                poll_fn(|context| receiver.poll_recv_many(context, &mut buffer, a.into())).await;
                Out::items(buffer)
            };
            it.base.begin(Topic::Items, Box::pin(many))
        }),
        Op(2, "blocking_recv", |it, _, _| {
            let mut receiver = it.receiver.lend()?;
            (!receiver.is_empty()).then(|| Out::next(receiver.blocking_recv()))
        }),
        Op(1, "blocking_recv_many", |it, a, _| {
            let mut receiver = it.receiver.lend()?;
            (!receiver.is_empty()).then(|| {
                let mut buffer = Vec::new();
                receiver.blocking_recv_many(&mut buffer, a.into());
                Out::items(buffer)
            })
        }),
    );
}
