//! How a worker comes to its next job.

use crate::attempt::Attempt;
use crate::job::core::Core;
use crate::operation::block_on;
use crate::stage::{Finished, Inner};
use crate::work::claim::Claim;
use joinq::GetTimeoutError;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;

/// The shortest time after which a source is asked again.
const SHORTEST: Duration = Duration::from_millis(1);

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
                Some(permit) if !core.is_stored() => Attempt::begin(core, permit),
                Some(permit) => block_on(self.begin(Claim::new(core, permit))),
                None => block_on(async { self.begin(self.pass(core).await).await }),
            };
            if attempt.is_some() {
                return attempt;
            }
        }
    }

    /// As [`next_blocking`](Worker::next_blocking), in a task. It can be dropped at any time: a job that it
    /// has taken is enqueued again.
    pub(crate) async fn next(&self) -> Option<Attempt<T, R>> {
        loop {
            let claim = self.claim().await?;
            if let Some(attempt) = self.begin(claim).await {
                return Some(attempt);
            }
        }
    }

    /// Takes a job, and waits until it may begin; `None` when the stage has ended. It can be dropped at any
    /// time: the job is enqueued again.
    async fn claim(&self) -> Option<Claim<T, R>> {
        let core = self.take().await?;
        Some(match self.0.pass_now() {
            Some(permit) => Claim::new(core, permit),
            None => self.pass(core).await,
        })
    }

    async fn pass(&self, core: Arc<Core<T, R>>) -> Claim<T, R> {
        let mut claim = Claim::new(core, None);
        claim.permit = self.0.pass(claim.core()).await;
        claim
    }

    /// Begins the attempt, with its mark in the store; `None` if the job was cancelled or taken out meanwhile.
    async fn begin(&self, mut claim: Claim<T, R>) -> Option<Attempt<T, R>> {
        claim.mark_start().await;
        let (core, permit) = claim.keep();
        Attempt::begin(core, permit)
    }

    fn take_blocking(&self) -> Option<Arc<Core<T, R>>> {
        if self.0.options.when_empty.is_none() {
            return self.0.queue.get().wait().ok();
        }
        block_on(self.take_or_ask())
    }

    async fn take(&self) -> Option<Arc<Core<T, R>>> {
        match &self.0.options.when_empty {
            None => self.0.queue.get().await.ok(),
            Some(_) => self.take_or_ask().await,
        }
    }

    /// Takes a job, and asks the source of the stage now and then while there is none.
    async fn take_or_ask(&self) -> Option<Arc<Core<T, R>>> {
        let (shortest, _) = self.0.options.when_empty.as_ref()?;
        // Without any wait it would spin.
        let shortest = &(*shortest).max(SHORTEST);
        let mut wait = *shortest;
        loop {
            match self.0.queue.get().until(self.0.time.sleep(wait)).await {
                Ok(core) => return Some(core),
                Err(GetTimeoutError::Closed) => return None,
                Err(_) if self.0.ask_source() => wait = *shortest,
                Err(_) => wait = wait.saturating_mul(2).min(shortest.saturating_mul(32)),
            }
        }
    }
}

impl<T: Send + Sync + 'static, R: Send + 'static> Inner<T, R> {
    /// Asks the source for an item, and puts it. False if there is none, or no free capacity.
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
                self.count_panic(panic);
                return false;
            }
        };
        drop(permits);
        counted.keep();
        self.begin_from_source(item);
        true
    }
}
