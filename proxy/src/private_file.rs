//! Files that the edge keeps for itself: for its own user's eyes only, and whole or not at all, whatever happens meanwhile.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Puts `bytes` in place of what is in `file`.
pub(crate) fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let (mut opened, unfinished) = begin(file)?;
    opened.write_all(bytes)?;
    opened.sync_all()?;
    fs::rename(&unfinished, file)
}

/// Whether [`write()`] would find a place.
pub(crate) fn can_be_written(file: &Path) -> io::Result<()> {
    let (_, unfinished) = begin(file)?;
    fs::remove_file(&unfinished)
}

fn begin(file: &Path) -> io::Result<(File, PathBuf)> {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".unfinished");
    let unfinished = file.with_file_name(name);
    // One that was left behind may be another's, with another mode.
    let _ = fs::remove_file(&unfinished);
    let opened = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&unfinished)?;
    Ok((opened, unfinished))
}
