//! Fields that exclude or need each other: what CloudFront's API refuses, beyond names and types, of fields that only
//! its own notation has. Source: API shapes `Origin` and `CacheBehavior`; Developer Guide, "Expiration".

use super::spot::Spot;
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
    if let Some(default) = default
        && let Some(pattern) = default.get("PathPattern")
    {
        problems.push(pattern.problem(
            Severity::Error,
            "belongs to a behavior of CacheBehaviors",
            "leave it out: the default behavior takes every path that no other takes",
        ));
    }
}

fn check_origin(origin: &Spot<'_>, problems: &mut Vec<Problem>) {
    let configs: Vec<&str> = ["CustomOriginConfig", "S3OriginConfig", "VpcOriginConfig"]
        .into_iter()
        .filter(|name| origin.get(name).is_some())
        .collect();
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

fn check_behavior(behavior: &Spot<'_>, problems: &mut Vec<Problem>) {
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
    check_ttls(behavior, problems);
}

/// MinTTL, DefaultTTL and MaxTTL do not fall; those that are not written have defaults that fit.
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
