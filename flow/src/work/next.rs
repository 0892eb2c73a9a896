//! How a worker comes to its next job.

use crate::attempt::Attempt;
use crate::job::core::Core;
use crate::operation::block_on;
use crate::semaphore::Permit;
use crate::stage::{Finished, Inner};
use crate::work::run::discard;
use joinq::GetTimeoutError;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;

/// A worker of a stage. While there is one, a stage without handles goes on.
pub(crate) struct Worker<T, R>(Arc<Inner<T, R>>);

impl<T, R> Worker<T, R> {
    pub(crate) fn new(stage: Arc<Inner<T, R>>) -> Self {
        stage.users.add_worker();
        Worker(stage)
    }
}

impl<T, R> Drop for Worker<T, R> {
    fn drop(&mut self) {
        if self.0.users.remove_worker() {
            self.0.abandon();
        }
    }
}

impl<T: Send + Sync + 'static, R: Send + 'static> Worker<T, R> {
    /// The next attempt; `None` when the stage has ended.
    pub(crate) fn next_blocking(&self) -> Option<Attempt<T, R>> {
        loop {
            let core = self.take_blocking()?;
            let attempt = match self.0.pass_now() {
                Some(permit) if !core.stored => Attempt::begin(core, permit),
                passed => block_on(self.begin(core, passed)),
            };
            if attempt.is_some() {
                return attempt;
            }
        }
    }

    /// As [`next_blocking`](Worker::next_blocking), in a task. It can be dropped at any time: a job that it has taken goes
    /// back into the lane.
    pub(crate) async fn next(&self) -> Option<Attempt<T, R>> {
        loop {
            let core = self.take().await?;
            let attempt = match self.0.pass_now() {
                Some(permit) if !core.stored => Attempt::begin(core, permit),
                passed => self.begin(core, passed).await,
            };
            if attempt.is_some() {
                return attempt;
            }
        }
    }

    /// Begins an attempt after what it has to wait for.
    async fn begin(&self, core: Arc<Core<T, R>>, passed: Option<Option<Permit>>) -> Option<Attempt<T, R>> {
        let mut taken = Taken::new(core);
        let permit = match passed {
            Some(permit) => permit,
            None => self.0.pass(taken.core()).await,
        };
        if taken.core().stored && !taken.core().state.is_cancelled() {
            taken.mark_start().await;
        }
        Attempt::begin(taken.keep(), permit)
    }

    fn take_blocking(&self) -> Option<Arc<Core<T, R>>> {
        if self.0.options.when_empty.is_none() {
            return self.0.lane.get().wait().ok();
        }
        block_on(self.take_or_ask())
    }

    async fn take(&self) -> Option<Arc<Core<T, R>>> {
        match &self.0.options.when_empty {
            None => self.0.lane.get().await.ok(),
            Some(_) => self.take_or_ask().await,
        }
    }

    /// Takes a job, and asks the source of the stage now and then while there is none.
    async fn take_or_ask(&self) -> Option<Arc<Core<T, R>>> {
        let (shortest, _) = self.0.options.when_empty.as_ref()?;
        let mut wait = *shortest;
        loop {
            match self.0.lane.get().until(self.0.time.sleep(wait)).await {
                Ok(core) => return Some(core),
                Err(GetTimeoutError::Closed) => return None,
                Err(_) if self.0.ask_source() => wait = *shortest,
                Err(_) => wait = wait.saturating_mul(2).min(shortest.saturating_mul(32)),
            }
        }
    }
}

/// A job that a worker has taken and has not begun. On drop it goes back into the lane.
struct Taken<T, R> {
    core: Option<Arc<Core<T, R>>>,
    marked: bool,
}

impl<T, R> Taken<T, R> {
    fn new(core: Arc<Core<T, R>>) -> Self {
        Taken { core: Some(core), marked: false }
    }

    fn core(&self) -> &Arc<Core<T, R>> {
        self.core.as_ref().expect("there until the end")
    }

    fn keep(mut self) -> Arc<Core<T, R>> {
        self.core.take().expect("there until the end")
    }

    /// Marks the start in the store, before the handler runs.
    async fn mark_start(&mut self) {
        let core = self.core().clone();
        if let Some(disk) = &core.stage.disk {
            self.marked = true;
            disk.mark_start(&core).await;
        }
    }
}

impl<T, R> Drop for Taken<T, R> {
    fn drop(&mut self) {
        let Some(core) = self.core.take() else { return };
        let stage = core.stage.clone();
        if let (Some(disk), true) = (&stage.disk, self.marked) {
            disk.clear_mark(core.id);
        }
        stage.enqueue(core);
        if stage.is_halted() {
            // The halt may have come first, and then it has not seen the job.
            drop(stage.take_out());
        }
    }
}

impl<T: Send + Sync + 'static, R: Send + 'static> Inner<T, R> {
    /// Asks the source for an item, and puts it. False if there is none, or no room.
    fn ask_source(self: &Arc<Self>) -> bool {
        let Some((_, source)) = &self.options.when_empty else { return false };
        // Counted first, so that the stage cannot end while the source has handed its item over.
        let counted = match self.unfinished.add() {
            Ok(()) => Finished(self),
            Err((_, then)) => {
                self.follow(then);
                return false;
            }
        };
        let Ok(permits) = self.try_reserve(1) else { return false };
        let item = match catch_unwind(AssertUnwindSafe(source)) {
            Ok(Some(item)) => item,
            Ok(None) => return false,
            Err(panic) => {
                self.counters.panicked.add(1);
                discard(panic);
                return false;
            }
        };
        drop(permits);
        counted.keep();
        self.begin_from_source(item);
        true
    }
}
