//! What is said of the cache.

use http::HeaderName;

use super::{At, Place, Span};
use crate::behavior::{AcceptEncoding, CloudFrontHeader, NameSelection};
use crate::cache::Compression;

/// `[cache]`: how much it may keep.
#[derive(Clone, Debug, Default)]
pub(crate) struct CacheLimits {
    pub memory: Option<At<Size>>,
    pub object: Option<At<Size>>,
    pub slice: Option<At<Size>>,
}

/// A number of bytes as written: `"256MiB"`, or the plain number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Size {
    Text(String),
    Bytes(i64),
}

/// What a behavior says of how answers are kept; in TOML, a distribution may say it for all of its behaviors.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caching {
    /// Beyond: `off`, `origin` or `cloudfront`.
    pub cache: Option<At<String>>,
    /// Beyond: in place of a policy's.
    pub key: Option<CacheKey>,
    pub min_ttl: Option<At<Span>>,
    /// TOML: a span, or `heuristic`.
    pub default_ttl: Option<At<Span>>,
    pub max_ttl: Option<At<Span>>,
    /// Beyond.
    pub stale_if_error: Option<At<Span>>,
    /// Beyond.
    pub collapse: Option<At<bool>>,
    pub compress: Option<At<Compress>>,
}

/// What the edge compresses with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Compress {
    /// `true`: with whatever the key tells apart.
    Yes,
    /// `false`.
    No,
    /// Beyond: a list.
    With(Compression),
}

/// `cache_key`.
#[derive(Clone, Debug)]
pub(crate) struct CacheKey {
    pub place: Place,
    pub headers: Option<Vec<HeaderName>>,
    pub cookies: Option<NameSelection>,
    pub query: Option<NameSelection>,
    pub accept_encoding: Option<AcceptEncoding>,
    pub made: Option<Vec<CloudFrontHeader>>,
}
