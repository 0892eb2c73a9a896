//! What the bridges to NATS and Redis tell the server about each message, and what a message contains.

use async_nats::jetstream::consumer::{pull, AckPolicy, PullConsumer};
use async_nats::jetstream::{self, stream};
use futures_lite::StreamExt;
use joinq_bridge::{nats, redis};
use joinq_demos::servers::{missing, Server};
use joinq_flow::{BoxError, Cause, Failure, Job, Retry, SqliteStore, Stage, State, Text, Workers};
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const STATE: &str = "congo=t61rcWkgMzE";

/// Fails with a message if something never comes.
async fn within<F: Future>(what: &str, future: F) -> F::Output {
    timeout(Duration::from_secs(60), future).await.unwrap_or_else(|_| panic!("this has not come: {what}"))
}

/// Asks again and again.
async fn until<F: Future<Output = bool>>(what: &str, mut is: impl FnMut() -> F) {
    within(what, async {
        while !is().await {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// A NATS server with a stream.
struct Nats {
    _server: Server,
    jetstream: jetstream::Context,
    stream: stream::Stream,
}

impl Nats {
    async fn start() -> Option<Nats> {
        if missing("nats-server") {
            return None;
        }
        let server = Server::nats();
        let client = async_nats::connect(server.address().to_string()).await.expect("the server answers");
        let jetstream = jetstream::new(client);
        let config = stream::Config { name: "events".into(), ..Default::default() };
        let stream = jetstream.create_stream(config).await.expect("a stream");
        Some(Nats { _server: server, jetstream, stream })
    }

    async fn consumer(&self, config: pull::Config) -> PullConsumer {
        let config = pull::Config { durable_name: Some("reader".into()), ..config };
        self.stream.create_consumer(config).await.expect("a consumer")
    }

    async fn send(&self, texts: &[&str]) {
        for text in texts {
            let sent = self.jetstream.publish("events", (*text).to_owned().into()).await.expect("a message");
            sent.await.expect("an acknowledgement");
        }
    }

    fn consume(&self, consumer: PullConsumer, stage: &Stage<String>) -> JoinHandle<Result<(), BoxError>> {
        let (jetstream, stage) = (self.jetstream.clone(), stage.clone());
        tokio::spawn(async move { nats::consume(&jetstream, &consumer, &stage, Text).await })
    }

    /// Waits until the consumer has nothing to deliver or to be acknowledged.
    async fn settled(&self, consumer: &PullConsumer) {
        until("nothing is pending", || async {
            let info = consumer.get_info().await.expect("the consumer");
            info.num_pending == 0 && info.num_ack_pending == 0
        })
        .await;
    }
}

/// A Redis server.
struct Redis {
    _server: Server,
    client: ::redis::Client,
    group: redis::Group,
}

impl Redis {
    fn start() -> Option<Redis> {
        if missing("redis-server") {
            return None;
        }
        let server = Server::redis();
        let client = ::redis::Client::open(("127.0.0.1", server.port())).expect("an address");
        Some(Redis { _server: server, client, group: redis::Group::new("events", "readers", "reader") })
    }

    async fn ask<A: ::redis::FromRedisValue>(&self, words: &[&str]) -> A {
        let mut connection = self.client.get_multiplexed_async_connection().await.expect("the server answers");
        let mut command = ::redis::Cmd::new();
        for word in words {
            command.arg(word);
        }
        command.query_async(&mut connection).await.expect("an answer")
    }

    async fn send(&self, texts: &[&str]) {
        for text in texts {
            let _: String = self.ask(&["XADD", "events", "*", "body", text]).await;
        }
    }

    fn consume(&self, stage: &Stage<String>) -> JoinHandle<Result<(), BoxError>> {
        let (client, group, stage) = (self.client.clone(), self.group.clone(), stage.clone());
        tokio::spawn(async move { redis::consume(&client, &group, &stage, Text).await })
    }

    async fn pending(&self) -> u64 {
        let (pending, ..): (u64, ::redis::Value, ::redis::Value, ::redis::Value) =
            self.ask(&["XPENDING", "events", "readers"]).await;
        pending
    }
}

fn stage(name: &str) -> Stage<String> {
    Stage::builder(name).capacity(8).build()
}

/// Collects the items of the jobs that are done.
fn collect(stage: &Stage<String>) -> Arc<Mutex<Vec<String>>> {
    let done = Arc::new(Mutex::new(Vec::new()));
    let into = done.clone();
    Workers::tokio(stage, 1..=1, move |job: Job<String>| {
        into.lock().unwrap().push(job.to_string());
        async { Ok(()) }
    });
    done
}

/// Closes the stage, and waits for the end of the future that feeds it.
async fn end(stage: &Stage<String>, consuming: JoinHandle<Result<(), BoxError>>) {
    stage.close();
    within("the end of `consume`", consuming).await.expect("no panic").expect("no error");
}

/// The trace context that a job has after it went through a server.
async fn trace_through(from: Stage<String>, to: Stage<String>) -> (Option<String>, Option<String>) {
    let seen = Arc::new(Mutex::new(None));
    let sets = seen.clone();
    Workers::tokio(&to, 1..=1, move |job: Job<String>| {
        let context = (job.trace_context().map(str::to_owned), job.trace_state().map(str::to_owned));
        *sets.lock().unwrap() = Some(context);
        async { Ok(()) }
    });
    from.put("traced".into()).trace_context(PARENT).trace_state(STATE).await.expect("the stage is open");
    until("the job", || async { seen.lock().unwrap().is_some() }).await;
    let context = seen.lock().unwrap().take();
    context.expect("a context")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_context_goes_through_nats() {
    let Some(server) = Nats::start().await else { return };
    let (from, to) = (stage("from"), stage("to"));
    Workers::tokio(&from, 1..=1, nats::publish(server.jetstream.clone(), "events", Text, "test"));
    let consuming = server.consume(server.consumer(pull::Config::default()).await, &to);
    let context = trace_through(from, to.clone()).await;
    assert_eq!(context, (Some(PARENT.to_owned()), Some(STATE.to_owned())));
    end(&to, consuming).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_context_goes_through_redis() {
    let Some(server) = Redis::start() else { return };
    let (from, to) = (stage("from"), stage("to"));
    let connection = server.client.get_connection_manager().await.expect("the server answers");
    Workers::tokio(&from, 1..=1, redis::publish(connection, "events", Text));
    let consuming = server.consume(&to);
    let context = trace_through(from, to.clone()).await;
    assert_eq!(context, (Some(PARENT.to_owned()), Some(STATE.to_owned())));
    end(&to, consuming).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jetstream_stores_a_job_once_that_is_published_again() {
    let Some(mut server) = Nats::start().await else { return };
    let publish = |origin: &str| nats::publish(server.jetstream.clone(), "events", Text, origin);
    let (first, restarted) = (publish("test"), publish("test"));
    let (one, two) = (stage("one"), stage("two"));
    let put = |stage: &Stage<String>, text: &str| stage.try_put(text.into()).expect("capacity");
    let (a, b, other) = (put(&one, "a"), put(&one, "b"), put(&two, "a"));
    for _ in 0..3 {
        first(a.clone()).await.expect("an acknowledgement");
        first(b.clone()).await.expect("an acknowledgement");
    }
    assert_eq!(server.stream.info().await.expect("the stream").state.messages, 2);
    // A job in memory of another process has the same id and the same bytes, and is another one.
    restarted(other).await.expect("an acknowledgement");
    assert_eq!(server.stream.info().await.expect("the stream").state.messages, 3);

    // A job in a store is the same after a restart.
    let folder = tempfile::tempdir().expect("a folder");
    let open = || SqliteStore::open(folder.path().join("jobs.db"));
    let build = |store| Stage::<String>::builder("stored").durable(store, Text).build();
    let stored = build(open().expect("a store"));
    let job = stored.put("stored".into()).await.expect("the stage is open");
    assert!(job.is_stored() && !a.is_stored());
    publish("test")(job.clone()).await.expect("an acknowledgement");
    assert_eq!(server.stream.info().await.expect("the stream").state.messages, 4);
    drop(job);
    let _ = tokio::task::spawn_blocking(move || stored.shutdown().wait_timeout(Duration::ZERO)).await;
    let store = Mutex::new(None);
    until("the end of the first stage", || async {
        *store.lock().unwrap() = open().ok();
        store.lock().unwrap().is_some()
    })
    .await;
    let stored = build(store.into_inner().unwrap().expect("a store"));
    Workers::tokio(&stored, 1..=1, publish("test"));
    within("the stored job", stored.join()).await;
    assert_eq!(stored.stats().done, 1);
    assert_eq!(server.stream.info().await.expect("the stream").state.messages, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_is_too_large_for_nats_is_not_tried_again() {
    let Some(server) = Nats::start().await else { return };
    let from = stage("from");
    Workers::tokio(&from, 1..=1, nats::publish(server.jetstream.clone(), "events", Text, "test"));
    let job = from.put("x".repeat(2 << 20)).await.expect("the stage is open");
    assert_eq!(within("the end of the job", job.settled()).await, State::Dead);
    assert_eq!(job.attempt(), 1);
    assert!(matches!(job.cause(), Some(Cause::Failed(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_is_told_that_a_long_job_is_in_progress() {
    let Some(server) = Nats::start().await else { return };
    let mut told = server.jetstream.client().subscribe("$JS.ACK.>").await.expect("a subscription");
    server.jetstream.client().flush().await.expect("the server answers");
    let consumer = server.consumer(pull::Config { ack_wait: Duration::from_secs(1), ..Default::default() }).await;
    let (to, hold) = (stage("to"), Arc::new(tokio::sync::Notify::new()));
    let held = hold.clone();
    Workers::tokio(&to, 1..=1, move |_: Job<String>| {
        let held = held.clone();
        async move {
            held.notified().await;
            Ok(())
        }
    });
    let consuming = server.consume(consumer.clone(), &to);
    server.send(&["long"]).await;
    for expected in ["+WPI", "+WPI", "+WPI"] {
        let message = within("a sign of life", told.next()).await.expect("a message");
        assert_eq!(&message.payload[..], expected.as_bytes());
    }
    hold.notify_one();
    loop {
        let message = within("the acknowledgement", told.next()).await.expect("a message");
        match &message.payload[..] {
            b"+ACK" => break,
            other => assert_eq!(other, b"+WPI"),
        }
    }
    end(&to, consuming).await;
    server.settled(&consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_told_that_a_long_job_is_in_progress() {
    let Some(mut server) = Redis::start() else { return };
    server.group.ack_wait = Duration::from_secs(1);
    let (to, hold) = (stage("to"), Arc::new(tokio::sync::Notify::new()));
    let held = hold.clone();
    Workers::tokio(&to, 1..=1, move |_: Job<String>| {
        let held = held.clone();
        async move {
            held.notified().await;
            Ok(())
        }
    });
    let consuming = server.consume(&to);
    server.send(&["long"]).await;
    until("signs of life", || async {
        let calls: String = server.ask(&["INFO", "commandstats"]).await;
        let claims = calls.lines().find_map(|line| line.strip_prefix("cmdstat_xclaim:calls="));
        claims.and_then(|rest| rest.split(',').next()?.parse::<u64>().ok()).unwrap_or(0) >= 3
    })
    .await;
    assert_eq!(server.pending().await, 1);
    hold.notify_one();
    until("nothing is pending", || async { server.pending().await == 0 }).await;
    end(&to, consuming).await;
}

/// Runs jobs by their text: "dead" fails, "cancelled" is cancelled in its first run. Returns the runs.
fn by_text(stage: &Stage<String>) -> Arc<Mutex<Vec<String>>> {
    let runs = Arc::new(Mutex::new(Vec::new()));
    let (into, cancels) = (runs.clone(), Arc::new(AtomicUsize::new(0)));
    Workers::tokio(stage, 1..=1, move |job: Job<String>| {
        into.lock().unwrap().push(job.to_string());
        let cancels = cancels.clone();
        async move {
            match job.as_str() {
                "dead" => Err(Failure::fatal("no further attempt")),
                "cancelled" if cancels.fetch_add(1, Ordering::Relaxed) == 0 => {
                    job.cancel();
                    Err("cancelled".into())
                }
                _ => Ok(()),
            }
        }
    });
    runs
}

const TEXTS: [&str; 4] = ["first", "dead", "cancelled", "last"];

fn check_runs(runs: &Mutex<Vec<String>>) {
    let mut runs = runs.lock().unwrap().clone();
    runs.sort();
    assert_eq!(runs, ["cancelled", "cancelled", "dead", "first", "last"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_nats_comes_again_if_its_job_was_cancelled_and_not_if_it_is_dead() {
    let Some(server) = Nats::start().await else { return };
    // The message does not come again because of that.
    let ack_wait = Duration::from_secs(3600);
    let consumer = server.consumer(pull::Config { ack_wait, ..Default::default() }).await;
    let (to, _) = (stage("to"), server.send(&TEXTS).await);
    // No text.
    let sent = server.jetstream.publish("events", b"\xff".as_slice().into()).await.expect("a message");
    sent.await.expect("an acknowledgement");
    let runs = by_text(&to);
    let consuming = server.consume(consumer.clone(), &to);
    until("all runs", || async { runs.lock().unwrap().len() >= 5 }).await;
    server.settled(&consumer).await;
    end(&to, consuming).await;
    check_runs(&runs);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_of_redis_comes_again_if_its_job_was_cancelled_and_not_if_it_is_dead() {
    let Some(mut server) = Redis::start() else { return };
    server.group.ack_wait = Duration::from_secs(1);
    server.send(&TEXTS).await;
    let _: String = server.ask(&["XADD", "events", "*", "other", "no body"]).await;
    let to = stage("to");
    let runs = by_text(&to);
    let consuming = server.consume(&to);
    until("all runs", || async { runs.lock().unwrap().len() >= 5 }).await;
    until("nothing is pending", || async { server.pending().await == 0 }).await;
    end(&to, consuming).await;
    check_runs(&runs);
}

/// Shuts a stage down while its only job runs, which fails then and has no time for its second attempt.
async fn fail_late(consuming: JoinHandle<Result<(), BoxError>>, to: Stage<String>) {
    Workers::threads(&to, 1..=1, |job: &Job<String>| {
        while !job.is_cancelled() {
            std::thread::sleep(Duration::from_millis(1));
        }
        Err("late".into())
    });
    until("the run", || async { to.stats().running == 1 }).await;
    let ended = tokio::task::spawn_blocking(move || to.shutdown().wait_timeout(Duration::ZERO).is_err()).await;
    assert!(ended.expect("no panic"), "the job runs when the deadline is over");
    within("the end of `consume`", consuming).await.expect("no panic").expect("no error");
}

fn stage_with_retry() -> Stage<String> {
    Stage::builder("late").retry(Retry::default()).build()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_nats_comes_again_if_its_job_failed_during_a_shutdown() {
    let Some(server) = Nats::start().await else { return };
    let ack_wait = Duration::from_secs(3600);
    let consumer = server.consumer(pull::Config { ack_wait, ..Default::default() }).await;
    server.send(&["again"]).await;
    let late = stage_with_retry();
    fail_late(server.consume(consumer.clone(), &late), late).await;
    let to = stage("to");
    let done = collect(&to);
    let consuming = server.consume(consumer.clone(), &to);
    until("the message", || async { !done.lock().unwrap().is_empty() }).await;
    server.settled(&consumer).await;
    end(&to, consuming).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_of_redis_comes_again_if_its_job_failed_during_a_shutdown() {
    let Some(mut server) = Redis::start() else { return };
    server.group.ack_wait = Duration::from_secs(3600);
    server.send(&["again"]).await;
    let late = stage_with_retry();
    fail_late(server.consume(&late), late).await;
    let to = stage("to");
    let done = collect(&to);
    let consuming = server.consume(&to);
    until("the entry", || async { !done.lock().unwrap().is_empty() }).await;
    until("nothing is pending", || async { server.pending().await == 0 }).await;
    end(&to, consuming).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_gives_what_a_killed_consumer_has_read_to_another_one() {
    let Some(mut server) = Redis::start() else { return };
    server.group.ack_wait = Duration::from_secs(1);
    server.send(&["left"]).await;
    let () = server.ask(&["XGROUP", "CREATE", "events", "readers", "0"]).await;
    let _: ::redis::Value = server.ask(&["XREADGROUP", "GROUP", "readers", "killed", "STREAMS", "events", ">"]).await;
    assert_eq!(server.pending().await, 1);
    let to = stage("to");
    let done = collect(&to);
    let consuming = server.consume(&to);
    until("the entry", || async { !done.lock().unwrap().is_empty() }).await;
    until("nothing is pending", || async { server.pending().await == 0 }).await;
    end(&to, consuming).await;
    assert_eq!(*done.lock().unwrap(), ["left"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_messages_are_requested_than_the_stage_has_capacity_for() {
    let texts: Vec<String> = (0..20).map(|number| format!("{number:02}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    if let Some(server) = Nats::start().await {
        server.send(&texts).await;
        let (to, consumer) = (stage("to"), server.consumer(pull::Config::default()).await);
        let consuming = server.consume(consumer.clone(), &to);
        // No worker yet.
        until("a full stage", || async { to.stats().unfinished == 8 }).await;
        assert_eq!(consumer.get_info().await.expect("the consumer").num_ack_pending, 8);
        let done = collect(&to);
        server.settled(&consumer).await;
        end(&to, consuming).await;
        assert_eq!(*done.lock().unwrap(), texts);
    }
    if let Some(server) = Redis::start() {
        server.send(&texts).await;
        let to = stage("to");
        let consuming = server.consume(&to);
        until("a full stage", || async { to.stats().unfinished == 8 }).await;
        assert_eq!(server.pending().await, 8);
        let done = collect(&to);
        until("all jobs", || async { done.lock().unwrap().len() == texts.len() }).await;
        until("nothing is pending", || async { server.pending().await == 0 }).await;
        end(&to, consuming).await;
        assert_eq!(*done.lock().unwrap(), texts);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_cannot_work_is_an_error() {
    if let Some(server) = Nats::start().await {
        let to = stage("to");
        let none = server.consumer(pull::Config { ack_policy: AckPolicy::None, ..Default::default() }).await;
        let error = within("an error", server.consume(none, &to)).await.expect("no panic").unwrap_err();
        assert!(error.to_string().contains("ack_policy"), "{error}");
        server.stream.delete_consumer("reader").await.expect("a consumer");
        let consumer = server.consumer(pull::Config::default()).await;
        let consuming = server.consume(consumer, &to);
        server.stream.delete_consumer("reader").await.expect("a consumer");
        within("an error", consuming).await.expect("no panic").unwrap_err();
    }
    if let Some(server) = Redis::start() {
        let () = server.ask(&["SET", "events", "no stream"]).await;
        let error = within("an error", server.consume(&stage("to"))).await.expect("no panic").unwrap_err();
        assert!(error.to_string().contains("WRONGTYPE"), "{error}");
    }
}
