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

/// How long the server keeps a request.
const EXPIRES: Duration = Duration::from_secs(30);
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
    failed: bool,
}

impl<'a> Pull<'a> {
    pub(super) fn new(client: Client, consumer: &'a PullConsumer) -> Self {
        let (pause, not_before) = (PAUSES.0, Instant::now());
        Pull { client, consumer, batch: None, connects: 0, pause, not_before, failed: false }
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
        if std::mem::take(&mut self.failed) {
            self.check_consumer().await?;
        }
        let config = &self.consumer.cached_info().config;
        let most = usize::try_from(config.max_batch).ok().filter(|&max| max > 0).map_or(most, |max| most.min(max));
        let expires = Some(config.max_expires).filter(|max| !max.is_zero()).map_or(EXPIRES, |max| max.min(EXPIRES));
        let request = self.consumer.batch().max_messages(most.min(MOST)).expires(expires).messages();
        match timeout(TIMEOUT, request).await {
            Ok(Ok(batch)) => (self.batch, self.connects) = (Some(batch), connects),
            Ok(Err(_)) | Err(_) => self.fail(),
        }
        Ok(())
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
                self.batch = None;
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
        self.failed = true;
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
