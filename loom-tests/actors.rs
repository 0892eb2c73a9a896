//! For the models of lock-freedom: threads that do one operation of the core each, and the account of their items.
#![allow(dead_code)] // each file of models uses a part of it

use crate::items::{item, Item, Tag};
use crate::stops::{OnFailure, Stops, Tally};
use joinq::raw::{Events, Handshake, PopError, PushError, RawQueue, SingleConsumer, UNBOUNDED};
use loom::sync::Arc;
use std::collections::VecDeque;
use std::rc::Rc;

/// What a queue of the models holds: something with a tag, of which loom detects a lost or a duplicated one.
pub trait Carried: Sized + 'static {
    fn carry(tag: Tag) -> Self;
    fn tag(&self) -> Tag;
}

impl Carried for Item {
    fn carry(tag: Tag) -> Self {
        item(tag)
    }

    fn tag(&self) -> Tag {
        **self
    }
}

/// So large that a segment has four slots, and claims are made before a claim limit.
pub type Wide = (Item, [u64; 7]);

impl Carried for Wide {
    fn carry(tag: Tag) -> Self {
        (item(tag), [0; 7])
    }

    fn tag(&self) -> Tag {
        *self.0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Push,
    /// With the limit of the case, as a queue with a capacity does it.
    PushWithin,
    PushBatch,
    /// Claims a slot and publishes a value later.
    Publish,
    /// Claims a slot and leaves it without a value.
    Abandon,
    Pop,
    PopBatch,
    Close,
    /// Closes and pops all, as the drop of the last receiver.
    DropReceiver,
}

use Operation::*;

/// The threads that take turns with each kind of victim.
pub const OTHERS: [&[Operation]; 6] = [&[Push], &[PushBatch], &[Pop], &[PopBatch], &[Close], &[DropReceiver]];

/// The thread that is the single consumer, if one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Single {
    None,
    Victim,
    /// The thread that does the first of the other operations, and then the main thread.
    Other,
}

#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub handshake: Handshake,
    /// So many items pass before, and so many are in the queue.
    pub passed: usize,
    pub queued: usize,
    pub limit: u64,
    pub single: Single,
    /// Each of these threads may be stopped.
    pub victims: &'static [Operation],
    /// Each of these has another thread.
    pub others: &'static [Operation],
}

pub const CASE: Case = Case {
    handshake: Handshake::Rmw,
    passed: 0,
    queued: 0,
    limit: UNBOUNDED,
    single: Single::None,
    victims: &[],
    others: &[],
};

/// The numbers of threads in tags.
const BEFORE: usize = 9;
const MAIN: usize = 8;
const OTHER: usize = 4;
const LAST: usize = 7;

/// A thread and its items.
struct Actor<T> {
    by: usize,
    limit: u64,
    made: usize,
    accepted: Vec<Tag>,
    popped: Vec<Tag>,
    /// Calls that have closed the queue.
    closes: usize,
    single: Option<SingleConsumer<T>>,
}

impl<T: Carried> Actor<T> {
    fn new(by: usize, limit: u64) -> Self {
        Actor { by, limit, made: 0, accepted: Vec::new(), popped: Vec::new(), closes: 0, single: None }
    }

    fn next(&mut self) -> (Tag, T) {
        self.made += 1;
        let tag = (self.by, self.made);
        (tag, T::carry(tag))
    }

    /// Notes a popped item. What was pushed before this model's threads began is the first, and the items of one
    /// thread are in their order.
    fn note(&mut self, item: T) {
        let tag = item.tag();
        let overtaken = |other: &&Tag| tag.0 == BEFORE && other.0 != BEFORE || other.0 == tag.0 && other.1 >= tag.1;
        assert_eq!(self.popped.iter().find(overtaken), None, "{tag:?} was popped after it");
        self.popped.push(tag);
    }

    fn push(&mut self, queue: &RawQueue<T>, limit: u64) -> Result<Tag, PushError<()>> {
        let (tag, item) = self.next();
        let answer = match limit {
            UNBOUNDED => queue.push(item, limit, &mut Events::default()),
            _ => queue.push_before_claim_limit(item, limit, &mut Events::default()),
        };
        match answer {
            Ok(()) => {
                self.accepted.push(tag);
                Ok(tag)
            }
            Err(error) => {
                let (back, error) = error.split();
                assert_eq!(back.tag(), tag);
                Err(error)
            }
        }
    }

    fn push_batch(&mut self, queue: &RawQueue<T>) {
        let (tags, mut items): (Vec<Tag>, VecDeque<T>) = [self.next(), self.next()].into_iter().unzip();
        while !items.is_empty() && queue.push_run(&mut items, self.limit, &mut Events::default()).is_ok() {}
        let refused = items.len();
        assert!(items.iter().map(T::tag).eq(tags[2 - refused..].iter().copied()));
        self.accepted.extend(&tags[..2 - refused]);
    }

    fn publish(&mut self, queue: &RawQueue<T>) {
        let (tag, mut item) = self.next();
        while let Ok(slot) = queue.reserve(self.limit, &mut Events::default()) {
            match slot.publish(item, &mut Events::default()) {
                None => return self.accepted.push(tag),
                Some(back) => item = back,
            }
        }
        assert_eq!(item.tag(), tag);
    }

    fn pop(&mut self, queue: &RawQueue<T>) -> Result<(), PopError> {
        let answer = match &mut self.single {
            None => queue.pop(&mut Events::default()),
            Some(single) => match queue.peek_ready(single) {
                Some(ready) => Ok(ready.take(|item| item)),
                None => queue.pop_single_slow(single),
            },
        };
        answer.map(|item| self.note(item))
    }

    fn pop_batch(&mut self, queue: &RawQueue<T>) {
        let mut items = Vec::new();
        let _ = match &mut self.single {
            None => queue.pop_run(&mut items, 2, &mut Events::default()),
            Some(single) => queue.pop_many_single(single, &mut items, 2),
        };
        items.into_iter().for_each(|item| self.note(item));
    }

    fn close(&mut self, queue: &RawQueue<T>) {
        self.closes += usize::from(queue.close(&mut Events::default()));
        assert!(queue.is_closed());
    }

    /// Pops until there is no item, and returns the error.
    fn drain(&mut self, queue: &RawQueue<T>) -> PopError {
        for _ in 0..12 {
            if let Err(error) = self.pop(queue) {
                return error;
            }
        }
        panic!("there are more items than were pushed");
    }

    fn end_single(&mut self, queue: &RawQueue<T>) {
        if let Some(mut single) = self.single.take() {
            queue.end_single_consumer(&mut single);
        }
    }

    fn run(&mut self, queue: &RawQueue<T>, operation: Operation) {
        match operation {
            Push => drop(self.push(queue, UNBOUNDED)),
            PushWithin => drop(self.push(queue, self.limit)),
            PushBatch => self.push_batch(queue),
            Publish => self.publish(queue),
            Abandon => {
                if let Ok(slot) = queue.reserve(self.limit, &mut Events::default()) {
                    slot.abandon(&mut Events::default());
                }
            }
            Pop => drop(self.pop(queue)),
            PopBatch => self.pop_batch(queue),
            Close => self.close(queue),
            DropReceiver => {
                self.close(queue);
                self.end_single(queue);
                assert_eq!(self.drain(queue), PopError::Closed);
            }
        }
    }

    /// What must be possible beside stopped threads: an item that is pushed now is popped by this thread, after what is
    /// in the queue before it.
    fn probe(&mut self, queue: &RawQueue<T>) {
        let mut pushed = Err(PushError::Full(()));
        for _ in 0..4 {
            if self.limit != UNBOUNDED {
                // The victims' claims and items count until a pop has passed them.
                self.drain(queue);
            }
            pushed = self.push(queue, self.limit);
            if pushed != Err(PushError::Full(())) {
                break;
            }
        }
        match pushed {
            Ok(tag) => {
                let error = self.drain(queue);
                assert!(self.popped.contains(&tag), "{error:?}, though {tag:?} was pushed before");
            }
            Err(PushError::Closed(())) => assert_eq!(self.drain(queue), PopError::Closed),
            Err(PushError::Full(())) => panic!("full, though all items were popped"),
        }
    }
}

impl Case {
    /// A queue in the state of the case, its items, and its single consumer.
    fn prepare<T: Carried>(&self) -> (RawQueue<T>, Actor<T>) {
        let mut queue = RawQueue::new();
        let mut before = Actor::new(BEFORE, self.limit);
        if self.single != Single::None {
            before.single = Some(queue.single_consumer());
        }
        for _ in 0..self.passed {
            assert!(before.push(&queue, self.limit).is_ok() && before.pop(&queue).is_ok());
        }
        (0..self.queued).for_each(|_| assert!(before.push(&queue, self.limit).is_ok()));
        (queue, before)
    }

    fn run<T: Carried>(&self, stops: &Rc<Stops>) {
        self.handshake.fix();
        let (queue, mut before) = self.prepare::<T>();
        let queue = Arc::new(queue);
        let spawn = |mut actor: Actor<T>, operation, victim: Option<usize>| {
            let (queue, stops) = (queue.clone(), stops.clone());
            loom::thread::spawn(move || {
                match victim {
                    Some(number) => stops.as_victim(number, || actor.run(&queue, operation)),
                    None => actor.run(&queue, operation),
                }
                actor
            })
        };
        let mut actor = |by: usize, single| {
            let mut actor = Actor::new(by, self.limit);
            if self.single == single {
                actor.single = before.single.take();
            }
            actor
        };
        let victims = self.victims.iter().enumerate();
        let victims: Vec<_> =
            victims.map(|(number, &what)| spawn(actor(number, Single::Victim), what, Some(number))).collect();
        let others = self.others.iter().enumerate();
        let others: Vec<_> =
            others.map(|(number, &what)| spawn(actor(OTHER + number, Single::Other), what, None)).collect();
        let mut main = Actor::new(MAIN, self.limit);
        let mut actors: Vec<Actor<T>> = others.into_iter().map(|other| other.join().unwrap()).collect();
        let are_stopped = stops.wait_for_victims();
        main.single = actors.iter_mut().find_map(|other| other.single.take());
        match self.single {
            // Beside victims that go on, other models have these operations.
            _ if !are_stopped => {}
            Single::Victim => drop(main.push(&queue, self.limit)),
            _ => main.probe(&queue),
        }
        stops.release();
        actors.extend(victims.into_iter().map(|victim| victim.join().unwrap()));
        actors.push(main);
        settle(&queue, actors, before);
    }

    /// Explores the case with its one victim at each point that it passes.
    pub fn stop_one<T: Carried>(self, bound: usize, tally: &mut Tally) {
        let _failure = OnFailure(format!("{self:?}"));
        tally.stop_one(bound, move |stops| self.run::<T>(stops));
    }

    /// Explores the case with its two victims at each pair of points that they pass.
    pub fn stop_two<T: Carried>(self, bound: usize, tally: &mut Tally) {
        let _failure = OnFailure(format!("{self:?}"));
        tally.stop_two(bound, move |stops| self.run::<T>(stops));
    }
}

/// After all threads have ended: the remaining items follow those that were popped, each item that was accepted was
/// popped once, and the queue can be used.
fn settle<T: Carried>(queue: &RawQueue<T>, mut actors: Vec<Actor<T>>, before: Actor<T>) {
    actors.iter_mut().for_each(|actor| actor.end_single(queue));
    let closes: usize = actors.iter().map(|actor| actor.closes).sum();
    assert_eq!(closes, usize::from(queue.is_closed()));
    let mut last = Actor::new(LAST, UNBOUNDED);
    let left = queue.len();
    last.drain(queue);
    assert_eq!((last.popped.len() as u64, queue.len()), (left, 0));
    for actor in &mut actors {
        last.popped.iter().for_each(|tag| actor.note(T::carry(*tag)));
        actor.popped.truncate(actor.popped.len() - last.popped.len());
    }
    if closes == 0 {
        assert!(last.push(queue, UNBOUNDED).is_ok() && last.pop(queue).is_ok());
    }
    let all = actors.iter().chain([&before, &last]);
    let (mut popped, mut accepted): (Vec<Tag>, Vec<Tag>) = (Vec::new(), Vec::new());
    for actor in all {
        popped.extend(&actor.popped);
        accepted.extend(&actor.accepted);
    }
    popped.sort_unstable();
    accepted.sort_unstable();
    assert_eq!(popped, accepted);
}
