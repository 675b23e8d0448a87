//! Small compiled configs, as the compiler would make them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use tideover_config::{
    AcceptEncoding, AccessLog, AddressFamily, Admin, AttemptsShown, Behavior, ConnectionAttempts,
    Distribution, Edge, Endpoint, FailoverCriteria, FailureSet, GetBody, HeaderSelection,
    HostHeader, Hosts, Lifecycle, Limits, Listen, LogFormat, LogTo, LoopCheck, Member, MethodSet,
    Mode, NameSelection, Origin, OriginId, OriginKind, OriginRequest, OriginScheme, OriginTls,
    Page, Pages, PathPattern, Server, StatusSet, Target, TargetId, Timers, Trust, Via,
    ViewerProtocol, ViewerResponse, ViewerScheme, Voice, WriteError,
};
use tideover_rules::headers::Viewer;

/// CloudFront's: three connects of ten seconds, thirty seconds for a response.
pub(crate) fn cloudfront_timers() -> Timers {
    timers(3, 10, 30)
}

/// Tideover's own: two connects of one second, ten seconds for a response.
pub(crate) fn own_timers() -> Timers {
    timers(2, 1, 10)
}

pub(crate) fn timers(attempts: u8, connect: u64, response: u64) -> Timers {
    Timers {
        connection_attempts: ConnectionAttempts::new(attempts).expect("1 to 3"),
        connection_timeout: Duration::from_secs(connect),
        response_timeout: Duration::from_secs(response),
        response_completion_timeout: None,
        keepalive_timeout: Duration::from_secs(5),
    }
}

/// An origin over plain HTTP at `id.example`.
pub(crate) fn server(id: &str) -> Server {
    let host: Arc<str> = format!("{id}.example").into();
    Server {
        own_host: HeaderValue::from_str(&host).expect("a name"),
        domain_name: host.clone(),
        host: HostHeader::Own,
        scheme: OriginScheme::Http,
        http: Endpoint {
            host: host.clone(),
            port: 80,
        },
        https: Endpoint { host, port: 443 },
        path: "".into(),
        headers: Vec::new(),
        tls: OriginTls {
            server_name: None,
            trust: Trust::Platform,
            tls12: true,
        },
        addresses: AddressFamily::V4,
        timers: cloudfront_timers(),
        max_connections: 100,
        health_check: None,
        breaker: None,
        fault: None,
    }
}

pub(crate) fn origin(id: &str, server: Server) -> Origin {
    Origin {
        id: id.into(),
        kind: OriginKind::Server(Box::new(server)),
    }
}

pub(crate) fn page(id: &str) -> Origin {
    Origin {
        id: id.into(),
        kind: OriginKind::Page(Page {
            ahead: None,
            status: StatusCode::SERVICE_UNAVAILABLE,
            retry_after: None,
            html: Bytes::new(),
            file: None,
        }),
    }
}

pub(crate) fn statuses(codes: &[u16]) -> StatusSet {
    codes
        .iter()
        .map(|code| StatusCode::from_u16(*code).expect("a status"))
        .collect()
}

/// What a group of ours falls through on: these statuses, 403 and 404 of them softly, and every failure.
pub(crate) fn kind(codes: &[u16]) -> FailoverCriteria {
    let soft: Vec<u16> = [403, 404]
        .into_iter()
        .filter(|code| codes.contains(code))
        .collect();
    FailoverCriteria {
        statuses: statuses(codes),
        soft: statuses(&soft),
        failures: FailureSet::all(),
    }
}

pub(crate) fn member(origin: u16, criteria: FailoverCriteria, timers: Timers) -> Member {
    Member {
        origin: OriginId(origin),
        is_page: false,
        criteria,
        timers,
        retries_response_timeout: false,
        record: None,
    }
}

pub(crate) fn page_member(origin: u16) -> Member {
    Member {
        is_page: true,
        ..member(origin, FailoverCriteria::default(), own_timers())
    }
}

pub(crate) fn group(members: Vec<Member>, deadline: Option<Duration>) -> Target {
    Target {
        name: "tiers".into(),
        is_group: true,
        members,
        deadline,
    }
}

/// A single origin: no criteria.
pub(crate) fn single(origin: u16) -> Target {
    Target {
        name: "single".into(),
        is_group: false,
        members: vec![member(
            origin,
            FailoverCriteria::default(),
            cloudfront_timers(),
        )],
        deadline: None,
    }
}

/// Policies with nothing selected. Source: Developer Guide, "Control origin requests with a policy".
pub(crate) fn policy_request() -> OriginRequest {
    OriginRequest {
        headers: HeaderSelection::Only(Vec::new()),
        cookies: NameSelection::None,
        query: NameSelection::None,
        accept_encoding: AcceptEncoding::Removed,
        authorization: false,
        viewer_user_agent: false,
        viewer_host: false,
        forwarded_host_and_proto: false,
        trailers: false,
        cloudfront_headers: Vec::new(),
    }
}

/// Column L: `ForwardedValues` with nothing listed.
pub(crate) fn legacy_request() -> OriginRequest {
    OriginRequest {
        headers: HeaderSelection::LegacyWith(Vec::new()),
        ..policy_request()
    }
}

/// Resilient mode without policies.
pub(crate) fn resilient_request() -> OriginRequest {
    OriginRequest {
        headers: HeaderSelection::All,
        cookies: NameSelection::All,
        query: NameSelection::All,
        accept_encoding: AcceptEncoding::Viewer,
        authorization: true,
        viewer_user_agent: true,
        viewer_host: false,
        forwarded_host_and_proto: true,
        trailers: true,
        cloudfront_headers: Vec::new(),
    }
}

pub(crate) fn plain_response() -> ViewerResponse {
    ViewerResponse {
        vary_kept: None,
        set_cookie: true,
        rewrite_location: false,
        trailers: false,
        policy: None,
    }
}

pub(crate) fn behavior(path: &str, target: u16) -> Behavior {
    Behavior {
        path: PathPattern::new(path),
        for_methods: None,
        allowed_methods: MethodSet::READS_AND_OPTIONS,
        falls_through: MethodSet::READS,
        get_body: GetBody::Refused,
        viewer_protocol: ViewerProtocol::HttpAndHttps,
        target: TargetId(target),
        origin_request: policy_request(),
        viewer_response: plain_response(),
        cache: None,
        write_error: WriteError::Plain,
        expect: None,
    }
}

pub(crate) fn cloudfront_voice() -> Voice {
    Voice {
        name: "cloudfront".into(),
        via: Via::new("0123abcd.cloudfront.net (CloudFront)"),
        request_id: HeaderName::from_static("x-amz-cf-id"),
        pop: Some((
            HeaderName::from_static("x-amz-cf-pop"),
            HeaderValue::from_static("NRT20-P1"),
        )),
        server: HeaderValue::from_static("CloudFront"),
        pages: Pages::CloudFront,
        attempts: AttemptsShown::Off,
        server_timing: AttemptsShown::Off,
    }
}

pub(crate) fn tideover_voice() -> Voice {
    Voice {
        name: "tideover".into(),
        via: Via::new("tideover"),
        request_id: HeaderName::from_static("x-request-id"),
        pop: None,
        server: HeaderValue::from_static("tideover"),
        pages: Pages::ByAccept,
        attempts: AttemptsShown::Public,
        server_timing: AttemptsShown::Off,
    }
}

pub(crate) fn distribution(behaviors: Vec<Behavior>) -> Distribution {
    Distribution {
        position: 0,
        id: "E1".into(),
        domain_name: "d111111abcdef8.cloudfront.net".into(),
        aliases: Vec::new(),
        enabled: true,
        default_root_object: None,
        behaviors: behaviors.into(),
        error_responses: Vec::new(),
        voice: cloudfront_voice(),
        loops: LoopCheck::Via,
    }
}

/// The same in resilient mode.
pub(crate) fn resilient(distribution: Distribution) -> Distribution {
    Distribution {
        voice: tideover_voice(),
        loops: LoopCheck::CdnLoop {
            cdn_id: HeaderValue::from_static("tideover-1"),
        },
        ..distribution
    }
}

/// Distributions that answer to their aliases, or to any host without; the first one also to local names if it is alone.
pub(crate) fn edge(
    origins: Vec<Origin>,
    targets: Vec<Target>,
    mut distributions: Vec<Distribution>,
) -> Edge {
    for (position, distribution) in distributions.iter_mut().enumerate() {
        distribution.position = position;
    }
    let mut hosts = Hosts {
        exact: BTreeMap::new(),
        wildcards: Vec::new(),
        any: None,
        local: (distributions.len() == 1).then_some(0),
    };
    for (index, distribution) in (0..).zip(&distributions) {
        if distribution.aliases.is_empty() {
            hosts.any = Some(index);
        }
        for alias in &distribution.aliases {
            match alias.strip_prefix('*') {
                Some(suffix) => hosts.wildcards.push((suffix.into(), index)),
                None => {
                    hosts.exact.insert((**alias).into(), index);
                }
            }
        }
    }
    hosts
        .wildcards
        .sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
    Edge {
        journal: None,
        admin: Admin::default(),
        listen: Listen {
            http: Vec::new(),
            https: Vec::new(),
            tls: None,
            h2c: false,
            admin: None,
            status: None,
            health_path: None,
            viewer_scheme: ViewerScheme::Https,
            limits: Limits::default(),
            proxy_protocol_from: Vec::new(),
            workers: None,
            lifecycle: Lifecycle::default(),
        },
        cache: tideover_config::CacheLimits::default(),
        access_log: AccessLog {
            to: LogTo::Off,
            format: LogFormat::Json,
            cookies: false,
        },
        alarms: Vec::new(),
        origins,
        records: Vec::new(),
        takes_faults: false,
        targets,
        distributions,
        hosts,
        mode: Mode::Faithful,
        mode_reason: String::new(),
        time_scale: 1.0,
    }
}

/// One distribution with one behavior that points at one origin.
pub(crate) fn small_edge(server: Server, behavior: Behavior) -> Edge {
    edge(
        vec![origin("vm", server)],
        vec![single(0)],
        vec![distribution(vec![behavior])],
    )
}

/// `Name: value` lines.
pub(crate) fn headers(lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').expect("a colon");
        headers.append(
            name.to_ascii_lowercase()
                .parse::<HeaderName>()
                .expect("a name"),
            HeaderValue::from_bytes(value.trim().as_bytes()).expect("a value"),
        );
    }
    headers
}

/// `name: value` lines, sorted.
pub(crate) fn lines(headers: &HeaderMap) -> Vec<String> {
    let mut lines: Vec<String> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    lines.sort();
    lines
}

/// 203.0.113.7:50123, over HTTPS and HTTP/1.1.
pub(crate) struct Visitor {
    pub(crate) address: HeaderValue,
    pub(crate) host: Option<HeaderValue>,
    pub(crate) id: HeaderValue,
    pub(crate) scheme: ViewerScheme,
    pub(crate) version: Version,
}

impl Visitor {
    pub(crate) fn new() -> Self {
        Self {
            address: HeaderValue::from_static("203.0.113.7"),
            host: Some(HeaderValue::from_static("www.shop.example")),
            id: HeaderValue::from_static("id-1"),
            scheme: ViewerScheme::Https,
            version: Version::HTTP_11,
        }
    }

    pub(crate) fn viewer(&self) -> Viewer<'_> {
        Viewer {
            address: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)),
            port: 50123,
            address_text: &self.address,
            scheme: self.scheme,
            host: self.host.as_ref(),
            version: self.version,
            request_id: &self.id,
        }
    }
}

/// Fails with every case that did not hold, one a line.
pub(crate) fn all_hold(failures: &[String]) {
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}
