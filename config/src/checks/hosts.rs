//! Names: origins that are called by one they do not know, and origins that are the edge itself.

use std::net::IpAddr;

use crate::behavior::Behavior;
use crate::compile::flag;
use crate::edge::Edge;
use crate::origin::{
    Endpoint, HostHeader, Origin, OriginKind, OriginScheme, Server, Trust, is_nearby,
};
use crate::problem::{Problem, listed};
use crate::written::{self, At, Place, Written};

/// A platform that finds its tenant by `Host` refuses a name that it was not told of. One problem for each behavior that
/// passes the viewer's on.
pub(super) fn foreign<'e>(
    edge: &'e Edge,
    behaviors: impl Iterator<Item = (&'e Behavior, &'e written::Behavior)>,
    written: &Written,
    problems: &mut Vec<Problem>,
) {
    for (behavior, said) in behaviors.filter(|(behavior, _)| behavior.origin_request.viewer_host) {
        let Some(target) = edge.targets.get(usize::from(behavior.target.0)) else {
            continue;
        };
        let members = target.members.iter();
        let sides = members.flat_map(|member| {
            let secondary = member.record.as_ref().map(|record| &*record.secondary);
            std::iter::once(member).chain(secondary)
        });
        let refusing: Vec<String> = sides
            .filter_map(|member| edge.origins.get(usize::from(member.origin.0)))
            .filter(|origin| sends_viewers_host_in_vain(origin))
            .map(|origin| format!("{:?}", origin.id))
            .collect();
        if refusing.is_empty() {
            continue;
        }
        let (place, instead) = if let Some(policy) = &said.origin_request_policy {
            let instead = written.words(
                "write \"AllViewerExceptHostHeader\"",
                "write b689b0a8-53d0-40ab-baf2-68738e2966ac (AllViewerExceptHostHeader)",
            );
            (policy.place.clone(), instead)
        } else if let Some(policy) = &said.cache_policy {
            (policy.place.clone(), "use a cache policy without Host")
        } else if let Some(legacy) = &said.forwarded_values {
            (legacy.place.clone(), "leave Host out of Headers")
        } else {
            let place = said.place.inner("origin_request.viewer_host");
            (place, "write viewer_host = false")
        };
        problems.push(place.warning(
            format!(
                "sends the viewer's Host to {}, and the platform there answers to its own names only",
                listed(&refusing)
            ),
            format!("{instead}, or make the viewers' names known to the platform"),
        ));
    }
}

/// Whether the viewer's `Host` would get there if a behavior passes it on, and would not be known.
fn sends_viewers_host_in_vain(origin: &Origin) -> bool {
    match &origin.kind {
        OriginKind::Server(server) => server.host == HostHeader::Own && goes_by_host(server),
        OriginKind::Page(_) | OriginKind::Folder(_) => false,
    }
}

/// The same of an origin that is always sent the viewer's.
pub(super) fn of_its_own(server: &Server, said: &written::Origin, problems: &mut Vec<Problem>) {
    if let Some(host) = &said.host
        && server.host == HostHeader::Viewer
        && goes_by_host(server)
    {
        problems.push(host.place.warning(
            format!(
                "is \"viewer\", and {} answers to its own names only",
                server.domain_name
            ),
            "write \"origin\", or make the viewers' names known to the platform",
        ));
    }
}

/// Whether requests really go to a platform that routes by `Host` among many tenants.
fn goes_by_host(server: &Server) -> bool {
    const PLATFORMS: [&str; 20] = [
        ".azurestaticapps.net",
        ".azurewebsites.net",
        ".azurefd.net",
        ".azureedge.net",
        ".core.windows.net",
        ".on.aws",
        ".cloudfront.net",
        ".appspot.com",
        ".run.app",
        ".web.app",
        ".firebaseapp.com",
        ".googleapis.com",
        ".github.io",
        ".gitlab.io",
        ".herokuapp.com",
        ".netlify.app",
        ".vercel.app",
        ".pages.dev",
        ".fly.dev",
        ".onrender.com",
    ];
    let domain_name = &*server.domain_name;
    let amazons = domain_name.ends_with(".amazonaws.com")
        && ["s3", "execute-api"].iter().any(|service| {
            domain_name
                .split('.')
                .any(|label| label == *service || label.starts_with(&format!("{service}-")))
        });
    let is_platform = amazons
        || PLATFORMS
            .iter()
            .any(|platform| domain_name.ends_with(platform));
    is_platform && endpoints(server).all(|end| end.host == server.domain_name)
}

/// Where requests can go.
fn endpoints(server: &Server) -> impl Iterator<Item = &Endpoint> {
    let (http, https) = match server.scheme {
        OriginScheme::Http => (true, false),
        OriginScheme::Https => (false, true),
        OriginScheme::MatchViewer => (true, true),
    };
    let http = http.then_some(&server.http);
    http.into_iter().chain(https.then_some(&server.https))
}

/// An origin that is this edge would be asked in a circle.
pub(super) fn loops(
    edge: &Edge,
    server: &Server,
    said: &written::Origin,
    written: &Written,
    problems: &mut Vec<Problem>,
) {
    for end in endpoints(server) {
        let Some(circle) = circle(edge, end) else {
            continue;
        };
        let (place, shown) = address(server, said, end);
        let problem = match circle {
            Circle::Listener => place.error(
                format!("is {shown}, where this edge listens itself"),
                "write where the origin is",
            ),
            Circle::Name => place.error(
                format!("is {shown}, a name of this edge: it would ask itself"),
                written.words(
                    "write the name or address that only the origin has; what it is called by belongs in host",
                    "write the name that only the origin has, or send its requests there with --map",
                ),
            ),
            Circle::NameElsewhere => place.warning(
                format!("is {shown}, a name of this edge, on a port where it does not listen"),
                "make sure that nothing leads from there back to the edge",
            ),
            Circle::Wildcard(suffix) => place.note(
                format!("is {shown}, which the alias \"*{suffix}\" takes in"),
                "make sure that this name does not lead to the edge",
            ),
        };
        problems.push(problem);
        return;
    }
}

/// A certificate that nobody looks at is for servers nearby: no connection beyond would be made. Names are looked up later.
pub(super) fn anyone_trusted(server: &Server, said: &written::Origin, problems: &mut Vec<Problem>) {
    let mut ends = endpoints(server).filter(|_| server.tls.trust == Trust::Anyone);
    if let Some(end) = ends.find(|end| end.host.parse().is_ok_and(|ip| !is_nearby(ip))) {
        let (place, shown) = address(server, said, end);
        problems.push(place.error(
            format!("is {shown}, and https+insecure:// is for loopback and private addresses only"),
            "write https://, and name the issuer of the certificate with tls.ca or --origin-ca if nobody else knows it",
        ));
    }
}

/// How an endpoint may be the edge itself.
enum Circle<'e> {
    Listener,
    Name,
    /// A name of the edge; but nobody comes to it by this port.
    NameElsewhere,
    Wildcard(&'e str),
}

fn circle<'e>(edge: &'e Edge, end: &Endpoint) -> Option<Circle<'e>> {
    let host = end.host.trim_end_matches('.');
    let listen = &edge.listen;
    let listeners = || {
        listen
            .http
            .iter()
            .chain(&listen.admin)
            .chain(&listen.status)
    };
    let ip = match host {
        "localhost" => Some(IpAddr::from([127, 0, 0, 1])),
        host => host.parse().ok(),
    };
    if let Some(ip) = ip {
        return listeners()
            .any(|listener| listener.port() == end.port && takes(listener.ip(), ip))
            .then_some(Circle::Listener);
    }
    if edge.hosts.exact.contains_key(host) {
        // Whoever stands before the edge comes in by the usual ports.
        let is_ours =
            matches!(end.port, 80 | 443) || listeners().any(|listener| listener.port() == end.port);
        return Some(if is_ours {
            Circle::Name
        } else {
            Circle::NameElsewhere
        });
    }
    let mut wildcards = edge.hosts.wildcards.iter();
    let (suffix, _) = wildcards.find(|(suffix, _)| host.ends_with(&**suffix))?;
    Some(Circle::Wildcard(suffix))
}

/// Whether a listener on `listener` takes what is sent to `ip`.
fn takes(listener: IpAddr, ip: IpAddr) -> bool {
    let is_here = ip.is_loopback() || ip.is_unspecified();
    // A listener on [::] also takes IPv4 where the system says nothing else.
    let takes_all = listener.is_unspecified() && (listener.is_ipv6() || ip.is_ipv4());
    listener == ip || (takes_all && is_here)
}

/// Where it was said that requests go to `end`, and what was said there.
fn address(server: &Server, said: &written::Origin, end: &Endpoint) -> (Place, String) {
    let at = |at: &At<String>| (at.place.clone(), at.shown());
    if let Some(said) = &said.connect_to {
        return at(said);
    }
    match said.url.as_ref().or(said.domain_name.as_ref()) {
        Some(said) if end.host == server.domain_name => at(said),
        Some(_) | None => (flag(&format!("--map {}", said.id.value)), end.to_string()),
    }
}
