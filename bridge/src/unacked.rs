//! Messages that were received and are not acknowledged yet, on their way through a stage.

use joinq::Queue;
use joinq_flow::{Cause, Job, Put, Refused, Stage, State};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its job is done.
    Done,
    /// Its job is dead, with this cause.
    Dead(String),
    /// Its job was cancelled, or the stage has ended.
    Back,
    /// The stage has refused it.
    Refused,
}

impl Outcome {
    /// Whether the message comes again. It may do so before the server has confirmed the outcome.
    pub(crate) fn comes_again(&self) -> bool {
        matches!(self, Outcome::Back | Outcome::Refused)
    }

    fn of<T, R>(job: &Job<T, R>) -> Outcome {
        match (job.state(), job.cause()) {
            (State::Done, _) => Outcome::Done,
            (State::Dead, cause) => Outcome::Dead(cause.map_or_else(String::new, |cause| printed(&cause))),
            _ => Outcome::Back,
        }
    }
}

/// The text of a cause, whose error may be one of the user that panics.
fn printed(cause: &Cause) -> String {
    catch_unwind(AssertUnwindSafe(|| cause.to_string())).unwrap_or_else(|panic| {
        // The drop of its value may panic, too.
        std::mem::forget(panic);
        "an error that cannot be printed".to_owned()
    })
}

/// What a message contains for the stage.
pub(crate) struct Received<T> {
    pub(crate) item: T,
    pub(crate) traceparent: Option<String>,
    pub(crate) tracestate: Option<String>,
}

/// The messages by their key; `M` is what the acknowledgement needs.
pub(crate) struct Unacked<'a, T, R, K, M> {
    stage: &'a Stage<T, R>,
    messages: HashMap<K, M>,
    /// Those that wait for their put.
    waiting: VecDeque<(K, Received<T>)>,
    put: Option<(K, Put<T, R>)>,
    settled: Arc<Queue<(K, Outcome)>>,
}

impl<'a, T, R, K, M> Unacked<'a, T, R, K, M>
where
    T: Send + Sync + 'static,
    R: Send + 'static,
    K: Clone + Eq + Hash + Send + 'static,
{
    pub(crate) fn new(stage: &'a Stage<T, R>) -> Self {
        Unacked {
            stage,
            messages: HashMap::new(),
            waiting: VecDeque::new(),
            put: None,
            settled: Arc::new(Queue::unbounded()),
        }
    }

    /// How many further messages the stage has capacity for.
    pub(crate) fn free(&self) -> usize {
        self.stage.stats().capacity.saturating_sub(self.messages.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(crate) fn get(&self, key: &K) -> Option<&M> {
        self.messages.get(key)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut M)> {
        self.messages.iter_mut()
    }

    /// Adds a message, which waits for its put then. A message that is here already is not put again, but
    /// acknowledged as this delivery of it.
    pub(crate) fn add<E>(
        &mut self,
        key: K,
        message: M,
        read: impl FnOnce() -> Result<Received<T>, E>,
    ) -> Result<(), E> {
        match self.messages.entry(key.clone()) {
            Entry::Occupied(mut known) => {
                known.insert(message);
                Ok(())
            }
            Entry::Vacant(new) => {
                new.insert(message);
                self.waiting.push_back((key, read()?));
                Ok(())
            }
        }
    }

    /// A message is acknowledged.
    pub(crate) fn remove(&mut self, key: &K) {
        self.messages.remove(key);
    }

    /// Puts the waiting messages, until one is to be acknowledged. It can be dropped at any time. A message that
    /// [comes again](Outcome::comes_again) has to be removed at once, so that it is put again then.
    pub(crate) async fn next(&mut self) -> (K, Outcome) {
        loop {
            if self.put.is_none() {
                self.put = self.waiting.pop_front().map(|(key, received)| (key.clone(), self.put(key, received)));
            }
            let settled = self.settled.get();
            let Some((_, put)) = &mut self.put else {
                let (key, outcome) = settled.await.expect("this queue is not closed");
                return (key, self.at_end(outcome));
            };
            let result = tokio::select! {
                settled = settled => {
                    let (key, outcome) = settled.expect("this queue is not closed");
                    return (key, self.at_end(outcome));
                }
                result = put => result,
            };
            let Some((key, _)) = self.put.take() else { unreachable!("the put that has ended") };
            match result {
                Ok(_) => {}
                Err(Refused::Closed(_)) => return (key, Outcome::Back),
                Err(_) => return (key, Outcome::Refused),
            }
        }
    }

    /// After a shutdown a job may be dead only because there was no time for another attempt.
    fn at_end(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Dead(_) if self.stage.is_shut_down() => Outcome::Back,
            outcome => outcome,
        }
    }

    fn put(&self, key: K, received: Received<T>) -> Put<T, R> {
        let settled = self.settled.clone();
        let mut put = self.stage.put(received.item).on_settled(move |job| {
            // An unbounded queue that is not closed refuses nothing.
            let _ = settled.try_put((key, Outcome::of(job)));
        });
        if let Some(traceparent) = &received.traceparent {
            put = put.trace_context(traceparent);
        }
        if let Some(tracestate) = &received.tracestate {
            put = put.trace_state(tracestate);
        }
        put
    }
}
