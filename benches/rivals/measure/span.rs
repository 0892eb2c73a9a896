//! Start and end of a thread or task, by its own clock, and the values that it received.

use crate::cells::Cell;
use std::ops::Range;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug)]
pub struct Span {
    start: Instant,
    end: Instant,
    /// The sum of the received values, 0 for a sender.
    received: u64,
}

impl Span {
    pub fn since(start: Instant, received: u64) -> Self {
        Self { start, end: Instant::now(), received }
    }
}

/// The time from the first start to the last end, after a check of the sum of the received values.
pub fn elapsed(cell: &Cell, spans: &[Span]) -> Duration {
    let received: u64 = spans.iter().map(|span| span.received).sum();
    assert_eq!(received, cell.messages * (cell.messages - 1) / 2, "messages were lost, doubled or changed");
    let start = spans.iter().map(|span| span.start).min().unwrap();
    let end = spans.iter().map(|span| span.end).max().unwrap();
    end - start
}

/// For each sender, the values that it sends.
pub fn shares(cell: &Cell) -> impl Iterator<Item = Range<u64>> {
    let share = cell.messages / cell.shape.senders as u64;
    (0..cell.shape.senders as u64).map(move |sender| sender * share..(sender + 1) * share)
}

/// The number of messages that each receiver receives.
pub fn portion(cell: &Cell) -> u64 {
    cell.messages / cell.shape.receivers as u64
}
