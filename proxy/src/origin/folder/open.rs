//! The file of an object, found from the folder on, name by name. No name leads out of the folder: neither `..`, of which there
//! is none among the names, nor a link, which is followed only to where it stays inside.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, openat, statat};
use rustix::io::Errno;

/// A regular file, and what was known of it when it was opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) metadata: Metadata,
    /// As it was asked for: a link's name counts, not that of what it leads to.
    pub(super) name: String,
}

/// Why there is nothing to serve.
#[derive(Debug)]
pub(super) enum NotOpened {
    /// No regular file has this name in the folder.
    Missing,
    /// The folder itself is not there.
    NoFolder,
    /// This process may not read it.
    Denied,
    /// Anything else.
    Failed(io::Error),
}

/// Opens the file of these names, of which none is empty, `.`, `..`, or has a slash or a NUL in it. It waits for the disk: not for
/// a worker's thread.
pub(super) fn open(dir: &Path, names: &[String]) -> Result<Opened, NotOpened> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(dir, flags, Mode::empty()).map_err(|errno| {
        let why = NotOpened::by(errno.into());
        if matches!(why, NotOpened::Missing) {
            return NotOpened::NoFolder;
        }
        why
    })?;
    let plain: Vec<OsString> = names.iter().map(OsString::from).collect();
    let file = match walk(root.as_fd(), &plain) {
        // Perhaps for a link on the way, of which none was followed.
        Err(Errno::LOOP | Errno::NOTDIR) => {
            let real = without_links(dir, &plain).map_err(NotOpened::by)?;
            let real = real.ok_or(NotOpened::Missing)?;
            walk(root.as_fd(), &real)
        }
        walked => walked,
    };
    let file = File::from(file.map_err(|errno| NotOpened::by(errno.into()))?);
    let metadata = file.metadata().map_err(NotOpened::Failed)?;
    // It may have been replaced between the look at it and the opening.
    if !metadata.is_file() {
        return Err(NotOpened::Missing);
    }
    Ok(Opened {
        file,
        metadata,
        name: names.last().cloned().unwrap_or_default(),
    })
}

/// From `root` on, following no link: one is [`Errno::LOOP`] or [`Errno::NOTDIR`]. Nothing but a regular file is opened at the
/// end: to open a pipe may wait for ever, to open a device may do something.
fn walk(root: BorrowedFd<'_>, names: &[OsString]) -> Result<OwnedFd, Errno> {
    let (name, folders) = names.split_last().ok_or(Errno::NOENT)?;
    let mut inner: Option<OwnedFd> = None;
    for folder in folders {
        let outer = inner.as_ref().map_or(root, |inner| inner.as_fd());
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        inner = Some(openat(outer, folder, flags, Mode::empty())?);
    }
    let at = inner.as_ref().map_or(root, |inner| inner.as_fd());
    let stat = statat(at, name, AtFlags::SYMLINK_NOFOLLOW)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {}
        FileType::Symlink => return Err(Errno::LOOP),
        FileType::Directory
        | FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => return Err(Errno::NOENT),
    }
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    openat(at, name, flags, Mode::empty())
}

/// The names of the same file by which no link is on the way; `None`: it is not in `dir`.
fn without_links(dir: &Path, names: &[OsString]) -> io::Result<Option<Vec<OsString>>> {
    let root = fs::canonicalize(dir)?;
    let mut file = root.clone();
    file.extend(names);
    let file = fs::canonicalize(file)?;
    let Ok(inside) = file.strip_prefix(&root) else {
        return Ok(None);
    };
    let names = inside.components().map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => {
            None
        }
    });
    Ok(names.collect())
}

impl NotOpened {
    fn by(error: io::Error) -> Self {
        match Errno::from_io_error(&error) {
            // A name that no file can have is that of no file.
            Some(
                Errno::NOENT
                | Errno::NOTDIR
                | Errno::LOOP
                | Errno::NAMETOOLONG
                | Errno::ISDIR
                | Errno::INVAL
                | Errno::ILSEQ,
            ) => Self::Missing,
            Some(Errno::ACCESS | Errno::PERM) => Self::Denied,
            _ => Self::Failed(error),
        }
    }
}

#[cfg(test)]
mod tests;
