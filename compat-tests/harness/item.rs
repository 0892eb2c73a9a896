//! Items with a number, whose drops are recorded.

use std::fmt;
use std::sync::{Arc, Mutex};

/// The numbers of the items that were dropped, in their order. It can be sent, as some handles require that
/// of a message.
#[derive(Clone, Default)]
pub(crate) struct Drops(Arc<Mutex<Vec<u32>>>);

impl Drops {
    fn record(&self, id: u32) {
        self.0.lock().unwrap().push(id);
    }

    /// The numbers since the last call.
    pub(super) fn take(&self) -> Vec<u32> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

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
            drops.record(self.id);
        }
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "item {}", self.id)
    }
}
