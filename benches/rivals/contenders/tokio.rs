//! tokio's `mpsc`, bounded and unbounded, for threads and for tasks.

use super::macros::{blocking, cloned, queue, single, tasks};
use crate::link::{Blocking, Capacity, Ends, Link, Message, Shape, Tasks};
use tokio::sync::mpsc;

queue! {
    Bounded = "tokio::mpsc", fits |shape, capacity| shape.one_receiver() && capacity.buffered();
    <T> cloned mpsc::Sender<T>, single mpsc::Receiver<T>;
    open |capacity| mpsc::channel(capacity.bound().unwrap());
    try |tx, message| tx.try_send(message).unwrap(), |rx| rx.try_recv().unwrap()
}
blocking! { Bounded:
    |tx, message| tx.blocking_send(message).unwrap(),
    |rx| rx.blocking_recv().unwrap();
    recv_many |rx, into, limit| { rx.blocking_recv_many(into, limit); }
}
tasks! { Bounded:
    |tx, message| tx.send(message).await.unwrap(),
    |rx| rx.recv().await.unwrap();
    send_many |tx, messages| {
        let permits = tx.reserve_many(messages.size_hint().0).await.unwrap();
        permits.zip(messages).for_each(|(permit, message)| permit.send(message));
    };
    recv_many |rx, into, limit| { rx.recv_many(into, limit).await; }
}

queue! {
    Unbounded = "tokio::mpsc", fits |shape, capacity| shape.one_receiver() && capacity.unbounded();
    <T> cloned mpsc::UnboundedSender<T>, single mpsc::UnboundedReceiver<T>;
    open |_| mpsc::unbounded_channel();
    try |tx, message| tx.send(message).unwrap(), |rx| rx.try_recv().unwrap()
}
blocking! { Unbounded:
    |tx, message| tx.send(message).unwrap(),
    |rx| rx.blocking_recv().unwrap();
    recv_many |rx, into, limit| { rx.blocking_recv_many(into, limit); }
}
tasks! { Unbounded:
    |tx, message| tx.send(message).unwrap(),
    |rx| rx.recv().await.unwrap();
    recv_many |rx, into, limit| { rx.recv_many(into, limit).await; }
}
