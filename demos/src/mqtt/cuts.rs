//! QoS 2 while the line is cut and the broker is stopped.

use super::proxy::Proxy;
use super::source::Source;
use super::subscriber::Subscriber;
use super::{broker, wait_for};
use crate::acceptance::Verdict;
use joinq_bridge::mqtt::{MqttOptions, Publisher, QoS};
use std::collections::{HashMap, HashSet};
use std::thread;
use std::time::{Duration, Instant};

/// What happens to the connection.
#[derive(Clone, Copy, Debug)]
pub struct Cuts {
    /// How often the line is cut.
    pub cuts: u32,
    /// How often the broker is stopped by SIGTERM and started again.
    pub stops: u32,
    /// The moments of both.
    pub seed: u64,
}

/// Publishes numbers with QoS 2 while the line is cut and the broker is stopped: the broker passes each job on exactly
/// once.
///
/// A broker that was stopped may send a message to its subscriber again, with the identifier that the message had.
/// That is between those two, so that it is counted and is no violation.
pub fn run(cuts: Cuts) -> Verdict {
    let began = Instant::now();
    let mut ledger = Vec::new();
    let violations = judge(cuts, &mut ledger).unwrap_or_else(|violation| vec![violation]);
    let Cuts { cuts, stops, seed } = cuts;
    let title = format!("QoS 2, {cuts} cuts, {stops} stops of the broker, seed {seed}, {:.0?}", began.elapsed());
    Verdict { title, ledger, violations }
}

fn judge(cuts: Cuts, ledger: &mut Vec<String>) -> Result<Vec<String>, String> {
    let mut random = fastrand::Rng::with_seed(cuts.seed);
    let mut broker = broker::start(&format!("{}{}", broker::SAVES_EACH_CHANGE, broker::FOR_ALL));
    let subscriber = Subscriber::start(&broker, 2)?;
    let line = Proxy::new(broker.address());
    let options = MqttOptions::new("publisher", "127.0.0.1", line.port());
    let builder = Publisher::builder(options).qos(QoS::ExactlyOnce);
    let source = Source::start(builder, Duration::from_millis(1), u32::MAX, |number| number.to_string().into());
    let mut events: Vec<bool> = (0..cuts.cuts + cuts.stops).map(|event| event < cuts.stops).collect();
    random.shuffle(&mut events);
    for is_stop in events {
        let done = source.done();
        let progress = || source.status().is_connected && source.done() > done;
        wait_for(&format!("jobs are done; the publisher: {:?}", source.status()), progress)?;
        let connections = source.status().connections;
        thread::sleep(Duration::from_micros(random.u64(0..50_000)));
        if is_stop {
            broker.stop();
            broker.start();
        } else {
            line.cut();
        }
        wait_for("the publisher is connected again", || source.status().connections > connections)?;
    }
    let ended = source.end();
    let all_arrived = || ended.done.iter().all(|done| subscriber.counts().contains_key(done));
    let arrived = wait_for("all jobs that are done have arrived", all_arrived);
    // A repetition would come now.
    thread::sleep(Duration::from_millis(500));
    let mut identifiers: HashMap<u32, HashSet<u16>> = HashMap::new();
    let all = subscriber.arrived();
    for arrived in &all {
        identifiers.entry(arrived.number).or_default().insert(arrived.identifier);
    }
    let published_twice = identifiers.values().filter(|identifiers| identifiers.len() > 1).count();
    let sent_again = all.len() - identifiers.values().map(HashSet::len).sum::<usize>();
    ledger.push(format!(
        "put {}, done {}, arrived {}, published twice {published_twice}, sent again by the broker {sent_again}, \
         connections {}, published again {}",
        ended.put,
        ended.done.len(),
        identifiers.len(),
        ended.status.connections,
        ended.status.published_again
    ));
    let mut violations = ended.violations;
    violations.extend(arrived.err());
    if published_twice > 0 {
        violations.push(format!("{published_twice} of {} jobs were published twice", ended.done.len()));
    }
    if cuts.stops == 0 && sent_again > 0 {
        violations.push(format!("{sent_again} messages have arrived again, and the broker was never stopped"));
    }
    Ok(violations)
}
