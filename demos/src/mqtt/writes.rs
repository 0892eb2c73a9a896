//! QoS 0: what counts as published was written to the connection.

use super::proxy::Proxy;
use super::source::Source;
use super::{broker, wait_for};
use crate::acceptance::Verdict;
use joinq_bridge::mqtt::{MqttOptions, Publisher, QoS};
use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

/// So long that the buffers of a connection are full of fewer messages than there are workers.
const PAYLOAD: usize = 256 * 1024;
const JOBS: u32 = 300;

/// Publishes numbers with QoS 0 while the line is slow and cut this many times: each job that is done was written, in
/// whole and once, as the other end of the connection has read it.
pub fn run(cuts: u32) -> Verdict {
    let began = Instant::now();
    let mut ledger = Vec::new();
    let violations = judge(cuts, &mut ledger).unwrap_or_else(|violation| vec![violation]);
    Verdict { title: format!("QoS 0, {cuts} cuts, {:.0?}", began.elapsed()), ledger, violations }
}

fn judge(cuts: u32, ledger: &mut Vec<String>) -> Result<Vec<String>, String> {
    let broker = broker::start(broker::FOR_ALL);
    let line = Proxy::new(broker.address());
    let options = MqttOptions::new("publisher", "127.0.0.1", line.port());
    let builder = Publisher::builder(options).qos(QoS::AtMostOnce);
    let payload = |number: u32| {
        let mut payload = vec![0; PAYLOAD];
        payload[..4].copy_from_slice(&number.to_be_bytes());
        payload
    };
    let source = Source::start(builder, Duration::ZERO, JOBS, payload);
    for _ in 0..cuts {
        let connected = || source.status().is_connected;
        wait_for(&format!("the publisher is connected: {:?}", source.status()), connected)?;
        let connections = source.status().connections;
        // The writes fill the buffers and stop in the middle of a message.
        line.set_reads(false);
        thread::sleep(Duration::from_millis(200));
        line.cut();
        thread::sleep(Duration::from_millis(50));
        line.set_reads(true);
        let again = || source.status().connections > connections || source.done() == JOBS as usize;
        wait_for("the publisher is connected again", again)?;
    }
    let ended = source.end();
    let written = || {
        let mut counts: HashMap<u32, u32> = HashMap::new();
        for payload in line.publishes() {
            let number = u32::from_be_bytes(payload[..4].try_into().expect("four bytes"));
            *counts.entry(number).or_default() += 1;
        }
        counts
    };
    let all_written = wait_for("what counts as published was written", || {
        let written = written();
        ended.done.iter().all(|done| written.contains_key(done))
    });
    let written = written();
    let repeated = written.values().filter(|count| **count > 1).count();
    ledger.push(format!(
        "put {}, done {}, written {}, written again {repeated}, connections {}, published again {}",
        ended.put,
        ended.done.len(),
        written.len(),
        ended.status.connections,
        ended.status.published_again
    ));
    let mut violations = ended.violations;
    violations.extend(all_written.err());
    if repeated > 0 {
        violations.push(format!("{repeated} messages were written twice"));
    }
    Ok(violations)
}
