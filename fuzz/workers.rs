//! Threads that run one blocking call at a time, and are seen to sleep in it.
//!
//! Knows threads, as Linux shows them. Does not know the calls. The threads stay for the next program.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Read, Seek};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{channel, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

type Call<A> = Box<dyn FnOnce() -> A + Send>;

/// A call that can end and has not ended after this time has missed its wake-up.
const LIMIT: Duration = Duration::from_secs(20);

const IDLE: u8 = 0;
const CALLED: u8 = 1;
const RUNS: u8 = 2;
const ENDED: u8 = 3;

/// Waits until a condition holds. False if it does not within the limit.
pub(super) fn in_time(holds: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + LIMIT;
    while Instant::now() < deadline {
        if holds() {
            return true;
        }
        thread::yield_now();
    }
    // If the whole machine was stopped, the other threads have not run either.
    (0..200).any(|_| {
        thread::sleep(Duration::from_millis(10));
        holds()
    })
}

struct Shared<A> {
    state: AtomicU8,
    answer: Mutex<Option<A>>,
}

pub(super) struct Worker<A> {
    calls: Sender<Call<A>>,
    shared: Arc<Shared<A>>,
    /// The kernel's description of the thread.
    stat: RefCell<File>,
}

impl<A: Send + 'static> Worker<A> {
    pub(super) fn new() -> Self {
        let (calls, receiver) = channel::<Call<A>>();
        let shared = Arc::new(Shared { state: AtomicU8::new(IDLE), answer: Mutex::new(None) });
        let (tell, path) = channel();
        let of_thread = shared.clone();
        thread::spawn(move || {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").expect("Linux has this file");
            let id = stat.split(' ').next().expect("the number of the thread");
            tell.send(format!("/proc/self/task/{id}/stat")).expect("it is awaited");
            while let Ok(call) = receiver.recv() {
                of_thread.state.store(RUNS, Ordering::Release);
                let answer = call();
                *of_thread.answer.lock().expect("no panic here") = Some(answer);
                of_thread.state.store(ENDED, Ordering::Release);
            }
        });
        let stat = File::open(path.recv().expect("the thread tells it")).expect("a thread has this file");
        Worker { calls, shared, stat: RefCell::new(stat) }
    }

    /// Begins a call; no other one runs.
    pub(super) fn call(&self, call: impl FnOnce() -> A + Send + 'static) {
        assert_eq!(self.shared.state.swap(CALLED, Ordering::AcqRel), IDLE, "one call at a time");
        self.calls.send(Box::new(call)).expect("the thread does not end");
    }

    pub(super) fn is_idle(&self) -> bool {
        self.shared.state.load(Ordering::Acquire) == IDLE
    }

    pub(super) fn has_ended(&self) -> bool {
        self.shared.state.load(Ordering::Acquire) == ENDED
    }

    /// What the call returns, which can end.
    pub(super) fn answer(&self, what: impl FnOnce() -> String) -> A {
        assert!(in_time(|| self.has_ended()), "{}", what());
        self.shared.state.store(IDLE, Ordering::Release);
        self.shared.answer.lock().expect("no panic there").take().expect("it has ended")
    }

    /// Whether the thread sleeps in its call.
    pub(super) fn sleeps(&self) -> bool {
        let mut text = [0; 128];
        let mut stat = self.stat.borrow_mut();
        stat.rewind().expect("a file of the kernel");
        let length = stat.read(&mut text).expect("a file of the kernel");
        // The name of the thread is in brackets, and its state follows.
        let text = &text[..length];
        let state = text.iter().rposition(|byte| *byte == b')').and_then(|end| text.get(end + 2));
        state == Some(&b'S') && self.shared.state.load(Ordering::Acquire) == RUNS
    }
}
