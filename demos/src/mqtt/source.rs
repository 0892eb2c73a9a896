//! The side under test: a stage whose jobs are numbers, and a publisher that publishes them.

use super::{TOPIC, WATCHDOG};
use joinq_bridge::mqtt::{Message, Publisher, PublisherBuilder, Status};
use joinq_flow::{Job, Stage, Workers};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// How many jobs run at a time.
const WORKERS: usize = 50;

/// Puts numbers until it is told to end.
#[derive(Debug)]
pub struct Source {
    runtime: Runtime,
    stage: Stage<u32>,
    publisher: Publisher,
    feeder: JoinHandle<()>,
    is_over: Arc<AtomicBool>,
    /// How many numbers were put.
    put: Arc<AtomicU32>,
    done: Arc<Mutex<Vec<u32>>>,
}

/// How a source has ended.
#[derive(Debug)]
pub struct Ended {
    /// How many numbers were put: 0 up to this one.
    pub put: u32,
    /// The numbers of the jobs that are done, in this order.
    pub done: Vec<u32>,
    /// The last status of the publisher.
    pub status: Status,
    /// What was violated.
    pub violations: Vec<String>,
}

impl Source {
    /// Begins to put, with pauses, at most `most` numbers, each with a payload that `payload` makes of it.
    pub fn start(
        builder: PublisherBuilder,
        pause: Duration,
        most: u32,
        payload: impl Fn(u32) -> Vec<u8> + Clone + Send + Sync + 'static,
    ) -> Source {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let _in_runtime = runtime.enter();
        let publisher = builder.start();
        let stage: Stage<u32> = Stage::builder("numbers").capacity(200).build();
        let publish = publisher.handler(move |job: &Job<u32>| Ok(Message::new(TOPIC, payload(**job))));
        Workers::tokio(&stage, WORKERS..=WORKERS, publish);
        let (is_over, put, done) = (Arc::default(), Arc::<AtomicU32>::default(), Arc::<Mutex<Vec<u32>>>::default());
        let feed = {
            let (stage, is_over, put, done) = (stage.clone(), Arc::clone(&is_over), put.clone(), done.clone());
            async move {
                for number in 0..most {
                    if AtomicBool::load(&is_over, Ordering::SeqCst) {
                        break;
                    }
                    let done = done.clone();
                    let settled = move |job: &Job<u32>| {
                        if job.is_done() {
                            done.lock().unwrap_or_else(PoisonError::into_inner).push(**job);
                        }
                    };
                    if stage.put(number).on_settled(settled).await.is_err() {
                        break;
                    }
                    put.store(number + 1, Ordering::SeqCst);
                    if !pause.is_zero() {
                        sleep(pause).await;
                    }
                }
            }
        };
        let feeder = runtime.spawn(feed);
        drop(_in_runtime);
        Source { runtime, stage, publisher, feeder, is_over, put, done }
    }

    /// How many numbers were put.
    pub fn put(&self) -> u32 {
        self.put.load(Ordering::SeqCst)
    }

    /// How many jobs are done.
    pub fn done(&self) -> usize {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The status of the publisher.
    pub fn status(&self) -> Status {
        self.publisher.status()
    }

    /// Puts no more, and waits until all jobs are settled. That they are not is a violation.
    pub fn end(self) -> Ended {
        self.is_over.store(true, Ordering::SeqCst);
        let mut violations = Vec::new();
        self.runtime.block_on(async {
            if timeout(WATCHDOG, self.feeder).await.is_err() {
                violations.push("a put waits for ever".to_owned());
            }
            self.stage.close();
            if self.stage.shutdown().until(sleep(WATCHDOG)).await.is_err() {
                violations.push(format!("jobs are unfinished for ever; the publisher: {:?}", self.publisher.status()));
            }
        });
        let status = self.publisher.status();
        self.runtime.block_on(self.publisher.disconnect());
        let done = std::mem::take(&mut *self.done.lock().unwrap_or_else(PoisonError::into_inner));
        let put = self.put.load(Ordering::SeqCst);
        if violations.is_empty() && done.len() != put as usize {
            violations.push(format!("{put} jobs were put, and {} are done", done.len()));
        }
        Ended { put, done, status, violations }
    }
}
