//! Models of a capacity that changes at run time, of the numbers of items, and of owned permits.

mod support;

#[cfg(loom)]
mod tests {
    use crate::support::{explore, poll_once, share_with_items, spawn};
    use joinq::Queue;
    use loom::future::block_on;
    use loom::sync::atomic::{AtomicBool, Ordering};
    use loom::sync::Arc;

    /// Runs `model` for both kinds of queues whose capacity can change.
    fn explore_both(model: fn(fn(usize) -> Queue<u8>)) {
        explore(move || model(Queue::bounded));
        explore(move || model(Queue::with_permits));
    }

    /// The put begins to wait before, while or after the capacity is raised.
    #[test]
    fn a_raise_ends_the_wait_of_a_put() {
        explore_both(|create| {
            let queue = share_with_items(create(1), &[1]);
            let putter = spawn(&queue, |queue| block_on(queue.put(2)));
            queue.set_capacity(2);
            assert_eq!(putter.join().unwrap(), Ok(()));
            assert_eq!((queue.len(), queue.remaining_capacity()), (2, Some(0)));
        });
    }

    /// Neither the get nor the raise alone frees a slot for the put that waits. Whichever comes second serves it.
    #[test]
    fn a_raise_beside_a_get_serves_the_put_that_waits() {
        explore_both(|create| {
            let queue = share_with_items(create(2), &[1, 2]);
            queue.set_capacity(1);
            let mut put = queue.put(3);
            assert!(poll_once(&mut put).is_none());
            let getter = spawn(&queue, |queue| queue.try_get());
            queue.set_capacity(2);
            assert_eq!(getter.join().unwrap(), Ok(1));
            assert_eq!(poll_once(&mut put), Some(Ok(())));
            assert_eq!((queue.len(), queue.remaining_capacity()), (2, Some(0)));
        });
    }

    /// After the capacity was lowered, a get does not serve the put that waits by the former capacity.
    #[test]
    fn the_number_of_items_does_not_rise_above_a_lowered_capacity() {
        explore_both(|create| {
            let queue = share_with_items(create(2), &[1, 2]);
            let mut put = queue.put(3);
            assert!(poll_once(&mut put).is_none());
            let getter = spawn(&queue, |queue| queue.try_get());
            queue.set_capacity(1);
            let after = queue.len();
            assert_eq!(getter.join().unwrap(), Ok(1));
            assert!(queue.len() <= after.max(1), "{after} items, and later {}", queue.len());
            assert_eq!(queue.remaining_capacity(), Some(0));
        });
    }

    /// One item is taken of two, and one is allowed: a put that begins after the call finds the queue full.
    #[test]
    fn a_put_after_a_lowering_waits_until_the_excess_is_gone() {
        explore_both(|create| {
            let queue = share_with_items(create(2), &[1, 2]);
            let getter = spawn(&queue, |queue| queue.try_get());
            queue.set_capacity(1);
            assert!(queue.try_put(3).is_err());
            assert_eq!(getter.join().unwrap(), Ok(1));
            assert!(queue.try_put(3).is_err());
            assert_eq!(queue.try_get(), Ok(2));
            assert!(queue.try_put(3).is_ok());
        });
    }

    #[test]
    fn two_reservations_do_not_both_succeed_beside_a_lowering_to_one() {
        explore(|| {
            let queue = Arc::new(Queue::<u8>::with_permits(2));
            let other = spawn(&queue, |queue| queue.try_reserve(1).map(std::mem::forget).is_ok());
            queue.set_capacity(1);
            let own = queue.try_reserve(1).map(std::mem::forget).is_ok();
            assert!(own != other.join().unwrap());
            assert_eq!(queue.remaining_capacity(), Some(0));
        });
    }

    /// A permit is released beside a raise: the reservation for two gets both.
    #[test]
    fn a_raise_and_a_release_serve_one_reservation() {
        explore(|| {
            let queue = Arc::new(Queue::<u8>::with_permits(2));
            queue.set_capacity(1);
            let held = queue.try_reserve(1).unwrap();
            let reserver = spawn(&queue, |queue| block_on(queue.reserve(2)).is_ok());
            queue.set_capacity(2);
            drop(held);
            assert!(reserver.join().unwrap());
            assert_eq!(queue.remaining_capacity(), Some(2));
        });
    }

    #[test]
    fn concurrent_changes_add_up() {
        explore(|| {
            let queue = Arc::new(Queue::<u8>::with_permits(2));
            let other = spawn(&queue, |queue| {
                queue.set_capacity(3);
                drop(queue.try_reserve(2));
            });
            queue.set_capacity(1);
            other.join().unwrap();
            assert!([1, 3].map(Some).contains(&queue.capacity()));
            assert_eq!(queue.remaining_capacity(), queue.capacity());
        });
    }

    /// A reservation of as many permits as the capacity was when it was read does not panic.
    #[test]
    fn the_largest_capacity_is_not_older_than_the_capacity() {
        explore(|| {
            let queue = Arc::new(Queue::<u8>::with_permits(1));
            // loom runs this thread before and after the store to the flag, which orders nothing.
            let flag = Arc::new(AtomicBool::new(false));
            let raised = flag.clone();
            let other = spawn(&queue, move |queue| {
                queue.set_capacity(3);
                queue.set_capacity(2);
                raised.store(true, Ordering::Relaxed);
            });
            flag.load(Ordering::Relaxed);
            drop(queue.try_reserve(queue.capacity().unwrap()));
            other.join().unwrap();
            assert_eq!(queue.remaining_capacity(), Some(2));
        });
    }

    /// The put that waits is served or refused, and its item is in one place.
    #[test]
    fn a_raise_beside_a_close_serves_or_refuses_the_put_that_waits() {
        explore_both(|create| {
            let queue = share_with_items(create(1), &[1]);
            let mut put = queue.put(2);
            assert!(poll_once(&mut put).is_none());
            let closer = spawn(&queue, |queue| queue.close());
            queue.set_capacity(2);
            assert!(closer.join().unwrap());
            let items = match poll_once(&mut put) {
                Some(Ok(())) => 2,
                Some(Err(error)) => error.into_inner() as usize / 2,
                None => panic!("the put still waits"),
            };
            assert_eq!(queue.len(), items);
            while queue.try_get().is_ok() {}
            assert_eq!(queue.remaining_capacity(), Some(2));
        });
    }

    /// Also while a get poisons the slot of the put, which is not the first one of its segment: that is filled in
    /// advance.
    #[test]
    fn an_item_is_counted_as_put_before_got_and_as_got_before_done() {
        explore(|| {
            let queue = share_with_items(Queue::unbounded(), &[1]);
            drop(queue.try_get_task());
            let putter = spawn(&queue, |queue| queue.try_put(1).unwrap());
            let getter = spawn(&queue, |queue| queue.try_get_task().is_ok());
            let seen = queue.counts();
            assert!(seen.done <= seen.got && seen.got <= seen.put && seen.put <= 3, "{seen:?}");
            putter.join().unwrap();
            let got = 1 + u64::from(getter.join().unwrap());
            let counts = queue.counts();
            assert_eq!((counts.put, counts.got, counts.done), (2, got, got));
        });
    }

    /// A reader that has no other tie with the thread that gets the item and marks it done.
    #[test]
    fn an_item_that_is_seen_as_done_is_seen_as_got() {
        explore(|| {
            let queue = share_with_items(Queue::unbounded(), &[1]);
            let reader = spawn(&queue, |queue| {
                let seen = queue.counts();
                assert!(seen.done <= seen.got && seen.got <= seen.put, "{seen:?}");
            });
            drop(queue.try_get_task());
            reader.join().unwrap();
        });
    }

    /// The item of a permit is put after the close, into the list of late items.
    #[test]
    fn a_late_item_is_counted() {
        explore(|| {
            let queue = Arc::new(Queue::<u8>::with_permits(1));
            let mut permit = queue.try_reserve(1).unwrap();
            queue.close();
            let getter = spawn(&queue, |queue| u64::from(queue.try_get().is_ok()));
            permit.put(1);
            let seen = queue.counts();
            let got = getter.join().unwrap();
            assert!(seen.put == 1 && seen.got <= got && queue.counts().got == got, "{seen:?}");
        });
    }

    /// Of two late items one is put after the other was got: no reader finds both, and none finds one got that was
    /// not put.
    #[test]
    fn late_items_are_counted_at_one_moment() {
        explore(|| {
            let queue = Arc::new(Queue::<u8>::with_permits(2));
            let mut permits = queue.try_reserve(2).unwrap();
            queue.close();
            let reader = spawn(&queue, |queue| {
                let len = queue.len();
                assert!(len <= 1, "{len} late items");
                let seen = queue.counts();
                assert!(seen.got <= seen.put, "{seen:?}");
            });
            permits.put(1);
            assert_eq!(queue.try_get(), Ok(1));
            permits.put(2);
            drop(permits);
            reader.join().unwrap();
        });
    }

    /// A permit that owns its queue is released by another thread than the one that reserved it.
    #[test]
    fn an_owned_permit_is_released_on_another_thread() {
        explore(|| {
            let queue = std::sync::Arc::new(Queue::<std::convert::Infallible>::with_permits(1));
            let held = queue.clone().try_reserve_owned(1).unwrap();
            let holder = loom::thread::spawn(move || drop(held));
            let permit = block_on(queue.clone().reserve_owned(1)).unwrap();
            holder.join().unwrap();
            assert_eq!((permit.len(), queue.remaining_capacity()), (1, Some(0)));
            drop(permit);
            assert_eq!(queue.remaining_capacity(), Some(1));
        });
    }
}
