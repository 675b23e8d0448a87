//! Fields that exclude or need each other: what CloudFront's API refuses, beyond names and types, of fields that only
//! its own notation has. Source: API shapes `Origin` and `CacheBehavior`; Developer Guide, "Expiration".

use super::spot::Spot;
use crate::json::Value;
use crate::problem::{Problem, Severity};

/// Reports what excludes each other in `config`.
pub(crate) fn check(config: &Spot<'_>, problems: &mut Vec<Problem>) {
    for origin in config.list("Origins") {
        check_origin(&origin, problems);
    }
    let default = config.get("DefaultCacheBehavior");
    for behavior in default.iter().chain(&config.list("CacheBehaviors")) {
        check_behavior(behavior, problems);
    }
}

fn check_origin(origin: &Spot<'_>, problems: &mut Vec<Problem>) {
    if !matches!(origin.node.value, Value::Object(_)) {
        return;
    }
    let configs: Vec<&str> = ["CustomOriginConfig", "S3OriginConfig", "VpcOriginConfig"]
        .into_iter()
        .filter(|name| origin.get(name).is_some())
        .collect();
    check_headers(origin, problems);
    match configs.as_slice() {
        [_] => {}
        [] => problems.push(origin.problem(
            Severity::Error,
            "has no CustomOriginConfig, S3OriginConfig or VpcOriginConfig",
            "write exactly one of them: CustomOriginConfig for an HTTP server",
        )),
        several => problems.push(origin.problem(
            Severity::Error,
            format!("has {}", several.join(" and ")),
            "write exactly one of them",
        )),
    }
}

/// Source: Developer Guide, "Quotas", custom headers.
fn check_headers(origin: &Spot<'_>, problems: &mut Vec<Problem>) {
    const MOST: usize = 10_240;
    let Some(headers) = origin.get("CustomHeaders") else {
        return;
    };
    let size: usize = headers
        .items()
        .iter()
        .flat_map(|header| [header.text("HeaderName"), header.text("HeaderValue")])
        .flatten()
        .map(|text| text.value.chars().count())
        .sum();
    if size > MOST {
        problems.push(headers.problem(
            Severity::Warning,
            format!("has {size} characters in names and values"),
            format!("CloudFront takes {MOST} at most, unless AWS has raised a quota"),
        ));
    }
}

/// Of each event an association takes one. Source: API shapes `FunctionAssociation`, `LambdaFunctionAssociation`.
fn check_events(associations: &[Spot<'_>], problems: &mut Vec<Problem>) {
    let mut seen = Vec::new();
    for event in associations
        .iter()
        .filter_map(|association| association.text("EventType"))
    {
        if seen.contains(&event.value) {
            problems.push(event.place.warning(
                format!("has {} twice", event.shown()),
                "CloudFront takes one function for each event",
            ));
        }
        seen.push(event.value);
    }
}

fn check_behavior(behavior: &Spot<'_>, problems: &mut Vec<Problem>) {
    for associations in ["FunctionAssociations", "LambdaFunctionAssociations"] {
        check_events(&behavior.list(associations), problems);
    }
    // As everywhere, an empty id is none.
    if behavior.text("CachePolicyId").is_some() {
        for legacy in ["ForwardedValues", "MinTTL", "DefaultTTL", "MaxTTL"] {
            if let Some(legacy) = behavior.get(legacy) {
                problems.push(legacy.problem(
                    Severity::Error,
                    "stands beside CachePolicyId",
                    "leave it out, or CachePolicyId: a cache policy has TTLs and what is forwarded of its own",
                ));
            }
        }
        return;
    }
    if let Some(policy) = behavior.get("OriginRequestPolicyId")
        && behavior.text("OriginRequestPolicyId").is_some()
    {
        problems.push(policy.problem(
            Severity::Error,
            "stands without CachePolicyId",
            "write a CachePolicyId beside it, such as 4135ea2d-6df8-44a3-9df3-4b5a84be39ad (CachingDisabled)",
        ));
    }
    if let Some(legacy) = behavior.get("ForwardedValues") {
        check_legacy(&legacy, problems);
    } else {
        problems.push(behavior.problem(
            Severity::Warning,
            "has neither CachePolicyId nor ForwardedValues, and CloudFront demands one of them",
            "the origin gets no cookies, no query string and few headers",
        ));
    }
    check_ttls(behavior, problems);
}

/// Source: API shapes `ForwardedValues`, `CookiePreference`.
fn check_legacy(legacy: &Spot<'_>, problems: &mut Vec<Problem>) {
    let headers = legacy.texts("Headers").unwrap_or_default();
    if headers.len() > 1
        && let Some(all) = headers.iter().find(|name| name.value == "*")
    {
        problems.push(all.place.error(
            "has \"*\" beside other names",
            "write \"*\" alone, for all headers",
        ));
    }
    let Some(cookies) = legacy.get("Cookies") else {
        return;
    };
    let names = cookies.texts("WhitelistedNames").unwrap_or_default();
    let Some(forward) = cookies.text("Forward") else {
        return;
    };
    let is_whitelist = forward.value == "whitelist";
    if is_whitelist && names.is_empty() {
        problems.push(forward.place.error(
            format!("is {}, and WhitelistedNames names none", forward.shown()),
            "write the names of cookies, or \"none\"",
        ));
    } else if !is_whitelist && let Some(first) = names.first() {
        problems.push(first.place.warning(
            format!("has {}, and Forward is {}", first.shown(), forward.shown()),
            "names mean nothing beside that: they are ignored",
        ));
    }
}

/// `MinTTL`, `DefaultTTL` and `MaxTTL` do not fall; those that are not written have defaults that fit.
pub(crate) fn check_ttls(behavior: &Spot<'_>, problems: &mut Vec<Problem>) {
    let mut before: Option<(&str, i64)> = None;
    for name in ["MinTTL", "DefaultTTL", "MaxTTL"] {
        let Some(ttl) = behavior.number(name) else {
            continue;
        };
        if ttl.value < 0 {
            problems.push(
                ttl.place
                    .error(format!("is {}", ttl.value), "write 0 or more seconds"),
            );
        } else if let Some((lower, least)) = before
            && ttl.value < least
        {
            problems.push(ttl.place.error(
                format!("is {}, less than {lower}", ttl.value),
                format!("write {least} or more; CloudFront answers InvalidTTLOrder"),
            ));
        }
        before = Some((name, ttl.value.max(before.map_or(0, |(_, least)| least))));
    }
}
