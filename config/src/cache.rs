//! The cache: what of an answer's request names it, how long answers are used again, and how much memory they may take.

use std::time::Duration;

use http::HeaderName;

use crate::behavior::{AcceptEncoding, CloudFrontHeader, MethodSet, NameSelection};

/// How answers of a behavior are kept and used again. A behavior without one keeps nothing, and nothing waits for another's
/// fetch. Source: API shape `CachePolicyConfig`, or the legacy `ForwardedValues` and TTLs; RFC 9111 where nothing is said.
#[derive(Clone, Debug, PartialEq)]
pub struct CachePolicy {
    /// Methods whose answers are kept: GET and HEAD, and OPTIONS where it is chosen.
    pub methods: MethodSet,
    /// What tells two requests apart.
    pub key: KeyParts,
    /// The bounds of what the origin says.
    pub ttl: Ttls,
    /// What `Vary` means.
    pub vary: VaryRule,
    /// Which statuses are kept, and how long errors are.
    pub statuses: StatusRule,
    /// An answer to a request with `Authorization` is kept only if it says so (RFC 9111, section 3.5); false: like any other,
    /// as CloudFront does, which has it in the key or does not send it.
    pub authorization_needs_permission: bool,
    /// A minimum TTL above 0 beats `no-store`, `no-cache` and `private` of the origin. Source: Developer Guide, "Manage how
    /// long content stays in the cache (expiration)".
    pub minimum_beats_refusal: bool,
    /// Fields of `Cache-Control`'s kind that are for this cache, and come before it: `cdn-cache-control` (RFC 9213).
    pub targeted: Option<HeaderName>,
    /// When an answer that is too old is served all the same.
    pub stale: StaleRule,
    /// A write that went well makes what is kept of its URI unusable (RFC 9111, section 4.4).
    pub writes_invalidate: bool,
    /// Requests with one key wait for one fetch.
    pub collapse: bool,
    /// A viewer's `If-None-Match` and `If-Modified-Since` are answered from the cache; false: they are passed to the origin,
    /// as CloudFront does where cookies are forwarded.
    pub answers_conditions: bool,
    /// What the edge compresses with.
    pub compression: Compression,
    /// `no-transform` of an answer keeps the edge from compressing it (RFC 9110, section 7.7); false: it is not looked at.
    pub heeds_no_transform: bool,
}

/// What tells two requests apart, beside the distribution, the path and, for OPTIONS, the method.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyParts {
    /// Viewer headers by their lines; `host` is the one that was sent.
    pub headers: Vec<HeaderName>,
    /// Cookies.
    pub cookies: NameSelection,
    /// Query string parameters.
    pub query: NameSelection,
    /// [`AcceptEncoding::Normalised`]: by what is left of it; else it is no part of the key.
    pub accept_encoding: AcceptEncoding,
    /// Headers that the edge makes.
    pub made: Vec<CloudFrontHeader>,
}

/// Bounds in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ttls {
    /// `MinTTL`.
    pub min: Duration,
    /// What an answer is given that says nothing of its own.
    pub default: DefaultTtl,
    /// `MaxTTL`.
    pub max: Duration,
}

/// How long an answer is fresh that does not say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultTtl {
    /// `DefaultTTL`.
    Fixed(Duration),
    /// A tenth of the time since `Last-Modified`, for the statuses that RFC 9111, section 4.2.2, allows it for.
    Heuristic,
}

/// What `Vary` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VaryRule {
    /// Nothing, but that `*` is never answered without asking the origin (and nothing at all with a minimum TTL above 0):
    /// the key names what matters. Source: Developer Guide, "Request and response behavior for custom origins", Vary.
    KeySaysAll,
    /// It names what else tells requests apart (RFC 9111, section 4.1).
    Selects,
}

/// Which statuses are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusRule {
    /// CloudFront's lists; its errors are kept this long at least, unless a custom error response says otherwise.
    /// Source: Developer Guide, "How CloudFront processes HTTP 4xx and 5xx status codes from your origin".
    CloudFront {
        /// `ErrorCachingMinTTL` where nothing is said: 10 s.
        errors: Duration,
    },
    /// Any final status that says so, and without a word those that RFC 9110, section 15.1, calls heuristically cacheable.
    Rfc9111,
}

/// When an answer that is too old is served all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleRule {
    /// Origins failed, and the answer says nothing of `stale-if-error`: so long after it went stale; 0: not at all.
    /// By CloudFront's rules it is `MaxTTL`, which no answer outlives: a bound, more than a promise.
    pub if_error: Duration,
    /// As soon as it is known that no origin answers, without asking them.
    pub at_once: bool,
    /// After a stale one was served because of an error, the origins are left alone for so long.
    pub ask_again_after: Duration,
}

/// What the edge compresses with, for viewers who take it. Source: Developer Guide, "Serve compressed files".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compression {
    /// By gzip.
    pub gzip: bool,
    /// By Brotli, which comes first where both are possible.
    pub brotli: bool,
}

impl Compression {
    /// True if nothing is compressed.
    pub fn is_off(self) -> bool {
        self == Self::default()
    }
}

/// How much the cache may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// Bytes over all that is kept: keys, heads and bodies; 0: no behavior keeps anything.
    pub memory: u64,
    /// Bytes of the largest body that is kept whole.
    pub object: u64,
    /// Bytes of one slice of what is larger.
    pub slice: u64,
}

impl Default for CacheLimits {
    /// 256 MiB, 32 MiB, 1 MiB.
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Self {
            memory: 256 * MIB,
            object: 32 * MIB,
            slice: MIB,
        }
    }
}

impl CachePolicy {
    /// By CloudFront's rules; `sends_cookies`: origins are sent cookies. Source: Developer Guide, "Manage how long content stays
    /// in the cache (expiration)", "Request and response behavior for custom origins".
    pub fn as_cloudfront_does(
        methods: MethodSet,
        key: KeyParts,
        ttl: Ttls,
        sends_cookies: bool,
    ) -> Self {
        /// `ErrorCachingMinTTL` where nothing is said.
        const ERRORS: Duration = Duration::from_secs(10);
        Self {
            methods,
            key,
            ttl,
            vary: VaryRule::KeySaysAll,
            statuses: StatusRule::CloudFront { errors: ERRORS },
            authorization_needs_permission: false,
            minimum_beats_refusal: true,
            targeted: None,
            stale: StaleRule {
                if_error: ttl.max,
                at_once: false,
                ask_again_after: ERRORS,
            },
            writes_invalidate: false,
            collapse: !sends_cookies,
            answers_conditions: !sends_cookies,
            compression: Compression::default(),
            heeds_no_transform: false,
        }
    }

    /// RFC 9111, by the origin's own word: what a behavior of the resilient mode has if nothing else is said.
    pub fn by_the_origins_word() -> Self {
        const A_DAY: Duration = Duration::from_hours(24);
        Self {
            methods: MethodSet::READS,
            key: KeyParts {
                headers: vec![http::header::HOST],
                cookies: NameSelection::None,
                query: NameSelection::All,
                accept_encoding: AcceptEncoding::Viewer,
                made: vec![CloudFrontHeader::ForwardedProto],
            },
            ttl: Ttls {
                min: Duration::ZERO,
                default: DefaultTtl::Heuristic,
                max: A_DAY * 365,
            },
            vary: VaryRule::Selects,
            statuses: StatusRule::Rfc9111,
            authorization_needs_permission: true,
            minimum_beats_refusal: false,
            targeted: Some(HeaderName::from_static("cdn-cache-control")),
            stale: StaleRule {
                if_error: A_DAY,
                at_once: true,
                ask_again_after: Duration::ZERO,
            },
            writes_invalidate: true,
            collapse: true,
            answers_conditions: true,
            compression: Compression::default(),
            heeds_no_transform: true,
        }
    }
}
