//! Senders and receivers are threads.

use super::span::{elapsed, portion, shares, Span};
use crate::cells::{Cell, BATCH};
use crate::link::{Blocking, Link, Message};
use std::ops::Range;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// All threads start together. The ends outlive the run, so that no end is dropped while the clock runs.
fn run<L: Link, T: Message>(
    cell: &Cell,
    send: fn(&mut L::Tx<T>, Range<u64>),
    recv: fn(&mut L::Rx<T>, u64) -> u64,
) -> Duration {
    let (mut tx, mut rx) = L::open::<T>(cell.capacity, cell.shape);
    let barrier = &Barrier::new(tx.len() + rx.len());
    let portion = portion(cell);
    let spans: Vec<Span> = thread::scope(|scope| {
        let receivers = rx.iter_mut().map(|rx| {
            scope.spawn(move || {
                barrier.wait();
                let start = Instant::now();
                let received = recv(rx, portion);
                Span::since(start, received)
            })
        });
        let receivers: Vec<_> = receivers.collect();
        let senders = tx.iter_mut().zip(shares(cell)).map(|(tx, share)| {
            scope.spawn(move || {
                barrier.wait();
                let start = Instant::now();
                send(tx, share);
                Span::since(start, 0)
            })
        });
        let senders: Vec<_> = senders.collect();
        receivers.into_iter().chain(senders).map(|thread| thread.join().unwrap()).collect()
    });
    elapsed(cell, &spans)
}

pub fn flow<L: Blocking, T: Message>(cell: &Cell) -> Duration {
    run::<L, T>(
        cell,
        |tx, values| values.for_each(|value| L::send(tx, T::new(value))),
        |rx, count| (0..count).map(|_| L::recv(rx).value()).sum(),
    )
}

pub fn batches<L: Blocking>(cell: &Cell) -> Duration {
    run::<L, u64>(
        cell,
        |tx, values| {
            let starts = values.clone().step_by(BATCH as usize);
            starts.for_each(|start| L::send_many::<u64>(tx, start..values.end.min(start + BATCH)));
        },
        |rx, count| {
            let mut batch = Vec::with_capacity(BATCH as usize);
            let (mut left, mut sum) = (count, 0);
            while left > 0 {
                L::recv_many(rx, &mut batch, left.min(BATCH) as usize);
                left -= batch.len() as u64;
                sum += batch.drain(..).sum::<u64>();
            }
            sum
        },
    )
}

pub fn round_trips<L: Blocking>(cell: &Cell) -> Duration {
    let (mut ping, mut far_in) = L::open::<u64>(cell.capacity, cell.shape);
    let (mut far_out, mut pong) = L::open::<u64>(cell.capacity, cell.shape);
    let trips = cell.messages;
    let barrier = &Barrier::new(2);
    thread::scope(|scope| {
        let (far_in, far_out) = (&mut far_in[0], &mut far_out[0]);
        scope.spawn(move || {
            barrier.wait();
            (0..trips).for_each(|_| L::send(far_out, L::recv::<u64>(far_in)));
        });
        barrier.wait();
        let start = Instant::now();
        for trip in 0..trips {
            L::send(&mut ping[0], trip);
            assert_eq!(L::recv::<u64>(&mut pong[0]), trip);
        }
        start.elapsed()
    })
}
