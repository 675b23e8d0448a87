//! What happened, in plain words that name the next step, for whoever is to know.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde_json::{Value, json};
use tideover_config::{AlarmKind, Failure, Fault, Moves, Side, counted};
use tideover_rules::alarm::{CERTIFICATE_DAYS, NotFound, of_group};

use super::board::{Board, Stand};
use crate::access_log::rfc3339;
use crate::clock::Clock;
use crate::live::Live;
use crate::metrics::Exposition;
use crate::switches::{Switch, To};

/// So many are remembered.
const REMEMBERED: usize = 256;

/// Something that an operator wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Requests to an origin failed so often that it is left alone.
    BreakerOpened {
        origin: Arc<str>,
        /// How many attempts of how many, lately.
        failed: u64,
        all: u64,
        /// How most of them failed; `None`: by their statuses.
        how: Option<Failure>,
    },
    /// It answers again, and gets its requests back.
    BreakerClosed { origin: Arc<str> },
    /// An origin's check passes and its breaker is open, for longer than the check needs.
    CheckContradicted { origin: Arc<str> },
    /// Check and breaker say the same of it again.
    CheckAgrees { origin: Arc<str> },
    /// Others of a group's servers may be asked than before.
    GroupStands {
        group: Arc<str>,
        /// Those who may.
        left: Vec<Arc<str>>,
        /// All of them.
        servers: usize,
        /// Whether a page is there for when nobody is left.
        has_page: bool,
    },
    /// An origin's health check failed often enough.
    OriginUnhealthy {
        origin: Arc<str>,
        /// Of the latest probe, in few words.
        reason: String,
        /// So many failed of the probes that decided.
        failed: u8,
        of: u8,
    },
    /// Its check passes again.
    OriginHealthy { origin: Arc<str> },
    /// A record stands for another origin now.
    RecordMoved {
        record: Arc<str>,
        to: Side,
        /// The origins on both sides, the one it left first.
        from_origin: Arc<str>,
        to_origin: Arc<str>,
        was_ordered: bool,
        /// What is said of the origin it left, where that is unhealthy.
        why: Option<String>,
        /// Writes that the secondary took since the record was last at its primary.
        taken: u64,
        /// Who moves it the next time.
        next: Moves,
    },
    /// A process has begun with a record on its secondary, where the one before it had left it.
    RecordFound {
        record: Arc<str>,
        origin: Arc<str>,
        /// Who moves it back.
        next: Moves,
    },
    /// An origin is made to fail on purpose.
    FaultBegan { origin: Arc<str>, fault: Fault },
    /// It is not any more.
    FaultOver { origin: Arc<str> },
    /// By health a record would move, and an operator has to say so.
    RecordWaits {
        record: Arc<str>,
        to: Arc<str>,
        side: Side,
    },
    /// It does not any more.
    RecordContent { record: Arc<str> },
    /// Much of what an origin says is not there, or not allowed, another one has.
    NotFound { origin: Arc<str>, seen: NotFound },
    /// Not so much any more.
    FoundAgain { origin: Arc<str> },
    /// A certificate ends, or has ended; the level is that of `rules::alarm::of_certificate`.
    CertificateEnds {
        name: Arc<str>,
        level: u8,
        is_ordered: bool,
    },
    /// In its place another one is shown, or none.
    CertificateGood { name: Arc<str> },
    /// A page that is fetched ahead of time could not be, several times in a row.
    PageFails {
        origin: Arc<str>,
        url: Arc<str>,
        why: String,
        /// Whether an older one is shown in its place; else what the config has.
        has_copy: bool,
    },
    /// It was again.
    PageFetched { origin: Arc<str> },
    /// Writes that a secondary takes are not noted.
    JournalFails { file: Arc<str>, why: String },
    /// They are again.
    JournalKept {
        file: Arc<str>,
        /// So many never were, since the edge began.
        lost: u64,
    },
    /// The oldest writes in it had to make room.
    JournalFull {
        file: Arc<str>,
        /// The one that holds what was in it before.
        older: Arc<str>,
        dropped: u64,
    },
    /// A record has moved since.
    JournalHasRoom { older: Arc<str> },
    /// A file that the edge keeps cannot be written.
    NotWritten {
        /// What is kept there: `switches`.
        what: Arc<str>,
        /// The file, and what the system said.
        error: String,
        /// What that costs.
        costs: &'static str,
    },
    /// It was written again.
    Written { what: Arc<str> },
    /// An operator switched something.
    Switched(Switch),
    /// What an operator switched had its time, and is as if nobody had.
    SwitchExpired(Switch),
}

impl Event {
    /// What stands how now, for who is told of alarms.
    pub(super) fn stand(&self) -> Stand<'_> {
        let (kind, subject, level) = match self {
            Self::BreakerOpened { origin, .. } => (AlarmKind::Breaker, origin, 1),
            Self::BreakerClosed { origin } => (AlarmKind::Breaker, origin, 0),
            Self::OriginUnhealthy { origin, .. } => (AlarmKind::Unhealthy, origin, 1),
            Self::OriginHealthy { origin } => (AlarmKind::Unhealthy, origin, 0),
            Self::CheckContradicted { origin } => (AlarmKind::Contradiction, origin, 1),
            Self::CheckAgrees { origin } => (AlarmKind::Contradiction, origin, 0),
            Self::GroupStands {
                group,
                left,
                servers,
                ..
            } => (AlarmKind::Group, group, of_group(left.len(), *servers)),
            Self::RecordMoved { record, to, .. } => {
                (AlarmKind::Record, record, u8::from(*to == Side::Secondary))
            }
            Self::RecordFound { record, .. } => (AlarmKind::Record, record, 1),
            Self::RecordWaits { record, .. } => (AlarmKind::RecordWaits, record, 1),
            Self::RecordContent { record } => (AlarmKind::RecordWaits, record, 0),
            Self::NotFound { origin, .. } => (AlarmKind::NotFound, origin, 1),
            Self::FoundAgain { origin } => (AlarmKind::NotFound, origin, 0),
            Self::CertificateEnds { name, level, .. } => (AlarmKind::Certificate, name, *level),
            Self::CertificateGood { name } => (AlarmKind::Certificate, name, 0),
            Self::PageFails { origin, .. } => (AlarmKind::Page, origin, 1),
            Self::PageFetched { origin } => (AlarmKind::Page, origin, 0),
            Self::JournalFails { file, .. } => (AlarmKind::Storage, file, 1),
            Self::JournalFull { older, .. } => (AlarmKind::Storage, older, 1),
            Self::JournalHasRoom { older } => (AlarmKind::Storage, older, 0),
            Self::JournalKept { file, .. } => (AlarmKind::Storage, file, 0),
            Self::NotWritten { what, .. } => (AlarmKind::Storage, what, 1),
            Self::Written { what } => (AlarmKind::Storage, what, 0),
            // What is as usual is nothing to be told of again.
            Self::Switched(switch) => {
                let level = u8::from(!switch.to.is_usual());
                (AlarmKind::Switch, &switch.name, level)
            }
            Self::SwitchExpired(switch) => (AlarmKind::Switch, &switch.name, 0),
            Self::FaultBegan { origin, .. } => (AlarmKind::Fault, origin, 1),
            Self::FaultOver { origin } => (AlarmKind::Fault, origin, 0),
        };
        Stand {
            kind,
            subject,
            level,
        }
    }
}

/// `17 writes were taken by azure-vm while aws was away: tideover journal --record app lists them`.
pub(crate) fn taken_words(taken: u64, secondary: &str, primary: &str, record: &str) -> String {
    let were = if taken == 1 { "was" } else { "were" };
    let them = if taken == 1 { "it" } else { "them" };
    format!(
        "{} {were} taken by {secondary} while {primary} was away: tideover journal --record {record} lists {them}",
        counted(taken, "write")
    )
}

impl fmt::Display for Event {
    #[expect(clippy::too_many_lines, reason = "a list of sentences")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BreakerOpened {
                origin,
                failed,
                all,
                how,
            } => {
                write!(f, "{origin} is left alone: ")?;
                match all {
                    0 => f.write_str("attempts failed one after another")?,
                    all => write!(f, "{failed} of {all} attempts failed")?,
                }
                match how {
                    Some(how) => write!(f, ", {how}")?,
                    None => write!(f, " by their statuses")?,
                }
                write!(
                    f,
                    "; it is tried again by itself; if it is to stay away: tideover switch {origin} down"
                )
            }
            Self::BreakerClosed { origin } => {
                write!(f, "{origin} answers again and gets its requests back")
            }
            Self::CheckContradicted { origin } => write!(
                f,
                "the check of {origin} passes while real requests to it fail: look at what they ask that its path does not; \
                 give health_check a path that needs the same"
            ),
            Self::CheckAgrees { origin } => {
                write!(f, "the check of {origin} and real requests agree again")
            }
            Self::GroupStands {
                group,
                left,
                servers,
                has_page,
            } => match left.as_slice() {
                [] => {
                    let then = if *has_page {
                        "the page answers where it may, and otherwise all are tried"
                    } else {
                        "all are tried all the same"
                    };
                    write!(
                        f,
                        "{group} has nobody left of {servers}: {then}; bring one of them back"
                    )
                }
                [last] if *servers > 1 => write!(
                    f,
                    "{group} is down to {last}, the last of {servers}: bring another one back before it fails too"
                ),
                left if left.len() < *servers => {
                    write!(f, "{group} has {} of {servers} again", left.len())
                }
                _ => write!(f, "{group} is whole again"),
            },
            Self::OriginUnhealthy {
                origin,
                reason,
                failed,
                of,
            } => write!(
                f,
                "{origin} is unhealthy: {failed} of {of} probes failed, {reason}; it is left out where somebody else can answer; \
                 look after it, or expect it: tideover switch {origin} down --for 1h"
            ),
            Self::OriginHealthy { origin } => {
                write!(f, "{origin} is healthy again: its probes pass")
            }
            Self::RecordMoved {
                record,
                to,
                from_origin,
                to_origin,
                was_ordered,
                why,
                taken,
                next,
            } => {
                let why = if *was_ordered {
                    "as ordered".to_owned()
                } else if *to == Side::Secondary {
                    let unhealthy = || format!("{from_origin} is unhealthy");
                    why.clone().unwrap_or_else(unhealthy)
                } else {
                    format!("{to_origin} is healthy again")
                };
                write!(f, "{record} moved {from_origin} -> {to_origin}: {why}; ")?;
                if *to == Side::Primary && *taken > 0 {
                    let words = taken_words(*taken, from_origin, to_origin, record);
                    write!(f, "{words}; ")?;
                }
                let return_word = match to {
                    Side::Secondary => "return",
                    Side::Primary => "the next move",
                };
                match next {
                    Moves::Auto if *was_ordered => write!(
                        f,
                        "it stays until ordered otherwise: tideover switch {record} auto"
                    ),
                    Moves::Auto => write!(f, "{return_word} is automatic"),
                    Moves::Manual => write!(
                        f,
                        "{return_word} is manual: tideover switch {record} {}",
                        to.other().word()
                    ),
                }
            }
            Self::FaultBegan { origin, fault } => {
                write!(f, "{origin} {fault}: a fault on command, ON PURPOSE")
            }
            Self::FaultOver { origin } => {
                write!(f, "{origin} has no fault on command any more")
            }
            Self::RecordFound {
                record,
                origin,
                next,
            } => {
                write!(f, "{record} still stands for {origin}, its secondary; ")?;
                match next {
                    Moves::Auto => write!(f, "return is automatic"),
                    Moves::Manual => {
                        write!(f, "return is manual: tideover switch {record} primary")
                    }
                }
            }
            Self::RecordWaits { record, to, side } => write!(
                f,
                "{record} would move to {to} and waits for an operator: tideover switch {record} {}",
                side.word()
            ),
            Self::RecordContent { record } => write!(f, "{record} waits for nobody any more"),
            Self::NotFound { origin, seen } => write!(
                f,
                "{origin} says 403 or 404 where another origin has the answer: {} of {} answers in {} minutes; \
                 compare what is deployed on both, and see that path and host of {origin} are right",
                seen.found_elsewhere,
                seen.answers,
                NotFound::WITHIN.as_secs() / 60
            ),
            Self::FoundAgain { origin } => {
                write!(f, "{origin} has what is asked for again")
            }
            Self::CertificateEnds {
                name,
                level,
                is_ordered,
            } => {
                let days = usize::from(*level)
                    .checked_sub(1)
                    .and_then(|index| CERTIFICATE_DAYS.get(index));
                match days {
                    Some(1) => write!(f, "the certificate for {name} ends within a day: ")?,
                    Some(days) => {
                        write!(f, "the certificate for {name} ends within {days} days: ")?;
                    }
                    None => write!(
                        f,
                        "the certificate for {name} has ended, viewers are refused by their own software: "
                    )?,
                }
                f.write_str(if *is_ordered {
                    "it should have been renewed by now; see in the log why orders fail"
                } else {
                    "put a new one in its file; it is read within seconds"
                })
            }
            Self::CertificateGood { name } => {
                write!(f, "the certificate for {name} is good for a while")
            }
            Self::PageFails {
                origin,
                url,
                why,
                has_copy,
            } => write!(
                f,
                "the page of {origin} cannot be fetched from {url}: {why}; {} is shown meanwhile; see that the site is there, or correct page_url",
                if *has_copy {
                    "the last good copy"
                } else {
                    "what page says"
                }
            ),
            Self::PageFetched { origin } => write!(f, "the page of {origin} can be fetched again"),
            Self::JournalFails { file, why } => write!(
                f,
                "the journal {file} cannot be written ({why}), and writes that secondaries take are not noted; \
                 make room or give the edge the right to write there"
            ),
            Self::JournalKept { file, lost } => {
                write!(f, "the journal {file} is written again")?;
                match lost {
                    0 => Ok(()),
                    lost => write!(f, ", {} were not noted so far", counted(*lost, "write")),
                }
            }
            Self::JournalHasRoom { older } => write!(
                f,
                "the journal {older} lacks nothing of what is taken from now on"
            ),
            Self::JournalFull { file, dropped, .. } => write!(
                f,
                "the journal {file} is full, and its {} went for newer ones; give [journal] more max_bytes, or copy both its files away",
                counted(*dropped, "oldest write")
            ),
            Self::NotWritten { what, error, costs } => write!(
                f,
                "the file of {what} cannot be written ({error}): {costs}; see to the disk and to who may write there"
            ),
            Self::Written { what } => write!(f, "the file of {what} is written again"),
            Self::Switched(switch) => {
                let (kind, name) = (switch.to.kind(), &switch.name);
                let (to, kind_word) = (switch.to.word(), kind.word());
                write!(f, "{kind_word} {name} is switched to {to}")?;
                if let Some(owner) = &switch.owner {
                    write!(f, " by {owner}")?;
                }
                if let Some(reason) = &switch.reason {
                    write!(f, ": {reason}")?;
                }
                if switch.to.is_usual() {
                    return Ok(());
                }
                let usual = To::usual(kind).word();
                write!(f, "; back again: tideover switch {name} {usual}")
            }
            Self::SwitchExpired(switch) => write!(
                f,
                "{} {} is not switched to {} any more: its time is over",
                switch.to.kind().word(),
                switch.name,
                switch.to.word()
            ),
        }
    }
}

/// An event and when it happened.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) at: SystemTime,
    pub(crate) event: Event,
}

impl Told {
    /// 0: it is well.
    pub(crate) fn level(&self) -> u8 {
        self.event.stand().level
    }

    /// An object: `time`, `kind`, `subject`, `level` (0: it is well), `text`.
    pub(crate) fn json(&self) -> Value {
        let Stand {
            kind,
            subject,
            level,
        } = self.event.stand();
        json!({
            "time": rfc3339(self.at),
            "kind": kind.word(),
            "subject": **subject,
            "level": level,
            "text": self.event.to_string(),
        })
    }
}

/// Where events are told.
#[derive(Debug)]
pub(crate) struct Events {
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    lately: VecDeque<Told>,
    board: Board,
    clock: Clock,
}

impl Events {
    /// Alarms go to whom the config of `live` names.
    pub(crate) fn new(live: &Live) -> Self {
        let mut known = Known {
            lately: VecDeque::new(),
            board: Board::default(),
            clock: live.clock,
        };
        known.board.follow(live);
        Self {
            known: Mutex::new(known),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on alarms go to whom the config of `live` names; those about what it does not know are over.
    pub(crate) fn follow(&self, live: &Live) {
        let mut known = self.known();
        known.clock = live.clock;
        known.board.follow(live);
    }

    /// To the log, to who is told of alarms, and to who asks later. Never waits.
    pub(crate) fn tell(&self, event: Event) {
        if event.stand().level == 0 {
            tracing::info!("{event}");
        } else {
            tracing::warn!("{event}");
        }
        let at = SystemTime::now();
        let mut known = self.known();
        let now = known.clock.elapsed();
        known
            .board
            .stands(event.stand(), &event.to_string(), now, at);
        if known.lately.len() == REMEMBERED {
            known.lately.pop_front();
        }
        known.lately.push_back(Told { at, event });
    }

    /// What is said of something that is amiss, up to the next step.
    pub(crate) fn why(&self, kind: AlarmKind, subject: &Arc<str>) -> Option<String> {
        let known = self.known();
        let text = known.board.text(kind, subject)?;
        Some(text.split("; ").next().unwrap_or(text).to_owned())
    }

    /// Some time has gone by.
    pub(super) fn look(&self) {
        let mut known = self.known();
        let now = known.clock.elapsed();
        known.board.look(now, SystemTime::now());
    }

    /// The latest ones, the oldest first.
    pub(crate) fn lately(&self) -> Vec<Told> {
        self.known().lately.iter().cloned().collect()
    }

    /// An object: `alarms`, what is amiss now, and `events`, the latest ones, the oldest first.
    pub(crate) fn json(&self) -> Value {
        let known = self.known();
        let events: Vec<Value> = known.lately.iter().map(Told::json).collect();
        json!({ "alarms": known.board.json(), "events": events })
    }

    /// Tells the numbers of alarms.
    pub(crate) fn expose(&self, text: &mut Exposition) {
        self.known().board.expose(text);
    }
}
