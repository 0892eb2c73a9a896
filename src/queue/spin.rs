//! How operations spin before they wait, by the capacity of the queue.

use super::Queue;
use crate::operation::SpinPolicy;

impl<T> Queue<T> {
    #[inline]
    pub(super) fn spin_policy(&self) -> SpinPolicy<'_> {
        SpinPolicy::for_capacity(self.is_bounded().then_some(self.hot.capacity), &self.hot.spin_history)
    }
}
