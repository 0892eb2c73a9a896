//! Models of permits: no permit is lost or granted twice, and the end comes after the item put with the last
//! permit.

mod support;

#[cfg(loom)]
mod tests {
    use crate::support::{explore, poll_once, spawn};
    use joinq::{GetError, Queue, TryGetError};
    use loom::future::block_on;
    use loom::sync::atomic::{AtomicUsize, Ordering};
    use loom::sync::Arc;

    fn with_permits(capacity: usize) -> Arc<Queue<u8>> {
        Arc::new(Queue::with_permits(capacity))
    }

    #[test]
    fn a_released_permit_ends_the_wait_for_it() {
        explore(|| {
            let queue = with_permits(1);
            let held = queue.try_reserve(1).unwrap();
            let reserver = spawn(&queue, |queue| block_on(queue.reserve(1)).is_ok());
            drop(held);
            assert!(reserver.join().unwrap());
            assert_eq!(queue.remaining_capacity(), Some(1));
        });
    }

    /// The holder of a permit sees the stores before its release, as with a lock.
    #[test]
    fn a_permit_orders_as_a_lock_does() {
        explore(|| {
            let queue = with_permits(1);
            let work = Arc::new(AtomicUsize::new(0));
            let permit = queue.try_reserve(1).unwrap();
            let other = {
                let work = work.clone();
                spawn(&queue, move |queue| queue.try_reserve(1).is_err() || work.load(Ordering::Relaxed) == 1)
            };
            work.store(1, Ordering::Relaxed);
            drop(permit);
            assert!(other.join().unwrap());
        });
    }

    /// The put that takes the permit of an item comes after the get of this item, and after what was done before it.
    #[test]
    fn a_get_comes_before_the_put_that_takes_its_permit() {
        explore(|| {
            let queue = with_permits(1);
            queue.try_put(1).unwrap();
            let work = Arc::new(AtomicUsize::new(0));
            let done = work.clone();
            let getter = spawn(&queue, move |queue| {
                done.store(1, Ordering::Relaxed);
                queue.try_get()
            });
            if queue.try_put(2).is_ok() {
                assert_eq!(work.load(Ordering::Relaxed), 1);
            }
            assert_eq!(getter.join().unwrap(), Ok(1));
        });
    }

    #[test]
    fn a_get_ends_the_wait_of_a_put() {
        explore(|| {
            let queue = with_permits(1);
            queue.try_put(1).unwrap();
            let putter = spawn(&queue, |queue| block_on(queue.put(2)).is_ok());
            assert_eq!(queue.try_get(), Ok(1));
            assert!(putter.join().unwrap());
            assert_eq!((queue.try_get(), queue.remaining_capacity()), (Ok(2), Some(1)));
        });
    }

    #[test]
    fn the_first_waiter_is_granted_the_permit() {
        explore(|| {
            let queue = with_permits(1);
            let held = queue.try_reserve(1).unwrap();
            let mut first = queue.reserve(1);
            assert!(poll_once(&mut first).is_none());
            let second = spawn(&queue, |queue| block_on(queue.reserve(1)).is_ok());
            drop(held);
            let Some(Ok(permit)) = poll_once(&mut first) else { panic!("another reservation has it") };
            drop(permit);
            assert!(second.join().unwrap());
            assert_eq!(queue.remaining_capacity(), Some(1));
        });
    }

    /// Two permits are released one by one, while another put tries to take one.
    #[test]
    fn a_large_reservation_collects_permits() {
        explore(|| {
            let queue = with_permits(2);
            let (one, two) = (queue.try_reserve(1).unwrap(), queue.try_reserve(1).unwrap());
            let mut large = queue.reserve(2);
            assert!(poll_once(&mut large).is_none());
            let other = spawn(&queue, |queue| queue.try_put(1).is_ok());
            drop(one);
            drop(two);
            let Some(Ok(permits)) = poll_once(&mut large) else { panic!("another put has one") };
            assert!(!other.join().unwrap());
            drop(permits);
            assert_eq!(queue.remaining_capacity(), Some(2));
        });
    }

    /// The reservation is dropped while a permit is released.
    #[test]
    fn a_dropped_reservation_releases_its_permits() {
        explore(|| {
            let queue = with_permits(1);
            let held = queue.try_reserve(1).unwrap();
            let mut cancelled = queue.reserve(1);
            assert!(poll_once(&mut cancelled).is_none());
            let reserver = spawn(&queue, |queue| block_on(queue.reserve(1)).is_ok());
            drop(held);
            drop(cancelled);
            assert!(reserver.join().unwrap());
            assert_eq!(queue.remaining_capacity(), Some(1));
        });
    }

    /// The last permit puts its item after the close, while a batch is taken. The batch finds no item yet, or
    /// this one; it does not find the end while the item is in the queue.
    #[test]
    fn a_batch_does_not_miss_the_item_of_the_last_permit() {
        explore(|| {
            let queue = with_permits(1);
            let mut permit = queue.try_reserve(1).unwrap();
            queue.close();
            let getter = spawn(&queue, |queue| queue.try_get_many(&mut Vec::new(), 1));
            permit.put(1);
            assert_ne!(getter.join().unwrap(), Err(TryGetError::Closed));
        });
    }

    /// One of two permits is collected, or not yet, when the queue is closed: the end comes with the release
    /// of the last.
    #[test]
    fn a_close_ends_a_reservation_half_way() {
        explore(|| {
            let queue = with_permits(2);
            let held = queue.try_reserve(1).unwrap();
            let reserver = spawn(&queue, |queue| block_on(queue.reserve(2)).is_err());
            queue.close();
            drop(held);
            assert!(reserver.join().unwrap());
            assert_eq!((block_on(queue.get()), queue.remaining_capacity()), (Err(GetError), Some(2)));
        });
    }

    /// A permit is used beside the close: its item is taken before the end.
    #[test]
    fn items_put_with_the_last_permit_are_taken_before_the_end() {
        explore(|| {
            let queue = with_permits(1);
            let putter = spawn(&queue, |queue| queue.try_reserve(1).map(|mut permit| permit.put(1)).is_ok());
            queue.close();
            let got = block_on(queue.get()).is_ok();
            assert_eq!((putter.join().unwrap(), queue.try_get().is_err()), (got, true));
        });
    }

    /// The close overtakes a put between its permit and its slot: after *closed and empty* was seen, no get
    /// succeeds.
    #[test]
    fn closed_and_empty_is_final() {
        explore(|| {
            let queue = with_permits(1);
            let putter = spawn(&queue, |queue| queue.try_put(1).is_ok());
            let closer = spawn(&queue, |queue| queue.close());
            let was_final = queue.is_closed() && queue.is_empty();
            let got = queue.try_get();
            assert!(!was_final || got.is_err());
            let put = putter.join().unwrap();
            closer.join().unwrap();
            assert_eq!(put, got.is_ok() || queue.try_get().is_ok());
            assert_eq!((queue.try_get(), queue.remaining_capacity()), (Err(TryGetError::Closed), Some(1)));
        });
    }

    /// While a permit is in use, a shutdown leaves no item of a put without a permit.
    #[test]
    fn a_shutdown_leaves_no_item_of_a_put() {
        explore(|| {
            let queue = with_permits(2);
            let permit = queue.try_reserve(1).unwrap();
            let putter = spawn(&queue, |queue| queue.try_put(1).is_ok());
            let left = queue.shutdown_now();
            assert_eq!(putter.join().unwrap(), left == [1]);
            assert_eq!((queue.len(), queue.unfinished()), (0, 0));
            drop(permit);
        });
    }

    /// A get that waits beside the close is woken for the item put with a permit, and then for the end.
    #[test]
    fn a_waiting_get_receives_the_item_a_permit_puts_after_the_close() {
        explore(|| {
            let queue = with_permits(1);
            let mut permit = queue.try_reserve(1).unwrap();
            queue.close();
            let getter = spawn(&queue, |queue| (block_on(queue.get()), block_on(queue.get())));
            permit.put(1);
            drop(permit);
            assert_eq!(getter.join().unwrap(), (Ok(1), Err(GetError)));
        });
    }

    /// A forced put beside a close: the displaced item is returned, and the new item is in the queue or
    /// returned.
    #[test]
    fn a_forced_put_beside_a_close_loses_nothing() {
        explore(|| {
            let queue = with_permits(1);
            queue.try_put(1).unwrap();
            let forcer = spawn(&queue, |queue| queue.force_put(2).map_err(|error| error.into_inner()));
            queue.close();
            let forced = forcer.join().unwrap();
            let left = queue.try_get();
            assert!(matches!((forced, left), (Ok(Some(1)), Ok(2)) | (Err(2), Ok(1))), "{forced:?}, {left:?}");
            assert_eq!((queue.try_get(), queue.remaining_capacity()), (Err(TryGetError::Closed), Some(1)));
        });
    }

    /// The release of the last permit notifies the get that waits for the end.
    #[test]
    fn the_last_permit_ends_a_waiting_get() {
        explore(|| {
            let queue = with_permits(2);
            let one = queue.try_reserve(1).unwrap();
            let holder = spawn(&queue, |queue| drop(queue.try_reserve(1)));
            let getter = spawn(&queue, |queue| block_on(queue.get()));
            queue.close();
            drop(one);
            assert_eq!(getter.join().unwrap(), Err(GetError));
            holder.join().unwrap();
        });
    }

    /// The bound: an item is put only after another was taken, and the put may use its memory again.
    #[test]
    fn a_permit_is_one_item() {
        explore(|| {
            let queue = with_permits(1);
            queue.try_put(1).unwrap();
            let putter = spawn(&queue, |queue| queue.try_put(2).is_ok());
            let got = queue.try_get();
            assert!(queue.len() <= 1);
            assert_eq!(got, Ok(1));
            assert_eq!(putter.join().unwrap(), queue.try_get().is_ok());
            assert_eq!(queue.remaining_capacity(), Some(1));
        });
    }

    /// A permit that was reserved before the close can put: a get that races with both does not find the end.
    #[test]
    fn a_get_does_not_find_the_end_while_a_permit_is_held() {
        explore(|| {
            let queue = with_permits(1);
            let closer = spawn(&queue, |queue| queue.close());
            let getter = spawn(&queue, |queue| queue.try_get());
            let permit = queue.try_reserve(1);
            if getter.join().unwrap() == Err(TryGetError::Closed) {
                assert!(permit.is_err(), "the end was found, and a permit is held");
            }
            drop(permit);
            closer.join().unwrap();
        });
    }
}
