//! What a recorder is told, on a clock that the test moves: the same each time.

use crate::tests_common::{watchdog, Probe};
use crate::time::Time;
use crate::{Failure, Job, Overflow, Retry, Stage};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// All that was recorded for one key.
#[derive(Clone, Default)]
struct Values(Arc<Mutex<Vec<f64>>>);

impl Values {
    fn push(&self, value: f64) {
        self.0.lock().unwrap().push(value);
    }
}

impl CounterFn for Values {
    fn increment(&self, _: u64) {
        panic!("counters are set, not incremented");
    }

    fn absolute(&self, value: u64) {
        self.push(value as f64);
    }
}

impl GaugeFn for Values {
    fn increment(&self, _: f64) {
        panic!("gauges are set, not incremented");
    }

    fn decrement(&self, _: f64) {
        panic!("gauges are set, not decremented");
    }

    fn set(&self, value: f64) {
        self.push(value);
    }
}

impl HistogramFn for Values {
    fn record(&self, value: f64) {
        self.push(value);
    }
}

/// Keeps each value in the order of the calls.
#[derive(Clone, Default)]
struct Log {
    values: Arc<Mutex<BTreeMap<String, Values>>>,
    described: Arc<Mutex<BTreeMap<String, Option<Unit>>>>,
}

impl Log {
    fn values(&self, key: &Key) -> Arc<Values> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        Arc::new(self.values.lock().unwrap().entry(name).or_default().clone())
    }

    fn all(&self, name: &str) -> Vec<f64> {
        self.values.lock().unwrap().get(name).map(|values| values.0.lock().unwrap().clone()).unwrap_or_default()
    }

    fn last(&self, name: &str) -> f64 {
        *self.all(name).last().unwrap_or_else(|| panic!("no {name} in {:?}", self.names()))
    }

    fn names(&self) -> Vec<String> {
        self.values.lock().unwrap().keys().cloned().collect()
    }
}

impl Recorder for Log {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, _: SharedString) {
        self.described.lock().unwrap().insert(key.as_str().to_owned(), unit);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, _: SharedString) {
        self.described.lock().unwrap().insert(key.as_str().to_owned(), unit);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, _: SharedString) {
        self.described.lock().unwrap().insert(key.as_str().to_owned(), unit);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.values(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.values(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.values(key))
    }
}

fn with_log(test: impl FnOnce(&Log, &Time)) {
    let log = Log::default();
    metrics::with_local_recorder(&log, || test(&log, &Time::fake()));
}

/// Runs each job for so long on the fake clock; odd ones fail.
fn worker(stage: &Stage<u32>, time: &Time, run: Duration) -> Probe<impl std::future::Future<Output = ()>> {
    let time = time.clone();
    Probe::new(Box::pin(stage.work_async(move |job: Job<u32>| {
        let sleep = time.sleep(run);
        async move {
            sleep.await;
            match *job % 2 {
                0 => Ok(()),
                _ => Err(Failure::from("odd")),
            }
        }
    })))
}

#[test]
fn names_labels_and_units_are_those_of_the_page() {
    with_log(|log, time| {
        let stage: Stage<u32> = Stage::builder("mails").time(time.clone()).build();
        stage.try_put(2).unwrap();
        let mut worker = worker(&stage, time, SECOND);
        assert!(worker.poll().is_pending());
        time.advance(SECOND);
        assert!(worker.poll().is_pending());
        let page = include_str!("../../docs/metrics.md");
        let commit = "joinq_commit_seconds";
        let described = log.described.lock().unwrap().clone();
        for (name, unit) in &described {
            let unit_of_name = if name.ends_with("_seconds") { Unit::Seconds } else { Unit::Count };
            assert_eq!(*unit, Some(unit_of_name), "{name}");
            assert!(page.contains(&format!("| `{name}` |")), "{name} is missing in docs/metrics.md");
        }
        let mut seen: Vec<_> = log.names().iter().map(|name| name.split('{').next().unwrap().to_owned()).collect();
        seen.push(commit.to_owned());
        seen.sort();
        seen.dedup();
        assert_eq!(seen, described.into_keys().collect::<Vec<_>>());
        for name in log.names() {
            let labels = name.split_once('{').unwrap().1.trim_end_matches('}');
            let (stage, rest) = labels.split_once(',').unwrap_or((labels, ""));
            assert_eq!(stage, "stage=mails", "{name}");
            let allowed = ["", "cause=", "reason="];
            assert!(
                allowed.iter().any(
                    |label| (rest.is_empty() && label.is_empty()) || (!label.is_empty() && rest.starts_with(label))
                ),
                "{name}"
            );
        }
        // One series for each stage, cause and reason, however many jobs there are.
        let series = log.names().len();
        for item in 0..100 {
            stage.try_put(2 * item).unwrap();
            assert!(worker.poll().is_pending());
            time.advance(SECOND);
        }
        assert_eq!(log.names().len(), series);
    });
}

#[test]
fn counters_never_go_back_and_end_at_the_numbers_of_the_stage() {
    with_log(|log, time| {
        let stage: Stage<u32> = Stage::builder("mails")
            .capacity(50)
            .overflow(Overflow::DropOldest)
            .retry(Retry::default().attempts(2))
            .time(time.clone())
            .build();
        let mut worker = worker(&stage, time, SECOND / 10);
        for round in 0..400 {
            if round < 200 {
                (0..round % 7).for_each(|item| drop(stage.try_put(item)));
            }
            let _ = worker.poll();
            time.advance(SECOND / 20);
        }
        stage.close();
        assert!(stage.try_put(1).is_err());
        while worker.poll().is_pending() {
            time.advance(SECOND / 20);
        }
        let stats = stage.stats();
        assert!(stats.dead_by.failed > 0 && stats.dead_by.evicted > 0, "{stats:?}");
        for name in log.names().iter().filter(|name| name.contains("_total{")) {
            let values = log.all(name);
            assert!(values.windows(2).all(|pair| pair[0] <= pair[1]), "{name} goes back: {values:?}");
        }
        for (name, count) in [
            ("joinq_put_total{stage=mails}", stats.put),
            ("joinq_settled_total{stage=mails}", stats.put),
            ("joinq_failed_total{stage=mails}", stats.failed),
            ("joinq_retried_total{stage=mails}", stats.retried),
            ("joinq_dead_total{stage=mails,cause=failed}", stats.dead_by.failed),
            ("joinq_dead_total{stage=mails,cause=evicted}", stats.dead_by.evicted),
            ("joinq_lag{stage=mails}", 0),
            ("joinq_high_water{stage=mails}", stats.high_water as u64),
        ] {
            assert_eq!(log.last(name), count as f64, "{name}");
        }
        assert_eq!(log.all("joinq_run_seconds{stage=mails}").len() as u64, stats.done + stats.failed);
    });
}

#[test]
fn gauges_are_set_each_second_and_when_the_stage_is_empty() {
    with_log(|log, time| {
        let stage: Stage<u32> = Stage::builder("mails").time(time.clone()).build();
        let mut worker = worker(&stage, time, SECOND / 2);
        let lag = || log.last("joinq_lag{stage=mails}");
        time.advance(2 * SECOND);
        (0..3).for_each(|_| drop(stage.try_put(0).unwrap()));
        assert_eq!(lag(), 0.0);
        time.advance(SECOND);
        assert_eq!((lag(), log.last("joinq_queued{stage=mails}")), (3.0, 3.0));
        time.advance(3 * SECOND);
        assert_eq!(log.last("joinq_oldest_seconds{stage=mails}"), 3.0);
        for _ in 0..3 {
            assert!(worker.poll().is_pending());
            time.advance(SECOND / 2);
        }
        // As it was half a second ago, when the second was full.
        assert_eq!(lag(), 2.0);
        assert!(worker.poll().is_pending());
        assert_eq!((lag(), log.last("joinq_settled_total{stage=mails}")), (0.0, 3.0));
        assert_eq!(log.all("joinq_wait_seconds{stage=mails}"), [4.0, 4.5, 5.0]);
        assert_eq!(log.all("joinq_run_seconds{stage=mails}"), [0.5; 3]);
    });
}

#[test]
fn a_stage_that_is_empty_after_each_job_sets_its_numbers_at_most_a_hundred_times_a_second() {
    with_log(|log, time| {
        let stage: Stage<u32> = Stage::builder("mails").time(time.clone()).build();
        let mut worker = worker(&stage, time, Duration::ZERO);
        let before = log.all("joinq_lag{stage=mails}").len();
        for _ in 0..10_000 {
            stage.try_put(0).unwrap();
            assert!(worker.poll().is_pending());
            time.advance(SECOND / 10_000);
        }
        let times = log.all("joinq_lag{stage=mails}").len() - before;
        assert!((50..=102).contains(&times), "{times}");
        // A join has them set in any case.
        stage.try_put(0).unwrap();
        assert!(worker.poll().is_pending());
        Probe::new(stage.join()).ready();
        assert_eq!(log.last("joinq_settled_total{stage=mails}"), 10_001.0);
    });
}

#[test]
fn nothing_is_set_any_more_when_the_stage_is_over() {
    with_log(|log, time| {
        let stage: Stage<u32> = Stage::builder("mails").time(time.clone()).build();
        let mut worker = worker(&stage, time, SECOND);
        stage.try_put(0).unwrap();
        assert!(worker.poll().is_pending());
        time.advance(SECOND);
        assert_eq!(log.last("joinq_workers{stage=mails}"), 1.0);
        drop(stage);
        assert!(worker.poll().is_ready());
        drop(worker);
        time.advance(10 * SECOND);
        assert_eq!((log.last("joinq_workers{stage=mails}"), time.timers()), (0.0, 0));
    });
}

#[test]
fn a_recorder_that_panics_does_not_harm_the_stage() {
    struct Panics;

    impl Recorder for Panics {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            panic!("a recorder panics, as the test wants it to")
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            panic!("a recorder panics, as the test wants it to")
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            panic!("a recorder panics, as the test wants it to")
        }
    }

    let time = Time::fake();
    metrics::with_local_recorder(&Panics, || {
        let stage: Stage<u32> = Stage::builder("mails").time(time.clone()).build();
        let mut worker = worker(&stage, &time, SECOND);
        let job = stage.try_put(0).unwrap();
        assert!(worker.poll().is_pending());
        time.advance(SECOND);
        stage.close();
        assert!(worker.poll().is_ready());
        assert!(job.is_done() && stage.stats().panicked > 0);
    });
}

#[test]
fn a_recorder_that_asks_the_stage_does_not_wait_for_itself() {
    let _watchdog = watchdog();

    /// Asks the stage for its numbers in each call.
    struct Asks(Mutex<Option<Stage<u32>>>);

    impl Asks {
        fn ask(&self) {
            let stage = self.0.lock().unwrap().clone();
            if let Some(stage) = stage {
                stage.stats();
                stage.put(0).take();
                assert!(stage.desired_workers(SECOND) < 1000);
            }
        }
    }

    impl Recorder for Asks {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
            self.ask();
        }
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            self.ask();
            Counter::noop()
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            self.ask();
            Gauge::noop()
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            self.ask();
            Histogram::noop()
        }
    }

    let (time, asks) = (Time::fake(), Asks(Mutex::new(None)));
    metrics::with_local_recorder(&asks, || {
        let stage: Stage<u32> = Stage::builder("mails").time(time.clone()).build();
        *asks.0.lock().unwrap() = Some(stage.clone());
        let mut worker = worker(&stage, &time, SECOND);
        let job = stage.try_put(0).unwrap();
        assert!(worker.poll().is_pending());
        time.advance(SECOND);
        assert!(worker.poll().is_pending());
        assert!(job.is_done());
        asks.0.lock().unwrap().take();
    });
}
