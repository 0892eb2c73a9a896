//! Models of the cell in which a get waits alone: no wake-up is lost, beside other gets, puts, cancellations
//! and a close. The models of `waiting.rs` run through it as well.

mod support;

#[cfg(loom)]
mod tests {
    use crate::support::{explore, explore_large, poll_once, poll_with_flag, spawn};
    use joinq::raw::Handoff;
    use joinq::{GetError, Queue};
    use loom::future::block_on;
    use loom::sync::atomic::{AtomicUsize, Ordering};
    use loom::sync::Arc;
    use std::task::Poll;

    fn unbounded() -> Arc<Queue<u8>> {
        Arc::new(Queue::unbounded())
    }

    /// The value goes to its owner or to the other thread, and the owner that has lost it sees what the other
    /// did before.
    #[test]
    fn a_value_is_taken_once() {
        explore(|| {
            let shared = Arc::new((Handoff::new(), AtomicUsize::new(0)));
            let key = shared.0.put(7).unwrap();
            let other = spawn(&shared, |(cell, work)| {
                work.store(1, Ordering::Relaxed);
                cell.take()
            });
            let (cell, work) = &*shared;
            let mine = match cell.contains(&key) {
                true => cell.take_back(&key),
                false => {
                    assert_eq!(work.load(Ordering::Relaxed), 1);
                    None
                }
            };
            let next = cell.put(8).is_ok();
            let theirs = other.join().unwrap();
            assert!(!next || mine.is_some() || theirs == Some(7));
            assert!(mine.is_none() || theirs != Some(7));
        });
    }

    /// The value that an owner changes is whole for the thread that takes it.
    #[test]
    fn a_value_is_not_taken_while_its_owner_accesses_it() {
        explore(|| {
            let shared = Arc::new((Handoff::new(), ()));
            let key = shared.0.put([1, 1]).unwrap();
            let other = spawn(&shared, |(cell, ())| cell.take());
            let changed = shared.0.access(&key, |value| *value = [2, 2]).is_some();
            match other.join().unwrap() {
                Some(value) => assert_eq!(value, if changed { [2, 2] } else { [1, 1] }),
                None => assert!(changed && shared.0.contains(&key)),
            }
        });
    }

    /// One get is in the cell, the other in the wait queue; each put needs a waiter of its own.
    #[test]
    fn two_threads_wake_the_get_in_the_cell_and_the_get_in_the_wait_queue() {
        explore(|| {
            let queue = unbounded();
            let (mut first, mut second) = (queue.get(), queue.get());
            let ((a, first_woken), (b, second_woken)) = (poll_with_flag(&mut first), poll_with_flag(&mut second));
            assert!(a.is_pending() && b.is_pending());
            let putter = spawn(&queue, |queue| queue.try_put(1).unwrap());
            queue.try_put(2).unwrap();
            putter.join().unwrap();
            assert!(first_woken.is_set() && second_woken.is_set());
        });
    }

    /// Both puts may find the cell held by the get that registers: then they notify the get in the wait queue.
    #[test]
    fn two_puts_beside_a_get_that_registers_leave_no_other_get_asleep() {
        explore(|| {
            let queue = unbounded();
            let getter = spawn(&queue, |queue| block_on(queue.get()));
            let mut other = queue.get();
            let (pending, woken) = poll_with_flag(&mut other);
            assert!(pending.is_pending());
            queue.try_put(1).unwrap();
            queue.try_put(2).unwrap();
            assert!(getter.join().unwrap().is_ok() && woken.is_set());
        });
    }

    /// The get in the cell is polled with another waker. If that finds no item, the put wakes the new waker.
    #[test]
    fn a_get_whose_waker_is_replaced_is_woken_by_the_new_one() {
        explore(|| {
            let queue = unbounded();
            let mut get = queue.get();
            assert!(poll_once(&mut get).is_none());
            let putter = spawn(&queue, |queue| queue.try_put(1).unwrap());
            let (polled, woken) = poll_with_flag(&mut get);
            putter.join().unwrap();
            assert!(polled.is_ready() || woken.is_set());
        });
    }

    /// While one get holds the cell to replace its waker, a put finds it held: the get in the wait queue is
    /// notified.
    #[test]
    fn a_put_that_finds_the_cell_held_notifies_the_wait_queue() {
        explore(|| {
            let queue = unbounded();
            let (mut first, mut second) = (queue.get(), queue.get());
            assert!(poll_once(&mut first).is_none());
            let (pending, second_woken) = poll_with_flag(&mut second);
            assert!(pending.is_pending());
            let putter = spawn(&queue, |queue| {
                queue.try_put(1).unwrap();
                queue.try_put(2).unwrap();
            });
            let (polled, first_woken) = poll_with_flag(&mut first);
            putter.join().unwrap();
            assert!((polled.is_ready() || first_woken.is_set()) && second_woken.is_set());
        });
    }

    /// The get in the cell is dropped beside a put: then the put, or the get that is dropped, notifies the
    /// other.
    #[test]
    fn a_get_that_leaves_the_cell_keeps_no_notification() {
        explore(|| {
            let queue = unbounded();
            let (mut first, mut second) = (queue.get(), queue.get());
            assert!(poll_once(&mut first).is_none());
            let (pending, woken) = poll_with_flag(&mut second);
            assert!(pending.is_pending());
            let putter = spawn(&queue, |queue| queue.try_put(1).unwrap());
            drop(first);
            putter.join().unwrap();
            assert!(woken.is_set());
        });
    }

    /// Each of `gets` gets waits. The last but one times out beside as many puts as wake it: it takes an item, or the
    /// last one is woken instead.
    fn times_out_beside_its_notification(gets: usize) {
        let queue = unbounded();
        let mut waiting: Vec<_> = (0..gets).map(|_| queue.get()).collect();
        let woken: Vec<_> = waiting.iter_mut().map(|get| poll_with_flag(get).1).collect();
        // loom runs the timeout before and after the store to the flag, which orders nothing.
        let flag = Arc::new(AtomicUsize::new(0));
        let put = flag.clone();
        let putter = spawn(&queue, move |queue| {
            (1..gets).for_each(|_| queue.try_put(1).unwrap());
            put.store(1, Ordering::Relaxed);
        });
        let timeout = std::future::poll_fn(|_| {
            flag.load(Ordering::Relaxed);
            Poll::Ready(())
        });
        let got = block_on(waiting.swap_remove(gets - 2).until(timeout));
        putter.join().unwrap();
        assert!(got.is_ok() || woken[gets - 1].is_set(), "no get is woken for the item");
    }

    #[test]
    fn a_get_in_the_cell_that_times_out_keeps_no_notification() {
        explore(|| times_out_beside_its_notification(2));
    }

    #[test]
    fn a_get_in_the_wait_queue_that_times_out_keeps_no_notification() {
        explore(|| times_out_beside_its_notification(3));
    }

    /// The get in the wait queue is dropped; the one that began to wait later is in the cell.
    #[test]
    fn a_get_that_leaves_the_wait_queue_notifies_the_get_in_the_cell() {
        explore_large(|| {
            let queue = unbounded();
            let (mut first, mut second) = (queue.get(), queue.get());
            assert!(poll_once(&mut first).is_none() && poll_once(&mut second).is_none());
            queue.try_put(1).unwrap();
            assert_eq!(poll_once(&mut first), Some(Ok(1)));
            let putter = spawn(&queue, |queue| queue.try_put(2).unwrap());
            let getter = spawn(&queue, |queue| block_on(queue.get()));
            drop(second);
            assert_eq!(getter.join().unwrap(), Ok(2));
            putter.join().unwrap();
        });
    }

    /// A get that waits for the permit of a closed queue registers beside its release.
    #[test]
    fn the_release_of_the_last_permit_ends_a_get_that_registers() {
        explore(|| {
            let queue = Arc::new(Queue::<u8>::with_permits(1));
            let permit = queue.try_reserve(1).unwrap();
            let getter = spawn(&queue, |queue| block_on(queue.get()));
            queue.close();
            drop(permit);
            assert_eq!(getter.join().unwrap(), Err(GetError));
        });
    }

    /// A late item is not put by a claim at the tail; another permit is held until it was got.
    #[test]
    fn a_late_item_wakes_a_get_that_registers() {
        explore(|| {
            let queue = Arc::new(Queue::<u8>::with_permits(2));
            let (mut first, second) = (queue.try_reserve(1).unwrap(), queue.try_reserve(1).unwrap());
            queue.close();
            let getter = spawn(&queue, |queue| block_on(queue.get()));
            first.put(1);
            assert_eq!(getter.join().unwrap(), Ok(1));
            drop(second);
        });
    }

    #[test]
    fn a_late_subtask_wakes_a_get_that_registers() {
        explore(|| {
            let queue = unbounded();
            queue.try_put(1).unwrap();
            let task = queue.try_get_task().unwrap();
            queue.close_when_done();
            let getter = spawn(&queue, |queue| block_on(queue.get()));
            task.put_subtask(2).unwrap();
            assert_eq!(getter.join().unwrap(), Ok(2));
            drop(task);
        });
    }

    /// A get is forgotten, whether it was notified or not: it takes the notification of one item, and the other item
    /// notifies the get behind it.
    #[test]
    fn a_get_that_is_forgotten_does_not_take_the_notification_of_the_next_item() {
        explore(|| {
            let queue = unbounded();
            let (mut first, mut second) = (queue.get(), queue.get());
            assert!(poll_once(&mut first).is_none());
            let (pending, woken) = poll_with_flag(&mut second);
            assert!(pending.is_pending());
            let putter = spawn(&queue, |queue| queue.try_put(1).unwrap());
            std::mem::forget(first);
            queue.try_put(2).unwrap();
            putter.join().unwrap();
            assert!(woken.is_set() && block_on(second).is_ok());
            assert!(queue.try_get().is_ok());
        });
    }

    /// The tail is at the end of a segment. A put finds the link sealed and sets the closed bit, so that the close
    /// finds the bit set: the close still sees the get in the cell.
    #[test]
    fn a_close_that_a_put_has_helped_ends_the_get_in_the_cell() {
        explore(|| {
            let queue = unbounded();
            for item in 0..2 {
                queue.try_put(item).unwrap();
                queue.try_get().unwrap();
            }
            let getter = spawn(&queue, |queue| block_on(queue.get()));
            let putter = spawn(&queue, |queue| queue.try_put(7).is_ok());
            queue.close();
            assert_eq!(getter.join().unwrap().is_ok(), putter.join().unwrap());
        });
    }
}
