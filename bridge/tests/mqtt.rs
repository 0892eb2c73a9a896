//! A publisher with a broker that follows a script: the moments that a real broker shows only by chance.

#![cfg(feature = "mqtt")]

use bytes::BytesMut;
use joinq_bridge::mqtt::{Message, MqttOptions, Publisher, PublisherBuilder, QoS};
use joinq_flow::{Job, Stage, State, Workers};
use rumqttc::{ConnAck, Connect, ConnectReturnCode, Packet, PubAck, PubComp, PubRec, Publish};
use std::future::Future;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

const WATCHDOG: Duration = Duration::from_secs(60);

/// Runs a test, which fails if it does not end.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { timeout(WATCHDOG, test).await.expect("the test waits for ever") });
}

struct Broker(TcpListener);

impl Broker {
    async fn new() -> Broker {
        Broker(TcpListener::bind("127.0.0.1:0").await.expect("a port"))
    }

    fn publisher(&self, qos: QoS) -> PublisherBuilder {
        let port = self.0.local_addr().expect("a port").port();
        Publisher::builder(MqttOptions::new("sensor", "127.0.0.1", port)).qos(qos)
    }

    /// The next connection, and what the client asks for.
    async fn accept(&self) -> (Client, Connect) {
        let (stream, _) = self.0.accept().await.expect("a connection");
        let mut client = Client { stream, bytes: BytesMut::new() };
        match client.read().await {
            Some(Packet::Connect(connect)) => (client, connect),
            other => panic!("no CONNECT: {other:?}"),
        }
    }

    /// Accepts the next connection.
    async fn connect(&self, session_present: bool) -> Client {
        let (mut client, _) = self.accept().await;
        client.accepted(session_present).await;
        client
    }

    /// The connection with which a publisher with QoS 2 removes an old session, and the one behind it.
    async fn connect_with_session(&self) -> Client {
        let (mut client, connect) = self.accept().await;
        assert!(connect.clean_session, "an old session goes on");
        client.accepted(false).await;
        assert_eq!(client.read().await, Some(Packet::Disconnect));
        let (mut client, connect) = self.accept().await;
        assert!(!connect.clean_session, "the session ends with the connection");
        client.accepted(false).await;
        client
    }
}

struct Client {
    stream: TcpStream,
    bytes: BytesMut,
}

impl Client {
    /// The next packet; `None` at the end of the connection.
    async fn read(&mut self) -> Option<Packet> {
        loop {
            if let Ok(packet) = Packet::read(&mut self.bytes, 1 << 20) {
                return Some(packet);
            }
            if self.stream.read_buf(&mut self.bytes).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    async fn publish(&mut self) -> Publish {
        match self.read().await {
            Some(Packet::Publish(packet)) => packet,
            other => panic!("no PUBLISH: {other:?}"),
        }
    }

    /// The payloads and identifiers of the next messages.
    async fn publishes(&mut self, number: usize) -> Vec<(String, u16)> {
        let mut found = Vec::new();
        for _ in 0..number {
            let packet = self.publish().await;
            found.push((String::from_utf8_lossy(&packet.payload).into_owned(), packet.pkid));
        }
        found
    }

    async fn write(&mut self, packet: Packet) {
        let mut bytes = BytesMut::new();
        packet.write(&mut bytes, 1 << 20).expect("a packet");
        self.stream.write_all(&bytes).await.expect("the client reads");
    }

    async fn accepted(&mut self, session_present: bool) {
        self.write(Packet::ConnAck(ConnAck::new(ConnectReturnCode::Success, session_present))).await;
    }

    async fn puback(&mut self, identifier: u16) {
        self.write(Packet::PubAck(PubAck::new(identifier))).await;
    }
}

fn message(text: &str) -> Message {
    Message::new("t", text.to_owned())
}

fn names(publishes: &[(String, u16)]) -> Vec<&str> {
    publishes.iter().map(|(name, _)| &**name).collect()
}

#[test]
fn acknowledgements_in_any_order_complete_their_own_futures() {
    run(async {
        let broker = Broker::new().await;
        let publisher = broker.publisher(QoS::AtLeastOnce).start();
        let (a, mut b, c) =
            (publisher.publish(message("a")), publisher.publish(message("b")), publisher.publish(message("c")));
        let mut client = broker.connect(false).await;
        let found = client.publishes(3).await;
        assert_eq!(names(&found), ["a", "b", "c"]);
        client.puback(found[2].1).await;
        c.await.expect("acknowledged");
        client.puback(found[0].1).await;
        a.await.expect("acknowledged");
        assert!(timeout(Duration::from_millis(50), &mut b).await.is_err(), "done without an acknowledgement");
        assert_eq!((publisher.status().acknowledged, publisher.status().unacknowledged), (2, 1));
        client.puback(found[1].1).await;
        b.await.expect("acknowledged");
    });
}

#[test]
fn with_qos_1_a_cut_connection_is_followed_by_all_that_is_unacknowledged_in_order() {
    run(async {
        let broker = Broker::new().await;
        let publisher = broker.publisher(QoS::AtLeastOnce).window(3).start();
        let futures = ["a", "b", "c", "d"].map(|name| publisher.publish(message(name)));
        let mut client = broker.connect(false).await;
        let found = client.publishes(3).await;
        client.puback(found[1].1).await;
        let [a, b, c, d] = futures;
        b.await.expect("acknowledged");
        drop(client);
        let (mut client, connect) = broker.accept().await;
        assert!(connect.clean_session);
        client.accepted(false).await;
        let found = client.publishes(2).await;
        assert_eq!(names(&found), ["a", "c"]);
        for (_, identifier) in found {
            client.puback(identifier).await;
        }
        a.await.and(c.await).expect("acknowledged");
        let found = client.publishes(1).await;
        assert_eq!(names(&found), ["d"]);
        client.puback(found[0].1).await;
        d.await.expect("acknowledged");
        let status = publisher.status();
        assert_eq!((status.connections, status.published_again, status.error), (2, 2, None));
    });
}

#[test]
fn an_acknowledgement_that_comes_with_the_end_of_the_connection_counts() {
    run(async {
        let broker = Broker::new().await;
        let publisher = broker.publisher(QoS::AtLeastOnce).start();
        let futures = ["a", "b"].map(|name| publisher.publish(message(name)));
        let mut client = broker.connect(false).await;
        let found = client.publishes(2).await;
        let mut bytes = BytesMut::new();
        Packet::PubAck(PubAck::new(found[0].1)).write(&mut bytes, 100).expect("a packet");
        // A packet that only clients send ends the connection; both are in one read.
        Packet::PingReq.write(&mut bytes, 100).expect("a packet");
        client.stream.write_all(&bytes).await.expect("the client reads");
        let [a, b] = futures;
        a.await.expect("acknowledged");
        let mut client = broker.connect(false).await;
        let found = client.publishes(1).await;
        assert_eq!(names(&found), ["b"]);
        client.puback(found[0].1).await;
        b.await.expect("acknowledged");
    });
}

#[test]
fn with_qos_2_the_session_goes_on_where_it_was() {
    run(async {
        let broker = Broker::new().await;
        let publisher = broker.publisher(QoS::ExactlyOnce).window(10).start();
        let futures = ["a", "b", "c"].map(|name| publisher.publish(message(name)));
        let mut client = broker.connect_with_session().await;
        let found = client.publishes(3).await;
        let identifiers: Vec<u16> = found.iter().map(|(_, identifier)| *identifier).collect();
        client.write(Packet::PubRec(PubRec::new(identifiers[1]))).await;
        assert!(matches!(client.read().await, Some(Packet::PubRel(packet)) if packet.pkid == identifiers[1]));
        drop(client);
        let (mut client, connect) = broker.accept().await;
        assert!(!connect.clean_session);
        client.accepted(true).await;
        let first = client.publish().await;
        assert_eq!((&first.payload[..], first.pkid, first.dup), (&b"a"[..], identifiers[0], true));
        assert!(matches!(client.read().await, Some(Packet::PubRel(packet)) if packet.pkid == identifiers[1]));
        let third = client.publish().await;
        assert_eq!((&third.payload[..], third.pkid, third.dup), (&b"c"[..], identifiers[2], true));
        for identifier in &identifiers {
            if *identifier != identifiers[1] {
                client.write(Packet::PubRec(PubRec::new(*identifier))).await;
                assert!(matches!(client.read().await, Some(Packet::PubRel(_))));
            }
            client.write(Packet::PubComp(PubComp::new(*identifier))).await;
        }
        for future in futures {
            future.await.expect("complete");
        }
    });
}

#[test]
fn with_qos_2_what_came_with_the_end_of_the_connection_is_not_done_again() {
    run(async {
        let broker = Broker::new().await;
        let publisher = broker.publisher(QoS::ExactlyOnce).start();
        let futures = ["a", "b"].map(|name| publisher.publish(message(name)));
        let mut client = broker.connect_with_session().await;
        let found = client.publishes(2).await;
        client.write(Packet::PubRec(PubRec::new(found[0].1))).await;
        assert!(matches!(client.read().await, Some(Packet::PubRel(_))));
        let mut bytes = BytesMut::new();
        Packet::PubComp(PubComp::new(found[0].1)).write(&mut bytes, 100).expect("a packet");
        Packet::PubRec(PubRec::new(found[1].1)).write(&mut bytes, 100).expect("a packet");
        Packet::PingReq.write(&mut bytes, 100).expect("a packet");
        client.stream.write_all(&bytes).await.expect("the client reads");
        let [a, b] = futures;
        a.await.expect("complete");
        let mut client = broker.connect(true).await;
        // Not the message again: the broker would hold the same identifier for a new message.
        assert!(matches!(client.read().await, Some(Packet::PubRel(packet)) if packet.pkid == found[1].1));
        client.write(Packet::PubComp(PubComp::new(found[1].1))).await;
        b.await.expect("complete");
        assert_eq!(publisher.status().published_again, 0);
    });
}

#[test]
fn with_qos_2_a_lost_session_begins_again() {
    run(async {
        let broker = Broker::new().await;
        let publisher = broker.publisher(QoS::ExactlyOnce).start();
        let futures = ["a", "b"].map(|name| publisher.publish(message(name)));
        let mut client = broker.connect_with_session().await;
        let found = client.publishes(2).await;
        client.write(Packet::PubRec(PubRec::new(found[0].1))).await;
        assert!(matches!(client.read().await, Some(Packet::PubRel(_))));
        drop(client);
        let mut client = broker.connect(false).await;
        let packets = [client.publish().await, client.publish().await];
        for (packet, expected) in packets.iter().zip(["a", "b"]) {
            assert_eq!((&packet.payload[..], packet.dup), (expected.as_bytes(), false));
            client.write(Packet::PubRec(PubRec::new(packet.pkid))).await;
            assert!(matches!(client.read().await, Some(Packet::PubRel(released)) if released.pkid == packet.pkid));
            client.write(Packet::PubComp(PubComp::new(packet.pkid))).await;
        }
        for future in futures {
            future.await.expect("complete");
        }
    });
}

#[test]
fn a_dropped_future_does_not_shift_the_acknowledgements_of_others() {
    run(async {
        let broker = Broker::new().await;
        let publisher = broker.publisher(QoS::AtLeastOnce).start();
        let dropped_early = publisher.publish(message("never"));
        let (dropped_late, c) = (publisher.publish(message("b")), publisher.publish(message("c")));
        drop(dropped_early);
        let mut client = broker.connect(false).await;
        let found = client.publishes(2).await;
        assert_eq!(names(&found), ["b", "c"]);
        drop(dropped_late);
        client.puback(found[1].1).await;
        c.await.expect("acknowledged");
        drop(client);
        // What no future waits for is not published again.
        let mut client = broker.connect(false).await;
        let d = publisher.publish(message("d"));
        let found = client.publishes(1).await;
        assert_eq!(names(&found), ["d"]);
        client.puback(found[0].1).await;
        d.await.expect("acknowledged");
    });
}

#[test]
fn a_job_that_is_cancelled_or_too_long_does_not_hold_up_others() {
    run(async {
        let broker = Broker::new().await;
        let publisher = broker.publisher(QoS::AtLeastOnce).largest_packet(100).start();
        let stage: Stage<String> = Stage::builder("texts").build();
        let publish = publisher.handler(|text: &Job<String>| Ok(message(text)));
        Workers::tokio(&stage, 4..=4, publish);
        let mut client = broker.connect(false).await;
        let cancelled = stage.put("a".into()).await.expect("open");
        let found = client.publishes(1).await;
        let too_long = stage.put("x".repeat(101)).await.expect("open");
        let last = stage.put("b".into()).await.expect("open");
        too_long.settled().await;
        assert_eq!(too_long.state(), State::Dead);
        cancelled.cancel();
        cancelled.settled().await;
        assert_eq!(cancelled.state(), State::Cancelled);
        let found_last = client.publishes(1).await;
        client.puback(found_last[0].1).await;
        last.output().await.expect("done");
        client.puback(found[0].1).await;
        stage.close();
        stage.join().await;
        // The acknowledgement of the cancelled job may still be on its way.
        while publisher.status().unacknowledged > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    });
}

#[test]
fn the_last_handle_says_goodbye() {
    run(async {
        let broker = Broker::new().await;
        let publisher = broker.publisher(QoS::AtLeastOnce).start();
        let mut client = broker.connect(false).await;
        let publishing = publisher.clone().publish(message("a"));
        drop(publisher);
        let found = client.publishes(1).await;
        client.puback(found[0].1).await;
        publishing.await.expect("acknowledged");
        assert_eq!(client.read().await, Some(Packet::Disconnect));
        assert_eq!(client.read().await, None);
    });
}

#[test]
fn a_disconnected_publisher_fails_what_it_has_not_published() {
    run(async {
        let broker = Broker::new().await;
        let publisher = broker.publisher(QoS::AtLeastOnce).start();
        let mut client = broker.connect(false).await;
        let publishing = publisher.publish(message("a"));
        client.publishes(1).await;
        publisher.disconnect().await;
        assert_eq!(publishing.await.expect_err("not acknowledged").to_string(), "the publisher was disconnected");
        assert!(publisher.publish(message("b")).await.is_err());
        assert_eq!(client.read().await, Some(Packet::Disconnect));
    });
}

#[test]
fn a_publisher_without_a_broker_can_be_disconnected() {
    run(async {
        for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
            // A port on which nothing listens any more.
            let publisher = Broker::new().await.publisher(qos).start();
            let publishing = publisher.publish(message("a"));
            while publisher.status().error.is_none() {
                sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(publisher.status().unacknowledged, 1);
            publisher.disconnect().await;
            assert!(publishing.await.is_err());
        }
    });
}

#[test]
fn a_function_for_the_token_that_panics_is_called_again() {
    run(async {
        let broker = Broker::new().await;
        let calls = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
        let counted = calls.clone();
        let publisher = broker
            .publisher(QoS::AtLeastOnce)
            .token(move || match counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
                0 => panic!("on purpose"),
                call => format!("token {call}"),
            })
            .start();
        let (mut client, connect) = broker.accept().await;
        assert_eq!(connect.login.map(|login| login.password), Some("token 1".to_owned()));
        assert_eq!(publisher.status().error.as_deref(), Some("the function for the token panicked"));
        client.accepted(false).await;
        drop(client);
        let (_client, connect) = broker.accept().await;
        assert_eq!(connect.login.map(|login| login.password), Some("token 2".to_owned()));
    });
}

#[test]
fn a_message_that_the_broker_cannot_bear_does_not_hold_up_others() {
    run(async {
        let broker = Broker::new().await;
        let publisher = broker.publisher(QoS::AtLeastOnce).start();
        let futures = ["poison", "b", "c"].map(|name| publisher.publish(message(name)));
        let serve = async {
            loop {
                let mut client = broker.connect(false).await;
                while let Some(packet) = client.read().await {
                    match packet {
                        Packet::Publish(packet) if &packet.payload[..] == b"poison" => break,
                        Packet::Publish(packet) => client.puback(packet.pkid).await,
                        _ => {}
                    }
                }
            }
        };
        let judge = async {
            let [poison, b, c] = futures;
            let error = poison.await.expect_err("rejected").to_string();
            assert!(error.contains("has closed each connection"), "{error}");
            b.await.and(c.await).expect("acknowledged");
        };
        tokio::select! {
            () = serve => unreachable!("the broker goes on"),
            () = judge => {}
        }
        // Three connections with all messages, three with the first one alone.
        assert!(publisher.status().connections >= 6, "{:?}", publisher.status());
    });
}
