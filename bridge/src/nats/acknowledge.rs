//! What the server is told about a message.

use crate::unacked::Outcome;
use async_nats::client::RequestErrorKind;
use async_nats::{Client, Subject};
use bytes::Bytes;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// The message is being processed: its ack wait begins anew.
pub(super) const IN_PROGRESS: Bytes = Bytes::from_static(b"+WPI");

/// How long the server has to confirm; doubled with each attempt, from the first to the last of these.
const TIMEOUTS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));
const PAUSE: Duration = Duration::from_millis(50);
/// After how long a message comes again that the stage has refused.
const REFUSED: Duration = Duration::from_secs(1);

/// Tells the outcome until the server has confirmed that.
pub(super) async fn acknowledge(client: Client, reply: Subject, outcome: Outcome) {
    let payload = payload(&client, outcome);
    let mut limit = TIMEOUTS.0;
    loop {
        match timeout(limit, client.request(reply.clone(), payload.clone())).await {
            Ok(Ok(_)) => return,
            // The consumer is gone, or the server does not know it yet.
            Ok(Err(error)) if error.kind() == RequestErrorKind::NoResponders && limit == TIMEOUTS.1 => return,
            Ok(Err(_)) => sleep(PAUSE).await,
            Err(_) => {}
        }
        limit = (limit * 2).min(TIMEOUTS.1);
    }
}

fn payload(client: &Client, outcome: Outcome) -> Bytes {
    match outcome {
        Outcome::Done => Bytes::from_static(b"+ACK"),
        // Older servers take no cause, and ignore the whole message if it has one.
        Outcome::Dead(cause) if client.is_server_compatible(2, 10, 4) => {
            format!("+TERM {}", cause.replace(['\r', '\n'], " ")).into()
        }
        Outcome::Dead(_) => Bytes::from_static(b"+TERM"),
        Outcome::Back => Bytes::from_static(b"-NAK"),
        Outcome::Refused => format!("-NAK {{\"delay\":{}}}", REFUSED.as_nanos()).into(),
    }
}
