//! Origin groups: what does not fall through, what should not, and what takes too long.

use crate::compile::display_span;
use crate::edge::Edge;
use crate::origin::{Failure, Member, Target};
use crate::problem::{Problem, Severity};
use crate::written::{self, Notation, Place, Written};

/// Members that another one follows.
fn asked_before_another(target: &Target) -> impl Iterator<Item = &Member> {
    let before = target.members.len().saturating_sub(1);
    target.members.iter().take(before)
}

/// The members that another one follows, by the place where their statuses are written: mostly there is one for all.
fn by_statuses<'e>(
    edge: &Edge,
    target: &'e Target,
    said: &'e written::OriginGroup,
) -> Vec<(&'e Place, Vec<&'e Member>)> {
    let mut places: Vec<(&Place, Vec<&Member>)> = Vec::new();
    for member in asked_before_another(target).filter(|member| !member.is_page) {
        let id = edge.member_name(member);
        let own = said
            .members
            .iter()
            .find(|said| *said.origin.value == **id)
            .and_then(|said| said.fail_over_on.as_ref());
        let place = match own {
            None => &said.fail_over_on_place,
            Some(statuses) => statuses
                .first()
                .map_or(&said.members_place, |status| &status.place),
        };
        match places.iter_mut().find(|(known, _)| *known == place) {
            Some((_, members)) => members.push(member),
            None => places.push((place, vec![member])),
        }
    }
    places
}

/// Without 503 and 504 a group that goes by statuses stands still when its first member is dead.
/// Source: Developer Guide, "Optimize high availability with CloudFront origin failover".
pub(super) fn dead_members_that_are_final(
    edge: &Edge,
    target: &Target,
    said: &written::OriginGroup,
    problems: &mut Vec<Problem>,
) {
    for (place, members) in by_statuses(edge, target, said) {
        // That is an error already.
        if said.fail_over_on.is_empty() && *place == said.fail_over_on_place {
            continue;
        }
        let lacks = |failure| {
            let mut members = members.iter();
            members.any(|member| !member.criteria.failures.contains(failure))
        };
        let (codes, consequences) = match (lacks(Failure::Refused), lacks(Failure::ResponseTimeout))
        {
            (false, false) => continue,
            (true, false) => ("503", "cannot be connected to"),
            (false, true) => ("504", "does not answer in time"),
            (true, true) => (
                "503 and 504",
                "cannot be connected to, or does not answer in time,",
            ),
        };
        problems.push(place.warning(
            format!("lacks {codes}: when an origin {consequences} the next one is not asked"),
            format!("add {codes}"),
        ));
    }
}

/// A primary's real 404 is replaced by whatever the secondary says.
pub(super) fn real_answers_that_are_lost(
    edge: &Edge,
    target: &Target,
    said: &written::OriginGroup,
    written: &Written,
    problems: &mut Vec<Problem>,
) {
    if said.soft.is_some() {
        return;
    }
    for (place, members) in by_statuses(edge, target, said) {
        let codes: Vec<String> = [http::StatusCode::FORBIDDEN, http::StatusCode::NOT_FOUND]
            .into_iter()
            .filter(|code| {
                members.iter().any(|member| {
                    member.criteria.statuses.contains(*code)
                        && !member.criteria.soft.contains(*code)
                })
            })
            .map(|code| code.as_u16().to_string())
            .collect();
        if codes.is_empty() {
            continue;
        }
        let codes = codes.join(" and ");
        problems.push(place.warning(
            format!(
                "has {codes}, and the secondary's answer is final: every missing page of the primary is asked for twice, and the viewer sees what the secondary says"
            ),
            format!(
                "leave {codes} out, or {}, where a real 404 stays one",
                written.resilient()
            ),
        ));
    }
}

/// Members late in the order may never be asked.
pub(super) fn time_beyond_the_deadline(
    edge: &Edge,
    target: &Target,
    said: &written::OriginGroup,
    written: &Written,
    problems: &mut Vec<Problem>,
) {
    let Some(deadline) = target.deadline else {
        return;
    };
    let mut total = std::time::Duration::ZERO;
    for (position, member) in target.members.iter().enumerate() {
        total = total.saturating_add(member.worst_case());
        if total <= deadline {
            continue;
        }
        let (place, is) = match &said.deadline {
            Some(said) => (
                &said.place,
                format!("is {}, and it ", display_span(deadline)),
            ),
            None => (&said.members_place, String::new()),
        };
        let and = match &said.deadline {
            Some(_) => String::new(),
            None => format!(", and the deadline is {}", display_span(deadline)),
        };
        // Nobody chose these timers, so there is nothing to blame.
        let severity = match written.notation {
            Notation::CommandLine => Severity::Note,
            Notation::Toml | Notation::CloudFront => Severity::Warning,
        };
        problems.push(place.problem(
            severity,
            format!(
                "{is}may take {} until {:?}, origin {} of {}, has answered{and}: it may be cut short, or not be asked at all",
                display_span(total),
                edge.member_name(member),
                position + 1,
                target.members.len(),
            ),
            match written.notation {
                Notation::Toml => format!(
                    "write deadline = \"{}\", or shorten connection_timeout, response_timeout or connection_attempts",
                    display_span(target.worst_case())
                ),
                Notation::CloudFront => "shorten ConnectionTimeout, OriginReadTimeout or ConnectionAttempts".to_owned(),
                Notation::CommandLine => "a tideover.toml can set other timers".to_owned(),
            },
        ));
        return;
    }
}
