//! Listeners, limits and the access log.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::{flag, values};
use crate::edge::Overrides;
use crate::listener::{AccessLog, InterimLimit, Limits, Listen, LogFormat, LogTo, ViewerScheme};
use crate::network::{Network, Parsed};
use crate::problem::Problem;
use crate::written::{At, Written};

/// Where an edge listens that was not told.
const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8000);

/// Where a listener is that names a port only.
const EVERYBODY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

pub(super) fn listen(
    written: &Written,
    overrides: &Overrides,
    origin_interim: InterimLimit,
    problems: &mut Vec<Problem>,
) -> Listen {
    let said = &written.listen;
    let flags: Vec<At<String>> = overrides
        .listen
        .iter()
        .map(|value| from_flag("--listen", value))
        .collect();
    let wanted = if flags.is_empty() { &said.http } else { &flags };
    let mut taken = Vec::new();
    let mut http: Vec<SocketAddr> = wanted
        .iter()
        .filter_map(|at| address(at, EVERYBODY, &mut taken, problems))
        .collect();
    let flags: Vec<At<String>> = overrides
        .listen_tls
        .iter()
        .map(|value| from_flag("--listen-tls", value))
        .collect();
    let wanted_tls = if flags.is_empty() {
        &said.https
    } else {
        &flags
    };
    let https: Vec<SocketAddr> = wanted_tls
        .iter()
        .filter_map(|at| address(at, EVERYBODY, &mut taken, problems))
        .collect();
    if wanted.is_empty() && wanted_tls.is_empty() {
        taken.push(DEFAULT_ADDRESS);
        http.push(DEFAULT_ADDRESS);
    }
    let mut one = |name: &str, without_host, flag: Option<&String>, said: Option<&At<String>>| {
        let flag = flag.map(|value| from_flag(name, value));
        let at = flag.as_ref().or(said)?;
        address(at, without_host, &mut taken, problems)
    };
    // Who may change the edge is on this machine, unless an address says otherwise.
    let local = Ipv4Addr::LOCALHOST;
    let admin = one(
        "--admin",
        local,
        overrides.admin.as_ref(),
        said.admin.as_ref(),
    );
    let status = one(
        "--status",
        EVERYBODY,
        overrides.status.as_ref(),
        said.status.as_ref(),
    );

    Listen {
        viewer_scheme: viewer_scheme(written, overrides, &http, &https, problems),
        tls: super::tls::viewer_tls(
            written,
            overrides,
            wanted_tls.first().map(|said| &said.place),
            problems,
        ),
        h2c: said.h2c.as_ref().is_some_and(|said| said.value),
        http,
        https,
        admin,
        status,
        health_path: said
            .health_path
            .as_ref()
            .and_then(|path| health_path(path, problems)),
        limits: limits(written, origin_interim, problems),
        proxy_protocol_from: proxy_protocol_from(&said.proxy_protocol_from, problems),
        workers: workers(written, overrides, problems),
        lifecycle: super::lifecycle::lifecycle(written, overrides, problems),
    }
}

fn from_flag(name: &str, value: &str) -> At<String> {
    At {
        value: value.to_owned(),
        place: flag(name),
    }
}

/// `127.0.0.1:8000`, `[::1]:8000`, `localhost:8000`, `*:8000` for every IPv4 address, or `:8000` for `without_host`.
fn address(
    said: &At<String>,
    without_host: Ipv4Addr,
    taken: &mut Vec<SocketAddr>,
    problems: &mut Vec<Problem>,
) -> Option<SocketAddr> {
    let text = said.value.as_str();
    let parsed = text.parse().ok().or_else(|| {
        let (host, port) = text.rsplit_once(':')?;
        let ip = match host {
            "localhost" => Ipv4Addr::LOCALHOST,
            "*" => Ipv4Addr::UNSPECIFIED,
            "" => without_host,
            _ => return None,
        };
        Some(SocketAddr::from((ip, port.parse().ok()?)))
    });
    let Some(address) = parsed else {
        problems.push(said.place.error(
            format!("is {}", said.shown()),
            "write an address and a port, such as \"127.0.0.1:8000\" or \"[::]:80\"",
        ));
        return None;
    };
    // Port 0 picks a free one each time.
    if address.port() != 0 && taken.contains(&address) {
        problems.push(said.place.error(
            format!("is {}, which is listened on already", said.shown()),
            "write another port",
        ));
        return None;
    }
    taken.push(address);
    Some(address)
}

fn viewer_scheme(
    written: &Written,
    overrides: &Overrides,
    http: &[SocketAddr],
    https: &[SocketAddr],
    problems: &mut Vec<Problem>,
) -> ViewerScheme {
    const SCHEMES: [(&str, ViewerScheme); 2] =
        [("http", ViewerScheme::Http), ("https", ViewerScheme::Https)];
    let flag = overrides
        .viewer_scheme
        .as_ref()
        .map(|value| from_flag("--viewer-scheme", value));
    let said = flag.as_ref().or(written.listen.viewer_scheme.as_ref());
    if let Some(scheme) = said.and_then(|said| values::word(said, &SCHEMES, problems)) {
        return scheme;
    }
    // Nobody but this machine can have come, and there is no TLS to send it to: a redirect would only be in the way.
    if https.is_empty() && http.iter().all(|address| address.ip().is_loopback()) {
        ViewerScheme::Https
    } else {
        ViewerScheme::Http
    }
}

fn health_path(said: &At<String>, problems: &mut Vec<Problem>) -> Option<std::sync::Arc<str>> {
    let path = said.value.as_str();
    let good = path.len() > 1
        && path.starts_with('/')
        && path.bytes().all(|byte| byte.is_ascii_graphic())
        && !path.contains(['?', '#', '*']);
    if good {
        return Some(path.into());
    }
    problems.push(said.place.error(
        format!("is {}", said.shown()),
        "write one exact path that no page of yours has, such as \"/edge-health\"",
    ));
    None
}

fn limits(written: &Written, origin_interim: InterimLimit, problems: &mut Vec<Problem>) -> Limits {
    const AN_HOUR: Duration = Duration::from_hours(1);
    const A_DAY: Duration = Duration::from_hours(24);
    const TICK: Duration = Duration::from_millis(1);
    const A_TEBIBYTE: i64 = 1 << 40;
    const MANY: i64 = 1_000_000_000;
    let said = &written.listen;
    let defaults = Limits::default();
    let mut bytes = |said: &Option<At<i64>>, default| {
        said.as_ref()
            .and_then(|said| values::size(said, 256..=1_048_576, problems))
            .unwrap_or(default)
    };
    let url_bytes = bytes(&said.max_url_bytes, defaults.url_bytes);
    let head_bytes = bytes(&said.max_head_bytes, defaults.head_bytes);
    let body_bytes = said
        .max_body_bytes
        .as_ref()
        .and_then(|said| values::number(said, 1..=A_TEBIBYTE, problems))
        .and_then(|bytes| u64::try_from(bytes).ok())
        .unwrap_or(defaults.body_bytes);
    let mut most = |said: &Option<At<i64>>| {
        said.as_ref()
            .and_then(|said| values::size(said, 1..=MANY, problems))
    };
    let connections = most(&said.max_connections);
    let connections_per_address = most(&said.max_connections_per_address);
    let requests = most(&said.max_requests);
    let requests_per_connection = most(&said.max_requests_per_connection);
    let mut time = |said: &Option<At<_>>, most, default| {
        said.as_ref()
            .and_then(|said| values::span(said, &(TICK..=most), problems))
            .unwrap_or(default)
    };
    Limits {
        url_bytes,
        head_bytes,
        origin_head_bytes: defaults.origin_head_bytes,
        origin_interim,
        body_bytes,
        head_timeout: time(&said.head_timeout, AN_HOUR, defaults.head_timeout),
        idle_timeout: time(&said.idle_timeout, AN_HOUR, defaults.idle_timeout),
        body_timeout: time(&said.body_timeout, AN_HOUR, defaults.body_timeout),
        websocket_idle_timeout: time(
            &said.websocket_idle_timeout,
            A_DAY,
            defaults.websocket_idle_timeout,
        ),
        connections,
        connections_per_address,
        requests,
        requests_per_connection,
    }
}

fn proxy_protocol_from(said: &[At<String>], problems: &mut Vec<Problem>) -> Vec<Network> {
    let mut networks = Vec::new();
    for said in said {
        match Network::parse(&said.value) {
            Some(Parsed::Network(network)) => networks.push(network),
            Some(Parsed::Within(network)) => problems.push(said.place.error(
                format!("has {}", said.shown()),
                format!("write \"{network}\", or the address alone"),
            )),
            None => problems.push(said.place.error(
                format!("has {}", said.shown()),
                "write networks or addresses, such as \"10.0.0.0/8\" or \"2001:db8::/32\"",
            )),
        }
    }
    networks
}

fn workers(written: &Written, overrides: &Overrides, problems: &mut Vec<Problem>) -> Option<usize> {
    const MOST: i64 = 1_024;
    let flag = overrides.workers.map(|value| At {
        value: i64::try_from(value).unwrap_or(i64::MAX),
        place: flag("--workers"),
    });
    let said = flag.as_ref().or(written.listen.workers.as_ref())?;
    values::size(said, 1..=MOST, problems)
}

pub(super) fn access_log(
    written: &Written,
    overrides: &Overrides,
    problems: &mut Vec<Problem>,
) -> AccessLog {
    const FORMATS: [(&str, LogFormat); 2] = [
        ("cloudfront", LogFormat::CloudFront),
        ("json", LogFormat::Json),
    ];
    let said = &written.access_log;
    let to = match (&overrides.access_log, &said.to) {
        (Some(flag), _) => log_to(flag, std::path::Path::new("")),
        (None, Some(said)) => log_to(&said.value, &written.folder),
        (None, None) => LogTo::Off,
    };
    let flag = overrides
        .log_format
        .as_ref()
        .map(|value| from_flag("--log-format", value));
    let format = flag
        .as_ref()
        .or(said.format.as_ref())
        .and_then(|said| values::word(said, &FORMATS, problems))
        .unwrap_or(LogFormat::CloudFront);
    let cookies = said.cookies.as_ref().is_some_and(|said| said.value)
        || written.distributions.iter().any(|distribution| {
            distribution
                .log_cookies
                .as_ref()
                .is_some_and(|said| said.value)
        });
    AccessLog {
        to,
        format,
        cookies,
    }
}

fn log_to(said: &str, folder: &std::path::Path) -> LogTo {
    match said {
        "off" => LogTo::Off,
        "-" => LogTo::Stdout,
        file => LogTo::File(folder.join(file)),
    }
}
