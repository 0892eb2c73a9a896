//! Models of bugs of other queues that need an interleaving. The table is `docs/museum.md`.

mod support;

#[cfg(loom)]
mod tests {
    use crate::support::{explore, explore_large, poll_once, spawn};
    use joinq::{bounded, mpsc, unbounded, Queue};
    use loom::future::block_on;
    use loom::sync::Arc;
    use loom::thread;

    /// The first message makes the first segment while the receiver is dropped, and the drop discards what is in the
    /// channel: loom's `Arc` shows a message that is dropped never or twice, the count of live segments a segment that
    /// is freed never or twice.
    #[test]
    fn museum_001_the_first_message_beside_the_last_receiver() {
        explore(|| {
            let (sender, receiver) = mpsc::unbounded();
            let message = Arc::new(());
            let sending = {
                let (sender, message) = (sender.clone(), message.clone());
                thread::spawn(move || drop(sender.try_send(message)))
            };
            drop(receiver);
            sending.join().unwrap();
            // The sender still exists: the drop of the receiver has dropped the message.
            assert!(sender.is_closed() && Arc::strong_count(&message) == 1);
        });
    }

    /// Two senders make the first segment, and one of them helps the other, while the receiver is dropped.
    #[test]
    fn museum_002_two_first_messages_beside_the_last_receiver() {
        explore_large(|| {
            let (sender, receiver) = unbounded();
            let message = Arc::new(());
            let sending: [_; 2] = std::array::from_fn(|_| {
                let (sender, message) = (sender.clone(), message.clone());
                thread::spawn(move || drop(sender.try_send(message)))
            });
            drop(receiver);
            sending.into_iter().for_each(|thread| thread.join().unwrap());
            // The sender still exists: the close by the receiver has dropped the messages.
            assert!(sender.is_closed() && Arc::strong_count(&message) == 1);
        });
    }

    /// A permit outlives the last receiver: the message that is sent with it does not stay in the channel.
    #[test]
    fn museum_006_a_permit_is_used_beside_the_last_receiver() {
        explore(|| {
            let (sender, receiver) = joinq::with_permits(1);
            let message = Arc::new(());
            let mut permits = sender.try_reserve(1).unwrap();
            let ending = thread::spawn(move || drop(receiver));
            permits.send(message.clone());
            ending.join().unwrap();
            assert!(sender.is_closed() && Arc::strong_count(&message) == 1);
        });
    }

    /// A future is polled once and dropped, while its event occurs; it is dropped with its waker.
    #[test]
    fn museum_023_a_dropped_join_beside_the_last_task_done() {
        explore(|| {
            let queue = Arc::new(Queue::unbounded());
            queue.try_put(1).unwrap();
            let (mut dropped, other) = (queue.join(), queue.join());
            assert!(poll_once(&mut dropped).is_none());
            let worker = spawn(&queue, |queue| queue.task_done().unwrap());
            drop(dropped);
            block_on(other);
            worker.join().unwrap();
        });
    }

    #[test]
    fn museum_023_a_dropped_wait_for_the_close_beside_the_close() {
        explore(|| {
            let queue = Arc::new(Queue::<u8>::unbounded());
            let (mut dropped, other) = (queue.closed(), queue.closed());
            assert!(poll_once(&mut dropped).is_none());
            let closer = spawn(&queue, |queue| queue.close());
            drop(dropped);
            block_on(other);
            assert!(closer.join().unwrap());
        });
    }

    /// The receiver closes the channel and polls it, while a message is sent: the message is received or returned.
    #[test]
    fn museum_026_a_closed_receiver_polls_beside_a_send() {
        explore(|| {
            let (sender, mut receiver) = mpsc::unbounded();
            let sending = thread::spawn(move || sender.try_send(1).is_ok());
            receiver.close();
            let first = receiver.try_recv();
            let sent = sending.join().unwrap();
            let received = first.is_ok() || receiver.try_recv().is_ok();
            assert_eq!(sent, received);
            assert!(receiver.try_recv().unwrap_err().is_closed());
        });
    }

    #[test]
    fn museum_026_a_closed_receiver_with_a_bound_polls_beside_a_send() {
        explore(|| {
            let (sender, mut receiver) = mpsc::bounded(1);
            let sending = thread::spawn(move || block_on(sender.send(1)).is_ok());
            receiver.close();
            let first = receiver.try_recv();
            let sent = sending.join().unwrap();
            let received = first.is_ok() || receiver.try_recv().is_ok();
            assert_eq!(sent, received);
        });
    }

    /// A close notifies all waiters while some of them are dropped.
    #[test]
    fn museum_027_waiters_are_dropped_beside_the_close_that_notifies_all() {
        explore(|| {
            let queue = Arc::new(Queue::bounded(1));
            queue.try_put(Arc::new(0)).unwrap();
            let (mut first, mut second) = (queue.put(Arc::new(1)), queue.put(Arc::new(2)));
            assert!(poll_once(&mut first).is_none() && poll_once(&mut second).is_none());
            let closer = spawn(&queue, |queue| queue.close());
            drop(first);
            assert!(block_on(second).is_err());
            assert!(closer.join().unwrap());
        });
    }

    /// The same for gets: the one that remains learns of the close.
    #[test]
    fn museum_027_gets_are_dropped_beside_the_close_that_notifies_all() {
        explore(|| {
            let (sender, receiver) = bounded::<u8>(1);
            let (mut first, mut second) = (receiver.recv(), receiver.recv());
            assert!(poll_once(&mut first).is_none() && poll_once(&mut second).is_none());
            let ending = thread::spawn(move || drop(sender));
            drop(first);
            assert!(block_on(second).is_err());
            ending.join().unwrap();
        });
    }
}
