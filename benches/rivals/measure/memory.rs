//! The number of bytes that a queue holds.

use crate::cells::{Cell, Moment};
use crate::link::Link;
use std::alloc::{GlobalAlloc, Layout, System};
use std::mem::size_of;

thread_local! {
    /// The bytes that this thread has allocated and not freed. Not an atomic, so that counting costs no
    /// contender more than another.
    static HELD: std::cell::Cell<isize> = const { std::cell::Cell::new(0) };
}

fn held(change: isize) -> isize {
    HELD.with(|held| {
        held.set(held.get() + change);
        held.get()
    })
}

/// The system's allocator, with a count of the requested bytes.
pub struct Counting;

// SAFETY: each call is forwarded to the system's allocator. The count neither allocates nor has a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        held(layout.size() as isize);
        System.alloc(layout)
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        held(-(layout.size() as isize));
        System.dealloc(place, layout);
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        held(layout.size() as isize);
        System.alloc_zeroed(layout)
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        held(size as isize - layout.size() as isize);
        System.realloc(place, layout, size)
    }
}

/// The bytes on the heap. Without the handles themselves, which are on the stack of their users.
pub fn on_heap<L: Link>(cell: &Cell, moment: Moment) -> f64 {
    let before = held(0);
    let (mut tx, mut rx) = L::open::<u64>(cell.capacity, cell.shape);
    match moment {
        Moment::Empty => {}
        Moment::OneItem => L::try_send(&mut tx[0], 0),
        Moment::Drained => {
            (0..cell.messages).for_each(|value| L::try_send(&mut tx[0], value));
            (0..cell.messages).for_each(|value| assert_eq!(L::try_recv::<u64>(&mut rx[0]), value));
        }
    }
    // The two `Vec`s belong to this bench.
    let own = tx.capacity() * size_of::<L::Tx<u64>>() + rx.capacity() * size_of::<L::Rx<u64>>();
    (held(0) - before - own as isize) as f64
}

/// The resident bytes of this process, which Linux tells in a line like "VmRSS: 1234 kB".
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("resident bytes need /proc of Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kibibytes.expect("a line with VmRSS") * 1024.0
}

/// The resident bytes of each of many queues, with what the allocator adds. Without the handles.
pub fn resident_each<L: Link>(cell: &Cell, moment: Moment) -> f64 {
    let open = || {
        let (mut tx, mut rx) = L::open::<u64>(cell.capacity, cell.shape);
        let (mut tx, rx) = (tx.remove(0), rx.remove(0));
        if moment == Moment::OneItem {
            L::try_send(&mut tx, 0);
        }
        (tx, rx)
    };
    let mut queues = Vec::with_capacity(cell.messages as usize);
    let before = resident();
    queues.extend((0..cell.messages).map(|_| open()));
    let handles = size_of::<(L::Tx<u64>, L::Rx<u64>)>() as f64;
    let each = (resident() - before) / cell.messages as f64 - handles;
    // The process ends now, and need not free a million queues one by one.
    std::mem::forget(queues);
    each
}
