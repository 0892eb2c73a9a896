//! The short forms of the tests of `mqtt`; `cargo run --release -p joinq-demos --bin mqtt` runs the long ones.

use joinq_demos::acceptance::Verdict;
use joinq_demos::mqtt::broker::Moment;
use joinq_demos::mqtt::{broker, cuts, edge, identity, kills, limits, writes};
use joinq_demos::servers::missing;
use std::path::Path;
use std::time::Duration;

/// Runs a test if mosquitto is there.
fn pass(test: impl FnOnce() -> Verdict) {
    // The second one is in the package mosquitto-clients.
    if missing("mosquitto") || missing("mosquitto_sub") {
        return;
    }
    let verdict = test();
    println!("{verdict}");
    assert!(verdict.passes(), "{verdict}");
}

#[test]
fn with_qos_1_each_job_arrives_though_the_broker_is_killed() {
    let seed = fastrand::u64(..);
    let off = Duration::from_secs(2);
    pass(|| kills::run(kills::Kills { kills: 5, off, saves: broker::SAVES_EACH_CHANGE, moment: Moment::Quiet, seed }));
}

#[test]
fn with_qos_2_each_job_arrives_once_though_the_line_is_cut_and_the_broker_is_stopped() {
    let seed = fastrand::u64(..);
    pass(|| cuts::run(cuts::Cuts { cuts: 10, stops: 0, seed }));
    pass(|| cuts::run(cuts::Cuts { cuts: 5, stops: 2, seed }));
}

#[test]
fn with_qos_0_what_counts_as_published_was_written() {
    pass(|| writes::run(3));
}

#[test]
fn a_client_needs_its_certificate() {
    pass(identity::certificates);
}

#[test]
fn a_token_that_has_expired_is_replaced() {
    pass(identity::token);
}

#[test]
fn a_message_that_the_broker_does_not_bear_does_not_hold_up_others() {
    pass(limits::run);
}

#[test]
fn readings_arrive_though_the_sensor_and_the_broker_are_killed_and_the_line_is_cut() {
    let program = Path::new(env!("CARGO_BIN_EXE_edge"));
    let faults = edge::Faults {
        program_kills: 5,
        broker_kills: 1,
        off: Duration::from_secs(1),
        moment: Moment::Quiet,
        seed: fastrand::u64(..),
    };
    pass(|| edge::run(program, faults));
}
