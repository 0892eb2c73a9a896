//! The operations of the bounded channel, and of its permits.

use super::channel::error::{SendError, TryRecvError, TrySendError};
use super::channel::{channel, PollSendError, PollSender, Receiver, ReceiverStream, Sender, WeakSender};
use crate::harness::{held, Base, Item, Op, Orders, Out, Place, Side, Slots, Topic, Work, POLL};
use crate::tokio_ops::{self, tokio_ops, Polled};
use futures_sink::Sink;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

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

/// Each poll and each act is one of several calls.
struct Polls {
    sender: PollSender<Item>,
    /// Whether it waits for capacity. A `send_item` would be a mistake of the caller then, and the peer goes on
    /// waiting after its panic.
    waits: bool,
}

impl Work for Polls {
    fn poll(&mut self, context: &mut Context<'_>, how: u8) -> Poll<Out> {
        let polled = match how {
            0 | 1 => self.sender.poll_reserve(context),
            _ => Pin::new(&mut self.sender).poll_ready(context),
        };
        self.waits = polled.is_pending();
        polled.map(polled_sender)
    }

    fn acts(&self) -> bool {
        true
    }

    fn act(&mut self, how: u8, item: Item) -> Option<Out> {
        let sender = &mut self.sender;
        match how {
            0..=2 if !self.waits => return Some(polled_sender(sender.send_item(item))),
            3 if !self.waits => return Some(polled_sender(Pin::new(sender).start_send(item))),
            _ => item.id(),
        };
        self.waits = false;
        match how {
            0..=4 => return Some(Out::Facts(vec![("aborted", sender.abort_send().into())])),
            5 => *sender = sender.clone(),
            6 => sender.close(),
            _ => {
                let mut context = Context::from_waker(Waker::noop());
                assert!(matches!(Pin::new(&mut *sender).poll_flush(&mut context), Poll::Ready(Ok(()))));
                assert!(matches!(Pin::new(&mut *sender).poll_close(&mut context), Poll::Ready(Ok(()))));
            }
        }
        Some(Out::Done)
    }

    fn ends(&self) -> bool {
        false
    }

    fn facts(&self) -> Vec<(&'static str, usize)> {
        let strong = self.sender.get_ref().map_or(0, Sender::strong_count);
        vec![("closed", self.sender.is_closed().into()), ("strong", strong)]
    }
}

fn polled_sender(result: Result<(), PollSendError<Item>>) -> Out {
    match result {
        Ok(()) => Out::Done,
        Err(error) => {
            assert_eq!(error.to_string(), "channel closed");
            match error.into_inner() {
                Some(item) => Out::not_sent("closed", item),
                None => Out::Failed("closed", None),
            }
        }
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

    const OPS: &'static [Op<Self>] = tokio_ops!(Receiver, ReceiverStream, [capacity, max_capacity]:
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
        Op(4, "a polled sender", |it, a, _| {
            let sender = Sender::clone(it.senders.get(a)?);
            it.base.begin(Topic::Capacity, Polls { sender: PollSender::new(sender), waits: false })
        }),
        Op(3, "facts of a polled sender", |it, a, _| it.base.facts_of_operation(a)),
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
