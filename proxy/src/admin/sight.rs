//! What the page shows: all that /status.json has, and beside it how groups are made up, what probes found, the last minutes
//! second by second, and the latest requests that fell through.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use tideover_config::{Edge, Failure, Member, Side};
use tideover_rules::failover::Outcome;
use tideover_rules::standing::Why;

use super::status;
use crate::falls::Row;
use crate::live::Live;
use crate::recovery::{Probe, Second};
use crate::worker::Shared;

/// So many events are shown.
const EVENTS: usize = 40;

/// What one listener has been told so far.
#[derive(Debug, Default)]
pub(super) struct Sight {
    parts: Map<String, Value>,
    /// Number of the latest second.
    second: u64,
}

impl Sight {
    /// The parts that are not as they were told before.
    pub(super) fn news(&mut self, shared: &Shared) -> Value {
        let parts = parts(shared);
        let mut news = Map::new();
        for (name, part) in &parts {
            if self.parts.get(name) != Some(part) {
                news.insert(name.clone(), part.clone());
            }
        }
        self.parts = parts;
        let seconds = shared.seconds.after(self.second);
        if let Some(latest) = seconds.last() {
            self.second = latest.number;
            let seconds: Vec<Value> = seconds.iter().map(second).collect();
            news.insert("seconds".to_owned(), Value::from(seconds));
        }
        Value::Object(news)
    }
}

fn parts(shared: &Shared) -> Map<String, Value> {
    let live = shared.live();
    let Value::Object(mut parts) = status::whole(shared) else {
        return Map::new();
    };
    let told = shared.events.lately();
    let events = told.iter().rev().take(EVENTS).map(|told| {
        json!({ "at": unix_ms(told.at), "level": told.level(), "words": told.event.to_string() })
    });
    parts.insert("events".to_owned(), events.collect());
    parts.insert("targets".to_owned(), targets(&live));
    parts.insert("probes".to_owned(), probes(&live));
    parts.insert("flows".to_owned(), flows(shared, &live));
    let falls = shared.falls.lately();
    parts.insert("falls".to_owned(), falls.iter().map(fall).collect());
    parts.insert("draining".to_owned(), (*shared.draining.borrow()).into());
    parts
}

/// By name, with the members in the order that they are asked in.
fn targets(live: &Live) -> Value {
    let targets = live.edge.targets.iter().map(|target| {
        let members: Vec<Value> = target
            .members
            .iter()
            .map(|each| member(live, each))
            .collect();
        (
            target.name.to_string(),
            json!({ "group": target.is_group, "members": members }),
        )
    });
    Value::Object(targets.collect())
}

fn member(live: &Live, member: &Member) -> Value {
    let name = |member: &Member| Value::from(&*live.edge.origin(member.origin).id);
    let Some(record) = &member.record else {
        return json!({ "origin": name(member) });
    };
    let (is, other) = match live.side(record.id) {
        Side::Primary => (member, &*record.secondary),
        Side::Secondary => (&*record.secondary, member),
    };
    let record = record_name(&live.edge, usize::from(record.id.0));
    json!({ "origin": name(is), "record": record, "other": name(other) })
}

fn record_name(edge: &Edge, position: usize) -> Option<&str> {
    edge.records.get(position).map(|record| &*record.id)
}

/// By origin, the latest ones, the oldest first; none of an origin without a check.
fn probes(live: &Live) -> Value {
    let both = live.edge.origins.iter().zip(&live.origins);
    let checked = both.filter_map(|(origin, alive)| Some((origin, alive.checked.as_ref()?)));
    let probes = checked.map(|(origin, checked)| {
        let probes = checked.lately();
        (origin.id.to_string(), probes.iter().map(probe).collect())
    });
    Value::Object(probes.collect())
}

/// By origin, of the latest second: how often it was asked, and how often the viewer got what came of that.
fn flows(shared: &Shared, live: &Live) -> Value {
    let flows = live.edge.origins.iter().map(|origin| {
        let flow = shared.seconds.flow(&origin.id);
        (origin.id.to_string(), json!([flow.asked, flow.delivered]))
    });
    Value::Object(flows.collect())
}

fn probe(probe: &Probe) -> Value {
    let mut value = json!({ "at": unix_ms(probe.at), "ms": ms(probe.took), "words": probe.words });
    if let Some(fell) = &probe.fell {
        value["fell"] = Value::from(fell.stage().word());
        value["why"] = Value::from(fell.to_string());
    }
    value
}

fn second(second: &Second) -> Value {
    let came = &second.came;
    json!({
        "at": unix_ms(second.at),
        "s": second.span.as_secs_f64(),
        "requests": came.totals.requests,
        "fell": came.totals.fell_through,
        "lost": came.totals.lost,
        "p50": came.p50.map(ms),
        "p99": came.p99.map(ms),
    })
}

fn fall(row: &Row) -> Value {
    let fall = &row.latest;
    let story = &fall.story;
    let attempts = story.outcomes.iter().zip(&fall.spans);
    let attempts: Vec<Value> = attempts
        .map(|((origin, outcome), span)| {
            json!({
                "origin": &**origin,
                "words": words(*outcome),
                "asked": !matches!(outcome, Outcome::Skipped(_)),
                "ms": ms(*span),
            })
        })
        .collect();
    json!({
        "at": unix_ms(fall.at),
        "first": unix_ms(row.first),
        "times": row.times,
        "id": fall.request_id,
        "method": fall.method,
        "path": fall.path,
        "ms": ms(fall.took),
        "distribution": story.distribution.as_deref(),
        "target": &*story.target,
        "status": story.status.as_u16(),
        "delivered": story.delivered,
        "attempts": attempts,
    })
}

/// What came of an attempt, to be read after the origin's name.
fn words(outcome: Outcome) -> String {
    match outcome {
        Outcome::Status(status) => format!("answered {}", status.as_u16()),
        Outcome::Failed(failure) => failed(failure).to_owned(),
        Outcome::Skipped(why) => format!("was left out: {}", left_out(why)),
    }
}

fn failed(failure: Failure) -> &'static str {
    match failure {
        Failure::Dns => "has a name that did not resolve",
        Failure::Refused => "refused the connection",
        Failure::ConnectTimeout => "did not take the connection in time",
        Failure::Tls => "failed the TLS handshake",
        Failure::Reset => "cut the connection before its answer",
        Failure::WriteStalled => "stopped reading the request",
        Failure::ResponseTimeout => "did not answer in time",
        Failure::CompletionTimeout => "was not done in time",
        Failure::Malformed => "answered with what is no HTTP",
        Failure::HeaderTooBig => "answered with a head that is too large",
    }
}

fn left_out(why: Why) -> &'static str {
    match why {
        Why::Unhealthy => "its health check fails",
        Why::Breaker => "requests to it failed, one after another",
        Why::SlowStart => "it is just back and gets its requests little by little",
        Why::Drained => "an operator drains it",
        Why::Down => "an operator took it down",
        Why::NotTheOnly => "an operator wants another one alone to be asked",
    }
}

/// With a fraction, to the microsecond.
fn ms(span: Duration) -> f64 {
    let micros = u32::try_from(span.as_micros()).unwrap_or(u32::MAX);
    f64::from(micros) / 1000.0
}

fn unix_ms(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
