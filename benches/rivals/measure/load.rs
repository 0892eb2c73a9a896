//! The CPU time of a process whose receivers wait, or receive 1,000 messages a second. The sender is a thread in all
//! cells, so that tasks differ from threads by their receivers only.

use super::tasks::runtime;
use super::usage::Usage;
use crate::cells::{Cell, What, Workers};
use crate::link::{Blocking, Link, Tasks};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

/// The time in which all receivers begin to wait, before an idle queue is measured.
const SETTLING: Duration = Duration::from_millis(20);

/// Milliseconds of CPU time in each second of `work`.
fn cpu_of(work: impl FnOnce()) -> f64 {
    let (usage, start) = (Usage::now(), Instant::now());
    work();
    (Usage::now() - usage).cpu_nanos / 1e6 / start.elapsed().as_secs_f64()
}

/// Sends all messages of the cell. They are the last thing that the receivers of an idle queue wait for.
fn drive<L: Link>(cell: &Cell, tx: &mut L::Tx<u64>) -> f64 {
    match cell.what {
        What::Idle(time) => {
            sleep(SETTLING);
            let cpu = cpu_of(|| sleep(time));
            (0..cell.messages).for_each(|value| L::try_send(tx, value));
            cpu
        }
        What::Light(time) => cpu_of(|| {
            let start = Instant::now();
            for value in 0..cell.messages {
                let due = time.mul_f64(value as f64 / cell.messages as f64);
                sleep(due.saturating_sub(start.elapsed()));
                L::try_send(tx, value);
            }
        }),
        what => unreachable!("{what:?} is no load"),
    }
}

pub fn of_threads<L: Blocking>(cell: &Cell) -> f64 {
    let (mut tx, mut rx) = L::open::<u64>(cell.capacity, cell.shape);
    let portion = super::span::portion(cell);
    scope(|scope| {
        for rx in &mut rx {
            scope.spawn(move || (0..portion).map(|_| L::recv::<u64>(rx)).sum::<u64>());
        }
        drive::<L>(cell, &mut tx[0])
    })
}

pub fn of_tasks<L: Tasks>(cell: &Cell, workers: Workers) -> f64 {
    let (mut tx, rx) = L::open::<u64>(cell.capacity, cell.shape);
    let portion = super::span::portion(cell);
    let runtime = runtime(workers);
    let receivers = rx.into_iter().map(|mut rx| {
        runtime.spawn(async move {
            for _ in 0..portion {
                L::recv::<u64>(&mut rx).await;
            }
            // No end is dropped before all messages are sent.
            rx
        })
    });
    let receivers: Vec<_> = receivers.collect();
    let cpu = drive::<L>(cell, &mut tx[0]);
    let _ends: Vec<_> = receivers.into_iter().map(|receiver| runtime.block_on(receiver).expect("a receiver")).collect();
    cpu
}
