//! Loads jobs that are only on disk, one after another, as soon as there is free capacity in memory.

use super::request::Request;
use super::writer::Writer;
use crate::job::core::{Core, JobPermits, Open};
use crate::job::state::Stored;
use crate::stage::End;
use crate::store::{Row, Table};
use crate::time::Sleep;
use crate::work::printed;
use crate::{BoxError, Cause, TraceContext};
use joinq::queue::ReserveOwned;
use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::future::Future;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Rows that are read at a time.
const ROWS: usize = 16;
/// The pause after rows could not be read.
const PAUSE: Duration = Duration::from_millis(100);
/// A job in whose attempts the process ended this often is held to be the reason.
const MOST_CRASHES: u32 = 3;

pub(super) struct Loader<T, R> {
    /// The highest id that is in memory or settled: jobs with a higher one are only on disk.
    loaded: u64,
    rows: VecDeque<Row>,
    /// Jobs that end on disk, and whose rows are not removed yet.
    ending: HashSet<u64>,
    /// The next job, which waits for its permits.
    next: Next<T, R>,
}

enum Next<T, R> {
    None,
    Waiting {
        core: Arc<Core<T, R>>,
        due: u64,
        /// Of the item, and what is reserved of it.
        weight: usize,
        reserved: usize,
        reserve: ReserveOwned<Infallible>,
        company: Company,
    },
    /// It is to run alone, and waits for all other permits.
    WaitingAlone {
        core: Arc<Core<T, R>>,
        due: u64,
        permits: JobPermits,
        reserve: ReserveOwned<Infallible>,
    },
    Loaded {
        core: Arc<Core<T, R>>,
        due: u64,
        permits: JobPermits,
        others: Option<JobPermits>,
    },
    /// The rows could not be read.
    Pausing(Sleep),
}

/// Whether other jobs may be in memory while a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Company {
    Any,
    /// One more crash makes the job a dead letter: it runs alone, so that it is not blamed for a crash of
    /// another job.
    None,
}

impl<T, R> Loader<T, R> {
    pub(super) fn new() -> Self {
        Loader { loaded: 0, rows: VecDeque::new(), ending: HashSet::new(), next: Next::None }
    }

    /// Whether the job is, or was, in memory.
    pub(super) fn is_loaded(&self, id: u64) -> bool {
        id <= self.loaded
    }

    /// The job is in memory.
    pub(super) fn set_loaded(&mut self, id: u64) {
        self.loaded = self.loaded.max(id);
    }

    /// The job ends on disk: its row is not to be loaded.
    pub(super) fn skip(&mut self, id: u64) {
        self.ending.insert(id);
    }

    /// The row is gone.
    pub(super) fn skipped(&mut self, id: u64) {
        if self.ending.remove(&id) {
            self.rows.retain(|row| row.id != id);
        }
    }

    /// A job is only on disk from now on. If rows behind it were read before, it is not among them: they are
    /// read again.
    pub(super) fn expect(&mut self, id: u64) {
        if self.rows.back().is_some_and(|row| row.id > id) {
            self.rows.clear();
        }
    }

    /// The capacity has changed: a reservation of more permits than there are would wait for ever.
    pub(super) fn reserve_again(&mut self) {
        match &mut self.next {
            Next::Waiting { core, weight, reserved, reserve, .. } => {
                let now = (*weight).min(core.stage.most_permits());
                if now != *reserved {
                    *reserve = core.stage.permits.clone().reserve_owned(now);
                    *reserved = now;
                }
            }
            Next::WaitingAlone { core, permits, reserve, .. } => {
                let others = core.stage.most_permits().saturating_sub(permits.len());
                *reserve = core.stage.permits.clone().reserve_owned(others.max(1));
            }
            Next::None | Next::Loaded { .. } | Next::Pausing(_) => {}
        }
    }

    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.next = Next::None;
    }

    /// Ready when [`Writer::finish_load`] has something to do.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match std::mem::replace(&mut self.next, Next::None) {
            Next::Waiting { core, due, weight, reserved, mut reserve, company } => {
                match Pin::new(&mut reserve).poll(context) {
                    Poll::Ready(Ok(permits)) => {
                        let stage = &core.stage;
                        let others = stage.most_permits().saturating_sub(permits.len());
                        if company == Company::None && others > 0 {
                            let reserve = stage.permits.clone().reserve_owned(others);
                            self.next = Next::WaitingAlone { core, due, permits, reserve };
                            return self.poll(context);
                        }
                        self.next = Next::Loaded { core, due, permits, others: None };
                        Poll::Ready(())
                    }
                    // The stage has ended.
                    Poll::Ready(Err(_)) => Poll::Pending,
                    Poll::Pending => {
                        self.next = Next::Waiting { core, due, weight, reserved, reserve, company };
                        Poll::Pending
                    }
                }
            }
            Next::WaitingAlone { core, due, permits, mut reserve } => match Pin::new(&mut reserve).poll(context) {
                Poll::Ready(Ok(others)) => {
                    self.next = Next::Loaded { core, due, permits, others: Some(others) };
                    Poll::Ready(())
                }
                // The stage has ended.
                Poll::Ready(Err(_)) => Poll::Pending,
                Poll::Pending => {
                    self.next = Next::WaitingAlone { core, due, permits, reserve };
                    Poll::Pending
                }
            },
            Next::Pausing(mut sleep) => {
                let ended = Pin::new(&mut sleep).poll(context).map(drop);
                if ended.is_pending() {
                    self.next = Next::Pausing(sleep);
                }
                ended
            }
            loaded @ Next::Loaded { .. } => {
                self.next = loaded;
                Poll::Ready(())
            }
            Next::None => Poll::Pending,
        }
    }
}

impl<T: Send + Sync + 'static, R: Send + 'static> Writer<T, R> {
    /// Has the loader wait for the permits of the next job that is only on disk.
    pub(super) fn prepare_load(&mut self) {
        while matches!(self.loader.next, Next::None) && self.disk().on_disk() > 0 {
            if self.loader.rows.is_empty() {
                match self.load(Table::Jobs, self.loader.loaded, ROWS) {
                    // They are gone from the store.
                    Ok(rows) if rows.is_empty() => return self.lose_absent(),
                    Ok(rows) => self.loader.rows = rows.into(),
                    Err(error) => {
                        self.disk().set_error(&self.stage.name, Some(printed(&error)));
                        self.loader.next = Next::Pausing(self.stage.time.sleep(PAUSE));
                        return;
                    }
                }
            }
            if let Some(row) = self.loader.rows.pop_front() {
                self.prepare_row(row);
            }
        }
    }

    fn prepare_row(&mut self, row: Row) {
        // From now on it is in memory, though not in the queue: a cancel takes effect when its turn comes.
        self.loader.loaded = row.id;
        if self.loader.ending.contains(&row.id) {
            return;
        }
        let core = match self.disk().absent.handle(row.id) {
            Some(core) => core,
            None => match self.decode(&row) {
                Ok(item) => {
                    let trace = TraceContext::from_row(&row.trace);
                    Arc::new(Core::new(self.stage.clone(), row.id, item, trace, Stored::Yes, Open::default()))
                }
                Err(error) => return self.end_undecodable(row, error),
            },
        };
        core.set_failures(row.attempts);
        if row.crashes >= MOST_CRASHES {
            return self.end_absent(core, End::Dead(Cause::Crashed));
        }
        match catch_unwind(AssertUnwindSafe(|| self.stage.weight(&core.item))) {
            Ok(weight) => {
                let reserved = weight.min(self.stage.most_permits());
                let reserve = self.stage.permits.clone().reserve_owned(reserved);
                let company = if row.crashes + 1 < MOST_CRASHES { Company::Any } else { Company::None };
                self.loader.next = Next::Waiting { core, due: row.due, weight, reserved, reserve, company };
            }
            Err(panic) => {
                let message = self.stage.count_panic(panic);
                self.end_absent(core, End::Dead(Cause::Panicked(message)));
            }
        }
    }

    /// Calls the user's codec.
    fn decode(&self, row: &Row) -> Result<T, BoxError> {
        let decoded = catch_unwind(AssertUnwindSafe(|| self.disk().codec.decode(&row.body)));
        decoded.unwrap_or_else(|panic| Err(self.stage.count_panic(panic).into()))
    }

    fn end_undecodable(&mut self, row: Row, error: BoxError) {
        if let Ok(on_settled) = self.disk().absent.remove(row.id) {
            self.disk().absent.publish();
            // There is no job to call it with.
            self.guarded(|_| drop(on_settled));
            self.commit_all(&mut vec![Request::Undecodable { id: row.id, failures: row.attempts, error }]);
        }
    }

    /// The rows of the jobs that are on disk are gone: another program has changed the store.
    fn lose_absent(&mut self) {
        let (count, handles) = self.disk().absent.lose_all();
        self.disk().set_error(&self.stage.name, Some(format!("{count} jobs are no longer in the store")));
        self.disk().settle_left(&self.stage, count, handles);
    }

    /// The next job has its permits.
    pub(super) fn finish_load(&mut self) {
        let Next::Loaded { core, due, permits, others } = std::mem::replace(&mut self.loader.next, Next::None) else {
            return;
        };
        let Ok(on_settled) = self.disk().absent.remove(core.id) else { return };
        if let Some(others) = others {
            self.alone = Some((core.id, others));
        }
        core.give(Some(permits), on_settled);
        let delay = due.saturating_sub(super::milliseconds_since_epoch());
        if delay > 0 && core.state.retry() {
            self.guarded(|_| core.stage.delay(core.clone(), Duration::from_millis(delay)));
        } else {
            self.enqueue(&core);
        }
        self.disk().absent.publish();
        self.notify();
    }
}
