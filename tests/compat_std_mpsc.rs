//! `joinq::compat::std_mpsc` compared with `std::sync::mpsc`: errors, traits, and how a channel ends.
#![cfg(feature = "compat")]

mod common;

use common::{are, are_not, eventually, watchdog, Ledger};
use joinq::compat::std_mpsc as mpsc;

use mpsc::{channel, sync_channel, IntoIter, Iter, Receiver, Sender, SyncSender, TryIter};
use std::cell::Cell;
use std::fmt::Debug;
use std::iter::FusedIterator;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};
use std::thread;
use std::time::{Duration, Instant};

const MOMENT: Duration = Duration::from_millis(50);

/// Has only the auto traits.
struct Mute;

#[test]
fn the_errors_are_those_of_std() {
    let (s, r) = channel::<u8>();
    assert_eq!(r.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(r.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
    drop(s);
    assert_eq!((r.recv(), r.try_recv()), (Err(RecvError), Err(TryRecvError::Disconnected)));
    assert_eq!(r.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Disconnected));

    let (s, r) = sync_channel(1);
    assert_eq!((s.send(1), s.try_send(2)), (Ok(()), Err(TrySendError::Full(2))));
    drop(r);
    assert_eq!((s.send(3), s.try_send(4)), (Err(SendError(3)), Err(TrySendError::Disconnected(4))));
    let (s, r) = channel();
    drop(r);
    assert_eq!(s.send(5), Err(SendError(5)));
    // As the type of std and as the type of joinq.
    let _: mpsc::SendError<u8> = SendError(1);
    let _: mpsc::TrySendError<u8> = TrySendError::Full(1);
    let _: (mpsc::RecvError, mpsc::TryRecvError, mpsc::RecvTimeoutError) =
        (RecvError, TryRecvError::Empty, RecvTimeoutError::Timeout);
}

#[test]
fn types_have_the_traits_of_std() {
    are!(Send, Sync, Clone; Sender<Cell<u8>>, SyncSender<Cell<u8>>);
    are!(Send; Receiver<Cell<u8>>, IntoIter<Cell<u8>>);
    are!(UnwindSafe, RefUnwindSafe, Unpin; Sender<Rc<u8>>, SyncSender<Rc<u8>>, Receiver<Rc<u8>>, IntoIter<Rc<u8>>);
    are!(UnwindSafe, RefUnwindSafe, Unpin; Iter<'_, Rc<u8>>, TryIter<'_, Rc<u8>>);
    are!(Debug; Sender<Cell<u8>>, SyncSender<Mute>, Receiver<Mute>);
    are_not!(Sync; Receiver<u8>, IntoIter<u8>, Sender<Rc<u8>>, SyncSender<Rc<u8>>);
    are_not!(Send; Iter<'static, u8>, TryIter<'static, u8>, Sender<Rc<u8>>, SyncSender<Rc<u8>>, Receiver<Rc<u8>>);
    are_not!(Clone; Receiver<u8>, Iter<'static, u8>, TryIter<'static, u8>, IntoIter<u8>);
    are_not!(FusedIterator; Iter<'static, u8>, TryIter<'static, u8>, IntoIter<u8>);
}

#[test]
fn handles_and_iterators_print_as_in_std() {
    let (s, r) = channel::<u8>();
    assert_eq!(
        format!("{s:?} {s:#?} {r:?} {:?}", sync_channel::<u8>(0).0),
        "Sender { .. } Sender { .. } Receiver { .. } SyncSender { .. }"
    );
    assert_eq!(
        format!("{:?} {:?}", r.iter(), r.try_iter()),
        "Iter { rx: Receiver { .. } } TryIter { rx: Receiver { .. } }"
    );
    assert_eq!(format!("{:?}", r.into_iter()), "IntoIter { rx: Receiver { .. } }");
}

#[test]
fn messages_are_dropped_with_the_receiver() {
    let ledger = Ledger::new();
    let (s, r) = channel();
    (0..3).for_each(|n| s.send(ledger.item(n)).unwrap());
    drop(r);
    assert_eq!(ledger.dropped(), 3);
    let (t, r) = sync_channel(3);
    (3..6).for_each(|n| t.send(ledger.item(n)).unwrap());
    drop(r);
    assert_eq!(ledger.dropped(), 6);
    drop((s, t));
    ledger.settle();
}

#[test]
fn messages_outlive_the_senders() {
    let (s, r) = channel();
    let t = s.clone();
    s.send(1).unwrap();
    drop(s);
    assert_eq!((r.recv(), r.try_recv()), (Ok(1), Err(TryRecvError::Empty)));
    t.send(2).unwrap();
    drop(t);
    assert_eq!(r.recv_timeout(Duration::ZERO), Ok(2));
    assert_eq!(r.recv(), Err(RecvError));
}

#[test]
fn timeouts_end_waits_and_may_have_any_length() {
    let _watchdog = watchdog();
    let (s, r) = channel();
    let start = Instant::now();
    assert_eq!(r.recv_timeout(MOMENT), Err(RecvTimeoutError::Timeout));
    assert!(start.elapsed() >= MOMENT);
    let sending = thread::spawn(move || {
        thread::sleep(MOMENT);
        s.send(1)
    });
    assert_eq!(r.recv_timeout(Duration::MAX), Ok(1));
    sending.join().unwrap().unwrap();
}

#[test]
fn bound_zero_is_a_rendezvous() {
    let _watchdog = watchdog();
    let (s, r) = sync_channel(0);
    assert_eq!(s.try_send(1), Err(TrySendError::Full(1)));
    let receiving = thread::spawn(move || (r.recv(), r));
    thread::sleep(MOMENT);
    eventually(|| s.try_send(2));
    let (got, r) = receiving.join().unwrap();
    assert_eq!(got, Ok(2));
    let sending = thread::spawn({
        let s = s.clone();
        move || s.send(3)
    });
    thread::sleep(MOMENT);
    assert!(!sending.is_finished());
    assert_eq!((eventually(|| r.try_recv()), sending.join().unwrap()), (3, Ok(())));
    // A message that was not taken was not sent.
    let sending = thread::spawn(move || s.send(4));
    thread::sleep(MOMENT);
    drop(r);
    assert_eq!(sending.join().unwrap(), Err(SendError(4)));
}

#[test]
fn waiting_threads_are_woken_by_the_disconnection() {
    let _watchdog = watchdog();
    let (s, r) = sync_channel(1);
    s.send(0).unwrap();
    let senders: Vec<_> = (1..4)
        .map(|n| {
            (
                n,
                thread::spawn({
                    let s = s.clone();
                    move || s.send(n)
                }),
            )
        })
        .collect();
    thread::sleep(MOMENT);
    drop(r);
    senders.into_iter().for_each(|(n, sender)| assert_eq!(sender.join().unwrap(), Err(SendError(n))));
    let (s, r) = channel::<u8>();
    let receiving = thread::spawn(move || r.recv());
    thread::sleep(MOMENT);
    drop(s);
    assert_eq!(receiving.join().unwrap(), Err(RecvError));
}

#[test]
fn iterators_end_as_documented() {
    let _watchdog = watchdog();
    let (s, r) = sync_channel(4);
    (0..3).for_each(|n| s.send(n).unwrap());
    assert_eq!(r.try_iter().collect::<Vec<_>>(), [0, 1, 2]);
    let senders: Vec<_> = (0..3)
        .map(|_| {
            let s = s.clone();
            thread::spawn(move || (0..100).for_each(|n| s.send(n).unwrap()))
        })
        .collect();
    drop(s);
    let mut sum = 0;
    for n in &r {
        sum += n;
        if n == 20 {
            break;
        }
    }
    assert_eq!(sum + r.iter().take(10).sum::<i32>() + r.into_iter().sum::<i32>(), 3 * (0..100).sum::<i32>());
    senders.into_iter().for_each(|sender| sender.join().unwrap());
}
