//! Jobs as messages.

use crate::Publishing;
use async_nats::jetstream::context::{Context, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::{HeaderMap, Subject};
use joinq_flow::{Codec, Failure, Job};
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

/// A handler that publishes each job on `subject`, of which a JetStream stream must be: for
/// [`work_async`](joinq_flow::Stage::work_async) and
/// [`Workers::tokio`](https://docs.rs/joinq-flow/latest/joinq_flow/struct.Workers.html#method.tokio).
/// The codec makes the payload. The job is done when JetStream has acknowledged the message, which is then in
/// the stream.
///
/// The header `Nats-Msg-Id` has `origin`, the id of the job, and a hash of the payload. JetStream stores a
/// message only once that is published again with the same header within the duplicate window of the stream, 2
/// minutes by default: after a lost acknowledgement, and for a job that is in a store also after a restart of
/// the process. So `origin` has to be a name of this store, different from that of each other store. The ids of
/// jobs in memory begin anew in each process, hence their header also has a part that differs in each call of
/// `publish`. The hash is for ids that are given again, by a new store with an old name, or after a power cut
/// by a store that does not synchronize: an item is not lost then unless it has the same bytes. A codec that
/// makes different bytes of the same item makes repeats unrecognizable.
///
/// A job with a [`trace_context`](Job::trace_context) is sent with the headers `traceparent` and `tracestate`.
///
/// # Errors
/// The future fails, and the attempt with it, if JetStream does not acknowledge the message within the timeout
/// of the context, or refuses it. The stage's [`Retry`](joinq_flow::Retry) decides how often the job is tried
/// again: with the default of five attempts it is dead when the server has been away for half a minute. An
/// item that cannot be encoded, or is larger than the server allows, is not tried again.
///
/// # Cancel safety
/// A future that is dropped may have published its message.
///
/// # Examples
/// ```no_run
/// use async_nats::jetstream;
/// use joinq_bridge::nats;
/// use joinq_flow::{Job, Retry, Stage, Text, Workers};
///
/// # async fn run() -> Result<(), joinq_flow::BoxError> {
/// let jetstream = jetstream::new(async_nats::connect("127.0.0.1").await?);
/// let events = jetstream::stream::Config { name: "events".into(), ..Default::default() };
/// jetstream.get_or_create_stream(events).await?;
///
/// let retry = Retry::default().attempts(u32::MAX); // also if the server is away for days
/// let outgoing: Stage<String> = Stage::builder("outgoing").retry(retry).build();
/// Workers::tokio(&outgoing, 1..=16, nats::publish(jetstream, "events", Text, "sensor 7"));
/// let job = outgoing.put("21.5 degrees".into()).await?;
/// job.output().await?; // the message is in the stream
/// # Ok(())
/// # }
/// ```
pub fn publish<T, C>(
    context: Context,
    subject: impl Into<Subject>,
    codec: C,
    origin: &str,
) -> impl Fn(Job<T>) -> Publishing + Clone + Send + Sync + 'static
where
    T: Send + Sync + 'static,
    C: Codec<T>,
{
    // Only the random part of the inbox is needed.
    let process = format!("{origin} {}", context.client().new_inbox());
    let publisher = Arc::new(Publisher { subject: subject.into(), context, codec, origin: origin.to_owned(), process });
    move |job| {
        let publisher = publisher.clone();
        Box::pin(async move { publisher.publish(&job).await })
    }
}

struct Publisher<C> {
    context: Context,
    subject: Subject,
    codec: C,
    /// Before the ids of jobs in a store.
    origin: String,
    /// Before the ids of jobs in memory.
    process: String,
}

impl<C> Publisher<C> {
    async fn publish<T>(&self, job: &Job<T>) -> Result<(), Failure>
    where
        T: Send + Sync + 'static,
        C: Codec<T>,
    {
        let mut payload = Vec::new();
        self.codec.encode(job, &mut payload).map_err(Failure::fatal)?;
        let mut headers = HeaderMap::new();
        let trace = [("traceparent", job.trace_context()), ("tracestate", job.trace_state())];
        for (name, value) in trace.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            headers.insert(name, value);
        }
        let origin = if job.is_stored() { &self.origin } else { &self.process };
        let id = format!("{origin} {} {:x}", job.id(), hash(&payload));
        let message = PublishMessage::build().payload(payload.into()).headers(headers).message_id(id);
        let acknowledged = self.context.send_publish(self.subject.clone(), message).await.map_err(failure)?;
        acknowledged.await.map_err(failure)?;
        Ok(())
    }
}

fn hash(payload: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(payload);
    hasher.finish()
}

fn failure(error: PublishError) -> Failure {
    match error.kind() {
        PublishErrorKind::MaxPayloadExceeded => Failure::fatal(error),
        _ => error.into(),
    }
}
