//! Times as Markdown and as CSV.

use crate::paced::Times;
use hdrhistogram::Histogram;
use std::fmt::Write;

const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];
type Since = fn(&Times) -> &Histogram<u64>;
const SINCE: [(&str, Since); 2] = [("due", |times| &times.due), ("sent", |times| &times.sent)];

/// One kind of queue under one load: the rounds of joinq and of tokio.
pub struct Block {
    pub situation: String,
    pub per_second: u64,
    pub queue: &'static str,
    pub joinq: Vec<Times>,
    pub tokio: Vec<Times>,
}

/// All rounds together.
fn sum(rounds: &[Times], since: Since) -> Histogram<u64> {
    let mut all = since(&Times::new()).clone();
    rounds.iter().for_each(|round| all.add(since(round)).unwrap());
    all
}

/// The smallest and the largest median of all rounds.
fn spread(rounds: &[Times], since: Since) -> String {
    let medians = || rounds.iter().map(|round| since(round).value_at_quantile(0.5) as f64 / 1e3);
    format!("{:.2}–{:.2}", medians().fold(f64::INFINITY, f64::min), medians().fold(0.0, f64::max))
}

pub fn markdown(blocks: &[Block]) -> String {
    let mut text = String::from(
        "Microseconds, joinq / tokio = ratio; from when a message was due or sent until it is received.\n",
    );
    let mut situation = "";
    for block in blocks {
        if block.situation != situation {
            situation = &block.situation;
            let _ = write!(text, "\n**{situation}**\n\n| messages/s | queue | since |");
            QUANTILES.iter().for_each(|(name, _)| text += &format!(" {name} |"));
            text += " medians of the rounds |\n|---:|---|---|---:|---:|---:|---:|---|\n";
        }
        for (name, since) in SINCE {
            let (joinq, tokio) = (sum(&block.joinq, since), sum(&block.tokio, since));
            let _ = write!(text, "| {} | {} | {name} |", block.per_second, block.queue);
            for (_, quantile) in QUANTILES {
                let at = |times: &Histogram<u64>| times.value_at_quantile(quantile) as f64 / 1e3;
                let (joinq, tokio) = (at(&joinq), at(&tokio));
                let _ = write!(text, " {joinq:.2} / {tokio:.2} = {:.2} |", joinq / tokio);
            }
            let _ = writeln!(text, " {} / {} |", spread(&block.joinq, since), spread(&block.tokio, since));
        }
    }
    text
}

/// Nanoseconds of each round.
pub fn csv(blocks: &[Block]) -> String {
    let mut text = String::from("situation,messages_per_second,queue,library,since,round,messages,p50,p99,p99.9,max\n");
    for block in blocks {
        for (library, rounds) in [("joinq", &block.joinq), ("tokio", &block.tokio)] {
            for (name, since) in SINCE {
                for (round, times) in rounds.iter().enumerate() {
                    let Block { situation, per_second, queue, .. } = block;
                    let times = since(times);
                    let _ =
                        write!(text, "\"{situation}\",{per_second},{queue},{library},{name},{round},{}", times.len());
                    QUANTILES.iter().for_each(|(_, at)| text += &format!(",{}", times.value_at_quantile(*at)));
                    text += "\n";
                }
            }
        }
    }
    text
}
