//! GET /events.json: what is amiss, and what happened lately.

use super::answer::json;
use super::{Asked, Outcome};

#[expect(clippy::unused_async, reason = "as all answers")]
pub(super) async fn events(asked: Asked) -> Outcome {
    Ok(json(&asked.shared.events.json()))
}
