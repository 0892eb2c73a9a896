//! A sensor at the edge: readings go to an MQTT broker, and wait on disk while there is no line.
//!
//! Cut the line for as long as you like, kill this program, start it again: each reading whose number was printed
//! arrives.
//!
//! ```sh
//! mosquitto -p 1883 &
//! mosquitto_sub -t jobs &
//! cargo run -p joinq-demos --bin edge -- --broker 127.0.0.1:1883 --db edge.db --items 100
//! ```

use joinq_bridge::mqtt::{Message, MqttOptions, Publisher, Status, Unmarked};
use joinq_flow::{BoxError, Job, Json, SqliteStore, Stage, Workers};
use lexopt::prelude::*;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

const HELP: &str = "\
Usage: edge --broker HOST:PORT --db FILE [--items N] [--first N] [--pause MS] [--topic TOPIC]

Puts N readings (without end by default), with numbers from --first (0 by default), and a pause between two of
them (10 ms by default). Writes each number when its reading is on disk, and ends when all have arrived.
";

/// How many readings wait on disk before the sensor waits, too.
const CAPACITY: usize = 100_000;
/// How many messages are under way at a time.
const UNDER_WAY: usize = 20;

struct Arguments {
    host: String,
    port: u16,
    db: PathBuf,
    first: u64,
    items: u64,
    pause: Duration,
    topic: String,
}

fn arguments() -> Result<Arguments, lexopt::Error> {
    let (mut broker, mut db) = (None, None);
    let (mut first, mut items, mut pause, mut topic) = (0, u64::MAX, 10, "jobs".to_owned());
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("broker") => broker = Some(parser.value()?.string()?),
            Long("db") => db = Some(parser.value()?.into()),
            Long("first") => first = parser.value()?.parse()?,
            Long("items") => items = parser.value()?.parse()?,
            Long("pause") => pause = parser.value()?.parse()?,
            Long("topic") => topic = parser.value()?.string()?,
            other => return Err(other.unexpected()),
        }
    }
    let (broker, db) = broker.zip(db).ok_or("--broker and --db are needed")?;
    let (host, port) = broker.rsplit_once(':').ok_or("the broker is HOST:PORT")?;
    let port = port.parse().map_err(|_| "the port is a number")?;
    Ok(Arguments { host: host.to_owned(), port, db, first, items, pause: Duration::from_millis(pause), topic })
}

#[tokio::main]
async fn run(arguments: Arguments) -> Result<Status, BoxError> {
    let Arguments { host, port, db, first, items, pause, topic } = arguments;
    let mut options = MqttOptions::new("edge", host, port);
    options.set_keep_alive(Duration::from_secs(5));
    let publisher = Publisher::builder(options).start();

    // Without marks: a job that is under way at each kill is not held to be the reason.
    let store = Unmarked(SqliteStore::open(&db)?);
    let readings: Stage<u64> = Stage::builder("readings").capacity(CAPACITY).durable(store, Json).build();
    let publish = publisher.handler(move |reading: &Job<u64>| Ok(Message::new(&*topic, reading.to_string())));
    Workers::tokio(&readings, UNDER_WAY..=UNDER_WAY, publish);

    for number in first..first.saturating_add(items) {
        readings.put(number).await?;
        // On disk: the sensor may forget it.
        writeln!(std::io::stdout(), "{number}")?;
        tokio::time::sleep(pause).await;
    }
    readings.close();
    readings.join().await;
    publisher.disconnect().await;
    Ok(publisher.status())
}

fn main() -> ExitCode {
    let outcome = arguments()
        .map_err(|error| format!("{error}\n{HELP}"))
        .and_then(|arguments| run(arguments).map_err(|error| error.to_string()));
    match outcome {
        Ok(status) => {
            eprintln!("all readings have arrived: {status:?}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
