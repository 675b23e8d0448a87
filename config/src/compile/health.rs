//! Health checks and breakers of origins.

use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderValue, StatusCode};

use super::defaults::Defaults;
use super::origins::named_host;
use super::{url, values};
use crate::health::{Breaker, CheckKind, HealthCheck, HttpCheck};
use crate::origin::{Endpoint, HostHeader, OriginScheme, Server, StatusSet};
use crate::problem::Problem;
use crate::written::{self, At, Origin};

const AN_HOUR: Duration = Duration::from_hours(1);

/// What a check does that says nothing else. Route 53's faster pace; its thresholds are equal both ways.
const INTERVAL: Duration = Duration::from_secs(10);
const THRESHOLD: u8 = 3;

/// Source: API shape `HealthCheckConfig`, `ResourcePath` and `SearchString`.
const MOST_CHARACTERS: usize = 255;

/// What is asked of a server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Tcp,
    Http,
    Https,
}

/// The check of `server`, which is compiled but for that.
pub(super) fn health_check(
    origin: &Origin,
    server: &Server,
    problems: &mut Vec<Problem>,
) -> Option<HealthCheck> {
    const KINDS: [(&str, Asked); 3] = [
        ("http", Asked::Http),
        ("https", Asked::Https),
        ("tcp", Asked::Tcp),
    ];
    const SHORTEST: Duration = Duration::from_millis(100);
    let said = origin.health_check.as_ref()?;
    let asked = said
        .kind
        .as_ref()
        .and_then(|said| values::word(said, &KINDS, problems))
        .unwrap_or(match server.scheme {
            OriginScheme::Http => Asked::Http,
            // Where both are spoken, the one that more can go wrong with.
            OriginScheme::Https | OriginScheme::MatchViewer => Asked::Https,
        });
    let own = match (asked, server.scheme) {
        (Asked::Http, _) | (Asked::Tcp, OriginScheme::Http) => &server.http,
        (Asked::Https, _) | (Asked::Tcp, OriginScheme::Https | OriginScheme::MatchViewer) => {
            &server.https
        }
    };
    let port = said
        .port
        .as_ref()
        .and_then(|said| values::number(said, 1..=65_535, problems))
        .and_then(|port| u16::try_from(port).ok());
    let kind = match asked {
        Asked::Tcp => {
            of_http_only(said, problems);
            CheckKind::Tcp
        }
        Asked::Http => {
            of_https_only(said, problems);
            CheckKind::Http(Box::new(http(said, server, false, port, problems)))
        }
        Asked::Https => CheckKind::Http(Box::new(http(said, server, true, port, problems))),
    };
    let mut threshold = |said: &Option<At<i64>>| {
        said.as_ref()
            .and_then(|said| values::number(said, 1..=10, problems))
            .and_then(|number| u8::try_from(number).ok())
    };
    let failure_threshold = threshold(&said.failure_threshold).unwrap_or(THRESHOLD);
    let recovery_threshold = threshold(&said.recovery_threshold).unwrap_or(failure_threshold);
    Some(HealthCheck {
        kind,
        endpoint: Endpoint {
            host: Arc::clone(&own.host),
            port: port.unwrap_or(own.port),
        },
        interval: said
            .interval
            .as_ref()
            .and_then(|said| values::span(said, &(SHORTEST..=AN_HOUR), problems))
            .unwrap_or(INTERVAL),
        failure_threshold,
        recovery_threshold,
        inverted: said.inverted.as_ref().is_some_and(|said| said.value),
        disabled: said.disabled.as_ref().is_some_and(|said| said.value),
    })
}

/// What a check has that only connects, and that it could not obey.
fn of_http_only(said: &written::HealthCheck, problems: &mut Vec<Problem>) {
    let places = [
        said.host.as_ref().map(|said| &said.place),
        said.path.as_ref().map(|said| &said.place),
        said.expected_statuses.as_ref().map(|(place, _)| place),
        said.search_string.as_ref().map(|said| &said.place),
        said.enable_sni.as_ref().map(|said| &said.place),
        said.verify_certificate.as_ref().map(|said| &said.place),
    ];
    for place in places.into_iter().flatten() {
        problems.push(place.error(
            "belongs to a check that sends a request, and this one only connects",
            "leave it out, or write type = \"http\" or \"https\"",
        ));
    }
}

fn of_https_only(said: &written::HealthCheck, problems: &mut Vec<Problem>) {
    for said in [&said.enable_sni, &said.verify_certificate]
        .into_iter()
        .flatten()
    {
        problems.push(said.place.error(
            "belongs to a check by HTTPS, and this one is by HTTP",
            "leave it out, or write type = \"https\"",
        ));
    }
}

fn http(
    said: &written::HealthCheck,
    server: &Server,
    secure: bool,
    port: Option<u16>,
    problems: &mut Vec<Problem>,
) -> HttpCheck {
    let judges_certificate = said
        .verify_certificate
        .as_ref()
        .is_none_or(|said| said.value);
    let has_sni = said.enable_sni.as_ref().is_none_or(|said| said.value);
    if let Some(said) = said.enable_sni.as_ref().filter(|_| !has_sni)
        && judges_certificate
    {
        problems.push(said.place.error(
            "is false, and the certificate is judged by the name that is not sent then",
            "leave it out, or write verify_certificate = false too",
        ));
    }
    let name = server
        .tls
        .server_name
        .as_ref()
        .unwrap_or(&server.domain_name);
    HttpCheck {
        secure,
        host: host(said, server, secure, port, problems),
        path: path(said, server, problems),
        expected: expected(said, problems),
        search: search(said, problems),
        server_name: (secure && has_sni).then(|| Arc::clone(name)),
        judges_certificate,
    }
}

/// The name that requests are sent with; a viewer's is not known here, so there it is the origin's own. Source: API shape
/// `HealthCheckConfig`, `FullyQualifiedDomainName`: with the port, unless it is the scheme's own.
fn host(
    said: &written::HealthCheck,
    server: &Server,
    secure: bool,
    port: Option<u16>,
    problems: &mut Vec<Problem>,
) -> HeaderValue {
    if let Some(said) = &said.host {
        const INSTEAD: &str = "write a host name, perhaps with a port";
        if let Some(host) = named_host(said, &said.value, INSTEAD, problems) {
            return host;
        }
    }
    if let HostHeader::Named(name) = &server.host {
        return name.clone();
    }
    let (scheme, own_port) = if secure {
        (OriginScheme::Https, 443)
    } else {
        (OriginScheme::Http, 80)
    };
    if port.is_none() && server.scheme == scheme {
        return server.own_host.clone();
    }
    let name = url::bracketed(&server.domain_name);
    let host = match port.filter(|port| *port != own_port) {
        Some(port) => format!("{name}:{port}"),
        None => name,
    };
    HeaderValue::try_from(host).unwrap_or_else(|_| server.own_host.clone())
}

/// As the origin sees it: what is prefixed to requests is prefixed to `/` only where no path is written.
fn path(said: &written::HealthCheck, server: &Server, problems: &mut Vec<Problem>) -> Arc<str> {
    let Some(said) = &said.path else {
        return format!("{}/", server.path).into();
    };
    let path = said.value.as_str();
    let good = path.starts_with('/')
        && path.len() <= MOST_CHARACTERS
        && path
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#')
        && PathAndQuery::try_from(path).is_ok();
    if !good {
        problems.push(said.place.error(
            format!("is {}", said.shown()),
            format!(
                "write a path that begins with /, perhaps with a query, such as \"/health?deep=1\", in {MOST_CHARACTERS} characters at most"
            ),
        ));
    }
    path.into()
}

/// Source: Developer Guide of Route 53, "How Amazon Route 53 determines whether a health check is healthy": 2xx and 3xx.
fn expected(said: &written::HealthCheck, problems: &mut Vec<Problem>) -> StatusSet {
    let of = |range: std::ops::RangeInclusive<u16>| {
        range.filter_map(|code| StatusCode::from_u16(code).ok())
    };
    let Some((place, said)) = &said.expected_statuses else {
        return of(200..=399).collect();
    };
    if said.is_empty() {
        problems.push(place.error(
            "is empty",
            "write the statuses that pass, or leave it out for 200 to 399",
        ));
    }
    let mut expected = Vec::new();
    for said in said {
        let (from, to) = said
            .value
            .split_once('-')
            .unwrap_or((&said.value, &said.value));
        let bounds = from.trim().parse::<u16>().ok().zip(to.trim().parse().ok());
        match bounds.filter(|(from, to)| from <= to && *from >= 200 && *to <= 599) {
            Some((from, to)) => expected.extend(of(from..=to)),
            None => problems.push(said.place.error(
                format!("has {}", said.shown()),
                "write statuses from 200 to 599, or ranges of them such as \"200-399\"",
            )),
        }
    }
    expected.into_iter().collect()
}

fn search(said: &written::HealthCheck, problems: &mut Vec<Problem>) -> Option<Arc<str>> {
    let said = said.search_string.as_ref()?;
    let length = said.value.chars().count();
    if length == 0 || length > MOST_CHARACTERS {
        problems.push(said.place.error(
            format!("has {length} characters"),
            format!("write 1 to {MOST_CHARACTERS}, or leave it out"),
        ));
        return None;
    }
    Some(said.value.as_str().into())
}

/// The breaker of an origin: on, unless the mode or the operator says otherwise.
pub(super) fn breaker(
    origin: &Origin,
    defaults: &Defaults,
    problems: &mut Vec<Problem>,
) -> Option<Breaker> {
    const SHORTEST: Duration = Duration::from_millis(100);
    // What clients are to blame for, such as 400, says nothing about an origin.
    const STATUSES: [u16; 6] = [429, 500, 501, 502, 503, 504];
    let table = match &origin.breaker {
        None => return defaults.has_breaker.then(Breaker::default),
        Some(written::Breaker::Flag(said)) => return said.value.then(Breaker::default),
        Some(written::Breaker::Table(table)) => table,
    };
    let usual = Breaker::default();
    Some(Breaker {
        in_a_row: table
            .in_a_row
            .as_ref()
            .and_then(|said| values::number(said, 1..=1_000, problems))
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or(usual.in_a_row),
        statuses: table
            .statuses
            .iter()
            .flatten()
            .filter_map(|said| {
                let speaks = speaks_of_the_origin(said, problems);
                speaks.then(|| values::status(said, &STATUSES, problems))?
            })
            .collect(),
        probe_interval: table
            .probe_interval
            .as_ref()
            .and_then(|said| values::span(said, &(SHORTEST..=AN_HOUR), problems))
            .unwrap_or(usual.probe_interval),
        slow_start: table
            .slow_start
            .as_ref()
            .and_then(|said| values::span(said, &(Duration::ZERO..=AN_HOUR), problems))
            .unwrap_or(usual.slow_start),
    })
}

/// A missing page says nothing about the origin that misses it.
fn speaks_of_the_origin(said: &At<i64>, problems: &mut Vec<Problem>) -> bool {
    let is_everyday = matches!(said.value, 403 | 404);
    if is_everyday {
        problems.push(said.place.error(
            format!(
                "has {}, which healthy applications answer all day: the whole origin would be left alone for one missing page",
                said.value
            ),
            "leave it out; fail_over_on of a group is for single requests",
        ));
    }
    !is_everyday
}
