//! GET /status.json: all of what the edge is and does. Times are seconds: `since` and `at` since 1970, UTC, the rest are spans.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use tideover_config::{Moves, OriginKind, OriginScheme, Side};

use super::answer::json;
use super::switch::whole_seconds;
use super::{Asked, Outcome};
use crate::live::Live;
use crate::recovery::lately::{reasons, state};
use crate::switches::{Kind, Switch};
use crate::vitals::Tallied;
use crate::worker::Shared;

/// So many events are told, the latest.
const EVENTS: usize = 10;

#[expect(clippy::unused_async, reason = "as all answers")]
pub(super) async fn status(asked: Asked) -> Outcome {
    Ok(json(&whole(&asked.shared)))
}

/// As JSON.
pub(super) fn whole(shared: &Shared) -> Value {
    let live = shared.live();
    let switches = shared.switches.in_force();
    let numbers = shared.lately.numbers(shared, &live);
    let origins: Vec<Value> = (0..live.edge.origins.len())
        .map(|position| {
            let tallied = numbers.origins.get(position);
            origin(shared, &live, position, tallied, &switches)
        })
        .collect();
    let (span, hits) = shared.lately.hits(&live);
    let keeps_something = live.keeps_something();
    let distributions: Vec<Value> = hits
        .iter()
        .enumerate()
        .map(|(position, hits)| {
            let mut value = distribution(shared, &live, position, &switches);
            if keeps_something {
                value["cache"] = json!({ "requests": hits.requests, "hits": hits.hits });
            }
            value
        })
        .collect();
    let (entries, bytes) = shared.cache.held();
    let cache = keeps_something.then(|| {
        json!({
            "entries": entries,
            "bytes": bytes,
            "limit_bytes": shared.cache.limits.memory,
            "fill_bytes": shared.cache.held_by_fills(),
            // Of what the distributions say.
            "span_s": span.as_secs(),
        })
    });
    let told = shared.events.lately();
    let lately = told.iter().rev().take(EVENTS).rev();
    let totals = numbers.totals;
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "mode": live.edge.mode.as_str(),
        "ready": shared.is_ready(),
        "up_s": live.clock.nominal(shared.began.elapsed()).as_secs(),
        "now": unix(SystemTime::now()),
        "distributions": distributions,
        "records": records(&live, &switches),
        "origins": origins,
        "lately": {
            "span_s": numbers.span.as_secs(),
            "requests": totals.requests,
            "fell_through": totals.fell_through,
            "lost": totals.lost,
            "viewer_gone": totals.viewer_gone,
        },
        "cache": cache,
        "journal": shared.journal.json(),
        "switches": switches.iter().map(|one| switch(&live, one)).collect::<Vec<_>>(),
        "events": lately
            .map(|told| json!({ "at": unix(told.at), "words": told.event.to_string() }))
            .collect::<Vec<_>>(),
    })
}

fn distribution(shared: &Shared, live: &Live, position: usize, switches: &[Switch]) -> Value {
    let said = &live.edge.distributions[position];
    let lanes = shared.lately.lanes(live, position).into_iter().map(|lane| {
        json!({
            "does": if lane.writes { "writes" } else { "reads" },
            "paths": lane.paths.iter().map(|path| &**path).collect::<Vec<_>>(),
            "target": &*lane.target,
            "answers": lane.answers.as_deref(),
            "since": lane.since.map(unix),
        })
    });
    json!({
        "id": &*said.id,
        "aliases": said.aliases.iter().map(|alias| &**alias).collect::<Vec<_>>(),
        "enabled": said.enabled,
        "maintenance": live.is_closed(position),
        "switch": found(live, switches, Kind::Distribution, &said.id),
        "lanes": lanes.collect::<Vec<_>>(),
    })
}

fn records(live: &Live, switches: &[Switch]) -> Vec<Value> {
    let both = live.edge.records.iter().zip(&live.records);
    both.map(|(record, at)| {
        let side = at.side();
        let name = |side| &*live.edge.origin(record.origin(side)).id;
        json!({
            "id": &*record.id,
            "side": side.word(),
            "answers": name(side),
            "primary": name(Side::Primary),
            "secondary": name(Side::Secondary),
            "taken": at.taken(),
            // What nobody has to wait for, as it does not come by itself.
            "returns_by_hand": side == Side::Secondary && record.fail_back == Moves::Manual,
            "switch": found(live, switches, Kind::Record, &record.id),
        })
    })
    .collect()
}

fn origin(
    shared: &Shared,
    live: &Live,
    position: usize,
    tallied: Option<&Tallied>,
    switches: &[Switch],
) -> Value {
    let said = &live.edge.origins[position];
    let mut value = json!({
        "id": &*said.id,
        "state": state(live, position),
        "since": shared.lately.since(&said.id).map(unix),
        "switch": found(live, switches, Kind::Origin, &said.id),
    });
    match &said.kind {
        OriginKind::Page(_) => value["kind"] = Value::from("page"),
        OriginKind::Folder(folder) => {
            value["kind"] = Value::from("folder");
            value["at"] = Value::from(format!("dir:{}", folder.dir.display()));
        }
        OriginKind::Server(server) => {
            value["kind"] = Value::from("server");
            let (scheme, endpoint) = match server.scheme {
                OriginScheme::Http => ("http", &server.http),
                OriginScheme::Https | OriginScheme::MatchViewer => ("https", &server.https),
            };
            value["at"] = Value::from(format!("{scheme}://{endpoint}"));
        }
    }
    if let Some(tallied) = tallied {
        let reasons: Map<String, Value> = reasons(tallied)
            .into_iter()
            .map(|(why, count)| (why, Value::from(count)))
            .collect();
        value["lately"] = json!({
            "answered": tallied.answered.iter().sum::<u64>(),
            "delivered": tallied.delivered,
            "fell_through": reasons,
        });
    }
    value
}

fn found(live: &Live, switches: &[Switch], kind: Kind, name: &str) -> Value {
    let mut switches = switches.iter();
    let found = switches.find(|one| one.is_of(kind, name));
    found.map_or(Value::Null, |one| switch(live, one))
}

fn switch(live: &Live, switch: &Switch) -> Value {
    let left = switch.until.map(|until| {
        let left = until.duration_since(SystemTime::now()).unwrap_or_default();
        whole_seconds(live.clock.nominal(left))
    });
    let mut value = json!({
        "to": switch.to.word(),
        "means": switch.to.means(),
        "reason": switch.reason.as_deref(),
        "owner": switch.owner.as_deref(),
        "since": unix(switch.since),
        "ends_in_s": left,
    });
    value[switch.to.kind().word()] = Value::from(&*switch.name);
    value
}

fn unix(time: SystemTime) -> u64 {
    let since: Duration = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs()
}
