//! `joinq::compat::crossbeam_channel`: `select!`, `Select` and the timers, beyond what the published tests check.
#![cfg(feature = "compat")]

mod common;

use common::{eventually, watchdog, Ledger, Probe};
use joinq::compat::crossbeam_channel as channel;

use channel::{after, at, bounded, never, select, select_biased, tick, unbounded};
use channel::{ReadyTimeoutError, SelectTimeoutError, TryReadyError, TrySelectError};
use channel::{Receiver, RecvError, RecvTimeoutError, Select, SendError, Sender, TryRecvError};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

const MOMENT: Duration = Duration::from_millis(30);

/// As the crate `crossbeam` re-exports the macro and the module.
mod crossbeam {
    pub(crate) use joinq::compat::crossbeam_channel::select;
    pub(crate) mod channel {
        pub(crate) use joinq::compat::crossbeam_channel::*;
    }
}

#[test]
fn the_macro_can_be_re_exported() {
    let (sender, receiver) = crossbeam::channel::unbounded();
    crossbeam::select! { send(sender, 1) -> sent => sent.unwrap() }
    crossbeam::channel::select! { recv(receiver) -> got => assert_eq!(got, Ok(1)) }
    joinq::compat::crossbeam_channel::select_biased! {
        recv(receiver) -> _ => unreachable!(),
        default => {}
    }
}

#[test]
fn a_macro_is_an_expression_and_its_bodies_may_leave_it() {
    fn first(receivers: &[Receiver<u32>; 2]) -> Result<u32, RecvError> {
        loop {
            let got = select! {
                recv(receivers[0]) -> got => got?,
                recv(&receivers[1]) -> got => match got {
                    Ok(0) => continue,
                    Ok(9) => break Ok(9),
                    got => return got,
                },
                default => return Ok(100),
            };
            return Ok(got + 50);
        }
    }
    let ((a, a_receiver), (b, b_receiver)) = (unbounded(), unbounded());
    let receivers = [a_receiver, b_receiver];
    assert_eq!(first(&receivers), Ok(100));
    a.send(1).unwrap();
    assert_eq!(first(&receivers), Ok(51));
    (0..=1).for_each(|number| b.send(number).unwrap());
    assert_eq!(first(&receivers), Ok(1));
    b.send(9).unwrap();
    assert_eq!(first(&receivers), Ok(9));
    drop(a);
    assert_eq!(first(&receivers), Err(RecvError));
}

#[test]
#[allow(unreachable_code, clippy::diverging_sub_expression)]
fn a_message_is_evaluated_only_if_its_send_was_selected() {
    let (full, _full) = bounded(1);
    full.send(String::new()).unwrap();
    let (free, receiver) = bounded(1);
    let message = String::from("moved");
    select! {
        send(full, message) -> _ => unreachable!(),
        send(free, message) -> sent => sent.unwrap(),
    }
    assert_eq!(receiver.recv().unwrap(), "moved");
    select! {
        send(full, unreachable!("not selected")) -> _ => {}
        default => {}
    }
}

#[test]
fn a_body_may_move_the_handles() {
    let (sender, receiver) = bounded(1);
    select! {
        send(sender, 1) -> _ => drop(sender),
        recv(receiver) -> _ => drop(receiver),
    }
    let (sender, mut receiver) = unbounded::<u32>();
    drop(sender);
    select! { recv(receiver) -> _ => receiver = never() }
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn messages_need_not_be_send() {
    let (sender, receiver) = unbounded();
    select! {
        send(sender, Rc::new(1)) -> sent => sent.unwrap(),
        default => unreachable!(),
    }
    select! { recv(receiver) -> got => assert_eq!(got.as_deref(), Ok(&1)) }
}

#[test]
fn a_biased_select_prefers_what_stands_first() {
    let ((a, a_receiver), (b, b_receiver)) = (unbounded(), unbounded());
    for _ in 0..100 {
        a.send(()).unwrap();
        b.send(()).unwrap();
    }
    for _ in 0..100 {
        select_biased! {
            recv(a_receiver) -> _ => {}
            recv(b_receiver) -> _ => unreachable!(),
            default(MOMENT) => unreachable!(),
        }
    }
    let mut select = Select::new_biased();
    select.recv(&b_receiver);
    select.send(&a);
    for _ in 0..100 {
        select.select().recv(&b_receiver).unwrap();
    }
    assert_eq!(select.ready(), 1);
}

/// Threads that only select, at one channel with capacity 0: each match has one thread of each kind, and no
/// message is left.
#[test]
fn selects_face_each_other_at_a_rendezvous() {
    let _watchdog = watchdog();
    const THREADS: usize = 16;
    for round in 0..60 {
        let (sender, receiver) = bounded(0);
        let sent = AtomicUsize::new(0);
        thread::scope(|scope| {
            for number in 0..THREADS {
                let (sender, receiver, sent) = (&sender, &receiver, &sent);
                scope.spawn(move || match round % 2 {
                    0 => select! {
                        recv(receiver) -> got => assert_ne!(got, Ok(number)),
                        send(sender, number) -> result => {
                            result.unwrap();
                            sent.fetch_add(1, Ordering::Relaxed);
                        }
                    },
                    _ => {
                        let mut select = Select::new();
                        let (recv, _send) = (select.recv(receiver), select.send(sender));
                        let operation = select.select();
                        if operation.index() == recv {
                            assert_ne!(operation.recv(receiver), Ok(number));
                        } else {
                            operation.send(sender, number).unwrap();
                            sent.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(sent.load(Ordering::Relaxed), THREADS / 2);
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    }
}

#[test]
fn receives_of_all_kinds_match_a_send_that_selects() {
    let _watchdog = watchdog();
    let (sender, receiver) = bounded(0);
    let (_stop, stop) = bounded::<()>(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..6 {
                select! {
                    send(sender, number) -> sent => sent.unwrap(),
                    recv(stop) -> _ => unreachable!(),
                }
            }
        });
        assert_eq!(eventually(|| receiver.try_recv()), 0);
        assert_eq!(receiver.recv(), Ok(1));
        assert_eq!(receiver.recv_timeout(Duration::from_secs(60)), Ok(2));
        select! { recv(receiver) -> got => assert_eq!(got, Ok(3)) }
        let own: joinq::Receiver<u32> = receiver.clone().try_into().unwrap();
        assert_eq!(own.recv().wait(), Ok(4));
        assert_eq!(futures_lite::future::block_on(own.recv()), Ok(5));
    });
}

#[test]
fn sends_of_all_kinds_match_a_receive_that_selects() {
    let _watchdog = watchdog();
    let (sender, receiver) = bounded(0);
    let (_stop, stop) = bounded::<()>(0);
    thread::scope(|scope| {
        let receiver_thread = scope.spawn(|| {
            let next = || {
                select! {
                    recv(receiver) -> got => got.unwrap(),
                    recv(stop) -> _ => unreachable!(),
                }
            };
            (0..6).map(|_| next()).collect::<Vec<u32>>()
        });
        eventually(|| sender.try_send(0));
        sender.send(1).unwrap();
        sender.send_timeout(2, Duration::from_secs(60)).unwrap();
        select! { send(sender, 3) -> sent => sent.unwrap() }
        let own: joinq::Sender<u32> = sender.clone().into();
        own.send(4).wait().unwrap();
        futures_lite::future::block_on(own.send(5)).unwrap();
        assert_eq!(receiver_thread.join().unwrap(), [0, 1, 2, 3, 4, 5]);
    });
}

#[test]
#[allow(unreachable_code, clippy::diverging_sub_expression)]
fn a_message_whose_evaluation_panics_leaves_the_receiver_waiting() {
    let _watchdog = watchdog();
    let (sender, receiver) = bounded::<u32>(0);
    thread::scope(|scope| {
        let got = scope.spawn(|| receiver.recv());
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            select! { send(sender, panic!("no message")) -> _ => {} }
        }));
        assert!(unwound.is_err());
        sender.send(7).unwrap();
        assert_eq!(got.join().unwrap(), Ok(7));
    });
}

/// A receive that waits is promised the message of a select, so that another select that sends finds no
/// receive. The message does not come: the other select must be woken to try again.
#[test]
#[allow(unreachable_code, clippy::diverging_sub_expression, clippy::never_loop)]
fn a_message_that_does_not_follow_leaves_its_receive_to_another_select() {
    let _watchdog = watchdog();
    for does_panic in [false, true] {
        let (sender, receiver) = bounded(0);
        let own: joinq::Receiver<u32> = receiver.clone().try_into().unwrap();
        let got = Probe::pending(own.recv());
        thread::scope(|scope| {
            let other = || select! { send(sender, 5) -> sent => sent.unwrap() };
            let wait_for_other = || {
                scope.spawn(other);
                let mut watch = Select::new();
                watch.recv(&receiver);
                eventually(|| watch.try_ready());
            };
            let unwound = catch_unwind(AssertUnwindSafe(|| loop {
                select! {
                    send(sender, {
                        wait_for_other();
                        assert!(!does_panic, "no message");
                        break
                    }) -> _ => unreachable!(),
                }
            }));
            assert_eq!(unwound.is_err(), does_panic);
        });
        assert_eq!(got.ready(), Ok(5));
    }
}

/// Returns once a receive waits at this channel with capacity 0.
fn until_a_receive_waits(sender: &Sender<u32>) {
    let mut watch = Select::new();
    watch.send(sender);
    eventually(|| watch.try_ready());
}

/// The message of `zero` is evaluated while the select waits for it. The evaluation needs an operation that
/// waits behind the select at another channel.
#[test]
fn a_select_that_waits_for_a_message_stands_in_the_way_of_no_other_operation() {
    let _watchdog = watchdog();
    let (zero_sender, zero) = bounded::<u32>(0);
    let (sender, receiver) = unbounded();
    let (full_sender, full) = bounded(1);
    full_sender.send(0).unwrap();
    let own_receiver: joinq::Receiver<u32> = receiver.clone().try_into().unwrap();
    let own_sender: joinq::Sender<u32> = full_sender.clone().into();
    thread::scope(|scope| {
        let select = scope.spawn(|| {
            select! {
                recv(zero) -> got => got,
                recv(receiver) -> _ => unreachable!(),
                send(full_sender, 1) -> _ => unreachable!(),
            }
        });
        until_a_receive_waits(&zero_sender);
        let (mut get, mut put) = (Probe::pending(own_receiver.recv()), Probe::pending(own_sender.send(2)));
        let mut message = || {
            sender.send(7).unwrap();
            assert_eq!(eventually(|| full.try_recv()), 0);
            while !(get.is_woken() && put.is_woken()) {
                thread::yield_now();
            }
            assert_eq!((get.poll(), put.poll()), (Poll::Ready(Ok(7)), Poll::Ready(Ok(()))));
            9
        };
        select! { send(zero_sender, message()) -> sent => sent.unwrap() }
        assert_eq!(select.join().unwrap(), Ok(9));
    });
    assert_eq!((full.try_recv(), full.try_recv()), (Ok(2), Err(TryRecvError::Empty)));
}

#[test]
#[allow(unreachable_code, clippy::diverging_sub_expression, clippy::never_loop)]
fn a_select_whose_message_does_not_follow_goes_on() {
    let _watchdog = watchdog();
    for to_zero in [false, true] {
        let (zero_sender, zero) = bounded(0);
        let (sender, receiver) = unbounded();
        thread::scope(|scope| {
            let select = scope.spawn(|| {
                select! {
                    recv(zero) -> got => got,
                    recv(receiver) -> got => got,
                }
            });
            until_a_receive_waits(&zero_sender);
            loop {
                select! { send(zero_sender, break) -> _ => {} }
            }
            if to_zero { &zero_sender } else { &sender }.send(8).unwrap();
            assert_eq!(select.join().unwrap(), Ok(8));
        });
    }
}

#[test]
fn each_message_is_dropped_once() {
    let _watchdog = watchdog();
    for capacity in 0..3 {
        let ledger = Ledger::new();
        let (sender, receiver) = bounded(capacity);
        let (other, other_receiver) = bounded(capacity);
        let mut got = 0;
        thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..500 {
                    let message = ledger.item(number);
                    select! {
                        send(sender, message) -> sent => assert!(sent.is_ok()),
                        send(other, message) -> sent => assert!(sent.is_ok()),
                    }
                }
            });
            let mut select = Select::new();
            let first = select.recv(&receiver);
            select.recv(&other_receiver);
            while got < 500 {
                let Ok(operation) = select.select_timeout(Duration::from_secs(30)) else { panic!("a message is lost") };
                let from = if operation.index() == first { &receiver } else { &other_receiver };
                drop(operation.recv(from).map_err(drop).unwrap());
                got += 1;
            }
        });
        assert!(receiver.try_recv().is_err() && other_receiver.try_recv().is_err());
        drop((sender, receiver, other, other_receiver));
        ledger.settle();
    }
}

/// But for a message that was late: a receive has passed its slot, so that it is beyond the capacity.
#[test]
fn a_select_over_sends_keeps_the_capacity() {
    let _watchdog = watchdog();
    const THREADS: usize = 4;
    for capacity in 1..3 {
        let most = capacity + THREADS;
        let (sender, receiver) = bounded(capacity);
        let (stop_sender, stop) = bounded::<()>(0);
        thread::scope(|scope| {
            for number in 0..THREADS {
                let (sender, stop) = (&sender, &stop);
                scope.spawn(move || loop {
                    select! {
                        send(sender, number) -> sent => sent.unwrap(),
                        recv(stop) -> _ => break,
                    }
                });
            }
            for _ in 0..2000 {
                assert!(receiver.len() <= most);
                receiver.recv().unwrap();
            }
            // A select that has the choice may stop although a slot is free.
            while receiver.len() < capacity {
                thread::yield_now();
            }
            drop(stop_sender);
        });
        let left = receiver.try_iter().count();
        assert!((capacity..=most).contains(&left), "{left} messages with capacity {capacity}");
    }
}

#[test]
fn a_selected_operation_must_be_completed_with_its_handle() {
    let (sender, receiver) = unbounded();
    let (other, other_receiver) = unbounded();
    sender.send(1).unwrap();
    let mut select = Select::new();
    select.recv(&receiver);
    select.send(&other);
    select.remove(1);
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(select.select())));
    let text = *dropped.unwrap_err().downcast::<&str>().unwrap();
    assert_eq!(text, "dropped `SelectedOperation` without completing the operation");
    sender.send(2).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| select.select().recv(&other_receiver))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| select.remove(1))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| select.remove(2))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| Select::new().select().index())).is_err());
    other.send(0).unwrap();
}

#[test]
fn a_list_of_operations_can_be_used_again_and_cloned() {
    let (sender, receiver) = bounded(1);
    let mut select = Select::new();
    let (send, recv) = (select.send(&sender), select.recv(&receiver));
    let mut copy = select.clone();
    for number in 0..10 {
        assert_eq!((select.ready(), copy.try_ready()), (send, Ok(send)));
        select.select().send(&sender, number).unwrap();
        let operation = copy.select();
        assert_eq!((operation.index(), operation.recv(&receiver)), (recv, Ok(number)));
    }
    assert_eq!(format!("{select:?}"), "Select { .. }");
    drop(receiver);
    let (sender, receiver) = bounded::<u32>(0);
    drop(receiver);
    let mut select = Select::new();
    select.send(&sender);
    assert_eq!(select.select().send(&sender, 5), Err(SendError(5)));
}

#[test]
fn a_list_of_operations_times_out() {
    let (_sender, receiver) = bounded::<u32>(0);
    let (full, _full) = bounded(1);
    full.send(1).unwrap();
    let mut select = Select::new();
    select.recv(&receiver);
    select.send(&full);
    let begin = Instant::now();
    assert_eq!(select.try_select().map(drop), Err(TrySelectError));
    assert_eq!(select.try_ready(), Err(TryReadyError));
    assert_eq!(select.select_timeout(MOMENT).map(drop), Err(SelectTimeoutError));
    assert_eq!(select.ready_timeout(MOMENT), Err(ReadyTimeoutError));
    assert!(begin.elapsed() >= 2 * MOMENT);
    assert_eq!(select.select_deadline(begin).map(drop), Err(SelectTimeoutError));
    assert_eq!(select.ready_deadline(begin), Err(ReadyTimeoutError));
    assert_eq!(Select::new().ready_timeout(MOMENT), Err(ReadyTimeoutError));
}

/// What `ready` has watched it does not use: others get it.
#[test]
fn a_thread_that_only_watches_takes_nothing_from_others() {
    let _watchdog = watchdog();
    for capacity in 0..2 {
        for _ in 0..20 {
            let (sender, receiver) = bounded(capacity);
            let (full, full_receiver) = bounded(capacity);
            (0..capacity).for_each(|number| full.send(number).unwrap());
            thread::scope(|scope| {
                let watch = scope.spawn(|| {
                    let mut select = Select::new();
                    select.recv(&receiver);
                    select.send(&full);
                    select.ready()
                });
                let got = scope.spawn(|| receiver.recv());
                let sent = scope.spawn(|| full.send(7));
                sender.send(1).unwrap();
                assert_eq!(got.join().unwrap(), Ok(1));
                full_receiver.recv().unwrap();
                sent.join().unwrap().unwrap();
                // It may have missed all of it.
                drop((sender.clone(), full_receiver.clone()));
                let _ = sender.try_send(2);
                if capacity == 0 {
                    scope.spawn(|| sender.send_timeout(3, Duration::from_millis(100)));
                }
                assert!(watch.join().unwrap() < 2);
            });
        }
    }
}

#[test]
fn a_disconnect_wakes_a_select_and_a_watch() {
    let _watchdog = watchdog();
    for capacity in 0..2 {
        let (sender, receiver) = bounded::<u32>(capacity);
        let (full, full_receiver) = bounded(capacity);
        (0..capacity).for_each(|_| full.send(0).unwrap());
        thread::scope(|scope| {
            let got = scope.spawn(|| select! { recv(receiver) -> got => got });
            let sent = scope.spawn(|| select! { send(full, 5) -> sent => sent });
            let watch = scope.spawn(|| {
                let mut select = Select::new();
                select.recv(&receiver);
                select.ready()
            });
            thread::sleep(MOMENT);
            drop((sender, full_receiver));
            assert_eq!(got.join().unwrap(), Err(RecvError));
            assert_eq!(sent.join().unwrap(), Err(SendError(5)));
            assert_eq!(watch.join().unwrap(), 0);
        });
    }
}

#[test]
fn a_timer_sends_one_message() {
    let _watchdog = watchdog();
    let when = Instant::now() + MOMENT;
    let timer = at(when);
    let copy = timer.clone();
    assert!(timer.same_channel(&copy) && !timer.same_channel(&at(when)) && !timer.same_channel(&never()));
    assert_eq!((timer.len(), timer.capacity(), timer.is_empty(), timer.is_full()), (0, Some(1), true, false));
    assert_eq!(timer.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(timer.recv_deadline(when - MOMENT), Err(RecvTimeoutError::Timeout));
    assert_eq!(timer.recv(), Ok(when));
    assert!(Instant::now() >= when);
    assert_eq!(copy.recv_timeout(MOMENT), Err(RecvTimeoutError::Timeout));
    assert_eq!(after(Duration::ZERO).iter().next().map(drop), Some(()));
    assert_eq!(after(Duration::MAX).recv_timeout(MOMENT), Err(RecvTimeoutError::Timeout));
}

#[test]
fn a_ticker_sends_a_message_in_each_period() {
    let _watchdog = watchdog();
    let begin = Instant::now();
    let ticker = tick(MOMENT);
    let ticks: Vec<Instant> = ticker.iter().take(3).collect();
    assert!(ticks.windows(2).all(|pair| pair[1] - pair[0] >= MOMENT));
    assert!(ticks[2] - begin >= 3 * MOMENT && Instant::now() >= ticks[2]);
    thread::sleep(3 * MOMENT);
    assert_eq!((ticker.len(), ticker.try_iter().count()), (1, 1), "a late receiver misses ticks");
    assert_eq!(tick(Duration::MAX).try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_receiver_of_nothing_waits() {
    let nothing = never::<u32>();
    assert_eq!((nothing.len(), nothing.capacity(), nothing.is_empty(), nothing.is_full()), (0, Some(0), true, true));
    assert_eq!(nothing.recv_timeout(MOMENT), Err(RecvTimeoutError::Timeout));
    assert!(nothing.same_channel(&never()) && nothing.try_iter().next().is_none());
    select! {
        recv(nothing) -> _ => unreachable!(),
        recv(after(MOMENT)) -> arrival => assert!(arrival.is_ok()),
    }
}

#[test]
fn only_receivers_of_channels_convert_into_those_of_this_crate() {
    assert!(joinq::Receiver::try_from(never::<u32>()).is_err());
    assert!(joinq::Receiver::try_from(after(MOMENT)).is_err());
    let (sender, receiver): (Sender<u32>, Receiver<u32>) = unbounded();
    sender.send(1).unwrap();
    assert_eq!(joinq::Receiver::try_from(receiver).unwrap().try_recv(), Ok(1));
}
