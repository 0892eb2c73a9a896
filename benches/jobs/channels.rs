//! A bounded channel, and workers that receive from it: no result, no handle, and a panic ends the worker.

use crate::tasks::on_runtime;
use crate::work::Work;
use crate::{BOUND, WORKERS};
use joinq::Queue;
use std::sync::Arc;
use std::thread;

pub fn crossbeam(work: &Arc<Work>, jobs: u64) {
    let (sender, receiver) = crossbeam_channel::bounded(BOUND);
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| receiver.iter().for_each(|number| work.run(number)));
        }
        (0..jobs).for_each(|number| sender.send(number).unwrap());
        drop(sender);
    });
}

pub fn joinq(work: &Arc<Work>, jobs: u64) {
    let queue = Queue::bounded(BOUND);
    thread::scope(|scope| {
        let _end = queue.close_on_drop();
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Ok(number) = queue.get().wait() {
                    work.run(number);
                }
            });
        }
        (0..jobs).for_each(|number| queue.put(number).wait().unwrap());
    });
}

/// Each job is marked done, and the end is that of `join`.
pub fn joinq_joined(work: &Arc<Work>, jobs: u64) {
    let queue = Queue::bounded(BOUND);
    thread::scope(|scope| {
        let _end = queue.close_on_drop();
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Ok(number) = queue.get_task().wait() {
                    work.run(*number);
                }
            });
        }
        (0..jobs).for_each(|number| queue.put(number).wait().unwrap());
        queue.join().wait();
    });
}

pub fn async_channel(work: &Arc<Work>, jobs: u64) {
    let work = work.clone();
    on_runtime(async move {
        let (sender, receiver) = async_channel::bounded(BOUND);
        let worker = || {
            let (work, receiver) = (work.clone(), receiver.clone());
            tokio::spawn(async move {
                while let Ok(number) = receiver.recv().await {
                    work.run(number);
                }
            })
        };
        let workers: Vec<_> = (0..WORKERS).map(|_| worker()).collect();
        for number in 0..jobs {
            sender.send(number).await.unwrap();
        }
        drop(sender);
        for worker in workers {
            worker.await.unwrap();
        }
    });
}

pub fn joinq_tasks(work: &Arc<Work>, jobs: u64) {
    let work = work.clone();
    on_runtime(async move {
        let queue = Arc::new(Queue::bounded(BOUND));
        let worker = || {
            let (work, queue) = (work.clone(), queue.clone());
            tokio::spawn(async move {
                while let Ok(number) = queue.get().await {
                    work.run(number);
                }
            })
        };
        let workers: Vec<_> = (0..WORKERS).map(|_| worker()).collect();
        for number in 0..jobs {
            queue.put(number).await.unwrap();
        }
        queue.close();
        for worker in workers {
            worker.await.unwrap();
        }
    });
}
