//! Each job is settled exactly once, whatever happens to it and to its workers: errors, panics, cancels,
//! aborted workers, handles that are dropped, a changing number of workers, a deadline.
//!
//! `JOINQ_JOBS=1000000 cargo test --release -p joinq-flow --all-features --test settled_once -- --nocapture`
#![cfg(feature = "tokio")]

mod common;

use backon::ConstantBuilder;
use common::{watchdog_with, Random};
use joinq_flow::{Failure, Job, Retry, Stage, State, Stats, Workers};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;

/// What the test keeps beside the stage.
struct Books {
    /// How often each job was settled.
    settled: Vec<AtomicU8>,
    /// Items that are not dropped.
    items: AtomicUsize,
}

struct Item {
    number: usize,
    books: Arc<Books>,
}

impl Item {
    fn new(number: usize, books: &Arc<Books>) -> Item {
        books.items.fetch_add(1, Ordering::SeqCst);
        Item { number, books: books.clone() }
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        self.books.items.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What an attempt does, by its job and its number.
fn fate(job: &Job<Item, usize>) -> u64 {
    Random(job.number as u64 * 31 + u64::from(job.attempt())).below(100)
}

fn run(job: &Job<Item, usize>) -> Result<usize, Failure> {
    match fate(job) {
        0..5 => panic!("planned"),
        5..20 => Err("planned".into()),
        20..22 => Err(Failure::fatal("planned")),
        _ => Ok(job.number),
    }
}

/// The stage, workers that are threads, and workers that are tasks and can be aborted.
struct Scene {
    books: Arc<Books>,
    stage: Stage<Item, usize>,
    threads: Workers,
    tasks: Workers,
    running: Arc<Mutex<Vec<AbortHandle>>>,
    runtime: Runtime,
}

const THREADS: usize = 2;
const TASKS: usize = 3;

fn scene(jobs: usize) -> Scene {
    silence_planned_panics();
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let books = Arc::new(Books { settled: (0..jobs).map(|_| AtomicU8::new(0)).collect(), items: AtomicUsize::new(0) });
    let delays = ConstantBuilder::default().with_delay(Duration::from_millis(1)).without_max_times();
    let stage: Stage<Item, usize> = Stage::builder("chaos").capacity(500).retry(Retry::new(delays).attempts(4)).build();
    let threads = Workers::threads(&stage, THREADS..=THREADS, run);
    let running: Arc<Mutex<Vec<AbortHandle>>> = Arc::default();
    let (spawned, handle) = (running.clone(), runtime.handle().clone());
    let spawn = move |worker| {
        let task = handle.spawn(worker).abort_handle();
        let mut spawned = spawned.lock().unwrap();
        spawned.retain(|task: &AbortHandle| !task.is_finished());
        spawned.push(task);
    };
    let tasks = Workers::spawned(&stage, TASKS..=TASKS, spawn, |job: Job<Item, usize>| async move {
        for _ in 0..fate(&job) % 4 {
            tokio::task::yield_now().await;
        }
        run(&job)
    });
    Scene { books, stage, threads, tasks, running, runtime }
}

fn silence_planned_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic.payload().downcast_ref::<&str>() != Some(&"planned") {
                report(panic);
            }
        }));
    });
}

impl Scene {
    /// Puts jobs, cancels some, keeps the handles of some, and disturbs the workers meanwhile.
    fn put_all(&self, jobs: usize) -> Vec<Job<Item, usize>> {
        let has_ended = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut random = Random(1);
                while !has_ended.load(Ordering::SeqCst) {
                    {
                        let running = self.running.lock().unwrap();
                        if let Some(task) = running.get(random.below(TASKS as u64) as usize) {
                            task.abort();
                        }
                    }
                    if random.below(8) == 0 {
                        let number = random.below(4) as usize;
                        self.threads.resize(number..=number);
                        self.tasks.resize(1..=1 + number);
                    }
                    thread::sleep(Duration::from_micros(200));
                }
            });
            let mut random = Random(2);
            let mut kept = Vec::new();
            for number in 0..jobs {
                let books = self.books.clone();
                let put = self.stage.put(Item::new(number, &self.books)).on_settled(move |job| {
                    books.settled[job.number].fetch_add(1, Ordering::SeqCst);
                });
                let job = put.wait().unwrap();
                match random.below(20) {
                    0 => drop(job.cancel()),
                    1 => kept.push(job),
                    _ => {}
                }
                if kept.len() > 50 {
                    let job = kept.swap_remove(random.below(50) as usize);
                    match random.below(2) {
                        0 => drop(job.cancel()),
                        _ => drop(job.output().wait()),
                    }
                }
            }
            has_ended.store(true, Ordering::SeqCst);
            kept
        })
    }

    /// Whether the number of workers is as it was before.
    fn no_worker_is_lost(&self) {
        self.threads.resize(THREADS..=THREADS);
        self.tasks.resize(TASKS..=TASKS);
        while (self.threads.count(), self.tasks.count()) != (THREADS, TASKS) {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ends the stage, and asserts that each job was settled once and nothing is left.
    fn check(self, jobs: usize, kept: Vec<Job<Item, usize>>) -> Stats {
        self.stage.close();
        self.stage.join().wait();
        self.threads.join().wait();
        self.tasks.join().wait();
        let stats = self.stage.stats();
        println!("{stats:?}");
        assert!(kept.iter().all(|job| job.state().is_final()));
        for (number, settled) in self.books.settled.iter().enumerate() {
            assert_eq!(settled.load(Ordering::SeqCst), 1, "how often job {number} was settled");
        }
        assert_eq!(stats.done + stats.dead + stats.cancelled + stats.left, jobs as u64);
        assert_eq!((stats.put, stats.unfinished, stats.used, stats.workers), (jobs as u64, 0, 0, 0));
        let Scene { books, stage, threads, tasks, running, runtime } = self;
        drop((kept, stage, threads, tasks, running, runtime));
        // A thread or a timer may still be about to drop its last handle.
        while books.items.load(Ordering::SeqCst) > 0 {
            thread::sleep(Duration::from_millis(1));
        }
        stats
    }
}

fn jobs() -> usize {
    std::env::var("JOINQ_JOBS").map_or(20_000, |jobs| jobs.parse().expect("JOINQ_JOBS is a number"))
}

fn guard(scene: &Scene) -> common::Watchdog {
    let (threads, tasks, books) = (scene.threads.clone(), scene.tasks.clone(), scene.books.clone());
    watchdog_with(Duration::from_secs(60 + jobs() as u64 / 1000), move || {
        let settled = books.settled.iter().filter(|settled| settled.load(Ordering::SeqCst) > 0).count();
        let items = books.items.load(Ordering::SeqCst);
        format!("not ended: {settled} jobs are settled, {items} items are there, {threads:?}, {tasks:?}")
    })
}

#[test]
fn each_job_is_settled_once_before_a_join() {
    let scene = scene(jobs());
    let _watchdog = guard(&scene);
    let kept = scene.put_all(jobs());
    scene.no_worker_is_lost();
    scene.stage.join().wait();
    let stats = scene.check(jobs(), kept);
    assert_eq!(stats.left, 0);
    assert!(stats.done > 0 && stats.dead > 0 && stats.cancelled > 0 && stats.panicked > 0, "{stats:?}");
}

#[test]
fn each_job_is_settled_once_with_a_deadline() {
    let scene = scene(jobs());
    let _watchdog = guard(&scene);
    let kept = scene.put_all(jobs());
    scene.no_worker_is_lost();
    match scene.stage.shutdown().wait_timeout(Duration::ZERO) {
        Ok(_) => {}
        Err(late) => assert!(late.left.iter().all(|job| job.state() == State::Cancelled)),
    }
    drop(scene.check(jobs(), kept));
}
