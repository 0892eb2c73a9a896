//! The situations: which threads or tasks send and receive, and which other threads run.

use crate::links::{Joinq, Shared, TokioBounded, TokioUnbounded};
use crate::paced::{to_task, to_thread, to_threads, Load, Times};

/// joinq and the peer with which it is compared.
pub struct Pair {
    pub queue: &'static str,
    pub joinq: fn(Load) -> Times,
    pub tokio: fn(Load) -> Times,
}

pub struct Situation {
    pub name: String,
    pub senders: u64,
    /// The number of other threads that only keep cores busy.
    pub busy: usize,
    pub pairs: [Pair; 2],
}

/// The number of senders, and of receivers, in the situation with several of both.
const SEVERAL: u64 = 4;

fn thread() -> [Pair; 2] {
    [
        Pair { queue: "bounded", joinq: to_thread::<Joinq<100>>, tokio: to_thread::<TokioBounded> },
        Pair { queue: "unbounded", joinq: to_thread::<Joinq<0>>, tokio: to_thread::<TokioUnbounded> },
    ]
}

fn task() -> [Pair; 2] {
    [
        Pair { queue: "bounded", joinq: to_task::<Joinq<100>>, tokio: to_task::<TokioBounded> },
        Pair { queue: "unbounded", joinq: to_task::<Joinq<0>>, tokio: to_task::<TokioUnbounded> },
    ]
}

fn threads() -> [Pair; 2] {
    [
        Pair { queue: "bounded", joinq: to_threads::<Joinq<100>>, tokio: to_threads::<Shared<TokioBounded>> },
        Pair { queue: "unbounded", joinq: to_threads::<Joinq<0>>, tokio: to_threads::<Shared<TokioUnbounded>> },
    ]
}

pub fn all(busy: usize) -> Vec<Situation> {
    let new = |name: String, senders, busy, pairs| Situation { name, senders, busy, pairs };
    vec![
        new("thread to thread".into(), 1, 0, thread()),
        new("thread to task".into(), 1, 0, task()),
        new(format!("thread to thread, {busy} busy threads beside them"), 1, busy, thread()),
        new(format!("thread to task, {busy} busy threads beside them"), 1, busy, task()),
        new(format!("{SEVERAL} threads to {SEVERAL} threads (of tokio's under a mutex)"), SEVERAL, 0, threads()),
    ]
}
