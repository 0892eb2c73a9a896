//! Items that count their drops, in three sizes.

use std::cell::{Cell, RefCell};

thread_local! {
    /// For each item, whether it was dropped.
    static LEDGER: RefCell<Vec<bool>> = const { RefCell::new(Vec::new()) };
    static ALIVE: Cell<usize> = const { Cell::new(0) };
    /// The number of the next item.
    static NEXT: Cell<u32> = const { Cell::new(0) };
}

/// Starts again without items.
pub(super) fn reset() {
    LEDGER.with(|ledger| ledger.borrow_mut().clear());
    ALIVE.with(|alive| alive.set(0));
    NEXT.with(|next| next.set(0));
}

/// A new item and its number.
pub(super) fn fresh<I: Item>() -> (u32, I) {
    let id = NEXT.with(|next| next.replace(next.get() + 1));
    (id, I::new(id))
}

/// The number of items alive.
pub(super) fn alive() -> usize {
    ALIVE.with(Cell::get)
}

/// An item that is identified by a number.
pub(super) trait Item: Sized {
    fn new(id: u32) -> Self;
    fn is(&self, id: u32) -> bool;
}

pub(super) struct Narrow(u32);

impl Item for Narrow {
    fn new(id: u32) -> Self {
        ALIVE.with(|alive| alive.set(alive.get() + 1));
        LEDGER.with(|ledger| ledger.borrow_mut().push(false));
        Narrow(id)
    }

    fn is(&self, id: u32) -> bool {
        self.0 == id
    }
}

impl Drop for Narrow {
    fn drop(&mut self) {
        ALIVE.with(|alive| alive.set(alive.get() - 1));
        let before = LEDGER.with(|ledger| std::mem::replace(&mut ledger.borrow_mut()[self.0 as usize], true));
        assert!(!before, "item {} was dropped twice", self.0);
    }
}

/// An item so large that a segment has few slots for it.
pub(super) struct Wide(Narrow, [u32; 128]);

impl Item for Wide {
    fn new(id: u32) -> Self {
        Wide(Narrow::new(id), [id; 128])
    }

    fn is(&self, id: u32) -> bool {
        self.0.is(id) && self.1.iter().all(|word| *word == id)
    }
}

/// An item of size 0: only the number of such items can be checked.
pub(super) struct Unit;

impl Item for Unit {
    fn new(_id: u32) -> Self {
        ALIVE.with(|alive| alive.set(alive.get() + 1));
        Unit
    }

    fn is(&self, _id: u32) -> bool {
        true
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        ALIVE.with(|alive| alive.set(alive.get() - 1));
    }
}

/// Asserts that the items have these numbers.
pub(super) fn same<I: Item>(items: &[I], ids: &[u32]) {
    assert_eq!(items.len(), ids.len(), "as many items as {ids:?}");
    assert!(items.iter().zip(ids).all(|(item, id)| item.is(*id)), "other items than {ids:?}");
}
