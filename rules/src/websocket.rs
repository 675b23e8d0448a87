//! WebSocket over HTTP/1.1: which request asks to switch to it, and what both hops are told of that.
//!
//! No other protocol is switched to: whoever asks for one (`h2c`, `TLS/1.0`) is answered as if it had not asked, which
//! RFC 9110, section 7.8, leaves to every server.

use http::header::{CONNECTION, CONTENT_LENGTH, TE, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Version};
use tideover_config::{HeaderSelection, OriginRequest};

use crate::fields::{Fields, Known};

/// The token of the protocol. Source: RFC 6455, section 11.2.
const TOKEN: &[u8] = b"websocket";

/// Whether a request with this head asks to switch to WebSocket: a GET of HTTP/1.1 without a body whose `Connection` has
/// `upgrade` and whose `Upgrade` has `websocket`, in any letter case and in any place among others. Whether its key and
/// version are good is the origin's to say.
///
/// A request with a body is not one: whoever switches has to have read all of it first (RFC 9110, section 7.8).
/// Source: RFC 6455, section 4.1; RFC 9110, section 7.8.
pub fn is_asked_for(method: &Method, version: Version, fields: Fields<'_>) -> bool {
    fields.has(Known::Upgrade)
        && version == Version::HTTP_11
        && *method == Method::GET
        && has_no_body(fields)
        && has(fields, Known::Connection, b"upgrade")
        && has(fields, Known::Upgrade, TOKEN)
}

/// Whether an origin's 101 with these fields switches to what was asked for.
/// Source: RFC 9110, section 7.8: the answer names the protocol that is in use from then on.
pub fn is_agreed_to(fields: Fields<'_>) -> bool {
    has(fields, Known::Upgrade, TOKEN)
}

fn has(fields: Fields<'_>, known: Known, token: &[u8]) -> bool {
    fields
        .elements(known)
        .any(|element| element.eq_ignore_ascii_case(token))
}

/// As far as the head says so.
fn has_no_body(fields: Fields<'_>) -> bool {
    !fields.has(Known::TransferEncoding)
        && fields
            .first(Known::ContentLength)
            .is_none_or(|length| length == "0")
}

/// Has the head for an origin, which is otherwise complete, ask for the switch. `Sec-WebSocket-*` goes with it even where
/// the behavior only lets listed headers through: without it no origin can agree. What a behavior names in order to drop
/// it stays dropped.
pub(crate) fn ask(plan: &OriginRequest, sent: Fields<'_>, headers: &mut HeaderMap) {
    if let HeaderSelection::Only(_) = plan.headers {
        for name in sent.map().keys() {
            if name.as_str().starts_with("sec-websocket-") && !headers.contains_key(name) {
                for value in sent.map().get_all(name) {
                    headers.append(name.clone(), value.clone());
                }
            }
        }
    }
    // It would have to be named in `Connection` too, and a 101 has no trailers.
    headers.remove(TE);
    switch(headers);
}

/// Has the head of a 101 for the viewer, which is otherwise complete, say what is switched to.
pub(crate) fn agree(headers: &mut HeaderMap) {
    // RFC 9110, section 8.6: a 101 has none.
    headers.remove(CONTENT_LENGTH);
    switch(headers);
}

fn switch(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, const { HeaderValue::from_static("Upgrade") });
    headers.insert(UPGRADE, const { HeaderValue::from_static("websocket") });
}
