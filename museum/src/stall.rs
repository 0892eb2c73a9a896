//! How often one stopped thread, or two, freeze the others: the engine of joinq's test `stall`, on each crate.
//!
//! A victim is stopped at a random instruction of `try_send` or `try_recv`; meanwhile 600 sends of another thread and
//! 600 receives of a third one must return, and 600 messages sent after the stop must arrive. Each cell runs in a
//! process of its own and has as many stalls as every other. A frozen crate costs `PATIENCE` for each freeze.

#[path = "../../tests/stall/engine/mod.rs"]
#[allow(dead_code, unused_imports)] // The test uses more of it.
mod engine;

use crate::child;
use crate::peer::{NotReceived, NotSent, Peer};
use crate::peers::{AsyncChannel, Channel, Crossbeam, Crossfire, Flume, Kanal, Mpsc, Permits, Queue, Tokio};
use crate::NAMES;
use engine::{Ends, Item, Mark, Next, NotGot, NotPut, Op, Plan, Results, PUTTER};
use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A thread that completes less than 600 operations for so long counts as frozen.
const PATIENCE: Duration = Duration::from_millis(250);
const CAPACITY: usize = 1024;
const CONTROL: &str = "control: a mutex around a `VecDeque`";

/// The columns: the capacity, and how many threads are stopped at the same time.
const COLUMNS: [(Option<usize>, usize, &str); 4] = [
    (None, 1, "unbounded, one stopped"),
    (None, 2, "unbounded, two stopped"),
    (Some(CAPACITY), 1, "bounded (1024), one stopped"),
    (Some(CAPACITY), 2, "bounded (1024), two stopped"),
];

/// `--stalls COUNT` prints the table; `--stall NAME COLUMN COUNT` prints the results of one cell, in a child.
pub fn main(words: &[&str]) -> ExitCode {
    match *words {
        ["--stalls", count] if count.parse::<u32>().is_ok() => {
            table(count);
            ExitCode::SUCCESS
        }
        ["--stall", name, column, count] => {
            let (Ok(column), Ok(count)) = (column.parse::<usize>(), count.parse()) else { return ExitCode::from(2) };
            let (capacity, victims, _) = COLUMNS[column];
            println!("{}{}", child::MARK, cell(name, capacity, victims, count));
            ExitCode::SUCCESS
        }
        _ => ExitCode::from(2),
    }
}

fn table(count: &str) {
    let titles = COLUMNS.map(|(_, _, title)| title);
    println!("Frozen sends / frozen receives / messages not delivered, of {count} stalls:\n");
    println!("| queue | {} |\n|{}", titles.join(" | "), "---|".repeat(1 + COLUMNS.len()));
    let stalls: u32 = count.parse().expect("it was checked");
    let limit = Duration::from_secs(60) + (PATIENCE + Duration::from_millis(100)) * stalls;
    for name in [CONTROL].iter().chain(&NAMES) {
        let cells = (0..COLUMNS.len()).map(|column| {
            let arguments = ["--stall", name, &column.to_string(), count];
            child::run(&arguments, limit).unwrap_or_else(|end| format!("**{end}**"))
        });
        println!("| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
}

fn cell(name: &str, capacity: Option<usize>, victims: usize, stalls: u32) -> String {
    let plan = Plan { stalls, patience: PATIENCE, enough: u32::MAX, pass: 600, end_beside: false };
    let results = [
        perform::<Queue>,
        perform::<Channel>,
        perform::<Permits>,
        perform::<Mpsc>,
        perform::<AsyncChannel>,
        perform::<Crossbeam>,
        perform::<Crossfire>,
        perform::<Flume>,
        perform::<Kanal>,
        perform::<Tokio>,
        control,
    ];
    let Some(results) = results.iter().find_map(|perform| perform(name, capacity, victims, &plan)) else {
        return "-".into();
    };
    let Results { puts, gets, items, stuck, .. } = results;
    let mut cell = format!("{puts} / {gets} / {items}");
    if stuck > 0 {
        cell += &format!("; {stuck} times the second did not run");
    }
    if let Some(fault) = results.faults.first() {
        cell += &format!("; **{fault}**");
    }
    cell
}

/// One thread's handles, and the number of messages of victims that cannot receive any.
struct Handles<P: Peer> {
    tx: P::Tx<Item<1>>,
    rx: Option<P::Rx<Item<1>>>,
    sent: Option<Arc<AtomicI64>>,
}

/// More messages than that are not under way from victims that cannot receive any.
const LEAD: i64 = 4096;

impl<P: Peer> Ends<1> for Handles<P> {
    fn put(&mut self, mark: Mark, next: Next) -> Result<u64, NotPut> {
        let only_sends = self.sent.as_ref().filter(|_| mark.is_victim());
        if only_sends.is_some_and(|sent| sent.load(Ordering::Relaxed) > LEAD) {
            return Err(NotPut::Full);
        }
        let item = next.item(0);
        mark.during(Op::Put, || P::try_send(&self.tx, item)).map_err(|error| match error {
            NotSent::Full => NotPut::Full,
            NotSent::Closed => NotPut::Closed,
        })?;
        if let Some(sent) = only_sends {
            sent.fetch_add(1, Ordering::Relaxed);
        }
        Ok(1)
    }

    fn get(&mut self, mark: Mark, into: &mut Vec<Item<1>>) -> Result<(), NotGot> {
        let rx = self.rx.as_mut().ok_or(NotGot::Empty)?;
        let item = mark.during(Op::Get, || P::try_recv(rx)).map_err(|error| match error {
            NotReceived::Empty => NotGot::Empty,
            NotReceived::Closed => NotGot::Closed,
        })?;
        if let Some(sent) = self.sent.as_ref().filter(|_| item.read().is_some_and(|(producer, _)| producer != PUTTER)) {
            sent.fetch_sub(1, Ordering::Relaxed);
        }
        into.push(item);
        Ok(())
    }
}

/// The results for this crate, if it has the name and such a channel.
fn perform<P: Peer>(name: &str, capacity: Option<usize>, victims: usize, plan: &Plan) -> Option<Results> {
    if P::NAME != name {
        return None;
    }
    let (tx, rx) = P::open::<Item<1>>(capacity)?;
    // Without a second receiver the victims only send.
    let sent = P::clone_rx(&rx).is_none().then(Arc::default);
    let handles = |rx| Handles::<P> { tx: P::clone_tx(&tx), rx, sent: sent.clone() };
    let victims = (0..victims).map(|_| handles(P::clone_rx(&rx))).collect();
    let putter = handles(None);
    let getter = Handles { tx: P::clone_tx(&tx), rx: Some(rx), sent: sent.clone() };
    Some(engine::run(victims, [putter, getter], || (), plan))
}

struct Locked(Arc<Mutex<VecDeque<Item<1>>>>);

impl Ends<1> for Locked {
    fn put(&mut self, mark: Mark, next: Next) -> Result<u64, NotPut> {
        let item = next.item(0);
        mark.during(Op::Put, || self.0.lock().expect("no thread panics").push_back(item));
        Ok(1)
    }

    fn get(&mut self, mark: Mark, into: &mut Vec<Item<1>>) -> Result<(), NotGot> {
        let item = mark.during(Op::Get, || self.0.lock().expect("no thread panics").pop_front());
        into.push(item.ok_or(NotGot::Empty)?);
        Ok(())
    }
}

fn control(name: &str, capacity: Option<usize>, victims: usize, plan: &Plan) -> Option<Results> {
    if name != CONTROL || capacity.is_some() {
        return None;
    }
    let queue = Arc::default();
    let ends = || Locked(Arc::clone(&queue));
    Some(engine::run((0..victims).map(|_| ends()).collect(), [ends(), ends()], || (), plan))
}
