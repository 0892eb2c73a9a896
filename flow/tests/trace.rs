//! A tracer of the user, whatever it does: each handler runs exactly once, and each job is settled.

mod common;
mod memory_store;

use common::watchdog;
use joinq_flow::{AttemptInfo, AttemptSpan, Cause, Job, Stage, State, Trace, TraceContext};
use memory_store::MemoryStore;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

const TEXT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// What a tracer does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Nothing,
    InjectPanics,
    BeginPanics,
    NoSpan,
    NeverCalls,
    CallsTwice,
    EnterPanics,
    KeepsPanics,
    EndPanics,
}

#[derive(Clone)]
struct Tracer {
    wrong: Wrong,
    log: Arc<Mutex<Vec<String>>>,
}

impl Tracer {
    fn new(wrong: Wrong) -> Self {
        Tracer { wrong, log: Arc::default() }
    }

    fn note(&self, line: String) {
        self.log.lock().unwrap().push(line);
    }

    fn panic_if(&self, wrong: Wrong) {
        assert!(self.wrong != wrong, "{wrong:?}");
    }
}

impl Trace for Tracer {
    fn inject(&self) -> Option<TraceContext> {
        self.panic_if(Wrong::InjectPanics);
        TraceContext::new(TEXT)
    }

    fn begin(&self, attempt: &AttemptInfo<'_>) -> Option<Box<dyn AttemptSpan>> {
        self.panic_if(Wrong::BeginPanics);
        let AttemptInfo { stage, job, attempt, context, .. } = attempt;
        self.note(format!("begin {stage} {job} {attempt} {}", context.map_or("-", TraceContext::span_id)));
        (self.wrong != Wrong::NoSpan).then(|| Box::new(self.clone()) as Box<dyn AttemptSpan>)
    }
}

impl AttemptSpan for Tracer {
    fn enter(&self, call: &mut dyn FnMut()) {
        self.panic_if(Wrong::EnterPanics);
        match self.wrong {
            Wrong::NeverCalls => {}
            Wrong::CallsTwice => {
                call();
                call();
            }
            Wrong::KeepsPanics => drop(catch_unwind(AssertUnwindSafe(call))),
            _ => call(),
        }
    }

    fn end(self: Box<Self>, result: Result<(), &Cause>) {
        self.note(format!("end {}", result.map_or_else(ToString::to_string, |()| "done".into())));
        self.panic_if(Wrong::EndPanics);
    }
}

/// Runs one job; its state, how often its handler has run, the panics that were counted, and the log.
fn run(wrong: Wrong, asynchronous: bool, handler_panics: bool) -> (State, u32, u64, Vec<String>) {
    let _watchdog = watchdog();
    let tracer = Tracer::new(wrong);
    let stage: Stage<u32> = Stage::builder("traced").trace(tracer.clone()).build();
    let job = stage.put(7).wait().unwrap();
    stage.close();
    let runs = AtomicU32::new(0);
    let handle = || {
        runs.fetch_add(1, Ordering::Relaxed);
        assert!(!handler_panics, "the handler");
    };
    if asynchronous {
        futures_lite::future::block_on(stage.work_async(|_: Job<u32>| async {
            futures_lite::future::yield_now().await;
            handle();
            Ok(())
        }));
    } else {
        let handler = |_: &Job<u32>| {
            handle();
            Ok(())
        };
        stage.work(handler).wait();
    }
    stage.join().wait();
    let log = tracer.log.lock().unwrap().clone();
    (job.state(), runs.into_inner(), stage.stats().panicked, log)
}

#[test]
fn a_tracer_sees_each_attempt() {
    let log = vec!["begin traced 1 1 b7ad6b7169203331".to_owned(), "end done".into()];
    for asynchronous in [false, true] {
        assert_eq!(run(Wrong::Nothing, asynchronous, false), (State::Done, 1, 0, log.clone()));
    }
}

#[test]
fn several_stages_may_share_a_tracer() {
    let _watchdog = watchdog();
    let tracer: Arc<dyn Trace> = Arc::new(Tracer::new(Wrong::Nothing));
    for name in ["one", "two"] {
        let stage: Stage<u32> = Stage::builder(name).trace(tracer.clone()).build();
        assert_eq!(stage.put(7).wait().unwrap().trace_context(), Some(TEXT));
    }
}

#[test]
fn a_handler_runs_once_whatever_its_span_does() {
    for wrong in [Wrong::NoSpan, Wrong::NeverCalls, Wrong::CallsTwice, Wrong::KeepsPanics] {
        for asynchronous in [false, true] {
            let (state, runs, panics, _) = run(wrong, asynchronous, false);
            assert_eq!((state, runs, panics), (State::Done, 1, 0), "{wrong:?}");
            let (state, runs, panics, _) = run(wrong, asynchronous, true);
            assert_eq!((state, runs, panics), (State::Dead, 1, 1), "{wrong:?}");
        }
    }
}

#[test]
fn a_panic_of_the_tracer_is_counted_and_the_job_goes_on() {
    for asynchronous in [false, true] {
        for wrong in [Wrong::BeginPanics, Wrong::EndPanics] {
            let (state, runs, panics, _) = run(wrong, asynchronous, false);
            assert_eq!((state, runs, panics), (State::Done, 1, 1), "{wrong:?}");
        }
        // The attempt fails, as if the handler had panicked.
        let (state, runs, _, log) = run(Wrong::EnterPanics, asynchronous, false);
        assert_eq!((state, runs), (State::Dead, 0));
        assert_eq!(log[1], "end the handler panicked: EnterPanics");
    }
}

#[test]
fn a_panic_at_the_put_is_the_putters_and_leaves_nothing_behind() {
    let _watchdog = watchdog();
    let stage: Stage<u32> = Stage::builder("traced").trace(Tracer::new(Wrong::InjectPanics)).build();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(stage.put(7)))).is_err());
    stage.close();
    stage.work(|_: &Job<u32>| Ok(())).wait();
    assert_eq!((stage.stats().put, stage.stats().unfinished), (0, 0));
}

/// A job on disk keeps what a bridge has given it, without a tracer and without any feature.
#[test]
fn a_context_from_a_bridge_goes_over_the_disk() {
    let _watchdog = watchdog();
    let store = MemoryStore::default();
    let stage = memory_store::durable(&store, 9);
    let put = |item: &str| stage.put(item.into()).trace_context(TEXT);
    put("plain").wait().unwrap();
    put("with state").trace_state("congo=t61rcWkgMzE").wait().unwrap();
    stage.put("without".into()).trace_state("ignored=1").wait().unwrap();
    let _ = stage.shutdown().wait_timeout(std::time::Duration::ZERO);
    stage.join().wait();
    drop(stage);

    let stage = memory_store::durable(&store, 9);
    let seen = Mutex::new(Vec::new());
    stage.close();
    let worker = stage.work(|job: &Job<String>| {
        if **job == "with state" {
            job.spawn("spawned".into())?;
        }
        let texts = (job.to_string(), job.trace_context().map(str::to_owned), job.trace_state().map(str::to_owned));
        seen.lock().unwrap().push(texts);
        Ok(())
    });
    worker.wait();
    let (text, state) = (Some(TEXT.to_owned()), Some("congo=t61rcWkgMzE".to_owned()));
    let expected = [
        ("plain".to_owned(), text.clone(), None),
        ("with state".into(), text.clone(), state.clone()),
        ("without".into(), None, None),
        ("spawned".into(), text, state),
    ];
    assert_eq!(seen.into_inner().unwrap(), expected);
}
