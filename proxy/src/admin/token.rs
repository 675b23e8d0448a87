//! The token that every change takes. Where the config has none and only this machine reaches the listener, the edge makes
//! one and leaves it where nobody but its own user can read it: `tideover switch` of the same user finds it there.

use std::fs::{self, DirBuilder};
use std::io::{self, Read};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::crypto::aws_lc_rs;
use tideover_config::{Admin, Secret};

use crate::private_file;

/// What the token is now, and what it is for.
#[derive(Debug, Default)]
pub(crate) struct Token(Mutex<Held>);

#[derive(Default)]
struct Held {
    secret: Option<Secret>,
    is_for_all: bool,
    /// The listener that a made one is for, and its file.
    made: Option<(SocketAddr, PathBuf)>,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held")
            .field("is_for_all", &self.is_for_all)
            .field("made", &self.made)
            .finish_non_exhaustive()
    }
}

impl Token {
    /// From now on the listener is at `address`, and the config says `said`. Makes a token where there has to be one; if
    /// that cannot be left for its user, that is told, and nothing can be changed.
    pub(crate) fn settle(&self, said: &Admin, address: Option<SocketAddr>) {
        let mut held = self.lock();
        held.is_for_all = address.is_some_and(|address| !address.ip().is_loopback());
        let is_made_for = held.made.as_ref().map(|(address, _)| *address);
        match (&said.token, address) {
            (None, Some(address)) if is_made_for == Some(address) => {}
            (None, Some(address)) => {
                held.forget();
                match make(address) {
                    Ok((secret, file)) => {
                        held.secret = Some(secret);
                        held.made = Some((address, file));
                    }
                    Err(error) => tracing::warn!(
                        "a token for the admin listener cannot be left for its user ({error}), so nothing can be changed there; \
                         give it one: [admin] token = \"${{NAME}}\", or TIDEOVER_ADMIN_TOKEN"
                    ),
                }
            }
            (said, _) => {
                held.forget();
                held.secret.clone_from(said);
            }
        }
    }

    /// A made token is good no more, and its file goes, unless it is a successor's by now.
    pub(crate) fn forget(&self) {
        self.lock().forget();
    }

    /// Whether `candidate` is it; `None` if there is none. The time taken does not depend on where they differ.
    pub(super) fn is(&self, candidate: &[u8]) -> Option<bool> {
        let held = self.lock();
        held.secret.as_ref().map(|secret| secret.is(candidate))
    }

    /// Whether it is needed to look, too: the listener is reached by others than this machine.
    pub(super) fn is_for_all(&self) -> bool {
        self.lock().is_for_all
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn forget(&mut self) {
        let secret = self.secret.take();
        if let Some((_, file)) = self.made.take()
            && let Some(secret) = secret
            && read(&file).is_ok_and(|found| secret.is(found.as_bytes()))
        {
            let _ = fs::remove_file(file);
        }
    }
}

/// Makes a token for the listener at `address` and leaves it for this user.
fn make(address: SocketAddr) -> io::Result<(Secret, PathBuf)> {
    let mut bytes = [0; 32];
    aws_lc_rs::default_provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| io::Error::other("there is no randomness"))?;
    let digit = |digit: u8| char::from_digit(u32::from(digit), 16).unwrap_or('0');
    let text: String = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect();
    let mut trouble = io::Error::other("there is no folder for it");
    for folder in folders() {
        let file = folder.join(name(address));
        match leave(&folder, &file, &text) {
            Ok(()) => return Ok((Secret::new(&text), file)),
            Err(error) => {
                trouble = io::Error::new(error.kind(), format!("{}: {error}", file.display()));
            }
        }
    }
    Err(trouble)
}

/// The token that an edge of the same user made for its admin listener at `address`, if there is one on this machine.
pub fn token_left_for(address: SocketAddr) -> Option<String> {
    let mut files = folders()
        .into_iter()
        .map(|folder| folder.join(name(address)));
    files.find_map(|file| {
        let folder = file.parent()?;
        is_ours_alone(folder).ok()?;
        read(&file).ok()
    })
}

/// This user's own, for as long as the machine runs; else one in the folder of temporary files.
fn folders() -> Vec<PathBuf> {
    let user = rustix::process::geteuid().as_raw();
    let of_user = std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty());
    of_user
        .map(|folder| Path::new(&folder).join("tideover"))
        .into_iter()
        .chain([
            PathBuf::from(format!("/run/user/{user}/tideover")),
            std::env::temp_dir().join(format!("tideover-{user}")),
        ])
        .collect()
}

fn name(address: SocketAddr) -> String {
    format!(
        "{}.token",
        address.to_string().replace([':', '[', ']'], "_")
    )
}

fn leave(folder: &Path, file: &Path, text: &str) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    is_ours_alone(folder)?;
    private_file::write(file, text.as_bytes())
}

/// In a folder that everybody may write to, somebody else may have made it first.
fn is_ours_alone(folder: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(folder)?;
    let is_ours = found.uid() == rustix::process::geteuid().as_raw();
    let for_others = found.mode() & 0o077;
    if found.is_dir() && is_ours && for_others == 0 {
        Ok(())
    } else {
        Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("{} is not a folder of this user alone", folder.display()),
        ))
    }
}

fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(file)?.take(4096).read_to_string(&mut text)?;
    Ok(text)
}
