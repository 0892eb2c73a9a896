//! The tree that is walked: text files of up to 8 KiB, 100 in a folder, in folders of 10 folders each.

use std::fs;
use std::io;
use tempfile::TempDir;

pub fn make(files: usize) -> io::Result<TempDir> {
    let root = tempfile::tempdir()?;
    let text = "A line of a text that is neither long nor short.\n".repeat(170);
    for file in 0..files {
        let folder = file / 100;
        let path = root.path().join(format!("{}/{}/{folder}", folder % 10, folder / 10 % 10));
        if file % 100 == 0 {
            fs::create_dir_all(&path)?;
        }
        // The sizes have no order, and no run of them repeats.
        let size = file.wrapping_mul(2_654_435_761) % 8192;
        fs::write(path.join(format!("{file}.txt")), &text[..size])?;
    }
    Ok(root)
}
