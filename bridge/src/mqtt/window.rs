//! The messages that are not acknowledged, in their order, and which packet identifier each one has.
//!
//! The client assigns the identifiers. It reports each write of a PUBLISH by its identifier only, but in the
//! order in which it got the messages. So the n-th report belongs to the n-th message.

use super::message::Message;
use joinq_flow::Failure;
use rumqttc::{Event, Outgoing, Packet, PubRel, Publish, QoS, Request};
use std::collections::{HashMap, VecDeque};
use tokio::sync::oneshot;

/// Completes the future of a message.
pub(super) type Reply = oneshot::Sender<Result<(), Failure>>;

/// A message and its future.
#[derive(Debug)]
pub(super) struct Entry {
    message: Message,
    /// `None` once the message is acknowledged. Closed if the future was dropped.
    reply: Option<Reply>,
    progress: Progress,
}

/// How far a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// The client does not have it.
    New,
    /// The client has it, and has not reported its write.
    Given,
    /// It was written with this identifier.
    Written(u16),
    /// The broker has it, by a PUBREC: PUBREL is to follow, or has followed.
    Received(u16),
    /// Nothing is to be done for it.
    Ended,
}

/// What an event meant for the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    None,
    /// A message was acknowledged, or written with QoS 0.
    Acknowledged,
}

/// How many messages are published at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    OneByOne,
    Full,
}

#[derive(Debug)]
pub(super) struct Window {
    qos: QoS,
    /// The largest distance between the oldest unacknowledged message and one that the client has. As long as
    /// the client has as many identifiers, it never uses one that is in use.
    span: usize,
    /// The same for now: less while messages are published one by one.
    span_now: usize,
    entries: VecDeque<Entry>,
    /// How many entries have not ended.
    unended: usize,
    /// The number of the first entry; those of the others follow.
    first: u64,
    /// The number of the first entry that the client does not have.
    next: u64,
    /// The entries whose writes are to be reported, in their order.
    unreported: VecDeque<u64>,
    /// The entries by their identifiers.
    numbers: HashMap<u16, u64>,
}

impl Window {
    pub(super) fn new(qos: QoS, span: u16) -> Window {
        Window {
            qos,
            span: span.into(),
            span_now: span.into(),
            entries: VecDeque::new(),
            unended: 0,
            first: 0,
            next: 0,
            unreported: VecDeque::new(),
            numbers: HashMap::new(),
        }
    }

    /// The number of messages that are not acknowledged, those that wait for a place in the window included.
    pub(super) fn len(&self) -> usize {
        self.unended
    }

    pub(super) fn add(&mut self, message: Message, reply: Reply) {
        self.unended += 1;
        self.entries.push_back(Entry { message, reply: Some(reply), progress: Progress::New });
    }

    /// The next message for the client, if there is one and a place for it.
    pub(super) fn give(&mut self) -> Option<Publish> {
        loop {
            let at = (self.next - self.first) as usize;
            if at >= self.span_now {
                return None;
            }
            let entry = self.entries.get_mut(at)?;
            let number = self.next;
            self.next += 1;
            if entry.progress == Progress::Ended {
                continue;
            }
            if entry.reply.as_ref().is_none_or(Reply::is_closed) {
                // Its future was dropped before the client got it.
                self.end(number, Ok(()));
                continue;
            }
            entry.progress = Progress::Given;
            self.unreported.push_back(number);
            return Some(entry.message.packet(self.qos));
        }
    }

    /// Follows an event of the client.
    pub(super) fn follow(&mut self, event: &Event) -> Effect {
        match event {
            Event::Outgoing(Outgoing::Publish(identifier)) => return self.written(*identifier),
            Event::Incoming(Packet::PubAck(packet)) => return self.acknowledged(packet.pkid),
            Event::Incoming(Packet::PubComp(packet)) => return self.acknowledged(packet.pkid),
            Event::Incoming(Packet::PubRec(packet)) => {
                let number = self.numbers.get(&packet.pkid).copied();
                if let Some(entry) = number.and_then(|number| self.entry(number)) {
                    entry.progress = Progress::Received(packet.pkid);
                }
            }
            _ => {}
        }
        Effect::None
    }

    fn written(&mut self, identifier: u16) -> Effect {
        let Some(number) = self.unreported.pop_front() else { return Effect::None };
        if self.qos == QoS::AtMostOnce {
            self.end(number, Ok(()));
            return Effect::Acknowledged;
        }
        self.numbers.insert(identifier, number);
        if let Some(entry) = self.entry(number) {
            entry.progress = Progress::Written(identifier);
        }
        Effect::None
    }

    fn acknowledged(&mut self, identifier: u16) -> Effect {
        let Some(number) = self.numbers.remove(&identifier) else { return Effect::None };
        self.end(number, Ok(()));
        Effect::Acknowledged
    }

    fn entry(&mut self, number: u64) -> Option<&mut Entry> {
        self.entries.get_mut(number.checked_sub(self.first)? as usize)
    }

    /// Nothing is to be done for a message any more; completes its future if there is one.
    fn end(&mut self, number: u64, outcome: Result<(), Failure>) {
        if let Some(entry) = self.entry(number).filter(|entry| entry.progress != Progress::Ended) {
            entry.progress = Progress::Ended;
            // An error means that the future was dropped.
            let _ = entry.reply.take().map(|reply| reply.send(outcome));
            self.unended -= 1;
        }
        while self.entries.front().is_some_and(|entry| entry.progress == Progress::Ended) {
            self.entries.pop_front();
            self.first += 1;
        }
        self.next = self.next.max(self.first);
    }

    /// Whether the client has or had a message that is not acknowledged.
    pub(super) fn has_given(&self) -> bool {
        self.next > self.first
    }

    /// From now on the client gets one message at a time, or as many as the window has.
    pub(super) fn set_pace(&mut self, pace: Pace) {
        self.span_now = match pace {
            Pace::OneByOne => 1,
            Pace::Full => self.span,
        };
    }

    /// Fails the oldest message.
    pub(super) fn reject_oldest(&mut self, failure: Failure) {
        self.end(self.first, Err(failure));
    }

    /// A new session has begun: the broker knows no identifier. All messages are to be published, in their
    /// order. Returns how many of them had been given to a client before.
    pub(super) fn begin_again(&mut self) -> u64 {
        self.unreported.clear();
        self.numbers.clear();
        let mut again = 0;
        for entry in &mut self.entries {
            match entry.progress {
                Progress::New | Progress::Ended => {}
                Progress::Given | Progress::Written(_) | Progress::Received(_) => {
                    again += 1;
                    entry.progress = Progress::New;
                }
            }
        }
        self.next = self.first;
        again
    }

    /// The session goes on after the connection was cut: what the client has to send first, in this order, and
    /// how many messages that publishes again. All of it has the identifiers that it had.
    pub(super) fn resume(&mut self) -> (VecDeque<Request>, u64) {
        self.unreported.clear();
        let mut requests = VecDeque::new();
        let mut again = 0;
        let mut next = None;
        for (number, entry) in (self.first..).zip(&mut self.entries) {
            match entry.progress {
                Progress::Written(identifier) => {
                    self.unreported.push_back(number);
                    let packet = Publish { pkid: identifier, dup: true, ..entry.message.packet(self.qos) };
                    requests.push_back(Request::Publish(packet));
                    again += 1;
                }
                Progress::Received(identifier) => requests.push_back(Request::PubRel(PubRel::new(identifier))),
                Progress::New | Progress::Given => {
                    entry.progress = Progress::New;
                    next = next.or(Some(number));
                }
                Progress::Ended => {}
            }
        }
        // What the client did not write stands behind what it has written.
        self.next = next.unwrap_or(self.first + self.entries.len() as u64);
        (requests, again)
    }
}
