//! Each item is dropped exactly once, in every way in which it can leave a queue.

mod common;

use common::{watchdog, Item, Ledger, Probe};
use joinq::{bounded, unbounded, Queue, Receiver, Sender};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

#[test]
fn taken_items_are_dropped_by_their_getter() {
    let ledger = Ledger::new();
    let queue = Queue::unbounded();
    for id in 0..600 {
        assert!(queue.try_put(ledger.item(id)).is_ok());
    }
    for id in 0..600 {
        let item = queue.try_get().ok().unwrap();
        assert_eq!((item.id, ledger.dropped()), (id, id));
    }
    drop(queue);
    ledger.settle();
}

#[test]
fn items_left_in_a_queue_are_dropped_with_it() {
    let _watchdog = watchdog();
    // A segment has 256 slots for items of 8 bytes, and fewer for these; the lengths cover both edges.
    for left in [0, 1, 2, 127, 128, 129, 255, 256, 257, 600] {
        for got in [0, 1, 130] {
            let ledger = Ledger::new();
            let queue = Queue::unbounded();
            queue.put_many(ledger.items(0..got + left)).wait().unwrap();
            assert_eq!(queue.try_iter().take(got).count(), got);
            assert_eq!(ledger.dropped(), got);
            drop(queue);
            assert_eq!(ledger.dropped(), got + left);
            ledger.settle();
        }
    }
}

#[test]
fn items_left_in_a_closed_queue_are_dropped_with_it() {
    let _watchdog = watchdog();
    for left in [0, 1, 128, 300] {
        let ledger = Ledger::new();
        let queue = Queue::unbounded();
        queue.put_many(ledger.items(0..left)).wait().unwrap();
        queue.close();
        drop(queue.put(ledger.item(left)).wait());
        assert_eq!(ledger.dropped(), 1);
        drop(queue);
        ledger.settle();
    }
}

#[test]
fn refused_items_are_returned_intact() {
    let ledger = Ledger::new();
    for queue in [Queue::bounded(1), Queue::bounded(0)] {
        let first = ledger.dropped();
        let _ = queue.try_put(ledger.item(first));
        let one = ledger.dropped();
        let refused = queue.try_put(ledger.item(first + 1)).unwrap_err();
        let timed_out = queue.put(ledger.item(first + 2)).wait_timeout(Duration::ZERO).unwrap_err();
        let many = queue.try_put_many(ledger.items(first + 3..first + 6)).unwrap_err();
        let late = queue.put_many(ledger.items(first + 6..first + 9)).wait_timeout(Duration::ZERO).unwrap_err();
        assert_eq!(ledger.dropped(), one);
        assert_eq!((refused.into_inner().id, timed_out.into_inner().id), (first + 1, first + 2));
        assert_eq!((many.into_inner().len(), late.into_inner().len()), (3, 3));
    }
    ledger.settle();
}

#[test]
fn cancelled_puts_drop_their_items_once() {
    let ledger = Ledger::new();
    for (round, capacity) in [0, 1].into_iter().enumerate() {
        let base = 100 * round;
        let queue = Queue::bounded(capacity);
        let _ = queue.try_put(ledger.item(base));
        drop(queue.put(ledger.item(base + 1)));
        drop(Probe::pending(queue.put(ledger.item(base + 2))));
        drop(queue.put_many(ledger.items(base + 3..base + 5)));
        drop(Probe::pending(queue.put_many(ledger.items(base + 5..base + 7))));
        assert_eq!(Probe::pending(queue.put(ledger.item(base + 7))).future.take().map(|item| item.id), Some(base + 7));
        assert_eq!(Probe::pending(queue.put_many(ledger.items(base + 8..base + 10))).future.take().len(), 2);
        drop(queue);
    }
    ledger.settle();
}

#[test]
fn a_batch_that_is_cut_short_drops_each_item_once() {
    let ledger = Ledger::new();
    let queue = Queue::bounded(130);
    let put = Probe::pending(queue.put_many(ledger.items(0..300)));
    assert_eq!(ledger.dropped(), 0);
    drop(put);
    assert_eq!(ledger.dropped(), 170);
    let mut got = Vec::new();
    assert_eq!(queue.try_get_many(&mut got, 50).ok(), Some(50));
    assert_eq!(queue.shutdown_now().len(), 80);
    assert_eq!(ledger.dropped(), 250);
    drop(got);
    ledger.settle();
}

#[test]
fn a_guard_drops_its_item_once() {
    let _watchdog = watchdog();
    let ledger = Ledger::new();
    let queue = Queue::unbounded();
    queue.put_many(ledger.items(0..3)).wait().unwrap();
    drop(queue.get_task().wait());
    let (item, done) = queue.try_get_task().unwrap().into_parts();
    drop(done);
    assert_eq!((item.id, ledger.dropped()), (1, 1));
    drop((item, queue));
    ledger.settle();
}

#[test]
fn completed_operations_keep_no_item() {
    let ledger = Ledger::new();
    let queue = Queue::bounded(2);
    let mut put = Probe::new(queue.put(ledger.item(0)));
    assert!(put.poll().is_ready());
    let mut get = Probe::new(queue.get());
    assert!(get.poll().is_ready());
    assert_eq!(ledger.dropped(), 1);
    drop((put, get));
    ledger.settle();
}

#[test]
fn every_item_is_dropped_once_under_load() {
    let _watchdog = watchdog();
    for capacity in [0, 1, 3, 200] {
        let ledger = Ledger::new();
        let queue = Queue::bounded(capacity);
        thread::scope(|scope| {
            let (queue, ledger) = (&queue, &ledger);
            let putters = [0, 1].map(|n| {
                scope.spawn(move || {
                    for id in n * 600..(n + 1) * 600 {
                        match id % 4 {
                            0 => drop(queue.try_put(ledger.item(id))),
                            1 => drop(queue.put(ledger.item(id)).wait_timeout(Duration::from_micros(20))),
                            2 => drop(Probe::new(queue.put(ledger.item(id))).poll()),
                            _ => assert!(queue.put(ledger.item(id)).wait().is_ok()),
                        }
                    }
                })
            });
            scope.spawn(|| queue.iter().take(300).count());
            scope.spawn(|| while queue.get().wait().is_ok() {});
            putters.into_iter().for_each(|putter| putter.join().unwrap());
            queue.close();
        });
        assert_eq!(ledger.dropped(), 1200);
        ledger.settle();
    }
}

/// An item whose copy into the slot takes so long that getters reach their spin limit and leave holes.
struct Large(#[allow(dead_code)] Item, #[allow(dead_code)] [u8; 16 << 10]);

#[test]
fn a_queue_with_holes_drops_its_remaining_items_once() {
    let _watchdog = watchdog();
    let ledger = Ledger::new();
    for round in 0..8 {
        let queue = Queue::bounded(20);
        thread::scope(|scope| {
            let (queue, ledger) = (&queue, &ledger);
            for n in 0..3 {
                let first = (round * 3 + n) * 150;
                scope.spawn(move || {
                    for id in (first..first + 150).step_by(5) {
                        let items = (id..id + 5).map(|id| Large(ledger.item(id), [0; 16 << 10]));
                        drop(queue.try_put_many(items));
                    }
                });
            }
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..600 {
                        drop(queue.try_get());
                    }
                });
            }
        });
        drop(queue);
    }
    assert_eq!(ledger.dropped(), 3600);
    ledger.settle();
}

/// An item whose drop panics if it is armed, after the ledger has recorded the drop.
struct Bomb(#[allow(dead_code)] Item, bool);

impl Drop for Bomb {
    fn drop(&mut self) {
        if self.1 {
            panic!("the drop of an item failed");
        }
    }
}

fn bombs(ledger: &Ledger, armed: usize) -> Vec<Bomb> {
    ledger
        .items(0..300)
        .into_iter()
        .map(|item| Bomb(item, false))
        .enumerate()
        .map(|(n, mut bomb)| {
            bomb.1 = n == armed;
            bomb
        })
        .collect()
}

#[test]
fn a_dropped_queue_drops_all_items_though_the_drop_of_one_panics() {
    let _watchdog = watchdog();
    for armed in [0, 1, 150, 299] {
        let ledger = Ledger::new();
        let queue = Queue::unbounded();
        queue.put_many(bombs(&ledger, armed)).wait().unwrap();
        assert!(catch_unwind(AssertUnwindSafe(|| drop(queue))).is_err());
        assert_eq!(ledger.dropped(), 300);
        ledger.settle();
    }
}

#[test]
fn the_last_receiver_drops_all_messages_though_the_drop_of_one_panics() {
    let _watchdog = watchdog();
    for armed in [0, 1, 150, 299] {
        let ledger = Ledger::new();
        let (sender, receiver) = unbounded();
        sender.send_many(bombs(&ledger, armed)).wait().unwrap();
        assert!(catch_unwind(AssertUnwindSafe(|| drop(receiver))).is_err());
        assert_eq!((ledger.dropped(), sender.len()), (300, 0));
        assert!(sender.is_closed() && sender.receiver_count() == 0);
        drop(sender);
        ledger.settle();
    }
}

#[test]
fn a_queue_works_after_the_item_of_a_cancelled_put_panics_in_its_drop() {
    for capacity in [0, 1] {
        let ledger = Ledger::new();
        let queue = Queue::bounded(capacity);
        let _ = queue.try_put(Bomb(ledger.item(0), false));
        let put = Probe::pending(queue.put(Bomb(ledger.item(1), true)));
        let next = Probe::pending(queue.put(Bomb(ledger.item(2), false)));
        assert!(catch_unwind(AssertUnwindSafe(|| drop(put))).is_err());
        drop(next);
        if capacity == 1 {
            assert!(queue.try_get().is_ok());
            assert!(queue.try_put(Bomb(ledger.item(3), false)).is_ok());
        }
        drop(queue);
        ledger.settle();
    }
}

#[test]
fn items_without_size_are_dropped_once() {
    let _watchdog = watchdog();
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    struct Unit;
    impl Drop for Unit {
        fn drop(&mut self) {
            DROPS.fetch_add(1, Ordering::Relaxed);
        }
    }
    let queue = Queue::bounded(700);
    queue.put_many((0..600).map(|_| Unit)).wait().unwrap();
    assert_eq!((queue.try_iter().take(300).count(), DROPS.load(Ordering::Relaxed)), (300, 300));
    drop(Probe::new(queue.put(Unit)));
    assert_eq!(DROPS.load(Ordering::Relaxed), 301);
    drop(queue);
    assert_eq!(DROPS.load(Ordering::Relaxed), 601);
}

#[test]
fn an_item_may_use_its_own_queue_when_it_is_dropped() {
    struct Busy(Item, Arc<Queue<Busy>>);
    impl Drop for Busy {
        fn drop(&mut self) {
            let queue = &self.1;
            let _ = (queue.len(), queue.try_get().is_ok(), queue.task_done(), queue.close());
        }
    }
    let _watchdog = watchdog();
    let (ledger, queue) = (Ledger::new(), Arc::new(Queue::unbounded()));
    queue.put_many(ledger.items(0..20).into_iter().map(|item| Busy(item, queue.clone()))).wait().unwrap();
    let first = queue.try_get().ok().unwrap();
    assert_eq!(first.0.id, 0);
    drop(first);
    assert!(queue.is_closed() && queue.is_empty() && Arc::strong_count(&queue) == 1);
    ledger.settle();
}

/// A message that owns a sender of the channel that holds it.
struct Boomerang {
    #[allow(dead_code)]
    back: Option<Sender<Boomerang>>,
    #[allow(dead_code)]
    item: Item,
}

#[test]
fn messages_that_own_a_sender_of_their_own_channel_are_dropped_with_the_last_receiver() {
    let _watchdog = watchdog();
    let ledger = Ledger::new();
    let (sender, receiver) = bounded(100);
    for id in 0..50 {
        assert!(sender.try_send(Boomerang { back: Some(sender.clone()), item: ledger.item(id) }).is_ok());
    }
    drop(sender);
    assert_eq!((receiver.sender_count(), receiver.is_closed()), (50, false));
    let weak = receiver.downgrade();
    drop(receiver);
    assert_eq!(ledger.dropped(), 50);
    assert!(weak.upgrade().is_none());
    ledger.settle();
}

/// A message that owns a receiver of the channel that holds it.
struct Snake(#[allow(dead_code)] Receiver<Snake>, #[allow(dead_code)] Item);

#[test]
fn messages_that_own_a_receiver_of_their_own_channel_can_be_received_and_dropped() {
    let _watchdog = watchdog();
    let ledger = Ledger::new();
    let (sender, receiver) = unbounded();
    for id in 0..10 {
        assert!(sender.try_send(Snake(receiver.clone(), ledger.item(id))).is_ok());
    }
    assert_eq!(receiver.receiver_count(), 11);
    drop(sender);
    assert_eq!(receiver.into_iter().count(), 10);
    ledger.settle();
}

#[test]
fn items_of_every_type_are_returned_unchanged() {
    let _watchdog = watchdog();
    fn same<T: Clone + PartialEq + std::fmt::Debug>(items: &[T]) {
        let queue = Queue::unbounded();
        queue.put_many(items.iter().cloned()).wait().unwrap();
        assert_eq!(queue.try_iter().collect::<Vec<_>>(), items);
    }
    same(&[&7u8; 300]);
    same(&[std::num::NonZeroU8::MIN; 300]);
    same(&[Some("a"), None]);
    same(&[[0u8; 0]; 700]);
    same(&[(1u8, 2u64, 'x'); 300]);
    same(&[vec![String::from("b"); 3], Vec::new()]);
    same(&[[7u8; 33]; 500]);
}
