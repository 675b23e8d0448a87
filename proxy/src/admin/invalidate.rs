//! POST /invalidate: `{ "distribution": "site", "paths": ["/images/*"], "reference": "..." }`; GET /invalidations.json.
//!
//! An order is in force when it is answered, so its status is `Completed` at once and none is ever in progress: of
//! CloudFront's quotas what remains is that one order has 3,000 paths at most, and any number of them may end in `*`.
//! Source: Developer Guide, "Invalidate files to remove content"; API shape `InvalidationBatch`.

use std::time::{Duration, Instant, SystemTime};

use http::StatusCode;
use serde_json::{Value, json};
use tideover_config::{Edge, counted};
use tideover_rules::cache::invalidation::Pattern;

use super::answer::{Problem, json};
use super::{Asked, Outcome};
use crate::cache::{Order, Ordered};

/// Most bytes of an order: 3,000 paths of 340 characters.
pub(super) const MOST_BODY_BYTES: usize = 1024 * 1024;
/// Paths of one order.
const MOST_PATHS: usize = 3_000;
/// Characters of a reference.
const MOST_CHARACTERS: usize = 500;
/// So many paths are told of what is wrong with them.
const MOST_PROBLEMS: usize = 100;
/// So many characters of a path are repeated in a problem.
const SHOWN: usize = 80;
/// What a list may hold; what is older is counted only.
const MOST_LISTED_BYTES: usize = 640 * 1024;
/// So many paths of an order are told.
const LISTED_PATHS: usize = 100;

/// What is asked for.
struct Wanted<'v> {
    distribution: &'v str,
    patterns: Vec<Pattern>,
    reference: Option<&'v str>,
}

#[expect(clippy::unused_async, reason = "as all answers")]
pub(super) async fn invalidate(asked: Asked) -> Outcome {
    let value = asked.json()?;
    let shared = &asked.shared;
    let live = shared.live();
    let Wanted {
        distribution,
        patterns,
        reference,
    } = wanted(&value, &live.edge)?;
    let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let began = Instant::now();
    let invalidations = &shared.cache.invalidations;
    let ordered = invalidations.order(distribution, patterns, reference, at.unwrap_or_default());
    let took = began.elapsed();
    let (order, existing) = match ordered {
        Ordered::Done(order) => {
            tracing::info!(
                id = &*order.id,
                distribution,
                paths = order.patterns.len(),
                first = order.patterns.first().map(ToString::to_string),
                "an operator invalidated what is kept"
            );
            (order, false)
        }
        Ordered::Before(order) => (order, true),
        Ordered::Taken(order) => {
            let problem = format!(
                "the reference {:?} is that of {}, which has other paths ({}); give this order a reference of its own, or none",
                order.reference.as_deref().unwrap_or_default(),
                order.id,
                few(&order)
            );
            return Err(Problem::new(StatusCode::CONFLICT, problem));
        }
    };
    let mut answer = described(&order);
    answer["existing"] = Value::from(existing);
    answer["took_ms"] = Value::from(milliseconds(took));
    Ok(json(&answer))
}

#[expect(clippy::unused_async, reason = "as all answers")]
pub(super) async fn list(asked: Asked) -> Outcome {
    let all = asked.shared.cache.invalidations.list();
    let mut listed = Vec::new();
    let mut left = MOST_LISTED_BYTES;
    for order in &all {
        let order = described(order);
        let Some(rest) = left.checked_sub(order.to_string().len()) else {
            break;
        };
        left = rest;
        listed.push(order);
    }
    let left_out = all.len() - listed.len();
    Ok(json(
        &json!({ "invalidations": listed, "left_out": left_out }),
    ))
}

/// An order, with the first of its paths.
fn described(order: &Order) -> Value {
    let patterns = order.patterns.iter().take(LISTED_PATHS);
    let paths: Vec<String> = patterns.map(Pattern::to_string).collect();
    json!({
        "id": &*order.id,
        "distribution": &*order.distribution,
        "more_paths": order.patterns.len() - paths.len(),
        "paths": paths,
        "reference": order.reference,
        "at": order.at.as_secs(),
        "status": "Completed",
    })
}

/// To the microsecond.
fn milliseconds(span: Duration) -> f64 {
    let microseconds = u32::try_from(span.as_micros()).unwrap_or(u32::MAX);
    f64::from(microseconds) / 1_000.0
}

/// The first paths of an order.
fn few(order: &Order) -> String {
    const FEW: usize = 3;
    let mut patterns = order.patterns.iter().map(Pattern::to_string);
    let first: Vec<String> = patterns
        .by_ref()
        .take(FEW)
        .map(|path| cut(&path).to_owned())
        .collect();
    let mut words = first.join(", ");
    let more = patterns.count();
    if more > 0 {
        words += &format!(" and {}", counted(more as u64, "more path"));
    }
    words
}

fn cut(path: &str) -> &str {
    let end = path.char_indices().nth(SHOWN);
    end.map_or(path, |(end, _)| &path[..end])
}

/// What `value` says, every field of it.
fn wanted<'v>(value: &'v Value, edge: &'v Edge) -> Result<Wanted<'v>, Problem> {
    const FIELDS: [&str; 3] = ["distribution", "paths", "reference"];
    let mut keys = value
        .as_object()
        .into_iter()
        .flat_map(|object| object.keys());
    if let Some(unknown) = keys.find(|key| !FIELDS.contains(&key.as_str())) {
        return Err(Problem::bad_request(format!(
            "{unknown:?} is no field of an invalidation; write some of {}",
            FIELDS.join(", ")
        )));
    }
    let text = |field: &str| match value.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Problem::bad_request(format!("{field:?} is no text"))),
    };
    let reference = text("reference")?
        .map(str::trim)
        .filter(|it| !it.is_empty());
    if let Some(reference) = reference {
        if reference.chars().count() > MOST_CHARACTERS {
            return Err(Problem::bad_request(format!(
                "\"reference\" has {MOST_CHARACTERS} characters at most"
            )));
        }
        // It goes to terminals.
        if reference.chars().any(char::is_control) {
            return Err(Problem::bad_request("\"reference\" is one line of text"));
        }
    }
    Ok(Wanted {
        distribution: distribution(text("distribution")?, edge)?,
        patterns: patterns(value.get("paths"))?,
        reference,
    })
}

/// The one of that id, or the only one.
fn distribution<'v>(named: Option<&'v str>, edge: &'v Edge) -> Result<&'v str, Problem> {
    let ids = || {
        let ids = edge.distributions.iter().map(|known| &*known.id);
        ids.collect::<Vec<&str>>().join(", ")
    };
    match (named, &*edge.distributions) {
        (None, [only]) => Ok(&only.id),
        (None, _) => Err(Problem::bad_request(format!(
            "there are several distributions; write \"distribution\": one of {}",
            ids()
        ))),
        (Some(named), all) if all.iter().any(|known| *known.id == *named) => Ok(named),
        (Some(named), _) => Err(Problem::new(
            StatusCode::NOT_FOUND,
            format!(
                "there is no distribution {named:?}; the config has {}",
                ids()
            ),
        )),
    }
}

/// Every path, or what is wrong with all of them that are none.
fn patterns(written: Option<&Value>) -> Result<Vec<Pattern>, Problem> {
    let Some(Value::Array(written)) = written else {
        return Err(Problem::bad_request(
            "write \"paths\": a list such as [\"/images/*\"]",
        ));
    };
    if written.is_empty() {
        return Err(Problem::bad_request(
            "\"paths\" is empty; write a path like /images/a.png, or /* for all",
        ));
    }
    if written.len() > MOST_PATHS {
        return Err(Problem::bad_request(format!(
            "\"paths\" has {} paths; write at most {MOST_PATHS}, perhaps with * at the end of some in place of others",
            written.len()
        )));
    }
    let mut patterns = Vec::with_capacity(written.len());
    let mut problems = Vec::new();
    for path in written {
        match path.as_str().map(|path| (path, Pattern::new(path))) {
            Some((_, Ok(pattern))) => patterns.push(pattern),
            Some((path, Err(why))) => problems.push(format!("{:?} {why}", cut(path))),
            None => problems.push(format!(
                "{:.SHOWN$} is no text; write a path in quotes",
                path.to_string()
            )),
        }
    }
    if problems.is_empty() {
        return Ok(patterns);
    }
    let more = problems.len().saturating_sub(MOST_PROBLEMS);
    problems.truncate(MOST_PROBLEMS);
    if more > 0 {
        problems.push(format!("and {} like these", counted(more as u64, "more")));
    }
    Err(Problem::bad_request(problems.join("; ")))
}
