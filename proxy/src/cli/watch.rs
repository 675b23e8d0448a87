//! Files that are looked at once a second: what is written into them takes effect by itself.
//!
//! Looked at is what a path leads to, not what happened to it: so it is seen when Kubernetes turns a symbolic link to a new
//! folder, when an editor puts a new file in place of the old one, and on file systems that announce nothing.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tokio::time::{Interval, MissedTickBehavior, interval};

/// How often the files are looked at. What has changed is read when it looked the same twice: a file that is still being
/// written is left alone.
const LOOKS: Duration = Duration::from_secs(1);

/// What tells one state of the files from another.
type Looks = Vec<Option<File>>;

/// One file without a look into it. It is `None` where there is nothing that can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct File {
    device: u64,
    inode: u64,
    size: u64,
    modified: Option<SystemTime>,
    /// In seconds and nanoseconds: also when it was given another time by `touch` or a copy.
    changed: (i64, i64),
}

/// Some files and what was last known of them.
#[derive(Debug)]
pub(super) struct Watch {
    files: Vec<PathBuf>,
    state: State,
    looks: Interval,
}

impl Watch {
    /// Of `files` as they are now; looked at each second times `scale`.
    pub(super) fn of(files: BTreeSet<PathBuf>, scale: f64) -> Self {
        let files: Vec<PathBuf> = files.into_iter().collect();
        let mut looks = interval(LOOKS.mul_f64(scale).max(Duration::from_millis(1)));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            state: State::new(look_at(&files)),
            files,
            looks,
        }
    }

    /// Other files from now on. They are taken as they are, because they were just read.
    pub(super) fn turn_to(&mut self, files: BTreeSet<PathBuf>) {
        let files: Vec<PathBuf> = files.into_iter().collect();
        if files != self.files {
            self.state = State::new(look_at(&files));
            self.files = files;
        }
    }

    /// The files are about to be read for some other reason: what they are now is no news any more.
    pub(super) fn are_read(&mut self) {
        self.state = State::new(look_at(&self.files));
    }

    /// Returns when something has changed and come to rest. May be dropped and called anew.
    pub(super) async fn changes(&mut self) {
        loop {
            self.looks.tick().await;
            let files = self.files.clone();
            // A file system that hangs must not hold up signals.
            let Ok(looks) = tokio::task::spawn_blocking(move || look_at(&files)).await else {
                continue;
            };
            if self.state.is_news(looks) {
                return;
            }
        }
    }
}

fn look_at(files: &[PathBuf]) -> Looks {
    let looks = files.iter().map(|file| {
        let metadata = fs::metadata(file).ok()?;
        Some(File {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: metadata.modified().ok(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    });
    looks.collect()
}

/// What was read and what was seen last.
#[derive(Debug)]
struct State<L = Looks> {
    read: L,
    seen: L,
}

impl<L: Clone + PartialEq> State<L> {
    fn new(read: L) -> Self {
        Self {
            seen: read.clone(),
            read,
        }
    }

    /// Whether this look says that it is time to read: it is not what was read, and it has not changed since the last look.
    /// Said once.
    fn is_news(&mut self, looks: L) -> bool {
        let is_still = looks == self.seen;
        let is_news = is_still && looks != self.read;
        if is_news {
            self.read = looks.clone();
        }
        self.seen = looks;
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::State;

    #[test]
    fn a_change_is_news_once_when_it_has_come_to_rest() {
        for (looks, news) in [
            // Nothing happens.
            ("aaaa", "...."),
            // It changes once.
            ("abbbb", "..!.."),
            // It is written bit by bit.
            ("abcdee", ".....!"),
            // It is what it was before anybody read it.
            ("abaaa", "....."),
            // It changes back.
            ("abbaaa", "..!.!."),
            // It is gone for a moment, as between a removal and a new file.
            ("a-bbb", "...!."),
            // It is gone.
            ("a---", "..!."),
        ] {
            let mut state = State::new('a');
            let told: String = looks
                .chars()
                .map(|look| if state.is_news(look) { '!' } else { '.' })
                .collect();
            assert_eq!(told, news, "{looks}");
        }
    }
}
