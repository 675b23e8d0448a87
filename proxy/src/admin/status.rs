//! GET /status.json: all of what the edge is and does.

use serde_json::{Value, json};

use super::answer::json;
use super::{Asked, Outcome};
use crate::switches::Switch;

#[expect(clippy::unused_async, reason = "as all answers")]
pub(super) async fn status(asked: Asked) -> Outcome {
    let shared = &asked.shared;
    let switches: Vec<Value> = shared.switches.in_force().iter().map(switch).collect();
    let mut journal = shared.journal.json();
    journal["taken"] = super::journal::taken(&shared.live());
    Ok(json(&json!({
        "ready": shared.is_ready(),
        "switches": switches,
        "journal": journal,
    })))
}

fn switch(switch: &Switch) -> Value {
    let mut value = json!({
        "to": switch.to.word(),
        "reason": switch.reason.as_deref(),
        "owner": switch.owner.as_deref(),
    });
    value[switch.to.kind().word()] = Value::from(&*switch.name);
    value
}
