//! Who may change an edge, and who is kept from it.

use harness::{TOKEN, in_front_of, operator, origin, viewer_of};
use serde_json::json;

const CHANGE: &str = r#"{ "origin": "vm", "to": "drain" }"#;

#[tokio::test]
async fn a_change_takes_the_token() {
    let vm = origin("vm").start().await;
    let edge = in_front_of(&vm).start().await;
    let ask = |token: &str| {
        viewer_of(edge.admin())
            .post("/switch", CHANGE)
            .header("Content-Type", "application/json")
            .header("Authorization", token)
    };

    for wrong in [
        "",
        "Bearer ",
        "Bearer wrong",
        &format!("Basic {TOKEN}"),
        TOKEN,
    ] {
        let response = ask(wrong).await;
        response
            .expect(401)
            .header("WWW-Authenticate", "Bearer")
            .header("Content-Type", "application/problem+json")
            .body_has("Authorization: Bearer")
            .body_lacks(TOKEN);
    }
    assert_eq!(operator(&edge).status().await["switches"], json!([]));
    ask(&format!("Bearer {TOKEN}")).await.expect(200);
}

#[tokio::test]
async fn a_page_of_another_site_changes_and_reads_nothing() {
    let vm = origin("vm").start().await;
    let edge = in_front_of(&vm).start().await;
    let admin = edge.admin();
    let ask = || {
        operator(&edge).posts(
            "/switch",
            &serde_json::from_str(CHANGE).expect("it is JSON"),
        )
    };

    ask()
        .header("Origin", "https://evil.example")
        .await
        .expect(403);
    ask().header("Origin", "null").await.expect(403);
    ask()
        .header("Sec-Fetch-Site", "cross-site")
        .await
        .expect(403);
    // Its own name leads to loopback.
    let rebound = viewer_of(admin).host("evil.example");
    let refused = rebound.get("/status.json").await;
    refused.expect(403).body_has("ask for localhost");
    rebound.get("/metrics").await.expect(403);
    // A form cannot send JSON.
    let form = viewer_of(admin)
        .post("/switch", CHANGE)
        .header("Content-Type", "text/plain")
        .header("Authorization", &format!("Bearer {TOKEN}"));
    form.await.expect(415);
    let preflight = viewer_of(admin)
        .request("OPTIONS", "/switch")
        .header("Origin", "https://evil.example")
        .header("Access-Control-Request-Method", "POST");
    let response = preflight.await;
    response
        .expect(405)
        .header("Allow", "POST")
        .no_header("Access-Control-Allow-Origin");
    assert_eq!(operator(&edge).status().await["switches"], json!([]));
    // The edge's own page is no other site.
    ask()
        .header("Origin", "http://localhost")
        .header("Sec-Fetch-Site", "same-origin")
        .await
        .expect(200);
}

#[tokio::test]
async fn every_answer_is_guarded_in_browsers() {
    let vm = origin("vm").start().await;
    let edge = in_front_of(&vm).start().await;

    for path in ["/status.json", "/nothing", "/switch"] {
        let response = viewer_of(edge.admin()).get(path).await;
        response
            .header_has("Content-Security-Policy", "default-src 'none'")
            .header_has("Content-Security-Policy", "frame-ancestors 'none'")
            .header("X-Content-Type-Options", "nosniff")
            .header("Cache-Control", "no-store")
            .no_header("Access-Control-Allow-Origin");
    }
}

#[tokio::test]
async fn what_other_machines_reach_takes_the_token_to_look_too() {
    let vm = origin("vm").start().await;
    let edge = in_front_of(&vm)
        .flags(|flags| flags.admin = Some("0.0.0.0:0".to_owned()))
        .start()
        .await;
    let mut address = edge.admin();
    address.set_ip([127, 0, 0, 1].into());
    let admin = viewer_of(address);

    for path in ["/status.json", "/metrics"] {
        admin.get(path).await.expect(401);
        let token = format!("Bearer {TOKEN}");
        admin
            .get(path)
            .header("Authorization", &token)
            .await
            .expect(200);
    }
    // Health says nothing that must be kept.
    admin.get("/healthz").await.expect(200);
    admin.get("/readyz").await.expect(200);
}

#[tokio::test]
async fn a_bad_change_is_refused_in_words() {
    let vm = origin("vm").start().await;
    let edge = in_front_of(&vm).start().await;
    let operator = operator(&edge);

    for (change, status, words) in [
        (json!([]), 400, "no object"),
        (json!({ "to": "down" }), 400, "name one"),
        (
            json!({ "origin": "vm", "record": "r", "to": "down" }),
            400,
            "name one",
        ),
        (
            json!({ "origin": "vm", "to": "off" }),
            400,
            "ready, drain, down, only",
        ),
        (json!({ "origin": 1, "to": "down" }), 400, "no text"),
        (
            json!({ "origin": "vm", "to": "drain", "until": "now" }),
            400,
            "no field",
        ),
        (
            json!({ "origin": "vm", "to": "drain", "for": "soon" }),
            400,
            "30m",
        ),
        (
            json!({ "origin": "vm", "to": "drain", "for": "0s" }),
            400,
            "30m",
        ),
        (
            json!({ "origin": "vm", "to": "ready", "for": "1h" }),
            400,
            "does not end",
        ),
        (
            json!({ "origin": "vm", "to": "drain", "reason": "a\nb" }),
            400,
            "one line",
        ),
        (
            json!({ "origin": "vm", "to": "drain", "reason": "x".repeat(501) }),
            400,
            "500 characters",
        ),
        (
            json!({ "origin": "vm", "to": "drain", "insist": "yes" }),
            400,
            "true or false",
        ),
        (
            json!({ "origin": "wm", "to": "drain" }),
            404,
            "the config has vm",
        ),
        (json!({ "record": "r", "to": "auto" }), 404, "has no record"),
        (
            json!({ "origin": "vm", "to": "drain", "reason": "x".repeat(70_000) }),
            413,
            "65536 bytes",
        ),
    ] {
        let response = operator.tries_to_switch(change.clone()).await;
        assert_eq!(response.status, status, "{change}: {}", response.text());
        response
            .header("Content-Type", "application/problem+json")
            .body_has(words);
    }
    let response = operator.posts("/switch", &json!(null)).body("{").await;
    assert_eq!(response.status, 400);
    viewer_of(edge.admin())
        .get("/nothing")
        .await
        .expect(404)
        .body_has("/status.json");
}

#[tokio::test]
async fn what_only_shows_changes_nothing() {
    let vm = origin("vm").start().await;
    let edge = in_front_of(&vm).start().await;

    let request = viewer_of(edge.status())
        .post("/switch", CHANGE)
        .header("Content-Type", "application/json")
        .header("Authorization", &format!("Bearer {TOKEN}"));
    request.await.expect(405);
    viewer_of(edge.status())
        .get("/status.json")
        .await
        .expect(404);
}
