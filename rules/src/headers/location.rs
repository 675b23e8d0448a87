//! `Location` of an origin -> `Location` that a viewer can follow.

use http::HeaderValue;
use tideover_config::{
    Edge, Endpoint, HostHeader, OriginKind, OriginScheme, Server, Target, ViewerScheme,
};

use super::Viewer;
use crate::route::Route;

/// `location` with the viewer's scheme and host, if it is absolute (or begins with `//`) and names a server of the
/// target; `None`: it stays as it is. The origin path is taken off where it stands in front of the path.
///
/// A server is named by its domain name, by where it is connected to, or by the `Host` it is sent; with one of its ports
/// or with none. A `Location` that names the viewer's own host is left alone. Where a server that is asked over plain HTTP
/// points at itself over HTTPS, HTTPS stays: it asks the viewer to change, and taking that away would be a circle.
/// Ours; CloudFront passes `Location` on as it is.
pub(super) fn for_viewer(
    location: &HeaderValue,
    edge: &Edge,
    route: &Route<'_, '_>,
    viewer: &Viewer<'_>,
) -> Option<HeaderValue> {
    let host = viewer.host?;
    let named = parse(location.as_bytes())?;
    if named
        .authority
        .as_bytes()
        .eq_ignore_ascii_case(host.as_bytes())
    {
        return None;
    }
    let server = server_named(edge, route.target, &named)?;
    let spoken = match server.scheme {
        OriginScheme::Http => ViewerScheme::Http,
        OriginScheme::Https => ViewerScheme::Https,
        OriginScheme::MatchViewer => viewer.scheme,
    };
    let scheme = match (spoken, named.scheme) {
        (ViewerScheme::Http, Some(ViewerScheme::Https)) => ViewerScheme::Https,
        _ => viewer.scheme,
    };
    let rest = without_prefix(named.rest, &server.path).unwrap_or(named.rest);
    let slash: &[u8] = if rest.starts_with(b"/") { b"" } else { b"/" };
    let turned = [
        scheme.as_str().as_bytes(),
        b"://",
        host.as_bytes(),
        slash,
        rest,
    ];
    HeaderValue::try_from(turned.concat()).ok()
}

/// A URL with an authority, taken apart.
struct Named<'l> {
    /// `None`: it began with `//`.
    scheme: Option<ViewerScheme>,
    authority: &'l str,
    /// `authority` without port.
    host: &'l str,
    port: Option<u16>,
    /// Path, query and fragment; may be empty. Bytes, because many applications write their paths unescaped.
    rest: &'l [u8],
}

fn parse(location: &[u8]) -> Option<Named<'_>> {
    let (scheme, after) = if let Some(after) = without_scheme(location, b"http://") {
        (Some(ViewerScheme::Http), after)
    } else if let Some(after) = without_scheme(location, b"https://") {
        (Some(ViewerScheme::Https), after)
    } else {
        (None, location.strip_prefix(b"//")?)
    };
    // Browsers take a backslash for a slash: what follows one is no part of the host.
    let end = after
        .iter()
        .position(|byte| b"/?#\\".contains(byte))
        .unwrap_or(after.len());
    let (authority, rest) = after.split_at(end);
    let authority = std::str::from_utf8(authority).ok()?;
    let (host, port) = split_port(authority)?;
    Some(Named {
        scheme,
        authority,
        host,
        port,
        rest,
    })
}

fn without_scheme<'l>(location: &'l [u8], scheme: &[u8]) -> Option<&'l [u8]> {
    let (start, after) = location.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(after)
}

/// Host and port; `None` if the port is no number. An IPv6 address keeps its brackets here.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => match port {
            "" => Some((host, None)),
            port => Some((host, Some(port.parse().ok()?))),
        },
        Some(_) | None => Some((authority, None)),
    }
}

/// Of several servers that go by this name, the one whose origin path stands in front.
fn server_named<'e>(edge: &'e Edge, target: &Target, named: &Named<'_>) -> Option<&'e Server> {
    let servers = || {
        target
            .members
            .iter()
            .filter_map(|member| match &edge.origin(member.origin).kind {
                OriginKind::Server(server) => Some(&**server),
                OriginKind::Page(_) | OriginKind::Folder(_) => None,
            })
            .filter(|server| goes_by(server, named))
    };
    servers()
        .find(|server| without_prefix(named.rest, &server.path).is_some())
        .or_else(|| servers().next())
}

fn goes_by(server: &Server, named: &Named<'_>) -> bool {
    let is = |host: &str, ports: &[u16]| {
        named
            .host
            .trim_matches(['[', ']'])
            .eq_ignore_ascii_case(host.trim_matches(['[', ']']))
            && named.port.is_none_or(|port| ports.contains(&port))
    };
    let is_at = |endpoint: &Endpoint| is(&endpoint.host, &[endpoint.port]);
    let sent = |value: &HeaderValue| {
        let name = value.to_str().ok().and_then(split_port);
        // Default ports are as good as none; the server's own may have been added by it.
        name.is_some_and(|(host, port)| {
            let ports = [
                port.unwrap_or(80),
                port.unwrap_or(443),
                server.http.port,
                server.https.port,
            ];
            is(host, &ports)
        })
    };
    sent(&server.own_host)
        || is(
            &server.domain_name,
            &[80, 443, server.http.port, server.https.port],
        )
        || is_at(&server.http)
        || is_at(&server.https)
        || match &server.host {
            HostHeader::Named(name) => sent(name),
            HostHeader::Own | HostHeader::Viewer => false,
        }
}

/// `rest` without the origin path in front, which must end where a segment does.
fn without_prefix<'l>(rest: &'l [u8], prefix: &str) -> Option<&'l [u8]> {
    let after = rest.strip_prefix(prefix.as_bytes())?;
    let ends_segment = after.first().is_none_or(|next| b"/?#".contains(next));
    ends_segment.then_some(after)
}
