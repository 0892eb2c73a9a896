//! The file of a store, and the folder it is in.

use super::StoreError;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The absolute path of a file that is to be opened or created; an error if it cannot be a file.
///
/// Symbolic links are followed, so that the folder of the file itself is synchronized.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, StoreError> {
    let unusable = |error: String| StoreError::Unusable { path: path.to_owned(), error: error.into() };
    let Some(name) = path.file_name() else {
        return Err(unusable("the path names no file".into()));
    };
    if path.is_dir() {
        return Err(unusable("it is a directory; give the path of a file".into()));
    }
    match fs::canonicalize(path) {
        Ok(path) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let parent = fs::canonicalize(parent).map_err(|error| {
                unusable(format!("its folder {}: {error}; create the folder first", parent.display()))
            })?;
            Ok(parent.join(name))
        }
        Err(error) => Err(unusable(error.to_string())),
    }
}

/// Synchronizes the folder of a file, so that the entry of a new file survives a power cut.
pub(super) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    // A folder cannot be opened as a file on Windows, where NTFS keeps its entries in a journal.
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        fs::File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| StoreError::Unusable { path: path.to_owned(), error: error.into() })?;
    }
    let _ = path;
    Ok(())
}

/// Creates a file that has its name only when `create` has written it, under a name that it gets. If another
/// process creates the file at the same time, that one stays.
#[cfg(feature = "redb")]
pub(super) fn create_whole(
    path: &Path,
    create: impl FnOnce(&Path) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!("-new-{}", std::process::id()));
    let fresh = Path::new(&name);
    // Left by a process with the same id that was killed in the meantime.
    let _ = fs::remove_file(fresh);
    let linked = create(fresh).and_then(|()| match fs::hard_link(fresh, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            // Not all file systems have links.
            fs::rename(fresh, path).map_err(|error| StoreError::Unusable { path: path.to_owned(), error: error.into() })
        }
        _ => Ok(()),
    });
    let _ = fs::remove_file(fresh);
    linked
}
