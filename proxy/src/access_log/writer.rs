//! The thread that writes the log, and the buffers that feed it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use tideover_config::{AccessLog, LogFormat, LogTo};

use super::format;
use crate::metrics::Counters;

/// A buffer of this size is handed on at once; a smaller one waits for the worker's tick.
const FULL: usize = 32 * 1024;
/// Buffers that may wait for the writer.
const QUEUE: usize = 64;

/// Hands buffers to the writing thread.
#[derive(Debug)]
pub(crate) struct LogWriter {
    sender: Option<SyncSender<Message>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
enum Message {
    Lines(Vec<u8>),
    Reopen,
    End,
}

impl LogWriter {
    /// Opens the file and starts the thread; does neither if the log is off.
    pub(crate) fn start(log: &AccessLog) -> io::Result<Self> {
        let out = match &log.to {
            LogTo::Off => {
                return Ok(Self {
                    sender: None,
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
        let thread = std::thread::Builder::new()
            .name("access log".to_owned())
            .spawn(move || write_all(&receiver, out, format))?;
        Ok(Self {
            sender: Some(sender),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// The file was moved away: what follows goes to a new one of the same name.
    pub(crate) fn reopen(&self) {
        if let Some(sender) = &self.sender {
            let _ = sender.try_send(Message::Reopen);
        }
    }

    /// Returns when everything that was handed over is written.
    pub(crate) fn end(&self) {
        if let Some(sender) = &self.sender {
            let _ = sender.send(Message::End);
        }
        let thread = self.thread.lock().map(|mut thread| thread.take());
        if let Ok(Some(thread)) = thread {
            let _ = thread.join();
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

fn write_all(messages: &Receiver<Message>, mut out: Out, log_format: LogFormat) {
    let mut failing = false;
    begin(&mut out, log_format, &mut failing);
    while let Ok(message) = messages.recv() {
        match message {
            Message::Lines(lines) => write(&mut out, &lines, &mut failing),
            Message::Reopen => {
                if let Out::File { file, path } = &mut out {
                    match open(path) {
                        Ok(new) => *file = new,
                        Err(error) => {
                            tracing::error!(path = %path.display(), %error, "the access log cannot be reopened, the old file stays in use");
                        }
                    }
                }
                begin(&mut out, log_format, &mut failing);
            }
            Message::End => return,
        }
    }
}

/// A new file of CloudFront's format starts with two lines that name its fields.
fn begin(out: &mut Out, log_format: LogFormat, failing: &mut bool) {
    let is_new = match out {
        Out::Stdout => true,
        Out::File { file, .. } => file.metadata().is_ok_and(|metadata| metadata.len() == 0),
    };
    if is_new && log_format == LogFormat::CloudFront {
        write(out, format::HEADER.as_bytes(), failing);
    }
}

fn write(out: &mut Out, bytes: &[u8], failing: &mut bool) {
    let written = match out {
        Out::Stdout => io::stdout()
            .lock()
            .write_all(bytes)
            .and_then(|()| io::stdout().flush()),
        Out::File { file, .. } => file.write_all(bytes),
    };
    match written {
        Ok(()) => *failing = false,
        // Said once, until it works again.
        Err(error) if !*failing => {
            *failing = true;
            tracing::error!(%error, "the access log cannot be written, its lines are lost");
        }
        Err(_) => {}
    }
}

/// One worker's lines on their way to the writer.
#[derive(Debug)]
pub(crate) struct LogBuffer {
    sender: Option<SyncSender<Message>>,
    bytes: Vec<u8>,
    lines: u64,
    /// Lost and not yet said.
    lost: u64,
}

impl LogBuffer {
    pub(crate) fn new(writer: &LogWriter) -> Self {
        Self {
            sender: writer.sender.clone(),
            bytes: Vec::new(),
            lines: 0,
            lost: 0,
        }
    }

    /// Lets `format` append one line.
    pub(crate) fn write(&mut self, counters: &Counters, format: impl FnOnce(&mut Vec<u8>)) {
        if self.sender.is_none() {
            return;
        }
        format(&mut self.bytes);
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
