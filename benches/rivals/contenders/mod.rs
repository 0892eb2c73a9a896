//! Who takes part: every kind of queue, the most fitting ones of a crate first.

mod both;
mod crossfire;
mod joinq;
mod macros;
mod references;
mod tasks;
mod threads;
mod tokio;

use crate::cells::{Cell, Place, What};
use crate::link::{Blocking, Capacity, Link, Shape, Tasks};
use crate::measure::{self, Measured};

/// What a contender can be used by.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Waits {
    Threads,
    Tasks,
    /// It is a reference.
    Nobody,
}

/// One kind of queue, with what measures it.
#[derive(Clone, Copy, Debug)]
pub struct Contender {
    pub name: &'static str,
    waits: Waits,
    fits: fn(Shape, Capacity) -> bool,
    pub measure: fn(&Cell) -> Measured,
}

impl Contender {
    fn new<L: Link>(waits: Waits, measure: fn(&Cell) -> Measured) -> Self {
        Self { name: L::NAME, waits, fits: L::FITS, measure }
    }

    /// The crate it comes from.
    pub fn family(&self) -> &'static str {
        self.name.split("::").next().unwrap()
    }

    /// One of joinq's.
    pub fn ours(&self) -> bool {
        self.family() == "joinq"
    }

    /// Shown, never a peer.
    pub fn reference(&self) -> bool {
        self.waits == Waits::Nobody
    }

    fn takes_part(&self, cell: &Cell) -> bool {
        let can = match (cell.what, cell.place) {
            (What::Memory(_) | What::TryPair, _) => true,
            (_, Place::Threads) => self.waits == Waits::Threads,
            (_, Place::Tokio(_)) => self.waits == Waits::Tasks,
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
    Contender::new::<L>(Waits::Nobody, measure::one_thread::<L>)
}

/// Of several of one crate the first that fits takes part.
fn all() -> Vec<Contender> {
    vec![
        // All of joinq's that fit take part, and the first of them stands for joinq in the comparison.
        blocking::<joinq::Mpsc>(),
        tasks::<joinq::Mpsc>(),
        blocking::<joinq::Shared>(),
        tasks::<joinq::Shared>(),
        blocking::<threads::Crossbeam>(),
        blocking::<both::Flume>(),
        tasks::<both::Flume>(),
        blocking::<both::Kanal>(),
        tasks::<both::KanalAsync>(),
        blocking::<both::AsyncChannel>(),
        tasks::<both::AsyncChannel>(),
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
        blocking::<threads::StdBounded>(),
        blocking::<threads::StdUnbounded>(),
        tasks::<tasks::Tachyonix>(),
        blocking::<tasks::ThingbufBlocking>(),
        tasks::<tasks::Thingbuf>(),
        reference::<references::Array>(),
        reference::<references::Segments>(),
    ]
}

/// Who takes part in this cell, joinq's own first.
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
