//! Models of whole queues, of what the core alone does not decide: the answers about a queue, the items that are taken
//! all at once, and the capacity beside a put that ends its wait.

mod support;

#[cfg(loom)]
mod tests {
    use crate::support::{explore, explore_capped, explore_large, poll_once, share_with_items, spawn};
    use joinq::Queue;

    /// An item is put and an item is got, so that one to three items are in the queue: it is never found empty, nor
    /// full with a capacity of four.
    #[test]
    fn a_queue_with_an_item_and_a_free_slot_is_neither_empty_nor_full() {
        explore(|| {
            let queue = share_with_items(Queue::bounded(4), &[1, 2]);
            let putter = spawn(&queue, |queue| queue.try_put(3).unwrap());
            let getter = spawn(&queue, |queue| queue.try_get().unwrap());
            assert!(!queue.is_empty() && !queue.is_full());
            let free = queue.remaining_capacity().unwrap();
            assert!((1..=3).contains(&free) && (1..=3).contains(&queue.len()));
            putter.join().unwrap();
            assert_eq!((getter.join().unwrap(), queue.len()), (1, 2));
        });
    }

    /// One item is in the queue all the time, while items pass over the end of a segment.
    #[test]
    fn a_queue_through_which_items_pass_is_neither_empty_nor_full() {
        explore_large(|| {
            let queue = share_with_items(Queue::bounded(3), &[0]);
            let worker = spawn(&queue, |queue| {
                for item in 1..=3 {
                    queue.try_put(item).unwrap();
                    assert_eq!(queue.try_get(), Ok(item - 1));
                }
            });
            for _ in 0..2 {
                assert!(!queue.is_empty() && !queue.is_full());
                assert!((1..=2).contains(&queue.remaining_capacity().unwrap()));
            }
            worker.join().unwrap();
        });
    }

    /// What is drained begins with the items that were there before, in their order; what is put meanwhile is drained,
    /// or stays.
    #[test]
    fn a_drain_beside_puts_takes_what_was_there_in_its_order() {
        for queued in 1..=3 {
            explore(move || {
                let before: Vec<u8> = (0..queued).collect();
                let queue = share_with_items(Queue::unbounded(), &before);
                let putter =
                    spawn(&queue, move |queue| (queued..queued + 2).for_each(|item| queue.try_put(item).unwrap()));
                let mut items: Vec<u8> = queue.drain().collect();
                assert!(items.len() >= before.len());
                putter.join().unwrap();
                items.extend(queue.try_iter());
                assert!(items.into_iter().eq(0..queued + 2));
            });
        }
    }

    /// Two drains and a put: each item is taken once. Capped where loads may be stale, of which a drain has many.
    #[test]
    fn two_drains_beside_a_put_take_each_item_once() {
        fn model() {
            let queue = share_with_items(Queue::unbounded(), &[0, 1]);
            let putter = spawn(&queue, |queue| queue.try_put(2).unwrap());
            let drainer = spawn(&queue, |queue| queue.drain().collect::<Vec<_>>());
            let mut items: Vec<u8> = queue.drain().collect();
            putter.join().unwrap();
            items.extend(drainer.join().unwrap());
            items.extend(queue.try_iter());
            items.sort_unstable();
            assert_eq!(items, [0, 1, 2]);
        }
        match cfg!(loom_rmw) {
            true => explore_large(model),
            false => explore_capped(model),
        }
    }

    /// A put ends its wait beside a get, which enqueues its item or not, and another put: there is one item at most.
    #[test]
    fn the_capacity_is_kept_beside_a_put_that_ends_its_wait() {
        explore_large(|| {
            let queue = share_with_items(Queue::bounded(1), &[1]);
            let mut put = queue.put(2);
            assert!(poll_once(&mut put).is_none());
            let getter = spawn(&queue, |queue| {
                let got = queue.try_get().unwrap();
                assert!(queue.len() <= 1);
                got
            });
            let other = spawn(&queue, |queue| {
                let is_put = queue.try_put(3).is_ok();
                assert!(queue.len() <= 1);
                is_put
            });
            let is_put = put.take().is_none();
            assert!(queue.len() <= 1);
            let mut got = vec![getter.join().unwrap()];
            let other_is_put = other.join().unwrap();
            got.extend(queue.try_iter());
            got.sort_unstable();
            let put = [(1, true), (2, is_put), (3, other_is_put)];
            assert!(got.into_iter().eq(put.into_iter().filter(|(_, is_put)| *is_put).map(|(item, _)| item)));
        });
    }
}
