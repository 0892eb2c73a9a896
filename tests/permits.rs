//! Permits: room that is kept is not given to others, and comes back if it is not used.

mod common;

use futures_lite::future::{block_on, poll_once};
use joinq::Queue;
use std::time::Duration;

#[test]
fn kept_room_is_not_given_to_others() {
    let _watchdog = common::watchdog();
    let queue = Queue::with_permits(3);
    let mut permits = queue.try_reserve(2).unwrap();
    assert_eq!((queue.room(), permits.len()), (Some(1), 2));
    queue.try_put(1).unwrap();
    assert!(queue.try_put(2).unwrap_err().is_full());
    assert!(queue.try_reserve(1).unwrap_err().is_full());
    permits.put(3);
    permits.put(4);
    assert!(permits.is_empty());
    assert_eq!(queue.drain().collect::<Vec<_>>(), [1, 3, 4]);
    assert_eq!(queue.room(), Some(3));
}

#[test]
fn permits_that_are_dropped_wake_who_waits() {
    let _watchdog = common::watchdog();
    let queue = Queue::with_permits(1);
    let permits = queue.try_reserve(1).unwrap();
    let (mut put, mut reserve) = (queue.put(1), queue.reserve(1));
    assert!(block_on(poll_once(&mut put)).is_none() && block_on(poll_once(&mut reserve)).is_none());
    drop(permits);
    block_on(put).unwrap();
    assert_eq!(queue.try_get(), Ok(1));
    assert_eq!(block_on(reserve).unwrap().len(), 1);
    assert_eq!(queue.room(), Some(1));
}

#[test]
fn one_permit_that_is_too_few_for_the_first_wakes_the_second() {
    let _watchdog = common::watchdog();
    let queue = Queue::with_permits(3);
    queue.put_many([1, 2, 3]).wait().unwrap();
    let (mut large, mut small) = (queue.reserve(3), queue.put(4));
    assert!(block_on(poll_once(&mut large)).is_none() && block_on(poll_once(&mut small)).is_none());
    let waiting = std::thread::scope(|scope| {
        let small = scope.spawn(|| small.wait());
        queue.try_get().unwrap();
        small.join().unwrap()
    });
    waiting.unwrap();
    assert!(block_on(poll_once(&mut large)).is_none());
    drop(queue.drain());
    assert_eq!(block_on(large).unwrap().len(), 3);
}

#[test]
fn permits_outlive_a_close() {
    let _watchdog = common::watchdog();
    let queue = Queue::with_permits(2);
    let mut permits = queue.try_reserve(2).unwrap();
    assert!(queue.close() && queue.is_closed() && !queue.close());
    assert!(queue.try_put(1).unwrap_err().is_closed() && queue.try_reserve(1).unwrap_err().is_closed());
    assert!(queue.try_get().unwrap_err().is_empty(), "a permit is held");
    permits.put(7);
    assert_eq!(queue.get().wait(), Ok(7));
    let mut get = queue.get();
    assert!(block_on(poll_once(&mut get)).is_none());
    drop(permits);
    assert!(block_on(get).is_err());
}

#[test]
fn reserving_takes_part_in_time_and_in_joining() {
    let _watchdog = common::watchdog();
    let queue = Queue::with_permits(1);
    let mut permits = queue.reserve(1).wait().unwrap();
    assert!(queue.reserve(1).wait_timeout(Duration::from_millis(1)).unwrap_err().is_timeout());
    permits.put(1);
    assert_eq!(queue.unfinished(), 1);
    drop(queue.try_get_task().unwrap());
    queue.join().wait();
}

#[test]
fn batches_go_in_as_there_is_credit() {
    let _watchdog = common::watchdog();
    let queue = Queue::with_permits(3);
    let rest = queue.try_put_many(0..5).unwrap_err();
    assert!(rest.is_full() && rest.into_inner() == [3, 4]);
    assert_eq!(queue.force_put(9), Ok(Some(0)));
    let mut got = Vec::new();
    assert_eq!(queue.try_get_many(&mut got, 9), Ok(3));
    assert_eq!((got, queue.room()), (vec![1, 2, 9], Some(3)));
}

#[test]
fn a_storm_of_permits_keeps_the_bound() {
    let _watchdog = common::watchdog();
    let queue = Queue::with_permits(4);
    std::thread::scope(|scope| {
        for worker in 0..3 {
            let queue = &queue;
            scope.spawn(move || {
                for n in 0..3000 {
                    match (n + worker) % 3 {
                        0 => queue.put(n).wait().unwrap(),
                        1 => queue.reserve(2).wait().unwrap().put(n),
                        _ => {
                            let mut permits = queue.reserve(3).wait().unwrap();
                            permits.put(n);
                        }
                    }
                    assert!(queue.len() <= 4);
                }
            });
        }
        scope.spawn(|| (0..9000).for_each(|_| assert!(queue.get().wait().is_ok())));
    });
    assert_eq!((queue.len(), queue.room()), (0, Some(4)));
}

#[test]
#[should_panic(expected = "with_permits")]
fn permits_are_for_queues_made_for_them() {
    let _watchdog = common::watchdog();
    let _ = Queue::<u8>::bounded(1).try_reserve(1);
}

#[test]
fn the_last_permit_that_goes_wakes_who_waits_for_the_end() {
    let _watchdog = common::watchdog();
    let (count, waker) = common::Count::new();
    let queue = Queue::<u8>::with_permits(100);
    let permits = queue.try_reserve(1).unwrap();
    queue.close();
    let mut get = queue.get();
    assert!(common::poll(&mut get, &waker).is_pending());
    drop(permits);
    assert_eq!(count.get(), 1);
    assert!(common::poll(&mut get, &waker).is_ready());
}

#[cfg(feature = "stream")]
#[test]
fn the_last_permit_that_goes_wakes_a_stream_that_waits_for_the_end() {
    let _watchdog = common::watchdog();
    use futures_core::Stream;

    let queue = Queue::<u8>::with_permits(100);
    let permits = queue.try_reserve(1).unwrap();
    queue.close();
    let mut stream = common::Probe::new(queue.stream());
    assert!(stream.poll_with(|stream, context| stream.poll_next(context)).is_pending());
    drop(permits);
    assert!(stream.is_woken());
    assert!(stream.poll_with(|stream, context| stream.poll_next(context)).is_ready());
}
