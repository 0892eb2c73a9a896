//! Models of the core with a single consumer, and of the single receiver that waits.

#[cfg(loom)]
mod items;
mod support;

#[cfg(loom)]
mod tests {
    use crate::items::{explore_capped, item, push, settle, try_push, Item, Popped, Shared};
    use crate::support::{explore, explore_large, poll_once};
    use joinq::mpsc;
    use joinq::raw::{Events, PopError, RawQueue, SingleConsumer, UNBOUNDED};
    use joinq::RecvError;
    use loom::future::block_on;
    use loom::sync::atomic::{AtomicUsize, Ordering};
    use loom::sync::Arc;
    use loom::thread;
    use std::task::{Context, Poll, Waker};

    /// A queue after `passed` items have passed to its single consumer.
    fn queue(passed: usize) -> (Shared, SingleConsumer<Item>) {
        let mut queue = RawQueue::new();
        let mut single = queue.single_consumer();
        for number in 0..passed {
            assert!(queue.push(item((9, number)), UNBOUNDED, &mut Events::default()).is_ok());
            assert!(pop_single(&queue, &mut single).is_ok());
        }
        (Arc::new(queue), single)
    }

    fn pop_single(queue: &RawQueue<Item>, single: &mut SingleConsumer<Item>) -> Result<Item, PopError> {
        match queue.peek_ready(single) {
            Some(ready) => Ok(ready.take(|item| item)),
            None => queue.pop_single_slow(single),
        }
    }

    fn pop(queue: &Shared, single: &mut SingleConsumer<Item>, popped: &mut Popped) -> Result<(), PopError> {
        pop_single(queue, single).map(|item| popped.note(item))
    }

    /// Two producers push, and the consumer takes a batch: each item is popped once, in order.
    #[test]
    fn a_batch_of_the_single_consumer_keeps_the_order_of_two_producers() {
        for passed in 0..2 {
            explore_capped(move || {
                let (queue, mut single) = queue(passed);
                let producers = [0, 1].map(|by| {
                    let queue = queue.clone();
                    thread::spawn(move || push(&queue, (by, 0)))
                });
                let mut batch = Vec::new();
                let _ = queue.pop_many_single(&mut single, &mut batch, 2);
                producers.into_iter().for_each(|producer| producer.join().unwrap());
                let mut popped = Popped::default();
                batch.into_iter().for_each(|item| popped.note(item));
                queue.end_single_consumer(&mut single);
                settle(&queue, [popped], [vec![(0, 0), (1, 0)]]);
            });
        }
    }

    /// Two producers push across the end of a segment, and the consumer pops: each item is popped once, in
    /// order.
    #[test]
    fn the_single_consumer_keeps_the_order_of_two_producers() {
        for passed in 0..3 {
            explore_capped(move || {
                let (queue, mut single) = queue(passed);
                let producers = [0, 1].map(|by| {
                    let queue = queue.clone();
                    thread::spawn(move || push(&queue, (by, 0)))
                });
                let mut popped = Popped::default();
                for _ in 0..2 {
                    let _ = pop(&queue, &mut single, &mut popped);
                }
                producers.into_iter().for_each(|producer| producer.join().unwrap());
                queue.end_single_consumer(&mut single);
                settle(&queue, [popped], [vec![(0, 0), (1, 0)]]);
            });
        }
    }

    /// One producer pushes so many items that the segments are reused.
    #[test]
    fn segments_are_reused_during_pushes_and_pops() {
        explore_capped(|| {
            let (queue, mut single) = queue(1);
            let producer = queue.clone();
            let producer = thread::spawn(move || (0..3).for_each(|number| push(&producer, (0, number))));
            let mut popped = Popped::default();
            for _ in 0..3 {
                let _ = pop(&queue, &mut single, &mut popped);
            }
            producer.join().unwrap();
            while pop(&queue, &mut single, &mut popped).is_ok() {}
            queue.end_single_consumer(&mut single);
            settle(&queue, [popped], [vec![(0, 0), (0, 1), (0, 2)]]);
        });
    }

    /// A pop that finds no item has missed none that was pushed before it began.
    #[test]
    fn a_finished_push_is_not_missed() {
        for passed in 0..3 {
            explore_capped(move || {
                let (queue, mut single) = queue(passed);
                let finished = Arc::new(AtomicUsize::new(0));
                let producer = (queue.clone(), finished.clone());
                let producer = thread::spawn(move || {
                    push(&producer.0, (0, 0));
                    producer.1.store(1, Ordering::Release);
                });
                let before = finished.load(Ordering::Acquire);
                let mut popped = Popped::default();
                let answer = pop(&queue, &mut single, &mut popped);
                assert!(before == 0 || answer.is_ok());
                producer.join().unwrap();
                queue.end_single_consumer(&mut single);
                settle(&queue, [popped], [vec![(0, 0)]]);
            });
        }
    }

    /// The consumer leaves a segment while another thread pushes so many items that it is reused. By then the
    /// head's word must have another address. Otherwise the push would take the head to be at the tail, and
    /// exceed its limit. (A `Queue` with a limit has no such consumer; here the limit makes the fault visible.)
    #[test]
    fn a_segment_is_reused_only_after_the_single_consumer_has_left_it() {
        explore_capped(|| {
            let (queue, mut single) = queue(1);
            push(&queue, (8, 0));
            push(&queue, (8, 1));
            let producer = queue.clone();
            let producer = thread::spawn(move || {
                let mut accepted = Vec::new();
                for number in 0..3 {
                    let _ = try_push(&producer, (0, number), 3, &mut accepted);
                }
                accepted
            });
            let mut popped = Popped::default();
            assert_eq!(pop(&queue, &mut single, &mut popped), Ok(()));
            let accepted = producer.join().unwrap();
            queue.end_single_consumer(&mut single);
            settle(&queue, [popped], [vec![(8, 0), (8, 1)], accepted]);
        });
    }

    /// The single consumer leaves a segment while another thread reads the length: that thread does not find the
    /// head's word of the new segment with a base of an earlier one.
    #[test]
    fn the_length_beside_a_single_consumer_is_not_too_large() {
        for passed in 1..3 {
            explore_capped(move || {
                let (queue, mut single) = queue(passed);
                (0..3).for_each(|number| push(&queue, (0, number)));
                let reader = queue.clone();
                let reader = thread::spawn(move || reader.len());
                let mut popped = Popped::default();
                (0..3).for_each(|_| assert_eq!(pop(&queue, &mut single, &mut popped), Ok(())));
                let len = reader.join().unwrap();
                assert!(len <= 3, "{len} of 3 items");
                queue.end_single_consumer(&mut single);
                settle(&queue, [popped], [vec![(0, 0), (0, 1), (0, 2)]]);
            });
        }
    }

    /// After `Closed` no pop returns an item.
    #[test]
    fn closed_is_the_last_result_of_the_single_consumer() {
        for passed in 0..3 {
            explore_capped(move || {
                let (queue, mut single) = queue(passed);
                let producer = queue.clone();
                let producer = thread::spawn(move || {
                    let mut accepted = Vec::new();
                    let _ = try_push(&producer, (0, 0), UNBOUNDED, &mut accepted);
                    accepted
                });
                let closer = queue.clone();
                let closer = thread::spawn(move || closer.close(&mut Events::default()));
                let mut popped = Popped::default();
                let mut closed = false;
                for _ in 0..2 {
                    let answer = pop(&queue, &mut single, &mut popped);
                    assert!(!closed || answer == Err(PopError::Closed));
                    closed = answer == Err(PopError::Closed);
                }
                let accepted = producer.join().unwrap();
                assert!(closer.join().unwrap());
                while pop(&queue, &mut single, &mut popped).is_ok() {}
                queue.end_single_consumer(&mut single);
                settle(&queue, [popped], [accepted]);
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
    fn the_receive_after_a_dropped_one_is_woken() {
        explore(|| {
            let (sender, mut receiver) = mpsc::unbounded();
            let thread = thread::spawn(move || {
                sender.try_send(1).unwrap();
                sender.try_send(2).unwrap();
            });
            let first = poll_once(&mut receiver.recv());
            let second = block_on(receiver.recv());
            match first {
                Some(popped) => assert_eq!((popped, second), (Ok(1), Ok(2))),
                None => assert_eq!((second, block_on(receiver.recv())), (Ok(1), Ok(2))),
            }
            thread.join().unwrap();
        });
    }

    /// The sender notifies twice. The flag of the first notification goes down before its wake-up, so that
    /// the second notification is not lost if the receiver waits again in between.
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

    /// The thread notifies the first wait, which the main thread ends by a message of its own. So the
    /// notification can lower the flag of a later wait: its wake-up follows, and the next message finds the
    /// flag up.
    #[test]
    fn a_notifier_of_an_earlier_wait_loses_no_wake_up_of_a_later_one() {
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

    /// The wait of `poll_recv` goes on after the poll, and the next receive replaces its waker, which a
    /// notifier may be about to take.
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
    fn a_waiting_send_is_completed_by_the_receiver() {
        explore(|| {
            let (sender, mut receiver) = mpsc::bounded(1);
            sender.try_send(1).unwrap();
            let thread = thread::spawn(move || block_on(sender.send(2)));
            assert_eq!(block_on(receiver.recv()), Ok(1));
            assert_eq!(block_on(receiver.recv()), Ok(2));
            assert_eq!(thread.join().unwrap(), Ok(()));
        });
    }

    /// A sender displaces the oldest message while the receiver waits for one or takes it: each message is
    /// received or displaced once.
    #[test]
    fn a_forced_send_and_a_receive_take_each_message_once() {
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
    fn a_waiting_receive_ends_when_the_last_sender_is_dropped() {
        explore(|| {
            let (sender, mut receiver) = mpsc::unbounded::<u8>();
            let thread = thread::spawn(move || drop(sender));
            assert_eq!(block_on(receiver.recv()), Err(RecvError));
            thread.join().unwrap();
        });
    }
}
