//! The thread that writes the log, and the buffers that feed it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use tideover_config::{AccessLog, LogFormat, LogTo};

use super::format::{self, Second};
use crate::metrics::Counters;
use crate::seeing_out::sees_out;

/// A buffer of this size is handed on at once; a smaller one waits for the worker's tick.
const FULL: usize = 32 * 1024;
/// Buffers that may wait for the writer.
const QUEUE: usize = 64;

/// Hands buffers to the writing thread.
#[derive(Debug)]
pub(crate) struct LogWriter {
    to: LogTo,
    sender: Option<SyncSender<Message>>,
    /// Beside the queue, which may be full when it is asked for.
    reopen: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
enum Message {
    Lines(Vec<u8>),
    /// See whether the file is to be opened anew.
    Reopen,
    End,
}

impl LogWriter {
    /// Opens the file and starts the thread; does neither if the log is off. Lines that cannot be written are added to
    /// `unwritten`.
    pub(crate) fn start(log: &AccessLog, unwritten: Arc<AtomicU64>) -> io::Result<Self> {
        let reopen = Arc::new(AtomicBool::new(false));
        let out = match &log.to {
            LogTo::Off => {
                return Ok(Self {
                    to: LogTo::Off,
                    sender: None,
                    reopen,
                    thread: Mutex::new(None),
                });
            }
            LogTo::Stdout => Out::Stdout,
            LogTo::File(path) => Out::File {
                file: open(path)?,
                path: path.clone(),
            },
        };
        let (sender, receiver) = sync_channel(QUEUE);
        let format = log.format;
        let wanted = Arc::clone(&reopen);
        let thread = std::thread::Builder::new()
            .name("access log".to_owned())
            .spawn(move || {
                let mut file = LogFile {
                    out,
                    failing: false,
                    unwritten,
                    reopen: wanted,
                };
                write_all(&receiver, &mut file, format);
            })?;
        Ok(Self {
            to: log.to.clone(),
            sender: Some(sender),
            reopen,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// True if lines go on to where they went, although `log` says otherwise.
    pub(crate) fn stays(&self, log: &AccessLog) -> bool {
        self.to != log.to
    }

    /// The file was moved away: what follows goes to a new one of the same name.
    pub(crate) fn reopen(&self) {
        if let Some(sender) = &self.sender {
            self.reopen.store(true, Relaxed);
            // A full queue wakes the writer as well.
            let _ = sender.try_send(Message::Reopen);
        }
    }

    /// Returns when everything that was handed over is written, or at `deadline`.
    pub(crate) fn end(&self, deadline: Instant) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(sender), Some(running)) = (&self.sender, thread.take()) else {
            return;
        };
        let asks = || sender.try_send(Message::End).is_ok();
        if !sees_out(running, deadline, asks) {
            tracing::warn!("the access log cannot be written in time, its last lines are lost");
        }
    }
}

enum Out {
    Stdout,
    File { file: File, path: PathBuf },
}

fn open(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// What the lines go to, and how that goes.
struct LogFile {
    out: Out,
    /// The last write failed, which was said.
    failing: bool,
    /// Lines that were lost so.
    unwritten: Arc<AtomicU64>,
    /// The file was moved away.
    reopen: Arc<AtomicBool>,
}

fn write_all(messages: &Receiver<Message>, log: &mut LogFile, format: LogFormat) {
    log.begin(format);
    while let Ok(message) = messages.recv() {
        if log.reopen.swap(false, Relaxed) {
            log.open_anew();
            log.begin(format);
        }
        match message {
            Message::Lines(lines) => {
                if !log.write(&lines) {
                    let lost = memchr::memchr_iter(b'\n', &lines).count();
                    log.unwritten.fetch_add(lost as u64, Relaxed);
                }
            }
            Message::Reopen => {}
            Message::End => return,
        }
    }
}

impl LogFile {
    fn open_anew(&mut self) {
        if let Out::File { file, path } = &mut self.out {
            match open(path) {
                Ok(new) => *file = new,
                Err(error) => {
                    tracing::error!(path = %path.display(), %error, "the access log cannot be reopened, the old file stays in use");
                }
            }
        }
    }

    /// A new file of CloudFront's format starts with two lines that name its fields.
    fn begin(&mut self, format: LogFormat) {
        let is_new = match &self.out {
            Out::Stdout => true,
            Out::File { file, .. } => file.metadata().is_ok_and(|metadata| metadata.len() == 0),
        };
        if is_new && format == LogFormat::CloudFront {
            self.write(format::HEADER.as_bytes());
        }
    }

    /// False if not all of it was written.
    fn write(&mut self, bytes: &[u8]) -> bool {
        let written = match &mut self.out {
            Out::Stdout => io::stdout()
                .lock()
                .write_all(bytes)
                .and_then(|()| io::stdout().flush()),
            Out::File { file, .. } => file.write_all(bytes),
        };
        match &written {
            Ok(()) => self.failing = false,
            // Said once, until it works again.
            Err(error) if !self.failing => {
                self.failing = true;
                tracing::error!(%error, "the access log cannot be written, its lines are lost");
            }
            Err(_) => {}
        }
        written.is_ok()
    }
}

/// One worker's lines on their way to the writer.
#[derive(Debug)]
pub(crate) struct LogBuffer {
    sender: Option<SyncSender<Message>>,
    bytes: Vec<u8>,
    second: Second,
    lines: u64,
    /// Lost and not yet said.
    lost: u64,
}

impl LogBuffer {
    pub(crate) fn new(writer: &LogWriter) -> Self {
        Self {
            sender: writer.sender.clone(),
            bytes: Vec::new(),
            second: Second::default(),
            lines: 0,
            lost: 0,
        }
    }

    /// Lets `format` append one line.
    pub(super) fn write(
        &mut self,
        counters: &Counters,
        format: impl FnOnce(&mut Vec<u8>, &mut Second),
    ) {
        if self.sender.is_none() {
            return;
        }
        format(&mut self.bytes, &mut self.second);
        self.lines += 1;
        if self.bytes.len() >= FULL {
            self.hand_on(counters);
        }
    }

    /// Hands on what there is.
    pub(crate) fn flush(&mut self, counters: &Counters) {
        if !self.bytes.is_empty() {
            self.hand_on(counters);
        }
        if self.lost > 0 {
            tracing::warn!(
                lines = self.lost,
                "access log lines were lost: the writer is behind"
            );
            self.lost = 0;
        }
    }

    fn hand_on(&mut self, counters: &Counters) {
        let Some(sender) = &self.sender else { return };
        let lines = std::mem::take(&mut self.lines);
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(FULL + 1024));
        match sender.try_send(Message::Lines(bytes)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                counters.log_lines_lost(lines);
                self.lost += lines;
            }
        }
    }
}
