//! Timeouts, completed operations, and queues in statics and in thread-local data.

mod common;

use common::{poll, watchdog, Count, Probe};
use futures_lite::future::{block_on, pending, ready};
use joinq::queue::Get;
use joinq::{ClosedTimeoutError, GetTimeoutError, JoinTimeoutError, PutTimeoutError, Queue};
use std::future::Future;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn operations_that_need_no_wait_succeed_after_the_timeout() {
    let _watchdog = watchdog();
    let past = Instant::now();
    let queue = Queue::bounded(10);
    for limit in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        queue.put(1).wait_timeout(limit).unwrap();
        queue.put_many([2, 3]).wait_timeout(limit).unwrap();
        assert_eq!(queue.get().wait_timeout(limit), Ok(1));
        let mut items = Vec::new();
        assert_eq!(queue.get_many(&mut items, 1).wait_timeout(limit), Ok(1));
        assert_eq!(queue.get_task().wait_timeout(limit).map(|task| *task), Ok(3));
        queue.tasks_done(2).unwrap();
        queue.join().wait_timeout(limit).unwrap();
    }
    queue.put(1).wait_deadline(past).unwrap();
    assert_eq!(queue.get().wait_deadline(past), Ok(1));
    queue.task_done().unwrap();
    queue.join().wait_deadline(past).unwrap();
    assert_eq!(block_on(queue.put(4).until(ready(()))), Ok(()));
    assert_eq!(block_on(queue.get().until(ready(()))), Ok(4));
    queue.close();
    queue.closed().wait_deadline(past).unwrap();
}

#[test]
fn operations_that_time_out_say_so_and_lose_nothing() {
    let _watchdog = watchdog();
    let queue = Queue::bounded(1);
    let past = Instant::now();
    for limit in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(2)] {
        assert_eq!(queue.get().wait_timeout(limit), Err(GetTimeoutError::Timeout));
        assert_eq!(queue.closed().wait_timeout(limit), Err(ClosedTimeoutError));
        queue.put(1).wait().unwrap();
        assert_eq!(queue.put(2).wait_timeout(limit), Err(PutTimeoutError::Timeout(2)));
        assert_eq!(queue.put_many([2, 3]).wait_timeout(limit), Err(PutTimeoutError::Timeout(vec![2, 3])));
        assert_eq!(queue.join().wait_timeout(limit), Err(JoinTimeoutError));
        assert_eq!(queue.put(2).wait_deadline(past), Err(PutTimeoutError::Timeout(2)));
        assert_eq!(queue.get().wait(), Ok(1));
        assert_eq!(queue.get().wait_deadline(past), Err(GetTimeoutError::Timeout));
        queue.task_done().unwrap();
    }
    assert!(queue.is_empty());
}

#[test]
fn an_endless_timeout_waits_for_the_item() {
    let _watchdog = watchdog();
    let queue = Queue::bounded(1);
    thread::scope(|scope| {
        let get = scope.spawn(|| queue.get().wait_timeout(Duration::MAX));
        thread::sleep(Duration::from_millis(10));
        queue.put(1).wait_timeout(Duration::MAX).unwrap();
        assert_eq!(get.join().unwrap(), Ok(1));
    });
}

#[test]
fn a_timeout_that_races_with_an_item_loses_neither_item_nor_wake_up() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..3000 {
                queue.put(n).wait().unwrap();
                if n % 16 == 0 {
                    thread::sleep(Duration::from_micros(20));
                }
            }
        });
        let mut next = 0;
        while next < 3000 {
            match queue.get().wait_timeout(Duration::from_micros(10)) {
                Ok(n) => {
                    assert_eq!(n, next);
                    next += 1;
                }
                Err(error) => assert!(error.is_timeout()),
            }
        }
    });
}

#[test]
fn a_timer_ends_an_operation_in_a_task() {
    let _watchdog = watchdog();
    let queue = Queue::bounded(1);
    assert_eq!(block_on(queue.get().until(ready(()))), Err(GetTimeoutError::Timeout));
    queue.try_put(1).unwrap();
    assert_eq!(block_on(queue.put(2).until(ready(()))), Err(PutTimeoutError::Timeout(2)));
    assert_eq!(block_on(queue.join().until(ready(()))), Err(JoinTimeoutError));
    assert_eq!(block_on(queue.closed().until(ready(()))), Err(ClosedTimeoutError));
    assert_eq!(block_on(queue.get().until(pending::<()>())), Ok(1));
}

/// The message of a panic.
fn message(result: thread::Result<()>) -> String {
    let payload = result.expect_err("a panic was expected");
    payload.downcast_ref::<&str>().map(|text| text.to_string()).or(payload.downcast_ref().cloned()).unwrap_or_default()
}

/// An operation that has completed.
fn completed<F: Future + Unpin>(mut operation: F) -> F {
    assert!(poll(&mut operation, &Count::new().1).is_ready());
    operation
}

/// Asserts that each use of a completed operation panics and names the operation.
macro_rules! panics_in_each_way {
    ($($name:literal: $ended:expr;)+) => {$(
        for case in 0..5 {
            let mut ended = $ended;
            let said = message(catch_unwind(AssertUnwindSafe(|| match case {
                0 => drop(poll(&mut ended, &Count::new().1).is_ready()),
                1 => drop(ended.wait()),
                2 => drop(ended.wait_timeout(Duration::ZERO)),
                3 => drop(ended.wait_deadline(Instant::now())),
                _ => drop(block_on(ended.until(ready(())))),
            })));
            assert!(said.starts_with(concat!("`", $name, "` has ended")), "case {case}: {said}");
        }
    )+};
}

#[test]
#[allow(clippy::drop_non_drop)]
fn a_completed_operation_panics_in_each_way_of_use_and_takes_nothing() {
    let _watchdog = watchdog();
    let queue = Arc::new(Queue::with_permits(200));
    queue.try_put_many(0..100).unwrap();
    let mut got = Vec::new();
    panics_in_each_way! {
        "Put": completed(queue.put(1));
        "PutMany": completed(queue.put_many([1]));
        "PutOwned": completed(queue.clone().put_owned(1));
        "Reserve": completed(queue.reserve(1));
        "Get": completed(queue.get());
        "GetMany": completed(queue.get_many(&mut got, 1));
        "GetOwned": completed(queue.clone().get_owned());
        "GetTask": completed(queue.get_task());
    }
    // Each of the five ways of use has put or taken one item, and no more.
    assert_eq!((queue.len(), got), (95, (5..10).collect::<Vec<_>>()));
    queue.shutdown_now();
    panics_in_each_way! {
        "Join": { let _ = queue.tasks_done(queue.unfinished()); completed(queue.join()) };
        "Closed": completed(queue.closed());
        "Get": completed(queue.get());
        "Put": completed(queue.put(1));
        "Reserve": completed(queue.reserve(1));
    }

    let (sender, receiver) = joinq::unbounded();
    sender.send_many(0..100).wait().unwrap();
    let mut got = Vec::new();
    panics_in_each_way! {
        "Send": completed(sender.send(1));
        "SendMany": completed(sender.send_many([1]));
        "SendOwned": completed(sender.clone().into_send(1));
        "Recv": completed(receiver.recv());
        "RecvMany": completed(receiver.recv_many(&mut got, 1));
        "RecvOwned": completed(receiver.clone().into_recv());
    }
    assert_eq!((receiver.len(), got), (100, (5..10).collect::<Vec<_>>()));

    let (sender, mut receiver) = joinq::mpsc::unbounded();
    sender.send_many(0..100).wait().unwrap();
    let mut got = Vec::new();
    panics_in_each_way! {
        "Recv": completed(receiver.recv());
        "RecvMany": completed(receiver.recv_many(&mut got, 1));
    }
    assert_eq!((receiver.len(), got), (90, (5..10).collect::<Vec<_>>()));
}

#[test]
#[allow(clippy::drop_non_drop)]
fn a_put_that_was_taken_back_panics_in_each_way_of_use_and_puts_nothing() {
    let _watchdog = watchdog();
    let queue = Arc::new(Queue::bounded(1));
    queue.try_put(0).unwrap();
    let (sender, _receiver) = joinq::bounded(1);
    sender.try_send(0).unwrap();
    macro_rules! taken {
        ($put:expr, $item:expr, $polls:literal) => {{
            let mut put = $put;
            (0..$polls).for_each(|_| assert!(poll(&mut put, &Count::new().1).is_pending()));
            assert_eq!(put.take(), $item);
            put
        }};
    }
    panics_in_each_way! {
        "Put": taken!(queue.put(1), Some(1), 0);
        "Put": taken!(queue.put(1), Some(1), 1);
        "PutMany": taken!(queue.put_many([1, 2]), [1, 2], 1);
        "PutOwned": taken!(queue.clone().put_owned(1), Some(1), 1);
        "Send": taken!(sender.send(1), Some(1), 1);
        "SendMany": taken!(sender.send_many([1, 2]), [1, 2], 1);
        "SendOwned": taken!(sender.clone().into_send(1), Some(1), 1);
    }
    assert_eq!((queue.try_get(), queue.try_get().is_err()), (Ok(0), true));
    // An item that was taken stays taken, and an item in the queue stays in the queue.
    let mut put = completed(queue.put(1));
    assert_eq!((put.take(), put.take(), queue.try_get()), (None, None, Ok(1)));
}

#[test]
fn an_operation_that_timed_out_panics_when_it_is_polled_again() {
    let queue = Queue::<u8>::unbounded();
    let mut get = Probe::new(queue.get().until(ready(())));
    assert!(get.poll().is_ready());
    queue.try_put(1).unwrap();
    let said = message(catch_unwind(AssertUnwindSafe(|| assert!(get.poll().is_ready()))));
    assert!(said.starts_with("`Get` has ended"), "{said}");
    assert_eq!(queue.try_get(), Ok(1));
}

/// The location of the panic is that of the use of the operation.
#[test]
fn the_panic_of_a_completed_operation_names_the_place_of_its_use() {
    use std::panic::{set_hook, take_hook};
    let place = Arc::new(Mutex::new(String::new()));
    let (former, mine, noted) = (take_hook(), thread::current().id(), place.clone());
    set_hook(Box::new(move |info| match info.location() {
        Some(location) if thread::current().id() == mine => *noted.lock().unwrap() = location.file().into(),
        _ => former(info),
    }));
    let queue = Queue::<u8>::unbounded();
    let uses: [fn(Get<'_, u8>); 4] = [
        |get| assert!(get.wait().is_err()),
        |get| assert!(get.wait_timeout(Duration::ZERO).is_err()),
        |get| assert!(get.wait_deadline(Instant::now()).is_err()),
        |get| drop(get.until(ready(()))),
    ];
    for used in uses {
        queue.try_put(1).unwrap();
        let get = completed(queue.get());
        assert!(catch_unwind(AssertUnwindSafe(|| used(get))).is_err());
        assert!(std::mem::take(&mut *place.lock().unwrap()).ends_with("timeouts.rs"));
    }
}

#[test]
fn segments_of_large_items_are_not_built_on_the_stack() {
    let _watchdog = watchdog();
    // A segment has 128 KiB here. Without optimisation each call copies its item once more.
    let stack = if cfg!(debug_assertions) { 2048 } else { 384 } << 10;
    let work = || {
        let queue = Queue::<[u8; 16 << 10]>::bounded(20);
        for n in 0..20 {
            assert!(queue.try_put([n; 16 << 10]).is_ok());
        }
        for n in 0..20 {
            assert!(queue.get().wait().is_ok_and(|item| item.iter().all(|&byte| byte == n)));
            assert!(queue.put([n; 16 << 10]).wait().is_ok());
        }
    };
    thread::Builder::new().stack_size(stack).spawn(work).unwrap().join().unwrap();
}

#[test]
fn a_queue_can_be_a_static() {
    static UNBOUNDED: Queue<u32> = Queue::unbounded();
    static BOUNDED: Queue<String> = Queue::bounded(1);
    let _watchdog = watchdog();
    let threads: Vec<_> = (0..3).map(|n| thread::spawn(move || UNBOUNDED.put(n).wait().unwrap())).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let mut got: Vec<_> = UNBOUNDED.try_iter().collect();
    got.sort_unstable();
    assert_eq!(got, [0, 1, 2]);
    BOUNDED.try_put("one".into()).unwrap();
    assert!(BOUNDED.try_put("two".into()).unwrap_err().is_full());
    assert_eq!(BOUNDED.get().wait().unwrap(), "one");
}

#[test]
fn a_queue_works_in_the_destructor_of_thread_local_data() {
    static QUEUE: Queue<u32> = Queue::bounded(1);
    struct Last;
    impl Drop for Last {
        fn drop(&mut self) {
            QUEUE.put(QUEUE.get().wait().unwrap() + 1).wait().unwrap();
            assert!(QUEUE.put(0).wait_timeout(Duration::from_millis(1)).is_err());
            let join = Probe::pending(QUEUE.join());
            QUEUE.tasks_done(2).unwrap();
            assert!(join.is_woken());
        }
    }
    thread_local!(static LAST: Last = const { Last });
    let _watchdog = watchdog();
    QUEUE.put(6).wait().unwrap();
    let thread = thread::spawn(|| {
        LAST.with(|_| ());
        assert!(QUEUE.put(0).wait_timeout(Duration::from_millis(1)).is_err());
    });
    thread.join().unwrap();
    assert_eq!(QUEUE.get().wait(), Ok(7));
}

#[test]
fn a_thread_unparked_by_other_code_continues_to_wait() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    thread::scope(|scope| {
        let getter = scope.spawn(|| queue.get().wait());
        for _ in 0..200 {
            getter.thread().unpark();
            thread::yield_now();
        }
        queue.put(1).wait().unwrap();
        assert_eq!(getter.join().unwrap(), Ok(1));
    });
}

#[test]
fn debug_output_needs_no_debug_of_the_item() {
    struct Plain;
    let queue = Queue::bounded(3);
    assert!(queue.try_put(Plain).is_ok());
    assert_eq!(format!("{queue:?}"), "Queue { len: 1, capacity: Some(3), unfinished: 1, closed: false }");
    queue.close();
    let error = queue.try_put(Plain).unwrap_err();
    assert_eq!((format!("{error:?}"), error.to_string()), ("Closed(..)".into(), "putting into a closed queue".into()));
    let _: Box<dyn std::error::Error> = Box::new(error);
    assert_eq!(format!("{:?} {:?}", queue.get(), queue.put(Plain)), "Get { .. } Put { .. }");
}
