//! What the slow paths of a get pass to each other.

/// The state of a get while it waits.
#[derive(Debug, Default)]
pub(crate) struct GetState {
    /// With capacity 0: one item may be enqueued for it.
    pub(super) matchable: bool,
    /// The get is in the wait queue during this attempt. It sets `freed` then instead of serving the waiting
    /// puts. These are served after the get was removed from the wait queue, because that runs wakers, which
    /// may panic.
    pub(super) queued: bool,
    /// This attempt has freed a slot.
    pub(super) freed: bool,
}
