//! Jobs out to a message server and in from it, while the server and both processes are killed.
//!
//! A publisher process puts jobs into a stage with a store, whose handler publishes them. A consumer process
//! puts the messages into a stage in memory. Both append a line for each event to the [`journal`], a file that
//! is there after a kill. The process that judges reads the journal, kills, listens to the acknowledgements
//! that the server gets, and reads at the end what the server has.

pub mod child;
pub mod journal;
mod judge;
pub mod ledger;
mod nats;
mod redis;
mod tap;

pub use judge::{run, Plan};

use crate::servers::Server;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The stream, and the subject or key of its messages.
const STREAM: &str = "jobs";
/// The consumer, or the consumer group.
const CONSUMER: &str = "workers";
/// The capacity of both stages.
const CAPACITY: usize = 64;
/// After how long a message comes again whose consumer was killed.
const ACK_WAIT: Duration = Duration::from_secs(1);

/// A message server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Engine {
    /// NATS JetStream.
    Nats,
    /// Redis streams.
    Redis,
}

impl Engine {
    /// Both engines.
    pub const BOTH: [Engine; 2] = [Engine::Nats, Engine::Redis];

    /// The program of the server.
    pub fn program(self) -> &'static str {
        match self {
            Engine::Nats => "nats-server",
            Engine::Redis => "redis-server",
        }
    }

    fn start(self) -> Server {
        match self {
            Engine::Nats => Server::nats(),
            Engine::Redis => Server::redis(),
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Nats => "nats",
            Engine::Redis => "redis",
        })
    }
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(text: &str) -> Result<Engine, String> {
        let found = Engine::BOTH.into_iter().find(|engine| engine.to_string() == text);
        found.ok_or_else(|| format!("{text:?} is neither nats nor redis"))
    }
}

/// What the judge sees in the server.
trait Broker {
    /// Makes the stream and the consumer.
    fn create(&mut self);
    /// The keys of the items, in the order of the stream, with the names of their messages as the tap has them.
    fn contents(&mut self) -> Vec<(String, u64)>;
    /// How many messages are not acknowledged, or not delivered yet; `None` if the server does not answer.
    fn pending(&mut self) -> Option<u64>;
}
