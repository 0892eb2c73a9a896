//! What the two channels of tokio share: the operations of the receiver, of its stream and of weak senders.

use crate::harness::{Item, Out, Place, Work};
use futures_core::Stream;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The names of three crates, as our module has them.
pub(crate) mod peer {
    pub(crate) use tokio::sync::mpsc::*;
    pub(crate) use tokio_stream::wrappers::{ReceiverStream, UnboundedReceiverStream};
    pub(crate) use tokio_util::sync::{PollSendError, PollSender};
}

/// Polls the stream of a receiver, which is returned.
type PollStream<R> = fn(R, &mut Context<'_>) -> (R, Poll<Option<Item>>);

/// Polls a receiver that other operations use between the polls.
pub(crate) struct Polled<R> {
    pub(crate) place: Place<R>,
    pub(crate) poll_recv: fn(&mut R, &mut Context<'_>) -> Poll<Option<Item>>,
    pub(crate) poll_recv_many: fn(&mut R, &mut Context<'_>, &mut Vec<Item>, usize) -> Poll<usize>,
    pub(crate) poll_stream: PollStream<R>,
}

/// One poll of the stream of a receiver, which is returned.
pub(crate) fn poll_stream<S: Stream<Item = Item> + Unpin + From<R>, R>(
    into_inner: fn(S) -> R,
    receiver: R,
    context: &mut Context<'_>,
) -> (R, Poll<Option<Item>>) {
    let mut stream = S::from(receiver);
    let polled = Pin::new(&mut stream).poll_next(context);
    (into_inner(stream), polled)
}

/// The least and the most messages of the stream of a receiver, which is returned.
pub(crate) fn bounds<S: Stream<Item = Item> + From<R>, R>(into_inner: fn(S) -> R, receiver: R) -> (R, [usize; 2]) {
    let stream = S::from(receiver);
    let (least, most) = stream.size_hint();
    (into_inner(stream), [least, most.unwrap_or(usize::MAX)])
}

impl<R> Work for Polled<R> {
    fn poll(&mut self, context: &mut Context<'_>, how: u8) -> Poll<Out> {
        let Some(mut receiver) = self.place.lend() else { return Poll::Ready(Out::Nothing) };
        match how {
            0 => return (self.poll_recv)(&mut receiver, context).map(Out::next),
            1 => return receiver.pass(|receiver| (self.poll_stream)(receiver, context)).map(Out::next),
            _ => {}
        }
        let mut buffer = Vec::new();
        (self.poll_recv_many)(&mut receiver, context, &mut buffer, 2).map(|_| Out::items(buffer))
    }

    fn ends(&self) -> bool {
        false
    }
}

/// The operations of a channel: the given ones, and those that both channels have. The caller names
/// `TryRecvError`, `Context` and this module.
macro_rules! tokio_ops {
    ($receiver:ident, $stream:ident, [$($query:ident),*]: $($own:expr,)*) => {
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
                let poll_stream = |receiver, context: &mut Context<'_>| {
                    tokio_ops::poll_stream($stream::into_inner, receiver, context)
                };
                let place = it.receiver.share()?;
                it.base.begin(Topic::Items, Polled { place, poll_recv, poll_recv_many, poll_stream })
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
                let mut receiver = it.receiver.lend()?;
                let [least, most] = receiver.pass(|receiver| tokio_ops::bounds($stream::into_inner, receiver));
                Some(Out::Facts(vec![
                    ("least", least),
                    ("most", most),
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
            Op(1, "close", |it, _, how| {
                let mut receiver = it.receiver.lend()?;
                if how < 4 {
                    receiver.close();
                    return Some(Out::Done);
                }
                receiver.pass(|receiver| {
                    let mut stream = $stream::new(receiver);
                    let was_closed = stream.as_ref().is_closed();
                    stream.close();
                    let is_closed = stream.as_mut().is_closed();
                    (stream.into_inner(), Some(Out::Facts(vec![("was", was_closed.into()), ("is", is_closed.into())])))
                })
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
