//! Who is told when something is amiss.

use std::fmt;

use http::{HeaderName, HeaderValue};

use crate::distribution::Secret;
use crate::origin::{Endpoint, Trust};

/// Somebody who is sent every alarm by a POST: `[[alarm]]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Where it is: all of its URL that may be shown.
    pub endpoint: Endpoint,
    /// By TLS.
    pub secure: bool,
    /// `Host`: the name, with the port unless it is the scheme's own.
    pub host: HeaderValue,
    /// Path and query, from `/` on. Whoever knows them can post there.
    pub target: Secret,
    /// Who vouches for its certificate: never [`Trust::Anyone`].
    pub trust: Trust,
    /// What the POST holds.
    pub format: AlarmFormat,
    /// Sent with every POST. All of them are marked as sensitive.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Which alarms it is sent, each once; `None`: all of them.
    pub only: Option<Vec<AlarmKind>>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("endpoint", &self.endpoint)
            .field("secure", &self.secure)
            .field("trust", &self.trust)
            .field("format", &self.format)
            .field("headers", &self.headers)
            .field("only", &self.only)
            .finish_non_exhaustive()
    }
}

impl Webhook {
    /// Whether it is sent alarms of this kind.
    pub fn wants(&self, kind: AlarmKind) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&kind))
    }
}

/// What a webhook is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmFormat {
    /// An object with all that is known.
    Json,
    /// An object with the words alone, as `text`: what Slack's incoming webhooks take, and Mattermost's and Rocket.Chat's.
    Slack,
}

impl AlarmFormat {
    /// Every one, by its word.
    pub const NAMES: [(&'static str, Self); 2] = [("json", Self::Json), ("slack", Self::Slack)];

    /// `json`, `slack`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Slack => "slack",
        }
    }
}

/// What an alarm is about. There is one alarm at a time of each kind about each subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AlarmKind {
    /// An origin's health check fails.
    Unhealthy,
    /// Requests to an origin fail, so its breaker is open.
    Breaker,
    /// Of an origin the check passes, and its breaker stays open.
    Contradiction,
    /// Of a group's servers one is left, or none.
    Group,
    /// A record stands for its secondary.
    Record,
    /// A record would move, and an operator has to say so.
    RecordWaits,
    /// Many answers of an origin are 403 or 404, and another one then has what was asked for.
    NotFound,
    /// A certificate ends soon.
    Certificate,
    /// An operator's order is in force.
    Switch,
    /// An origin is made to fail on purpose.
    Fault,
    /// A file that the edge keeps cannot be written.
    Storage,
    /// A page that is fetched ahead of time cannot be fetched.
    Page,
}

impl AlarmKind {
    /// All of them, in order of declaration.
    pub const ALL: [Self; 12] = [
        Self::Unhealthy,
        Self::Breaker,
        Self::Contradiction,
        Self::Group,
        Self::Record,
        Self::RecordWaits,
        Self::NotFound,
        Self::Certificate,
        Self::Switch,
        Self::Fault,
        Self::Storage,
        Self::Page,
    ];

    /// Every one, by its word.
    pub const NAMES: [(&'static str, Self); Self::ALL.len()] = {
        let mut names = [("", Self::Unhealthy); Self::ALL.len()];
        let mut index = 0;
        while index < names.len() {
            names[index] = (Self::ALL[index].word(), Self::ALL[index]);
            index += 1;
        }
        names
    };

    /// A word for configs, metrics and messages: lower case, with `_`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unhealthy => "unhealthy",
            Self::Breaker => "breaker",
            Self::Contradiction => "contradiction",
            Self::Group => "group",
            Self::Record => "record",
            Self::RecordWaits => "record_waits",
            Self::Fault => "fault",
            Self::NotFound => "not_found",
            Self::Certificate => "certificate",
            Self::Switch => "switch",
            Self::Storage => "storage",
            Self::Page => "page",
        }
    }
}
