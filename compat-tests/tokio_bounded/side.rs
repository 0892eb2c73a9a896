//! The operations of the channel with a bound, and of its permits.

use super::channel::error::{SendError, TryRecvError, TrySendError};
use super::channel::{channel, Receiver, Sender, WeakSender};
use crate::harness::{held, Base, Item, Op, Orders, Out, Place, Side, Slots, Topic, Work, POLL};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

pub(crate) struct Channel {
    base: Base,
    senders: Slots<Rc<Sender<Item>>>,
    weak_senders: Slots<WeakSender<Item>>,
    receiver: Place<Receiver<Item>>,
}

fn sent(result: Result<(), SendError<Item>>) -> Out {
    match result {
        Ok(()) => Out::Done,
        Err(SendError(item)) => Out::Failed("closed", Some(item.id())),
    }
}

fn received(message: Option<Item>) -> Out {
    message.map_or(Out::End, |item| Out::Item(item.id()))
}

fn refused<T>(error: TrySendError<T>) -> Out {
    match error {
        TrySendError::Full(_) => Out::Failed("full", None),
        TrySendError::Closed(_) => Out::Failed("closed", None),
    }
}

/// One permit in use: by the first order it sends, or goes back.
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

/// The same with a sender in it, which comes out.
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

/// Several permits in use, of which some may be taken out first.
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

/// Polls the receiver, which others use meanwhile.
struct Polled(Place<Receiver<Item>>);

impl Work for Polled {
    fn poll(&mut self, context: &mut Context<'_>, how: u8) -> Poll<Out> {
        let Some(mut receiver) = self.0.lend() else { return Poll::Ready(Out::Nothing) };
        if how < 2 {
            return receiver.poll_recv(context).map(received);
        }
        let mut buffer = Vec::new();
        let polled = receiver.poll_recv_many(context, &mut buffer, 2);
        polled.map(|_| Out::Items(buffer.into_iter().map(Item::id).collect()))
    }

    fn ends(&self) -> bool {
        false
    }
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

    const OPS: &'static [Op<Self>] = &[
        Op(10, "try_send", |it, a, _| {
            let sender = it.senders.get(a)?;
            Some(match sender.try_send(it.base.item()) {
                Ok(()) => Out::Done,
                Err(TrySendError::Full(item)) => Out::Failed("full", Some(item.id())),
                Err(TrySendError::Closed(item)) => Out::Failed("closed", Some(item.id())),
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
        Op(2, "closed", |it, a, _| {
            let sender = it.senders.get(a)?.clone();
            let closed = Box::pin(async move {
                sender.closed().await;
                Out::Done
            });
            it.base.begin(Topic::Close, closed)
        }),
        Op(8, "recv", |it, _, _| {
            let mut receiver = it.receiver.lend_alone()?;
            it.base.begin(Topic::Items, Box::pin(async move { received(receiver.recv().await) }))
        }),
        Op(8, "poll_recv", |it, _, _| {
            let place = it.receiver.share()?;
            it.base.begin(Topic::Items, Polled(place))
        }),
        Op(4, "recv_many", |it, a, _| {
            let mut receiver = it.receiver.lend_alone()?;
            let many = async move {
                let mut buffer = Vec::new();
                let count = receiver.recv_many(&mut buffer, a.into()).await;
                assert_eq!(count, buffer.len());
                Out::Items(buffer.into_iter().map(Item::id).collect())
            };
            it.base.begin(Topic::Items, Box::pin(many))
        }),
        Op(3, "poll_recv_many", |it, a, _| {
            let mut receiver = it.receiver.lend_alone()?;
            let many = async move {
                let mut buffer = Vec::new();
                poll_fn(|context| receiver.poll_recv_many(context, &mut buffer, a.into())).await;
                Out::Items(buffer.into_iter().map(Item::id).collect())
            };
            it.base.begin(Topic::Items, Box::pin(many))
        }),
        Op(8, "try_recv", |it, _, _| {
            Some(match it.receiver.lend()?.try_recv() {
                Ok(item) => Out::Item(item.id()),
                Err(TryRecvError::Empty) => Out::Failed("empty", None),
                Err(TryRecvError::Disconnected) => Out::End,
            })
        }),
        Op(2, "blocking_recv", |it, _, _| {
            let mut receiver = it.receiver.lend()?;
            (!receiver.is_empty()).then(|| received(receiver.blocking_recv()))
        }),
        Op(1, "blocking_recv_many", |it, a, _| {
            let mut receiver = it.receiver.lend()?;
            (!receiver.is_empty()).then(|| {
                let mut buffer = Vec::new();
                receiver.blocking_recv_many(&mut buffer, a.into());
                Out::Items(buffer.into_iter().map(Item::id).collect())
            })
        }),
        Op(60, POLL, |it, a, b| it.base.poll(a, b)),
        Op(6, "drop an operation", |it, a, _| it.base.drop_operation(a)),
        Op(4, "facts of a sender", |it, a, _| {
            let sender = it.senders.get(a)?;
            Some(Out::Facts(vec![
                ("closed", sender.is_closed().into()),
                ("capacity", sender.capacity()),
                ("max_capacity", sender.max_capacity()),
                ("strong", sender.strong_count()),
                ("weak", sender.weak_count()),
            ]))
        }),
        Op(4, "facts of the receiver", |it, _, _| {
            let receiver = it.receiver.lend()?;
            Some(Out::Facts(vec![
                ("length", receiver.len()),
                ("empty", receiver.is_empty().into()),
                ("closed", receiver.is_closed().into()),
                ("capacity", receiver.capacity()),
                ("max_capacity", receiver.max_capacity()),
                ("strong", receiver.sender_strong_count()),
                ("weak", receiver.sender_weak_count()),
            ]))
        }),
        Op(2, "facts of a weak sender", |it, a, _| {
            let weak = it.weak_senders.get(a)?;
            Some(Out::Facts(vec![("strong", weak.strong_count()), ("weak", weak.weak_count())]))
        }),
        Op(3, "clone a sender", |it, a, _| {
            let sender = Sender::clone(it.senders.get(a)?);
            it.senders.put(Rc::new(sender));
            Some(Out::Done)
        }),
        Op(2, "drop a sender", |it, a, _| it.senders.take(a).map(|_| Out::Done)),
        Op(1, "close", |it, _, _| {
            it.receiver.lend()?.close();
            Some(Out::Done)
        }),
        Op(1, "drop the receiver", |it, _, _| it.receiver.take().map(|_| Out::Done)),
        Op(2, "downgrade a sender", |it, a, _| {
            let weak = it.senders.get(a)?.downgrade();
            it.weak_senders.put(weak);
            Some(Out::Done)
        }),
        Op(1, "clone a weak sender", |it, a, _| {
            let weak = it.weak_senders.get(a)?.clone();
            it.weak_senders.put(weak);
            Some(Out::Done)
        }),
        Op(2, "upgrade a weak sender", |it, a, _| {
            let upgraded = it.weak_senders.get(a)?.upgrade();
            Some(upgraded.map_or(Out::End, |sender| {
                it.senders.put(Rc::new(sender));
                Out::Done
            }))
        }),
        Op(2, "drop a weak sender", |it, a, _| it.weak_senders.take(a).map(|_| Out::Done)),
        Op(1, "same_channel", |it, a, b| {
            let same = it.senders.get(a)?.same_channel(it.senders.get(b)?);
            Some(Out::Facts(vec![("same", same.into())]))
        }),
    ];
}
