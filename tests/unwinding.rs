//! A panic that unwinds through an operation (of a waker, or of a vector that cannot grow) costs nothing but
//! that operation: no capacity, no notification, no count.

mod common;

use common::{panicking_waker, poll, watchdog, Count, Ledger, Probe};
use joinq::{mpsc, Queue};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, RawWaker, RawWakerVTable, Wake, Waker};

fn panics(code: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(code)).is_err()
}

/// A waker that panics when its last clone is dropped.
fn waker_that_panics_when_dropped() -> Waker {
    struct PanicsInDrop;
    impl Wake for PanicsInDrop {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for PanicsInDrop {
        fn drop(&mut self) {
            panic!("a waker panics when it is dropped");
        }
    }
    Waker::from(Arc::new(PanicsInDrop))
}

/// A vector without memory that has space for so many units only.
fn units(space: usize) -> Vec<()> {
    vec![(); usize::MAX - space]
}

/// The receiver is registered, and the clone of another waker panics. The next poll registers a good waker, and
/// sleeps: nothing wakes it until there is a message.
#[test]
#[allow(unsafe_code)] // A waker with its own `clone` needs a vtable.
fn a_receiver_sleeps_again_after_the_clone_of_a_waker_has_panicked() {
    static TABLE: RawWakerVTable =
        RawWakerVTable::new(|_| panic!("a waker that cannot be cloned"), |_| {}, |_| {}, |_| {});
    let _watchdog = watchdog();
    // SAFETY: the functions of the vtable do not use the pointer.
    let bad = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE)) };
    let (sender, mut receiver) = mpsc::unbounded::<u32>();
    assert!(panics(|| {
        let _ = receiver.poll_recv(&mut Context::from_waker(&bad));
    }));
    let (woken, waker) = Count::new();
    assert!(receiver.poll_recv(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(woken.get(), 0, "nothing was sent");
    sender.try_send(1).unwrap();
    assert_eq!(woken.get(), 1);
}

/// A message is sent while the waker of a receive is registered, and that waker panics when it is woken. The
/// next poll sleeps.
#[test]
#[allow(unsafe_code)] // A waker with its own `clone` needs a vtable.
fn a_receiver_sleeps_again_after_a_waker_has_panicked_while_it_was_registered() {
    static SENDER: Mutex<Option<joinq::Sender<u32>>> = Mutex::new(None);
    static TABLE: RawWakerVTable = RawWakerVTable::new(
        |_| {
            SENDER.lock().unwrap().as_ref().unwrap().try_send(1).unwrap();
            RawWaker::new(std::ptr::null(), &TABLE)
        },
        |_| panic!("a waker panics"),
        |_| panic!("a waker panics"),
        |_| {},
    );
    let _watchdog = watchdog();
    // SAFETY: the functions of the vtable do not use the pointer.
    let bad = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE)) };
    let (sender, mut receiver) = mpsc::unbounded::<u32>();
    *SENDER.lock().unwrap() = Some(sender);
    assert!(receiver.poll_recv(&mut Context::from_waker(&Count::new().1)).is_pending());
    let _ = catch_unwind(AssertUnwindSafe(|| receiver.poll_recv(&mut Context::from_waker(&bad)).is_ready()));
    while receiver.try_recv().is_ok() {}
    let (woken, waker) = Count::new();
    assert!(receiver.poll_recv(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(woken.get(), 0, "nothing was sent");
}

/// Two gets wait at a rendezvous. The first is notified of an item and dropped; this notifies the second, whose
/// waker panics. One get waits then, and one item is there for it: no more can be put.
#[test]
fn a_cancelled_get_is_not_matched_any_more_though_a_waker_panics() {
    let _watchdog = watchdog();
    let queue = Queue::bounded(0);
    let first = Probe::pending(queue.get());
    let mut second = queue.get();
    assert!(poll(&mut second, &panicking_waker()).is_pending());
    queue.try_put(1).unwrap();
    assert!(panics(|| drop(first)));
    assert_eq!(Probe::new(second).ready(), Ok(1));
    assert!(queue.try_put(2).unwrap_err().is_full(), "no get waits");
}

/// A reservation has collected two of three permits, and its waker panics when it is dropped with it.
#[test]
fn a_dropped_reservation_releases_its_permits_though_its_waker_panics() {
    let _watchdog = watchdog();
    let queue = Queue::with_permits(3);
    queue.try_put(1).unwrap();
    let mut reserve = queue.reserve(3);
    {
        let waker = waker_that_panics_when_dropped();
        assert!(poll(&mut reserve, &waker).is_pending());
    }
    assert!(panics(|| drop(reserve)));
    assert!(queue.try_reserve(2).is_ok(), "two permits are free");
}

/// The permits that a reservation waits for become free just before it is enqueued, and its waker panics when
/// it is dropped.
#[test]
#[allow(unsafe_code)] // A waker with its own `clone` needs a vtable.
fn a_reservation_that_completes_at_once_loses_no_permits_though_its_waker_panics() {
    static QUEUE: Queue<u32> = Queue::with_permits(2);
    static ARMED: AtomicBool = AtomicBool::new(false);
    static TABLE: RawWakerVTable = RawWakerVTable::new(
        |_| {
            assert_eq!(QUEUE.try_get(), Ok(1));
            ARMED.store(true, Ordering::Relaxed);
            RawWaker::new(std::ptr::null(), &TABLE)
        },
        |_| {},
        |_| {},
        |_| assert!(!ARMED.swap(false, Ordering::Relaxed), "a waker that panics when it is dropped"),
    );
    let _watchdog = watchdog();
    QUEUE.try_put(1).unwrap();
    // SAFETY: the functions of the vtable do not use the pointer.
    let waker = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE)) };
    assert!(panics(|| {
        let _ = poll(&mut QUEUE.reserve(2), &waker).is_ready();
    }));
    assert!(QUEUE.try_reserve(2).is_ok(), "both permits are free");
}

/// A vector has space for some of the items only, so that the operation panics after it has taken these.
#[test]
fn a_batch_that_panics_releases_the_permits_of_the_items_that_it_took() {
    let _watchdog = watchdog();
    for space in 0..600 {
        let queue = Queue::with_permits(1000);
        queue.try_put_many(vec![(); 700]).unwrap();
        let mut batch = units(space);
        let before = batch.len();
        assert!(panics(|| {
            let _ = queue.try_get_many(&mut batch, 700);
        }));
        let taken = batch.len() - before;
        assert_eq!(queue.len() + taken, 700);
        assert!(queue.try_reserve(300 + taken).is_ok(), "{taken} permits of items that were taken");
    }
}

/// A get that was notified takes a part of the items, and panics as its vector cannot hold the rest.
#[test]
fn a_batch_that_panics_serves_the_puts_that_wait() {
    let _watchdog = watchdog();
    for space in 0..600 {
        let queue = Queue::bounded(700);
        let mut batch = units(space);
        let before = batch.len();
        let mut get = Probe::pending(queue.get_many(&mut batch, 700));
        queue.try_put_many(vec![(); 700]).unwrap();
        let put = Probe::pending(queue.put(()));
        assert!(panics(|| {
            let _ = get.poll();
        }));
        drop(get);
        if batch.len() > before {
            assert!(put.is_woken(), "{} slots are free", batch.len() - before);
        }
    }
}

/// A get that was notified of an item panics before it takes it: the next get is notified instead.
#[test]
fn a_get_that_panics_leaves_its_item_to_the_next() {
    let _watchdog = watchdog();
    let queue = Queue::bounded(1);
    let mut batch = units(0);
    let mut first = Probe::pending(queue.get_many(&mut batch, 1));
    let second = Probe::pending(queue.get());
    queue.try_put(()).unwrap();
    assert!(panics(|| {
        let _ = first.poll();
    }));
    drop(first);
    assert!(second.is_woken());
}

/// A forced put notifies a get whose waker panics. The displaced item is dropped, and counts as done.
#[test]
fn a_displaced_item_counts_as_done_though_a_waker_panics() {
    let _watchdog = watchdog();
    for queue in [Queue::bounded(1), Queue::with_permits(1)] {
        let first = Probe::pending(queue.get());
        let mut second = queue.get();
        assert!(poll(&mut second, &panicking_waker()).is_pending());
        queue.try_put(1).unwrap();
        assert!(first.is_woken());
        assert!(panics(|| {
            let _ = queue.force_put(2);
        }));
        assert_eq!((queue.len(), queue.unfinished()), (1, 1));
    }
}

/// A drain serves a put whose waker panics. The drained items are dropped, and count as done.
#[test]
fn drained_items_count_as_done_though_a_waker_panics() {
    let _watchdog = watchdog();
    let queue = Queue::bounded(2);
    queue.try_put_many([1, 2]).unwrap();
    let mut put = queue.put(3);
    assert!(poll(&mut put, &panicking_waker()).is_pending());
    assert!(panics(|| drop(queue.drain())));
    assert_eq!((queue.len(), queue.unfinished()), (1, 1));
}

/// A put waits with its item, and its waker panics when it is dropped with it. The item is dropped.
#[test]
fn the_item_of_a_dropped_put_is_dropped_though_its_waker_panics() {
    let _watchdog = watchdog();
    for queue in [Queue::bounded(1), Queue::bounded(0), Queue::with_permits(1)] {
        let ledger = Ledger::new();
        let _ = queue.try_put(ledger.item(0));
        let mut put = queue.put(ledger.item(1));
        {
            let waker = waker_that_panics_when_dropped();
            assert!(poll(&mut put, &waker).is_pending());
        }
        assert!(panics(|| drop(put)));
        drop(queue);
        ledger.settle();
    }
}

/// The queue is closed while the waker of the second poll is cloned, and the clone panics when it is dropped,
/// as it is not needed any more. The item of the put is dropped.
#[test]
#[allow(unsafe_code)] // A waker with its own `clone` needs a vtable.
fn the_item_of_a_put_is_dropped_though_a_waker_that_is_not_needed_panics() {
    static QUEUE: Mutex<Option<Arc<Queue<common::Item>>>> = Mutex::new(None);
    static ARMED: AtomicBool = AtomicBool::new(false);
    static TABLE: RawWakerVTable = RawWakerVTable::new(
        |_| {
            let queue = QUEUE.lock().unwrap().clone();
            assert!(queue.unwrap().close());
            ARMED.store(true, Ordering::Relaxed);
            RawWaker::new(std::ptr::null(), &TABLE)
        },
        |_| {},
        |_| {},
        |_| assert!(!ARMED.swap(false, Ordering::Relaxed), "a waker that panics when it is dropped"),
    );
    let _watchdog = watchdog();
    let ledger = Ledger::new();
    let queue = Arc::new(Queue::bounded(1));
    *QUEUE.lock().unwrap() = Some(queue.clone());
    assert!(queue.try_put(ledger.item(0)).is_ok());
    let mut put = Probe::pending(queue.put(ledger.item(1)));
    // SAFETY: the functions of the vtable do not use the pointer.
    let waker = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE)) };
    assert!(panics(|| {
        let _ = poll(&mut put.future, &waker).is_ready();
    }));
    drop((put, QUEUE.lock().unwrap().take()));
    drop(queue);
    ledger.settle();
}

/// A waker panics at the close. The items are removed nevertheless, and dropped, as the call has no result.
#[test]
fn a_shutdown_that_unwinds_drops_the_items() {
    let _watchdog = watchdog();
    let ledger = Ledger::new();
    let queue = Queue::unbounded();
    queue.try_put_many(ledger.items(0..3)).unwrap_or_else(|_| panic!("it has no bound"));
    let mut closed = queue.closed();
    assert!(poll(&mut closed, &panicking_waker()).is_pending());
    assert!(panics(|| drop(queue.shutdown_now())));
    assert_eq!((queue.len(), queue.unfinished()), (0, 0));
    ledger.settle();
}

/// The waker of a get closes the queue at the first of several runs of subtasks, and panics. Those that are refused
/// are dropped, as the call has no result.
#[test]
fn a_batch_of_subtasks_that_unwinds_drops_those_that_are_refused() {
    struct Closes(Arc<Queue<common::Item>>);
    impl Wake for Closes {
        fn wake(self: Arc<Self>) {
            self.0.close();
            panic!("a waker panics");
        }
    }
    let _watchdog = watchdog();
    let ledger = Ledger::new();
    let queue = Arc::new(Queue::unbounded());
    assert!(queue.try_put(ledger.item(0)).is_ok());
    let task = queue.try_get_task().unwrap();
    let mut get = queue.get();
    assert!(poll(&mut get, &Waker::from(Arc::new(Closes(queue.clone())))).is_pending());
    assert!(panics(|| drop(task.put_subtasks(ledger.items(1..40)))));
    let left = queue.len();
    assert!((1..39).contains(&left), "the first run: {left}");
    assert_eq!(ledger.dropped(), 39 - left);
    drop((get, task));
    drop(queue.shutdown_now());
    ledger.settle();
}
