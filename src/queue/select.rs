//! How a select takes part in a queue with capacity 0: it registers its branches, and matches the branches of
//! others.
//!
//! Knows waiters and the branches of selects. Does not know what else a select waits for.

#[cfg(feature = "compat")]
use super::notify::Deferred;
use super::selects::{Entry, Part, SelectKey, Side};
use super::{Lists, Queue};
use crate::error::TryGetError;
use crate::wait::Selection;
use std::sync::Arc;
#[cfg(feature = "compat")]
use {super::selects::Later, crate::error::TryPutError, crate::raw::PopError, crate::raw::UNBOUNDED};

/// What a get without waiting has found.
pub(crate) enum Found<T> {
    Item(T),
    /// Another thread's select has selected its put, and its item follows.
    #[cfg(feature = "compat")]
    Later(Later<T>),
}

/// A put whose get is certain, and whose item has to follow.
#[cfg(feature = "compat")]
pub(crate) enum Match<T> {
    /// A branch of another thread's select: the item goes there.
    Selected(Later<T>),
    /// A get that waits by itself.
    Waiting,
}

/// A branch that was registered.
pub(crate) struct RegisteredBranch {
    pub(crate) key: SelectKey,
    /// Whether the other side waits, or the queue is closed: the branch has to be withdrawn and tried again.
    pub(crate) may_complete: bool,
}

impl<T> Queue<T> {
    /// Takes an item without waiting, also from a select that will provide it only later.
    pub(crate) fn try_get_beside_selects(&self) -> Result<Found<T>, TryGetError> {
        let found = self.with_waiters_notifying(|lists, deferred| {
            #[cfg(feature = "compat")]
            if lists.locked.selects.are_late_first() {
                if let Some(later) = self.select_late_put(lists, deferred) {
                    return Ok(Found::Later(later));
                }
            }
            match self.take_and_serve(lists, deferred) {
                #[cfg(feature = "compat")]
                Err(PopError::Empty) => self.select_late_put(lists, deferred).map(Found::Later).ok_or(PopError::Empty),
                taken => taken.map(Found::Item),
            }
        });
        Ok(found?)
    }

    /// Selects a put whose item follows.
    #[cfg(feature = "compat")]
    fn select_late_put(&self, lists: &mut Lists<T>, deferred: &mut Deferred<'_, T>) -> Option<Later<T>> {
        if self.raw.is_closed() {
            return None;
        }
        let part = lists.locked.selects.select_late_put(&mut deferred.wakes)?;
        let later = Arc::new(Queue::bounded(1));
        *part = Part::Owes(later.clone());
        Some(later)
    }

    /// Registers a branch. From now on other threads may select it, if its selection is open.
    pub(crate) fn register_branch(&self, entry: Entry<T>) -> RegisteredBranch {
        self.with_waiters_notifying(|lists, deferred| {
            let may_complete = self.may_complete(lists, entry.part.side(), Some(&entry.selection));
            if entry.part.is_selectable() {
                let other_side = entry.part.side().other();
                lists.locked.selects.wake_watching(other_side, Some(&entry.selection), &mut deferred.wakes);
            }
            RegisteredBranch { key: lists.locked.selects.insert(entry), may_complete }
        })
    }

    /// Whether the other side of this one waits, beside the branches of one select, or the queue is closed.
    fn may_complete(&self, lists: &Lists<T>, side: Side, beside: Option<&Arc<Selection>>) -> bool {
        let is_ready = match side {
            Side::Gets => {
                let is_at_end = self.raw.is_closed() && !self.hot.second_step.is_open();
                self.stored_items() > 0 || lists.putters.waiting() > 0 || is_at_end
            }
            Side::Puts => self.raw.len() < self.limit_now(lists) || self.raw.is_closed(),
        };
        is_ready || !self.raw.is_closed() && lists.locked.selects.has_open(side.other(), beside)
    }

    /// Removes a branch, and returns what it waits for or what the thread that has selected it left there.
    pub(crate) fn remove_branch(&self, key: SelectKey) -> Part<T> {
        let Entry { part, .. } = self.with_waiters(|lists| lists.locked.selects.remove(key));
        part
    }

    /// Matches a get, whose item will follow. [`put_matched`](Self::put_matched) or
    /// [`abandon_match`](Self::abandon_match) must follow.
    #[cfg(feature = "compat")]
    pub(crate) fn try_match_get(&self) -> Result<Match<T>, TryPutError<()>> {
        self.with_waiters_notifying(|lists, deferred| {
            if self.raw.is_closed() {
                return Err(TryPutError::Closed(()));
            }
            let limit = self.limit_now(lists);
            self.serve(lists, limit, deferred);
            if let Some(part) = lists.locked.selects.select_get(&mut deferred.wakes) {
                let later = Arc::new(Queue::bounded(1));
                *part = Part::GotLater(later.clone());
                return Ok(Match::Selected(later));
            }
            if self.raw.len() < limit {
                lists.locked.selects.owed += 1;
                return Ok(Match::Waiting);
            }
            Err(TryPutError::Full(()))
        })
    }

    /// Puts the item for a get that waits by itself and was matched. If that get has ended meanwhile, the
    /// next get takes the item.
    #[cfg(feature = "compat")]
    pub(crate) fn put_matched(&self, item: T) -> Result<(), TryPutError<T>> {
        let pushed = self.with_waiters_notifying(|lists, deferred| {
            lists.locked.selects.owed -= 1;
            self.raw.push(item, UNBOUNDED, &mut deferred.events)
        });
        Ok(pushed?)
    }

    /// The item for a matched get will not follow: another put can be matched with that get. A select that has
    /// found it promised waits to be woken.
    #[cfg(feature = "compat")]
    pub(crate) fn abandon_match(&self) {
        self.with_waiters_notifying(|lists, deferred| {
            lists.locked.selects.owed -= 1;
            self.serve(lists, self.limit_now(lists), deferred);
            lists.locked.selects.wake(Side::Puts, &mut deferred.wakes);
        });
    }

    /// Whether the other side waits, or the queue is closed.
    #[cfg(feature = "compat")]
    pub(crate) fn may_match(&self, part: Part<T>) -> bool {
        self.with_waiters(|lists| self.may_complete(lists, part.side(), None))
    }

    /// Keeps an item beside the queue, for a select that has erased its type.
    #[cfg(feature = "compat")]
    pub(crate) fn stash(&self, item: T) -> usize {
        self.with_waiters(|lists| lists.locked.selects.stash.insert(item))
    }

    /// Returns a stashed item.
    #[cfg(feature = "compat")]
    pub(crate) fn unstash(&self, key: usize) -> T {
        self.with_waiters(|lists| lists.locked.selects.stash.remove(key))
    }
}
