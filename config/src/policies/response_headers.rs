//! A `ResponseHeadersPolicyConfig`, compiled: every value of it is a header.
//!
//! Source: API shape `ResponseHeadersPolicyConfig`; Developer Guide, "Understand response headers policies".

use http::header::{self, HeaderName, HeaderValue};

use crate::behavior::{Cors, ResponseHeadersPolicy};
use crate::cloudfront::spot::Spot;
use crate::problem::{Problem, Severity};
use crate::written::At;

/// The policy in `config`, as far as it can be made out; `problems` gets what no header can hold.
pub(super) fn compile(config: &Spot<'_>, problems: &mut Vec<Problem>) -> ResponseHeadersPolicy {
    let mut set = Vec::new();
    if let Some(security) = config.get("SecurityHeadersConfig") {
        security_headers(&security, &mut set, problems);
    }
    for custom in config.list("CustomHeadersConfig") {
        let (Some(name), Some(value)) = (custom.text("Header"), custom.get("Value")) else {
            continue;
        };
        let name = changeable(&name, problems);
        let value = value
            .as_text()
            .and_then(|value| value.header_value(problems));
        if let (Some(name), Some(value)) = (name, value) {
            set.push((name, value, is_on(&custom, "Override")));
        }
    }
    ResponseHeadersPolicy {
        removed: config
            .list("RemoveHeadersConfig")
            .iter()
            .filter_map(|removed| changeable(&removed.text("Header")?, problems))
            .collect(),
        set,
        cors: config
            .get("CorsConfig")
            .map(|cors| self::cors(&cors, problems)),
    }
}

fn is_on(spot: &Spot<'_>, key: &str) -> bool {
    spot.flag(key).is_some_and(|flag| flag.value)
}

fn security_headers(
    spot: &Spot<'_>,
    set: &mut Vec<(HeaderName, HeaderValue, bool)>,
    problems: &mut Vec<Problem>,
) {
    let mut add = |name: HeaderName, part: &Spot<'_>, value: Option<HeaderValue>| {
        if let Some(value) = value {
            set.push((name, value, is_on(part, "Override")));
        }
    };
    if let Some(part) = spot.get("StrictTransportSecurity") {
        let value = part.number("AccessControlMaxAgeSec").and_then(|max_age| {
            let mut value = format!("max-age={}", max_age.value);
            for (key, directive) in [
                ("IncludeSubdomains", "; includeSubDomains"),
                ("Preload", "; preload"),
            ] {
                if is_on(&part, key) {
                    value.push_str(directive);
                }
            }
            not_negative(&max_age, problems)?;
            HeaderValue::try_from(value).ok()
        });
        add(header::STRICT_TRANSPORT_SECURITY, &part, value);
    }
    if let Some(part) = spot.get("ContentTypeOptions") {
        let value = Some(HeaderValue::from_static("nosniff"));
        add(header::X_CONTENT_TYPE_OPTIONS, &part, value);
    }
    for (key, inner, name) in [
        ("FrameOptions", "FrameOption", header::X_FRAME_OPTIONS),
        ("ReferrerPolicy", "ReferrerPolicy", header::REFERRER_POLICY),
        (
            "ContentSecurityPolicy",
            "ContentSecurityPolicy",
            header::CONTENT_SECURITY_POLICY,
        ),
    ] {
        if let Some(part) = spot.get(key) {
            let value = part
                .text(inner)
                .and_then(|value| value.header_value(problems));
            add(name, &part, value);
        }
    }
    if let Some(part) = spot.get("XSSProtection") {
        let value = xss_protection(&part, problems);
        add(header::X_XSS_PROTECTION, &part, value);
    }
}

fn xss_protection(part: &Spot<'_>, problems: &mut Vec<Problem>) -> Option<HeaderValue> {
    if !is_on(part, "Protection") {
        return Some(HeaderValue::from_static("0"));
    }
    match (is_on(part, "ModeBlock"), part.text("ReportUri")) {
        (true, Some(report)) => {
            problems.push(report.place.error(
                format!("is {}, and ModeBlock is true", report.shown()),
                "write one of them",
            ));
            None
        }
        (true, None) => Some(HeaderValue::from_static("1; mode=block")),
        (false, None) => Some(HeaderValue::from_static("1")),
        (false, Some(report)) => At {
            value: format!("1; report={}", report.value),
            place: report.place,
        }
        .header_value(problems),
    }
}

fn cors(spot: &Spot<'_>, problems: &mut Vec<Problem>) -> Cors {
    let mut joined = |key: &str, all: &str| {
        let mut place = spot.get(key)?.place();
        let items = spot.texts(key).unwrap_or_default();
        let first = items.first()?;
        place.line = first.place.line;
        let names: Vec<&str> = items.iter().map(|item| item.value.as_str()).collect();
        let value = if names.contains(&all) {
            ALL_METHODS.to_owned()
        } else {
            names.join(", ")
        };
        At { value, place }.header_value(problems)
    };
    let allow_headers = joined("AccessControlAllowHeaders", "");
    let allow_methods = joined("AccessControlAllowMethods", "ALL");
    let expose_headers = joined("AccessControlExposeHeaders", "");
    let max_age = spot.number("AccessControlMaxAgeSec").and_then(|seconds| {
        not_negative(&seconds, problems)?;
        Some(HeaderValue::from(seconds.value))
    });
    let allow_credentials = is_on(spot, "AccessControlAllowCredentials");
    let allow_origins: Vec<String> = spot
        .texts("AccessControlAllowOrigins")
        .unwrap_or_default()
        .into_iter()
        .map(|origin| origin.value)
        .collect();
    if allow_credentials && allow_origins.iter().any(|origin| origin == "*") {
        problems.push(spot.problem_with(
            "AccessControlAllowCredentials",
            Severity::Warning,
            "is true, and AccessControlAllowOrigins has \"*\"",
            "browsers refuse such an answer: name the origins",
        ));
    }
    Cors {
        allow_origins,
        allow_headers,
        allow_methods,
        allow_credentials,
        expose_headers,
        max_age,
        origin_override: is_on(spot, "OriginOverride"),
    }
}

/// What `ALL` stands for.
const ALL_METHODS: &str = "GET, DELETE, HEAD, OPTIONS, PATCH, POST, PUT";

fn not_negative(said: &At<i64>, problems: &mut Vec<Problem>) -> Option<()> {
    if said.value >= 0 {
        return Some(());
    }
    problems.push(
        said.place
            .error(format!("is {}", said.value), "write 0 or more seconds"),
    );
    None
}

/// The name of a header that a policy may set or remove.
fn changeable(said: &At<String>, problems: &mut Vec<Problem>) -> Option<HeaderName> {
    let Ok(name) = HeaderName::from_bytes(said.value.as_bytes()) else {
        problems.push(said.place.error(
            format!("is {}", said.shown()),
            "write a header name: letters, digits and -",
        ));
        return None;
    };
    if is_kept(name.as_str()) {
        problems.push(said.place.error(
            format!("is {}", said.shown()),
            "leave it out; CloudFront lets no policy change this header",
        ));
        return None;
    }
    Some(name)
}

/// Source: Developer Guide, "Understand response headers policies", headers that cannot be removed. Setting them is not
/// spoken of; most would break the connection, so they are refused likewise.
fn is_kept(name: &str) -> bool {
    const KEPT: [&str; 29] = [
        "connection",
        "content-encoding",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "warning",
        "x-accel-buffering",
        "x-accel-charset",
        "x-accel-limit-rate",
        "x-accel-redirect",
        "x-amzn-auth",
        "x-amzn-cf-billing",
        "x-amzn-cf-id",
        "x-amzn-cf-xff",
        "x-amzn-errortype",
        "x-amzn-fle-profile",
        "x-amzn-header-count",
        "x-amzn-header-order",
        "x-amzn-lambda-integration-tag",
        "x-amzn-requestid",
        "x-cache",
    ];
    KEPT.contains(&name)
        || name.starts_with("x-amz-cf-")
        || name.starts_with("x-edge-")
        || matches!(name, "x-forwarded-proto" | "x-real-ip")
}
