//! The signals: stop a victim at a random instruction of an operation, and release it.
//!
//! Each of the two victims has a signal and a slot of its own. A victim marks its operations (`Mark::during`). If a
//! signal finds it elsewhere, or in another library, a timer sends the next one, after some microseconds. Knows no
//! queue.
#![allow(unsafe_code)]

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{compiler_fence, AtomicBool, AtomicI32, AtomicU32, AtomicU64, AtomicU8, AtomicUsize};
use std::thread;
use std::time::Duration;

const RUNNING: u32 = 0;
const ASKED: u32 = 1;
const MISSED: u32 = 2;
const FROZEN: u32 = 3;
const RELEASED: u32 = 4;

/// The most threads that can be stopped at the same time.
const VICTIMS: usize = 2;
const SIGNALS: [libc::c_int; VICTIMS] = [libc::SIGUSR1, libc::SIGUSR2];

/// How often the timer sends a signal again before the watcher counts a part of its patience.
const TRIES: u32 = 1000;

struct Slot {
    /// The state shared by the watcher and the handler: asked, then missed or frozen, then released, then running.
    word: AtomicU32,
    /// The instruction at which the last signal found the victim.
    place: AtomicUsize,
    /// The operation that the victim is in, or 0.
    op: AtomicU8,
    /// Whether to stop the victim in the system call in which it sleeps, and not in an operation.
    asleep: AtomicBool,
    /// How often the timer may send the signal again.
    tries: AtomicU32,
    /// The timer, if any, and the thread to which it sends the signal.
    timer: AtomicUsize,
    target: AtomicI32,
}

static SLOTS: [Slot; VICTIMS] = [const {
    Slot {
        word: AtomicU32::new(RUNNING),
        place: AtomicUsize::new(0),
        op: AtomicU8::new(0),
        asleep: AtomicBool::new(false),
        tries: AtomicU32::new(0),
        timer: AtomicUsize::new(0),
        target: AtomicI32::new(0),
    }
}; VICTIMS];
/// The addresses of the program's own instructions: from, to.
static TEXT: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

/// The operations in which a victim is stopped.
#[derive(Clone, Copy)]
pub(crate) enum Op {
    Put = 1,
    Get,
    PutMany,
    GetMany,
    /// A poll of a get that was notified.
    Notified,
    /// The drop of a pending get.
    Cancel,
    Clone,
    Drop,
    Close,
}

impl Op {
    /// The names by number.
    pub(crate) const NAMES: [&'static str; 10] =
        ["none", "put", "get", "put_many", "get_many", "notified get", "cancel", "clone", "drop", "close"];
}

/// The mark of a victim's operations; that of another thread does nothing.
#[derive(Clone, Copy)]
pub(crate) struct Mark(Option<usize>);

impl Mark {
    pub(crate) const NONE: Mark = Mark(None);

    pub(crate) fn is_victim(self) -> bool {
        self.0.is_some()
    }

    /// Runs `call`, in which this thread may be stopped.
    #[inline]
    pub(crate) fn during<R>(self, op: Op, call: impl FnOnce() -> R) -> R {
        let Some(slot) = self.0 else { return call() };
        SLOTS[slot].op.store(op as u8, Relaxed);
        // The handler runs on this thread, so only the compiler could move the call out of the mark.
        compiler_fence(SeqCst);
        let result = call();
        compiler_fence(SeqCst);
        SLOTS[slot].op.store(0, Relaxed);
        result
    }
}

/// A thread that can be stopped, until it is joined.
#[derive(Clone, Copy)]
pub(crate) struct Victim {
    thread: libc::pid_t,
    slot: usize,
}

impl Victim {
    /// This thread, which uses the slot alone.
    pub(crate) fn me(slot: usize) -> Self {
        // SAFETY: no condition.
        Victim { thread: unsafe { libc::gettid() }, slot }
    }

    pub(crate) fn mark(self) -> Mark {
        Mark(Some(self.slot))
    }

    /// The number of the operation in which it is stopped.
    pub(crate) fn op(self) -> usize {
        SLOTS[self.slot].op.load(Relaxed).into()
    }

    /// Stops the victim in the program's own instructions, in an operation, and returns the address. `None` if it
    /// was not found there for so long.
    pub(crate) fn freeze(self, patience: Duration) -> Option<usize> {
        SLOTS[self.slot].asleep.store(false, Relaxed);
        self.stop(patience)
    }

    /// Stops the victim in the system call in which it waits.
    pub(crate) fn freeze_asleep(self) {
        SLOTS[self.slot].asleep.store(true, Relaxed);
        while self.stop(Duration::from_secs(1)).is_none() {}
    }

    fn stop(self, patience: Duration) -> Option<usize> {
        let slot = &SLOTS[self.slot];
        self.set_target();
        let mut slept = Duration::ZERO;
        while slept < patience {
            thread::sleep(Duration::from_nanos(random(100_000)));
            // The machine may be busy: what counts is the time that the tries take at least.
            slept += Duration::from_micros(10) * TRIES;
            slot.tries.store(TRIES, Relaxed);
            slot.word.store(ASKED, Release);
            // SAFETY: no condition. The victim has not been joined, so the number is its own.
            assert_eq!(unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), self.thread, SIGNALS[self.slot]) }, 0);
            loop {
                match slot.word.load(Acquire) {
                    FROZEN => return Some(slot.place.load(Relaxed)),
                    MISSED => break,
                    _ => thread::sleep(Duration::from_micros(20)),
                }
            }
        }
        None
    }

    /// Makes the timer send its signals to this victim.
    fn set_target(self) {
        let slot = &SLOTS[self.slot];
        if slot.target.swap(self.thread, Relaxed) == self.thread {
            return;
        }
        let old = slot.timer.swap(0, Relaxed);
        if old != 0 {
            // SAFETY: the timer was created below and is deleted once.
            assert_eq!(unsafe { libc::timer_delete((old - 1) as libc::timer_t) }, 0);
        }
        // SAFETY: all zeros are a valid sigevent.
        let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = SIGNALS[self.slot];
        event.sigev_notify_thread_id = self.thread;
        let mut timer: libc::timer_t = std::ptr::null_mut();
        // SAFETY: both pointers are valid during the call.
        assert_eq!(unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut timer) }, 0);
        // The number of a timer may be 0.
        slot.timer.store(timer as usize + 1, Relaxed);
    }

    pub(crate) fn release(self) {
        let word = &SLOTS[self.slot].word;
        word.store(RELEASED, Release);
        while word.load(Acquire) != RUNNING {
            thread::sleep(Duration::from_micros(20));
        }
    }
}

/// The instructions at which the last signals found the victims.
pub(crate) fn last_places() -> [usize; VICTIMS] {
    [0, 1].map(|slot| SLOTS[slot].place.load(Relaxed))
}

/// Runs on the victim, and calls only async-signal-safe functions.
extern "C" fn hold(signal: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let slot = &SLOTS[usize::from(signal == SIGNALS[1])];
    // SAFETY: the kernel passes a context to a handler that was set with SA_SIGINFO.
    let context = unsafe { &*context.cast::<libc::ucontext_t>() };
    #[cfg(target_arch = "x86_64")]
    let place = context.uc_mcontext.gregs[libc::REG_RIP as usize] as usize;
    #[cfg(target_arch = "aarch64")]
    let place = context.uc_mcontext.pc as usize;
    if slot.word.load(Acquire) != ASKED {
        return;
    }
    slot.place.store(place, Relaxed);
    let own = (TEXT[0].load(Relaxed)..TEXT[1].load(Relaxed)).contains(&place);
    let stop = if slot.asleep.load(Relaxed) { !own } else { own && slot.op.load(Relaxed) != 0 };
    if !stop {
        let tries = slot.tries.load(Relaxed);
        if tries == 0 {
            slot.word.store(MISSED, Release);
            return;
        }
        slot.tries.store(tries - 1, Relaxed);
        // SAFETY: all zeros are a valid itimerspec.
        let mut soon: libc::itimerspec = unsafe { std::mem::zeroed() };
        soon.it_value.tv_nsec = 500 + random(20_000) as libc::c_long;
        let timer = (slot.timer.load(Relaxed) - 1) as libc::timer_t;
        // SAFETY: the timer exists while a signal is asked for, and the last pointer may be null.
        unsafe { libc::timer_settime(timer, 0, &soon, std::ptr::null_mut()) };
        return;
    }
    slot.word.store(FROZEN, Release);
    // SAFETY: no condition; this is the victim's own errno.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: the address of a thread's errno is valid while it runs.
    let before = unsafe { *errno };
    while slot.word.load(Acquire) != RELEASED {
        let nap = libc::timespec { tv_sec: 0, tv_nsec: 100_000 };
        // SAFETY: `nap` lives as long as the call, and the second pointer may be null.
        unsafe { libc::nanosleep(&nap, std::ptr::null_mut()) };
    }
    // SAFETY: the address of a thread's errno is valid while it runs.
    unsafe { *errno = before };
    slot.word.store(RUNNING, Release);
}

pub(crate) struct Program {
    /// The address at which the program begins in memory.
    pub(crate) start: usize,
}

impl Program {
    /// Sets the handlers, and stores the addresses of the program: the mapping that contains the handler itself.
    pub(crate) fn prepare() -> Self {
        let handler = hold as extern "C" fn(_, _, _) as usize;
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        // A line is: from-to rights offset device inode name.
        let areas: Vec<(usize, usize, &str)> = maps
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                let (from, to) = words.next()?.split_once('-')?;
                let hex = |number| usize::from_str_radix(number, 16).ok();
                Some((hex(from)?, hex(to)?, words.nth(3)?))
            })
            .collect();
        let text = areas.iter().find(|(from, to, _)| (*from..*to).contains(&handler)).unwrap();
        let start = areas.iter().find(|(_, _, inode)| *inode == text.2).unwrap().0;
        TEXT[0].store(text.0, Relaxed);
        TEXT[1].store(text.1, Relaxed);
        // SAFETY: all zeros are a valid sigaction, with an empty mask.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = handler;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        for signal in SIGNALS {
            // SAFETY: the handler has the signature that SA_SIGINFO requires; the pointer to the old action may be
            // null.
            assert_eq!(unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) }, 0);
        }
        Program { start }
    }
}

/// A pseudo-random number below this one.
fn random(below: u64) -> u64 {
    static DICE: AtomicU64 = AtomicU64::new(0);
    // The next output of SplitMix64.
    let mut dice = DICE.fetch_add(0x9E37_79B9_7F4A_7C15, Relaxed);
    dice = (dice ^ dice >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    dice = (dice ^ dice >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    (dice ^ dice >> 31) % below
}
