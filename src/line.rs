//! A line of waiters: first come, first called.
//!
//! Knows wakers. Does not know queues: what a waiter wants stands beside its waker, and whoever calls it reads that.
//! Not shared by itself; it is used under a mutex, and wakers are run and dropped only after that is unlocked: what a
//! caller gets back here is for later.

use slab::Slab;
use std::any::Any;
use std::collections::VecDeque;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::task::Waker;

/// Waiters, in the order in which they came, and those called since who have not come back yet.
pub(crate) struct Line<W> {
    places: Slab<Waiter<W>>,
    first: Option<usize>,
    last: Option<usize>,
    waiting: usize,
}

struct Waiter<W> {
    want: W,
    /// `None` once it is called.
    waker: Option<Waker>,
    before: Option<usize>,
    behind: Option<usize>,
}

/// A waiter's place in a line, as long as it has not left.
#[derive(Debug)]
pub(crate) struct Place(usize);

/// Whether a waiter was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Called {
    No,
    Yes,
}

impl<W> Line<W> {
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
        Line { places: Slab::new(), first: None, last: None, waiting: 0 }
    }

    /// How many wait and are not called.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Goes to the end of the line.
    pub(crate) fn enter(&mut self, waker: Waker, want: W) -> Place {
        let place = self.places.insert(Waiter { want, waker: Some(waker), before: self.last, behind: None });
        match self.last {
            Some(last) => self.places[last].behind = Some(place),
            None => self.first = Some(place),
        }
        self.last = Some(place);
        self.waiting += 1;
        Place(place)
    }

    pub(crate) fn called(&self, place: &Place) -> Called {
        if self.places[place.0].waker.is_some() {
            Called::No
        } else {
            Called::Yes
        }
    }

    /// Whether the one at `place` is to be woken by another waker from now on than by the one it has.
    pub(crate) fn has_another_waker(&self, place: &Place, waker: &Waker) -> bool {
        self.places[place.0].waker.as_ref().is_some_and(|present| !present.will_wake(waker))
    }

    /// Replaces the waker of one who is not called; the old one, or this one, is for the caller to drop.
    pub(crate) fn change_waker(&mut self, place: &Place, waker: Waker) -> Waker {
        match &mut self.places[place.0].waker {
            Some(present) => std::mem::replace(present, waker),
            None => waker,
        }
    }

    /// What the first one wants.
    pub(crate) fn first(&mut self) -> Option<&mut W> {
        self.first.map(|first| &mut self.places[first].want)
    }

    /// Calls the first one, who is no longer in the line and keeps its place until it leaves.
    pub(crate) fn call_first(&mut self) -> Option<Waker> {
        let first = self.first?;
        self.unlink(first);
        self.places[first].waker.take()
    }

    /// Gives the place up.
    pub(crate) fn leave(&mut self, place: Place) -> (W, Called, Option<Waker>) {
        let called = self.called(&place);
        if called == Called::No {
            self.unlink(place.0);
        }
        let waiter = self.places.remove(place.0);
        if self.places.is_empty() && self.places.capacity() > Self::KEPT {
            self.places = Slab::new();
        }
        (waiter.want, called, waiter.waker)
    }

    fn unlink(&mut self, place: usize) {
        let Waiter { before, behind, .. } = self.places[place];
        match before {
            Some(before) => self.places[before].behind = behind,
            None => self.first = behind,
        }
        match behind {
            Some(behind) => self.places[behind].before = before,
            None => self.last = before,
        }
        self.waiting -= 1;
    }
}

/// Wakers of those who were called, to be woken when this is dropped: all of them, also when one panics.
#[derive(Default)]
pub(crate) struct Calls {
    first: Option<Waker>,
    more: VecDeque<Waker>,
}

impl Calls {
    pub(crate) fn add(&mut self, waker: Option<Waker>) {
        let Some(waker) = waker else { return };
        if self.first.is_none() && self.more.is_empty() {
            self.first = Some(waker);
        } else {
            self.more.push_back(waker);
        }
    }

    /// Calls up to `count` of a line.
    pub(crate) fn call<W>(&mut self, line: &mut Line<W>, count: usize) {
        for _ in 0..count.min(line.waiting()) {
            self.add(line.call_first());
        }
    }

    /// Takes back the one that was called last.
    pub(crate) fn take_last(&mut self) -> Option<Waker> {
        self.more.pop_back().or_else(|| self.first.take())
    }

    fn next(&mut self) -> Option<Waker> {
        self.first.take().or_else(|| self.more.pop_front())
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        let mut panic = None;
        while let Some(waker) = self.next() {
            if let Err(why) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
                panic.get_or_insert(why);
            }
        }
        go_on(panic);
    }
}

/// Goes on with a panic that was held up, unless there is one already.
pub(crate) fn go_on(panic: Option<Box<dyn Any + Send>>) {
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
        let mut line = Line::new();
        let places: Vec<Place> = (0..4).map(|want| line.enter(waker.clone(), want)).collect();
        let [a, b, c, d] = <[Place; 4]>::try_from(places).unwrap();
        assert!(line.call_first().is_some());
        assert_eq!((line.called(&a), line.called(&b), line.waiting()), (Called::Yes, Called::No, 3));
        assert_eq!(line.leave(c).0, 2);
        assert_eq!(line.first(), Some(&mut 1));
        assert!(line.call_first().is_some() && line.call_first().is_some() && line.call_first().is_none());
        assert_eq!(line.leave(d).1, Called::Yes);
        assert_eq!((line.leave(a).0, line.leave(b).0), (0, 1));
        assert_eq!((line.waiting(), line.places.len()), (0, 0));
    }

    #[test]
    fn a_long_line_gives_its_memory_back() {
        let (_, waker) = counting(0);
        let mut line = Line::new();
        let places: Vec<Place> = (0..1000).map(|want| line.enter(waker.clone(), want)).collect();
        assert!(line.places.capacity() >= 1000);
        places.into_iter().for_each(|place| drop(line.leave(place)));
        assert_eq!(line.places.capacity(), 0);
    }

    #[test]
    fn all_are_woken_though_two_panic() {
        let ((first, a), (_, b), (last, c)) = (counting(0), counting(6), counting(0));
        let mut calls = Calls::default();
        [a, b, counting(6).1, c].into_iter().for_each(|waker| calls.add(Some(waker)));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(calls))).is_err());
        assert_eq!((first.0.load(Ordering::Relaxed), last.0.load(Ordering::Relaxed)), (1, 1));
    }
}
