//! How an origin's health is learnt: by checks that are sent, and from requests that fail.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use crate::origin::{Endpoint, StatusSet};

/// A health check of one origin. Source: API shape `HealthCheckConfig`; Developer Guide of Route 53, "How Amazon Route 53
/// determines whether a health check is healthy". Intervals below 10 s, the recovery threshold, the expected statuses and
/// the judging of certificates are ours.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthCheck {
    /// What is asked.
    pub kind: CheckKind,
    /// Where it is asked.
    pub endpoint: Endpoint,
    /// From 10 s on, from the end of one probe to the start of the next, as `RequestInterval` has it; below, from start to
    /// start. 100 ms to an hour.
    pub interval: Duration,
    /// So many probes in a row have to fail before a healthy origin is unhealthy: 1 to 10.
    pub failure_threshold: u8,
    /// So many in a row have to pass before an unhealthy one is healthy: 1 to 10.
    pub recovery_threshold: u8,
    /// What is found counts as its opposite. Also while nothing was found yet, and while disabled.
    pub inverted: bool,
    /// Nothing is sent, and the origin counts as healthy; inverted, as unhealthy.
    pub disabled: bool,
}

/// What a probe asks.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckKind {
    /// That a connection comes about.
    Tcp,
    /// That a GET is answered well.
    Http(Box<HttpCheck>),
}

/// A GET that has to be answered well.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpCheck {
    /// By TLS.
    pub secure: bool,
    /// `Host`.
    pub host: HeaderValue,
    /// Path and query, from `/` on.
    pub path: Arc<str>,
    /// Statuses that pass; never empty.
    pub expected: StatusSet,
    /// Has to lie within the first 5,120 bytes of the body, decoded; case matters.
    pub search: Option<Arc<str>>,
    /// The name for SNI, and the one that certificates are judged against; `None`: no SNI.
    pub server_name: Option<Arc<str>>,
    /// A certificate is judged as it is for requests. Route 53 judges none.
    pub judges_certificate: bool,
}

impl HealthCheck {
    /// For the connection: 4 s, and 10 s where nothing but that is asked. The interval, if that is shorter.
    pub fn connect_within(&self) -> Duration {
        const ALONE: Duration = Duration::from_secs(10);
        const FIRST: Duration = Duration::from_secs(4);
        let usual = match self.kind {
            CheckKind::Tcp => ALONE,
            CheckKind::Http(_) => FIRST,
        };
        usual.min(self.interval)
    }

    /// From the connection to the status, and again from there to the searched text: 2 s.
    pub const ANSWER_WITHIN: Duration = Duration::from_secs(2);

    /// For a whole probe: what Route 53 allows, or the interval if that is shorter.
    pub fn whole_within(&self) -> Duration {
        let answers = match &self.kind {
            CheckKind::Tcp => 0,
            CheckKind::Http(http) if http.search.is_none() => 1,
            CheckKind::Http(_) => 2,
        };
        (self.connect_within() + Self::ANSWER_WITHIN * answers).min(self.interval)
    }

    /// Whether the interval runs from start to start.
    pub fn keeps_pace(&self) -> bool {
        const SHORTEST_OF_ROUTE_53: Duration = Duration::from_secs(10);
        self.interval < SHORTEST_OF_ROUTE_53
    }
}

/// When an origin is left alone because requests to it failed: a circuit breaker. All of it is ours; CloudFront has no
/// memory from one request to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Breaker {
    /// So many requests in a row that fail here, however often each of them tried, open it; over all workers.
    pub in_a_row: u32,
    /// Statuses that count as failures besides failed connections and timeouts. Never 403 or 404.
    pub statuses: StatusSet,
    /// How long it is open before one request may try, and then between any two that may.
    pub probe_interval: Duration,
    /// Over this span after it closed the origin gets its requests back, from few to all. Zero: at once.
    pub slow_start: Duration,
}

impl Breaker {
    /// It opens too where this share of [`Breaker::SHARE_OF`] requests or more has failed within [`Breaker::SHARE_WITHIN`].
    pub const SHARE: f64 = 0.5;
    /// See [`Breaker::SHARE`].
    pub const SHARE_OF: u64 = 20;
    /// See [`Breaker::SHARE`].
    pub const SHARE_WITHIN: Duration = Duration::from_secs(10);
}

impl Default for Breaker {
    /// Five failures in a row, one probing request a second, ten seconds back to all requests.
    fn default() -> Self {
        Self {
            in_a_row: 5,
            statuses: StatusSet::default(),
            probe_interval: Duration::from_secs(1),
            slow_start: Duration::from_secs(10),
        }
    }
}
