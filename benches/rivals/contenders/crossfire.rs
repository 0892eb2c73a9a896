//! crossfire, which has a queue for each shape: `spsc`, `mpsc` and `mpmc`.

use super::macros::{blocking, cloned, queue, single, tasks};
use crate::link::{Blocking, Capacity, Ends, Link, Message, Shape, Tasks};
use crossfire::{mpmc, mpsc, spsc, AsyncRx, AsyncTx, MAsyncRx, MAsyncTx, MRx, MTx, Rx, Tx};

/// The bounded and the unbounded queue of a shape, for threads and for tasks; an unbounded sender never waits
/// and is the same for both.
macro_rules! shape {
    ($name:literal, fits |$shape:pat_param| $fits:expr; $module:ident;
     $spread_tx:ident $tx:ident $async_tx:ident, $spread_rx:ident $rx:ident $async_rx:ident;
     $bounded:ident $unbounded:ident $async_bounded:ident $async_unbounded:ident) => {
        queue! {
            $bounded = $name, fits |$shape, capacity| $fits && capacity.buffered();
            <T> $spread_tx $tx<$module::Array<T>>, $spread_rx $rx<$module::Array<T>>;
            open |capacity| $module::bounded_blocking(capacity.bound().unwrap());
            try |tx, message| tx.try_send(message).unwrap(), |rx| rx.try_recv().unwrap()
        }
        blocking! { $bounded: |tx, message| tx.send(message).unwrap(), |rx| rx.recv().unwrap() }

        queue! {
            $unbounded = $name, fits |$shape, capacity| $fits && capacity.unbounded();
            <T> $spread_tx $tx<$module::List<T>>, $spread_rx $rx<$module::List<T>>;
            open |_| $module::unbounded_blocking();
            try |tx, message| tx.try_send(message).unwrap(), |rx| rx.try_recv().unwrap()
        }
        blocking! { $unbounded: |tx, message| tx.send(message).unwrap(), |rx| rx.recv().unwrap() }

        queue! {
            $async_bounded = $name, fits |$shape, capacity| $fits && capacity.buffered();
            <T> $spread_tx $async_tx<$module::Array<T>>, $spread_rx $async_rx<$module::Array<T>>;
            open |capacity| $module::bounded_async(capacity.bound().unwrap());
            try |tx, message| tx.try_send(message).unwrap(), |rx| rx.try_recv().unwrap()
        }
        tasks! { $async_bounded: |tx, message| tx.send(message).await.unwrap(), |rx| rx.recv().await.unwrap() }

        queue! {
            $async_unbounded = $name, fits |$shape, capacity| $fits && capacity.unbounded();
            <T> $spread_tx $tx<$module::List<T>>, $spread_rx $async_rx<$module::List<T>>;
            open |_| $module::unbounded_async();
            try |tx, message| tx.try_send(message).unwrap(), |rx| rx.try_recv().unwrap()
        }
        tasks! { $async_unbounded: |tx, message| tx.send(message).unwrap(), |rx| rx.recv().await.unwrap() }
    };
}

shape! {
    "crossfire::spsc", fits |shape| shape.one_to_one(); spsc;
    single Tx AsyncTx, single Rx AsyncRx;
    SpscBounded SpscUnbounded SpscAsyncBounded SpscAsyncUnbounded
}
shape! {
    "crossfire::mpsc", fits |shape| shape.one_receiver(); mpsc;
    cloned MTx MAsyncTx, single Rx AsyncRx;
    MpscBounded MpscUnbounded MpscAsyncBounded MpscAsyncUnbounded
}
shape! {
    "crossfire::mpmc", fits |_| true; mpmc;
    cloned MTx MAsyncTx, cloned MRx MAsyncRx;
    MpmcBounded MpmcUnbounded MpmcAsyncBounded MpmcAsyncUnbounded
}
