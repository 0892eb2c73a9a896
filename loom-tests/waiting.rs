//! Models of waiting operations: no wake-up and no item is lost, also beside cancellations.

mod support;

#[cfg(loom)]
mod tests {
    use crate::support::{explore, explore_large, pass_an_item, poll_once, poll_with_flag, share_with_items, spawn};
    use joinq::{GetError, Queue};
    use loom::future::block_on;
    use loom::sync::atomic::{AtomicBool, Ordering};
    use loom::sync::Arc;

    fn bounded_with(capacity: usize, items: &[u8]) -> Arc<Queue<u8>> {
        share_with_items(Queue::bounded(capacity), items)
    }

    /// The put runs before, while or after the get parks, also when the get has poisoned its first claim.
    #[test]
    fn a_waiting_get_is_woken_by_a_put() {
        for passed in 0..2 {
            explore(move || {
                let queue = Arc::new(Queue::unbounded());
                (0..passed).for_each(|_| pass_an_item(&queue));
                let getter = spawn(&queue, |queue| block_on(queue.get()));
                queue.try_put(1).unwrap();
                assert_eq!(getter.join().unwrap(), Ok(1));
            });
        }
    }

    /// The tail is at the end of a segment, so that the put appends one.
    #[test]
    fn a_waiting_get_is_woken_by_a_put_that_appends() {
        explore(|| {
            let queue = Arc::new(Queue::unbounded());
            for item in 0..2 {
                queue.try_put(item).unwrap();
                queue.try_get().unwrap();
            }
            let getter = spawn(&queue, |queue| block_on(queue.get()));
            queue.try_put(7).unwrap();
            assert_eq!(getter.join().unwrap(), Ok(7));
        });
    }

    /// Of two puts that append at the same time one helps the other; each item wakes a waiter.
    #[test]
    fn a_waiting_get_is_woken_by_a_helped_append() {
        explore(|| {
            let queue = Arc::new(Queue::unbounded());
            for item in 0..2 {
                queue.try_put(item).unwrap();
                queue.try_get().unwrap();
            }
            let mut get = queue.get();
            assert!(poll_once(&mut get).is_none());
            let putter = spawn(&queue, |queue| queue.try_put(7).unwrap());
            queue.try_put(8).unwrap();
            let first = block_on(get).unwrap();
            putter.join().unwrap();
            assert_eq!(first + queue.try_get().unwrap(), 15);
        });
    }

    #[test]
    fn a_waiting_put_is_woken_by_a_get() {
        explore(|| {
            let queue = bounded_with(1, &[1]);
            let putter = spawn(&queue, |queue| block_on(queue.put(2)));
            assert_eq!(queue.try_get(), Ok(1));
            assert_eq!(putter.join().unwrap(), Ok(()));
            assert_eq!(queue.try_get(), Ok(2));
        });
    }

    #[test]
    fn a_put_and_a_get_wait_for_each_other_in_turn() {
        explore(|| {
            let queue = bounded_with(1, &[]);
            let putter = spawn(&queue, |queue| (1..=2).for_each(|item| block_on(queue.put(item)).unwrap()));
            assert_eq!(block_on(queue.get()), Ok(1));
            assert_eq!(block_on(queue.get()), Ok(2));
            putter.join().unwrap();
        });
    }

    /// Two gets wait for two puts: the second wake-up must not be lost in the first.
    #[test]
    fn two_puts_wake_two_gets() {
        explore(|| {
            let queue = Arc::new(Queue::unbounded());
            let (mut first, mut second) = (queue.get(), queue.get());
            assert!(poll_once(&mut first).is_none() && poll_once(&mut second).is_none());
            let putter = spawn(&queue, |queue| (1..=2).for_each(|item| queue.try_put(item).unwrap()));
            assert_eq!(block_on(second).unwrap() + block_on(first).unwrap(), 3);
            putter.join().unwrap();
        });
    }

    #[test]
    fn a_batch_wakes_two_gets() {
        explore(|| {
            let queue = Arc::new(Queue::unbounded());
            let getter = spawn(&queue, |queue| block_on(queue.get()).unwrap());
            let mut get = queue.get();
            assert!(poll_once(&mut get).is_none());
            queue.try_put_many([1, 2]).unwrap();
            assert_eq!(block_on(get).unwrap() + getter.join().unwrap(), 3);
        });
    }

    /// The cancelled get may have been woken: then it forwards the wake-up to the other get.
    #[test]
    fn a_cancelled_get_forwards_its_wake_up() {
        explore(|| {
            let queue = Arc::new(Queue::unbounded());
            let mut cancelled = queue.get();
            assert!(poll_once(&mut cancelled).is_none());
            let getter = spawn(&queue, |queue| block_on(queue.get()));
            let putter = spawn(&queue, |queue| queue.try_put(1).unwrap());
            drop(cancelled);
            assert_eq!(getter.join().unwrap(), Ok(1));
            putter.join().unwrap();
        });
    }

    /// A put is taken back while a get frees a slot: its item is put or returned, and then the next put gets
    /// a slot.
    #[test]
    fn a_cancelled_put_lets_the_next_put_complete() {
        explore(|| {
            let queue = bounded_with(1, &[1]);
            let mut cancelled = queue.put(9);
            assert!(poll_once(&mut cancelled).is_none());
            let putter = spawn(&queue, |queue| block_on(queue.put(2)));
            let getter = spawn(&queue, |queue| queue.try_get().unwrap());
            if cancelled.take().is_none() {
                assert_eq!(block_on(queue.get()), Ok(9));
            }
            assert_eq!((getter.join().unwrap(), putter.join().unwrap()), (1, Ok(())));
            assert_eq!(queue.try_get(), Ok(2));
        });
    }

    /// The item is either put or returned.
    #[test]
    fn a_put_that_is_taken_back_returns_its_item_or_has_put_it() {
        explore(|| {
            let queue = bounded_with(1, &[1]);
            let mut put = queue.put(2);
            assert!(poll_once(&mut put).is_none());
            let getter = spawn(&queue, |queue| queue.try_get());
            let back = put.take();
            assert_eq!(getter.join().unwrap(), Ok(1));
            assert_eq!(queue.try_get().is_ok(), back.is_none());
            assert_eq!(queue.unfinished(), 1 + back.is_none() as usize);
        });
    }

    /// A put learns without the lock that its item was put, and the item is visible in the queue.
    #[test]
    fn the_item_of_a_completed_put_is_in_the_queue() {
        explore(|| {
            let queue = bounded_with(1, &[1]);
            let mut put = queue.put(2);
            assert!(poll_once(&mut put).is_none());
            // loom runs this thread before and after the store to the flag, which orders nothing.
            let flag = Arc::new(AtomicBool::new(false));
            let got = flag.clone();
            let getter = spawn(&queue, move |queue| {
                assert_eq!(queue.try_get(), Ok(1));
                got.store(true, Ordering::Relaxed);
            });
            flag.load(Ordering::Relaxed);
            if poll_once(&mut put).is_some() {
                assert!(!queue.is_empty());
            }
            getter.join().unwrap();
        });
    }

    /// A notified get learns this without the lock. If it times out, it has tried to take the item for which
    /// it was notified, or another get is notified.
    #[test]
    fn a_get_that_timed_out_does_not_keep_its_notification() {
        explore_large(|| {
            let queue = Arc::new(Queue::unbounded());
            let mut first = queue.get();
            assert!(poll_once(&mut first).is_none());
            let second = spawn(&queue, |queue| block_on(queue.get()));
            let putter = spawn(&queue, |queue| queue.try_put(1).unwrap());
            if block_on(first.until(std::future::ready(()))).is_ok() {
                queue.try_put(2).unwrap();
            }
            assert!(second.join().unwrap().is_ok());
            putter.join().unwrap();
        });
    }

    /// Two gets free slots at the same time: the items of the waiting puts are put in FIFO order.
    #[test]
    fn the_first_waiting_put_is_served_first() {
        explore_large(|| {
            let queue = bounded_with(2, &[1, 2]);
            let (mut first, mut second) = (queue.put(3), queue.put(4));
            assert!(poll_once(&mut first).is_none() && poll_once(&mut second).is_none());
            let getter = spawn(&queue, |queue| queue.try_get().unwrap());
            let got = queue.try_get().unwrap();
            assert_eq!(got + getter.join().unwrap(), 3);
            assert_eq!((poll_once(&mut first), poll_once(&mut second)), (Some(Ok(())), Some(Ok(()))));
            assert_eq!((queue.try_get(), queue.try_get()), (Ok(3), Ok(4)));
        });
    }

    /// A put registers beside a close and a get that frees a slot.
    #[test]
    fn a_put_that_registers_beside_a_close_loses_nothing() {
        explore(|| {
            let queue = bounded_with(1, &[1]);
            let putter = spawn(&queue, |queue| block_on(queue.put(2)).is_ok());
            let getter = spawn(&queue, |queue| queue.try_get());
            queue.close();
            assert_eq!(getter.join().unwrap(), Ok(1));
            assert_eq!(putter.join().unwrap(), queue.try_get().is_ok());
        });
    }

    /// Of two closes at the same time only one returns true; all waiters are notified before the first
    /// returns.
    #[test]
    fn two_closes_end_a_waiting_get() {
        explore(|| {
            let queue = bounded_with(1, &[]);
            let getter = spawn(&queue, |queue| block_on(queue.get()));
            let closer = spawn(&queue, |queue| queue.close());
            let mine = queue.close();
            assert_eq!(getter.join().unwrap(), Err(GetError));
            assert!(mine ^ closer.join().unwrap());
        });
    }

    /// One get is cancelled and one registers and is cancelled, while a put wakes a get: a third get needs
    /// this wake-up.
    #[test]
    fn a_cancelled_get_beside_a_new_get_loses_no_wake_up() {
        explore(|| {
            let queue = Arc::new(Queue::unbounded());
            let (mut first, mut second) = (queue.get(), queue.get());
            assert!(poll_once(&mut first).is_none() && poll_once(&mut second).is_none());
            let putter = spawn(&queue, |queue| queue.try_put(1).unwrap());
            drop(first);
            let brief = poll_once(&mut queue.get());
            let got = brief.unwrap_or_else(|| block_on(second));
            assert_eq!(got, Ok(1));
            putter.join().unwrap();
        });
    }

    /// On three threads: the notification that the cancelled get forwards may be that of a get that registers
    /// meanwhile.
    #[test]
    fn a_cancelled_get_does_not_take_the_notification_of_a_new_get() {
        explore_large(|| {
            let queue = Arc::new(Queue::unbounded());
            let mut cancelled = queue.get();
            assert!(poll_once(&mut cancelled).is_none());
            let getter = spawn(&queue, |queue| block_on(queue.get()));
            let putter = spawn(&queue, |queue| {
                queue.try_put(1).unwrap();
                if let Ok(item) = queue.try_get() {
                    queue.try_put(item).unwrap();
                }
            });
            drop(cancelled);
            assert_eq!(getter.join().unwrap(), Ok(1));
            putter.join().unwrap();
        });
    }

    #[test]
    fn a_close_ends_a_waiting_get() {
        explore(|| {
            let queue = Arc::new(Queue::<u8>::unbounded());
            let getter = spawn(&queue, |queue| block_on(queue.get()));
            assert!(queue.close());
            assert_eq!(getter.join().unwrap(), Err(GetError));
        });
    }

    #[test]
    fn a_close_ends_a_waiting_put_and_returns_its_item() {
        explore(|| {
            let queue = bounded_with(1, &[1]);
            let putter = spawn(&queue, |queue| block_on(queue.put(2)));
            assert!(queue.close());
            assert_eq!(putter.join().unwrap().unwrap_err().into_inner(), 2);
        });
    }

    /// The segment of the tail is full, so that the close seals its link; `closed` must see it.
    #[test]
    fn a_close_at_a_full_segment_ends_the_wait_for_the_close() {
        explore(|| {
            let queue = bounded_with(2, &[1, 2]);
            let watcher = spawn(&queue, |queue| block_on(queue.closed()));
            assert!(queue.close());
            watcher.join().unwrap();
        });
    }

    #[test]
    fn a_rendezvous_hands_a_message_over() {
        explore(|| {
            let queue = bounded_with(0, &[]);
            let putter = spawn(&queue, |queue| block_on(queue.put(1)));
            assert_eq!(block_on(queue.get()), Ok(1));
            assert_eq!(putter.join().unwrap(), Ok(()));
        });
    }

    /// Two puts wait at the same time, and are served in FIFO order.
    #[test]
    fn a_rendezvous_serves_two_puts() {
        explore(|| {
            let queue = bounded_with(0, &[]);
            let mut first = queue.put(1);
            assert!(poll_once(&mut first).is_none());
            let putter = spawn(&queue, |queue| block_on(queue.put(2)).unwrap());
            assert_eq!(block_on(queue.get()), Ok(1));
            block_on(first).unwrap();
            assert_eq!(block_on(queue.get()), Ok(2));
            putter.join().unwrap();
        });
    }

    #[test]
    fn two_puts_are_matched_with_two_gets() {
        explore(|| {
            let queue = bounded_with(0, &[]);
            let putter = spawn(&queue, |queue| block_on(queue.put(1)).unwrap());
            let getter = spawn(&queue, |queue| block_on(queue.get()).unwrap());
            let mut put = queue.put(2);
            let done = poll_once(&mut put).is_some();
            let got = block_on(queue.get()).unwrap();
            if !done {
                block_on(put).unwrap();
            }
            assert_eq!(got + getter.join().unwrap(), 3);
            putter.join().unwrap();
        });
    }

    /// Two calls of `try_put` beside one waiting get: one of them succeeds.
    #[test]
    fn two_try_puts_are_matched_with_one_get_once() {
        explore(|| {
            let queue = bounded_with(0, &[]);
            let mut get = queue.get();
            assert!(poll_once(&mut get).is_none());
            let other = spawn(&queue, |queue| queue.try_put(1).is_ok());
            let mine = queue.try_put(2).is_ok();
            assert!(mine ^ other.join().unwrap());
            assert_eq!(block_on(get), Ok(if mine { 2 } else { 1 }));
        });
    }

    /// A get that does not wait takes the item of a waiting get, while a put registers.
    #[test]
    fn a_get_whose_item_another_took_is_served_by_a_waiting_put() {
        explore(|| {
            let queue = bounded_with(0, &[]);
            let mut get = queue.get();
            assert!(poll_once(&mut get).is_none());
            queue.try_put(1).unwrap();
            let putter = spawn(&queue, |queue| block_on(queue.put(2)).unwrap());
            assert_eq!(queue.try_get(), Ok(1));
            assert_eq!(block_on(get), Ok(2));
            putter.join().unwrap();
        });
    }

    /// The item is either taken or returned.
    #[test]
    fn a_cancelled_rendezvous_returns_its_item_or_has_put_it() {
        explore(|| {
            let queue = bounded_with(0, &[]);
            let mut put = queue.put(1);
            assert!(poll_once(&mut put).is_none());
            let getter = spawn(&queue, |queue| queue.try_get().ok());
            let back = put.take();
            assert_eq!(getter.join().unwrap().is_some(), back.is_none());
        });
    }

    #[test]
    fn a_close_ends_a_rendezvous() {
        explore(|| {
            let queue = bounded_with(0, &[]);
            let putter = spawn(&queue, |queue| block_on(queue.put(1)));
            let getter = spawn(&queue, |queue| block_on(queue.get()));
            queue.close();
            let (put, got) = (putter.join().unwrap(), getter.join().unwrap());
            assert_eq!(put.is_ok(), got.is_ok());
        });
    }

    /// A thread and a task wait, two items are put: the task is woken if the thread leaves it an item.
    #[test]
    fn a_notified_thread_notifies_tasks_of_the_items_put_meanwhile() {
        explore_large(|| {
            let queue = Arc::new(Queue::unbounded());
            let thread = spawn(&queue, |queue| queue.get().wait());
            let mut task = queue.get();
            let (polled, woken) = poll_with_flag(&mut task);
            queue.try_put(1).unwrap();
            queue.try_put(2).unwrap();
            assert!(thread.join().unwrap().is_ok());
            assert!(polled.is_ready() || queue.is_empty() || woken.is_set());
        });
    }
}
