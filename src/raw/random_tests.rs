//! Random operations of one thread, compared with a model: in short segments and in long ones, with holes, and with
//! helpers that are stopped at the edges.

use super::link::Link;
use super::segment::live;
use super::*;
use std::collections::VecDeque;

fn events() -> Events {
    Events::default()
}

/// A type of items, each made of a number.
trait Numbered {
    fn of(number: u64) -> Self;
    fn number(&self) -> u64;
}

macro_rules! numbered {
    ($($item:ty: |$n:ident| $of:expr, |$this:ident| $number:expr;)*) => {
        $(impl Numbered for $item {
            fn of($n: u64) -> Self {
                $of
            }

            fn number(&self) -> u64 {
                let $this = self;
                $number
            }
        })*
    };
}

#[repr(align(16))]
struct Aligned16(u64);
#[repr(align(64))]
struct Aligned64(u64);

numbered! {
    u64: |n| n, |this| *this;
    Box<u64>: |n| Box::new(n), |this| **this;
    (u32, u8): |n| (n as u32, 0), |this| u64::from(this.0);
    Aligned16: |n| Aligned16(n), |this| this.0;
    Aligned64: |n| Aligned64(n), |this| this.0;
    // The largest items whose segments may be short, and larger ones.
    [u64; 8]: |n| [n; 8], |this| this[7];
    [u64; 9]: |n| [n; 9], |this| this[8];
}

/// A queue, the numbers of its items, and helpers that hold a ticket of an edge.
struct Checked<'q, T> {
    queue: &'q RawQueue<T>,
    model: VecDeque<u64>,
    /// The number of the next item.
    next: u64,
    stopped: Vec<Link<'q, T>>,
    random: fastrand::Rng,
}

impl<'q, T: Numbered> Checked<'q, T> {
    fn item(&self) -> T {
        T::of(self.next)
    }

    fn pushed(&mut self, count: u64) {
        self.model.extend(self.next..self.next + count);
        self.next += count;
    }

    /// A limit, and the number of slots that it leaves.
    fn limit(&mut self) -> (u64, u64) {
        let limit = self.random.u64(1..200);
        (limit, limit.saturating_sub(self.model.len() as u64))
    }

    fn push(&mut self) {
        assert!(self.queue.push(self.item(), UNBOUNDED, &mut events()).is_ok());
        self.pushed(1);
    }

    fn push_with_a_limit(&mut self) {
        let (limit, free) = self.limit();
        assert_eq!(self.queue.push(self.item(), limit, &mut events()).is_ok(), free > 0);
        self.pushed(free.min(1));
    }

    fn push_by_the_fast_path(&mut self) {
        assert!(self.queue.push_before_claim_limit(self.item(), u64::MAX - 1, &mut events()).is_ok());
        self.pushed(1);
    }

    fn push_a_batch(&mut self) {
        let ((limit, free), count) = (self.limit(), self.random.u64(..90));
        let mut values = (self.next..self.next + count).map(T::of).collect();
        let _ = super::tests::push_all(self.queue, &mut values, limit, &mut events());
        assert_eq!(count - values.len() as u64, count.min(free));
        self.pushed(count.min(free));
    }

    fn reserve(&mut self) {
        let (limit, free) = self.limit();
        let Ok(slot) = self.queue.reserve(limit, &mut events()) else { return assert_eq!(free, 0) };
        assert_eq!((free > 0, self.queue.len()), (true, self.model.len() as u64 + 1));
        if self.random.bool() {
            assert!(slot.publish(self.item(), &mut events()).is_none());
            self.pushed(1);
        }
    }

    fn pop(&mut self) {
        assert_eq!(self.queue.pop(&mut events()).ok().map(|item| item.number()), self.model.pop_front());
    }

    fn pop_beyond(&mut self) {
        let limit = self.random.u64(..100);
        let expected = (self.model.len() as u64 > limit).then(|| self.model.pop_front()).flatten();
        assert_eq!(self.queue.pop_beyond(limit, &mut events()).map(|item| item.number()), expected);
    }

    fn pop_a_batch(&mut self) {
        let (mut items, limit) = (Vec::new(), self.random.usize(1..70));
        let _ = self.queue.pop_run(&mut items, limit, &mut events());
        items.iter().for_each(|item| assert_eq!(Some(item.number()), self.model.pop_front()));
    }

    /// A helper is stopped at the edge of an end, if the end is at one.
    fn stop_a_helper(&mut self) {
        for end in [&self.queue.tail, &self.queue.head] {
            if end.cursor().ticket() >= RawQueue::<T>::LEN {
                self.stopped.extend(self.queue.link(end, end.cursor()));
            }
        }
    }

    fn let_a_helper_go(&mut self) {
        if !self.stopped.is_empty() {
            self.stopped.swap_remove(self.random.usize(..self.stopped.len()));
        }
    }

    /// Like a pop that claims ahead of the tail, in an empty queue. A push follows, which finds its slot poisoned.
    fn poison(&mut self) {
        let (queue, seen) = (self.queue, self.queue.head.cursor());
        if seen.ticket() >= RawQueue::<T>::LEN || queue.tail.cursor() != seen {
            return;
        }
        queue.head.advance(seen, seen.advanced(1)).unwrap();
        let claim = Claim { segment: Segment::at(seen.address()).unwrap(), index: seen.ticket(), count: 1 };
        assert!(matches!(queue.take(claim), slot::Found::Hole));
        self.push();
    }

    /// The answers that a waiter goes by may be wrong in one direction only.
    fn check_fences(&mut self) {
        let (limit, free) = self.limit();
        assert!(self.queue.fence_pops(limit) || free == 0, "a put waits though there is a free slot");
        assert!(self.queue.fence_pushes() || self.model.is_empty(), "a get waits though there is an item");
        if self.queue.holes() == 0 {
            assert_eq!(self.queue.is_below(limit), free > 0);
        }
    }

    fn step(&mut self) {
        match self.random.u8(..14) {
            0 | 1 => self.push(),
            2 => self.push_with_a_limit(),
            3 => self.push_by_the_fast_path(),
            4 => self.push_a_batch(),
            5 => self.reserve(),
            6 | 7 => self.pop(),
            8 => self.pop_beyond(),
            9 => self.pop_a_batch(),
            10 => self.stop_a_helper(),
            11 => self.let_a_helper_go(),
            12 => self.poison(),
            _ => self.check_fences(),
        }
        let len = self.model.len() as u64;
        let (totals, expected) = (self.queue.totals(), Totals { pushed: self.next, popped: self.next - len });
        assert_eq!((self.queue.len(), totals), (len, expected));
        assert_eq!(self.queue.claims() - self.queue.holes(), self.next);
    }

    /// Sometimes closes the queue, and sometimes leaves the items to its drop.
    fn end(mut self) {
        self.stopped.clear();
        if self.random.bool() {
            assert!(self.queue.close(&mut events()) && self.queue.push(self.item(), UNBOUNDED, &mut events()).is_err());
        }
        if self.random.bool() {
            (0..=self.model.len()).for_each(|_| self.pop());
        }
    }
}

fn random_operations<T: Numbered>(seeds: u64) {
    let before = live::segments();
    for seed in 0..seeds {
        let queue = RawQueue::new();
        let random = fastrand::Rng::with_seed(seed);
        let (model, stopped) = (VecDeque::new(), Vec::new());
        let mut checked = Checked::<T> { queue: &queue, model, next: 0, stopped, random };
        (0..300).for_each(|_| checked.step());
        checked.end();
    }
    assert_eq!(live::segments(), before, "a segment is not freed");
}

#[test]
fn random_operations_match_a_model() {
    random_operations::<u64>(300);
    random_operations::<Box<u64>>(60);
    random_operations::<(u32, u8)>(60);
    random_operations::<Aligned16>(60);
    random_operations::<Aligned64>(60);
    random_operations::<[u64; 8]>(60);
    random_operations::<[u64; 9]>(60);
}
