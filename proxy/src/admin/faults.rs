//! POST /faults: `{ "origin": "aws", "refuse": true, "percent": 50, "for": "10m" }`, in the words of `fault` in the file, or
//! `{ "origin": "aws", "clear": true }`. Answers with all faults that are in force.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Map, Value, json};
use tideover_config::{Fault, FaultKind, parse_span};

use super::answer::{Problem, json};
use super::{Asked, Outcome};
use crate::faults::{FaultRefused, in_force, order};

const FIELDS: [&str; 10] = [
    "origin",
    "clear",
    "refuse",
    "black_hole",
    "delay",
    "reset_after",
    "status",
    "throttle",
    "percent",
    "for",
];

#[expect(clippy::unused_async, reason = "as all answers")]
pub(super) async fn faults(asked: Asked) -> Outcome {
    let value = asked.json()?;
    let nothing = Map::new();
    let object = value.as_object().unwrap_or(&nothing);
    let (origin, fault) = wanted(object)?;
    let shared = &asked.shared;
    order(shared, origin, fault).map_err(|refused| {
        let status = match refused {
            FaultRefused::NotEnabled => StatusCode::FORBIDDEN,
            FaultRefused::Unknown { .. } => StatusCode::NOT_FOUND,
            FaultRefused::Page(_) | FaultRefused::TooLong => StatusCode::BAD_REQUEST,
        };
        Problem::new(status, refused.to_string())
    })?;
    let faults = in_force(&shared.live())
        .into_iter()
        .map(|(origin, fault, left)| {
            json!({
                "origin": &*origin,
                "fault": fault.kind.word(),
                "means": fault.kind.to_string(),
                "percent": fault.percent,
                "ends_in_s": left.map(|left| left.as_secs()),
            })
        });
    Ok(json(&json!({ "faults": faults.collect::<Vec<_>>() })))
}

/// The origin, and the fault that it is to have.
fn wanted(object: &Map<String, Value>) -> Result<(&str, Option<Fault>), Problem> {
    if let Some(unknown) = object.keys().find(|key| !FIELDS.contains(&key.as_str())) {
        return Err(Problem::bad_request(format!(
            "{unknown:?} is no field of a fault; write some of {}",
            FIELDS.join(", ")
        )));
    }
    let Some(Value::String(origin)) = object.get("origin") else {
        return Err(Problem::bad_request("write \"origin\": \"NAME\""));
    };
    let kind = kind(object)?;
    if flag(object, "clear")? {
        return match kind {
            None => Ok((origin, None)),
            Some(_) => Err(Problem::bad_request("\"clear\" goes with no fault")),
        };
    }
    let Some(kind) = kind else {
        return Err(Problem::bad_request(
            "write one of \"refuse\": true, \"black_hole\": true, \"delay\": \"2s\", \"reset_after\": 1000, \"status\": 503, \"throttle\": 1000, or \"clear\": true",
        ));
    };
    let percent = number(object, "percent", 1, 100)?.unwrap_or(100);
    let lasts = span(object, "for", Duration::from_secs(1), Fault::LONGEST)?;
    let fault = Fault {
        kind,
        percent: u8::try_from(percent).unwrap_or(100),
        lasts: Some(lasts.unwrap_or(Fault::USUALLY_LASTS)),
    };
    Ok((origin, Some(fault)))
}

fn kind(object: &Map<String, Value>) -> Result<Option<FaultKind>, Problem> {
    let status = number(object, "status", 200, 599)?
        .and_then(|code| u16::try_from(code).ok())
        .and_then(|code| StatusCode::from_u16(code).ok());
    let tick = Duration::from_millis(1);
    let kinds = [
        flag(object, "refuse")?.then_some(FaultKind::Refuse),
        flag(object, "black_hole")?.then_some(FaultKind::BlackHole),
        span(object, "delay", tick, Fault::LONGEST_DELAY)?.map(FaultKind::Delay),
        number(object, "reset_after", 0, 1_000_000_000_000)?.map(FaultKind::ResetAfter),
        status.map(FaultKind::Status),
        number(object, "throttle", 1, 1_000_000_000)?.map(FaultKind::Throttle),
    ];
    let mut kinds = kinds.into_iter().flatten();
    match (kinds.next(), kinds.next()) {
        (kind, None) => Ok(kind),
        (_, Some(_)) => Err(Problem::bad_request(
            "an origin has one fault at a time; write one",
        )),
    }
}

fn flag(object: &Map<String, Value>, field: &str) -> Result<bool, Problem> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(Problem::bad_request(format!("{field:?} is true or false"))),
    }
}

fn number(
    object: &Map<String, Value>,
    field: &str,
    least: u64,
    most: u64,
) -> Result<Option<u64>, Problem> {
    match object.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(number) if (least..=most).contains(&number) => Ok(Some(number)),
            Some(_) | None => Err(Problem::bad_request(format!(
                "{field:?} is a number from {least} to {most}"
            ))),
        },
    }
}

fn span(
    object: &Map<String, Value>,
    field: &str,
    least: Duration,
    most: Duration,
) -> Result<Option<Duration>, Problem> {
    let said = match object.get(field) {
        None | Some(Value::Null) => return Ok(None),
        Some(said) => said.as_str().and_then(parse_span),
    };
    match said {
        Some(span) if (least..=most).contains(&span) => Ok(Some(span)),
        Some(_) | None => Err(Problem::bad_request(format!(
            "{field:?} is a time of {}s at most, such as \"10m\", \"2s\" or \"100ms\"",
            most.as_secs()
        ))),
    }
}
