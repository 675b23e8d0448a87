//! What one viewer brings about must not become everybody's.

use std::time::Duration;

use harness::{answer, gate, in_front_of, origin, viewer};
use tokio::join;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test]
async fn a_304_for_one_viewer_is_not_what_others_read_along() {
    let held = gate();
    let app = origin("app")
        .in_turn([
            answer(200)
                .header("Cache-Control", "max-age=1")
                .header("ETag", "\"x\"")
                .body("for all"),
            answer(304)
                .header("Cache-Control", "private")
                .header("X-Csrf-Token", "of-b")
                .after(&held),
            answer(200).header("ETag", "\"x\"").body("for all"),
        ])
        .start()
        .await;
    let edge = in_front_of(&app).start().await;
    viewer(&edge).get("/a").await.expect(200);
    edge.time_passes(s(2));
    let b = async { viewer(&edge).get("/a").header("Cookie", "b=1").await };
    let c = async {
        app.until_it_read(2).await;
        held.open();
        viewer(&edge).get("/a").await
    };
    let (b, c) = join!(b, c);
    b.expect(200);
    c.expect(200).body("for all").no_header("x-csrf-token");
}

#[tokio::test]
async fn what_fails_by_one_viewers_conditions_is_not_kept() {
    let app = origin("app")
        .in_turn([
            answer(412).header("Cache-Control", "max-age=3600"),
            answer(200).header("Cache-Control", "max-age=60").body("it"),
        ])
        .start()
        .await;
    let edge = in_front_of(&app)
        .and("cache = \"cloudfront\"\ncache_key = { headers = [\"Host\"] }")
        .start()
        .await;
    let odd = viewer(&edge).get("/a").header("If-Match", "\"nope\"").await;
    odd.expect(412);
    viewer(&edge).get("/a").await.expect(200).body("it");
}

#[tokio::test]
async fn a_request_that_steers_its_application_elsewhere_leaves_nothing_behind() {
    let app = origin("app")
        .in_turn([
            answer(200)
                .header("Cache-Control", "max-age=60")
                .body("the admin's"),
            answer(200).header("Cache-Control", "max-age=60").body("it"),
        ])
        .start()
        .await;
    let edge = in_front_of(&app).start().await;
    let steered = viewer(&edge)
        .get("/a")
        .header("X-Original-URL", "/admin")
        .await;
    steered.body("the admin's");
    steered.header_has("cache-status", "detail=steered");
    viewer(&edge).get("/a").await.body("it");
    let hit = viewer(&edge).get("/a").await;
    hit.body("it").header("x-cache", "Hit from tideover");
}

#[tokio::test]
async fn what_varies_by_the_viewers_address_is_nobody_elses() {
    let app = origin("app")
        .plays(
            answer(200)
                .header("Cache-Control", "max-age=60")
                .header("Vary", "X-Forwarded-For"),
        )
        .start()
        .await;
    let edge = in_front_of(&app).start().await;
    for _ in 0..2 {
        let told = viewer(&edge).get("/price").await;
        told.expect(200).header("x-cache", "Miss from tideover");
    }
}

#[tokio::test]
async fn what_one_viewer_does_not_want_kept_is_not_lost_to_others() {
    let app = origin("app")
        .in_turn([
            answer(200)
                .header("Cache-Control", "max-age=1, stale-if-error=600")
                .header("ETag", "\"x\"")
                .body("kept"),
            answer(304),
            answer(503),
        ])
        .start()
        .await;
    let edge = in_front_of(&app).start().await;
    viewer(&edge).get("/a").await.expect(200);
    edge.time_passes(s(2));
    let request = viewer(&edge).get("/a").header("Cache-Control", "no-store");
    request.await.expect(200).body("kept");
    let stale = viewer(&edge).get("/a").await;
    stale.expect(200).body("kept");
    stale.header_has("cache-status", "detail=stale-if-error");
}

#[tokio::test]
async fn a_kept_preflight_is_asked_for_anew_as_a_preflight() {
    let app = origin("app")
        .plays(answer(204).header("Cache-Control", "max-age=1, stale-while-revalidate=60"))
        .start()
        .await;
    let edge = in_front_of(&app)
        .and("cached_methods = [\"GET\", \"HEAD\", \"OPTIONS\"]")
        .start()
        .await;
    viewer(&edge).request("OPTIONS", "/api").await.expect(204);
    edge.time_passes(s(2));
    viewer(&edge).request("OPTIONS", "/api").await.expect(204);
    app.until_it_read(2).await;
    app.saw(["OPTIONS /api", "OPTIONS /api"]);
}
