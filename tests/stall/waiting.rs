//! Waiting operations: a waiting thread is stopped and then notified, and all other waiters must be served as
//! if it ran.
//!
//! The victim is stopped in the system call in which it sleeps or yields, so that it holds no lock. It waits
//! longest, so that the next notification is for it.

use super::engine::signal::{Program, Victim};
use super::engine::{one_at_a_time, until};
use super::watchdog;
use joinq::Queue;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

/// The number of threads that wait beside the victim.
const OTHERS: usize = 2;
const LIMIT: Duration = Duration::from_secs(5);

/// The numbers of operations completed in one stall.
#[derive(Default)]
struct Counts {
    victim: AtomicUsize,
    others: AtomicUsize,
}

/// Runs `wait` on the victim and then on the others; `wait` should block until `act` is called. Stops the
/// victim, calls `act`, and checks that the others count up to `enough` while the victim is stopped. Returns
/// the counts, and the number of stalls in which the others did not.
fn stall(
    times: u32,
    enough: usize,
    wait: impl Fn(&AtomicUsize) + Sync,
    act: impl Fn(),
    end: impl Fn(),
) -> (Counts, usize) {
    let _turn = one_at_a_time();
    let _watchdog = watchdog(Duration::from_secs(60) + Duration::from_millis(100) * times);
    let _program = Program::prepare();
    let (total, mut stuck) = (Counts::default(), 0);
    for _ in 0..times {
        let (counts, thread) = (Counts::default(), OnceLock::new());
        thread::scope(|scope| {
            let (counts, wait, thread) = (&counts, &wait, &thread);
            scope.spawn(move || {
                let _ = thread.set(Victim::me(0));
                wait(&counts.victim);
            });
            until(LIMIT, || thread.get().is_some());
            // Now the victim most likely waits; if it does not yet, it is stopped at another instruction.
            thread::sleep(Duration::from_millis(1));
            for _ in 0..OTHERS {
                scope.spawn(move || wait(&counts.others));
            }
            thread::sleep(Duration::from_millis(1));
            let victim = *thread.get().unwrap();
            victim.freeze_asleep();
            act();
            let served = until(LIMIT, || counts.others.load(Acquire) >= enough);
            stuck += usize::from(!served);
            victim.release();
            end();
        });
        total.victim.fetch_add(counts.victim.into_inner(), Release);
        total.others.fetch_add(counts.others.into_inner(), Release);
    }
    (total, stuck)
}

fn settle(what: &str, times: u32, (total, stuck): (Counts, usize), all: usize) {
    let (victim, others) = (total.victim.into_inner(), total.others.into_inner());
    println!("{what}: {times} stalls, others not served in {stuck}; {victim} done by the victim, {others} by others");
    assert_eq!(stuck, 0, "{what}: waiting threads are not served beside a stopped one");
    assert_eq!(victim + others, all, "{what}: lost or doubled");
}

/// Gets items until it receives `false`.
fn get_all(queue: &Queue<bool>, counted: &AtomicUsize) {
    while queue.get().wait() == Ok(true) {
        counted.fetch_add(1, Release);
    }
}

pub(crate) const ITEMS: usize = 10;

fn end(queue: &Queue<bool>) {
    (0..=OTHERS).for_each(|_| queue.put(false).wait_timeout(LIMIT).unwrap());
}

pub(crate) fn gets(what: &str, queue: &Queue<bool>, times: u32) {
    let put = || (0..ITEMS).for_each(|_| queue.put(true).wait().unwrap());
    // The last item may be the victim's.
    let done = stall(times, ITEMS - 1, |counted| get_all(queue, counted), put, || end(queue));
    settle(what, times, done, ITEMS * times as usize);
}

pub(crate) fn gets_of_a_batch(queue: &Queue<bool>, times: u32) {
    let put = || queue.try_put_many([true; ITEMS]).unwrap();
    let done = stall(times, ITEMS - 1, |counted| get_all(queue, counted), put, || end(queue));
    settle("gets, items in a batch", times, done, ITEMS * times as usize);
}

/// Each put returns once a get, which may be the victim's, waits for its item.
pub(crate) fn gets_of_a_rendezvous(queue: &Queue<bool>, times: u32) {
    let put = || (0..=OTHERS).for_each(|_| queue.put(true).wait_timeout(LIMIT).unwrap());
    let get = |counted: &AtomicUsize| {
        queue.get().wait().unwrap();
        counted.fetch_add(1, Release);
    };
    let done = stall(times, OTHERS, get, put, || {});
    settle("gets of a rendezvous", times, done, (1 + OTHERS) * times as usize);
}

pub(crate) fn puts(what: &str, queue: &Queue<bool>, times: u32) {
    let capacity = queue.capacity().unwrap();
    let fill = || (0..capacity).for_each(|_| queue.try_put(true).unwrap());
    fill();
    let put = |counted: &AtomicUsize| {
        queue.put(true).wait().unwrap();
        counted.fetch_add(1, Release);
    };
    // Frees a slot for each of the threads, so that each is served; then the next round finds the queue full.
    let get = || (0..=OTHERS).for_each(|_| assert_eq!(queue.try_get(), Ok(true)));
    let done = stall(times, OTHERS, put, get, || {});
    settle(what, times, done, (1 + OTHERS) * times as usize);
    assert_eq!(queue.len(), capacity);
}

pub(crate) fn reservations(queue: &Queue<bool>, times: u32) {
    let all = queue.capacity().unwrap();
    assert_eq!(all, 1 + OTHERS);
    let reserve = |counted: &AtomicUsize| {
        queue.reserve(1).wait().unwrap().put(true);
        counted.fetch_add(1, Release);
    };
    (0..all).for_each(|_| queue.try_put(true).unwrap());
    let get = || (0..all).for_each(|_| assert_eq!(queue.try_get(), Ok(true)));
    let done = stall(times, OTHERS, reserve, get, || {});
    settle("reservations", times, done, all * times as usize);
}

pub(crate) fn joins(queue: &Queue<bool>, times: u32) {
    let join = |counted: &AtomicUsize| {
        queue.join().wait();
        counted.fetch_add(1, Release);
    };
    let mut done = (Counts::default(), 0);
    for _ in 0..times {
        // An unfinished item to wait for.
        queue.try_put(true).unwrap();
        let (counts, stuck) = stall(1, OTHERS, join, || queue.task_done().unwrap(), || {});
        assert_eq!(queue.try_get(), Ok(true));
        done.0.victim.fetch_add(counts.victim.into_inner(), Release);
        done.0.others.fetch_add(counts.others.into_inner(), Release);
        done.1 += stuck;
    }
    settle("joins", times, done, (1 + OTHERS) * times as usize);
}
