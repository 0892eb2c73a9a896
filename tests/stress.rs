//! Many threads and tasks share a queue: each item arrives exactly once and in order.

mod common;

use common::watchdog;
use futures_lite::future::block_on;
use joinq::{GetError, Queue, TryGetError};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

/// An item that holds its putter and its number.
trait Marked: Send + 'static {
    fn new(putter: usize, number: usize) -> Self;
    /// `None` if the type is too small for marks.
    fn marks(&self) -> Option<(usize, usize)>;
}

impl Marked for u64 {
    fn new(putter: usize, number: usize) -> Self {
        (putter as u64) << 32 | number as u64
    }

    fn marks(&self) -> Option<(usize, usize)> {
        Some(((self >> 32) as usize, (self & 0xffff_ffff) as usize))
    }
}

impl Marked for () {
    fn new(_putter: usize, _number: usize) -> Self {}

    fn marks(&self) -> Option<(usize, usize)> {
        None
    }
}

impl Marked for Box<u64> {
    fn new(putter: usize, number: usize) -> Self {
        Box::new(u64::new(putter, number))
    }

    fn marks(&self) -> Option<(usize, usize)> {
        u64::marks(self)
    }
}

impl Marked for [u8; 4096] {
    fn new(putter: usize, number: usize) -> Self {
        let mut bytes = [number as u8; 4096];
        bytes[..8].copy_from_slice(&u64::new(putter, number).to_le_bytes());
        bytes
    }

    fn marks(&self) -> Option<(usize, usize)> {
        let mut mark = [0; 8];
        mark.copy_from_slice(&self[..8]);
        let marks = u64::from_le_bytes(mark).marks();
        assert!(self[8..].iter().all(|&byte| Some(byte) == marks.map(|(_, number)| number as u8)), "a torn item");
        marks
    }
}

#[repr(align(4096))]
struct Page(u64);

impl Marked for Page {
    fn new(putter: usize, number: usize) -> Self {
        Page(u64::new(putter, number))
    }

    fn marks(&self) -> Option<(usize, usize)> {
        assert_eq!(self as *const Self as usize % 4096, 0, "an item that is not aligned");
        self.0.marks()
    }
}

/// How a thread puts or gets.
#[derive(Clone, Copy)]
enum Method {
    Try,
    Wait,
    Await,
    Batch,
}

fn put_all<T: Marked>(queue: &Queue<T>, putter: usize, count: usize, method: Method) {
    let mut number = 0;
    while number < count {
        let item = T::new(putter, number);
        match method {
            Method::Try => {
                let mut item = item;
                while let Err(error) = queue.try_put(item) {
                    assert!(error.is_full());
                    item = error.into_inner();
                    thread::yield_now();
                }
            }
            Method::Wait => queue.put(item).wait().unwrap(),
            Method::Await => block_on(queue.put(item)).unwrap(),
            Method::Batch => {
                let end = (number + 7).min(count);
                queue.put_many((number..end).map(|number| T::new(putter, number))).wait().unwrap();
                number = end - 1;
            }
        }
        number += 1;
    }
}

fn get_all<T: Marked>(queue: &Queue<T>, method: Method) -> Vec<T> {
    let mut got = Vec::new();
    loop {
        let item = match method {
            Method::Try => match queue.try_get() {
                Err(TryGetError::Empty) => {
                    thread::yield_now();
                    continue;
                }
                item => item.map_err(|_| GetError),
            },
            Method::Wait => queue.get().wait(),
            Method::Await => block_on(queue.get()),
            Method::Batch => match queue.get_many(&mut got, 5).wait() {
                Ok(_) => continue,
                Err(error) => Err(error),
            },
        };
        match item {
            Ok(item) => got.push(item),
            Err(GetError) => return got,
        }
    }
}

/// Four putters and four getters, each by its own method; in the end each item has arrived exactly once and in
/// order.
fn storm<T: Marked>(queue: &Queue<T>, count: usize) {
    const METHODS: [Method; 4] = [Method::Try, Method::Wait, Method::Await, Method::Batch];
    let got = thread::scope(|scope| {
        let getters: Vec<_> = METHODS.map(|method| scope.spawn(move || get_all(queue, method))).into();
        let putters: Vec<_> = (0..4).map(|n| scope.spawn(move || put_all(queue, n, count, METHODS[n]))).collect();
        putters.into_iter().for_each(|putter| putter.join().unwrap());
        assert!(queue.close());
        getters.into_iter().map(|getter| getter.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(got.iter().map(Vec::len).sum::<usize>(), 4 * count);
    let mut seen = vec![[false; 4]; count];
    for one_getter in &got {
        let mut next = [0; 4];
        for (putter, number) in one_getter.iter().filter_map(T::marks) {
            assert!(number >= next[putter], "items of one putter overtook each other");
            assert!(!std::mem::replace(&mut seen[number][putter], true), "an item arrived twice");
            next[putter] = number + 1;
        }
    }
    assert!(queue.is_empty());
}

fn storms<T: Marked>(count: usize) {
    let _watchdog = watchdog();
    for capacity in [0, 1, 2, 100] {
        storm::<T>(&Queue::bounded(capacity), count);
    }
    storm::<T>(&Queue::unbounded(), 4 * count);
}

#[test]
fn numbers_arrive_exactly_once_and_in_order_under_load() {
    storms::<u64>(2000);
}

#[test]
fn units_arrive_as_often_as_they_were_put_under_load() {
    storms::<()>(1000);
}

#[test]
fn boxes_arrive_exactly_once_and_in_order_under_load() {
    storms::<Box<u64>>(1000);
}

#[test]
fn large_items_arrive_whole_under_load() {
    storms::<[u8; 4096]>(150);
}

#[test]
fn page_sized_items_arrive_aligned_under_load() {
    storms::<Page>(150);
}

#[test]
fn a_full_queue_keeps_the_order_of_one_putter() {
    let _watchdog = watchdog();
    let queue = Queue::bounded(2);
    thread::scope(|scope| {
        scope.spawn(|| (0..5000).for_each(|n| queue.put(n).wait().unwrap()));
        assert!((0..5000).all(|n| queue.get().wait() == Ok(n)));
    });
}

#[test]
fn a_queue_is_not_empty_to_a_thread_that_has_put_an_item() {
    let _watchdog = watchdog();
    let queue = Queue::unbounded();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for n in 0..5000 {
                    queue.try_put(n).unwrap();
                    // Each thread takes one item for each item that it puts, so there is one for this thread.
                    assert!(queue.try_get().is_ok(), "empty, though this thread has just put one");
                }
            });
        }
    });
}

#[test]
fn a_thread_that_took_an_item_finds_a_free_slot() {
    let _watchdog = watchdog();
    for capacity in [4, 63, 300] {
        let queue = Queue::bounded(capacity);
        queue.try_put_many(0..capacity).unwrap();
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..3000 {
                        let item = queue.get().wait().unwrap();
                        // Each thread holds at most one item, so there is a free slot.
                        assert_eq!(queue.try_put(item), Ok(()), "full, though this thread has just freed a slot");
                    }
                });
            }
        });
        assert_eq!(queue.len(), capacity);
    }
}

#[test]
fn the_length_is_never_more_than_the_capacity() {
    let _watchdog = watchdog();
    for capacity in [0, 1, 7, 256] {
        let queue = Queue::bounded(capacity);
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let length = queue.len();
                    assert!(length <= capacity, "{length} of {capacity}");
                    let _ = (queue.is_empty(), queue.is_full(), format!("{queue:?}"));
                }
            });
            storm::<u64>(&queue, 800);
            over.store(true, Ordering::Relaxed);
        });
        assert_eq!((queue.len(), queue.is_empty()), (0, true));
    }
}

#[test]
fn threads_and_tasks_of_a_runtime_share_a_queue() {
    const EACH: usize = 1500;
    let _watchdog = watchdog();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    for queue in [Queue::bounded(0), Queue::bounded(1), Queue::bounded(100), Queue::unbounded()] {
        let queue = Arc::new(queue);
        let sum = Arc::new(AtomicUsize::new(0));
        let mut getters = Vec::new();
        let mut threads = Vec::new();
        for _ in 0..3 {
            let (putting, getting, total) = (queue.clone(), queue.clone(), sum.clone());
            runtime.spawn(async move {
                for n in 1..=EACH {
                    putting.put(n).await.unwrap();
                }
            });
            getters.push(runtime.spawn(async move {
                while let Ok(task) = getting.get_task().await {
                    total.fetch_add(*task, Ordering::Relaxed);
                }
            }));
        }
        for _ in 0..2 {
            let (putting, getting, total) = (queue.clone(), queue.clone(), sum.clone());
            threads.push(thread::spawn(move || (1..=EACH).for_each(|n| putting.put(n).wait().unwrap())));
            threads.push(thread::spawn(move || {
                while let Ok(task) = getting.get_task().wait() {
                    total.fetch_add(*task, Ordering::Relaxed);
                }
            }));
        }
        while sum.load(Ordering::Relaxed) < 5 * EACH * (EACH + 1) / 2 {
            thread::yield_now();
        }
        runtime.block_on(queue.join());
        queue.close();
        getters.into_iter().for_each(|getter| runtime.block_on(getter).unwrap());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!((queue.len(), queue.unfinished()), (0, 0));
        assert_eq!(sum.load(Ordering::Relaxed), 5 * EACH * (EACH + 1) / 2);
    }
}

#[test]
fn a_closed_error_means_that_no_item_is_left() {
    let _watchdog = watchdog();
    for n in 0..300 {
        let queue = Queue::unbounded();
        let got = thread::scope(|scope| {
            let getter = scope.spawn(|| get_all::<u64>(&queue, Method::Try));
            for item in 0..n {
                queue.try_put(item).unwrap();
            }
            queue.close();
            getter.join().unwrap()
        });
        assert!(got.into_iter().eq(0..n));
    }
}

#[test]
fn batches_keep_their_order_when_getters_are_impatient() {
    let _watchdog = watchdog();
    // Getters that claim far ahead of a putter, which fills slot after slot, leave holes in its batch.
    for _ in 0..40 {
        let queue = Queue::unbounded();
        let in_order = thread::scope(|scope| {
            let get = || {
                let mut got = Vec::new();
                while queue.try_get_many(&mut got, 60) != Err(TryGetError::Closed) {}
                got
            };
            let getters = [0; 3].map(|_| scope.spawn(get));
            for batch in 0..50 {
                queue.put_many(batch * 250..(batch + 1) * 250).wait().unwrap();
            }
            queue.close();
            let got = getters.map(|getter| getter.join().unwrap());
            assert_eq!(got.iter().map(Vec::len).sum::<usize>(), 50 * 250);
            got.iter().all(|got| got.windows(2).all(|pair| pair[0] < pair[1]))
        });
        assert!(in_order, "items of one batch overtook each other");
    }
}

#[test]
fn threads_that_race_for_a_slot_never_exceed_the_capacity() {
    let _watchdog = watchdog();
    // A segment has eight slots for items of 4 KiB, so the race is often at an edge.
    for capacity in [1, 2, 7, 8, 9] {
        let queue = Queue::<[u8; 4096]>::bounded(capacity);
        let (start, end) = (Barrier::new(3), Barrier::new(3));
        let is_put_completed = AtomicUsize::new(0);
        let race = || {
            start.wait();
            while queue.try_put([0; 4096]).is_ok() {
                is_put_completed.fetch_add(1, Ordering::Relaxed);
            }
            end.wait();
        };
        let mut counts = Vec::new();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..1000).for_each(|_| race()));
            }
            for round in 0..1000 {
                race();
                counts.push((is_put_completed.swap(0, Ordering::Relaxed), queue.try_iter().count()));
                // The next round starts at another offset of the segment.
                (0..round % 3).for_each(|_| assert!(queue.try_put([0; 4096]).is_ok() && queue.try_get().is_ok()));
            }
        });
        assert!(counts.iter().all(|&count| count == (capacity, capacity)), "{counts:?} with capacity {capacity}");
    }
}
