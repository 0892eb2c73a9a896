//! Starts the process under test, reads its lines, kills it.

use crate::child::Options;
use crate::ledger::Ledger;
use crate::line::Line;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// When a process ends.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// It is killed this long after its start.
    AfterStart(Duration),
    /// It is killed this long after its store was open.
    AfterOpen(Duration),
    /// It ends by itself, or by a signal that another process sends.
    End,
}

/// The time without a line after which a process that ought to end by itself is held to hang.
pub const WATCHDOG: Duration = Duration::from_secs(120);

/// A process under test.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    started: Instant,
}

/// The command that starts a process under test, behind the words of another command if there are any.
fn command(program: &Path, options: &Options, before: &[OsString]) -> Command {
    let mut words = before.iter().cloned().chain([program.into(), "child".into()]);
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words).arg(serde_json::to_string(options).expect("options are JSON"));
    command
}

/// Starts a process under test.
pub fn start(program: &Path, options: &Options, before: &[OsString]) -> Running {
    let mut command = command(program, options, before);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program under test starts");
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    let (send, lines) = mpsc::channel();
    // The lines are read to the end of the pipe, which comes after all that was written before a kill.
    thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
    Running { child, lines, started: Instant::now() }
}

impl Running {
    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Lets a process go on that waits for a byte.
    pub fn go_on(&mut self) {
        let input = self.child.stdin.as_mut().expect("a pipe");
        input.write_all(b"\n").and_then(|()| input.flush()).expect("the process under test reads");
    }

    /// Reads lines into the ledger until this one.
    pub fn read_until(&mut self, ledger: &mut Ledger, awaited: &Line) {
        let until = Instant::now() + WATCHDOG;
        while let Ok(line) = self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            let line = read(ledger, &line);
            if line.as_ref() == Some(awaited) {
                return;
            }
        }
        ledger.violated(format!("the process ended or hung before it wrote {awaited:?}"));
    }

    /// Reads its lines into the ledger, and kills it when the time has come. `None` if the kill ended it.
    pub fn finish(mut self, ledger: &mut Ledger, until: Until) -> Option<ExitStatus> {
        let mut deadline = match until {
            Until::AfterStart(delay) => self.started + delay,
            Until::AfterOpen(_) | Until::End => Instant::now() + WATCHDOG,
        };
        let mut hangs = !matches!(until, Until::AfterStart(_));
        let mut killed = false;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = match self.lines.recv_timeout(if killed { WATCHDOG } else { left }) {
                Ok(line) => line,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) if killed => panic!("a killed process keeps its pipe open"),
                Err(RecvTimeoutError::Timeout) => {
                    if hangs {
                        ledger.violated("the process under test hangs");
                    }
                    self.child.kill().expect("the process under test can be killed");
                    killed = true;
                    continue;
                }
            };
            match (read(ledger, &line), until) {
                (Some(Line::Open), Until::AfterOpen(delay)) => (deadline, hangs) = (Instant::now() + delay, false),
                (_, Until::End) => deadline = Instant::now() + WATCHDOG,
                _ => {}
            }
            // A process that writes faster than its lines are read is killed all the same.
            if !killed && Instant::now() >= deadline {
                self.child.kill().expect("the process under test can be killed");
                killed = true;
            }
        }
        let status = self.child.wait().expect("the process under test is a child");
        (!killed).then_some(status)
    }
}

fn read(ledger: &mut Ledger, line: &str) -> Option<Line> {
    match line.parse() {
        Ok(line) => {
            ledger.read(&line);
            Some(line)
        }
        Err(error) => {
            ledger.violated(error);
            None
        }
    }
}

/// The folder of a store, which is kept if the test fails.
#[derive(Debug)]
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// A new folder in the folder of `JOINQ_FOLDER`, or that for temporary files.
    pub fn new() -> Folder {
        let base = std::env::var_os("JOINQ_FOLDER").map_or_else(std::env::temp_dir, PathBuf::from);
        Folder(tempfile::Builder::new().prefix("joinq-demo").tempdir_in(base).expect("a folder"))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Keeps the folder, and returns its path.
    pub fn keep(self) -> PathBuf {
        self.0.keep()
    }
}

impl Default for Folder {
    fn default() -> Folder {
        Folder::new()
    }
}
