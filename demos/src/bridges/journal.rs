//! The file to which the processes append a line for each event.
//!
//! Each line is one `write(2)`, which the file has after a kill. What a process appends before it sends
//! something over the network is in the file when another process has received that: so the judge needs no
//! clock.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

/// An event in a process under test; the numbers are keys of items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The put into the publisher's stage has returned.
    Put(u64),
    /// The publisher's job is done: the server has acknowledged the message.
    Published(u64),
    /// The consumer's handler begins.
    Begin(u64),
    /// The consumer's handler is about to succeed.
    End(u64),
    /// The consumer's handler is about to fail, and another attempt follows.
    Fail(u64),
    /// The consumer's handler is about to fail for the last time.
    Dead(u64),
    /// A process has ended as it should.
    Over,
    /// A process has failed.
    Error(String),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Put(key) => write!(f, "P {key}"),
            Event::Published(key) => write!(f, "A {key}"),
            Event::Begin(key) => write!(f, "B {key}"),
            Event::End(key) => write!(f, "E {key}"),
            Event::Fail(key) => write!(f, "F {key}"),
            Event::Dead(key) => write!(f, "X {key}"),
            Event::Over => f.write_str("Q"),
            Event::Error(error) => write!(f, "! {}", error.replace('\n', " ")),
        }
    }
}

impl FromStr for Event {
    type Err = String;

    fn from_str(line: &str) -> Result<Event, String> {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        let key = || rest.parse().map_err(|_| format!("no event: {line:?}"));
        Ok(match kind {
            "P" => Event::Put(key()?),
            "A" => Event::Published(key()?),
            "B" => Event::Begin(key()?),
            "E" => Event::End(key()?),
            "F" => Event::Fail(key()?),
            "X" => Event::Dead(key()?),
            "Q" => Event::Over,
            "!" => Event::Error(rest.to_owned()),
            _ => return Err(format!("no event: {line:?}")),
        })
    }
}

/// Appends events to the standard output, which the judge has made the file.
#[derive(Clone, Debug)]
pub struct Writer(Arc<File>);

impl Writer {
    /// A writer past the buffer of the standard library.
    pub fn new() -> io::Result<Writer> {
        Ok(Writer(Arc::new(io::stdout().as_fd().try_clone_to_owned()?.into())))
    }

    /// Appends an event. Ends the process if that fails.
    pub fn write(&self, event: Event) {
        if (&*self.0).write_all(format!("{event}\n").as_bytes()).is_err() {
            std::process::exit(3);
        }
    }
}

/// Reads the file to its present end, again and again.
#[derive(Debug)]
pub struct Reader {
    file: File,
    /// A line that is not complete yet.
    rest: Vec<u8>,
}

impl Reader {
    /// A reader from the begin of the file, which must exist.
    pub fn new(path: &Path) -> io::Result<Reader> {
        Ok(Reader { file: File::open(path)?, rest: Vec::new() })
    }

    /// The events since the last call.
    pub fn read(&mut self) -> io::Result<Vec<Result<Event, String>>> {
        self.file.read_to_end(&mut self.rest)?;
        let end = self.rest.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.rest.drain(..end).collect();
        Ok(String::from_utf8_lossy(&lines).lines().map(str::parse).collect())
    }
}
