//! A line of waiters: first come, first called.
//!
//! Knows wakers. Does not know queues: what a waiter wants stands beside its waker, and whoever calls it reads that.
//! Not shared by itself; it is used under a mutex, and wakers are run and dropped only after that is unlocked: what a
//! caller gets back here is for later.

use slab::Slab;
use std::any::Any;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::task::Waker;

/// Waiters, in the order in which they came.
///
/// Each has a *number*: how many came before it. They are called in this order, so that one number says of all of them
/// whether they are through, and he who reads it needs no lock.
pub(crate) struct WaitQueue<W> {
    places: Slab<Waiter<W>>,
    first: usize,
    last: usize,
    waiting: usize,
    /// How many have ever come.
    entered: u64,
    /// The number behind the last one who is through.
    through: u64,
}

/// No place.
const NONE: usize = usize::MAX;

struct Waiter<W> {
    want: W,
    number: u64,
    /// `None` once it is called.
    waker: Option<Waker>,
    before: usize,
    behind: usize,
}

/// A waiter's place in a line, as long as it has not left and is not through.
#[derive(Debug)]
pub(crate) struct WaiterKey {
    index: usize,
    number: u64,
}

impl WaiterKey {
    /// How many came before.
    #[inline]
    pub(crate) fn number(&self) -> u64 {
        self.number
    }
}

/// Whether a waiter was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaiterState {
    Waiting,
    /// It is to come and leave its place.
    Notified,
    /// It has no place any more.
    Watermark,
}

impl<W> WaitQueue<W> {
    /// A slab with more places is given up once nobody is in it: about 4 KiB are kept.
    const KEPT: usize = {
        let places = 4096 / std::mem::size_of::<Waiter<W>>();
        if places < 4 {
            4
        } else {
            places
        }
    };

    pub(crate) const fn new() -> Self {
        WaitQueue { places: Slab::new(), first: NONE, last: NONE, waiting: 0, entered: 0, through: 0 }
    }

    /// How many wait and are not called.
    #[inline]
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many were called and keep their place until they leave.
    #[inline]
    pub(crate) fn notified(&self) -> usize {
        self.places.len() - self.waiting
    }

    /// The number behind the last one who is through. Only grows.
    #[inline]
    pub(crate) fn through(&self) -> u64 {
        self.through
    }

    /// Goes to the end of the line.
    pub(crate) fn enter(&mut self, waker: Waker, want: W) -> WaiterKey {
        let (before, number) = (self.last, self.entered);
        let index = self.places.insert(Waiter { want, number, waker: Some(waker), before, behind: NONE });
        match self.places.get_mut(before) {
            Some(last) => last.behind = index,
            None => self.first = index,
        }
        self.last = index;
        self.waiting += 1;
        self.entered += 1;
        WaiterKey { index, number }
    }

    fn at(&self, place: &WaiterKey) -> Option<&Waiter<W>> {
        self.places.get(place.index).filter(|waiter| waiter.number == place.number)
    }

    #[inline]
    pub(crate) fn called(&self, place: &WaiterKey) -> WaiterState {
        match self.at(place) {
            Some(Waiter { waker: Some(_), .. }) => WaiterState::Waiting,
            Some(_) => WaiterState::Notified,
            None => WaiterState::Watermark,
        }
    }

    /// Whether the one at `place` is to be woken by another waker from now on than by the one it has.
    pub(crate) fn has_another_waker(&self, place: &WaiterKey, waker: &Waker) -> bool {
        self.at(place).and_then(|waiter| waiter.waker.as_ref()).is_some_and(|present| !present.will_wake(waker))
    }

    /// Replaces the waker of one who is not called; the old one is for the caller to drop.
    pub(crate) fn change_waker(&mut self, place: &WaiterKey, waker: Waker) -> Waker {
        match &mut self.places[place.index].waker {
            Some(present) => std::mem::replace(present, waker),
            None => waker,
        }
    }

    /// What the first one wants.
    #[inline]
    pub(crate) fn first(&mut self) -> Option<&mut W> {
        self.places.get_mut(self.first).map(|first| &mut first.want)
    }

    /// What each one wants, of those too that were notified and have not left.
    pub(crate) fn each(&mut self) -> impl Iterator<Item = &mut W> {
        self.places.iter_mut().map(|(_, waiter)| &mut waiter.want)
    }

    /// Calls the first one, who is no longer in the line and keeps its place, with what it wants, until it leaves.
    pub(crate) fn notify_first(&mut self) -> Option<Waker> {
        let first = self.places.get_mut(self.first)?;
        let (waker, behind) = (first.waker.take(), first.behind);
        self.unlink(NONE, behind);
        waker
    }

    /// Calls the first one, who is through with that: nothing of it is left here, so that it need not come for that.
    pub(crate) fn complete_first(&mut self) -> Option<Waker> {
        let Waiter { number, waker, behind, .. } = self.places.try_remove(self.first)?;
        self.through = number + 1;
        self.unlink(NONE, behind);
        self.tidy_up();
        waker
    }

    /// Gives the place up, and says what was wanted there and who is not to be woken any more; `None` from one who is
    /// through.
    pub(crate) fn leave(&mut self, place: WaiterKey) -> Option<(W, Option<Waker>)> {
        if self.called(&place) == WaiterState::Watermark {
            return None;
        }
        let Waiter { want, waker, before, behind, .. } = self.places.remove(place.index);
        if waker.is_some() {
            self.unlink(before, behind);
        }
        self.tidy_up();
        Some((want, waker))
    }

    #[inline]
    fn tidy_up(&mut self) {
        if self.places.is_empty() && self.places.capacity() > Self::KEPT {
            self.places = Slab::new();
        }
    }

    /// Joins the neighbours of one who is no longer between them.
    fn unlink(&mut self, before: usize, behind: usize) {
        match self.places.get_mut(before) {
            Some(before) => before.behind = behind,
            None => self.first = behind,
        }
        match self.places.get_mut(behind) {
            Some(behind) => behind.before = before,
            None => self.last = before,
        }
        self.waiting -= 1;
    }
}

/// Wakers of those who were called, to be woken when this is dropped: all of them, also when one panics.
#[derive(Default)]
pub(crate) struct WakeList {
    first: Option<Waker>,
    more: Vec<Waker>,
}

impl WakeList {
    #[inline]
    pub(crate) fn add(&mut self, waker: Option<Waker>) {
        if self.first.is_none() {
            self.first = waker;
        } else {
            self.more.extend(waker);
        }
    }

    /// Calls all of a line.
    #[inline]
    pub(crate) fn call_all<W>(&mut self, line: &mut WaitQueue<W>) {
        while line.waiting() > 0 {
            self.add(line.complete_first());
        }
    }

    /// Takes back the one that was called last.
    pub(crate) fn take_last(&mut self) -> Option<Waker> {
        self.more.pop().or_else(|| self.first.take())
    }
}

impl Drop for WakeList {
    #[inline]
    fn drop(&mut self) {
        let Some(first) = self.first.take() else { return };
        if self.more.is_empty() && !crate::sync::is_unwinding() {
            return first.wake();
        }
        let more = std::mem::take(&mut self.more);
        wake_all(first, more);
    }
}

#[cold]
fn wake_all(first: Waker, more: Vec<Waker>) {
    wake_each(std::iter::once(first).chain(more), Waker::wake);
}

/// Wakes all, also when one panics: the first panic goes on after that.
pub(crate) fn wake_each<W>(wakers: impl IntoIterator<Item = W>, wake: impl Fn(W)) {
    let mut panic = None;
    for waker in wakers {
        if let Err(why) = catch_unwind(AssertUnwindSafe(|| wake(waker))) {
            panic.get_or_insert(why);
        }
    }
    resume_panic(panic);
}

/// Goes on with a panic that was held up, unless there is one already.
pub(crate) fn resume_panic(panic: Option<Box<dyn Any + Send>>) {
    match panic {
        Some(panic) if !crate::sync::is_unwinding() => resume_unwind(panic),
        _ => {}
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
    fn who_came_first_is_called_first() {
        let (_, waker) = counting(0);
        let mut line = WaitQueue::new();
        let places: Vec<WaiterKey> = (0..4).map(|want| line.enter(waker.clone(), want)).collect();
        let [a, b, c, d] = <[WaiterKey; 4]>::try_from(places).unwrap();
        assert!(line.notify_first().is_some());
        assert_eq!(
            (line.called(&a), line.called(&b), line.waiting()),
            (WaiterState::Notified, WaiterState::Waiting, 3)
        );
        assert_eq!(line.leave(c).map(|(want, waker)| (want, waker.is_some())), Some((2, true)));
        assert_eq!(line.first(), Some(&mut 1));
        assert!(line.complete_first().is_some() && line.notify_first().is_some() && line.notify_first().is_none());
        assert_eq!((line.called(&b), line.through()), (WaiterState::Watermark, 2));
        assert_eq!(line.leave(d).map(|(want, waker)| (want, waker.is_some())), Some((3, false)));
        assert!(line.leave(a).is_some_and(|(want, _)| want == 0) && line.leave(b).is_none());
        assert_eq!((line.waiting(), line.places.len()), (0, 0));
    }

    /// Whose place is another's meanwhile is through all the same.
    #[test]
    fn a_place_is_known_by_its_number() {
        let (_, waker) = counting(0);
        let mut line = WaitQueue::new();
        let first = line.enter(waker.clone(), 'a');
        assert!(line.complete_first().is_some());
        let second = line.enter(waker, 'b');
        assert_eq!(
            (first.index, line.called(&first), line.called(&second)),
            (second.index, WaiterState::Watermark, WaiterState::Waiting)
        );
        assert!(line.leave(first).is_none() && line.leave(second).is_some());
    }

    #[test]
    fn a_long_line_gives_its_memory_back() {
        let (_, waker) = counting(0);
        let mut line = WaitQueue::new();
        let places: Vec<WaiterKey> = (0..1000).map(|want| line.enter(waker.clone(), want)).collect();
        assert!(line.places.capacity() >= 1000);
        places.into_iter().for_each(|place| drop(line.leave(place)));
        assert_eq!(line.places.capacity(), 0);
    }

    #[test]
    fn a_waker_that_panics_while_another_panic_unwinds_does_not_abort() {
        let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut calls = WakeList::default();
            calls.add(Some(counting(6).1));
            panic!("another");
        }));
        assert!(unwound.is_err());
    }

    #[test]
    fn all_are_woken_though_two_panic() {
        let ((first, a), (_, b), (last, c)) = (counting(0), counting(6), counting(0));
        let mut calls = WakeList::default();
        [a, b, counting(6).1, c].into_iter().for_each(|waker| calls.add(Some(waker)));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(calls))).is_err());
        assert_eq!((first.0.load(Ordering::Relaxed), last.0.load(Ordering::Relaxed)), (1, 1));
    }
}
