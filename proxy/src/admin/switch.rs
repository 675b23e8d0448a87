//! POST /switch: `{ "origin": "azure-vm", "to": "down", "reason": "...", "owner": "...", "for": "30m", "insist": false }`,
//! with `"record"` or `"distribution"` in place of `"origin"`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use serde_json::{Map, Value, json};
use tideover_config::{Edge, Side, counted, parse_span};
use tideover_rules::switch::Bereft;

use super::answer::{Problem, json};
use super::{Asked, Outcome};
use crate::live::Live;
use crate::recovery::lately::state;
use crate::recovery::taken_words;
use crate::switches::{Kind, Refusal, Switch, To};

/// Characters of a reason or an owner.
const MOST_CHARACTERS: usize = 500;
const LONGEST: Duration = Duration::from_hours(24 * 366);

/// What is asked for.
struct Wanted {
    switch: Switch,
    insists: bool,
}

#[expect(clippy::unused_async, reason = "as all answers")]
pub(super) async fn switch(asked: Asked) -> Outcome {
    let value = asked.json()?;
    let shared = &asked.shared;
    let live = shared.live();
    let now = SystemTime::now();
    let wanted = wanted(&value, now, |nominal| live.clock.real(nominal))?;
    let Wanted { switch, insists } = wanted;
    let (kind, name, to) = (switch.to.kind(), Arc::clone(&switch.name), switch.to);
    let until = switch.until;
    let done = shared
        .switches
        .switch(&live, &shared.events, switch, insists);
    let done = done.map_err(|refusal| refused(&refusal, &live.edge, kind, &name))?;
    crate::recovery::obey(shared);
    let mut answer = json!({
        "was": done.was.map_or(To::usual(kind), |was| was.to).word(),
        "is": to.word(),
        "means": to.means(),
    });
    answer[kind.word()] = Value::from(&*name);
    if let Some(until) = until {
        let left = until.duration_since(now).unwrap_or_default();
        answer["ends_in_s"] = Value::from(whole_seconds(live.clock.nominal(left)));
    }
    if to == To::Record(Some(Side::Primary))
        && let Some(words) = to_reconcile(&live, &name)
    {
        answer["to_reconcile"] = Value::from(words);
    }
    if let Some(words) = beware(&live, to, &name) {
        answer["beware"] = Value::from(words);
    }
    if let Some(why) = done.not_kept {
        answer["not_kept"] = Value::from(why);
    }
    Ok(json(&answer))
}

/// That whoever is to be asked from now on is not well, as far as is known: an order is obeyed all the same.
fn beware(live: &Live, to: To, name: &str) -> Option<String> {
    let To::Record(Some(side)) = to else {
        return None;
    };
    let record = live
        .edge
        .records
        .iter()
        .find(|record| *record.id == *name)?;
    let origin = record.origin(side);
    let state = state(live, usize::from(origin.0));
    matches!(state, "unhealthy" | "broken" | "down" | "drained").then(|| {
        let origin = &live.edge.origin(origin).id;
        format!("beware: {origin} is {state} now; tideover switch {name} auto lets health decide")
    })
}

/// What has to be brought back to the primary of `record`, if its secondary took anything.
fn to_reconcile(live: &Live, record: &str) -> Option<String> {
    let mut both = live.edge.records.iter().zip(&live.records);
    let (record, state) = both.find(|(known, _)| *known.id == *record)?;
    let name = |side| &live.edge.origin(record.origin(side)).id;
    let (primary, secondary) = (name(Side::Primary), name(Side::Secondary));
    let taken = state.taken();
    (taken > 0).then(|| taken_words(taken, secondary, primary, &record.id))
}

/// Rounded up: what was asked for is what is told.
pub(super) fn whole_seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

fn refused(refusal: &Refusal, edge: &Edge, kind: Kind, name: &str) -> Problem {
    let what = kind.word();
    match refusal {
        Refusal::Unknown => {
            let others = Kind::ALL.into_iter().filter(|other| *other != kind);
            let is_known = |kind: &Kind| kind.names(edge).iter().any(|known| **known == *name);
            if let Some(other) = others.into_iter().find(is_known) {
                let words = To::ALL.into_iter().filter(|to| to.kind() == other);
                let words: Vec<&str> = words.map(To::word).collect();
                return Problem::new(
                    StatusCode::NOT_FOUND,
                    format!(
                        "there is no {what} {name:?}; of that name there is the {}, which is switched to one of {}",
                        other.word(),
                        words.join(", ")
                    ),
                );
            }
            let names = kind.names(edge);
            let names: Vec<&str> = names.iter().map(|name| &**name).collect();
            let known = if names.is_empty() {
                format!("the config has no {what}")
            } else {
                format!("the config has {}", names.join(", "))
            };
            Problem::new(
                StatusCode::NOT_FOUND,
                format!("there is no {what} {name:?}; {known}"),
            )
        }
        Refusal::TooMany => Problem::new(
            StatusCode::CONFLICT,
            "as many switches are in force as can be; switch something back first",
        ),
        Refusal::Bereft(bereft) => Problem::new(
            StatusCode::CONFLICT,
            format!(
                "refused: nobody would be left to answer {}; switch another origin to ready first, or insist",
                bereft_words(edge, bereft)
            ),
        ),
    }
}

/// `petclinic "/*" (POST, PUT; origin azure-vm)`; a few of them.
fn bereft_words(edge: &Edge, bereft: &[Bereft]) -> String {
    const SHOWN: usize = 3;
    let one = |bereft: &Bereft| {
        let distribution = &edge.distributions[bereft.distribution];
        let behavior = &distribution.behaviors[bereft.behavior];
        let methods = behavior.for_methods.unwrap_or(behavior.allowed_methods);
        let methods: Vec<&str> = methods.names().collect();
        let target = edge.target(bereft.target);
        format!(
            "{} {} ({} to {})",
            distribution.id,
            behavior.path.as_str(),
            methods.join(", "),
            target.name
        )
    };
    let shown: Vec<String> = bereft.iter().take(SHOWN).map(one).collect();
    let mut words = shown.join("; ");
    if let Some(more) = bereft.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        words += &format!("; and {}", counted(more as u64, "more behavior"));
    }
    words
}

/// What `value` says, every field of it.
fn wanted(
    value: &Value,
    now: SystemTime,
    real: impl Fn(Duration) -> Duration,
) -> Result<Wanted, Problem> {
    const FIELDS: [&str; 8] = [
        "origin",
        "record",
        "distribution",
        "to",
        "reason",
        "owner",
        "for",
        "insist",
    ];
    let nothing = Map::new();
    let object = value.as_object().unwrap_or(&nothing);
    if let Some(unknown) = object.keys().find(|key| !FIELDS.contains(&key.as_str())) {
        return Err(Problem::bad_request(format!(
            "{unknown:?} is no field of a switch; write some of {}",
            FIELDS.join(", ")
        )));
    }
    let text = |field: &str| match object.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Problem::bad_request(format!("{field:?} is no text"))),
    };
    let mut named = Vec::new();
    for kind in Kind::ALL {
        named.extend(text(kind.word())?.map(|name| (kind, name)));
    }
    let [(kind, name)] = named[..] else {
        return Err(Problem::bad_request(
            "name one: \"origin\", \"record\" or \"distribution\"",
        ));
    };
    let of_kind = || To::ALL.into_iter().filter(move |to| to.kind() == kind);
    let word = text("to")?.unwrap_or("");
    let Some(to) = of_kind().find(|to| to.word() == word) else {
        let words: Vec<&str> = of_kind().map(To::word).collect();
        return Err(Problem::bad_request(format!(
            "\"to\" is {word:?}; write one of {}",
            words.join(", ")
        )));
    };
    let note = |field: &str| {
        let text = text(field)?.map(str::trim).filter(|text| !text.is_empty());
        match text {
            Some(text) if text.chars().count() > MOST_CHARACTERS => Err(Problem::bad_request(
                format!("{field:?} has {MOST_CHARACTERS} characters at most"),
            )),
            // It goes to terminals and logs.
            Some(text) if text.chars().any(char::is_control) => Err(Problem::bad_request(format!(
                "{field:?} is one line of text"
            ))),
            Some(text) => Ok(Some(Arc::from(text))),
            None => Ok(None),
        }
    };
    let until = match text("for")? {
        None => None,
        Some(span) => {
            let nominal =
                parse_span(span).filter(|span| (Duration::from_secs(1)..=LONGEST).contains(span));
            let Some(nominal) = nominal else {
                return Err(Problem::bad_request(format!(
                    "\"for\" is {span:?}; write 1s to 366 days, such as \"30m\" or \"2h\""
                )));
            };
            if to == To::usual(kind) {
                return Err(Problem::bad_request(format!(
                    "{word} is how things are anyway, and does not end; leave \"for\" out"
                )));
            }
            now.checked_add(real(nominal))
        }
    };
    let insists = match object.get("insist") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(insists)) => *insists,
        Some(_) => return Err(Problem::bad_request("\"insist\" is true or false")),
    };
    Ok(Wanted {
        switch: Switch {
            name: name.into(),
            to,
            reason: note("reason")?,
            owner: note("owner")?,
            since: now,
            until,
        },
        insists,
    })
}
