//! The end of a shutdown whose deadline is over.

use super::settle::End;
use super::{Inner, Unsettled};
use crate::job::core::Core;
use crate::job::state::Leave;
use crate::job::Job;
use std::mem;
use std::sync::{Arc, MutexGuard, PoisonError};

impl<T, R> Inner<T, R> {
    /// Takes out all jobs that are not running, and tells those that run.
    pub(super) fn halt(&self) -> Unsettled<T, R> {
        self.close();
        self.taken_out().get_or_insert_with(Vec::new);
        self.set_halted();
        let on_disk = self.disk.as_ref().map_or(0, |disk| disk.halt(self));
        self.take_out();
        let (mut left, mut stored) = (Vec::new(), 0);
        loop {
            let running = self.unfinished.count();
            // Also what other threads have taken out since the flag was set.
            let taken = self.collected();
            if taken.is_empty() {
                return Unsettled { left, running, on_disk: on_disk + stored };
            }
            for job in taken {
                match job.0.is_stored() {
                    true => stored += 1,
                    false => left.push(job),
                }
            }
        }
    }

    /// The jobs that were taken out, while a shutdown collects them.
    fn taken_out(&self) -> MutexGuard<'_, Option<Vec<Job<T, R>>>> {
        self.taken_out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No handle and no worker is left, so that no job can run any more.
    pub(crate) fn abandon(&self) {
        // The handles of the jobs learn it by their state.
        drop(self.halt());
    }

    /// Takes out the jobs that wait in memory; the shutdown returns them.
    pub(crate) fn take_out(&self) {
        let held_back = self.leave_held_back();
        let waiting = self.queue.drain().chain(self.delayed.take_all());
        for (core, leave) in held_back.into_iter().chain(waiting.map(|core| self.leave(core))) {
            // A waker that panics must not keep the other jobs in the stage.
            self.guarded(|| self.settle_as(&core, leave));
            self.guarded(|| drop(core));
        }
    }

    /// The jobs that workers hold back. They are collected under the lock of their list, so that a shutdown which no
    /// longer finds a job there finds it collected.
    fn leave_held_back(&self) -> Vec<(Arc<Core<T, R>>, Leave)> {
        let mut held_back = self.held_back.lock().unwrap_or_else(PoisonError::into_inner);
        held_back.drain(..).map(|core| self.leave(core)).collect()
    }

    /// Takes a job out, and collects it before it is no longer unfinished.
    fn leave(&self, core: Arc<Core<T, R>>) -> (Arc<Core<T, R>>, Leave) {
        let leave = core.state.leave();
        if leave == Leave::Now {
            self.collect(&core);
        }
        (core, leave)
    }

    /// What was collected; if that is nothing, nothing more is: jobs that stayed here would keep the stage.
    fn collected(&self) -> Vec<Job<T, R>> {
        let mut taken_out = self.taken_out();
        let collected = taken_out.as_mut().map(mem::take).unwrap_or_default();
        if collected.is_empty() {
            *taken_out = None;
        }
        collected
    }

    fn collect(&self, core: &Arc<Core<T, R>>) {
        if let Some(taken_out) = &mut *self.taken_out() {
            taken_out.push(Job(core.clone()));
        }
    }

    /// Settles a job that is taken out, unless it was cancelled before, or taken out by another thread.
    pub(crate) fn settle_left(&self, core: &Arc<Core<T, R>>) {
        self.settle_as(core, core.state.leave());
    }

    fn settle_as(&self, core: &Arc<Core<T, R>>, leave: Leave) {
        match leave {
            // A row of it stays in the store.
            Leave::Now => self.finish(core, End::Left),
            Leave::Before => {}
            Leave::Cancelled => self.end(core, End::Cancelled),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Stage, State};

    #[test]
    fn a_shutdown_returns_also_what_other_threads_take_out_during_it() {
        let stage: Stage<u32> = Stage::builder("late").build();
        let [first, second] = [1, 2].map(|item| stage.put(item).wait().unwrap());
        // A worker has taken a job, and is about to hold it back when the flag is set.
        let inner = stage.inner();
        let core = inner.queue.try_get().unwrap();
        inner.taken_out().get_or_insert_with(Vec::new);
        inner.set_halted();
        inner.enqueue(core);
        let left = inner.halt().left;
        assert_eq!((first.state(), second.state()), (State::Cancelled, State::Cancelled));
        assert_eq!(left.iter().map(|job| **job).collect::<Vec<_>>(), [2, 1]);
    }
}
