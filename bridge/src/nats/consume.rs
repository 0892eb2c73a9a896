//! Messages as jobs.

use super::acknowledge::{acknowledge, IN_PROGRESS};
use super::pull::Pull;
use crate::unacked::{Outcome, Received, Unacked};
use async_nats::jetstream::consumer::{AckPolicy, Config, PullConsumer};
use async_nats::jetstream::{Context, Message};
use async_nats::Subject;
use joinq_flow::{BoxError, Codec, Stage};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{interval, Instant, MissedTickBehavior};

/// The longest pause between two looks at the connection, at the stage, and at what is in progress.
const TICK: Duration = Duration::from_millis(250);
/// What a server means by an ack wait of 0.
const DEFAULT_ACK_WAIT: Duration = Duration::from_secs(30);

/// A message until the server has confirmed its acknowledgement.
struct Delivery {
    reply: Subject,
    /// When its ack wait began.
    since: Instant,
}

/// Puts each message of a pull consumer into a stage as a job, with the codec, and acknowledges it when the job
/// is settled:
///
/// | the job | the message |
/// |---|---|
/// | is done | is acknowledged, until the server has confirmed that |
/// | is dead | is terminated: it does not come again; with the cause, if the server is 2.10.4 or newer |
/// | was cancelled, or ended by a shutdown with a deadline | comes again at once |
/// | is refused by the stage | comes again after a second |
/// | cannot be decoded | is terminated, with the error |
///
/// So the stage should keep its jobs in memory, as the stream keeps them. With a store a job would come back
/// twice after a crash, from the store and from the stream.
///
/// No more messages are requested than the stage has capacity for, nor are they redelivered while they are
/// here: the server is told that they are in progress when half of their ack wait is over. So in this process
/// a job does not run twice at the same time. The consumer's `max_ack_pending` is the bound for all processes
/// together: with the capacity of the stage for one process, and a multiple for several, each stage can be
/// full.
///
/// A message with the header `traceparent` becomes a job with this
/// [`trace_context`](joinq_flow::Put::trace_context).
///
/// The future ends when the stage is closed, the messages that had been received are settled, and the server
/// has confirmed that. After a lost connection it goes on as soon as the client has connected again.
///
/// # Errors
/// If the acknowledgements of the consumer are not explicit, or the consumer does not exist any more.
///
/// # Cancel safety
/// If the future is dropped, the jobs go on, and their messages come again after their ack wait: nothing is
/// lost, and these jobs are repeated.
///
/// # Panics
/// Outside of a runtime of tokio.
///
/// # Examples
/// ```no_run
/// use async_nats::jetstream::{self, consumer};
/// use joinq_bridge::nats;
/// use joinq_flow::{Job, Stage, Text, Workers};
///
/// # async fn run() -> Result<(), joinq_flow::BoxError> {
/// let jetstream = jetstream::new(async_nats::connect("127.0.0.1").await?);
/// let incoming: Stage<String> = Stage::builder("incoming").capacity(100).build();
/// let config = consumer::pull::Config {
///     durable_name: Some("printer".into()),
///     max_ack_pending: 100,
///     ..Default::default()
/// };
/// let consumer = jetstream.create_consumer_on_stream(config, "events").await?;
/// Workers::tokio(&incoming, 1..=4, |job: Job<String>| async move { Ok(println!("{}", *job)) });
/// nats::consume(&jetstream, &consumer, &incoming, Text).await?;
/// # Ok(())
/// # }
/// ```
pub async fn consume<T, R, C>(
    context: &Context,
    consumer: &PullConsumer,
    stage: &Stage<T, R>,
    codec: C,
) -> Result<(), BoxError>
where
    T: Send + Sync + 'static,
    R: Send + 'static,
    C: Codec<T>,
{
    let extend_after = ack_wait(&consumer.cached_info().config)? / 2;
    let client = context.client();
    let mut pull = Pull::new(client.clone(), consumer);
    let mut unacked = Unacked::new(stage);
    let mut acknowledgements = JoinSet::new();
    // Returns the key if the message is over then.
    let acknowledge = |key: u64, delivery: &Delivery, outcome: Outcome| {
        let is_over = (!outcome.comes_again()).then_some(key);
        let acknowledged = acknowledge(client.clone(), delivery.reply.clone(), outcome);
        async move {
            acknowledged.await;
            is_over
        }
    };
    let mut tick = interval(TICK.min(extend_after / 2).max(Duration::from_millis(1)));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        match stage.is_closed() {
            true => pull.stop(),
            false => pull.request(unacked.free()).await?,
        }
        if stage.is_closed() && unacked.is_empty() && acknowledgements.is_empty() {
            return Ok(());
        }
        tokio::select! {
            message = pull.next() => {
                let Some((key, message)) = message.and_then(|message| Some((stream_sequence(&message)?, message))) else {
                    continue;
                };
                let Some(reply) = message.reply.clone() else { continue };
                let delivery = Delivery { reply, since: Instant::now() };
                if let Err(error) = unacked.add(key, delivery, || read(&codec, &message)) {
                    if let Some(delivery) = unacked.get(&key) {
                        acknowledgements.spawn(acknowledge(key, delivery, Outcome::Dead(error.to_string())));
                    }
                }
            }
            (key, outcome) = unacked.next() => {
                let comes_again = outcome.comes_again();
                if let Some(delivery) = unacked.get(&key) {
                    acknowledgements.spawn(acknowledge(key, delivery, outcome));
                }
                if comes_again {
                    unacked.remove(&key);
                }
            }
            Some(acknowledged) = acknowledgements.join_next() => {
                if let Ok(Some(key)) = acknowledged {
                    unacked.remove(&key);
                }
            }
            _ = tick.tick() => {
                if pull.is_connected() {
                    for (_, delivery) in unacked.iter_mut().filter(|(_, delivery)| delivery.since.elapsed() >= extend_after) {
                        delivery.since = Instant::now();
                        // What fails here fails because the connection has ended.
                        let _ = client.publish(delivery.reply.clone(), IN_PROGRESS).await;
                    }
                }
            }
        }
    }
}

/// The time after which a message without any sign of life comes again.
fn ack_wait(config: &Config) -> Result<Duration, BoxError> {
    if config.ack_policy != AckPolicy::Explicit {
        return Err("the acknowledgements of the consumer must be explicit: set `ack_policy`".into());
    }
    let ack_wait = if config.ack_wait.is_zero() { DEFAULT_ACK_WAIT } else { config.ack_wait };
    Ok(config.backoff.iter().copied().min().map_or(ack_wait, |backoff| backoff.min(ack_wait)))
}

fn stream_sequence(message: &Message) -> Option<u64> {
    message.info().ok().map(|info| info.stream_sequence)
}

fn read<T>(codec: &impl Codec<T>, message: &Message) -> Result<Received<T>, BoxError> {
    let header = |name: &str| Some(message.headers.as_ref()?.get(name)?.to_string());
    let item = codec.decode(&message.payload)?;
    Ok(Received { item, traceparent: header("traceparent"), tracestate: header("tracestate") })
}
