//! The short forms of the tests of `kill`; `cargo run --release -p joinq-demos --bin kill` runs the long ones.
//!
//! No verdict depends on timing: the percentages of the kills are only printed.

use joinq_demos::acceptance::{blame, calls, kill, order, spill, Verdict};
use joinq_demos::stores::Kind;
use joinq_demos::strace;
use std::path::Path;

/// The program under test, which is also the one that judges in the long forms.
fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_kill"))
}

fn pass(verdict: Verdict) {
    println!("{verdict}");
    assert!(verdict.passes(), "{verdict}");
}

/// Runs a test only where `strace` works.
fn with_strace(test: impl FnOnce()) {
    match strace::available() {
        Ok(()) => test(),
        Err(why) => println!("skipped, for strace does not work here: {why}"),
    }
}

/// Kills a process at every `step`th call, with another first call in each run.
fn at_calls(store: Kind, series: calls::Series, step: u32) {
    let first = fastrand::u32(1..=step);
    with_strace(|| pass(calls::run(program(), calls::Calls { store, series, first, step })));
}

#[test]
fn a_batch_in_sqlite_is_whole_after_a_kill_at_a_system_call() {
    at_calls(Kind::Sqlite, calls::Series::Batches, 5);
}

#[test]
fn a_batch_in_redb_is_whole_after_a_kill_at_a_system_call() {
    at_calls(Kind::Redb, calls::Series::Batches, 5);
}

#[test]
fn an_sqlite_store_loses_nothing_when_its_first_process_is_killed_at_a_system_call() {
    at_calls(Kind::Sqlite, calls::Series::FromStart, 17);
}

#[test]
fn a_redb_store_loses_nothing_when_its_first_process_is_killed_at_a_system_call() {
    at_calls(Kind::Redb, calls::Series::FromStart, 41);
}

#[test]
fn an_sqlite_store_loses_nothing_when_its_thread_is_killed_at_a_system_call() {
    at_calls(Kind::Sqlite, calls::Series::FromOpen, 17);
}

#[test]
fn a_redb_store_loses_nothing_when_its_thread_is_killed_at_a_system_call() {
    at_calls(Kind::Redb, calls::Series::FromOpen, 41);
}

#[test]
fn sixty_kills_lose_nothing() {
    let seed = fastrand::u64(..);
    let kills = |store, workers, kills| pass(kill::run(program(), kill::Kills { store, workers, kills, seed }));
    kills(Kind::Sqlite, 4, 24);
    kills(Kind::Sqlite, 1, 12);
    kills(Kind::Redb, 4, 12);
    kills(Kind::Redb, 1, 12);
}

#[test]
fn a_put_returns_after_its_data_was_synchronized() {
    let run = |store| pass(order::run(program(), store, order::Rule::LastWrite));
    with_strace(|| Kind::BOTH.into_iter().for_each(run));
}

#[test]
fn a_put_among_starts_returns_after_its_item_was_synchronized() {
    let run = |store| pass(order::run(program(), store, order::Rule::Item));
    with_strace(|| Kind::BOTH.into_iter().for_each(run));
}

#[test]
fn a_put_that_need_only_survive_a_kill_returns_before() {
    with_strace(|| pass(order::run(program(), Kind::SqliteFromKill, order::Rule::LastWrite)));
}

#[test]
fn a_job_that_aborts_the_process_is_the_only_one_that_is_blamed() {
    pass(blame::run(program(), Kind::Sqlite, 1, 100));
    pass(blame::run(program(), Kind::Sqlite, 4, 100));
    pass(blame::run(program(), Kind::Redb, 1, 100));
    pass(blame::run(program(), Kind::Redb, 4, 100));
}

#[test]
fn spilled_jobs_run_in_order_and_join_waits_for_them() {
    pass(spill::run(program(), Kind::Sqlite, 3000));
    pass(spill::run(program(), Kind::Redb, 1000));
}
