//! A growing number of tasks that wait for an item or for a free slot. They are polled by hand, so that no
//! runtime is measured.

use crate::heap;
use crate::peers::{Getters, Putters};
use crate::report::Report;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Instant;

/// How often one task is served while all others wait.
const SERVED: usize = 1000;

pub type Waiter<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

struct Flag {
    index: usize,
    woken: Arc<Mutex<Vec<usize>>>,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.lock().unwrap().push(self.index);
    }
}

/// Tasks that wait on one queue until they are woken.
struct Tasks<'a> {
    make: &'a dyn Fn() -> Waiter<'a>,
    waiting: Vec<Option<Waiter<'a>>>,
    wakers: Vec<Waker>,
    woken: Arc<Mutex<Vec<usize>>>,
}

impl<'a> Tasks<'a> {
    fn new(count: usize, make: &'a dyn Fn() -> Waiter<'a>) -> Self {
        let woken = Arc::new(Mutex::new(Vec::with_capacity(count)));
        let wakers = (0..count).map(|index| Waker::from(Arc::new(Flag { index, woken: woken.clone() }))).collect();
        Tasks { make, waiting: (0..count).map(|_| None).collect(), wakers, woken }
    }

    /// Returns whether the task completed. Does nothing if it completed before: some queues wake a task more
    /// than once.
    fn poll(&mut self, index: usize) -> bool {
        let Some(waiter) = self.waiting[index].as_mut() else { return false };
        let ready = waiter.as_mut().poll(&mut Context::from_waker(&self.wakers[index])).is_ready();
        if ready {
            self.waiting[index] = None;
        }
        ready
    }

    fn register(&mut self, index: usize) {
        self.waiting[index] = Some((self.make)());
        assert!(!self.poll(index), "the operation should be pending");
    }

    fn register_all(&mut self) {
        (0..self.waiting.len()).for_each(|index| self.register(index));
    }

    /// Polls woken tasks until one of them completes.
    fn poll_woken(&mut self) -> usize {
        loop {
            let index = self.woken.lock().unwrap().pop().expect("a task was woken");
            if self.poll(index) {
                return index;
            }
        }
    }

    fn poll_all_woken(&mut self) {
        while self.waiting.iter().any(Option::is_some) {
            let woken = std::mem::take(&mut *self.woken.lock().unwrap());
            assert!(!woken.is_empty(), "some tasks were not woken");
            for index in woken {
                self.poll(index);
            }
        }
    }
}

/// `serve` lets one waiting task complete, `end` wakes all of them with an error.
fn measure<'a>(
    count: usize,
    make: &'a dyn Fn() -> Waiter<'a>,
    serve: impl Fn(),
    end: impl FnOnce(),
    mut add: impl FnMut(Figure, f64),
) -> f64 {
    let mut tasks = Tasks::new(count, make);
    let mut timed = |figure, per: usize, tasks: &mut Tasks<'a>, part: &mut dyn FnMut(&mut Tasks<'a>)| {
        let start = Instant::now();
        part(tasks);
        add(figure, start.elapsed().as_nanos() as f64 / per as f64);
    };
    let before = heap();
    timed(Figure::Register, count, &mut tasks, &mut |tasks| tasks.register_all());
    let bytes = heap() - before;
    let serve_one = |tasks: &mut Tasks<'a>| {
        serve();
        tasks.poll_woken()
    };
    timed(Figure::ServeOne, SERVED, &mut tasks, &mut |tasks| {
        for _ in 0..SERVED {
            let index = serve_one(tasks);
            tasks.register(index);
        }
    });
    timed(Figure::Cancel, count, &mut tasks, &mut |tasks| tasks.waiting.iter_mut().for_each(|waiter| *waiter = None));
    tasks.register_all();
    timed(Figure::ServeAll, count, &mut tasks, &mut |tasks| {
        for _ in 0..tasks.waiting.len() {
            serve_one(tasks);
        }
    });
    tasks.register_all();
    let mut end = Some(end);
    timed(Figure::End, count, &mut tasks, &mut |tasks| {
        end.take().expect("once")();
        tasks.poll_all_woken();
    });
    add(Figure::Bytes, bytes / count as f64);
    bytes
}

enum Figure {
    Register,
    Bytes,
    ServeOne,
    ServeAll,
    Cancel,
    End,
}

pub fn getters<P: Getters>(count: usize, report: &mut Report) -> f64 {
    let queue = P::unbounded();
    let make = || queue.get();
    measure(
        count,
        &make,
        || queue.try_put(1),
        || queue.end_gets(),
        |figure, value| {
            let title = match figure {
                Figure::Register => "waiting gets: register, ns each",
                Figure::Bytes => "waiting gets: bytes each, the future included",
                Figure::ServeOne => "waiting gets: one put, the get that it wakes, a new get in its place, ns",
                Figure::ServeAll => "waiting gets: served one after the other until none is left, ns each",
                Figure::Cancel => "waiting gets: all dropped, the oldest first, ns each",
                Figure::End => "waiting gets: all woken by the end of the queue, ns each",
            };
            report.add(title, "tasks", count, P::NAME, value);
        },
    )
}

pub fn putters<P: Putters>(count: usize, report: &mut Report) -> f64 {
    let queue = P::bounded(1);
    queue.try_put(1);
    let make = || queue.put(1);
    let serve = || assert!(queue.try_get().is_some());
    measure(
        count,
        &make,
        serve,
        || queue.end_puts(),
        |figure, value| {
            let title = match figure {
                Figure::Register => "waiting puts: register, ns each",
                Figure::Bytes => "waiting puts: bytes each, the future included",
                Figure::ServeOne => "waiting puts: one get, the put that it wakes, a new put in its place, ns",
                Figure::ServeAll => "waiting puts: served one after the other until none is left, ns each",
                Figure::Cancel => "waiting puts: all dropped, the oldest first, ns each",
                Figure::End => "waiting puts: all woken by the end of the queue, ns each",
            };
            report.add(title, "tasks", count, P::NAME, value);
        },
    )
}
