//! The acknowledgements that a server gets, as one of its clients sees them.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// What a tap says to a server, and how it reads the answers.
pub(super) struct Protocol {
    /// The first line.
    pub(super) hello: &'static str,
    /// What the server is answered to a line.
    pub(super) answer: fn(&str) -> Option<&'static str>,
    /// The name of the message that is acknowledged by these two lines; the second one follows the first.
    pub(super) acknowledged: fn(&str, &str) -> Option<String>,
}

/// Listens on a thread, which connects again when the server was killed, and ends when its receiver is
/// dropped. What is acknowledged meanwhile is not seen.
pub(super) fn listen(address: SocketAddr, protocol: Protocol) -> Receiver<String> {
    let (send, acknowledgements) = mpsc::channel();
    thread::spawn(move || loop {
        let Ok(mut stream) = TcpStream::connect(address) else {
            thread::sleep(Duration::from_millis(5));
            if send.send(String::new()).is_err() {
                return;
            }
            continue;
        };
        let Ok(mut answers) = stream.try_clone() else { continue };
        let _ = stream.set_nodelay(true);
        if stream.write_all(protocol.hello.as_bytes()).is_err() {
            continue;
        }
        let mut before = String::new();
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if let Some(answer) = (protocol.answer)(&line) {
                let _ = answers.write_all(answer.as_bytes());
            }
            if let Some(message) = (protocol.acknowledged)(&before, &line) {
                if send.send(message).is_err() {
                    return;
                }
            }
            before = line;
        }
    });
    acknowledgements
}
