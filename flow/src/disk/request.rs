//! What the writer is asked to do.

use super::{Place, PutResult};
use crate::job::core::{Core, OnSettled};
use crate::oneshot::Reply;
use crate::stage::End;
use crate::store::{Change, Safe};
use crate::work::printed;
use crate::{BoxError, TraceContext};
use std::sync::Arc;

pub(super) enum Request<T, R> {
    /// A new job.
    Put {
        id: u64,
        item: T,
        body: Vec<u8>,
        trace: Option<TraceContext>,
        place: Place,
        on_settled: Option<OnSettled<T, R>>,
        reply: Reply<PutResult<T, R>>,
    },
    /// A new job that comes of another one.
    Spawn { core: Arc<Core<T, R>>, body: Vec<u8>, weight: usize },
    /// An attempt is to begin.
    Start { id: u64, reply: Reply<()> },
    /// The mark of a start is to be cleared: the attempt does not run.
    ClearMark { id: u64 },
    /// A job in memory was cancelled, and is not to run in another process either.
    Erase { id: u64 },
    /// An attempt has failed, and another one will follow.
    Failed { id: u64, failures: u32, due: u64 },
    /// A job ends.
    End { core: Arc<Core<T, R>>, end: End<R> },
    /// Bytes that are no item.
    Undecodable { id: u64, failures: u32, error: BoxError },
    /// A job was cancelled before it ran.
    Cancelled { core: Arc<Core<T, R>> },
    /// Dead letters are to be jobs again.
    Redrive { limit: usize, reply: Reply<Result<usize, BoxError>> },
    /// The capacity of the stage has changed.
    Resized,
    /// The deadline of a shutdown is over.
    Halt { reply: Reply<()> },
}

/// The text of a cause in the store.
fn text_of<R>(end: &End<R>) -> String {
    match end {
        End::Dead(cause) => printed(cause),
        _ => String::new(),
    }
}

impl<T, R> Request<T, R> {
    /// The text that [`change`](Request::change) borrows: why a job is dead, or where a new one comes from.
    pub(super) fn text(&self) -> String {
        match self {
            Request::End { end, .. } => text_of(end),
            Request::Undecodable { error, .. } => {
                format!("the bytes in the store are no item: {}", printed(error))
            }
            Request::Put { trace, .. } => trace.as_ref().map_or(String::new(), TraceContext::to_row),
            Request::Spawn { core, .. } => core.trace.as_ref().map_or(String::new(), TraceContext::to_row),
            _ => String::new(),
        }
    }

    /// The change of the store, if the request is one.
    pub(super) fn change<'a>(&'a self, text: &'a str) -> Option<(Change<'a>, Safe)> {
        Some(match self {
            Request::Put { id, body, .. } => (Change::Put { id: *id, body, trace: text }, Safe::FromPowerLoss),
            Request::Spawn { core, body, .. } => (Change::Put { id: core.id, body, trace: text }, Safe::FromPowerLoss),
            Request::Start { id, .. } => (Change::Started { id: *id }, Safe::FromKill),
            Request::ClearMark { id } => (Change::Back { id: *id }, Safe::FromKill),
            Request::Erase { id } => (Change::Done { id: *id }, Safe::FromPowerLoss),
            Request::Failed { id, failures, due } => {
                (Change::Failed { id: *id, attempts: *failures, due: *due }, Safe::FromPowerLoss)
            }
            Request::End { core, end } => match end {
                End::Done(_) | End::Cancelled => (Change::Done { id: core.id }, Safe::FromPowerLoss),
                End::Left => (Change::Back { id: core.id }, Safe::FromKill),
                End::Dead(_) => {
                    (Change::Dead { id: core.id, attempts: core.failures(), error: text }, Safe::FromPowerLoss)
                }
            },
            Request::Undecodable { id, failures, .. } => {
                (Change::Dead { id: *id, attempts: *failures, error: text }, Safe::FromPowerLoss)
            }
            Request::Cancelled { .. } | Request::Redrive { .. } | Request::Resized | Request::Halt { .. } => {
                return None
            }
        })
    }
}
