//! What the two channels of tokio share: the operations of the receiver and of weak senders.

use crate::harness::{Item, Out, Place, Work};
use std::task::{Context, Poll};

/// Polls a receiver that other operations use between the polls.
pub(crate) struct Polled<R> {
    pub(crate) place: Place<R>,
    pub(crate) poll_recv: fn(&mut R, &mut Context<'_>) -> Poll<Option<Item>>,
    pub(crate) poll_recv_many: fn(&mut R, &mut Context<'_>, &mut Vec<Item>, usize) -> Poll<usize>,
}

impl<R> Work for Polled<R> {
    fn poll(&mut self, context: &mut Context<'_>, how: u8) -> Poll<Out> {
        let Some(mut receiver) = self.place.lend() else { return Poll::Ready(Out::Nothing) };
        if how < 2 {
            return (self.poll_recv)(&mut receiver, context).map(Out::next);
        }
        let mut buffer = Vec::new();
        (self.poll_recv_many)(&mut receiver, context, &mut buffer, 2).map(|_| Out::items(buffer))
    }

    fn ends(&self) -> bool {
        false
    }
}

/// The operations of a channel: the given ones, and those that both channels have. The caller names
/// `TryRecvError`.
macro_rules! tokio_ops {
    ($receiver:ident, [$($query:ident),*]: $($own:expr,)*) => {
        &[
            $($own,)*
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
                it.base.begin(Topic::Items, Box::pin(async move { Out::next(receiver.recv().await) }))
            }),
            Op(8, "poll_recv", |it, _, _| {
                let (poll_recv, poll_recv_many) = ($receiver::poll_recv, $receiver::poll_recv_many);
                let place = it.receiver.share()?;
                it.base.begin(Topic::Items, Polled { place, poll_recv, poll_recv_many })
            }),
            Op(4, "recv_many", |it, a, _| {
                let mut receiver = it.receiver.lend_alone()?;
                let many = async move {
                    let mut buffer = Vec::new();
                    let count = receiver.recv_many(&mut buffer, a.into()).await;
                    assert_eq!(count, buffer.len());
                    Out::items(buffer)
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
            Op(60, POLL, |it, a, b| it.base.poll(a, b)),
            Op(6, "drop an operation", |it, a, _| it.base.drop_operation(a)),
            Op(4, "facts of a sender", |it, a, _| {
                let sender = it.senders.get(a)?;
                Some(Out::Facts(vec![
                    ("closed", sender.is_closed().into()),
                    ("strong", sender.strong_count()),
                    ("weak", sender.weak_count()),
                    $((stringify!($query), sender.$query()),)*
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
                    $((stringify!($query), receiver.$query()),)*
                ]))
            }),
            Op(2, "facts of a weak sender", |it, a, _| {
                let weak = it.weak_senders.get(a)?;
                Some(Out::Facts(vec![("strong", weak.strong_count()), ("weak", weak.weak_count())]))
            }),
            Op(3, "clone a sender", |it, a, _| it.senders.clone_handle(a)),
            Op(2, "drop a sender", |it, a, _| it.senders.discard(a)),
            Op(1, "close", |it, _, _| {
                it.receiver.lend()?.close();
                Some(Out::Done)
            }),
            Op(1, "drop the receiver", |it, _, _| it.receiver.take().map(|_| Out::Done)),
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
                Some(Out::Facts(vec![("same", same.into())]))
            }),
        ]
    };
}
pub(crate) use tokio_ops;
