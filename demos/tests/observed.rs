//! The metrics of a pipeline as a real Prometheus sees them, compared with what another process has counted.
//!
//! The short form waits for what comes at last, and asserts nothing that depends on timing.

use joinq_demos::observed::ledger::{Ledger, Line, STAGES};
use joinq_demos::observed::server::{get, hurried, Prometheus};
use joinq_demos::servers::{free_port, missing};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long to wait for what comes at last.
const WATCHDOG: Duration = Duration::from_secs(120);

/// The folder with the rules and the dashboard.
fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../flow/docs/metrics")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(shipped().join(name)).expect("a file of the package")
}

/// The process under test, whose lines another thread counts.
struct Pipeline {
    child: Child,
    input: ChildStdin,
    address: SocketAddr,
    ledger: Arc<Mutex<Ledger>>,
}

impl Pipeline {
    fn start(rate: u32) -> Pipeline {
        let since = Instant::now();
        loop {
            if let Some(pipeline) = Pipeline::start_on(free_port(), rate) {
                wait_for("the endpoint", || get(pipeline.address, "/metrics").is_ok());
                return pipeline;
            }
            assert!(since.elapsed() < WATCHDOG, "the program ends before it has its port");
        }
    }

    /// `None` if the program has ended without the port, which another process may have taken since it was free.
    fn start_on(port: u16, rate: u32) -> Option<Pipeline> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut child = Command::new(env!("CARGO_BIN_EXE_observed"))
            .args(["--commands", "--listen", &address.to_string(), "--rate", &rate.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program is built");
        let (input, output) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let reader = ledger.clone();
        let reader = thread::spawn(move || {
            for text in BufReader::new(output).lines().map_while(Result::ok) {
                let line = Line::parse(&text).unwrap_or_else(|| panic!("no line of the program: {text}"));
                reader.lock().unwrap().read(line);
            }
        });
        let pipeline = Pipeline { child, input, address, ledger };
        let listens = || pipeline.ledger().listens;
        wait_for("the port of the program", || listens() || reader.is_finished());
        listens().then_some(pipeline)
    }

    fn tell(&mut self, command: &str) {
        writeln!(self.input, "{command}").expect("the program reads its input");
    }

    fn ledger(&self) -> Ledger {
        self.ledger.lock().unwrap().clone()
    }

    /// Ends the feed, and waits until both stages are joined.
    fn end(&mut self) -> Ledger {
        self.tell("end");
        wait_for("the join", || self.ledger().joined);
        self.ledger()
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait_for(what: &str, mut is_true: impl FnMut() -> bool) {
    let since = Instant::now();
    while !is_true() {
        assert!(since.elapsed() < WATCHDOG, "{what} does not come within {WATCHDOG:?}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// Waits for a scrape that began after this call.
fn wait_for_scrape(prometheus: &Prometheus) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time of today").as_secs_f64();
    wait_for("a scrape", || prometheus.value("timestamp(up)").is_some_and(|time| time > now));
}

fn promtool(arguments: &[&str], input: &str) {
    let mut child = Command::new("promtool")
        .args(arguments)
        .current_dir(shipped())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("promtool reads its input");
    let output = child.wait_with_output().expect("promtool is a child");
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success() && !text.contains("WARNING"), "promtool {arguments:?}:\n{text}");
}

/// The expressions of the dashboard, with values for its variables.
fn expressions() -> Vec<String> {
    let dashboard: serde_json::Value = serde_json::from_str(&read("dashboard.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let text = |target: &serde_json::Value| target["expr"].as_str().expect("an expression").to_owned();
    targets.map(text).map(|text| text.replace("$stage", ".*").replace("$__rate_interval", "15s")).collect()
}

/// The server's numbers after the join are those of the ledger.
fn compare(prometheus: &Prometheus, ledger: &Ledger) {
    wait_for_scrape(prometheus);
    println!("{ledger}");
    for stage in STAGES {
        let counts = ledger.stage(stage);
        assert_eq!(counts.put, counts.settled(), "{stage}: the join came too early");
        for (expression, count) in [
            ("joinq_put_total{S}", counts.put),
            ("joinq_settled_total{S}", counts.settled()),
            ("sum(joinq_dead_total{S})", counts.dead),
            ("sum(joinq_refused_total{S})", counts.refused),
            ("joinq_lag{S}", 0),
            ("joinq_run_seconds_count{S} - on(stage) joinq_failed_total{S}", counts.done),
        ] {
            let expression = expression.replace("{S}", &format!("{{stage=\"{stage}\"}}"));
            assert_eq!(prometheus.value(&expression), Some(count as f64), "{expression}");
        }
    }
    let fetch = ledger.stage("fetch");
    assert!(fetch.dead > 0 && fetch.refused > 0 && fetch.done > 0, "{ledger}");
}

/// What holds at each time.
fn check_series(prometheus: &Prometheus) {
    for counter in prometheus.query("count by (__name__) ({__name__=~\"joinq_.*_(total|count|bucket)\"})") {
        let name = &counter.labels["__name__"];
        let resets = prometheus.query(&format!("resets({name}[1h]) > 0"));
        assert!(resets.is_empty(), "{name} goes back: {resets:?}");
    }
    let mut labels = prometheus.labels();
    labels.retain(|label| !["__name__", "instance", "job", "stage", "cause", "reason", "le"].contains(&label.as_str()));
    assert!(labels.is_empty(), "labels whose values may have no bound: {labels:?}");
}

#[test]
fn rules_and_metrics_pass_promtool() {
    if missing("promtool") {
        return;
    }
    promtool(&["check", "rules", "alerts.yml"], "");
    promtool(&["test", "rules", "alerts_test.yml"], "");
    let mut pipeline = Pipeline::start(100);
    wait_for("a job", || pipeline.ledger().stage("save").done > 0);
    let text = get(pipeline.address, "/metrics").expect("the endpoint answers");
    promtool(&["check", "metrics"], &text);
    // Each metric has its help.
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE joinq_")) {
        let name = line.split(' ').next().unwrap_or_default();
        assert!(text.contains(&format!("# HELP joinq_{name} ")), "joinq_{name} is not described");
    }
    pipeline.end();
}

#[test]
fn prometheus_sees_the_numbers_of_the_ledger_and_the_outage() {
    if missing("prometheus") || missing("promtool") {
        return;
    }
    let mut pipeline = Pipeline::start(100);
    let prometheus = Prometheus::new(pipeline.address.port(), &hurried(&read("alerts.yml")));
    let firing = |alert: &str| {
        let expression = format!("ALERTS{{alertname=\"{alert}\", alertstate=\"firing\", stage=\"fetch\"}}");
        !prometheus.query(&expression).is_empty()
    };
    wait_for("jobs", || prometheus.value("rate(joinq_settled_total{stage=\"save\"}[15s]) > 0").is_some());
    assert!(!firing("JoinqStuck"));

    pipeline.tell("outage");
    wait_for("the alert of the lag", || firing("JoinqLag"));
    wait_for("jobs on disk", || prometheus.value("joinq_on_disk{stage=\"fetch\"} > 0").is_some());
    pipeline.tell("recovery");
    wait_for("the end of the alert", || !firing("JoinqLag"));
    wait_for("dead letters", || pipeline.ledger().stage("fetch").dead > 0);
    wait_for("an item that is not admitted", || pipeline.ledger().stage("fetch").refused > 0);

    for expression in expressions() {
        let has_value = || prometheus.query(&expression).iter().any(|series| !series.value.is_nan());
        wait_for(&format!("a value of {expression}"), has_value);
    }
    check_series(&prometheus);
    let ledger = pipeline.end();
    compare(&prometheus, &ledger);
    check_series(&prometheus);
}

/// Beside other tests the feed would not be even.
#[test]
#[ignore = "two minutes, and it wants an idle machine"]
fn rates_are_those_of_the_feed() {
    assert!(!missing("prometheus"), "the long form needs Prometheus");
    for feed in [50, 200, 500] {
        let mut pipeline = Pipeline::start(feed);
        let prometheus = Prometheus::new(pipeline.address.port(), &read("alerts.yml"));
        thread::sleep(Duration::from_secs(35));
        let rate = prometheus.value("rate(joinq_put_total{stage=\"fetch\"}[30s])").expect("a rate");
        // One of a hundred items is not admitted.
        let expected = 0.99 * f64::from(feed);
        println!("{feed} items a second: {rate}");
        assert!((rate / expected - 1.0).abs() < 0.1, "{rate} instead of {expected}");
        let ledger = pipeline.end();
        compare(&prometheus, &ledger);
    }
}
