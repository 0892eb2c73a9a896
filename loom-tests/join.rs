//! Models of joining: who joins returns when nothing is unfinished, and not before.

#[cfg(not(loom))]
#[test]
#[ignore = "a model: run `cargo loom`"]
fn models_need_cfg_loom() {
    panic!("run `cargo loom` with RUSTFLAGS unset");
}

#[cfg(loom)]
mod models;

#[cfg(loom)]
mod tests {
    use crate::models::{explore, explore_large, poll_once};
    use joinq::{Queue, TaskDoneError};
    use loom::future::block_on;
    use loom::sync::atomic::{AtomicUsize, Ordering};
    use loom::sync::Arc;
    use loom::thread;

    fn with(items: &[u8]) -> Arc<Queue<u8>> {
        let queue = Queue::unbounded();
        for &item in items {
            queue.try_put(item).unwrap();
        }
        Arc::new(queue)
    }

    fn spawn<R: 'static>(queue: &Arc<Queue<u8>>, run: impl FnOnce(&Queue<u8>) -> R + 'static) -> thread::JoinHandle<R> {
        let queue = queue.clone();
        thread::spawn(move || run(&queue))
    }

    /// What was done before `task_done` is seen, although nothing but the count orders it.
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

    /// One has enrolled when the other comes, and the last item is done.
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

    /// Who counts an item of his own as done is not refused, though another puts and counts meanwhile: the
    /// other's count is not seen without what the other put. Nothing may be unfinished once or twice, while
    /// somebody enrols.
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

    /// Twice nothing is unfinished: who enrols after the first time is woken for the second.
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

    /// The worker puts an item before it is done with its own: the count does not touch zero in between.
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

    /// The put's claim counts, is poisoned, and the put ends with an error: the join must not wait for it,
    /// whichever of the last `task_done` and the giving-up comes last.
    #[test]
    fn a_hole_does_not_delay_the_join() {
        explore(|| {
            let queue = Arc::new(Queue::unbounded());
            queue.try_put(1).unwrap();
            let putter = spawn(&queue, |queue| queue.try_put(2).is_ok());
            let closer = spawn(&queue, |queue| {
                let mut taken = queue.try_get().is_ok() as usize;
                queue.close();
                taken += queue.try_get().is_ok() as usize;
                queue.tasks_done(taken).unwrap();
                taken
            });
            let taken = closer.join().unwrap();
            let put = putter.join().unwrap();
            let left = 1 + put as usize - taken;
            assert_eq!(queue.unfinished(), left);
        });
    }

    /// As before, with somebody who joins while it happens.
    #[test]
    fn a_waiting_join_is_woken_by_a_hole() {
        explore(|| {
            let queue = Arc::new(Queue::bounded(2));
            let putter = spawn(&queue, |queue| {
                if queue.try_put(2).is_ok() {
                    // It came in before the close: it is this thread's to finish.
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

    /// The next item comes in before the join that was woken is polled.
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

    /// Returns when nothing is unfinished, which says nothing of whether who finished the last item has
    /// notified anybody.
    fn until_all_is_done(queue: &Queue<u8>) {
        while queue.unfinished() > 0 {
            thread::yield_now();
        }
    }

    /// Two finish one after the other, each with a zero of its own. The notification of the first may be
    /// late: what the second finds is for the join that began in between.
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

    /// The last item is finished, and who did that is held up before it notifies. Meanwhile the next item
    /// comes in and a join begins, for which nothing was unfinished at any moment.
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

    /// A claim is given up while the last item is finished: one of the two finds that nothing is left, and
    /// the join that waits ends.
    #[test]
    fn a_hole_or_the_last_task_done_ends_the_join() {
        explore_large(|| {
            let queue = with(&[1]);
            let mut join = queue.join();
            assert!(poll_once(&mut join).is_none());
            let putter = spawn(&queue, |queue| queue.try_put(2).is_ok());
            let closer = spawn(&queue, |queue| {
                let mut taken = usize::from(queue.try_get().is_ok());
                queue.close();
                taken += usize::from(queue.try_get().is_ok());
                queue.tasks_done(taken).unwrap();
                taken
            });
            block_on(join);
            assert_eq!(closer.join().unwrap(), 1 + usize::from(putter.join().unwrap()));
        });
    }

    /// What was done before is seen by one who learns of the zero only by the note of it.
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

    /// The waker changes while the notification is under way.
    #[test]
    fn a_join_is_woken_by_the_waker_of_its_last_poll() {
        explore(|| {
            let queue = with(&[1]);
            let mut join = queue.join();
            assert!(poll_once(&mut join).is_none());
            let worker = spawn(&queue, |queue| queue.task_done().unwrap());
            // Each has a waker of its own.
            if poll_once(&mut join).is_none() {
                block_on(join);
            }
            worker.join().unwrap();
        });
    }
}
