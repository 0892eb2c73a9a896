//! The handshake of the producer and the consumer of a slot, and the asymmetric fences for it.
//!
//! Knows the kernel's `membarrier`. Does not access slots.
//!
//! The problem is Dekker's: one of two threads writes A and then reads B, the other writes B and then reads
//! A, and at least one of them must see what the other wrote. In general this requires an RMW or a full fence
//! on *both* sides. Here one side runs much more often than the other: each push, against a consumer that has
//! exceeded its spin limit. So the consumer pays for both sides:
//!
//! * [`light`], for the producer: the compiler must not reorder the write and the read. No instruction.
//! * [`heavy`], for the consumer: the kernel makes each processor that runs a thread of this process execute
//!   a full fence (`membarrier`, Linux 4.14). A thread that does not run executed one when the scheduler
//!   switched away from it.
//!
//! If the producer executes the full fence of [`heavy`] before its write, or between its write and its read,
//! then its read comes after the consumer's write. If it executes this fence after its read, then the
//! consumer sees its write.
//!
//! A process must register before it may use `membarrier`. In a process with several threads the registration
//! takes some ten milliseconds, because the kernel waits until each processor has passed through the
//! scheduler. About a million pushes save that much. So a process begins with [`Handshake::Rmw`], registers
//! after so many slots, and uses [`Handshake::Membarrier`] for the segments made from then on. With its first
//! segment the process *queries* whether the system call exists, which costs almost nothing: a filter of
//! system calls that kills the process for this call then kills it at the first push, not a million pushes
//! later.
//!
//! If the kernel refuses, the handshake stays [`Handshake::Rmw`]. So it does on other operating systems, on
//! processors for which the argument of `docs/design.md` was not checked, and with the feature
//! `rmw-handshake`. (Windows has `FlushProcessWriteBuffers`.)
//!
//! The handshake of a segment is constant while the segment is in use, so the producer and the consumer of a
//! slot use the same one.

/// The method by which the producer and the consumer of a slot see each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// Both execute an RMW of the same byte.
    Rmw,
    /// The producer executes [`light`], the consumer [`heavy`].
    #[allow(dead_code)] // some systems do not have it
    Membarrier,
}

impl Handshake {
    /// The handshake for a segment of `slots` slots that is made now.
    pub(crate) fn for_segment(slots: u64) -> Handshake {
        #[cfg(any(test, loom))]
        if let Some(fixed) = fixed::HANDSHAKE.with(std::cell::Cell::get) {
            return fixed;
        }
        system::handshake(slots)
    }
}

#[cfg(all(test, not(loom)))]
pub(crate) use system::HAS_MEMBARRIER;
pub(crate) use system::{heavy, light};

/// Linux: `membarrier`.
#[cfg(all(
    target_os = "linux",
    any(target_env = "gnu", target_env = "musl"),
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(feature = "rmw-handshake"),
    not(any(loom, miri))
))]
mod system {
    use super::Handshake;
    use crate::sync::{compiler_fence, AtomicU64, AtomicU8, Ordering};

    /// Whether this build can use `membarrier`.
    #[cfg(test)]
    pub(crate) const HAS_MEMBARRIER: bool = true;

    /// From `linux/membarrier.h`.
    const QUERY: libc::c_long = 0;
    const PRIVATE_EXPEDITED: libc::c_long = 1 << 3;
    const REGISTER_PRIVATE_EXPEDITED: libc::c_long = 1 << 4;

    /// The kernel has not been queried.
    const UNKNOWN: u8 = 0;
    /// The kernel has the call. The process has not registered for it.
    const AVAILABLE: u8 = 1;
    const REGISTERED: u8 = 2;
    const REFUSED: u8 = 3;
    /// The kernel's answer. It decides the handshake of later segments only.
    static KERNEL: AtomicU8 = AtomicU8::new(UNKNOWN);
    /// Slots in the segments made before the registration.
    static SLOTS: AtomicU64 = AtomicU64::new(0);
    /// The process registers after this many slots. Early in a debug build, so that tests see both
    /// handshakes.
    const REGISTER_AFTER: u64 = if cfg!(debug_assertions) { 1 << 10 } else { 1 << 20 };

    pub(super) fn handshake(slots: u64) -> Handshake {
        // Ordering: Relaxed, A2. The answer holds for all threads, and either handshake is right for a new
        // segment.
        match KERNEL.load(Ordering::Relaxed) {
            REGISTERED => return Handshake::Membarrier,
            REFUSED => return Handshake::Rmw,
            UNKNOWN => query(),
            _ => {}
        }
        // Ordering: Relaxed, A2. A count, of which one thread reaches the threshold.
        let before = SLOTS.fetch_add(slots, Ordering::Relaxed);
        if before < REGISTER_AFTER && before + slots >= REGISTER_AFTER {
            register();
        }
        Handshake::Rmw
    }

    /// Queries whether the kernel has the call. Several threads may do this at the same time.
    #[cold]
    fn query() {
        let available = call(QUERY).is_some_and(|commands| commands & PRIVATE_EXPEDITED != 0);
        let answer = if available { AVAILABLE } else { REFUSED };
        // Ordering: Relaxed, A2. As above. An answer that another thread has stored since is kept.
        let _ = KERNEL.compare_exchange(UNKNOWN, answer, Ordering::Relaxed, Ordering::Relaxed);
    }

    #[cold]
    fn register() {
        // Ordering: Relaxed, A2. As above.
        if KERNEL.load(Ordering::Relaxed) == AVAILABLE {
            let registered = call(REGISTER_PRIVATE_EXPEDITED).is_some();
            // Ordering: Relaxed, A2. As above.
            KERNEL.store(if registered { REGISTERED } else { REFUSED }, Ordering::Relaxed);
        }
    }

    #[inline]
    pub(crate) fn light() {
        // Ordering: SeqCst, F1. For the compiler only. Pairs with `heavy`.
        compiler_fence(Ordering::SeqCst);
    }

    /// Returns whether the kernel executed the fence. The kernel may refuse at any time although the process
    /// has registered: for lack of memory, or because the process has since installed a filter of system
    /// calls. Then the caller knows no more than before.
    ///
    /// A forked child inherits the registration with the memory, and loses both by `exec`. If a kernel does
    /// not keep the registration, the call registers again. The result then covers earlier accesses as well:
    /// the registration returns after each processor has passed through the scheduler, and hence executed a
    /// fence.
    #[cold]
    pub(crate) fn heavy() -> bool {
        let fence = || call(PRIVATE_EXPEDITED).is_some();
        if fence() || call(REGISTER_PRIVATE_EXPEDITED).is_some() && fence() {
            return true;
        }
        // Ordering: Relaxed, A2. As above.
        KERNEL.store(REFUSED, Ordering::Relaxed);
        false
    }

    /// The result of the system call, if it succeeded.
    fn call(command: libc::c_long) -> Option<libc::c_long> {
        let (flags, cpu): (libc::c_long, libc::c_long) = (0, 0);
        // SAFETY: the system call accesses no memory of this process. The C library reads each argument as a `long`.
        let result = unsafe { libc::syscall(libc::SYS_membarrier, command, flags, cpu) };
        (result >= 0).then_some(result)
    }
}

/// loom: a fence on both sides, which has the effect of the asymmetric pair.
#[cfg(loom)]
mod system {
    use super::Handshake;
    use crate::sync::{fence, Ordering};

    pub(super) fn handshake(_slots: u64) -> Handshake {
        Handshake::Membarrier
    }

    pub(crate) fn light() {
        // In a segment whose handshake is an RMW the shipped code has no fence for the processor.
        if Handshake::for_segment(0) == Handshake::Membarrier {
            // Ordering: SeqCst, F1. Pairs with `heavy`.
            fence(Ordering::SeqCst);
        }
    }

    pub(crate) fn heavy() -> bool {
        // Ordering: SeqCst, F1. Pairs with `light`.
        fence(Ordering::SeqCst);
        true
    }
}

/// Other systems: no `membarrier`, and no segment whose handshake needs it.
#[cfg(not(any(
    loom,
    all(
        target_os = "linux",
        any(target_env = "gnu", target_env = "musl"),
        any(target_arch = "x86_64", target_arch = "aarch64"),
        not(feature = "rmw-handshake"),
        not(miri)
    )
)))]
mod system {
    use super::Handshake;

    /// Whether this build can use `membarrier`.
    #[cfg(test)]
    pub(crate) const HAS_MEMBARRIER: bool = false;

    pub(super) fn handshake(_slots: u64) -> Handshake {
        Handshake::Rmw
    }

    pub(crate) fn light() {}

    pub(crate) fn heavy() -> bool {
        unreachable!("no segment has the handshake `Membarrier`");
    }
}

/// For tests and models: the handshake of each segment that this thread makes from now on. (In a model all
/// threads run in one thread.)
#[cfg(any(test, loom))]
mod fixed {
    use super::Handshake;
    use std::cell::Cell;

    thread_local! {
        pub(super) static HANDSHAKE: Cell<Option<Handshake>> = const { Cell::new(None) };
    }

    impl Handshake {
        /// See [`HANDSHAKE`].
        pub fn fix(self) {
            HANDSHAKE.with(|handshake| handshake.set(Some(self)));
        }
    }
}
