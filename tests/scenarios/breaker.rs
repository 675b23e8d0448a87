//! What requests find out about an origin is remembered: a dead one is left alone, and found again when it is back.

use std::time::Duration;

use harness::{Edge, answer, edge, ms, origin, pair, patiently, tiers, viewer};

const USUAL: [u16; 4] = [500, 502, 503, 504];

async fn asks(edge: &Edge, times: usize) -> Vec<String> {
    let mut told = Vec::new();
    for _ in 0..times {
        let response = viewer(edge).get("/").await;
        response.expect(200).body("from secondary");
        told.push(response.attempts());
    }
    told
}

#[tokio::test]
async fn after_five_failures_in_a_row_a_dead_member_is_left_out_and_that_is_told() {
    let primary = origin("primary").refuses().start().await;
    let secondary = origin("secondary").start().await;
    let edge = tiers([&primary, &secondary], USUAL).start().await;

    // A refused connection is tried twice; that is one request that failed.
    let told = asks(&edge, 7).await;
    let tried = "primary;error=refused, primary;error=refused, secondary;status=200";
    let left_out = "primary;skipped=breaker, secondary;status=200";
    let mut expected = [tried; 7];
    expected[5..].fill(left_out);
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_black_hole_costs_the_first_requests_their_time_and_the_rest_nothing() {
    let primary = origin("primary").black_hole().start().await;
    let secondary = origin("secondary").start().await;
    let edge = tiers([&primary, &secondary], USUAL)
        .time_scale(0.1)
        .start()
        .await;
    asks(&edge, 5).await;
    // Longer than the time between two looks whether it is back.
    for _ in 0..30 {
        let response = viewer(&edge).get("/").await;
        response.expect(200).body("from secondary");
        assert_eq!(
            response.attempts(),
            "primary;skipped=breaker, secondary;status=200"
        );
        assert!(response.took < ms(100), "{:?}", response.took);
        tokio::time::sleep(ms(10)).await;
    }
}

#[tokio::test]
async fn answers_keep_a_breaker_closed_whatever_their_status() {
    let primary = origin("primary").answers(503).start().await;
    let secondary = origin("secondary").start().await;
    let edge = tiers([&primary, &secondary], USUAL).start().await;
    for told in asks(&edge, 30).await {
        assert_eq!(told, "primary;status=503, secondary;status=200");
    }
}

#[tokio::test]
async fn a_status_that_is_configured_opens_it() {
    let primary = origin("primary").answers(503).start().await;
    let secondary = origin("secondary").start().await;
    let edge = edge(&format!(
        r#"
        [origin.primary]
        url = "{}"
        breaker = {{ statuses = [503], in_a_row = 3, probe_interval = "1h" }}
        [origin_group.tiers]
        members = ["primary", "secondary"]
        [distribution.site.default_behavior]
        target = "tiers"
        "#,
        primary.url()
    ))
    .origins([&secondary])
    .start()
    .await;
    let told = asks(&edge, 5).await;
    assert!(told[2].starts_with("primary;status=503"), "{told:?}");
    assert!(told[3].starts_with("primary;skipped=breaker"), "{told:?}");
    assert!(told[4].starts_with("primary;skipped=breaker"), "{told:?}");
}

#[tokio::test]
async fn half_of_twenty_within_ten_seconds_opens_it() {
    // Never two failures in a row: a silent one, then a good one.
    let scripts = (0..60).map(|turn| -> harness::Script {
        if turn % 2 == 0 {
            [harness::Step::ReadBody, harness::Step::Silence].into()
        } else {
            answer(200).body("from primary").into()
        }
    });
    let primary = origin("primary").in_turn(scripts).start().await;
    let secondary = origin("secondary").start().await;
    let edge = edge(&format!(
        r#"
        [origin.primary]
        url = "{}"
        response_timeout = "100ms"
        [origin_group.tiers]
        members = ["primary", "secondary"]
        [distribution.site.default_behavior]
        target = "tiers"
        "#,
        primary.url()
    ))
    .origins([&secondary])
    .start()
    .await;
    patiently("the breaker opens", async {
        loop {
            let response = viewer(&edge).get("/").await;
            if response.attempts().starts_with("primary;skipped=breaker") {
                return;
            }
        }
    })
    .await;
    assert!(
        primary.requests().len() >= 20,
        "{}",
        primary.requests().len()
    );
}

#[tokio::test]
async fn an_origin_that_is_back_is_found_by_one_request_at_a_time_and_then_by_all() {
    // Refuses until it is started at the same port.
    let mut primary = harness::nginx("primary", "location / { return 200 \"from primary\"; }")
        .start()
        .await;
    let secondary = origin("secondary").start().await;
    let edge = edge(&format!(
        r#"
        [origin.primary]
        url = "{}"
        breaker = {{ slow_start = "1s" }}
        [origin_group.tiers]
        members = ["primary", "secondary"]
        [distribution.site.default_behavior]
        target = "tiers"
        "#,
        primary.url()
    ))
    .origins([&secondary])
    .time_scale(0.2)
    .start()
    .await;
    viewer(&edge)
        .get("/")
        .await
        .expect(200)
        .body("from primary");
    primary.is_killed().await;
    let told = asks(&edge, 6).await;
    assert!(told[5].starts_with("primary;skipped=breaker"), "{told:?}");

    primary.starts().await;
    patiently("all requests are the primary's again", async {
        let mut in_a_row = 0;
        while in_a_row < 20 {
            let response = viewer(&edge).get("/").await;
            response.expect(200);
            in_a_row = if response.text() == "from primary" {
                in_a_row + 1
            } else {
                0
            };
            tokio::time::sleep(ms(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_single_origin_is_asked_however_often_it_failed() {
    let primary = origin("primary").refuses().start().await;
    let secondary = origin("secondary").start().await;
    let edge = tiers([&primary, &secondary], USUAL).start().await;
    for _ in 0..8 {
        let response = viewer(&edge).post("/", "a write").await;
        response.expect(503).body_has("nothing was sent");
        assert_eq!(
            response.attempts(),
            "primary;error=refused, primary;error=refused"
        );
    }
    // What writes found out is known to reads.
    let told = asks(&edge, 1).await;
    assert_eq!(told, ["primary;skipped=breaker, secondary;status=200"]);
    secondary.saw(["GET /"]);
}

#[tokio::test]
async fn when_all_look_dead_they_are_asked_in_order() {
    let [primary, secondary] = ["primary", "secondary"].map(|name| origin(name).refuses());
    let (primary, secondary) = (primary.start().await, secondary.start().await);
    let edge = tiers([&primary, &secondary], USUAL).start().await;
    let mut last = String::new();
    for _ in 0..6 {
        let response = viewer(&edge).get("/").await;
        response.expect(502);
        last = response.attempts();
    }
    let twice = |name: &str| format!("{name};error=refused, {name};error=refused");
    assert_eq!(
        last,
        format!("{}, {}", twice("primary"), twice("secondary"))
    );
}

#[tokio::test]
async fn a_page_comes_at_once_when_every_origin_before_it_is_known_to_be_dead() {
    let [primary, secondary] = ["primary", "secondary"].map(|name| origin(name).black_hole());
    let (primary, secondary) = (primary.start().await, secondary.start().await);
    let edge = edge(
        r#"
        [origin.page]
        page = true
        [origin_group.tiers]
        members = ["primary", "secondary", "page"]
        [distribution.site.default_behavior]
        target = "tiers"
        "#,
    )
    .origins([&primary, &secondary])
    .time_scale(0.05)
    .start()
    .await;
    for _ in 0..6 {
        viewer(&edge).get("/").await.expect(503);
    }
    let response = viewer(&edge).get("/").await;
    response.expect(503);
    let told = response.attempts();
    assert_eq!(
        told,
        "primary;skipped=breaker, secondary;skipped=breaker, page;status=503"
    );
    assert!(
        response.took < Duration::from_millis(100),
        "{:?}",
        response.took
    );
}

#[tokio::test]
async fn faithful_mode_remembers_nothing() {
    let primary = origin("primary").refuses().start().await;
    let secondary = origin("secondary").start().await;
    let edge = pair([&primary, &secondary], USUAL)
        .and("[distribution.site]\nattempts = \"public\"")
        .start()
        .await;
    let told = asks(&edge, 6).await;
    assert!(told[5].starts_with("primary;error=refused"), "{told:?}");
}

#[tokio::test]
async fn what_is_known_outlives_a_reload_that_leaves_the_origin_as_it_is() {
    let primary = origin("primary").refuses().start().await;
    let secondary = origin("secondary").start().await;
    let edge = tiers([&primary, &secondary], USUAL).start().await;
    asks(&edge, 5).await;
    edge.reloads(
        r#"
        [origin_group.tiers]
        members = ["primary", "secondary"]
        deadline = "20s"
        [distribution.site.default_behavior]
        target = "tiers"
        "#,
    );
    let told = asks(&edge, 1).await;
    assert_eq!(told, ["primary;skipped=breaker, secondary;status=200"]);
}

#[tokio::test]
async fn no_page_stands_before_an_origin_that_is_back_although_its_check_is_wrong_about_it() {
    // Its check asks for a path that is not there.
    let mut primary = harness::nginx(
        "primary",
        "location /health { return 404; } location / { return 200 \"from primary\"; }",
    )
    .start()
    .await;
    let edge = edge(&format!(
        r#"
        [origin.primary]
        url = "{}"
        health_check = {{ path = "/health", interval = "100ms", failure_threshold = 1 }}
        breaker = {{ probe_interval = "100ms", slow_start = "0s" }}
        [origin.page]
        page = true
        [origin_group.tiers]
        members = ["primary", "page"]
        [distribution.site.default_behavior]
        target = "tiers"
        "#,
        primary.url()
    ))
    .start()
    .await;
    let told = async || viewer(&edge).get("/").await.attempts();
    edge.until_metric("tideover_origin_healthy{origin=\"primary\"}", 0.0)
        .await;
    primary.is_killed().await;
    patiently("the breaker opens", async {
        while told().await != "primary;skipped=breaker, page;status=503" {}
    })
    .await;
    primary.starts().await;
    patiently("the origin answers again", async {
        while told().await != "primary;status=200" {
            tokio::time::sleep(ms(10)).await;
        }
    })
    .await;
}

/// A viewer may say any Host. An origin that is asked by that name shows no certificate for it, and is as alive as before.
#[tokio::test]
async fn no_viewer_opens_a_breaker_by_a_name_of_its_own() {
    let certificate = harness::certificates::Certificate::good("shop.example");
    let primary = origin("primary").shows(&certificate).start().await;
    let secondary = origin("secondary").start().await;
    let edge = edge(
        r#"
        [origin.primary]
        url = "https://primary.test"
        host = "viewer"
        [origin_group.tiers]
        members = ["primary", "secondary"]
        [distribution.site.default_behavior]
        target = "tiers"
        "#,
    )
    .origins([&primary, &secondary])
    .start()
    .await;
    for _ in 0..8 {
        let response = viewer(&edge).host("somebody.example").get("/").await;
        assert!(
            response.attempts().ends_with("secondary;status=200"),
            "{}",
            response.attempts()
        );
    }
    let response = viewer(&edge).host("shop.example").get("/").await;
    assert_eq!(response.attempts(), "primary;status=200");
}

/// Viewers that send their bodies slowly are late themselves.
#[tokio::test]
async fn no_viewer_opens_a_breaker_by_a_slow_body() {
    let primary = origin("primary").start().await;
    let secondary = origin("secondary").start().await;
    let edge = edge(
        r#"
        [origin_group.tiers]
        members = ["primary", "secondary"]
        deadline = "400ms"
        [[distribution.site.behavior]]
        path = "*"
        for_methods = ["POST", "PUT", "PATCH", "DELETE"]
        target = "tiers"
        [distribution.site.default_behavior]
        target = "tiers"
        "#,
    )
    .origins([&primary, &secondary])
    .start()
    .await;
    let mut lines = Vec::new();
    for _ in 0..6 {
        let mut line = viewer(&edge).connects().await;
        line.sends("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab")
            .await;
        lines.push(line);
    }
    for mut line in lines {
        line.receives("POST").await.expect(503);
    }
    let response = viewer(&edge).get("/").await;
    assert_eq!(response.attempts(), "primary;status=200");
}
