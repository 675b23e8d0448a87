//! Is this request head fit to be forwarded? What cannot be understood in one way only is refused.

use http::{HeaderMap, Method, Uri, Version};

/// Why a head is refused with 400 and the connection closed. Source: RFC 9112, sections 2 to 7; RFC 9110, section 7.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// HTTP/1.1 without `Host`.
    MissingHost,
    /// An empty `Host`, or one that is not a host with an optional port.
    InvalidHost,
    /// More than one `Host`.
    SecondHost,
    /// The target is neither a path nor `http(s)://…` nor, for OPTIONS, `*`.
    InvalidTarget,
    /// The target names another host than `Host`.
    TargetAndHostDiffer,
    /// A transfer coding other than a single `chunked`, or any on HTTP/1.0.
    TransferEncoding,
    /// `Transfer-Encoding` beside `Content-Length`.
    LengthAndTransferEncoding,
    /// Several `Content-Length`s, or one that is not a plain number.
    ContentLength,
    /// A line that ends in a bare LF, or holds a bare CR or a NUL.
    LineEnding,
    /// A `#` in the target.
    Fragment,
}

/// The host that an admitted head asks: without port or final dot, in the viewer's letter case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host<'r> {
    /// What distributions are picked by.
    pub name: &'r str,
    /// The host as it was sent, port included: what `Host` forwarding passes on.
    pub sent: &'r str,
}

/// The host that this head asks, or why it must not be forwarded. HTTP/1.0 without `Host` gets an empty name.
/// `X: Y` pairs of hop-by-hop nature are not judged here.
pub fn admit<'r>(
    method: &Method,
    target: &'r Uri,
    version: Version,
    headers: &'r HeaderMap,
) -> Result<Host<'r>, Malformed> {
    let _ = (method, target, version, headers);
    todo!()
}
