//! The operations of `flume`.

use super::channel::r#async::{RecvFut, RecvStream, SendFut, SendSink};
use super::channel::{
    bounded, unbounded, Receiver, RecvError, RecvTimeoutError, SendError, SendTimeoutError, Sender, TryRecvError,
    TrySendError, WeakSender,
};
use crate::harness::{Base, Item, Op, Operation, Out, Side, Slots, Topic, Work, POLL};
use futures_core::stream::{FusedStream, Stream};
use futures_core::FusedFuture;
use futures_sink::Sink;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

pub(crate) struct Channel {
    base: Base,
    senders: Slots<Rc<Sender<Item>>>,
    receivers: Slots<Rc<Receiver<Item>>>,
    weak_senders: Slots<WeakSender<Item>>,
}

fn sent(result: Result<(), SendError<Item>>) -> Out {
    match result {
        Ok(()) => Out::Done,
        Err(SendError(item)) => Out::not_sent("closed", item),
    }
}

fn timed(result: Result<(), SendTimeoutError<Item>>) -> Out {
    match result {
        Ok(()) => Out::Done,
        Err(SendTimeoutError::Timeout(item)) => Out::not_sent("timeout", item),
        Err(SendTimeoutError::Disconnected(item)) => Out::not_sent("closed", item),
    }
}

fn received(result: Result<Item, RecvError>) -> Out {
    match result {
        Ok(item) => Out::Item(item.id()),
        Err(RecvError::Disconnected) => Out::End,
    }
}

fn timed_receive(result: Result<Item, RecvTimeoutError>) -> Out {
    match result {
        Ok(item) => Out::Item(item.id()),
        Err(RecvTimeoutError::Timeout) => Out::Failed("timeout", None),
        Err(RecvTimeoutError::Disconnected) => Out::End,
    }
}

/// The results of the queries of a handle, future, stream or sink.
macro_rules! facts {
    ($it:expr $(, $name:literal: $more:expr)*) => {
        vec![
            ("length", $it.len()),
            ("empty", $it.is_empty().into()),
            ("full", $it.is_full().into()),
            ("capacity", $it.capacity().unwrap_or(usize::MAX)),
            ("disconnected", $it.is_disconnected().into()),
            $(($name, $more.into()),)*
        ]
    };
}

/// The future can be polled again after its completion.
impl Work for SendFut<'static, Item> {
    fn poll(&mut self, context: &mut Context<'_>, _: u8) -> Poll<Out> {
        Future::poll(Pin::new(self), context).map(sent)
    }

    fn ends(&self) -> bool {
        false
    }

    fn facts(&self) -> Vec<(&'static str, usize)> {
        facts!(self, "terminated": self.is_terminated())
    }
}

impl Work for RecvFut<'static, Item> {
    fn poll(&mut self, context: &mut Context<'_>, _: u8) -> Poll<Out> {
        Future::poll(Pin::new(self), context).map(received)
    }

    fn facts(&self) -> Vec<(&'static str, usize)> {
        facts!(self, "terminated": self.is_terminated())
    }
}

impl Work for RecvStream<'static, Item> {
    fn poll(&mut self, context: &mut Context<'_>, _: u8) -> Poll<Out> {
        Pin::new(self).poll_next(context).map(Out::next)
    }

    fn ends(&self) -> bool {
        false
    }

    fn facts(&self) -> Vec<(&'static str, usize)> {
        facts!(self, "terminated": self.is_terminated())
    }
}

impl Work for SendSink<'static, Item> {
    fn poll(&mut self, context: &mut Context<'_>, how: u8) -> Poll<Out> {
        let sink = Pin::new(self);
        let polled = match how % 3 {
            0 => sink.poll_ready(context),
            1 => sink.poll_flush(context),
            _ => sink.poll_close(context),
        };
        polled.map(sent)
    }

    fn acts(&self) -> bool {
        true
    }

    fn act(&mut self, _: u8, item: Item) -> Option<Out> {
        Some(sent(Pin::new(self).start_send(item)))
    }

    fn ends(&self) -> bool {
        false
    }

    fn facts(&self) -> Vec<(&'static str, usize)> {
        facts!(self, "senders": self.sender().sender_count())
    }
}

impl Side for Channel {
    fn new(kind: u8) -> Self {
        let (sender, receiver) = match kind % 5 {
            0 => bounded(0),
            1 => bounded(1),
            2 => bounded(2),
            3 => bounded(3),
            _ => unbounded(),
        };
        Channel {
            base: Base::new(),
            senders: Slots::of(Rc::new(sender)),
            receivers: Slots::of(Rc::new(receiver)),
            weak_senders: Slots::new(),
        }
    }

    fn base(&mut self) -> &mut Base {
        &mut self.base
    }

    /// What differs: a receive of flume's that was woken in vain begins to wait once more with each poll
    /// after that, so that it counts as several.
    fn skips(operation: &Operation) -> bool {
        operation.topic == Topic::Items && operation.waits_again()
    }

    const OPS: &'static [Op<Self>] = &[
        Op(12, "try_send", |it, a, _| {
            let sender = it.senders.get(a)?;
            Some(match sender.try_send(it.base.item()) {
                Ok(()) => Out::Done,
                Err(TrySendError::Full(item)) => Out::not_sent("full", item),
                Err(TrySendError::Disconnected(item)) => Out::not_sent("closed", item),
            })
        }),
        Op(1, "send_timeout", |it, a, _| {
            let sender = it.senders.get(a)?;
            Some(timed(sender.send_timeout(it.base.item(), Duration::ZERO)))
        }),
        Op(1, "send_deadline", |it, a, _| {
            let sender = it.senders.get(a)?;
            Some(timed(sender.send_deadline(it.base.item(), Instant::now())))
        }),
        Op(1, "send", |it, a, _| {
            let sender = it.senders.get(a)?;
            // The length may exceed the capacity, and then `is_full` is false.
            let has_free_slot = sender.capacity().is_none_or(|capacity| sender.len() < capacity);
            (has_free_slot || sender.is_disconnected()).then(|| sent(sender.send(it.base.item())))
        }),
        Op(6, "send_async", |it, a, _| {
            let (sender, item) = (it.senders.get(a)?.clone(), it.base.item());
            it.base.begin(Topic::Capacity, Box::pin(async move { sent(sender.send_async(item).await) }))
        }),
        Op(4, "into_send_async", |it, a, _| {
            let (sender, item) = (Sender::clone(it.senders.get(a)?), it.base.item());
            it.base.begin(Topic::Capacity, sender.into_send_async(item))
        }),
        Op(3, "into_sink", |it, a, _| {
            let sender = Sender::clone(it.senders.get(a)?);
            it.base.begin(Topic::Capacity, sender.into_sink())
        }),
        Op(10, "start_send", |it, a, _| it.base.act(a, 0)),
        Op(10, "try_recv", |it, a, _| {
            Some(match it.receivers.get(a)?.try_recv() {
                Ok(item) => Out::Item(item.id()),
                Err(TryRecvError::Empty) => Out::Failed("empty", None),
                Err(TryRecvError::Disconnected) => Out::End,
            })
        }),
        Op(1, "recv_timeout", |it, a, _| Some(timed_receive(it.receivers.get(a)?.recv_timeout(Duration::ZERO)))),
        Op(1, "recv_deadline", |it, a, _| Some(timed_receive(it.receivers.get(a)?.recv_deadline(Instant::now())))),
        Op(1, "recv", |it, a, _| {
            let receiver = it.receivers.get(a)?;
            // What differs: with capacity 0 the length is always 0 in joinq.
            let ready = !receiver.is_empty() && receiver.capacity() != Some(0);
            (ready || receiver.is_disconnected()).then(|| received(receiver.recv()))
        }),
        Op(6, "recv_async", |it, a, _| {
            let receiver = it.receivers.get(a)?.clone();
            it.base.begin(Topic::Items, Box::pin(async move { received(receiver.recv_async().await) }))
        }),
        Op(4, "into_recv_async", |it, a, _| {
            let receiver = Receiver::clone(it.receivers.get(a)?);
            it.base.begin(Topic::Items, receiver.into_recv_async())
        }),
        Op(4, "into_stream", |it, a, _| {
            let receiver = Receiver::clone(it.receivers.get(a)?);
            it.base.begin(Topic::Items, receiver.into_stream())
        }),
        Op(2, "drain", |it, a, _| {
            let receiver = it.receivers.get(a)?;
            let drained = receiver.drain().map(Item::id).collect();
            // What differs: flume moves waiting messages into the free slots only with the next call.
            let _next_call = receiver.len();
            Some(Out::Items(drained))
        }),
        Op(2, "try_iter", |it, a, b| {
            let items = it.receivers.get(a)?.try_iter().take(b.into());
            Some(Out::items(items))
        }),
        Op(60, POLL, |it, a, b| it.base.poll(a, b)),
        Op(6, "drop an operation", |it, a, _| it.base.drop_operation(a)),
        Op(2, "facts of an operation", |it, a, _| it.base.facts_of_operation(a)),
        Op(4, "facts of a sender", |it, a, _| {
            let sender = it.senders.get(a)?;
            let (senders, receivers) = (sender.sender_count(), sender.receiver_count());
            Some(Out::Facts(facts!(sender, "senders": senders, "receivers": receivers)))
        }),
        Op(4, "facts of a receiver", |it, a, _| {
            let receiver = it.receivers.get(a)?;
            let (senders, receivers) = (receiver.sender_count(), receiver.receiver_count());
            Some(Out::Facts(facts!(receiver, "senders": senders, "receivers": receivers)))
        }),
        Op(3, "clone a sender", |it, a, _| it.senders.clone_handle(a)),
        Op(3, "clone a receiver", |it, a, _| it.receivers.clone_handle(a)),
        Op(2, "drop a sender", |it, a, _| it.senders.discard(a)),
        Op(2, "drop a receiver", |it, a, _| it.receivers.discard(a)),
        Op(2, "downgrade a sender", |it, a, _| {
            let weak = it.senders.get(a)?.downgrade();
            it.weak_senders.put(weak)
        }),
        Op(1, "clone a weak sender", |it, a, _| it.weak_senders.duplicate(a)),
        Op(2, "upgrade a weak sender", |it, a, _| {
            let sender = it.weak_senders.get(a)?.upgrade();
            it.senders.put_upgraded(sender)
        }),
        Op(2, "drop a weak sender", |it, a, _| it.weak_senders.discard(a)),
        Op(1, "same_channel", |it, a, b| {
            let same = it.senders.get(a)?.same_channel(it.senders.get(b)?);
            let receivers = it.receivers.get(a).zip(it.receivers.get(b));
            let receivers = receivers.is_none_or(|(one, other)| one.same_channel(other));
            Some(Out::Facts(vec![("senders", same.into()), ("receivers", receivers.into())]))
        }),
    ];
}
