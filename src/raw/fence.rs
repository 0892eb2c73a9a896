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
//! With its first segment a process *queries* whether the system call exists, which costs almost nothing: a
//! filter of system calls that kills the process for this call then kills it at the first push. If the call
//! exists, all segments use [`Handshake::Membarrier`] from then on.
//!
//! A process must *register* before it may use the call. In a process with several threads the registration
//! takes some ten milliseconds, because the kernel waits until each processor has passed through the scheduler.
//! So a process registers when a consumer needs the fence for the first time, and such a consumer first waits
//! longer than later ones do. The registration is a fence as well, so producers need not know of it: what they
//! did before it is covered.
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
    /// The handshake for a segment that is made now.
    pub(crate) fn for_segment() -> Handshake {
        #[cfg(any(test, loom))]
        if let Some(fixed) = fixed::HANDSHAKE.with(std::cell::Cell::get) {
            return fixed;
        }
        system::handshake()
    }
}

#[cfg(all(test, not(loom)))]
pub(crate) use system::HAS_MEMBARRIER;
pub(crate) use system::{heavy, heavy_is_fast, light};

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
    use crate::sync::{compiler_fence, AtomicU8, Ordering};

    /// Whether this build can use `membarrier`.
    #[cfg(test)]
    pub(crate) const HAS_MEMBARRIER: bool = true;

    /// From `linux/membarrier.h`.
    const QUERY: libc::c_int = 0;
    const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
    const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

    /// The kernel has not been queried.
    const UNKNOWN: u8 = 0;
    /// The kernel has the call. The process has not registered for it.
    const AVAILABLE: u8 = 1;
    const REGISTERED: u8 = 2;
    const REFUSED: u8 = 3;
    /// The kernel's answer. It decides the handshake of later segments only.
    static KERNEL: AtomicU8 = AtomicU8::new(UNKNOWN);

    #[inline]
    pub(super) fn handshake() -> Handshake {
        // Ordering: Relaxed, A2. The answer holds for all threads, and either handshake is right for a new
        // segment.
        let mut answer = KERNEL.load(Ordering::Relaxed);
        if answer == UNKNOWN {
            answer = query();
        }
        if answer == REFUSED {
            Handshake::Rmw
        } else {
            Handshake::Membarrier
        }
    }

    /// Queries whether the kernel has the call. Several threads may do this at the same time.
    #[cold]
    fn query() -> u8 {
        let available = call(QUERY).is_some_and(|commands| commands & libc::c_long::from(PRIVATE_EXPEDITED) != 0);
        let answer = if available { AVAILABLE } else { REFUSED };
        // Ordering: Relaxed, A2. As above. An answer that another thread has stored since is kept.
        KERNEL.compare_exchange(UNKNOWN, answer, Ordering::Relaxed, Ordering::Relaxed).err().unwrap_or(answer)
    }

    /// Whether [`heavy`] is fast: the process has registered.
    pub(crate) fn heavy_is_fast() -> bool {
        // Ordering: Relaxed, A2. As above.
        KERNEL.load(Ordering::Relaxed) == REGISTERED
    }

    #[inline]
    pub(crate) fn light() {
        // Ordering: SeqCst, F1. For the compiler only. Pairs with `heavy`.
        compiler_fence(Ordering::SeqCst);
    }

    /// Returns whether the kernel executed the fence. Registers the process first if that was not done.
    ///
    /// The kernel may refuse at any time: for lack of memory, or because the process has installed a filter of
    /// system calls since its first push. Then the caller knows no more than before.
    ///
    /// A forked child inherits the registration with the memory, and loses both by `exec`. If a kernel does
    /// not keep the registration, the call registers again. The fence after a registration covers accesses
    /// before it as well: the registration returns after each processor has passed through the scheduler, and
    /// hence executed a fence.
    #[cold]
    pub(crate) fn heavy() -> bool {
        let fence = || call(PRIVATE_EXPEDITED).is_some();
        let executed = fence() || call(REGISTER_PRIVATE_EXPEDITED).is_some() && fence();
        if !executed {
            // Ordering: Relaxed, A2. As above.
            KERNEL.store(REFUSED, Ordering::Relaxed);
        } else if !heavy_is_fast() {
            // Ordering: Relaxed, A2. As above. A refusal is kept.
            let _ = KERNEL.compare_exchange(AVAILABLE, REGISTERED, Ordering::Relaxed, Ordering::Relaxed);
        }
        executed
    }

    /// The result of the system call, if it succeeded.
    fn call(command: libc::c_int) -> Option<libc::c_long> {
        let (flags, cpu): (libc::c_uint, libc::c_int) = (0, 0);
        // SAFETY: the system call accesses no memory of this process.
        let result = unsafe { libc::syscall(libc::SYS_membarrier, command, flags, cpu) };
        (result >= 0).then_some(result)
    }
}

/// loom: a fence on both sides, which has the effect of the asymmetric pair.
#[cfg(loom)]
mod system {
    use super::Handshake;
    use crate::sync::{fence, Ordering};

    pub(super) fn handshake() -> Handshake {
        Handshake::Membarrier
    }

    pub(crate) fn light() {
        // In a segment whose handshake is an RMW the shipped code has no fence for the processor.
        if Handshake::for_segment() == Handshake::Membarrier {
            // Ordering: SeqCst, F1. Pairs with `heavy`.
            fence(Ordering::SeqCst);
        }
    }

    pub(crate) fn heavy_is_fast() -> bool {
        true
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

    pub(super) fn handshake() -> Handshake {
        Handshake::Rmw
    }

    pub(crate) fn light() {}

    pub(crate) fn heavy_is_fast() -> bool {
        true
    }

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
