//! The head that an origin is sent, and what is left of an origin's head for the viewer.

use std::net::IpAddr;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use tideover_config::{Edge, OriginRequest, Server, ViewerScheme};

use crate::route::Route;

/// What the edge knows about the viewer and adds to requests. Made once per connection, except the request id.
#[derive(Clone, Copy, Debug)]
pub struct Viewer<'r> {
    /// The peer's address.
    pub address: IpAddr,
    /// The peer's port.
    pub port: u16,
    /// `address` as text: what `X-Forwarded-For` gets.
    pub address_text: &'r HeaderValue,
    /// How it came.
    pub scheme: ViewerScheme,
    /// `Host` as sent; absent for HTTP/1.0 without one.
    pub host: Option<&'r HeaderValue>,
    /// HTTP version of the request.
    pub version: Version,
    /// This request's id.
    pub request_id: &'r HeaderValue,
}

/// The viewer's request, as far as heads are made from it. For a custom error page the target is the page's.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    /// What the origin is asked with.
    pub method: &'r Method,
    /// As the viewer sent it. Where nothing has to change the origin is sent a cheap copy of it.
    pub target: &'r PathAndQuery,
    /// As the viewer sent them.
    pub headers: &'r HeaderMap,
}

/// The target and headers of a request to an origin.
#[derive(Debug)]
pub struct OriginHead {
    /// Path and query, origin path included: always starts with `/` (or is `*` for OPTIONS).
    pub path_and_query: PathAndQuery,
    /// All headers but those that frame the body (`Content-Length` and `Transfer-Encoding` are the connection's business).
    pub headers: HeaderMap,
}

/// The head for `server`, made from the viewer's: [`Route::path`] is asked for, with the query of `request.target`.
/// Hop-by-hop headers, those named in `Connection`, and `Expect` are
/// gone; `Host`, `Via`, `X-Forwarded-For`, the request id, `CDN-Loop`, `X-Forwarded-Host`/`-Proto` and the origin's own
/// headers are there as the behavior says. The viewer's headers are read, never changed; the map is built with capacity for all.
/// Source: Developer Guide, "Request and response behavior for custom origins", HTTP request headers and CloudFront
/// behavior; RFC 9110, section 7.6.1.
pub fn for_origin(
    route: &Route<'_, '_>,
    server: &Server,
    request: Request<'_>,
    viewer: &Viewer<'_>,
) -> OriginHead {
    let _ = (route, server, request, viewer);
    todo!()
}

/// `Host` for this server: also the name for SNI and the certificate when it is not the server's own.
pub fn host_for<'a>(
    plan: &OriginRequest,
    server: &'a Server,
    viewer_host: Option<&'a HeaderValue>,
) -> &'a HeaderValue {
    let _ = (plan, server, viewer_host);
    todo!()
}

/// Edits an origin's response head in place for the viewer: hop-by-hop headers (and those named in `Connection`) and
/// edge-owned names removed, `Vary`, `Set-Cookie` and `Location` by the behavior, the response headers policy applied,
/// `Via` appended. What the edge adds about this request (`X-Cache`, ids, attempts) is [`told`](crate::told)'s.
/// `request` is the viewer's own (for CORS); `edge` is there for the names of the target's members (for `Location`).
pub fn for_viewer(
    edge: &Edge,
    route: &Route<'_, '_>,
    viewer: &Viewer<'_>,
    request: Request<'_>,
    status: StatusCode,
    headers: &mut HeaderMap,
) {
    let _ = (edge, route, viewer, request, status, headers);
    todo!()
}

/// Whether a header belongs to one connection only. Source: RFC 9110, section 7.6.1.
pub fn is_hop_by_hop(name: &HeaderName) -> bool {
    let _ = name;
    todo!()
}
