//! The processes under test: a publisher and a consumer.

use super::journal::{Event, Writer};
use super::{Engine, ACK_WAIT, CAPACITY, CONSUMER, STREAM};
use crate::item::{self, Fate, Fates, Item, ATTEMPTS};
use async_nats::jetstream;
use backon::ConstantBuilder;
use joinq_bridge::{nats, redis};
use joinq_flow::{BoxError, Failure, Job, Json, Retry, SqliteStore, Stage, Workers};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, Read};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;
use tokio::sync::watch;

/// What a process does; its only argument, as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Options {
    /// The engine.
    pub engine: Engine,
    /// The port of the server.
    pub port: u16,
    /// What it does.
    pub program: Program,
}

/// What a process does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Program {
    /// Puts items and publishes them. Each line of the input is the largest key that may be put so far.
    Publish {
        /// The folder of the store.
        folder: PathBuf,
        /// The first key.
        first: u64,
        /// The last key.
        last: u64,
    },
    /// Runs jobs of messages; at the end of the input those that are not done go back.
    Consume {
        /// The number of this process.
        process: u32,
    },
}

/// What becomes of the consumer's jobs.
pub const FATES: Fates = Fates::Mixed;
/// The longest time of a handler.
const HANDLER: Duration = Duration::from_millis(4);
/// The workers of each stage.
const WORKERS: usize = 8;
/// The message of a panic that belongs to the test.
const PLANNED: &str = "a planned panic";

/// Runs a process under test.
pub fn main(options: &str) -> Result<(), BoxError> {
    let options: Options = serde_json::from_str(options)?;
    let journal = Writer::new()?;
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload_as_str() != Some(PLANNED) {
            report(info);
        }
    }));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let result = runtime.block_on(async {
        match &options.program {
            Program::Publish { folder, first, last } => {
                publish(&options, &journal, SqliteStore::open(folder.join("jobs.db"))?, *first..=*last).await
            }
            Program::Consume { process } => consume(&options, &journal, *process).await,
        }
    });
    journal.write(match &result {
        Ok(()) => Event::Over,
        Err(error) => Event::Error(error.to_string()),
    });
    result
}

async fn jetstream(port: u16) -> Result<jetstream::Context, BoxError> {
    let client = async_nats::ConnectOptions::new()
        .retry_on_initial_connect()
        .reconnect_delay_callback(|_| Duration::from_millis(20))
        .connect(("127.0.0.1", port).to_url()?)
        .await?;
    let mut jetstream = jetstream::new(client);
    jetstream.set_timeout(Duration::from_secs(1));
    Ok(jetstream)
}

/// The address of a NATS server.
trait ToUrl {
    fn to_url(&self) -> Result<async_nats::ServerAddr, std::io::Error>;
}

impl ToUrl for (&str, u16) {
    fn to_url(&self) -> Result<async_nats::ServerAddr, std::io::Error> {
        format!("nats://{}:{}", self.0, self.1).parse()
    }
}

async fn publish(
    options: &Options,
    journal: &Writer,
    store: SqliteStore,
    keys: std::ops::RangeInclusive<u64>,
) -> Result<(), BoxError> {
    let retry = Retry::new(ConstantBuilder::default().with_delay(Duration::from_millis(50)).without_max_times());
    let stage: Stage<Item> =
        Stage::builder("outgoing").capacity(CAPACITY).retry(retry.attempts(u32::MAX)).durable(store, Json).build();
    match options.engine {
        Engine::Nats => {
            let handler = nats::publish(jetstream(options.port).await?, STREAM, Json, "publisher");
            Workers::tokio(&stage, WORKERS..=WORKERS, handler);
        }
        Engine::Redis => {
            let client = ::redis::Client::open(("127.0.0.1", options.port))?;
            let config = ::redis::aio::ConnectionManagerConfig::new().set_max_delay(Duration::from_millis(50));
            let connection = ::redis::aio::ConnectionManager::new_lazy_with_config(client, config)?;
            Workers::tokio(&stage, WORKERS..=WORKERS, redis::publish(connection, STREAM, Json));
        }
    }
    let (allow, mut allowed) = watch::channel(0_u64);
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let _ = allow.send(line.parse().expect("a key"));
        }
        // An end of the input is an end of the judge.
        std::process::exit(3);
    });
    for key in keys {
        allowed.wait_for(|&allowed| key <= allowed).await?;
        let published = journal.clone();
        let put = stage.put(Item::new(key)).on_settled(move |job: &Job<Item>| {
            if job.is_done() {
                published.write(Event::Published(job.key));
            }
        });
        put.await.map_err(|refused| refused.to_string())?;
        journal.write(Event::Put(key));
    }
    stage.close();
    stage.join().await;
    Ok(())
}

async fn consume(options: &Options, journal: &Writer, process: u32) -> Result<(), BoxError> {
    let delays = ConstantBuilder::default().with_delay(Duration::from_millis(5)).without_max_times();
    let stage: Stage<Item> =
        Stage::builder("incoming").capacity(CAPACITY).retry(Retry::new(delays).attempts(ATTEMPTS)).build();
    let handled = journal.clone();
    Workers::tokio(&stage, WORKERS..=WORKERS, move |job| handle(handled.clone(), job));
    let closing = stage.clone();
    thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = closing.shutdown().wait_timeout(Duration::ZERO);
    });
    match options.engine {
        Engine::Nats => {
            let jetstream = jetstream(options.port).await?;
            let consumer = loop {
                match jetstream.get_consumer_from_stream(CONSUMER, STREAM).await {
                    Ok(consumer) => break consumer,
                    // The server is down.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            };
            nats::consume(&jetstream, &consumer, &stage, Json).await
        }
        Engine::Redis => {
            let client = ::redis::Client::open(("127.0.0.1", options.port))?;
            let mut group = redis::Group::new(STREAM, CONSUMER, format!("process {process}"));
            group.ack_wait = ACK_WAIT;
            redis::consume(&client, &group, &stage, Json).await
        }
    }
}

async fn handle(journal: Writer, job: Job<Item>) -> Result<(), Failure> {
    let key = job.key;
    journal.write(Event::Begin(key));
    tokio::time::sleep(item::duration(key, HANDLER)).await;
    let (first, last) = (job.attempt() == 1, job.attempt() == ATTEMPTS);
    match FATES.of(key) {
        Fate::FailsOnce if first => {
            journal.write(Event::Fail(key));
            Err("the first attempt fails".into())
        }
        Fate::PanicsOnce if first => {
            journal.write(Event::Fail(key));
            std::panic::panic_any(PLANNED)
        }
        Fate::Fails if !last => {
            journal.write(Event::Fail(key));
            Err("each attempt fails".into())
        }
        Fate::Fails | Fate::Fatal => {
            journal.write(Event::Dead(key));
            Err(Failure::fatal("no further attempt"))
        }
        Fate::FailsOnce | Fate::PanicsOnce | Fate::Done | Fate::Poison => {
            journal.write(Event::End(key));
            Ok(())
        }
    }
}
