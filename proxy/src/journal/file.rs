//! The thread that keeps the file: whole lines, on the disk within a second.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use tideover_config::{Journal as Said, Side};

use super::{Fares, Message, read};
use crate::access_log::rfc3339;

/// A power failure takes no older line.
const ON_DISK_WITHIN: Duration = Duration::from_secs(1);

/// The file, and what is in it.
pub(super) struct Kept {
    said: Said,
    /// `None`: it could not be opened, and is tried again.
    open: Option<Open>,
    /// Writes since each record's last fail-over.
    counts: BTreeMap<String, u64>,
    fares: Arc<Fares>,
    /// When the oldest line was written that is not on the disk.
    unsynced: Option<Instant>,
}

struct Open {
    file: File,
    bytes: u64,
    /// Its last line is not whole.
    is_torn: bool,
}

/// Where the file goes when it is full.
pub(super) fn older(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".1");
    file.with_file_name(name)
}

impl Kept {
    pub(super) fn open(said: Said, fares: Arc<Fares>) -> Self {
        let mut kept = Self {
            counts: counted(&said.file),
            said,
            open: None,
            fares,
            unsynced: None,
        };
        if let Err(error) = kept.opened() {
            kept.fares.loses(0, &error.to_string());
        }
        kept
    }

    /// By record.
    pub(super) fn counts(&self) -> Vec<(String, u64)> {
        let counts = self.counts.iter();
        counts.map(|(name, count)| (name.clone(), *count)).collect()
    }

    /// Until it is told to end, or nobody is left who could tell it anything.
    pub(super) fn keep(&mut self, messages: &Receiver<Message>) {
        loop {
            let message = match self.unsynced {
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(since) => {
                    messages.recv_timeout(ON_DISK_WITHIN.saturating_sub(since.elapsed()))
                }
            };
            match message {
                Ok(Message::Write { record, line }) => {
                    self.take(line, 1);
                    // Behind it: a new file that it begins says what was before.
                    *self.counts.entry(record.to_string()).or_default() += 1;
                }
                Ok(Message::Moved { record, line, to }) => {
                    if to == Side::Secondary {
                        self.counts.insert(record.to_string(), 0);
                    }
                    self.take(line, 0);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Message::End) | Err(RecvTimeoutError::Disconnected) => return self.sync(),
            }
            if self
                .unsynced
                .is_some_and(|since| since.elapsed() >= ON_DISK_WITHIN)
            {
                self.sync();
            }
        }
    }

    /// One more line, which stands for so many writes.
    fn take(&mut self, mut line: String, writes: u64) {
        line.push('\n');
        match self.write(&line) {
            Ok(()) => {
                self.fares.goes_well();
                self.unsynced.get_or_insert_with(Instant::now);
            }
            Err(error) => self.fares.loses(writes, &error.to_string()),
        }
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        let most = self.said.max_bytes;
        let open = self.opened()?;
        if open.bytes > 0 && open.bytes + line.len() as u64 > most {
            self.turn_over()?;
        }
        self.opened()?.write(line)
    }

    fn opened(&mut self) -> io::Result<&mut Open> {
        if self.open.is_none() {
            self.open = Some(Open::new(&self.said.file)?);
        }
        let missing = || io::Error::other("it is not open");
        self.open.as_mut().ok_or_else(missing)
    }

    /// The file is full: it becomes the older one, and a new one is begun, which says what was counted so far.
    fn turn_over(&mut self) -> io::Result<()> {
        self.sync();
        let older = older(&self.said.file);
        let dropped = read::writes_in(&older);
        fs::rename(&self.said.file, &older)?;
        self.open = None;
        self.fares.dropped.fetch_add(dropped, Relaxed);
        let line = json!({
            "time": rfc3339(SystemTime::now()),
            "event": "continues",
            "taken": self.counts,
            "dropped": dropped,
        });
        self.opened()?.write(&format!("{line}\n"))
    }

    fn sync(&mut self) {
        self.unsynced = None;
        if let Some(open) = &self.open
            && let Err(error) = open.file.sync_data()
        {
            self.fares.loses(0, &error.to_string());
        }
    }
}

impl Open {
    fn new(path: &Path) -> io::Result<Self> {
        // What is in it is the viewers' business.
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .mode(0o600)
            .open(path)?;
        let bytes = file.metadata()?.len();
        let mut last = [b'\n'];
        if bytes > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        Ok(Self {
            file,
            bytes,
            is_torn: last != [b'\n'],
        })
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        if self.is_torn {
            self.file.write_all(b"\n")?;
            self.bytes += 1;
        }
        self.is_torn = true;
        self.file.write_all(line.as_bytes())?;
        self.is_torn = false;
        self.bytes += line.len() as u64;
        Ok(())
    }
}

/// Writes since each record's last fail-over, by what is in `file`: the older one is not needed for that.
fn counted(file: &Path) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    let read = read::each(file, |value, _| match read::what(value) {
        read::What::Write { record } => *counts.entry(record.to_owned()).or_default() += 1,
        read::What::FailedOver { record } => {
            counts.insert(record.to_owned(), 0);
        }
        read::What::Continues { taken } => {
            counts = taken
                .iter()
                .filter_map(|(record, count)| Some((record.clone(), Value::as_u64(count)?)))
                .collect();
        }
        read::What::Other => {}
    });
    if let Err(error) = read
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(file = %file.display(), %error, "the journal cannot be read: writes are counted from 0");
    }
    counts
}
