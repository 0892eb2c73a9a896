//! The one file that names an atomic type: std's, or loom's under `--cfg loom`.
//!
//! Knows nothing of queues. Everything above imports its atomics from here (`tests/layers.rs` looks for it),
//! so that the loom models run the very code that ships.

#[cfg(loom)]
pub(crate) use byte::AtomicU8;
#[cfg(all(loom, not(loom_rmw)))]
pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize};
#[cfg(loom)]
pub(crate) use loom::{
    cell::UnsafeCell,
    sync::{
        atomic::{fence, AtomicI64, AtomicU32},
        Mutex,
    },
    thread_local,
};
#[cfg(all(loom, loom_rmw))]
pub(crate) use rmw::{AtomicPtr, AtomicU64, AtomicUsize};
#[cfg(not(loom))]
pub(crate) use std::sync::{
    atomic::{AtomicI64, AtomicPtr, AtomicU32, AtomicU64, AtomicU8, AtomicUsize},
    Mutex,
};
#[cfg(not(loom))]
pub(crate) use std::thread_local;

/// Pads its value to a unit of memory that no other value shares, so that a write takes nothing else from other threads. On
/// x86-64 and aarch64 a unit is 128 bytes: on the former two cache lines, which the processor fetches as a pair.
pub(crate) use crossbeam_utils::CachePadded;

#[allow(unused_imports)] // only where there is a process-wide barrier
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::compiler_fence;
pub(crate) use std::sync::atomic::Ordering;

/// std's cell with loom's two methods, so that loom can watch every access to a slot's value.
#[cfg(not(loom))]
#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    #[inline]
    pub(crate) const fn new(value: T) -> Self {
        UnsafeCell(std::cell::UnsafeCell::new(value))
    }

    #[inline]
    pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        read(self.0.get())
    }

    #[inline]
    pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        write(self.0.get())
    }
}

/// Writes a byte that nobody else can see: std's by a plain store, loom's with a look at who has seen it.
#[inline]
pub(crate) fn set_alone(byte: &mut AtomicU8, value: u8) {
    #[cfg(not(loom))]
    {
        *byte.get_mut() = value;
    }
    #[cfg(loom)]
    byte.with_mut(|place| *place = value);
}

/// loom's byte with each store a swap whose result nobody uses.
///
/// A store that sees nothing of an RMW by another thread comes after it if that RMW saw what was there before, as nothing
/// can come between what an RMW reads and what it writes. loom leaves open which of the two stands in the end.
#[cfg(loom)]
mod byte {
    use super::Ordering;
    use loom::sync::atomic;

    #[derive(Debug)]
    pub(crate) struct AtomicU8(atomic::AtomicU8);

    impl AtomicU8 {
        #[track_caller]
        pub(crate) fn new(value: u8) -> Self {
            Self(atomic::AtomicU8::new(value))
        }

        #[track_caller]
        pub(crate) fn store(&self, value: u8, order: Ordering) {
            self.0.swap(value, order);
        }
    }

    impl std::ops::Deref for AtomicU8 {
        type Target = atomic::AtomicU8;

        fn deref(&self) -> &Self::Target {
            &self.0
        }
    }

    impl std::ops::DerefMut for AtomicU8 {
        fn deref_mut(&mut self) -> &mut Self::Target {
            &mut self.0
        }
    }
}

/// Under `--cfg loom_rmw`: loom's words with every load and store an RMW that comes to the same.
///
/// Of all accesses to a word loom keeps the last only, so that a load just before a compare-and-swap hides what the
/// compare-and-swap competes with, and some interleavings are never run (tokio-rs/loom#166). Between RMWs it tries
/// all of them, but then no load is ever stale. Hence each model is run both ways. Not for the bytes and counts that
/// have no compare-and-swap loop.
#[cfg(all(loom, loom_rmw))]
mod rmw {
    use super::Ordering;
    use loom::sync::atomic;

    macro_rules! words {
        ($($name:ident $(<$param:ident>)? = $value:ty;)*) => {$(
            #[derive(Debug)]
            pub(crate) struct $name$(<$param>)?(atomic::$name$(<$param>)?);

            impl$(<$param>)? $name$(<$param>)? {
                #[track_caller]
                pub(crate) fn new(value: $value) -> Self {
                    Self(atomic::$name::new(value))
                }

                #[track_caller]
                pub(crate) fn load(&self, order: Ordering) -> $value {
                    let any = 0 as $value;
                    self.0.compare_exchange(any, any, order, order).unwrap_or_else(|value| value)
                }

                #[allow(dead_code)] // nobody stores a pointer
                #[track_caller]
                pub(crate) fn store(&self, value: $value, order: Ordering) {
                    self.0.swap(value, order);
                }
            }

            impl$(<$param>)? std::ops::Deref for $name$(<$param>)? {
                type Target = atomic::$name$(<$param>)?;

                fn deref(&self) -> &Self::Target {
                    &self.0
                }
            }
        )*};
    }

    words! {
        AtomicPtr<T> = *mut T;
        AtomicU64 = u64;
        AtomicUsize = usize;
    }
}

/// Writes a constructor once: `const` on std, plain under loom, whose atomics cannot be made in a constant.
macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis const fn $($rest:tt)*) => {
        #[cfg(not(loom))]
        $(#[$meta])* $vis const fn $($rest)*
        #[cfg(loom)]
        $(#[$meta])* $vis fn $($rest)*
    };
}
pub(crate) use const_fn;

/// How many pauses an impatient thread makes before it stops hoping that another one, running at this
/// moment, is about to finish: none where there is only one core, and none under loom and in this crate's
/// own tests, so that what happens when patience runs out is always explored.
pub(crate) fn spin_limit(pauses: u32) -> u32 {
    if cfg!(any(loom, test)) || !several_cores() {
        0
    } else {
        pauses
    }
}

/// Whether another thread can be running while this one spins. The answer is kept for the process; those who ask at the
/// same time for the first time each find it out, so that nobody waits for another.
pub(crate) fn several_cores() -> bool {
    use std::sync::atomic::AtomicU8;
    const UNKNOWN: u8 = 0;
    const ONE: u8 = 1;
    const SEVERAL: u8 = 2;
    static ANSWER: AtomicU8 = AtomicU8::new(UNKNOWN);
    // Ordering: Relaxed, A1. The answer is all there is.
    match ANSWER.load(Ordering::Relaxed) {
        UNKNOWN => {
            let several = std::thread::available_parallelism().map_or(true, |cores| cores.get() > 1);
            // Ordering: Relaxed, A1. As above.
            ANSWER.store(if several { SEVERAL } else { ONE }, Ordering::Relaxed);
            several
        }
        answer => answer == SEVERAL,
    }
}

/// Makes room for others after a lost race for a word: for so long that who won gets many operations done before the line
/// of that word comes back to this core. Handing it to and fro at each operation costs each of them more than that.
pub(crate) struct Backoff(u32);

impl Backoff {
    const FIRST: u32 = 64;
    const MOST: u32 = 1024;

    pub(crate) fn new() -> Self {
        Backoff(Self::FIRST)
    }

    #[cold]
    pub(crate) fn pause(&mut self) {
        for _ in 0..spin_limit(self.0) {
            pause();
        }
        self.0 = (2 * self.0).min(Self::MOST);
    }
}

/// A number that no other call in this process gets, and not 0.
pub(crate) fn next_id() -> usize {
    use std::sync::atomic::AtomicUsize;
    static LAST: AtomicUsize = AtomicUsize::new(0);
    // Ordering: Relaxed, A1. The number is all there is.
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

/// Whether this thread unwinds: a second panic would abort.
pub(crate) fn is_unwinding() -> bool {
    std::thread::panicking()
}

/// One pause of a spin loop; under loom the other threads get a turn.
#[inline]
pub(crate) fn pause() {
    #[cfg(loom)]
    loom::thread::yield_now();
    #[cfg(not(loom))]
    std::hint::spin_loop();
}

/// Lets other threads of this processor run.
#[cold]
pub(crate) fn yield_now() {
    #[cfg(loom)]
    loom::thread::yield_now();
    #[cfg(not(loom))]
    std::thread::yield_now();
}

/// An RMW on `word` that changes nothing and cannot be left out, and what it found there: what came before it in this thread
/// is seen by every later RMW on `word`, and every earlier one is seen by what comes after it.
///
/// SeqCst, with its result used: rustc 1.95 compiles an unused `fetch_or(0, AcqRel)` to no instruction at all on
/// x86-64. A function of its own, so that `tests/meeting.rs` finds it in the code that was built.
#[inline(never)]
pub(crate) fn rmw_fence(word: &AtomicU64) -> u64 {
    // Ordering: SeqCst, M1. Pairs with every claim on the same word.
    std::hint::black_box(word.fetch_or(0, Ordering::SeqCst))
}
