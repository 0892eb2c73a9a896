//! joinq's own. A type of its own for some shape goes here and, before `Shared`, into the list in `mod.rs`.

use super::macros::{blocking, cloned, queue, tasks};
use crate::link::{Blocking, Capacity, Ends, Link, Message, Shape, Tasks};
use joinq::Queue;
use std::sync::Arc;

queue! {
    /// One queue, which all share.
    Shared = "joinq", fits |_, _| true;
    <T> cloned Arc<Queue<T>>, cloned Arc<Queue<T>>;
    open |capacity| {
        let queue = Arc::new(capacity.bound().map_or_else(Queue::unbounded, Queue::bounded));
        (queue.clone(), queue)
    };
    try |tx, message| tx.try_put(message).unwrap(), |rx| rx.try_get().unwrap()
}
blocking! { Shared:
    |tx, message| tx.put(message).wait().unwrap(),
    |rx| rx.get().wait().unwrap();
    send_many |tx, messages| tx.put_many(messages).wait().unwrap();
    recv_many |rx, into, limit| { rx.get_many(into, limit).wait().unwrap(); }
}
tasks! { Shared:
    |tx, message| tx.put(message).await.unwrap(),
    |rx| rx.get().await.unwrap();
    send_many |tx, messages| tx.put_many(messages).await.unwrap();
    recv_many |rx, into, limit| { rx.get_many(into, limit).await.unwrap(); }
}
