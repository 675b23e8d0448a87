//! What a mode decides: the table of the two modes, as values. Past the compiler nobody asks for the mode.

use std::time::Duration;

use super::cache::Conduct;
use crate::behavior::{GetBody, MethodSet};
use crate::edge::Mode;
use crate::listener::InterimLimit;
use crate::origin::{AddressFamily, ConnectionAttempts, Timers};
use crate::written::{Notation, Written};

/// The statuses of a group that names none: the origin is broken, or overwhelmed.
pub(crate) const USUAL_STATUSES: [u16; 4] = [500, 502, 503, 504];

/// The defaults of a mode, and which of CloudFront's rules hold in it.
pub(super) struct Defaults {
    pub(super) mode: Mode,
    pub(super) connection_attempts: u8,
    pub(super) connection_timeout: Duration,
    pub(super) response_timeout: Duration,
    pub(super) keepalive_timeout: Duration,
    /// GET and HEAD are sent again to the same origin after a response timeout.
    pub(super) retries_response_timeout: bool,
    /// For every target, groups and single origins alike.
    pub(super) deadline: Option<Duration>,
    pub(super) on_failure: OnFailure,
    /// Origins remember that requests to them failed.
    pub(super) has_breaker: bool,
    /// Statuses that are soft in a group that does not say which.
    pub(super) soft: &'static [u16],
    /// Methods that fall through whether they are cached or not.
    pub(super) falls_through: MethodSet,
    pub(super) get_body: GetBody,
    pub(super) addresses: AddressFamily,
    pub(super) rewrite_location: bool,
    pub(super) cache: Conduct,
    /// Answers are kept although nothing is said of a cache.
    pub(super) caches_unasked: bool,
    pub(super) trailers: bool,
    pub(super) origin_interim: InterimLimit,
}

/// When connection failures and timeouts fall through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnFailure {
    /// Always.
    Always,
    /// If the status that stands for the failure is among the statuses.
    ByStatus,
}

impl Defaults {
    pub(super) fn of(mode: Mode) -> Self {
        match mode {
            Mode::Faithful => Self {
                mode,
                connection_attempts: 3,
                connection_timeout: Duration::from_secs(10),
                response_timeout: Duration::from_secs(30),
                keepalive_timeout: Duration::from_secs(5),
                retries_response_timeout: true,
                deadline: None,
                on_failure: OnFailure::ByStatus,
                has_breaker: false,
                soft: &[],
                falls_through: MethodSet::READS,
                get_body: GetBody::Refused,
                addresses: AddressFamily::V4,
                rewrite_location: false,
                cache: Conduct::CloudFront,
                caches_unasked: false,
                trailers: false,
                origin_interim: InterimLimit {
                    all: 8,
                    continues: 1,
                },
            },
            Mode::Resilient => Self {
                mode,
                connection_attempts: 2,
                connection_timeout: Duration::from_secs(1),
                response_timeout: Duration::from_secs(10),
                keepalive_timeout: Duration::from_secs(5),
                retries_response_timeout: false,
                deadline: Some(Duration::from_secs(25)),
                on_failure: OnFailure::Always,
                has_breaker: true,
                soft: &[403, 404],
                falls_through: MethodSet::READS_AND_OPTIONS,
                get_body: GetBody::SentOnce,
                addresses: AddressFamily::Both,
                rewrite_location: true,
                cache: Conduct::Origin,
                caches_unasked: true,
                trailers: true,
                origin_interim: InterimLimit {
                    all: 8,
                    continues: 8,
                },
            },
        }
    }

    /// The timers of an origin that says nothing about them.
    pub(super) fn timers(&self) -> Timers {
        Timers {
            connection_attempts: ConnectionAttempts::new(self.connection_attempts)
                .expect("both modes connect 1 to 3 times"),
            connection_timeout: self.connection_timeout,
            response_timeout: self.response_timeout,
            response_completion_timeout: None,
            keepalive_timeout: self.keepalive_timeout,
        }
    }

    /// Whether more than CloudFront's quotas deserves a word that was not said yet.
    pub(super) fn has_quotas(&self, written: &Written) -> bool {
        self.is_faithful() && written.notation != Notation::CloudFront
    }

    pub(super) fn is_faithful(&self) -> bool {
        self.mode == Mode::Faithful
    }
}
