//! Models of permits: none is lost, none is given twice, and the end comes after what was put by the last.

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
    use crate::models::{explore, poll_once};
    use joinq::{GetError, Queue, TryGetError};
    use loom::future::block_on;
    use loom::sync::atomic::{AtomicUsize, Ordering};
    use loom::sync::Arc;
    use loom::thread;

    fn with_permits(capacity: usize) -> Arc<Queue<u8>> {
        Arc::new(Queue::with_permits(capacity))
    }

    fn spawn<R: 'static>(queue: &Arc<Queue<u8>>, run: impl FnOnce(&Queue<u8>) -> R + 'static) -> thread::JoinHandle<R> {
        let queue = queue.clone();
        thread::spawn(move || run(&queue))
    }

    #[test]
    fn a_released_permit_ends_the_wait_for_it() {
        explore(|| {
            let queue = with_permits(1);
            let held = queue.try_reserve(1).unwrap();
            let reserver = spawn(&queue, |queue| block_on(queue.reserve(1)).is_ok());
            drop(held);
            assert!(reserver.join().unwrap());
            assert_eq!(queue.room(), Some(1));
        });
    }

    /// Who has a permit sees what was done before it was given back, as with a lock.
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

    #[test]
    fn a_get_ends_the_wait_of_a_put() {
        explore(|| {
            let queue = with_permits(1);
            queue.try_put(1).unwrap();
            let putter = spawn(&queue, |queue| block_on(queue.put(2)).is_ok());
            assert_eq!(queue.try_get(), Ok(1));
            assert!(putter.join().unwrap());
            assert_eq!((queue.try_get(), queue.room()), (Ok(2), Some(1)));
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
            let Some(Ok(permit)) = poll_once(&mut first) else { panic!("another has it") };
            drop(permit);
            assert!(second.join().unwrap());
            assert_eq!(queue.room(), Some(1));
        });
    }

    /// Two come back one by one, while others try to have one.
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
            let Some(Ok(permits)) = poll_once(&mut large) else { panic!("another has one") };
            assert!(!other.join().unwrap());
            drop(permits);
            assert_eq!(queue.room(), Some(2));
        });
    }

    /// The reservation is dropped while a permit comes.
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
            assert_eq!(queue.room(), Some(1));
        });
    }

    /// One of two permits is collected, or not yet, when the queue is closed: the end comes when the last is
    /// back.
    #[test]
    fn a_close_ends_a_reservation_half_way() {
        explore(|| {
            let queue = with_permits(2);
            let held = queue.try_reserve(1).unwrap();
            let reserver = spawn(&queue, |queue| block_on(queue.reserve(2)).is_err());
            queue.close();
            drop(held);
            assert!(reserver.join().unwrap());
            assert_eq!((block_on(queue.get()), queue.room()), (Err(GetError), Some(2)));
        });
    }

    /// A permit is spent beside the close: what was put by it is got before the end is told.
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

    /// A put is overtaken by the close between its permit and its slot: once closed and empty was seen
    /// nothing comes out.
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
            assert_eq!((queue.try_get(), queue.room()), (Err(TryGetError::Closed), Some(1)));
        });
    }

    /// While the holder of a permit can put, a shutdown leaves nothing of a put without one.
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

    /// A get that waits beside the close is woken for an item that a permit puts after it, and then for the
    /// end.
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

    /// A forced put under way and a close: the item that is displaced comes back, and the new one is in the
    /// queue or handed back.
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
            assert_eq!((queue.try_get(), queue.room()), (Err(TryGetError::Closed), Some(1)));
        });
    }

    /// Who waits for the end is told by whoever gives the last permit back.
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

    /// The bound: an item goes in only after another has come out, whose memory is the put's to use again.
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
            assert_eq!(queue.room(), Some(1));
        });
    }
}
