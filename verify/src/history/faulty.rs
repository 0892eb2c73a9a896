//! A queue behind a mutex that can be given a fault: the checks have to find each, and to accept the queue without.

use super::program::{Call, Program};
use super::subject::{Port, Ports};
use super::Step;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// What is wrong with the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// A get takes the second item first.
    Swaps,
    /// A put loses its item.
    Loses,
    /// A get leaves the item in the queue.
    Duplicates,
    /// *Empty* though there is an item.
    LiesEmpty,
    /// *Full* though there is a free slot.
    LiesFull,
    /// An item beyond the capacity.
    ExceedsCapacity,
    /// `len` counts an item too few.
    MiscountsLen,
    /// *Closed* though there is an item.
    ClosesEarly,
    /// An item is put after the close.
    PutsAfterClose,
    /// Two closes both say that they have closed the queue.
    ClosesTwice,
    /// A permit that is held does not count.
    ForgetsPermits,
}

impl Fault {
    /// All faults.
    pub const ALL: [Fault; 11] = [
        Fault::Swaps,
        Fault::Loses,
        Fault::Duplicates,
        Fault::LiesEmpty,
        Fault::LiesFull,
        Fault::ExceedsCapacity,
        Fault::MiscountsLen,
        Fault::ClosesEarly,
        Fault::PutsAfterClose,
        Fault::ClosesTwice,
        Fault::ForgetsPermits,
    ];
}

/// Ports of such a queue. The fault shows in one operation of eight or so.
pub fn ports(program: &Program, fault: Fault) -> Ports {
    let state = State { fault, capacity: program.capacity.unwrap_or(usize::MAX), ..State::default() };
    let state = Arc::new(Mutex::new(state));
    let port = |_: &_| Box::new(FaultyPort { state: state.clone(), holds: false }) as Box<dyn Port>;
    program.threads.iter().map(port).collect()
}

struct State {
    fault: Fault,
    capacity: usize,
    items: VecDeque<u8>,
    closed: bool,
    held: usize,
    operations: usize,
}

impl Default for State {
    fn default() -> Self {
        let items = VecDeque::new();
        State { fault: Fault::None, capacity: 0, items, closed: false, held: 0, operations: 0 }
    }
}

impl State {
    /// Whether this fault shows now.
    fn shows(&self, fault: Fault) -> bool {
        self.fault == fault && self.operations % 8 == 7
    }

    fn used(&self) -> usize {
        self.items.len() + if self.fault == Fault::ForgetsPermits { 0 } else { self.held }
    }

    fn put(&mut self, item: u8) -> Step {
        self.operations += 1;
        if self.closed && self.fault != Fault::PutsAfterClose {
            return Step::PutClosed;
        }
        if self.shows(Fault::LiesFull) || (self.used() >= self.capacity && !self.shows(Fault::ExceedsCapacity)) {
            return Step::PutFull;
        }
        if !self.shows(Fault::Loses) {
            self.items.push_back(item);
        }
        Step::Put(item)
    }

    fn get(&mut self) -> Step {
        self.operations += 1;
        if self.shows(Fault::Swaps) && self.items.len() > 1 {
            self.items.swap(0, 1);
        }
        let found = match self.shows(Fault::Duplicates) {
            true => self.items.front().copied(),
            false if self.shows(Fault::LiesEmpty) && !self.closed => None,
            false if self.fault == Fault::ClosesEarly && self.closed => None,
            false => self.items.pop_front(),
        };
        match found {
            Some(item) => Step::Got(item),
            None if self.closed && self.held == 0 => Step::GotClosed,
            None => Step::GotEmpty,
        }
    }

    fn answer(&mut self, call: &Call) -> Option<Step> {
        self.operations += 1;
        let len = self.items.len();
        Some(match call {
            Call::Len if self.fault == Fault::MiscountsLen => Step::Len(len.saturating_sub(1)),
            Call::Len => Step::Len(len),
            Call::IsEmpty => Step::IsEmpty(len == 0),
            Call::IsFull => Step::IsFull(self.used() >= self.capacity),
            Call::IsClosed => Step::IsClosed(self.closed),
            Call::Close => {
                let was_open = !std::mem::replace(&mut self.closed, true);
                Step::Close(was_open || self.fault == Fault::ClosesTwice)
            }
            _ => return None,
        })
    }
}

struct FaultyPort {
    state: Arc<Mutex<State>>,
    holds: bool,
}

impl FaultyPort {
    fn permit(&mut self, call: &Call) -> Option<Step> {
        let mut state = self.state.lock().expect("no port panics");
        match call {
            Call::Reserve if !self.holds => {
                if state.closed {
                    return Some(Step::ReserveClosed);
                }
                if state.used() >= state.capacity {
                    return Some(Step::ReserveFull);
                }
                state.held += 1;
                self.holds = true;
                Some(Step::Reserved)
            }
            Call::PutHeld(item) if self.holds => {
                state.held -= 1;
                self.holds = false;
                state.items.push_back(*item);
                Some(Step::PutHeld(*item))
            }
            Call::Release if self.holds => {
                state.held -= 1;
                self.holds = false;
                Some(Step::Released)
            }
            _ => None,
        }
    }
}

impl Port for FaultyPort {
    fn call(&mut self, call: &Call, steps: &mut Vec<Step>) {
        let lock = || self.state.lock().expect("no port panics");
        match call {
            Call::TryPut(item) | Call::PutWithin(item, _) | Call::PollPut(item) => steps.push(lock().put(*item)),
            // One item at a time, as documented: others may be put and taken in between.
            Call::TryPutMany(items) | Call::PutManyWithin(items, _) => {
                for &item in items {
                    let step = lock().put(item);
                    steps.push(step);
                    if step != Step::Put(item) {
                        break;
                    }
                }
            }
            Call::TryGet | Call::GetWithin(_) | Call::PollGet => steps.push(lock().get()),
            Call::TryGetMany(limit) | Call::GetManyWithin(limit, _) => {
                for taken in 0..*limit {
                    match lock().get() {
                        Step::Got(item) => steps.push(Step::Got(item)),
                        nothing if taken == 0 => steps.push(nothing),
                        _ => break,
                    }
                    if !matches!(steps.last(), Some(Step::Got(_))) {
                        break;
                    }
                }
            }
            Call::Reserve | Call::PutHeld(_) | Call::Release => steps.extend(self.permit(call)),
            _ => steps.extend(lock().answer(call)),
        }
    }
}
