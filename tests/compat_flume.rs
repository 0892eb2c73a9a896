//! `joinq::compat::flume` compared with `flume` 0.12: texts, traits, and behaviour on which its users rely.
#![cfg(feature = "compat")]

mod common;

use common::{watchdog, Ledger, Probe};
use futures_core::future::FusedFuture;
use futures_core::stream::{FusedStream, Stream};
use futures_lite::future::block_on;
use futures_sink::Sink;
use joinq::compat::flume::r#async::{RecvFut, RecvStream, SendFut, SendSink};
use joinq::compat::flume::*;
use std::error::Error;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

const MOMENT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(30);

/// Has neither `Debug` nor `Clone`, and is not `Sync`.
struct Opaque(#[allow(dead_code)] std::cell::Cell<u8>);

fn opaque() -> Opaque {
    Opaque(std::cell::Cell::new(0))
}

fn debug(value: impl Debug) -> String {
    format!("{value:?}")
}

/// Fails to compile where a trait is missing.
#[allow(clippy::extra_unused_type_parameters)]
mod traits {
    pub(super) fn sent<T: Send + Sync>() {}
    pub(super) fn moved<T: Send + Unpin + 'static>() {}
    pub(super) fn error<T: std::error::Error + Copy + Eq + 'static>() {}
}

#[test]
fn traits_are_those_of_the_peer() {
    use traits::{error, moved, sent};
    sent::<Sender<Opaque>>();
    sent::<Receiver<Opaque>>();
    sent::<WeakSender<Opaque>>();
    sent::<Iter<'_, Opaque>>();
    sent::<TryIter<'_, Opaque>>();
    sent::<IntoIter<Opaque>>();
    sent::<RecvFut<'_, Opaque>>();
    sent::<RecvStream<'_, Opaque>>();
    moved::<SendFut<'static, Opaque>>();
    moved::<SendSink<'static, Opaque>>();
    moved::<RecvFut<'static, Opaque>>();
    moved::<RecvStream<'static, Opaque>>();
    moved::<Drain<'static, Opaque>>();
    error::<SendError<u8>>();
    error::<TrySendError<u8>>();
    error::<SendTimeoutError<u8>>();
    error::<RecvError>();
    error::<TryRecvError>();
    error::<RecvTimeoutError>();
    // No bound on the message.
    let _: &dyn Error = &SendError(opaque());
}

#[test]
fn errors_have_the_texts_of_the_peer() {
    let same = |error: &dyn Error, debug: &str, display: &str| {
        assert_eq!((format!("{error:?}").as_str(), error.to_string().as_str()), (debug, display));
        assert!(error.source().is_none());
    };
    let closed = "sending on a closed channel";
    // With the quotation marks of a string in `Debug`.
    same(&SendError(opaque()), r#""SendError(..)""#, closed);
    same(&TrySendError::Full(opaque()), r#""Full(..)""#, "sending on a full channel");
    same(&TrySendError::Disconnected(opaque()), r#""Disconnected(..)""#, closed);
    same(&SendTimeoutError::Timeout(opaque()), r#""SendTimeoutError(..)""#, "timed out sending on a full channel");
    same(&SendTimeoutError::Disconnected(opaque()), r#""SendTimeoutError(..)""#, closed);
    same(&RecvError::Disconnected, "Disconnected", "receiving on a closed channel");
    same(&TryRecvError::Empty, "Empty", "receiving on an empty channel");
    same(&TryRecvError::Disconnected, "Disconnected", "channel is empty and closed");
    same(&RecvTimeoutError::Timeout, "Timeout", "timed out waiting on a channel");
    same(&RecvTimeoutError::Disconnected, "Disconnected", "channel is empty and closed");
    // `Display` uses a width, `Debug` does not.
    assert_eq!(format!("{:>30}|{:>30?}|", SendError(1), SendError(1)), format!("   {closed}|\"SendError(..)\"|"));
    let result: Result<(), SendError<u8>> = Err(SendError(1));
    assert_eq!(debug(result), r#"Err("SendError(..)")"#);
}

#[test]
fn errors_convert_and_return_the_message() {
    assert_eq!(TrySendError::from(SendError(1)), TrySendError::Disconnected(1));
    assert_eq!(SendTimeoutError::from(SendError(1)), SendTimeoutError::Disconnected(1));
    assert_eq!(TryRecvError::from(RecvError::Disconnected), TryRecvError::Disconnected);
    assert_eq!(RecvTimeoutError::from(RecvError::Disconnected), RecvTimeoutError::Disconnected);
    assert_eq!(SendError(1).into_inner(), 1);
    assert_eq!([TrySendError::Full(1).into_inner(), TrySendError::Disconnected(2).into_inner()], [1, 2]);
    assert_eq!([SendTimeoutError::Timeout(1).into_inner(), SendTimeoutError::Disconnected(2).into_inner()], [1, 2]);
}

#[test]
fn debug_output_needs_no_debug_of_the_message() {
    let (sender, receiver) = bounded::<Opaque>(1);
    assert_eq!([debug(&sender), debug(&receiver)], ["Sender", "Receiver"]);
    assert_eq!(debug(sender.downgrade()), "WeakSender");
    assert_eq!([debug(sender.send_async(opaque())), debug(sender.sink())], ["SendFut", "SendSink"]);
    assert_eq!([debug(receiver.recv_async()), debug(receiver.stream())], ["RecvFut", "RecvStream"]);
    assert_eq!(debug(receiver.iter()), "Iter { receiver: Receiver }");
    assert_eq!(debug(receiver.try_iter()), "TryIter { receiver: Receiver }");
    assert_eq!(debug(receiver.into_iter()), "IntoIter { receiver: Receiver }");
}

#[test]
fn a_drain_prints_its_messages() {
    let (sender, receiver) = unbounded();
    (1..3).for_each(|i| sender.send(i).unwrap());
    assert_eq!(debug(receiver.drain()), "Drain { queue: [1, 2], _phantom: PhantomData<&()> }");
}

#[test]
fn queries_agree_on_all_types() {
    fn answers<T>(sender: &Sender<T>, receiver: &Receiver<T>, item: T) -> (bool, bool, bool, usize, Option<usize>) {
        macro_rules! answer {
            ($of:expr) => {{
                let of = &$of;
                (of.is_disconnected(), of.is_empty(), of.is_full(), of.len(), of.capacity())
            }};
        }
        let all = [
            answer!(*sender),
            answer!(*receiver),
            answer!(sender.send_async(item)),
            answer!(sender.sink()),
            answer!(receiver.recv_async()),
            answer!(receiver.stream()),
        ];
        assert!(all.iter().all(|answer| *answer == all[0]), "{all:?}");
        all[0]
    }
    let (sender, receiver) = bounded(2);
    assert_eq!(answers(&sender, &receiver, 1), (false, true, false, 0, Some(2)));
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    assert_eq!(answers(&sender, &receiver, 1), (false, false, true, 2, Some(2)));
    let (sender, receiver) = unbounded();
    sender.send(1).unwrap();
    assert_eq!(answers(&sender, &receiver, 1), (false, false, false, 1, None));
    let (sender, receiver) = bounded(0);
    assert_eq!(answers(&sender, &receiver, 1), (false, true, true, 0, Some(0)));
}

#[test]
fn handles_are_counted() {
    let (sender, receiver) = unbounded::<u8>();
    let (other, _other_receiver) = unbounded::<u8>();
    let second = sender.clone();
    assert!(sender.same_channel(&second) && !sender.same_channel(&other));
    assert!(receiver.same_channel(&receiver.clone()));
    assert_eq!((receiver.sender_count(), sender.receiver_count()), (2, 1));
    // A future or a sink that owns a handle counts as a handle, also while it holds a message.
    let future = second.into_send_async(1);
    let mut sink = Probe::new(sender.clone().into_sink());
    assert!(sink.poll_with(|sink, _| sink.start_send(2)).is_ok());
    assert_eq!(sender.sender_count(), 3);
    let weak = sender.downgrade();
    assert_eq!(sender.sender_count(), 3);
    drop((future, sink));
    assert_eq!(weak.upgrade().unwrap().sender_count(), 2);
    drop(sender);
    assert!(weak.upgrade().is_none() && weak.clone().upgrade().is_none());
    assert!(receiver.is_disconnected());
}

#[test]
fn a_weak_sender_can_be_upgraded_after_the_last_receiver_was_dropped() {
    let (sender, receiver) = unbounded::<u8>();
    let weak = sender.downgrade();
    drop(receiver);
    assert_eq!(weak.upgrade().unwrap().send(1), Err(SendError(1)));
}

#[test]
fn messages_stay_until_the_last_sender_is_dropped_and_a_weak_one_keeps_none() {
    let ledger = Ledger::new();
    for (from, channel) in [(0, bounded(2)), (10, unbounded())] {
        let (sender, receiver) = channel;
        for item in ledger.items(from..from + 2) {
            assert!(sender.send(item).is_ok());
        }
        let dropped = ledger.dropped();
        drop(receiver);
        assert_eq!((ledger.dropped(), sender.len(), sender.is_disconnected()), (dropped, 2, true));
        let weak = sender.downgrade();
        drop(sender);
        assert_eq!(ledger.dropped(), dropped + 2);
        drop(weak);
    }
    ledger.settle();
}

#[test]
fn receivers_see_the_disconnection_after_the_last_message() {
    let (sender, receiver) = bounded(3);
    for i in 0..3 {
        sender.try_send(i).unwrap();
    }
    assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
    assert_eq!(sender.send_timeout(3, MOMENT), Err(SendTimeoutError::Timeout(3)));
    assert_eq!(sender.send_deadline(3, Instant::now()), Err(SendTimeoutError::Timeout(3)));
    drop(sender);
    assert_eq!(receiver.try_iter().take(1).collect::<Vec<_>>(), [0]);
    assert_eq!((&receiver).into_iter().next(), Some(1));
    assert_eq!(receiver.recv_timeout(Duration::MAX), Ok(2));
    assert_eq!(receiver.recv(), Err(RecvError::Disconnected));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    assert_eq!(receiver.recv_timeout(LONG), Err(RecvTimeoutError::Disconnected));
    assert_eq!(receiver.recv_deadline(Instant::now()), Err(RecvTimeoutError::Disconnected));
    assert_eq!(receiver.into_iter().next(), None);
}

#[test]
fn sending_ends_with_the_last_receiver() {
    let (sender, receiver) = bounded(1);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(receiver.recv_timeout(MOMENT), Err(RecvTimeoutError::Timeout));
    sender.send(1).unwrap();
    let mut waiting = Probe::pending(sender.send_async(2));
    drop(receiver);
    assert!(waiting.is_woken());
    assert_eq!(waiting.poll(), Poll::Ready(Err(SendError(2))));
    assert_eq!(sender.send(3), Err(SendError(3)));
    assert_eq!(sender.try_send(3), Err(TrySendError::Disconnected(3)));
    assert_eq!(sender.send_timeout(3, LONG), Err(SendTimeoutError::Disconnected(3)));
}

#[test]
fn drain_takes_the_messages_in_the_channel_and_no_later_ones() {
    let (sender, receiver) = bounded(2);
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    let mut waiting = Probe::pending(sender.send_async(3));
    let mut drain = receiver.drain();
    assert!(waiting.is_woken());
    assert_eq!((drain.len(), drain.next(), drain.len()), (2, Some(1), 1));
    assert_eq!(waiting.poll(), Poll::Ready(Ok(())));
    assert_eq!(drain.collect::<Vec<_>>(), [2]);
    assert_eq!(receiver.drain().collect::<Vec<_>>(), [3]);
    // A rendezvous never holds a message.
    let (sender, receiver) = bounded(0);
    let mut waiting = Probe::pending(sender.send_async(1));
    assert_eq!((receiver.drain().len(), receiver.try_iter().next()), (0, Some(1)));
    assert_eq!(waiting.poll(), Poll::Ready(Ok(())));
}

#[test]
fn a_rendezvous_hands_a_message_over() {
    let _watchdog = watchdog();
    let (sender, receiver) = bounded(0);
    assert_eq!(sender.try_send(1), Err(TrySendError::Full(1)));
    assert_eq!(sender.send_timeout(1, MOMENT), Err(SendTimeoutError::Timeout(1)));
    let giver = thread::spawn(move || {
        for i in 0..1000 {
            match i % 3 {
                0 => sender.send(i).unwrap(),
                1 => block_on(sender.send_async(i)).unwrap(),
                _ => sender.send_timeout(i, LONG).unwrap(),
            }
        }
    });
    assert!(receiver.iter().eq(0..1000));
    giver.join().unwrap();
}

#[test]
fn a_thread_hands_a_message_to_a_task_of_its_own() {
    let _watchdog = watchdog();
    let (sender, receiver) = bounded(0);
    for i in 0..9 {
        let mut waiting = Probe::pending(receiver.recv_async());
        match i % 3 {
            0 => sender.send(i).unwrap(),
            1 => sender.send_timeout(i, LONG).unwrap(),
            _ => sender.send_deadline(i, Instant::now() + LONG).unwrap(),
        }
        assert!(waiting.is_woken());
        assert_eq!(waiting.poll(), Poll::Ready(Ok(i)));
    }
}

#[test]
fn an_idle_stream_leaves_the_messages_to_other_receivers() {
    let (sender, receiver) = unbounded();
    let mut resting = Probe::new(receiver.stream());
    assert!(resting.poll_with(|stream, context| stream.poll_next(context)).is_pending());
    let mut recv = Probe::pending(receiver.recv_async());
    let mut other = Probe::new(receiver.stream());
    assert!(other.poll_with(|stream, context| stream.poll_next(context)).is_pending());
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    assert_eq!(recv.poll(), Poll::Ready(Ok(1)));
    assert!(other.is_woken());
    assert_eq!(other.poll_with(|stream, context| stream.poll_next(context)), Poll::Ready(Some(2)));
}

#[test]
fn threads_and_tasks_share_one_channel() {
    let _watchdog = watchdog();
    const EACH: u64 = 5000;
    for capacity in [Some(0), Some(1), Some(16), None] {
        let (sender, receiver) = capacity.map_or_else(unbounded, bounded);
        let senders: Vec<_> = (0..4)
            .map(|kind| {
                let sender = sender.clone();
                thread::spawn(move || {
                    for i in 0..EACH {
                        match kind % 2 {
                            0 => sender.send(i).unwrap(),
                            _ => block_on(sender.send_async(i)).unwrap(),
                        }
                    }
                })
            })
            .collect();
        drop(sender);
        let receivers: Vec<_> = (0..4)
            .map(|kind| {
                let receiver = receiver.clone();
                thread::spawn(move || match kind {
                    0 => receiver.into_iter().sum::<u64>(),
                    1 => receiver.iter().sum(),
                    2 => block_on(futures_lite::StreamExt::fold(receiver.into_stream(), 0, |sum, i| sum + i)),
                    _ => {
                        let mut sum = 0;
                        while let Ok(i) = block_on(receiver.recv_async()) {
                            sum += i;
                        }
                        sum
                    }
                })
            })
            .collect();
        senders.into_iter().for_each(|thread| thread.join().unwrap());
        let sum: u64 = receivers.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(sum, 4 * EACH * (EACH - 1) / 2, "capacity {capacity:?}");
    }
}

#[test]
fn owned_futures_borrow_nothing() {
    fn boxed<F: Future + Send + 'static>(future: F) -> Pin<Box<dyn Future<Output = F::Output> + Send>> {
        Box::pin(future)
    }
    let (sender, receiver) = unbounded();
    let send = boxed(sender.clone().into_send_async(1));
    let recv = boxed(receiver.clone().into_recv_async());
    let _: SendSink<'static, u8> = sender.into_sink();
    let _: RecvStream<'static, u8> = receiver.into_stream();
    assert_eq!(block_on(send), Ok(()));
    assert_eq!(block_on(recv), Ok(1));
}

#[test]
fn a_cancelled_receive_loses_nothing() {
    let (sender, receiver) = unbounded();
    let woken = Probe::pending(receiver.recv_async());
    let mut other = Probe::pending(receiver.clone().into_recv_async());
    sender.send(1).unwrap();
    assert!(woken.is_woken() && !other.is_woken());
    drop(woken);
    assert!(other.is_woken());
    assert_eq!(other.poll(), Poll::Ready(Ok(1)));
    let stream = Probe::new(receiver.stream());
    drop(stream);
    sender.send(2).unwrap();
    assert_eq!(receiver.recv(), Ok(2));
}

#[test]
fn a_cancelled_send_drops_its_message_and_sends_nothing() {
    let ledger = Ledger::new();
    for capacity in [0, 1] {
        let (sender, receiver) = bounded(capacity);
        if capacity == 1 {
            assert!(sender.send(ledger.item(10)).is_ok());
        }
        drop(Probe::pending(sender.send_async(ledger.item(capacity))));
        assert_eq!(receiver.try_iter().map(|item| item.id).collect::<Vec<_>>(), [10][..capacity]);
    }
    ledger.settle();
}

#[test]
fn a_message_for_a_dropped_receive_stays_though_the_channel_is_a_rendezvous() {
    let (sender, receiver) = bounded(0);
    let waiting = Probe::pending(receiver.recv_async());
    sender.try_send(1).unwrap();
    drop(waiting);
    drop(sender);
    let mut stream = Probe::new(receiver.stream());
    // Not terminated, or a `select!` would miss the message.
    assert!(!stream.future.is_terminated() && !receiver.recv_async().is_terminated());
    assert_eq!(stream.poll_with(|stream, context| stream.poll_next(context)), Poll::Ready(Some(1)));
    assert!(stream.future.is_terminated());
}

#[test]
fn futures_can_be_polled_again() {
    let (sender, receiver) = bounded(1);
    let mut send = Probe::new(sender.send_async(1));
    assert_eq!(send.poll(), Poll::Ready(Ok(())));
    assert_eq!((send.poll(), sender.len()), (Poll::Ready(Ok(())), 1));
    let mut recv = Probe::new(receiver.recv_async());
    assert_eq!(recv.poll(), Poll::Ready(Ok(1)));
    assert!(recv.poll().is_pending());
    sender.send(2).unwrap();
    assert!(recv.is_woken());
    assert_eq!(recv.poll(), Poll::Ready(Ok(2)));
    drop(send);
    drop(sender);
    assert_eq!(recv.poll(), Poll::Ready(Err(RecvError::Disconnected)));
    assert_eq!(recv.poll(), Poll::Ready(Err(RecvError::Disconnected)));
}

#[test]
fn futures_and_streams_report_their_termination() {
    let (sender, receiver) = bounded(1);
    assert!(!sender.send_async(1).is_terminated());
    assert!(!receiver.recv_async().is_terminated() && !receiver.stream().is_terminated());
    sender.send(1).unwrap();
    drop(sender);
    assert!(!receiver.recv_async().is_terminated() && !receiver.stream().is_terminated());
    assert_eq!(receiver.recv(), Ok(1));
    assert!(receiver.recv_async().is_terminated() && receiver.stream().is_terminated());
    let (sender, _) = bounded(1);
    assert!(sender.send_async(1).is_terminated());
}

/// Runs one method of a sink.
fn step<R>(sink: &mut Probe<SendSink<'_, u8>>, f: impl FnOnce(Pin<&mut SendSink<'_, u8>>, &mut Context<'_>) -> R) -> R {
    sink.poll_with(f)
}

#[test]
fn a_sink_sends_in_order_and_returns_the_message_in_its_error() {
    let (sender, receiver) = bounded(1);
    let mut sink = Probe::new(sender.sink());
    assert!(sink.future.sender().same_channel(&sender));
    assert!(sink.future.same_channel(&sink.future.clone()));
    for i in 1..3 {
        assert_eq!(step(&mut sink, |sink, context| sink.poll_ready(context)), Poll::Ready(Ok(())));
        assert_eq!(step(&mut sink, |sink, _| sink.start_send(i)), Ok(()));
    }
    assert!(step(&mut sink, |sink, context| sink.poll_ready(context)).is_pending());
    // A clone does not hold the pending message of the first sink.
    let mut clone = Probe::new(sink.future.clone());
    assert_eq!(step(&mut clone, |sink, context| sink.poll_ready(context)), Poll::Ready(Ok(())));
    assert_eq!(receiver.recv(), Ok(1));
    assert!(sink.is_woken());
    // A closed sink does not close the channel.
    assert_eq!(step(&mut sink, |sink, context| sink.poll_close(context)), Poll::Ready(Ok(())));
    assert!(!receiver.is_disconnected());
    drop(receiver);
    assert_eq!(step(&mut sink, |sink, _| sink.start_send(3)), Ok(()));
    assert_eq!(step(&mut sink, |sink, context| sink.poll_flush(context)), Poll::Ready(Err(SendError(3))));
    assert_eq!(step(&mut sink, |sink, context| sink.poll_flush(context)), Poll::Ready(Ok(())));
}

#[test]
fn a_sink_into_a_rendezvous_waits_for_the_receiver() {
    let (sender, receiver) = bounded(0);
    let mut sink = Probe::new(sender.into_sink());
    for i in 0..3 {
        assert_eq!(step(&mut sink, |sink, _| sink.start_send(i)), Ok(()));
        assert!(step(&mut sink, |sink, context| sink.poll_flush(context)).is_pending());
        assert_eq!(receiver.try_recv(), Ok(i));
        assert_eq!(step(&mut sink, |sink, context| sink.poll_flush(context)), Poll::Ready(Ok(())));
    }
    drop(sink);
    assert!(receiver.is_disconnected());
}

#[test]
fn streams_share_the_messages() {
    let (sender, receiver) = unbounded();
    let mut first = Probe::new(receiver.stream());
    let mut second = Probe::new(first.future.clone());
    assert!(first.future.same_channel(&second.future));
    assert!(first.poll_with(|stream, context| stream.poll_next(context)).is_pending());
    for i in 1..4 {
        sender.send(i).unwrap();
    }
    assert_eq!(first.woken.get(), 1); // once for all three
    assert_eq!(second.poll_with(|stream, context| stream.poll_next(context)), Poll::Ready(Some(1)));
    assert_eq!(first.poll_with(|stream, context| stream.poll_next(context)), Poll::Ready(Some(2)));
    assert_eq!(receiver.recv(), Ok(3));
    drop(sender);
    assert_eq!(second.poll_with(|stream, context| stream.poll_next(context)), Poll::Ready(None));
    assert_eq!(second.poll_with(|stream, context| stream.poll_next(context)), Poll::Ready(None));
}

#[test]
fn a_message_for_a_waiting_receiver_is_counted_at_any_capacity() {
    for capacity in [0, 1] {
        let (sender, receiver) = bounded(capacity);
        let waiting = [Probe::pending(receiver.recv_async()), Probe::pending(receiver.recv_async())];
        sender.try_send(1).unwrap();
        sender.try_send(2).unwrap();
        assert!(waiting.iter().all(Probe::is_woken));
        match capacity {
            0 => assert_eq!((receiver.len(), sender.is_empty(), sender.is_full()), (0, true, true)),
            _ => assert_eq!((receiver.len(), sender.is_empty(), sender.is_full()), (2, false, false)),
        }
        assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
        assert_eq!(receiver.drain().collect::<Vec<_>>(), [1, 2]);
        assert_eq!((receiver.len(), receiver.is_full()), (0, capacity == 0));
        // Both were notified, and are not counted as waiting until they are polled.
        assert_eq!(sender.try_send(4).is_ok(), capacity > 0);
    }
}

#[test]
fn a_message_given_to_a_sink_replaces_one_that_is_not_sent_yet() {
    let ledger = Ledger::new();
    let (sender, receiver) = bounded(1);
    assert!(sender.try_send(ledger.item(0)).is_ok());
    let mut sink = Probe::new(sender.sink());
    for id in 1..4 {
        assert!(sink.poll_with(|sink, _| sink.start_send(ledger.item(id))).is_ok());
        assert_eq!(ledger.dropped(), id - 1);
        if id != 2 {
            assert!(sink.poll_with(|sink, context| sink.poll_flush(context)).is_pending());
        }
    }
    assert_eq!(receiver.try_iter().count(), 2);
    drop(sink);
    ledger.settle();
}
