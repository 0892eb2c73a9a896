//! A job that a worker has taken and has not begun.

use crate::job::core::Core;
use crate::semaphore::Permit;
use std::sync::Arc;

/// A job that a worker has taken and has not begun. On drop it is enqueued again.
pub(crate) struct Claim<T, R> {
    /// `None` once it is kept.
    core: Option<Arc<Core<T, R>>>,
    /// Of the stage's `limit`.
    pub(super) permit: Option<Permit>,
    mark: Mark,
}

/// Whether the store may have the mark of a start.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    No,
    Asked,
}

impl<T, R> Claim<T, R> {
    pub(super) fn new(core: Arc<Core<T, R>>, permit: Option<Permit>) -> Self {
        Claim { core: Some(core), permit, mark: Mark::No }
    }

    pub(super) fn core(&self) -> &Arc<Core<T, R>> {
        self.core.as_ref().expect("there until it is kept")
    }

    /// The attempt begins.
    pub(super) fn keep(mut self) -> (Arc<Core<T, R>>, Option<Permit>) {
        (self.core.take().expect("there until it is kept"), self.permit.take())
    }

    /// Marks the start in the store, if the job is in one, before the handler runs.
    pub(super) async fn mark_start(&mut self) {
        let core = self.core().clone();
        match &core.stage.disk {
            Some(disk) if core.is_stored() && !core.state.is_cancelled() => {
                self.mark = Mark::Asked;
                disk.mark_start(&core).await;
            }
            _ => {}
        }
    }
}

impl<T, R> Drop for Claim<T, R> {
    fn drop(&mut self) {
        let Some(core) = self.core.take() else { return };
        let stage = core.stage.clone();
        if let (Some(disk), Mark::Asked) = (&stage.disk, self.mark) {
            disk.clear_mark(core.id);
        }
        // Otherwise a shutdown has taken it out.
        if core.is_open() {
            stage.enqueue(core);
        }
    }
}
