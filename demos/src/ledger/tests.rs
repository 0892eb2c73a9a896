//! Each rule of the ledger is violated once.

use super::*;

/// A ledger of processes, each given by its lines. All but the last one were killed.
fn ledger(order: Order, fates: Fates, processes: &[&str]) -> Ledger {
    let mut ledger = Ledger::new(order, fates);
    for (number, lines) in processes.iter().enumerate() {
        ledger.begins();
        let lines = lines.split(", ").filter(|line| !line.is_empty());
        lines.for_each(|line| ledger.read(&line.parse().expect("a line")));
        if number + 1 < processes.len() {
            ledger.killed();
        }
    }
    ledger
}

fn left(jobs: &[u64], dead: &[(u64, &str)]) -> Left {
    let dead = dead.iter().map(|(id, error)| Letter { id: *id, error: (*error).to_owned() }).collect();
    Left { jobs: jobs.to_vec(), dead }
}

/// The only violation of these processes.
#[track_caller]
fn violation(fates: Fates, processes: &[&str], dead: &[(u64, &str)]) -> String {
    let mut ledger = ledger(Order::OfIds, fates, processes);
    ledger.close(&left(&[], dead));
    let [violation] = ledger.violations() else { panic!("not one violation: {:?}", ledger.violations()) };
    violation.clone()
}

#[track_caller]
fn violates(processes: &[&str], expected: &str) {
    let found = violation(Fates::Done, processes, &[]);
    assert!(found.contains(expected), "{found:?} does not say {expected:?}");
}

#[track_caller]
fn keeps(fates: Fates, processes: &[&str], dead: &[(u64, &str)]) -> Ledger {
    let mut ledger = ledger(Order::OfPuts, fates, processes);
    ledger.close(&left(&[], dead));
    assert!(ledger.violations().is_empty(), "{:?}", ledger.violations());
    ledger
}

/// An item of the first process.
const ITEM: u64 = 1 << 32 | 1;

const CRASHED: &str = "the process ended three times while the job ran";

#[test]
fn a_job_has_the_trace_context_of_its_put() {
    violates(&["S, T 7, P 1 7, U 1, B 1 7 1, E 1, D 1"], "another trace context");
}

#[test]
fn a_job_may_be_cut_off_anywhere_and_run_again() {
    let all = ["S", "T 7", "P 1 7", "B 1 7 1", "E 1", "D 1"];
    for cut in 0..=all.len() {
        let first = all[..cut].join(", ");
        // What was committed without its line is not seen again; what was not runs again.
        let rest = match cut {
            0..=1 => "S",
            2..=4 => "S, B 1 7 1, E 1, D 1",
            _ => "S",
        };
        let ledger = keeps(Fates::Done, &[&first, rest], &[]);
        assert_eq!(ledger.kills().early, u64::from(cut == 0));
        assert_eq!(ledger.kills().in_put, u64::from(cut == 2));
        assert_eq!(ledger.kills().in_run, u64::from((4..6).contains(&cut)));
    }
}

#[test]
fn an_attempt_may_end_in_each_way_that_its_fate_allows() {
    // Of each six keys the first fails once, the second panics once, the third and the fourth die.
    keeps(Fates::Each, &["T 6, P 1 6, B 1 6 1, F 1, B 1 6 2, E 1, D 1"], &[]);
    let dies = "T 8, P 1 8, B 1 8 1, F 1, B 1 8 2, F 1, B 1 8 3, F 1, X 1 Dead";
    keeps(Fates::Each, &[dies], &[(1, "no")]);
    keeps(Fates::Each, &["T 9, P 1 9, B 1 9 1, F 1, X 1 Dead"], &[(1, "no")]);
    keeps(Fates::Each, &["T 9, P 1 9, B 1 9 1, F 1", ""], &[(1, "no")]);
    let ledger = keeps(Fates::Each, &["T 6, P 1 6, B 1 6 1, F 1", "B 1 6 2", "B 1 6 2, E 1, D 1"], &[]);
    assert_eq!(ledger.sums(&Left::default()).repeated, 1);
}

#[test]
fn an_acknowledged_job_must_run_to_its_end() {
    violates(&["T 7, P 1 7", ""], "was lost: 0 attempts");
    violates(&["T 7, P 1 7, B 1 7 1", ""], "was lost: 1 attempts");
    violates(&["", "T 7, P 1 7, B 1 7 1, E 1"], "was lost");
    let mut lost = ledger(Order::Any, Fates::Done, &["T 7, P 1 7", ""]);
    lost.close(&Left::default());
    assert_eq!(lost.sums(&Left::default()).lost, 1);
}

#[test]
fn a_job_whose_retry_is_forgotten_is_lost() {
    let found = violation(Fates::Each, &["T 6, P 1 6, B 1 6 1, F 1", ""], &[]);
    assert!(found.contains("was lost"), "{found}");
}

#[test]
fn a_job_that_begins_must_not_be_settled_or_running() {
    violates(&["T 7, P 1 7, B 1 7 1, E 1, D 1", "B 1 7 1, E 1"], "begins again after it was settled as Done");
    violates(&["T 7, P 1 7, B 1 7 1, E 1, D 1, B 1 7 2, E 1"], "begins again after it was settled as Done");
    violates(&["T 7, P 1 7, B 1 7 1, B 1 7 2, E 1, D 1"], "in which it runs already");
}

#[test]
fn attempts_are_counted_on() {
    violates(&["T 7, P 1 7, B 1 7 2, E 1, D 1"], "for the first time as attempt 2");
    let found = violation(Fates::Each, &["T 6, P 1 6, B 1 6 1, F 1, B 1 6 1, E 1, D 1"], &[]);
    assert!(found.contains("as attempt 1 after attempt 1 in the same process"), "{found}");
    let twice = "T 8, P 1 8, B 1 8 1, F 1, B 1 8 2, F 1";
    let found = violation(Fates::Each, &[twice, "B 1 8 1, F 1, B 1 8 2, F 1, B 1 8 3, F 1"], &[(1, "no")]);
    assert!(found.contains("as attempt 1 after attempt 2 in an earlier process"), "{found}");
}

#[test]
fn done_comes_after_the_end_of_the_handler() {
    violates(&["T 7, P 1 7, B 1 7 1, D 1, E 1"], "is done before its handler has ended");
    violates(&["T 7, P 1 7, D 1"], "is done before its handler has ended");
    violates(&["T 7, P 1 7, B 1 7 1, E 1, D 1, D 1"], "is done after it was settled");
}

#[test]
fn one_id_is_one_item() {
    violates_also(&["T 7, P 1 7, B 1 8 1, E 1, D 1"], "item 8, which was never put");
    violates_also(&["T 7, P 1 7, T 8, P 1 8, B 1 7 1, E 1, D 1"], "id 1 was given to two puts");
    violates_also(&["P 1 7, B 1 7 1, E 1, D 1"], "which was never put");
}

/// As [`violates`], where one fault violates several rules.
#[track_caller]
fn violates_also(processes: &[&str], expected: &str) {
    let mut ledger = ledger(Order::OfPuts, Fates::Done, processes);
    ledger.close(&Left::default());
    let found = ledger.violations();
    assert!(found.iter().any(|found| found.contains(expected)), "{found:?} does not say {expected:?}");
}

#[test]
fn ids_and_first_attempts_have_the_order_of_the_puts() {
    violates_also(&["T 7, P 2 7, T 8, P 1 8"], "not above 2");
    violates_also(&["T 7, P 1 7, T 8, P 2 8, B 2 8 1, E 2, D 2, B 1 7 1, E 1, D 1"], "job 2 begins before job 1");
    let at_the_same_time = ["T 7, T 8, P 2 7, P 1 8, B 2 7 1, E 2, D 2, B 1 8 1, E 1, D 1"];
    violates(&at_the_same_time, "job 1 begins after job 2");
    for order in [Order::Any, Order::OfPuts] {
        let mut ledger = ledger(order, Fates::Done, &at_the_same_time);
        ledger.close(&Left::default());
        assert!(ledger.violations().is_empty());
    }
}

#[test]
fn join_waits_for_all_jobs() {
    violates(&["J 1 0"], "with 1 unfinished");
    violates(&["J 0 1"], "1 of them on disk");
    violates(&["T 7, P 1 7, J 0 0, B 1 7 1, E 1, D 1"], "join returned before job 1 had run");
    keeps(Fates::Done, &["T 7, P 1 7, B 1 7 1, E 1, D 1, J 0 0"], &[]);
}

#[test]
fn no_job_of_the_process_dies_after_join() {
    let late = |key: u64| format!("T {key}, P 1 {key}, B 1 {key} 1, F 1, J 0 0, X 1 Dead");
    // Of each six keys the fourth fails for good.
    let found = violation(Fates::Each, &[&late(ITEM + 4)], &[(1, "no")]);
    assert!(found.contains("after join had returned"), "{found}");
    // A job of an earlier process is reported by a task of its own.
    keeps(Fates::Each, &[&late(9)], &[(1, "no")]);
}

#[test]
fn a_dead_letter_needs_its_reason() {
    let dead = |processes: &[&str], dead: &[(u64, &str)]| violation(Fates::Each, processes, dead);
    let done = "T 10, P 1 10, B 1 10 1, E 1";
    assert!(dead(&[&format!("{done}, D 1")], &[(1, "no")]).contains("is done and a dead letter"));
    assert!(dead(&[done, ""], &[(1, "no")]).contains("is dead after 0 failures"));
    assert!(dead(&["T 8, P 1 8, B 1 8 1, F 1, X 1 Dead"], &[(1, "no")]).contains("is dead after 1 failures"));
    assert!(dead(&["T 9, P 1 9, B 1 9 1, F 1, X 1 Dead"], &[]).contains("is not in the file"));
    assert!(dead(&["T 9, P 1 9, B 1 9 1, F 1, X 1 Dead"], &[(1, "no"), (2, "no")]).contains("dead letter 2"));
    keeps(Fates::Done, &[&format!("T {ITEM}, P 1 {ITEM}, B 1 {ITEM} 1"), "", "", ""], &[(1, CRASHED)]);
    let two = [&format!("T {ITEM}, P 1 {ITEM}, B 1 {ITEM} 1"), "", ""];
    assert!(violation(Fates::Done, &two, &[(1, CRASHED)]).contains("at most 2 happened"));
}

#[test]
fn a_job_is_in_one_table() {
    let mut ledger = ledger(Order::Any, Fates::Each, &["T 9, P 1 9, B 1 9 1, F 1, T 10, P 2 10, B 2 10 1, E 2, D 2"]);
    ledger.inspect(&left(&[1], &[]));
    assert!(ledger.violations().is_empty());
    ledger.inspect(&left(&[1, 2], &[(1, "no")]));
    let [both, done] = ledger.violations() else { panic!("not two violations: {:?}", ledger.violations()) };
    assert!(both.contains("both a job and a dead letter") && done.contains("though it was settled"), "{both} {done}");
}

#[test]
fn a_refused_put_is_a_violation() {
    violates(&["T 7, R 7 the store is full"], "was refused: the store is full");
}
