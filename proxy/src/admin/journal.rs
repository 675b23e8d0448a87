//! GET /journal.json: writes that secondaries took, by `record` and `since`.

use std::time::SystemTime;

use http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Problem, json};
use super::{Asked, Outcome, query};
use crate::journal::{Since, list};
use crate::live::Live;

/// What an answer may hold; whoever wants more reads the file.
const MOST_BYTES: usize = 640 * 1024;

pub(super) async fn journal(asked: Asked) -> Outcome {
    let [record, since] = query::values(asked.head.uri.query(), ["record", "since"])?;
    let shared = &asked.shared;
    let live = shared.live();
    if let Some(name) = record.as_deref()
        && !live.edge.records.iter().any(|known| *known.id == *name)
    {
        let problem = format!("the config has no failover record {name:?}");
        return Err(Problem::new(StatusCode::NOT_FOUND, problem));
    }
    let since = match since.as_deref() {
        None => Since::LastFailOver,
        Some(said) => Since::parse(said, SystemTime::now()).ok_or_else(|| {
            Problem::bad_request(format!(
                "\"since\" is {said:?}; write all, a span such as 2h, or a time in UTC such as 2026-01-31T12:00"
            ))
        })?,
    };
    let Some(file) = shared.journal.file() else {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "this edge keeps no journal; write [journal] file = \"tideover.journal.jsonl\" in its config",
        ));
    };
    let record = record.map(std::borrow::Cow::into_owned);
    let reading =
        tokio::task::spawn_blocking(move || list(&file, record.as_deref(), &since, MOST_BYTES));
    let listed = match reading.await {
        Ok(Ok(listed)) => listed,
        Ok(Err(error)) => {
            let problem = format!("the journal cannot be read: {error}");
            return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, problem));
        }
        Err(_) => {
            let problem = "the journal was not read to its end";
            return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, problem));
        }
    };
    let mut answer = shared.journal.json();
    answer["writes"] = Value::from(listed.writes);
    answer["left_out"] = Value::from(listed.left_out);
    answer["broken"] = Value::from(listed.broken);
    answer["taken"] = taken(&live);
    Ok(json(&answer))
}

/// By record: how many writes its secondary took since its last fail-over, whether or not there is a journal.
pub(super) fn taken(live: &Live) -> Value {
    let records = live.edge.records.iter().zip(&live.records);
    let counts = records.map(|(record, state)| (record.id.to_string(), json!(state.taken())));
    Value::Object(counts.collect())
}
