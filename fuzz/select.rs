//! Selects over three queues, between plain operations on these: exactly one branch that can complete does, and the
//! others have no effect.
//!
//! Knows which byte is which operation. What is checked of each queue says `driver.rs`.

use super::driver::{queue, Driver};
use super::input::{trace, Input};
use super::item::{self, alive, Item, Narrow};
use joinq::{Queue, Selector, Task};
use std::time::Duration;

/// Runs one program. The first three bytes choose the queues; each further one is a select or a plain operation on one
/// of the queues.
pub(crate) fn run(bytes: &[u8]) {
    item::reset();
    let mut input = Input(bytes);
    let bounds: [_; 3] = std::array::from_fn(|_| {
        let byte = usize::from(input.byte());
        let capacity = [Some(0), Some(0), Some(1), Some(2), Some(9), None][byte % 6];
        (capacity, byte / 6 % 2 == 1 && matches!(capacity, Some(1..)))
    });
    trace(|| format!("queues {bounds:?}"));
    let queues = bounds.map(|(capacity, permits)| queue::<Narrow>(capacity, permits));
    let mut place = 0;
    let mut drivers = bounds.map(|(capacity, permits)| {
        place += 1;
        Driver::new(&queues[place - 1], capacity, permits)
    });
    while let Some(byte) = input.next() {
        trace(|| format!("{byte}: items {:?}", [0, 1, 2].map(|place| &drivers[place].model.items)));
        match usize::from(byte & 3) {
            3 => select(&mut drivers, byte >> 2, &mut input),
            place => plain(&mut drivers[place], byte >> 2, &mut input),
        }
        drivers.iter().for_each(Driver::check);
    }
    let left = drivers.map(Driver::finish).iter().sum::<usize>();
    assert_eq!(alive(), left, "items alive when only the queues are left");
    drop(queues);
    assert_eq!(alive(), 0, "items alive after the queues");
}

/// An operation on one queue, whose slots for pending operations are chosen by `op` as well.
fn plain<'q>(driver: &mut Driver<'q, Narrow>, op: u8, input: &mut Input<'_>) {
    let (op, slot) = (op & 15, usize::from(op >> 4));
    match op {
        0 | 1 => driver.try_put(),
        2 | 3 => driver.try_get(),
        4 | 5 => driver.step(8, 0, input),
        6 | 7 => driver.step(11, 0, input),
        8 | 9 => driver.step(16, slot, input),
        10 => driver.step(20, slot, input),
        11 => driver.settle(),
        12 => driver.step(9, 3, input),
        13 => driver.step(13, 2, input),
        14 => driver.step(29, 3 + slot, input),
        _ if slot == 0 => driver.close(),
        _ => driver.step(21, slot, input),
    }
}

/// A branch of a select: an operation on one of the queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Get,
    Put,
    /// A future of a get, which the select polls.
    Task,
}

/// What a branch has done.
enum Done<'q> {
    Got(Option<Narrow>),
    Put(Result<(), Narrow>),
    Task(Option<Task<'q, Narrow>>),
}

fn select<'q>(drivers: &mut [Driver<'q, Narrow>; 3], how: u8, input: &mut Input<'_>) {
    let (count, is_biased) = (1 + usize::from(how & 3), how & 4 != 0);
    // A thread yields before it waits, which takes long.
    let waits = how & 56 == 56 || how & 40 == 40;
    let queues: [&'q Queue<Narrow>; 3] = [0, 1, 2].map(|place| drivers[place].queue);
    let branches: Vec<(usize, Kind)> = (0..count)
        .map(|_| {
            let byte = usize::from(input.byte());
            let (place, kind) = (byte % 3, [Kind::Get, Kind::Put, Kind::Get, Kind::Put, Kind::Task][byte / 3 % 5]);
            // With capacity 0 a future that is polled lets puts complete, in the same select too.
            (place, if kind == Kind::Task && drivers[place].model.capacity == Some(0) { Kind::Get } else { kind })
        })
        .collect();
    let mut ids = Vec::new();
    let mut items: Vec<Option<Narrow>> = Vec::new();
    for _ in &branches {
        let (id, item) = item::fresh();
        ids.push(id);
        items.push(Some(item));
    }
    let ready: Vec<usize> = (0..count).filter(|at| can_complete(&drivers[branches[*at].0], branches[*at].1)).collect();
    trace(|| format!("  select of {branches:?}, biased {is_biased}, waits {waits}: ready {ready:?}"));

    let mut selector = if is_biased { Selector::biased() } else { Selector::new() };
    for (at, (item, (place, kind))) in items.iter_mut().zip(&branches).enumerate() {
        let queue = queues[*place];
        selector = match kind {
            Kind::Get => selector.get(queue, move |got| (at, Done::Got(got.ok()))),
            Kind::Put => selector.put(queue, item, move |put| (at, Done::Put(put.map_err(|error| error.into_inner())))),
            Kind::Task => selector.add(queue.get_task(), move |got| (at, Done::Task(got.ok()))),
        };
    }
    let selected = match waits {
        true => selector.wait_timeout(Duration::ZERO).ok(),
        false => selector.try_select().ok(),
    };
    let Some((at, done)) = selected else {
        assert!(ready.is_empty(), "no branch was selected");
        assert!(items.iter().all(Option::is_some), "a select that failed has kept an item");
        return;
    };
    assert!(ready.contains(&at), "branch {at} was selected, and {ready:?} can complete");
    assert!(!is_biased || ready[0] == at, "branch {at} was selected, and {} was listed before", ready[0]);
    for (other, (item, id)) in items.iter().zip(&ids).enumerate() {
        let is_back = item.as_ref().is_some_and(|item| item.is(*id));
        assert_eq!(is_back, other != at || branches[at].1 != Kind::Put, "whether the item of branch {other} is back");
    }
    apply(&mut drivers[branches[at].0], done, ids[at]);
}

/// Whether the operation need not wait.
fn can_complete(driver: &Driver<'_, Narrow>, kind: Kind) -> bool {
    let model = &driver.model;
    match kind {
        Kind::Put => model.closed || driver.free_slots_without_waiting() > 0,
        _ => !model.items.is_empty() || model.is_over() || model.has_waiters() && model.is_rendezvous(),
    }
}

/// Does in the model what the selected branch has done.
fn apply<'q>(driver: &mut Driver<'q, Narrow>, done: Done<'q>, id: u32) {
    match done {
        Done::Put(Ok(())) => {
            assert!(!driver.model.closed);
            driver.model.push(id);
        }
        Done::Put(Err(item)) => assert!(driver.model.closed && item.is(id)),
        Done::Got(got) => match (got, driver.model.try_get(1)) {
            (Some(item), Some(Ok(ids))) => assert!(item.is(ids[0]), "another item than {ids:?}"),
            (None, Some(Err(()))) => {}
            (got, expected) => panic!("a select got an item: {}, for {expected:?}", got.is_some()),
        },
        Done::Task(task) => match (task, driver.model.try_get(1)) {
            (Some(task), Some(Ok(ids))) => driver.hold(task, &ids),
            (None, Some(Err(()))) => {}
            (task, expected) => panic!("a select got a task: {}, for {expected:?}", task.is_some()),
        },
    }
}
