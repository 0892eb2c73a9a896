//! Several threads cancel operations at random: no item and no wake-up is lost.

mod common;

use common::{watchdog, Probe, Random};
use joinq::{GetError, Queue, TryPutError};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// The pending operations of one thread, and the numbers of items it has put and taken.
struct Worker<'a> {
    queue: &'a Queue<u64>,
    random: Random,
    gets: VecDeque<Probe<joinq::queue::Get<'a, u64>>>,
    puts: VecDeque<Probe<joinq::queue::Put<'a, u64>>>,
    many: VecDeque<Probe<joinq::queue::PutMany<'a, u64>>>,
    put: usize,
    got: usize,
}

impl<'a> Worker<'a> {
    fn new(queue: &'a Queue<u64>, seed: u64) -> Self {
        let (gets, puts, many) = Default::default();
        Worker { queue, random: Random(seed), gets, puts, many, put: 0, got: 0 }
    }

    fn step(&mut self) {
        match self.random.below(12) {
            0 | 1 if self.gets.len() < 4 => self.gets.push_back(Probe::new(self.queue.get())),
            2 | 3 if self.puts.len() < 4 => self.puts.push_back(Probe::new(self.queue.put(7))),
            4 if self.many.len() < 2 => self.many.push_back(Probe::new(self.queue.put_many([1, 2, 3]))),
            5 => drop(self.gets.pop_front()),
            6 => self.cancel(),
            7 => self.got += usize::from(self.queue.try_get().is_ok()),
            8 => self.put += usize::from(self.queue.try_put(8).is_ok()),
            9 => self.got += self.queue.try_get_many(&mut Vec::new(), 2).unwrap_or(0),
            _ => {
                self.gets.rotate_left(self.gets.len().min(1));
                self.puts.rotate_left(self.puts.len().min(1));
                self.poll_fronts();
            }
        }
    }

    /// Cancels a put and a batch: items that `take` does not return are in the queue.
    fn cancel(&mut self) {
        if let Some(mut put) = self.puts.pop_front() {
            self.put += usize::from(put.future.take().is_none());
        }
        if let Some(mut many) = self.many.pop_front() {
            self.put += 3 - many.future.take().len();
        }
    }

    fn poll_fronts(&mut self) {
        if self.gets.front_mut().is_some_and(|get| get.poll_again().is_ready()) {
            self.gets.pop_front();
            self.got += 1;
        }
        if self.puts.front_mut().is_some_and(|put| put.poll_again().is_ready()) {
            self.puts.pop_front();
            self.put += 1;
        }
        if self.many.front_mut().is_some_and(|many| many.poll_again().is_ready()) {
            self.many.pop_front();
            self.put += 3;
        }
    }

    /// Polls the operations that were woken or never polled; false if there was none.
    fn serve(&mut self) -> bool {
        let (gets, puts, many) = (self.gets.len(), self.puts.len(), self.many.len());
        let mut served = false;
        let mut pending = |is_ready: bool| {
            served = true;
            !is_ready
        };
        self.gets.retain_mut(|get| !get.wants_a_poll() || pending(get.poll_again().is_ready()));
        self.puts.retain_mut(|put| !put.wants_a_poll() || pending(put.poll_again().is_ready()));
        self.many.retain_mut(|many| !many.wants_a_poll() || pending(many.poll_again().is_ready()));
        self.got += gets - self.gets.len();
        self.put += puts - self.puts.len() + 3 * (many - self.many.len());
        served
    }
}

/// Several threads poll, drop and complete operations at random. When they stop, the woken operations are
/// polled until no woken operation is left. Then no operation may wait for an item or a slot that is
/// available.
fn cancel_at_random(queue: &Queue<u64>, steps: usize) {
    let _watchdog = watchdog();
    let mut workers: Vec<_> = thread::scope(|scope| {
        let work = |seed| {
            move || {
                let mut worker = Worker::new(queue, seed);
                (0..steps).for_each(|_| worker.step());
                worker
            }
        };
        let threads: Vec<_> = (0..4).map(|seed| scope.spawn(work(seed))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    while workers.iter_mut().map(Worker::serve).filter(|&served| served).count() > 0 {}
    let gets: usize = workers.iter().map(|worker| worker.gets.len()).sum();
    let puts: usize = workers.iter().map(|worker| worker.puts.len() + worker.many.len()).sum();
    assert!(gets == 0 || queue.is_empty(), "{gets} gets wait, and {queue:?} has items");
    assert!(puts == 0 || gets == 0, "{gets} gets and {puts} puts wait for each other at {queue:?}");
    let capacity = queue.capacity().unwrap_or(usize::MAX);
    assert!(puts == 0 || queue.len() >= capacity, "{puts} puts wait, and {queue:?} has a free slot");
    for worker in &mut workers {
        worker.gets.clear();
        while !worker.puts.is_empty() || !worker.many.is_empty() {
            worker.cancel();
        }
    }
    let put: usize = workers.iter().map(|worker| worker.put).sum();
    let got: usize = workers.iter().map(|worker| worker.got).sum();
    assert_eq!(put, got + queue.try_iter().count());
    assert_eq!(queue.unfinished(), put);
}

#[test]
fn cancellations_under_load_lose_nothing_with_capacity_one() {
    cancel_at_random(&Queue::bounded(1), 40_000);
}

#[test]
fn cancellations_under_load_lose_nothing_with_capacity_five() {
    cancel_at_random(&Queue::bounded(5), 40_000);
}

#[test]
fn cancellations_under_load_lose_nothing_in_an_unbounded_queue() {
    cancel_at_random(&Queue::unbounded(), 40_000);
}

#[test]
fn cancellations_under_load_lose_nothing_at_a_rendezvous() {
    cancel_at_random(&Queue::bounded(0), 40_000);
}

#[test]
fn the_loser_of_a_select_loses_no_item() {
    let _watchdog = watchdog();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let queue = Arc::new(Queue::bounded(2));
    let mut tasks = Vec::new();
    for n in 0..2 {
        let queue = queue.clone();
        tasks.push(runtime.spawn(async move {
            for item in n * 2000..(n + 1) * 2000 {
                let mut item = Some(item);
                while let Some(again) = item {
                    let mut put = queue.put(again);
                    item = tokio::select! {
                        result = &mut put => result.err().map(joinq::PutError::into_inner),
                        () = tokio::task::yield_now() => put.take(),
                    };
                }
            }
            Vec::new()
        }));
    }
    for _ in 0..2 {
        let queue = queue.clone();
        tasks.push(runtime.spawn(async move {
            let mut got = Vec::new();
            loop {
                tokio::select! {
                    biased;
                    result = queue.get() => match result {
                        Ok(item) => got.push(item),
                        Err(GetError) => return got,
                    },
                    () = tokio::task::yield_now() => {}
                }
            }
        }));
    }
    let getters = tasks.split_off(2);
    tasks.into_iter().for_each(|putter| assert!(runtime.block_on(putter).unwrap().is_empty()));
    queue.close();
    let mut got: Vec<_> = getters.into_iter().flat_map(|getter| runtime.block_on(getter).unwrap()).collect();
    got.sort_unstable();
    assert!(got.into_iter().eq(0..4000));
}

#[test]
fn threads_that_time_out_forward_wake_ups() {
    let _watchdog = watchdog();
    let queue = Queue::bounded(1);
    let got = AtomicUsize::new(0);
    thread::scope(|scope| {
        // Two threads wait with a timeout; two wait without, and hang if a wake-up is lost.
        for _ in 0..2 {
            scope.spawn(|| {
                while queue.get().wait().is_ok() {
                    got.fetch_add(1, Ordering::Relaxed);
                }
            });
            scope.spawn(|| loop {
                match queue.get().wait_timeout(Duration::from_micros(3)) {
                    Ok(_) => drop(got.fetch_add(1, Ordering::Relaxed)),
                    Err(error) if error.is_closed() => break,
                    Err(_) => {}
                }
            });
        }
        for n in 0..4000 {
            queue.put(n).wait().unwrap();
        }
        queue.close();
    });
    assert_eq!(got.into_inner(), 4000);
    assert_eq!(queue.try_put(1), Err(TryPutError::Closed(1)));
}
