//! All operations of a queue on one thread: with any capacity, alone and in batches, with permits, and pending ones
//! that are polled with changing wakers, dropped, taken back, timed out and forgotten.
//!
//! Knows which byte is which operation. What is checked says `driver.rs`. Uses the public interface only.

use super::driver::{self, Driver, Steps};
use super::input::Input;
use super::item::Item;
use super::operation::Op;
use super::request::Request;
use super::slots::SLOTS;

/// Runs one program.
pub(crate) fn run(bytes: &[u8]) {
    driver::run::<Ops>(bytes);
}

struct Ops;

impl Steps for Ops {
    fn step<'q, I: Item + 'q>(driver: &mut Driver<'q, I>, op: u8, arg: usize, input: &mut Input<'_>) {
        driver.step(op, arg, input);
    }
}

impl<'q, I: Item + 'q> Driver<'q, I> {
    pub(super) fn step(&mut self, op: u8, arg: usize, input: &mut Input<'_>) {
        match op {
            0 | 1 => self.try_put(),
            2 => self.try_put_many(arg),
            3 => self.try_put_many(usize::from(input.byte())),
            4 | 5 => self.try_get(),
            6 => self.try_get_many(arg),
            7 => self.try_get_many(usize::from(input.byte())),
            8..=15 => self.begin_wait(op, arg, input),
            16..=18 => {
                self.poll_slot(arg, 0);
            }
            19 => {
                self.poll_slot(arg, 1);
            }
            20 => {
                self.drop_slot(arg);
            }
            21 => {
                self.take_slot(arg);
            }
            22 => self.end_slot(arg, false),
            // A thread spins before it waits, which takes long.
            23 => self.end_slot(arg, input.byte() % 8 == 0),
            24 => self.tasks_done(1),
            25 => self.tasks_done(match arg {
                7 => usize::MAX - usize::from(input.byte()),
                count => count,
            }),
            26 => self.try_get_task(),
            27 => self.end_task(arg),
            28 => self.settle(),
            29 if arg == 0 => self.close(),
            29 if arg == 1 => self.shutdown_now(),
            29 if arg == 2 => self.forget(input.below(SLOTS)),
            29 if self.model.permits => self.permits(arg, input),
            30 => self.iterate(arg),
            _ if arg == 0 => self.drain(),
            _ if arg < 4 => self.force_put(),
            _ => self.try_get(),
        }
    }

    /// Begins an operation that may wait.
    fn begin_wait(&mut self, op: u8, arg: usize, input: &mut Input<'_>) {
        let queue = self.queue;
        match op {
            8 => self.begin(arg, |slots| {
                let (id, item) = slots.fresh();
                (Op::Put(queue.put(item)), Request::Put { left: [id].into(), waits: false })
            }),
            9 | 10 => {
                let count = if op == 9 { arg } else { usize::from(input.byte()) };
                self.begin(arg, |slots| {
                    let (ids, items) = slots.fresh_many(count);
                    (Op::PutMany(queue.put_many(items)), Request::Put { left: ids.into(), waits: false })
                });
            }
            11 => self.begin(arg, |_| (Op::Get(queue.get()), Request::Get { limit: 1, waits: false })),
            12 => self.begin(arg, |_| (Op::GetTask(queue.get_task()), Request::Get { limit: 1, waits: false })),
            13 => self.begin(arg, |_| {
                let limit = arg * arg;
                let get = async move {
                    let mut items = Vec::new();
                    let got = queue.get_many(&mut items, limit).await;
                    got.map(|count| assert_eq!(count, items.len(), "the count of a get_many")).map_err(drop)?;
                    Ok(items)
                };
                (Op::GetMany(Box::pin(get)), Request::Get { limit, waits: false })
            }),
            14 => self.begin(arg, |_| (Op::Join(queue.join()), Request::Join { since: None })),
            _ => self.begin(arg, |_| (Op::Closed(queue.closed()), Request::Closed)),
        }
    }
}
