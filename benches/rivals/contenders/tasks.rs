//! Crates with queues for tasks: rapidfire, tachyonix, and thingbuf, which has another queue for threads.

use super::macros::{blocking, cloned, queue, single, tasks};
use crate::link::{Blocking, Capacity, Ends, Link, Message, Shape, Tasks};

queue! {
    RapidfireMpsc = "rapidfire::mpsc", fits |shape, capacity| shape.one_receiver() && !capacity.rendezvous();
    <T> cloned rapidfire::Sender<T>, single rapidfire::mpsc::Receiver<T>;
    open |capacity| capacity.bound().map_or_else(rapidfire::mpsc::unbounded, rapidfire::mpsc::bounded);
    try |tx, message| tx.try_send(message).unwrap(), |rx| rx.try_recv().unwrap()
}
tasks! { RapidfireMpsc:
    |tx, message| tx.send(message).await.unwrap(),
    |rx| rx.recv().await.unwrap();
    recv_many |rx, into, limit| { rx.recv_many(into, limit).await.unwrap(); }
}

queue! {
    Rapidfire = "rapidfire", fits |_, capacity| !capacity.rendezvous();
    <T> cloned rapidfire::Sender<T>, cloned rapidfire::Receiver<T>;
    open |capacity| capacity.bound().map_or_else(rapidfire::unbounded, rapidfire::bounded);
    try |tx, message| tx.try_send(message).unwrap(), |rx| rx.try_recv().unwrap()
}
tasks! { Rapidfire: |tx, message| tx.send(message).await.unwrap(), |rx| rx.recv().await.unwrap() }

queue! {
    Tachyonix = "tachyonix", fits |shape, capacity| shape.one_receiver() && capacity.buffered();
    <T> cloned tachyonix::Sender<T>, single tachyonix::Receiver<T>;
    open |capacity| tachyonix::channel(capacity.bound().unwrap());
    try |tx, message| tx.try_send(message).unwrap(), |rx| rx.try_recv().unwrap()
}
tasks! { Tachyonix: |tx, message| tx.send(message).await.unwrap(), |rx| rx.recv().await.unwrap() }

queue! {
    Thingbuf = "thingbuf", fits |shape, capacity| shape.one_receiver() && capacity.buffered();
    <T> cloned thingbuf::mpsc::Sender<T>, single thingbuf::mpsc::Receiver<T>;
    open |capacity| thingbuf::mpsc::channel(capacity.bound().unwrap());
    try |tx, message| tx.try_send(message).unwrap(), |rx| rx.try_recv().unwrap()
}
tasks! { Thingbuf: |tx, message| tx.send(message).await.unwrap(), |rx| rx.recv().await.unwrap() }

queue! {
    ThingbufBlocking = "thingbuf", fits |shape, capacity| shape.one_receiver() && capacity.buffered();
    <T> cloned thingbuf::mpsc::blocking::Sender<T>, single thingbuf::mpsc::blocking::Receiver<T>;
    open |capacity| thingbuf::mpsc::blocking::channel(capacity.bound().unwrap());
    try |tx, message| tx.try_send(message).unwrap(), |rx| rx.try_recv().unwrap()
}
blocking! { ThingbufBlocking: |tx, message| tx.send(message).unwrap(), |rx| rx.recv().unwrap() }
