//! The cost of one put and one get of a `u64` on one thread that never waits.

use criterion::{criterion_group, criterion_main, Criterion, Throughput};
use crossbeam_queue::{ArrayQueue, SegQueue};
use joinq::Queue;
use std::collections::VecDeque;
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const CAPACITY: usize = 1024;
const BATCH: u64 = 32;

/// One way to put an item and to take it again.
trait Pair {
    fn put(&self, item: u64);
    fn get(&self) -> u64;
}

impl Pair for Queue<u64> {
    fn put(&self, item: u64) {
        self.try_put(item).unwrap();
    }

    fn get(&self) -> u64 {
        self.try_get().unwrap()
    }
}

/// Operations for which a thread waits.
struct Waited(Queue<u64>);

impl Pair for Waited {
    fn put(&self, item: u64) {
        self.0.put(item).wait().unwrap();
    }

    fn get(&self) -> u64 {
        self.0.get().wait().unwrap()
    }
}

/// Operations that a task polls.
struct Polled(Queue<u64>);

fn poll<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("an operation that need not wait"),
    }
}

impl Pair for Polled {
    fn put(&self, item: u64) {
        poll(self.0.put(item)).unwrap();
    }

    fn get(&self) -> u64 {
        poll(self.0.get()).unwrap()
    }
}

/// Each item is marked done by a call of `task_done`.
struct Counted(Queue<u64>);

impl Pair for Counted {
    fn put(&self, item: u64) {
        self.0.try_put(item).unwrap();
    }

    fn get(&self) -> u64 {
        let item = self.0.try_get().unwrap();
        self.0.task_done().unwrap();
        item
    }
}

/// Each item is marked done by a guard.
struct Guarded(Queue<u64>);

impl Pair for Guarded {
    fn put(&self, item: u64) {
        self.0.try_put(item).unwrap();
    }

    fn get(&self) -> u64 {
        *self.0.try_get_task().unwrap()
    }
}

impl Pair for Mutex<VecDeque<u64>> {
    fn put(&self, item: u64) {
        self.lock().unwrap().push_back(item);
    }

    fn get(&self) -> u64 {
        self.lock().unwrap().pop_front().unwrap()
    }
}

impl Pair for SegQueue<u64> {
    fn put(&self, item: u64) {
        self.push(item);
    }

    fn get(&self) -> u64 {
        self.pop().unwrap()
    }
}

impl Pair for ArrayQueue<u64> {
    fn put(&self, item: u64) {
        self.push(item).unwrap();
    }

    fn get(&self) -> u64 {
        self.pop().unwrap()
    }
}

impl Pair for (kanal::Sender<u64>, kanal::Receiver<u64>) {
    fn put(&self, item: u64) {
        assert!(self.0.try_send(item).unwrap());
    }

    fn get(&self) -> u64 {
        self.1.try_recv().unwrap().unwrap()
    }
}

fn joinq() -> [(&'static str, Queue<u64>); 2] {
    [("unbounded", Queue::unbounded()), ("bounded", Queue::bounded(CAPACITY))]
}

fn pair(c: &mut Criterion) {
    let mut group = c.benchmark_group("pair");
    let mut bench = |name: String, queue: &dyn Fn()| {
        group.bench_function(name, |bencher| bencher.iter(queue));
    };
    fn turn<P: Pair>(queue: P) -> impl Fn() {
        move || {
            queue.put(black_box(1));
            black_box(queue.get());
        }
    }
    for (name, queue) in joinq() {
        bench(format!("joinq {name} try"), &turn(queue));
    }
    for (name, queue) in joinq() {
        bench(format!("joinq {name} wait"), &turn(Waited(queue)));
    }
    for (name, queue) in joinq() {
        bench(format!("joinq {name} poll"), &turn(Polled(queue)));
    }
    for (name, queue) in joinq() {
        bench(format!("joinq {name} task_done"), &turn(Counted(queue)));
    }
    for (name, queue) in joinq() {
        bench(format!("joinq {name} task guard"), &turn(Guarded(queue)));
    }
    bench("mutex".into(), &turn(Mutex::new(VecDeque::<u64>::with_capacity(CAPACITY))));
    bench("crossbeam SegQueue".into(), &turn(SegQueue::<u64>::new()));
    bench("crossbeam ArrayQueue".into(), &turn(ArrayQueue::<u64>::new(CAPACITY)));
    bench("kanal unbounded".into(), &turn(kanal::unbounded::<u64>()));
    bench("kanal bounded".into(), &turn(kanal::bounded::<u64>(CAPACITY)));
}

/// Puts a batch of items, then takes all of them; the time is for the whole batch.
fn batch(c: &mut Criterion) {
    let mut group = c.benchmark_group("batch of 32");
    group.throughput(Throughput::Elements(BATCH));
    fn turn<P: Pair>(queue: &P) {
        (0..BATCH).for_each(|item| queue.put(item));
        (0..BATCH).for_each(|item| assert_eq!(queue.get(), item));
    }
    for (name, queue) in joinq() {
        group.bench_function(format!("joinq {name} put_many, get_many"), |bencher| {
            let mut items = Vec::with_capacity(BATCH as usize);
            bencher.iter(|| {
                queue.put_many(0..BATCH).wait().unwrap();
                queue.get_many(&mut items, BATCH as usize).wait().unwrap();
                black_box(&items);
                items.clear();
            });
        });
        group.bench_function(format!("joinq {name} one by one"), |bencher| bencher.iter(|| turn(&queue)));
    }
    let mutex = Mutex::new(VecDeque::with_capacity(CAPACITY));
    group.bench_function("mutex, one by one", |bencher| bencher.iter(|| turn(&mutex)));
    let seg = SegQueue::new();
    group.bench_function("crossbeam SegQueue, one by one", |bencher| bencher.iter(|| turn(&seg)));
    let array = ArrayQueue::new(CAPACITY);
    group.bench_function("crossbeam ArrayQueue, one by one", |bencher| bencher.iter(|| turn(&array)));
    let kanal = kanal::bounded(CAPACITY);
    group.bench_function("kanal bounded, one by one", |bencher| bencher.iter(|| turn(&kanal)));
}

criterion_group! {
    name = ops;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = pair, batch
}
criterion_main!(ops);
