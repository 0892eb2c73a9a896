//! The heap memory of a queue: how much it allocates, and that it frees each block with the layout of its
//! allocation.
//!
//! The counting allocator needs `unsafe`.
#![allow(unsafe_code)]

mod common;

use common::{watchdog, Probe};
use joinq::{unbounded, Queue};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};
use std::sync::Barrier;
use std::thread;

/// The allocations of the threads of one test.
struct Account {
    live: AtomicIsize,
    peak: AtomicIsize,
    allocations: AtomicUsize,
}

#[allow(clippy::declare_interior_mutable_const)] // Each use makes a new value, as intended.
const NEW: Account = Account { live: AtomicIsize::new(0), peak: AtomicIsize::new(0), allocations: AtomicUsize::new(0) };

/// Account 0 is that of all threads without an account of their own.
static ACCOUNTS: [Account; 64] = [NEW; 64];
static WRONG_LAYOUTS: AtomicUsize = AtomicUsize::new(0);

thread_local!(static ACCOUNT: Cell<usize> = const { Cell::new(0) });

/// The label in front of each block.
#[derive(Clone, Copy)]
struct Label {
    layout: Layout,
    account: usize,
}

struct Counting;

impl Counting {
    /// The layout with a label in front, and the offset of the block.
    fn labelled(layout: Layout) -> (Layout, usize) {
        let label = Layout::new::<Label>();
        let align = layout.align().max(label.align());
        let start = (label.size() + align - 1) / align * align;
        let whole = Layout::from_size_align(start + layout.size(), align);
        (whole.expect("no test asks for so much"), start)
    }
}

// SAFETY: each block is part of a block of the system's allocator, behind its label, with the requested
// alignment.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (whole, start) = Self::labelled(layout);
        let account = ACCOUNT.try_with(Cell::get).unwrap_or(0);
        // SAFETY: the layout is not empty, as it contains the label, and the label fits in front of the
        // block.
        unsafe {
            let memory = System.alloc(whole);
            if memory.is_null() {
                return memory;
            }
            let size = layout.size() as isize;
            let live = ACCOUNTS[account].live.fetch_add(size, Ordering::Relaxed) + size;
            ACCOUNTS[account].peak.fetch_max(live, Ordering::Relaxed);
            ACCOUNTS[account].allocations.fetch_add(1, Ordering::Relaxed);
            let block = memory.add(start);
            block.cast::<Label>().sub(1).write_unaligned(Label { layout, account });
            block
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block was returned by `alloc`, so its label is in front of it and has its true layout.
        unsafe {
            let label = block.cast::<Label>().sub(1).read_unaligned();
            if label.layout != layout {
                WRONG_LAYOUTS.fetch_add(1, Ordering::Relaxed);
            }
            ACCOUNTS[label.account].live.fetch_sub(label.layout.size() as isize, Ordering::Relaxed);
            let (whole, start) = Self::labelled(label.layout);
            System.dealloc(block.sub(start), whole);
        }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The account of one test. Each thread of the test enters it.
#[derive(Clone, Copy)]
struct Books(usize);

impl Books {
    fn open() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let books = Books(NEXT.fetch_add(1, Ordering::Relaxed));
        books.enter();
        books
    }

    fn enter(self) {
        ACCOUNT.with(|account| account.set(self.0));
    }

    fn live(self) -> isize {
        ACCOUNTS[self.0].live.load(Ordering::SeqCst)
    }

    /// The peak of live bytes.
    fn peak(self) -> isize {
        ACCOUNTS[self.0].peak.load(Ordering::SeqCst)
    }

    fn allocations(self) -> usize {
        ACCOUNTS[self.0].allocations.load(Ordering::SeqCst)
    }

    /// Asserts that everything was freed, with the layout of its allocation.
    fn close(self) {
        assert_eq!((self.live(), WRONG_LAYOUTS.load(Ordering::SeqCst)), (0, 0));
    }
}

/// A segment of `u64`s: 256 values with three bytes each behind a header, 2,880 bytes.
const TWO_SEGMENTS: isize = 6 << 10;
/// The short segments of a queue of `u64`s have 8, 16, 32 and 64 slots.
const SHORT_SEGMENTS: usize = 4;

#[test]
fn an_empty_queue_allocates_nothing() {
    let _watchdog = watchdog();
    let books = Books::open();
    // Not with capacity 0, where every operation takes the mutex of the wait queues.
    for queue in [Queue::<u64>::unbounded(), Queue::bounded(1), Queue::bounded(usize::MAX)] {
        assert!(
            queue.try_get().is_err() && queue.task_done().is_err() && queue.try_get_many(&mut Vec::new(), 0).is_ok()
        );
        assert_eq!((queue.len(), queue.unfinished(), queue.is_closed()), (0, 0, false));
        queue.join().wait();
        drop((queue.get(), queue.put(1)));
        assert!(queue.close() && queue.try_put(1).is_err() && queue.get().wait().is_err());
    }
    assert_eq!(books.allocations(), 0);
}

#[test]
fn an_empty_queue_is_small() {
    // Four cache lines.
    if cfg!(target_arch = "x86_64") {
        assert_eq!((std::mem::size_of::<Queue<u64>>(), std::mem::size_of::<Queue<[u64; 100]>>()), (256, 256));
    }
}

#[test]
fn an_empty_channel_is_one_cache_line_larger() {
    let books = Books::open();
    let ends = unbounded::<u64>();
    let (general, allocations) = (books.live(), books.allocations());
    let single = joinq::mpsc::bounded::<u64>(100);
    assert_eq!((allocations, books.allocations()), (1, 2));
    if cfg!(target_arch = "x86_64") {
        // One line for the counts of the `Arc`, and with other crates' names one for what becomes of what is left over.
        let bytes = if cfg!(feature = "compat") { 384 } else { 320 };
        assert_eq!((general, books.live()), (bytes, 2 * bytes));
    }
    drop((ends, single));
    books.close();
}

#[test]
fn the_first_wait_allocates_the_wait_queues_once() {
    let _watchdog = watchdog();
    let books = Books::open();
    let queue = Queue::<u64>::unbounded();
    // A get that waits alone has its waker in the queue itself.
    let before = books.live();
    let alone = Probe::pending(queue.get());
    drop(alone);
    assert_eq!(books.live(), before, "a get that waits alone allocates nothing that stays");
    let alone = Probe::pending(queue.get());
    let mut sizes = [0; 2];
    for size in &mut sizes {
        let before = books.live();
        let waiting = Probe::pending(queue.get());
        let own = books.live();
        drop(waiting);
        assert!(books.live() < own, "the waiter leaves nothing of its own behind");
        *size = books.live() - before;
    }
    let [first, second] = sizes;
    assert!((1..=800).contains(&first) && second == 0, "{first} and {second} bytes for waits");
    drop(alone);
    drop(queue);
    books.close();
}

#[test]
fn the_first_item_allocates_one_segment() {
    let books = Books::open();
    let queue = Queue::bounded(usize::MAX);
    queue.try_put(1u64).unwrap();
    assert_eq!((books.allocations(), books.live()), (1, 64 + 8 * 11));
    drop(queue);
    books.close();
}

#[test]
fn a_drained_channel_with_few_items_is_small() {
    let books = Books::open();
    let (sender, receiver) = unbounded();
    let (mut most, empty) = (0, books.live());
    for n in 0..100u64 {
        sender.try_send(n).unwrap();
        most = most.max(books.live() - empty);
        assert_eq!(receiver.try_recv(), Ok(n));
    }
    // 64 slots; with the first item there, also the 32 slots of the segment before.
    assert_eq!((books.live() - empty, most), (64 + 64 * 11, 2 * 64 + 96 * 11));
    if cfg!(all(target_arch = "x86_64", not(feature = "compat"))) {
        assert_eq!(books.live(), 1_088);
    }
    drop((sender, receiver));

    // The table of docs/benchmarks.md: all at once, and drained.
    let table = [(0, 0), (1, 152), (8, 152), (9, 240), (24, 240), (25, 416), (56, 416), (57, 768), (120, 768)];
    for (items, bytes) in table.into_iter().chain([(121, 2_880), (376, 2_880)]) {
        let (sender, mut receiver) = joinq::mpsc::unbounded();
        let empty = books.live();
        (0..items).for_each(|n| sender.try_send(n).unwrap());
        assert!((0..items).all(|n: u64| receiver.try_recv() == Ok(n)));
        assert_eq!((items, books.live() - empty), (items, bytes));
    }
    books.close();
}

/// Short segments are freed when the head has left them: none is kept where a long one is needed.
#[test]
fn a_queue_past_its_short_segments_has_long_ones_alone() {
    let books = Books::open();
    for depth in [0, 1, 7, 50, 300] {
        let queue = Queue::bounded(1_000);
        (0..depth).for_each(|n| queue.try_put(n).unwrap());
        for n in 0..2_000u64 {
            queue.try_put(n).unwrap();
            queue.try_get().unwrap();
        }
        let (segments, rest) = (books.live() / 2_880, books.live() % 2_880);
        assert!(segments <= 3 && rest == 0, "{segments} segments and {rest} bytes at depth {depth}");
    }
    books.close();
}

/// Large items have long segments from the beginning.
#[test]
fn a_queue_of_large_items_begins_with_a_long_segment() {
    let books = Books::open();
    let queue = Queue::unbounded();
    queue.try_put([0u8; 1024]).unwrap();
    assert_eq!((books.allocations(), books.live() >= 32 * 1024), (1, true));
    drop(queue);
    books.close();
}

#[test]
fn operations_that_need_no_wait_allocate_nothing_more() {
    let _watchdog = watchdog();
    let books = Books::open();
    let queue = Queue::bounded(300);
    queue.try_put(1u64).unwrap();
    let before = books.allocations();
    futures_lite::future::block_on(async {
        for n in 0..100 {
            queue.put(n).await.unwrap();
            queue.get().await.unwrap();
            queue.task_done().unwrap();
        }
    });
    for n in 0..100 {
        queue.put(n).wait().unwrap();
        drop(queue.get_task().wait().unwrap());
    }
    // `block_on` allocates its parker once. The items pass through three short segments and one long one more.
    let most = 3 + SHORT_SEGMENTS;
    assert!(books.allocations() - before <= most, "{} allocations", books.allocations() - before);
}

#[test]
fn a_burst_gives_its_memory_back_when_it_is_drained() {
    let books = Books::open();
    let queue = Queue::unbounded();
    for n in 0..1_000_000u64 {
        queue.try_put(n).unwrap();
    }
    assert!(books.live() > 8_000_000);
    assert!((0..1_000_000).all(|n| queue.try_get() == Ok(n)));
    assert!(books.live() <= TWO_SEGMENTS, "{} bytes are left after the burst", books.live());
    drop(queue);
    books.close();
}

#[test]
fn a_burst_in_batches_gives_its_memory_back_too() {
    let _watchdog = watchdog();
    let books = Books::open();
    let queue = Queue::unbounded();
    for _ in 0..100 {
        queue.put_many(0..1000u64).wait().unwrap();
    }
    let mut got = Vec::with_capacity(1 << 17);
    let before = books.live() - (8 << 17);
    assert!(before > 800_000);
    while queue.try_get_many(&mut got, 777).is_ok() {}
    assert_eq!(got.len(), 100_000);
    drop(got);
    assert!(books.live() <= TWO_SEGMENTS, "{} bytes are left after the burst", books.live());
    drop(queue);
    books.close();
}

#[test]
fn a_burst_through_threads_gives_its_memory_back() {
    let _watchdog = watchdog();
    let books = Books::open();
    let queue = Queue::unbounded();
    let before = books.live();
    thread::scope(|scope| {
        let (queue, books) = (&queue, books);
        for _ in 0..2 {
            scope.spawn(move || {
                books.enter();
                (0..100_000u64).for_each(|n| queue.try_put(n).unwrap());
            });
            scope.spawn(move || {
                books.enter();
                let mut left = 100_000;
                while left > 0 {
                    left -= usize::from(queue.try_get().is_ok());
                }
            });
        }
    });
    // Reuses or frees segments that a thread still used when the queue left them.
    queue.put_many(0..600).wait().unwrap();
    assert_eq!(queue.try_iter().count(), 600);
    let left = books.live() - before;
    // The runtime frees a few bytes of a thread after the thread has ended.
    assert!(left <= TWO_SEGMENTS + 4096, "{left} bytes are left after the burst");
    drop(queue);
    assert_eq!(WRONG_LAYOUTS.load(Ordering::SeqCst), 0);
}

#[test]
fn cancelled_waiters_leave_no_memory_behind() {
    let books = Books::open();
    let (queue, rendezvous) = (Queue::bounded(1), Queue::bounded(0));
    queue.try_put(1u64).unwrap();
    for round in 0..4 {
        let base = books.live();
        let mut waiters: Vec<_> = (0..25_000).map(|n| Probe::pending(queue.put(n))).collect();
        let joins: Vec<_> = (0..100).map(|_| Probe::pending(queue.join())).collect();
        let gets: Vec<_> = (0..100).map(|_| Probe::pending(rendezvous.get())).collect();
        let puts: Vec<_> = (0..100).map(|_| Probe::pending(queue.put_many([1, 2]))).collect();
        assert!(books.live() > base + 25_000 * 8);
        // Waiters in the middle first, then those at the front and at the back.
        drop(waiters.drain(5_000..20_000));
        drop((waiters, joins, gets, puts));
        let waiting = Probe::pending(rendezvous.put(1u64));
        drop(waiting);
        // The wait queues and one segment are allocated once.
        assert!(books.live() == base || round == 0, "{} bytes are left by waiters", books.live() - base);
    }
    drop((queue, rendezvous));
    books.close();
}

#[test]
fn a_steady_flow_allocates_a_few_segments_once() {
    let _watchdog = watchdog();
    let books = Books::open();
    for (queue, depth) in [(Queue::unbounded(), 0), (Queue::unbounded(), 200), (Queue::bounded(300), 299)] {
        queue.put_many(0..depth).wait().unwrap();
        let before = books.allocations();
        for n in 0..400_000u64 {
            queue.try_put(n).unwrap();
            queue.try_get().unwrap();
        }
        let made = books.allocations() - before;
        assert!(made <= SHORT_SEGMENTS + 4, "{made} allocations for a steady flow");
        assert!(books.live() <= 2 * TWO_SEGMENTS);
    }
    books.close();
}

#[test]
fn a_burst_that_fills_a_bounded_queue_allocates_nothing_in_steady_use() {
    let _watchdog = watchdog();
    fn check<T: Copy>(item: T, capacity: usize, most: isize) {
        let books = Books::open();
        let queue = Queue::bounded(capacity);
        let burst = || {
            (0..capacity).for_each(|_| assert!(queue.try_put(item).is_ok()));
            assert_eq!(queue.try_iter().count(), capacity);
        };
        // The first bursts begin at many offsets of a segment; some need a segment more than others.
        (0..600).for_each(|_| burst());
        let before = books.allocations();
        (0..600).for_each(|_| burst());
        let (made, left) = (books.allocations() - before, books.live());
        assert!(made == 0 && left <= most, "{made} allocations, {left} bytes are left");
        drop(queue);
        books.close();
    }
    // The items of a full queue, and a segment more at each end.
    check([7u64; 128], 100, 180 << 10);
    check([7u64; 8], 100, 64 << 10);
    check(7u64, 1000, 24 << 10);
    check(7u64, 1, 8 << 10);
}

#[test]
fn a_bounded_queue_keeps_a_limited_number_of_spare_bytes() {
    let books = Books::open();
    let queue = Queue::bounded(1_000_000);
    (0..1_000_000u64).for_each(|n| queue.try_put(n).unwrap());
    assert!(books.live() > 8_000_000);
    assert_eq!(queue.try_iter().count(), 1_000_000);
    assert!(books.live() <= (256 << 10) + TWO_SEGMENTS, "{} bytes are left after the burst", books.live());
    drop(queue);
    books.close();
}

/// One thread puts while the other waits, and the other way round. So no thread is suspended inside a segment
/// when the segment becomes reusable, and the segment is reused whatever the scheduler does.
#[test]
fn a_steady_flow_between_threads_re_uses_its_segments() {
    let _watchdog = watchdog();
    let books = Books::open();
    let (queue, turn) = (Queue::unbounded(), Barrier::new(2));
    let allocations = thread::scope(|scope| {
        let putter = scope.spawn(|| {
            books.enter();
            turn.wait();
            let before = books.allocations();
            for n in 0..100_000u64 {
                queue.try_put(n).unwrap();
                if n % 100 == 99 {
                    turn.wait();
                    turn.wait();
                }
            }
            books.allocations() - before
        });
        scope.spawn(|| {
            books.enter();
            turn.wait();
            for n in 0..100_000u64 {
                if n % 100 == 0 {
                    turn.wait();
                }
                assert_eq!(queue.try_get(), Ok(n));
                if n % 100 == 99 {
                    turn.wait();
                }
            }
        });
        putter.join().unwrap()
    });
    // The items pass through 394 segments.
    assert!(allocations <= SHORT_SEGMENTS + 4, "{allocations} allocations for a steady flow");
}

/// Each thread may be suspended inside a segment, which is not reused until the thread continues, or while it
/// holds the list of retired segments. All other segments are reused or freed: memory does not grow with the
/// number of items.
#[test]
fn a_busy_flow_between_threads_holds_a_few_segments_at_a_time() {
    let _watchdog = watchdog();
    let books = Books::open();
    let queue = Queue::bounded(100);
    thread::scope(|scope| {
        let (queue, books) = (&queue, books);
        for _ in 0..2 {
            scope.spawn(move || {
                books.enter();
                for n in 0..100_000u64 {
                    while queue.try_put(n).is_err() {
                        thread::yield_now();
                    }
                }
            });
            scope.spawn(move || {
                books.enter();
                for _ in 0..100_000 {
                    while queue.try_get().is_err() {
                        thread::yield_now();
                    }
                }
            });
        }
    });
    // 200,000 items pass through 782 segments, which have 1,051 KiB.
    assert!(books.peak() <= 32 * TWO_SEGMENTS, "{} bytes for a busy flow", books.peak());
}

#[test]
fn items_of_every_size_and_alignment_are_freed_as_they_were_allocated() {
    #[repr(align(4096))]
    struct Page;
    #[repr(align(64))]
    struct Line(#[allow(dead_code)] u8);
    fn pass<T>(make: impl Fn() -> T) {
        let queue = Queue::unbounded();
        for round in 0..3 {
            for _ in 0..600 {
                assert!(queue.try_put(make()).is_ok());
            }
            queue.try_iter().take(400 + 50 * round).for_each(|item| {
                assert_eq!(&item as *const T as usize % std::mem::align_of::<T>(), 0);
            });
        }
    }
    let books = Books::open();
    pass(|| ());
    pass(|| Page);
    pass(|| Line(1));
    pass(|| [0u8; 3]);
    pass(|| 7u128);
    pass(|| Box::new([1u64; 5]));
    pass(|| [1u8; 5000]);
    books.close();
}

#[test]
fn a_channel_frees_itself_with_its_last_handle() {
    let _watchdog = watchdog();
    let books = Books::open();
    for order in 0..4 {
        let (sender, receiver) = unbounded();
        sender.send_many((0..600).map(Box::new)).wait().unwrap();
        let (weak, other) = (sender.downgrade(), receiver.downgrade());
        match order {
            0 => drop((sender, receiver, weak, other)),
            1 => drop((weak, other, receiver, sender)),
            2 => drop((receiver, weak, sender, other)),
            _ => drop((sender, other, receiver, weak)),
        }
        assert_eq!(books.live(), 0);
    }
    books.close();
}
