//! The process under test: one round after the other.

use super::{Ending, Fate, Jobs, ATTEMPTS, WITHDRAWN, WORKERS};
use crate::stress::code;
use crate::stress::lines::{self, note};
use backon::ConstantBuilder;
use fastrand::Rng;
use futures_lite::future::{poll_once, yield_now};
use futures_lite::StreamExt;
use joinq::Queue;
use joinq_flow::{Attempt, Cause, Dead, Failure, Job, Overflow, Refused, Retry, Semaphore, Stage, Workers};
use std::panic::panic_any;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::{AbortHandle, JoinHandle};

type Output = Box<u64>;
type Handle = Job<Item, Output>;

/// The payload of a panic that belongs to the test.
struct Planned;

/// Items that are not dropped yet.
static ALIVE: AtomicUsize = AtomicUsize::new(0);
static NEXT: AtomicU64 = AtomicU64::new(1);

/// An item; its memory is on the heap.
struct Item {
    key: Box<u64>,
    roll_call: bool,
    is_running: AtomicBool,
    /// A cancel has returned that it will not run any more.
    is_cancelled: AtomicBool,
}

impl Item {
    fn new(roll_call: bool) -> Item {
        let key = NEXT.fetch_add(1, Ordering::Relaxed);
        note('T', key, 0);
        ALIVE.fetch_add(1, Ordering::SeqCst);
        Item { key: Box::new(key), roll_call, is_running: AtomicBool::new(false), is_cancelled: AtomicBool::new(false) }
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        note('D', *self.key, 0);
        ALIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An attempt: it must be the only one, and of a job that was not cancelled.
struct Running<'a>(&'a Item);

impl<'a> Running<'a> {
    fn begin(job: &'a Handle) -> Running<'a> {
        let item: &Item = job;
        note('B', *item.key, u64::from(job.attempt()));
        if item.is_cancelled.load(Ordering::SeqCst) {
            lines::violation(&format!("item {} runs after its cancel", item.key));
        }
        if item.is_running.swap(true, Ordering::SeqCst) {
            lines::violation(&format!("item {} runs twice at the same time", item.key));
        }
        Running(item)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.is_running.store(false, Ordering::SeqCst);
    }
}

/// Panics when it is dropped.
struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic_any(Planned);
        }
    }
}

/// What the threads and tasks of a round share, beside the stage.
struct Round {
    seed: u64,
    /// How many workers there are while none comes or goes.
    workers: usize,
    /// Those that are in the roll call.
    present: AtomicUsize,
    /// Jobs that other jobs have put.
    spawned: Mutex<Vec<Handle>>,
    /// Jobs that are to be cancelled.
    to_cancel: Mutex<Option<Sender<Handle>>>,
    /// The round is to end.
    is_over: AtomicBool,
}

impl Round {
    fn fate(&self, job: &Handle) -> Fate {
        Fate::of(*job.key, job.attempt(), self.seed)
    }

    fn success(&self, job: &Handle) -> Result<Output, Failure> {
        note('O', *job.key, 0);
        Ok(job.key.clone())
    }

    fn spawn(&self, job: &Handle) {
        let item = Item::new(false);
        let key = *item.key;
        match job.spawn(item) {
            Ok(spawned) => {
                note('P', key, 0);
                self.cancel_later(spawned.clone());
                self.spawned.lock().unwrap().push(spawned);
            }
            Err(refused) => note('R', key, refusal(&refused)),
        }
    }

    fn cancel_later(&self, job: Handle) {
        if let Some(to_cancel) = &*self.to_cancel.lock().unwrap() {
            // The thread that cancels ends last.
            let _ = to_cancel.send(job);
        }
    }

    fn all_present(&self) -> bool {
        self.present.load(Ordering::SeqCst) >= self.workers
    }

    /// The handler of a thread.
    fn work(&self, job: &Handle) -> Result<Output, Failure> {
        let _running = Running::begin(job);
        if job.roll_call {
            self.present.fetch_add(1, Ordering::SeqCst);
            while !self.all_present() {
                thread::sleep(Duration::from_millis(1));
            }
            return self.success(job);
        }
        match self.fate(job) {
            Fate::Succeeds => {}
            Fate::SucceedsLate => thread::yield_now(),
            Fate::Spawns => self.spawn(job),
            Fate::WaitsForCancel => {
                job.cancelled().wait();
                return Err("cancelled".into());
            }
            Fate::Panics | Fate::PanicsLate => panic_any(Planned),
            Fate::PanicsInDrop => drop(PanicsOnDrop),
            fails => return Err(failure(fails)),
        }
        self.success(job)
    }

    /// The handler of a task.
    async fn work_async(self: Arc<Self>, job: Handle) -> Result<Output, Failure> {
        let _running = Running::begin(&job);
        if job.roll_call {
            self.present.fetch_add(1, Ordering::SeqCst);
            while !self.all_present() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            return self.success(&job);
        }
        match self.fate(&job) {
            Fate::Succeeds => {}
            Fate::SucceedsLate => yield_now().await,
            Fate::Spawns => self.spawn(&job),
            Fate::WaitsForCancel => std::future::pending().await,
            Fate::Panics => panic_any(Planned),
            Fate::PanicsLate => {
                yield_now().await;
                panic_any(Planned);
            }
            Fate::PanicsInDrop => {
                let _value = PanicsOnDrop;
                // It may be cancelled or aborted here.
                yield_now().await;
                yield_now().await;
            }
            fails => return Err(failure(fails)),
        }
        // `PanicsInDrop` has panicked.
        self.success(&job)
    }

    /// The worker that is a stream.
    async fn stream(self: Arc<Self>, mut jobs: joinq_flow::Jobs<Item, Output>) {
        while let Some(attempt) = jobs.next().await {
            self.attempt(attempt).await;
        }
    }

    async fn attempt(&self, attempt: Attempt<Item, Output>) {
        let job = attempt.job().clone();
        let running = Running::begin(&job);
        if job.roll_call {
            self.present.fetch_add(1, Ordering::SeqCst);
            while !self.all_present() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        let result = match self.fate(&job) {
            _ if job.roll_call => self.success(&job),
            Fate::Succeeds => self.success(&job),
            Fate::SucceedsLate => {
                yield_now().await;
                self.success(&job)
            }
            Fate::Spawns => {
                self.spawn(&job);
                self.success(&job)
            }
            Fate::WaitsForCancel => {
                job.cancelled().await;
                Err("cancelled".into())
            }
            Fate::Panics | Fate::PanicsLate | Fate::PanicsInDrop => {
                drop(running);
                return drop(attempt);
            }
            fails => Err(failure(fails)),
        };
        drop(running);
        match result {
            Ok(output) => attempt.done(output),
            Err(failure) => attempt.fail(failure),
        }
    }
}

fn failure(fate: Fate) -> Failure {
    match fate {
        Fate::FailsForGood => Failure::fatal("failed for good"),
        Fate::FailsForNow => Failure::retry_after("failed for now", Duration::from_micros(500)),
        _ => "failed".into(),
    }
}

fn refusal<T>(refused: &Refused<T>) -> u64 {
    match refused {
        Refused::Full(_) => 0,
        Refused::Closed(_) => 1,
        Refused::Timeout(_) => 2,
        _ => 3,
    }
}

/// A put whose job says when it is settled.
fn put(stage: &Stage<Item, Output>, roll_call: bool) -> (u64, joinq_flow::Put<Item, Output>) {
    let item = Item::new(roll_call);
    let key = *item.key;
    let put = stage.put(item).on_settled(move |job: &Handle| {
        note('S', key, code(job.state()));
        if key.is_multiple_of(50) {
            panic_any(Planned);
        }
    });
    (key, put)
}

/// Notes how a put has ended, and deals with its job.
fn follow(round: &Round, rng: &mut Rng, key: u64, result: Result<Handle, Refused<Item>>) -> Option<Handle> {
    let job = match result {
        Ok(job) => job,
        Err(refused) => {
            note('R', key, refusal(&refused));
            return None;
        }
    };
    note('P', key, 0);
    // A job that waits for its cancel in one of its attempts is cancelled in any case.
    let waits = (1..=ATTEMPTS as u32).any(|attempt| Fate::of(key, attempt, round.seed) == Fate::WaitsForCancel);
    if waits || rng.u8(..) < 25 {
        round.cancel_later(job.clone());
    } else if rng.u8(..) < 25 {
        cancel(&job);
    }
    (rng.u8(..) < 30).then_some(job)
}

fn cancel(job: &Handle) {
    if job.cancel() {
        job.is_cancelled.store(true, Ordering::SeqCst);
        note('C', *job.key, 0);
    }
}

fn check_output(key: u64, output: Result<Output, Cause>) {
    if output.is_ok_and(|output| *output != key) {
        lines::violation(&format!("item {key} has the output of another one"));
    }
}

/// Puts jobs from a thread.
fn put_from_thread(stage: &Stage<Item, Output>, round: &Round, puts: u64, seed: u64) {
    let mut rng = Rng::with_seed(seed);
    for _ in 0..puts {
        if round.is_over.load(Ordering::SeqCst) {
            return;
        }
        let (key, mut put) = put(stage, false);
        let result = match rng.u8(0..10) {
            0 => put.wait_timeout(Duration::from_micros(rng.u64(..300))),
            1 => match futures_lite::future::block_on(poll_once(&mut put)) {
                Some(result) => result,
                None => {
                    if rng.bool() {
                        drop(put.take());
                    }
                    drop(put);
                    note('R', key, WITHDRAWN);
                    continue;
                }
            },
            _ => put.wait(),
        };
        if let Some(job) = follow(round, &mut rng, key, result) {
            if rng.bool() {
                job.settled().wait_timeout(Duration::from_micros(50)).ok();
            } else if let Ok(output) = job.output().wait_timeout(Duration::from_micros(50)) {
                check_output(key, output);
            }
        }
    }
}

/// Puts jobs from a task.
async fn put_from_task(stage: Stage<Item, Output>, round: Arc<Round>, puts: u64, seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let mut outputs: Vec<JoinHandle<()>> = Vec::new();
    for _ in 0..puts {
        if round.is_over.load(Ordering::SeqCst) {
            break;
        }
        let (key, put) = put(&stage, false);
        let result = put.await;
        if let Some(job) = follow(&round, &mut rng, key, result) {
            outputs.push(tokio::spawn(async move { check_output(key, job.output().await) }));
        }
        if outputs.len() > 100 {
            for output in outputs.drain(..) {
                output.await.expect("no output panics");
            }
        }
    }
    drop(stage);
    for output in outputs {
        output.await.expect("no output panics");
    }
}

/// Cancels jobs, some at once and some later.
fn cancel_all(jobs: &Receiver<Handle>, seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let mut kept: Vec<Handle> = Vec::new();
    loop {
        match jobs.recv_timeout(Duration::from_millis(1)) {
            Ok(job) => kept.push(job),
            Err(mpsc::RecvTimeoutError::Timeout) => kept.drain(..).for_each(|job| cancel(&job)),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
        while kept.len() > 30 {
            cancel(&kept.swap_remove(rng.usize(..kept.len())));
        }
    }
    kept.iter().for_each(cancel);
}

/// The tasks of `Workers`, of which some are aborted.
type Tasks = Arc<Mutex<Vec<AbortHandle>>>;

/// The workers of a round.
struct Staff {
    on_threads: Workers,
    as_tasks: Workers,
    tasks: Tasks,
}

impl Staff {
    fn hire(stage: &Stage<Item, Output>, round: &Arc<Round>, runtime: &Runtime) -> Staff {
        let tasks = Tasks::default();
        let (handle, list) = (runtime.handle().clone(), tasks.clone());
        let spawn = move |worker| {
            let task = handle.spawn(worker);
            list.lock().unwrap().push(task.abort_handle());
        };
        let (threads, async_round) = (round.clone(), round.clone());
        let on_threads = Workers::threads(stage, WORKERS[1]..=WORKERS[1], move |job| threads.work(job));
        let as_tasks =
            Workers::spawned(stage, WORKERS[2]..=WORKERS[2], spawn, move |job| async_round.clone().work_async(job));
        Staff { on_threads, as_tasks, tasks }
    }

    /// Aborts tasks, and has workers come and go.
    fn disturb(&self, stage: &Stage<Item, Output>, rng: &mut Rng) {
        match rng.u8(0..8) {
            0..=3 => {
                let mut tasks = self.tasks.lock().unwrap();
                tasks.retain(|task| !task.is_finished());
                let task = rng.choice(&*tasks).cloned();
                drop(tasks);
                if let Some(task) = task {
                    task.abort();
                }
            }
            4 => self.on_threads.resize(1..=rng.usize(1..4)),
            5 => {
                let number = rng.usize(1..6);
                self.as_tasks.resize(number..=number);
            }
            6 => stage.set_capacity(rng.usize(16..96)),
            _ => drop(stage.clone()),
        }
        thread::sleep(Duration::from_micros(rng.u64(..1500)));
    }

    fn calm(&self, stage: &Stage<Item, Output>) {
        self.on_threads.resize(WORKERS[1]..=WORKERS[1]);
        self.as_tasks.resize(WORKERS[2]..=WORKERS[2]);
        stage.set_capacity(64);
    }

    /// Aborts all tasks while they wait: they are replaced.
    fn abort_all(&self) {
        self.tasks.lock().unwrap().drain(..).for_each(|task| task.abort());
    }

    fn dismiss(&self) {
        self.on_threads.resize(0..=0);
        self.as_tasks.resize(0..=0);
    }

    fn join(&self) {
        for workers in [&self.on_threads, &self.as_tasks] {
            let count = || format!("{} workers do not end", workers.count());
            lines::wait_until(count, || workers.count() == 0);
            workers.join().wait();
        }
    }
}

/// Half of the puts of a round, from two threads and two tasks, while workers come and go.
fn half(
    stage: &Stage<Item, Output>,
    round: &Arc<Round>,
    runtime: &Runtime,
    staff: &Staff,
    rng: &mut Rng,
    puts: u64,
    while_putting: impl FnOnce(&mut Rng),
) {
    let reported = stage.clone();
    lines::report(move || format!("{:?}", reported.stats()));
    let tasks: Vec<_> =
        (0..2).map(|_| runtime.spawn(put_from_task(stage.clone(), round.clone(), puts / 4, rng.u64(..)))).collect();
    thread::scope(|scope| {
        let putters: Vec<_> = (0..2)
            .map(|_| {
                let seed = rng.u64(..);
                let stage = stage.clone();
                scope.spawn(move || lines::collecting(|| put_from_thread(&stage, round, puts / 4, seed)))
            })
            .collect();
        let is_over = Arc::new(AtomicBool::new(false));
        let (flag, mut chaos_rng) = (is_over.clone(), rng.fork());
        let disturber = scope.spawn(move || {
            while !flag.load(Ordering::SeqCst) {
                staff.disturb(stage, &mut chaos_rng);
            }
        });
        while_putting(rng);
        for putter in putters {
            putter.join().expect("a putter does not panic");
        }
        for task in tasks {
            futures_lite::future::block_on(task).expect("a putter does not panic");
        }
        is_over.store(true, Ordering::SeqCst);
        disturber.join().expect("the disturber does not panic");
    });
    lines::no_report();
}

fn stage(
    rng: &mut Rng,
    letters: &Arc<Queue<Dead<Item, Output>>>,
    limit: &Semaphore,
    overflow: Overflow,
) -> Stage<Item, Output> {
    let delay = Duration::from_micros(rng.u64(1..2000));
    let retry = Retry::new(ConstantBuilder::default().with_delay(delay).without_max_times());
    Stage::builder("faults")
        .capacity(64)
        .weigh(|item: &Item| if item.roll_call { 1 } else { 1 + (*item.key % 3) as usize })
        .overflow(overflow)
        .limit(limit)
        .retry(retry.attempts(ATTEMPTS as u32))
        .dead_letters(letters.clone())
        .build()
}

/// Nothing is in the stage: all its capacity is free, and all its workers are there.
fn roll_call(stage: &Stage<Item, Output>, round: &Round) {
    let all = round.workers;
    let free = || format!("an empty stage has {:?}", stage.stats());
    lines::wait_until(free, || (stage.stats().used, stage.stats().unfinished) == (0, 0));
    lines::wait_until(|| format!("{all} workers: {:?}", stage.stats()), || stage.stats().workers == all);
    for _ in 0..all {
        let (key, put) = put(stage, true);
        match put.wait() {
            Ok(_) => note('P', key, 0),
            Err(refused) => note('R', key, refusal(&refused)),
        }
    }
    lines::wait_until(
        || format!("{} of {all} workers work at the same time", round.present.load(Ordering::SeqCst)),
        || round.all_present(),
    );
    join(stage);
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .on_thread_start(lines::collect)
        .on_thread_stop(lines::stop_collecting)
        .build()
        .expect("a runtime")
}

/// Waits until a stage is empty.
fn join(stage: &Stage<Item, Output>) {
    let what = || format!("jobs are not settled: {:?}", stage.stats());
    lines::wait_until(what, || stage.stats().unfinished == 0);
    stage.join().wait();
}

fn run_round(ending: Ending, overflow: Overflow, puts: u64, rng: &mut Rng) {
    // Threads that run jobs cannot be sent home.
    let threads = if ending == Ending::AllDropped { 0 } else { WORKERS[0] };
    let workers = threads + WORKERS[1..].iter().sum::<usize>();
    let letters = Arc::new(Queue::unbounded());
    let limit = Semaphore::new(workers);
    let stage = stage(rng, &letters, &limit, overflow);
    let (to_cancel, cancels) = mpsc::channel();
    let round = Arc::new(Round {
        seed: rng.u64(..),
        workers,
        present: AtomicUsize::new(0),
        spawned: Mutex::default(),
        to_cancel: Mutex::new(Some(to_cancel)),
        is_over: AtomicBool::new(false),
    });
    let runtime = runtime();
    let seed = rng.u64(..);
    let canceller = thread::spawn(move || lines::collecting(|| cancel_all(&cancels, seed)));
    let staff = Staff::hire(&stage, &round, &runtime);
    let stream = runtime.spawn(round.clone().stream(stage.stream()));
    let threads: Vec<_> = (0..threads)
        .map(|_| {
            let round = round.clone();
            let worker = stage.work(move |job: &Handle| round.work(job));
            thread::spawn(move || lines::collecting(|| worker.wait()))
        })
        .collect();

    // Some workers wait for the limit with a job that they have taken.
    limit.set_limit(workers - 3);
    half(&stage, &round, &runtime, &staff, rng, puts / 2, |_| {});
    staff.calm(&stage);
    limit.set_limit(workers);
    join(&stage);
    staff.abort_all();
    roll_call(&stage, &round);

    limit.set_limit(workers - 3);
    half(&stage, &round, &runtime, &staff, rng, puts / 2, |rng| {
        if ending != Ending::Join {
            thread::sleep(Duration::from_micros(rng.u64(..puts * 10)));
        }
        if ending == Ending::Deadline {
            let timeout = Duration::from_micros(rng.u64(..3000));
            if let Err(unsettled) = stage.shutdown().wait_timeout(timeout) {
                unsettled.left.iter().for_each(|job| note('L', *job.key, 0));
            }
        } else if ending != Ending::Join {
            round.is_over.store(true, Ordering::SeqCst);
        }
    });
    let mut stage = Some(stage);
    match ending {
        Ending::Join => stage.iter().for_each(|stage| {
            stage.close();
            join(stage);
        }),
        Ending::Deadline => stage.iter().for_each(join),
        Ending::HandlesDropped => stage = None,
        Ending::AllDropped => {
            staff.dismiss();
            staff.join();
            stream.abort();
            stage = None;
        }
    }
    for thread in threads {
        thread.join().expect("a worker does not panic");
    }
    staff.join();
    if let Err(error) = futures_lite::future::block_on(stream) {
        assert!(error.is_cancelled(), "the stream panicked");
    }
    *round.to_cancel.lock().unwrap() = None;
    canceller.join().expect("the thread that cancels does not panic");
    drop((staff, runtime));
    for job in std::mem::take(&mut *round.spawned.lock().unwrap()) {
        note('S', *job.key, code(job.state()));
    }
    for Dead { job, .. } in letters.drain() {
        note('Q', *job.key, 0);
    }
    if let Some(stage) = stage {
        let stats = stage.stats();
        let numbers = [stats.put, stats.done, stats.dead, stats.cancelled + stats.left];
        (0..).zip(numbers).for_each(|(code, number)| note('G', code, number));
        if (stats.used, stats.unfinished, stats.queued, stats.retrying) != (0, 0, 0, 0) {
            lines::violation(&format!("at the end {stats:?}"));
        }
    }
    let free = || format!("{} of {} permits of the limit are free at the end", limit.available(), limit.limit());
    lines::wait_until(free, || limit.available() == limit.limit());
    drop((round, limit, letters));
    let alive = || format!("{} items were never dropped", ALIVE.load(Ordering::SeqCst));
    lines::wait_until(alive, || ALIVE.load(Ordering::SeqCst) == 0);
    note('Z', 0, 0);
}

/// The thread for timers keeps the memory of the most timers that it ever had: more than in any round.
fn warm_up_timers() {
    const TIMERS: usize = 2000;
    let stage: Stage<usize> = Stage::builder("timers").capacity(TIMERS).retry(Retry::default()).build();
    let began = std::time::Instant::now();
    thread::scope(|scope| {
        let handler = |job: &Job<usize>| match job.attempt() {
            1 => Err(Failure::retry_after("later", Duration::from_secs(1).saturating_sub(began.elapsed()))),
            _ => Ok(()),
        };
        let worker = stage.work(handler);
        scope.spawn(|| worker.wait());
        for number in 0..TIMERS {
            stage.put(number).wait().expect("there is free capacity");
        }
        stage.close();
    });
    // And each thread keeps what it parks with: this one as well, from its first wait on.
    let full: Stage<u8> = Stage::builder("full").capacity(1).build();
    let (one, two) = (full.try_put(1), full.put(2).wait_timeout(Duration::from_millis(1)));
    assert!(one.is_ok() && two.is_err());
    let join = full.join().wait_timeout(Duration::from_millis(1));
    assert!(join.is_err());
}

/// The process under test.
pub(in crate::stress) fn child(options: &str, used: fn() -> usize) {
    let Jobs { rounds, puts, seed } = serde_json::from_str(options).expect("the judge passes options");
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !info.payload().is::<Planned>() {
            lines::violation(&format!("panics: {info}"));
            default(info);
        }
    }));
    warm_up_timers();
    let mut rng = Rng::with_seed(seed);
    let overflows = [Overflow::Wait, Overflow::DropOldest, Overflow::Wait, Overflow::DropNewest, Overflow::Reject];
    let warm_up = Ending::ALL.len() as u64;
    let mut before = 0;
    for round in 0..warm_up + rounds {
        if round == warm_up {
            // Timers of the rounds end within two seconds.
            before = (0..30).map(|_| pause(used)).min().expect("some readings");
            note('A', 0, before as u64);
        }
        let ending = Ending::ALL[round as usize % Ending::ALL.len()];
        let overflow = overflows[round as usize % overflows.len()];
        run_round(ending, overflow, puts, &mut rng);
    }
    let after = (0..300).map(|_| pause(used)).find(|after| *after <= before);
    note('A', 0, after.unwrap_or_else(used) as u64);
}

/// The bytes that are allocated, a little later.
fn pause(used: fn() -> usize) -> usize {
    thread::sleep(Duration::from_millis(100));
    used()
}
