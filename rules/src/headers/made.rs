//! Values that the edge makes, or adds to what others said.

use http::header::{self, ACCEPT_ENCODING, GetAll, TE};
use http::{HeaderMap, HeaderName, HeaderValue, Version};
use tideover_config::{CloudFrontHeader, ViewerScheme};

use super::Viewer;

pub(super) static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(super) static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static FORWARDED_PROTO: HeaderName = HeaderName::from_static("cloudfront-forwarded-proto");
static VIEWER_ADDRESS: HeaderName = HeaderName::from_static("cloudfront-viewer-address");
static VIEWER_HTTP_VERSION: HeaderName = HeaderName::from_static("cloudfront-viewer-http-version");

/// `User-Agent: Amazon CloudFront`, also where the viewer sent none.
pub(super) fn user_agent() -> HeaderValue {
    HeaderValue::from_static("Amazon CloudFront")
}

/// `TE: trailers`.
pub(super) fn trailers() -> HeaderValue {
    HeaderValue::from_static("trailers")
}

/// `Connection: te`, which `TE` must come with.
pub(super) fn te() -> HeaderValue {
    HeaderValue::from_static("te")
}

pub(super) fn scheme(scheme: ViewerScheme) -> HeaderValue {
    HeaderValue::from_static(scheme.as_str())
}

/// The first half of a `Via` element.
pub(super) fn via_version(version: Version) -> &'static [u8] {
    match version {
        Version::HTTP_09 | Version::HTTP_10 => b"1.0 ",
        Version::HTTP_2 => b"2.0 ",
        Version::HTTP_3 => b"3.0 ",
        _ => b"1.1 ",
    }
}

/// One of the headers that the edge makes about the viewer; no value if it cannot be said.
pub(super) fn about_the_viewer(
    wanted: CloudFrontHeader,
    viewer: &Viewer<'_>,
) -> (&'static HeaderName, Option<HeaderValue>) {
    match wanted {
        CloudFrontHeader::ForwardedProto => (&FORWARDED_PROTO, Some(scheme(viewer.scheme))),
        CloudFrontHeader::ViewerAddress => {
            // IPv6 addresses have no brackets here: the last colon divides.
            let mut port = itoa::Buffer::new();
            let port = port.format(viewer.port).as_bytes();
            let address = [viewer.address_text.as_bytes(), b":", port].concat();
            (&VIEWER_ADDRESS, HeaderValue::try_from(address).ok())
        }
        CloudFrontHeader::ViewerHttpVersion => {
            let version = match viewer.version {
                Version::HTTP_09 | Version::HTTP_10 => "1.0",
                Version::HTTP_2 => "2.0",
                Version::HTTP_3 => "3.0",
                _ => "1.1",
            };
            (
                &VIEWER_HTTP_VERSION,
                Some(HeaderValue::from_static(version)),
            )
        }
    }
}

/// The lines `before` and one more element, made of `parts`, as one line. `None` only if the element cannot stand in a
/// header, which `config` sees to.
pub(super) fn added_to(
    before: Option<&GetAll<'_, HeaderValue>>,
    parts: &[&[u8]],
) -> Option<HeaderValue> {
    let lines = || {
        before
            .into_iter()
            .flatten()
            .map(HeaderValue::as_bytes)
            .filter(|line| !line.is_empty())
    };
    let length = lines().map(|line| line.len() + 2).sum::<usize>()
        + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut all = Vec::with_capacity(length);
    for line in lines() {
        all.extend_from_slice(line);
        all.extend_from_slice(b", ");
    }
    for part in parts {
        all.extend_from_slice(part);
    }
    HeaderValue::try_from(all).ok()
}

/// Like [`added_to`], with an element that is at hand: a cheap copy where there is nothing before it.
pub(super) fn value_added_to(
    before: Option<&GetAll<'_, HeaderValue>>,
    element: &HeaderValue,
) -> Option<HeaderValue> {
    let is_first = before.is_none_or(|lines| lines.iter().all(HeaderValue::is_empty));
    if is_first {
        Some(element.clone())
    } else {
        added_to(before, &[element.as_bytes()])
    }
}

/// `br,gzip`, `br` or `gzip`: what the viewer accepts of what is enabled; `None`: the header is not sent.
/// A quality has no say, except `0`, which means "not acceptable" (RFC 9110, section 12.4.2).
/// Source: Developer Guide, "Serve compressed files".
pub(super) fn accept_encoding(sent: &HeaderMap, gzip: bool, brotli: bool) -> Option<HeaderValue> {
    let value = match (
        brotli && accepts(sent, b"br"),
        gzip && accepts(sent, b"gzip"),
    ) {
        (true, true) => "br,gzip",
        (true, false) => "br",
        (false, true) => "gzip",
        (false, false) => return None,
    };
    Some(HeaderValue::from_static(value))
}

fn accepts(sent: &HeaderMap, coding: &[u8]) -> bool {
    elements(sent, &ACCEPT_ENCODING).any(|element| {
        let mut parts = element.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(coding))
            && !parts.any(is_quality_of_nothing)
    })
}

/// `q=0`, with any number of zeros behind the point.
fn is_quality_of_nothing(parameter: &[u8]) -> bool {
    match parameter {
        [b'q' | b'Q', b'=', quality @ ..] => {
            quality.first() == Some(&b'0') && quality.iter().all(|byte| matches!(byte, b'0' | b'.'))
        }
        _ => false,
    }
}

/// Whether the viewer's `TE` has `trailers`.
pub(super) fn accepts_trailers(sent: &HeaderMap) -> bool {
    elements(sent, &TE).any(|element| element.eq_ignore_ascii_case(b"trailers"))
}

fn elements<'h>(
    headers: &'h HeaderMap,
    name: &'static header::HeaderName,
) -> impl Iterator<Item = &'h [u8]> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
}
