//! The operations of `crossbeam-channel`, called so that none of them waits.

use super::channel::{
    bounded, unbounded, Receiver, RecvError, RecvTimeoutError, SendError, SendTimeoutError, Sender, TryRecvError,
    TrySendError,
};
use crate::harness::{Base, Item, Op, Out, Side, Slots};
use std::time::{Duration, Instant};

pub(crate) struct Channel {
    base: Base,
    senders: Slots<Sender<Item>>,
    receivers: Slots<Receiver<Item>>,
}

fn timed(result: Result<(), SendTimeoutError<Item>>) -> Out {
    match result {
        Ok(()) => Out::Done,
        Err(SendTimeoutError::Timeout(item)) => Out::not_sent("timeout", item),
        Err(SendTimeoutError::Disconnected(item)) => Out::not_sent("closed", item),
    }
}

fn timed_receive(result: Result<Item, RecvTimeoutError>) -> Out {
    match result {
        Ok(item) => Out::Item(item.id()),
        Err(RecvTimeoutError::Timeout) => Out::Failed("timeout", None),
        Err(RecvTimeoutError::Disconnected) => Out::End,
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
        ])
    };
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
        Channel { base: Base::new(), senders: Slots::of(sender), receivers: Slots::of(receiver) }
    }

    fn base(&mut self) -> &mut Base {
        &mut self.base
    }

    const OPS: &'static [Op<Self>] = &[
        Op(20, "try_send", |it, a, _| {
            let sender = it.senders.get(a)?;
            Some(match sender.try_send(it.base.item()) {
                Ok(()) => Out::Done,
                Err(TrySendError::Full(item)) => Out::not_sent("full", item),
                Err(TrySendError::Disconnected(item)) => Out::not_sent("closed", item),
            })
        }),
        Op(4, "send_timeout", |it, a, _| {
            let sender = it.senders.get(a)?;
            Some(timed(sender.send_timeout(it.base.item(), Duration::ZERO)))
        }),
        Op(4, "send_deadline", |it, a, _| {
            let sender = it.senders.get(a)?;
            Some(timed(sender.send_deadline(it.base.item(), Instant::now())))
        }),
        Op(4, "send", |it, a, _| {
            let sender = it.senders.get(a)?;
            let waits = sender.is_full() && it.receivers.get(0).is_some();
            (!waits).then(|| match sender.send(it.base.item()) {
                Ok(()) => Out::Done,
                Err(SendError(item)) => Out::not_sent("closed", item),
            })
        }),
        Op(16, "try_recv", |it, a, _| {
            Some(match it.receivers.get(a)?.try_recv() {
                Ok(item) => Out::Item(item.id()),
                Err(TryRecvError::Empty) => Out::Failed("empty", None),
                Err(TryRecvError::Disconnected) => Out::End,
            })
        }),
        Op(4, "recv_timeout", |it, a, _| Some(timed_receive(it.receivers.get(a)?.recv_timeout(Duration::ZERO)))),
        Op(4, "recv_deadline", |it, a, _| Some(timed_receive(it.receivers.get(a)?.recv_deadline(Instant::now())))),
        Op(4, "recv", |it, a, _| {
            let receiver = it.receivers.get(a)?;
            let waits = receiver.is_empty() && it.senders.get(0).is_some();
            (!waits).then(|| match receiver.recv() {
                Ok(item) => Out::Item(item.id()),
                Err(RecvError) => Out::End,
            })
        }),
        Op(4, "try_iter", |it, a, b| {
            let items = it.receivers.get(a)?.try_iter().take(b.into());
            Some(Out::items(items))
        }),
        Op(2, "iter", |it, a, _| {
            let receiver = it.receivers.get(a)?;
            let items = receiver.iter().take(receiver.len());
            Some(Out::items(items))
        }),
        Op(1, "into_iter", |it, a, _| {
            let receiver = it.receivers.take(a)?;
            let length = receiver.len();
            Some(Out::items(receiver.into_iter().take(length)))
        }),
        Op(8, "facts of a sender", |it, a, _| Some(facts!(it.senders.get(a)?))),
        Op(8, "facts of a receiver", |it, a, _| Some(facts!(it.receivers.get(a)?))),
        Op(3, "clone a sender", |it, a, _| it.senders.duplicate(a)),
        Op(3, "clone a receiver", |it, a, _| it.receivers.duplicate(a)),
        Op(2, "drop a sender", |it, a, _| it.senders.discard(a)),
        Op(2, "drop a receiver", |it, a, _| it.receivers.discard(a)),
        Op(1, "same_channel", |it, a, b| {
            let same = it.senders.get(a)?.same_channel(it.senders.get(b)?);
            let receivers = it.receivers.get(a).zip(it.receivers.get(b));
            let receivers = receivers.is_none_or(|(one, other)| one.same_channel(other));
            Some(Out::Facts(vec![("senders", same.into()), ("receivers", receivers.into())]))
        }),
    ];
}
