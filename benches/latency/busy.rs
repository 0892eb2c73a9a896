//! Threads that only keep cores busy.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// Threads that count until this value is dropped, with the same priority as all others.
pub struct Busy {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Busy {
    pub fn new(threads: usize) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let spawn = |_| {
            let over = over.clone();
            thread::spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    for count in 0..1000 {
                        black_box(count);
                    }
                }
            })
        };
        let threads = (0..threads).map(spawn).collect();
        Busy { over, threads }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}
