//! Where the jobs of a stage are kept, so that they survive the process.

mod codec;
mod error;
#[cfg(any(feature = "sqlite", feature = "redb"))]
mod file;
#[cfg(feature = "redb")]
mod redb;
#[cfg(feature = "sqlite")]
mod sqlite;

use crate::BoxError;

#[cfg(feature = "json")]
pub use codec::Json;
pub use codec::{Bytes, Codec, Text};
pub use error::StoreError;
#[cfg(feature = "redb")]
pub use redb::RedbStore;
#[cfg(feature = "sqlite")]
pub use sqlite::{Salvaged, SqliteStore};

/// A place where the jobs of one stage are kept; the stage is built with it by
/// [`StageBuilder::spill`](crate::StageBuilder::spill) or [`durable`](crate::StageBuilder::durable).
///
/// A store belongs to one stage of one process, and one thread calls it. Each method is one transaction: it
/// takes effect as a whole or not at all, also if the process is killed in the middle. A store that is
/// dropped can be opened again at once.
pub trait Store: Send + 'static {
    /// Called once, before all others: what an earlier process has left. Each job that was marked as started
    /// counts one more crash, and the mark is cleared.
    fn recover(&mut self) -> Result<Recovered, BoxError>;

    /// Makes these changes in this order. When this returns, they are as safe as `safe` says.
    ///
    /// After an error none of them is made, as far as later calls are concerned. (If the error came from the
    /// commit itself, a kill right after it may bring them back.) The caller may try the same changes again,
    /// and a change that is made already must be no error: a put replaces a job with the same id, and a
    /// change of a job that does not exist changes nothing.
    fn apply(&mut self, changes: &[Change<'_>], safe: Safe) -> Result<(), BoxError>;

    /// Appends the first rows of a table with an id above `after` to `rows`, at most `limit`, in ascending
    /// order of ids.
    fn load(&mut self, table: Table, after: u64, limit: usize, rows: &mut Vec<Row>) -> Result<(), BoxError>;

    /// The bytes that jobs and dead letters take, by which a [`quota`](crate::StageBuilder::quota) is kept:
    /// those of the disk where the store knows them, otherwise those of the bodies and a constant for each
    /// row. Cheap.
    fn bytes(&self) -> u64;
}

/// What a committed change survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Safe {
    /// The end of the process, also by `kill -9`. A power cut may undo it.
    FromKill,
    /// A power cut as well: the data has been synchronized to the disk.
    FromPowerLoss,
}

/// The two tables of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Jobs that are not settled.
    Jobs,
    /// Dead letters.
    Dead,
}

/// What an earlier process has left in a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The number of jobs that were not settled.
    pub jobs: u64,
    /// The number of dead letters.
    pub dead: u64,
    /// The largest id that was ever given to a job, also to one that is settled; 0 if there was none.
    pub last_id: u64,
}

/// A change of one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change<'a> {
    /// A new job, whose id is larger than all before.
    Put {
        /// The job's id.
        id: u64,
        /// The encoded item.
        body: &'a [u8],
        /// Where the job comes from, as one line of ASCII; empty if that is not known.
        trace: &'a str,
    },
    /// An attempt begins.
    Started {
        /// The job's id.
        id: u64,
    },
    /// The attempt ended without a result, and that is no fault of the job: the mark of its start is cleared.
    Back {
        /// The job's id.
        id: u64,
    },
    /// The attempt failed, and another one follows. The mark of its start is cleared, and so is the number of
    /// crashes.
    Failed {
        /// The job's id.
        id: u64,
        /// The number of failed attempts so far.
        attempts: u32,
        /// When the next attempt is due, in milliseconds since the Unix epoch.
        due: u64,
    },
    /// The job is done, or was cancelled: it is removed.
    Done {
        /// The job's id.
        id: u64,
    },
    /// The job becomes a dead letter.
    Dead {
        /// The job's id.
        id: u64,
        /// The number of failed attempts.
        attempts: u32,
        /// Why it is dead.
        error: &'a str,
    },
    /// A dead letter becomes a job again, with this new id, no attempts and no crashes. It keeps its item and
    /// its trace.
    Redrive {
        /// The id of the dead letter.
        dead: u64,
        /// The job's new id.
        id: u64,
    },
}

/// A job or a dead letter in a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row {
    /// The job's id.
    pub id: u64,
    /// The number of failed attempts.
    pub attempts: u32,
    /// How many processes ended while this job ran, since it was put or last failed.
    pub crashes: u32,
    /// When the next attempt is due, in milliseconds since the Unix epoch; 0 if at once.
    pub due: u64,
    /// The encoded item.
    pub body: Vec<u8>,
    /// What the put of the job has said where it comes from.
    pub trace: String,
    /// Why the job is dead; empty for a job.
    pub error: String,
}
