//! Which name an origin is asked for when TLS begins: for SNI (RFC 6066, section 3), and for its certificate.

use http::HeaderValue;
use tideover_config::{OriginRequest, Server};

use crate::headers::host_for;

/// Longest name and longest label. Source: RFC 1035, section 2.3.4.
const MOST_NAME_BYTES: usize = 253;
const MOST_LABEL_BYTES: usize = 63;

/// The name that `server` is asked for: as configured, else the host that is sent, without its port, if it is a DNS name,
/// else the server's own. An address is no name.
/// Source: Developer Guide, "Requirements for using SSL/TLS certificates with CloudFront".
pub fn server_name<'a>(
    plan: &OriginRequest,
    server: &'a Server,
    viewer_host: Option<&'a HeaderValue>,
) -> &'a str {
    if let Some(name) = &server.tls.server_name {
        return name;
    }
    let host = host_for(plan, server, viewer_host);
    let host = host.to_str().unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    if is_dns_name(name) {
        name
    } else {
        &server.domain_name
    }
}

/// Whether the name that `server` is asked for is one that the viewer has chosen: that there is no certificate for it says
/// nothing about the origin.
pub fn is_viewers_choice(
    plan: &OriginRequest,
    server: &Server,
    viewer_host: Option<&HeaderValue>,
) -> bool {
    server_name(plan, server, viewer_host) != server_name(plan, server, None)
}

/// Whether `name` can stand in a certificate: labels of letters, digits, `_` and, within, `-`; a final dot may follow. The
/// last label is not a number, so no address is a name.
/// Source: RFC 1035, section 2.3.1; RFC 1123, section 2.1; WHATWG URL, "ends in a number".
pub fn is_dns_name(name: &str) -> bool {
    let labels = name.strip_suffix('.').unwrap_or(name);
    name.len() <= MOST_NAME_BYTES
        && labels.split('.').all(is_label)
        && !labels.rsplit('.').next().is_some_and(is_number)
}

fn is_label(label: &str) -> bool {
    (1..=MOST_LABEL_BYTES).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// `80`, `0x7f`.
fn is_number(label: &str) -> bool {
    let hexadecimal = label
        .strip_prefix("0x")
        .or_else(|| label.strip_prefix("0X"));
    label.bytes().all(|byte| byte.is_ascii_digit())
        || hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
