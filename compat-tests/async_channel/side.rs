//! The operations of `async-channel`.

use super::channel::{
    bounded, unbounded, Receiver, RecvError, SendError, Sender, TryRecvError, TrySendError, WeakReceiver, WeakSender,
};
use crate::harness::{Base, Item, Op, Out, Side, Slots, Topic, Work, POLL};
use futures_core::{FusedStream, Stream};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{ready, Context, Poll};

pub(crate) struct Channel {
    base: Base,
    senders: Slots<Rc<Sender<Item>>>,
    receivers: Slots<Rc<Receiver<Item>>>,
    weak_senders: Slots<WeakSender<Item>>,
    weak_receivers: Slots<WeakReceiver<Item>>,
}

fn sent(result: Result<(), SendError<Item>>) -> Out {
    match result {
        Ok(()) => Out::Done,
        Err(SendError(item)) => Out::not_sent("closed", item),
    }
}

fn received(result: Result<Item, RecvError>) -> Out {
    match result {
        Ok(item) => Out::Item(item.id()),
        Err(RecvError) => Out::End,
    }
}

struct Streamed(Pin<Box<Receiver<Item>>>);

impl Work for Streamed {
    fn poll(&mut self, context: &mut Context<'_>, _: u8) -> Poll<Out> {
        Poll::Ready(ready!(self.0.as_mut().poll_next(context)).map_or(Out::End, |item| Out::Item(item.id())))
    }

    fn ends(&self) -> bool {
        false
    }

    fn facts(&self) -> Vec<(&'static str, usize)> {
        vec![("terminated", self.0.is_terminated().into()), ("length", self.0.len())]
    }
}

/// The results of the queries of a handle.
macro_rules! facts {
    ($handle:expr) => {
        Out::Facts(vec![
            ("length", $handle.len()),
            ("empty", $handle.is_empty().into()),
            ("full", $handle.is_full().into()),
            ("capacity", $handle.capacity().unwrap_or(usize::MAX)),
            ("closed", $handle.is_closed().into()),
            ("senders", $handle.sender_count()),
            ("receivers", $handle.receiver_count()),
        ])
    };
}

impl Side for Channel {
    fn new(kind: u8) -> Self {
        let (sender, receiver) = match kind % 5 {
            0 | 1 => bounded(1),
            2 => bounded(2),
            3 => bounded(3),
            _ => unbounded(),
        };
        Channel {
            base: Base::new(),
            senders: Slots::of(Rc::new(sender)),
            receivers: Slots::of(Rc::new(receiver)),
            weak_senders: Slots::new(),
            weak_receivers: Slots::new(),
        }
    }

    fn base(&mut self) -> &mut Base {
        &mut self.base
    }

    const OPS: &'static [Op<Self>] = &[
        Op(12, "try_send", |it, a, _| {
            let sender = it.senders.get(a)?;
            Some(match sender.try_send(it.base.item()) {
                Ok(()) => Out::Done,
                Err(TrySendError::Full(item)) => Out::not_sent("full", item),
                Err(TrySendError::Closed(item)) => Out::not_sent("closed", item),
            })
        }),
        Op(4, "force_send", |it, a, _| {
            let sender = it.senders.get(a)?;
            Some(match sender.force_send(it.base.item()) {
                Ok(None) => Out::Done,
                Ok(Some(item)) => Out::Item(item.id()),
                Err(SendError(item)) => Out::not_sent("closed", item),
            })
        }),
        Op(10, "send", |it, a, _| {
            let (sender, item) = (it.senders.get(a)?.clone(), it.base.item());
            it.base.begin(Topic::Capacity, Box::pin(async move { sent(sender.send(item).await) }))
        }),
        Op(1, "send_blocking", |it, a, _| {
            let sender = it.senders.get(a)?;
            (!sender.is_full() || sender.is_closed()).then(|| sent(sender.send_blocking(it.base.item())))
        }),
        Op(10, "try_recv", |it, a, _| {
            Some(match it.receivers.get(a)?.try_recv() {
                Ok(item) => Out::Item(item.id()),
                Err(TryRecvError::Empty) => Out::Failed("empty", None),
                Err(TryRecvError::Closed) => Out::End,
            })
        }),
        Op(10, "recv", |it, a, _| {
            let receiver = it.receivers.get(a)?.clone();
            it.base.begin(Topic::Items, Box::pin(async move { received(receiver.recv().await) }))
        }),
        Op(1, "recv_blocking", |it, a, _| {
            let receiver = it.receivers.get(a)?;
            (!receiver.is_empty() || receiver.is_closed()).then(|| received(receiver.recv_blocking()))
        }),
        Op(4, "stream", |it, a, _| {
            let receiver = Receiver::clone(it.receivers.get(a)?);
            it.base.begin(Topic::Items, Streamed(Box::pin(receiver)))
        }),
        Op(2, "closed", |it, a, _| {
            let sender = it.senders.get(a)?.clone();
            let closed = Box::pin(async move {
                sender.closed().await;
                Out::Done
            });
            it.base.begin(Topic::Close, closed)
        }),
        Op(60, POLL, |it, a, b| it.base.poll(a, b)),
        Op(6, "drop an operation", |it, a, _| it.base.drop_operation(a)),
        Op(2, "facts of an operation", |it, a, _| it.base.facts_of_operation(a)),
        Op(6, "facts of a sender", |it, a, _| Some(facts!(it.senders.get(a)?))),
        Op(6, "facts of a receiver", |it, a, _| Some(facts!(it.receivers.get(a)?))),
        Op(3, "clone a sender", |it, a, _| it.senders.clone_handle(a)),
        Op(3, "clone a receiver", |it, a, _| it.receivers.clone_handle(a)),
        Op(2, "drop a sender", |it, a, _| it.senders.discard(a)),
        Op(2, "drop a receiver", |it, a, _| it.receivers.discard(a)),
        Op(2, "downgrade a sender", |it, a, _| {
            let weak = it.senders.get(a)?.downgrade();
            it.weak_senders.put(weak)
        }),
        Op(2, "downgrade a receiver", |it, a, _| {
            let weak = it.receivers.get(a)?.downgrade();
            it.weak_receivers.put(weak)
        }),
        Op(1, "clone a weak sender", |it, a, _| it.weak_senders.duplicate(a)),
        Op(1, "clone a weak receiver", |it, a, _| it.weak_receivers.duplicate(a)),
        Op(2, "upgrade a weak sender", |it, a, _| {
            let sender = it.weak_senders.get(a)?.upgrade();
            it.senders.put_upgraded(sender)
        }),
        Op(2, "upgrade a weak receiver", |it, a, _| {
            let receiver = it.weak_receivers.get(a)?.upgrade();
            it.receivers.put_upgraded(receiver)
        }),
        Op(2, "drop a weak sender", |it, a, _| it.weak_senders.discard(a)),
        Op(2, "drop a weak receiver", |it, a, _| it.weak_receivers.discard(a)),
        Op(1, "close by a sender", |it, a, _| Some(Out::Facts(vec![("first", it.senders.get(a)?.close().into())]))),
        Op(1, "close by a receiver", |it, a, _| Some(Out::Facts(vec![("first", it.receivers.get(a)?.close().into())]))),
        Op(1, "same_channel", |it, a, b| {
            let same = it.senders.get(a)?.same_channel(it.senders.get(b)?);
            let receivers = it.receivers.get(a).zip(it.receivers.get(b));
            let receivers = receivers.is_none_or(|(one, other)| one.same_channel(other));
            Some(Out::Facts(vec![("senders", same.into()), ("receivers", receivers.into())]))
        }),
    ];
}
