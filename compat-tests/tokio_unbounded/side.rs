//! The operations of the unbounded channel.

use super::channel::error::{SendError, TryRecvError};
use super::channel::{unbounded_channel, UnboundedReceiver, UnboundedReceiverStream, UnboundedSender, WeakUnboundedSender};
use crate::harness::{Base, Item, Op, Out, Place, Side, Slots, Topic, POLL};
use crate::tokio_ops::{self, tokio_ops, Polled};
use std::rc::Rc;
use std::task::Context;

pub(crate) struct Channel {
    base: Base,
    senders: Slots<Rc<UnboundedSender<Item>>>,
    weak_senders: Slots<WeakUnboundedSender<Item>>,
    receiver: Place<UnboundedReceiver<Item>>,
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

    const OPS: &'static [Op<Self>] = tokio_ops!(UnboundedReceiver, UnboundedReceiverStream, []:
        Op(16, "send", |it, a, _| {
            let sender = it.senders.get(a)?;
            Some(match sender.send(it.base.item()) {
                Ok(()) => Out::Done,
                Err(SendError(item)) => Out::not_sent("closed", item),
            })
        }),
        Op(2, "blocking_recv", |it, _, _| {
            let mut receiver = it.receiver.lend()?;
            (!receiver.is_empty() || receiver.is_closed()).then(|| Out::next(receiver.blocking_recv()))
        }),
        Op(1, "blocking_recv_many", |it, a, _| {
            let mut receiver = it.receiver.lend()?;
            let ready = !receiver.is_empty() || receiver.is_closed();
            ready.then(|| {
                let mut buffer = Vec::new();
                receiver.blocking_recv_many(&mut buffer, a.into());
                Out::items(buffer)
            })
        }),
    );
}
