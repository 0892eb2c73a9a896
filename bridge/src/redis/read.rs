//! The entries for a consumer, as many as were asked for.

use super::commands::{self, BLOCK};
use super::Group;
use joinq_flow::BoxError;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::streams::StreamId;
use redis::{Client, RedisError, RedisResult};
use std::future::{pending, Future};
use std::pin::Pin;
use std::time::Duration;
use tokio::time::Instant;

/// The most entries of one request.
const MOST: usize = 1000;
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The pauses after failed requests double from the first to the last of these.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// Errors of the server that pass by only if a human helps.
const LASTING: [&str; 5] = ["WRONGTYPE", "NOAUTH", "WRONGPASS", "NOPERM", "ERR"];

/// A connection that connects again by itself. `wait` is how long a command may block.
pub(super) fn connect(client: &Client, wait: Duration) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_response_timeout(Some(wait + TIMEOUT))
        .set_connection_timeout(Some(TIMEOUT))
        .set_max_delay(PAUSES.1);
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}

/// What a request returns: entries, and where the next search for idle ones starts.
type Answer = RedisResult<(Vec<StreamId>, Option<String>)>;

/// At most one request at a time: for entries that are idle in the group, and then for new ones.
pub(super) struct Read<'a> {
    connection: ConnectionManager,
    group: &'a Group,
    request: Option<Pin<Box<dyn Future<Output = Answer> + Send>>>,
    /// Where the search for idle entries goes on; `None` while there is none.
    start: Option<String>,
    /// When idle entries are searched for again.
    search_at: Instant,
    has_group: bool,
    pause: Duration,
    not_before: Instant,
}

impl<'a> Read<'a> {
    pub(super) fn new(client: &Client, group: &'a Group) -> RedisResult<Self> {
        let (search_at, not_before) = (Instant::now(), Instant::now());
        Ok(Read {
            connection: connect(client, BLOCK)?,
            group,
            request: None,
            start: None,
            search_at,
            has_group: false,
            pause: PAUSES.0,
            not_before,
        })
    }

    /// Whether a request is pending.
    pub(super) fn is_pending(&self) -> bool {
        self.request.is_some()
    }

    /// Requests entries, unless a request is pending or the last one has failed a moment ago.
    pub(super) fn request(&mut self, most: usize) {
        let now = Instant::now();
        if self.is_pending() || most == 0 || now < self.not_before {
            return;
        }
        if self.start.is_none() && now >= self.search_at {
            self.start = Some("0-0".to_owned());
        }
        let create = (!self.has_group).then(|| commands::create(self.group));
        let (take_over, command) = match &self.start {
            Some(start) => (true, commands::take_over(self.group, start, most.min(MOST))),
            None => (false, commands::read(self.group, most.min(MOST))),
        };
        let mut connection = self.connection.clone();
        self.request = Some(Box::pin(async move {
            if let Some(create) = create {
                create.exec_async(&mut connection).await.or_else(|error| match error.code() {
                    Some("BUSYGROUP") => Ok(()),
                    _ => Err(error),
                })?;
            }
            let reply = command.query_async(&mut connection).await?;
            match take_over {
                true => commands::entries_taken_over(reply).map(|(entries, next)| (entries, Some(next))),
                false => commands::entries_read(reply).map(|entries| (entries, None)),
            }
        }));
    }

    /// The entries of the pending request. It can be dropped at any time.
    ///
    /// # Errors
    /// Those that do not pass by.
    pub(super) async fn next(&mut self) -> Result<Vec<StreamId>, BoxError> {
        let Some(request) = &mut self.request else { return pending().await };
        let answer = request.await;
        self.request = None;
        match answer {
            Ok((entries, next)) => {
                (self.has_group, self.pause) = (true, PAUSES.0);
                if let Some(next) = next {
                    // The search is over when it starts anew.
                    self.start = Some(next).filter(|next| next != "0-0");
                    self.search_at = Instant::now() + self.group.ack_wait / 2;
                }
                Ok(entries)
            }
            Err(error) if is_lasting(&error) => Err(error.into()),
            Err(_) => {
                // The server may have lost the group as well.
                self.has_group = false;
                self.not_before = Instant::now() + self.pause;
                self.pause = (self.pause * 2).min(PAUSES.1);
                Ok(Vec::new())
            }
        }
    }
}

fn is_lasting(error: &RedisError) -> bool {
    error.code().is_some_and(|code| LASTING.contains(&code))
}
