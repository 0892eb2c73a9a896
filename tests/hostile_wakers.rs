//! A waker is foreign code: it may use the queue, own an operation, block, or panic.

mod common;

use common::{panicking_waker, poll, watchdog, Count, Probe};
use joinq::queue::{Join, Put};
use joinq::Queue;
use std::future::Future;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{sync_channel, SyncSender};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};

/// A waker that runs code when it is woken and when it is dropped.
struct Acts<F: Fn() + Send + Sync>(F);

impl<F: Fn() + Send + Sync> Wake for Acts<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

impl<F: Fn() + Send + Sync> Drop for Acts<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn acts(act: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(Acts(act)))
}

/// Uses both ends, and starts and ends operations.
fn use_it(queue: &Queue<u32>) {
    let _ = (queue.try_get(), queue.try_put(7));
    let (_, waker) = Count::new();
    let (mut get, mut put) = (queue.get(), queue.put(8));
    let _ = (poll(&mut get, &waker).is_ready(), poll(&mut put, &waker).is_ready());
    drop((get, put));
    let _ = (queue.put(9).wait_timeout(std::time::Duration::ZERO), queue.len());
}

fn queues() -> [Arc<Queue<u32>>; 3] {
    [Queue::bounded(1), Queue::bounded(0), Queue::with_permits(1)].map(Arc::new)
}

#[test]
fn a_waker_may_use_its_own_queue() {
    let _watchdog = watchdog();
    for queue in queues() {
        let user = queue.clone();
        let waker = acts(move || use_it(&user));
        // A get that is notified.
        let mut get = queue.get();
        if poll(&mut get, &waker).is_pending() {
            let _ = queue.try_put(1);
        }
        drop(get);
        while queue.try_get().is_ok() {}
        // A put whose item a get moves into the queue.
        let _ = queue.try_put(1);
        let mut put = queue.put(2);
        if poll(&mut put, &waker).is_pending() {
            let _ = queue.try_get();
        }
        drop(put);
        // A get and a put that a close ends.
        while queue.try_get().is_ok() {}
        let (mut get, mut put) = (queue.get(), queue.put(3));
        let _ = (poll(&mut get, &waker).is_ready(), poll(&mut put, &waker).is_ready());
        queue.close();
    }
}

/// Wakers are neither cloned nor dropped under a lock.
#[test]
#[allow(unsafe_code)] // A waker with its own `clone` needs a vtable.
fn a_waker_may_use_its_own_queue_when_it_is_cloned_or_dropped() {
    static QUEUES: [Queue<u32>; 2] = [Queue::bounded(1), Queue::bounded(0)];
    static TABLE: RawWakerVTable = RawWakerVTable::new(
        |_| {
            use_them();
            RawWaker::new(std::ptr::null(), &TABLE)
        },
        |_| use_them(),
        |_| use_them(),
        |_| use_them(),
    );
    fn use_them() {
        QUEUES.iter().for_each(use_it);
    }
    let _watchdog = watchdog();
    // SAFETY: the functions of the vtable do not use the pointer.
    let mine = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE)) };
    let (_, other) = Count::new();
    for queue in &QUEUES {
        for _ in 0..10 {
            let mut get = queue.get();
            for waker in [&mine, &other, &mine] {
                if poll(&mut get, waker).is_ready() {
                    get = queue.get();
                }
            }
            let _ = queue.try_put(1);
            drop(get);
            let mut put = queue.put(2);
            for waker in [&mine, &other, &mine] {
                if poll(&mut put, waker).is_ready() {
                    put = queue.put(2);
                }
            }
            let _ = queue.try_get();
            drop(put);
        }
    }
}

#[test]
fn a_waker_may_own_the_operation_it_is_for() {
    let _watchdog = watchdog();
    struct Owner(Mutex<Option<joinq::queue::GetOwned<u32>>>);
    impl Wake for Owner {
        fn wake(self: Arc<Self>) {
            drop(self.0.lock().unwrap().take());
        }
    }
    let queue = Arc::new(Queue::unbounded());
    let owner = Arc::new(Owner(Mutex::new(Some(queue.clone().get_owned()))));
    let mut get = owner.0.lock().unwrap().take().unwrap();
    assert!(poll(&mut get, &Waker::from(owner.clone())).is_pending());
    *owner.0.lock().unwrap() = Some(get);
    let next = Probe::pending(queue.get());
    queue.try_put(1).unwrap();
    assert!(next.is_woken(), "the notified get was dropped");
    assert_eq!(next.ready(), Ok(1));
}

#[test]
fn other_waiters_are_woken_and_served_though_a_waker_panics() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    let mut bad = queue.get();
    assert!(poll(&mut bad, &panicking_waker()).is_pending());
    let mut worse = queue.get();
    assert!(poll(&mut worse, &panicking_waker()).is_pending());
    let gets = [Probe::pending(queue.get()), Probe::pending(queue.get())];
    assert!(catch_unwind(AssertUnwindSafe(|| queue.try_put_many([1, 2, 3, 4]))).is_err());
    assert!(gets.iter().all(Probe::is_woken) && queue.len() == 4);
    drop((bad, worse));
    assert_eq!(gets.map(Probe::ready), [Ok(1), Ok(2)]);
    assert!(queue.try_iter().eq([3, 4]));

    // A put: its item is in the queue, whatever its waker does.
    let queue = Queue::bounded(1);
    queue.try_put(1).unwrap();
    let mut bad = queue.put(2);
    assert!(poll(&mut bad, &panicking_waker()).is_pending());
    let next = Probe::pending(queue.put(3));
    assert!(catch_unwind(AssertUnwindSafe(|| queue.try_get())).is_err());
    assert_eq!(poll(&mut bad, &Count::new().1), Poll::Ready(Ok(())));
    assert_eq!(queue.try_get(), Ok(2));
    assert!(next.is_woken());
    assert_eq!((next.ready(), queue.try_get()), (Ok(()), Ok(3)));
}

#[test]
fn a_close_wakes_all_waiters_though_a_waker_panics() {
    let _watchdog = watchdog();
    for permits in [false, true] {
        let queue = if permits { Queue::<u8>::with_permits(2) } else { Queue::bounded(1) };
        let mut bad = queue.get();
        assert!(poll(&mut bad, &panicking_waker()).is_pending());
        let get = Probe::pending(queue.get());
        let closed = Probe::pending(queue.closed());
        assert!(catch_unwind(AssertUnwindSafe(|| queue.close())).is_err());
        assert!(queue.is_closed() && get.is_woken() && closed.is_woken());
        assert!(get.ready().is_err() && !queue.close());
        drop(bad);

        let queue = if permits { Queue::with_permits(1) } else { Queue::bounded(1) };
        queue.try_put(1).unwrap();
        let mut bad = queue.put(2);
        assert!(poll(&mut bad, &panicking_waker()).is_pending());
        let put = Probe::pending(queue.put(3));
        assert!(catch_unwind(AssertUnwindSafe(|| queue.close())).is_err());
        assert_eq!(put.ready().unwrap_err().into_inner(), 3);
        assert_eq!(bad.take(), Some(2));
    }
}

/// A reservation that is dropped after a waker panicked releases the permits it has collected.
#[test]
fn permits_are_kept_though_a_waker_panics() {
    let queue = Queue::with_permits(2);
    let held = queue.try_reserve(1).unwrap();
    let mut first = queue.reserve(2);
    assert!(poll(&mut first, &panicking_waker()).is_pending());
    let behind = Probe::pending(queue.put(1));
    assert!(catch_unwind(AssertUnwindSafe(|| drop(held))).is_err());
    assert!(!behind.is_woken());
    drop(first);
    assert!(behind.is_woken());
    assert_eq!((queue.try_get(), queue.remaining_capacity()), (Ok(1), Some(2)));
}

/// When the waker of a get is cloned, it puts an item and registers a put. It panics in its drop, which
/// happens while the get, which has its item, leaves the wait queue.
#[test]
#[allow(unsafe_code)] // A waker with its own `clone` needs a vtable.
fn a_put_completes_though_a_waker_panics_in_its_drop() {
    static QUEUE: Queue<u32> = Queue::bounded(1);
    static PUT: Mutex<Option<Put<'static, u32>>> = Mutex::new(None);
    static TABLE: RawWakerVTable = RawWakerVTable::new(
        |_| {
            QUEUE.try_put(1).unwrap();
            let mut put = QUEUE.put(2);
            assert!(poll(&mut put, &Count::new().1).is_pending());
            *PUT.lock().unwrap() = Some(put);
            RawWaker::new(std::ptr::null(), &TABLE)
        },
        |_| {},
        |_| {},
        |_| assert!(PUT.lock().unwrap().is_none(), "a waker that panics when it is dropped"),
    );
    let _watchdog = watchdog();
    // SAFETY: the functions of the vtable do not use the pointer.
    let waker = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE)) };
    let waker = std::mem::ManuallyDrop::new(waker);
    assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut QUEUE.get(), &waker))).is_err());
    let mut put = PUT.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take().unwrap();
    assert!(poll(&mut put, &Count::new().1).is_ready());
}

/// A task of an executor whose run queue has a capacity of one: its waker waits for a free slot of the run
/// queue.
struct Scheduled {
    future: Mutex<Pin<Box<dyn Future<Output = ()> + Send>>>,
    run_queue: SyncSender<Arc<Scheduled>>,
}

impl Scheduled {
    fn is_ready(self: &Arc<Self>) -> bool {
        let waker = Waker::from(self.clone());
        self.future.lock().unwrap().as_mut().poll(&mut Context::from_waker(&waker)).is_ready()
    }
}

impl Wake for Scheduled {
    fn wake(self: Arc<Self>) {
        self.run_queue.clone().send(self).unwrap();
    }
}

/// `end` wakes eight tasks. Each wake-up waits until the executor has polled the task before it, and that
/// poll needs the same part of the queue.
fn wakers_may_wait_for_their_executor<F: Future<Output = ()> + Send + 'static>(
    wait: impl Fn() -> F,
    end: impl FnOnce() + Send,
) {
    const TASKS: usize = 8;
    let (run_queue, to_run) = sync_channel(1);
    for _ in 0..TASKS {
        let future = Mutex::new(Box::pin(wait()) as Pin<Box<dyn Future<Output = ()> + Send>>);
        assert!(!Arc::new(Scheduled { future, run_queue: run_queue.clone() }).is_ready());
    }
    std::thread::scope(|scope| {
        scope.spawn(end);
        assert!((0..TASKS).all(|_| to_run.recv().unwrap().is_ready()));
    });
}

#[test]
fn the_waker_of_a_join_may_wait_for_its_executor() {
    let _watchdog = watchdog();
    let queue = Arc::new(Queue::unbounded());
    queue.try_put(1).unwrap();
    let joined = queue.clone();
    let wait = move || {
        let queue = joined.clone();
        async move { queue.join().await }
    };
    wakers_may_wait_for_their_executor(wait, || queue.task_done().unwrap());
}

#[test]
fn the_waker_of_a_wait_for_the_close_may_wait_for_its_executor() {
    let _watchdog = watchdog();
    for queue in queues() {
        let watched = queue.clone();
        let wait = move || {
            let queue = watched.clone();
            async move { queue.closed().await }
        };
        wakers_may_wait_for_their_executor(wait, || assert!(queue.close()));
    }
}

#[cfg(feature = "tokio")]
#[test]
fn the_waker_of_a_tokio_sender_may_wait_for_its_executor() {
    use joinq::compat::tokio_mpsc;
    let _watchdog = watchdog();
    let (sender, mut receiver) = tokio_mpsc::channel::<u32>(1);
    let wait = move || {
        let sender = sender.clone();
        async move { sender.closed().await }
    };
    wakers_may_wait_for_their_executor(wait, move || receiver.close());
}

/// Starts and ends waits of all kinds.
fn wait_at_it(queue: &Queue<u32>) {
    let (_, waker) = Count::new();
    let (mut join, mut closed) = (queue.join(), queue.closed());
    let _ = (poll(&mut join, &waker).is_ready(), poll(&mut closed, &waker).is_ready());
    drop((join, closed));
    use_it(queue);
    let _ = (queue.task_done(), queue.unfinished());
}

#[test]
fn the_waker_of_a_join_may_use_its_own_queue() {
    let _watchdog = watchdog();
    for queue in queues() {
        let uses = Arc::new(AtomicUsize::new(0));
        let waker = {
            let (queue, uses) = (queue.clone(), uses.clone());
            acts(move || {
                uses.fetch_add(1, Ordering::Relaxed);
                wait_at_it(&queue);
            })
        };
        let get = Probe::pending(queue.get());
        queue.try_put(1).unwrap();
        let (mut join, mut other, mut closed) = (queue.join(), queue.join(), queue.closed());
        assert!(poll(&mut join, &waker).is_pending() && poll(&mut other, &waker).is_pending());
        assert!(poll(&mut closed, &waker).is_pending());
        drop(get);
        assert_eq!(queue.task_done(), Ok(()));
        assert!(uses.load(Ordering::Relaxed) >= 2);
        queue.close();
        assert!(uses.load(Ordering::Relaxed) >= 3);
        drop((join, other, closed, waker));
    }
}

/// Wakers are neither cloned nor dropped under a lock.
#[test]
#[allow(unsafe_code)] // A waker with its own `clone` needs a vtable.
fn the_waker_of_a_join_may_use_its_own_queue_when_it_is_cloned_or_dropped() {
    static QUEUE: Queue<u32> = Queue::bounded(1);
    static TABLE: RawWakerVTable = RawWakerVTable::new(
        |_| {
            wait_at_it(&QUEUE);
            RawWaker::new(std::ptr::null(), &TABLE)
        },
        |_| wait_at_it(&QUEUE),
        |_| wait_at_it(&QUEUE),
        |_| wait_at_it(&QUEUE),
    );
    let _watchdog = watchdog();
    // SAFETY: the functions of the vtable do not use the pointer.
    let mine = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE)) };
    let (_, other) = Count::new();
    for _ in 0..10 {
        let (mut join, mut closed) = (QUEUE.join(), QUEUE.closed());
        for waker in [&mine, &other, &mine] {
            let _ = QUEUE.try_put(1);
            if poll(&mut join, waker).is_ready() {
                join = QUEUE.join();
            }
            assert!(poll(&mut closed, waker).is_pending());
        }
        while QUEUE.task_done().is_ok() {}
        drop((join, closed));
    }
    let mut closed = QUEUE.closed();
    assert!(poll(&mut closed, &mine).is_pending());
    QUEUE.close();
    assert!(poll(&mut closed, &mine).is_ready());
}

#[test]
fn the_waker_of_a_join_may_own_the_join_it_is_for() {
    static QUEUE: Queue<u32> = Queue::unbounded();
    struct Owner(Mutex<Option<Join<'static, u32>>>);
    impl Wake for Owner {
        fn wake(self: Arc<Self>) {
            drop(self.0.lock().unwrap().take());
        }
    }
    let _watchdog = watchdog();
    QUEUE.try_put(1).unwrap();
    let owners: [_; 3] = std::array::from_fn(|_| Arc::new(Owner(Mutex::new(None))));
    for owner in &owners {
        let mut join = QUEUE.join();
        assert!(poll(&mut join, &Waker::from(owner.clone())).is_pending());
        *owner.0.lock().unwrap() = Some(join);
    }
    QUEUE.task_done().unwrap();
    assert!(owners.iter().all(|owner| owner.0.lock().unwrap().is_none()));
}

#[test]
fn all_joins_are_woken_though_the_waker_of_one_panics() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    for _ in 0..2 {
        queue.try_put(1).unwrap();
        let (mut bad, mut worse) = (queue.join(), queue.join());
        let first = Probe::pending(queue.join());
        assert!(poll(&mut bad, &panicking_waker()).is_pending());
        let second = Probe::pending(queue.join());
        assert!(poll(&mut worse, &panicking_waker()).is_pending());
        let last = Probe::pending(queue.join());
        assert!(catch_unwind(AssertUnwindSafe(|| queue.task_done())).is_err());
        assert_eq!(queue.unfinished(), 0);
        for join in [first, second, last] {
            assert!(join.is_woken());
            join.ready();
        }
        assert!(poll(&mut bad, &Count::new().1).is_ready());
        drop(worse);
    }
    let mut bad = queue.closed();
    assert!(poll(&mut bad, &panicking_waker()).is_pending());
    let closed = Probe::pending(queue.closed());
    assert!(catch_unwind(AssertUnwindSafe(|| queue.close())).is_err());
    assert!(closed.is_woken() && queue.is_closed());
    closed.ready();
}

/// A waker whose clone panics.
#[allow(unsafe_code)] // A waker with its own `clone` needs a vtable.
fn waker_that_cannot_be_cloned() -> Waker {
    static TABLE: RawWakerVTable =
        RawWakerVTable::new(|_| panic!("a waker that cannot be cloned"), |_| {}, |_| {}, |_| {});
    // SAFETY: the functions of the vtable do not use the pointer.
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE)) }
}

/// A poll panics because its waker cannot be cloned; the next poll waits as if the first had not happened.
#[test]
fn a_join_outlives_a_waker_whose_clone_panics() {
    let _watchdog = watchdog();
    let bad = waker_that_cannot_be_cloned();
    let queue = Queue::unbounded();
    for first in [&bad, &Count::new().1] {
        queue.try_put(1).unwrap();
        let mut join = queue.join();
        let _ = catch_unwind(AssertUnwindSafe(|| poll(&mut join, first).is_ready()));
        assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut join, &bad).is_ready())).is_err());
        let join = Probe::pending(join);
        queue.task_done().unwrap();
        assert!(join.is_woken());
        join.ready();
    }
}

#[test]
fn a_join_is_woken_by_the_waker_of_its_last_poll() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    queue.try_put(1).unwrap();
    let mut join = queue.join();
    let wakers: [_; 3] = std::array::from_fn(|_| Count::new());
    for (_, waker) in &wakers {
        assert!(poll(&mut join, waker).is_pending() && poll(&mut join, waker).is_pending());
    }
    // The queue drops the wakers that it does not need any more.
    assert_eq!(wakers.iter().map(|(woken, _)| Arc::strong_count(woken)).collect::<Vec<_>>(), [2, 2, 3]);
    queue.task_done().unwrap();
    assert_eq!(wakers.iter().map(|(woken, _)| woken.get()).collect::<Vec<_>>(), [0, 0, 1]);
    assert!(poll(&mut join, &wakers[0].1).is_ready());
    assert_eq!(wakers.iter().map(|(woken, _)| Arc::strong_count(woken)).collect::<Vec<_>>(), [2, 2, 2]);
}

/// A receive that has panicked in the clone of a waker loses no wake-up of the receives that follow: each of
/// them is woken at once or by the next message.
#[test]
fn a_single_consumer_outlives_a_waker_whose_clone_panics() {
    let _watchdog = watchdog();
    let bad = waker_that_cannot_be_cloned();
    for registered_before in [false, true] {
        let (sender, mut receiver) = joinq::mpsc::unbounded();
        if registered_before {
            assert!(receiver.poll_recv(&mut Context::from_waker(&Count::new().1)).is_pending());
        }
        assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut receiver.recv(), &bad).is_ready())).is_err());
        for n in 0..3 {
            let mut receive = Probe::pending(receiver.recv());
            sender.try_send(n).unwrap();
            assert!(receive.is_woken());
            assert_eq!(receive.poll(), Poll::Ready(Ok(n)));
        }
        // A thread waits as well.
        std::thread::scope(|scope| {
            scope.spawn(|| sender.send(7).wait());
            assert_eq!(receiver.recv().wait(), Ok(7));
        });
    }
}

/// The functions of a waker run in no state in which a send would wait for them.
#[test]
#[allow(unsafe_code)] // A waker with its own `clone` needs a vtable.
fn the_waker_of_a_single_consumer_may_use_its_own_channel() {
    static SENDER: std::sync::OnceLock<joinq::Sender<u32>> = std::sync::OnceLock::new();
    static TABLE: RawWakerVTable = RawWakerVTable::new(
        |_| {
            send();
            RawWaker::new(std::ptr::null(), &TABLE)
        },
        |_| send(),
        |_| send(),
        |_| send(),
    );
    fn send() {
        let _ = SENDER.get().unwrap().try_send(1);
    }
    let _watchdog = watchdog();
    let (sender, mut receiver) = joinq::mpsc::unbounded();
    assert!(SENDER.set(sender).is_ok());
    // SAFETY: the functions of the vtable do not use the pointer.
    let mine = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE)) };
    let (_, other) = Count::new();
    for _ in 0..10 {
        receiver.try_iter().for_each(drop);
        for waker in [&mine, &other, &mine, &mine, &other] {
            let _ = receiver.poll_recv(&mut Context::from_waker(waker));
        }
        send();
        assert!(poll(&mut receiver.recv(), &mine).is_ready());
    }
}
