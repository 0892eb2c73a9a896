//! The task that has the connection.

use super::publisher::Request;
use super::window::{Effect, Pace, Window};
use super::Status;
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use joinq::Receiver;
use joinq_flow::Failure;
use rumqttc::{AsyncClient, ClientError, ConnectionError, Event, EventLoop, MqttOptions, NetworkOptions, Outgoing};
use rumqttc::{Packet, QoS, StateError};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{sleep, timeout, Instant};

/// Returns the password of the next connection.
pub(super) type Token = Arc<dyn Fn() -> String + Send + Sync>;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long the goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);
/// After so many fruitless connections one message is published at a time.
const TOGETHER: u32 = 3;
/// After so many more, the message that was published alone is rejected.
const ALONE: u32 = 3;

/// Why a connection has ended, or was not made.
enum Cut {
    /// The other end has closed the connection, or cannot be reached.
    Error(String),
    /// The other end was silent for too long.
    Silent(String),
    /// The publisher is to end.
    Closed,
}

impl From<ConnectionError> for Cut {
    fn from(error: ConnectionError) -> Cut {
        let text = error.to_string();
        match error {
            ConnectionError::NetworkTimeout
            | ConnectionError::FlushTimeout
            | ConnectionError::MqttState(StateError::AwaitPingResp) => Cut::Silent(text),
            _ => Cut::Error(text),
        }
    }
}

impl From<ClientError> for Cut {
    fn from(error: ClientError) -> Cut {
        Cut::Error(error.to_string())
    }
}

/// What the client reported, or that no further request can come.
enum Next {
    Event(Event),
    Closed,
}

/// The connection, and what is to be published by it.
pub(super) struct Link {
    options: MqttOptions,
    token: Option<Token>,
    qos: QoS,
    span: u16,
    requests: Receiver<Request>,
    window: Window,
    status: watch::Sender<Status>,
    pauses: ExponentialBackoff,
    /// How many connections in a row the other end has closed without an acknowledgement.
    fruitless: u32,
}

impl Link {
    pub(super) fn new(
        options: MqttOptions,
        token: Option<Token>,
        qos: QoS,
        span: u16,
        requests: Receiver<Request>,
        status: watch::Sender<Status>,
    ) -> Link {
        let window = Window::new(qos, span);
        Link { options, token, qos, span, requests, window, status, pauses: pauses(), fruitless: 0 }
    }

    /// Publishes until no further request can come.
    pub(super) async fn run(mut self) {
        // With QoS 2 the broker may have a session of an earlier process, whose identifiers this process would
        // use for other messages.
        let mut is_forgotten = self.qos != QoS::ExactlyOnce;
        while !is_forgotten {
            match self.forget_session().await {
                Ok(()) => is_forgotten = true,
                Err(cut) => {
                    if self.pause(cut).await.is_err() {
                        return;
                    }
                }
            }
        }
        let (mut client, mut events) = self.new_client();
        loop {
            let cut = match self.connect(&client, &mut events).await {
                Ok(()) => self.serve(&client, &mut events).await,
                Err(cut) => cut,
            };
            if self.pause(cut).await.is_err() {
                return;
            }
            if self.qos != QoS::ExactlyOnce {
                // A client whose session is lost may wait for ever for what the broker does not know.
                (client, events) = self.new_client();
            }
        }
    }

    fn new_client(&self) -> (AsyncClient, EventLoop) {
        // The client takes each message at once, as it has no more of them than the window.
        let (client, mut events) = AsyncClient::new(self.options.clone(), usize::from(self.span) + 1);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        events.set_network_options(network);
        (client, events)
    }

    /// The options of the next connection, with a token if there is one.
    fn options_now(&self) -> Result<MqttOptions, Cut> {
        let mut options = self.options.clone();
        if let Some(token) = &self.token {
            let token = catch_unwind(AssertUnwindSafe(|| token())).map_err(|panic| {
                // Its drop may panic as well.
                std::mem::forget(panic);
                Cut::Error("the function for the token panicked".to_owned())
            })?;
            let user = options.credentials().map(|login| login.username).unwrap_or_default();
            options.set_credentials(user, token);
        }
        Ok(options)
    }

    /// Removes the session that the broker may have for this client identifier.
    async fn forget_session(&mut self) -> Result<(), Cut> {
        let (client, mut events) = self.new_client();
        events.mqtt_options = self.options_now()?;
        events.mqtt_options.set_clean_session(true);
        loop {
            match self.next(&client, &mut events).await? {
                Next::Event(Event::Incoming(Packet::ConnAck(_))) => client.try_disconnect()?,
                Next::Event(Event::Outgoing(Outgoing::Disconnect)) => return Ok(()),
                Next::Event(_) => {}
                Next::Closed => return Err(Cut::Closed),
            }
        }
    }

    /// Connects, and prepares what is to be published again.
    async fn connect(&mut self, client: &AsyncClient, events: &mut EventLoop) -> Result<(), Cut> {
        events.mqtt_options = self.options_now()?;
        let connected = loop {
            match self.next(client, events).await? {
                Next::Event(Event::Incoming(Packet::ConnAck(packet))) => break packet,
                // Of the connection before; the window has followed it.
                Next::Event(_) => {}
                Next::Closed => return Err(Cut::Closed),
            }
        };
        let again = if self.qos == QoS::ExactlyOnce && connected.session_present {
            let (first, again) = self.window.resume();
            events.pending = first;
            again
        } else {
            self.window.begin_again()
        };
        self.status.send_modify(|status| {
            status.is_connected = true;
            status.connections += 1;
            status.published_again += again;
            status.error = None;
        });
        Ok(())
    }

    /// Publishes until the connection is cut.
    async fn serve(&mut self, client: &AsyncClient, events: &mut EventLoop) -> Cut {
        let since = Instant::now();
        let before = self.status.borrow().acknowledged;
        loop {
            match self.serve_next(client, events).await {
                Ok(Effect::None) => {}
                Ok(Effect::Acknowledged) => self.acknowledged(1),
                Err(cut) => {
                    if since.elapsed() > LONGEST_PAUSE {
                        self.pauses = pauses();
                    }
                    // The client has handled what it has not reported yet. Only with QoS 0 a report would be
                    // taken for the acknowledgement of a message whose write has failed.
                    let rest: Vec<Event> = events.state.events.drain(..).collect();
                    if self.qos != QoS::AtMostOnce {
                        let effects = rest.iter().map(|event| self.window.follow(event));
                        let acknowledged = effects.filter(|effect| *effect == Effect::Acknowledged).count();
                        self.acknowledged(acknowledged as u64);
                    }
                    let is_fruitless = self.status.borrow().acknowledged == before && self.window.has_given();
                    if self.qos == QoS::AtLeastOnce && matches!(cut, Cut::Error(_)) && is_fruitless {
                        self.count_fruitless();
                    }
                    return cut;
                }
            }
        }
    }

    async fn serve_next(&mut self, client: &AsyncClient, events: &mut EventLoop) -> Result<Effect, Cut> {
        match self.next(client, events).await? {
            Next::Event(event) => Ok(self.window.follow(&event)),
            Next::Closed => {
                if client.try_disconnect().is_ok() {
                    // The error is of no interest any more.
                    let _ = timeout(GOODBYE, async {
                        while !matches!(events.poll().await, Err(_) | Ok(Event::Outgoing(Outgoing::Disconnect))) {}
                    })
                    .await;
                }
                Err(Cut::Closed)
            }
        }
    }

    /// The next event of the client. Meanwhile requests come into the window, and from there to the client if
    /// there is a connection.
    async fn next(&mut self, client: &AsyncClient, events: &mut EventLoop) -> Result<Next, Cut> {
        let is_connected = self.status.borrow().is_connected;
        // This is not dropped before it is ready: it may have taken a message from the client and not yet have
        // written it.
        let mut event = pin!(events.poll());
        loop {
            if is_connected {
                while let Some(packet) = self.window.give() {
                    client.publish_bytes(packet.topic, packet.qos, packet.retain, packet.payload).await?;
                }
            }
            tokio::select! {
                biased;
                event = &mut event => return Ok(Next::Event(event?)),
                request = self.requests.recv() => match request {
                    Ok(request) => self.add(request),
                    Err(_) => return Ok(Next::Closed),
                },
            }
        }
    }

    fn add(&mut self, request: Request) {
        self.window.add(request.message, request.reply);
        self.report(0);
    }

    /// Messages were acknowledged, so that neither pauses nor a slower pace are needed.
    fn acknowledged(&mut self, number: u64) {
        if number > 0 {
            self.pauses = pauses();
            self.fruitless = 0;
            self.window.set_pace(Pace::Full);
            self.report(number);
        }
    }

    /// The other end has closed a connection: perhaps it cannot bear one of the messages.
    fn count_fruitless(&mut self) {
        self.fruitless += 1;
        if self.fruitless >= TOGETHER {
            self.window.set_pace(Pace::OneByOne);
        }
        if self.fruitless >= TOGETHER + ALONE {
            self.fruitless = TOGETHER;
            let why = "the broker has closed each connection in which this message came, without an acknowledgement";
            self.window.reject_oldest(Failure::from(why));
            self.report(0);
        }
    }

    fn report(&self, acknowledged: u64) {
        let unacknowledged = self.window.len();
        self.status.send_modify(|status| {
            status.unacknowledged = unacknowledged;
            status.acknowledged += acknowledged;
        });
    }

    /// Waits before the next connection; an error if the publisher is to end.
    async fn pause(&mut self, cut: Cut) -> Result<(), ()> {
        let (Cut::Error(error) | Cut::Silent(error)) = cut else { return Err(()) };
        self.status.send_modify(|status| {
            status.is_connected = false;
            status.error = Some(error);
        });
        let mut over = pin!(sleep(self.pauses.next().unwrap_or(LONGEST_PAUSE)));
        loop {
            tokio::select! {
                biased;
                () = &mut over => return Ok(()),
                request = self.requests.recv() => self.add(request.map_err(|_| ())?),
            }
        }
    }
}

/// The pauses between two connections.
fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .with_jitter()
        .without_max_times()
        .build()
}
