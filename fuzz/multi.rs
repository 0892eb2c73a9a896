//! Threads that block in the operations of one queue: the bytes decide which thread begins which operation, and what
//! happens while the others sleep.
//!
//! The schedule has the granularity of operations: the next one begins when each thread has returned or sleeps. What
//! lies between is left to the models and to `verify`. Knows threads and the model.
//!
//! # What is checked
//! - A thread returns if and only if the operation in the model completes, and with the same result. Gets that are
//!   notified by one operation may take its items in any order, and in a closed queue any of them may take an item.
//! - `len`, `unfinished`, `counts` and `is_closed` agree with the model when all threads sleep.

use super::driver;
use super::input::{trace, Input};
use super::model::Model;
use super::request::{Outcome, Request};
use super::workers::{in_time, Worker};
use joinq::queue::{PermitsOwned, TaskOwned};
use joinq::{Queue, Selector};
use std::sync::Arc;

/// On the heap, so that the sanitizer sees an item that is lost or dropped twice.
type Item = Box<u32>;

const THREADS: usize = 4;

/// What a blocking operation has returned.
enum Answer {
    Put(Result<(), u32>),
    Got(Result<u32, ()>),
    Task(Result<TaskOwned<Item>, ()>),
    Reserved(Result<PermitsOwned<Item>, ()>),
    Ended,
}

thread_local! {
    static WORKERS: [Worker<Answer>; THREADS] = std::array::from_fn(|_| Worker::new());
}

struct Program<'w> {
    queue: Arc<Queue<Item>>,
    model: Model,
    workers: &'w [Worker<Answer>; THREADS],
    /// The operations that wait, with their threads, in the order in which they began.
    waiting: Vec<(usize, Request)>,
    tasks: Vec<TaskOwned<Item>>,
    permits: Vec<PermitsOwned<Item>>,
    next: u32,
    reservations: u32,
}

/// Runs one program. The first byte chooses the queue; each further one is an operation (its low five bits) with an
/// argument (its high three).
pub(crate) fn run(bytes: &[u8]) {
    // Threads are seen to sleep by the files of Linux alone.
    if cfg!(target_os = "linux") {
        WORKERS.with(|workers| run_on(workers, bytes));
    }
}

fn run_on(workers: &[Worker<Answer>; THREADS], bytes: &[u8]) {
    let mut input = Input(bytes);
    let kind = usize::from(input.byte());
    let capacity = [None, Some(0), Some(0), Some(1), Some(2), Some(9)][kind % 6];
    let has_permits = kind / 6 % 2 == 1 && matches!(capacity, Some(1..));
    trace(|| format!("capacity {capacity:?}, permits {has_permits}"));
    let mut program = Program {
        queue: Arc::new(driver::queue(capacity, has_permits)),
        model: Model::new(capacity, has_permits),
        workers,
        waiting: Vec::new(),
        tasks: Vec::new(),
        permits: Vec::new(),
        next: 0,
        reservations: 0,
    };
    while let Some(byte) = input.next() {
        let (op, arg) = (byte & 31, usize::from(byte >> 5));
        trace(|| format!("{op} {arg}: items {:?}, waiting {:?}", program.model.items, program.waiting.len()));
        program.step(op, arg);
        program.settle();
    }
    program.finish();
}

impl Program<'_> {
    fn step(&mut self, op: u8, arg: usize) {
        match op {
            0..=3 => self.begin_put(),
            4..=6 => self.begin(Request::Get { limit: 1, waits: false }, |queue| {
                Answer::Got(queue.get().wait().map(|item| *item).map_err(drop))
            }),
            7 => self.begin(Request::Get { limit: 1, waits: false }, move |queue| {
                let got = match arg % 2 {
                    0 => queue.iter().next().ok_or(()),
                    // A select without a match: it waits as a get does.
                    _ if queue.capacity() != Some(0) => Selector::new().get(&queue, |got| got.map_err(drop)).wait(),
                    _ => queue.get().wait().map_err(drop),
                };
                Answer::Got(got.map(|item| *item))
            }),
            8 | 9 => self.begin(Request::Get { limit: 1, waits: false }, |queue| {
                Answer::Task(queue.get_task_owned().wait().map_err(drop))
            }),
            10 => self.begin(Request::Join { since: None }, |queue| {
                queue.join().wait();
                Answer::Ended
            }),
            11 => self.begin(Request::Closed, |queue| {
                queue.closed().wait();
                Answer::Ended
            }),
            12 | 13 if self.model.permits => {
                let count = (1 + arg % 3).min(self.model.most);
                self.reservations += 1;
                let id = u32::MAX - self.reservations;
                self.begin(Request::Reserve { id, count, waits: false }, move |queue| {
                    Answer::Reserved(queue.reserve_owned(count).wait().map_err(drop))
                });
            }
            12..=15 => self.try_put_many(1),
            16 => self.try_put_many(arg),
            17..=19 => self.try_get(1),
            20 => self.try_get(arg),
            21 | 22 => self.end_task(),
            23 => self.put_subtask(),
            24 => assert_eq!(self.queue.tasks_done(arg).is_ok(), self.model.count_done(arg as u64), "tasks_done"),
            25 | 26 => self.use_permit(),
            27 => self.drop_permits(),
            28 if !matches!(self.model.capacity, None | Some(0)) => {
                self.queue.set_capacity(1 + arg);
                self.model.set_capacity(1 + arg);
            }
            29 if arg == 0 => {
                assert_eq!(self.queue.close(), !self.model.closed, "close");
                self.model.close();
            }
            29 if arg == 1 => {
                assert_eq!(self.queue.close_when_done(), !self.model.closed, "close_when_done");
                self.model.close_when_done();
            }
            29 if arg == 2 => self.shutdown_now(),
            _ => self.begin_put(),
        }
    }

    /// Begins an operation on a thread that does nothing else, if there is one.
    fn begin(&mut self, request: Request, operation: impl FnOnce(Arc<Queue<Item>>) -> Answer + Send + 'static) {
        let Some(place) = self.workers.iter().position(Worker::is_idle) else { return };
        let queue = self.queue.clone();
        self.waiting.push((place, request));
        self.workers[place].call(move || operation(queue));
    }

    fn begin_put(&mut self) {
        let id = self.fresh();
        self.begin(Request::Put { left: [id].into(), waits: false }, move |queue| {
            Answer::Put(queue.put(Box::new(id)).wait().map_err(|error| *error.into_inner()))
        });
    }

    fn fresh(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn try_put_many(&mut self, count: usize) {
        // A get that waits takes the first items while the others are put, so that more of them may fit.
        let gets = self.waiting.iter().any(|(_, request)| matches!(request, Request::Get { .. }));
        let count = if gets { count.min(self.model.free_slots()) } else { count };
        let ids: Vec<u32> = (0..count).map(|_| self.fresh()).collect();
        let free = if self.model.closed || self.model.has_waiters() { 0 } else { self.model.free_slots() };
        let fit = count.min(free);
        let put = self.queue.try_put_many(ids.iter().map(|id| Box::new(*id)));
        let back: Vec<u32> =
            put.map_or_else(|error| error.into_inner().into_iter().map(|item| *item).collect(), |()| vec![]);
        assert_eq!(back, ids[fit..], "the items that try_put_many gives back");
        ids[..fit].iter().for_each(|id| self.model.push(*id));
    }

    fn try_get(&mut self, limit: usize) {
        let mut items = Vec::new();
        let got = self.queue.try_get_many(&mut items, limit).map_err(|error| error.is_closed());
        let got = got.map(|_| items.into_iter().map(|item| *item).collect::<Vec<_>>());
        let expected = self.model.try_get(limit);
        assert_eq!(got, expected.map_or(Err(false), |got| got.map_err(|()| true)), "try_get_many({limit})");
    }

    fn end_task(&mut self) {
        if !self.tasks.is_empty() {
            drop(self.tasks.remove(0));
            self.model.count_done(1);
        }
    }

    fn put_subtask(&mut self) {
        let id = self.fresh();
        if let Some(task) = self.tasks.first() {
            assert_eq!(task.put_subtask(Box::new(id)).is_ok(), self.model.put_subtask(id), "put_subtask");
        }
    }

    fn use_permit(&mut self) {
        let id = self.fresh();
        if let Some(permits) = self.permits.iter_mut().find(|permits| !permits.is_empty()) {
            permits.put(Box::new(id));
            self.model.use_permit(id);
        }
    }

    fn drop_permits(&mut self) {
        if !self.permits.is_empty() {
            let permits = self.permits.remove(0);
            self.model.release_permits(permits.len());
        }
    }

    fn shutdown_now(&mut self) {
        let left: Vec<u32> = self.queue.shutdown_now().into_iter().map(|item| *item).collect();
        self.model.close();
        let ids: Vec<u32> = self.model.items.drain(..).collect();
        assert_eq!(left, ids, "shutdown_now");
        self.model.count_removed(ids.len());
    }

    /// Lets all threads run until each has returned or sleeps, as in the model.
    fn settle(&mut self) {
        let (mut got, mut expected) = (Vec::new(), Vec::new());
        while let Some((place, outcome)) = self.completed() {
            trace(|| format!("  thread {place}: {outcome:?}"));
            let answer = self.workers[place].answer(|| {
                let ended: Vec<bool> = self.workers.iter().map(Worker::has_ended).collect();
                format!("thread {place} sleeps, although it can end: {outcome:?}; ended: {ended:?}")
            });
            match (answer, outcome) {
                (Answer::Put(Ok(())), Outcome::Put(Ok(()))) | (Answer::Ended, Outcome::Completed) => {}
                (Answer::Put(Err(id)), Outcome::Put(Err(ids))) => {
                    assert_eq!([id], ids[..], "a put into a closed queue")
                }
                (Answer::Got(item), Outcome::Got(ids)) => {
                    got.push(item);
                    expected.push(ids.map(|ids| ids[0]));
                }
                (Answer::Task(task), Outcome::Got(ids)) => {
                    got.push(task.as_ref().map(|task| ***task).map_err(drop));
                    expected.push(ids.map(|ids| ids[0]));
                    self.tasks.extend(task);
                }
                (Answer::Reserved(Ok(permits)), Outcome::Reserved(Ok(count))) if permits.len() == count => {
                    self.permits.push(permits);
                }
                (Answer::Reserved(Err(())), Outcome::Reserved(Err(()))) => {}
                (_, outcome) => panic!("a thread has returned something else than {outcome:?}"),
            }
        }
        // The threads that one operation has notified take their items in any order.
        got.sort_unstable();
        expected.sort_unstable();
        assert_eq!(got, expected, "what gets have returned");
        self.await_sleep();
        self.check();
    }

    /// The next operation that completes in the model.
    fn completed(&mut self) -> Option<(usize, Outcome)> {
        for at in 0..self.waiting.len() {
            if let Some(outcome) = self.model.poll(&mut self.waiting[at].1) {
                if self.model.closed && matches!(outcome, Outcome::Got(_)) {
                    self.let_any_get_be(at);
                }
                return Some((self.waiting.remove(at).0, outcome));
            }
        }
        None
    }

    /// In a closed queue the last permit notifies all gets, beside the one that its item has notified. The one of
    /// them that has returned takes the place of the one at `at`.
    fn let_any_get_be(&mut self, at: usize) {
        let is_get = |(_, request): &(usize, Request)| matches!(request, Request::Get { .. });
        let ended =
            || self.waiting[at..].iter().position(|waiting| is_get(waiting) && self.workers[waiting.0].has_ended());
        if in_time(|| ended().is_some()) {
            if let Some(ended) = ended() {
                let place = self.waiting[at + ended].0;
                self.waiting[at + ended].0 = std::mem::replace(&mut self.waiting[at].0, place);
            }
        }
    }

    /// Waits until all threads that have not returned sleep at the same time.
    fn await_sleep(&self) {
        let mut seen = 0;
        while seen < 2 {
            let sleep = |(place, _): &(usize, Request)| {
                assert!(!self.workers[*place].has_ended(), "thread {place} has returned, and should wait");
                self.workers[*place].sleeps()
            };
            seen = if self.waiting.iter().all(sleep) { seen + 1 } else { 0 };
            std::thread::yield_now();
        }
    }

    fn check(&self) {
        let (queue, model) = (&self.queue, &self.model);
        assert_eq!((queue.len(), queue.is_closed()), (model.len(), model.closed), "len and is_closed");
        assert_eq!(queue.unfinished(), model.unfinished(), "unfinished");
        let (counts, got) = (queue.counts(), model.put - model.items.len() as u64);
        assert_eq!((counts.put, counts.got, counts.done), (model.put, got, model.done), "counts");
    }

    /// Ends all waits.
    fn finish(mut self) {
        while !self.permits.is_empty() {
            self.drop_permits();
            self.settle();
        }
        self.queue.close();
        self.model.close();
        self.settle();
        while !self.permits.is_empty() || !self.tasks.is_empty() {
            self.drop_permits();
            self.end_task();
            self.settle();
        }
        let unfinished = self.model.unfinished();
        assert!(self.queue.tasks_done(unfinished).is_ok() && self.model.count_done(unfinished as u64));
        self.settle();
        assert!(self.waiting.is_empty(), "a thread waits at a closed queue in which all is done");
        assert_eq!(Arc::strong_count(&self.queue), 1, "a reference to the queue is kept");
    }
}
