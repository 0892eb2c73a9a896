//! How operations spin before they wait, by the bound of the queue.

use super::{Bound, Queue};
use crate::operation::{Spin, PAUSES};

/// A task spins only where the capacity is at least so large.
const WORTH_A_SPIN: u32 = 16;

impl<T> Queue<T> {
    /// How an operation spins. `gathers`: it may pause for a batch to form.
    pub(super) fn spin(&self, gathers: bool) -> Spin<'_> {
        // A get and a put of a rendezvous are matched in the wait queue only.
        let most = if matches!(self.bound(), Bound::Rendezvous) { 0 } else { PAUSES };
        let capacity = if self.is_bounded() { u32::try_from(self.hot.capacity).unwrap_or(u32::MAX) } else { u32::MAX };
        // A small capacity is used up before the next probe of a spin.
        let luck = (capacity >= WORTH_A_SPIN).then_some(&self.hot.spin_history);
        Spin { pauses: (capacity / 3).clamp(1, PAUSES).min(most), luck, gathers }
    }
}
