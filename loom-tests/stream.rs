//! Models of a stream that is polled again.

mod support;

#[cfg(loom)]
mod tests {
    use crate::support::{explore, spawn, with_flag, Flag};
    use futures_core::Stream;
    use joinq::Queue;
    use loom::sync::Arc;
    use std::pin::Pin;
    use std::task::Poll;

    fn poll(stream: &mut (impl Stream<Item = u8> + Unpin)) -> (Poll<Option<u8>>, std::sync::Arc<Flag>) {
        with_flag(|context| Pin::new(stream).poll_next(context))
    }

    /// The stream is polled with another waker beside a put: it finds the item, or the put wakes the new waker.
    #[test]
    fn a_stream_that_is_polled_again_is_woken_by_the_new_waker() {
        explore(|| {
            let queue = Arc::new(Queue::unbounded());
            let mut stream = queue.stream();
            assert!(poll(&mut stream).0.is_pending());
            let putter = spawn(&queue, |queue| queue.try_put(1).unwrap());
            let (polled, woken) = poll(&mut stream);
            putter.join().unwrap();
            assert!(polled.is_ready() || woken.is_set());
        });
    }

    /// After an item the stream registers again: two items that are put one after the other are both found, or wake it.
    #[test]
    fn a_stream_registers_again_after_an_item() {
        explore(|| {
            let queue = Arc::new(Queue::unbounded());
            let mut stream = queue.stream();
            assert!(poll(&mut stream).0.is_pending());
            let putter = spawn(&queue, |queue| (1..=2).for_each(|item| queue.try_put(item).unwrap()));
            let (first, _) = poll(&mut stream);
            let (second, woken) = poll(&mut stream);
            putter.join().unwrap();
            let found = usize::from(first.is_ready()) + usize::from(second.is_ready());
            assert_eq!(found + queue.len(), 2);
            assert!(second.is_ready() || woken.is_set());
        });
    }

    /// A close ends a stream that is polled again.
    #[test]
    fn a_close_ends_a_stream_that_is_polled_again() {
        explore(|| {
            let queue = Arc::new(Queue::<u8>::unbounded());
            let mut stream = queue.stream();
            assert!(poll(&mut stream).0.is_pending());
            let closer = spawn(&queue, |queue| queue.close());
            let (polled, woken) = poll(&mut stream);
            assert!(closer.join().unwrap());
            assert!(polled == Poll::Ready(None) || woken.is_set());
            assert!(polled.is_ready() || poll(&mut stream).0 == Poll::Ready(None));
        });
    }
}
