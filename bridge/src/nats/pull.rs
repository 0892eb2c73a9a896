//! The messages of a consumer, as many as were asked for.

use async_nats::connection::State;
use async_nats::jetstream::consumer::pull::Batch;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::context::ConsumerInfoErrorKind;
use async_nats::jetstream::Message;
use async_nats::Client;
use futures_lite::StreamExt;
use joinq_flow::BoxError;
use std::future::pending;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{timeout, Instant};

/// How long the server keeps a request. It does not answer one for a consumer that does not exist, and forgets
/// one that comes before it knows the consumer again; so this bounds how long that is not noticed.
const EXPIRES: Duration = Duration::from_secs(5);
/// The most messages of one request.
const MOST: usize = 1000;
/// How long a request may take to be sent, or a question to be answered.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The pauses after failed requests double from the first to the last of these.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// At most one request at a time.
pub(super) struct Pull<'a> {
    client: Client,
    consumer: &'a PullConsumer,
    batch: Option<Batch>,
    /// How often the client had connected when the request was sent: the server forgets requests with the
    /// connection.
    connects: u64,
    pause: Duration,
    not_before: Instant,
    /// When the request was sent.
    since: Instant,
    /// Whether the consumer may be gone.
    unsure: bool,
}

impl<'a> Pull<'a> {
    pub(super) fn new(client: Client, consumer: &'a PullConsumer) -> Self {
        let now = Instant::now();
        Pull { client, consumer, batch: None, connects: 0, pause: PAUSES.0, not_before: now, since: now, unsure: false }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// Requests messages, unless a request is pending or the last one has failed a moment ago.
    ///
    /// # Errors
    /// If the consumer does not exist any more.
    pub(super) async fn request(&mut self, most: usize) -> Result<(), BoxError> {
        let connects = self.client.statistics().connects.load(Ordering::Relaxed);
        if self.batch.is_some() && self.connects != connects {
            self.batch = None;
        }
        if self.batch.is_some() || most == 0 || !self.is_connected() || Instant::now() < self.not_before {
            return Ok(());
        }
        if std::mem::take(&mut self.unsure) {
            self.check_consumer().await?;
        }
        let config = &self.consumer.cached_info().config;
        let most = usize::try_from(config.max_batch).ok().filter(|&max| max > 0).map_or(most, |max| most.min(max));
        let request = self.consumer.batch().max_messages(most.min(MOST)).expires(self.expires()).messages();
        self.since = Instant::now();
        match timeout(TIMEOUT, request).await {
            Ok(Ok(batch)) => (self.batch, self.connects) = (Some(batch), connects),
            Ok(Err(_)) | Err(_) => self.fail(),
        }
        Ok(())
    }

    fn expires(&self) -> Duration {
        let most = self.consumer.cached_info().config.max_expires;
        if most.is_zero() {
            EXPIRES
        } else {
            most.min(EXPIRES)
        }
    }

    /// The next message, or `None` if the request has ended. It can be dropped at any time.
    pub(super) async fn next(&mut self) -> Option<Message> {
        let Some(batch) = &mut self.batch else { return pending().await };
        match batch.next().await {
            Some(Ok(message)) => {
                self.pause = PAUSES.0;
                Some(message)
            }
            Some(Err(_)) => {
                self.fail();
                None
            }
            None => {
                // Complete, or expired: then the consumer may be gone.
                self.batch = None;
                self.unsure |= self.since.elapsed() >= self.expires();
                None
            }
        }
    }

    /// Ends the request. What the server has sent already is delivered again after its ack wait.
    pub(super) fn stop(&mut self) {
        self.batch = None;
    }

    fn fail(&mut self) {
        self.batch = None;
        self.unsure = true;
        self.not_before = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(PAUSES.1);
    }

    async fn check_consumer(&self) -> Result<(), BoxError> {
        match timeout(TIMEOUT, self.consumer.get_info()).await {
            Ok(Err(error)) if is_gone(&error.kind()) => Err(error.into()),
            _ => Ok(()),
        }
    }
}

fn is_gone(kind: &ConsumerInfoErrorKind) -> bool {
    matches!(kind, ConsumerInfoErrorKind::NotFound | ConsumerInfoErrorKind::StreamNotFound)
}
