//! The timekeeper: one thread of the process that runs what is due.

use atomic_waker::AtomicWaker;
use joinq::{GetTimeoutError, Queue};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError, Weak};
use std::thread;
use std::time::Instant;

/// What a timer does. It is short, and none of it is code of the user but a waker.
pub(super) enum Action {
    Call(Box<dyn FnOnce() + Send>),
    /// Wakes a sleep, unless it was dropped.
    Wake(Weak<AtomicWaker>),
}

impl Action {
    /// Runs it. A panic in it, for example of a waker, is reported by the panic hook and ends only this action.
    pub(super) fn run(self) {
        let _ = catch_unwind(AssertUnwindSafe(|| match self {
            Action::Call(call) => call(),
            Action::Wake(sleep) => {
                if let Some(waker) = sleep.upgrade() {
                    waker.wake();
                }
            }
        }));
    }

    fn is_wanted(&self) -> bool {
        match self {
            Action::Call(_) => true,
            Action::Wake(sleep) => sleep.strong_count() > 0,
        }
    }
}

/// An action and its time.
pub(super) struct Timer {
    pub(super) due: Instant,
    pub(super) action: Action,
}

struct Entry {
    timer: Timer,
    /// Timers that are due at the same time run in the order in which they came.
    sequence: u64,
}

impl Entry {
    fn key(&self) -> (Instant, u64) {
        (self.timer.due, self.sequence)
    }
}

impl Ord for Entry {
    /// The earliest is the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Entry {}

/// The timers that are not due yet.
#[derive(Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Entry>,
    sequence: u64,
    /// With so many entries, those of dropped sleeps are removed: each time at least half of the entries are
    /// new.
    purge_at: usize,
}

/// Heaps that are not larger are not worth a purge.
const SMALL: usize = 64;

impl Timers {
    pub(super) fn push(&mut self, timer: Timer) {
        if self.heap.len() >= self.purge_at.max(SMALL) {
            self.heap.retain(|entry| entry.timer.action.is_wanted());
            self.purge_at = 2 * self.heap.len();
        }
        self.sequence += 1;
        self.heap.push(Entry { timer, sequence: self.sequence });
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        Some(self.heap.peek()?.timer.due)
    }

    /// Takes the first timer that is due.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        self.next_due().filter(|&due| due <= now)?;
        Some(self.heap.pop()?.timer)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }
}

/// New timers, on their way to the thread.
static NEW: Queue<Timer> = Queue::unbounded();

/// Starts a timer, and the thread with the first one.
///
/// # Panics
/// If the thread cannot be started. The timer waits for the next one then, which tries again.
pub(super) fn start(timer: Timer) {
    static THREAD: Mutex<Option<thread::JoinHandle<()>>> = Mutex::new(None);

    let put = NEW.put(timer).wait();
    debug_assert!(put.is_ok(), "the queue of new timers is never closed");
    let mut thread = THREAD.lock().unwrap_or_else(PoisonError::into_inner);
    if thread.is_none() {
        match thread::Builder::new().name("joinq-flow timer".into()).spawn(run) {
            Ok(started) => *thread = Some(started),
            Err(error) => {
                drop(thread);
                panic!("the thread for timers cannot be started: {error}; raise the limit of threads");
            }
        }
    }
}

fn run() {
    let mut timers = Timers::default();
    loop {
        let new = match timers.next_due() {
            Some(due) => NEW.get().wait_deadline(due),
            None => NEW.get().wait().map_err(GetTimeoutError::from),
        };
        match new {
            Ok(timer) => timers.push(timer),
            Err(GetTimeoutError::Timeout) => {}
            Err(GetTimeoutError::Closed) => return,
        }
        let now = Instant::now();
        while let Some(timer) = timers.pop_due(now) {
            timer.action.run();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn timers_are_due_by_time_and_then_in_their_order() {
        let begin = Instant::now();
        let run = Arc::new(Mutex::new(Vec::new()));
        let mut timers = Timers::default();
        for (name, after) in [("c", 3), ("a1", 1), ("a2", 1), ("b", 2), ("a3", 1)] {
            let run = run.clone();
            let action = Action::Call(Box::new(move || run.lock().unwrap().push(name)));
            timers.push(Timer { due: begin + Duration::from_secs(after), action });
        }
        assert_eq!(timers.next_due(), Some(begin + Duration::from_secs(1)));
        while let Some(timer) = timers.pop_due(begin + Duration::from_secs(2)) {
            timer.action.run();
        }
        assert_eq!(*run.lock().unwrap(), ["a1", "a2", "a3", "b"]);
        assert_eq!(timers.len(), 1);
    }

    #[test]
    fn entries_of_dropped_sleeps_do_not_pile_up() {
        let due = Instant::now() + Duration::from_secs(3600);
        let kept: Vec<_> = (0..100).map(|_| Arc::new(AtomicWaker::new())).collect();
        let mut timers = Timers::default();
        for sleep in &kept {
            timers.push(Timer { due, action: Action::Wake(Arc::downgrade(sleep)) });
        }
        for _ in 0..10_000 {
            let dropped = Arc::new(AtomicWaker::new());
            timers.push(Timer { due, action: Action::Wake(Arc::downgrade(&dropped)) });
            assert!(timers.len() <= 2 * kept.len() + 1);
        }
        assert!(timers.len() >= kept.len());
    }
}
