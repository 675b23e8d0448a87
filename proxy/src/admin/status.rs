//! GET /status.json: all of what the edge is and does.

use serde_json::json;

use super::answer::json;
use super::{Asked, Outcome};

#[expect(clippy::unused_async, reason = "as all answers")]
pub(super) async fn status(asked: Asked) -> Outcome {
    Ok(json(&json!({ "ready": asked.shared.is_ready() })))
}
