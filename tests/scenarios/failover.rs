//! Promise 1: reads fall through in order, and the first acceptable answer wins.

use harness::{origin, tiers, viewer};

#[tokio::test]
async fn a_listed_status_is_asked_again_at_the_secondary() {
    let primary = origin("primary").answers(503).start().await;
    let secondary = origin("secondary").start().await;
    let edge = tiers([&primary, &secondary], [503]).start().await;

    let response = viewer(&edge).get("/owners?page=2").await;

    response.expect(200).body("from secondary");
    primary.saw(["GET /owners?page=2"]);
    secondary.saw(["GET /owners?page=2"]);
}
