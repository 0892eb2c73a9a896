//! Stages of joinq-flow.

use crate::tasks::on_runtime;
use crate::work::Work;
use crate::{BOUND, WORKERS};
use joinq_flow::{Job, Stage};
use std::sync::Arc;
use std::thread;

pub fn threads(work: &Arc<Work>, jobs: u64) {
    let stage: Stage<u64> = Stage::builder("jobs").capacity(BOUND).build();
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            let handler = |job: &Job<u64>| {
                work.run(**job);
                Ok(())
            };
            let worker = stage.work(handler);
            scope.spawn(|| worker.wait());
        }
        for number in 0..jobs {
            stage.put(number).wait().unwrap();
        }
        stage.shutdown().wait();
    });
}

pub fn tasks(work: &Arc<Work>, jobs: u64) {
    let work = work.clone();
    on_runtime(async move {
        let stage: Stage<u64> = Stage::builder("jobs").capacity(BOUND).build();
        let worker = || {
            let work = work.clone();
            let handler = move |job: Job<u64>| {
                let work = work.clone();
                async move {
                    work.run(*job);
                    Ok(())
                }
            };
            tokio::spawn(stage.work_async(handler))
        };
        let workers: Vec<_> = (0..WORKERS).map(|_| worker()).collect();
        for number in 0..jobs {
            stage.put(number).await.unwrap();
        }
        stage.shutdown().await;
        for worker in workers {
            worker.await.unwrap();
        }
    });
}
