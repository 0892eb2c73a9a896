//! The queues of joinq. A new type for some shape goes here and, before `Shared`, into the list in `mod.rs`.

use super::macros::{blocking, cloned, queue, single, tasks};
use crate::link::{Blocking, Capacity, Ends, Link, Message, Shape, Tasks};
use joinq::{mpsc, Queue};
use std::sync::Arc;

queue! {
    /// The channel with a single receiver.
    Mpsc = "joinq::mpsc", fits |shape, capacity| shape.one_receiver() && !capacity.rendezvous();
    <T> cloned mpsc::Sender<T>, single mpsc::Receiver<T>;
    open |capacity| capacity.bound().map_or_else(mpsc::unbounded, mpsc::bounded);
    try |tx, message| tx.try_send(message).unwrap(), |rx| rx.try_recv().unwrap()
}
blocking! { Mpsc:
    |tx, message| tx.send(message).wait().unwrap(),
    |rx| rx.recv().wait().unwrap();
    send_many |tx, messages| tx.send_many(messages).wait().unwrap();
    recv_many |rx, into, limit| { rx.recv_many(into, limit).wait().unwrap(); }
}
tasks! { Mpsc:
    |tx, message| tx.send(message).await.unwrap(),
    |rx| rx.recv().await.unwrap();
    send_many |tx, messages| tx.send_many(messages).await.unwrap();
    recv_many |rx, into, limit| { rx.recv_many(into, limit).await.unwrap(); }
}

queue! {
    /// One queue that all senders and receivers share.
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

queue! {
    /// The channel with any number of receivers: a queue that the last handle of a side closes.
    Channel = "joinq::channel", fits |_, _| true;
    <T> cloned joinq::Sender<T>, cloned joinq::Receiver<T>;
    open |capacity| capacity.bound().map_or_else(joinq::unbounded, joinq::bounded);
    try |tx, message| tx.try_send(message).unwrap(), |rx| rx.try_recv().unwrap()
}
blocking! { Channel:
    |tx, message| tx.send(message).wait().unwrap(),
    |rx| rx.recv().wait().unwrap();
    send_many |tx, messages| tx.send_many(messages).wait().unwrap();
    recv_many |rx, into, limit| { rx.recv_many(into, limit).wait().unwrap(); }
}
tasks! { Channel:
    |tx, message| tx.send(message).await.unwrap(),
    |rx| rx.recv().await.unwrap();
    send_many |tx, messages| tx.send_many(messages).await.unwrap();
    recv_many |rx, into, limit| { rx.recv_many(into, limit).await.unwrap(); }
}
