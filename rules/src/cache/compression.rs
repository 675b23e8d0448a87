//! What the edge compresses, and what it then says of it. Source: Developer Guide, "Serve compressed files".

use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE,
    ETAG, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use tideover_config::{CachePolicy, Compression};

use super::directives::Directives;
use crate::fields::Fields;
use crate::headers::made;

/// Shorter bodies are not worth it, longer ones take too long: bytes, both of them compressed still.
const LENGTHS: std::ops::RangeInclusive<u64> = 1_000..=10_000_000;

/// Media types that are compressed, by their first half. All of them are in small letters.
const TYPES: [(&str, &[&str]); 4] = [
    (
        "application",
        &[
            "dash+xml",
            "eot",
            "font",
            "font-sfnt",
            "javascript",
            "json",
            "opentype",
            "otf",
            "pdf",
            "pkcs7-mime",
            "protobuf",
            "rss+xml",
            "truetype",
            "ttf",
            "vnd.apple.mpegurl",
            "vnd.mapbox-vector-tile",
            "vnd.ms-fontobject",
            "wasm",
            "xhtml+xml",
            "xml",
            "x-font-opentype",
            "x-font-truetype",
            "x-font-ttf",
            "x-httpd-cgi",
            "x-javascript",
            "x-mpegurl",
            "x-opentype",
            "x-otf",
            "x-perl",
            "x-ttf",
        ],
    ),
    ("font", &["eot", "opentype", "otf", "ttf"]),
    ("image", &["svg+xml"]),
    (
        "text",
        &[
            "css",
            "csv",
            "html",
            "javascript",
            "js",
            "plain",
            "richtext",
            "tab-separated-values",
            "xml",
            "x-component",
            "x-java-source",
            "x-script",
        ],
    ),
];

/// A coding that the edge can apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// `gzip`.
    Gzip,
    /// `br`.
    Brotli,
}

impl Coding {
    /// `gzip` or `br`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
        }
    }
}

/// What a viewer who asked by `version` with the fields `viewer` takes of what `compression` has: Brotli first. Qualities have
/// no say, except `q=0`.
fn taken(compression: Compression, viewer: Fields<'_>, version: Version) -> Option<Coding> {
    let Compression { gzip, brotli } = compression;
    // The normalised list begins with the one that comes first.
    match made::accept_encoding(viewer, version, gzip, brotli)? {
        "gzip" => Some(Coding::Gzip),
        _ => Some(Coding::Brotli),
    }
}

/// What an origin's answer, which is kept, is compressed with for a viewer who asked by `version` with the fields `viewer`;
/// `None`: it is kept and passed on as it is.
///
/// A 206 is never compressed: its bytes are counted in what the origin has.
pub fn coding(
    policy: &CachePolicy,
    viewer: Fields<'_>,
    version: Version,
    status: StatusCode,
    answer: &HeaderMap,
) -> Option<Coding> {
    let coding = taken(policy.compression, viewer, version)?;
    let is_compressible = matches!(
        status,
        StatusCode::OK | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND
    ) && length(answer).is_some_and(|bytes| LENGTHS.contains(&bytes))
        && !answer.contains_key(CONTENT_ENCODING)
        && is_listed(answer)
        && !(policy.heeds_no_transform && forbids_transformation(policy, answer));
    is_compressible.then_some(coding)
}

/// Bytes of the body, by `Content-Length`. A chunked one has none.
pub fn length(answer: &HeaderMap) -> Option<u64> {
    let mut lines = answer.get_all(CONTENT_LENGTH).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return None;
    };
    line.to_str().ok()?.parse().ok()
}

/// Whether the media type is one of [`TYPES`]; its parameters do not matter. Two types are none.
fn is_listed(answer: &HeaderMap) -> bool {
    let mut lines = answer.get_all(CONTENT_TYPE).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return false;
    };
    let mut parts = line.as_bytes().splitn(2, |byte| *byte == b';');
    let essence = parts.next().unwrap_or_default().trim_ascii();
    let Some(slash) = essence.iter().position(|byte| *byte == b'/') else {
        return false;
    };
    let (first, second) = essence.split_at(slash);
    let second = second.get(1..).unwrap_or_default();
    TYPES.iter().any(|(listed, seconds)| {
        first.eq_ignore_ascii_case(listed.as_bytes())
            && seconds
                .iter()
                .any(|listed| second.eq_ignore_ascii_case(listed.as_bytes()))
    })
}

/// `no-transform`, wherever it stands: a field for this cache alone says nothing to whoever changes a message on its way, and
/// that is the edge as well. Source: RFC 9110, section 7.7; RFC 9111, section 5.2.2.6.
fn forbids_transformation(policy: &CachePolicy, answer: &HeaderMap) -> bool {
    let says_so = |targeted| Directives::of(answer, targeted).no_transform;
    (answer.contains_key(CACHE_CONTROL) && says_so(None))
        || (policy.targeted.is_some() && says_so(policy.targeted.as_ref()))
}

/// An answer that the edge has compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compressed {
    /// What with.
    pub coding: Coding,
    /// Its tag was a strong one before that.
    pub was_strong: bool,
}

/// Makes of `answer`, the head of a body as the origin has it, that of the body compressed with `coding`: `Content-Encoding`
/// and `Vary` say so, a strong tag becomes a weak one, what is no tag is gone, and so is what counts or sums the bytes that the
/// origin has. The length of what comes out is not known yet.
pub fn describe(answer: &mut HeaderMap, coding: Coding) -> Compressed {
    const SUMS: [HeaderName; 4] = [
        HeaderName::from_static("content-md5"),
        HeaderName::from_static("content-digest"),
        HeaderName::from_static("digest"),
        HeaderName::from_static("repr-digest"),
    ];
    answer.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.word()));
    answer.remove(CONTENT_LENGTH);
    answer.remove(ACCEPT_RANGES);
    for name in SUMS {
        answer.remove(name);
    }
    let varies_already = answer
        .get_all(VARY)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|name| name == b"*" || name.eq_ignore_ascii_case(ACCEPT_ENCODING.as_str().as_bytes()));
    if !varies_already {
        answer.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    let tag = answer.remove(ETAG);
    let was_strong = tag
        .as_ref()
        .is_some_and(|tag| tag.as_bytes().starts_with(b"\""));
    let weak = tag.and_then(|tag| match tag.as_bytes() {
        strong if was_strong => HeaderValue::from_bytes(&[WEAK, strong].concat()).ok(),
        other => other.starts_with(WEAK).then_some(tag),
    });
    if let Some(weak) = weak {
        answer.insert(ETAG, weak);
    }
    Compressed { coding, was_strong }
}

/// Stands before the quotes of a weak tag. Source: RFC 9110, section 8.8.3.
const WEAK: &[u8] = b"W/";

impl Compressed {
    /// Gives the fields `kept` the tag back that the origin gave them. It is asked about by that one: not every origin compares
    /// weakly, as it should.
    pub fn with_the_origins_tag(self, mut kept: HeaderMap) -> HeaderMap {
        let strong = kept
            .get(ETAG)
            .filter(|_| self.was_strong)
            .and_then(|tag| tag.as_bytes().strip_prefix(WEAK))
            .and_then(|tag| HeaderValue::from_bytes(tag).ok());
        if let Some(strong) = strong {
            kept.insert(ETAG, strong);
        }
        kept
    }
}
