//! `joinq::compat::crossbeam_channel`: texts, conversions, traits, and where its channels differ from those
//! of joinq.
#![cfg(feature = "compat")]

mod common;

use common::{are, are_not, eventually, watchdog, Ledger};
use joinq::compat::crossbeam_channel as channel;

use channel::{bounded, unbounded, IntoIter, Iter, Receiver, Sender, TryIter};
use channel::{RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError};
use std::cell::Cell;
use std::error::Error;
use std::iter::FusedIterator;
use std::panic::{catch_unwind, AssertUnwindSafe, RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::MutexGuard;
use std::thread;
use std::time::{Duration, Instant};

const MOMENT: Duration = Duration::from_millis(50);

/// Has neither `Debug`, `PartialEq` nor `Clone`; is `Send`.
struct Plain(#[allow(dead_code)] Cell<u8>);

fn plain() -> Plain {
    Plain(Cell::new(0))
}

#[test]
fn errors_have_the_texts_of_the_peer() {
    let said = |error: &dyn Error| (format!("{error:?}"), error.to_string());
    let same = |error: &dyn Error, debug: &str, display: &str| {
        assert_eq!(said(error), (debug.to_string(), display.to_string()));
        assert!(error.source().is_none());
    };
    let disconnected = "sending on a disconnected channel";
    same(&SendError(plain()), r#""SendError(..)""#, disconnected);
    same(&TrySendError::Full(plain()), r#""Full(..)""#, "sending on a full channel");
    same(&TrySendError::Disconnected(plain()), r#""Disconnected(..)""#, disconnected);
    same(&SendTimeoutError::Timeout(plain()), r#""SendTimeoutError(..)""#, "timed out waiting on send operation");
    same(&SendTimeoutError::Disconnected(plain()), r#""SendTimeoutError(..)""#, disconnected);
    let over = "receiving on an empty and disconnected channel";
    same(&RecvError, "RecvError", over);
    same(&TryRecvError::Empty, "Empty", "receiving on an empty channel");
    same(&TryRecvError::Disconnected, "Disconnected", over);
    same(&RecvTimeoutError::Timeout, "Timeout", "timed out waiting on receive operation");
    same(&RecvTimeoutError::Disconnected, "Disconnected", "channel is empty and disconnected");
    // `Display` uses a width, `Debug` does not.
    assert_eq!(format!("{:>36}|{:>36?}|", SendError(1), SendError(1)), format!("   {disconnected}|\"SendError(..)\"|"));
    // `Debug` and `Display` need no bound on the message; only `Error` does.
    assert_eq!(SendError(Rc::new(1)).to_string(), disconnected);
}

#[test]
fn errors_convert_and_return_the_message() {
    assert_eq!(TrySendError::from(SendError(1)), TrySendError::Disconnected(1));
    assert_eq!(SendTimeoutError::from(SendError(1)), SendTimeoutError::Disconnected(1));
    assert_eq!(TryRecvError::from(RecvError), TryRecvError::Disconnected);
    assert_eq!(RecvTimeoutError::from(RecvError), RecvTimeoutError::Disconnected);
    assert_eq!(SendError(1).into_inner(), 1);
    for error in [TrySendError::Full(1), TrySendError::Disconnected(1)] {
        let copy = error;
        assert_eq!((copy.is_full(), copy.is_disconnected()), (error == TrySendError::Full(1), !copy.is_full()));
        assert_eq!(error.into_inner(), 1);
    }
    for error in [SendTimeoutError::Timeout(1), SendTimeoutError::Disconnected(1)] {
        let copy = error;
        assert_eq!(
            (copy.is_timeout(), copy.is_disconnected()),
            (error == SendTimeoutError::Timeout(1), !copy.is_timeout())
        );
        assert_eq!(error.into_inner(), 1);
    }
    assert!(TryRecvError::Empty.is_empty() && !TryRecvError::Empty.is_disconnected());
    assert!(TryRecvError::Disconnected.is_disconnected() && !TryRecvError::Disconnected.is_empty());
    assert!(RecvTimeoutError::Timeout.is_timeout() && !RecvTimeoutError::Timeout.is_disconnected());
    assert!(RecvTimeoutError::Disconnected.is_disconnected() && !RecvTimeoutError::Disconnected.is_timeout());
}

#[test]
fn types_have_the_traits_of_the_peer() {
    are!(Send, Sync, UnwindSafe, RefUnwindSafe, Unpin;
        Sender<Cell<u8>>, Receiver<Cell<u8>>, Iter<'_, Cell<u8>>, TryIter<'_, Cell<u8>>, IntoIter<Cell<u8>>);
    are!(UnwindSafe, RefUnwindSafe, Unpin; Sender<&mut Rc<u8>>, Receiver<&mut Rc<u8>>);
    are!(Clone; Sender<Plain>, Receiver<Plain>);
    are!(FusedIterator; Iter<'_, Plain>, IntoIter<Plain>);
    are!(Send, Sync, Copy, Eq, UnwindSafe, Unpin, Error;
        SendError<u8>, TrySendError<u8>, SendTimeoutError<u8>, RecvError, TryRecvError, RecvTimeoutError);
    // A guard is `Sync`, not `Send`: a message must be `Send`.
    are_not!(Send; Sender<Rc<u8>>, Receiver<Rc<u8>>, Sender<MutexGuard<'static, u8>>, Receiver<MutexGuard<'static, u8>>);
    are_not!(Sync; Sender<Rc<u8>>, Receiver<Rc<u8>>, Sender<MutexGuard<'static, u8>>, Receiver<MutexGuard<'static, u8>>);
    are_not!(Error; SendError<Rc<u8>>, TrySendError<Rc<u8>>, SendTimeoutError<Rc<u8>>);
    are_not!(FusedIterator; TryIter<'static, u8>);
    are_not!(Clone; Iter<'static, u8>, TryIter<'static, u8>, IntoIter<u8>);
    are_not!(PartialEq; Sender<u8>, Receiver<u8>);
}

#[test]
fn debug_output_of_handles_and_iterators_shows_no_internals() {
    let (s, r) = unbounded::<Plain>();
    assert_eq!(
        format!("{s:?} {s:#?} {r:?} {:?} {:?}", r.iter(), r.try_iter()),
        "Sender { .. } Sender { .. } Receiver { .. } Iter { .. } TryIter { .. }"
    );
    assert_eq!(format!("{s:>14?}|{:?}", r.into_iter()), " Sender { .. }|IntoIter { .. }");
}

#[test]
fn queries_report_the_messages_in_the_channel() {
    let (s, r) = bounded(2);
    assert_eq!((s.capacity(), r.capacity(), s.len(), r.len()), (Some(2), Some(2), 0, 0));
    assert!(s.is_empty() && r.is_empty() && !s.is_full() && !r.is_full());
    assert_eq!((s.try_send(1), s.send(2), s.try_send(3)), (Ok(()), Ok(()), Err(TrySendError::Full(3))));
    assert!(!s.is_empty() && !r.is_empty() && s.is_full() && r.is_full());
    assert_eq!((s.len(), r.len()), (2, 2));
    let (other, _r) = unbounded();
    assert!(s.same_channel(&s.clone()) && r.same_channel(&r.clone()) && !s.same_channel(&other));
    assert_eq!((other.capacity(), other.is_full()), (None, false));
}

#[test]
fn a_channel_is_disconnected_when_one_side_is_dropped() {
    let (s, r) = unbounded();
    let (t, q) = (s.clone(), r.clone());
    s.send(1).unwrap();
    drop(s);
    t.send(2).unwrap();
    drop(t);
    assert_eq!((q.recv(), r.try_recv()), (Ok(1), Ok(2)));
    assert_eq!((r.recv(), r.try_recv()), (Err(RecvError), Err(TryRecvError::Disconnected)));
    assert_eq!(r.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Disconnected));
    assert_eq!(r.recv_deadline(Instant::now()), Err(RecvTimeoutError::Disconnected));

    for capacity in [0, 1] {
        let (s, r) = bounded(capacity);
        drop(r.clone());
        drop(r);
        assert_eq!((s.send(1), s.try_send(2)), (Err(SendError(1)), Err(TrySendError::Disconnected(2))));
        assert_eq!(s.send_timeout(3, Duration::MAX), Err(SendTimeoutError::Disconnected(3)));
        assert_eq!(s.send_deadline(4, Instant::now()), Err(SendTimeoutError::Disconnected(4)));
    }
}

#[test]
fn operations_that_need_no_wait_succeed_after_the_deadline() {
    let past = Instant::now().checked_sub(MOMENT).unwrap();
    let (s, r) = bounded(1);
    assert_eq!(s.send_deadline(1, past), Ok(()));
    assert_eq!(s.send_deadline(2, past), Err(SendTimeoutError::Timeout(2)));
    assert_eq!(s.send_timeout(3, Duration::ZERO), Err(SendTimeoutError::Timeout(3)));
    assert_eq!(r.recv_deadline(past), Ok(1));
    assert_eq!(r.recv_deadline(past), Err(RecvTimeoutError::Timeout));
    assert_eq!(r.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
    assert_eq!((s.send_timeout(4, Duration::ZERO), r.recv_timeout(Duration::ZERO)), (Ok(()), Ok(4)));
}

#[test]
fn timeouts_end_waits_and_may_have_any_length() {
    let _watchdog = watchdog();
    let (s, r) = bounded(1);
    let start = Instant::now();
    assert_eq!(r.recv_timeout(MOMENT), Err(RecvTimeoutError::Timeout));
    s.send(1).unwrap();
    assert_eq!(s.send_timeout(2, MOMENT), Err(SendTimeoutError::Timeout(2)));
    assert!(start.elapsed() >= 2 * MOMENT);
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(s.send_timeout(3, Duration::MAX), Ok(())));
        thread::sleep(MOMENT);
        assert_eq!((r.recv_timeout(Duration::MAX), r.recv_timeout(Duration::MAX)), (Ok(1), Ok(3)));
    });
}

#[test]
fn capacity_zero_is_a_rendezvous() {
    let _watchdog = watchdog();
    let (s, r) = bounded(0);
    let idle = || {
        assert_eq!((s.len(), r.len(), s.capacity(), r.capacity()), (0, 0, Some(0), Some(0)));
        assert!(s.is_empty() && r.is_empty() && s.is_full() && r.is_full());
    };
    idle();
    assert_eq!((s.try_send(1), r.try_recv()), (Err(TrySendError::Full(1)), Err(TryRecvError::Empty)));
    assert_eq!(s.send_timeout(2, Duration::ZERO), Err(SendTimeoutError::Timeout(2)));
    thread::scope(|scope| {
        // While a receiver waits, a send need not wait.
        let receiving = scope.spawn(|| r.recv());
        thread::sleep(MOMENT);
        idle();
        eventually(|| s.try_send(3));
        assert_eq!(receiving.join().unwrap(), Ok(3));
        let receiving = scope.spawn(|| r.recv_timeout(Duration::MAX));
        thread::sleep(MOMENT);
        eventually(|| s.send_deadline(4, Instant::now()));
        assert_eq!(receiving.join().unwrap(), Ok(4));
        // While a sender waits, a receive need not wait.
        let sending = scope.spawn(|| s.send(5));
        thread::sleep(MOMENT);
        idle();
        assert!(!sending.is_finished());
        assert_eq!((eventually(|| r.try_recv()), sending.join().unwrap()), (5, Ok(())));
    });
    idle();
}

#[test]
fn waiting_threads_are_woken_by_the_disconnection() {
    let _watchdog = watchdog();
    for capacity in [0, 1] {
        let (s, r) = bounded(capacity);
        (0..capacity as u8).for_each(|n| s.send(n).unwrap());
        thread::scope(|scope| {
            let senders: Vec<_> = (10..13)
                .map(|n| {
                    (
                        n,
                        scope.spawn({
                            let s = &s;
                            move || s.send(n)
                        }),
                    )
                })
                .collect();
            thread::sleep(MOMENT);
            drop(r);
            senders.into_iter().for_each(|(n, sender)| assert_eq!(sender.join().unwrap(), Err(SendError(n))));
        });
        let (s, r) = bounded::<u8>(capacity);
        thread::scope(|scope| {
            let receivers: Vec<_> = (0..3).map(|_| scope.spawn(|| r.recv())).collect();
            thread::sleep(MOMENT);
            drop(s);
            receivers.into_iter().for_each(|receiver| assert_eq!(receiver.join().unwrap(), Err(RecvError)));
        });
    }
}

#[test]
fn the_last_receiver_drops_the_messages_of_unbounded_channels_only() {
    for (make, dropped) in [(unbounded as fn() -> _, 3), (|| bounded(3), 0)] {
        let ledger = Ledger::new();
        let (s, r) = make();
        (0..3).for_each(|n| s.send(ledger.item(n)).unwrap());
        drop(r);
        assert_eq!((ledger.dropped(), s.len()), (dropped, 3 - dropped));
        drop(s);
        ledger.settle();
    }
}

#[test]
fn messages_behind_a_panicking_drop_are_leaked_by_bounded_channels() {
    struct Loud<'a>(&'a Cell<u8>);
    impl Drop for Loud<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
            panic!("as expected");
        }
    }
    let drops = Cell::new(0);
    let (s, r) = bounded(3);
    (0..3).for_each(|_| s.send(Loud(&drops)).map_err(|_| ()).unwrap());
    drop(r);
    assert_eq!(drops.get(), 0);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(s))).is_err());
    assert_eq!(drops.get(), 1);
}

#[test]
fn iterators_end_as_documented() {
    let _watchdog = watchdog();
    let (s, r) = bounded(4);
    (0..3).for_each(|n| s.send(n).unwrap());
    assert_eq!(r.try_iter().collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(r.try_iter().next(), None);
    thread::spawn(move || (3..50).for_each(|n| s.send(n).unwrap()));
    let mut sum = 0;
    for n in &r {
        sum += n;
        if n == 20 {
            break;
        }
    }
    assert_eq!(sum + r.iter().take(10).sum::<i32>() + r.into_iter().sum::<i32>(), (3..50).sum());
}

#[test]
fn each_message_goes_to_one_receiver() {
    let _watchdog = watchdog();
    for capacity in [Some(0), Some(3), None] {
        let (s, r) = capacity.map_or_else(unbounded, bounded);
        let sums = thread::scope(|scope| {
            for part in 0..3 {
                let s = s.clone();
                scope.spawn(move || (0..1000).for_each(|n| s.send(part * 1000 + n).unwrap()));
            }
            drop(s);
            let receivers: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| r.iter().map(|n| (1, n)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1))))
                .collect();
            receivers.into_iter().map(|receiver| receiver.join().unwrap()).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
        });
        assert_eq!(sums, (3000, (0..3000u64).sum()));
    }
}
