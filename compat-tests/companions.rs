//! The handles of `joinq::compat::tokio_mpsc` among the tools of tokio and `futures` that take any future, stream
//! or sink, as its page says.

use futures_util::{SinkExt, StreamExt};
use joinq::compat::tokio_mpsc::{
    channel, unbounded_channel, PollSendError, PollSender, ReceiverStream, UnboundedReceiverStream,
};
use std::time::Duration;
use tokio_stream::StreamMap;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn streams_have_the_methods_of_tokio_stream_and_of_futures() {
    let (sender, receiver) = channel(4);
    (1..=4).for_each(|n| sender.try_send(n).unwrap());
    drop(sender);
    let doubled = tokio_stream::StreamExt::map(ReceiverStream::new(receiver), |n| 2 * n);
    assert_eq!(doubled.chunks(3).collect::<Vec<_>>().await, [vec![2, 4, 6], vec![8]]);

    let (sender, receiver) = unbounded_channel();
    let stream = UnboundedReceiverStream::new(receiver);
    let mut timed = std::pin::pin!(tokio_stream::StreamExt::timeout(stream, Duration::from_millis(1)));
    assert!(timed.next().await.unwrap().is_err());
    sender.send(1).unwrap();
    assert_eq!(timed.next().await, Some(Ok(1)));
}

#[tokio::test]
async fn streams_of_several_channels_are_merged() {
    let [one, two] = [1, 2].map(|n| {
        let (sender, receiver) = channel(1);
        sender.try_send(n).unwrap();
        receiver
    });
    let mut map = StreamMap::new();
    map.insert("one", ReceiverStream::new(one));
    map.insert("two", ReceiverStream::new(two));
    let mut got: Vec<_> = map.collect().await;
    got.sort_unstable();
    assert_eq!(got, [("one", 1), ("two", 2)]);
}

#[tokio::test]
async fn a_polled_sender_is_a_sink_of_futures() {
    let (sender, receiver) = channel(1);
    let mut sink = PollSender::new(sender).with(|n: u32| std::future::ready(Ok::<_, PollSendError<u32>>(n + 1)));
    let sending = async move {
        sink.send_all(&mut futures_util::stream::iter((0..100).map(Ok))).await.unwrap();
        sink.close().await.unwrap();
    };
    let (sum, ()) = tokio::join!(ReceiverStream::new(receiver).fold(0, |sum, n| std::future::ready(sum + n)), sending);
    assert_eq!(sum, 5050);
}

/// From the end of one channel into another, as `StreamExt::forward` of `futures` has it.
#[tokio::test]
async fn a_stream_is_forwarded_into_a_channel_of_tokio() {
    let (sender, receiver) = channel(2);
    let (theirs, mut end) = tokio::sync::mpsc::channel(2);
    tokio::spawn(ReceiverStream::new(receiver).map(Ok).forward(tokio_util::sync::PollSender::new(theirs)));
    for n in 0..10 {
        sender.send(n).await.unwrap();
        assert_eq!(end.recv().await, Some(n));
    }
    drop(sender);
    assert_eq!(end.recv().await, None);
}

#[tokio::test]
async fn futures_work_in_select_timeout_and_cancellation() {
    let (sender, mut receiver) = channel(1);
    let token = CancellationToken::new();
    sender.send(1).await.unwrap();
    tokio::select! {
        biased;
        _ = sender.reserve() => panic!("the channel is full"),
        message = receiver.recv() => assert_eq!(message, Some(1)),
    }
    assert!(tokio::time::timeout(Duration::from_millis(1), receiver.recv()).await.is_err());
    let waiting = tokio::spawn(token.clone().run_until_cancelled_owned(async move { receiver.recv().await }));
    token.cancel();
    assert_eq!(waiting.await.unwrap(), None::<Option<i32>>);
}
