//! Models of the core with an only getter, and of the receiver that waits alone.

#[cfg(not(loom))]
#[test]
#[ignore = "a model: run `cargo loom`"]
fn models_need_cfg_loom() {
    panic!("run `cargo loom` with RUSTFLAGS unset");
}

#[cfg(loom)]
mod items;
#[cfg(loom)]
mod models;

#[cfg(loom)]
mod tests {
    use crate::items::{explore_capped, item, offer, put, settle, Got, Item, Shared};
    use crate::models::{explore, explore_large, poll_once};
    use joinq::mpsc;
    use joinq::raw::{Events, PopError, RawQueue, SingleConsumer, UNBOUNDED};
    use joinq::RecvError;
    use loom::future::block_on;
    use loom::sync::atomic::{AtomicUsize, Ordering};
    use loom::sync::Arc;
    use loom::thread;
    use std::task::{Context, Poll, Waker};

    /// A queue through which `passed` items have gone to its only getter.
    fn queue(passed: usize) -> (Shared, SingleConsumer<Item>) {
        let mut queue = RawQueue::new();
        let mut single = queue.single_consumer();
        for number in 0..passed {
            assert!(queue.push(item((9, number)), UNBOUNDED, &mut Events::default()).is_ok());
            assert!(pop(&queue, &mut single).is_ok());
        }
        (Arc::new(queue), single)
    }

    fn pop(queue: &RawQueue<Item>, single: &mut SingleConsumer<Item>) -> Result<Item, PopError> {
        match queue.peek_ready(single) {
            Some(ready) => Ok(ready.take(|item| item)),
            None => queue.pop_single_slow(single),
        }
    }

    fn get(queue: &Shared, single: &mut SingleConsumer<Item>, got: &mut Got) -> Result<(), PopError> {
        pop(queue, single).map(|item| got.note(item))
    }

    /// Two put, and one gets what is there in a row: all that went in comes out, in order.
    #[test]
    fn two_pushers_and_a_row_for_the_only_getter() {
        for passed in 0..2 {
            explore_capped(move || {
                let (queue, mut single) = queue(passed);
                let putters = [0, 1].map(|by| {
                    let queue = queue.clone();
                    thread::spawn(move || put(&queue, (by, 0)))
                });
                let mut row = Vec::new();
                let _ = queue.pop_many_single(&mut single, &mut row, 2);
                putters.into_iter().for_each(|putter| putter.join().unwrap());
                let mut got = Got::default();
                row.into_iter().for_each(|item| got.note(item));
                queue.end_single_consumer(&mut single);
                settle(&queue, [got], [vec![(0, 0), (1, 0)]]);
            });
        }
    }

    /// Two put, across the end of a segment, and one gets: all that went in comes out, in order.
    #[test]
    fn two_pushers_and_the_only_getter() {
        for passed in 0..3 {
            explore_capped(move || {
                let (queue, mut single) = queue(passed);
                let putters = [0, 1].map(|by| {
                    let queue = queue.clone();
                    thread::spawn(move || put(&queue, (by, 0)))
                });
                let mut got = Got::default();
                for _ in 0..2 {
                    let _ = get(&queue, &mut single, &mut got);
                }
                putters.into_iter().for_each(|putter| putter.join().unwrap());
                queue.end_single_consumer(&mut single);
                settle(&queue, [got], [vec![(0, 0), (1, 0)]]);
            });
        }
    }

    /// One puts so much that the segments of the only getter are used again.
    #[test]
    fn segments_go_round() {
        explore_capped(|| {
            let (queue, mut single) = queue(1);
            let putter = queue.clone();
            let putter = thread::spawn(move || (0..3).for_each(|number| put(&putter, (0, number))));
            let mut got = Got::default();
            for _ in 0..3 {
                let _ = get(&queue, &mut single, &mut got);
            }
            putter.join().unwrap();
            while get(&queue, &mut single, &mut got).is_ok() {}
            queue.end_single_consumer(&mut single);
            settle(&queue, [got], [vec![(0, 0), (0, 1), (0, 2)]]);
        });
    }

    /// What was put before a look that found nothing does not exist.
    #[test]
    fn a_finished_push_is_not_missed() {
        for passed in 0..3 {
            explore_capped(move || {
                let (queue, mut single) = queue(passed);
                let finished = Arc::new(AtomicUsize::new(0));
                let putter = (queue.clone(), finished.clone());
                let putter = thread::spawn(move || {
                    put(&putter.0, (0, 0));
                    putter.1.store(1, Ordering::Release);
                });
                let before = finished.load(Ordering::Acquire);
                let mut got = Got::default();
                let answer = get(&queue, &mut single, &mut got);
                assert!(before == 0 || answer.is_ok());
                putter.join().unwrap();
                queue.end_single_consumer(&mut single);
                settle(&queue, [got], [vec![(0, 0)]]);
            });
        }
    }

    /// The only getter leaves a segment while another puts so much that it is used again. The head's word does not name it any
    /// more by then, or the put would take the head to be where the tail is, and pass the bound.
    #[test]
    fn a_segment_is_used_again_after_the_head_has_left() {
        explore_capped(|| {
            let (queue, mut single) = queue(1);
            put(&queue, (8, 0));
            put(&queue, (8, 1));
            let putter = queue.clone();
            let putter = thread::spawn(move || {
                let mut accepted = Vec::new();
                for number in 0..3 {
                    let _ = offer(&putter, (0, number), 3, &mut accepted);
                }
                accepted
            });
            let mut got = Got::default();
            assert_eq!(get(&queue, &mut single, &mut got), Ok(()));
            let accepted = putter.join().unwrap();
            queue.end_single_consumer(&mut single);
            settle(&queue, [got], [vec![(8, 0), (8, 1)], accepted]);
        });
    }

    /// Closed means that nothing comes any more.
    #[test]
    fn a_close_and_the_only_getter() {
        for passed in 0..3 {
            explore_capped(move || {
                let (queue, mut single) = queue(passed);
                let putter = queue.clone();
                let putter = thread::spawn(move || {
                    let mut accepted = Vec::new();
                    let _ = offer(&putter, (0, 0), UNBOUNDED, &mut accepted);
                    accepted
                });
                let closer = queue.clone();
                let closer = thread::spawn(move || closer.close(&mut Events::default()));
                let mut got = Got::default();
                let mut closed = false;
                for _ in 0..2 {
                    let answer = get(&queue, &mut single, &mut got);
                    assert!(!closed || answer == Err(PopError::Closed));
                    closed = answer == Err(PopError::Closed);
                }
                let accepted = putter.join().unwrap();
                assert!(closer.join().unwrap());
                while get(&queue, &mut single, &mut got).is_ok() {}
                queue.end_single_consumer(&mut single);
                settle(&queue, [got], [accepted]);
            });
        }
    }

    #[test]
    fn a_waiting_receiver_is_woken_by_a_send() {
        for passed in 0..2 {
            explore(move || {
                let (sender, mut receiver) = mpsc::unbounded();
                for _ in 0..passed {
                    sender.try_send(0).unwrap();
                    receiver.try_recv().unwrap();
                }
                let thread = thread::spawn(move || sender.try_send(1).unwrap());
                assert_eq!(block_on(receiver.recv()), Ok(1));
                thread.join().unwrap();
                assert_eq!(block_on(receiver.recv()), Err(RecvError));
            });
        }
    }

    #[test]
    fn a_receive_that_is_dropped_leaves_the_next_one_its_call() {
        explore(|| {
            let (sender, mut receiver) = mpsc::unbounded();
            let thread = thread::spawn(move || {
                sender.try_send(1).unwrap();
                sender.try_send(2).unwrap();
            });
            let first = poll_once(&mut receiver.recv());
            let second = block_on(receiver.recv());
            match first {
                Some(got) => assert_eq!((got, second), (Ok(1), Ok(2))),
                None => assert_eq!((second, block_on(receiver.recv())), (Ok(1), Ok(2))),
            }
            thread.join().unwrap();
        });
    }

    /// The sender notifies twice. The flag of the first notification goes down before its wakeup, so that the second
    /// notification is not lost if the receiver waits again in between.
    #[test]
    fn two_sends_of_a_thread_wake_a_receiver_that_waits_twice() {
        explore(|| {
            let (sender, mut receiver) = mpsc::unbounded();
            let thread = thread::spawn(move || {
                sender.try_send(1).unwrap();
                sender.try_send(2).unwrap();
            });
            assert_eq!(block_on(receiver.recv()), Ok(1));
            assert_eq!(block_on(receiver.recv()), Ok(2));
            thread.join().unwrap();
        });
    }

    /// The thread notifies the first wait, which the main thread ends by a message of its own. So the notification can lower
    /// the flag of a later wait: its wakeup follows, and the next message finds the flag up.
    #[test]
    fn a_notifier_of_an_earlier_wait_loses_no_wakeup_of_a_later_one() {
        explore_large(|| {
            let (sender, mut receiver) = mpsc::unbounded();
            let other = sender.clone();
            assert!(receiver.poll_recv(&mut Context::from_waker(Waker::noop())).is_pending());
            let thread = thread::spawn(move || {
                sender.try_send(1).unwrap();
                sender.try_send(3).unwrap();
            });
            other.try_send(2).unwrap();
            assert_eq!((0..3).map(|_| block_on(receiver.recv()).unwrap()).sum::<u8>(), 6);
            thread.join().unwrap();
        });
    }

    /// The wait of `poll_recv` goes on after the poll, and the next receive replaces its waker, which a notifier may be about
    /// to take.
    #[test]
    fn the_waker_of_the_last_poll_is_woken() {
        explore(|| {
            let (sender, mut receiver) = mpsc::unbounded();
            let thread = thread::spawn(move || sender.try_send(1).unwrap());
            let first = receiver.poll_recv(&mut Context::from_waker(Waker::noop()));
            match first {
                Poll::Ready(got) => assert_eq!(got, Some(1)),
                Poll::Pending => assert_eq!(block_on(receiver.recv()), Ok(1)),
            }
            thread.join().unwrap();
        });
    }

    #[test]
    fn a_waiting_send_is_served_by_the_receiver() {
        explore(|| {
            let (sender, mut receiver) = mpsc::bounded(1);
            sender.try_send(1).unwrap();
            let thread = thread::spawn(move || block_on(sender.send(2)));
            assert_eq!(block_on(receiver.recv()), Ok(1));
            assert_eq!(block_on(receiver.recv()), Ok(2));
            assert_eq!(thread.join().unwrap(), Ok(()));
        });
    }

    /// A sender takes the oldest message out while the receiver waits for one or takes it: each comes out once.
    #[test]
    fn a_forced_send_beside_the_receiver() {
        explore(|| {
            let (sender, mut receiver) = mpsc::bounded(1);
            sender.try_send(1).unwrap();
            let thread = thread::spawn(move || sender.force_send(2).unwrap());
            let first = block_on(receiver.recv());
            assert!(receiver.len() <= 1);
            match thread.join().unwrap() {
                Some(displaced) => assert_eq!((displaced, first), (1, Ok(2))),
                None => assert_eq!((first, block_on(receiver.recv())), (Ok(1), Ok(2))),
            }
        });
    }

    #[test]
    fn the_end_of_the_senders_ends_the_wait() {
        explore(|| {
            let (sender, mut receiver) = mpsc::unbounded::<u8>();
            let thread = thread::spawn(move || drop(sender));
            assert_eq!(block_on(receiver.recv()), Err(RecvError));
            thread.join().unwrap();
        });
    }
}
