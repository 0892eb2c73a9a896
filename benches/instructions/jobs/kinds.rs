//! The jobs that are counted.

use crate::collect::{joinq_collect, COUNTED};
use joinq_flow::{Failure, Job, Output, Retry, Stage};
use std::cell::{Cell, RefCell};
use std::future::{ready, Future};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

pub struct Kind {
    pub name: &'static str,
    /// Runs so many jobs.
    pub perform: fn(u32),
}

/// Puts the next jobs, one each time a job runs. Put, get, run and settle of all jobs are in one call of the
/// worker, on one thread.
struct Chain {
    stage: Stage<u64, u64>,
    left: Cell<u32>,
    /// The results of the job before and of the one that runs.
    outputs: RefCell<[Option<Output<u64, u64>>; 2]>,
}

impl Chain {
    fn new(jobs: u32) -> Self {
        let now = backon::ConstantBuilder::default().with_delay(Duration::ZERO).with_max_times(1);
        let stage = Stage::builder("jobs").retry(Retry::new(now)).build();
        let chain = Chain { stage, left: Cell::new(jobs), outputs: RefCell::default() };
        chain.put();
        chain
    }

    fn put(&self) -> Option<Job<u64, u64>> {
        let left = self.left.get();
        if left == 0 {
            self.stage.close();
            return None;
        }
        self.left.set(left - 1);
        Some(now(self.stage.put(black_box(1))).expect("the stage is open"))
    }

    /// As `put`, and takes the result of the job before, which is settled.
    fn put_for_output(&self) {
        let next = self.put().map(Job::output);
        let mut outputs = self.outputs.borrow_mut();
        if let Some(before) = outputs[0].take() {
            black_box(now(before).expect("the job is done"));
        }
        outputs.rotate_left(1);
        outputs[1] = next;
    }
}

/// The output of an operation that does not have to wait.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("an operation that should not wait"),
    }
}

/// Counts what `run` does with a chain. The first chain is shorter and not counted: it starts what a process
/// starts once.
fn count(jobs: u32, run: impl Fn(&Chain)) {
    run(&Chain::new(COUNTED / 64));
    let chain = Chain::new(jobs);
    joinq_collect(&mut || run(&chain));
    assert_eq!((chain.stage.stats().done, chain.stage.stats().unfinished), (u64::from(jobs), 0));
}

/// Runs a chain on this thread.
fn thread(jobs: u32, handler: impl Fn(&Chain, &Job<u64, u64>) -> Result<u64, Failure>) {
    count(jobs, |chain| chain.stage.work(|job: &Job<u64, u64>| handler(chain, job)).wait());
}

/// Runs a chain as a future.
fn task(jobs: u32, put: impl Fn(&Chain)) {
    let handler = |chain: &Chain, job: Job<u64, u64>| {
        put(chain);
        ready(Ok(black_box(*job)))
    };
    count(jobs, |chain| {
        let mut work = pin!(chain.stage.work_async(|job| handler(chain, job)));
        let mut context = Context::from_waker(Waker::noop());
        while work.as_mut().poll(&mut context).is_pending() {}
    });
}

pub fn all() -> Vec<Kind> {
    let kind = |name, perform| Kind { name, perform };
    vec![
        kind("thread", |jobs| {
            thread(jobs, |chain, job| {
                chain.put();
                Ok(black_box(**job))
            })
        }),
        kind("thread, output", |jobs| {
            thread(jobs, |chain, job| {
                chain.put_for_output();
                Ok(black_box(**job))
            })
        }),
        kind("thread, one retry", |jobs| {
            thread(jobs, |chain, job| match job.attempt() {
                1 => Err("the first attempt".into()),
                _ => {
                    chain.put();
                    Ok(black_box(**job))
                }
            })
        }),
        kind("task", |jobs| {
            task(jobs, |chain| {
                chain.put();
            })
        }),
        kind("task, output", |jobs| task(jobs, Chain::put_for_output)),
    ]
}
