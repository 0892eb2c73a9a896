//! fibre, which has a queue for each shape, bounded and unbounded, for threads and for tasks.

use super::macros::{blocking, cloned, queue, single, tasks};
use crate::link::{Blocking, Capacity, Ends, Link, Message, Shape, Tasks};
use fibre::{mpmc, mpsc};

/// The queues of a shape.
macro_rules! shape {
    ($name:literal, fits |$shape:pat_param| $fits:expr; $module:ident, $spread_rx:ident;
     $bounded:ident $unbounded:ident $async_bounded:ident $async_unbounded:ident) => {
        queue! {
            $bounded = $name, fits |$shape, capacity| $fits && capacity.buffered();
            <T> cloned $module::BoundedSyncSender<T>, $spread_rx $module::BoundedSyncReceiver<T>;
            open |capacity| $module::bounded(capacity.bound().unwrap());
            try |tx, message| tx.try_send(message).unwrap(), |rx| rx.try_recv().unwrap()
        }
        blocking! { $bounded:
            |tx, message| tx.send(message).unwrap(),
            |rx| rx.recv().unwrap();
            send_many |tx, messages| { tx.send_batch(messages.collect()).unwrap(); };
            recv_many |rx, into, limit| { rx.recv_batch_mut(into, limit).unwrap(); }
        }

        queue! {
            $unbounded = $name, fits |$shape, capacity| $fits && capacity.unbounded();
            <T> cloned $module::UnboundedSyncSender<T>, $spread_rx $module::UnboundedSyncReceiver<T>;
            open |_| $module::unbounded();
            try |tx, message| tx.try_send(message).unwrap(), |rx| rx.try_recv().unwrap()
        }
        blocking! { $unbounded:
            |tx, message| tx.send(message).unwrap(),
            |rx| rx.recv().unwrap();
            send_many |tx, messages| { tx.send_batch(messages.collect()).unwrap(); };
            recv_many |rx, into, limit| { rx.recv_batch_mut(into, limit).unwrap(); }
        }

        queue! {
            $async_bounded = $name, fits |$shape, capacity| $fits && capacity.buffered();
            <T> cloned $module::BoundedAsyncSender<T>, $spread_rx $module::BoundedAsyncReceiver<T>;
            open |capacity| $module::bounded_async(capacity.bound().unwrap());
            try |tx, message| tx.try_send(message).unwrap(), |rx| rx.try_recv().unwrap()
        }
        tasks! { $async_bounded:
            |tx, message| tx.send(message).await.unwrap(),
            |rx| rx.recv().await.unwrap();
            send_many |tx, messages| { tx.send_batch(messages.collect()).await.unwrap(); };
            recv_many |rx, into, limit| { rx.recv_batch_mut(into, limit).await.unwrap(); }
        }

        queue! {
            $async_unbounded = $name, fits |$shape, capacity| $fits && capacity.unbounded();
            <T> cloned $module::UnboundedAsyncSender<T>, $spread_rx $module::UnboundedAsyncReceiver<T>;
            open |_| $module::unbounded_async();
            try |tx, message| tx.try_send(message).unwrap(), |rx| rx.try_recv().unwrap()
        }
        tasks! { $async_unbounded:
            |tx, message| tx.send(message).await.unwrap(),
            |rx| rx.recv().await.unwrap();
            send_many |tx, messages| { tx.send_batch(messages.collect()).await.unwrap(); };
            recv_many |rx, into, limit| { rx.recv_batch_mut(into, limit).await.unwrap(); }
        }
    };
}

shape! {
    "fibre::mpsc", fits |shape| shape.one_receiver(); mpsc, single;
    MpscBounded MpscUnbounded MpscAsyncBounded MpscAsyncUnbounded
}
shape! {
    "fibre::mpmc", fits |_| true; mpmc, cloned;
    MpmcBounded MpmcUnbounded MpmcAsyncBounded MpmcAsyncUnbounded
}
