//! What a put does when the stage is full.

/// What a put does when there is no free capacity; for [`StageBuilder::overflow`](crate::StageBuilder::overflow).
///
/// A put that is not refused returns a job in each case. A dropped job is a dead letter with
/// [`Cause::Evicted`](crate::Cause::Evicted).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// The put waits, in FIFO order with other puts.
    #[default]
    Wait,
    /// The put is refused with [`Refused::Full`](crate::Refused::Full).
    Reject,
    /// The new item is dropped.
    DropNewest,
    /// The oldest job that no worker has taken is dropped. If there is none, the put is refused as by `Reject`.
    DropOldest,
}
