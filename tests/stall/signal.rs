//! The signal: stops the victim at a random instruction of this program, and releases it.
#![allow(unsafe_code)]

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize};
use std::thread;
use std::time::Duration;

const RUNNING: u32 = 0;
const ASKED: u32 = 1;
const MISSED: u32 = 2;
const FROZEN: u32 = 3;
const RELEASED: u32 = 4;

/// The state shared by the watcher and the handler: asked, then missed or frozen, then released, then
/// running.
static WORD: AtomicU32 = AtomicU32::new(RUNNING);
/// The instruction at which the signal found the victim.
static PLACE: AtomicUsize = AtomicUsize::new(0);
/// Whether to stop the victim in the system call in which it sleeps, and not in the program's own
/// instructions.
static ASLEEP: AtomicBool = AtomicBool::new(false);
/// The addresses of the program's own instructions: from, to.
static TEXT: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

/// A thread that can be stopped, until it is joined.
#[derive(Clone, Copy)]
pub(crate) struct Victim(libc::pthread_t);

impl Victim {
    pub(crate) fn me() -> Self {
        // SAFETY: no condition.
        Victim(unsafe { libc::pthread_self() })
    }
}

/// The instruction at which the last signal found the victim.
pub(crate) fn last_place() -> usize {
    PLACE.load(Relaxed)
}

/// Stops the victim in the program's own instructions, and returns the address.
pub(crate) fn freeze(victim: Victim) -> usize {
    ASLEEP.store(false, Relaxed);
    stop(victim)
}

/// Stops the victim in the system call in which it waits.
pub(crate) fn freeze_asleep(victim: Victim) {
    ASLEEP.store(true, Relaxed);
    stop(victim);
}

fn stop(victim: Victim) -> usize {
    loop {
        thread::sleep(micros(300));
        WORD.store(ASKED, Release);
        // SAFETY: the victim has not been joined.
        assert_eq!(unsafe { libc::pthread_kill(victim.0, libc::SIGUSR1) }, 0);
        loop {
            match WORD.load(Acquire) {
                FROZEN => return PLACE.load(Relaxed),
                MISSED => break,
                _ => thread::sleep(Duration::from_micros(20)),
            }
        }
    }
}

pub(crate) fn release() {
    WORD.store(RELEASED, Release);
    while WORD.load(Acquire) != RUNNING {
        thread::sleep(Duration::from_micros(20));
    }
}

/// Runs on the victim, and calls only async-signal-safe functions.
extern "C" fn hold(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes a context to a handler that was set with SA_SIGINFO.
    let context = unsafe { &*context.cast::<libc::ucontext_t>() };
    #[cfg(target_arch = "x86_64")]
    let place = context.uc_mcontext.gregs[libc::REG_RIP as usize] as usize;
    #[cfg(target_arch = "aarch64")]
    let place = context.uc_mcontext.pc as usize;
    PLACE.store(place, Relaxed);
    let own = (TEXT[0].load(Relaxed)..TEXT[1].load(Relaxed)).contains(&place);
    if own == ASLEEP.load(Relaxed) {
        WORD.store(MISSED, Release);
        return;
    }
    WORD.store(FROZEN, Release);
    // SAFETY: no condition; this is the victim's own errno.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: the address of a thread's errno is valid while it runs.
    let before = unsafe { *errno };
    while WORD.load(Acquire) != RELEASED {
        let nap = libc::timespec { tv_sec: 0, tv_nsec: 100_000 };
        // SAFETY: `nap` lives as long as the call, and the second pointer may be null.
        unsafe { libc::nanosleep(&nap, std::ptr::null_mut()) };
    }
    // SAFETY: the address of a thread's errno is valid while it runs.
    unsafe { *errno = before };
    WORD.store(RUNNING, Release);
}

pub(crate) struct Program {
    /// The address at which the program begins in memory.
    pub(crate) start: usize,
}

impl Program {
    /// Sets the handler, and stores the addresses of the program: the mapping that contains the handler
    /// itself.
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
        // SAFETY: the handler has the signature that SA_SIGINFO requires; the pointer to the old action may
        // be null.
        assert_eq!(unsafe { libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()) }, 0);
        Program { start }
    }
}

/// A pseudo-random duration below this number of microseconds.
fn micros(below: u64) -> Duration {
    static DICE: AtomicU64 = AtomicU64::new(0);
    // The next output of SplitMix64.
    let mut dice = DICE.fetch_add(0x9E37_79B9_7F4A_7C15, Relaxed);
    dice = (dice ^ dice >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    dice = (dice ^ dice >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    Duration::from_micros((dice ^ dice >> 31) % below)
}
