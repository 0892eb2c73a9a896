//! Shared by the files of models: exploration up to the preemption bound with a count of the executions, and
//! helpers. Without `cfg(loom)` one ignored test stands for all models.

#[cfg(not(loom))]
#[test]
#[ignore = "a model: run `cargo loom`"]
fn models_need_cfg_loom() {
    panic!("run `cargo loom` with RUSTFLAGS unset");
}

#[cfg(loom)]
pub use under_loom::*;

#[cfg(loom)]
#[allow(dead_code)] // Each file of models uses a part of it.
mod under_loom {
    use joinq::raw::Handshake;
    use joinq::Queue;
    use std::future::{poll_fn, Future};
    use std::pin::Pin;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::Arc;
    use std::task::{Context, Poll, Wake, Waker};

    /// Explores `model` up to `LOOM_MAX_PREEMPTIONS`, which `.cargo/config.toml` sets, with each handshake. Under
    /// loom, fences stand for `membarrier`, and order more than the shipped code does. The RMWs are those of the
    /// shipped code.
    pub fn explore(model: impl Fn() + Send + Sync + 'static) {
        with_each_handshake(model, explore_once);
    }

    /// As [`explore`], with the handshake that the model fixes.
    pub fn explore_once(model: impl Fn() + Send + Sync + 'static) {
        run(loom::model::Builder::new(), model);
    }

    /// As [`explore`], for a model with too many executions at that bound: one preemption less, unless
    /// `JOINQ_LOOM_FULL` is set.
    pub fn explore_large(model: impl Fn() + Send + Sync + 'static) {
        with_each_handshake(model, |model| {
            let mut builder = loom::model::Builder::new();
            if std::env::var_os("JOINQ_LOOM_FULL").is_none() {
                builder.preemption_bound = builder.preemption_bound.map(|bound| bound.saturating_sub(1).max(1));
            }
            run(builder, model);
        });
    }

    /// As [`explore`], but stops after 20,000 executions unless loads are RMWs: where each load may be stale,
    /// a model with thousands of executions can have millions.
    pub fn explore_capped(model: impl Fn() + Send + Sync + 'static) {
        with_each_handshake(model, |model| explore_up_to(20_000, model));
    }

    type Model = Box<dyn Fn() + Send + Sync>;

    fn with_each_handshake(model: impl Fn() + Send + Sync + 'static, explore: impl Fn(Model)) {
        let model = Arc::new(model);
        for handshake in [Handshake::Membarrier, Handshake::Rmw] {
            let model = model.clone();
            explore(Box::new(move || {
                handshake.fix();
                model();
            }));
        }
    }

    /// As [`explore_once`], but stops after this number of executions unless loads are RMWs.
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
        // A model in which an end's word takes an earlier value again has many steps.
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

    /// Polls `operation` once; returns its output if it is ready.
    pub fn poll_once<F: Future + Unpin>(operation: &mut F) -> Option<F::Output> {
        loom::future::block_on(poll_fn(|context| match Pin::new(&mut *operation).poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => Poll::Ready(None),
        }))
    }

    /// Whether a waker was woken.
    #[derive(Default)]
    pub struct Flag(AtomicBool);

    impl Flag {
        pub fn is_set(&self) -> bool {
            self.0.load(Ordering::SeqCst)
        }
    }

    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    /// Calls `poll` with a waker that sets a flag.
    pub fn with_flag<R>(poll: impl FnOnce(&mut Context<'_>) -> R) -> (R, Arc<Flag>) {
        let flag = Arc::new(Flag::default());
        let waker = Waker::from(flag.clone());
        (poll(&mut Context::from_waker(&waker)), flag)
    }

    /// Polls with a waker that sets a flag.
    pub fn poll_with_flag<F: Future + Unpin>(operation: &mut F) -> (Poll<F::Output>, Arc<Flag>) {
        with_flag(|context| Pin::new(operation).poll(context))
    }

    /// A thread that runs with a share of `shared`.
    pub fn spawn<T: 'static, R: 'static>(
        shared: &loom::sync::Arc<T>,
        run: impl FnOnce(&T) -> R + 'static,
    ) -> loom::thread::JoinHandle<R> {
        let shared = shared.clone();
        loom::thread::spawn(move || run(&shared))
    }

    /// Puts an item, takes it and finishes it. The next put then claims its slot before it writes its item, so that the
    /// slot may be poisoned. The first put of a queue appends a segment, in which its item is already written.
    pub fn pass_an_item(queue: &Queue<u8>) {
        queue.try_put(0).unwrap();
        queue.try_get().unwrap();
        queue.task_done().unwrap();
    }

    /// Shares `queue`, with these items put.
    pub fn share_with_items(queue: Queue<u8>, items: &[u8]) -> loom::sync::Arc<Queue<u8>> {
        items.iter().for_each(|&item| queue.try_put(item).unwrap());
        loom::sync::Arc::new(queue)
    }
}
