//! Lost wake-ups and hangs.

use crate::common::{poll, watchdog, Count, Probe};
use joinq::queue::{GetOwned, Permits, Reserve};
use joinq::{GetError, Queue};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// A get that was notified completes without a wake-up of its own, or another takes its item first: the next item
/// notifies another waiter.
#[test]
fn museum_040_an_operation_that_succeeds_without_its_wake_up_leaves_no_entry() {
    for queue in [Queue::unbounded(), Queue::bounded(4), Queue::with_permits(4)] {
        for rounds in 0..4 {
            let mut first = Probe::pending(queue.get());
            for n in 0..rounds {
                // The item is taken by this thread; the get registers again.
                queue.try_put(n).unwrap();
                assert_eq!(queue.try_get(), Ok(n));
                assert!(first.poll().is_pending());
            }
            let second = Probe::pending(queue.get());
            queue.try_put(7).unwrap();
            assert_eq!(first.poll(), Poll::Ready(Ok(7)));
            queue.try_put(8).unwrap();
            assert!(second.is_woken(), "after {rounds} rounds");
            drop(first);
            assert_eq!(second.ready(), Ok(8));
        }
    }
    // The same for puts: a slot becomes free while the first put is about to complete.
    let queue = Queue::bounded(1);
    queue.try_put(0).unwrap();
    let (mut first, second) = (Probe::pending(queue.put(1)), Probe::pending(queue.put(2)));
    assert_eq!(queue.try_get(), Ok(0));
    assert_eq!(first.poll(), Poll::Ready(Ok(())));
    assert_eq!(queue.try_get(), Ok(1));
    assert!(second.is_woken());
    drop((first, second));
    assert_eq!(queue.try_get(), Ok(2));
}

/// A closed queue with one permit that is held. `end` ends the reservation in its way; then no item can follow, and
/// each kind of receiver learns of the end.
#[test]
fn museum_043_each_way_to_end_a_reservation_ends_the_wait_of_each_receiver() {
    let _watchdog = watchdog();
    type End = (&'static str, for<'a> fn(Permits<'a, u8>, Reserve<'a, u8>));
    let ends: [End; 6] = [
        ("the permits are dropped", |permits, reserve| drop((reserve, permits))),
        ("the permits are dropped before the reservation", |permits, reserve| drop((permits, reserve))),
        ("a thread drops them", |permits, reserve| {
            drop(reserve);
            std::thread::scope(|scope| scope.spawn(|| drop(permits)).join().unwrap());
        }),
        ("a panic drops them", |permits, reserve| {
            drop(reserve);
            let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let _permits = permits;
                panic!("a sender fails");
            }));
            assert!(panicked.is_err());
        }),
        ("a reservation times out", |permits, reserve| {
            assert!(reserve.wait_timeout(Duration::ZERO).is_err());
            drop(permits);
        }),
        ("a reservation is refused", |permits, mut reserve| {
            assert!(matches!(poll(&mut reserve, &Count::new().1), Poll::Ready(Err(_))));
            drop(permits);
        }),
    ];
    for (how, end) in ends {
        for others in 0..2 {
            let queue = Queue::with_permits(2);
            let permits = queue.try_reserve(2).unwrap();
            let mut reserve = queue.reserve(1);
            assert!(poll(&mut reserve, &Count::new().1).is_pending());
            let get = Probe::pending(queue.get());
            let mut batch = Vec::new();
            let get_many = Probe::pending(queue.get_many(&mut batch, 2));
            let get_task = Probe::pending(queue.get_task());
            queue.close();
            let cancelled = (0..others).map(|_| Probe::new(queue.get())).map(|mut get| get.poll()).count();
            assert_eq!(cancelled, others);
            assert!(!get.is_woken() || !queue.is_closed(), "{how}: an item may still follow");
            end(permits, reserve);
            assert!(get.is_woken() && get_many.is_woken() && get_task.is_woken(), "{how}");
            assert_eq!(get.ready(), Err(GetError), "{how}");
            assert_eq!(get_many.ready(), Err(GetError), "{how}");
            assert!(get_task.ready().is_err(), "{how}");
        }
    }
}

/// A full queue. Each way to free a slot serves each kind of operation that waits for capacity.
#[test]
fn museum_043_each_way_to_free_a_slot_serves_each_waiter_for_capacity() {
    let _watchdog = watchdog();
    type Free = (&'static str, fn(&Queue<u8>));
    let ways: [Free; 10] = [
        ("try_get", |queue| assert_eq!(queue.try_get(), Ok(1))),
        ("get", |queue| assert_eq!(queue.get().wait(), Ok(1))),
        ("get with a timeout", |queue| assert_eq!(queue.get().wait_timeout(Duration::MAX), Ok(1))),
        ("try_get_many", |queue| assert_eq!(queue.try_get_many(&mut Vec::new(), 1), Ok(1))),
        ("get_task", |queue| drop(queue.try_get_task().unwrap())),
        ("iter", |queue| assert_eq!(queue.iter().next(), Some(1))),
        ("try_iter", |queue| assert_eq!(queue.try_iter().next(), Some(1))),
        ("drain", |queue| drop(queue.drain())),
        ("a raised capacity", |queue| queue.set_capacity(2)),
        ("a polled get", |queue| assert_eq!(Probe::new(queue.get()).poll(), Poll::Ready(Ok(1)))),
    ];
    for (how, free) in ways {
        for make in [Queue::bounded, Queue::with_permits] {
            let queue = make(1);
            queue.try_put(1).unwrap();
            let put = Probe::pending(queue.put(2));
            free(&queue);
            assert!(put.is_woken() && put.ready().is_ok(), "{how}: put");

            let queue = make(1);
            queue.try_put(1).unwrap();
            let put = Probe::pending(queue.put_many([2]));
            free(&queue);
            assert!(put.is_woken() && put.ready().is_ok(), "{how}: put_many");
        }
        let queue = Queue::with_permits(1);
        queue.try_put(1).unwrap();
        let reserve = Probe::pending(queue.reserve(1));
        free(&queue);
        assert!(reserve.is_woken(), "{how}: reserve");
        assert_eq!(reserve.ready().unwrap().len(), 1, "{how}: reserve");
        assert!(queue.try_put(3).is_ok() || queue.try_get().is_ok(), "{how}: the permit is free again");
    }
}

/// A waker that takes the item and registers its operation again, in the middle of the notification: the notifier
/// returns nevertheless.
struct Again<F> {
    queue: Arc<Queue<u8>>,
    operation: Mutex<Option<F>>,
    wakes: AtomicUsize,
}

impl<F: Future + Unpin + Send + 'static> Wake for Again<F> {
    fn wake(self: Arc<Self>) {
        assert!(self.wakes.fetch_add(1, Ordering::Relaxed) < 1000, "the notifier loops");
        let _ = self.queue.try_get();
        let Some(mut operation) = self.operation.lock().unwrap().take() else { return };
        let waker = Waker::from(self.clone());
        if Pin::new(&mut operation).poll(&mut Context::from_waker(&waker)).is_pending() {
            *self.operation.lock().unwrap() = Some(operation);
        }
    }
}

/// A future whose poll never completes, and which registers by the poll of another value.
struct Registers<S, P>(S, P);

impl<S: Unpin, P: FnMut(&mut S, &mut Context<'_>) + Unpin> Future for Registers<S, P> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        (this.1)(&mut this.0, context);
        Poll::Pending
    }
}

/// Waits by operations that `operation` makes, of which each registers again when it is woken, while items are put
/// and taken: returns how often they were woken.
fn register_again<F: Future + Unpin + Send + 'static>(
    queue: &Arc<Queue<u8>>,
    operation: impl Fn(Arc<Queue<u8>>) -> F,
) -> usize {
    let waiters: Vec<_> = (0..3)
        .map(|_| {
            let operation = Mutex::new(Some(operation(queue.clone())));
            Arc::new(Again { queue: queue.clone(), operation, wakes: AtomicUsize::new(0) })
        })
        .collect();
    waiters.iter().for_each(|waiter| waiter.clone().wake());
    for n in 0..10 {
        let _ = queue.try_put(n);
        let _ = queue.try_get();
        let _ = queue.tasks_done(queue.unfinished());
    }
    queue.close();
    let wakes = waiters.iter().map(|waiter| waiter.wakes.load(Ordering::Relaxed)).sum();
    waiters.iter().for_each(|waiter| *waiter.operation.lock().unwrap() = None);
    wakes
}

#[test]
fn museum_046_wakers_that_register_again_do_not_keep_a_notifier() {
    let _watchdog = watchdog();
    for make in [Queue::bounded, Queue::with_permits] {
        assert!(register_again(&Arc::new(make(2)), Queue::get_owned) > 3);
        assert!(register_again(&Arc::new(make(2)), Queue::closed_owned) > 3);
        let again = |queue: Arc<Queue<u8>>| {
            Registers(queue.clone().get_owned(), move |get: &mut GetOwned<u8>, context: &mut Context<'_>| {
                if Pin::new(&mut *get).poll(context).is_ready() {
                    *get = queue.clone().get_owned();
                    let _ = Pin::new(get).poll(context);
                }
            })
        };
        assert!(register_again(&Arc::new(make(2)), again) > 3);
        #[cfg(feature = "stream")]
        assert!(
            register_again(&Arc::new(make(2)), |queue| {
                Registers(
                    queue.stream_owned(),
                    |stream: &mut joinq::queue::GetStreamOwned<u8>, context: &mut Context<'_>| {
                        let _ = futures_core::Stream::poll_next(Pin::new(stream), context);
                    },
                )
            }) > 3
        );
    }
    let unbounded = Arc::new(Queue::unbounded());
    unbounded.try_put(1).unwrap();
    assert!(register_again(&unbounded, Queue::join_owned) > 3);
}
