//! The numbers of distributions, origins and records: labels are the names that the config gives them, and words of closed sets.

use tideover_config::{Failure, OriginKind, Side};
use tideover_rules::breaker::State;
use tideover_rules::standing::Why;

use super::answers::CLASSES;
use super::{EdgeCounters, Exposition, cached};
use crate::live::{Live, LiveOrigin};
use crate::recovery::Stage;
use crate::vitals::{Mark, Tallied, Vitals};

/// A family of one number for each origin.
type PerOrigin = (&'static str, &'static str, fn(&Vitals) -> u64);

/// Gauges of origins.
const GAUGES: [PerOrigin; 2] = [
    (
        "tideover_origin_healthy",
        "Whether the origin's health check finds it well: 1; an origin without a check counts as well.",
        |vitals| u64::from(!vitals.has(Mark::Unhealthy)),
    ),
    (
        "tideover_origin_connections_waited_for",
        "Requests that wait for a connection to the origin, as of the last tenth of a second.",
        |vitals| vitals.connections().waiting,
    ),
];

/// Writes what is known of everything that `live` names.
pub(crate) fn living(live: &Live, counters: &EdgeCounters, text: &mut Exposition) {
    distributions(live, counters, text);
    cached::expose(live, text);
    attempts(live, text);
    states(live, text);
    probes(live, text);
    records(live, text);
    targets(live, text);
}

fn distributions(live: &Live, counters: &EdgeCounters, text: &mut Exposition) {
    let help = "Answers by distribution and status class; no distribution: to a host that none answers to, or to an unfit head.";
    text.counter("tideover_responses_total", help);
    let named = live.edge.distributions.iter().zip(&live.answers);
    let named = named.map(|(distribution, answers)| (&*distribution.id, answers.sum()));
    for (distribution, answers) in std::iter::once(("", counters.nobodys())).chain(named) {
        text.samples(("distribution", distribution), "class", CLASSES, answers);
    }
}

/// Every origin that requests are sent to.
fn servers(live: &Live) -> impl Iterator<Item = (&str, &LiveOrigin)> {
    let origins = live.edge.origins.iter().zip(&live.origins);
    origins.filter_map(|(origin, alive)| match &origin.kind {
        OriginKind::Server(_) | OriginKind::Folder(_) => Some((&*origin.id, alive)),
        OriginKind::Page(_) => None,
    })
}

fn attempts(live: &Live, text: &mut Exposition) {
    let tallied: Vec<(&str, Tallied)> = servers(live)
        .map(|(origin, alive)| (origin, alive.vitals.tallied()))
        .collect();
    let help = "Attempts at the origin by their outcome: the class of its status, or the failure.";
    text.counter("tideover_attempts_total", help);
    for (origin, tallied) in &tallied {
        let words = CLASSES.into_iter().chain(Failure::ALL.map(Failure::word));
        let counts = tallied.answered.into_iter().chain(tallied.failed);
        text.samples(("origin", origin), "outcome", words, counts);
    }
    let help =
        "Requests that would have come to the origin and were not sent there, by the reason.";
    text.counter("tideover_skipped_attempts_total", help);
    for (origin, tallied) in &tallied {
        let words = Why::ALL.map(Why::word);
        text.samples(("origin", origin), "reason", words, tallied.skipped);
    }
    let help =
        "Requests whose viewer got the origin's answer, or the failure of the attempt at it.";
    text.counter("tideover_delivered_total", help);
    for (origin, tallied) in &tallied {
        text.sample(&[("origin", origin)], tallied.delivered);
    }
}

fn states(live: &Live, text: &mut Exposition) {
    for (name, help, number) in GAUGES {
        text.gauge(name, help);
        for (origin, alive) in servers(live) {
            text.sample(&[("origin", origin)], number(&alive.vitals));
        }
    }
    let help = "Connections to the origin that are open, idle or in use, as of the last tenth of a second.";
    text.gauge("tideover_origin_connections", help);
    for (origin, alive) in servers(live) {
        let connections = alive.vitals.connections();
        let counts = [connections.idle, connections.in_use()];
        text.samples(("origin", origin), "state", ["idle", "in_use"], counts);
    }
    let help = "How the origin's breaker stands: 1 for the state that it is in.";
    text.gauge("tideover_breaker_state", help);
    for (origin, alive) in servers(live) {
        let state = alive.vitals.breaker();
        let is = [
            matches!(state, State::Closed),
            matches!(state, State::Open { .. }),
            matches!(state, State::Recovering { .. }),
        ];
        let words = ["closed", "open", "recovering"];
        text.samples(("origin", origin), "state", words, is.map(u64::from));
    }
    let help = "Times that the origin's breaker opened.";
    text.counter("tideover_breaker_openings_total", help);
    for (origin, alive) in servers(live) {
        text.sample(&[("origin", origin)], alive.vitals.openings());
    }
}

fn probes(live: &Live, text: &mut Exposition) {
    let help =
        "Probes of the origin's health check by result: passed, or how far it came that failed.";
    text.counter("tideover_probes_total", help);
    for (origin, alive) in servers(live) {
        let Some(checked) = &alive.checked else {
            continue;
        };
        let counted = checked.counted();
        let words = std::iter::once("passed").chain(Stage::ALL.map(Stage::word));
        let counts = std::iter::once(counted.passed).chain(counted.failed);
        text.samples(("origin", origin), "result", words, counts);
    }
}

fn records(live: &Live, text: &mut Exposition) {
    let help = "Which origin the failover record stands for: 1 for its side.";
    text.gauge("tideover_record_side", help);
    for (record, state) in live.edge.records.iter().zip(&live.records) {
        let sides = [Side::Primary, Side::Secondary];
        let is = sides.map(|side| u64::from(state.side() == side));
        text.samples(("record", &record.id), "side", sides.map(Side::word), is);
    }
}

/// So that a graph of origins can be grouped by what they are members of.
fn targets(live: &Live, text: &mut Exposition) {
    let help = "1 for each member of a group, with its place from 1 on; of a record, both of its origins have one.";
    text.gauge("tideover_member", help);
    for target in &live.edge.targets {
        for (place, member) in (1..).zip(&target.members) {
            let place = place.to_string();
            let other = member.record.as_ref();
            let other = other.map(|record| record.secondary.origin);
            for origin in std::iter::once(member.origin).chain(other) {
                let origin = &live.edge.origin(origin).id;
                let labels = [
                    ("target", &*target.name),
                    ("place", &place),
                    ("origin", origin),
                ];
                text.sample(&labels, 1);
            }
        }
    }
}
