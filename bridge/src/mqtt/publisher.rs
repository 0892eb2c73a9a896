//! The handle of a publisher, and the future of one message.

use super::window::Reply;
use super::{Message, PublisherBuilder, Status};
use joinq::{Receiver, Sender};
use joinq_flow::{Failure, Job};
use rumqttc::MqttOptions;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{ready, Context, Poll};
use tokio::sync::{oneshot, watch};

/// A message on its way to the publisher's task.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) message: Message,
    /// Closed if the future was dropped.
    pub(super) reply: Reply,
}

/// A client of an MQTT broker that publishes messages, and tells of each one when it was published. This is a
/// handle; clones are handles of the same publisher.
///
/// A task of tokio has the connection. When the connection is cut or refused, the task connects again, after
/// pauses that grow from 0.1 s to 30 s, and publishes again what was not acknowledged; that is no error of a
/// message. [`status`](Publisher::status) has the last error.
///
/// When the last handle and the last [`Publishing`] are dropped, the publisher disconnects.
///
/// # Examples
/// ```no_run
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use joinq_bridge::mqtt::{Message, MqttOptions, Publisher};
/// use joinq_flow::{Job, Stage, Workers};
///
/// let publisher = Publisher::builder(MqttOptions::new("sensor-7", "broker.example.org", 1883)).start();
/// let readings: Stage<f64> = Stage::builder("readings").build();
/// let publish = publisher.handler(|reading: &Job<f64>| Ok(Message::new("site/7/temperature", reading.to_string())));
/// Workers::tokio(&readings, 50..=50, publish); // 50 messages at a time
/// readings.put(21.5).await?.output().await?; // the broker has acknowledged
/// readings.shutdown().await;
/// publisher.disconnect().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Publisher {
    requests: Sender<Request>,
    status: watch::Receiver<Status>,
    largest_packet: usize,
}

impl Publisher {
    /// A publisher with these options; it begins with [`start`](PublisherBuilder::start).
    ///
    /// The options have the address and the client identifier, and may have credentials, a last will, the
    /// transport ([`tls`](super::tls)) and the time after which an idle connection is checked. With that time,
    /// 60 seconds by default, it takes up to twice as long until a line that is silently dead counts as cut.
    /// Their limits of packets and of unacknowledged messages, and `clean_session`, have no effect: see
    /// [`largest_packet`](PublisherBuilder::largest_packet), [`window`](PublisherBuilder::window) and
    /// [`qos`](PublisherBuilder::qos).
    ///
    /// The client identifier must not be used by another client at the same broker, which would cut the
    /// connection of each of both in turn.
    ///
    /// # Examples
    /// ```
    /// use joinq_bridge::mqtt::{MqttOptions, Publisher};
    /// use std::time::Duration;
    ///
    /// let mut options = MqttOptions::new("sensor-7", "localhost", 1883);
    /// options.set_credentials("sensor", "secret").set_keep_alive(Duration::from_secs(10));
    /// let builder = Publisher::builder(options);
    /// ```
    pub fn builder(options: MqttOptions) -> PublisherBuilder {
        PublisherBuilder::new(options)
    }

    pub(super) fn new(largest_packet: usize) -> (Publisher, Receiver<Request>, watch::Sender<Status>) {
        let (requests, receiver) = joinq::unbounded();
        let (sender, status) = watch::channel(Status::default());
        (Publisher { requests, status, largest_packet }, receiver, sender)
    }

    /// Publishes a message. The message is enqueued by this call, in the order of the calls; the future
    /// completes when the message was published, which with QoS 1 and 2 means that the broker has acknowledged.
    ///
    /// # Errors
    /// [`Failure::fatal`] if the topic is none to publish to, or if the message is longer than
    /// [`largest_packet`](PublisherBuilder::largest_packet). Another failure if the publisher was
    /// [disconnected](Publisher::disconnect) or its runtime was shut down; the message may have been published.
    /// With QoS 1 also if the broker cuts the connection again and again, and in the end three times when it had
    /// this message alone, without any acknowledgement in between: so one message that a broker cannot bear does
    /// not hold up the others.
    ///
    /// # Cancel safety
    /// If the future is dropped, a message that was not yet written is not published. One that was written may
    /// or may not have been published. Other messages are not affected.
    ///
    /// # Examples
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use joinq_bridge::mqtt::{Message, MqttOptions, Publisher};
    ///
    /// let publisher = Publisher::builder(MqttOptions::new("sensor-7", "localhost", 1883)).start();
    /// let refused = publisher.publish(Message::new("site/#", "21.5")).await;
    /// assert!(refused.unwrap_err().to_string().contains("no topic to publish to"));
    /// # }
    /// ```
    pub fn publish(&self, message: Message) -> Publishing {
        if let Err(failure) = message.check(self.largest_packet) {
            return Publishing::refused(failure);
        }
        let (reply, published) = oneshot::channel();
        match self.requests.try_send(Request { message, reply }) {
            Ok(()) => Publishing { state: State::Pending(published), _keep: Some(self.requests.clone()) },
            Err(_) => Publishing::refused(disconnected()),
        }
    }

    /// A handler for the tasks of [`Workers`](joinq_flow::Workers) or for
    /// [`Stage::work_async`](joinq_flow::Stage::work_async) that publishes what `message` makes of a job. The
    /// job is done when the message was published. Each worker waits for its message, so that the number of
    /// workers is the number of messages under way at a time.
    ///
    /// # Ordering
    /// Messages are written in the order in which the handler is called, also when they are published again. With
    /// one worker that is the order of the jobs. With several, two jobs that begin at the same time may change
    /// places, and a job that is tried again comes later.
    ///
    /// # Errors
    /// The attempt fails with the failure of `message`, or as [`publish`](Publisher::publish) does.
    ///
    /// # Examples
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use joinq_bridge::mqtt::{Message, MqttOptions, Publisher};
    /// use joinq_flow::{Job, Stage, State, Workers};
    ///
    /// let publisher = Publisher::builder(MqttOptions::new("sensor-7", "localhost", 1883)).start();
    /// let stage: Stage<String> = Stage::builder("lines").build();
    /// let publish = publisher.handler(|line: &Job<String>| Ok(Message::new(&**line, "")));
    /// Workers::tokio(&stage, 1..=1, publish);
    /// let job = stage.put("not/a/+/topic".to_owned()).await?;
    /// job.settled().await;
    /// assert_eq!(job.state(), State::Dead); // such a topic is not tried again
    /// # Ok(())
    /// # }
    /// ```
    pub fn handler<T, F>(&self, message: F) -> impl Fn(Job<T>) -> Publishing + Clone + Send + Sync + 'static
    where
        T: Send + Sync + 'static,
        F: Fn(&Job<T>) -> Result<Message, Failure> + Clone + Send + Sync + 'static,
    {
        let publisher = self.clone();
        move |job| match message(&job) {
            Ok(message) => publisher.publish(message),
            Err(failure) => Publishing::refused(failure),
        }
    }

    /// The state of the connection, and numbers.
    ///
    /// # Examples
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use joinq_bridge::mqtt::{MqttOptions, Publisher};
    ///
    /// let publisher = Publisher::builder(MqttOptions::new("sensor-7", "localhost", 1883)).start();
    /// assert_eq!(publisher.status().unacknowledged, 0);
    /// # }
    /// ```
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Ends the publisher: says goodbye to the broker, so that the broker does not publish the last will. The
    /// future completes when the connection is closed, at the latest after about a second. Messages that were
    /// not published by then fail. This is for the end of a process, after the stage has ended.
    ///
    /// # Cancel safety
    /// The publisher ends also if the future is dropped after its first poll.
    ///
    /// # Examples
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use joinq_bridge::mqtt::{Message, MqttOptions, Publisher};
    ///
    /// let publisher = Publisher::builder(MqttOptions::new("sensor-7", "localhost", 1883)).start();
    /// publisher.disconnect().await;
    /// assert!(publisher.publish(Message::new("a/b", "1")).await.is_err());
    /// # }
    /// ```
    pub async fn disconnect(&self) {
        self.requests.close();
        let mut status = self.status.clone();
        // The task drops its end when it has ended.
        while status.changed().await.is_ok() {}
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("status", &*self.status.borrow()).finish_non_exhaustive()
    }
}

fn disconnected() -> Failure {
    Failure::from("the publisher was disconnected")
}

/// A message that is published; returned by [`Publisher::publish`].
#[derive(Debug)]
#[must_use = "the message is not published if this is dropped"]
pub struct Publishing {
    state: State,
    /// Keeps the publisher from ending.
    _keep: Option<Sender<Request>>,
}

#[derive(Debug)]
enum State {
    /// `None` after it was returned.
    Refused(Option<Failure>),
    Pending(oneshot::Receiver<Result<(), Failure>>),
}

impl Publishing {
    fn refused(failure: Failure) -> Publishing {
        Publishing { state: State::Refused(Some(failure)), _keep: None }
    }
}

impl Future for Publishing {
    type Output = Result<(), Failure>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        match &mut self.state {
            State::Refused(failure) => Poll::Ready(Err(failure.take().expect("polled after completion"))),
            State::Pending(published) => {
                let published = ready!(Pin::new(published).poll(context));
                Poll::Ready(published.unwrap_or_else(|_| Err(disconnected())))
            }
        }
    }
}
