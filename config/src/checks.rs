//! What a careful operator would look for in a config that is well-formed: one function, one question.

mod behaviors;
mod covers;
mod expectations;
mod groups;
mod hosts;
mod records;

use crate::behavior::Behavior;
use crate::distribution::Distribution;
use crate::edge::{Edge, Mode};
use crate::origin::OriginKind;
use crate::problem::Problem;
use crate::written::{self, Written};

/// Everything there is to say about `edge`, which was compiled from `written`. It may have stand-ins where errors are.
pub(crate) fn check(edge: &Edge, written: &Written, problems: &mut Vec<Problem>) {
    for (distribution, said) in edge.distributions.iter().zip(&written.distributions) {
        let used = behaviors::used(distribution, said, problems);
        behaviors::writes_that_are_refused(&used, said, written, problems);
        for (behavior, said) in each(distribution, said) {
            let Some(target) = edge.targets.get(usize::from(behavior.target.0)) else {
                continue;
            };
            behaviors::writes_on_a_group(edge, behavior, target, said, problems);
            expectations::that_cannot_hold(behavior, target, said, problems);
            behaviors::options_that_do_not_fall_through(edge, behavior, target, said, problems);
        }
        hosts::foreign(edge, each(distribution, said), written, problems);
    }
    for (origin, said) in edge.origins.iter().zip(&written.origins) {
        memory_that_cloudfront_lacks(edge, said, written, problems);
        if let OriginKind::Server(server) = &origin.kind {
            hosts::of_its_own(server, said, problems);
            hosts::loops(edge, server, said, written, problems);
            hosts::anyone_trusted(server, said, problems);
        }
    }
    for (record, said) in records::each(edge, written) {
        records::moves_of_writes_that_nobody_chose(edge, record, said, problems);
        records::writes_that_nobody_notes(edge, record, said, problems);
        records::primaries_that_nobody_checks(edge, record, said, problems);
        records::standbys_that_nobody_checks(edge, record, said, problems);
    }
    for (target, said) in edge.targets.iter().zip(&written.groups) {
        groups::dead_members_that_are_final(edge, target, said, problems);
        groups::real_answers_that_are_lost(edge, target, said, written, problems);
        groups::time_beyond_the_deadline(edge, target, said, written, problems);
    }
}

/// CloudFront asks every member of a group anew with each request.
fn memory_that_cloudfront_lacks(
    edge: &Edge,
    said: &written::Origin,
    written: &Written,
    problems: &mut Vec<Problem>,
) {
    if edge.mode != Mode::Faithful {
        return;
    }
    let breaker = said.breaker.as_ref().filter(|said| said.is_on());
    let places = [
        said.health_check.as_ref().map(|said| &said.place),
        breaker.map(written::Breaker::place),
    ];
    for place in places.into_iter().flatten() {
        problems.push(place.warning(
            "is what CloudFront does not have: a group leaves an origin out that is known to be dead, and CloudFront would ask it",
            format!("leave it out, or {}", written.resilient()),
        ));
    }
}

/// Compiled behaviors beside what was written, the default behavior last.
fn each<'e>(
    distribution: &'e Distribution,
    said: &'e written::Distribution,
) -> impl Iterator<Item = (&'e Behavior, &'e written::Behavior)> {
    distribution
        .behaviors
        .iter()
        .zip(said.behaviors.iter().chain(&said.default_behavior))
}
