//! The means by which the two owners of a slot, who do not wait for each other, cannot miss each other.
//!
//! Knows no slots. What has to be made sure is always the same: one of two threads writes A and then looks at B, the
//! other writes B and then looks at A; at least one must see what the other wrote. An ordinary processor promises that
//! only for an RMW or a fence on *both* sides. Here one side is much more frequent than the other: each put, against a
//! getter that has lost patience. So the getter can pay for both:
//!
//! * [`light`], the putter's: the compiler does not swap the write and the look. No instruction.
//! * [`heavy`], the getter's: the kernel makes each processor on which a thread of this process runs pass a full fence
//!   (`membarrier`, Linux 4.14). A thread that does not run passed one when it was taken off its processor.
//!
//! If the putter passes that fence between its write and its look, its look comes after the getter's write; if before its
//! write, likewise; if after its look, its write is seen by the getter.
//!
//! The kernel wants to be told beforehand by a call that takes some ten milliseconds in a process of several threads (it
//! waits until each processor has been through the scheduler). As much is saved by about a million puts. So a process
//! begins with [`Handshake::Rmw`], and goes over to [`Handshake::Membarrier`] for the segments made after so many puts. But it *asks*
//! whether there is such a call with its first segment, which costs next to nothing: where a filter of system calls kills a
//! process for this one, that happens at the first put, and not a million puts later.
//!
//! Where the kernel refuses it stays with the RMW; so it does on other systems, on processors for which nobody has checked
//! the argument of `docs/design.md`, and with the feature `rmw-handshake`. (Windows has `FlushProcessWriteBuffers`.)
//!
//! A segment has its means for life, so that putter and getter are always of one mind.

/// By what the putter and the getter of a slot do not miss each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// Both by an RMW of the same byte.
    Rmw,
    /// The putter by [`light`], the getter by [`heavy`].
    #[allow(dead_code)] // not every system has it
    Membarrier,
}

impl Handshake {
    /// For a segment of `slots` slots that is made now.
    pub(crate) fn for_segment(slots: u64) -> Handshake {
        #[cfg(any(test, loom))]
        if let Some(fixed) = fixed::MEANS.with(std::cell::Cell::get) {
            return fixed;
        }
        system::handshake(slots)
    }
}

#[cfg(all(test, not(loom)))]
pub(crate) use system::MAY_BE;
pub(crate) use system::{heavy, light};

/// Linux: the barrier of the kernel.
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

    /// Whether there may be a barrier.
    #[cfg(test)]
    pub(crate) const MAY_BE: bool = true;

    /// From `linux/membarrier.h`.
    const QUERY: libc::c_int = 0;
    const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
    const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

    /// Nobody has asked.
    const UNKNOWN: u8 = 0;
    /// The kernel has the call, and was not told that it will be used.
    const THERE: u8 = 1;
    const AGREED: u8 = 2;
    const REFUSED: u8 = 3;
    /// What the kernel says. Decides over segments yet to be made, and no more.
    static KERNEL: AtomicU8 = AtomicU8::new(UNKNOWN);
    /// Slots in segments made before the kernel is told.
    static SLOTS: AtomicU64 = AtomicU64::new(0);
    /// So many slots and the kernel is told. Early in a debug build, so that tests see both means.
    const WORTH_IT: u64 = if cfg!(debug_assertions) { 1 << 10 } else { 1 << 20 };

    pub(super) fn handshake(slots: u64) -> Handshake {
        // Ordering: Relaxed, A2. What the kernel said is true for all threads; any means is right for a new segment.
        match KERNEL.load(Ordering::Relaxed) {
            AGREED => return Handshake::Membarrier,
            REFUSED => return Handshake::Rmw,
            UNKNOWN => ask(),
            _ => {}
        }
        // Ordering: Relaxed, A2. A count, and one thread that passes the mark.
        let before = SLOTS.fetch_add(slots, Ordering::Relaxed);
        if before < WORTH_IT && before + slots >= WORTH_IT {
            tell();
        }
        Handshake::Rmw
    }

    /// The first use of the call in this process, or that of several threads at the same time.
    #[cold]
    fn ask() {
        let there = call(QUERY).is_some_and(|commands| commands & libc::c_long::from(PRIVATE_EXPEDITED) != 0);
        let answer = if there { THERE } else { REFUSED };
        // Ordering: Relaxed, A2. As above. What another thread has learnt since stays.
        let _ = KERNEL.compare_exchange(UNKNOWN, answer, Ordering::Relaxed, Ordering::Relaxed);
    }

    #[cold]
    fn tell() {
        // Ordering: Relaxed, A2. As above.
        if KERNEL.load(Ordering::Relaxed) == THERE {
            let agreed = call(REGISTER_PRIVATE_EXPEDITED).is_some();
            // Ordering: Relaxed, A2. As above.
            KERNEL.store(if agreed { AGREED } else { REFUSED }, Ordering::Relaxed);
        }
    }

    #[inline]
    pub(crate) fn light() {
        // Ordering: SeqCst, F1. For the compiler; pairs with `heavy`.
        compiler_fence(Ordering::SeqCst);
    }

    /// True if it was done. The kernel may refuse what it agreed to, at any time, for lack of memory or because the
    /// process has put itself under a filter of system calls since: then the caller knows no more than before.
    ///
    /// A forked child has the agreement with the memory it is copied from, and loses both by `exec`. Should a kernel
    /// think otherwise it is told again here, and the answer is good for what came before as well: it comes
    /// after each processor has been through the scheduler, and hence through a fence.
    #[cold]
    pub(crate) fn heavy() -> bool {
        let done = || call(PRIVATE_EXPEDITED).is_some();
        if done() || call(REGISTER_PRIVATE_EXPEDITED).is_some() && done() {
            return true;
        }
        // Ordering: Relaxed, A2. As above.
        KERNEL.store(REFUSED, Ordering::Relaxed);
        false
    }

    /// What the call says, if it did not fail.
    fn call(command: libc::c_int) -> Option<libc::c_long> {
        let (flags, cpu): (libc::c_uint, libc::c_int) = (0, 0);
        // SAFETY: the call reads and writes no memory of this process.
        let said = unsafe { libc::syscall(libc::SYS_membarrier, command, flags, cpu) };
        (said >= 0).then_some(said)
    }
}

/// loom: a fence on both sides, which is what the barrier comes to.
#[cfg(loom)]
mod system {
    use super::Handshake;
    use crate::sync::{fence, Ordering};

    pub(super) fn handshake(_slots: u64) -> Handshake {
        Handshake::Membarrier
    }

    pub(crate) fn light() {
        // Ordering: SeqCst, F1. Pairs with `heavy`.
        fence(Ordering::SeqCst);
    }

    pub(crate) fn heavy() -> bool {
        // Ordering: SeqCst, F1. Pairs with `light`.
        fence(Ordering::SeqCst);
        true
    }
}

/// Elsewhere there is no barrier, and nobody asks for one.
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

    /// Whether there may be a barrier.
    #[cfg(test)]
    pub(crate) const MAY_BE: bool = false;

    pub(super) fn handshake(_slots: u64) -> Handshake {
        Handshake::Rmw
    }

    pub(crate) fn light() {
        unreachable!("no segment has this handshake");
    }

    pub(crate) fn heavy() -> bool {
        unreachable!("no segment has this handshake");
    }
}

/// For tests and models: the means of each segment that this thread makes from now on. (All threads of a model are one.)
#[cfg(any(test, loom))]
mod fixed {
    use super::Handshake;
    use std::cell::Cell;

    thread_local! {
        pub(super) static MEANS: Cell<Option<Handshake>> = const { Cell::new(None) };
    }

    impl Handshake {
        /// See [`MEANS`].
        pub fn fix(self) {
            MEANS.with(|handshake| handshake.set(Some(self)));
        }
    }
}
