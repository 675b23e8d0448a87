//! The journal: writes that a record's secondary took. Whoever brings two databases together again has to know which.
//!
//! A [`Taking`] begins with a request and is there as long as an origin is asked; whatever becomes of it, it hands one line to
//! the thread that keeps the file ([`mod@file`]). Nothing here waits: what that thread cannot take, or cannot write, is counted and
//! told as an event. A line has time, record, origin, method, host, path, request id, and the status, or that nobody knows it;
//! never the body, and of a query only that there was one, for it may hold secrets.

mod file;
mod read;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime};

use http::Method;
use serde_json::{Value, json};
use tideover_config::{FailoverRecord, Journal as Said, RecordId, Side};
use tideover_rules::failover::{Outcome, Sent};

pub use read::{Listed, Since, list};

use crate::access_log::{Line, rfc3339};
use crate::error::Fault;
use crate::live::{Live, Routed};
use crate::origin::Fetched;
use crate::recovery::{Event, Events};
use crate::seeing_out::sees_out;
use crate::worker::Shared;

/// Lines that may wait for the file.
const QUEUE: usize = 4096;

/// Takes lines, and knows how they fare.
#[derive(Debug)]
pub(crate) struct Journal {
    said: Option<Said>,
    /// `None`: there is no journal, or its thread could not be started.
    sender: Option<SyncSender<Message>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    fares: Arc<Fares>,
    told: Mutex<Told>,
    /// Writes since each record's last fail-over, as the file had them at the start.
    found: Vec<(String, u64)>,
}

/// How the file's keeping goes: seen by all threads.
#[derive(Debug, Default)]
struct Fares {
    fails: AtomicBool,
    /// Writes that are in no file.
    lost: AtomicU64,
    /// Writes that were in `FILE.1` when a newer one took its place.
    dropped: AtomicU64,
    why: Mutex<String>,
}

impl Fares {
    fn loses(&self, writes: u64, why: &str) {
        self.lost.fetch_add(writes, Relaxed);
        if !self.fails.swap(true, AcqRel) {
            let mut known = self.why.lock().unwrap_or_else(PoisonError::into_inner);
            why.clone_into(&mut known);
        }
    }
}

/// What events have told of it.
#[derive(Debug, Default)]
struct Told {
    fails: bool,
    lost: u64,
    dropped: u64,
    is_full: bool,
    /// It is not full any more, and that is to be told.
    has_room: bool,
}

#[derive(Debug)]
enum Message {
    Write {
        record: Arc<str>,
        line: String,
    },
    Moved {
        record: Arc<str>,
        line: String,
        to: Side,
    },
    End,
}

impl Journal {
    /// Reads what there is and starts the thread, if there is a journal. That the file cannot be had does not keep an edge from
    /// serving: it is told, and tried again with every write.
    pub(crate) fn start(said: Option<Said>) -> io::Result<Self> {
        let fares = Arc::new(Fares::default());
        let none = |said, fares| Self {
            said,
            sender: None,
            thread: Mutex::new(None),
            fares,
            told: Mutex::default(),
            found: Vec::new(),
        };
        let Some(said) = said else {
            return Ok(none(None, fares));
        };
        let mut kept = file::Kept::open(said.clone(), Arc::clone(&fares));
        let found = kept.counts();
        let (sender, receiver) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || kept.keep(&receiver))?;
        Ok(Self {
            sender: Some(sender),
            thread: Mutex::new(Some(thread)),
            found,
            ..none(Some(said), fares)
        })
    }

    /// Where it is.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        self.said.as_ref().map(|said| said.file.clone())
    }

    /// True if it goes on as it was, although a config says otherwise.
    pub(crate) fn stays(&self, said: Option<&Said>) -> bool {
        self.said.as_ref() != said
    }

    /// Records have taken as many writes as the file had at the start.
    pub(crate) fn count_in(&self, live: &Live) {
        for (record, state) in live.edge.records.iter().zip(&live.records) {
            let found = self.found.iter().find(|(name, _)| *name == *record.id);
            state.has_taken(found.map_or(0, |(_, count)| *count));
        }
    }

    /// `record` goes `to` the other side; before it does where that is its secondary, after it has where that is its primary.
    pub(crate) fn moves(&self, live: &Live, record: &FailoverRecord, to: Side, taken: u64) {
        let name = |side| Arc::clone(&live.edge.origin(record.origin(side)).id);
        let (event, from) = match to {
            Side::Secondary => ("failed_over", Side::Primary),
            Side::Primary => ("failed_back", Side::Secondary),
        };
        let line = json!({
            "time": rfc3339(SystemTime::now()),
            "event": event,
            "record": &*record.id,
            "from": &*name(from),
            "to": &*name(to),
            "taken": taken,
        });
        self.hand_on(Message::Moved {
            record: Arc::clone(&record.id),
            line: line.to_string(),
            to,
        });
        // What had to go was of a time before.
        let mut told = self.lock_told();
        told.has_room |= std::mem::take(&mut told.is_full);
    }

    fn hand_on(&self, message: Message) {
        let Some(sender) = &self.sender else { return };
        let writes = u64::from(matches!(message, Message::Write { .. }));
        match sender.try_send(message) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.fares.loses(writes, "its disk is too slow"),
            Err(TrySendError::Disconnected(_)) => self.fares.loses(writes, "its thread has ended"),
        }
    }

    fn lock_told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells what is news of the file.
    pub(crate) fn look(&self, events: &Events) {
        let Some(said) = &self.said else { return };
        let file: Arc<str> = said.file.display().to_string().into();
        let older: Arc<str> = format!("{file}.1").into();
        let fails = self.fares.fails.load(Acquire);
        let lost = self.fares.lost.load(Relaxed);
        let dropped = self.fares.dropped.load(Relaxed);
        let mut news = Vec::new();
        {
            let mut told = self.lock_told();
            if !told.fails && (fails || lost > told.lost) {
                let why = self.fares.why.lock();
                news.push(Event::JournalFails {
                    file: Arc::clone(&file),
                    why: why.unwrap_or_else(PoisonError::into_inner).clone(),
                });
                told.fails = true;
            }
            if told.fails && !fails {
                news.push(Event::JournalKept {
                    file: Arc::clone(&file),
                    lost,
                });
                told.fails = false;
            }
            told.lost = lost;
            if std::mem::take(&mut told.has_room) {
                let older = Arc::clone(&older);
                news.push(Event::JournalHasRoom { older });
            }
            if dropped > told.dropped {
                news.push(Event::JournalFull {
                    file,
                    older,
                    dropped: dropped - told.dropped,
                });
                told.dropped = dropped;
                told.is_full = true;
            }
        }
        for event in news {
            events.tell(event);
        }
    }

    /// An object: `file`, or null where there is none, `lost` and `dropped`: writes that are in no file, and that were in
    /// `FILE.1` when a newer one took its place.
    pub(crate) fn json(&self) -> Value {
        json!({
            "file": self.said.as_ref().map(|said| said.file.display().to_string()),
            "lost": self.fares.lost.load(Relaxed),
            "dropped": self.fares.dropped.load(Relaxed),
        })
    }

    /// Returns when everything that was handed over is on the disk, or at `deadline`.
    pub(crate) fn end(&self, deadline: Instant) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(sender), Some(running)) = (&self.sender, thread.take()) else {
            return;
        };
        let asks = || sender.try_send(Message::End).is_ok();
        if !sees_out(running, deadline, asks) {
            tracing::warn!("the journal cannot be written in time, its last lines are lost");
        }
    }
}

/// A write that may go to a record's secondary. If it is dropped before its end, nobody knows what came of it: the viewer has
/// left, and the secondary may have acted.
pub(crate) struct Taking<'r> {
    line: &'r Line,
    routed: Routed,
    has_ended: bool,
}

impl<'r> Taking<'r> {
    /// `None` for what reads, and where no record is on its secondary.
    pub(crate) fn begin(line: &'r Line, routed: Routed) -> Option<Self> {
        let method = &line.request.method;
        let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        (routed.is_on_a_secondary() && !reads).then(|| Self {
            line,
            routed,
            has_ended: false,
        })
    }

    /// That is what came of it. A secondary that was sent nothing has taken nothing.
    pub(crate) fn ends(mut self, fetched: &Fetched) {
        self.has_ended = true;
        let live = &self.line.view.live;
        let target = live.target(self.routed);
        let taken = fetched.trail.attempts.iter().rev().find_map(|attempt| {
            let member = target.members.get(attempt.member)?;
            let record = live.record_of(self.routed, member.origin)?;
            (attempt.sent != Sent::Nothing).then_some((record, attempt.outcome))
        });
        let by_viewer = fetched.answer.as_ref().err();
        let by_viewer = by_viewer.is_some_and(|error| matches!(error.fault(), Fault::Viewer(_)));
        match taken {
            Some((record, outcome)) => self.note(record, Some(outcome)),
            // Its body broke off while it was on its way.
            None if by_viewer => self.note_unknown(),
            None => {}
        }
    }

    /// The first secondary that it may have come to.
    fn note_unknown(&self) {
        let live = &self.line.view.live;
        let mut members = live.target(self.routed).members.iter();
        let record = members.find_map(|member| live.record_of(self.routed, member.origin));
        if let Some(record) = record {
            self.note(record, None);
        }
    }

    fn note(&self, id: RecordId, outcome: Option<Outcome>) {
        let line = self.line;
        let live = &line.view.live;
        let Some(record) = live.edge.records.get(usize::from(id.0)) else {
            return;
        };
        live.records[usize::from(id.0)].takes_one();
        let shared: &Shared = &line.worker().shared;
        if shared.journal.sender.is_none() {
            return;
        }
        let (status, failure) = match outcome {
            Some(Outcome::Status(status)) => (Some(status.as_u16()), None),
            Some(Outcome::Failed(failure)) => (None, Some(failure.word())),
            Some(Outcome::Skipped(_)) | None => (None, None),
        };
        let request = &line.request;
        let host = line
            .host
            .as_ref()
            .map(|host| String::from_utf8_lossy(host.as_bytes()));
        let noted = json!({
            "time": rfc3339(SystemTime::now()),
            "record": &*record.id,
            "origin": &*live.edge.origin(record.secondary).id,
            "method": request.method.as_str(),
            "host": host,
            "path": request.uri.path(),
            "has_query": request.uri.query().is_some(),
            "request_id": line.request_id.to_str().unwrap_or_default(),
            "outcome": if status.is_some() { "answered" } else { "unknown" },
            "status": status,
            "failure": failure,
        });
        shared.journal.hand_on(Message::Write {
            record: Arc::clone(&record.id),
            line: noted.to_string(),
        });
    }
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.note_unknown();
        }
    }
}

impl Fares {
    fn goes_well(&self) {
        if self.fails.load(Relaxed) {
            self.fails.store(false, Release);
        }
    }
}
