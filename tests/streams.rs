//! Streams and sinks of a queue and of a channel.
#![cfg(any(feature = "stream", feature = "sink"))]

mod common;

use common::Probe;
use joinq::{unbounded, Queue};
use std::task::Poll;

#[cfg(feature = "stream")]
mod stream {
    use super::*;
    use common::watchdog;
    use futures_lite::{future::block_on, StreamExt};
    use joinq::bounded;
    use std::thread;

    /// One poll for the next item.
    fn next<S: futures_lite::Stream + Unpin>(probe: &mut Probe<S>) -> Poll<Option<S::Item>> {
        probe.poll_with(|stream, context| stream.poll_next(context))
    }

    #[test]
    fn a_stream_yields_all_messages_and_ends_with_the_last_sender() {
        let _watchdog = watchdog();
        let (sender, receiver) = bounded(2);
        let sending = thread::spawn(move || (0..500).for_each(|n| sender.send(n).wait().unwrap()));
        block_on(async {
            assert_eq!(receiver.stream().take(100).collect::<Vec<_>>().await, (0..100).collect::<Vec<_>>());
            let mut stream = receiver.into_stream();
            for n in 100..500 {
                assert_eq!(stream.next().await, Some(n));
            }
            assert_eq!((stream.next().await, stream.next().await), (None, None));
        });
        sending.join().unwrap();
    }

    #[test]
    fn a_stream_that_is_polled_again_is_woken_each_time() {
        let queue = Queue::unbounded();
        let mut stream = Probe::new(queue.stream());
        for n in 0..100 {
            let before = stream.woken.get();
            (0..n % 4).for_each(|_| assert!(next(&mut stream).is_pending()));
            assert!(next(&mut stream).is_pending());
            queue.try_put(n).unwrap();
            assert_eq!(stream.woken.get(), before + 1);
            assert_eq!(next(&mut stream), Poll::Ready(Some(n)));
        }
        assert!(next(&mut stream).is_pending());
        queue.close();
        assert_eq!((next(&mut stream), next(&mut stream)), (Poll::Ready(None), Poll::Ready(None)));
    }

    #[test]
    fn an_item_wakes_the_streams_that_wait_before_the_get_that_it_notifies() {
        let queue = Queue::unbounded();
        let mut streams = [Probe::new(queue.stream()), Probe::new(queue.stream())];
        assert!(next(&mut streams[0]).is_pending());
        let get = Probe::pending(queue.get());
        assert!(next(&mut streams[1]).is_pending());
        queue.try_put(1).unwrap();
        assert!(streams[0].is_woken() && get.is_woken() && !streams[1].is_woken());
        // The get is dropped without the item, which the stream behind it must receive.
        drop(get);
        assert!(streams[1].is_woken());
        assert_eq!(next(&mut streams[1]), Poll::Ready(Some(1)));
    }

    #[test]
    fn a_cancelled_get_does_not_notify_another_of_an_item_already_taken() {
        let queue = Queue::unbounded();
        let (first, second) = (Probe::pending(queue.get()), Probe::pending(queue.get()));
        queue.try_put(1).unwrap();
        assert_eq!(queue.try_get(), Ok(1));
        drop(first);
        assert!(!second.is_woken());
        queue.try_put(2).unwrap();
        assert_eq!(second.ready(), Ok(2));
    }

    #[test]
    fn a_dropped_stream_takes_no_wake_up_from_other_receivers() {
        let (sender, receiver) = unbounded();
        let mut stream = Probe::new(receiver.clone().into_stream());
        assert!(next(&mut stream).is_pending());
        let recv = Probe::pending(receiver.recv());
        sender.try_send(1).unwrap();
        // All streams are woken, as a stream may not be polled again for long, and one other receiver.
        assert!(stream.is_woken() && recv.is_woken());
        drop(stream);
        assert_eq!((recv.ready(), sender.receiver_count()), (Ok(1), 1));
    }

    #[test]
    fn a_dropped_stream_with_the_last_receiver_closes_the_channel() {
        let (sender, receiver) = unbounded();
        sender.try_send(1).unwrap();
        let stream = receiver.into_stream();
        assert_eq!(format!("{stream:?}"), "RecvStream { .. }");
        assert!(!sender.is_closed());
        drop(stream);
        assert!(sender.is_closed() && sender.is_empty());
    }

    #[test]
    fn a_stream_works_at_a_rendezvous() {
        let queue = Queue::bounded(0);
        let mut stream = Probe::new(queue.stream());
        for n in 0..10 {
            assert!(queue.try_put(n).unwrap_err().is_full());
            assert!(next(&mut stream).is_pending());
            queue.try_put(n).unwrap();
            assert_eq!(next(&mut stream), Poll::Ready(Some(n)));
        }
    }
}

#[cfg(feature = "sink")]
mod sink {
    use super::*;
    use futures_sink::Sink;
    use joinq::{PutError, TryRecvError};
    use std::pin::Pin;

    fn ready<S: Sink<u32> + Unpin>(probe: &mut Probe<S>) -> Poll<Result<(), S::Error>> {
        probe.poll_with(|sink, context| sink.poll_ready(context))
    }

    fn flush<S: Sink<u32> + Unpin>(probe: &mut Probe<S>) -> Poll<Result<(), S::Error>> {
        probe.poll_with(|sink, context| sink.poll_flush(context))
    }

    fn start<S: Sink<u32> + Unpin>(probe: &mut Probe<S>, item: u32) -> Result<(), S::Error> {
        Pin::new(&mut probe.future).start_send(item)
    }

    #[test]
    fn a_sink_puts_in_order_and_waits_for_a_free_slot() {
        let queue = Queue::bounded(1);
        let mut sink = Probe::new(queue.sink());
        assert_eq!((ready(&mut sink), start(&mut sink, 1)), (Poll::Ready(Ok(())), Ok(())));
        assert_eq!((flush(&mut sink), queue.len()), (Poll::Ready(Ok(())), 1));
        assert_eq!((ready(&mut sink), start(&mut sink, 2)), (Poll::Ready(Ok(())), Ok(())));
        assert!(flush(&mut sink).is_pending() && ready(&mut sink).is_pending());
        assert_eq!(queue.try_get(), Ok(1));
        assert!(sink.is_woken());
        assert_eq!((flush(&mut sink), queue.try_get()), (Poll::Ready(Ok(())), Ok(2)));
    }

    #[test]
    fn a_sink_returns_the_item_when_the_queue_is_closed() {
        let queue = Queue::bounded(1);
        let mut sink = Probe::new(queue.sink());
        start(&mut sink, 1).unwrap();
        assert!(flush(&mut sink).is_ready());
        start(&mut sink, 2).unwrap();
        assert!(flush(&mut sink).is_pending());
        queue.close();
        assert_eq!(flush(&mut sink), Poll::Ready(Err(PutError(2))));
        assert_eq!(start(&mut sink, 3), Err(PutError(3)));
    }

    #[test]
    fn a_dropped_sink_with_the_last_sender_closes_the_channel() {
        let (sender, receiver) = unbounded();
        let mut sink = Probe::new(sender.into_sink());
        start(&mut sink, 1).unwrap();
        let closing = sink.poll_with(|sink, context| sink.poll_close(context));
        assert_eq!(closing, Poll::Ready(Ok(())));
        assert!(!receiver.is_closed());
        drop(sink);
        assert!(receiver.is_closed());
        assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(1), Err(TryRecvError::Closed)));
    }

    #[test]
    fn a_dropped_sink_drops_its_pending_item() {
        let (sender, receiver) = unbounded::<u32>();
        let mut sink = Probe::new(sender.clone().into_sink());
        start(&mut sink, 1).unwrap();
        drop(sink);
        assert_eq!((receiver.len(), sender.sender_count()), (0, 1));
    }
}
