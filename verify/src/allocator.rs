//! A global allocator that checks each deallocation.
//!
//! A header in front of each block holds the layout of its allocation. A deallocation with another layout, of a block
//! that was freed before, or of no block at all is counted and reported; so are the live bytes. New memory is filled
//! with `0xa5` and freed memory with `0xdd`, so that a read of either is soon noticed.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

/// The allocator.
#[derive(Debug)]
pub struct Checking;

/// In front of each block.
#[derive(Clone, Copy)]
#[repr(C)]
struct Header {
    size: usize,
    align: usize,
    /// Whether the block is live, as one of two numbers that are unlikely in other memory.
    mark: usize,
}

const LIVE: usize = 0x6c69_7665_0b10_c000;
const FREED: usize = 0x6672_6565_0b10_c000;

static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static FAULTS: AtomicU64 = AtomicU64::new(0);
/// The first fault: size and alignment of the allocation, and of the deallocation.
static FIRST: [AtomicUsize; 4] = [const { AtomicUsize::new(0) }; 4];

/// The bytes that are allocated and not freed.
pub fn live_bytes() -> i64 {
    LIVE_BYTES.load(Ordering::SeqCst)
}

/// How often memory was allocated.
pub fn allocations() -> u64 {
    ALLOCATIONS.load(Ordering::Relaxed)
}

/// How many deallocations were wrong, and a description of the first one.
pub fn faults() -> (u64, String) {
    let [size, align, freed_size, freed_align] = [0, 1, 2, 3].map(|index| FIRST[index].load(Ordering::SeqCst));
    let text = format!("allocated with size {size}, align {align}; freed with size {freed_size}, align {freed_align}");
    (FAULTS.load(Ordering::SeqCst), text)
}

/// The distance from the start of the memory to the block: a multiple of the alignment that the header fits in.
fn offset(align: usize) -> usize {
    align.max(size_of::<Header>().next_power_of_two())
}

fn with_header(layout: Layout) -> Option<Layout> {
    let offset = offset(layout.align());
    Layout::from_size_align(layout.size().checked_add(offset)?, offset).ok()
}

fn report(header: Header, layout: Layout) {
    if FAULTS.fetch_add(1, Ordering::SeqCst) == 0 {
        let values = [header.size, header.align, layout.size(), layout.align()];
        FIRST.iter().zip(values).for_each(|(place, value)| place.store(value, Ordering::SeqCst));
    }
}

// SAFETY: memory comes from `System`, with a layout that has space for the header and for the block behind it at the
// alignment that was requested. No method panics or allocates.
unsafe impl GlobalAlloc for Checking {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(whole) = with_header(layout) else { return std::ptr::null_mut() };
        // SAFETY: the size is not 0, as the header is in it.
        let start = unsafe { System.alloc(whole) };
        if start.is_null() {
            return start;
        }
        // SAFETY: `whole` has `offset` bytes in front of the block, and the offset is at least the size of the header
        // and a multiple of its alignment.
        unsafe {
            let block = start.add(offset(layout.align()));
            let header = Header { size: layout.size(), align: layout.align(), mark: LIVE };
            block.cast::<Header>().sub(1).write(header);
            block.write_bytes(0xa5, layout.size());
            LIVE_BYTES.fetch_add(layout.size() as i64, Ordering::Relaxed);
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
            block
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let place = block.cast::<Header>().wrapping_sub(1);
        // SAFETY: the caller frees what `alloc` has returned, which has a header in front.
        let header = unsafe { place.read() };
        if header.mark != LIVE {
            // Freed twice, or no block of this allocator: the memory stays as it is.
            return report(header, layout);
        }
        if (header.size, header.align) != (layout.size(), layout.align()) {
            report(header, layout);
        }
        // The layout of the allocation, whatever the caller says: `System` must not see a wrong one.
        let Ok(layout) = Layout::from_size_align(header.size, header.align) else { return report(header, layout) };
        let Some(whole) = with_header(layout) else { return };
        LIVE_BYTES.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: by the header this block was allocated with `whole`, and it is freed once, as the mark changes.
        unsafe {
            place.write(Header { mark: FREED, ..header });
            block.write_bytes(0xdd, layout.size());
            System.dealloc(block.sub(offset(layout.align())), whole);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deallocation_with_another_layout_is_counted() {
        let (before, _) = faults();
        let layout = Layout::from_size_align(24, 8).unwrap();
        // SAFETY: the block is freed once. Its layout at the deallocation is wrong on purpose; the allocator goes by
        // its own header.
        unsafe {
            let block = Checking.alloc(layout);
            assert_eq!((block as usize % 8, block.read()), (0, 0xa5));
            Checking.dealloc(block, Layout::from_size_align(16, 8).unwrap());
            let page = Checking.alloc(Layout::from_size_align(1, 4096).unwrap());
            assert_eq!(page as usize % 4096, 0);
            Checking.dealloc(page, Layout::from_size_align(1, 8).unwrap());
        }
        let (after, text) = faults();
        assert_eq!(after, before + 2);
        assert!(text.contains("size 24") && text.contains("size 16"), "{text}");
    }
}
