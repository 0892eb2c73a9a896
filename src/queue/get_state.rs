//! The state of a get while it waits.

/// The state of a get while it waits.
#[derive(Debug, Default)]
pub(crate) struct GetState {
    /// With capacity 0: one item may be enqueued for it.
    pub(super) matchable: bool,
    /// It attempts from the wait queue. It notes then that it has freed a slot, and notifies the waiting puts
    /// after it was removed from the wait queue: a notification runs user code, which may panic.
    pub(super) queued: bool,
    /// What it has noted.
    pub(super) freed: bool,
}
