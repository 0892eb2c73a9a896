//! The trace of a job: attempts are spans whose parent is the span of the put, on other threads, in tasks, across a
//! store and over restarts. Each test runs with `OtelTrace`, and with `TracingTrace` on the layer of
//! tracing-opentelemetry.
//!
//! `demos/plant_traces.py` plants faults that these tests find.

#![cfg(all(feature = "otel", feature = "tracing", feature = "tokio", feature = "stream"))]

mod common;
mod memory_store;

use backon::ConstantBuilder;
use common::watchdog;
use futures_lite::StreamExt;
use joinq_flow::{
    Cause, Failure, Job, OtelTrace, Overflow, Retry, Stage, StageBuilder, State, Store, Text, TraceContext,
    TracingTrace, Workers,
};
use memory_store::MemoryStore;
use opentelemetry::trace::{SpanId, SpanKind, Status, Tracer, TracerProvider};
use opentelemetry::Value;
use opentelemetry_sdk::trace::{InMemorySpanExporter, Sampler, SdkTracer, SdkTracerProvider, SpanData};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::Duration;
use tracing_subscriber::layer::SubscriberExt;

/// How spans are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Otel,
    Tracing,
}

/// Runs each test for each kind of spans.
macro_rules! suite {
    ($($test:ident),* $(,)?) => {
        mod otel {
            $(#[test] fn $test() { let _watchdog = super::watchdog(); super::$test(super::Kind::Otel); })*
        }
        mod tracing_spans {
            $(#[test] fn $test() { let _watchdog = super::watchdog(); super::$test(super::Kind::Tracing); })*
        }
    };
}

suite! {
    an_attempt_on_another_thread_is_a_child_of_the_put,
    an_attempt_in_a_task_is_a_child_of_the_put,
    three_attempts_are_three_spans,
    jobs_that_went_over_a_disk_keep_their_put,
    jobs_of_an_earlier_process_keep_their_put,
    a_redriven_letter_keeps_its_put,
    a_spawned_job_is_a_child_of_the_attempt,
    a_spawned_job_keeps_its_context_on_disk,
    a_context_from_a_bridge_is_the_parent,
    without_a_context_an_attempt_begins_a_trace,
    attempts_of_a_stream_have_spans,
    failures_are_in_the_span,
    a_dropped_job_keeps_its_context,
    a_span_around_the_worker_is_not_the_parent,
}

struct Exported {
    exporter: InMemorySpanExporter,
    provider: SdkTracerProvider,
}

/// The spans of all tests; each test has traces of its own.
fn exported() -> &'static Exported {
    static EXPORTED: OnceLock<Exported> = OnceLock::new();
    EXPORTED.get_or_init(|| {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("tracing"));
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).unwrap();
        Exported { exporter, provider }
    })
}

fn tracer() -> SdkTracer {
    exported().provider.tracer("tests")
}

impl Kind {
    fn traced<T: Send + Sync + 'static, R: Send + 'static>(self, builder: StageBuilder<T, R>) -> StageBuilder<T, R> {
        match self {
            Kind::Otel => builder.trace(OtelTrace::new(tracer())),
            Kind::Tracing => builder.trace(TracingTrace::new()),
        }
    }

    fn stage<T: Send + Sync + 'static>(self, name: &str) -> Stage<T> {
        self.traced(Stage::builder(name)).build()
    }

    /// Calls `call` in a span, which has ended when this returns unless something keeps it.
    fn in_span<V>(self, name: &'static str, call: impl FnOnce() -> V) -> V {
        exported();
        match self {
            Kind::Otel => tracer().in_span(name, |_| call()),
            Kind::Tracing => tracing::info_span!("test", otel.name = name).in_scope(call),
        }
    }
}

fn finished() -> Vec<SpanData> {
    exported().exporter.get_finished_spans().unwrap()
}

/// The number in an attribute of an attempt; the two kinds have different prefixes.
fn number(span: &SpanData, name: &str) -> i64 {
    let found = span.attributes.iter().find(|attribute| attribute.key.as_str().trim_start_matches("joinq.") == name);
    match found.map(|attribute| &attribute.value) {
        Some(Value::I64(number)) => *number,
        other => panic!("{name} is {other:?} in {span:?}"),
    }
}

/// The context that the put of a job has taken; the span of the put has to have ended.
#[track_caller]
fn put_of<T, R>(job: &Job<T, R>) -> TraceContext {
    let context = TraceContext::new(job.trace_context().expect("the put was in a span")).unwrap();
    assert!(context.is_sampled());
    let put = finished().into_iter().find(|span| span.span_context.span_id() == span_id(&context));
    assert!(put.is_some_and(|put| put.name == "put"), "the span of the put is held until the job is done");
    context
}

fn span_id(context: &TraceContext) -> SpanId {
    SpanId::from_hex(context.span_id()).unwrap()
}

/// The spans of a trace that are attempts, in the order of their ends.
fn attempts_in(trace_id: &str) -> Vec<SpanData> {
    let in_trace = |span: &SpanData| span.span_context.trace_id().to_string() == trace_id;
    finished().into_iter().filter(|span| in_trace(span) && span.span_kind == SpanKind::Consumer).collect()
}

/// The attempts of a job; each has to be a child of the put, and linked to it.
#[track_caller]
fn attempts_of(context: &TraceContext, stage: &str) -> Vec<SpanData> {
    let attempts = attempts_in(context.trace_id());
    for span in &attempts {
        assert_eq!(span.name, format!("process {stage}"));
        assert_eq!(span.parent_span_id, span_id(context), "the parent of {span:?}");
        let linked = |id| span.links.iter().any(|link| link.span_context.span_id() == id);
        assert!(linked(span_id(context)), "the put is not linked: {:?}", span.links);
    }
    // An attempt that a shutdown has cut short is not counted as a failure, and has its number again.
    let mut numbers: Vec<i64> = attempts.iter().map(|span| number(span, "attempt")).collect();
    numbers.dedup();
    assert_eq!(numbers, (1..=numbers.len() as i64).collect::<Vec<_>>(), "the numbers of the attempts");
    attempts
}

fn soon(attempts: usize) -> Retry {
    Retry::new(ConstantBuilder::default().with_delay(Duration::from_millis(1)).without_max_times())
        .attempts(attempts.try_into().unwrap())
}

fn an_attempt_on_another_thread_is_a_child_of_the_put(kind: Kind) {
    let stage: Stage<u32> = kind.stage("threads");
    let job = kind.in_span("put", || stage.put(1).wait()).unwrap();
    // There is no worker yet.
    let context = put_of(&job);
    let handler = |_: &Job<u32>| {
        kind.in_span("inside", || ());
        Ok(())
    };
    thread::scope(|scope| {
        scope.spawn(|| stage.work(handler).wait());
        assert_eq!(job.settled().wait(), State::Done);
        stage.close();
    });
    let attempts = attempts_of(&context, "threads");
    assert_eq!((attempts.len(), number(&attempts[0], "job")), (1, 1));
    assert_eq!(attempts[0].status, Status::Unset);
    let inside = finished()
        .into_iter()
        .find(|span| span.name == "inside" && span.span_context.trace_id() == attempts[0].span_context.trace_id());
    assert_eq!(inside.expect("in the same trace").parent_span_id, attempts[0].span_context.span_id());
}

fn an_attempt_in_a_task_is_a_child_of_the_put(kind: Kind) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let stage: Stage<u32> = kind.stage("tasks");
    let puts: Vec<Job<u32>> = (0..8).map(|n| kind.in_span("put", || stage.put(n).wait()).unwrap()).collect();
    let contexts: Vec<TraceContext> = puts.iter().map(put_of).collect();
    runtime.block_on(async {
        let work = move |_: Job<u32>| async move {
            for _ in 0..5 {
                // The task may go on on another thread, and other attempts run between.
                tokio::task::yield_now().await;
                kind.in_span("inside", || ());
            }
            Ok(())
        };
        let workers = [0; 4].map(|_| tokio::spawn(stage.work_async(work)));
        stage.close();
        for worker in workers {
            worker.await.unwrap();
        }
    });
    for context in contexts {
        let attempts = attempts_of(&context, "tasks");
        assert_eq!(attempts.len(), 1);
        let own = attempts[0].span_context.span_id();
        let inside = finished().iter().filter(|span| span.name == "inside" && span.parent_span_id == own).count();
        assert_eq!(inside, 5);
    }
}

fn three_attempts_are_three_spans(kind: Kind) {
    let stage: Stage<u32> = kind.traced(Stage::builder("retries").retry(soon(3))).build();
    let job = kind.in_span("put", || stage.put(1).wait()).unwrap();
    let context = put_of(&job);
    stage.close();
    stage
        .work(|job: &Job<u32>| match job.attempt() {
            3 => Ok(()),
            _ => Err("connection refused".into()),
        })
        .wait();
    let attempts = attempts_of(&context, "retries");
    assert_eq!(attempts.iter().map(|span| number(span, "attempt")).collect::<Vec<_>>(), [1, 2, 3]);
    let refused = Status::error("connection refused");
    assert_eq!([&attempts[0].status, &attempts[1].status, &attempts[2].status], [&refused, &refused, &Status::Unset]);
    let mut ids: Vec<SpanId> = attempts.iter().map(|span| span.span_context.span_id()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

fn jobs_that_went_over_a_disk_keep_their_put(kind: Kind) {
    let store = MemoryStore::default();
    let builder: StageBuilder<String> = kind.traced(Stage::builder("spill").capacity(2));
    let stage = builder.spill(store.clone(), Text).build();
    // The handles of the second half are dropped, so that their jobs are made of the rows.
    let put = |n: usize| kind.in_span("put", || stage.put(n.to_string()).wait()).unwrap();
    let mut held: Vec<Job<String>> = (0..10).map(put).collect();
    held.extend((10..20).map(put));
    let contexts: Vec<TraceContext> = held.iter().map(put_of).collect();
    held.truncate(10);
    assert_eq!((stage.stats().on_disk, store.state().jobs.len()), (18, 18));
    memory_store::run_all(&stage);
    for context in &contexts {
        assert_eq!(attempts_of(context, "spill").len(), 1);
    }
}

/// Stores that are opened again.
fn stores() -> Vec<Box<dyn Fn() -> Box<dyn Open>>> {
    let memory = MemoryStore::default();
    let mut stores: Vec<Box<dyn Fn() -> Box<dyn Open>>> = vec![Box::new(move || Box::new(memory.clone()))];
    #[cfg(feature = "sqlite")]
    {
        let folder = tempfile::tempdir().unwrap();
        stores.push(Box::new(move || Box::new(joinq_flow::SqliteStore::open(folder.path().join("jobs.db")).unwrap())));
    }
    #[cfg(feature = "redb")]
    {
        let folder = tempfile::tempdir().unwrap();
        stores.push(Box::new(move || Box::new(joinq_flow::RedbStore::open(folder.path().join("jobs.redb")).unwrap())));
    }
    stores
}

/// A store whose type is not known.
trait Open {
    fn durable(self: Box<Self>, builder: StageBuilder<String>) -> Stage<String>;
}

impl<S: Store> Open for S {
    fn durable(self: Box<Self>, builder: StageBuilder<String>) -> Stage<String> {
        builder.durable(*self, Text).build()
    }
}

fn jobs_of_an_earlier_process_keep_their_put(kind: Kind) {
    for open in stores() {
        let stage = || open().durable(kind.traced(Stage::builder("restart").retry(soon(1_000_000))));
        let first = stage();
        let job = kind.in_span("put", || first.put("first".into()).wait()).unwrap();
        let other = kind.in_span("put", || first.put("second".into()).wait()).unwrap();
        let contexts = [put_of(&job), put_of(&other)];
        let workers = Workers::threads(&first, 1..=1, |_: &Job<String>| Err("not in this process".into()));
        common::eventually(|| if first.stats().failed > 1 { Ok(()) } else { Err("no attempt yet") });
        // The jobs are to be tried again when the process ends.
        let _ = first.shutdown().wait_timeout(Duration::ZERO);
        first.join().wait();
        drop((job, other, workers, first));

        let again = stage();
        memory_store::run_all(&again);
        assert_eq!(again.stats().done, 2);
        let counts = contexts.map(|context| attempts_of(&context, "restart").len());
        assert!(counts.iter().all(|&count| count > 1), "attempts in both processes: {counts:?}");
    }
}

fn a_redriven_letter_keeps_its_put(kind: Kind) {
    for open in stores() {
        let stage = open().durable(kind.traced(Stage::builder("redrive")));
        let job = kind.in_span("put", || stage.put("first".into()).wait()).unwrap();
        let context = put_of(&job);
        let _workers = Workers::threads(&stage, 1..=1, |job: &Job<String>| match job.id() {
            1 => Err(Failure::fatal("no")),
            _ => Ok(()),
        });
        assert_eq!(job.settled().wait(), State::Dead);
        assert_eq!(stage.redrive(1).wait().unwrap(), 1);
        stage.join().wait();
        let attempts = attempts_in(context.trace_id());
        let jobs: Vec<i64> = attempts.iter().map(|span| number(span, "job")).collect();
        assert_eq!(jobs, [1, 2]);
        assert!(attempts.iter().all(|span| span.parent_span_id == span_id(&context)));
    }
}

fn a_spawned_job_is_a_child_of_the_attempt(kind: Kind) {
    for open in stores() {
        let stage = open().durable(kind.traced(Stage::builder("spawn")));
        let job = kind.in_span("put", || stage.put("parent".into()).wait()).unwrap();
        let context = put_of(&job);
        stage.close();
        let worker = stage.work(|job: &Job<String>| {
            if **job == "parent" {
                job.spawn("child".into())?;
                // Outside of the span of the attempt the child is one of the put.
                thread::scope(|scope| scope.spawn(|| job.spawn("cousin".into()).map(drop)).join()).unwrap()?;
            }
            Ok(())
        });
        worker.wait();
        let spans = attempts_in(context.trace_id());
        let parent_of = |job| spans.iter().find(|span| number(span, "job") == job).unwrap().parent_span_id;
        let attempt = spans.iter().find(|span| number(span, "job") == 1).unwrap().span_context.span_id();
        assert_eq!([parent_of(1), parent_of(2), parent_of(3)], [span_id(&context), attempt, span_id(&context)]);
        stage.join().wait();
    }
}

fn a_spawned_job_keeps_its_context_on_disk(kind: Kind) {
    let store = MemoryStore::default();
    let builder: StageBuilder<String> = kind.traced(Stage::builder("spawn on disk").capacity(1));
    let stage = builder.spill(store.clone(), Text).build();
    let job = kind.in_span("put", || stage.put("parent".into()).wait()).unwrap();
    let context = put_of(&job);
    for other in ["2", "3"] {
        stage.put(other.into()).wait().unwrap();
    }
    stage.close();
    let worker = stage.work(|job: &Job<String>| {
        if **job == "parent" {
            // Behind those on disk, without a handle.
            drop(job.spawn("child".into())?);
        }
        Ok(())
    });
    worker.wait();
    assert!(store.state().log.contains(&"put 4 child".to_owned()), "{:?}", store.state().log);
    let spans = attempts_in(context.trace_id());
    assert_eq!(spans.iter().map(|span| number(span, "job")).collect::<Vec<_>>(), [1, 4]);
    assert_eq!(spans[1].parent_span_id, spans[0].span_context.span_id());
}

fn a_context_from_a_bridge_is_the_parent(kind: Kind) {
    let stage: Stage<u32> = kind.stage("bridge");
    let trace = format!("{:032x}", fastrand::u128(1..));
    let text = format!("00-{trace}-b7ad6b7169203331-01");
    // It counts for more than the present span.
    let put = || stage.put(1).trace_context(&text).trace_state("congo=t61rcWkgMzE").wait();
    let job = kind.in_span("bridge", put).unwrap();
    assert_eq!((job.trace_context(), job.trace_state()), (Some(&*text), Some("congo=t61rcWkgMzE")));
    let seen = Mutex::new(None);
    stage.close();
    let worker = stage.work(|job: &Job<u32>| {
        let next: Stage<u32> = kind.stage("out");
        let sent = next.put(1).wait()?;
        *seen.lock().unwrap() = Some((sent.trace_context().map(str::to_owned), sent.trace_state().map(str::to_owned)));
        assert_eq!(job.trace_context(), Some(&*text));
        Ok(())
    });
    worker.wait();
    let attempts = attempts_of(&TraceContext::new(&text).unwrap(), "bridge");
    assert_eq!(attempts.len(), 1);
    let (out, state) = seen.into_inner().unwrap().unwrap();
    // What is put in the handler comes from the attempt, with the state of the trace.
    assert_eq!(out.unwrap(), format!("00-{trace}-{}-01", attempts[0].span_context.span_id()));
    assert_eq!(state.as_deref(), Some("congo=t61rcWkgMzE"));
}

fn without_a_context_an_attempt_begins_a_trace(kind: Kind) {
    exported();
    let stage: Stage<u32> = kind.stage("roots");
    let job = stage.put(1).wait().unwrap();
    assert_eq!(job.trace_context(), None);
    // A put that a bridge gives a damaged text has none either.
    let damaged = kind.in_span("bridge", || stage.put(1).trace_context("00-damaged-01").wait()).unwrap();
    assert_eq!(damaged.trace_context(), None);
    stage.close();
    stage.work(|_: &Job<u32>| Ok(())).wait();
    let mut attempts = finished();
    attempts.retain(|span| {
        span.name == "process roots" && (span.instrumentation_scope.name() == "tracing") == (kind == Kind::Tracing)
    });
    assert_eq!(attempts.len(), 2);
    assert!(attempts.iter().all(|span| span.parent_span_id == SpanId::INVALID && span.links.is_empty()));
}

fn attempts_of_a_stream_have_spans(kind: Kind) {
    let stage: Stage<u32> = kind.stage("stream");
    let jobs = [1, 2, 3].map(|n| kind.in_span("put", || stage.put(n).wait()).unwrap());
    let contexts = jobs.each_ref().map(put_of);
    futures_lite::future::block_on(async {
        let mut stream = stage.stream();
        let (first, second, third) =
            (stream.next().await.unwrap(), stream.next().await.unwrap(), stream.next().await.unwrap());
        first.in_span(|| kind.in_span("inside", || ()));
        first.done(());
        second.fail("no");
        drop(third);
    });
    let statuses = contexts.each_ref().map(|context| attempts_of(context, "stream").remove(0).status);
    let dropped = Status::error("the attempt was dropped before it had a result");
    assert_eq!(statuses, [Status::Unset, Status::error("no"), dropped]);
    let own = attempts_of(&contexts[0], "stream")[0].span_context.span_id();
    assert!(finished().iter().any(|span| span.name == "inside" && span.parent_span_id == own));
}

fn failures_are_in_the_span(kind: Kind) {
    let stage: Stage<&str> = kind.stage("failures");
    let jobs = ["panic", "cancel"].map(|item| kind.in_span("put", || stage.put(item).wait()).unwrap());
    let contexts = jobs.each_ref().map(put_of);
    stage.close();
    futures_lite::future::block_on(stage.work_async(|job: Job<&str>| async move {
        if *job == "panic" {
            panic!("at the disco");
        }
        job.cancel();
        std::future::pending().await
    }));
    assert_eq!(jobs.each_ref().map(Job::state), [State::Dead, State::Cancelled]);
    let spans = contexts.each_ref().map(|context| attempts_of(context, "failures").remove(0));
    assert_eq!(spans[0].status, Status::error("the handler panicked: at the disco"));
    assert_eq!(spans[1].status, Status::Unset);
    if kind == Kind::Otel {
        assert!(spans[1].events.iter().any(|event| event.name == "cancelled"));
    }
}

fn a_dropped_job_keeps_its_context(kind: Kind) {
    let builder: StageBuilder<u32> = kind.traced(Stage::builder("newest"));
    let stage = builder.capacity(1).overflow(Overflow::DropNewest).build();
    let jobs = [1, 2].map(|n| kind.in_span("put", || stage.put(n).wait()).unwrap());
    let _ = jobs.each_ref().map(put_of);
    let [_, dropped] = jobs;
    assert!(matches!(dropped.output().wait(), Err(Cause::Evicted)));
}

fn a_span_around_the_worker_is_not_the_parent(kind: Kind) {
    let stage: Stage<u32> = kind.stage("around");
    let job = kind.in_span("put", || stage.put(1).wait()).unwrap();
    let context = put_of(&job);
    stage.close();
    kind.in_span("worker", || stage.work(|_: &Job<u32>| Ok(())).wait());
    assert_eq!(attempts_of(&context, "around").len(), 1);
}

/// The exporter has nothing, and a job no context, if the tracer takes no samples.
#[test]
fn nothing_is_kept_of_a_span_that_is_not_sampled() {
    let _watchdog = watchdog();
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff)))
        .build();
    let tracer = provider.tracer("tests");
    let stage: Stage<u32> = Stage::builder("silent").trace(OtelTrace::new(tracer.clone())).build();
    let job = tracer.in_span("put", |_| stage.put(1).wait()).unwrap();
    assert_eq!(job.trace_context(), None);
    // A bridge says that the sender's trace is not recorded.
    let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    let bridged = stage.put(2).trace_context(text).wait().unwrap();
    assert_eq!(bridged.trace_context(), Some(text));
    stage.close();
    stage.work(|_: &Job<u32>| Ok(())).wait();
    assert_eq!(exporter.get_finished_spans().unwrap().len(), 0);
}
