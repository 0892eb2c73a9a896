//! The contenders: all kinds of queue, those that fit best first for each crate.
//!
//! Other crates were looked at in November 2026 and are left out: nexus-channel (one sender, one receiver), lfqueue
//! (nothing waits), async-fifo (unbounded, wakes all receivers for each message), tokio-mpmc (crossbeam's `ArrayQueue`
//! between two `Notify` of tokio), mpmc-async (a mutex, for tasks only), chunnel (the capacity is a part of the type,
//! one release), splaycast, chute and disruptor (each receiver gets each message).

mod both;
mod crossfire;
mod fibre;
mod joinq;
mod macros;
mod references;
mod tasks;
mod threads;
mod tokio;

use crate::cells::{Cell, Executor, What};
use crate::link::{Blocking, Capacity, Link, Shape, Tasks};
use crate::measure::{self, Measure};

/// What can wait for the operations of a contender.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Waits {
    Threads,
    Tasks,
    /// Of a reference, which is measured without waiting.
    Neither,
}

/// One kind of queue, with its measurement.
#[derive(Clone, Copy, Debug)]
pub struct Contender {
    pub name: &'static str,
    waits: Waits,
    fits: fn(Shape, Capacity) -> bool,
    pub measure: Measure,
}

impl Contender {
    fn new<L: Link>(waits: Waits, measure: Measure) -> Self {
        Self { name: L::NAME, waits, fits: L::FITS, measure }
    }

    /// The name of its crate.
    pub fn family(&self) -> &'static str {
        self.name.split("::").next().unwrap()
    }

    /// Whether it is a queue of joinq.
    pub fn ours(&self) -> bool {
        self.family() == "joinq"
    }

    /// Whether it is the queue of joinq that fits every cell.
    pub fn general(&self) -> bool {
        self.name == "joinq"
    }

    /// Whether it is shown, but never compared as a peer.
    pub fn reference(&self) -> bool {
        self.waits == Waits::Neither
    }

    fn takes_part(&self, cell: &Cell) -> bool {
        let can = match (cell.what, cell.executor) {
            (What::Memory(_) | What::Resident(_) | What::TryPair, _) => true,
            (_, Executor::Threads) => self.waits == Waits::Threads,
            (_, Executor::Tokio(_)) => self.waits == Waits::Tasks,
        };
        can && (self.fits)(cell.shape, cell.capacity)
    }
}

fn blocking<L: Blocking>() -> Contender {
    Contender::new::<L>(Waits::Threads, measure::blocking::<L>)
}

fn tasks<L: Tasks>() -> Contender {
    Contender::new::<L>(Waits::Tasks, measure::tasks::<L>)
}

fn reference<L: Link>() -> Contender {
    Contender::new::<L>(Waits::Neither, measure::one_thread::<L>)
}

/// All contenders. Of several queues of one crate the first that fits a cell takes part.
fn all() -> Vec<Contender> {
    vec![
        // All queues of joinq that fit take part, and the first of them is compared with the peers.
        blocking::<joinq::Mpsc>(),
        tasks::<joinq::Mpsc>(),
        blocking::<joinq::Shared>(),
        tasks::<joinq::Shared>(),
        blocking::<joinq::Channel>(),
        tasks::<joinq::Channel>(),
        blocking::<threads::Crossbeam>(),
        blocking::<both::Flume>(),
        tasks::<both::Flume>(),
        blocking::<both::Kanal>(),
        tasks::<both::KanalAsync>(),
        blocking::<both::AsyncChannel>(),
        tasks::<both::AsyncChannel>(),
        blocking::<both::Loole>(),
        tasks::<both::Loole>(),
        blocking::<fibre::MpscBounded>(),
        blocking::<fibre::MpscUnbounded>(),
        tasks::<fibre::MpscAsyncBounded>(),
        tasks::<fibre::MpscAsyncUnbounded>(),
        blocking::<fibre::MpmcBounded>(),
        blocking::<fibre::MpmcUnbounded>(),
        tasks::<fibre::MpmcAsyncBounded>(),
        tasks::<fibre::MpmcAsyncUnbounded>(),
        blocking::<crossfire::SpscBounded>(),
        blocking::<crossfire::SpscUnbounded>(),
        tasks::<crossfire::SpscAsyncBounded>(),
        tasks::<crossfire::SpscAsyncUnbounded>(),
        blocking::<crossfire::MpscBounded>(),
        blocking::<crossfire::MpscUnbounded>(),
        tasks::<crossfire::MpscAsyncBounded>(),
        tasks::<crossfire::MpscAsyncUnbounded>(),
        blocking::<crossfire::MpmcBounded>(),
        blocking::<crossfire::MpmcUnbounded>(),
        tasks::<crossfire::MpmcAsyncBounded>(),
        tasks::<crossfire::MpmcAsyncUnbounded>(),
        tasks::<tasks::RapidfireMpsc>(),
        tasks::<tasks::Rapidfire>(),
        blocking::<tokio::Bounded>(),
        blocking::<tokio::Unbounded>(),
        tasks::<tokio::Bounded>(),
        tasks::<tokio::Unbounded>(),
        blocking::<threads::GilMpsc>(),
        blocking::<threads::GilMpmc>(),
        blocking::<threads::StdBounded>(),
        blocking::<threads::StdUnbounded>(),
        tasks::<tasks::Tachyonix>(),
        blocking::<tasks::ThingbufBlocking>(),
        tasks::<tasks::Thingbuf>(),
        reference::<references::Array>(),
        reference::<references::Segments>(),
    ]
}

/// The contenders of a cell, those of joinq first.
pub fn of(cell: &Cell) -> Vec<Contender> {
    let mut chosen: Vec<Contender> = Vec::new();
    for contender in all().into_iter().filter(|contender| contender.takes_part(cell)) {
        let known = |other: &Contender| match contender.ours() {
            true => other.name == contender.name,
            false => other.family() == contender.family(),
        };
        if !chosen.iter().any(known) {
            chosen.push(contender);
        }
    }
    chosen
}
