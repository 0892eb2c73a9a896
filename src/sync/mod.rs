//! The one folder that names an atomic type: std's, or loom's under `--cfg loom`.
//!
//! Knows atomics, pauses and threads. Does not know queues.
//!
//! Everything above imports its atomics from here (`tests/layers.rs` checks that), so that the loom models
//! run the very code that ships.

mod backoff;
#[cfg(loom)]
mod loom;

pub(crate) use backoff::{pause, spins_if_parallel, yield_now, Backoff};

#[cfg(loom)]
pub(crate) use self::loom::{AtomicPtr, AtomicU64, AtomicU8, AtomicUsize};
#[cfg(loom)]
pub(crate) use ::loom::{
    cell::UnsafeCell,
    sync::{
        atomic::{fence, AtomicBool, AtomicI64, AtomicU32},
        Mutex,
    },
    thread_local,
};
pub(crate) use std::sync::atomic::Ordering;
#[cfg(not(loom))]
pub(crate) use std::sync::{
    atomic::{AtomicBool, AtomicI64, AtomicPtr, AtomicU32, AtomicU64, AtomicU8, AtomicUsize},
    Mutex,
};
#[cfg(not(loom))]
pub(crate) use std::thread_local;

#[allow(unused_imports)] // only where there is a process-wide barrier
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::compiler_fence;

/// The beginning of a cache line: the field after it shares no cache line with the field before it. On x86-64 a
/// line has 64 bytes. A processor may fetch lines in pairs; to separate pairs made no difference in time.
#[cfg_attr(any(target_arch = "aarch64", target_arch = "powerpc64"), repr(align(128)))]
#[cfg_attr(target_arch = "s390x", repr(align(256)))]
#[cfg_attr(not(any(target_arch = "aarch64", target_arch = "powerpc64", target_arch = "s390x")), repr(align(64)))]
pub(crate) struct LineStart;

/// A value that shares no cache line with other values, so that a write takes nothing else from other threads.
#[repr(C)]
pub(crate) struct CacheLine<T>(LineStart, T);

impl<T> CacheLine<T> {
    pub(crate) const fn new(value: T) -> Self {
        CacheLine(LineStart, value)
    }
}

impl<T> std::ops::Deref for CacheLine<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.1
    }
}

impl<T> std::ops::DerefMut for CacheLine<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.1
    }
}

/// std's cell with loom's two methods, so that loom can watch every access to the value of a slot.
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

/// Writes a byte that no other thread can access: std's by a plain store; loom checks that the access is
/// exclusive.
#[inline]
pub(crate) fn set_exclusive(byte: &mut AtomicU8, value: u8) {
    #[cfg(not(loom))]
    {
        *byte.get_mut() = value;
    }
    #[cfg(loom)]
    byte.with_mut(|byte| *byte = value);
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

/// A number that no other call in this process gets, and neither 0 nor the greatest one. It has 64 bits, as 32 would
/// wrap around after minutes.
pub(crate) fn next_id() -> u64 {
    use std::sync::atomic::AtomicU64;
    static LAST: AtomicU64 = AtomicU64::new(0);
    // Ordering: Relaxed, A1. The number is all there is.
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

/// Whether this thread unwinds: a second panic would abort.
pub(crate) fn is_unwinding() -> bool {
    std::thread::panicking()
}

/// A store-load fence by an RMW that changes nothing and that the compiler keeps. Returns the value of `word`.
/// Every later RMW on `word` sees what this thread did before the fence; this thread sees, after the fence,
/// what came before every earlier RMW.
///
/// SeqCst, with its result used: rustc 1.95 compiles an unused `fetch_or(0, AcqRel)` to no instruction at all
/// on x86-64. A function of its own, so that `tests/rmw_fence.rs` finds it in the code that was built.
#[inline(never)]
pub(crate) fn rmw_fence(word: &AtomicU64) -> u64 {
    // Ordering: SeqCst, M1. Pairs with every claim on the same word.
    std::hint::black_box(word.fetch_or(0, Ordering::SeqCst))
}
