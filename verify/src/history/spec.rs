//! The sequential specification of a queue.

use super::Step;

/// The state of a queue between two operations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    items: Vec<u8>,
    closed: bool,
    /// How many permits are held.
    held: usize,
}

/// How much the specification allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// Each answer is exact.
    Exact,
    /// As documented: a put that has begun and not returned yet may count as an item, for *full* and `len`. With
    /// permits a get keeps its permit until it returns, and a permit that is being used or reserved counts as held.
    Documented,
}

/// What other threads do while a step takes place.
#[derive(Clone, Copy, Debug, Default)]
pub struct Others {
    /// Items whose put has begun and not returned.
    pub puts: usize,
    /// Items that were taken by gets that have not returned.
    pub gets: usize,
    /// Permits that were used by puts that have not returned, and reservations in progress.
    pub permits: usize,
}

/// The specification of a queue with this capacity.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// `None` for an unbounded queue.
    pub capacity: Option<usize>,
    /// Whether the queue has permits.
    pub permits: bool,
    /// How much is allowed.
    pub strictness: Strictness,
}

impl Spec {
    /// The state after a step, or `None` if the step is not possible in this state.
    pub fn after(&self, state: &State, step: Step, others: Others) -> Option<State> {
        let others = if self.strictness == Strictness::Exact { Others::default() } else { others };
        let counted = others.puts;
        let used = state.items.len() + state.held;
        let most = self.capacity.unwrap_or(usize::MAX);
        let kept = if self.permits { others.gets + others.permits } else { 0 };
        let may_be_full = used + counted + kept >= most;
        let len = state.items.len();
        let is_empty = state.items.is_empty();
        let may_end = state.closed && state.held == 0;
        let possible = match step {
            Step::Put(_) => !state.closed && used < most,
            Step::PutFull | Step::ReserveFull => !state.closed && may_be_full,
            Step::PutClosed | Step::ReserveClosed => state.closed,
            Step::Got(item) => state.items.first() == Some(&item),
            Step::GotEmpty => is_empty && (!may_end || (self.permits && others.permits > 0)),
            Step::GotClosed => is_empty && may_end,
            Step::Len(answer) => len <= answer && answer <= (len + counted).min(most),
            Step::IsEmpty(answer) => answer == is_empty || (!answer && counted > 0),
            Step::IsFull(answer) => answer == (used >= most) || (answer && may_be_full),
            Step::IsClosed(answer) => answer == state.closed,
            Step::Close(answer) => answer != state.closed,
            Step::Reserved => !state.closed && used < most,
            Step::PutHeld(_) | Step::Released => state.held > 0,
        };
        possible.then(|| self.changed(state, step))
    }

    fn changed(&self, state: &State, step: Step) -> State {
        let mut next = state.clone();
        match step {
            Step::Put(item) => next.items.push(item),
            Step::Got(_) => drop(next.items.remove(0)),
            Step::Close(_) => next.closed = true,
            Step::Reserved => next.held += 1,
            Step::Released => next.held -= 1,
            Step::PutHeld(item) => {
                next.held -= 1;
                next.items.push(item);
            }
            _ => {}
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(capacity: Option<usize>, steps: &[Step]) -> bool {
        let spec = Spec { capacity, permits: false, strictness: Strictness::Exact };
        let next = |state: State, step: &Step| spec.after(&state, *step, Others::default());
        steps.iter().try_fold(State::default(), next).is_some()
    }

    #[test]
    fn the_specification_is_that_of_a_bounded_queue() {
        use Step::*;
        assert!(run(Some(1), &[GotEmpty, Put(1), PutFull, Len(1), Got(1), Put(2), Close(true), PutClosed, Got(2)]));
        assert!(run(Some(1), &[Close(true), Close(false), GotClosed, ReserveClosed]));
        assert!(!run(Some(1), &[Put(1), Put(2)]));
        assert!(!run(None, &[Put(1), Put(2), Got(2)]));
        assert!(!run(None, &[Put(1), Close(true), GotClosed]));
        assert!(!run(None, &[Close(true), GotEmpty]));
        assert!(!run(None, &[Close(true), Put(1)]));
    }

    #[test]
    fn a_permit_that_is_held_keeps_a_slot_and_the_queue_open() {
        use Step::*;
        assert!(run(Some(1), &[Reserved, PutFull, IsFull(true), Len(0), Close(true), GotEmpty, PutHeld(1), Got(1)]));
        assert!(!run(Some(1), &[Reserved, Put(1)]));
        assert!(!run(Some(1), &[Reserved, Close(true), GotClosed]));
    }
}
