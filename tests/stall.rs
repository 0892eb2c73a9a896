//! One thread, or two at once, are stopped at random instructions, and the other threads must continue.
//!
//! `stall/engine` has the threads, the signals that stop the victims, and what the others must do meanwhile: complete
//! puts and gets, and pass each item that is put after the stop, in order. `stall/mixes.rs` has the operations in which
//! the victims are stopped, `stall/ends.rs` the same for a close and for the drop of the last handle of a side.
//!
//! Operations that wait take a mutex. A thread that is stopped while it holds this mutex may freeze others: the test
//! `what_a_stopped_thread_that_waits_freezes` prints how often, and fails only if an item is lost, doubled or out of
//! order. `stall/waiting.rs` stops a thread that waits, in its system call, and notifies it.
//!
//! `JOINQ_STALLS=10000 cargo test --release --test stall -- --nocapture` makes so many stalls of each mix, and prints a
//! row for each.
#![cfg(all(unix, target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
#![allow(clippy::disallowed_types, clippy::incompatible_msrv)] // Tests may need a newer Rust than the crate.

#[path = "stall/ends.rs"]
mod ends;
#[path = "stall/engine/mod.rs"]
mod engine;
#[path = "stall/mixes.rs"]
mod mixes;
#[path = "stall/shots.rs"]
mod shots;
#[path = "stall/waiting.rs"]
mod waiting;

use ends::Ending;
use engine::{one_at_a_time, Ends, Item, Plan, Results};
use joinq::Queue;
use mixes::{Batches, Between, Handles, Locked, Seldom, Single, Task, Try, Waits};
use std::io::Write;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Words of an item. A segment has hundreds of narrow items or a few wide ones, so that its edges are reached often.
const NARROW: usize = 1;
const WIDE: usize = 64;

type Narrow = Queue<Item<NARROW>>;
type Wide = Queue<Item<WIDE>>;

/// More items than two segments have; fewer where each of them needs another thread to run.
const MANY: u64 = 600;
const FEW: u64 = 30;

/// The number of stalls of each mix and kind of queue, of which half stop one thread and half two.
fn stalls() -> u32 {
    std::env::var("JOINQ_STALLS").map_or(40, |number| number.parse().expect("JOINQ_STALLS is a number"))
}

/// A plan for one of so many queues that share the stalls, with one victim or with two.
fn plan(queues: u32, pass: u64) -> Plan {
    let patience = Duration::from_secs(5);
    Plan { stalls: stalls().div_ceil(2 * queues), patience, enough: 3, pass, end_beside: true }
}

/// Aborts the process if the returned value is not dropped in time. Counts steps, so that the time does not pass while
/// the whole process is stopped.
fn watchdog(limit: Duration) -> mpsc::Sender<()> {
    const STEP: Duration = Duration::from_millis(100);
    let (alive, end) = mpsc::channel();
    thread::spawn(move || {
        let steps = limit.as_millis() / STEP.as_millis();
        if (0..steps).all(|_| end.recv_timeout(STEP) == Err(RecvTimeoutError::Timeout)) {
            let places = engine::signal::last_places();
            // Past the capture of the test, which would be lost.
            let report = format!("watchdog: no end after {limit:?}; the victims were last stopped at {places:#x?}");
            let _ = writeln!(std::io::stderr(), "{report}");
            std::process::abort();
        }
    });
    alive
}

fn watched(plan: &Plan, run: impl FnOnce() -> Results) -> Results {
    let _turn = one_at_a_time();
    let freezes = plan.patience * (plan.enough.min(plan.stalls) + 1);
    let _watchdog = watchdog(Duration::from_secs(60) + Duration::from_millis(400) * plan.stalls + freezes);
    let start = Instant::now();
    let results = run();
    Results { took: start.elapsed(), ..results }
}

fn print(mix: &str, queue: &str, victims: usize, results: &Results) {
    println!("{mix} | {queue} | {victims} stopped | {results}");
}

/// The results of a mix on some queues, with one victim and then with two.
fn assert_no_freeze(mix: &str, queue: &str, run: impl Fn(usize) -> Results) {
    for victims in [1, 2] {
        let results = run(victims);
        print(mix, queue, victims, &results);
        assert_eq!(results.frozen(), 0, "{mix}, {queue}, {victims} stopped: {results}");
        assert!(results.faults.is_empty(), "{mix}, {queue}, {victims} stopped: {results}");
    }
}

/// Runs so many victims with `victim` beside others with `other`, on this queue.
fn stall<'a, const WORDS: usize, E: Ends<WORDS> + Send, O: Ends<WORDS> + Send>(
    queue: &'a Queue<Item<WORDS>>,
    victims: usize,
    plan: &Plan,
    victim: impl Fn(&'a Queue<Item<WORDS>>) -> E,
    other: impl Fn(&'a Queue<Item<WORDS>>) -> O,
) -> Results {
    let victims = (0..victims).map(|_| victim(queue)).collect();
    watched(plan, || engine::run(victims, [other(queue), other(queue)], || _ = queue.close(), plan))
}

fn sum(results: impl IntoIterator<Item = Results>) -> Results {
    results.into_iter().fold(Results::default(), |mut sum, results| {
        sum += results;
        sum
    })
}

#[test]
fn a_stalled_thread_freezes_no_other_in_an_unbounded_queue() {
    assert_no_freeze("try_put, try_get", "unbounded", |victims| {
        sum([
            stall(&Narrow::unbounded(), victims, &plan(2, MANY), Try, Try),
            stall(&Wide::unbounded(), victims, &plan(2, MANY / 10), Try, Try),
        ])
    });
}

#[test]
fn a_stalled_thread_freezes_no_other_in_a_bounded_queue() {
    assert_no_freeze("try_put, try_get", "bounded", |victims| {
        sum([
            stall(&Narrow::bounded(1024), victims, &plan(4, MANY), Try, Try),
            stall(&Narrow::bounded(4), victims, &plan(4, FEW), Try, Try),
            stall(&Wide::bounded(4), victims, &plan(4, FEW), Try, Try),
            stall(&Wide::bounded(1), victims, &plan(4, FEW), Try, Try),
        ])
    });
    // A get that has not returned may keep its permit: two of them leave some.
    assert_no_freeze("try_put, try_get", "with permits", |victims| {
        sum([
            stall(&Narrow::with_permits(1024), victims, &plan(2, MANY), Try, Try),
            stall(&Narrow::with_permits(8), victims, &plan(2, FEW), Try, Try),
        ])
    });
}

#[test]
fn a_stalled_batch_freezes_no_other_thread() {
    assert_no_freeze("try_put_many, try_get_many", "unbounded", |victims| {
        sum([
            stall(&Narrow::unbounded(), victims, &plan(2, MANY), Batches::new, Batches::new),
            stall(&Wide::unbounded(), victims, &plan(2, MANY / 10), Batches::new, Batches::new),
        ])
    });
    assert_no_freeze("try_put_many, try_get_many", "bounded", |victims| {
        sum([
            stall(&Narrow::bounded(1024), victims, &plan(3, MANY), Batches::new, Batches::new),
            stall(&Narrow::bounded(20), victims, &plan(3, FEW), Batches::new, Batches::new),
            stall(&Narrow::with_permits(64), victims, &plan(3, FEW), Batches::new, Batches::new),
        ])
    });
}

#[test]
fn a_stalled_put_or_get_that_need_not_wait_freezes_no_other_thread() {
    let between = |queue: &Narrow, victims| {
        stall(queue, victims, &plan(1, MANY), |queue| Waits::new(queue, Seldom::Neither), Between::in_between)
    };
    assert_no_freeze("put, get, put_many, get_many", "unbounded", |victims| between(&Narrow::unbounded(), victims));
    assert_no_freeze("put, get, put_many, get_many", "bounded", |victims| between(&Narrow::bounded(120), victims));
}

#[test]
fn a_stalled_get_that_waits_alone_freezes_no_other_thread() {
    for (name, queue) in [("unbounded", Narrow::unbounded()), ("bounded", Narrow::bounded(64))] {
        let plan = Plan { stalls: stalls(), ..plan(1, FEW) };
        let results = stall(&queue, 1, &plan, Task::new, Between::empty);
        print("try_put, a get that waits alone", name, 1, &results);
        assert_eq!(results.frozen(), 0, "{name}: {results}");
        assert!(results.faults.is_empty(), "{name}: {results}");
    }
}

#[test]
fn a_stalled_send_freezes_no_other_in_an_mpsc_channel() {
    let run = |(sender, receiver): (joinq::Sender<Item<NARROW>>, joinq::mpsc::Receiver<_>), victims| {
        let plan = plan(1, MANY);
        let single = |receiver| Single(sender.clone(), receiver);
        let victims = (0..victims).map(|_| single(None)).collect();
        let others = [single(None), single(Some(receiver))];
        watched(&plan, || engine::run(victims, others, || _ = sender.close(), &plan))
    };
    assert_no_freeze("try_send of mpsc", "unbounded", |victims| run(joinq::mpsc::unbounded(), victims));
    assert_no_freeze("try_send of mpsc", "bounded", |victims| run(joinq::mpsc::bounded(1024), victims));
}

#[test]
fn a_stalled_clone_or_drop_of_a_handle_freezes_no_other_thread() {
    let run = |(sender, receiver), victims, pass| {
        let (handles, plan) = (Handles::<NARROW>(sender, receiver), plan(1, pass));
        let close = || _ = handles.0.close();
        let victims = vec![handles.clone(); victims];
        watched(&plan, || engine::run(victims, [handles.clone(), handles.clone()], close, &plan))
    };
    assert_no_freeze("handles", "unbounded", |victims| run(joinq::unbounded(), victims, MANY));
    assert_no_freeze("handles", "bounded", |victims| run(joinq::bounded(4), victims, FEW));
}

#[test]
fn a_stalled_close_freezes_no_other_thread() {
    let run = |open: fn() -> Queue<shots::Token>, victims| {
        let plan = plan(1, FEW);
        watched(&plan, || ends::run(|| shots::close(open()), Ending::Close, victims, &plan))
    };
    assert_no_freeze("close", "unbounded", |victims| run(Queue::unbounded, victims));
    assert_no_freeze("close", "bounded", |victims| run(|| Queue::bounded(40), victims));
}

#[test]
fn a_stalled_drop_of_the_last_handle_freezes_no_other_thread() {
    let plan = plan(1, FEW);
    let run = |open: fn() -> (shots::Shot, shots::End), victims, ending| {
        watched(&plan, || ends::run(open, ending, victims, &plan))
    };
    let unbounded = || shots::last_sender(joinq::unbounded());
    let bounded = || shots::last_sender(joinq::bounded(40));
    assert_no_freeze("drop of the last sender", "unbounded", |victims| run(unbounded, victims, Ending::LastSender));
    assert_no_freeze("drop of the last sender", "bounded", |victims| run(bounded, victims, Ending::LastSender));
    let unbounded = || shots::last_receiver(joinq::unbounded());
    let bounded = || shots::last_receiver(joinq::bounded(40));
    assert_no_freeze("drop of the last receiver", "unbounded", |victims| run(unbounded, victims, Ending::LastReceiver));
    assert_no_freeze("drop of the last receiver", "bounded", |victims| run(bounded, victims, Ending::LastReceiver));
}

#[test]
fn a_stalled_thread_does_not_block_a_close() {
    let once = |pass| Plan { stalls: 0, ..plan(1, pass) };
    assert_no_freeze("a close beside try_put, try_get", "unbounded and bounded", |victims| {
        sum((0..stalls().div_ceil(4)).map(|_| {
            sum([
                stall(&Narrow::unbounded(), victims, &once(FEW), Try, Try),
                stall(&Wide::bounded(4), victims, &once(FEW), Try, Try),
            ])
        }))
    });
}

/// Not a promise: a thread that waits takes the mutex of the wait queues, and a parked thread is woken through a lock.
#[test]
fn what_a_stopped_thread_that_waits_freezes() {
    // Each of them takes the whole patience.
    let enough = stalls().div_ceil(100).max(3);
    let plan = Plan { patience: Duration::from_millis(300), enough, end_beside: false, ..plan(1, FEW) };
    let show = |what: &str, name, victims, results: Results| {
        print(what, name, victims, &results);
        assert!(results.faults.is_empty(), "{what}, {name}: {results}");
    };
    for victims in [1, 2] {
        let queues = || {
            [("unbounded", Narrow::unbounded()), ("bounded", Narrow::bounded(4)), ("permits", Narrow::with_permits(8))]
        };
        for (name, queue) in queues() {
            let get = |queue| Waits::new(queue, Seldom::Puts);
            show("not promised: gets that wait", name, victims, stall(&queue, victims, &plan, get, Between::empty));
        }
        for (name, queue) in queues().into_iter().skip(1) {
            let put = |queue| Waits::new(queue, Seldom::Gets);
            show("not promised: puts that wait", name, victims, stall(&queue, victims, &plan, put, Between::full));
        }
        let (queue, wait) = (Narrow::bounded(0), |queue| Waits::new(queue, Seldom::Neither));
        show("not promised: puts and gets", "rendezvous", victims, stall(&queue, victims, &plan, wait, wait));
    }
}

#[test]
fn other_gets_are_served_beside_a_stopped_waiter() {
    waiting::gets("gets", &Queue::unbounded(), stalls());
    waiting::gets("gets, bounded", &Queue::bounded(waiting::ITEMS), stalls());
    waiting::gets("gets, with permits", &Queue::with_permits(waiting::ITEMS), stalls());
    waiting::gets_of_a_batch(&Queue::unbounded(), stalls());
    waiting::gets_of_a_rendezvous(&Queue::bounded(0), stalls());
}

#[test]
fn other_puts_are_served_beside_a_stopped_waiter() {
    waiting::puts("puts", &Queue::bounded(4), stalls());
    waiting::puts("puts, with permits", &Queue::with_permits(4), stalls());
    waiting::reservations(&Queue::with_permits(3), stalls());
}

#[test]
fn other_joins_complete_beside_a_stopped_waiter() {
    waiting::joins(&Queue::unbounded(), stalls());
}

/// The control: it shows that the tests above can fail.
#[test]
fn the_harness_detects_the_freeze_of_a_mutex() {
    let stalls = stalls().max(150);
    let plan = Plan { stalls, patience: Duration::from_millis(300), enough: 3, pass: FEW, end_beside: false };
    for victims in [1, 2] {
        let queue = Locked::<NARROW>::new();
        let results = watched(&plan, || engine::run(vec![&queue; victims], [&queue, &queue], || queue.close(), &plan));
        print("control", "a mutex around a `VecDeque`", victims, &results);
        assert!(results.frozen() > 0, "a lock was held in none of the stalls: the harness is blind. {results}");
        assert!(results.faults.is_empty(), "the harness, not the queue: {results}");
    }
}
