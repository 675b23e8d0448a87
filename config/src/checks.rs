//! What a careful operator would look for in a config that is well-formed: one function, one question.

mod covers;

use std::time::Duration;

use crate::behavior::{Behavior, MethodSet, PathPattern};
use crate::compile::display_span;
use crate::distribution::Distribution;
use crate::edge::{Edge, Mode};
use crate::origin::{
    Endpoint, Failure, HostHeader, Member, OriginKind, OriginScheme, Server, Target,
};
use crate::problem::{Problem, Severity};
use crate::written::{self, Notation, Place, Written};

/// Everything there is to say about `edge`, which was compiled from `written`. It may have stand-ins where errors are.
pub(crate) fn check(edge: &Edge, written: &Written, problems: &mut Vec<Problem>) {
    for (distribution, said) in edge.distributions.iter().zip(&written.distributions) {
        behaviors_that_never_match(distribution, said, problems);
        writes_that_are_refused(distribution, said, problems);
        for (behavior, said) in behaviors(distribution, said) {
            let Some(target) = edge.targets.get(usize::from(behavior.target.0)) else {
                continue;
            };
            writes_on_a_group(edge, behavior, target, said, problems);
            options_that_do_not_fall_through(edge, behavior, target, said, problems);
            foreign_hosts(edge, behavior, target, said, problems);
        }
    }
    for (origin, said) in edge.origins.iter().zip(&written.origins) {
        if let OriginKind::Server(server) = &origin.kind {
            loops(edge, server, said, problems);
        }
    }
    for (target, said) in edge.targets.iter().zip(&written.groups) {
        dead_members_that_are_final(target, said, problems);
        real_answers_that_are_lost(target, said, problems);
        time_beyond_the_deadline(edge, target, said, written, problems);
    }
}

/// Compiled behaviors beside what was written, the default behavior last.
fn behaviors<'e>(
    distribution: &'e Distribution,
    said: &'e written::Distribution,
) -> impl Iterator<Item = (&'e Behavior, &'e written::Behavior)> {
    distribution
        .behaviors
        .iter()
        .zip(said.behaviors.iter().chain(&said.default_behavior))
}

/// The usual mistake is a `/*` that comes first.
fn behaviors_that_never_match(
    distribution: &Distribution,
    said: &written::Distribution,
    problems: &mut Vec<Problem>,
) {
    let all: Vec<_> = behaviors(distribution, said).collect();
    for (index, (behavior, said)) in all.iter().enumerate() {
        let wanted = behavior.for_methods.unwrap_or(MethodSet::ALL);
        let mut left = wanted;
        let mut earlier_paths = Vec::new();
        for (earlier, _) in &all[..index] {
            let takes = earlier.for_methods.unwrap_or(MethodSet::ALL);
            if !left.and(takes).is_empty() && covers::covers(&earlier.path, &behavior.path) {
                left = left.without(takes);
                earlier_paths.push(format!("{:?}", earlier.path.as_str()));
            }
        }
        if !left.is_empty() {
            continue;
        }
        let all_of_it = earlier_paths.join(" and ");
        problems.push(match &said.path {
            Some(path) => path.place.warning(
                format!(
                    "is {}, which never matches: {all_of_it} before it takes all of it",
                    path.shown()
                ),
                "the first behavior that matches wins; put the narrower one first",
            ),
            None => said.place.note(
                format!("is never used: {all_of_it} takes every request"),
                "",
            ),
        });
    }
}

/// Forms that cannot be sent are found by users first.
fn writes_that_are_refused(
    distribution: &Distribution,
    said: &written::Distribution,
    problems: &mut Vec<Problem>,
) {
    let mut anywhere = MethodSet::default();
    let mut everywhere = MethodSet::default();
    let mut paths = Vec::new();
    let everything = PathPattern::everything();
    for behavior in &distribution.behaviors {
        let writes = behavior.allowed_methods.and(MethodSet::WRITES);
        if writes.is_empty() {
            continue;
        }
        anywhere = anywhere.or(writes);
        paths.push(behavior.path.as_str());
        if covers::covers(&behavior.path, &everything) {
            everywhere = everywhere.or(writes);
        }
    }
    if anywhere.is_empty() {
        problems.push(said.place.warning(
            "allows POST, PUT, PATCH and DELETE nowhere: they are answered 403",
            "allow them in a behavior whose target is one origin, if anybody writes",
        ));
    } else if everywhere.is_empty() {
        problems.push(said.place.note(
            format!(
                "allows {} on {} only: elsewhere they are answered 403",
                names(anywhere),
                paths.join(", ")
            ),
            "",
        ));
    }
}

/// Source: API operation `CreateDistribution`, which refuses this (`InvalidArgument`).
fn writes_on_a_group(
    edge: &Edge,
    behavior: &Behavior,
    target: &Target,
    said: &written::Behavior,
    problems: &mut Vec<Problem>,
) {
    let writes = behavior.allowed_methods.and(MethodSet::WRITES);
    let Some(first) = target.members.first().filter(|_| target.is_group) else {
        return;
    };
    if writes.is_empty() {
        return;
    }
    let place = said
        .allowed_methods_place
        .clone()
        .or_else(|| Some(said.for_methods.as_ref()?.first()?.place.clone()))
        .unwrap_or_else(|| said.place.inner("allowed_methods"));
    problems.push(match edge.mode {
        Mode::Faithful => place.error(
            format!(
                "has {}, and its target {:?} is an origin group, for which CloudFront allows reading only",
                names(writes),
                target.name
            ),
            "write GET, HEAD or GET, HEAD, OPTIONS here, and send writes to one origin by a behavior of their own",
        ),
        Mode::Resilient => place.note(
            format!("has {} for the group {:?}", names(writes), target.name),
            format!(
                "they go to its first member, {:?}, and never fall through",
                edge.origin(first.origin).id
            ),
        ),
    });
}

/// Source: Developer Guide, "Optimize high availability with CloudFront origin failover": OPTIONS only where it is cached.
fn options_that_do_not_fall_through(
    edge: &Edge,
    behavior: &Behavior,
    target: &Target,
    said: &written::Behavior,
    problems: &mut Vec<Problem>,
) {
    let options = http::Method::OPTIONS;
    if edge.mode == Mode::Faithful
        && target.members.len() > 1
        && behavior.allowed_methods.contains(&options)
        && !behavior.falls_through.contains(&options)
    {
        problems.push(said.place.note(
            format!(
                "allows OPTIONS and does not cache it: at the group {:?} the first member's answer to it is final",
                target.name
            ),
            "add OPTIONS to the cached methods if it shall fall through",
        ));
    }
}

/// A platform that finds its tenant by Host refuses a name that it was not told of.
fn foreign_hosts(
    edge: &Edge,
    behavior: &Behavior,
    target: &Target,
    said: &written::Behavior,
    problems: &mut Vec<Problem>,
) {
    for member in &target.members {
        let Some(origin) = edge.origins.get(usize::from(member.origin.0)) else {
            continue;
        };
        let OriginKind::Server(server) = &origin.kind else {
            continue;
        };
        let viewers = match server.host {
            HostHeader::Own => behavior.origin_request.viewer_host,
            HostHeader::Viewer => true,
            HostHeader::Named(_) => false,
        };
        if viewers && !is_mapped(server) && goes_by_host(&server.domain_name) {
            let place = said
                .origin_request_policy
                .as_ref()
                .map_or(&said.place, |at| &at.place);
            problems.push(place.warning(
                format!(
                    "sends the viewer's Host to {:?}, and {} answers to its own name only",
                    origin.id, server.domain_name
                ),
                "use the policy AllViewerExceptHostHeader, or teach the platform the viewer's host name",
            ));
        }
    }
}

/// Hosts of platforms that route by `Host` among many tenants.
fn goes_by_host(domain_name: &str) -> bool {
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
    let amazons = domain_name.ends_with(".amazonaws.com")
        && ["s3", "execute-api"].iter().any(|service| {
            domain_name
                .split('.')
                .any(|label| label == *service || label.starts_with(&format!("{service}-")))
        });
    amazons
        || PLATFORMS
            .iter()
            .any(|platform| domain_name.ends_with(platform))
}

/// True if requests go elsewhere than the domain name says.
fn is_mapped(server: &Server) -> bool {
    endpoints(server).any(|end| end.host != server.domain_name)
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
fn loops(edge: &Edge, server: &Server, said: &written::Origin, problems: &mut Vec<Problem>) {
    let Some(said) = said
        .connect_to
        .as_ref()
        .or(said.url.as_ref())
        .or(said.domain_name.as_ref())
    else {
        return;
    };
    for end in endpoints(server) {
        let host = end.host.trim_end_matches('.');
        let listens_there = end.host.parse().is_ok_and(|ip: std::net::IpAddr| {
            edge.listen
                .http
                .iter()
                .any(|listener| listener.ip() == ip && listener.port() == end.port)
        });
        let problem = if listens_there {
            said.place.error(
                format!("is {}, where this edge listens itself", said.shown()),
                "write where the origin is",
            )
        } else if edge.hosts.exact.contains_key(host) {
            said.place.error(
                format!(
                    "is {}, a name of this edge: it would ask itself",
                    said.shown()
                ),
                "write the origin's own name; the name that it is called by belongs in host",
            )
        } else if let Some((suffix, _)) = edge
            .hosts
            .wildcards
            .iter()
            .find(|(suffix, _)| host.ends_with(&**suffix))
        {
            said.place.warning(
                format!(
                    "is {}, which the alias \"*{suffix}\" takes in",
                    said.shown()
                ),
                "make sure that this name does not lead back to the edge",
            )
        } else {
            continue;
        };
        problems.push(problem);
        return;
    }
}

/// Members that another one follows.
fn asked_before_another(target: &Target) -> &[Member] {
    target
        .members
        .split_last()
        .map_or(&[], |(_, before)| before)
}

/// Without 503 and 504 a group that goes by statuses stands still when its first member is dead.
/// Source: Developer Guide, "Optimize high availability with CloudFront origin failover".
fn dead_members_that_are_final(
    target: &Target,
    said: &written::OriginGroup,
    problems: &mut Vec<Problem>,
) {
    let lacks = |failure| {
        asked_before_another(target)
            .iter()
            .any(|member| !member.is_page && !member.criteria.failures.contains(failure))
    };
    let mut codes = Vec::new();
    let mut consequences = Vec::new();
    if lacks(Failure::Refused) {
        codes.push("503");
        consequences.push("cannot be connected to");
    }
    if lacks(Failure::ResponseTimeout) {
        codes.push("504");
        consequences.push("does not answer in time");
    }
    if !codes.is_empty() {
        problems.push(said.fail_over_on_place.warning(
            format!("lacks {}", codes.join(" and ")),
            format!(
                "a primary that {} will not fail over",
                consequences.join(" or ")
            ),
        ));
    }
}

/// A primary's real 404 is replaced by whatever the secondary says.
fn real_answers_that_are_lost(
    target: &Target,
    said: &written::OriginGroup,
    problems: &mut Vec<Problem>,
) {
    if said.soft.is_some() {
        return;
    }
    let codes: Vec<String> = [403, 404]
        .into_iter()
        .filter_map(|code| http::StatusCode::from_u16(code).ok())
        .filter(|code| {
            asked_before_another(target).iter().any(|member| {
                member.criteria.statuses.contains(*code) && !member.criteria.soft.contains(*code)
            })
        })
        .map(|code| code.as_u16().to_string())
        .collect();
    if !codes.is_empty() {
        problems.push(said.fail_over_on_place.warning(
            format!("has {}, and the secondary's answer is final", codes.join(" and ")),
            "every missing page of the primary is asked for twice, and the viewer sees what the secondary says; leave it out, or use mode resilient, where a real 404 stays one",
        ));
    }
}

/// Members late in the order may never be asked.
fn time_beyond_the_deadline(
    edge: &Edge,
    target: &Target,
    said: &written::OriginGroup,
    written: &Written,
    problems: &mut Vec<Problem>,
) {
    let Some(deadline) = target.deadline else {
        return;
    };
    let mut total = Duration::ZERO;
    for (position, member) in target.members.iter().enumerate() {
        total = total.saturating_add(member.worst_case());
        if total <= deadline {
            continue;
        }
        // Nobody chose these timers, so there is nothing to blame.
        let severity = match written.notation {
            Notation::CommandLine => Severity::Note,
            Notation::Toml | Notation::CloudFront => Severity::Warning,
        };
        let place: &Place = said
            .deadline
            .as_ref()
            .map_or(&said.members_place, |at| &at.place);
        let name = edge
            .origins
            .get(usize::from(member.origin.0))
            .map_or("", |origin| &*origin.id);
        problems.push(place.problem(
            severity,
            format!(
                "may run out: the worst case up to {name:?}, member {} of {}, is {}, and the deadline is {}",
                position + 1,
                target.members.len(),
                display_span(total),
                display_span(deadline)
            ),
            "shorten timers or connection_attempts, or lengthen the deadline",
        ));
        return;
    }
}

fn names(methods: MethodSet) -> String {
    methods.names().collect::<Vec<_>>().join(", ")
}
