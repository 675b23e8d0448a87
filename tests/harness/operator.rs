//! The operator: who sees and changes an edge by its admin listener.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::edge::Edge;
use crate::response::Response;
use crate::viewer::{Request, viewer_of};

/// The token of every edge of the scenarios.
pub const TOKEN: &str = "token-of-the-scenarios";

/// Whoever has the token of this edge.
pub fn operator(edge: &Edge) -> Operator {
    Operator {
        admin: edge.admin(),
    }
}

/// An operator of one edge.
#[derive(Clone, Copy, Debug)]
pub struct Operator {
    admin: SocketAddr,
}

impl Operator {
    /// POST of this change, with the token.
    pub fn posts(&self, path: &str, change: &Value) -> Request {
        viewer_of(self.admin)
            .post(path, &change.to_string())
            .header("Content-Type", "application/json")
            .header("Authorization", &format!("Bearer {TOKEN}"))
    }

    /// What the edge says to this change of a switch.
    pub async fn tries_to_switch(&self, change: Value) -> Response {
        self.posts("/switch", &change).await
    }

    /// Switches this `kind` of thing, which has to work.
    ///
    /// # Panics
    /// When it does not.
    pub async fn switches(&self, kind: &str, name: &str, to: &str) -> Value {
        let response = self.tries_to_switch(json!({ kind: name, "to": to })).await;
        let told = response.expect(200).text();
        serde_json::from_str(&told).expect("the answer is JSON")
    }

    /// All of what the edge says of itself.
    ///
    /// # Panics
    /// When it does not.
    pub async fn status(&self) -> Value {
        let response = viewer_of(self.admin).get("/status.json").await;
        serde_json::from_str(&response.expect(200).text()).expect("the answer is JSON")
    }
}
