//! Models of the handles: the last handle of a side closes the channel, exactly once, and no message is lost.

mod support;

#[cfg(loom)]
mod tests {
    use crate::support::explore;
    use joinq::{bounded, unbounded, RecvError};
    use loom::future::block_on;
    use loom::sync::atomic::{AtomicBool, Ordering};
    use loom::sync::Arc;
    use loom::thread;

    /// Messages that were sent before the close are received before the end.
    #[test]
    fn the_last_sender_ends_the_receiving() {
        explore(|| {
            let (sender, receiver) = unbounded();
            let thread = thread::spawn(move || sender.try_send(1).unwrap());
            assert_eq!(block_on(receiver.recv()), Ok(1));
            assert_eq!(block_on(receiver.recv()), Err(RecvError));
            thread.join().unwrap();
        });
    }

    /// A receiver that sees the end sees the stores before the drop of each sender, though only the count
    /// orders them.
    #[test]
    fn the_end_happens_after_the_stores_of_each_sender() {
        explore(|| {
            let (sender, receiver) = unbounded::<u8>();
            let other = sender.clone();
            let done = Arc::new(AtomicBool::new(false));
            let thread = {
                let done = done.clone();
                thread::spawn(move || {
                    done.store(true, Ordering::Relaxed);
                    drop(other);
                })
            };
            drop(sender);
            assert_eq!(block_on(receiver.recv()), Err(RecvError));
            assert!(done.load(Ordering::Relaxed));
            thread.join().unwrap();
        });
    }

    /// The message is accepted and dropped, or returned: loom's `Arc` detects a leak.
    #[test]
    fn the_last_receiver_drops_the_remaining_messages() {
        explore(|| {
            let (sender, receiver) = unbounded();
            let message = Arc::new(());
            let copy = message.clone();
            let thread = thread::spawn(move || drop(receiver));
            let sent = sender.try_send(copy);
            thread.join().unwrap();
            drop(sent);
            // The sender still exists, so only the close by the receiver can have dropped the message.
            assert!(sender.is_closed() && Arc::strong_count(&message) == 1);
        });
    }

    #[test]
    fn the_last_receiver_ends_the_sending() {
        explore(|| {
            let (sender, receiver) = bounded(1);
            sender.try_send(1).unwrap();
            let thread = thread::spawn(move || drop(receiver));
            assert_eq!(block_on(sender.send(2)).unwrap_err().into_inner(), 2);
            thread.join().unwrap();
        });
    }

    #[test]
    fn both_sides_are_dropped_at_once() {
        explore(|| {
            let (sender, receiver) = unbounded();
            sender.try_send(Arc::new(1)).unwrap();
            let thread = thread::spawn(move || drop(receiver));
            drop(sender);
            thread.join().unwrap();
        });
    }

    /// A weak handle can be upgraded only while a sender exists.
    #[test]
    fn an_upgrade_does_not_reopen_a_closed_channel() {
        explore(|| {
            let (sender, receiver) = unbounded();
            let weak = sender.downgrade();
            let thread = thread::spawn(move || drop(sender));
            match weak.upgrade() {
                Some(sender) => {
                    sender.try_send(1).unwrap();
                    drop(sender);
                    assert_eq!(block_on(receiver.recv()), Ok(1));
                }
                None => assert!(weak.upgrade().is_none()),
            }
            thread.join().unwrap();
            assert!(receiver.is_closed());
        });
    }

    #[test]
    fn a_clone_and_its_origin_close_the_channel_once() {
        explore(|| {
            let (sender, receiver) = unbounded::<u8>();
            let other = sender.clone();
            let thread = thread::spawn(move || drop(other));
            drop(sender);
            assert_eq!(block_on(receiver.recv()), Err(RecvError));
            thread.join().unwrap();
        });
    }

    /// A handle is cloned while a clone of it is dropped: the channel stays open for the new one.
    #[test]
    fn a_clone_beside_the_drop_of_another_handle_keeps_the_channel_open() {
        explore(|| {
            let (sender, receiver) = unbounded();
            let other = sender.clone();
            let thread = thread::spawn(move || drop(other));
            let third = sender.clone();
            drop(sender);
            third.try_send(1).unwrap();
            thread.join().unwrap();
            assert!(!third.is_closed());
            drop(third);
            assert_eq!((block_on(receiver.recv()), block_on(receiver.recv())), (Ok(1), Err(RecvError)));
        });
    }
}
