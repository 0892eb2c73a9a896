//! Decides whether a history is linearizable, by an exhaustive search (Wing and Gong) that remembers the states from
//! which it has failed (Lowe).

use super::spec::{Others, Spec, State, Strictness};
use super::{History, Record, Step};
use std::collections::HashSet;

/// How many records of each thread were passed.
type Passed = Vec<u8>;

struct Search<'a> {
    history: &'a [Vec<Record>],
    spec: Spec,
    failed: HashSet<(Passed, State)>,
    furthest: Passed,
}

/// Whether there is an order of the steps that the specification allows, and in which each step is between its call
/// and its return. If not, the error says how many records of each thread can be passed in the best order.
pub fn check(history: &History, spec: Spec) -> Result<(), Vec<u8>> {
    let mut search = Search { history, spec, failed: HashSet::new(), furthest: vec![0; history.len()] };
    if search.passes(&mut vec![0; history.len()], &State::default()) {
        Ok(())
    } else {
        Err(search.furthest)
    }
}

impl Search<'_> {
    fn next(&self, passed: &Passed, thread: usize) -> Option<&Record> {
        self.history[thread].get(usize::from(passed[thread]))
    }

    /// What the other threads may do while the step of this thread takes place.
    fn others(&self, passed: &Passed, thread: usize, record: &Record, end: u64) -> Others {
        let mut others = Others::default();
        let last = |thread: usize| self.history[thread][..usize::from(passed[thread])].last();
        // The step is not before this.
        let begin = (0..passed.len()).filter_map(last).map(|last| last.called).max().unwrap_or(0).max(record.called);
        for other in (0..passed.len()).filter(|&other| other != thread) {
            if let Some(next) = self.next(passed, other).filter(|next| next.called <= end) {
                others.puts += next.puts;
                others.permits += usize::from(matches!(next.step, Step::ReserveClosed));
            }
            if let Some(last) = last(other).filter(|last| last.returned >= begin) {
                let call = self.history[other][..usize::from(passed[other])].iter().rev();
                let call = call.take_while(|record| record.called == last.called);
                others.gets += call.filter(|record| matches!(record.step, Step::Got(_))).count();
                others.permits += usize::from(matches!(last.step, Step::PutHeld(_)));
            }
        }
        others
    }

    fn passes(&mut self, passed: &mut Passed, state: &State) -> bool {
        // No step comes after the return of another one that is still to come.
        let threads = 0..self.history.len();
        let Some(end) = threads.clone().filter_map(|thread| self.next(passed, thread)).map(|next| next.returned).min()
        else {
            return true;
        };
        if !self.failed.is_empty() && self.failed.contains(&(passed.clone(), state.clone())) {
            return false;
        }
        let sum = |passed: &Passed| passed.iter().map(|&count| u32::from(count)).sum::<u32>();
        if sum(passed) > sum(&self.furthest) {
            self.furthest.clone_from(passed);
        }
        for thread in threads {
            let Some(&record) = self.next(passed, thread).filter(|next| next.called <= end) else { continue };
            let exact = self.spec.strictness == Strictness::Exact;
            let others = if exact { Others::default() } else { self.others(passed, thread, &record, end) };
            if let Some(next) = self.spec.after(state, record.step, others) {
                passed[thread] += 1;
                let found = self.passes(passed, &next);
                passed[thread] -= 1;
                if found {
                    return true;
                }
            }
        }
        self.failed.insert((passed.clone(), state.clone()));
        false
    }
}

/// How many pairs of steps on different threads overlap in time.
pub fn overlaps(history: &History) -> usize {
    let mut count = 0;
    for (thread, records) in history.iter().enumerate() {
        for other in &history[thread + 1..] {
            for a in records {
                count += other.iter().filter(|b| a.called <= b.returned && b.called <= a.returned).count();
            }
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::super::Step::*;
    use super::*;

    fn record((called, returned, step): (u64, u64, Step)) -> Record {
        Record { called, returned, step, puts: usize::from(matches!(step, Put(_) | PutFull | PutClosed)) }
    }

    fn verdict(strictness: Strictness, capacity: Option<usize>, threads: &[&[(u64, u64, Step)]]) -> bool {
        let history = threads.iter().map(|steps| steps.iter().copied().map(record).collect()).collect();
        check(&history, Spec { capacity, permits: false, strictness }).is_ok()
    }

    fn exact(threads: &[&[(u64, u64, Step)]]) -> bool {
        verdict(Strictness::Exact, None, threads)
    }

    #[test]
    fn overlapping_steps_may_take_place_in_any_order() {
        assert!(exact(&[&[(0, 9, Put(1))], &[(1, 8, Put(2))], &[(2, 3, Got(2)), (4, 5, Got(1))]]));
        assert!(exact(&[&[(0, 9, Put(1))], &[(1, 2, GotEmpty), (3, 4, Got(1))]]));
    }

    #[test]
    fn steps_one_after_the_other_keep_their_order() {
        assert!(!exact(&[&[(0, 1, Put(1)), (2, 3, Put(2))], &[(4, 5, Got(2)), (6, 7, Got(1))]]));
        assert!(!exact(&[&[(0, 1, Put(1))], &[(2, 3, GotEmpty), (4, 5, Got(1))]]));
        assert!(!exact(&[&[(0, 1, Put(1))], &[(2, 5, Got(1))], &[(3, 6, Got(1))]]), "one item was got twice");
        assert!(!exact(&[&[(0, 5, Close(true))], &[(1, 6, Close(true))]]));
    }

    #[test]
    fn only_a_put_in_progress_may_count_as_an_item() {
        let history: &[&[_]] = &[&[(0, 9, Put(1))], &[(1, 2, PutFull), (3, 4, GotEmpty)]];
        assert!(!verdict(Strictness::Exact, Some(1), history));
        assert!(verdict(Strictness::Documented, Some(1), history));
        let history: &[&[_]] = &[&[(3, 9, Put(1))], &[(1, 2, PutFull), (3, 4, GotEmpty)]];
        assert!(!verdict(Strictness::Documented, Some(1), history));
    }

    #[test]
    fn a_get_keeps_its_permit_until_it_returns() {
        let history = |returned| {
            let taker = vec![(0, 1, Put(1)), (2, returned, Got(1))];
            let other = vec![(3, 4, GotEmpty), (5, 6, PutFull)];
            [taker, other].map(|steps| steps.into_iter().map(record).collect()).to_vec()
        };
        let spec = |permits| Spec { capacity: Some(1), permits, strictness: Strictness::Documented };
        assert!(check(&history(7), spec(true)).is_ok());
        assert!(check(&history(7), spec(false)).is_err());
        assert!(check(&history(4), spec(true)).is_err());
    }

    #[test]
    fn a_history_without_any_order_is_rejected_after_all_orders_were_tried() {
        // Six items that were put at the same time, and got in an order that fails only at the end.
        let puts: Vec<Vec<_>> = (0..6).map(|item| vec![(0, 100, Put(item))]).collect();
        let mut gets: Vec<_> =
            (0..5).map(|item| (101 + 2 * u64::from(item), 102 + 2 * u64::from(item), Got(item))).collect();
        gets.push((120, 121, Got(7)));
        let mut threads: Vec<&[_]> = puts.iter().map(Vec::as_slice).collect();
        threads.push(&gets);
        assert!(!exact(&threads));
    }
}
