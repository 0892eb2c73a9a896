//! One message sent and received on one thread that never has to wait.

use crate::cells::Cell;
use crate::link::{Blocking, Link};
use std::hint::black_box;
use std::time::{Duration, Instant};

fn run<L: Link>(cell: &Cell, send: impl Fn(&mut L::Tx<u64>, u64), recv: impl Fn(&mut L::Rx<u64>) -> u64) -> Duration {
    let (mut tx, mut rx) = L::open::<u64>(cell.capacity, cell.shape);
    let start = Instant::now();
    for value in 0..cell.messages {
        send(&mut tx[0], black_box(value));
        assert_eq!(recv(&mut rx[0]), value);
    }
    start.elapsed()
}

pub fn tries<L: Link>(cell: &Cell) -> Duration {
    run::<L>(cell, L::try_send::<u64>, L::try_recv::<u64>)
}

pub fn waits<L: Blocking>(cell: &Cell) -> Duration {
    run::<L>(cell, L::send::<u64>, L::recv::<u64>)
}
