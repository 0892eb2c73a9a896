//! `joinq::mpsc`: channels with a single receiver.

mod common;

use common::{watchdog, Probe};
use futures_lite::future::block_on;
use joinq::mpsc::{bounded, unbounded};
use joinq::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

#[test]
fn messages_arrive_in_order_over_many_segments() {
    for (sender, mut receiver) in [unbounded(), bounded(10_000)] {
        for round in 0..3 {
            (0..5_000).for_each(|n| sender.try_send(round * 5_000 + n).unwrap());
            assert_eq!(receiver.len(), 5_000);
            assert!(receiver.try_iter().eq(round * 5_000..(round + 1) * 5_000));
            assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        }
        drop(sender);
        assert_eq!(receiver.recv().wait(), Err(RecvError));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    }
}

#[test]
fn messages_of_many_senders_arrive_at_one_receiver() {
    let _watchdog = watchdog();
    const EACH: u32 = 30_000;
    for capacity in [None, Some(1), Some(3), Some(1000)] {
        let (sender, mut receiver) = capacity.map_or_else(unbounded, bounded);
        let senders: Vec<_> = (0..4)
            .map(|id| {
                let sender = sender.clone();
                thread::spawn(move || match id % 2 {
                    0 => (0..EACH).for_each(|n| sender.send((id, n)).wait().unwrap()),
                    _ => block_on(async {
                        for n in 0..EACH {
                            sender.send((id, n)).await.unwrap();
                        }
                    }),
                })
            })
            .collect();
        drop(sender);
        let mut next = [0; 4];
        for (id, n) in receiver.iter() {
            assert_eq!(n, next[id]);
            next[id] += 1;
        }
        assert_eq!(next, [EACH; 4]);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
    }
}

#[test]
fn a_waiting_receiver_is_woken_once() {
    let (sender, mut receiver) = unbounded();
    let mut recv = Probe::pending(receiver.recv());
    sender.try_send(1).unwrap();
    assert!(recv.is_woken());
    assert_eq!(recv.poll(), std::task::Poll::Ready(Ok(1)));
    drop(recv);
    drop(Probe::pending(receiver.recv()));
    sender.try_send(2).unwrap();
    assert_eq!(receiver.recv().wait_timeout(Duration::ZERO), Ok(2));
    assert_eq!(receiver.recv().wait_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
}

#[test]
fn a_message_survives_the_receive_that_was_woken_for_it() {
    let (sender, mut receiver) = bounded(1);
    let recv = Probe::pending(receiver.recv());
    sender.try_send(1).unwrap();
    assert!(recv.is_woken());
    drop(recv);
    assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    assert_eq!(receiver.try_recv(), Ok(1));
}

#[test]
fn waiting_sends_of_a_full_channel_complete_in_fifo_order() {
    let (sender, mut receiver) = bounded(1);
    sender.try_send(0).unwrap();
    let sends = [1, 2, 3].map(|n| Probe::pending(sender.send(n)));
    assert!(receiver.try_iter().eq(0..=3));
    sends.into_iter().for_each(|send| assert_eq!(send.ready(), Ok(())));
}

#[test]
fn batches_arrive_in_order() {
    let (sender, mut receiver) = bounded(1000);
    sender.send_many(0..700).wait().unwrap();
    let mut messages = Vec::new();
    assert_eq!(receiver.try_recv_many(&mut messages, 300), Ok(300));
    assert_eq!(receiver.recv_many(&mut messages, 1000).wait(), Ok(400));
    assert!(messages.into_iter().eq(0..700));
}

#[test]
fn remaining_messages_are_dropped_with_the_receiver() {
    let message = Arc::new(());
    let (sender, receiver) = unbounded();
    (0..1000).for_each(|_| sender.try_send(message.clone()).unwrap());
    drop(receiver);
    assert_eq!(Arc::strong_count(&message), 1);
    assert!(matches!(sender.send(message).wait(), Err(SendError(_))));
}

#[test]
fn remaining_messages_are_dropped_with_the_channel() {
    let message = Arc::new(());
    let (sender, mut receiver) = bounded(700);
    (0..700).for_each(|_| sender.try_send(message.clone()).unwrap());
    (0..300).for_each(|_| drop(receiver.try_recv().unwrap()));
    drop(sender);
    assert_eq!(receiver.len(), 400);
    drop(receiver);
    assert_eq!(Arc::strong_count(&message), 1);
}

#[test]
fn a_forced_send_displaces_the_oldest_message() {
    let (sender, mut receiver) = bounded(1);
    assert_eq!(sender.force_send(1), Ok(None));
    assert_eq!(sender.force_send(2), Ok(Some(1)));
    assert_eq!(receiver.try_recv(), Ok(2));
}

#[test]
fn a_receive_that_was_not_polled_keeps_the_waker_of_an_earlier_poll() {
    let (sender, mut receiver) = unbounded();
    let mut probe = Probe::new(&mut receiver);
    assert!(probe.poll_with(|mut receiver, context| receiver.poll_recv(context)).is_pending());
    drop(probe.future.recv());
    sender.try_send(1).unwrap();
    assert!(probe.is_woken());
}

/// The drop of the receiver closes the channel, which wakes a sender.
#[test]
fn the_receiver_can_be_dropped_though_a_waker_panics() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker that panics");
        }
    }
    let message = Arc::new(());
    let (sender, receiver) = bounded(1);
    sender.try_send(message.clone()).unwrap();
    let mut send = sender.send(message.clone());
    let waker = std::task::Waker::from(Arc::new(Panics));
    assert!(common::poll(&mut send, &waker).is_pending());
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(receiver))).is_err());
    drop(send);
    assert_eq!(Arc::strong_count(&message), 1);
}

#[test]
#[should_panic(expected = "rendezvous")]
fn a_rendezvous_is_refused() {
    let _ = bounded::<()>(0);
}
