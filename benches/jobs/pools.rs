//! Pools of threads whose queue has no bound. A bound is a channel with a token for each unfinished job.

use crate::work::Work;
use crate::{BOUND, WORKERS};
use std::sync::Arc;

pub fn threadpool(work: &Arc<Work>, jobs: u64) {
    let pool = threadpool::ThreadPool::new(WORKERS);
    for number in 0..jobs {
        let work = work.clone();
        pool.execute(move || work.run(number));
    }
    pool.join();
}

pub fn threadpool_bounded(work: &Arc<Work>, jobs: u64) {
    let pool = threadpool::ThreadPool::new(WORKERS);
    let (tokens, done) = crossbeam_channel::bounded(BOUND);
    for number in 0..jobs {
        tokens.send(()).unwrap();
        let (work, done) = (work.clone(), done.clone());
        pool.execute(move || {
            work.run(number);
            done.recv().unwrap();
        });
    }
    pool.join();
}

fn rayon_pool() -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(WORKERS).build().unwrap()
}

/// `in_place_scope` leaves the producer on this thread, beside the workers.
pub fn rayon(work: &Arc<Work>, jobs: u64) {
    rayon_pool().in_place_scope(|scope| {
        for number in 0..jobs {
            scope.spawn(move |_| work.run(number));
        }
    });
}

pub fn rayon_bounded(work: &Arc<Work>, jobs: u64) {
    let (tokens, done) = crossbeam_channel::bounded(BOUND);
    let done = &done;
    rayon_pool().in_place_scope(|scope| {
        for number in 0..jobs {
            tokens.send(()).unwrap();
            scope.spawn(move |_| {
                work.run(number);
                done.recv().unwrap();
            });
        }
    });
}
