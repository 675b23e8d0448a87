//! Cache behaviors: which requests they take, where those go, and what of them is passed on.

mod ordered;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};

use crate::cache::CachePolicy;
use crate::expect::Expect;
use crate::origin::TargetId;

pub use ordered::Behaviors;

/// One cache behavior. Source: API shape `CacheBehavior`.
#[derive(Clone, Debug)]
pub struct Behavior {
    /// Which paths it takes; the default behavior takes all.
    pub path: PathPattern,
    /// Which methods are part of the match; `None`: all (CloudFront).
    pub for_methods: Option<MethodSet>,
    /// Methods that are forwarded; others are answered 403.
    pub allowed_methods: MethodSet,
    /// Methods that may fall through to the next member: a subset of GET, HEAD, OPTIONS.
    pub falls_through: MethodSet,
    /// GET with a body.
    pub get_body: GetBody,
    /// What a plain-HTTP viewer gets.
    pub viewer_protocol: ViewerProtocol,
    /// Who answers.
    pub target: TargetId,
    /// What of the viewer's request the origin is sent.
    pub origin_request: OriginRequest,
    /// What of the origin's answer the viewer is sent.
    pub viewer_response: ViewerResponse,
    /// How answers are kept; `None`: not at all.
    pub cache: Option<CachePolicy>,
    /// How a write is answered whose origin is down.
    pub write_error: WriteError,
    /// What a drill has to find; requests never look at it.
    pub expect: Option<Expect>,
}

/// `ViewerProtocolPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewerProtocol {
    /// `allow-all`.
    HttpAndHttps,
    /// `redirect-to-https`.
    RedirectToHttps,
    /// `https-only`.
    HttpsOnly,
}

/// What becomes of a GET or HEAD that has a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GetBody {
    /// 403. Source: Developer Guide, "Request and response behavior for custom origins", HTTP methods.
    Refused,
    /// Sent to one origin, once, like a write.
    SentOnce,
}

/// How a write whose origin is down is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// 502 or 504, as for any other method (CloudFront).
    Plain,
    /// 503 with `Retry-After`, saying whether anything was sent.
    Explained {
        /// Body text when no byte reached the origin; contains "nothing was sent" unless the operator chose other words.
        nothing_sent: Arc<str>,
        /// Body text when the origin may have acted; contains "outcome unknown" unless the operator chose other words.
        outcome_unknown: Arc<str>,
        /// `Retry-After`, whole seconds on the wire.
        retry_after: Duration,
    },
}

/// A set of the seven methods that CloudFront knows.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct MethodSet(u8);

impl MethodSet {
    const NAMES: [&'static str; 7] = ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"];

    /// GET, HEAD.
    pub const READS: Self = Self(0b000_0011);
    /// GET, HEAD, OPTIONS.
    pub const READS_AND_OPTIONS: Self = Self(0b000_0111);
    /// PUT, PATCH, POST, DELETE.
    pub const WRITES: Self = Self(0b111_1000);
    /// All seven.
    pub const ALL: Self = Self(0b111_1111);

    fn bit(method: &str) -> Option<u8> {
        Self::NAMES
            .iter()
            .position(|name| *name == method)
            .map(|index| 1 << index)
    }

    /// A set of one; `None` if the name is not one of the seven (they are case-sensitive).
    pub fn named(method: &str) -> Option<Self> {
        Self::bit(method).map(Self)
    }

    /// Whether `method` is in it.
    pub fn contains(self, method: &Method) -> bool {
        Self::bit(method.as_str()).is_some_and(|bit| self.0 & bit != 0)
    }

    /// Methods in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Methods in either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Methods in this one and not in the other.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// True if every method of `other` is in this one.
    pub fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// True if nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names, reads first.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .enumerate()
            .filter(move |(index, _)| self.0 & (1 << index) != 0)
            .map(|(_, name)| name)
    }
}

impl fmt::Debug for MethodSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// `*` and `?` over a whole path. Source: Developer Guide, "All distribution settings reference", path pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    /// As written, with a leading `/` added where it lacked and does not start with a wildcard.
    text: Arc<str>,
}

impl PathPattern {
    /// `images/*` and `/images/*` are the same pattern; `*` is everything.
    pub fn new(written: &str) -> Self {
        let text = if written.starts_with(['/', '*', '?']) {
            written.into()
        } else {
            format!("/{written}").into()
        };
        Self { text }
    }

    /// A pattern over some other text than a path: it stays as written.
    pub(crate) fn glob(written: &str) -> Self {
        Self {
            text: written.into(),
        }
    }

    /// The pattern of a default behavior.
    pub fn everything() -> Self {
        Self { text: "*".into() }
    }

    /// The pattern, as compared with the path.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the whole `path` matches, byte by byte and case-sensitively: `*` is any run of characters, `/` included,
    /// `?` any one. The caller normalises the path.
    pub fn matches(&self, path: &str) -> bool {
        wildcard_matches(self.text.as_bytes(), path.as_bytes())
    }
}

/// Whether all of `text` matches `pattern`, byte by byte and case-sensitively: `*` is any run of bytes, `?` any one.
/// Paths, names of cookies and ports of CORS origins are matched this way.
pub fn wildcard_matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut s) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while s < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, s));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[s] => {
                p += 1;
                s += 1;
            }
            _ => match star {
                // Only the last star needs another try: it may take one more byte.
                Some((after, taken)) => {
                    star = Some((after, taken + 1));
                    p = after;
                    s = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// What of the viewer's request an origin is sent: the union of cache policy and origin request policy, or legacy
/// `ForwardedValues`. Source: Developer Guide, "Control origin requests with a policy".
#[derive(Clone, Debug, PartialEq)]
pub struct OriginRequest {
    /// Which viewer headers are passed on, apart from those that the edge makes or removes itself.
    pub headers: HeaderSelection,
    /// Which cookies.
    pub cookies: NameSelection,
    /// Which query string parameters.
    pub query: NameSelection,
    /// `Accept-Encoding`.
    pub accept_encoding: AcceptEncoding,
    /// `Authorization` of a GET or HEAD.
    pub authorization: bool,
    /// The viewer's `User-Agent`; else `Amazon CloudFront` is sent.
    pub viewer_user_agent: bool,
    /// The viewer's `Host` goes to origins whose host is [`HostHeader::Own`](crate::HostHeader::Own).
    pub viewer_host: bool,
    /// Send `X-Forwarded-Host` and `X-Forwarded-Proto`; else the viewer's `X-Forwarded-Proto` is removed.
    pub forwarded_host_and_proto: bool,
    /// Pass trailers on, and `TE: trailers`.
    pub trailers: bool,
    /// `CloudFront-*` headers that the edge makes.
    pub cloudfront_headers: Vec<CloudFrontHeader>,
}

/// Which viewer headers go to the origin. Hop-by-hop and edge-made headers are outside of this choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderSelection {
    /// Every one.
    All,
    /// Every one but these.
    AllExcept(Vec<HeaderName>),
    /// These only, and those that describe a body.
    Only(Vec<HeaderName>),
    /// `ForwardedValues`: most of them, by the table of "Request and response behavior for custom origins"; of those that
    /// the table removes, these are kept.
    LegacyWith(Vec<HeaderName>),
}

/// A choice among cookies or query parameters by name. Cookie names may hold `*` and `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameSelection {
    /// Every one, untouched.
    All,
    /// None at all.
    None,
    /// These.
    Only(Vec<String>),
    /// All but these.
    Except(Vec<String>),
}

/// `Accept-Encoding` towards the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptEncoding {
    /// The viewer's own.
    Viewer,
    /// Reduced to what the cache policy enables and the viewer accepts: `br,gzip`, `br`, `gzip`, or absent.
    Normalised {
        /// `EnableAcceptEncodingGzip`.
        gzip: bool,
        /// `EnableAcceptEncodingBrotli`.
        brotli: bool,
    },
    /// Not sent.
    Removed,
}

/// Headers that the edge makes about the viewer. Source: Developer Guide, "Add CloudFront request headers".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloudFrontHeader {
    /// `CloudFront-Forwarded-Proto`: `http` or `https`.
    ForwardedProto,
    /// `CloudFront-Viewer-Address`: `ip:port`.
    ViewerAddress,
    /// `CloudFront-Viewer-Http-Version`: `1.0`, `1.1`, `2.0`.
    ViewerHttpVersion,
}

impl CloudFrontHeader {
    /// All that this edge makes.
    pub const ALL: [Self; 3] = [
        Self::ForwardedProto,
        Self::ViewerAddress,
        Self::ViewerHttpVersion,
    ];

    /// The one of this name, in whatever case; `None` if this edge does not make it.
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|header| header.name().eq_ignore_ascii_case(name))
    }

    /// Its name, as AWS writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ForwardedProto => "CloudFront-Forwarded-Proto",
            Self::ViewerAddress => "CloudFront-Viewer-Address",
            Self::ViewerHttpVersion => "CloudFront-Viewer-Http-Version",
        }
    }
}

/// What of an origin's answer the viewer is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewerResponse {
    /// Reduce `Vary` to what the behavior forwards (CloudFront); `None`: leave it.
    pub vary_kept: Option<Vec<HeaderName>>,
    /// Pass `Set-Cookie` on.
    pub set_cookie: bool,
    /// Turn a `Location` that names an origin of the target to the viewer's host.
    pub rewrite_location: bool,
    /// Pass trailers on.
    pub trailers: bool,
    /// The response headers policy, if any.
    pub policy: Option<Arc<ResponseHeadersPolicy>>,
}

/// A compiled response headers policy. Source: Developer Guide, "Understand response headers policies".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseHeadersPolicy {
    /// Removed first.
    pub removed: Vec<HeaderName>,
    /// Then set: the flag says that the origin's own value is replaced.
    pub set: Vec<(HeaderName, HeaderValue, bool)>,
    /// Answers CORS requests.
    pub cors: Option<Cors>,
}

/// `CorsConfig`. Source: API shape `ResponseHeadersPolicyCorsConfig`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// Allowed origins as written: `*`, or a host with an optional scheme, `*.` label and port.
    pub allow_origins: Vec<String>,
    /// Joined names, for preflights.
    pub allow_headers: Option<HeaderValue>,
    /// Joined methods, for preflights.
    pub allow_methods: Option<HeaderValue>,
    /// `Access-Control-Allow-Credentials: true`.
    pub allow_credentials: bool,
    /// Joined names.
    pub expose_headers: Option<HeaderValue>,
    /// Seconds, for preflights.
    pub max_age: Option<HeaderValue>,
    /// Replace the origin's CORS headers; false: any CORS header of the origin silences all of ours.
    pub origin_override: bool,
}
