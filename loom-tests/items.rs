//! Items that cannot get lost unseen, and what is done with them in the models of the core.
#![allow(dead_code)] // not every file needs everything

use crate::models::explore_up_to;
use joinq::raw::{Events, Handshake, PopError, PushError, RawQueue, UNBOUNDED};
use loom::sync::Arc;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Its producer, and its number among what that producer puts. loom tells of an `Arc` that is never dropped, or
/// dropped twice.
pub type Item = Arc<(usize, usize)>;

/// What is known of an item after it is gone.
pub type Tag = (usize, usize);

pub fn item(tag: Tag) -> Item {
    Arc::new(tag)
}

/// What one consumer got, in its order.
#[derive(Debug, Default)]
pub struct Got(pub Vec<Tag>);

impl Got {
    /// Each producer's items come in the order in which it put them.
    pub fn note(&mut self, item: Item) {
        let tag = *item;
        let overtaken = self.0.iter().find(|other| other.0 == tag.0 && other.1 >= tag.1);
        assert_eq!(overtaken, None, "{tag:?} came after it");
        self.0.push(tag);
    }
}

pub type Shared = Arc<RawQueue<Item>>;

/// The producer of what is inside before the threads start.
pub const BEFORE: usize = 9;

/// A queue through which `passed` items have gone, and with `inside` more in it.
pub fn queue(passed: usize, inside: usize) -> (Shared, Vec<Tag>) {
    let queue = Arc::new(RawQueue::new());
    for _ in 0..passed {
        put(&queue, (BEFORE, 0));
        assert!(queue.pop(&mut Events::default()).is_ok());
    }
    let tags: Vec<Tag> = (1..=inside).map(|number| (BEFORE, number)).collect();
    for tag in &tags {
        put(&queue, *tag);
    }
    (queue, tags)
}

pub fn put(queue: &Shared, tag: Tag) {
    assert!(queue.push(item(tag), UNBOUNDED, &mut Events::default()).is_ok());
}

/// Puts if the bound allows; what is refused comes back. Whoever succeeds keeps the tag in `accepted`.
pub fn offer(queue: &Shared, tag: Tag, limit: u64, accepted: &mut Vec<Tag>) -> Result<(), PushError<()>> {
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

/// Pushes items from the front of `items` until it is empty or a push is refused.
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

pub fn get(queue: &Shared, got: &mut Got) -> Result<(), PopError> {
    queue.pop(&mut Events::default()).map(|item| got.note(item))
}

/// With all threads joined: what is left comes after what was got, and all that was accepted came out once.
pub fn settle(queue: &Shared, gots: impl IntoIterator<Item = Got>, accepted: impl IntoIterator<Item = Vec<Tag>>) {
    let mut gots: Vec<Got> = gots.into_iter().collect();
    let mut accepted: Vec<Tag> = accepted.into_iter().flatten().collect();
    let inside = queue.len();
    let mut rest = Got::default();
    while get(queue, &mut rest).is_ok() {}
    assert_eq!(inside as usize, rest.0.len());
    for got in &mut gots {
        rest.0.iter().for_each(|tag| got.note(item(*tag)));
        let all = got.0.len();
        got.0.truncate(all - rest.0.len());
    }
    let mut came: Vec<Tag> = gots.into_iter().chain([rest]).flat_map(|got| got.0).collect();
    came.sort_unstable();
    accepted.sort_unstable();
    assert_eq!(came, accepted);
    assert_eq!(queue.len(), 0);
    // No get went ahead of the tail: with nobody else there, a put finds its slot as it should be.
    let holes = queue.holes();
    if queue.push(item((BEFORE, 0)), 1, &mut Events::default()).is_ok() {
        assert!(queue.pop(&mut Events::default()).is_ok());
    }
    assert_eq!(queue.holes(), holes);
}

/// Whether a getter lost patience with a putter, or a putter gave a claim up.
pub fn has_holes(queue: &Shared) -> bool {
    queue.holes() > 0
}

/// The means by which putter and getter do not miss each other, with the number of executions that is enough for each.
/// loom's fences in place of the process-wide barrier are stronger than what ships; the RMWs are as they ship.
const MEANS: [(Handshake, usize); 2] = [(Handshake::Membarrier, 20_000), (Handshake::Rmw, 3_000)];

/// As that of `models.rs`, with each of the means.
pub fn explore_capped(model: impl Fn() + Send + Sync + 'static) {
    let model = std::sync::Arc::new(model);
    for (handshake, enough) in MEANS {
        let model = model.clone();
        explore_up_to(enough, move || {
            handshake.fix();
            model();
        });
    }
}

/// As [`explore_capped`], and fails unless `model` was true at least once with each of the means.
pub fn reach(what: &str, model: impl Fn() -> bool + Send + Sync + 'static) {
    reach_with(&MEANS, what, model);
}

/// As [`reach`], with these means and numbers of executions.
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

/// Fails unless `model` was true at least once: one that never reaches what it is for shows nothing. Asked only where
/// loads are RMWs: otherwise loom may miss it (see `src/sync/loom.rs`).
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
    assert!(reached > 0 || cfg!(not(loom_rmw)), "never reached: {what}");
}
