//! Memory, drops, the end of one side.

use crate::common::{forget, panicking_waker, poll, watchdog, Count, Item, Ledger, Probe};
use joinq::{bounded, channel, mpsc, unbounded, Queue, Receiver, Selector, Sender};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// A request holds the sender of its reply. The server panics with requests in its channel: each requester learns
/// that no reply will follow.
#[test]
fn museum_005_a_requester_learns_of_the_panic_of_its_server() {
    let _watchdog = watchdog();
    type Request = Sender<u32>;
    fn ask(requests: &Sender<Request>) -> Receiver<u32> {
        let (reply, replies) = bounded(1);
        requests.try_send(reply).unwrap();
        replies
    }
    fn check(requests: Sender<Request>, serve: impl FnOnce() + Send) {
        let replies: Vec<_> = (0..3).map(|_| ask(&requests)).collect();
        thread::scope(|scope| assert!(scope.spawn(serve).join().is_err()));
        assert!(replies[0].recv().wait().is_ok());
        assert!(replies[1..].iter().all(|reply| reply.recv().wait().is_err()));
        assert!(requests.try_send(bounded(1).0).unwrap_err().is_closed());
    }
    fn serve(reply: Request) {
        reply.try_send(1).unwrap();
        panic!("the server fails");
    }
    for (requests, receiver) in [bounded(3), unbounded(), joinq::with_permits(3)] {
        check(requests, move || serve(receiver.recv().wait().unwrap()));
    }
    for (requests, mut receiver) in [mpsc::bounded(3), mpsc::unbounded()] {
        check(requests, move || serve(receiver.recv().wait().unwrap()));
    }
}

/// The permit outlives the last receiver. A message that is sent with it is dropped at once or with the last
/// handle, and the reply channel in it does not stay open for ever.
#[test]
fn museum_006_a_permit_that_outlives_the_receivers_strands_no_message() {
    let _watchdog = watchdog();
    let (sender, receiver) = joinq::with_permits::<Sender<u8>>(2);
    let mut permits = sender.try_reserve(2).unwrap();
    drop(receiver);
    let (reply, replies) = unbounded();
    permits.send(reply);
    assert!(replies.try_recv().unwrap_err().is_closed(), "the message is dropped, as no receiver is left");
    drop(permits);
    assert!(sender.try_reserve(1).unwrap_err().is_closed() && sender.is_empty());
}

/// The sources have neither bytes that become a value nor values that become another type.
#[test]
fn museum_010_no_source_makes_or_reinterprets_a_value_from_bytes() {
    fn walk(folder: &std::path::Path, texts: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            match entry.unwrap().path() {
                path if path.is_dir() => walk(&path, texts),
                path => texts.push(std::fs::read_to_string(path).unwrap()),
            }
        }
    }
    let mut texts = Vec::new();
    walk(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut texts);
    assert!(texts.len() > 50 && texts.iter().any(|text| text.contains("MaybeUninit")));
    for name in ["transmute", "zeroed", "write_bytes", "set_len", "from_raw_parts"] {
        assert!(!texts.iter().any(|text| text.contains(name)), "`{name}` in the sources");
    }
}

/// Guards, batches, selects and operations are forgotten while they are alive: the queue is used, closed and
/// dropped, and other operations complete.
#[test]
fn museum_015_forgotten_guards_leave_a_queue_that_works() {
    let _watchdog = watchdog();
    let ledger = Ledger::new();
    let queue = Arc::new(Queue::bounded(8));
    let mut ids = 0..;
    let mut fill = |count| (0..count).for_each(|_| assert!(queue.try_put(ledger.item(ids.next().unwrap())).is_ok()));
    fill(8);
    forget(queue.try_get_task().ok().unwrap().into_parts().1);
    forget(queue.clone().try_get_task_owned().ok().unwrap().into_parts().1);
    forget(queue.clone().close_on_drop_owned());
    forget(queue.clone().shutdown_on_panic_owned());
    let mut drain = queue.drain();
    drop(drain.next());
    forget(drain);
    fill(8);
    for _ in 0..3 {
        // A select that is never run, and one that has lost to a timeout.
        forget(Selector::new().get(&queue, |_| ()));
        let empty = Queue::<Item>::bounded(1);
        assert!(Selector::new().get(&empty, |_| ()).wait_timeout(Duration::ZERO).is_err());
        drop(queue.try_get());
        forget(Probe::new(queue.get()));
    }
    let waiting = Probe::new(queue.clone().get_owned());
    assert!(!queue.is_closed());
    queue.close();
    assert!(waiting.ready().is_ok() || queue.is_empty());
    drop(queue.drain());
    assert!(queue.try_get().is_err_and(|error| error.is_closed()));
}

/// Forgotten permits keep their capacity; the others are as good as before, and a close ends the queue though the
/// permits are never used.
#[test]
fn museum_015_forgotten_permits_keep_their_capacity_and_nothing_else() {
    let _watchdog = watchdog();
    let queue = Queue::with_permits(3);
    std::mem::forget(queue.try_reserve(1).unwrap());
    for n in 0..1000 {
        queue.try_put_many([n, n]).unwrap();
        assert!(queue.try_put(n).unwrap_err().is_full());
        assert_eq!((queue.try_get(), queue.try_get()), (Ok(n), Ok(n)));
    }
    assert!(queue.close());
    assert!(queue.try_put(1).unwrap_err().is_closed());
    drop(queue);
}

#[cfg(feature = "stream")]
#[test]
fn museum_016_a_stream_that_moves_between_polls_loses_nothing() {
    use futures_lite::Stream;
    let _watchdog = watchdog();
    let queue = Arc::new(Queue::bounded(2));
    let mut streams: Vec<_> = (0..4).map(|_| Box::new(Probe::new(queue.clone().stream_owned()))).collect();
    let mut got = Vec::new();
    for n in 0..10_000_u64 {
        // Each stream gets a new address, also one that is registered.
        streams = streams.into_iter().rev().map(|stream| Box::new(*stream)).collect();
        for stream in &mut streams {
            match stream.poll_with(|stream, context| stream.poll_next(context)) {
                std::task::Poll::Ready(item) => got.push(item.unwrap()),
                std::task::Poll::Pending => {}
            }
        }
        queue.try_put(vec![n; 7]).unwrap();
        assert!(streams.iter().any(|stream| stream.is_woken()));
    }
    drop(streams);
    got.extend(queue.drain());
    assert!(got.iter().enumerate().all(|(n, item)| *item == [n as u64; 7]) && got.len() == 10_000);
}

/// One slot of three is held while the others are used many times.
#[test]
fn museum_025_a_held_permit_costs_one_slot_for_many_rounds() {
    let _watchdog = watchdog();
    let queue = Queue::with_permits(3);
    let mut held = queue.try_reserve(1).unwrap();
    for n in 0..10_000 {
        queue.try_put(n).unwrap();
        queue.try_put(n).unwrap();
        assert!(queue.try_put(n).unwrap_err().is_full());
        assert_eq!((queue.try_get(), queue.try_get()), (Ok(n), Ok(n)));
        assert!(queue.try_get().unwrap_err().is_empty());
    }
    queue.close();
    assert!(queue.try_get().unwrap_err().is_empty(), "an item may still follow");
    held.put(7);
    drop(held);
    assert_eq!(queue.try_get(), Ok(7));
    assert!(queue.try_get().unwrap_err().is_closed());
}

/// A message whose drop panics if it is armed, after the ledger has recorded the drop.
struct Bomb(#[allow(dead_code)] Item, bool);

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.1, "the drop of an item failed");
    }
}

/// The drop of one message of 300 panics. Each way to discard the rest drops all of them, once.
#[test]
fn museum_030_every_way_to_discard_survives_a_panicking_drop() {
    let _watchdog = watchdog();
    /// Fills a channel, and drops what `discard` makes of its receiver.
    fn check<D>(channel: &dyn Fn() -> (Sender<Bomb>, D), discard: &dyn Fn(&Sender<Bomb>, D)) {
        for armed in [0, 1, 150, 299] {
            let ledger = Ledger::new();
            let (sender, receiver) = channel();
            let bombs = (0..300).map(|id| Bomb(ledger.item(id), id == armed));
            assert!(sender.try_send_many(bombs).is_ok());
            assert!(catch_unwind(AssertUnwindSafe(|| discard(&sender, receiver))).is_err());
            assert_eq!((ledger.dropped(), sender.len()), (300, 0), "armed: {armed}");
            ledger.settle();
        }
    }
    let single: [&dyn Fn() -> (Sender<Bomb>, mpsc::Receiver<Bomb>); 2] = [&mpsc::unbounded, &|| mpsc::bounded(300)];
    for channel in single {
        check(channel, &|_, receiver| drop(receiver));
        check(channel, &|_, mut receiver| drop(receiver.drain()));
        check(channel, &|_, receiver| drop(receiver.into_recv()));
        check(channel, &|sender, receiver| {
            sender.close();
            drop(receiver);
        });
    }
    let shared: [&dyn Fn() -> (Sender<Bomb>, Receiver<Bomb>); 3] =
        [&unbounded, &|| bounded(300), &|| joinq::with_permits(300)];
    for channel in shared {
        check(channel, &|_, receiver| drop(receiver));
        check(channel, &|_, receiver| drop(receiver.drain()));
        check(channel, &|_, receiver| drop(receiver.into_iter()));
        check(channel, &|_, receiver| drop(receiver.into_recv()));
        check(channel, &|_, receiver| {
            let mut items = Vec::new();
            assert_eq!(receiver.try_recv_many(&mut items, 300), Ok(300));
            drop(items);
        });
    }
}

/// The requirement is in the manifest, so that users of the crate have it as well.
#[test]
fn museum_032_the_corrected_event_listener_is_required() {
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
    let at = manifest.find("event-listener").unwrap();
    let version = manifest[at..].split('"').find(|part| part.starts_with(|c: char| c.is_ascii_digit())).unwrap();
    let numbers: Vec<u32> = version.split('.').map(|number| number.parse().unwrap()).collect();
    assert!(numbers >= vec![5, 4, 2], "{version} has RUSTSEC-2026-0221");
}

/// No handle, operation or error clones an item: this compiles though the items have no `Clone`.
#[test]
fn museum_033_no_item_is_ever_cloned() {
    struct Alone(u32);
    let (sender, receiver) = bounded(4);
    let (other_sender, other_receiver) = (sender.clone(), receiver.clone());
    assert!(sender.try_send(Alone(1)).is_ok() && other_sender.downgrade().upgrade().is_some());
    assert!(other_sender.force_send(Alone(2)).is_ok_and(|displaced| displaced.is_none()));
    assert_eq!(other_receiver.recv().wait().map(|alone| alone.0), Ok(1));
    assert_eq!(receiver.drain().map(|alone| alone.0).collect::<Vec<_>>(), [2]);
    drop((receiver, other_receiver));
    assert_eq!(sender.send(Alone(3)).wait().unwrap_err().into_inner().0, 3);
}

/// Operations and handles are dropped, completed or timed out: the queue has no reference to their wakers.
#[test]
fn museum_088_no_waker_stays_behind_a_handle_or_an_operation() {
    let _watchdog = watchdog();
    let (count, waker) = Count::new();
    let free = |place| assert_eq!(Arc::strong_count(&count), 2, "a waker stayed behind {place}");

    let (sender, receiver) = bounded::<u8>(1);
    assert!(poll(&mut receiver.recv(), &waker).is_pending());
    free("a dropped receive");
    let mut owned = receiver.clone().into_recv();
    assert!(poll(&mut owned, &waker).is_pending());
    drop(owned);
    free("a dropped receive with its receiver");
    sender.try_send(1).unwrap();
    let mut send = sender.clone().into_send(2);
    assert!(poll(&mut send, &waker).is_pending());
    assert_eq!(send.take(), Some(2));
    free("a send that was taken back");
    let mut closed = receiver.closed();
    assert!(poll(&mut closed, &waker).is_pending());
    sender.close();
    drop(closed);
    free("a wait for the close that was notified and dropped");

    let (sender, mut receiver) = mpsc::bounded::<u8>(1);
    assert!(poll(&mut receiver.recv(), &waker).is_pending());
    drop(receiver);
    free("a dropped single receiver");
    drop(sender);
    let (sender, mut receiver) = mpsc::unbounded::<u8>();
    assert!(receiver.poll_recv(&mut std::task::Context::from_waker(&waker)).is_pending());
    sender.try_send(1).unwrap();
    assert_eq!(receiver.recv().wait(), Ok(1));
    free("a receive of a single receiver");

    let queue = Queue::with_permits(1);
    let permits = queue.try_reserve(1).unwrap();
    let (mut reserve, mut put) = (queue.reserve(1), queue.put(1));
    assert!(poll(&mut reserve, &waker).is_pending() && poll(&mut put, &waker).is_pending());
    queue.close();
    free("operations that a close has ended");
    drop((reserve, put, permits));
    let queue = Queue::<u8>::bounded(0);
    let mut get = queue.get();
    assert!(poll(&mut get, &waker).is_pending());
    queue.try_put(1).unwrap();
    free("a get at a rendezvous");
    assert!(poll(&mut get, &waker).is_ready());
}

/// The channel is kept by its own message; the drop of the single receiver ends that.
#[test]
fn museum_092_a_single_receiver_drops_messages_that_own_a_sender_of_its_channel() {
    struct Boomerang(#[allow(dead_code)] Option<channel::Sender<Boomerang>>, #[allow(dead_code)] Item);
    let _watchdog = watchdog();
    for capacity in [None, Some(40)] {
        let ledger = Ledger::new();
        let (sender, receiver) = capacity.map_or_else(mpsc::unbounded, mpsc::bounded);
        for id in 0..40 {
            assert!(sender.try_send(Boomerang(Some(sender.clone()), ledger.item(id))).is_ok());
        }
        let full = Probe::new(sender.clone().into_send(Boomerang(Some(sender.clone()), ledger.item(40))));
        drop(sender);
        drop(receiver);
        drop(full);
        assert_eq!(ledger.dropped(), 41);
        ledger.settle();
    }
}

/// A receiver whose waker panics in its wake-up is dropped together with the last sender.
#[test]
fn museum_024_the_drop_of_one_side_wakes_the_other_side_though_a_waker_panics() {
    let _watchdog = watchdog();
    let (sender, receiver) = bounded::<u8>(1);
    let (first, second) = (receiver.clone(), receiver);
    let (mut bad, good) = (first.recv(), Probe::pending(second.recv()));
    assert!(poll(&mut bad, &panicking_waker()).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(sender))).is_err());
    assert!(good.is_woken() && good.ready().is_err());
    assert!(bad.wait_timeout(Duration::ZERO).is_err_and(|error| error.is_closed()));
}
