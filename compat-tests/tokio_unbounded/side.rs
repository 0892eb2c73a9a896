//! The operations of the channel without a bound.

use super::channel::error::{SendError, TryRecvError};
use super::channel::{unbounded_channel, UnboundedReceiver, UnboundedSender, WeakUnboundedSender};
use crate::harness::{Base, Item, Op, Out, Place, Side, Slots, Topic, Work, POLL};
use std::rc::Rc;
use std::task::{Context, Poll};

pub(crate) struct Channel {
    base: Base,
    senders: Slots<Rc<UnboundedSender<Item>>>,
    weak_senders: Slots<WeakUnboundedSender<Item>>,
    receiver: Place<UnboundedReceiver<Item>>,
}

fn received(message: Option<Item>) -> Out {
    message.map_or(Out::End, |item| Out::Item(item.id()))
}

/// Polls the receiver, which others use meanwhile.
struct Polled(Place<UnboundedReceiver<Item>>);

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
    fn new(_: u8) -> Self {
        let (sender, receiver) = unbounded_channel();
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
        Op(16, "send", |it, a, _| {
            let sender = it.senders.get(a)?;
            Some(match sender.send(it.base.item()) {
                Ok(()) => Out::Done,
                Err(SendError(item)) => Out::Failed("closed", Some(item.id())),
            })
        }),
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
        Op(6, "recv_many", |it, a, _| {
            let mut receiver = it.receiver.lend_alone()?;
            let many = async move {
                let mut buffer = Vec::new();
                let count = receiver.recv_many(&mut buffer, a.into()).await;
                assert_eq!(count, buffer.len());
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
            (!receiver.is_empty() || receiver.is_closed()).then(|| received(receiver.blocking_recv()))
        }),
        Op(1, "blocking_recv_many", |it, a, _| {
            let mut receiver = it.receiver.lend()?;
            let ready = !receiver.is_empty() || receiver.is_closed();
            ready.then(|| {
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
                ("strong", receiver.sender_strong_count()),
                ("weak", receiver.sender_weak_count()),
            ]))
        }),
        Op(2, "facts of a weak sender", |it, a, _| {
            let weak = it.weak_senders.get(a)?;
            Some(Out::Facts(vec![("strong", weak.strong_count()), ("weak", weak.weak_count())]))
        }),
        Op(3, "clone a sender", |it, a, _| {
            let sender = UnboundedSender::clone(it.senders.get(a)?);
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
