//! Models of subtasks and of the close in two steps: a subtask never waits and is never lost, and the queue
//! ends after the last one.

mod support;

#[cfg(loom)]
mod tests {
    use crate::support::{explore, explore_capped, explore_up_to, poll_once, spawn};
    use joinq::queue::TaskOwned;
    use joinq::{GetError, Queue, TryGetError};
    use loom::future::block_on;
    use loom::sync::atomic::{AtomicBool, Ordering};
    use loom::sync::Arc;
    use loom::thread;

    /// A queue, and the guard of an item that was taken from it. The owned guard needs an `Arc` of std;
    /// loom's is for the threads.
    fn with_task(queue: Queue<u8>) -> (Arc<std::sync::Arc<Queue<u8>>>, TaskOwned<u8>) {
        queue.try_put(0).unwrap();
        let queue = std::sync::Arc::new(queue);
        let task = queue.clone().try_get_task_owned().unwrap();
        (Arc::new(queue), task)
    }

    fn takes_turns(queue: Queue<u8>) {
        let (queue, task) = with_task(queue);
        queue.try_put(1).unwrap();
        let putter = spawn(&queue, |queue| block_on(queue.put(3)).is_ok());
        task.put_subtask(2).unwrap();
        assert_eq!((queue.try_get(), queue.try_get()), (Ok(1), Ok(2)));
        assert!(putter.join().unwrap());
        assert_eq!((queue.try_get(), queue.remaining_capacity()), (Ok(3), Some(1)));
    }

    /// The put waits for the slot of item 1 or of the subtask, whichever comes later.
    #[test]
    fn a_put_waits_behind_a_subtask_at_a_limit() {
        explore(|| takes_turns(Queue::bounded(1)));
    }

    #[test]
    fn a_put_waits_behind_a_subtask_for_a_permit() {
        explore_capped(|| takes_turns(Queue::with_permits(1)));
    }

    /// With capacity 0, a put and a subtask at the same time: two gets take both.
    #[test]
    fn a_rendezvous_delivers_a_subtask_beside_a_put() {
        explore_capped(|| {
            let queue = std::sync::Arc::new(Queue::bounded(0));
            let mut get = queue.clone().get_task_owned();
            assert!(poll_once(&mut get).is_none());
            queue.try_put(1).unwrap();
            let Some(Ok(task)) = poll_once(&mut get) else { panic!("the item was put for this get") };
            let queue = Arc::new(queue);
            let putter = spawn(&queue, |queue| block_on(queue.put(3)).is_ok());
            task.put_subtask(2).unwrap();
            let mut got = [block_on(queue.get()), block_on(queue.get())];
            got.sort_by_key(|item| *item.as_ref().unwrap());
            assert_eq!(got, [Ok(2), Ok(3)]);
            assert!(putter.join().unwrap());
        });
    }

    #[test]
    fn a_subtask_wakes_a_waiting_get() {
        explore(|| {
            let (queue, task) = with_task(Queue::bounded(1));
            let getter = spawn(&queue, |queue| block_on(queue.get()));
            task.put_subtask(1).unwrap();
            assert_eq!(getter.join().unwrap(), Ok(1));
        });
    }

    /// The subtask is put before, during or after the first step; the get finds it in any case, and then the
    /// end.
    #[test]
    fn a_get_finds_the_last_subtask_before_the_end() {
        explore_capped(|| {
            let (queue, task) = with_task(Queue::bounded(1));
            let closer = spawn(&queue, |queue| queue.close_when_done());
            let getter = spawn(&queue, |queue| {
                let got = block_on(queue.get());
                queue.task_done().unwrap();
                (got, block_on(queue.get()))
            });
            task.put_subtask(1).unwrap();
            drop(task);
            assert_eq!(getter.join().unwrap(), (Ok(1), Err(GetError)));
            assert!(closer.join().unwrap());
        });
    }

    /// A guard is dropped while the queue is closed in two steps: one of the two ends the queue.
    #[test]
    fn the_last_item_or_the_first_step_ends_the_queue() {
        explore(|| {
            let (queue, task) = with_task(Queue::unbounded());
            let mut get = queue.get();
            assert!(poll_once(&mut get).is_none());
            let worker = {
                let task = Arc::new(loom::sync::Mutex::new(Some(task)));
                spawn(&task, |task| drop(task.lock().unwrap().take()))
            };
            assert!(queue.close_when_done());
            assert_eq!(block_on(get), Err(GetError));
            worker.join().unwrap();
        });
    }

    /// Two conditions become true at the same time, on two words: one of the two threads ends the queue.
    #[test]
    fn the_last_item_or_the_last_permit_ends_the_queue() {
        explore(|| {
            let (queue, task) = with_task(Queue::with_permits(1));
            let permit = queue.try_reserve(1).unwrap();
            queue.close_when_done();
            let mut get = queue.get();
            assert!(poll_once(&mut get).is_none());
            let worker = {
                let task = Arc::new(loom::sync::Mutex::new(Some(task)));
                spawn(&task, |task| drop(task.lock().unwrap().take()))
            };
            drop(permit);
            assert_eq!(block_on(get), Err(GetError));
            worker.join().unwrap();
        });
    }

    /// A close, a close in two steps and a subtask: a subtask that was put is got, and after the end there is
    /// none.
    #[test]
    fn a_subtask_that_was_put_is_got_whichever_close_comes_first() {
        explore_capped(|| {
            let (queue, task) = with_task(Queue::bounded(1));
            let closer = spawn(&queue, |queue| queue.close());
            let closer_when_done = spawn(&queue, |queue| queue.close_when_done());
            let before = queue.try_get();
            let put = task.put_subtask(1).is_ok();
            let after = queue.try_get();
            assert_eq!(after.is_ok(), put);
            assert!(!(put && before == Err(TryGetError::Closed)), "an item came after the end");
            assert_ne!(closer.join().unwrap(), closer_when_done.join().unwrap());
            assert_eq!(queue.try_get(), Err(TryGetError::Closed));
        });
    }

    /// A put finds the queue closed after its claim became a hole, while the queue is closed in two steps: the hole
    /// or the first step ends the queue.
    #[test]
    fn a_hole_does_not_keep_a_closing_queue_from_its_end() {
        explore_capped(|| {
            let queue = Arc::new(Queue::unbounded());
            let putter = spawn(&queue, |queue| queue.try_put(1).is_ok());
            let closer = spawn(&queue, |queue| queue.close_when_done());
            let mut got = 0;
            while block_on(queue.get()).is_ok() {
                got += 1;
                queue.task_done().unwrap();
            }
            assert_eq!(got, usize::from(putter.join().unwrap()));
            assert!(closer.join().unwrap());
        });
    }

    /// The slot of a put is poisoned, and then the put finds the queue full: it leaves a hole, and no item. The last
    /// item is finished by a thread that has not seen this hole. So the put or the first step ends the queue.
    #[test]
    fn the_hole_of_a_put_into_a_full_queue_does_not_keep_a_closing_queue_from_its_end() {
        explore_up_to(200_000, || {
            let queue = Arc::new(Queue::bounded(1));
            queue.try_put(0).unwrap();
            queue.try_get().unwrap();
            queue.task_done().unwrap();
            let putter = spawn(&queue, |queue| usize::from(queue.try_put(1).is_ok()));
            let closer = spawn(&queue, |queue| queue.close_when_done());
            thread::yield_now();
            let mut got = usize::from(queue.try_get().is_ok());
            let put = usize::from(queue.try_put(2).is_ok());
            thread::yield_now();
            got += usize::from(queue.try_get().is_ok());
            (0..got).for_each(|_| queue.task_done().unwrap());
            while block_on(queue.get()).is_ok() {
                got += 1;
                queue.task_done().unwrap();
            }
            assert_eq!(got, put + putter.join().unwrap());
            assert!(closer.join().unwrap());
        });
    }

    /// The last guard is dropped during the first step, while an item is put: that item's guard puts a subtask.
    #[test]
    fn a_subtask_is_accepted_while_a_guard_is_alive() {
        explore_capped(|| {
            let (queue, task) = with_task(Queue::unbounded());
            let worker = {
                let task = Arc::new(loom::sync::Mutex::new(Some(task)));
                spawn(&task, |task| drop(task.lock().unwrap().take()))
            };
            let putter = spawn(&queue, |queue| queue.try_put(1).is_ok());
            assert!(queue.close_when_done());
            worker.join().unwrap();
            if putter.join().unwrap() {
                let task = (*queue).clone().try_get_task_owned().unwrap();
                task.put_subtask(2).unwrap();
            }
        });
    }

    /// Once a get has found the end, it stays the end, though another thread begins a close in two steps.
    #[test]
    fn the_end_is_final_beside_a_close_in_two_steps() {
        explore(|| {
            let queue = Arc::new(Queue::<u8>::unbounded());
            let closer = spawn(&queue, |queue| queue.close());
            let closer_when_done = spawn(&queue, |queue| queue.close_when_done());
            if queue.try_get() == Err(TryGetError::Closed) {
                assert_eq!(queue.try_get(), Err(TryGetError::Closed));
            }
            closer.join().unwrap();
            closer_when_done.join().unwrap();
        });
    }

    /// A close ends the second step after a subtask was put: a get finds the subtask before the end.
    #[test]
    fn the_end_by_a_close_does_not_hide_a_late_subtask() {
        explore(|| {
            let (queue, task) = with_task(Queue::unbounded());
            queue.close_when_done();
            let worker = {
                let task = Arc::new(loom::sync::Mutex::new(Some(task)));
                spawn(&task, |task| task.lock().unwrap().as_ref().unwrap().put_subtask(1).is_ok())
            };
            let closer = spawn(&queue, |queue| queue.close());
            let got = queue.try_get();
            if worker.join().unwrap() {
                assert_ne!(got, Err(TryGetError::Closed), "the end was found before the subtask");
            }
            closer.join().unwrap();
        });
    }

    /// As above, by one thread that puts the subtask and closes: a get that finds the end has no other tie with it.
    #[test]
    fn a_get_that_finds_the_end_has_not_missed_a_subtask() {
        explore(|| {
            let (queue, task) = with_task(Queue::unbounded());
            queue.close_when_done();
            // loom runs this thread before and after the store to the flag, which orders nothing.
            let flag = Arc::new(AtomicBool::new(false));
            let worker = {
                let shared = Arc::new((loom::sync::Mutex::new(Some(task)), flag.clone()));
                let queue = queue.clone();
                spawn(&shared, move |(task, flag)| {
                    task.lock().unwrap().as_ref().unwrap().put_subtask(1).unwrap();
                    queue.close();
                    flag.store(true, Ordering::Relaxed);
                })
            };
            flag.load(Ordering::Relaxed);
            assert_ne!(queue.try_get(), Err(TryGetError::Closed), "the end was found before the subtask");
            worker.join().unwrap();
        });
    }
}
