//! Where writes are noted that a record's secondary took.

use std::path::PathBuf;

/// The table `[journal]`. Ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// One line of JSON for each write. When it is full it becomes `FILE.1`, in place of the one before.
    pub file: PathBuf,
    /// Most bytes of the file: 4 KiB to 1 GiB. On disk there are at most twice as many.
    pub max_bytes: u64,
}
