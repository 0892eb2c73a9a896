//! Entries as jobs.

use super::commands;
use super::publish::{BODY, TRACEPARENT, TRACESTATE};
use super::read::{connect, Read};
use crate::unacked::{Outcome, Received, Unacked};
use joinq_flow::{BoxError, Codec, Stage};
use redis::aio::ConnectionManager;
use redis::streams::StreamId;
use redis::Client;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, Instant, MissedTickBehavior};

/// The longest pause between two looks at the stage and at what is in progress.
const TICK: Duration = Duration::from_millis(250);
/// The pause before an acknowledgement is sent again.
const PAUSE: Duration = Duration::from_millis(100);

/// One consumer of a group of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The key of the stream.
    pub key: String,
    /// The name of the group.
    pub name: String,
    /// The name of this consumer in the group. Each process should have its own.
    pub consumer: String,
    /// How long an entry may be idle, at the consumer that has read it, before another one takes it over.
    /// Redis has no such setting, so each consumer of the group should have the same.
    pub ack_wait: Duration,
}

impl Group {
    /// A consumer with an ack wait of 30 seconds.
    ///
    /// # Examples
    /// ```
    /// let group = joinq_bridge::redis::Group::new("events", "printers", "printer 1");
    /// assert_eq!(group.ack_wait.as_secs(), 30);
    /// ```
    pub fn new(key: impl Into<String>, name: impl Into<String>, consumer: impl Into<String>) -> Self {
        Group { key: key.into(), name: name.into(), consumer: consumer.into(), ack_wait: Duration::from_secs(30) }
    }
}

/// Puts each entry for a group of a stream into a stage as a job, with the codec, and acknowledges it when the
/// job is settled. The group is made if it does not exist; it begins with the first entry of the stream.
///
/// | the job | the entry |
/// |---|---|
/// | is done | is acknowledged (`XACK`), until Redis has confirmed that |
/// | is dead | is acknowledged as well: the stage's dead letters have the cause, the stream keeps the entry |
/// | was cancelled, or ended by a shutdown with a deadline | comes again soon: it counts as idle |
/// | is refused by the stage | comes again after the ack wait at the latest |
/// | cannot be decoded | is acknowledged |
///
/// So the stage should keep its jobs in memory, as the stream keeps them. With a store a job would come back
/// twice after a crash, from the store and from the stream.
///
/// No more entries are read than the stage has capacity for. What another consumer of the group has read, and
/// is idle for the ack wait, is taken over (`XAUTOCLAIM`), as its process has probably ended. The entries of
/// this process do not become idle: each is claimed again (`XCLAIM`) when half of the ack wait is over. So in
/// this process a job does not run twice at the same time.
///
/// An entry with the field `traceparent` becomes a job with this
/// [`trace_context`](joinq_flow::Put::trace_context).
///
/// The future uses two connections: one waits for entries, the other one acknowledges. It ends when the stage
/// is closed, the entries that had been read are settled, and Redis has confirmed that. After a lost
/// connection it connects again.
///
/// # Errors
/// If the address is no server's, or the server answers with an error that does not pass by: the key is no
/// stream, or the password is wrong.
///
/// # Cancel safety
/// If the future is dropped, the jobs go on, and their entries come again after the ack wait: nothing is lost,
/// and these jobs are repeated.
///
/// # Panics
/// Outside of a runtime of tokio.
///
/// # Examples
/// ```no_run
/// use joinq_bridge::redis::{self, Group};
/// use joinq_flow::{Job, Stage, Text, Workers};
///
/// # async fn run() -> Result<(), joinq_flow::BoxError> {
/// let client = ::redis::Client::open("redis://127.0.0.1")?;
/// let incoming: Stage<String> = Stage::builder("incoming").capacity(100).build();
/// Workers::tokio(&incoming, 1..=4, |job: Job<String>| async move { Ok(println!("{}", *job)) });
/// redis::consume(&client, &Group::new("events", "printers", "printer 1"), &incoming, Text).await?;
/// # Ok(())
/// # }
/// ```
pub async fn consume<T, R, C>(client: &Client, group: &Group, stage: &Stage<T, R>, codec: C) -> Result<(), BoxError>
where
    T: Send + Sync + 'static,
    R: Send + 'static,
    C: Codec<T>,
{
    let extend_after = group.ack_wait / 2;
    let mut read = Read::new(client, group)?;
    let connection = connect(client, Duration::ZERO)?;
    // By the id of the entry, when its idle time began.
    let mut unacked: Unacked<'_, T, R, String, Instant> = Unacked::new(stage);
    let mut acknowledgements = JoinSet::new();
    let mut extension = JoinSet::new();
    let mut tick = interval(TICK.min(extend_after / 2).max(Duration::from_millis(1)));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        if !stage.is_closed() {
            read.request(unacked.free());
        } else if unacked.is_empty() && acknowledgements.is_empty() && !read.is_pending() {
            return Ok(());
        }
        tokio::select! {
            entries = read.next() => {
                for entry in entries? {
                    if unacked.add(entry.id.clone(), Instant::now(), || item(&codec, &entry)).is_err() {
                        acknowledgements.spawn(acknowledge(connection.clone(), group.clone(), entry.id, Outcome::Done));
                    }
                }
            }
            (id, outcome) = unacked.next() => {
                if outcome.comes_again() {
                    unacked.remove(&id);
                }
                acknowledgements.spawn(acknowledge(connection.clone(), group.clone(), id, outcome));
            }
            Some(acknowledged) = acknowledgements.join_next() => {
                if let Ok(Some(id)) = acknowledged {
                    unacked.remove(&id);
                }
            }
            Some(_) = extension.join_next() => {}
            _ = tick.tick() => {
                let due = unacked.iter_mut().filter(|(_, since)| since.elapsed() >= extend_after);
                let ids: Vec<String> = due.map(|(id, since)| {
                    *since = Instant::now();
                    id.clone()
                }).collect();
                if !ids.is_empty() {
                    let (command, mut connection) = (commands::set_idle(group, &ids, Duration::ZERO), connection.clone());
                    extension.spawn(async move { command.exec_async(&mut connection).await });
                }
            }
        }
    }
}

/// Tells the outcome until Redis has confirmed that; returns the id if the entry is over then.
async fn acknowledge(mut connection: ConnectionManager, group: Group, id: String, outcome: Outcome) -> Option<String> {
    let comes_again = outcome.comes_again();
    let command = match outcome {
        Outcome::Done | Outcome::Dead(_) => commands::acknowledge(&group, &id),
        Outcome::Back => commands::set_idle(&group, std::slice::from_ref(&id), group.ack_wait),
        Outcome::Refused => return None,
    };
    while command.exec_async(&mut connection).await.is_err() {
        sleep(PAUSE).await;
    }
    (!comes_again).then_some(id)
}

fn item<T>(codec: &impl Codec<T>, entry: &StreamId) -> Result<Received<T>, BoxError> {
    let body: Vec<u8> = entry.get(BODY).ok_or("an entry without a body")?;
    let item = codec.decode(&body)?;
    Ok(Received { item, traceparent: entry.get(TRACEPARENT), tracestate: entry.get(TRACESTATE) })
}
