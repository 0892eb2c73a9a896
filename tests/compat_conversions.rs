//! Conversions between handles of this crate and of the compat modules: they stay handles of the same
//! channel.
#![cfg(feature = "compat")]

mod common;

use common::{Ledger, Probe};
use joinq::compat::{async_channel, crossbeam_channel, flume, std_mpsc};

/// Converts there and back: the channel is the same, no handle is counted twice, and a message sent by one
/// type is received by the other.
macro_rules! there_and_back {
    ($($test:ident: $sender:ty, $receiver:ty, |$s:ident, $n:ident| $send:expr, |$r:ident| $recv:expr;)+) => {$(
        #[test]
        fn $test() {
            for (sender, receiver) in [joinq::bounded(2), joinq::unbounded()] {
                let (kept, kept_receiver) = (sender.clone(), receiver.clone());
                let $s = <$sender>::from(sender);
                let $r = <$receiver>::from(receiver);
                assert_eq!((kept.sender_count(), kept.receiver_count()), (2, 2));
                let $n = 1;
                assert!($send);
                assert_eq!(kept_receiver.try_recv(), Ok(1));
                kept.try_send(2).unwrap();
                assert_eq!($recv, Ok(2));
                let (sender, receiver) = (joinq::Sender::from($s), joinq::Receiver::try_from($r).unwrap());
                assert!(sender.same_channel(&kept) && receiver.same_channel(&kept_receiver));
                assert_eq!((kept.sender_count(), kept.receiver_count()), (2, 2));
                assert!(!kept.is_closed());
                drop((kept, sender));
                assert!(receiver.is_closed());
            }
        }
    )+};
}

there_and_back! {
    async_channel_there_and_back: async_channel::Sender<u8>, async_channel::Receiver<u8>,
        |s, n| s.send_blocking(n).is_ok(), |r| r.recv_blocking();
    crossbeam_channel_there_and_back: crossbeam_channel::Sender<u8>, crossbeam_channel::Receiver<u8>,
        |s, n| s.send(n).is_ok(), |r| r.recv();
    flume_there_and_back: flume::Sender<u8>, flume::Receiver<u8>, |s, n| s.send(n).is_ok(), |r| r.recv();
    std_mpsc_there_and_back: std_mpsc::SyncSender<u8>, std_mpsc::Receiver<u8>, |s, n| s.send(n).is_ok(), |r| r.recv();
}

#[test]
fn a_sender_that_never_blocks_converts_from_unbounded_channels_only() {
    let (bounded, receiver) = joinq::bounded::<u8>(1);
    let bounded = std_mpsc::Sender::try_from(bounded).unwrap_err();
    assert_eq!((bounded.sender_count(), bounded.try_send(1), receiver.try_recv()), (1, Ok(()), Ok(1)));
    let (sender, receiver) = joinq::unbounded();
    let sender = std_mpsc::Sender::try_from(sender).unwrap();
    sender.send(1).unwrap();
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(joinq::Sender::from(sender).sender_count(), 1);
}

#[test]
fn remaining_messages_are_dropped_by_the_rule_of_the_crate_that_made_the_channel() {
    let ledger = Ledger::new();
    // Made by joinq: messages are dropped with the last receiver, whatever its type.
    let (sender, receiver) = joinq::bounded(1);
    let (sender, receiver) = (flume::Sender::from(sender), flume::Receiver::from(receiver));
    sender.try_send(ledger.item(0)).unwrap();
    drop(receiver);
    assert_eq!(ledger.dropped(), 1);
    // Made by a compat module: messages stay until the last sender is dropped.
    let (sender, receiver) = flume::bounded(1);
    let (sender, receiver) = (joinq::Sender::from(sender), joinq::Receiver::from(receiver));
    sender.try_send(ledger.item(1)).map_err(drop).unwrap();
    drop(receiver);
    assert_eq!((ledger.dropped(), sender.len()), (1, 1));
    drop(sender);
    ledger.settle();
}

#[test]
fn a_channel_closed_by_a_call_is_disconnected_under_other_names() {
    let (sender, receiver) = joinq::unbounded();
    let names = (crossbeam_channel::Sender::from(sender.clone()), flume::Sender::from(sender.clone()));
    sender.try_send(1).unwrap();
    assert!(sender.close());
    assert_eq!(names.0.try_send(2), Err(crossbeam_channel::TrySendError::Disconnected(2)));
    assert_eq!(names.1.try_send(2), Err(flume::TrySendError::Disconnected(2)));
    let receiver = std_mpsc::Receiver::from(receiver);
    assert_eq!((receiver.recv(), receiver.recv()), (Ok(1), Err(std_mpsc::RecvError)));
}

#[test]
fn a_stream_of_a_rendezvous_ends_only_after_its_last_message() {
    use futures_core::stream::FusedStream;

    let (sender, receiver) = joinq::bounded(0);
    let receiver = async_channel::Receiver::from(receiver);
    let waiting = Probe::pending(Box::pin(receiver.recv()));
    sender.try_send(1).unwrap();
    drop((waiting, sender));
    // The message for a receive that was dropped stays for the next one.
    assert!(!receiver.is_terminated());
    assert_eq!(receiver.recv_blocking(), Ok(1));
    assert!(receiver.is_terminated());
}

#[test]
fn a_send_of_async_channel_to_a_rendezvous_waits() {
    use std::future::Future;
    let _watchdog = common::watchdog();
    let (sender, receiver) = joinq::bounded::<u8>(0);
    let sender = joinq::compat::async_channel::Sender::from(sender);
    let mut send = std::pin::pin!(sender.send(1));
    let (_, waker) = common::Count::new();
    let mut context = std::task::Context::from_waker(&waker);
    assert!(send.as_mut().poll(&mut context).is_pending());
    assert_eq!(receiver.try_recv(), Ok(1));
    assert!(send.as_mut().poll(&mut context).is_ready());
}
