//! Panics of user code at a step that the program chooses: in the drop of an item, in the clone, the wake-up and the
//! drop of a waker, and in an iterator.
//!
//! Does not know the library. The panics do not run the panic hook, by which libFuzzer would end the process.

use super::item::{Item, Narrow};
use std::cell::Cell;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::task::{RawWaker, RawWakerVTable, Waker};

/// What user code does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    ItemDrop,
    WakerClone,
    Wake,
    WakerDrop,
    Next,
}

thread_local! {
    /// The kind of event that panics, or any, and after how many others.
    static FUSE: Cell<Option<(Option<Event>, u32)>> = const { Cell::new(None) };
}

struct Injected;

/// The event with this number from now on panics.
pub(super) fn arm(event: Option<Event>, after: u32) {
    FUSE.with(|fuse| fuse.set(Some((event, after))));
}

pub(super) fn disarm() {
    FUSE.with(|fuse| fuse.set(None));
}

/// User code runs here, and panics if its number has come.
fn tick(event: Event) {
    let fires = FUSE.with(|fuse| match fuse.get() {
        Some((kind, after)) if kind.map_or(true, |kind| kind == event) => {
            fuse.set(after.checked_sub(1).map(|after| (kind, after)));
            after == 0
        }
        _ => false,
    });
    // A panic while another one unwinds would abort, whatever the library does.
    if fires && !std::thread::panicking() {
        resume_unwind(Box::new(Injected));
    }
}

/// The result of the code; `None` if a panic of user code came out of it.
pub(super) fn guarded<R>(code: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(code)) {
        Ok(result) => Some(result),
        Err(panic) if panic.is::<Injected>() => None,
        Err(panic) => resume_unwind(panic),
    }
}

/// An item whose drop may panic.
pub(super) struct Bomb(Narrow);

impl Item for Bomb {
    fn new(id: u32) -> Self {
        Bomb(Narrow::new(id))
    }

    fn is(&self, id: u32) -> bool {
        self.0.is(id)
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        tick(Event::ItemDrop);
    }
}

/// An iterator over new items that may panic at each.
pub(super) fn items(count: usize) -> impl Iterator<Item = Bomb> {
    (0..count).map(|_| {
        tick(Event::Next);
        super::item::fresh().1
    })
}

/// A waker all of whose functions may panic.
#[derive(Default)]
pub(super) struct Hook(AtomicUsize);

impl Hook {
    /// How often it was woken.
    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn wake(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        tick(Event::Wake);
    }

    #[allow(unsafe_code)] // A waker with its own `clone` needs a vtable.
    pub(super) fn waker(self: &Arc<Self>) -> Waker {
        let pointer = Arc::into_raw(self.clone()).cast();
        // SAFETY: the pointer has a reference of an `Arc`, which the functions of the table take over or leave.
        unsafe { Waker::from_raw(RawWaker::new(pointer, &TABLE)) }
    }
}

#[allow(unsafe_code)]
static TABLE: RawWakerVTable = RawWakerVTable::new(
    |pointer| {
        tick(Event::WakerClone);
        // SAFETY: the pointer is that of an `Arc<Hook>`, to which the waker has a reference.
        unsafe { Arc::increment_strong_count(pointer.cast::<Hook>()) };
        RawWaker::new(pointer, &TABLE)
    },
    // SAFETY: the waker gives its reference up.
    |pointer| unsafe { Arc::from_raw(pointer.cast::<Hook>()) }.wake(),
    // SAFETY: the waker has a reference.
    |pointer| unsafe { &*pointer.cast::<Hook>() }.wake(),
    |pointer| {
        // SAFETY: the waker gives its reference up.
        let _hook = unsafe { Arc::from_raw(pointer.cast::<Hook>()) };
        tick(Event::WakerDrop);
    },
);
