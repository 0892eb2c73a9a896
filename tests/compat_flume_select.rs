//! `joinq::compat::flume::Selector`.
#![cfg(feature = "compat")]

mod common;

use common::{watchdog, Ledger};
use joinq::compat::flume::select::SelectError;
use joinq::compat::flume::{bounded, unbounded, RecvError, Selector, SendError};
use std::thread;
use std::time::{Duration, Instant};

const MOMENT: Duration = Duration::from_millis(30);

#[test]
fn a_selector_completes_what_is_ready() {
    let (words, word_receiver) = unbounded();
    let (numbers, number_receiver) = bounded(1);
    let select = || {
        Selector::new()
            .recv(&word_receiver, |word: Result<&str, _>| word.map(str::to_owned))
            .recv(&number_receiver, |number: Result<u8, _>| number.map(|number| number.to_string()))
    };
    words.send("word").unwrap();
    assert_eq!(select().wait(), Ok("word".to_owned()));
    assert_eq!(Selector::new().send(&numbers, 7, |sent| sent).wait(), Ok(()));
    assert_eq!(select().wait(), Ok("7".to_owned()));
    assert_eq!(select().wait_timeout(Duration::ZERO), Err(SelectError::Timeout));
    drop(words);
    assert_eq!(select().wait_timeout(Duration::MAX), Ok(Err(RecvError::Disconnected)));
}

#[test]
fn a_selector_times_out() {
    let (_sender, receiver) = bounded::<u8>(0);
    let begin = Instant::now();
    let select = || Selector::new().recv(&receiver, |got| got);
    assert_eq!(select().wait_timeout(MOMENT), Err(SelectError::Timeout));
    assert_eq!(select().wait_deadline(begin + 2 * MOMENT), Err(SelectError::Timeout));
    assert!(begin.elapsed() >= 2 * MOMENT);
    assert_eq!(SelectError::Timeout.to_string(), "timeout occurred");
    assert_eq!(format!("{:?}", Selector::<()>::default()), "Selector");
}

#[test]
fn a_send_fails_if_the_receivers_are_dropped() {
    let _watchdog = watchdog();
    for capacity in 0..2 {
        let (sender, receiver) = bounded(capacity);
        (0..capacity).for_each(|_| sender.send(0).unwrap());
        thread::scope(|scope| {
            let sent = scope.spawn(|| Selector::new().send(&sender, 5, |sent| sent).wait());
            thread::sleep(MOMENT);
            drop(receiver);
            assert_eq!(sent.join().unwrap(), Err(SendError(5)));
        });
    }
}

/// In flume a message of a lost send may be received.
#[test]
fn exactly_one_send_of_a_selector_takes_effect() {
    const ROUNDS: usize = 2000;
    let _watchdog = watchdog();
    for capacity in 0..3 {
        let ledger = Ledger::new();
        let ((a, a_receiver), (b, b_receiver)) = (bounded(capacity), bounded(capacity));
        let mut got = vec![0; ROUNDS];
        thread::scope(|scope| {
            let (a, b, ledger) = (a, b, &ledger);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    Selector::new()
                        .send(&a, (round, ledger.item(2 * round)), |sent| assert!(sent.is_ok()))
                        .send(&b, (round, ledger.item(2 * round + 1)), |sent| assert!(sent.is_ok()))
                        .wait();
                }
            });
            let other = scope.spawn(|| b_receiver.iter().map(|(round, _)| round).collect::<Vec<_>>());
            a_receiver.iter().for_each(|(round, _)| got[round] += 1);
            other.join().unwrap().into_iter().for_each(|round| got[round] += 1);
        });
        assert!(got.iter().all(|count| *count == 1));
        drop((a_receiver, b_receiver));
        ledger.settle();
    }
}

#[test]
fn selectors_face_each_other_at_a_rendezvous() {
    const THREADS: usize = 12;
    let _watchdog = watchdog();
    for _ in 0..60 {
        let (sender, receiver) = bounded(0);
        thread::scope(|scope| {
            for number in 0..THREADS {
                let (sender, receiver) = (&sender, &receiver);
                scope.spawn(move || {
                    let other = Selector::new().recv(receiver, Some).send(sender, number, |_| None).wait();
                    assert_ne!(other, Some(Ok(number)));
                });
            }
        });
        assert!(receiver.try_recv().is_err());
    }
}

#[test]
fn a_selector_and_tasks_share_a_channel() {
    let _watchdog = watchdog();
    for capacity in 0..2 {
        let (sender, receiver) = bounded(capacity);
        thread::scope(|scope| {
            let got = scope.spawn(|| Selector::new().recv(&receiver, |got| got).wait());
            futures_lite::future::block_on(sender.send_async(1)).unwrap();
            assert_eq!(got.join().unwrap(), Ok(1));
            let sent = scope.spawn(|| Selector::new().send(&sender, 2, |sent| sent).wait());
            assert_eq!(futures_lite::future::block_on(receiver.recv_async()), Ok(2));
            assert_eq!(sent.join().unwrap(), Ok(()));
        });
    }
}
