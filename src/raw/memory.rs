//! The memory of segments.
//!
//! Knows layouts. Does not know what is in the memory.
//!
//! Cursors contain addresses, so what a thread does may depend on whether a new segment is where another one was. In
//! the models that must not be left to the allocator: loom replays a model, and each replay must take the same course.
//! There, what was freed last is allocated first.

#[cfg(not(loom))]
pub(super) use std::alloc::{alloc, dealloc};

#[cfg(loom)]
pub(super) use replayed::{alloc, dealloc};

#[cfg(loom)]
mod replayed {
    use std::alloc::Layout;
    use std::cell::RefCell;

    thread_local! {
        static FREED: RefCell<Vec<(Layout, *mut u8)>> = const { RefCell::new(Vec::new()) };
    }

    /// # Safety
    /// As for [`std::alloc::alloc`].
    pub(in crate::raw) unsafe fn alloc(layout: Layout) -> *mut u8 {
        let freed = FREED.with(|freed| {
            let mut freed = freed.borrow_mut();
            let last = freed.iter().rposition(|(other, _)| *other == layout)?;
            Some(freed.remove(last).1)
        });
        // SAFETY: as demanded.
        freed.unwrap_or_else(|| unsafe { std::alloc::alloc(layout) })
    }

    /// # Safety
    /// As for [`std::alloc::dealloc`].
    pub(in crate::raw) unsafe fn dealloc(memory: *mut u8, layout: Layout) {
        FREED.with(|freed| freed.borrow_mut().push((layout, memory)));
    }
}
