//! What is compared.

use crate::work::Work;
use crate::{channels, pools, stages, tasks};
use std::sync::Arc;

pub struct Contender {
    pub name: &'static str,
    /// What is bounded.
    pub bound: &'static str,
    /// Runs so many jobs, and returns when all are done.
    pub run: fn(&Arc<Work>, u64),
}

const UNFINISHED: &str = "unfinished";
const QUEUED: &str = "queued";
const NOTHING: &str = "nothing";

/// The first is the one with which the others are compared.
pub fn all() -> Vec<Contender> {
    let contender = |name, bound, run| Contender { name, bound, run };
    vec![
        contender("joinq-flow, threads", UNFINISHED, stages::threads),
        contender("joinq-flow, tasks", UNFINISHED, stages::tasks),
        contender("tokio `JoinSet`, `Semaphore`", UNFINISHED, tasks::join_set),
        contender("futures `buffer_unordered`, one task", UNFINISHED, tasks::buffer_unordered),
        contender("futures `buffer_unordered`, tokio tasks", UNFINISHED, tasks::buffer_unordered_spawned),
        contender("threadpool", NOTHING, pools::threadpool),
        contender("threadpool, tokens", UNFINISHED, pools::threadpool_bounded),
        contender("rayon `spawn`", NOTHING, pools::rayon),
        contender("rayon `spawn`, tokens", UNFINISHED, pools::rayon_bounded),
        contender("crossbeam-channel, threads", QUEUED, channels::crossbeam),
        contender("`joinq::Queue`, threads", QUEUED, channels::joinq),
        contender("`joinq::Queue`, threads, `join`", QUEUED, channels::joinq_joined),
        contender("async-channel, tasks", QUEUED, channels::async_channel),
        contender("`joinq::Queue`, tasks", QUEUED, channels::joinq_tasks),
    ]
}
