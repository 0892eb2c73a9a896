//! The channel: counts of handles, and the close when all handles of one side are dropped.

mod common;

use common::{watchdog, Ledger, Probe};
use futures_lite::future::block_on;
use joinq::{
    bounded, unbounded, Receiver, RecvError, RecvTimeoutError, SendError, SendTimeoutError, Sender, TryRecvError,
    TrySendError,
};
use std::thread;
use std::time::Duration;

#[test]
fn messages_sent_before_the_last_sender_was_dropped_are_received() {
    let _watchdog = watchdog();
    let (sender, receiver) = unbounded();
    let other = sender.clone();
    sender.send(1).wait().unwrap();
    drop(sender);
    other.try_send(2).unwrap();
    assert!(!receiver.is_closed());
    drop(other);
    assert!(receiver.is_closed());
    assert_eq!((receiver.try_recv(), block_on(receiver.recv())), (Ok(1), Ok(2)));
    assert_eq!((receiver.try_recv(), receiver.recv().wait()), (Err(TryRecvError::Closed), Err(RecvError)));
    assert_eq!(receiver.recv().wait_timeout(Duration::ZERO), Err(RecvTimeoutError::Closed));
    assert_eq!(receiver.recv_many(&mut Vec::new(), 1).wait(), Err(RecvError));
}

#[test]
fn a_send_returns_its_message_after_the_last_receiver_was_dropped() {
    let _watchdog = watchdog();
    let (sender, receiver) = bounded(1);
    drop(receiver.clone());
    assert!(!sender.is_closed());
    drop(receiver);
    assert!(sender.is_closed());
    assert_eq!(sender.try_send(1), Err(TrySendError::Closed(1)));
    assert_eq!(sender.send(2).wait(), Err(SendError(2)));
    assert_eq!(block_on(sender.send(3)), Err(SendError(3)));
    assert_eq!(sender.send(4).wait_timeout(Duration::ZERO), Err(SendTimeoutError::Closed(4)));
    assert_eq!(sender.send_many([5, 6]).wait(), Err(SendError(vec![5, 6])));
    assert_eq!(sender.try_send_many([7]), Err(TrySendError::Closed(vec![7])));
}

#[test]
fn the_drop_of_the_last_sender_wakes_waiting_receives() {
    for capacity in [0, 1] {
        let (sender, receiver) = bounded::<u8>(capacity);
        let (recv, closed) = (Probe::pending(receiver.recv()), Probe::pending(receiver.closed()));
        let mut messages = Vec::new();
        let many = Probe::pending(receiver.recv_many(&mut messages, 3));
        drop(sender.clone());
        assert!(!recv.is_woken());
        drop(sender);
        assert!(recv.is_woken() && many.is_woken() && closed.is_woken());
        assert_eq!((recv.ready(), many.ready()), (Err(RecvError), Err(RecvError)));
        closed.ready();
    }
}

#[test]
fn the_drop_of_the_last_receiver_wakes_waiting_sends() {
    let (sender, receiver) = bounded(1);
    sender.try_send(0).unwrap();
    let (send, many) = (Probe::pending(sender.send(1)), Probe::pending(sender.send_many([2, 3])));
    let closed = Probe::pending(sender.closed());
    drop(receiver.clone());
    assert!(!send.is_woken());
    drop(receiver);
    assert!(send.is_woken() && many.is_woken() && closed.is_woken());
    assert_eq!((send.ready(), many.ready()), (Err(SendError(1)), Err(SendError(vec![2, 3]))));
    closed.ready();
}

#[test]
fn the_drop_of_the_last_receiver_returns_the_message_of_a_waiting_send() {
    let (sender, receiver) = bounded(0);
    let send = Probe::pending(sender.send(1));
    drop(receiver);
    assert!(send.is_woken());
    // The message was not received.
    assert_eq!(send.ready(), Err(SendError(1)));
}

#[test]
fn waiting_threads_are_woken_by_the_end_of_the_other_side() {
    let _watchdog = watchdog();
    for capacity in [0, 1] {
        let (sender, receiver) = bounded::<u8>(capacity);
        let recv = thread::spawn(move || receiver.recv().wait());
        thread::sleep(Duration::from_millis(5));
        drop(sender);
        assert_eq!(recv.join().unwrap(), Err(RecvError));
    }
    let (sender, receiver) = bounded(1);
    sender.try_send(0).unwrap();
    let send = thread::spawn(move || sender.send(1).wait());
    thread::sleep(Duration::from_millis(5));
    drop(receiver);
    assert_eq!(send.join().unwrap(), Err(SendError(1)));
}

#[test]
fn messages_are_dropped_with_the_last_receiver() {
    let _watchdog = watchdog();
    for count in [1, 255, 300] {
        let ledger = Ledger::new();
        let (sender, receiver) = unbounded();
        sender.send_many(ledger.items(0..count)).wait().unwrap();
        drop(receiver);
        assert_eq!(ledger.dropped(), count);
        assert!(sender.is_empty());
        drop(sender);
        ledger.settle();
    }
}

#[test]
fn messages_stay_when_the_last_sender_is_dropped() {
    let _watchdog = watchdog();
    let ledger = Ledger::new();
    let (sender, receiver) = unbounded();
    sender.send_many(ledger.items(0..10)).wait().unwrap();
    drop(sender);
    assert_eq!(ledger.dropped(), 0);
    drop(receiver);
    assert_eq!(ledger.dropped(), 10);
}

#[test]
fn a_request_does_not_hang_when_its_server_is_dropped() {
    let _watchdog = watchdog();
    let (requests, server) = bounded::<Sender<u8>>(4);
    let (reply, answer) = bounded(1);
    requests.send(reply).wait().unwrap();
    let asking = thread::spawn(move || answer.recv().wait());
    drop(server);
    assert_eq!(asking.join().unwrap(), Err(RecvError));
    assert!(requests.is_closed());
}

#[test]
fn a_request_that_races_with_the_end_of_its_server_is_answered_or_fails() {
    let _watchdog = watchdog();
    for capacity in [0, 1, 4] {
        for _ in 0..150 {
            let (requests, server) = bounded::<Sender<u8>>(capacity);
            thread::scope(|scope| {
                scope.spawn(move || {
                    for reply in server.iter().take(2) {
                        let _ = reply.try_send(1);
                    }
                });
                for _ in 0..2 {
                    scope.spawn(|| {
                        for _ in 0..3 {
                            let (reply, answer) = bounded(1);
                            let sent = requests.send(reply).wait().is_ok();
                            // It hangs if a request with its reply sender stays in a channel without a
                            // receiver.
                            let answered = answer.recv().wait().is_ok();
                            assert!(sent || !answered);
                        }
                    });
                }
            });
        }
    }
}

#[test]
fn handles_of_each_kind_are_counted() {
    let (sender, receiver) = unbounded::<u8>();
    let senders: Vec<_> = (0..9).map(|_| sender.clone()).collect();
    let receivers: Vec<_> = (0..4).map(|_| receiver.clone()).collect();
    assert_eq!((sender.sender_count(), receiver.sender_count()), (10, 10));
    assert_eq!((sender.receiver_count(), receiver.receiver_count()), (5, 5));
    let (weak_sender, weak_receiver) = (sender.downgrade(), receiver.downgrade());
    drop((senders, receivers));
    assert_eq!((receiver.sender_count(), sender.receiver_count()), (1, 1));
    let (again, more) = (weak_sender.upgrade().unwrap(), weak_receiver.upgrade().unwrap());
    assert_eq!((receiver.sender_count(), sender.receiver_count()), (2, 2));
    drop((sender, again));
    assert_eq!((more.sender_count(), more.receiver_count()), (0, 2));
}

#[test]
fn a_weak_handle_keeps_nothing_open_and_revives_nothing() {
    let (sender, receiver) = unbounded::<u8>();
    let (weak_sender, weak_receiver) = (sender.downgrade(), receiver.downgrade().clone());
    drop(sender);
    assert!(receiver.is_closed());
    assert!(weak_sender.clone().upgrade().is_none());
    drop(weak_receiver.upgrade().unwrap());
    drop(receiver);
    assert!(weak_receiver.upgrade().is_none() && weak_sender.upgrade().is_none());
    assert_eq!(format!("{weak_sender:?} {weak_receiver:?}"), "WeakSender { .. } WeakReceiver { .. }");
}

#[test]
fn an_upgrade_that_races_with_the_last_drop_keeps_the_channel_open_or_fails() {
    let _watchdog = watchdog();
    for _ in 0..500 {
        let (sender, receiver) = unbounded();
        let weak = sender.downgrade();
        thread::scope(|scope| {
            scope.spawn(move || drop(sender));
            scope.spawn(move || {
                if let Some(sender) = weak.upgrade() {
                    assert_eq!(sender.try_send(1), Ok(()), "a channel with a sender is open");
                }
            });
            assert!(receiver.iter().count() <= 1);
        });
        assert!(receiver.is_closed());
    }
}

#[test]
fn handles_know_whether_they_are_of_one_channel() {
    let ((sender, receiver), (stranger, other)) = (unbounded::<u8>(), unbounded::<u8>());
    assert!(sender.same_channel(&sender.clone()) && receiver.same_channel(&receiver.clone()));
    assert!(!sender.same_channel(&stranger) && !receiver.same_channel(&other));
    assert!(sender.same_channel(&sender.downgrade().upgrade().unwrap()));
}

#[test]
fn any_handle_closes_the_channel_for_all() {
    let _watchdog = watchdog();
    let (sender, receiver) = bounded(2);
    sender.try_send(1).unwrap();
    assert!(receiver.close());
    assert!(!sender.close() && sender.is_closed());
    assert_eq!(sender.try_send(2), Err(TrySendError::Closed(2)));
    assert_eq!((receiver.recv().wait(), receiver.recv().wait()), (Ok(1), Err(RecvError)));
    assert!(sender.downgrade().upgrade().is_some());
}

#[test]
fn handles_report_how_full_the_channel_is() {
    let (sender, receiver) = bounded(2);
    assert_eq!((sender.len(), sender.is_empty(), sender.is_full(), sender.capacity()), (0, true, false, Some(2)));
    assert_eq!(sender.try_send_many([1, 2, 3]), Err(TrySendError::Full(vec![3])));
    assert_eq!((receiver.len(), receiver.is_empty(), receiver.is_full()), (2, false, true));
    assert_eq!(unbounded::<u8>().0.capacity(), None);
    assert_eq!(sender.send(3).wait_timeout(Duration::ZERO), Err(SendTimeoutError::Timeout(3)));
    let mut messages = Vec::new();
    assert_eq!(receiver.try_recv_many(&mut messages, 9), Ok(2));
    assert_eq!(receiver.recv().wait_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
    assert_eq!(messages, [1, 2]);
}

#[test]
fn a_pending_send_returns_its_message() {
    let (sender, receiver) = bounded(1);
    sender.try_send(0).unwrap();
    let mut send = Probe::pending(sender.send(1));
    let mut many = Probe::pending(sender.send_many([2, 3]));
    assert_eq!((send.future.take(), many.future.take()), (Some(1), vec![2, 3]));
    assert!(receiver.try_iter().eq([0]));
}

#[test]
fn an_iterator_ends_with_the_last_sender() {
    let _watchdog = watchdog();
    let (sender, receiver) = bounded(1);
    let sending = thread::spawn(move || (0..300).for_each(|n| sender.send(n).wait().unwrap()));
    assert!((&receiver).into_iter().take(100).eq(0..100));
    assert!(receiver.iter().take(100).eq(100..200));
    let mut rest = receiver.into_iter();
    assert!(rest.by_ref().eq(200..300));
    assert_eq!((rest.next(), rest.next()), (None, None));
    sending.join().unwrap();
}

#[test]
fn an_iterator_that_owns_the_receiver_ends_the_channel_when_it_is_dropped() {
    let _watchdog = watchdog();
    let (sender, receiver) = unbounded();
    sender.send_many(0..5).wait().unwrap();
    let mut messages = receiver.into_iter();
    assert_eq!(messages.next(), Some(0));
    drop(messages);
    assert!(sender.is_closed() && sender.is_empty());
}

/// Each thread clones its handles, sends or receives, and drops them.
#[test]
fn handles_cloned_and_dropped_under_load_lose_nothing() {
    let _watchdog = watchdog();
    for capacity in [0, 1, 64] {
        let ledger = Ledger::new();
        let (sender, receiver) = bounded(capacity);
        let (sending, receiving) = (0..3, 0..3);
        let senders: Vec<_> = sending
            .map(|n| {
                let (mut sender, ledger) = (sender.clone(), ledger.clone());
                thread::spawn(move || {
                    for id in n * 400..(n + 1) * 400 {
                        sender = sender.downgrade().upgrade().unwrap().clone();
                        sender.send(ledger.item(id)).wait().unwrap();
                    }
                })
            })
            .collect();
        drop(sender);
        let receivers: Vec<_> = receiving
            .map(|_| {
                let mut receiver: Receiver<_> = receiver.clone();
                thread::spawn(move || {
                    let mut count = 0;
                    while receiver.recv().wait().is_ok() {
                        receiver = receiver.clone();
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        drop(receiver);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        let count: usize = receivers.into_iter().map(|receiver| receiver.join().unwrap()).sum();
        assert_eq!((count, ledger.dropped()), (1200, 1200));
        ledger.settle();
    }
}

#[test]
fn both_sides_dropped_at_once_leave_nothing_behind() {
    let _watchdog = watchdog();
    for round in 0..400 {
        let ledger = Ledger::new();
        let (sender, receiver) = bounded(300);
        let items = ledger.items(0..round % 260);
        thread::scope(|scope| {
            let other = sender.clone();
            scope.spawn(move || drop(items.into_iter().map(|item| other.try_send(item)).collect::<Vec<_>>()));
            scope.spawn(move || drop(sender));
            scope.spawn(move || drop(receiver));
        });
        ledger.settle();
    }
}
