//! QoS 1 while the broker is killed.

use super::broker::Moment;
use super::proxy::Proxy;
use super::source::Source;
use super::subscriber::Subscriber;
use super::{broker, wait_for};
use crate::acceptance::Verdict;
use joinq_bridge::mqtt::{MqttOptions, Publisher, QoS};
use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

/// What happens to the broker.
#[derive(Clone, Copy, Debug)]
pub struct Kills {
    /// How often it is killed.
    pub kills: u32,
    /// How long it is off, once.
    pub off: Duration,
    /// The settings of what it saves.
    pub saves: &'static str,
    /// When it is killed.
    pub moment: Moment,
    /// The moments of the kills.
    pub seed: u64,
}

/// Publishes numbers with QoS 1 while the broker is killed, and once off for a while: the broker has acknowledged
/// each job that is done. If the broker is killed only at moments at which it can lose nothing, each job also arrives;
/// otherwise what was lost is counted.
pub fn run(kills: Kills) -> Verdict {
    let began = Instant::now();
    let mut ledger = Vec::new();
    let violations = judge(kills, &mut ledger).unwrap_or_else(|violation| vec![violation]);
    let Kills { kills, off, seed, moment, .. } = kills;
    let title = format!(
        "QoS 1, {kills} kills of the broker (moment: {moment:?}), which is off for {off:?} once, seed {seed}, {:.0?}",
        began.elapsed()
    );
    Verdict { title, ledger, violations }
}

fn judge(kills: Kills, ledger: &mut Vec<String>) -> Result<Vec<String>, String> {
    let mut random = fastrand::Rng::with_seed(kills.seed);
    let mut broker = broker::start(&format!("{}{}", kills.saves, broker::FOR_ALL));
    let subscriber = Subscriber::start(&broker, 1)?;
    let line = Proxy::new(broker.address());
    let options = MqttOptions::new("publisher", "127.0.0.1", line.port());
    let builder = Publisher::builder(options).qos(QoS::AtLeastOnce);
    let source = Source::start(builder, Duration::from_millis(1), u32::MAX, |number| number.to_string().into());
    let long_off = random.u32(0..kills.kills);
    for kill in 0..kills.kills {
        let done = source.done();
        let progress = || source.status().is_connected && source.done() > done + 20;
        wait_for(&format!("jobs are done before kill {kill}; the publisher: {:?}", source.status()), progress)?;
        let connections = source.status().connections;
        thread::sleep(Duration::from_millis(random.u64(0..100)));
        let off = if kill == long_off { kills.off } else { Duration::ZERO };
        broker::kill(&mut broker, &line, &subscriber, kills.moment, off)?;
        wait_for("the publisher is connected again", || source.status().connections > connections)?;
    }
    let ended = source.end();
    let missing = |counts: &HashMap<u32, u32>| ended.done.iter().filter(|done| !counts.contains_key(done)).count();
    // What never comes is counted below.
    let _ = wait_for("all has arrived", || missing(&subscriber.counts()) == 0 || !subscriber.is_growing());
    let counts = subscriber.counts();
    let lost = missing(&counts);
    let acknowledged = line.acknowledged();
    let is_acknowledged = |number: &u32| acknowledged.contains(number.to_string().as_bytes());
    let claimed = ended.done.iter().filter(|number| !is_acknowledged(number)).count();
    let repeated: u32 = counts.values().map(|count| count - 1).sum();
    ledger.push(format!(
        "put {}, done {}, of which not acknowledged by the broker {claimed}, arrived {}, lost {lost}, repeated {repeated}, \
         connections {}, published again {}",
        ended.put,
        ended.done.len(),
        counts.len(),
        ended.status.connections,
        ended.status.published_again
    ));
    let mut violations = ended.violations;
    if claimed > 0 {
        violations.push(format!("{claimed} of {} jobs are done without an acknowledgement", ended.done.len()));
    }
    if lost > 0 && kills.moment == Moment::Quiet {
        violations.push(format!("{lost} of {} jobs are done and have not arrived", ended.done.len()));
    }
    Ok(violations)
}
