//! What a subscriber of `tracing` is told: panics, dead letters that no queue has, and errors of the store.

#![cfg(feature = "tracing")]

mod common;
mod memory_store;

use backon::ConstantBuilder;
use common::{eventually, watchdog};
use joinq::Queue;
use joinq_flow::{Failure, Job, Overflow, Retry, Stage, State, Store, Text, TracingTrace};
use memory_store::MemoryStore;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::{span, Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// Keeps the events of all tests; each test has stages with a name of its own.
#[derive(Clone, Default)]
struct Capture(Arc<Mutex<Vec<Line>>>);

#[derive(Clone, Debug, Default)]
struct Line {
    /// Level, message and fields.
    text: String,
    stage: String,
    /// The span in which the event is.
    span: Option<&'static str>,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "stage" => self.stage = value.to_owned(),
            name => write!(self.text, " {name}={value}").unwrap(),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => write!(self.text, " {value:?}:").unwrap(),
            name => write!(self.text, " {name}={value:?}").unwrap(),
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Capture {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Line { text: event.metadata().level().to_string(), ..Line::default() };
        event.record(&mut line);
        line.span = context.lookup_current().map(|span| span.name());
        let panics = line.stage == "hostile";
        self.0.lock().unwrap().push(line);
        // After the lock is released.
        assert!(!panics, "the subscriber panics");
    }
}

fn capture() -> &'static Capture {
    static CAPTURE: OnceLock<Capture> = OnceLock::new();
    CAPTURE.get_or_init(|| {
        let capture = Capture::default();
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(capture.clone())).unwrap();
        capture
    })
}

/// The events of a stage so far, those of level debug without.
fn told(stage: &str) -> Vec<String> {
    all(stage).into_iter().filter(|line| !line.starts_with("DEBUG")).collect()
}

fn all(stage: &str) -> Vec<String> {
    let lines = capture().0.lock().unwrap();
    lines.iter().filter(|line| line.stage == stage).map(|line| line.text.clone()).collect()
}

fn run<T: Send + Sync + 'static>(stage: &Stage<T>, handler: impl Fn(&Job<T>) -> Result<(), Failure>) {
    stage.close();
    stage.work(handler).wait();
    stage.join().wait();
}

#[test]
fn a_dead_letter_without_a_queue_is_an_error() {
    let _watchdog = watchdog();
    capture();
    let stage: Stage<u32> = Stage::builder("no queue").build();
    let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    stage.put(1).trace_context(text).wait().unwrap();
    run(&stage, |_| Err("connection refused".into()));
    let lost = "job is dead, and no queue keeps it: job=1 attempts=1";
    assert_eq!(told("no queue"), [format!("ERROR {lost} trace={text} error=connection refused")]);
    assert_eq!(all("no queue").len(), 3, "{:?}", all("no queue"));
}

#[test]
fn a_dead_letter_in_a_queue_is_no_error_but_one_that_is_displaced_is() {
    let _watchdog = watchdog();
    capture();
    let letters = Arc::new(Queue::bounded(1));
    let stage: Stage<u32> = Stage::builder("queue").dead_letters(letters).build();
    for item in 1..=2 {
        stage.put(item).wait().unwrap();
    }
    run(&stage, |job| Err(Failure::fatal(if **job == 1 { "first" } else { "second" })));
    // The letter of the first job has gone for that of the second one.
    assert_eq!(told("queue"), ["ERROR job is dead, and no queue keeps it: job=1 attempts=1 error=first"]);
}

#[test]
fn a_dead_letter_in_a_store_is_a_warning() {
    let _watchdog = watchdog();
    capture();
    let stage: Stage<String> = Stage::builder("stored").durable(MemoryStore::default(), Text).build();
    stage.put("one".into()).wait().unwrap();
    run(&stage, |_| Err("no".into()));
    assert_eq!(told("stored"), ["WARN job is dead; only the store keeps it: job=1 attempts=1 error=no"]);
}

#[test]
fn jobs_that_the_overflow_drops_are_no_errors() {
    let _watchdog = watchdog();
    capture();
    let stage: Stage<u32> = Stage::builder("overflow").capacity(1).overflow(Overflow::DropOldest).build();
    for item in 0..10 {
        stage.put(item).wait().unwrap();
    }
    run(&stage, |_| Ok(()));
    assert_eq!((stage.stats().evicted, told("overflow")), (9, Vec::new()));
}

#[test]
fn a_panic_is_an_error_in_the_span_of_its_attempt() {
    let _watchdog = watchdog();
    capture();
    let letters = Arc::new(Queue::unbounded());
    let retry = Retry::new(ConstantBuilder::default().with_delay(Duration::ZERO)).attempts(2.try_into().unwrap());
    let builder = Stage::builder("panics").retry(retry).dead_letters(letters).trace(TracingTrace::new());
    let stage: Stage<u32> = builder.build();
    stage.put(7).on_settled(|_| panic!("in the acknowledgement")).wait().unwrap();
    run(&stage, |job| match job.attempt() {
        1 => Err("at first".into()),
        _ => panic!("at last"),
    });
    let panicked = "ERROR attempt panicked: job=1 attempt=2 error=the handler panicked: at last";
    assert_eq!(told("panics"), [panicked, "ERROR a call of the stage panicked: error=in the acknowledgement"]);
    let lines = capture().0.lock().unwrap().clone();
    let in_span: Vec<&Line> = lines.iter().filter(|line| line.stage == "panics" && line.span.is_some()).collect();
    assert_eq!(in_span.len(), 2, "{in_span:?}");
    assert!(in_span.iter().all(|line| line.span == Some("attempt")));
    assert_eq!(in_span[0].text, "DEBUG attempt failed: job=1 attempt=1 error=at first");
}

#[test]
fn a_store_that_fails_is_told_once_and_that_it_works_again() {
    let _watchdog = watchdog();
    capture();
    let store = MemoryStore::default();
    let stage: Stage<String> = Stage::builder("disk").durable(store.clone(), Text).build();
    store.full();
    for _ in 0..3 {
        stage.put("one".into()).wait().unwrap_err();
    }
    store.heal();
    stage.put("two".into()).wait().unwrap();
    // The putter goes on as soon as its item is committed.
    eventually(|| if told("disk").len() == 2 { Ok(()) } else { Err(()) });
    assert_eq!(told("disk"), ["ERROR store failed: error=the disk is full", "INFO store works again:"]);
}

#[test]
fn bytes_that_are_no_item_are_an_error() {
    let _watchdog = watchdog();
    capture();
    let store = MemoryStore::default();
    let change = joinq_flow::Change::Put { id: 1, body: b"\xff", trace: "" };
    store.clone().apply(&[change], joinq_flow::Safe::FromKill).unwrap();
    let stage: Stage<String> = Stage::builder("bytes").durable(store, Text).build();
    run(&stage, |_| Ok(()));
    let told = told("bytes");
    assert!(
        told.len() == 1 && told[0].starts_with("ERROR job is dead: no item in the store: job=1 error="),
        "{told:?}"
    );
}

#[test]
fn a_subscriber_that_panics_changes_nothing() {
    let _watchdog = watchdog();
    capture();
    let builder = Stage::builder("hostile").trace(TracingTrace::new());
    let stage: Stage<String> = builder.durable(MemoryStore::default(), Text).build();
    let jobs = ["one", "two"].map(|item| stage.put(item.into()).wait().unwrap());
    run(&stage, |job| match &***job {
        "one" => panic!("the handler"),
        _ => Ok(()),
    });
    assert_eq!(jobs.each_ref().map(Job::state), [State::Dead, State::Done]);
    assert_eq!((stage.stats().panicked, stage.stats().unfinished), (1, 0));
    assert!(!all("hostile").is_empty());
}

#[test]
fn a_cancelled_attempt_is_no_failure() {
    let _watchdog = watchdog();
    capture();
    let stage: Stage<u32> = Stage::builder("cancel").build();
    let job = stage.put(1).wait().unwrap();
    stage.close();
    futures_lite::future::block_on(stage.work_async(|job: Job<u32>| async move {
        job.cancel();
        std::future::pending().await
    }));
    assert_eq!((job.state(), all("cancel")), (State::Cancelled, Vec::new()));
}

/// Without a subscriber the macros of `tracing` do nothing: this is one that wants nothing.
#[test]
fn a_subscriber_that_wants_no_span_gets_none() {
    struct Deaf;

    impl Subscriber for Deaf {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            false
        }

        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            unreachable!("no span is enabled")
        }

        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

        fn event(&self, _: &Event<'_>) {}

        fn enter(&self, _: &span::Id) {}

        fn exit(&self, _: &span::Id) {}
    }

    let _watchdog = watchdog();
    let stage: Stage<u32> = Stage::builder("deaf").trace(TracingTrace::new()).build();
    let job = stage.put(1).wait().unwrap();
    tracing::subscriber::with_default(Deaf, || run(&stage, |_| Ok(())));
    assert_eq!(job.state(), State::Done);
}
