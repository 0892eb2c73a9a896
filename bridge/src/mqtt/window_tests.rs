//! Tests of the window without a client.

use super::message::Message;
use super::window::{Effect, Window};
use joinq_flow::Failure;
use rumqttc::{Event, Outgoing, Packet, PubAck, PubComp, PubRec, QoS, Request};
use tokio::sync::oneshot::{self, Receiver};

fn add(window: &mut Window, name: &str) -> Receiver<Result<(), Failure>> {
    let (reply, published) = oneshot::channel();
    window.add(Message::new("t", name.to_owned()), reply);
    published
}

fn give(window: &mut Window) -> Vec<String> {
    std::iter::from_fn(|| window.give()).map(|packet| text(&packet.payload)).collect()
}

fn text(payload: &[u8]) -> String {
    String::from_utf8_lossy(payload).into_owned()
}

fn written(window: &mut Window, identifier: u16) -> Effect {
    window.follow(&Event::Outgoing(Outgoing::Publish(identifier)))
}

fn incoming(window: &mut Window, packet: Packet) -> Effect {
    window.follow(&Event::Incoming(packet))
}

fn puback(window: &mut Window, identifier: u16) -> Effect {
    incoming(window, Packet::PubAck(PubAck::new(identifier)))
}

fn is_done(published: &mut Receiver<Result<(), Failure>>) -> bool {
    published.try_recv().is_ok_and(|outcome| outcome.is_ok())
}

/// What a client would send first in a session that goes on.
fn resumed(window: &mut Window) -> Vec<String> {
    let (requests, _) = window.resume();
    let show = |request| match request {
        Request::Publish(packet) => format!("{} {} dup {}", packet.pkid, text(&packet.payload), packet.dup),
        Request::PubRel(packet) => format!("{} release", packet.pkid),
        other => panic!("unexpected {other:?}"),
    };
    requests.into_iter().map(show).collect()
}

#[test]
fn each_report_of_a_write_belongs_to_the_next_message() {
    let mut window = Window::new(QoS::AtLeastOnce, 10);
    let [mut a, mut b] = ["a", "b"].map(|name| add(&mut window, name));
    assert_eq!(give(&mut window), ["a", "b"]);
    // The identifiers are the client's choice.
    assert_eq!(written(&mut window, 7), Effect::None);
    assert_eq!(written(&mut window, 3), Effect::None);
    assert_eq!(puback(&mut window, 3), Effect::Acknowledged);
    assert!(!is_done(&mut a) && is_done(&mut b));
    assert_eq!(puback(&mut window, 7), Effect::Acknowledged);
    assert!(is_done(&mut a));
    assert_eq!(window.len(), 0);
}

#[test]
fn the_window_reaches_from_the_oldest_message_whatever_is_acknowledged_behind_it() {
    let mut window = Window::new(QoS::AtLeastOnce, 2);
    let _futures = ["a", "b", "c", "d"].map(|name| add(&mut window, name));
    assert_eq!(give(&mut window), ["a", "b"]);
    (1..=2).for_each(|identifier| assert_eq!(written(&mut window, identifier), Effect::None));
    puback(&mut window, 2);
    // Its identifier could be the one of the oldest message.
    assert!(give(&mut window).is_empty());
    puback(&mut window, 1);
    assert_eq!(give(&mut window), ["c", "d"]);
    assert_eq!(window.len(), 2);
}

#[test]
fn with_qos_0_a_write_is_the_end() {
    let mut window = Window::new(QoS::AtMostOnce, 10);
    let mut a = add(&mut window, "a");
    give(&mut window);
    assert!(!is_done(&mut a));
    assert_eq!(written(&mut window, 0), Effect::Acknowledged);
    assert!(is_done(&mut a));
}

#[test]
fn with_qos_2_a_message_is_done_when_it_is_complete() {
    let mut window = Window::new(QoS::ExactlyOnce, 10);
    let mut a = add(&mut window, "a");
    give(&mut window);
    written(&mut window, 1);
    assert_eq!(incoming(&mut window, Packet::PubRec(PubRec::new(1))), Effect::None);
    assert!(!is_done(&mut a));
    assert_eq!(incoming(&mut window, Packet::PubComp(PubComp::new(1))), Effect::Acknowledged);
    assert!(is_done(&mut a));
}

#[test]
fn a_new_session_begins_with_all_messages_in_their_order() {
    let mut window = Window::new(QoS::AtLeastOnce, 3);
    let mut futures = ["a", "b", "c", "d"].map(|name| add(&mut window, name));
    give(&mut window);
    (1..=2).for_each(|identifier| assert_eq!(written(&mut window, identifier), Effect::None));
    puback(&mut window, 2);
    assert_eq!(window.begin_again(), 2);
    assert_eq!(give(&mut window), ["a", "c"]);
    // An identifier of the old session means another message now.
    written(&mut window, 2);
    puback(&mut window, 2);
    assert!(is_done(&mut futures[0]));
    assert_eq!(give(&mut window), ["d"]);
}

#[test]
fn a_session_that_goes_on_keeps_identifiers_and_order() {
    let mut window = Window::new(QoS::ExactlyOnce, 4);
    let mut futures = ["a", "b", "c", "d", "e"].map(|name| add(&mut window, name));
    give(&mut window);
    // The identifiers begin again behind the last one.
    [4, 5, 1].into_iter().for_each(|identifier| assert_eq!(written(&mut window, identifier), Effect::None));
    incoming(&mut window, Packet::PubRec(PubRec::new(5)));
    let again = ["4 a dup true", "5 release", "1 c dup true"];
    assert_eq!(resumed(&mut window), again);
    // The connection is cut before the client has sent any of that.
    assert_eq!(resumed(&mut window), again);
    assert_eq!(give(&mut window), ["d"]);
    [4, 1, 2].into_iter().for_each(|identifier| assert_eq!(written(&mut window, identifier), Effect::None));
    for identifier in [2, 1, 4, 5] {
        incoming(&mut window, Packet::PubComp(PubComp::new(identifier)));
    }
    assert!(futures[..4].iter_mut().all(is_done) && !is_done(&mut futures[4]));
    assert_eq!(give(&mut window), ["e"]);
}

#[test]
fn a_dropped_future_takes_its_message_out_unless_it_was_written() {
    let mut window = Window::new(QoS::ExactlyOnce, 10);
    let [a, b, mut c] = ["a", "b", "c"].map(|name| add(&mut window, name));
    drop(b);
    assert_eq!(give(&mut window), ["a", "c"]);
    drop(a);
    written(&mut window, 1);
    written(&mut window, 2);
    // The broker may have the message: the identifier is in use until the exchange is complete.
    assert_eq!(resumed(&mut window), ["1 a dup true", "2 c dup true"]);
    incoming(&mut window, Packet::PubComp(PubComp::new(2)));
    assert!(is_done(&mut c));
    assert_eq!(window.len(), 1);
    // In a new session no future waits for the message any more.
    window.begin_again();
    assert!(give(&mut window).is_empty());
    assert_eq!(window.len(), 0);
}

#[test]
fn what_was_never_written_is_no_acknowledgement() {
    let mut window = Window::new(QoS::AtLeastOnce, 10);
    let mut a = add(&mut window, "a");
    assert_eq!(puback(&mut window, 1), Effect::None);
    assert_eq!(written(&mut window, 1), Effect::None);
    give(&mut window);
    assert_eq!(puback(&mut window, 1), Effect::None);
    assert!(!is_done(&mut a));
}
