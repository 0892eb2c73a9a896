//! Models of selects: exactly one operation takes effect, and no wake-up is lost.

mod support;

#[cfg(loom)]
mod tests {
    use crate::support::{explore_capped, spawn};
    use joinq::{Queue, Selector};
    use loom::sync::Arc;

    /// Two queues.
    struct Two {
        a: Queue<u8>,
        b: Queue<u8>,
    }

    fn two(a: Queue<u8>, b: Queue<u8>) -> Arc<Two> {
        Arc::new(Two { a, b })
    }

    fn get(two: &Two) -> (char, u8) {
        Selector::new().get(&two.a, |got| ('a', got.unwrap())).get(&two.b, |got| ('b', got.unwrap())).wait()
    }

    /// Returns the queue into which the item went.
    fn put(two: &Two, item: u8) -> char {
        let (mut at_a, mut at_b) = (Some(item), Some(item));
        let to = Selector::new().put(&two.a, &mut at_a, |_| 'a').put(&two.b, &mut at_b, |_| 'b').wait();
        assert_eq!((at_a.is_none(), at_b.is_none()), (to == 'a', to == 'b'));
        to
    }

    /// Neither side waits by itself, so that one has to find the other.
    #[test]
    fn two_selects_face_each_other_at_two_rendezvous() {
        explore_capped(|| {
            let two = two(Queue::bounded(0), Queue::bounded(0));
            let putter = spawn(&two, |two| put(two, 7));
            let (from, item) = get(&two);
            assert_eq!((putter.join().unwrap(), item), (from, 7));
            assert!(two.a.try_get().is_err() && two.b.try_get().is_err());
        });
    }

    /// A put may complete the select at the rendezvous while the select takes from the other queue.
    #[test]
    fn a_select_takes_from_a_buffer_or_at_a_rendezvous_and_not_both() {
        explore_capped(|| {
            let two = two(Queue::bounded(0), Queue::unbounded());
            let putter = spawn(&two, |two| {
                two.b.try_put(2).unwrap();
                two.a.put(1).wait().unwrap();
            });
            let (first, second) = (get(&two), get(&two));
            assert_eq!([first, second].iter().map(|got| got.1).sum::<u8>(), 3);
            putter.join().unwrap();
            assert!(two.a.try_get().is_err() && two.b.try_get().is_err());
        });
    }

    /// A get that waits behind the select is woken though the select was notified first and takes the other
    /// item.
    #[test]
    fn a_notification_of_a_branch_that_loses_is_forwarded() {
        explore_capped(|| {
            let two = two(Queue::unbounded(), Queue::unbounded());
            let select = spawn(&two, |two| get(two));
            two.b.try_put(2).unwrap();
            two.a.try_put(1).unwrap();
            match select.join().unwrap() {
                ('a', _) => assert_eq!(two.b.get().wait(), Ok(2)),
                _ => assert_eq!(two.a.get().wait(), Ok(1)),
            }
        });
    }

    /// Two gets, one of them in a select, and one item for each queue of the select.
    #[test]
    fn a_get_beside_a_select_is_not_forgotten() {
        explore_capped(|| {
            let two = two(Queue::unbounded(), Queue::unbounded());
            two.b.try_put(2).unwrap();
            let getter = spawn(&two, |two| two.a.get().wait());
            let putter = spawn(&two, |two| two.a.try_put(1).unwrap());
            if get(&two).0 == 'a' {
                two.a.try_put(3).unwrap();
            }
            assert!(getter.join().unwrap().is_ok());
            putter.join().unwrap();
        });
    }

    #[test]
    fn a_close_ends_a_select_at_a_rendezvous() {
        explore_capped(|| {
            let two = two(Queue::bounded(0), Queue::bounded(0));
            let select = spawn(&two, |two| {
                let mut item = Some(1);
                let closed = Selector::new().put(&two.a, &mut item, |put| put.is_err()).get(&two.b, |_| false).wait();
                (closed, item)
            });
            two.a.close();
            assert_eq!(select.join().unwrap(), (true, None));
        });
    }
}
