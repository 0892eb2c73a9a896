//! Gets of many items that linger.
//!
//! Knows the get of many items. Does not know how a batch lingers.

use super::get::{GetAttempt, GetMany, Many};
use super::QueueRef;
use crate::error::{GetError, GetTimeoutError};
use crate::operation::{lingers, BatchAttempt};

impl<T, H, E, F> BatchAttempt for GetAttempt<T, H, Many<'_, T>, E, F>
where
    H: QueueRef<T>,
    E: From<GetError>,
    F: From<GetTimeoutError> + From<E>,
{
    type Error = E;
    type TimeoutError = F;

    fn lower_limit(&mut self, appended: usize) -> usize {
        self.form.lower_limit(appended)
    }
}

lingers! {
    GetMany, GetError,
    "let queue = joinq::Queue::unbounded();\nqueue.put_many([1, 2]).wait().unwrap();",
    "queue.get_many(&mut batch, 3)"
}
