//! A config exactly as written, with the place of every value. `tideover.toml`, CloudFront JSON and the command line
//! are all walked into this one model, and one compiler turns it into an [`Edge`](crate::Edge).
//!
//! Nothing here is checked beyond its type: a status may be 999, a member may name nobody.

mod cache;
mod health;
mod rehearsal;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::HeaderValue;

use crate::problem::{Problem, Severity};

pub(crate) use cache::{CacheKey, CacheLimits, Caching, Compress, Size};
pub(crate) use health::{Breaker, BreakerTable, HealthCheck, Record};
pub(crate) use rehearsal::{Expect, Fault, Faults};

/// Where something was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub file: Arc<PathBuf>,
    /// From 1; 0 where there is no line (a flag).
    pub line: u32,
    /// In the file's own notation.
    pub field: String,
    /// The text before `${NAME}` was filled in, where it was: messages show this, never what came from the environment.
    pub template: Option<Arc<str>>,
}

impl Place {
    /// A place whose value stands there as it is.
    pub(crate) fn new(file: &Arc<PathBuf>, line: u32, field: impl Into<String>) -> Self {
        Self {
            file: Arc::clone(file),
            line,
            field: field.into(),
            template: None,
        }
    }

    /// The place of something that belongs in `name` inside of this one, and is not written.
    pub(crate) fn inner(&self, name: &str) -> Self {
        Self::new(&self.file, self.line, format!("{}.{name}", self.field))
    }

    /// Like [`Place::problem`], for what keeps the config from loading.
    pub(crate) fn error(&self, found: impl Into<String>, instead: impl Into<String>) -> Problem {
        self.problem(Severity::Error, found, instead)
    }

    /// Like [`Place::problem`], for what is probably a mistake.
    pub(crate) fn warning(&self, found: impl Into<String>, instead: impl Into<String>) -> Problem {
        self.problem(Severity::Warning, found, instead)
    }

    /// Like [`Place::problem`], for what is worth knowing.
    pub(crate) fn note(&self, found: impl Into<String>, instead: impl Into<String>) -> Problem {
        self.problem(Severity::Note, found, instead)
    }

    /// Something to say about this place.
    pub(crate) fn problem(
        &self,
        severity: Severity,
        found: impl Into<String>,
        instead: impl Into<String>,
    ) -> Problem {
        Problem {
            severity,
            file: (*self.file).clone(),
            line: self.line,
            field: self.field.clone(),
            found: found.into(),
            instead: instead.into(),
        }
    }
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct At<T> {
    pub value: T,
    pub place: Place,
}

impl At<String> {
    /// The value in quotes, as a message may show it.
    pub(crate) fn shown(&self) -> String {
        format!(
            "{:?}",
            self.place.template.as_deref().unwrap_or(&self.value)
        )
    }

    /// The text as the value of a header. It may be a secret, and is not repeated.
    pub(crate) fn header_value(&self, problems: &mut Vec<Problem>) -> Option<HeaderValue> {
        let value = HeaderValue::from_str(&self.value).ok();
        if value.is_none() {
            problems.push(self.place.error(
                "has a value that no header can have",
                "write visible ASCII characters and spaces",
            ));
        }
        value
    }
}

/// The notation a config came in: it decides default mode, field names in messages, and which of CloudFront's rules hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notation {
    Toml,
    CloudFront,
    CommandLine,
}

/// One whole config.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub notation: Notation,
    pub place: Place,
    /// The folder that relative paths in the file start from.
    pub folder: PathBuf,
    pub mode: Option<At<String>>,
    pub listen: Listen,
    pub admin: Admin,
    pub tls: Tls,
    pub cache: CacheLimits,
    pub access_log: AccessLog,
    pub journal: Option<Journal>,
    pub faults: Faults,
    pub alarms: Vec<Alarm>,
    pub origins: Vec<Origin>,
    pub groups: Vec<OriginGroup>,
    pub records: Vec<Record>,
    pub distributions: Vec<Distribution>,
    /// From `--policy` files.
    pub policies: Policies,
}

impl Written {
    /// What to write instead, where that depends on the notation; flags are spoken of as `tideover.toml` is.
    pub(crate) fn words(&self, toml: &'static str, cloudfront: &'static str) -> &'static str {
        match self.notation {
            Notation::Toml | Notation::CommandLine => toml,
            Notation::CloudFront => cloudfront,
        }
    }

    /// The file that it is in; `None`: flags, or standard input, which have nothing beside them.
    pub(crate) fn file(&self) -> Option<&Path> {
        let file = self.place.file.as_path();
        let is_file = self.notation != Notation::CommandLine && file != Path::new("-");
        is_file.then_some(file)
    }

    /// How the other mode is chosen.
    pub(crate) fn resilient(&self) -> &'static str {
        match self.notation {
            Notation::Toml => "write mode = \"resilient\"",
            Notation::CloudFront | Notation::CommandLine => "give --mode resilient",
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Listen {
    pub http: Vec<At<String>>,
    pub https: Vec<At<String>>,
    pub h2c: Option<At<bool>>,
    pub admin: Option<At<String>>,
    pub status: Option<At<String>>,
    pub health_path: Option<At<String>>,
    pub viewer_scheme: Option<At<String>>,
    pub workers: Option<At<i64>>,
    pub max_url_bytes: Option<At<i64>>,
    pub max_head_bytes: Option<At<i64>>,
    pub max_body_bytes: Option<At<i64>>,
    pub head_timeout: Option<At<Span>>,
    pub idle_timeout: Option<At<Span>>,
    pub body_timeout: Option<At<Span>>,
    pub websocket_idle_timeout: Option<At<Span>>,
    pub max_connections: Option<At<i64>>,
    pub max_connections_per_address: Option<At<i64>>,
    pub max_requests: Option<At<i64>>,
    pub max_requests_per_connection: Option<At<i64>>,
    pub proxy_protocol_from: Vec<At<String>>,
    pub lifecycle: Lifecycle,
}

/// In `[listen]`: reload, takeover and drain.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lifecycle {
    pub drain_timeout: Option<At<Span>>,
    pub drain_delay: Option<At<Span>>,
    pub takeover: Option<At<String>>,
    pub watch: Option<At<bool>>,
}

/// How a running edge is seen and changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Admin {
    pub token: Option<At<String>>,
    pub state: Option<At<String>>,
}

/// Where writes are noted that a record's secondary took.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    pub place: Place,
    pub file: Option<At<String>>,
    pub max_bytes: Option<At<i64>>,
}

/// TLS towards viewers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tls {
    /// Where the table stands, if it does.
    pub place: Option<Place>,
    pub certificates: Vec<Certificate>,
    pub self_signed: Option<At<bool>>,
    pub minimum_protocol_version: Option<At<String>>,
    pub handshake_timeout: Option<At<Span>>,
    pub http2: Option<At<bool>>,
    pub acme: Option<Acme>,
}

/// Certificates by ACME.
#[derive(Clone, Debug)]
pub(crate) struct Acme {
    pub place: Place,
    pub directory: Option<At<String>>,
    pub contact: Vec<At<String>>,
    /// `None`: the exact aliases of the distributions.
    pub domains: Option<(Place, Vec<At<String>>)>,
    pub folder: Option<At<String>>,
    pub agree_to_terms: Option<At<bool>>,
    pub ca: Option<At<String>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub certificate: At<String>,
    /// `None`: in the same file.
    pub key: Option<At<String>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct AccessLog {
    pub to: Option<At<String>>,
    pub format: Option<At<String>>,
    pub cookies: Option<At<bool>>,
}

/// Who is told of alarms.
#[derive(Clone, Debug)]
pub(crate) struct Alarm {
    pub place: Place,
    /// A secret.
    pub webhook: Option<At<String>>,
    pub format: Option<At<String>>,
    /// Name and value, in order.
    pub headers: Vec<(At<String>, At<String>)>,
    pub only: Option<(Place, Vec<At<String>>)>,
    pub ca: Option<At<String>>,
}

/// A span of time as written: `"25s"`, `"100ms"` in TOML, whole seconds in CloudFront JSON.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Span {
    Text(String),
    Seconds(i64),
}

#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub id: At<String>,
    /// TOML: `url`.
    pub url: Option<At<String>>,
    /// Beyond: `host:port` that is connected to in place of what `url` names; the name stays for `Host` and certificates.
    pub connect_to: Option<At<String>>,
    /// CloudFront: DomainName, ports, `OriginProtocolPolicy`.
    pub domain_name: Option<At<String>>,
    pub http_port: Option<At<i64>>,
    pub https_port: Option<At<i64>>,
    pub protocol_policy: Option<At<String>>,
    pub is_s3: bool,
    /// `OriginPath`; TOML: `path`.
    pub path: Option<At<String>>,
    /// TOML: `"origin"`, `"viewer"` or a name.
    pub host: Option<At<String>>,
    /// Name and value, in order.
    pub headers: Vec<(At<String>, At<String>)>,
    pub connection_attempts: Option<At<i64>>,
    pub connection_timeout: Option<At<Span>>,
    pub response_timeout: Option<At<Span>>,
    pub response_completion_timeout: Option<At<Span>>,
    pub keepalive_timeout: Option<At<Span>>,
    pub max_connections: Option<At<i64>>,
    /// `ipv4`, `ipv6`, `dualstack`.
    pub address_family: Option<At<String>>,
    /// `OriginSslProtocols`; TOML has none.
    pub ssl_protocols: Option<Vec<At<String>>>,
    pub tls_server_name: Option<At<String>>,
    pub tls_ca: Option<At<String>>,
    /// `page = "file.html"` or `page = true`.
    pub page: Option<At<PageSource>>,
    pub page_url: Option<At<String>>,
    pub page_interval: Option<At<Span>>,
    pub page_cache: Option<At<String>>,
    pub status: Option<At<i64>>,
    pub retry_after: Option<At<Span>>,
    /// A folder that plays a bucket.
    pub dir: Option<At<String>>,
    /// `403` or `404`.
    pub missing: Option<At<String>>,
    pub website: Option<Website>,
    pub health_check: Option<HealthCheck>,
    pub breaker: Option<Breaker>,
    /// Beyond: it begins with this fault.
    pub fault: Option<Fault>,
}

impl Origin {
    /// An origin of which nothing but its id is written.
    pub(crate) fn named(id: At<String>) -> Self {
        Self {
            id,
            url: None,
            connect_to: None,
            domain_name: None,
            http_port: None,
            https_port: None,
            protocol_policy: None,
            is_s3: false,
            path: None,
            host: None,
            headers: Vec::new(),
            connection_attempts: None,
            connection_timeout: None,
            response_timeout: None,
            response_completion_timeout: None,
            keepalive_timeout: None,
            max_connections: None,
            address_family: None,
            ssl_protocols: None,
            tls_server_name: None,
            tls_ca: None,
            page: None,
            page_url: None,
            page_interval: None,
            page_cache: None,
            status: None,
            retry_after: None,
            dir: None,
            missing: None,
            website: None,
            health_check: None,
            breaker: None,
            fault: None,
        }
    }
}

/// `website = { index = "…", error = "…" }`.
#[derive(Clone, Debug)]
pub(crate) struct Website {
    pub place: Place,
    pub index: Option<At<String>>,
    pub error: Option<At<String>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PageSource {
    BuiltIn,
    File(String),
}

#[derive(Clone, Debug)]
pub(crate) struct OriginGroup {
    pub id: At<String>,
    pub members: Vec<Member>,
    /// Where the list of members stands.
    pub members_place: Place,
    pub fail_over_on: Vec<At<i64>>,
    pub fail_over_on_place: Place,
    /// Beyond: connection failures and timeouts fall through `"always"` or only by `"status"` gates (as the mode has it if absent).
    pub on_failure: Option<At<String>>,
    /// Beyond: statuses that are soft; absent: 403 and 404 where the mode has soft ones.
    pub soft: Option<Vec<At<i64>>>,
    pub deadline: Option<At<Span>>,
    pub selection_criteria: Option<At<String>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub origin: At<String>,
    pub fail_over_on: Option<Vec<At<i64>>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Distribution {
    pub id: At<String>,
    pub place: Place,
    pub domain_name: Option<At<String>>,
    pub aliases: Vec<At<String>>,
    pub enabled: Option<At<bool>>,
    pub default_root_object: Option<At<String>>,
    pub behaviors: Vec<Behavior>,
    pub default_behavior: Option<Behavior>,
    /// Beyond: what its behaviors say unless they say something else.
    pub caching: Caching,
    pub error_responses: Vec<ErrorResponse>,
    /// Beyond: `name` of `X-Cache` and `Via`.
    pub name: Option<At<String>>,
    pub attempts: Option<At<String>>,
    pub attempts_token: Option<At<String>>,
    /// Beyond: `true`, `false` or `token`.
    pub server_timing: Option<At<String>>,
    pub write_error_nothing_sent: Option<At<String>>,
    pub write_error_outcome_unknown: Option<At<String>>,
    pub write_error_retry_after: Option<At<Span>>,
    pub log_cookies: Option<At<bool>>,
    pub minimum_protocol_version: Option<At<String>>,
    pub http_version: Option<At<String>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Behavior {
    pub place: Place,
    /// Absent in a default behavior.
    pub path: Option<At<String>>,
    pub for_methods: Option<Vec<At<String>>>,
    pub target: Option<At<String>>,
    pub allowed_methods: Option<Vec<At<String>>>,
    pub allowed_methods_place: Option<Place>,
    pub cached_methods: Option<Vec<At<String>>>,
    pub viewer_protocol_policy: Option<At<String>>,
    /// A managed or own policy, by id or name.
    pub cache_policy: Option<At<String>>,
    pub origin_request_policy: Option<At<String>>,
    pub response_headers_policy: Option<At<String>>,
    pub forwarded_values: Option<ForwardedValues>,
    pub caching: Caching,
    /// Beyond: turn `Location` headers that name an origin.
    pub rewrite_location: Option<At<bool>>,
    /// Beyond, in place of policies: what the origin is sent, spelled out. Already in compiled form: every part is a choice.
    pub origin_request: Option<crate::behavior::OriginRequest>,
    /// Beyond, in place of a response headers policy: what the viewer is sent, spelled out.
    pub viewer_response: Option<crate::behavior::ViewerResponse>,
    /// Beyond: what a drill has to find.
    pub expect: Option<Expect>,
}

impl Behavior {
    /// A behavior of which nothing but its place is written.
    pub(crate) fn at(place: Place) -> Self {
        Self {
            place,
            path: None,
            for_methods: None,
            target: None,
            allowed_methods: None,
            allowed_methods_place: None,
            cached_methods: None,
            viewer_protocol_policy: None,
            cache_policy: None,
            origin_request_policy: None,
            response_headers_policy: None,
            forwarded_values: None,
            caching: Caching::default(),
            rewrite_location: None,
            origin_request: None,
            viewer_response: None,
            expect: None,
        }
    }
}

/// Legacy `ForwardedValues`.
#[derive(Clone, Debug)]
pub(crate) struct ForwardedValues {
    pub place: Place,
    pub query_string: bool,
    pub query_string_cache_keys: Vec<At<String>>,
    /// `none`, `whitelist`, `all`.
    pub cookies_forward: Option<At<String>>,
    pub cookie_names: Vec<At<String>>,
    pub headers: Vec<At<String>>,
}

#[derive(Clone, Debug)]
pub(crate) struct ErrorResponse {
    pub error_code: At<i64>,
    pub page_path: Option<At<String>>,
    pub response_code: Option<At<String>>,
    pub min_ttl: Option<At<i64>>,
}

/// Own policies, from the output of `get-cache-policy`, `get-origin-request-policy`, `get-response-headers-policy`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policies {
    pub cache: Vec<CachePolicy>,
    pub origin_request: Vec<OriginRequestPolicy>,
    pub response_headers: Vec<ResponseHeadersPolicy>,
}

/// `CachePolicyConfig`: managed ones are built in the same shape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CachePolicy {
    pub id: String,
    pub name: String,
    pub min_ttl: i64,
    pub default_ttl: i64,
    pub max_ttl: i64,
    pub gzip: bool,
    pub brotli: bool,
    /// `none`, `whitelist`.
    pub headers: (String, Vec<String>),
    /// `none`, `whitelist`, `allExcept`, `all`.
    pub cookies: (String, Vec<String>),
    pub query: (String, Vec<String>),
}

/// `OriginRequestPolicyConfig`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OriginRequestPolicy {
    pub id: String,
    pub name: String,
    /// `none`, `whitelist`, `allViewer`, `allViewerAndWhitelistCloudFront`, `allExcept`.
    pub headers: (String, Vec<String>),
    pub cookies: (String, Vec<String>),
    pub query: (String, Vec<String>),
}

/// `ResponseHeadersPolicyConfig`: already in its compiled form, because every value is a header.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ResponseHeadersPolicy {
    pub id: String,
    pub name: String,
    pub compiled: crate::behavior::ResponseHeadersPolicy,
}
