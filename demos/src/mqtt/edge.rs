//! The program `edge` while it is killed, its line is cut, and the broker is killed.

use super::broker::Moment;
use super::proxy::Proxy;
use super::subscriber::Subscriber;
use super::{broker, wait_for, WATCHDOG};
use crate::acceptance::Verdict;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How many readings are put while the line is cut.
const WHILE_CUT: u64 = 1000;
/// How often the program is killed meanwhile; a stage that counts crashes takes three of them for the fault of a job.
const KILLS_WHILE_CUT: u64 = 4;

/// What happens.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// How often the program is killed.
    pub program_kills: u32,
    /// How often the broker is killed.
    pub broker_kills: u32,
    /// How long the broker is off, once.
    pub off: Duration,
    /// When the broker is killed.
    pub moment: Moment,
    /// The moments.
    pub seed: u64,
}

/// Runs `program`, which is `edge`: each reading whose number it has written arrives, and then its database is empty.
pub fn run(program: &Path, faults: Faults) -> Verdict {
    let began = Instant::now();
    let mut ledger = Vec::new();
    let violations = judge(program, faults, &mut ledger).unwrap_or_else(|violation| vec![violation]);
    let Faults { program_kills, broker_kills, off, moment, seed } = faults;
    let title = format!(
        "edge, {program_kills} kills, {broker_kills} kills of the broker (moment: {moment:?}), which is off for {off:?} once, a cut of \
         {WHILE_CUT} readings, seed {seed}, {:.0?}",
        began.elapsed()
    );
    Verdict { title, ledger, violations }
}

/// The program, started again and again.
struct Edge<'a> {
    program: &'a Path,
    port: u16,
    db: PathBuf,
    running: Option<(Child, JoinHandle<()>)>,
    /// The readings that a process has written, one more than the largest number.
    put: Arc<AtomicU64>,
}

impl Edge<'_> {
    fn start(&mut self, items: u64) {
        let (port, first) = (self.port, self.put.load(Ordering::SeqCst));
        let mut child = Command::new(self.program)
            .args(["--broker", &format!("127.0.0.1:{port}"), "--pause", "1", "--topic", super::TOPIC, "--db"])
            .arg(&self.db)
            .args(["--first", &first.to_string(), "--items", &items.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let put = self.put.clone();
        // The pipe is read to its end, which comes after all that was written before a kill.
        let reader = thread::spawn(move || {
            for number in lines.map_while(Result::ok).filter_map(|line| line.parse::<u64>().ok()) {
                put.store(number + 1, Ordering::SeqCst);
            }
        });
        self.running = Some((child, reader));
    }

    fn kill(&mut self) {
        if let Some((mut child, reader)) = self.running.take() {
            child.kill().and_then(|()| child.wait()).expect("a child");
            reader.join().expect("the reader ends with the pipe");
        }
    }

    /// Waits until the program has ended by itself.
    fn end(&mut self) -> Result<(), String> {
        let Some((child, _)) = &mut self.running else { return Ok(()) };
        let since = Instant::now();
        loop {
            match child.try_wait().expect("a child") {
                Some(status) if status.success() => break,
                Some(status) => return Err(format!("the program has failed: {status}")),
                None if since.elapsed() > WATCHDOG => return Err("the program does not end".into()),
                None => thread::sleep(Duration::from_millis(10)),
            }
        }
        self.kill();
        Ok(())
    }

    fn put(&self) -> u64 {
        self.put.load(Ordering::SeqCst)
    }
}

impl Drop for Edge<'_> {
    fn drop(&mut self) {
        self.kill();
    }
}

fn judge(program: &Path, faults: Faults, ledger: &mut Vec<String>) -> Result<Vec<String>, String> {
    let mut random = fastrand::Rng::with_seed(faults.seed);
    let mut broker = broker::start(&format!("{}{}", broker::SAVES_EACH_CHANGE, broker::FOR_ALL));
    let subscriber = Subscriber::start(&broker, 1)?;
    let line = Proxy::new(broker.address());
    let folder = tempfile::tempdir().expect("a folder");
    let db = folder.path().join("edge.db");
    let mut edge = Edge { program, port: line.port(), db: db.clone(), running: None, put: Arc::default() };
    edge.start(u64::MAX);
    let goes_on = |edge: &Edge<'_>| {
        let (put, arrived) = (edge.put(), subscriber.arrived().len());
        wait_for("readings are put and arrive", || edge.put() > put && subscriber.arrived().len() > arrived)
    };
    let mut events: Vec<bool> =
        (0..faults.program_kills + faults.broker_kills).map(|event| event < faults.program_kills).collect();
    random.shuffle(&mut events);
    let cut_at = random.usize(0..=events.len());
    let mut broker_kills = 0;
    for (number, is_program) in events.iter().enumerate() {
        if number == cut_at {
            cut(&line, &mut edge)?;
        }
        goes_on(&edge)?;
        thread::sleep(Duration::from_micros(random.u64(0..100_000)));
        if *is_program {
            edge.kill();
            edge.start(u64::MAX);
        } else {
            broker_kills += 1;
            let off = if broker_kills == 1 { faults.off } else { Duration::ZERO };
            broker::kill(&mut broker, &line, &subscriber, faults.moment, off)?;
        }
    }
    if cut_at == events.len() {
        cut(&line, &mut edge)?;
    }
    goes_on(&edge)?;
    edge.kill();
    edge.start(100);
    edge.end()?;
    let put = edge.put();
    let acknowledged = line.acknowledged();
    let claimed = (0..put).filter(|number| !acknowledged.contains(number.to_string().as_bytes())).count();
    let missing = || {
        let counts = subscriber.counts();
        (0..put).filter(|number| !counts.contains_key(&(*number as u32))).count()
    };
    // What never comes is counted below.
    let _ = wait_for("all readings have arrived", || missing() == 0 || !subscriber.is_growing());
    let lost = missing();
    let (jobs, dead) = left(&db).map_err(|error| error.to_string())?;
    let counts = subscriber.counts();
    let repeated: u32 = counts.values().map(|count| count - 1).sum();
    ledger.push(format!(
        "put {put}, of which not acknowledged by the broker {claimed}, arrived {}, lost {lost}, repeated {repeated}, left in \
         the database: {jobs} jobs and {dead} dead letters",
        counts.len()
    ));
    let mut violations = Vec::new();
    if claimed > 0 {
        violations.push(format!("the broker has not acknowledged {claimed} of {put} readings"));
    }
    if lost > 0 && faults.moment == Moment::Quiet {
        violations.push(format!("{lost} of {put} readings have not arrived"));
    }
    if (jobs, dead) != (0, 0) {
        violations.push(format!("{jobs} jobs and {dead} dead letters are left in the database"));
    }
    Ok(violations)
}

/// Cuts the line until a number of readings were put, and kills the program so often meanwhile that the jobs under way
/// could be held to be the reason.
fn cut(line: &Proxy, edge: &mut Edge<'_>) -> Result<(), String> {
    line.set_open(false);
    let before = edge.put();
    for kill in 1..=KILLS_WHILE_CUT {
        let enough = before + WHILE_CUT * kill / (KILLS_WHILE_CUT + 1);
        wait_for("readings are put without a line", || edge.put() > enough)?;
        edge.kill();
        edge.start(u64::MAX);
    }
    wait_for("readings are put without a line", || edge.put() > before + WHILE_CUT)?;
    line.set_open(true);
    Ok(())
}

/// The rows in the database of a process that has ended.
fn left(db: &Path) -> rusqlite::Result<(u64, u64)> {
    let file = rusqlite::Connection::open(db)?;
    let count = |table: &str| {
        file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
    };
    Ok((count("job")?, count("dead")?))
}
