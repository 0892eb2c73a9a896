//! Starts the processes, kills them, and judges.

use super::child::{Options, Program};
use super::journal::Reader;
use super::ledger::Ledger;
use super::nats::{self, Nats};
use super::redis::{self, Redis};
use super::{tap, Broker, Engine};
use crate::acceptance::Verdict;
use crate::parent::{Folder, WATCHDOG};
use crate::servers::Server;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How far the publisher is ahead of the consumer at most, so that both are at work at each kill.
const AHEAD: u64 = 100;

/// How long the server says that nothing is pending before jobs that have not ended are held to be lost: right
/// after its start it might say so too early.
const LOST: Duration = Duration::from_secs(10);

/// How much is run, and how often is killed.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The number of items.
    pub jobs: u64,
    /// How often the server is killed.
    pub server: u64,
    /// How often the consumer is killed.
    pub consumer: u64,
    /// How often the publisher is killed.
    pub publisher: u64,
    /// How often the consumer is told to end at once, with jobs that have not begun.
    pub stops: u64,
}

/// What is killed.
#[derive(Clone, Copy, Debug)]
enum Target {
    Server,
    Consumer,
    Publisher,
    /// The consumer, which is told to end.
    Stop,
}

impl Plan {
    /// The kills, each with the number of ended jobs at which it is due: those of each kind evenly
    /// distributed.
    fn kills(&self) -> Vec<(u64, Target)> {
        let of = |number: u64, target: Target| {
            (1..=number).map(move |nth| (self.jobs * nth / (number + 1), target)).collect::<Vec<_>>()
        };
        let mut kills = of(self.server, Target::Server);
        kills.extend(of(self.consumer, Target::Consumer));
        kills.extend(of(self.publisher, Target::Publisher));
        kills.extend(of(self.stops, Target::Stop));
        kills.sort_by_key(|(due, _)| *due);
        kills
    }
}

/// Runs the plan with `program`, whose first argument `child` makes it a process under test.
pub fn run(program: &Path, engine: Engine, plan: Plan) -> Verdict {
    let Plan { jobs, server, consumer, publisher, stops } = plan;
    let kills = format!("server {server}, consumer {consumer}, publisher {publisher}");
    let title = format!("{engine}: {jobs} jobs; kills: {kills}; stops of the consumer: {stops}");
    let began = Instant::now();
    let server = engine.start();
    let (mut broker, protocol): (Box<dyn Broker>, _) = match engine {
        Engine::Nats => (Box::new(Nats::new(server.port())), nats::TAP),
        Engine::Redis => (Box::new(Redis::new(server.port())), redis::TAP),
    };
    broker.create();
    let folder = Folder::new();
    let journal = folder.path().join("journal");
    File::create(&journal).expect("a journal");
    let mut judge = Judge {
        program: program.to_owned(),
        engine,
        jobs,
        acknowledgements: tap::listen(server.address(), protocol),
        server,
        reader: Reader::new(&journal).expect("the journal"),
        journal,
        folder: folder.path().to_owned(),
        ledger: Ledger::default(),
        consumers: 0,
        allowed: 0,
    };
    let over = judge.run(&mut *broker, &plan);
    if over {
        judge.ledger.close(jobs, &broker.contents());
    }
    let mut violations = judge.ledger.violations().to_vec();
    if !violations.is_empty() {
        violations.push(format!("journal and store are kept in {}", folder.keep().display()));
    }
    let ledger = vec![judge.ledger.to_string(), format!("{} s", began.elapsed().as_secs())];
    Verdict { title, ledger, violations }
}

struct Judge {
    program: PathBuf,
    engine: Engine,
    jobs: u64,
    server: Server,
    acknowledgements: Receiver<String>,
    journal: PathBuf,
    reader: Reader,
    folder: PathBuf,
    ledger: Ledger,
    /// The number of consumers that were started.
    consumers: u32,
    /// The largest key that the publisher may put.
    allowed: u64,
}

impl Judge {
    /// Whether all has come to its end.
    fn run(&mut self, broker: &mut dyn Broker, plan: &Plan) -> bool {
        let mut kills = plan.kills().into_iter().peekable();
        let (mut publisher, mut consumer) = (Some(self.start_publisher()), self.start_consumer());
        let (mut progress, mut since) = (0, Instant::now());
        let mut idle_since = None;
        loop {
            self.read(Duration::from_millis(5));
            if progress != self.ledger.progress() {
                (progress, since) = (self.ledger.progress(), Instant::now());
            } else if since.elapsed() > WATCHDOG {
                let pending = broker.pending();
                self.ledger.violated(format!("nothing happens any more; pending in the server: {pending:?}"));
                [publisher, Some(consumer)].into_iter().flatten().for_each(kill);
                return false;
            }
            if let Some(child) = &mut publisher {
                self.allow(child);
                if let Some(status) = child.try_wait().expect("a child") {
                    if !status.success() {
                        self.ledger.violated(format!("the publisher failed: {status}"));
                    }
                    publisher = None;
                }
            }
            if let Some(status) = consumer.try_wait().expect("a child") {
                self.ledger.violated(format!("the consumer ended by itself: {status}"));
                publisher.into_iter().for_each(kill);
                return false;
            }
            if let Some((_, target)) = kills.next_if(|(due, _)| self.ledger.ended() >= *due) {
                match target {
                    Target::Server => {
                        self.server.kill();
                        self.server.start();
                    }
                    Target::Stop if !self.stop(&mut consumer) => {
                        publisher.into_iter().for_each(kill);
                        return false;
                    }
                    Target::Stop => consumer = self.start_consumer(),
                    Target::Consumer => kill(std::mem::replace(&mut consumer, self.start_consumer())),
                    Target::Publisher => {
                        if let Some(child) = publisher.take() {
                            kill(child);
                            self.read(Duration::ZERO);
                            publisher = Some(self.start_publisher());
                        }
                    }
                }
            } else if publisher.is_none() && broker.pending() == Some(0) {
                // What the server had before this is in the journal.
                self.read(Duration::ZERO);
                let ended = self.ledger.ended() >= self.jobs;
                if ended || idle_since.get_or_insert_with(Instant::now).elapsed() > LOST {
                    break;
                }
            } else {
                idle_since = None;
            }
        }
        let stopped = self.stop(&mut consumer);
        self.read(Duration::from_millis(50));
        stopped
    }

    /// Tells the consumer to end by the end of its input, and waits for that. Whether it has ended as it should.
    fn stop(&mut self, consumer: &mut Child) -> bool {
        drop(consumer.stdin.take());
        let since = Instant::now();
        loop {
            self.read(Duration::from_millis(5));
            match consumer.try_wait().expect("a child") {
                Some(status) if status.success() => return true,
                Some(status) => {
                    self.ledger.violated(format!("the consumer failed at its end: {status}"));
                    return false;
                }
                None if since.elapsed() > WATCHDOG => {
                    self.ledger.violated("the consumer does not end");
                    consumer.kill().and_then(|()| consumer.wait()).expect("a child");
                    return false;
                }
                None => {}
            }
        }
    }

    /// Reads the acknowledgements that come within this time, and then the journal: what was written before
    /// they were sent is in there.
    fn read(&mut self, wait: Duration) {
        let mut seen = Vec::new();
        let until = Instant::now() + wait;
        loop {
            match self.acknowledgements.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(message) if message.is_empty() => {}
                Ok(message) => seen.push(message),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => panic!("the tap has ended"),
            }
        }
        let events = self.reader.read().expect("the journal can be read");
        events.into_iter().for_each(|event| self.ledger.read(event));
        seen.into_iter().for_each(|message| self.ledger.acknowledged(message));
    }

    fn allow(&mut self, publisher: &mut Child) {
        let allowed = (self.ledger.ended() + AHEAD).min(self.jobs);
        if allowed != self.allowed {
            self.allowed = allowed;
            // If it fails the publisher has ended.
            let _ = publisher.stdin.as_mut().map(|input| writeln!(input, "{allowed}"));
        }
    }

    fn start_publisher(&mut self) -> Child {
        self.allowed = 0;
        let (folder, first, last) = (self.folder.clone(), self.ledger.last_put() + 1, self.jobs);
        self.start(Program::Publish { folder, first, last })
    }

    fn start_consumer(&mut self) -> Child {
        self.consumers += 1;
        self.start(Program::Consume { process: self.consumers })
    }

    fn start(&self, program: Program) -> Child {
        let options = Options { engine: self.engine, port: self.server.port(), program };
        let journal = File::options().append(true).open(&self.journal).expect("the journal");
        Command::new(&self.program)
            .arg("child")
            .arg(serde_json::to_string(&options).expect("options are JSON"))
            .stdin(Stdio::piped())
            .stdout(journal)
            .spawn()
            .expect("the program under test starts")
    }
}

fn kill(mut child: Child) {
    child.kill().and_then(|()| child.wait()).expect("a child");
}
