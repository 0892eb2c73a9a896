//! Crates whose queue serves threads as well as tasks: flume, kanal, async-channel and loole.

use super::macros::{blocking, cloned, queue, tasks};
use crate::link::{Blocking, Capacity, Ends, Link, Message, Shape, Tasks};

queue! {
    Flume = "flume", fits |_, _| true;
    <T> cloned flume::Sender<T>, cloned flume::Receiver<T>;
    open |capacity| capacity.bound().map_or_else(flume::unbounded, flume::bounded);
    try |tx, message| tx.try_send(message).unwrap(), |rx| rx.try_recv().unwrap()
}
blocking! { Flume:
    |tx, message| tx.send(message).unwrap(),
    |rx| rx.recv().unwrap();
    recv_many |rx, into, _limit| { into.push(rx.recv().unwrap()); into.extend(rx.drain()); }
}
tasks! { Flume:
    |tx, message| tx.send_async(message).await.unwrap(),
    |rx| rx.recv_async().await.unwrap();
    recv_many |rx, into, _limit| { into.push(rx.recv_async().await.unwrap()); into.extend(rx.drain()); }
}

queue! {
    Kanal = "kanal", fits |_, _| true;
    <T> cloned kanal::Sender<T>, cloned kanal::Receiver<T>;
    open |capacity| capacity.bound().map_or_else(kanal::unbounded, kanal::bounded);
    try |tx, message| assert!(tx.try_send(message).unwrap()), |rx| rx.try_recv().unwrap().unwrap()
}
blocking! { Kanal:
    |tx, message| tx.send(message).unwrap(),
    |rx| rx.recv().unwrap();
    recv_many |rx, into, _limit| { into.push(rx.recv().unwrap()); rx.drain_into(into).unwrap(); }
}

queue! {
    KanalAsync = "kanal", fits |_, _| true;
    <T> cloned kanal::AsyncSender<T>, cloned kanal::AsyncReceiver<T>;
    open |capacity| capacity.bound().map_or_else(kanal::unbounded_async, kanal::bounded_async);
    try |tx, message| assert!(tx.try_send(message).unwrap()), |rx| rx.try_recv().unwrap().unwrap()
}
tasks! { KanalAsync:
    |tx, message| tx.send(message).await.unwrap(),
    |rx| rx.recv().await.unwrap();
    recv_many |rx, into, _limit| { into.push(rx.recv().await.unwrap()); rx.drain_into(into).unwrap(); }
}

queue! {
    AsyncChannel = "async-channel", fits |_, capacity| !capacity.rendezvous();
    <T> cloned async_channel::Sender<T>, cloned async_channel::Receiver<T>;
    open |capacity| capacity.bound().map_or_else(async_channel::unbounded, async_channel::bounded);
    try |tx, message| tx.try_send(message).unwrap(), |rx| rx.try_recv().unwrap()
}
blocking! { AsyncChannel: |tx, message| tx.send_blocking(message).unwrap(), |rx| rx.recv_blocking().unwrap() }
tasks! { AsyncChannel: |tx, message| tx.send(message).await.unwrap(), |rx| rx.recv().await.unwrap() }

queue! {
    Loole = "loole", fits |_, _| true;
    <T> cloned loole::Sender<T>, cloned loole::Receiver<T>;
    open |capacity| capacity.bound().map_or_else(loole::unbounded, loole::bounded);
    try |tx, message| tx.try_send(message).unwrap(), |rx| rx.try_recv().unwrap()
}
blocking! { Loole: |tx, message| tx.send(message).unwrap(), |rx| rx.recv().unwrap() }
tasks! { Loole: |tx, message| tx.send_async(message).await.unwrap(), |rx| rx.recv_async().await.unwrap() }
