//! Behaviors: which are never used, and where writes go.

use super::{covers, each};
use crate::behavior::{Behavior, MethodSet, PathPattern};
use crate::distribution::Distribution;
use crate::edge::{Edge, Mode};
use crate::origin::Target;
use crate::problem::{Problem, listed};
use crate::written::{self, Notation, Place, Written};

/// The behaviors that take requests, and those of which it cannot be told. The usual mistake is a `/*` that comes first.
pub(super) fn used<'e>(
    distribution: &'e Distribution,
    said: &'e written::Distribution,
    problems: &mut Vec<Problem>,
) -> Vec<&'e Behavior> {
    let all: Vec<_> = each(distribution, said).collect();
    let is_default = |index| index + 1 == all.len() && said.default_behavior.is_some();
    let mut used = Vec::new();
    for (index, (behavior, said)) in all.iter().enumerate() {
        if !is_default(index) && !is_as_written(behavior, said) {
            continue;
        }
        let mut left = behavior.for_methods.unwrap_or(MethodSet::ALL);
        let mut earlier_ones = Vec::new();
        for (earlier, said) in &all[..index] {
            let takes = earlier.for_methods.unwrap_or(MethodSet::ALL);
            if !left.and(takes).is_empty()
                && is_as_written(earlier, said)
                && covers::covers(&earlier.path, &behavior.path)
            {
                left = left.without(takes);
                earlier_ones.push(pattern(earlier, said));
            }
        }
        if !left.is_empty() {
            used.push(*behavior);
            continue;
        }
        let (take, them) = match earlier_ones.len() {
            1 => ("takes", "it"),
            _ => ("take", "them"),
        };
        let earlier = listed(&earlier_ones);
        problems.push(match &said.path {
            Some(path) if !is_default(index) => path.place.warning(
                format!(
                    "is {}, which never matches: {earlier} {take} every such request first",
                    path.shown()
                ),
                format!("move this behavior in front of {them}, or delete it"),
            ),
            Some(_) | None => said.place.note(
                format!("is never used: {earlier} {take} every request"),
                format!("narrow {them}, unless that is meant"),
            ),
        });
    }
    used
}

/// False where a stand-in takes the place of what could not be told.
fn is_as_written(behavior: &Behavior, said: &written::Behavior) -> bool {
    said.path.is_some() && said.for_methods.is_some() == behavior.for_methods.is_some()
}

/// `"/*" on line 5 (POST)`.
fn pattern(behavior: &Behavior, said: &written::Behavior) -> String {
    let line = match &said.path {
        Some(path) if path.place.line > 0 => format!(" on line {}", path.place.line),
        Some(_) | None => String::new(),
    };
    let methods = behavior
        .for_methods
        .map_or_else(String::new, |methods| format!(" ({})", names(methods)));
    format!("{:?}{line}{methods}", behavior.path.as_str())
}

/// Forms that cannot be sent are found by users first.
pub(super) fn writes_that_are_refused(
    used: &[&Behavior],
    said: &written::Distribution,
    written: &Written,
    problems: &mut Vec<Problem>,
) {
    let mut anywhere = MethodSet::default();
    let mut everywhere = MethodSet::default();
    let everything = PathPattern::everything();
    for behavior in used {
        let writes = behavior.allowed_methods.and(MethodSet::WRITES);
        anywhere = anywhere.or(writes);
        if covers::covers(&behavior.path, &everything) {
            everywhere = everywhere.or(writes);
        }
    }
    let somewhere = anywhere.without(everywhere);
    if anywhere.is_empty() {
        problems.push(said.place.warning(
            "allows POST, PUT, PATCH and DELETE nowhere: they are answered 403",
            match written.notation {
                Notation::Toml => "if anybody writes, name them in for_methods or allowed_methods of a behavior whose target is one origin",
                Notation::CloudFront => "if anybody writes, name them in AllowedMethods of a behavior whose TargetOriginId is one origin",
                Notation::CommandLine => "if anybody writes, leave --mode faithful out: then they go to the first origin",
            },
        ));
    } else if !somewhere.is_empty() {
        let mut paths: Vec<String> = Vec::new();
        for behavior in used {
            let path = behavior.path.as_str();
            if !behavior.allowed_methods.and(somewhere).is_empty()
                && !paths.iter().any(|known| known == path)
            {
                paths.push(path.to_owned());
            }
        }
        problems.push(said.place.note(
            format!("allows {} on {} only", names(somewhere), listed(&paths)),
            "on other paths they are answered 403",
        ));
    }
}

/// Source: API operation `CreateDistribution`, which refuses this (`InvalidArgument`).
pub(super) fn writes_on_a_group(
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
    let place = methods_place(said);
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
                edge.member_name(first)
            ),
        ),
    });
}

fn methods_place(said: &written::Behavior) -> Place {
    said.allowed_methods_place
        .clone()
        .or_else(|| Some(said.for_methods.as_ref()?.first()?.place.clone()))
        .unwrap_or_else(|| said.place.inner("allowed_methods"))
}

/// Source: Developer Guide, "Optimize high availability with CloudFront origin failover": OPTIONS only where it is cached.
pub(super) fn options_that_do_not_fall_through(
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

fn names(methods: MethodSet) -> String {
    methods.names().collect::<Vec<_>>().join(", ")
}
