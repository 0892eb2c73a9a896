//! What has to be true before a worker begins a job: the stage is ready, and its limit has a permit.

use crate::job::core::Core;
use crate::listen::Listen;
use crate::semaphore::Permit;
use crate::stage::Inner;
use crate::Denied;
use std::future::{poll_fn, Future};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::task::Poll;
use std::time::Duration;

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl<T, R> Inner<T, R> {
    /// A worker keeps a job that it does not begin yet where a shutdown finds it.
    fn hold_back(&self, core: &Arc<Core<T, R>>) {
        self.held_back.lock().unwrap_or_else(PoisonError::into_inner).push(core.clone());
        if self.is_halted() {
            // The halt may have come first, and then it has not seen the job.
            self.take_out();
        }
    }

    fn no_longer_hold_back(&self, core: &Arc<Core<T, R>>) {
        let mut held_back = self.held_back.lock().unwrap_or_else(PoisonError::into_inner);
        let place = held_back.iter().position(|held| Arc::ptr_eq(held, core));
        let held = place.map(|place| held_back.swap_remove(place));
        drop(held_back);
        drop(held);
    }
}

impl<T: Send + Sync + 'static, R: Send + 'static> Inner<T, R> {
    /// Whether a job may begin at once, with the permit of the limit if there is one.
    pub(super) fn pass_now(&self) -> Option<Option<Permit>> {
        if self.options.ready.is_some() {
            // The job is held back before the question, as the answer may take its time.
            return None;
        }
        match &self.options.limit {
            None => Some(None),
            Some(limit) => limit.try_acquire(1).map(Some),
        }
    }

    /// Waits until a job may begin. The job may have been taken out by a shutdown meanwhile.
    pub(super) async fn pass(&self, core: &Arc<Core<T, R>>) -> Option<Permit> {
        self.hold_back(core);
        let held_back = OnDrop(|| self.no_longer_hold_back(core));
        let mut pause = FIRST_PAUSE;
        while !self.is_halted() && !self.is_ready() {
            self.unless_halted(self.time.sleep(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        let permit = match &self.options.limit {
            Some(limit) => self.unless_halted(limit.acquire(1)).await,
            None => None,
        };
        if self.is_halted() {
            // While the job is still in the list, so that the shutdown returns it.
            self.take_out();
        }
        drop(held_back);
        permit
    }

    /// Asks the stage's `ready`, and keeps a denial for the numbers.
    fn is_ready(&self) -> bool {
        let Some(ready) = &self.options.ready else { return true };
        let answer = catch_unwind(AssertUnwindSafe(ready)).unwrap_or_else(|panic| {
            self.count_panic(panic);
            Err(Denied::new("`ready` panicked"))
        });
        let is_ready = answer.is_ok();
        let mut not_ready = self.not_ready.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *not_ready, answer.err());
        drop(not_ready);
        drop(before);
        is_ready
    }

    /// Awaits `future`, or the halt of the stage.
    async fn unless_halted<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let mut halted = Listen::new();
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            halted.poll(self.halted(), context, || self.is_halted().then_some(None))
        })
        .await
    }
}

/// Calls a function when it is dropped, also because the future around it is.
pub(super) struct OnDrop<F: FnMut()>(pub(super) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
