//! Jobs as entries of a stream.

use crate::Publishing;
use joinq_flow::{Codec, Failure, Job};
use redis::aio::ConnectionManager;
use std::sync::Arc;

/// The field of an entry that has the encoded item.
pub(super) const BODY: &str = "body";
pub(super) const TRACEPARENT: &str = "traceparent";
pub(super) const TRACESTATE: &str = "tracestate";

/// A handler that appends each job to the stream `key`: for [`work_async`](joinq_flow::Stage::work_async) and
/// [`Workers::tokio`](https://docs.rs/joinq-flow/latest/joinq_flow/struct.Workers.html#method.tokio). The
/// codec makes the field `body` of the entry. The job is done when Redis has answered; with `appendfsync
/// always` the entry is on disk then.
///
/// A job with a [`trace_context`](Job::trace_context) has the fields `traceparent` and `tracestate` as well.
///
/// Redis does not recognize an entry that is appended again, because the answer was lost or the process was
/// killed: it is in the stream twice then. Nothing removes old entries: `XTRIM` is for that.
///
/// # Errors
/// The future fails, and the attempt with it, if Redis does not answer within the timeout of the connection,
/// or refuses the entry. The stage's [`Retry`](joinq_flow::Retry) decides how often the job is tried again:
/// with the default of five attempts it is dead when the server has been away for half a minute. An item that
/// cannot be encoded is not tried again.
///
/// # Cancel safety
/// A future that is dropped may have appended its entry.
///
/// # Examples
/// ```no_run
/// use joinq_bridge::redis;
/// use joinq_flow::{Retry, Stage, Text, Workers};
///
/// # async fn run() -> Result<(), joinq_flow::BoxError> {
/// let connection = ::redis::Client::open("redis://127.0.0.1")?.get_connection_manager().await?;
/// let retry = Retry::default().attempts(u32::MAX); // also if the server is away for days
/// let outgoing: Stage<String> = Stage::builder("outgoing").retry(retry).build();
/// Workers::tokio(&outgoing, 1..=16, redis::publish(connection, "events", Text));
/// let job = outgoing.put("21.5 degrees".into()).await?;
/// job.output().await?; // the entry is in the stream
/// # Ok(())
/// # }
/// ```
pub fn publish<T, C>(
    connection: ConnectionManager,
    key: &str,
    codec: C,
) -> impl Fn(Job<T>) -> Publishing + Clone + Send + Sync + 'static
where
    T: Send + Sync + 'static,
    C: Codec<T>,
{
    let (key, codec): (Arc<str>, _) = (key.into(), Arc::new(codec));
    move |job| {
        let (mut connection, key, codec) = (connection.clone(), key.clone(), codec.clone());
        Box::pin(async move {
            let mut body = Vec::new();
            codec.encode(&job, &mut body).map_err(Failure::fatal)?;
            let mut append = redis::cmd("XADD");
            append.arg(&*key).arg("*").arg(BODY).arg(body);
            for (name, value) in [(TRACEPARENT, job.trace_context()), (TRACESTATE, job.trace_state())] {
                if let Some(value) = value {
                    append.arg(name).arg(value);
                }
            }
            Ok(append.exec_async(&mut connection).await?)
        })
    }
}
