//! A task for each job.

use crate::work::Work;
use crate::{BOUND, WORKERS};
use futures_util::{stream, StreamExt};
use std::future::Future;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Runs the producer as a task of a runtime with one thread for each worker.
pub fn on_runtime(producer: impl Future<Output = ()> + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).build().unwrap();
    runtime.block_on(async { tokio::spawn(producer).await.unwrap() });
}

/// The permit is released when the task ends; the set also keeps the results until they are taken.
pub fn join_set(work: &Arc<Work>, jobs: u64) {
    let work = work.clone();
    on_runtime(async move {
        let permits = Arc::new(Semaphore::new(BOUND));
        let mut set = JoinSet::new();
        for number in 0..jobs {
            let permit = permits.clone().acquire_owned().await.unwrap();
            let work = work.clone();
            set.spawn(async move {
                work.run(number);
                drop(permit);
            });
            while let Some(done) = set.try_join_next() {
                done.unwrap();
            }
        }
        while let Some(done) = set.join_next().await {
            done.unwrap();
        }
    });
}

/// One task polls all jobs, so they do not run in parallel.
pub fn buffer_unordered(work: &Arc<Work>, jobs: u64) {
    let work = work.clone();
    on_runtime(async move {
        let job = |number| {
            let work = work.clone();
            async move { work.run(number) }
        };
        stream::iter(0..jobs).map(job).buffer_unordered(BOUND).for_each(|()| std::future::ready(())).await;
    });
}

pub fn buffer_unordered_spawned(work: &Arc<Work>, jobs: u64) {
    let work = work.clone();
    on_runtime(async move {
        let job = |number| {
            let work = work.clone();
            tokio::spawn(async move { work.run(number) })
        };
        let mut done = stream::iter(0..jobs).map(job).buffer_unordered(BOUND);
        while let Some(result) = done.next().await {
            result.unwrap();
        }
    });
}
