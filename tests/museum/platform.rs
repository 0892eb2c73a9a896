//! Processors, priorities, signals, the exit of the process.
#![allow(unsafe_code)]

use crate::common::watchdog;
use joinq::Queue;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Runs `part` in a process of its own: the test `name` in a new process. Returns `None` in that process.
fn in_a_child(name: &str, part: impl FnOnce()) -> Option<Output> {
    const MARK: &str = "JOINQ_MUSEUM_CHILD";
    if std::env::var_os(MARK).is_some() {
        part();
        return None;
    }
    let name = format!("platform::{name}");
    let mut child = Command::new(std::env::current_exe().unwrap());
    Some(child.args(["--exact", &name, "--nocapture", "--test-threads=1"]).env(MARK, "1").output().unwrap())
}

fn assert_success(output: Option<Output>) {
    if let Some(output) = output {
        let printed = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        assert!(output.status.success(), "{}: {}{}", output.status, printed[0], printed[1]);
    }
}

/// This thread, and those that it starts, run on one processor.
#[cfg(target_os = "linux")]
fn use_one_processor() {
    // SAFETY: the sets are local variables of the right size.
    unsafe {
        let (mut may, mut one): (libc::cpu_set_t, libc::cpu_set_t) = (std::mem::zeroed(), std::mem::zeroed());
        let size = std::mem::size_of::<libc::cpu_set_t>();
        assert_eq!(libc::sched_getaffinity(0, size, &mut may), 0);
        let first = (0..libc::CPU_SETSIZE as usize).find(|&cpu| libc::CPU_ISSET(cpu, &may)).unwrap();
        libc::CPU_SET(first, &mut one);
        assert_eq!(libc::sched_setaffinity(0, size, &one), 0);
    }
}

/// Three threads of each side, which wait in turn, on one processor.
#[cfg(target_os = "linux")]
#[test]
fn museum_056_one_processor_is_enough() {
    let _watchdog = watchdog();
    // The affinity is that of this thread only, which ends with the test.
    use_one_processor();
    for queue in [Queue::bounded(0), Queue::bounded(1), Queue::with_permits(2), Queue::unbounded()] {
        thread::scope(|scope| {
            let getters: Vec<_> = (0..3).map(|_| scope.spawn(|| queue.iter().count())).collect();
            let putters: Vec<_> =
                (0..3).map(|_| scope.spawn(|| (0..2_000).for_each(|n| queue.put(n).wait().unwrap()))).collect();
            putters.into_iter().for_each(|putter| putter.join().unwrap());
            queue.close();
            assert_eq!(getters.into_iter().map(|getter| getter.join().unwrap()).sum::<usize>(), 6_000);
        });
    }
}

/// A getter with real-time priority and a putter without share one processor. The getter preempts the putter in the
/// middle of its puts, and would spin for ever if a get waited for the put.
#[cfg(target_os = "linux")]
#[test]
fn museum_082_a_real_time_getter_does_not_spin_for_the_putter_that_it_preempts() {
    const COUNT: usize = 100_000;
    let name = "museum_082_a_real_time_getter_does_not_spin_for_the_putter_that_it_preempts";
    assert_success(in_a_child(name, || {
        let _watchdog = watchdog();
        use_one_processor();
        let queue = Queue::<[usize; 64]>::unbounded();
        thread::scope(|scope| {
            let getter = scope.spawn(|| {
                let priority = libc::sched_param { sched_priority: 1 };
                // SAFETY: the parameters are a local variable.
                if unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &priority) } != 0 {
                    println!("skipped: no real-time priority");
                }
                (0..COUNT).for_each(|n| assert_eq!(queue.get().wait().unwrap(), [n; 64]));
            });
            (0..COUNT).for_each(|n| queue.try_put([n; 64]).unwrap());
            getter.join().unwrap();
        });
    }));
}

/// The function runs after `main` has returned.
#[test]
fn museum_093_a_queue_works_in_a_function_that_runs_at_the_exit() {
    static QUEUE: Queue<usize> = Queue::bounded(1);
    extern "C" fn last() {
        let passed = (0..1000).all(|n| QUEUE.put(n).wait().is_ok() && QUEUE.get().wait() == Ok(n));
        let timed_out = QUEUE.get().wait_timeout(std::time::Duration::from_millis(1)).is_err();
        if !(passed && timed_out && QUEUE.close()) {
            std::process::abort();
        }
        println!("the queue works at the exit");
    }
    let name = "museum_093_a_queue_works_in_a_function_that_runs_at_the_exit";
    let output = in_a_child(name, || {
        QUEUE.put(1).wait().unwrap();
        assert_eq!(QUEUE.get().wait(), Ok(1));
        // SAFETY: `last` does not unwind.
        assert_eq!(unsafe { libc::atexit(last) }, 0);
    });
    if let Some(output) = &output {
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(printed.contains("the queue works at the exit"), "{printed}");
    }
    assert_success(output);
}

static SHARED: Queue<usize> = Queue::bounded(64);
static PUT_BY_SIGNALS: AtomicUsize = AtomicUsize::new(0);
static GOT_BY_SIGNALS: AtomicUsize = AtomicUsize::new(0);

/// Puts and gets in the middle of a put or a get of the same thread.
extern "C" fn put_and_get(_: libc::c_int) {
    if SHARED.try_put(1).is_ok() {
        PUT_BY_SIGNALS.fetch_add(1, Ordering::Relaxed);
    }
    if SHARED.try_get().is_ok() {
        GOT_BY_SIGNALS.fetch_add(1, Ordering::Relaxed);
    }
}

/// A timer interrupts the puts and gets of the only thread that uses the queue, at any instruction. Its handler uses
/// the queue as well, and does not wait for the operation that it has interrupted. The segments are made before; the
/// queue reuses them, as the allocator must not be used in a handler.
#[cfg(target_os = "linux")]
#[test]
fn museum_100_a_signal_handler_may_use_the_queue_that_it_interrupts() {
    let name = "museum_100_a_signal_handler_may_use_the_queue_that_it_interrupts";
    assert_success(in_a_child(name, || {
        let _watchdog = watchdog();
        let me = thread::current().id();
        let (mut put, mut got) = (0_usize, 0);
        // SAFETY: the handler uses atomics and the queue only.
        let target = unsafe {
            libc::signal(libc::SIGUSR1, put_and_get as extern "C" fn(libc::c_int) as libc::sighandler_t);
            libc::pthread_self()
        };
        let stop = std::sync::atomic::AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                assert_ne!(thread::current().id(), me);
                while !stop.load(Ordering::Relaxed) {
                    // SAFETY: the thread is alive until this one ends.
                    assert_eq!(unsafe { libc::pthread_kill(target, libc::SIGUSR1) }, 0);
                    thread::sleep(std::time::Duration::from_micros(50));
                }
            });
            for _ in 0..2_000_000 {
                put += usize::from(SHARED.try_put(1).is_ok());
                got += usize::from(SHARED.try_get().is_ok());
            }
            stop.store(true, Ordering::Relaxed);
        });
        put += PUT_BY_SIGNALS.load(Ordering::Relaxed);
        got += GOT_BY_SIGNALS.load(Ordering::Relaxed);
        assert!(GOT_BY_SIGNALS.load(Ordering::Relaxed) > 0, "no signal has interrupted the thread");
        assert_eq!(put, got + SHARED.drain().count());
    }));
}
