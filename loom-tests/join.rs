//! Models of `join`: it returns when no item is unfinished, and not before.

mod support;

#[cfg(loom)]
mod tests {
    use crate::support::{explore, explore_capped, explore_large, pass_an_item, poll_once, share_with_items, spawn};
    use joinq::{Queue, TaskDoneError};
    use loom::future::block_on;
    use loom::sync::atomic::{AtomicUsize, Ordering};
    use loom::sync::Arc;
    use loom::thread;

    fn with(items: &[u8]) -> Arc<Queue<u8>> {
        share_with_items(Queue::unbounded(), items)
    }

    /// Takes an item before and after a close, and finishes what it took; returns the number of these items.
    fn take_around_a_close(queue: &Queue<u8>) -> usize {
        let mut taken = usize::from(queue.try_get().is_ok());
        queue.close();
        taken += usize::from(queue.try_get().is_ok());
        queue.tasks_done(taken).unwrap();
        taken
    }

    /// The joining thread sees the stores before `task_done`, though only the count orders them.
    #[test]
    fn the_last_task_done_ends_the_join() {
        explore(|| {
            let queue = with(&[1]);
            let work = Arc::new(AtomicUsize::new(0));
            let worker = {
                let work = work.clone();
                spawn(&queue, move |queue| {
                    queue.try_get().unwrap();
                    work.store(1, Ordering::Relaxed);
                    queue.task_done().unwrap();
                })
            };
            block_on(queue.join());
            assert_eq!((work.load(Ordering::Relaxed), queue.unfinished()), (1, 0));
            worker.join().unwrap();
        });
    }

    #[test]
    fn two_workers_finish_two_items() {
        explore_large(|| {
            let queue = with(&[1, 2]);
            let workers: [_; 2] = std::array::from_fn(|_| spawn(&queue, |queue| queue.task_done().unwrap()));
            block_on(queue.join());
            assert_eq!(queue.unfinished(), 0);
            workers.into_iter().for_each(|worker| worker.join().unwrap());
        });
    }

    /// One join is registered when the other begins and the last item is done.
    #[test]
    fn two_joins_wait_at_once() {
        explore_large(|| {
            let queue = with(&[1]);
            let mut join = queue.join();
            assert!(poll_once(&mut join).is_none());
            let joiner = spawn(&queue, |queue| block_on(queue.join()));
            queue.task_done().unwrap();
            block_on(join);
            joiner.join().unwrap();
        });
    }

    /// `task_done` succeeds for an item that its thread has put, though another thread puts and counts
    /// meanwhile: the other's count is not visible without the other's put. The number of unfinished items
    /// may reach zero once or twice while a join registers.
    #[test]
    fn two_items_are_finished_while_one_is_put() {
        explore_large(|| {
            let queue = with(&[1]);
            let first = spawn(&queue, |queue| queue.task_done().unwrap());
            let second = spawn(&queue, |queue| {
                queue.try_put(2).unwrap();
                queue.task_done().unwrap();
            });
            block_on(queue.join());
            first.join().unwrap();
            second.join().unwrap();
            assert_eq!(queue.unfinished(), 0);
        });
    }

    /// The number of unfinished items reaches zero twice: a join that registers after the first zero is woken
    /// by the second.
    #[test]
    fn a_late_join_is_woken_by_the_second_zero() {
        explore(|| {
            let queue = with(&[1]);
            let worker = spawn(&queue, |queue| {
                queue.task_done().unwrap();
                queue.try_put(2).unwrap();
                queue.task_done().unwrap();
            });
            block_on(queue.join());
            worker.join().unwrap();
        });
    }

    /// The worker puts an item before its own is done: the count does not reach zero in between.
    #[test]
    fn the_join_waits_for_items_that_a_worker_puts() {
        explore(|| {
            let queue = with(&[1]);
            let worker = spawn(&queue, |queue| {
                let task = queue.try_get_task().unwrap();
                queue.try_put(2).unwrap();
                drop(task);
                drop(queue.try_get_task().unwrap());
            });
            block_on(queue.join());
            assert!(queue.is_empty());
            worker.join().unwrap();
        });
    }

    #[test]
    fn one_of_two_task_done_calls_for_one_item_is_refused() {
        explore(|| {
            let queue = with(&[1]);
            let other = spawn(&queue, |queue| queue.task_done());
            let mine = queue.task_done();
            let results = [mine, other.join().unwrap()];
            assert!(results.contains(&Ok(())) && results.contains(&Err(TaskDoneError)));
            assert_eq!(queue.unfinished(), 0);
        });
    }

    #[test]
    fn a_shutdown_ends_the_join() {
        explore(|| {
            let queue = with(&[1, 2]);
            let joiner = spawn(&queue, |queue| block_on(queue.join()));
            assert_eq!(queue.shutdown_now(), [1, 2]);
            joiner.join().unwrap();
        });
    }

    /// The claim of a put counts, its slot is poisoned, and the put ends with an error: the join must not
    /// wait for it, whether the last `task_done` or the count of the hole comes last.
    #[test]
    fn a_hole_does_not_delay_the_join() {
        explore(|| {
            let queue = Arc::new(Queue::unbounded());
            queue.try_put(1).unwrap();
            let putter = spawn(&queue, |queue| queue.try_put(2).is_ok());
            let closer = spawn(&queue, take_around_a_close);
            let taken = closer.join().unwrap();
            let put = putter.join().unwrap();
            let left = 1 + put as usize - taken;
            assert_eq!(queue.unfinished(), left);
        });
    }

    /// A claim becomes a hole as in the model above, while a join waits.
    #[test]
    fn a_waiting_join_is_woken_by_a_hole() {
        explore_capped(|| {
            let queue = Arc::new(Queue::bounded(2));
            pass_an_item(&queue);
            let putter = spawn(&queue, |queue| {
                if queue.try_put(2).is_ok() {
                    // The item was put before the close: this thread must finish it.
                    if queue.try_get().is_ok() {
                        queue.task_done().unwrap();
                    }
                }
            });
            let closer = spawn(&queue, |queue| {
                queue.close();
                if queue.try_get().is_ok() {
                    queue.task_done().unwrap();
                }
            });
            block_on(queue.join());
            putter.join().unwrap();
            closer.join().unwrap();
            assert_eq!(queue.unfinished(), 0);
        });
    }

    /// A claim becomes a hole while a join registers. It is the last that counts as an unfinished item.
    #[test]
    fn a_hole_ends_a_join_that_registers() {
        explore(|| {
            let queue = Arc::new(Queue::unbounded());
            pass_an_item(&queue);
            let finish_one = |queue: &Queue<u8>| {
                if queue.try_get().is_ok() {
                    queue.task_done().unwrap();
                }
            };
            let putter = spawn(&queue, move |queue| {
                if queue.try_put(1).is_ok() {
                    finish_one(queue);
                }
            });
            queue.close();
            finish_one(&queue);
            block_on(queue.join());
            putter.join().unwrap();
        });
    }

    /// The next item is put before the woken join is polled.
    #[test]
    fn a_woken_join_completes_beside_the_next_item() {
        explore(|| {
            let queue = with(&[1]);
            let mut join = queue.join();
            assert!(poll_once(&mut join).is_none());
            let worker = spawn(&queue, |queue| {
                queue.task_done().unwrap();
                queue.try_put(2).unwrap();
            });
            block_on(join);
            worker.join().unwrap();
            assert_eq!(queue.unfinished(), 1);
        });
    }

    /// Returns when no item is unfinished. The thread that finished the last item may not have notified the
    /// joins yet.
    fn until_all_is_done(queue: &Queue<u8>) {
        while queue.unfinished() > 0 {
            thread::yield_now();
        }
    }

    /// Two items are finished one after the other, each with a zero of its own. The notification of the first
    /// may be late: the second must end the join that began in between.
    #[test]
    fn each_zero_ends_the_joins_that_began_before_it() {
        explore(|| {
            let queue = with(&[1]);
            let mut early = queue.join();
            assert!(poll_once(&mut early).is_none());
            let worker = spawn(&queue, |queue| queue.task_done().unwrap());
            until_all_is_done(&queue);
            queue.try_put(2).unwrap();
            let mut join = queue.join();
            assert!(poll_once(&mut join).is_none());
            queue.task_done().unwrap();
            queue.try_put(3).unwrap();
            assert!(poll_once(&mut join).is_some(), "nothing was unfinished before the last item");
            worker.join().unwrap();
            assert!(poll_once(&mut early).is_some());
        });
    }

    /// The thread that finishes the last item is delayed before it notifies. Meanwhile the next item is put
    /// and a join begins: the zero was before this join, and must not end it.
    #[test]
    fn a_late_notification_does_not_end_a_join_that_began_after_the_zero() {
        explore(|| {
            let queue = with(&[1]);
            let mut early = queue.join();
            assert!(poll_once(&mut early).is_none());
            let worker = spawn(&queue, |queue| queue.task_done().unwrap());
            until_all_is_done(&queue);
            queue.try_put(2).unwrap();
            let mut join = queue.join();
            assert!(poll_once(&mut join).is_none());
            worker.join().unwrap();
            assert!(poll_once(&mut join).is_none(), "an item is unfinished since before the join");
            queue.task_done().unwrap();
            assert!(poll_once(&mut join).is_some() && poll_once(&mut early).is_some());
        });
    }

    /// A claim becomes a hole while the last item is finished: one of the two sees that no item is left, and
    /// the waiting join ends.
    #[test]
    fn a_hole_or_the_last_task_done_ends_the_join() {
        explore_large(|| {
            let queue = with(&[1]);
            let mut join = queue.join();
            assert!(poll_once(&mut join).is_none());
            let putter = spawn(&queue, |queue| queue.try_put(2).is_ok());
            let closer = spawn(&queue, take_around_a_close);
            block_on(join);
            assert_eq!(closer.join().unwrap(), 1 + usize::from(putter.join().unwrap()));
        });
    }

    /// A join that learns of the zero only from the recorded zero sees the stores before it.
    #[test]
    fn work_is_visible_through_the_recorded_zero() {
        explore(|| {
            let queue = with(&[1]);
            let work = Arc::new(AtomicUsize::new(0));
            let mut join = queue.join();
            assert!(poll_once(&mut join).is_none());
            let worker = {
                let work = work.clone();
                spawn(&queue, move |queue| {
                    work.store(1, Ordering::Relaxed);
                    queue.task_done().unwrap();
                    queue.try_put(2).unwrap();
                })
            };
            if poll_once(&mut join).is_some() {
                assert_eq!(work.load(Ordering::Relaxed), 1);
            }
            worker.join().unwrap();
        });
    }

    /// The waker of the join changes while the notification runs.
    #[test]
    fn a_join_is_woken_by_the_waker_of_its_last_poll() {
        explore(|| {
            let queue = with(&[1]);
            let mut join = queue.join();
            assert!(poll_once(&mut join).is_none());
            let worker = spawn(&queue, |queue| queue.task_done().unwrap());
            // Each of the two polls has its own waker.
            if poll_once(&mut join).is_none() {
                block_on(join);
            }
            worker.join().unwrap();
        });
    }

    /// A get is dropped beside the put of the item for which it waits: the item is unfinished, and the join waits for
    /// it.
    #[test]
    fn a_cancelled_get_does_not_change_the_number_of_unfinished_items() {
        explore(|| {
            let queue = with(&[]);
            let mut cancelled = queue.get();
            assert!(poll_once(&mut cancelled).is_none());
            let putter = spawn(&queue, |queue| queue.try_put(1).unwrap());
            drop(cancelled);
            assert!(queue.unfinished() <= 1);
            putter.join().unwrap();
            let mut join = queue.join();
            assert!(poll_once(&mut join).is_none() && queue.unfinished() == 1);
            queue.try_get().unwrap();
            queue.task_done().unwrap();
            block_on(join);
        });
    }
}
