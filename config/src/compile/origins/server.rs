//! An HTTP server: where it is, what it is called, how long things may take.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::{check_mask, missing, nowhere, number, perhaps, size, span, word};
use crate::compile::defaults::Defaults;
use crate::compile::health::{breaker, health_check};
use crate::compile::pem::{Wanted, pem};
use crate::compile::url::{self, NotAnUrl, Scheme, Url};
use crate::compile::{display_span, rehearsal};
use crate::origin::{
    AddressFamily, ConnectionAttempts, Endpoint, HostHeader, OriginScheme, OriginTls, Server,
    Timers, Trust,
};
use crate::problem::Problem;
use crate::written::{At, Breaker, Origin, Place, Written};

/// Connections per worker of an origin that does not say.
const DEFAULT_CONNECTIONS: usize = 1_024;

/// Everything that only a server has, as far as it is written.
pub(super) fn places(origin: &Origin) -> Vec<&Place> {
    let strings = [
        &origin.url,
        &origin.connect_to,
        &origin.domain_name,
        &origin.protocol_policy,
        &origin.path,
        &origin.host,
        &origin.address_family,
        &origin.tls_server_name,
        &origin.tls_ca,
    ];
    let numbers = [
        &origin.http_port,
        &origin.https_port,
        &origin.connection_attempts,
        &origin.max_connections,
    ];
    let spans = [
        &origin.connection_timeout,
        &origin.response_timeout,
        &origin.response_completion_timeout,
        &origin.keepalive_timeout,
    ];
    let strings = strings.into_iter().flatten().map(|at| &at.place);
    let numbers = numbers.into_iter().flatten().map(|at| &at.place);
    let spans = spans.into_iter().flatten().map(|at| &at.place);
    let headers = origin.headers.iter().map(|(name, _)| &name.place);
    let fault = origin.fault.iter().map(|fault| &fault.place);
    let health = origin.health_check.as_ref().map(|check| &check.place);
    let breaker = origin.breaker.as_ref().map(Breaker::place);
    strings
        .chain(numbers)
        .chain(spans)
        .chain(headers)
        .chain(fault)
        .chain(health)
        .chain(breaker)
        .collect()
}

pub(super) fn server(
    origin: &Origin,
    written: &Written,
    defaults: &Defaults,
    problems: &mut Vec<Problem>,
) -> Server {
    let address = address(origin, defaults, problems);
    let own_host = own_host(&address);
    let path = path(origin, &address.path, problems);
    let host = if origin.is_s3 {
        // A bucket is found by its own name: a viewer's Host must not reach S3.
        HostHeader::Named(own_host.clone())
    } else {
        host(origin, problems)
    };
    let mut server = Server {
        http: Endpoint {
            host: address.host.clone(),
            port: address.http_port,
        },
        https: Endpoint {
            host: address.host.clone(),
            port: address.https_port,
        },
        domain_name: address.host,
        own_host,
        host,
        scheme: address.scheme,
        path,
        headers: headers(origin, defaults, problems),
        tls: tls(origin, written, address.insecure, problems),
        addresses: addresses(origin, defaults, problems),
        timers: timers(origin, defaults, problems),
        max_connections: origin
            .max_connections
            .as_ref()
            .and_then(|said| size(said, 1..=65_535, problems))
            .unwrap_or(DEFAULT_CONNECTIONS),
        fault: rehearsal::fault(origin, written, problems),
        health_check: None,
        breaker: breaker(origin, defaults, problems),
    };
    if let Some(endpoint) = connect_to(origin, &server, problems) {
        server.http = endpoint.clone();
        server.https = endpoint;
    }
    server.health_check = health_check(origin, &server, problems);
    server
}

/// What `url`, or DomainName with its ports and policy, comes to.
struct Address {
    host: Arc<str>,
    scheme: OriginScheme,
    http_port: u16,
    https_port: u16,
    path: String,
    insecure: bool,
}

impl Address {
    fn stand_in() -> Self {
        Self {
            host: nowhere(),
            scheme: OriginScheme::Http,
            http_port: 80,
            https_port: 443,
            path: String::new(),
            insecure: false,
        }
    }
}

fn address(origin: &Origin, defaults: &Defaults, problems: &mut Vec<Problem>) -> Address {
    match (&origin.url, &origin.domain_name) {
        (Some(url), None) => {
            for place in [
                origin.http_port.as_ref().map(|at| &at.place),
                origin.https_port.as_ref().map(|at| &at.place),
                origin.protocol_policy.as_ref().map(|at| &at.place),
            ]
            .into_iter()
            .flatten()
            {
                problems.push(place.error(
                    "goes with domain_name, and this origin has url",
                    "write scheme and port in url",
                ));
            }
            from_url(url, problems)
        }
        (None, Some(name)) => from_domain_name(origin, name, defaults, problems),
        (Some(url), Some(_)) => {
            problems.push(url.place.error(
                "stands beside domain_name",
                "write one of them; url is enough",
            ));
            Address::stand_in()
        }
        (None, None) => {
            problems.push(missing(
                &origin.id.place,
                "url",
                "write where the origin is, such as url = \"https://app.example.com\"; dir = \"./dist\" for a folder that plays a bucket, or page = true for a page of the edge itself",
            ));
            Address::stand_in()
        }
    }
}

fn from_url(said: &At<String>, problems: &mut Vec<Problem>) -> Address {
    let url = match Url::parse(&said.value) {
        Ok(url) => url,
        Err(why) => {
            problems.push(not_an_url(said, why));
            return Address::stand_in();
        }
    };
    let port = url.port_or_default();
    let (scheme, plain_port, tls_port) = match url.scheme {
        Scheme::Http => (OriginScheme::Http, port, 443),
        Scheme::Https | Scheme::HttpsInsecure => (OriginScheme::Https, 80, port),
    };
    Address {
        host: url.host.into(),
        scheme,
        http_port: plain_port,
        https_port: tls_port,
        path: url.path,
        insecure: url.scheme == Scheme::HttpsInsecure,
    }
}

/// The problem of a text that is not an origin's URL; a password in it is not repeated.
pub(in crate::compile) fn not_an_url(said: &At<String>, why: NotAnUrl) -> Problem {
    let found = match why {
        NotAnUrl::User => "has a user in front of the host".to_owned(),
        NotAnUrl::Scheme | NotAnUrl::Host | NotAnUrl::Port | NotAnUrl::Query | NotAnUrl::Path => {
            format!("is {}", said.shown())
        }
    };
    said.place.error(found, why.to_string())
}

fn from_domain_name(
    origin: &Origin,
    said: &At<String>,
    defaults: &Defaults,
    problems: &mut Vec<Problem>,
) -> Address {
    const POLICIES: [(&str, OriginScheme); 3] = [
        ("http-only", OriginScheme::Http),
        ("https-only", OriginScheme::Https),
        ("match-viewer", OriginScheme::MatchViewer),
    ];
    let host = said.value.to_ascii_lowercase();
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    if !is_address && !url::is_host(&host) {
        problems.push(said.place.error(
            format!("is {}", said.shown()),
            "write a DNS name, without scheme, port or path",
        ));
        return Address::stand_in();
    }
    let scheme = match &origin.protocol_policy {
        Some(policy) => word(policy, &POLICIES, problems),
        // S3 origins follow the viewer; whoever says nothing else does too.
        None => None,
    };
    let mut port = |said: &Option<At<i64>>, default: u16| {
        let Some(said) = said else { return default };
        // Source: API shape CustomOriginConfig.
        if defaults.is_faithful() && !matches!(said.value, 80 | 443 | 1_024..=65_535) {
            problems.push(said.place.error(
                format!("is {}", said.value),
                "write 80, 443 or 1024 to 65535, as CloudFront demands; --map sends requests to any port",
            ));
            return default;
        }
        number(said, 1..=65_535, problems)
            .and_then(|port| u16::try_from(port).ok())
            .unwrap_or(default)
    };
    Address {
        http_port: port(&origin.http_port, 80),
        https_port: port(&origin.https_port, 443),
        host: host.into(),
        scheme: scheme.unwrap_or(OriginScheme::MatchViewer),
        path: String::new(),
        insecure: false,
    }
}

/// The domain name, with the port unless it is the scheme's own.
fn own_host(address: &Address) -> HeaderValue {
    let port = match address.scheme {
        OriginScheme::Http => Some(address.http_port).filter(|port| *port != 80),
        OriginScheme::Https => Some(address.https_port).filter(|port| *port != 443),
        // Which port it will be is the viewer's choice, so none is named.
        OriginScheme::MatchViewer => None,
    };
    let name = url::bracketed(&address.host);
    let host = match port {
        Some(port) => format!("{name}:{port}"),
        None => name,
    };
    HeaderValue::try_from(host).unwrap_or_else(|_| HeaderValue::from_static("invalid"))
}

pub(super) fn path(origin: &Origin, from_url: &str, problems: &mut Vec<Problem>) -> Arc<str> {
    let Some(said) = &origin.path else {
        return from_url.into();
    };
    let path = said.value.as_str();
    if path.is_empty() {
        return from_url.into();
    }
    let good = path.starts_with('/')
        && !path.ends_with('/')
        && path.len() <= 255
        && path.bytes().all(|byte| byte.is_ascii_graphic())
        && !path.contains(['?', '#']);
    if !good {
        problems.push(said.place.error(
            format!("is {}", said.shown()),
            "write a path that begins with / and does not end with one, such as \"/app\", in 255 characters at most",
        ));
    } else if !from_url.is_empty() {
        problems.push(said.place.error(
            format!("is {}, and url has a path too", said.shown()),
            "write the path in one of them",
        ));
    }
    path.into()
}

fn host(origin: &Origin, problems: &mut Vec<Problem>) -> HostHeader {
    let Some(said) = &origin.host else {
        return HostHeader::Own;
    };
    match said.value.as_str() {
        "origin" => HostHeader::Own,
        "viewer" => HostHeader::Viewer,
        name => {
            const INSTEAD: &str =
                "write \"origin\", \"viewer\" or a host name, perhaps with a port";
            named_host(said, name, INSTEAD, problems).map_or(HostHeader::Own, HostHeader::Named)
        }
    }
}

/// A `Host` as the operator wants it: a name or address, perhaps with a port.
pub(in crate::compile) fn named_host(
    said: &At<String>,
    name: &str,
    instead: &str,
    problems: &mut Vec<Problem>,
) -> Option<HeaderValue> {
    if url::host_and_port(name).is_ok()
        && let Ok(value) = HeaderValue::from_str(name)
    {
        return Some(value);
    }
    problems.push(said.place.error(format!("is {}", said.shown()), instead));
    None
}

fn headers(
    origin: &Origin,
    defaults: &Defaults,
    problems: &mut Vec<Problem>,
) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
    for (name, value) in &origin.headers {
        let Ok(parsed) = HeaderName::from_bytes(name.value.as_bytes()) else {
            problems.push(name.place.error(
                format!("has the name {}", name.shown()),
                "write a header name: letters, digits and -",
            ));
            continue;
        };
        if let Some(instead) = refused(&parsed, defaults) {
            problems.push(
                name.place
                    .error(format!("has the name {}", name.shown()), instead),
            );
            continue;
        }
        // The value may be a secret: it is not repeated.
        check_mask(value, problems);
        let is_secret = is_secret(&parsed) || value.place.template.is_some();
        let Some(mut value) = value.header_value(problems) else {
            continue;
        };
        if headers.iter().any(|(taken, _)| *taken == parsed) {
            problems.push(name.place.error(
                format!("gives {} twice", name.shown()),
                "write each name once",
            ));
            continue;
        }
        value.set_sensitive(is_secret);
        headers.push((parsed, value));
    }
    headers
}

/// Names that speak of what others must not see.
fn is_secret(name: &HeaderName) -> bool {
    const WORDS: [&str; 9] = [
        "auth",
        "cookie",
        "credential",
        "key",
        "pass",
        "secret",
        "signature",
        "token",
        "verify",
    ];
    WORDS.iter().any(|word| name.as_str().contains(word))
}

/// Why an origin's own header may not have this name. Source: Developer Guide, "Add custom headers to origin requests";
/// in resilient mode only names are refused that would break the connection or that have a field of their own.
fn refused(name: &HeaderName, defaults: &Defaults) -> Option<&'static str> {
    const BREAKS: [&str; 9] = [
        "connection",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    ];
    const CLOUDFRONT: [&str; 14] = [
        "cache-control",
        "cookie",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "max-forwards",
        "pragma",
        "proxy-authenticate",
        "proxy-authorization",
        "range",
        "request-range",
        "x-real-ip",
    ];
    let name = name.as_str();
    if name == "host" {
        return Some(
            "leave it out; what an origin is called is said elsewhere (host, or the origin request policy)",
        );
    }
    if BREAKS.contains(&name) {
        return Some("leave it out; the edge makes this header itself");
    }
    let theirs =
        CLOUDFRONT.contains(&name) || name.starts_with("x-amz-") || name.starts_with("x-edge-");
    (defaults.is_faithful() && theirs)
        .then_some("leave it out; CloudFront refuses to add this header")
}

fn tls(
    origin: &Origin,
    written: &Written,
    insecure: bool,
    problems: &mut Vec<Problem>,
) -> OriginTls {
    let server_name = origin.tls_server_name.as_ref().and_then(|said| {
        if url::is_host(&said.value) {
            return Some(said.value.to_ascii_lowercase().into());
        }
        problems.push(said.place.error(
            format!("is {}", said.shown()),
            "write the DNS name that the certificate holds",
        ));
        None
    });
    let trust = match &origin.tls_ca {
        Some(said) if insecure => {
            problems.push(said.place.error(
                "stands beside an https+insecure:// url, whose certificate nobody looks at",
                "write https:// in url",
            ));
            Trust::Anyone
        }
        Some(said) => trust(said, &written.folder.join(&said.value), problems),
        None if insecure => Trust::Anyone,
        None => Trust::Platform,
    };
    OriginTls {
        server_name,
        trust,
        tls12: offers_tls12(origin, problems),
    }
}

/// The certificates of a PEM file.
pub(in crate::compile) fn trust(
    said: &At<String>,
    file: &std::path::Path,
    problems: &mut Vec<Problem>,
) -> Trust {
    pem(said, file, Wanted::Trusted, problems).map_or(Trust::Platform, |pem| Trust::Only {
        file: file.to_owned(),
        pem,
    })
}

/// `OriginSslProtocols` is the whole list that is offered; TLS 1.3 is always among it. Older ones than 1.2 are not built.
fn offers_tls12(origin: &Origin, problems: &mut Vec<Problem>) -> bool {
    const PROTOCOLS: [&str; 5] = ["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];
    let Some(said) = &origin.ssl_protocols else {
        return true;
    };
    let mut tls12 = false;
    for protocol in said {
        match protocol.value.as_str() {
            "TLSv1.2" => tls12 = true,
            "TLSv1.3" => {}
            "SSLv3" | "TLSv1" | "TLSv1.1" => problems.push(protocol.place.warning(
                format!("has {}", protocol.shown()),
                "it is not offered: this edge speaks TLS 1.2 and 1.3 only",
            )),
            other => problems.push(protocol.place.error(
                format!("has {}", protocol.shown()),
                format!(
                    "write one or more of TLSv1.2, TLSv1.3{}",
                    perhaps(other, PROTOCOLS)
                ),
            )),
        }
    }
    tls12
}

fn addresses(origin: &Origin, defaults: &Defaults, problems: &mut Vec<Problem>) -> AddressFamily {
    const FAMILIES: [(&str, AddressFamily); 3] = [
        ("ipv4", AddressFamily::V4),
        ("ipv6", AddressFamily::V6),
        ("dualstack", AddressFamily::Both),
    ];
    origin
        .address_family
        .as_ref()
        .and_then(|said| word(said, &FAMILIES, problems))
        .unwrap_or(defaults.addresses)
}

fn timers(origin: &Origin, defaults: &Defaults, problems: &mut Vec<Problem>) -> Timers {
    const TICK: Duration = Duration::from_millis(1);
    const SECOND: Duration = Duration::from_secs(1);
    const TEN_SECONDS: Duration = Duration::from_secs(10);
    const TWO_MINUTES: Duration = Duration::from_mins(2);
    const AN_HOUR: Duration = Duration::from_hours(1);
    const A_DAY: Duration = Duration::from_hours(24);
    let mut timers = defaults.timers();
    if let Some(tries) = origin
        .connection_attempts
        .as_ref()
        .and_then(|said| number(said, 1..=3, problems))
        .and_then(|tries| u8::try_from(tries).ok())
        .and_then(ConnectionAttempts::new)
    {
        timers.connection_attempts = tries;
    }
    // Source of the faithful bounds: API shapes Origin and CustomOriginConfig.
    let (connection, response, keepalive) = if defaults.is_faithful() {
        // CloudFront takes two minutes unless a quota was raised; what its own file says loads, and so must what is printed of it.
        (SECOND..=TEN_SECONDS, SECOND..=AN_HOUR, SECOND..=AN_HOUR)
    } else {
        (TICK..=TWO_MINUTES, TICK..=AN_HOUR, TICK..=AN_HOUR)
    };
    for (said, bounds, timer) in [
        (
            &origin.connection_timeout,
            &connection,
            &mut timers.connection_timeout,
        ),
        (
            &origin.response_timeout,
            &response,
            &mut timers.response_timeout,
        ),
        (
            &origin.keepalive_timeout,
            &keepalive,
            &mut timers.keepalive_timeout,
        ),
    ] {
        if let Some(span) = said.as_ref().and_then(|said| span(said, bounds, problems)) {
            *timer = span;
        }
    }
    if let Some(said) = &origin.response_completion_timeout
        && let Some(limit) = span(said, &(Duration::ZERO..=A_DAY), problems)
        // 0 is how CloudFront's tools write "none".
        && !limit.is_zero()
    {
        if limit < timers.response_timeout {
            problems.push(said.place.error(
                format!(
                    "is less than the response timeout, {}",
                    display_span(timers.response_timeout)
                ),
                "write at least that much, or shorten the response timeout",
            ));
        }
        timers.response_completion_timeout = Some(limit);
    }
    timers
}

fn connect_to(origin: &Origin, server: &Server, problems: &mut Vec<Problem>) -> Option<Endpoint> {
    let said = origin.connect_to.as_ref()?;
    if let Ok((host, port)) = url::host_and_port(&said.value) {
        Some(Endpoint {
            host: host.into(),
            port: port.unwrap_or(match server.scheme {
                OriginScheme::Http => server.http.port,
                OriginScheme::Https | OriginScheme::MatchViewer => server.https.port,
            }),
        })
    } else {
        problems.push(said.place.error(
            format!("is {}", said.shown()),
            "write a host and a port, such as \"127.0.0.1:8080\"",
        ));
        None
    }
}
