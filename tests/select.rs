//! A blocking select: exactly one operation takes effect, and the others have done nothing.

mod common;

use common::{eventually, watchdog, watchdog_with, Ledger, Probe};
use joinq::{GetError, PutError, Queue, SelectTimeoutError, Selector, TrySelectError};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const MOMENT: Duration = Duration::from_millis(30);

#[test]
fn the_operation_that_can_complete_does() {
    let _watchdog = watchdog();
    let (a, b) = (Queue::unbounded(), Queue::unbounded());
    b.try_put(1).unwrap();
    assert_eq!(Selector::new().get(&a, |got| ('a', got)).get(&b, |got| ('b', got)).wait(), ('b', Ok(1)));
    a.try_put(2).unwrap();
    assert_eq!(Selector::new().get(&a, |got| ('a', got)).get(&b, |got| ('b', got)).wait(), ('a', Ok(2)));
}

#[test]
fn a_select_waits_for_each_of_its_operations() {
    let _watchdog = watchdog();
    let queues: Vec<Queue<usize>> = (0..5).map(|number| Queue::bounded(number % 3)).collect();
    for number in 0..queues.len() {
        thread::scope(|scope| {
            let select = scope.spawn(|| {
                let mut selector = Selector::new();
                for (number, queue) in queues.iter().enumerate() {
                    selector = selector.get(queue, move |got| (number, got));
                }
                selector.wait()
            });
            thread::sleep(MOMENT);
            queues[number].put(number).wait().unwrap();
            assert_eq!(select.join().unwrap(), (number, Ok(number)));
        });
    }
}

#[test]
fn a_select_waits_for_a_free_slot() {
    let _watchdog = watchdog();
    for capacity in 0..3 {
        let (queue, other) = (Queue::bounded(capacity), Queue::<()>::unbounded());
        queue.try_put_many(0..capacity).unwrap();
        thread::scope(|scope| {
            let select = scope.spawn(|| {
                let mut item = Some(capacity);
                let put = Selector::new().put(&queue, &mut item, Some).get(&other, |_| None).wait();
                (put, item)
            });
            thread::sleep(MOMENT);
            assert_eq!(queue.get().wait(), Ok(0));
            assert_eq!(select.join().unwrap(), (Some(Ok(())), None));
        });
        assert_eq!(queue.len(), capacity);
    }
}

#[test]
fn try_select_never_waits() {
    let (empty, full) = (Queue::<u32>::bounded(0), Queue::bounded(1));
    full.try_put(1).unwrap();
    let mut item = Some(2);
    let result = Selector::new().get(&empty, drop).put(&full, &mut item, drop).try_select();
    assert_eq!((result, item), (Err(TrySelectError), Some(2)));
    assert_eq!(Selector::<()>::new().try_select(), Err(TrySelectError));
}

#[test]
fn a_select_of_zero_length_completes_what_can_complete() {
    let queue = Queue::unbounded();
    let select = |queue| Selector::new().get(queue, |got| got).wait_timeout(Duration::ZERO);
    assert_eq!(select(&queue), Err(SelectTimeoutError));
    queue.try_put(1).unwrap();
    assert_eq!(select(&queue), Ok(Ok(1)));
    queue.try_put(2).unwrap();
    let past = Instant::now();
    assert_eq!(Selector::new().get(&queue, |got| got).wait_deadline(past), Ok(Ok(2)));
}

#[test]
fn a_select_times_out_and_the_longest_timeout_does_not() {
    let _watchdog = watchdog();
    for capacity in [0, 1] {
        let (queue, full) = (Queue::<u32>::bounded(capacity), Queue::bounded(capacity));
        full.try_put_many(0..capacity).unwrap();
        let mut item = Some(7);
        let begin = Instant::now();
        let result = Selector::new().get(&queue, drop).put(&full, &mut item, drop).wait_timeout(MOMENT);
        assert_eq!((result, item), (Err(SelectTimeoutError), Some(7)));
        assert!(begin.elapsed() >= MOMENT);
        thread::scope(|scope| {
            let select = scope.spawn(|| Selector::new().get(&queue, |got| got).wait_timeout(Duration::MAX).unwrap());
            queue.put(1).wait().unwrap();
            assert_eq!(select.join().unwrap(), Ok(1));
        });
        // The put that timed out has left nothing behind.
        assert_eq!((full.len(), full.try_get().ok()), (capacity, (capacity > 0).then_some(0)));
    }
}

#[test]
fn a_select_without_operations_sleeps_or_panics() {
    let begin = Instant::now();
    assert_eq!(Selector::<()>::new().wait_timeout(MOMENT), Err(SelectTimeoutError));
    assert!(begin.elapsed() >= MOMENT);
    assert!(std::panic::catch_unwind(|| Selector::<()>::new().wait()).is_err());
}

#[test]
#[should_panic(expected = "there is no item to put")]
fn a_put_without_an_item_panics() {
    let queue = Queue::<u32>::bounded(1);
    let _ = Selector::new().put(&queue, &mut None, drop);
}

#[test]
fn a_close_ends_a_select_and_returns_the_item() {
    let _watchdog = watchdog();
    for capacity in 0..2 {
        let (queue, other) = (Queue::bounded(capacity), Queue::<()>::unbounded());
        queue.try_put_many(0..capacity).unwrap();
        thread::scope(|scope| {
            let put = scope.spawn(|| {
                let mut item = Some(5);
                let result = Selector::new().put(&queue, &mut item, Some).get(&other, |_| None).wait();
                (result, item)
            });
            thread::sleep(MOMENT);
            queue.close();
            assert_eq!(put.join().unwrap(), (Some(Err(PutError(5))), None));
        });
        let queue = Queue::<u32>::bounded(capacity);
        thread::scope(|scope| {
            let get = scope.spawn(|| Selector::new().get(&queue, Some).get(&other, |_| None).wait());
            thread::sleep(MOMENT);
            queue.close();
            assert_eq!(get.join().unwrap(), Some(Err(GetError)));
        });
    }
}

#[test]
fn ready_operations_take_turns() {
    const ROUNDS: usize = 3000;
    let (a, b) = (Queue::unbounded(), Queue::unbounded());
    a.try_put_many(0..ROUNDS).unwrap();
    b.try_put_many(0..ROUNDS).unwrap();
    let mut completed = [0; 3];
    let space = Queue::unbounded();
    for _ in 0..ROUNDS {
        let mut item = Some(());
        let which = Selector::new().get(&a, |_| 0).get(&b, |_| 1).put(&space, &mut item, |_| 2).wait();
        completed[which] += 1;
    }
    assert!(completed.iter().all(|count| *count > ROUNDS / 6), "{completed:?}");
}

#[test]
fn a_biased_select_prefers_what_was_added_first() {
    let (a, b) = (Queue::unbounded(), Queue::unbounded());
    a.try_put_many(0..100).unwrap();
    b.try_put_many(0..100).unwrap();
    for _ in 0..100 {
        assert_eq!(Selector::biased().get(&a, |_| 'a').get(&b, |_| 'b').wait(), 'a');
    }
    assert_eq!(Selector::biased().get(&a, |_| 'a').get(&b, |_| 'b').wait(), 'b');
}

#[test]
fn any_future_can_be_a_branch() {
    let _watchdog = watchdog();
    let (jobs, stop) = (Queue::unbounded(), Queue::<()>::unbounded());
    jobs.try_put(1).unwrap();
    thread::scope(|scope| {
        let select = scope.spawn(|| {
            Selector::new()
                .add(jobs.join(), |()| "done")
                .add(jobs.closed(), |()| "closed")
                .get(&stop, |_| "stop")
                .wait()
        });
        thread::sleep(MOMENT);
        jobs.get_task().wait().map(drop).unwrap();
        assert_eq!(select.join().unwrap(), "done");
    });
    let mut closed = jobs.closed();
    assert_eq!(Selector::new().add(&mut closed, |()| true).try_select(), Err(TrySelectError));
    jobs.close();
    assert_eq!(Selector::new().add(&mut closed, |()| true).try_select(), Ok(true));
}

#[test]
fn a_put_that_is_added_as_a_future_tells_whether_it_has_lost() {
    let (full, ready) = (Queue::bounded(1), Queue::unbounded());
    full.try_put(1).unwrap();
    ready.try_put(()).unwrap();
    let mut put = full.put(2);
    assert!(!Selector::biased().add(&mut put, |_| true).get(&ready, |_| false).wait());
    assert_eq!(put.take(), Some(2));
}

#[test]
fn a_select_that_was_notified_and_takes_another_branch_forwards_the_notification() {
    let _watchdog = watchdog();
    let (a, b) = (Queue::unbounded(), Queue::unbounded());
    thread::scope(|scope| {
        for _ in 0..200 {
            let select = scope.spawn(|| Selector::new().get(&a, |_| 'a').get(&b, |_| 'b').wait());
            let get = scope.spawn(|| a.get().wait());
            a.try_put(()).unwrap();
            b.try_put(()).unwrap();
            match select.join().unwrap() {
                'a' => {
                    b.try_get().unwrap();
                    a.try_put(()).unwrap();
                    get.join().unwrap().unwrap();
                }
                _ => get.join().unwrap().unwrap(),
            }
        }
    });
}

#[test]
fn a_slot_of_which_a_losing_put_was_notified_goes_to_the_next() {
    let _watchdog = watchdog();
    for full in [Queue::bounded(1), Queue::with_permits(1)] {
        let ready = Queue::unbounded();
        full.try_put(0).unwrap();
        thread::scope(|scope| {
            for _ in 0..200 {
                let select = scope.spawn(|| {
                    let mut item = Some(1);
                    let put = Selector::new().put(&full, &mut item, |_| true).get(&ready, |_| false).wait();
                    assert_eq!(put, item.is_none());
                    put
                });
                let put = scope.spawn(|| full.put(2).wait());
                ready.try_put(()).unwrap();
                full.get().wait().unwrap();
                if select.join().unwrap() {
                    full.get().wait().unwrap();
                    ready.try_get().unwrap();
                }
                put.join().unwrap().unwrap();
            }
        });
        assert_eq!(full.len(), 1);
    }
}

/// Plain puts wait behind the select at any time.
#[test]
fn a_select_keeps_its_turn_among_puts_that_wait_for_a_permit() {
    let _watchdog = watchdog();
    let queue = Queue::with_permits(1);
    queue.try_put(0).unwrap();
    let mut waiting: Vec<_> = (0..2).map(|_| Probe::pending(queue.put(0))).collect();
    thread::scope(|scope| {
        let select = scope.spawn(|| {
            let mut item = Some(1);
            Selector::new().put(&queue, &mut item, |put| put.is_ok()).wait()
        });
        while eventually(|| queue.try_get()) == 0 {
            waiting.retain(|put| !put.is_woken());
            waiting.push(Probe::pending(queue.put(0)));
        }
        assert!(select.join().unwrap());
    });
}

/// Each of many threads selects once at one rendezvous, to get or to put; each pair that matches is one of
/// each.
#[test]
fn selects_face_each_other_at_a_rendezvous() {
    let _watchdog = watchdog();
    const THREADS: usize = 16;
    for _ in 0..60 {
        let queue = Queue::bounded(0);
        let puts = AtomicUsize::new(0);
        thread::scope(|scope| {
            for number in 0..THREADS {
                let (queue, puts) = (&queue, &puts);
                scope.spawn(move || {
                    let mut item = Some(number);
                    let got = Selector::new().get(queue, Some).put(queue, &mut item, |_| None).wait();
                    match got {
                        Some(got) => assert!(item.is_some() && got.unwrap() != number),
                        None => {
                            assert_eq!(item, None);
                            puts.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(puts.load(Ordering::Relaxed), THREADS / 2);
        assert!(queue.try_get().unwrap_err().is_empty());
    }
}

#[test]
fn a_select_does_not_match_its_own_operations() {
    let queue = Queue::bounded(0);
    let mut item = Some(1);
    let result = Selector::new().get(&queue, drop).put(&queue, &mut item, drop).wait_timeout(MOMENT);
    assert_eq!((result, item), (Err(SelectTimeoutError), Some(1)));
}

/// Two rendezvous queues, and on each side a thread that selects over both: every item that one side counts
/// as put is got by the other.
#[test]
fn exactly_one_operation_takes_effect_on_both_sides() {
    const ROUNDS: usize = 3000;
    let _watchdog = watchdog_with(Duration::from_secs(120), || "selects over two queues hang".to_owned());
    for capacities in [[0, 0], [0, 1], [1, 1]] {
        let queues = capacities.map(Queue::bounded);
        let ledger = Ledger::new();
        let mut got = vec![0; ROUNDS];
        thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..ROUNDS {
                    let (mut a, mut b) = (Some((number, ledger.item(2 * number))), None);
                    b.replace((number, ledger.item(2 * number + 1)));
                    Selector::new()
                        .put(&queues[0], &mut a, |put| put.map_err(drop).unwrap())
                        .put(&queues[1], &mut b, |put| put.map_err(drop).unwrap())
                        .wait();
                    assert!(a.is_none() != b.is_none(), "exactly one put of round {number}");
                }
                assert!(queues.iter().all(Queue::close));
            });
            // An async get that is cancelled, and plain gets, beside the select.
            let mut open = [true, true];
            while open[0] || open[1] {
                drop(Probe::new(queues[0].get()));
                let mut selector = Selector::new();
                for (which, queue) in queues.iter().enumerate().filter(|(which, _)| open[*which]) {
                    selector = selector.get(queue, move |got| (which, got));
                }
                match selector.wait() {
                    (_, Ok((number, _item))) => got[number] += 1,
                    (which, Err(GetError)) => open[which] = false,
                }
            }
        });
        assert!(got.iter().all(|count| *count == 1), "each round's item was got once");
        drop(queues);
        ledger.settle();
    }
}

#[test]
fn one_item_goes_to_one_of_many_selects() {
    const ITEMS: usize = 2000;
    let _watchdog = watchdog();
    for capacity in [0, 1, 64] {
        let (queue, stop) = (Queue::bounded(capacity), Queue::<()>::unbounded());
        let got = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| loop {
                    let item = Selector::new().get(&queue, |item| item.ok()).add(stop.closed(), |()| None).wait();
                    match item {
                        Some(item) => got.fetch_add(item, Ordering::Relaxed),
                        None => break,
                    };
                });
            }
            (1..=ITEMS).for_each(|item| queue.put(item).wait().unwrap());
            eventually(|| if got.load(Ordering::Relaxed) == ITEMS * (ITEMS + 1) / 2 { Ok(()) } else { Err(()) });
            stop.close();
        });
        assert_eq!(got.load(Ordering::Relaxed), ITEMS * (ITEMS + 1) / 2);
    }
}

/// Neither side starves the other kind of waiter.
#[test]
fn a_select_is_matched_beside_waiters_that_are_always_there() {
    let _watchdog = watchdog();
    let (queue, stop) = (Queue::bounded(0), Queue::<()>::unbounded());
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| while queue.put('p').wait().is_ok() {});
        }
        let select = scope.spawn(|| {
            for _ in 0..50 {
                let mut item = Some('s');
                assert!(Selector::new().put(&queue, &mut item, |put| put.is_ok()).get(&stop, |_| false).wait());
            }
        });
        let mut selected = 0;
        while selected < 50 {
            selected += usize::from(queue.get().wait() == Ok('s'));
        }
        select.join().unwrap();
        queue.close();
    });
    let queue = Queue::bounded(0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| while queue.get().wait().is_ok() {});
        }
        let select = scope.spawn(|| {
            for _ in 0..50 {
                assert!(Selector::new().get(&queue, |got| got.is_ok()).get(&stop, |_| false).wait());
            }
        });
        while !select.is_finished() {
            let _ = queue.put(()).wait_timeout(Duration::from_millis(1));
        }
        select.join().unwrap();
        queue.close();
    });
}

#[test]
fn what_a_select_gets_and_puts_counts_for_join() {
    let _watchdog = watchdog();
    let queue = Queue::bounded(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut item = Some(1);
            Selector::new().put(&queue, &mut item, |put| put.unwrap()).wait();
        });
        assert_eq!(Selector::new().get(&queue, |got| got).wait(), Ok(1));
        assert_eq!(queue.unfinished(), 1);
        queue.task_done().unwrap();
        assert!(queue.task_done().is_err());
        queue.join().wait();
    });
}

/// A close in two steps: a select waits for subtasks, and ends with the last task.
#[test]
fn a_select_waits_for_subtasks_after_a_close() {
    let _watchdog = watchdog();
    for capacity in 0..2 {
        let (queue, stop) = (Queue::bounded(capacity), Queue::<()>::unbounded());
        let select = || Selector::new().get(&queue, |got| got).get(&stop, |_| unreachable!()).wait();
        thread::scope(|scope| {
            scope.spawn(|| queue.put(1).wait().unwrap());
            let task = queue.get_task().wait().unwrap();
            queue.close_when_done();
            let got = scope.spawn(select);
            thread::sleep(MOMENT);
            task.put_subtask(2).unwrap();
            assert_eq!(got.join().unwrap(), Ok(2));
            let end = scope.spawn(select);
            thread::sleep(MOMENT);
            queue.task_done().unwrap();
            drop(task);
            assert_eq!(end.join().unwrap(), Err(GetError));
        });
    }
}

#[test]
fn a_subtask_beyond_the_capacity_wakes_a_select() {
    let _watchdog = watchdog();
    let (queue, stop) = (Queue::bounded(0), Queue::<()>::unbounded());
    thread::scope(|scope| {
        scope.spawn(|| queue.put(1).wait().unwrap());
        let task = queue.get_task().wait().unwrap();
        let got = scope.spawn(|| Selector::new().get(&queue, |got| got).get(&stop, |_| unreachable!()).wait());
        thread::sleep(MOMENT);
        task.put_subtask(2).unwrap();
        assert_eq!(got.join().unwrap(), Ok(2));
    });
}

#[test]
fn a_branch_that_panics_leaves_no_waiter_behind() {
    struct Panics;
    impl std::future::Future for Panics {
        type Output = ();
        fn poll(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<()> {
            panic!("a future panics");
        }
    }
    let _watchdog = watchdog();
    let (rendezvous, full) = (Queue::bounded(0), Queue::bounded(1));
    full.try_put(1).unwrap();
    let (mut a, mut b) = (Some(2), Some(3));
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        Selector::biased()
            .get(&rendezvous, drop)
            .put(&full, &mut a, drop)
            .put(&rendezvous, &mut b, drop)
            .add(Panics, drop)
            .wait();
    }));
    assert!(unwound.is_err());
    assert_eq!((a, b), (Some(2), Some(3)));
    assert!(rendezvous.try_put(4).unwrap_err().is_full());
    assert!(rendezvous.try_get().unwrap_err().is_empty());
    assert_eq!((full.try_get(), full.is_empty()), (Ok(1), true));
}

#[test]
fn an_async_get_completes_a_select_that_puts() {
    let _watchdog = watchdog();
    let (queue, stop) = (Queue::bounded(0), Queue::<()>::unbounded());
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut item = Some(1);
            assert!(Selector::new().put(&queue, &mut item, |put| put.is_ok()).get(&stop, |_| false).wait());
        });
        assert_eq!(futures_lite::future::block_on(queue.get()), Ok(1));
    });
    thread::scope(|scope| {
        let select = scope.spawn(|| Selector::new().get(&queue, |got| got.ok()).get(&stop, |_| None).wait());
        futures_lite::future::block_on(queue.put(2)).unwrap();
        assert_eq!(select.join().unwrap(), Some(2));
    });
}

#[test]
fn a_select_puts_where_permits_are_reserved() {
    let _watchdog = watchdog();
    let (queue, stop) = (Queue::with_permits(1), Queue::<()>::unbounded());
    let permits = queue.try_reserve(1).unwrap();
    thread::scope(|scope| {
        let select = scope.spawn(|| {
            let mut item = Some(1);
            Selector::new().put(&queue, &mut item, |put| put.is_ok()).get(&stop, |_| false).wait()
        });
        thread::sleep(MOMENT);
        assert!(queue.is_empty());
        drop(permits);
        assert!(select.join().unwrap());
    });
    assert_eq!(queue.try_get(), Ok(1));
}

#[test]
fn a_select_works_while_a_thread_ends() {
    let _watchdog = watchdog();
    struct Last;
    impl Drop for Last {
        fn drop(&mut self) {
            let queue = Queue::<()>::bounded(0);
            assert!(Selector::new().get(&queue, drop).wait_timeout(MOMENT).is_err());
        }
    }
    thread_local!(static LAST: Last = const { Last });
    thread::spawn(|| {
        LAST.with(|_| ());
        let queue = Queue::<()>::unbounded();
        assert!(Selector::new().get(&queue, drop).wait_timeout(MOMENT).is_err());
    })
    .join()
    .unwrap();
}
