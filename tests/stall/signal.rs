//! The signal: stops the victim at a random instruction of this program, and lets it go again.
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

/// What the watcher and the handler tell each other: asked, then missed or frozen, then released, then running.
static WORD: AtomicU32 = AtomicU32::new(RUNNING);
/// Where the signal found the victim.
static PLACE: AtomicUsize = AtomicUsize::new(0);
/// Whether the victim is stopped outside of the program's own instructions: in the system call in which it sleeps. Inside
/// of them otherwise.
static ASLEEP: AtomicBool = AtomicBool::new(false);
/// The program's own instructions: from, to.
static TEXT: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

/// A thread that can be stopped, for as long as it is not joined.
#[derive(Clone, Copy)]
pub(crate) struct Victim(libc::pthread_t);

impl Victim {
    pub(crate) fn me() -> Self {
        // SAFETY: no condition.
        Victim(unsafe { libc::pthread_self() })
    }
}

/// Where the signal found the victim when it was last sent.
pub(crate) fn last_place() -> usize {
    PLACE.load(Relaxed)
}

/// Stops the victim somewhere in the program's own instructions, and says where.
pub(crate) fn freeze(victim: Victim) -> usize {
    ASLEEP.store(false, Relaxed);
    stop(victim)
}

/// Stops the victim in a system call, as one that waits.
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

/// Runs on the victim, and does only what a signal handler may.
extern "C" fn hold(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel hands a context over to a handler that was set with SA_SIGINFO.
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
    // SAFETY: no condition; the victim's own.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: the address of a thread's errno is valid while it runs.
    let before = unsafe { *errno };
    while WORD.load(Acquire) != RELEASED {
        let nap = libc::timespec { tv_sec: 0, tv_nsec: 100_000 };
        // SAFETY: the time is there for as long as the call lasts, and nothing is asked for in return.
        unsafe { libc::nanosleep(&nap, std::ptr::null_mut()) };
    }
    // SAFETY: as above.
    unsafe { *errno = before };
    WORD.store(RUNNING, Release);
}

pub(crate) struct Program {
    /// Where it begins in memory.
    pub(crate) start: usize,
}

impl Program {
    /// Sets the handler, and tells it where the program is: in the file that holds the handler itself.
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
        // SAFETY: the handler has the signature that SA_SIGINFO asks for; the old action is not asked for.
        assert_eq!(unsafe { libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()) }, 0);
        Program { start }
    }
}

/// A pseudo-random time below so many microseconds.
fn micros(below: u64) -> Duration {
    static DICE: AtomicU64 = AtomicU64::new(0);
    // The output of splitmix64 for the next of its states.
    let mut dice = DICE.fetch_add(0x9E37_79B9_7F4A_7C15, Relaxed);
    dice = (dice ^ dice >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    dice = (dice ^ dice >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    Duration::from_micros((dice ^ dice >> 31) % below)
}
