//! Wakers to run once a lock is released, and panics of user code held back until all of it has run.
//!
//! Knows wakers. Does not know wait queues.

use std::any::Any;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::task::Waker;

/// Wakers of notified waiters. Dropping the list wakes all of them, also when one panics.
#[derive(Default)]
pub(crate) struct WakeList(Wakers);

/// Mostly there is one.
#[derive(Default)]
enum Wakers {
    #[default]
    None,
    One(Waker),
    More(Vec<Waker>),
}

impl WakeList {
    #[inline]
    pub(crate) fn push(&mut self, waker: Option<Waker>) {
        let Some(waker) = waker else { return };
        match self.0 {
            Wakers::None => self.0 = Wakers::One(waker),
            _ => self.push_more(waker),
        }
    }

    #[cold]
    fn push_more(&mut self, waker: Waker) {
        self.0 = match std::mem::take(&mut self.0) {
            Wakers::None => Wakers::One(waker),
            Wakers::One(first) => Wakers::More(vec![first, waker]),
            Wakers::More(mut wakers) => {
                wakers.push(waker);
                Wakers::More(wakers)
            }
        };
    }

    /// Removes the waker that was pushed last.
    pub(crate) fn pop(&mut self) -> Option<Waker> {
        if let Wakers::More(wakers) = &mut self.0 {
            return wakers.pop();
        }
        match std::mem::take(&mut self.0) {
            Wakers::One(waker) => Some(waker),
            _ => None,
        }
    }
}

impl Drop for WakeList {
    #[inline]
    fn drop(&mut self) {
        match std::mem::take(&mut self.0) {
            Wakers::None => {}
            Wakers::One(waker) => wake_one(waker),
            Wakers::More(wakers) => wake_all(wakers),
        }
    }
}

#[cold]
fn wake_all(wakers: Vec<Waker>) {
    wake_each(wakers, Waker::wake);
}

/// Wakes one. If that panics while another panic unwinds, the first one goes on.
#[inline]
pub(crate) fn wake_one(waker: Waker) {
    if crate::sync::is_unwinding() {
        wake_all(vec![waker]);
    } else {
        waker.wake();
    }
}

/// Runs `wake` for each waker, also when one panics; the first panic is resumed after the last waker.
pub(crate) fn wake_each<W>(wakers: impl IntoIterator<Item = W>, wake: impl Fn(W)) {
    let mut held = HeldPanic::default();
    for waker in wakers {
        held.run(|| wake(waker));
    }
}

/// Runs one piece of user code after the other and holds the first panic back; dropping this resumes it,
/// unless the thread unwinds already.
#[derive(Default)]
pub(crate) struct HeldPanic(Option<Box<dyn Any + Send>>);

impl HeldPanic {
    pub(crate) fn run(&mut self, code: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(code)) {
            self.0.get_or_insert(panic);
        }
    }
}

impl Drop for HeldPanic {
    fn drop(&mut self) {
        match self.0.take() {
            Some(panic) if !crate::sync::is_unwinding() => resume_unwind(panic),
            _ => {}
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::Arc;
    use std::task::Wake;

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            assert_ne!(self.0.fetch_add(1, Ordering::Relaxed), 6, "a waker that panics");
        }
    }

    fn counting(from: usize) -> (Arc<Count>, Waker) {
        let count = Arc::new(Count(AtomicUsize::new(from)));
        (count.clone(), Waker::from(count))
    }

    #[test]
    fn a_waker_that_panics_while_another_panic_unwinds_does_not_abort() {
        let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut wakes = WakeList::default();
            wakes.push(Some(counting(6).1));
            panic!("another");
        }));
        assert!(unwound.is_err());
    }

    #[test]
    fn all_wakers_run_though_two_panic() {
        let ((first, a), (_, b), (last, c)) = (counting(0), counting(6), counting(0));
        let mut wakes = WakeList::default();
        [a, b, counting(6).1, c].into_iter().for_each(|waker| wakes.push(Some(waker)));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(wakes))).is_err());
        assert_eq!((first.0.load(Ordering::Relaxed), last.0.load(Ordering::Relaxed)), (1, 1));
    }
}
