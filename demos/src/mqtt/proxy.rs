//! A line between a client and a broker that can be cut, and that keeps what the client has written and what the broker
//! has acknowledged.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

/// How long a thread of the proxy waits before it checks again what it may do.
const TICK: Duration = Duration::from_millis(2);

#[derive(Debug)]
struct Shared {
    broker: SocketAddr,
    /// Whether connections are accepted and go on.
    is_open: AtomicBool,
    /// Whether what the client writes is read; locked for reading while some of it is passed on.
    reads: RwLock<bool>,
    /// Raised by each cut.
    generation: AtomicU64,
    is_over: AtomicBool,
    publishes: Mutex<Vec<Vec<u8>>>,
    acknowledged: Mutex<HashSet<Vec<u8>>>,
    /// What was passed on in the latest connection and is not acknowledged.
    latest: Mutex<Identifiers>,
}

/// The messages of one connection by their identifiers.
type Identifiers = Arc<Mutex<HashMap<u16, Vec<u8>>>>;

/// A line to a broker.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    /// An open line to this broker.
    pub fn new(broker: SocketAddr) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a listener can be polled");
        let address = listener.local_addr().expect("a port");
        let shared = Arc::new(Shared {
            broker,
            is_open: AtomicBool::new(true),
            reads: RwLock::new(true),
            generation: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            publishes: Mutex::default(),
            acknowledged: Mutex::default(),
            latest: Mutex::default(),
        });
        let accepting = shared.clone();
        thread::spawn(move || accepting.accept(&listener));
        Proxy { address, shared }
    }

    /// The port for the client.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Cuts all connections; new ones are accepted if the line is open.
    ///
    /// What the client has written before is still read, and what it reads ends.
    pub fn cut(&self) {
        self.shared.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Closes the line, and cuts its connections, or opens it again.
    pub fn set_open(&self, is_open: bool) {
        self.shared.is_open.store(is_open, Ordering::SeqCst);
        if !is_open {
            self.cut();
        }
    }

    /// Reads what the client writes, or lets the buffers of the connection fill. When this returns, what was read
    /// before has been passed on to the broker.
    pub fn set_reads(&self, reads: bool) {
        *self.shared.reads.write().unwrap_or_else(PoisonError::into_inner) = reads;
    }

    /// The payloads of all messages that the client has written and the proxy has read in whole.
    pub fn publishes(&self) -> Vec<Vec<u8>> {
        lock(&self.shared.publishes).clone()
    }

    /// Whether the broker has acknowledged all messages with QoS 1 of the latest connection.
    pub fn awaits_nothing(&self) -> bool {
        let latest = lock(&self.shared.latest).clone();
        let awaits_nothing = lock(&latest).is_empty();
        awaits_nothing
    }

    /// The payloads of all messages with QoS 1 that the broker has acknowledged.
    pub fn acknowledged(&self) -> HashSet<Vec<u8>> {
        lock(&self.shared.acknowledged).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        self.cut();
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        while !self.is_over.load(Ordering::SeqCst) {
            let Ok((client, _)) = listener.accept() else {
                thread::sleep(TICK);
                continue;
            };
            if !self.is_open.load(Ordering::SeqCst) {
                continue;
            }
            let generation = self.generation.load(Ordering::SeqCst);
            let Ok(broker) = TcpStream::connect(self.broker) else { continue };
            for stream in [&client, &broker] {
                stream.set_nonblocking(false).expect("a stream can block");
                stream.set_nodelay(true).expect("a stream sends at once");
                stream.set_read_timeout(Some(TICK)).expect("a stream has timeouts");
            }
            let (Ok(to_client), Ok(to_broker)) = (client.try_clone(), broker.try_clone()) else { continue };
            let (upwards, downwards) = (self.clone(), self.clone());
            let identifiers = Identifiers::default();
            let written = identifiers.clone();
            *lock(&self.latest) = identifiers.clone();
            thread::spawn(move || upwards.carry_upwards(client, to_broker, generation, &written));
            thread::spawn(move || downwards.carry_downwards(broker, to_client, generation, &identifiers));
        }
    }

    fn is_cut(&self, generation: u64) -> bool {
        self.generation.load(Ordering::SeqCst) != generation
    }

    /// From the client to the broker. After a cut the rest is read and not passed on.
    fn carry_upwards(&self, mut client: TcpStream, mut broker: TcpStream, generation: u64, written: &Identifiers) {
        let mut buffer = vec![0; 64 * 1024];
        let mut packets = Packets::default();
        loop {
            let reads = self.reads.read().unwrap_or_else(PoisonError::into_inner);
            if !*reads {
                drop(reads);
                thread::sleep(TICK);
                if self.is_over.load(Ordering::SeqCst) {
                    break;
                }
                continue;
            }
            match client.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => {
                    for packet in packets.add(&buffer[..length]) {
                        if let Packet::Publish { identifier, payload } = packet {
                            lock(&self.publishes).push(payload.clone());
                            lock(written).insert(identifier, payload);
                        }
                    }
                    if !self.is_cut(generation) && broker.write_all(&buffer[..length]).is_err() {
                        // The client is told by the other thread.
                    }
                }
                Err(error) if is_timeout(&error) => {}
                Err(_) => break,
            }
            if self.is_cut(generation) {
                let _ = broker.shutdown(Shutdown::Both);
            }
            if self.is_over.load(Ordering::SeqCst) {
                break;
            }
        }
        let _ = broker.shutdown(Shutdown::Both);
        let _ = client.shutdown(Shutdown::Both);
    }

    /// From the broker to the client, which reads the end after a cut.
    fn carry_downwards(&self, mut broker: TcpStream, mut client: TcpStream, generation: u64, written: &Identifiers) {
        let mut buffer = vec![0; 64 * 1024];
        let mut packets = Packets::default();
        while !self.is_cut(generation) {
            match broker.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => {
                    for packet in packets.add(&buffer[..length]) {
                        if let Packet::PubAck { identifier } = packet {
                            lock(&self.acknowledged).extend(lock(written).remove(&identifier));
                        }
                    }
                    if self.is_cut(generation) || client.write_all(&buffer[..length]).is_err() {
                        break;
                    }
                }
                Err(error) if is_timeout(&error) => {}
                Err(_) => break,
            }
        }
        let _ = client.shutdown(Shutdown::Write);
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

/// What the proxy understands.
#[derive(Debug, PartialEq, Eq)]
enum Packet {
    /// With QoS 0 the identifier is 0.
    Publish {
        identifier: u16,
        payload: Vec<u8>,
    },
    PubAck {
        identifier: u16,
    },
}

impl Packet {
    /// The packet with this first byte, and what follows its fixed header.
    fn read(kind: u8, rest: &[u8]) -> Option<Packet> {
        let number = |at: usize| Some(u16::from_be_bytes([*rest.get(at)?, *rest.get(at + 1)?]));
        match kind >> 4 {
            3 => {
                let topic = usize::from(number(0)?);
                let (identifier, length) = if kind & 0b0110 == 0 { (0, 0) } else { (number(2 + topic)?, 2) };
                Some(Packet::Publish { identifier, payload: rest.get(2 + topic + length..)?.to_vec() })
            }
            4 => Some(Packet::PubAck { identifier: number(0)? }),
            _ => None,
        }
    }
}

/// The bytes of a connection, which arrive in parts.
#[derive(Default)]
struct Packets {
    rest: Vec<u8>,
}

impl Packets {
    /// The packets that are whole now.
    fn add(&mut self, bytes: &[u8]) -> Vec<Packet> {
        self.rest.extend_from_slice(bytes);
        let mut found = Vec::new();
        let mut from = 0;
        while let Some((head, length)) = header(&self.rest[from..]) {
            let Some(packet) = self.rest.get(from + head..from + head + length) else { break };
            found.extend(Packet::read(self.rest[from], packet));
            from += head + length;
        }
        self.rest.drain(..from);
        found
    }
}

/// The length of the fixed header of a packet, and that of the rest; `None` if the header is not whole.
fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0;
    for (at, byte) in bytes.iter().enumerate().skip(1).take(4) {
        length |= usize::from(byte & 0x7F) << (7 * (at - 1));
        if byte & 0x80 == 0 {
            return Some((at + 1, length));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_in_parts_of_packets() {
        // PINGREQ, a message with QoS 0, one with QoS 1, a PUBACK.
        let bytes = [0xC0, 0, 0x30, 5, 0, 1, b'a', b'1', b'2', 0x32, 6, 0, 1, b'a', 0, 9, b'3', 0x40, 2, 0, 9];
        let publish = |identifier, payload: &[u8]| Packet::Publish { identifier, payload: payload.to_vec() };
        let all = [publish(0, b"12"), publish(9, b"3"), Packet::PubAck { identifier: 9 }];
        for size in 1..=bytes.len() {
            let mut packets = Packets::default();
            let found: Vec<_> = bytes.chunks(size).flat_map(|part| packets.add(part)).collect();
            assert_eq!(found, all);
            assert!(packets.rest.is_empty());
        }
    }
}
