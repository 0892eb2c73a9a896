//! Queues without waiting operations. They are shown beside the others and never count as the best peer.

use super::macros::{cloned, queue};
use crate::link::{Capacity, Ends, Link, Message, Shape};
use crossbeam_queue::{ArrayQueue, SegQueue};
use std::sync::Arc;

queue! {
    Array = "crossbeam-queue::ArrayQueue", fits |_, capacity| capacity.buffered();
    <T> cloned Arc<ArrayQueue<T>>, cloned Arc<ArrayQueue<T>>;
    open |capacity| {
        let queue = Arc::new(ArrayQueue::new(capacity.bound().unwrap()));
        (queue.clone(), queue)
    };
    try |tx, message| tx.push(message).unwrap(), |rx| rx.pop().unwrap()
}

queue! {
    Segments = "crossbeam-queue::SegQueue", fits |_, capacity| capacity.unbounded();
    <T> cloned Arc<SegQueue<T>>, cloned Arc<SegQueue<T>>;
    open |_| {
        let queue = Arc::new(SegQueue::new());
        (queue.clone(), queue)
    };
    try |tx, message| tx.push(message), |rx| rx.pop().unwrap()
}
