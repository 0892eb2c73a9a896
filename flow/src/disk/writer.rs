//! The thread of a store: takes requests, commits them, and does what follows from each.

use super::loader::Loader;
use super::request::Request;
use super::Place;
use crate::job::core::{Core, JobPermits, OnSettled, Open};
use crate::job::state::Stored;
use crate::job::Job;
use crate::oneshot::Reply;
use crate::operation::block_on;
use crate::stage::{End, Inner};
use crate::store::{Change, Row, Safe, Store, Table};
use crate::time::Sleep;
use crate::trace::events;
use crate::work::{message, printed};
use crate::{BoxError, Cause, Refused};
use std::collections::{HashSet, VecDeque};
use std::future::{poll_fn, Future};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// The most requests in one transaction.
const BATCH: usize = 1024;
/// The pause after a commit that failed; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Writer<T, R> {
    pub(super) stage: Arc<Inner<T, R>>,
    pub(super) store: Box<dyn Store>,
    pub(super) loader: Loader<T, R>,
    /// Requests whose commit failed, and which are tried again: all but puts.
    failed: VecDeque<Request<T, R>>,
    pause: Duration,
    /// Until the failed requests are tried again.
    again: Option<Sleep>,
    /// Jobs with the mark of a start.
    started: HashSet<u64>,
    /// The job that runs alone, and the permits that keep others from being in memory.
    pub(super) alone: Option<(u64, JobPermits)>,
    halted: bool,
    /// A spawned job could not be committed before the end. Its parent must run again, and so no end of a job
    /// is committed any more.
    is_cut: bool,
}

/// What the writer wakes up for.
enum Event {
    Requests,
    /// The job that the loader has ready has its permits, or the loader may try again.
    Loaded,
    /// The failed requests are to be tried again.
    Again,
    /// The stage has ended.
    End,
}

pub(super) fn run<T: Send + Sync + 'static, R: Send + 'static>(stage: Arc<Inner<T, R>>, store: Box<dyn Store>) {
    let _ = stage.disk.as_ref().map(|disk| disk.thread.set(std::thread::current().id()));
    let mut writer = Writer {
        loader: Loader::new(),
        stage,
        store,
        failed: VecDeque::new(),
        pause: FIRST_PAUSE,
        again: None,
        started: HashSet::new(),
        alone: None,
        halted: false,
        is_cut: false,
    };
    writer.run();
    let Writer { stage, store, .. } = writer;
    // Closes it.
    let _ = call(|| drop(store));
    let disk = stage.disk.as_ref().expect("the writer's stage has a store");
    // Ordering: SeqCst. After the store is closed; see `Disk::has_ended`.
    disk.has_ended.store(true, Ordering::SeqCst);
    stage.guarded(|| disk.notify());
    stage.guarded(|| stage.unfinished.notify());
}

/// Calls the store: one that panics has failed.
fn call<V>(store: impl FnOnce() -> V) -> Result<V, BoxError> {
    catch_unwind(AssertUnwindSafe(store)).map_err(|panic| format!("the store panicked: {}", message(panic)).into())
}

impl<T: Send + Sync + 'static, R: Send + 'static> Writer<T, R> {
    pub(super) fn disk(&self) -> &super::Disk<T, R> {
        self.stage.disk.as_ref().expect("the writer's stage has a store")
    }

    fn run(&mut self) {
        let mut requests = Vec::new();
        loop {
            self.caught(Self::prepare_load);
            match self.wait(&mut requests) {
                Event::Requests => {
                    let requests = std::mem::take(&mut requests);
                    self.caught(|writer| writer.handle(requests));
                }
                Event::Loaded => self.caught(Self::finish_load),
                Event::Again => {
                    self.again = None;
                    self.try_again();
                }
                Event::End => return,
            }
        }
    }

    fn wait(&mut self, requests: &mut Vec<Request<T, R>>) -> Event {
        let stage = self.stage.clone();
        let disk = stage.disk.as_ref().expect("the writer's stage has a store");
        match (self.failed.is_empty(), &self.again) {
            (true, _) => self.again = None,
            // It goes on over other requests, so that these cannot put it off.
            (false, Some(_)) => {}
            (false, None) => self.again = Some(stage.time.sleep(self.pause)),
        }
        let again = &mut self.again;
        let mut get = disk.requests.get_many(requests, BATCH);
        let loader = &mut self.loader;
        block_on(poll_fn(move |context| {
            if let Some(Poll::Ready(())) = again.as_mut().map(|again| Pin::new(again).poll(context)) {
                return Poll::Ready(Event::Again);
            }
            // Loads come first, so that puts without a pause do not keep jobs on disk. There are at most as
            // many loads as there is free capacity, which becomes free by requests.
            if loader.poll(context).is_ready() {
                return Poll::Ready(Event::Loaded);
            }
            if let Poll::Ready(result) = Pin::new(&mut get).poll(context) {
                return Poll::Ready(if result.is_ok() { Event::Requests } else { Event::End });
            }
            Poll::Pending
        }))
    }

    /// Commits requests and does what follows from them. If the transaction fails, each one is tried for
    /// itself: a put that fails is refused, and the others are tried again later.
    fn handle(&mut self, requests: Vec<Request<T, R>>) {
        let mut batch = Vec::with_capacity(requests.len());
        for request in requests {
            match request {
                Request::Cancelled { core } => {
                    // New jobs of this batch come first.
                    self.commit_all(&mut batch);
                    self.caught(|writer| writer.cancelled(core));
                }
                Request::Resized => self.caught(|writer| writer.loader.reserve_again()),
                Request::Redrive { limit, reply } => {
                    self.commit_all(&mut batch);
                    self.redrive(limit, reply);
                }
                Request::Halt { reply } => {
                    self.commit_all(&mut batch);
                    self.halt();
                    drop(reply);
                }
                // The attempt does not run any more.
                Request::Start { reply, .. } if self.halted => drop(reply),
                request => batch.push(request),
            }
        }
        self.commit_all(&mut batch);
    }

    /// A job was cancelled before it ran: one that is only on disk ends now, others when their turn comes.
    /// (One whose commit is to be tried again is not on disk yet.)
    fn cancelled(&mut self, core: Arc<Core<T, R>>) {
        if self.loader.is_loaded(core.id) {
            self.commit_all(&mut vec![Request::Erase { id: core.id }]);
        } else if self.disk().absent.contains(core.id) {
            self.end_absent(core, End::Cancelled);
        }
    }

    /// Ends a job that is only on disk.
    pub(super) fn end_absent(&mut self, core: Arc<Core<T, R>>, end: End<R>) {
        let Ok(on_settled) = self.disk().absent.remove(core.id) else { return };
        self.disk().absent.publish();
        core.give(None, on_settled);
        self.end_on_disk(core, end);
    }

    /// Ends a job whose row the loader has not reached, or has just read. Until the end is committed, which
    /// may fail, the row must not be loaded.
    fn end_on_disk(&mut self, core: Arc<Core<T, R>>, end: End<R>) {
        self.loader.skip(core.id);
        self.commit_all(&mut vec![Request::End { core, end }]);
    }

    /// Commits a batch, which is empty afterwards.
    pub(super) fn commit_all(&mut self, batch: &mut Vec<Request<T, R>>) {
        if batch.is_empty() {
            return;
        }
        // Requests that failed come first.
        if self.failed.is_empty() && !self.is_cut && self.apply(batch).is_ok() {
            batch.drain(..).for_each(|request| self.follow(request));
        } else {
            batch.drain(..).for_each(|request| self.caught(|writer| writer.commit_one(request)));
        }
        self.notify();
    }

    fn commit_one(&mut self, request: Request<T, R>) {
        let is_put = matches!(request, Request::Put { .. });
        if !is_put && self.is_cut {
            return self.give_up(request);
        }
        if !is_put && !self.failed.is_empty() {
            self.failed.push_back(request);
            return;
        }
        match (self.apply(std::slice::from_ref(&request)), request) {
            (Ok(()), request) => self.follow(request),
            (Err(error), Request::Put { item, body, place, on_settled, reply, .. }) => {
                if matches!(place, Place::Disk) {
                    self.disk().quota.end_put(body.len());
                }
                self.uncount(1);
                // The permits come free before the putter knows.
                self.guarded(|_| drop(place));
                self.guarded(|_| drop(on_settled));
                self.answer(reply, Err(Refused::Store(item, error)));
            }
            (Err(_), request) if self.halted => self.give_up(request),
            (Err(_), request) => self.failed.push_back(request),
        }
    }

    /// The stage ends, and the commit has failed. What the row says is repeated when the store is opened again.
    fn give_up(&mut self, request: Request<T, R>) {
        match request {
            Request::End { core, end } => self.finish(&core, end),
            Request::Spawn { core, .. } => {
                self.is_cut = true;
                self.guarded(|stage| {
                    stage.settle_left(&core);
                });
            }
            Request::Undecodable { .. } => {
                self.stage.counters.left.add(1);
                self.uncount(1);
            }
            _ => {}
        }
    }

    /// Tries the failed requests again, in their order, up to the first one that fails again.
    fn try_again(&mut self) {
        let mut requests = std::mem::take(&mut self.failed);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        while let Some(request) = requests.pop_front() {
            if let Err(error) = self.apply(std::slice::from_ref(&request)) {
                requests.push_front(request);
                self.guarded(|_| drop(error));
                break;
            }
            self.pause = FIRST_PAUSE;
            self.follow(request);
        }
        self.failed = requests;
        self.notify();
    }

    /// One transaction.
    fn apply(&mut self, requests: &[Request<T, R>]) -> Result<(), BoxError> {
        let texts: Vec<String> = requests.iter().map(Request::text).collect();
        let mut safe = Safe::FromKill;
        let mut changes = Vec::with_capacity(requests.len());
        for (request, text) in requests.iter().zip(&texts) {
            if let Some((change, needed)) = request.change(text) {
                changes.push(change);
                safe = safe.max(needed);
            }
        }
        self.apply_changes(&changes, safe)
    }

    pub(super) fn apply_changes(&mut self, changes: &[Change<'_>], safe: Safe) -> Result<(), BoxError> {
        #[cfg(feature = "metrics")]
        let begin = self.stage.time.now();
        let applied = call(|| self.store.apply(changes, safe)).and_then(|applied| applied);
        #[cfg(feature = "metrics")]
        self.stage.record_commit(begin);
        if applied.is_ok() {
            // Before the putters go on with their next items.
            self.set_stored();
        }
        self.disk().set_error(&self.stage.name, applied.as_ref().err().map(|error| printed(error)));
        applied
    }

    /// Reads the first rows with an id above `after`.
    pub(super) fn load(&mut self, table: Table, after: u64, limit: usize) -> Result<Vec<Row>, BoxError> {
        let mut rows = Vec::new();
        call(|| self.store.load(table, after, limit, &mut rows)).and_then(|loaded| loaded)?;
        Ok(rows)
    }

    fn set_stored(&self) {
        if let Ok(bytes) = call(|| self.store.bytes()) {
            self.disk().quota.set_stored(bytes);
        }
    }

    /// Has puts that wait for the disk check again. That wakes them.
    pub(super) fn notify(&self) {
        self.guarded(|_| self.disk().notify());
    }

    /// Jobs are finished without more ado.
    pub(super) fn uncount(&self, count: usize) {
        self.guarded(|stage| stage.follow(stage.unfinished.remove(count)));
    }

    /// Calls what may run code of the user somewhere, such as the drop of an item: the thread goes on.
    fn caught(&mut self, call: impl FnOnce(&mut Self)) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| call(self))) {
            self.stage.count_panic(panic);
        }
    }

    /// What follows from a request that is committed.
    fn follow(&mut self, request: Request<T, R>) {
        self.caught(|writer| writer.follow_one(request));
    }

    fn follow_one(&mut self, request: Request<T, R>) {
        match request {
            Request::Put { id, item, body, trace, place, on_settled, reply } => {
                let core = Arc::new(Core::new(self.stage.clone(), id, item, trace, Stored::Yes, Open::default()));
                self.stage.counters.put.add(1);
                let permits = match place {
                    Place::Memory(permits) => Some(permits),
                    Place::Disk => {
                        self.stage.counters.spilled.add(1);
                        self.disk().quota.end_put(body.len());
                        None
                    }
                };
                // The loader would not find a job whose id it has passed: dead letters that became jobs have
                // overtaken it.
                if self.loader.is_loaded(id) || (permits.is_some() && self.disk().on_disk() == 0) {
                    core.give(permits, on_settled);
                    self.enqueue(&core);
                } else {
                    // Others that are only on disk come first; the loader gets the permits.
                    self.guarded(|_| drop(permits));
                    self.add_absent(&core, on_settled);
                }
                self.answer(reply, Ok(Job(core)));
            }
            Request::Spawn { core, weight, .. } => {
                let may_be_in_memory = self.loader.is_loaded(core.id) || self.disk().on_disk() == 0;
                let permits = if may_be_in_memory { self.stage.try_reserve(weight).ok() } else { None };
                // If jobs with higher ids were loaded already, it was committed late, and the loader would
                // not find it.
                if permits.is_some() || self.loader.is_loaded(core.id) {
                    core.give(permits, None);
                    self.enqueue(&core);
                } else if core.state.is_cancelled() {
                    // The cancel came before the commit. In the queue it would overtake the jobs on disk.
                    self.end_on_disk(core, End::Cancelled);
                } else {
                    self.stage.counters.spilled.add(u64::from(!self.disk().keeps_all()));
                    self.add_absent(&core, None);
                }
            }
            Request::Start { id, reply } => {
                self.started.insert(id);
                self.answer(reply, ());
            }
            Request::Failed { id, .. } => {
                self.started.remove(&id);
                self.admit_others(id);
            }
            Request::ClearMark { id } => {
                self.started.remove(&id);
            }
            Request::Erase { .. } => {}
            Request::End { core, end } => {
                self.started.remove(&core.id);
                self.loader.skipped(core.id);
                self.finish(&core, end);
                self.admit_others(core.id);
            }
            Request::Undecodable { id, error, .. } => {
                events::undecodable(&self.stage.name, id, &error);
                self.stage.counters.dead.by(&Cause::Undecodable(error.into())).add(1);
                self.uncount(1);
            }
            Request::Cancelled { .. } | Request::Redrive { .. } | Request::Resized | Request::Halt { .. } => {}
        }
    }

    /// A job ends, and is acknowledged.
    fn finish(&self, core: &Arc<Core<T, R>>, end: End<R>) {
        let acknowledges = &self.disk().acknowledges;
        // Ordering: Relaxed, as in `Disk::acknowledges_here`.
        acknowledges.store(true, Ordering::Relaxed);
        self.guarded(|stage| stage.finish(core, end));
        // Ordering: as before.
        acknowledges.store(false, Ordering::Relaxed);
    }

    /// An attempt of this job has ended: if it ran alone, others may be in memory again.
    fn admit_others(&mut self, id: u64) {
        let others = self.alone.take_if(|(alone, _)| *alone == id);
        self.guarded(|_| drop(others));
    }

    pub(super) fn enqueue(&mut self, core: &Arc<Core<T, R>>) {
        self.loader.set_loaded(core.id);
        let core = core.clone();
        self.guarded(|stage| stage.enqueue(core));
    }

    /// A job that is committed is only on disk for now.
    fn add_absent(&mut self, core: &Arc<Core<T, R>>, on_settled: Option<OnSettled<T, R>>) {
        self.loader.expect(core.id);
        if self.disk().absent.add(core, on_settled).is_err() {
            // The deadline of a shutdown is over: the row stays.
            self.guarded(|stage| {
                stage.settle_left(core);
            });
        }
    }

    fn answer<V>(&self, reply: Reply<V>, value: V) {
        // This wakes the putter or the worker; a waker that panics must not end the thread.
        self.guarded(|_| drop(reply.send(value)));
    }

    /// Calls what may run code of the user.
    pub(super) fn guarded(&self, call: impl FnOnce(&Inner<T, R>)) {
        self.stage.guarded(|| call(&self.stage));
    }

    fn redrive(&mut self, limit: usize, reply: Reply<Result<usize, BoxError>>) {
        let mut redriven = 0;
        let result = loop {
            match self.redrive_some((limit - redriven).min(BATCH)) {
                Ok(0) => break Ok(redriven),
                Ok(count) => redriven += count,
                Err(error) => break Err(error),
            }
        };
        self.answer(reply, result);
    }

    /// Makes the first dead letters jobs again; returns how many.
    fn redrive_some(&mut self, limit: usize) -> Result<usize, BoxError> {
        let rows = self.load(Table::Dead, 0, limit)?;
        let mut changes = Vec::new();
        for row in &rows {
            match self.stage.unfinished.add() {
                Ok(()) => changes.push(Change::Redrive { dead: row.id, id: self.disk().next_id() }),
                Err((_, then)) => {
                    self.guarded(|stage| stage.follow(then));
                    break;
                }
            }
        }
        let count = changes.len();
        if count == 0 {
            return Ok(0);
        }
        if let Err(error) = self.apply_changes(&changes, Safe::FromPowerLoss) {
            self.uncount(count);
            return Err(error);
        }
        self.stage.counters.put.add(count as u64);
        if self.disk().absent.add_unknown(count).is_err() {
            // The deadline of a shutdown is over: the rows stay.
            self.stage.counters.left.add(count as u64);
            self.uncount(count);
        }
        Ok(count)
    }

    /// The deadline of a shutdown is over.
    fn halt(&mut self) {
        self.halted = true;
        self.caught(|writer| writer.loader.clear());
        let others = self.alone.take();
        self.guarded(|_| drop(others));
        self.try_again();
        // The workers that wait for their mark end without it.
        for request in std::mem::take(&mut self.failed) {
            self.caught(|writer| writer.give_up(request));
        }
        let back: Vec<_> = self.started.drain().map(|id| Change::Back { id }).collect();
        if !back.is_empty() {
            // If this fails the start counts as a crash.
            let _ = self.apply_changes(&back, Safe::FromKill);
        }
    }
}
