//! `joinq::compat::tokio_mpsc`: permits and the close, wake-ups, blocking, budget, weak handles, streams and the
//! polled sender, texts.
#![cfg(feature = "tokio")]

mod common;

use common::{watchdog, Ledger, Probe};
use futures_core::Stream;
use futures_sink::Sink;
use joinq::compat::tokio_mpsc::error::{SendError, SendTimeoutError, TryRecvError, TrySendError};
use joinq::compat::tokio_mpsc::{self as mpsc, channel, unbounded_channel};
use joinq::compat::tokio_mpsc::{PollSender, ReceiverStream, UnboundedReceiverStream};
use std::panic::{catch_unwind, AssertUnwindSafe, RefUnwindSafe, UnwindSafe};
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap()
}

#[test]
fn permits_outlive_a_close_and_delay_the_end() {
    let (sender, mut receiver) = channel(3);
    sender.try_send(1).unwrap();
    let permit = sender.try_reserve().unwrap();
    let other = sender.clone().try_reserve_owned().unwrap();
    receiver.close();
    assert!(sender.is_closed() && receiver.is_closed());
    assert_eq!(sender.try_send(9), Err(TrySendError::Closed(9)));
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    permit.send(2);
    assert_eq!(receiver.try_recv(), Ok(2));
    let mut receive = Probe::pending(Box::pin(receiver.recv()));
    drop(other.release());
    assert!(receive.is_woken());
    assert!(receive.poll() == Poll::Ready(None));
    drop(receive);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn the_last_permit_of_each_kind_wakes_a_waiting_receiver() {
    type Take = fn(&mpsc::Sender<u8>) -> Box<dyn FnOnce() + '_>;
    let release: [Take; 3] = [
        |sender| {
            let permit = sender.try_reserve().unwrap();
            Box::new(|| drop(permit))
        },
        |sender| {
            let permits = sender.try_reserve_many(3).unwrap();
            Box::new(|| drop(permits))
        },
        |sender| {
            let permit = sender.clone().try_reserve_owned().unwrap();
            Box::new(|| drop(permit))
        },
    ];
    for release in release {
        let (sender, mut receiver) = channel(3);
        let release = release(&sender);
        receiver.close();
        let receive = Probe::pending(Box::pin(receiver.recv()));
        release();
        assert!(receive.is_woken());
        assert_eq!(receive.ready(), None);
    }
}

#[test]
fn a_reservation_that_is_cancelled_leaves_nothing_behind() {
    let (sender, mut receiver) = channel::<u8>(2);
    let permit = sender.try_reserve().unwrap();
    let reserve = Probe::pending(Box::pin(sender.reserve_many(2)));
    receiver.close();
    let receive = Probe::pending(Box::pin(receiver.recv()));
    drop(permit);
    drop(reserve);
    assert!(receive.is_woken());
    assert_eq!(receive.ready(), None);
    assert_eq!(sender.capacity(), 2);
}

#[test]
fn capacity_is_the_number_of_free_slots() {
    let (sender, mut receiver) = channel(4);
    sender.try_send(1).unwrap();
    let mut permits = sender.try_reserve_many(2).unwrap();
    assert_eq!((sender.capacity(), receiver.capacity(), sender.max_capacity(), permits.len()), (1, 1, 4, 2));
    permits.next().unwrap().send(2);
    drop(permits);
    assert_eq!((receiver.len(), receiver.capacity()), (2, 2));
    assert_eq!(sender.try_reserve_many(3).unwrap_err(), TrySendError::Full(()));
    let mut batch = Vec::new();
    assert_eq!(receiver.blocking_recv_many(&mut batch, 9), 2);
    assert_eq!((batch, sender.capacity(), receiver.max_capacity()), (vec![1, 2], 4, 4));
    assert!(Probe::new(Box::pin(sender.reserve_many(5))).ready().is_err());
    assert_eq!(sender.try_reserve_many(5).unwrap_err(), TrySendError::Full(()));
    assert_eq!(sender.try_reserve_many(0).unwrap().len(), 0);
}

#[test]
fn messages_are_dropped_with_the_receiver() {
    let ledger = Ledger::new();
    let (sender, receiver) = channel(3);
    assert!(sender.try_send(ledger.item(0)).is_ok());
    let permit = sender.try_reserve().unwrap();
    drop(receiver);
    assert_eq!(ledger.dropped(), 1);
    // The message stays until the channel is dropped.
    permit.send(ledger.item(1));
    assert_eq!(ledger.dropped(), 1);
    assert!(sender.try_send(ledger.item(2)).is_err());
    drop(sender);
    ledger.settle();
}

#[test]
fn a_blocking_receive_after_a_poll_is_woken_itself() {
    let _watchdog = watchdog();
    let (sender, mut receiver) = channel(1);
    let (_count, waker) = common::Count::new();
    assert!(receiver.poll_recv(&mut std::task::Context::from_waker(&waker)).is_pending());
    let thread = std::thread::spawn(move || (receiver.blocking_recv(), receiver.blocking_recv()));
    std::thread::sleep(Duration::from_millis(20));
    sender.blocking_send(1).unwrap();
    drop(sender);
    assert_eq!(thread.join().unwrap(), (Some(1), None));
}

#[test]
fn blocking_calls_panic_in_a_task_and_work_elsewhere() {
    let _watchdog = watchdog();
    runtime().block_on(async {
        let (sender, mut receiver) = channel(9);
        let panicked = catch_unwind(AssertUnwindSafe(|| sender.blocking_send(1))).unwrap_err();
        assert!(panicked
            .downcast_ref::<String>()
            .map(String::as_str)
            .or(panicked.downcast_ref::<&str>().copied())
            .unwrap()
            .starts_with("Cannot block the current thread from within a runtime."));
        assert!(catch_unwind(AssertUnwindSafe(|| receiver.blocking_recv())).is_err());
        assert!(catch_unwind(AssertUnwindSafe(|| receiver.blocking_recv_many(&mut Vec::new(), 1))).is_err());
        tokio::task::block_in_place(|| sender.blocking_send(2)).unwrap();
        assert_eq!(tokio::task::spawn_blocking(move || receiver.blocking_recv()).await.unwrap(), Some(2));
    });
}

#[test]
fn a_task_that_receives_without_end_lets_others_run() {
    let _watchdog = watchdog();
    Builder::new_current_thread().build().unwrap().block_on(async {
        let (sender, mut receiver) = unbounded_channel();
        let (stop, stopped) = (sender.clone(), std::rc::Rc::new(std::cell::Cell::new(false)));
        let flag = stopped.clone();
        tokio::task::LocalSet::new()
            .run_until(async move {
                tokio::task::spawn_local(async move { flag.set(true) });
                stop.send(()).unwrap();
                while !stopped.get() {
                    receiver.recv().await.unwrap();
                    stop.send(()).unwrap();
                }
            })
            .await;
    });
}

#[test]
fn a_send_that_times_out_returns_its_message() {
    runtime().block_on(async {
        let (sender, receiver) = channel(1);
        let short = Duration::from_millis(5);
        sender.send_timeout(1, short).await.unwrap();
        assert_eq!(sender.send_timeout(2, short).await, Err(SendTimeoutError::Timeout(2)));
        drop(receiver);
        assert_eq!(sender.send_timeout(3, short).await, Err(SendTimeoutError::Closed(3)));
        sender.closed().await;
    });
}

#[test]
fn weak_senders_are_counted_and_keep_nothing_open() {
    let (sender, mut receiver) = unbounded_channel();
    let weak = sender.downgrade();
    let again = weak.upgrade().unwrap();
    assert_eq!((weak.strong_count(), weak.clone().weak_count()), (2, 2));
    assert_eq!((again.weak_count(), receiver.sender_weak_count()), (1, 1));
    again.send(1).unwrap();
    drop((sender, again));
    assert!(weak.upgrade().is_none() && receiver.is_closed());
    assert_eq!((receiver.blocking_recv(), receiver.blocking_recv()), (Some(1), None));
    assert_eq!((weak.strong_count(), receiver.sender_strong_count()), (0, 0));
}

#[test]
fn permits_under_load_lose_nothing() {
    let _watchdog = watchdog();
    let sum = runtime().block_on(async {
        let (sender, mut receiver) = channel(4);
        for worker in 0..4 {
            let sender = sender.clone();
            tokio::spawn(async move {
                for n in 0..500usize {
                    match (n + worker) % 4 {
                        0 => sender.send(n).await.unwrap(),
                        1 => sender.reserve().await.unwrap().send(n),
                        2 => sender.reserve_many(3).await.unwrap().next().unwrap().send(n),
                        _ => drop(sender.clone().reserve_owned().await.unwrap().send(n)),
                    }
                }
            });
        }
        drop(sender);
        let (mut batch, mut sum) = (Vec::new(), 0);
        while receiver.recv_many(&mut batch, 3).await > 0 {
            sum += batch.drain(..).sum::<usize>();
        }
        sum
    });
    assert_eq!(sum, 4 * 499 * 500 / 2);
}

#[test]
fn texts_and_traits_are_those_of_tokio() {
    assert_eq!(format!("{:?} {}", SendError(1), SendError(1)), "SendError { .. } channel closed");
    assert_eq!(format!("{:?} {}", TrySendError::Full(1), TrySendError::Full(1)), "\"Full(..)\" no available capacity");
    let late = SendTimeoutError::Timeout(1);
    assert_eq!(format!("{late:?} {late}"), "\"Timeout(..)\" timed out waiting on send operation");
    assert_eq!(TryRecvError::Empty.to_string(), "receiving on an empty channel");
    assert_eq!(TryRecvError::Disconnected.to_string(), "receiving on a closed channel");
    fn safe<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}
    safe::<mpsc::Sender<std::cell::Cell<u8>>>();
    safe::<mpsc::Receiver<std::cell::Cell<u8>>>();
    safe::<mpsc::WeakSender<std::cell::Cell<u8>>>();
    safe::<mpsc::Permit<'static, std::cell::Cell<u8>>>();
    safe::<mpsc::PermitIterator<'static, std::cell::Cell<u8>>>();
    safe::<mpsc::OwnedPermit<std::cell::Cell<u8>>>();
    safe::<mpsc::UnboundedSender<std::cell::Cell<u8>>>();
    safe::<mpsc::UnboundedReceiver<std::cell::Cell<u8>>>();
    fn sent<T: Send + Sync + Unpin>() {}
    sent::<ReceiverStream<std::cell::Cell<u8>>>();
    sent::<UnboundedReceiverStream<std::cell::Cell<u8>>>();
    sent::<PollSender<std::cell::Cell<u8>>>();
    sent::<mpsc::PollSendError<u8>>();
    assert!(catch_unwind(|| channel::<u8>(0)).is_err());
}

/// Permits that a reservation has collected or was granted and does not use are released, and the receiver
/// that waits for the end is notified.
#[test]
fn a_reservation_that_ends_without_a_permit_wakes_a_closed_receiver() {
    for many in [1, 2] {
        for cancel in [true, false] {
            let (sender, mut receiver) = channel::<()>(many);
            let permit = sender.try_reserve().unwrap();
            let reserve = Probe::pending(Box::pin(sender.reserve_many(many)));
            if many == 1 {
                drop(permit);
                assert!(reserve.is_woken());
                receiver.close();
                // A permit granted to the unpolled reservation was released with the close.
                assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
                match cancel {
                    true => drop(reserve),
                    false => assert!(reserve.ready().is_err()),
                }
            } else {
                receiver.close();
                let receive = Probe::pending(Box::pin(receiver.recv()));
                drop(permit);
                match cancel {
                    true => drop(reserve),
                    false => assert!(reserve.ready().is_err()),
                }
                assert!(receive.is_woken() && receive.ready().is_none());
            }
            assert_eq!((sender.capacity(), receiver.try_recv()), (many, Err(TryRecvError::Disconnected)));
        }
    }
}

#[test]
fn a_released_permit_goes_to_the_sender_that_waits_longest() {
    let (sender, mut receiver) = channel(2);
    let [used, unused] = [sender.try_reserve().unwrap(), sender.try_reserve().unwrap()];
    let [third, fourth] = [Probe::pending(Box::pin(sender.reserve())), Probe::pending(Box::pin(sender.reserve()))];
    used.send(1);
    assert!(!third.is_woken());
    assert_eq!(receiver.try_recv(), Ok(1));
    assert!(third.is_woken() && !fourth.is_woken());
    // The permit is already granted to this sender: no other one gets it.
    assert_eq!(sender.try_send(9), Err(TrySendError::Full(9)));
    drop(unused);
    assert!(fourth.is_woken());
    let last = Probe::pending(Box::pin(sender.reserve()));
    third.ready().unwrap().send(2);
    fourth.ready().unwrap().send(3);
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(2), Ok(3)));
    assert!(last.is_woken());
}

#[test]
fn a_permit_is_used_though_the_waker_of_the_receiver_panics() {
    let (sender, mut receiver) = channel(1);
    let waker = common::panicking_waker();
    assert!(receiver.poll_recv(&mut std::task::Context::from_waker(&waker)).is_pending());
    let permit = sender.try_reserve().unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| permit.send(7))).is_err());
    assert_eq!((sender.capacity(), receiver.len()), (0, 1));
    assert_eq!((receiver.try_recv(), sender.capacity()), (Ok(7), 1));
    receiver.close();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn a_send_that_is_cancelled_was_not_sent() {
    let _watchdog = watchdog();
    let ledger = Ledger::new();
    let (sender, mut receiver) = channel(1);
    assert!(sender.try_send(ledger.item(0)).is_ok());
    let send = Probe::pending(Box::pin(sender.send(ledger.item(1))));
    assert_eq!(receiver.try_recv().map(|item| item.id), Ok(0));
    assert!(send.is_woken());
    drop(send);
    assert_eq!((ledger.dropped(), sender.capacity()), (2, 1));
    assert!(receiver.try_recv().is_err());
    runtime().block_on(async {
        assert!(sender.try_send(ledger.item(2)).is_ok());
        let late = sender.send_timeout(ledger.item(3), Duration::from_millis(2)).await;
        assert!(late.is_err_and(|error| matches!(error, SendTimeoutError::Timeout(item) if item.id == 3)));
    });
    drop(receiver);
    ledger.settle();
}

#[test]
fn capacity_is_released_with_the_receiver() {
    let (sender, receiver) = channel(3);
    sender.try_send(1).unwrap();
    sender.try_send(2).unwrap();
    let permit = sender.try_reserve().unwrap();
    let pending = Probe::pending(Box::pin(sender.send(4)));
    drop(receiver);
    assert_eq!(sender.capacity(), 2);
    permit.send(3);
    assert_eq!(pending.ready(), Err(SendError(4)));
    assert_eq!(sender.capacity(), 2);
}

/// A receiving thread does not rely on the waker of a task that has polled before.
#[test]
fn a_blocking_receive_drops_the_waker_of_an_earlier_poll() {
    let _watchdog = watchdog();
    let (sender, mut receiver) = channel(1);
    let (count, waker) = common::Count::new();
    assert!(receiver.poll_recv(&mut std::task::Context::from_waker(&waker)).is_pending());
    sender.try_send(1).unwrap();
    assert_eq!(count.get(), 1);
    assert_eq!(receiver.blocking_recv(), Some(1));
    drop(waker);
    assert_eq!(std::sync::Arc::strong_count(&count), 1);
}

#[test]
fn a_weak_sender_is_counted_when_all_other_handles_are_dropped() {
    let (sender, receiver) = channel::<u8>(1);
    let weak = sender.downgrade();
    let other = weak.clone();
    drop((sender, receiver));
    assert_eq!((weak.strong_count(), weak.weak_count()), (0, 2));
    drop(other);
    assert_eq!(weak.weak_count(), 1);
}

fn next<S: Stream + Unpin>(stream: &mut Probe<S>) -> Poll<Option<S::Item>> {
    stream.poll_with(|stream, context| stream.poll_next(context))
}

#[test]
fn a_stream_yields_the_messages_and_ends_with_the_last_permit() {
    let (sender, receiver) = channel(3);
    let mut stream = Probe::new(ReceiverStream::new(receiver));
    assert!(next(&mut stream).is_pending());
    sender.try_send(1).unwrap();
    assert!(stream.is_woken());
    let permit = sender.try_reserve().unwrap();
    assert_eq!(stream.future.size_hint(), (1, None));
    stream.future.close();
    assert_eq!(stream.future.size_hint(), (1, Some(2)));
    assert_eq!(next(&mut stream), Poll::Ready(Some(1)));
    assert!(next(&mut stream).is_pending());
    permit.send(2);
    assert_eq!(stream.future.size_hint(), (1, Some(1)));
    assert_eq!((next(&mut stream), next(&mut stream)), (Poll::Ready(Some(2)), Poll::Ready(None)));
}

#[test]
fn a_stream_of_an_unbounded_channel_ends_with_the_last_sender() {
    let (sender, receiver) = unbounded_channel();
    let mut stream = Probe::new(UnboundedReceiverStream::from(receiver));
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    assert_eq!(stream.future.size_hint(), (2, None));
    drop(sender);
    assert_eq!(stream.future.size_hint(), (2, Some(2)));
    assert_eq!(stream.future.as_mut().try_recv(), Ok(1));
    assert_eq!((next(&mut stream), next(&mut stream)), (Poll::Ready(Some(2)), Poll::Ready(None)));
    assert!(stream.future.as_ref().is_closed() && stream.future.into_inner().is_empty());
}

#[test]
fn a_polled_sender_waits_in_fifo_order_and_is_woken_for_its_permit() {
    let (sender, mut receiver) = channel(1);
    sender.try_send(0).unwrap();
    let [mut first, mut second] = [(); 2].map(|()| Probe::new(PollSender::new(sender.clone())));
    for sender in [&mut first, &mut second] {
        assert!(sender.poll_with(|sender, context| sender.poll_ready(context)).is_pending());
    }
    assert_eq!(receiver.try_recv(), Ok(0));
    assert!(first.is_woken() && !second.is_woken());
    // The permit is granted: no other sender takes the slot.
    assert_eq!(sender.try_send(9), Err(TrySendError::Full(9)));
    for (sender, item) in [(&mut first, 1), (&mut second, 2)] {
        assert!(sender.is_woken());
        assert!(sender.poll_with(|sender, context| sender.poll_ready(context)).is_ready());
        sender.poll_with(|sender, _| sender.start_send(item)).unwrap();
        assert_eq!(receiver.try_recv(), Ok(item));
    }
}

#[test]
fn a_polled_sender_that_is_aborted_closed_or_dropped_leaves_its_capacity_to_others() {
    type End = fn(&mut PollSender<u8>);
    let ends: [End; 4] = [
        |sender| assert!(sender.abort_send()),
        |sender| {
            sender.close();
            assert!(sender.abort_send() || sender.get_ref().is_none());
        },
        |sender| *sender = sender.clone(),
        |sender| *sender = PollSender::new(channel(1).0),
    ];
    for end in ends {
        for granted in [false, true] {
            let (sender, _receiver) = channel(1);
            let permit = sender.try_reserve().unwrap();
            let mut polled = Probe::new(PollSender::new(sender.clone()));
            assert!(polled.poll_with(|mut sender, context| sender.poll_reserve(context)).is_pending());
            let other = Probe::pending(Box::pin(sender.reserve()));
            let permit = match granted {
                true => {
                    drop(permit);
                    assert!(polled.poll_with(|mut sender, context| sender.poll_reserve(context)).is_ready());
                    None
                }
                false => Some(permit),
            };
            assert!(!other.is_woken());
            end(&mut polled.future);
            drop(permit);
            assert!(other.is_woken() && other.ready().is_ok());
        }
    }
}

#[test]
fn a_closed_polled_sender_uses_its_capacity_once() {
    let (sender, mut receiver) = channel(2);
    let mut polled = Probe::new(PollSender::new(sender));
    assert!(polled.poll_with(|sender, context| sender.poll_ready(context)).is_ready());
    assert!(polled.poll_with(|sender, context| sender.poll_close(context)).is_ready());
    assert!(polled.future.is_closed() && !receiver.is_closed());
    polled.future.send_item(1).unwrap();
    assert_eq!(polled.future.send_item(2).unwrap_err().into_inner(), Some(2));
    assert!(polled.future.clone().is_closed());
    assert_eq!(receiver.try_recv(), Ok(1));
    // It has no handle of the channel any more.
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn a_polled_sender_sees_that_the_channel_is_closed() {
    let (sender, receiver) = channel::<u8>(1);
    let mut polled = Probe::new(PollSender::new(sender.clone()));
    let mut late = Probe::new(PollSender::new(sender));
    assert!(polled.poll_with(|mut sender, context| sender.poll_reserve(context)).is_ready());
    assert!(late.poll_with(|mut sender, context| sender.poll_reserve(context)).is_pending());
    drop(receiver);
    // What was reserved can be sent, to no receiver.
    polled.future.send_item(1).unwrap();
    assert!(late.is_woken());
    for sender in [&mut polled, &mut late] {
        let error = sender.poll_with(|mut sender, context| sender.poll_reserve(context));
        assert!(matches!(error, Poll::Ready(Err(error)) if error.to_string() == "channel closed"));
        assert!(sender.future.is_closed());
        assert_eq!(sender.future.send_item(2).unwrap_err().into_inner(), Some(2));
    }
}

#[test]
fn a_message_without_capacity_panics_with_the_text_of_the_peer() {
    let (sender, _receiver) = channel(1);
    let mut sender = PollSender::new(sender);
    let payload = catch_unwind(AssertUnwindSafe(|| sender.send_item(1))).unwrap_err();
    let text = payload.downcast_ref::<&str>().unwrap();
    assert_eq!(*text, "`send_item` called without first calling `poll_reserve`");
}

/// Many senders in tasks of two threads: each message arrives once.
#[test]
fn polled_senders_under_load_lose_nothing() {
    let _watchdog = watchdog();
    let sum = runtime().block_on(async {
        let (sender, receiver) = channel(3);
        for worker in 0..4 {
            let mut sender = PollSender::new(sender.clone());
            tokio::spawn(async move {
                for n in 0..500usize {
                    std::future::poll_fn(|context| sender.poll_reserve(context)).await.unwrap();
                    if (n + worker) % 5 == 0 && sender.abort_send() {
                        std::future::poll_fn(|context| sender.poll_reserve(context)).await.unwrap();
                    }
                    sender.send_item(n).unwrap();
                }
            });
        }
        drop(sender);
        let mut stream = ReceiverStream::new(receiver);
        let mut sum = 0;
        while let Some(n) = futures_lite::StreamExt::next(&mut stream).await {
            sum += n;
        }
        sum
    });
    assert_eq!(sum, 4 * 499 * 500 / 2);
}
