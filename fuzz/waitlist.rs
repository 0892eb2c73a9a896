//! The wait queue of `src/wait/queue.rs` against a model: waiters are enqueued, notified, removed and polled with
//! other wakers in any order.
//!
//! The file is included here, since the wait queue is not public. Knows wakers and the wait queue alone.

// What only other files of the library use is unused here.
#[allow(dead_code)]
#[path = "../src/wait/queue.rs"]
mod queue;

use super::input::{trace, Input};
use super::operation::Flag;
use queue::{WaitQueue, WaiterKey, WaiterState};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

/// The library's list of wakers, which `remove_all` fills.
#[derive(Default)]
pub(crate) struct WakeList(Vec<Waker>);

impl WakeList {
    pub(crate) fn push(&mut self, waker: Option<Waker>) {
        self.0.extend(waker);
    }
}

/// The most waiters whose keys are kept. Those that were removed long ago are forgotten.
const MOST: usize = 96;

/// A waiter as the model has it.
struct Waiter {
    key: WaiterKey,
    seq: u64,
    /// What the waiter requests: its number, and how often the request was changed.
    request: (u64, u32),
    state: WaiterState,
    flags: [Arc<Flag>; 2],
    /// The flag of its waker.
    flag: usize,
}

impl Waiter {
    fn waker(&self, flag: usize) -> Waker {
        Waker::from(self.flags[flag].clone())
    }

    fn check_waker(&self, waker: Option<Waker>, expected: bool) {
        assert_eq!(waker.is_some(), expected, "waiter {}: whether a waker is returned", self.seq);
        assert!(waker.map_or(true, |waker| waker.will_wake(&self.waker(self.flag))), "the waker of another waiter");
    }
}

#[derive(Default)]
struct Model {
    waiters: Vec<Waiter>,
    /// The numbers of those that were not notified.
    waiting: VecDeque<u64>,
    enqueued: u64,
    removed: u64,
}

impl Model {
    fn find(&mut self, seq: u64) -> &mut Waiter {
        self.waiters.iter_mut().find(|waiter| waiter.seq == seq).expect("a waiter that waits is kept")
    }

    fn with_entries(&self) -> impl Iterator<Item = &Waiter> {
        self.waiters.iter().filter(|waiter| waiter.state != WaiterState::Removed)
    }

    /// Notifies the first waiter.
    fn notify_first(&mut self, state: WaiterState) -> Option<&Waiter> {
        let seq = self.waiting.pop_front()?;
        if state == WaiterState::Removed {
            self.removed = seq + 1;
        }
        let waiter = self.find(seq);
        waiter.state = state;
        Some(waiter)
    }
}

/// Runs one program: each byte is an operation (its low four bits) with an argument (its high four).
pub(crate) fn run(bytes: &[u8]) {
    let (mut queue, mut model, mut input) = (WaitQueue::new(), Model::default(), Input(bytes));
    while let Some(byte) = input.next() {
        let (op, arg) = (byte & 15, usize::from(byte >> 4));
        trace(|| format!("{op} {arg}: waiting {:?}", model.waiting));
        step(&mut queue, &mut model, op, arg);
        check(&mut queue, &mut model);
    }
    drop(queue);
    for waiter in &model.waiters {
        let kept = waiter.flags.iter().map(Arc::strong_count).sum::<usize>();
        assert_eq!(kept, 2, "the waker of waiter {} is kept", waiter.seq);
    }
}

fn step(queue: &mut WaitQueue<(u64, u32)>, model: &mut Model, op: u8, arg: usize) {
    match op {
        0..=2 => push(queue, model),
        3 => (0..arg).for_each(|_| push(queue, model)),
        4 | 5 => {
            let waker = queue.notify_first();
            match model.notify_first(WaiterState::Notified) {
                Some(waiter) => waiter.check_waker(waker, true),
                None => assert!(waker.is_none()),
            }
        }
        6 | 7 => {
            let waker = queue.remove_first();
            match model.notify_first(WaiterState::Removed) {
                Some(waiter) => waiter.check_waker(waker, true),
                None => assert!(waker.is_none()),
            }
        }
        // The last waiters, or any.
        8 | 9 => remove(queue, model, model.waiters.len().wrapping_sub(1 + arg)),
        10 => remove(queue, model, arg * 6),
        11 | 12 => replace_waker(queue, model, model.waiters.len().wrapping_sub(1 + arg)),
        13 => {
            let first = model.waiting.front().copied().map(|seq| model.find(seq));
            match (queue.front_mut(), first) {
                (Some(request), Some(waiter)) => {
                    assert_eq!(*request, waiter.request, "the first request");
                    request.1 += 1;
                    waiter.request.1 += 1;
                }
                (request, first) => assert!(request.is_none() && first.is_none(), "whether there is a first waiter"),
            }
        }
        14 => {
            let mut requests: Vec<_> = queue.iter_mut().map(|request| *request).collect();
            requests.sort_unstable();
            assert!(requests.into_iter().eq(model.with_entries().map(|waiter| waiter.request)), "all requests");
        }
        _ => {
            let mut wakes = WakeList::default();
            queue.remove_all(&mut wakes);
            for waker in wakes.0 {
                model.notify_first(WaiterState::Removed).expect("no more wakers").check_waker(Some(waker), true);
            }
            assert!(model.waiting.is_empty(), "a waiter was not notified");
        }
    }
}

fn push(queue: &mut WaitQueue<(u64, u32)>, model: &mut Model) {
    if model.waiters.len() == MOST {
        let Some(old) = model.waiters.iter().position(|waiter| waiter.state == WaiterState::Removed) else { return };
        model.waiters.remove(old);
    }
    let (flags, seq) = ([Flag::new(), Flag::new()], model.enqueued);
    let key = queue.push_back(Waker::from(flags[0].clone()), (seq, 0));
    assert_eq!(key.seq(), seq, "a sequence number");
    model.waiters.push(Waiter { key, seq, request: (seq, 0), state: WaiterState::Waiting, flags, flag: 0 });
    model.waiting.push_back(seq);
    model.enqueued += 1;
}

fn remove(queue: &mut WaitQueue<(u64, u32)>, model: &mut Model, place: usize) {
    let Some(waiter) = model.waiters.get_mut(place) else { return };
    match (queue.remove(&waiter.key), waiter.state) {
        (None, WaiterState::Removed) => {}
        (Some((request, waker)), state) if state != WaiterState::Removed => {
            assert_eq!(request, waiter.request, "the request of a removed waiter");
            waiter.check_waker(waker, state == WaiterState::Waiting);
            waiter.state = WaiterState::Removed;
            let seq = waiter.seq;
            model.waiting.retain(|other| *other != seq);
        }
        (removed, state) => panic!("removed: {:?}, for {state:?}", removed.map(|(request, _)| request)),
    }
}

fn replace_waker(queue: &mut WaitQueue<(u64, u32)>, model: &mut Model, place: usize) {
    let Some(waiter) = model.waiters.get_mut(place) else { return };
    let waits = waiter.state == WaiterState::Waiting;
    assert!(!queue.needs_waker(&waiter.key, &waiter.waker(waiter.flag)), "another waker for the same task");
    assert_eq!(queue.needs_waker(&waiter.key, &waiter.waker(1 - waiter.flag)), waits, "whether it needs a waker");
    // The library replaces the waker of a waiter under the mutex under which it has seen that it waits.
    if waits {
        let old = queue.replace_waker(&waiter.key, waiter.waker(1 - waiter.flag));
        waiter.check_waker(Some(old), true);
        waiter.flag = 1 - waiter.flag;
    }
}

fn check(queue: &mut WaitQueue<(u64, u32)>, model: &mut Model) {
    let notified = model.with_entries().count() - model.waiting.len();
    assert_eq!((queue.waiting(), queue.notified()), (model.waiting.len(), notified), "waiting and notified");
    assert_eq!(queue.removed(), model.removed, "the watermark");
    for waiter in &model.waiters {
        assert_eq!(queue.state(&waiter.key), waiter.state, "the state of waiter {}", waiter.seq);
    }
    let first = model.waiting.front().copied().map(|seq| model.find(seq).request);
    assert_eq!(queue.front_mut().copied(), first, "the first request");
}
