//! Where answers come from: origins, and the ordered groups that a request falls through.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::fault::Fault;
use crate::folder::Folder;
use crate::health::{Breaker, HealthCheck};
use crate::record::{RecordId, Side};

/// Index of an [`Origin`] in [`Edge::origins`](crate::Edge::origins).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OriginId(pub u16);

/// Index of a [`Target`] in [`Edge::targets`](crate::Edge::targets).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TargetId(pub u16);

/// One origin: a server somewhere, a folder that plays a bucket, or a page that the edge answers by itself.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The operator's name for it; unique among origins and groups.
    pub id: Arc<str>,
    /// What answers.
    pub kind: OriginKind,
}

/// What stands behind an origin's name.
#[derive(Clone, Debug)]
pub enum OriginKind {
    /// An HTTP server that is reached over the network.
    Server(Box<Server>),
    /// A page that the edge holds in memory: it cannot fail.
    Page(Page),
    /// A folder whose files are served as S3 serves the objects of a bucket.
    Folder(Box<Folder>),
}

/// An HTTP/1.1 server. Source: Developer Guide, "All distribution settings reference", origin settings.
#[derive(Clone, Debug)]
pub struct Server {
    /// The name that certificates and the `Host` header go by: the DomainName, or the host of `url`. Without a port.
    pub domain_name: Arc<str>,
    /// `Host` as sent when [`HostHeader::Own`] holds: the domain name, with the port unless it is the scheme's own.
    pub own_host: HeaderValue,
    /// Which name the origin is called by.
    pub host: HostHeader,
    /// Which scheme is spoken; [`Server::http`] and [`Server::https`] say where.
    pub scheme: OriginScheme,
    /// Where plain HTTP connects to.
    pub http: Endpoint,
    /// Where HTTPS connects to.
    pub https: Endpoint,
    /// Prefixed to every request path: empty, or `/like/this` without a final slash.
    pub path: Arc<str>,
    /// Sent with every request, in place of a viewer's header of the same name. A value is marked as sensitive if it came
    /// from the environment, or if its name speaks of a secret: such a one is not printed.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// How certificates are judged.
    pub tls: OriginTls,
    /// Which kinds of address are tried.
    pub addresses: AddressFamily,
    /// How long things may take.
    pub timers: Timers,
    /// Most connections open at once, per worker; further requests wait in line within their connect limit.
    pub max_connections: usize,
    /// How it is asked whether it is well; `None`: it counts as healthy.
    pub health_check: Option<HealthCheck>,
    /// How failures of requests are remembered; `None`: not at all.
    pub breaker: Option<Breaker>,
    /// The fault that it begins with; only where [`Edge::takes_faults`](crate::Edge::takes_faults).
    pub fault: Option<Fault>,
}

/// A host (name or address) and a port to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// A DNS name or an IP address without brackets.
    pub host: Arc<str>,
    /// TCP port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    /// `10.0.0.4:8080`, `[::1]:8080`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// The `Host` header that an origin is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostHeader {
    /// [`Server::own_host`], unless the behavior's origin request policy forwards the viewer's.
    Own,
    /// The viewer's, always.
    Viewer,
    /// This one, always.
    Named(HeaderValue),
}

/// `OriginProtocolPolicy`. Source: API shape `CustomOriginConfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginScheme {
    /// `http-only`.
    Http,
    /// `https-only`.
    Https,
    /// `match-viewer`: the scheme the viewer used.
    MatchViewer,
}

/// `IpAddressType`. Source: API shape `CustomOriginConfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressFamily {
    /// IPv4 only: CloudFront's default.
    V4,
    /// IPv6 only.
    V6,
    /// Both, IPv6 first, raced as RFC 8305 says.
    Both,
}

/// How a server's certificate is judged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OriginTls {
    /// The name for SNI and the certificate, when it is neither the domain name nor the forwarded host.
    pub server_name: Option<Arc<str>>,
    /// Who vouches for certificates.
    pub trust: Trust,
    /// Offer TLS 1.2; TLS 1.3 is always offered.
    pub tls12: bool,
}

/// Who vouches for an origin's certificate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Trust {
    /// The platform's certificate store, or the compiled-in Mozilla roots where there is none.
    Platform,
    /// Only the certificates of this PEM file, read when the config was loaded.
    Only {
        /// Where it was read from, for messages.
        file: PathBuf,
        /// What it held.
        pem: Bytes,
    },
    /// Nobody: `https+insecure://`. Connects to addresses that are [nearby](is_nearby) only.
    Anyone,
}

/// Whether nobody beyond the operator's own network answers at `address`: loopback, private (RFC 1918), link-local or
/// unique local; an IPv4 address that is mapped into IPv6 counts as what it is.
pub fn is_nearby(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// An origin's timers. Source: Developer Guide, "All distribution settings reference": connection attempts,
/// connection timeout, response timeout, response completion timeout, keep-alive timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// Tries to connect, the first included.
    pub connection_attempts: ConnectionAttempts,
    /// For each try: name look-up, TCP and TLS.
    pub connection_timeout: Duration,
    /// From the last request byte to the first response byte, and between any two packets after that. Where the target has
    /// a deadline and another member could still be asked, the head has to be whole when this and `connection_timeout` are
    /// both over, counted from the try's start.
    pub response_timeout: Duration,
    /// For the whole exchange with this origin, body and retries included; `None`: no limit.
    pub response_completion_timeout: Option<Duration>,
    /// How long an idle connection is kept.
    pub keepalive_timeout: Duration,
}

/// 1 to 3 tries; `new` is the only way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionAttempts(u8);

impl ConnectionAttempts {
    /// A single try.
    pub const ONE: Self = Self(1);

    /// `None` unless `tries` is 1, 2 or 3 (API shape `Origin`, `ConnectionAttempts`).
    pub fn new(tries: u8) -> Option<Self> {
        (1..=3).contains(&tries).then_some(Self(tries))
    }

    /// 1 to 3.
    pub fn get(self) -> u8 {
        self.0
    }
}

/// A page answered by the edge itself, always with `Cache-Control: no-store`.
#[derive(Clone, Debug)]
pub struct Page {
    /// Usually 503; never a status that a group would fall through on in vain: a page is a last word.
    pub status: StatusCode,
    /// `Retry-After`, in whole seconds on the wire.
    pub retry_after: Option<Duration>,
    /// HTML, read when the config was loaded.
    pub html: Bytes,
    /// The file it came from; `None` for the built-in page.
    pub file: Option<PathBuf>,
    /// Where a newer one is fetched from, ahead of time; until that has worked once, `html` is shown.
    pub ahead: Option<Box<PageUrl>>,
}

/// A page that is fetched before it is needed. Ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageUrl {
    /// As written. It may have been sent elsewhere since (`--map`): the other fields say where to.
    pub url: Arc<str>,
    /// Where it is asked for.
    pub endpoint: Endpoint,
    /// By TLS.
    pub secure: bool,
    /// Path and query, from `/` on.
    pub target: Arc<str>,
    /// `Host`, and without its port what the certificate has to be for: that of `url`.
    pub host: HeaderValue,
    /// How its certificate is judged; [`Trust::Anyone`] towards loopback and private addresses only.
    pub trust: Trust,
    /// How often: 1 s to 24 h.
    pub interval: Duration,
    /// Where the last good one is kept over a restart; `None`: nowhere.
    pub cache: Option<PathBuf>,
    /// The URL of `--map` that it is sent to.
    pub mapped_to: Option<Arc<str>>,
}

impl PageUrl {
    /// The host of [`PageUrl::host`]: without a port, an IPv6 address without its brackets.
    pub fn name(&self) -> &str {
        let host = self.host.to_str().unwrap_or_default();
        match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        }
    }
}

/// What a behavior points at: an ordered list of members with criteria. A behavior that names a single
/// origin gets a target of one member that falls through on nothing.
/// Source: Developer Guide, "Optimize high availability with CloudFront origin failover"; more than two members are ours.
#[derive(Clone, Debug)]
pub struct Target {
    /// The origin's or the group's id.
    pub name: Arc<str>,
    /// True for an origin group, false for a single origin.
    pub is_group: bool,
    /// In the order they are asked; never empty.
    pub members: Vec<Member>,
    /// For all attempts together; `None`: only the members' own timers count (CloudFront).
    pub deadline: Option<Duration>,
}

/// One member of a [`Target`], with all that the failover rule needs to know about it.
#[derive(Clone, Debug)]
pub struct Member {
    /// Which origin.
    pub origin: OriginId,
    /// True if the origin is a [`Page`]: it answers at once and gets a share of the deadline kept for it.
    pub is_page: bool,
    /// When the next member is asked instead.
    pub criteria: FailoverCriteria,
    /// The origin's timers; a page's are unused, and of a folder's only the response timeout counts.
    pub timers: Timers,
    /// GET and HEAD are sent again to the same origin after a response timeout, up to `connection_attempts` in all
    /// (CloudFront; Developer Guide, "Origin response timeout").
    pub retries_response_timeout: bool,
    /// Where the member is a record: this is its primary, and who stands in for it.
    pub record: Option<RecordMember>,
}

/// What a member has more where it is a record.
#[derive(Clone, Debug)]
pub struct RecordMember {
    /// Which record.
    pub id: RecordId,
    /// The member that stands in its place while the record is on its secondary.
    pub secondary: Box<Member>,
}

impl Target {
    /// The records among its members, in order.
    pub fn records(&self) -> impl Iterator<Item = RecordId> {
        self.members
            .iter()
            .filter_map(|member| member.record.as_ref().map(|record| record.id))
    }

    /// The same target with its records on these sides: what a request is answered by. Who would be asked twice then is
    /// asked once, the first time.
    #[must_use]
    pub fn routed(&self, side: impl Fn(RecordId) -> Side) -> Self {
        let mut members: Vec<Member> = Vec::with_capacity(self.members.len());
        for member in &self.members {
            let member = match &member.record {
                Some(record) if side(record.id) == Side::Secondary => &record.secondary,
                Some(_) | None => member,
            };
            if members.iter().all(|before| before.origin != member.origin) {
                members.push(member.clone());
            }
        }
        Self {
            name: Arc::clone(&self.name),
            is_group: self.is_group,
            members,
            deadline: self.deadline,
        }
    }

    /// What [`Member::worst_case`] adds up to: the longest time to an answer, whatever the kind of request.
    pub fn worst_case(&self) -> Duration {
        self.members
            .iter()
            .map(Member::worst_case)
            .fold(Duration::ZERO, Duration::saturating_add)
    }
}

impl Member {
    /// The longest time to this member's outcome, on either side of a record, by its timers alone: every try connects as slowly as it may, and waits as
    /// long as it may for an answer where that is tried again. No time at all for a page. What the failover rule makes of
    /// it for one request may be less, never more: a property in `rules` holds the two together.
    pub fn worst_case(&self) -> Duration {
        if self.is_page {
            return Duration::ZERO;
        }
        let timers = &self.timers;
        let tries = u32::from(timers.connection_attempts.get());
        let waits = if self.retries_response_timeout {
            tries
        } else {
            1
        };
        let longest = timers
            .connection_timeout
            .saturating_mul(tries)
            .saturating_add(timers.response_timeout.saturating_mul(waits));
        let longest = timers
            .response_completion_timeout
            .map_or(longest, |limit| longest.min(limit));
        match &self.record {
            Some(record) => longest.max(record.secondary.worst_case()),
            None => longest,
        }
    }
}

/// When a member's outcome sends the request on to the next member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailoverCriteria {
    /// Statuses of the origin that fall through.
    pub statuses: StatusSet,
    /// Those of `statuses` that are held while later members are asked, and delivered if none answers below 400.
    pub soft: StatusSet,
    /// Failures that fall through.
    pub failures: FailureSet,
}

impl FailoverCriteria {
    /// The statuses that can be listed. Source: Developer Guide, "Optimize high availability with CloudFront origin failover".
    pub const STATUSES: [u16; 9] = [400, 403, 404, 416, 429, 500, 502, 503, 504];
}

/// Why an attempt brought no usable answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Failure {
    /// The origin's name did not resolve.
    Dns,
    /// The connection was refused or reset while connecting, or there is no route.
    Refused,
    /// TCP, TLS or the wait for a free connection took longer than the connection timeout.
    ConnectTimeout,
    /// The handshake failed: certificate, name, no common suite.
    Tls,
    /// The connection ended after (part of) the request was written and before the head of the answer was complete.
    Reset,
    /// The origin stopped reading the request body for as long as the response timeout.
    WriteStalled,
    /// No byte of the answer came within the response timeout, or its head stopped arriving for as long, or was sent in
    /// drops for so long that others had to be asked instead.
    ResponseTimeout,
    /// The response completion timeout, or the target's deadline, ended the exchange before a head came.
    CompletionTimeout,
    /// The answer is not HTTP, switches protocols unasked, or sends interim answers without end.
    Malformed,
    /// The head of the answer is larger than the limit.
    HeaderTooBig,
}

impl Failure {
    /// All of them, in order of declaration.
    pub const ALL: [Self; 10] = [
        Self::Dns,
        Self::Refused,
        Self::ConnectTimeout,
        Self::Tls,
        Self::Reset,
        Self::WriteStalled,
        Self::ResponseTimeout,
        Self::CompletionTimeout,
        Self::Malformed,
        Self::HeaderTooBig,
    ];

    /// True where no request byte can have been sent: a further try on the same origin is safe for any method.
    pub fn is_connect(self) -> bool {
        matches!(
            self,
            Self::Dns | Self::Refused | Self::ConnectTimeout | Self::Tls
        )
    }

    /// A word for logs and headers: lower case, with `-`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Refused => "refused",
            Self::ConnectTimeout => "connect-timeout",
            Self::Tls => "tls",
            Self::Reset => "reset",
            Self::WriteStalled => "write-stalled",
            Self::ResponseTimeout => "response-timeout",
            Self::CompletionTimeout => "completion-timeout",
            Self::Malformed => "malformed",
            Self::HeaderTooBig => "header-too-big",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A set of [`Failure`]s.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct FailureSet(u16);

impl FailureSet {
    /// Every failure: what resilient groups fall through on.
    pub fn all() -> Self {
        Failure::ALL.into_iter().collect()
    }

    /// Whether `failure` is in it.
    pub fn contains(self, failure: Failure) -> bool {
        self.0 & (1 << failure as u8) != 0
    }
}

impl FromIterator<Failure> for FailureSet {
    fn from_iter<I: IntoIterator<Item = Failure>>(failures: I) -> Self {
        Self(
            failures
                .into_iter()
                .fold(0, |set, failure| set | (1 << failure as u8)),
        )
    }
}

impl fmt::Debug for FailureSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(
                Failure::ALL
                    .iter()
                    .filter(|failure| self.contains(**failure)),
            )
            .finish()
    }
}

/// A set of HTTP statuses, 100 to 611.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct StatusSet([u64; 8]);

impl StatusSet {
    /// Whether `status` is in it.
    pub fn contains(&self, status: StatusCode) -> bool {
        let index = usize::from(status.as_u16() - 100);
        self.0
            .get(index / 64)
            .is_some_and(|word| word & (1 << (index % 64)) != 0)
    }

    /// The statuses in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = StatusCode> {
        let set = *self;
        (100..612).filter_map(move |code| {
            StatusCode::from_u16(code)
                .ok()
                .filter(|status| set.contains(*status))
        })
    }

    /// True if nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; 8]
    }
}

impl FromIterator<StatusCode> for StatusSet {
    fn from_iter<I: IntoIterator<Item = StatusCode>>(statuses: I) -> Self {
        let mut set = Self::default();
        for status in statuses {
            let index = usize::from(status.as_u16() - 100);
            if let Some(word) = set.0.get_mut(index / 64) {
                *word |= 1 << (index % 64);
            }
        }
        set
    }
}

impl fmt::Debug for StatusSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.iter().map(|status| status.as_u16()))
            .finish()
    }
}
