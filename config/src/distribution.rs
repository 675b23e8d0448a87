//! A distribution: the hosts it answers to, its behaviors in order, and the voice in which the edge speaks for it.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, StatusCode};

use crate::behavior::Behaviors;

/// One distribution. Source: API shape `DistributionConfig`.
#[derive(Clone, Debug)]
pub struct Distribution {
    /// Its place in [`Edge::distributions`](crate::Edge::distributions).
    pub position: usize,
    /// The name in `[distribution.NAME]`, or CloudFront's id, or `default`.
    pub id: Arc<str>,
    /// `d….cloudfront.net`, or a made-up name of that form: `cs(Host)` in the log.
    pub domain_name: Arc<str>,
    /// Alternate domain names, lower case; `*.` allowed in front. Empty: any host.
    pub aliases: Vec<Arc<str>>,
    /// False: every request is answered 403.
    pub enabled: bool,
    /// What a request for exactly `/` asks for: `/index.html`, with its slash.
    pub default_root_object: Option<Arc<str>>,
    /// In order of matching; the last one is the default behavior and takes everything. Never empty.
    pub behaviors: Behaviors,
    /// At most one per status.
    pub error_responses: Vec<CustomErrorResponse>,
    /// How the edge speaks.
    pub voice: Voice,
    /// How requests that went in a circle are known.
    pub loops: LoopCheck,
}

/// A custom error response. Source: API shape `CustomErrorResponse`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomErrorResponse {
    /// The final status that it replaces.
    pub error_code: StatusCode,
    /// The page, and the status it is delivered with; `None`: the entry only sets a caching time.
    pub page: Option<ErrorPage>,
    /// `ErrorCachingMinTTL` in seconds; not used before there is a cache.
    pub min_ttl_seconds: Option<u32>,
}

/// Where a custom error page is fetched from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorPage {
    /// A path of the same distribution, starting with `/`.
    pub path: Arc<str>,
    /// The status that the viewer sees.
    pub status: StatusCode,
}

/// How requests that went in a circle are known and refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoopCheck {
    /// `Via` shows this edge's own element, or more than two distributions: 403 (CloudFront).
    Via,
    /// `CDN-Loop` (RFC 8586) holds this id: 508.
    CdnLoop {
        /// The id that is sent and looked for.
        cdn_id: HeaderValue,
    },
}

/// How the edge speaks for itself: names, headers and pages.
#[derive(Clone, Debug)]
pub struct Voice {
    /// `cloudfront` or `tideover`, or the operator's word: `X-Cache: Miss from …`, `Proxy-Status: …`.
    pub name: Arc<str>,
    /// This edge's element of `Via`.
    pub via: Via,
    /// The header that carries the request id: `x-amz-cf-id` or `x-request-id`.
    pub request_id: HeaderName,
    /// `x-amz-cf-pop` and its value, in faithful mode.
    pub pop: Option<(HeaderName, HeaderValue)>,
    /// `Server` of answers that the edge makes itself.
    pub server: HeaderValue,
    /// The look of pages that the edge makes itself.
    pub pages: Pages,
    /// Who is told what was tried: `Proxy-Status` and `Tideover-Attempts`.
    pub attempts: AttemptsShown,
    /// Who is told how long each attempt took, and the edge itself: `Server-Timing`.
    pub server_timing: AttemptsShown,
}

/// An element of `Via`: a protocol's version and who received the message by it. Source: RFC 9110, section 7.6.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via(HeaderValue);

impl Via {
    const VERSION: &str = "1.1 ";

    /// The element of `received_by`, a token or a host, with a comment or without: `0123abcd.cloudfront.net (CloudFront)`.
    ///
    /// # Panics
    /// If that cannot stand in a header. Names are checked before they come here.
    pub fn new(received_by: &str) -> Self {
        let element = [Self::VERSION, received_by].concat();
        Self(HeaderValue::try_from(element).expect("a name that can stand in a header"))
    }

    /// The element for a message that came by HTTP/1.1: `1.1 0123abcd.cloudfront.net (CloudFront)`.
    pub fn by_http_1_1(&self) -> &HeaderValue {
        &self.0
    }

    /// What follows the version.
    pub fn received_by(&self) -> &[u8] {
        self.0
            .as_bytes()
            .get(Self::VERSION.len()..)
            .unwrap_or_default()
    }
}

/// The look of edge-made pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// HTML in the structure of CloudFront's, whatever `Accept` says.
    CloudFront,
    /// Our own HTML, or `application/problem+json` (RFC 9457) where `Accept` prefers JSON.
    ByAccept,
}

/// Who sees what was tried: `Proxy-Status` and `Tideover-Attempts`, and `Server-Timing`.
#[derive(Clone, PartialEq, Eq)]
pub enum AttemptsShown {
    /// Every viewer.
    Public,
    /// Viewers that send this value as `Tideover-Token`.
    Token(Secret),
    /// Nobody; the log still tells.
    Off,
}

impl std::fmt::Debug for AttemptsShown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Public => "Public",
            Self::Token(_) => "Token",
            Self::Off => "Off",
        })
    }
}

/// A value that is never printed: it has neither `Display` nor `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Keeps `value` out of sight.
    pub fn new(value: &str) -> Self {
        Self(value.into())
    }

    /// For whoever has to use it, and shows it to nobody.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether `candidate` is the secret; the time taken does not depend on where they differ.
    pub fn is(&self, candidate: &[u8]) -> bool {
        let secret = self.0.as_bytes();
        secret.len() == candidate.len()
            && secret
                .iter()
                .zip(candidate)
                .fold(0, |differ, (a, b)| differ | (a ^ b))
                == 0
    }
}
