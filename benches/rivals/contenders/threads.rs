//! Channels for threads only: those of the standard library, of crossbeam and of gil.

use super::macros::{blocking, cloned, queue, single};
use crate::link::{Blocking, Capacity, Ends, Link, Message, Shape};
use std::num::NonZeroUsize;
use std::sync::mpsc;

queue! {
    StdBounded = "std::mpsc", fits |shape, capacity| shape.one_receiver() && !capacity.unbounded();
    <T> cloned mpsc::SyncSender<T>, single mpsc::Receiver<T>;
    open |capacity| mpsc::sync_channel(capacity.bound().unwrap());
    try |tx, message| tx.try_send(message).unwrap(), |rx| rx.try_recv().unwrap()
}
blocking! { StdBounded: |tx, message| tx.send(message).unwrap(), |rx| rx.recv().unwrap() }

queue! {
    StdUnbounded = "std::mpsc", fits |shape, capacity| shape.one_receiver() && capacity.unbounded();
    <T> cloned mpsc::Sender<T>, single mpsc::Receiver<T>;
    open |_| mpsc::channel();
    try |tx, message| tx.send(message).unwrap(), |rx| rx.try_recv().unwrap()
}
blocking! { StdUnbounded: |tx, message| tx.send(message).unwrap(), |rx| rx.recv().unwrap() }

queue! {
    Crossbeam = "crossbeam-channel", fits |_, _| true;
    <T> cloned crossbeam_channel::Sender<T>, cloned crossbeam_channel::Receiver<T>;
    open |capacity| capacity.bound().map_or_else(crossbeam_channel::unbounded, crossbeam_channel::bounded);
    try |tx, message| tx.try_send(message).unwrap(), |rx| rx.try_recv().unwrap()
}
blocking! { Crossbeam: |tx, message| tx.send(message).unwrap(), |rx| rx.recv().unwrap() }

/// gil 0.9 hangs with a capacity of 1.
fn gil_fits(capacity: Capacity) -> bool {
    capacity.bound().is_some_and(|bound| bound > 1)
}

queue! {
    GilMpsc = "gil::mpsc", fits |shape, capacity| shape.one_receiver() && gil_fits(capacity);
    <T> cloned gil::mpsc::Sender<T>, single gil::mpsc::Receiver<T>;
    open |capacity| gil::mpsc::channel(NonZeroUsize::new(capacity.bound().unwrap()).unwrap());
    try |tx, message| tx.try_send(message).unwrap(), |rx| rx.try_recv().unwrap()
}
blocking! { GilMpsc: |tx, message| tx.send(message), |rx| rx.recv() }

queue! {
    GilMpmc = "gil::mpmc", fits |_, capacity| gil_fits(capacity);
    <T> cloned gil::mpmc::Sender<T>, cloned gil::mpmc::Receiver<T>;
    open |capacity| gil::mpmc::channel(NonZeroUsize::new(capacity.bound().unwrap()).unwrap());
    try |tx, message| tx.try_send(message).unwrap(), |rx| rx.try_recv().unwrap()
}
blocking! { GilMpmc: |tx, message| tx.send(message), |rx| rx.recv() }
