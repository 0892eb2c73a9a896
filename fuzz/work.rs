//! What keeps a queue of work in order: tasks and subtasks, joins, a close in two steps, changes of the capacity, and
//! the guards that close a queue.
//!
//! Knows which byte is which operation. What is checked says `driver.rs`. Uses the public interface only.

use super::driver::{self, Driver, Steps};
use super::input::Input;
use super::item::{alive, same, Item};

/// Runs one program.
pub(crate) fn run(bytes: &[u8]) {
    driver::run::<Work>(bytes);
}

struct Work;

impl Steps for Work {
    fn step<'q, I: Item + 'q>(driver: &mut Driver<'q, I>, op: u8, arg: usize, input: &mut Input<'_>) {
        match op {
            0 | 1 => driver.put_subtask(arg),
            2 => driver.put_subtasks(arg, input.below(5)),
            3 => driver.put_subtasks(arg, usize::from(input.byte())),
            4 => driver.put_back(arg),
            5 => driver.set_capacity(1 + arg),
            6 => driver.set_capacity(1 + usize::from(input.byte())),
            7 => driver.set_capacity(match arg {
                7 => usize::MAX,
                // Around the length of a segment.
                arg => 252 + arg,
            }),
            8 if arg < 4 => driver.close_when_done(),
            8 if arg == 4 => driver.drop_guard(),
            8 | 9 => driver.step(14, arg, input),
            10 | 11 => driver.step(26, arg, input),
            12 => driver.step(12, arg, input),
            13 => driver.step(27, arg, input),
            14 => driver.step(24, arg, input),
            15 => driver.step(29, 3 + arg % 5, input),
            // Puts and gets that wait or not, polls, drops and the rest as in `ops.rs`.
            op => driver.step(
                [0, 2, 4, 6, 8, 9, 11, 13, 16, 19, 20, 22, 25, 28, 29, 31][usize::from(op) % 16],
                arg,
                input,
            ),
        }
    }
}

impl<'q, I: Item + 'q> Driver<'q, I> {
    fn put_subtask(&mut self, arg: usize) {
        if self.tasks.is_empty() {
            return;
        }
        let (id, item) = self.fresh();
        let put = self.tasks[arg % self.tasks.len()].put_subtask(item);
        match (put, self.model.put_subtask(id)) {
            (Ok(()), true) => {}
            (Err(error), false) => assert!(error.into_inner().is(id)),
            (put, accepts) => panic!("put_subtask: {:?}, accepted by the model: {accepts}", put.map_err(drop)),
        }
    }

    fn put_subtasks(&mut self, arg: usize, count: usize) {
        if self.tasks.is_empty() {
            return;
        }
        let (ids, items) = self.fresh_many(count);
        let put = self.tasks[arg % self.tasks.len()].put_subtasks(items);
        let accepted = ids.iter().filter(|id| self.model.put_subtask(**id)).count();
        match put {
            Ok(()) => assert_eq!(accepted, count, "put_subtasks put all"),
            Err(error) => same(&error.into_inner(), &ids[accepted..]),
        }
    }

    /// Puts the item of a task back, as a retry does, and marks the task done.
    fn put_back(&mut self, arg: usize) {
        if self.tasks.is_empty() {
            return;
        }
        let place = arg % self.tasks.len();
        let (item, done) = self.tasks.remove(place).into_parts();
        drop(item);
        let (id, item) = self.fresh();
        assert_eq!(
            done.put_subtask(item).is_ok(),
            self.model.put_subtask(id),
            "put_subtask of a guard without its item"
        );
        self.check();
        drop(done);
        self.model.count_done(1);
    }

    fn set_capacity(&mut self, capacity: usize) {
        /// The largest number of permits.
        const MOST: usize = (1 << 30) - 1;
        if matches!(self.model.capacity, None | Some(0)) {
            return;
        }
        self.queue.set_capacity(capacity);
        let capacity = if self.model.permits { capacity.min(MOST) } else { capacity };
        self.model.set_capacity(capacity);
    }

    fn close_when_done(&mut self) {
        assert_eq!(self.queue.close_when_done(), !self.model.closed, "close_when_done");
        self.model.close_when_done();
    }

    /// Drops a guard that closes the queue and drops its items, which no longer count as unfinished.
    fn drop_guard(&mut self) {
        let before = alive();
        drop(self.queue.shutdown_on_drop());
        self.model.close();
        let count = self.model.items.len();
        self.model.items.clear();
        self.model.count_removed(count);
        assert_eq!(before - alive(), count, "items dropped by a shutdown");
    }
}
