//! Models of the layers above the core with a thread that is stopped at a named point of the core: while handles are
//! dropped, while a get registers in the cell or leaves it, and while a box is allocated. No thread is stopped while it
//! holds the mutex of the wait queues: no claim is made for that.

#[cfg(loom)]
mod stops;
mod support;

#[cfg(loom)]
mod tests {
    use crate::stops::{Stops, Tally};
    use crate::support::{poll_once, poll_with_flag};
    use joinq::raw::Point;
    use joinq::{mpsc, unbounded, Queue};
    use loom::sync::Arc;
    use std::rc::Rc;

    type Message = Arc<usize>;

    /// Messages, and the check that each was dropped once.
    #[derive(Clone)]
    struct Messages([Message; 4]);

    impl Messages {
        fn new() -> Self {
            Messages([0, 1, 2, 3].map(Arc::new))
        }

        fn get(&self, number: usize) -> Message {
            self.0[number].clone()
        }

        fn assert_dropped(&self) {
            self.0.iter().for_each(|message| assert_eq!(Arc::strong_count(message), 1, "{message:?} was not dropped"));
        }
    }

    /// So many messages are in the channel, up to the end of a segment.
    const QUEUED: [usize; 3] = [0, 1, 2];

    #[test]
    fn a_stopped_drop_of_the_last_receiver_keeps_no_sender_waiting() {
        let mut tally = Tally::default();
        for queued in QUEUED {
            tally.stop_one(1, move |stops| {
                let (sender, receiver) = unbounded();
                let messages = Messages::new();
                (0..queued).for_each(|number| sender.try_send(messages.get(number)).unwrap());
                let (sending, message) = (sender.clone(), messages.get(2));
                let victim = move || drop(receiver);
                let (_, sent) = stops.beside(
                    victim,
                    move || sending.try_send(message).is_ok(),
                    |_| {
                        drop(sender.try_send(messages.get(3)));
                    },
                );
                assert!(sent || sender.is_closed());
                // The drop of the receiver has dropped the messages: the sender still exists.
                assert!(sender.is_closed());
                messages.assert_dropped();
            });
        }
        tally.check("drop of the last receiver");
    }

    #[test]
    fn a_stopped_drop_of_the_last_sender_keeps_no_receiver_waiting() {
        let mut tally = Tally::default();
        for queued in QUEUED {
            tally.stop_one(1, move |stops| {
                let (sender, receiver) = unbounded();
                let messages = Messages::new();
                (0..queued).for_each(|number| sender.try_send(messages.get(number)).unwrap());
                let receiving = receiver.clone();
                let other = move || receiving.try_recv().map(|message| *message).ok();
                let (_, first) = stops.beside(
                    move || drop(sender),
                    other,
                    |_| {
                        let mut batch = Vec::new();
                        let _ = receiver.try_recv_many(&mut batch, 2);
                        assert!(batch.into_iter().map(|message| *message).eq((0..queued).skip(1)));
                    },
                );
                assert_eq!(first, (queued > 0).then_some(0));
                assert!(receiver.is_closed() && receiver.try_recv().unwrap_err().is_closed());
                drop(receiver);
                messages.assert_dropped();
            });
        }
        tally.check("drop of the last sender");
    }

    #[test]
    fn a_stopped_drop_of_a_single_receiver_keeps_no_sender_waiting() {
        let mut tally = Tally::default();
        for queued in QUEUED {
            tally.stop_one(1, move |stops| {
                let (sender, receiver) = mpsc::unbounded();
                let messages = Messages::new();
                (0..queued).for_each(|number| sender.try_send(messages.get(number)).unwrap());
                let (sending, message) = (sender.clone(), messages.get(2));
                let victim = move || drop(receiver);
                let (_, sent) = stops.beside(
                    victim,
                    move || sending.try_send(message).is_ok(),
                    |_| {
                        drop(sender.try_send(messages.get(3)));
                    },
                );
                assert!(sent || sender.is_closed());
                assert!(sender.is_closed());
                messages.assert_dropped();
            });
        }
        tally.check("drop of the single receiver");
    }

    const CELL: [Point; 2] = [Point::CellHeld, Point::CellAccessed];

    /// What must be possible beside a victim that holds the cell: two items are put, they notify a second get, and they
    /// are got in their order.
    fn pass_two_items(queue: &Queue<u8>) {
        let mut second = queue.get();
        let (polled, woken) = poll_with_flag(&mut second);
        assert!(polled.is_pending());
        queue.try_put(1).unwrap();
        queue.try_put(2).unwrap();
        assert!(woken.is_set());
        drop(second);
        assert!(queue.try_iter().eq([1, 2]));
    }

    /// A put and a get of another thread: the get finds the item unless the victim does.
    fn pass_one_item(queue: &Queue<u8>) -> Vec<u8> {
        queue.try_put(0).unwrap();
        queue.try_get().into_iter().collect()
    }

    /// Either the victim finds the item that `other` passes, or `other` does.
    fn one_finds_the_item(
        stops: &Rc<Stops>,
        queue: &Queue<u8>,
        victim: impl FnOnce() -> Option<u8> + 'static,
        other: impl FnOnce() -> Vec<u8> + 'static,
    ) {
        let (mine, theirs) = stops.beside(victim, other, |is_stopped| {
            if is_stopped {
                pass_two_items(queue);
            }
        });
        assert_eq!(theirs.len() + usize::from(mine.is_some()), 1);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn a_get_that_is_stopped_while_it_holds_the_cell_keeps_no_thread_waiting() {
        let mut tally = Tally::default();
        tally.stop_one_at(&CELL, 2, |stops| {
            let queue = Arc::new(Queue::unbounded());
            let (getting, passing) = (queue.clone(), queue.clone());
            // It registers, and leaves the cell if it finds no item.
            let victim = move || poll_once(&mut getting.get()).map(|item| item.unwrap());
            one_finds_the_item(stops, &queue, victim, move || pass_one_item(&passing));
        });
        tally.check("get in the cell");
    }

    /// The get is polled with another waker, and dropped.
    #[test]
    fn a_get_that_is_stopped_while_it_replaces_its_waker_keeps_no_thread_waiting() {
        let mut tally = Tally::default();
        tally.stop_one_at(&CELL, 2, |stops| {
            let shared = std::sync::Arc::new(Queue::unbounded());
            let mut get = shared.clone().get_owned();
            assert!(poll_once(&mut get).is_none());
            let victim = move || poll_once(&mut get).map(|item| item.unwrap());
            let passing = shared.clone();
            one_finds_the_item(stops, &shared, victim, move || pass_one_item(&passing));
        });
        tally.check("another waker in the cell");
    }

    /// The put takes the waker of a get out of the cell.
    #[test]
    fn a_put_that_is_stopped_while_it_holds_the_cell_keeps_no_thread_waiting() {
        let mut tally = Tally::default();
        tally.stop_one_at(&CELL, 2, |stops| {
            let queue = Arc::new(Queue::unbounded());
            let mut first = queue.get();
            let (polled, woken) = poll_with_flag(&mut first);
            assert!(polled.is_pending());
            let (putting, passing) = (queue.clone(), queue.clone());
            let (_, mut got) = stops.beside(
                move || putting.try_put(9).unwrap(),
                move || pass_one_item(&passing),
                |is_stopped| {
                    if is_stopped {
                        // The victim has published its item before it holds the cell.
                        assert_eq!(queue.try_iter().count(), 1);
                        pass_two_items(&queue);
                    }
                },
            );
            got.extend(queue.try_iter());
            assert!(got.len() <= 2 && woken.is_set());
        });
        tally.check("put that notifies the cell");
    }

    /// The put makes what is allocated on demand, before it takes the mutex to wait.
    #[test]
    fn a_put_that_is_stopped_while_it_allocates_keeps_no_thread_waiting() {
        let mut tally = Tally::default();
        tally.stop_one_at(&[Point::BoxMade], 2, |stops| {
            let queue = Arc::new(Queue::bounded(1));
            queue.try_put(1).unwrap();
            let (putting, getting) = (queue.clone(), queue.clone());
            let victim = move || {
                let mut put = putting.put(2);
                let is_put = poll_once(&mut put).is_some();
                put.take().is_none() || is_put
            };
            let mut got = Vec::new();
            let (is_put, first) = stops.beside(
                victim,
                move || getting.try_get().unwrap(),
                |is_stopped| {
                    if is_stopped {
                        // Another put waits, with a box of its own, and is completed by a get.
                        queue.try_put(3).unwrap();
                        let mut put = queue.put(4);
                        assert!(poll_once(&mut put).is_none());
                        assert_eq!((queue.try_get(), poll_once(&mut put)), (Ok(3), Some(Ok(()))));
                        got.push(3);
                        got.extend(queue.try_get().ok());
                        assert_eq!(got, [3, 4]);
                    }
                },
            );
            let last = queue.try_get().ok();
            assert_eq!((first, last), (1, is_put.then_some(2)));
        });
        tally.check("allocation on demand");
    }
}
