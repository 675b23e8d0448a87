//! From the tree of a `DistributionConfig` into the written model. Nothing is reported here: what is missing or has the
//! wrong type was said by [`shape`](super::shape), and is left out.

use std::collections::HashSet;

use super::spot::Spot;
use crate::written::{
    At, Behavior, Caching, Compress, Distribution, ErrorResponse, ForwardedValues, Member, Origin,
    OriginGroup, Written,
};

/// Adds the distribution in `config`, its origins and its groups to `written`.
pub(crate) fn read(config: &Spot<'_>, wrapper: Option<&Spot<'_>>, written: &mut Written) {
    let mut distribution = distribution(config, wrapper);
    if wrapper.is_none_or(|wrapper| wrapper.text("Id").is_none()) {
        distribution.id.value = free_id(&written.distributions);
    }
    let mut origins = origins(config);
    let mut groups = groups(config);
    let scope = Scope::of(&distribution.id.value, written);
    for origin in &mut origins {
        scope.qualify(&mut origin.id);
    }
    for group in &mut groups {
        scope.qualify(&mut group.id);
        for member in &mut group.members {
            scope.qualify(&mut member.origin);
        }
    }
    let behaviors = &mut distribution.behaviors;
    for behavior in behaviors
        .iter_mut()
        .chain(&mut distribution.default_behavior)
    {
        if let Some(target) = &mut behavior.target {
            scope.qualify(target);
        }
    }
    written.origins.extend(origins);
    written.groups.extend(groups);
    written.distributions.push(distribution);
}

/// The id of a distribution that was printed without one: `default`, then `default-2` and so on.
fn free_id(taken: &[Distribution]) -> String {
    let mut id = "default".to_owned();
    let mut number = 1;
    while taken.iter().any(|distribution| distribution.id.value == id) {
        number += 1;
        id = format!("default-{number}");
    }
    id
}

/// The ids of one distribution's origins and groups mean nothing in another: where a file holds several distributions,
/// an id that an earlier one has taken gets the distribution's own id in front, as does one that only an earlier one has.
struct Scope {
    distribution: String,
    taken: HashSet<String>,
}

impl Scope {
    fn of(distribution: &str, written: &Written) -> Self {
        let origins = written.origins.iter().map(|origin| &origin.id.value);
        let groups = written.groups.iter().map(|group| &group.id.value);
        Self {
            distribution: distribution.to_owned(),
            taken: origins.chain(groups).cloned().collect(),
        }
    }

    fn qualify(&self, id: &mut At<String>) {
        if self.taken.contains(&id.value) {
            // Messages go on to show what the file says.
            id.place.template = Some(id.value.as_str().into());
            id.value = format!("{}/{}", self.distribution, id.value);
        }
    }
}

/// The distribution in `config`; `wrapper` is what `get-distribution` prints around it, with Id and DomainName.
fn distribution(config: &Spot<'_>, wrapper: Option<&Spot<'_>>) -> Distribution {
    let place = config.place();
    Distribution {
        id: wrapper
            .and_then(|wrapper| wrapper.text("Id"))
            .unwrap_or_else(|| At {
                value: "default".to_owned(),
                place: place.clone(),
            }),
        place,
        domain_name: wrapper.and_then(|wrapper| wrapper.text("DomainName")),
        aliases: config.texts("Aliases").unwrap_or_default(),
        enabled: config.flag("Enabled"),
        default_root_object: config.text("DefaultRootObject"),
        behaviors: config.list("CacheBehaviors").iter().map(behavior).collect(),
        default_behavior: config.get("DefaultCacheBehavior").map(|default| Behavior {
            // A default behavior has none; one that is there is an unknown field.
            path: None,
            ..behavior(&default)
        }),
        caching: Caching::default(),
        error_responses: config
            .list("CustomErrorResponses")
            .iter()
            .filter_map(error_response)
            .collect(),
        name: None,
        attempts: None,
        attempts_token: None,
        server_timing: None,
        write_error_nothing_sent: None,
        write_error_outcome_unknown: None,
        write_error_retry_after: None,
        log_cookies: config
            .get("Logging")
            .and_then(|logging| logging.flag("IncludeCookies")),
        minimum_protocol_version: config
            .get("ViewerCertificate")
            .and_then(|certificate| certificate.text("MinimumProtocolVersion")),
        http_version: config.text("HttpVersion"),
    }
}

/// The origins of `config` that have an Id: without one nothing can name them.
fn origins(config: &Spot<'_>) -> Vec<Origin> {
    config.list("Origins").iter().filter_map(origin).collect()
}

fn origin(spot: &Spot<'_>) -> Option<Origin> {
    let custom = spot.get("CustomOriginConfig");
    let vpc = spot.get("VpcOriginConfig");
    let s3 = spot.get("S3OriginConfig");
    let port = |key| custom.as_ref()?.number(key);
    let of_any = |key| {
        [&custom, &vpc, &s3]
            .into_iter()
            .find_map(|config| config.as_ref()?.seconds(key))
    };
    Some(Origin {
        id: spot.text("Id")?,
        url: None,
        connect_to: None,
        domain_name: spot.text("DomainName"),
        http_port: port("HTTPPort"),
        https_port: port("HTTPSPort"),
        protocol_policy: match (&custom, &vpc) {
            (Some(custom), _) => custom.text("OriginProtocolPolicy"),
            // The real one stands in the VPC origin, which is a resource of its own; this assumption is reported.
            (None, Some(vpc)) => Some(At {
                value: "match-viewer".to_owned(),
                place: vpc.place(),
            }),
            (None, None) => None,
        },
        is_s3: s3.is_some(),
        path: spot.text("OriginPath"),
        host: None,
        headers: spot
            .list("CustomHeaders")
            .iter()
            .filter_map(|header| {
                let name = header.text("HeaderName")?;
                Some((name, header.get("HeaderValue")?.as_text()?))
            })
            .collect(),
        connection_attempts: spot.number("ConnectionAttempts"),
        connection_timeout: spot.seconds("ConnectionTimeout"),
        response_timeout: of_any("OriginReadTimeout"),
        // 0 is how AWS prints that there is none.
        response_completion_timeout: spot
            .number("ResponseCompletionTimeout")
            .filter(|seconds| seconds.value != 0)
            .and_then(|_| spot.seconds("ResponseCompletionTimeout")),
        keepalive_timeout: of_any("OriginKeepaliveTimeout"),
        max_connections: None,
        address_family: custom
            .as_ref()
            .and_then(|custom| custom.text("IpAddressType")),
        ssl_protocols: custom
            .as_ref()
            .and_then(|custom| custom.texts("OriginSslProtocols")),
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
    })
}

/// The origin groups of `config` that have an Id.
fn groups(config: &Spot<'_>) -> Vec<OriginGroup> {
    config
        .list("OriginGroups")
        .iter()
        .filter_map(group)
        .collect()
}

fn group(spot: &Spot<'_>) -> Option<OriginGroup> {
    let criteria = spot.get("FailoverCriteria");
    Some(OriginGroup {
        id: spot.text("Id")?,
        members: spot
            .list("Members")
            .iter()
            .filter_map(|member| {
                Some(Member {
                    origin: member.text("OriginId")?,
                    fail_over_on: None,
                })
            })
            .collect(),
        members_place: spot.place_of("Members"),
        fail_over_on: criteria
            .as_ref()
            .map(|criteria| criteria.numbers("StatusCodes"))
            .unwrap_or_default(),
        fail_over_on_place: match &criteria {
            Some(criteria) => criteria.place_of("StatusCodes"),
            None => spot.place_of("FailoverCriteria"),
        },
        on_failure: None,
        soft: None,
        deadline: None,
        // What it says was said by the table of fields.
        selection_criteria: None,
    })
}

fn behavior(spot: &Spot<'_>) -> Behavior {
    let allowed = spot.get("AllowedMethods");
    Behavior {
        place: spot.place(),
        path: spot.text("PathPattern"),
        for_methods: None,
        target: spot.text("TargetOriginId"),
        allowed_methods: spot.texts("AllowedMethods"),
        allowed_methods_place: allowed.as_ref().map(Spot::place),
        cached_methods: allowed
            .as_ref()
            .and_then(|allowed| allowed.texts("CachedMethods")),
        viewer_protocol_policy: spot.text("ViewerProtocolPolicy"),
        cache_policy: spot.text("CachePolicyId"),
        origin_request_policy: spot.text("OriginRequestPolicyId"),
        response_headers_policy: spot.text("ResponseHeadersPolicyId"),
        forwarded_values: spot.get("ForwardedValues").as_ref().map(forwarded_values),
        caching: Caching {
            min_ttl: spot.seconds("MinTTL"),
            default_ttl: spot.seconds("DefaultTTL"),
            max_ttl: spot.seconds("MaxTTL"),
            compress: spot.flag("Compress").map(|flag| At {
                value: if flag.value {
                    Compress::Yes
                } else {
                    Compress::No
                },
                place: flag.place,
            }),
            ..Caching::default()
        },
        rewrite_location: None,
        origin_request: None,
        viewer_response: None,
        expect: None,
    }
}

fn forwarded_values(spot: &Spot<'_>) -> ForwardedValues {
    let cookies = spot.get("Cookies");
    ForwardedValues {
        place: spot.place(),
        query_string: spot.flag("QueryString").is_some_and(|flag| flag.value),
        query_string_cache_keys: spot.texts("QueryStringCacheKeys").unwrap_or_default(),
        cookies_forward: cookies.as_ref().and_then(|cookies| cookies.text("Forward")),
        cookie_names: cookies
            .as_ref()
            .and_then(|cookies| cookies.texts("WhitelistedNames"))
            .unwrap_or_default(),
        headers: spot.texts("Headers").unwrap_or_default(),
    }
}

fn error_response(spot: &Spot<'_>) -> Option<ErrorResponse> {
    Some(ErrorResponse {
        error_code: spot.number("ErrorCode")?,
        page_path: spot.text("ResponsePagePath"),
        response_code: spot.text("ResponseCode"),
        min_ttl: spot.number("ErrorCachingMinTTL"),
    })
}
