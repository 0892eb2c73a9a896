//! How a model is run: all of it up to the preemption bound, and the number of executions told.

use std::future::{poll_fn, Future};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::task::Poll;

/// Explores `model` up to `LOOM_MAX_PREEMPTIONS`, which `.cargo/config.toml` sets.
#[allow(dead_code)] // not every file has such a model
pub fn explore(model: impl Fn() + Send + Sync + 'static) {
    run(loom::model::Builder::new(), model);
}

/// As [`explore`], for a model whose executions are too many at that bound: one preemption less, unless
/// `JOINQ_LOOM_FULL` is set.
#[allow(dead_code)] // not every file has such a model
pub fn explore_large(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    if std::env::var_os("JOINQ_LOOM_FULL").is_none() {
        builder.preemption_bound = builder.preemption_bound.map(|bound| bound.saturating_sub(1).max(1));
    }
    run(builder, model);
}

/// As [`explore`], but unless loads are RMWs it stops after so many executions: where each load may be stale,
/// a model that takes thousands otherwise can take millions.
#[allow(dead_code)] // not every file has such a model
pub fn explore_capped(model: impl Fn() + Send + Sync + 'static) {
    explore_up_to(20_000, model);
}

/// As [`explore_capped`], with a number of executions of one's own.
#[allow(dead_code)] // not every file has such a model
pub fn explore_up_to(enough: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    if cfg!(not(loom_rmw)) && std::env::var_os("JOINQ_LOOM_FULL").is_none() {
        builder.checkpoint_interval = 1_000;
        builder.max_permutations.get_or_insert(enough);
    }
    run(builder, model);
}

fn run(mut builder: loom::model::Builder, model: impl Fn() + Send + Sync + 'static) {
    let executions = Arc::new(AtomicUsize::new(0));
    let counted = executions.clone();
    let start = std::time::Instant::now();
    // Those in which words come back have many steps.
    builder.max_branches = builder.max_branches.max(10_000);
    let (bound, cap) = (builder.preemption_bound, builder.max_permutations);
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        assert_eq!(joinq::raw::live_segments(), 0, "the last execution has leaked segments");
        model();
    });
    assert_eq!(joinq::raw::live_segments(), 0, "leaked segments");
    let name = std::thread::current().name().unwrap_or("model").to_owned();
    let executions = executions.load(Ordering::Relaxed);
    let stopped = if cap.is_some_and(|cap| executions + 1 >= cap) { ", stopped" } else { "" };
    println!("{name}: {executions} executions, bound {bound:?}, {:.1?}{stopped}", start.elapsed());
}

/// Polls `operation` once and says whether it is done.
#[allow(dead_code)] // not every file needs it
pub fn poll_once<F: Future + Unpin>(operation: &mut F) -> Option<F::Output> {
    loom::future::block_on(poll_fn(|context| match Pin::new(&mut *operation).poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    }))
}
