//! Files that the config is in or names, read within a bound: a device or a pipe may have no end.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// No file that is meant well is larger: a list of a thousand distributions has a few megabytes.
pub(crate) const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// All of `file`. [`io::ErrorKind::FileTooLarge`] if that is more than [`MOST_BYTES`].
pub(crate) fn read(file: &Path) -> io::Result<Vec<u8>> {
    read_all(File::open(file)?)
}

/// All of `file` as text; [`io::ErrorKind::InvalidData`] if it is none.
pub(crate) fn read_text(file: &Path) -> io::Result<String> {
    text(read(file)?)
}

/// All that comes from standard input, as text.
pub(crate) fn read_stdin() -> io::Result<String> {
    text(read_all(io::stdin())?)
}

fn read_all(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "stream did not contain valid UTF-8",
        )
    })
}
