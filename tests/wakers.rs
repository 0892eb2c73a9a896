//! Wakers are somebody else's code: they may use the queue, own operations, and panic.

mod common;

use common::{panicking_waker, poll, watchdog, Count, Probe};
use joinq::{Put, Queue};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, Mutex};
use std::task::{Poll, RawWaker, RawWakerVTable, Wake, Waker};

/// A waker that does something when it is woken and when it is dropped.
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

/// Uses both ends, and lets operations begin and end.
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
        // A get that is called.
        let mut get = queue.get();
        if poll(&mut get, &waker).is_pending() {
            let _ = queue.try_put(1);
        }
        drop(get);
        while queue.try_get().is_ok() {}
        // A put whose item is moved in.
        let _ = queue.try_put(1);
        let mut put = queue.put(2);
        if poll(&mut put, &waker).is_pending() {
            let _ = queue.try_get();
        }
        drop(put);
        // Both at the end.
        while queue.try_get().is_ok() {}
        let (mut get, mut put) = (queue.get(), queue.put(3));
        let _ = (poll(&mut get, &waker).is_ready(), poll(&mut put, &waker).is_ready());
        queue.close();
    }
}

/// Neither happens under a lock.
#[test]
#[allow(unsafe_code)] // A clone that does something can only be made so.
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
    // SAFETY: nothing is behind the pointer, and no function of the table looks there.
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
    struct Owner(Mutex<Option<joinq::GetOwned<u32>>>);
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
    assert!(next.is_woken(), "the get that was called is gone");
    assert_eq!(next.ready(), Ok(1));
}

#[test]
fn a_waker_that_panics_keeps_nobody_asleep_and_loses_no_place() {
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

    // A put: its item is in, whatever its waker does.
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
fn a_close_that_meets_a_waker_that_panics_is_a_close_for_all() {
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

/// What a reservation has collected goes back also when it is dropped after a waker has panicked.
#[test]
fn permits_are_not_lost_to_a_waker_that_panics() {
    let queue = Queue::with_permits(2);
    let held = queue.try_reserve(1).unwrap();
    let mut first = queue.reserve(2);
    assert!(poll(&mut first, &panicking_waker()).is_pending());
    let behind = Probe::pending(queue.put(1));
    assert!(catch_unwind(AssertUnwindSafe(|| drop(held))).is_err());
    assert!(!behind.is_woken());
    drop(first);
    assert!(behind.is_woken());
    assert_eq!((queue.try_get(), queue.room()), (Ok(1), Some(2)));
}

/// The waker of a get lets an item in and a put line up when it is cloned, and panics when it is dropped: that is while the get
/// has its item and leaves the line.
#[test]
#[allow(unsafe_code)] // A clone that does something can only be made so.
fn a_waker_that_panics_when_it_is_dropped_keeps_no_put_from_its_room() {
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
    // SAFETY: the functions of the table need no data.
    let waker = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE)) };
    let waker = std::mem::ManuallyDrop::new(waker);
    assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut QUEUE.get(), &waker))).is_err());
    let mut put = PUT.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take().unwrap();
    assert!(poll(&mut put, &Count::new().1).is_ready());
}
