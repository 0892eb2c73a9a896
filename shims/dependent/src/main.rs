//! Shows that each dependency on a peer is joinq.

use futures_lite::future::block_on;
use std::any::type_name;

/// A type of the peer's name is a type of joinq.
macro_rules! is_joinq {
    ($($type:ty: $module:literal),+ $(,)?) => {
        $(assert!(type_name::<$type>().starts_with(concat!("joinq::compat::", $module)), "{}", type_name::<$type>());)+
    };
}

fn main() {
    is_joinq! {
        async_channel::Sender<u8>: "async_channel", async_channel_1::Receiver<u8>: "async_channel",
        crossbeam_channel::Sender<u8>: "crossbeam_channel", flume::Receiver<u8>: "flume",
        flume_0_11::Sender<u8>: "flume",
    }

    let (sender, mut receiver) = async_channel_1::bounded(1);
    sender.try_send(1).unwrap();
    drop(sender);
    // async-channel 1 has handles and futures that are `Unpin`.
    assert_eq!(block_on(std::pin::Pin::new(&mut receiver.recv())), Ok(1));
    assert_eq!(block_on(futures_lite::StreamExt::next(&mut receiver)), None);

    let (sender, receiver) = crossbeam_channel::bounded(0);
    let sending = std::thread::spawn(move || sender.send(2));
    assert_eq!(receiver.recv(), Ok(2));
    sending.join().unwrap().unwrap();

    let (sender, receiver) = flume::unbounded();
    block_on(sender.send_async(3)).unwrap();
    assert_eq!(receiver.recv(), Ok(3));

    assert_eq!(block_on(blocking::unblock(|| 4)), 4);

    // `crossbeam` re-exports the peer, its `select!` too.
    let (sender, receiver) = crossbeam::channel::unbounded();
    sender.send(5).unwrap();
    crossbeam::select! {
        recv(receiver) -> number => assert_eq!(number, Ok(5)),
        default(std::time::Duration::from_secs(60)) => panic!("timed out"),
    }

    // A trait that another crate implements for the peer's handle is kept.
    let (mut sender, receiver) = crossbeam_channel::unbounded();
    notify::EventHandler::handle_event(&mut sender, Ok(notify::Event::default()));
    assert_eq!(receiver.len(), 1);
    println!("async-channel 1 and 2, crossbeam-channel, flume 0.11 and 0.12 are joinq");
}
