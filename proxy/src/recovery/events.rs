//! What happened to origins and records, in plain words, for whoever is to know.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tideover_config::{Fault, Side};
use tokio::sync::broadcast;

/// So many are remembered.
const REMEMBERED: usize = 256;

/// Something that an operator wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Requests to an origin failed so often that it is left alone.
    BreakerOpened { origin: Arc<str> },
    /// It answers again, and gets its requests back.
    BreakerClosed { origin: Arc<str> },
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
    },
    /// An origin is made to fail on purpose.
    FaultBegan { origin: Arc<str>, fault: Fault },
    /// It is not any more.
    FaultOver { origin: Arc<str> },
    /// By health a record would move, and an operator has to say so.
    RecordWaits { record: Arc<str>, to: Arc<str> },
    /// An operator switched something.
    Switched {
        /// `origin`, `record` or `distribution`.
        kind: &'static str,
        name: Arc<str>,
        to: &'static str,
        reason: Option<Arc<str>>,
        owner: Option<Arc<str>>,
    },
    /// What an operator switched had its time, and is as if nobody had.
    SwitchExpired {
        kind: &'static str,
        name: Arc<str>,
        to: &'static str,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BreakerOpened { origin } => write!(
                f,
                "{origin} is left alone: requests to it failed, one after another; it is tried again by itself"
            ),
            Self::BreakerClosed { origin } => {
                write!(f, "{origin} answers again and gets its requests back")
            }
            Self::OriginUnhealthy {
                origin,
                reason,
                failed,
                of,
            } => write!(
                f,
                "{origin} is unhealthy: {failed} of {of} probes failed, {reason}"
            ),
            Self::OriginHealthy { origin } => {
                write!(f, "{origin} is healthy again: its probes pass")
            }
            Self::RecordMoved {
                record,
                from_origin,
                to_origin,
                was_ordered,
                ..
            } => {
                let why = if *was_ordered {
                    "as ordered"
                } else {
                    "by health"
                };
                write!(f, "{record} moved {from_origin} -> {to_origin}, {why}")
            }
            Self::FaultBegan { origin, fault } => {
                write!(f, "{origin} {fault}: a fault on command, ON PURPOSE")
            }
            Self::FaultOver { origin } => {
                write!(f, "{origin} has no fault on command any more")
            }
            Self::RecordWaits { record, to } => {
                write!(f, "{record} would move to {to}, and waits for an operator")
            }
            Self::Switched {
                kind,
                name,
                to,
                reason,
                owner,
            } => {
                write!(f, "{kind} {name} is switched to {to}")?;
                if let Some(owner) = owner {
                    write!(f, " by {owner}")?;
                }
                match reason {
                    Some(reason) => write!(f, ": {reason}"),
                    None => Ok(()),
                }
            }
            Self::SwitchExpired { kind, name, to } => {
                write!(
                    f,
                    "{kind} {name} is not switched to {to} any more: its time is over"
                )
            }
        }
    }
}

/// An event and when it happened.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) at: SystemTime,
    pub(crate) event: Event,
}

/// Where events are told.
#[derive(Debug)]
pub(crate) struct Events {
    lately: Mutex<VecDeque<Told>>,
    listeners: broadcast::Sender<Told>,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            lately: Mutex::default(),
            listeners: broadcast::channel(REMEMBERED).0,
        }
    }
}

impl Events {
    /// To the log, to who listens, and to who asks later. Never waits.
    pub(crate) fn tell(&self, event: Event) {
        tracing::warn!("{event}");
        let told = Told {
            at: SystemTime::now(),
            event,
        };
        let mut lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        if lately.len() == REMEMBERED {
            lately.pop_front();
        }
        lately.push_back(told.clone());
        drop(lately);
        // An error says that nobody listens.
        let _ = self.listeners.send(told);
    }

    /// The latest ones, the oldest first.
    pub(crate) fn lately(&self) -> Vec<Told> {
        let lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        lately.iter().cloned().collect()
    }

    /// Hears what is told from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Told> {
        self.listeners.subscribe()
    }
}
