//! Files that the operator names, read whole: with a bound, and only where the reading comes to an end.

use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// More than anything that is meant well: a list of a thousand distributions has a few MiB.
const MOST_MIB: usize = 16;
const MOST_BYTES: usize = MOST_MIB * 1_024 * 1_024;

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("is no UTF-8 text")]
    NotText,
    #[error("has more than {MOST_MIB} MiB")]
    TooLarge,
    /// Whoever reads it may read for ever, or wait for ever.
    #[error("is {0}, not a file")]
    NotAFile(&'static str),
}

impl Unreadable {
    /// In a clause of its own: `which cannot be read (entity not found)`.
    pub(crate) fn in_short(&self) -> String {
        match self {
            Self::Io(error) => format!("cannot be read ({})", error.kind()),
            Self::NotText | Self::TooLarge | Self::NotAFile(_) => self.to_string(),
        }
    }
}

/// The text at `path`; `-` is standard input.
pub(crate) fn read_text(path: &Path) -> Result<String, Unreadable> {
    let bytes = if path == Path::new("-") {
        whole(io::stdin().lock())?
    } else {
        read(path)?
    };
    String::from_utf8(bytes).map_err(|_| Unreadable::NotText)
}

/// What is in the file at `path`. A pipe is read if this program was started with it, as a shell's `<(…)` does.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Unreadable> {
    if let Some(what) = no_file(path, &fs::metadata(path)?) {
        return Err(Unreadable::NotAFile(what));
    }
    whole(fs::File::open(path)?)
}

fn whole(source: impl Read) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = Vec::new();
    source.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MOST_BYTES {
        return Err(Unreadable::TooLarge);
    }
    Ok(bytes)
}

/// What `path` is, if not a thing to read from. A folder is left to the error that opening it brings.
fn no_file(path: &Path, metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    let was_handed_over = ["/dev/stdin", "/dev/fd", "/proc"]
        .iter()
        .any(|place| path.starts_with(place));
    if kind.is_fifo() && !was_handed_over {
        // Opening it would wait for somebody to write.
        return Some("a named pipe");
    }
    if kind.is_char_device() && !was_handed_over {
        return Some("a device");
    }
    kind.is_block_device().then_some("a device")
}
