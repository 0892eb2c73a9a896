//! Why a store cannot be opened.

use crate::BoxError;
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

/// Why the file of a store cannot be opened. The message names the path and the reason.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has the file open, or another store of this process.
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged. Nothing in it was repaired.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: BoxError,
    },
    /// The file belongs to another program, or to a newer version of this crate. It was not changed.
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        error: BoxError,
    },
    /// The file cannot be read and written, for example because it is read-only.
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: BoxError,
    },
}

impl StoreError {
    /// The path of the file.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "sqlite")] {
    /// let error = joinq_flow::SqliteStore::open("no folder/jobs.db").unwrap_err();
    /// assert_eq!(error.path(), std::path::Path::new("no folder/jobs.db"));
    /// # }
    /// ```
    pub fn path(&self) -> &Path {
        match self {
            StoreError::InUse { path }
            | StoreError::Damaged { path, .. }
            | StoreError::Foreign { path, .. }
            | StoreError::Unusable { path, .. } => path,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path().display();
        match self {
            StoreError::InUse { .. } => {
                write!(f, "store {path}: open in another process, or twice in this one; one process owns a store")
            }
            StoreError::Damaged { error, .. } => write!(f, "store {path}: damaged: {error}"),
            StoreError::Foreign { error, .. } => write!(f, "store {path}: not a store of this version: {error}"),
            StoreError::Unusable { error, .. } => write!(f, "store {path}: {error}"),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            StoreError::InUse { .. } => None,
            StoreError::Damaged { error, .. }
            | StoreError::Foreign { error, .. }
            | StoreError::Unusable { error, .. } => Some(&**error),
        }
    }
}
