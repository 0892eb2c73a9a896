//! Items with a number, whose drops are recorded.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// The numbers of the items that were dropped, in their order.
pub(crate) type Drops = Rc<RefCell<Vec<u32>>>;

pub(crate) struct Item {
    id: u32,
    drops: Option<Drops>,
}

impl Item {
    pub(super) fn new(id: u32, drops: &Drops) -> Self {
        Item { id, drops: Some(drops.clone()) }
    }

    /// The number of an item that a channel returned. The drop of the item is not recorded after this.
    pub(crate) fn id(mut self) -> u32 {
        self.drops = None;
        self.id
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        if let Some(drops) = self.drops.take() {
            drops.borrow_mut().push(self.id);
        }
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "item {}", self.id)
    }
}
