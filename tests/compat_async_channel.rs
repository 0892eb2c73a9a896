//! `joinq::compat::async_channel` compared with `async-channel` 2.5: texts, traits, and how a channel ends.
#![cfg(feature = "compat")]

mod common;

use common::{are, are_not, Ledger, Probe};
use futures_core::stream::{FusedStream, Stream};
use futures_lite::future::{block_on, poll_once};
use futures_lite::StreamExt;
use joinq::compat::async_channel as channel;

use channel::{bounded, unbounded, Closed, Receiver, Recv, Sender, WeakReceiver, WeakSender};
use channel::{RecvError, SendError, TryRecvError, TrySendError};
use std::cell::Cell;
use std::error::Error;
use std::marker::PhantomPinned;
use std::panic::{catch_unwind, RefUnwindSafe, UnwindSafe};
use std::pin::pin;
use std::rc::Rc;

/// Has neither `Debug`, `PartialEq` nor `Clone`; is `Send`.
struct Plain(#[allow(dead_code)] Cell<u8>);

/// Is not `Unpin`.
struct Pinned(#[allow(dead_code)] PhantomPinned);

fn plain() -> Plain {
    Plain(Cell::new(0))
}

#[test]
fn errors_have_the_texts_of_the_peer() {
    let same = |error: &dyn Error, debug: &str, display: &str| {
        assert_eq!((format!("{error:?}").as_str(), error.to_string().as_str()), (debug, display));
        assert!(error.source().is_none());
    };
    let closed = "sending into a closed channel";
    same(&SendError(plain()), "SendError(..)", closed);
    same(&TrySendError::Full(plain()), "Full(..)", "sending into a full channel");
    same(&TrySendError::Closed(plain()), "Closed(..)", closed);
    let over = "receiving from an empty and closed channel";
    same(&RecvError, "RecvError", over);
    same(&TryRecvError::Empty, "Empty", "receiving from an empty channel");
    same(&TryRecvError::Closed, "Closed", over);
}

#[test]
fn errors_report_their_kind_and_return_the_message() {
    assert_eq!(SendError(1).into_inner(), 1);
    for error in [TrySendError::Full(1), TrySendError::Closed(1)] {
        assert_eq!((error.is_full(), error.is_closed()), (error == TrySendError::Full(1), !error.is_full()));
        assert_eq!(error.into_inner(), 1);
    }
    assert!(TryRecvError::Empty.is_empty() && !TryRecvError::Empty.is_closed());
    assert!(TryRecvError::Closed.is_closed() && !TryRecvError::Closed.is_empty());
}

#[test]
fn types_have_the_traits_of_the_peer() {
    are!(Send, Sync, Clone; Sender<Plain>, Receiver<Plain>, WeakSender<Plain>, WeakReceiver<Plain>);
    are!(UnwindSafe, RefUnwindSafe; Sender<Plain>, Receiver<Plain>, WeakSender<Plain>, WeakReceiver<Plain>);
    are!(Unpin; Sender<Pinned>, WeakSender<Pinned>, WeakReceiver<Pinned>);
    are!(Send, Sync, std::fmt::Debug; channel::Send<'_, u8>, Recv<'_, u8>, Closed<'_, u8>);
    are!(Stream, FusedStream; Receiver<Plain>);
    are!(Send, Sync, Copy, Eq, Unpin, Error; SendError<u8>, TrySendError<u8>, RecvError, TryRecvError);
    // As in async-channel 1; 2 has promised less.
    are!(Unpin; Receiver<Pinned>, channel::Send<'_, Pinned>, Recv<'_, Pinned>, Closed<'_, Pinned>);
    are_not!(Send; Sender<Rc<u8>>, Receiver<Rc<u8>>, WeakSender<Rc<u8>>, Recv<'static, Rc<u8>>);
    are_not!(Sync; Sender<Rc<u8>>, Receiver<Rc<u8>>);
}

#[test]
fn debug_output_of_handles_and_futures_shows_no_internals() {
    let (s, r) = bounded::<Plain>(1);
    assert_eq!(
        format!("{s:?} {r:?} {:?} {:?}", s.downgrade(), r.downgrade()),
        "Sender { .. } Receiver { .. } WeakSender { .. } WeakReceiver { .. }"
    );
    assert_eq!(
        format!("{:?} {:?} {:?}", s.send(plain()), r.recv(), s.closed()),
        "Send { .. } Recv { .. } Closed { .. }"
    );
}

#[test]
fn capacity_zero_is_refused() {
    let refused = catch_unwind(|| bounded::<u8>(0)).unwrap_err();
    assert_eq!(refused.downcast_ref::<&str>(), Some(&"capacity cannot be zero"));
}

#[test]
fn one_close_call_returns_true_and_the_messages_stay() {
    let (s, r) = bounded(2);
    s.try_send(1).unwrap();
    let mut closed = pin!(s.closed());
    assert_eq!(block_on(poll_once(closed.as_mut())), None);
    assert!(r.close() && !r.close() && !s.close());
    block_on(closed);
    assert_eq!((s.try_send(2), s.send_blocking(3)), (Err(TrySendError::Closed(2)), Err(SendError(3))));
    assert_eq!(s.force_send(4), Err(SendError(4)));
    assert!(!r.is_terminated());
    let mut r = pin!(r);
    assert_eq!((block_on(r.next()), block_on(r.next())), (Some(1), None));
    assert!(r.is_terminated());
    assert_eq!((r.try_recv(), r.recv_blocking()), (Err(TryRecvError::Closed), Err(RecvError)));
}

#[test]
fn a_weak_handle_can_be_upgraded_until_the_channel_is_closed() {
    let (s, r) = unbounded::<u8>();
    let (weak_s, weak_r) = (s.downgrade(), r.downgrade());
    assert!(weak_s.upgrade().unwrap().same_channel(&s) && weak_r.clone().upgrade().unwrap().same_channel(&r));
    assert_eq!((s.sender_count(), s.receiver_count()), (1, 1));
    s.close();
    assert!(weak_s.upgrade().is_none() && weak_r.upgrade().is_none());
}

#[test]
fn messages_outlive_the_last_receiver() {
    let ledger = Ledger::new();
    let (s, r) = unbounded();
    (0..3).for_each(|n| s.try_send(ledger.item(n)).unwrap());
    drop(r);
    assert_eq!((ledger.dropped(), s.len(), s.is_closed()), (0, 3, true));
    drop(s);
    ledger.settle();
}

#[test]
fn a_forced_send_displaces_the_oldest_message() {
    let (s, r) = bounded(2);
    assert_eq!([1, 2, 3].map(|n| s.force_send(n)), [Ok(None), Ok(None), Ok(Some(1))]);
    assert_eq!((r.try_recv(), r.try_recv(), r.try_recv()), (Ok(2), Ok(3), Err(TryRecvError::Empty)));
}

/// A message is sent only when its future is polled.
#[test]
fn a_send_dropped_without_another_poll_sends_nothing_and_delays_no_other() {
    let (sender, receiver) = bounded(1);
    sender.try_send(0).unwrap();
    let mut first = Box::pin(sender.send(1));
    let mut second = Box::pin(sender.send(2));
    assert_eq!(block_on(poll_once(&mut first)), None);
    assert_eq!(block_on(poll_once(&mut second)), None);
    assert_eq!(receiver.try_recv(), Ok(0));
    assert!(receiver.is_empty());
    drop(first);
    assert_eq!(block_on(second), Ok(()));
    assert_eq!(receiver.try_recv(), Ok(2));
}

#[test]
fn a_weak_handle_keeps_the_messages() {
    let ledger = Ledger::new();
    let (sender, receiver) = unbounded();
    assert!(sender.try_send(ledger.item(0)).is_ok());
    let (weak, weak_receiver) = (sender.downgrade(), receiver.downgrade());
    drop((sender, receiver));
    assert!(weak.upgrade().is_none() && weak_receiver.upgrade().is_none());
    drop(weak);
    assert_eq!(ledger.dropped(), 0);
    drop(weak_receiver);
    ledger.settle();
}

#[test]
fn each_message_that_is_taken_notifies_one_send() {
    let (sender, receiver) = bounded(2);
    sender.try_send(0).unwrap();
    sender.try_send(1).unwrap();
    let sends: Vec<_> = (2..5).map(|message| Probe::pending(Box::pin(sender.send(message)))).collect();
    let woken = || sends.iter().map(Probe::is_woken).collect::<Vec<_>>();
    receiver.try_recv().unwrap();
    assert_eq!(woken(), [true, false, false]);
    receiver.try_recv().unwrap();
    assert_eq!(woken(), [true, true, false]);
}

#[test]
fn a_polled_send_completes_though_another_was_notified() {
    let (sender, receiver) = bounded(1);
    sender.try_send(0).unwrap();
    let mut first = Probe::pending(Box::pin(sender.send(1)));
    let second = Probe::pending(Box::pin(sender.send(2)));
    assert_eq!(receiver.try_recv(), Ok(0));
    assert!(first.is_woken() && !second.is_woken());
    assert_eq!(second.ready(), Ok(()));
    assert!(first.poll().is_pending());
    assert_eq!(receiver.try_recv(), Ok(2));
    assert!(first.is_woken());
    assert_eq!(first.ready(), Ok(()));
}
