//! Operations that do not wait, each compared with the model: puts, gets, batches, tasks, permits, closes.
//!
//! Knows the driver. Does not know the bytes, but for the small numbers that an operation reads itself.

use super::driver::Driver;
use super::input::Input;
use super::item::{same, Item};
use super::operation::Op;
use super::request::Request;

impl<'q, I: Item + 'q> Driver<'q, I> {
    /// The free slots for a put that does not wait: none while other puts wait.
    pub(super) fn free_slots_without_waiting(&self) -> usize {
        match self.model.has_waiters() {
            true => 0,
            false => self.model.free_slots(),
        }
    }

    pub(super) fn permits(&mut self, arg: usize, input: &mut Input<'_>) {
        // A reservation may be as large as the largest capacity that the queue ever had.
        let count = (usize::from(input.byte()) % 4).min(self.model.most);
        match arg {
            3 | 4 => {
                // The numbers of reservations count down, so that they differ from those of items.
                self.reservations += 1;
                let (queue, id) = (self.queue, u32::MAX - self.reservations);
                self.begin(0, |_| (Op::Reserve(queue.reserve(count)), Request::Reserve { id, count, waits: false }));
            }
            5 => {
                let fits = !self.model.closed && (count == 0 || count <= self.free_slots_without_waiting());
                match self.queue.try_reserve(count) {
                    Ok(permits) => {
                        assert!(fits, "try_reserve({count})");
                        self.model.held += count;
                        self.keep(permits, count);
                    }
                    Err(error) => assert!(!fits && error.is_closed() == self.model.closed, "{error:?}"),
                }
            }
            6 => {
                let Some(place) = self.held.iter().position(|permits| !permits.is_empty()) else { return };
                let (id, item) = self.fresh();
                self.held[place].put(item);
                self.model.use_permit(id);
            }
            _ => self.drop_permits(count),
        }
    }

    pub(super) fn try_put(&mut self) {
        let (id, item) = self.fresh();
        let free = self.free_slots_without_waiting();
        match self.queue.try_put(item) {
            Ok(()) => {
                assert!(!self.model.closed && free > 0, "try_put: {free} free slots");
                self.model.push(id);
            }
            Err(error) => {
                assert!(if self.model.closed { error.is_closed() } else { error.is_full() && free == 0 }, "{error:?}");
                assert!(error.into_inner().is(id));
            }
        }
    }

    /// Puts an item. If the queue is full, the oldest item is displaced and counts as done.
    pub(super) fn force_put(&mut self) {
        let (id, item) = self.fresh();
        let (free, rendezvous) = (self.free_slots_without_waiting(), self.model.capacity == Some(0));
        match self.queue.force_put(item) {
            Err(error) => {
                assert!(self.model.closed);
                assert!(error.into_inner().is(id));
            }
            Ok(None) => {
                assert!(!self.model.closed && free > 0, "force_put: full");
                self.model.push(id);
            }
            Ok(Some(oldest)) => {
                assert!(!self.model.closed && free == 0, "force_put: {free} free slots");
                if rendezvous || self.model.items.is_empty() {
                    assert!(oldest.is(id), "force_put: not its own item");
                    return;
                }
                let Some(displaced) = self.model.items.pop_front() else { unreachable!() };
                same(&[oldest], &[displaced]);
                self.model.push(id);
                self.model.count_removed(1);
            }
        }
    }

    pub(super) fn drain(&mut self) {
        let count = self.model.len();
        let drained: Vec<I> = self.queue.drain().collect();
        let ids = match self.model.try_get(count) {
            Some(Ok(ids)) => ids,
            _ => Vec::new(),
        };
        same(&drained, &ids);
        self.model.count_removed(ids.len());
    }

    pub(super) fn try_put_many(&mut self, count: usize) {
        let (ids, items) = self.fresh_many(count);
        let fit = if self.model.closed { 0 } else { count.min(self.free_slots_without_waiting()) };
        match self.queue.try_put_many(items) {
            Ok(()) => assert_eq!(fit, count, "try_put_many put all"),
            Err(error) => {
                assert!(fit < count && error.is_closed() == self.model.closed, "{error:?}");
                same(&error.into_inner(), &ids[fit..]);
            }
        }
        ids[..fit].iter().for_each(|id| self.model.push(*id));
    }

    pub(super) fn try_get(&mut self) {
        let got = self.queue.try_get();
        match (got, self.model.try_get(1)) {
            (Ok(item), Some(Ok(ids))) => same(&[item], &ids),
            (Err(error), Some(Err(()))) => assert!(error.is_closed()),
            (Err(error), None) => assert!(error.is_empty()),
            (got, model) => panic!("try_get: {:?} for {model:?}", got.map(drop)),
        }
    }

    pub(super) fn try_get_many(&mut self, limit: usize) {
        let mut items = Vec::new();
        let got = self.queue.try_get_many(&mut items, limit);
        match (got, self.model.try_get(limit)) {
            (Ok(count), Some(Ok(ids))) if count == items.len() => same(&items, &ids),
            (Err(error), Some(Err(()))) => assert!(error.is_closed()),
            (Err(error), None) => assert!(error.is_empty()),
            (got, model) => panic!("try_get_many: {got:?} for {model:?}"),
        }
    }

    pub(super) fn try_get_task(&mut self) {
        let got = self.queue.try_get_task();
        match (got, self.model.try_get(1)) {
            (Ok(task), Some(Ok(ids))) => self.hold(task, &ids),
            (Err(error), Some(Err(()))) => assert!(error.is_closed()),
            (Err(error), None) => assert!(error.is_empty()),
            (got, model) => panic!("try_get_task: {:?} for {model:?}", got.map(drop)),
        }
    }

    /// Ends one of the held tasks: as a whole, in its two parts, or in parts of which the guard is forgotten.
    pub(super) fn end_task(&mut self, arg: usize) {
        if self.tasks.is_empty() {
            return;
        }
        let place = arg % self.tasks.len();
        let task = self.tasks.remove(place);
        match arg {
            7 => std::mem::forget(task.into_parts().1),
            6 => {
                let (item, done) = task.into_parts();
                drop(item);
                assert_eq!(self.queue.unfinished(), self.model.unfinished(), "unfinished, before the guard is dropped");
                drop(done);
                self.model.count_done(1);
            }
            _ => {
                drop(task);
                self.model.count_done(1);
            }
        }
    }

    pub(super) fn tasks_done(&mut self, count: usize) {
        let done = if count == 1 { self.queue.task_done() } else { self.queue.tasks_done(count) };
        assert_eq!(done.is_ok(), self.model.count_done(count as u64), "tasks_done({count})");
    }

    pub(super) fn close(&mut self) {
        assert_eq!(self.queue.close(), !self.model.closed);
        self.model.close();
    }

    /// The remaining items no longer count as unfinished; fewer do if some of them were counted as done
    /// before.
    pub(super) fn shutdown_now(&mut self) {
        let left = self.queue.shutdown_now();
        self.model.close();
        let ids: Vec<u32> = self.model.items.drain(..).collect();
        same(&left, &ids);
        self.model.count_removed(ids.len());
    }

    /// Takes up to `arg` items by an iterator; all items for 7, and after a close by the iterator that waits.
    pub(super) fn iterate(&mut self, arg: usize) {
        let limit = if arg == 7 { usize::MAX } else { arg };
        let items: Vec<I> = match self.model.is_over() {
            true => self.queue.iter().take(limit).collect(),
            false => self.queue.try_iter().take(limit).collect(),
        };
        let got = std::iter::from_fn(|| self.model.try_get(1)?.ok()).take(limit);
        same(&items, &got.flatten().collect::<Vec<_>>());
    }
}
