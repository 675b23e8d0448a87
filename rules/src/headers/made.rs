//! Values that the edge makes, or adds to what others said.

use http::header::ACCEPT_ENCODING;
use http::{HeaderName, HeaderValue, Version};
use tideover_config::{CloudFrontHeader, Via, ViewerScheme};

use super::Viewer;
use super::copied::Connection;
use crate::fields::{Fields, Known};

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
    match scheme {
        ViewerScheme::Http => const { HeaderValue::from_static("http") },
        ViewerScheme::Https => const { HeaderValue::from_static("https") },
    }
}

/// The lines `before` and this edge's element, for a message that came by `version`.
pub(super) fn via<'h>(
    before: impl Iterator<Item = &'h HeaderValue>,
    own: &Via,
    version: Version,
) -> Option<HeaderValue> {
    let version: &[u8] = match version {
        Version::HTTP_09 | Version::HTTP_10 => b"1.0 ",
        Version::HTTP_2 => b"2.0 ",
        Version::HTTP_3 => b"3.0 ",
        _ => return added_to(before, own.by_http_1_1()),
    };
    let element = HeaderValue::try_from([version, own.received_by()].concat()).ok()?;
    added_to(before, &element)
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
        CloudFrontHeader::ViewerHttpVersion => (
            &VIEWER_HTTP_VERSION,
            Some(HeaderValue::from_static(http_version(viewer))),
        ),
    }
}

/// `CloudFront-Viewer-Http-Version`.
pub(crate) fn http_version(viewer: &Viewer<'_>) -> &'static str {
    match viewer.version {
        Version::HTTP_09 | Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2.0",
        Version::HTTP_3 => "3.0",
        _ => "1.1",
    }
}

/// The lines `before` and one more `element`, as one line: a cheap copy of the element where there is nothing before it.
/// `None` only if both together cannot stand in a header, which they can if each can.
pub(super) fn added_to<'h>(
    before: impl Iterator<Item = &'h HeaderValue>,
    element: &HeaderValue,
) -> Option<HeaderValue> {
    let mut lines = before
        .map(HeaderValue::as_bytes)
        .filter(|line| !line.is_empty());
    let Some(first) = lines.next() else {
        return Some(element.clone());
    };
    let mut all = Vec::with_capacity(first.len() + 2 + element.len());
    for line in std::iter::once(first).chain(lines) {
        all.extend_from_slice(line);
        all.extend_from_slice(b", ");
    }
    all.extend_from_slice(element.as_bytes());
    HeaderValue::try_from(all).ok()
}

/// `br,gzip`, `br` or `gzip`: what the viewer accepts of what is enabled; `None`: the header is not sent.
/// A quality has no say, except `0`, which means "not acceptable" (RFC 9110, section 12.4.2).
/// Nothing of it counts where the request came by HTTP/1.0. Source: Developer Guide, "Serve compressed files".
pub(crate) fn accept_encoding(
    sent: Fields<'_>,
    version: Version,
    gzip: bool,
    brotli: bool,
) -> Option<&'static str> {
    if version < Version::HTTP_11 || Connection::of(sent).names(&ACCEPT_ENCODING) {
        return None;
    }
    match (
        brotli && accepts(sent, b"br"),
        gzip && accepts(sent, b"gzip"),
    ) {
        (true, true) => Some("br,gzip"),
        (true, false) => Some("br"),
        (false, true) => Some("gzip"),
        (false, false) => None,
    }
}

fn accepts(sent: Fields<'_>, coding: &[u8]) -> bool {
    sent.elements(Known::AcceptEncoding).any(|element| {
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
pub(super) fn accepts_trailers(sent: Fields<'_>) -> bool {
    sent.elements(Known::Te)
        .any(|element| element.eq_ignore_ascii_case(b"trailers"))
}
