//! The operations of `std::sync::mpsc`, called so that none of them waits.

use super::channel::{
    channel, sync_channel, Receiver, RecvError, RecvTimeoutError, SendError, Sender, SyncSender, TryRecvError,
    TrySendError,
};
use crate::harness::{Base, Item, Op, Out, Side, Slots};
use std::time::Duration;

pub(crate) struct Channel {
    base: Base,
    senders: Slots<Sender<Item>>,
    bounded: Slots<SyncSender<Item>>,
    receiver: Option<Receiver<Item>>,
    /// The messages in the channel: `send` on this thread would block for ever if it found a bounded channel
    /// full.
    length: usize,
    bound: usize,
}

impl Channel {
    fn sent(&mut self, out: Out) -> Out {
        self.length += usize::from(out == Out::Done);
        out
    }

    fn received(&mut self, out: Out) -> Out {
        match &out {
            Out::Item(_) => self.length -= 1,
            Out::Items(items) => self.length -= items.len(),
            _ => {}
        }
        out
    }
}

fn sent(result: Result<(), SendError<Item>>) -> Out {
    match result {
        Ok(()) => Out::Done,
        Err(SendError(item)) => Out::not_sent("closed", item),
    }
}

impl Side for Channel {
    fn new(kind: u8) -> Self {
        let bound = usize::from(kind % 5);
        let (senders, bounded, receiver) = if bound == 4 {
            let (sender, receiver) = channel();
            (Slots::of(sender), Slots::new(), receiver)
        } else {
            let (sender, receiver) = sync_channel(bound);
            (Slots::new(), Slots::of(sender), receiver)
        };
        Channel { base: Base::new(), senders, bounded, receiver: Some(receiver), length: 0, bound }
    }

    fn base(&mut self) -> &mut Base {
        &mut self.base
    }

    const OPS: &'static [Op<Self>] = &[
        Op(12, "send without a bound", |it, a, _| {
            let sender = it.senders.get(a)?;
            let out = sent(sender.send(it.base.item()));
            Some(it.sent(out))
        }),
        Op(12, "try_send", |it, a, _| {
            let sender = it.bounded.get(a)?;
            let out = match sender.try_send(it.base.item()) {
                Ok(()) => Out::Done,
                Err(TrySendError::Full(item)) => Out::not_sent("full", item),
                Err(TrySendError::Disconnected(item)) => Out::not_sent("closed", item),
            };
            Some(it.sent(out))
        }),
        Op(4, "send", |it, a, _| {
            let sender = it.bounded.get(a)?;
            if it.length >= it.bound && it.receiver.is_some() {
                return None;
            }
            let out = sent(sender.send(it.base.item()));
            Some(it.sent(out))
        }),
        Op(12, "try_recv", |it, _, _| {
            let out = match it.receiver.as_ref()?.try_recv() {
                Ok(item) => Out::Item(item.id()),
                Err(TryRecvError::Empty) => Out::Failed("empty", None),
                Err(TryRecvError::Disconnected) => Out::End,
            };
            Some(it.received(out))
        }),
        Op(4, "recv_timeout", |it, _, _| {
            let out = match it.receiver.as_ref()?.recv_timeout(Duration::ZERO) {
                Ok(item) => Out::Item(item.id()),
                Err(RecvTimeoutError::Timeout) => Out::Failed("timeout", None),
                Err(RecvTimeoutError::Disconnected) => Out::End,
            };
            Some(it.received(out))
        }),
        Op(4, "recv", |it, _, _| {
            let receiver = it.receiver.as_ref()?;
            if it.length == 0 && (it.senders.get(0).is_some() || it.bounded.get(0).is_some()) {
                return None;
            }
            let out = match receiver.recv() {
                Ok(item) => Out::Item(item.id()),
                Err(RecvError) => Out::End,
            };
            Some(it.received(out))
        }),
        Op(4, "try_iter", |it, _, b| {
            let items = it.receiver.as_ref()?.try_iter().take(b.into());
            let out = Out::items(items);
            Some(it.received(out))
        }),
        Op(2, "iter", |it, _, _| {
            let items = it.receiver.as_ref()?.iter().take(it.length);
            let out = Out::items(items);
            Some(it.received(out))
        }),
        Op(1, "into_iter", |it, _, _| {
            let items = it.receiver.take()?.into_iter().take(it.length);
            Some(Out::items(items))
        }),
        Op(3, "clone a sender", |it, a, _| {
            if let Some(sender) = it.senders.get(a).cloned() {
                it.senders.put(sender);
            }
            if let Some(sender) = it.bounded.get(a).cloned() {
                it.bounded.put(sender);
            }
            Some(Out::Done)
        }),
        Op(2, "drop a sender", |it, a, _| {
            drop((it.senders.take(a), it.bounded.take(a)));
            Some(Out::Done)
        }),
        Op(1, "drop the receiver", |it, _, _| it.receiver.take().map(|_| Out::Done)),
    ];
}
