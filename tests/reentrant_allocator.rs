//! An allocator that uses the queue that allocates: each allocation of a segment, and each time that one is freed, an
//! item is put into the same queue and one is taken out, in the middle of the operation that needs the memory.
//!
//! The allocator needs `unsafe`.
#![allow(unsafe_code)]

mod common;

use common::watchdog;
use joinq::Queue;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};

thread_local! {
    /// The queue that the allocator uses on this thread, unless it is in use by the allocator.
    static USED: Cell<Option<&'static Queue<u64>>> = const { Cell::new(None) };
    /// The next item that the allocator puts.
    static NEXT: Cell<u64> = const { Cell::new(FIRST_OF_ALLOCATOR) };
    /// What the allocator took.
    static TAKEN: RefCell<([u64; 4096], usize)> = const { RefCell::new(([0; 4096], 0)) };
}

/// The items of the allocator are numbered from here on.
const FIRST_OF_ALLOCATOR: u64 = 1 << 32;

struct Reentrant;

impl Reentrant {
    /// Puts one item and takes one, but not for the memory that this itself needs.
    fn use_queue() {
        let Ok(Some(queue)) = USED.try_with(Cell::take) else { return };
        NEXT.with(|next| next.set(next.get() + u64::from(queue.try_put(next.get()).is_ok())));
        if let Ok(item) = queue.try_get() {
            TAKEN.with(|taken| {
                let (items, count) = &mut *taken.borrow_mut();
                items[*count] = item;
                *count += 1;
            });
        }
        USED.with(|used| used.set(Some(queue)));
    }
}

// SAFETY: the system's allocator, before or after which a queue is used. That queue uses the allocator again, and then
// no queue.
unsafe impl GlobalAlloc for Reentrant {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::use_queue();
        // SAFETY: as demanded.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as demanded.
        unsafe { System.dealloc(block, layout) };
        Self::use_queue();
    }
}

#[global_allocator]
static ALLOCATOR: Reentrant = Reentrant;

/// Each item comes out once, those of one putter in their order.
fn storm(queue: Queue<u64>, batch: usize) {
    let (owned, queue) = {
        let queue = Box::into_raw(Box::new(queue));
        // SAFETY: the queue lives until this function frees it, and then neither it nor the allocator uses it any more.
        (queue, unsafe { &*queue })
    };
    let mut taken = Vec::with_capacity(20_000);
    let mut last = 0;
    USED.with(|used| used.set(Some(queue)));
    for round in 0..120 {
        // More than a segment has, so that each round links some, frees some and uses spares.
        for _ in 0..40 + round * 5 {
            last += u64::from(queue.try_put(last + 1).is_ok());
        }
        while let Ok(item) = queue.try_get() {
            taken.push(item);
        }
        if batch > 0 {
            let (more, before) = ((last + 1..=last + batch as u64).collect::<Vec<_>>(), taken.len());
            last += match queue.try_put_many(more) {
                Ok(()) => batch,
                Err(refused) => batch - refused.into_inner().len(),
            } as u64;
            let _ = queue.try_get_many(&mut taken, batch / 2);
            assert!(taken.len() >= before);
        }
    }
    USED.with(|used| used.set(None));
    taken.extend(queue.try_iter());
    let of_allocator = TAKEN.with(|taken| {
        let (items, count) = &*taken.borrow();
        items[..*count].to_vec()
    });
    assert!(of_allocator.len() > 5, "the allocator used the queue {} times", of_allocator.len());
    for items in [&taken, &of_allocator] {
        for of in [0..FIRST_OF_ALLOCATOR, FIRST_OF_ALLOCATOR..u64::MAX] {
            let of_one: Vec<_> = items.iter().filter(|item| of.contains(item)).collect();
            assert!(of_one.windows(2).all(|pair| pair[0] < pair[1]), "items out of order");
        }
    }
    let mut all = [taken, of_allocator].concat();
    all.sort_unstable();
    let expected: Vec<u64> = (1..=last).chain(FIRST_OF_ALLOCATOR..NEXT.with(Cell::get)).collect();
    assert!(all == expected, "{} items came out, {} were put", all.len(), expected.len());
    // SAFETY: see above.
    drop(unsafe { Box::from_raw(owned) });
}

#[test]
fn an_allocator_may_use_the_queue_for_which_it_allocates() {
    let _watchdog = watchdog();
    for batch in [0, 300] {
        std::thread::spawn(move || storm(Queue::unbounded(), batch)).join().unwrap();
    }
}

#[test]
fn an_allocator_may_use_the_bounded_queue_for_which_it_allocates() {
    let _watchdog = watchdog();
    for capacity in [1, 120, 300, 700] {
        let batch = if capacity > 1 { 200 } else { 0 };
        std::thread::spawn(move || storm(Queue::bounded(capacity), batch)).join().unwrap();
    }
}
