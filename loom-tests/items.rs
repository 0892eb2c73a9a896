//! For the models of the core: items of which loom detects a lost or a duplicated one, operations on them,
//! and runs of a model with both handshakes.
#![allow(dead_code)] // each file of models uses a part of it

use crate::support::explore_up_to;
use joinq::raw::{Events, Handshake, PopError, PushError, RawQueue, UNBOUNDED};
use loom::sync::Arc;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An item: its producer, and its number among the producer's items. loom reports an `Arc` that is never
/// dropped or dropped twice.
pub type Item = Arc<(usize, usize)>;

/// The content of an item, which outlives the item.
pub type Tag = (usize, usize);

pub fn item(tag: Tag) -> Item {
    Arc::new(tag)
}

/// The items that one consumer popped, in their order.
#[derive(Debug, Default)]
pub struct Popped(pub Vec<Tag>);

impl Popped {
    /// Adds an item. Items of one producer must arrive in the order in which it pushed them.
    pub fn note(&mut self, item: Item) {
        let tag = *item;
        let overtaken = self.0.iter().find(|other| other.0 == tag.0 && other.1 >= tag.1);
        assert_eq!(overtaken, None, "{tag:?} was popped after it");
        self.0.push(tag);
    }
}

pub type Shared = Arc<RawQueue<Item>>;

/// The producer of the items that are in the queue before the threads start.
pub const BEFORE: usize = 9;

/// A queue with `queued` items, after `passed` items have passed through it.
pub fn queue(passed: usize, queued: usize) -> (Shared, Vec<Tag>) {
    let queue = Arc::new(RawQueue::new());
    for _ in 0..passed {
        push(&queue, (BEFORE, 0));
        assert!(queue.pop(&mut Events::default()).is_ok());
    }
    let tags: Vec<Tag> = (1..=queued).map(|number| (BEFORE, number)).collect();
    for tag in &tags {
        push(&queue, *tag);
    }
    (queue, tags)
}

pub fn push(queue: &Shared, tag: Tag) {
    assert!(queue.push(item(tag), UNBOUNDED, &mut Events::default()).is_ok());
}

/// Pushes if the limit allows, and adds the tag to `accepted`. An item that is not pushed must come back.
pub fn try_push(queue: &Shared, tag: Tag, limit: u64, accepted: &mut Vec<Tag>) -> Result<(), PushError<()>> {
    let answer = match queue.push(item(tag), limit, &mut Events::default()) {
        Ok(()) => {
            accepted.push(tag);
            Ok(())
        }
        Err(PushError::Full(back)) => {
            assert_eq!(*back, tag);
            Err(PushError::Full(()))
        }
        Err(PushError::Closed(back)) => {
            assert_eq!(*back, tag);
            assert!(queue.is_closed());
            Err(PushError::Closed(()))
        }
    };
    assert!(queue.len() <= limit);
    answer
}

/// Pushes items from the front of `items` until it is empty or a push fails.
pub fn push_all(queue: &Shared, items: &mut VecDeque<Item>, limit: u64) -> Result<(), PushError<()>> {
    while !items.is_empty() {
        queue.push_run(items, limit, &mut Events::default())?;
    }
    Ok(())
}

/// Pops up to `limit` items.
pub fn pop_up_to(queue: &Shared, items: &mut Vec<Item>, limit: usize) -> Result<usize, PopError> {
    let before = items.len();
    while items.len() - before < limit {
        match queue.pop_run(items, limit - (items.len() - before), &mut Events::default()) {
            Err(error) if items.len() == before => return Err(error),
            Err(_) => break,
            Ok(_) => {}
        }
    }
    Ok(items.len() - before)
}

pub fn pop(queue: &Shared, popped: &mut Popped) -> Result<(), PopError> {
    queue.pop(&mut Events::default()).map(|item| popped.note(item))
}

/// After all threads have ended: pops the remaining items, which must come after those popped before. Each
/// accepted item was popped once.
pub fn settle(
    queue: &Shared,
    all_popped: impl IntoIterator<Item = Popped>,
    accepted: impl IntoIterator<Item = Vec<Tag>>,
) {
    let mut all_popped: Vec<Popped> = all_popped.into_iter().collect();
    let mut accepted: Vec<Tag> = accepted.into_iter().flatten().collect();
    let queued = queue.len();
    let mut rest = Popped::default();
    while pop(queue, &mut rest).is_ok() {}
    assert_eq!(queued as usize, rest.0.len());
    for popped in &mut all_popped {
        rest.0.iter().for_each(|tag| popped.note(item(*tag)));
        let all = popped.0.len();
        popped.0.truncate(all - rest.0.len());
    }
    let mut all: Vec<Tag> = all_popped.into_iter().chain([rest]).flat_map(|popped| popped.0).collect();
    all.sort_unstable();
    accepted.sort_unstable();
    assert_eq!(all, accepted);
    assert_eq!(queue.len(), 0);
    // No pop claimed ahead of the tail: without other threads, a push finds no poisoned slot.
    let holes = queue.holes();
    if queue.push(item((BEFORE, 0)), 1, &mut Events::default()).is_ok() {
        assert!(queue.pop(&mut Events::default()).is_ok());
    }
    assert_eq!(queue.holes(), holes);
}

/// Whether a pop poisoned a slot or a push left a hole.
pub fn has_holes(queue: &Shared) -> bool {
    queue.holes() > 0
}

/// Both handshakes, each with the number of executions after which a model stops. Under loom, fences replace
/// `membarrier`, which is stronger than the shipped code. The RMWs are those of the shipped code.
const HANDSHAKES: [(Handshake, usize); 2] = [(Handshake::Membarrier, 20_000), (Handshake::Rmw, 3_000)];

/// Like that of `support.rs`, with each handshake.
pub fn explore_capped(model: impl Fn() + Send + Sync + 'static) {
    let model = std::sync::Arc::new(model);
    for (handshake, enough) in HANDSHAKES {
        let model = model.clone();
        explore_up_to(enough, move || {
            handshake.fix();
            model();
        });
    }
}

/// Like [`explore_capped`], and fails unless `model` returned true at least once with each handshake.
pub fn reach(what: &str, model: impl Fn() -> bool + Send + Sync + 'static) {
    reach_with(&HANDSHAKES, what, model);
}

/// Like [`reach`], with these handshakes and numbers of executions.
pub fn reach_with(all: &[(Handshake, usize)], what: &str, model: impl Fn() -> bool + Send + Sync + 'static) {
    let model = std::sync::Arc::new(model);
    for &(handshake, enough) in all {
        let model = model.clone();
        reach_up_to(enough, what, move || {
            handshake.fix();
            model()
        });
    }
}

/// Fails unless `model` returned true at least once: a model that never reaches its case shows nothing.
/// Checked only where loads are RMWs, because otherwise loom may miss the case (see `src/sync/loom.rs`), and not in
/// the short form of `.ci/run`, which may end before.
fn reach_up_to(enough: usize, what: &str, model: impl Fn() -> bool + Send + Sync + 'static) {
    let reached = std::sync::Arc::new(AtomicUsize::new(0));
    let counted = reached.clone();
    explore_up_to(enough, move || {
        if model() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let reached = reached.load(Ordering::Relaxed);
    println!("    {what} in {reached} of them");
    let is_short = std::env::var_os("LOOM_MAX_PERMUTATIONS").is_some();
    assert!(reached > 0 || cfg!(not(loom_rmw)) || is_short, "never reached: {what}");
}
