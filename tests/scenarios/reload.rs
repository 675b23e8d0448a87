//! Promise 7: no request is dropped by a reload or a drain.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use harness::{
    Edge, EdgeBuilder, Origin, answer, edge, gate, in_front_of, ms, origin, patiently, tiers,
    viewer,
};

/// Everything to this origin.
fn all_to(name: &str) -> String {
    format!(
        r#"
        [distribution.site.default_behavior]
        target = "{name}"
        allowed_methods = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
        "#
    )
}

async fn two() -> (Origin, Origin, EdgeBuilder) {
    let red = origin("red").start().await;
    let green = origin("green").start().await;
    let builder = edge(&all_to("red")).origins([&red, &green]);
    (red, green, builder)
}

#[tokio::test]
async fn the_next_request_follows_the_new_config_on_the_same_connection() {
    let (_red, _green, builder) = two().await;
    let edge = builder.start().await;
    let mut line = viewer(&edge).connects().await;

    line.sends("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    line.receives("GET").await.expect(200).body("from red");
    edge.reloads(&all_to("green"));
    line.sends("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    line.receives("GET").await.expect(200).body("from green");
}

#[tokio::test]
async fn a_request_that_runs_keeps_the_config_it_began_with() {
    let held = gate();
    let red = origin("red").plays(answer(503).after(&held)).start().await;
    let green = origin("green").start().await;
    let edge = tiers([&red, &green], [503]).start().await;
    let mut line = viewer(&edge).connects().await;

    line.sends("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    red.until_it_saw(1).await;
    edge.reloads(&all_to("red"));
    held.open();

    // Its group is gone from the config, and still it falls through.
    line.receives("GET").await.expect(200).body("from green");
    viewer(&edge).get("/").await.expect(503);
}

#[tokio::test]
async fn origin_connections_of_endpoints_that_stay_are_kept() {
    let (red, _green, builder) = two().await;
    let edge = builder.start().await;

    viewer(&edge).get("/1").await.expect(200);
    edge.reloads(&all_to("red"));
    edge.reloads(&format!(
        "{}\n[listen]\nmax_url_bytes = 1000",
        all_to("red")
    ));
    viewer(&edge).get("/2").await.expect(200);

    assert_eq!(red.connections(), 1);
}

#[tokio::test]
async fn origin_connections_of_endpoints_that_go_are_closed() {
    let (red, _green, builder) = two().await;
    let edge = builder.start().await;

    viewer(&edge).get("/1").await.expect(200);
    let other = "[origin.red]\nurl = \"http://elsewhere.invalid\"\nkeepalive_timeout = \"60s\"";
    edge.reloads_without_maps(&format!(
        "{}\n{other}\n[origin.green]\nurl = \"http://green.invalid\"",
        all_to("green")
    ));

    red.until_it_was_closed(1).await;
}

#[tokio::test]
async fn limits_follow_too() {
    let (_red, _green, builder) = two().await;
    let edge = builder.start().await;

    viewer(&edge)
        .get(&format!("/{}", "x".repeat(500)))
        .await
        .expect(200);
    edge.reloads(&format!("{}\n[listen]\nmax_url_bytes = 300", all_to("red")));
    viewer(&edge)
        .get(&format!("/{}", "x".repeat(500)))
        .await
        .expect(413);
}

#[tokio::test]
async fn no_request_is_dropped_while_configs_change() {
    let (_red, _green, builder) = two().await;
    let edge = Arc::new(builder.flags(|flags| flags.workers = Some(2)).start().await);
    let done = Arc::new(AtomicBool::new(false));
    let mut viewers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (edge, done) = (edge.clone(), done.clone());
        viewers.spawn(async move {
            let mut served = 0;
            let mut line = viewer(&edge).connects().await;
            while !done.load(Ordering::SeqCst) {
                line.sends("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
                    .await;
                let response = line.receives("POST").await;
                response.expect(200).whole();
                assert!(response.text().starts_with("from "), "{response:?}");
                served += 1;
            }
            served
        });
    }

    for turn in 0..100 {
        edge.reloads(&all_to(if turn % 2 == 0 { "green" } else { "red" }));
        tokio::time::sleep(ms(3)).await;
    }
    done.store(true, Ordering::SeqCst);

    let served: Vec<u32> = patiently("the viewers", viewers.join_all()).await;
    assert!(served.iter().all(|served| *served > 0), "{served:?}");
}

mod drain {
    use super::*;

    async fn that_is_held() -> (Origin, harness::Gate, Edge) {
        let held = gate();
        let primary = origin("primary")
            .at("/held", answer(200).body("after all").after(&held))
            .start()
            .await;
        let edge = in_front_of(&primary).start().await;
        (primary, held, edge)
    }

    #[tokio::test]
    async fn a_request_that_runs_is_finished_and_its_connection_closed() {
        let (primary, held, edge) = that_is_held().await;
        let mut line = viewer(&edge).connects().await;
        line.sends("GET /held HTTP/1.1\r\nHost: a\r\n\r\n").await;
        primary.until_it_saw(1).await;

        let shuts_down = tokio::spawn(edge.shuts_down(ms(8_000)));
        tokio::time::sleep(ms(100)).await;
        assert!(!shuts_down.is_finished(), "it left a request behind");
        held.open();

        line.receives("GET").await.expect(200).body("after all");
        line.until_closed().await;
        let summary = shuts_down.await.expect("it ends");
        assert_eq!(summary.requests, 1);
        assert_eq!(summary.panics, 0);
    }

    #[tokio::test]
    async fn an_idle_connection_does_not_hold_it_up() {
        let (_primary, _held, edge) = that_is_held().await;
        let mut line = viewer(&edge).connects().await;
        line.sends("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        line.receives("GET").await.expect(200);

        patiently("an idle edge ends", edge.shuts_down(ms(60_000))).await;

        line.until_closed().await;
    }

    #[tokio::test]
    async fn a_connection_that_has_not_said_anything_does_not_hold_it_up() {
        let (_primary, _held, edge) = that_is_held().await;
        let mut line = viewer(&edge).connects().await;
        // Served by the same worker, so the first one has been accepted too.
        viewer(&edge).get("/").await.expect(200);

        patiently("an idle edge ends", edge.shuts_down(ms(60_000))).await;

        line.until_closed().await;
    }

    #[tokio::test]
    async fn it_waits_no_longer_than_it_may() {
        let (primary, _held, edge) = that_is_held().await;
        let mut line = viewer(&edge).connects().await;
        line.sends("GET /held HTTP/1.1\r\nHost: a\r\n\r\n").await;
        primary.until_it_saw(1).await;

        let summary = patiently("it gives up", edge.shuts_down(ms(300))).await;

        assert_eq!(summary.requests, 0);
    }

    #[tokio::test]
    async fn it_is_not_ready_any_more_and_still_alive() {
        let (primary, held, edge) = that_is_held().await;
        let status = harness::viewer_of(edge.status());
        let mut line = viewer(&edge).connects().await;
        line.sends("GET /held HTTP/1.1\r\nHost: a\r\n\r\n").await;
        primary.until_it_saw(1).await;
        status.get("/readyz").await.expect(200).body("ready\n");
        status.get("/healthz").await.expect(200).body("ok\n");

        let shuts_down = tokio::spawn(edge.shuts_down(ms(8_000)));
        patiently("it is not ready", async {
            while status.get("/readyz").await.status != 503 {
                tokio::time::sleep(ms(10)).await;
            }
        })
        .await;
        status.get("/healthz").await.expect(200);
        held.open();

        line.receives("GET").await.expect(200);
        shuts_down.await.expect("it ends");
    }
}

mod numbers {
    use super::*;

    #[tokio::test]
    async fn what_happened_is_counted() {
        let red = origin("red")
            .in_turn([answer(503), answer(200), answer(404)])
            .start()
            .await;
        let green = origin("green").start().await;
        let edge = tiers([&red, &green], [503]).start().await;

        viewer(&edge).get("/1").await.expect(200);
        viewer(&edge).get("/2").await.expect(200);
        viewer(&edge).get("/3").await.expect(404);
        viewer(&edge).request("BREW", "/4").await.expect(403);

        edge.until_metric("tideover_requests_total", 4.0).await;
        for (name, value) in [
            ("tideover_fell_through_total", 1.0),
            ("tideover_edge_errors_total", 1.0),
            (
                "tideover_responses_total{distribution=\"site\",class=\"2xx\"}",
                2.0,
            ),
            (
                "tideover_responses_total{distribution=\"site\",class=\"4xx\"}",
                2.0,
            ),
            (
                "tideover_responses_total{distribution=\"site\",class=\"5xx\"}",
                0.0,
            ),
            (
                "tideover_attempts_total{origin=\"red\",outcome=\"2xx\"}",
                1.0,
            ),
            ("tideover_panics_total", 0.0),
        ] {
            assert!(
                (edge.metric(name).await - value).abs() < f64::EPSILON,
                "{name} is not {value}"
            );
        }
    }

    #[tokio::test]
    async fn failures_are_counted_by_kind() {
        let red = origin("red").refuses().start().await;
        let green = origin("green").start().await;
        let edge = tiers([&red, &green], [503]).start().await;

        viewer(&edge).get("/").await.expect(200);

        let refused = "tideover_attempts_total{origin=\"red\",outcome=\"refused\"}";
        edge.until_metric(refused, 2.0).await;
    }

    #[tokio::test]
    async fn open_connections_are_shown() {
        let (_red, _green, builder) = two().await;
        let edge = builder.start().await;
        let mut line = viewer(&edge).connects().await;
        line.sends("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        line.receives("GET").await.expect(200);

        edge.until_metric("tideover_viewer_connections", 1.0).await;
        drop(line);
        edge.until_metric("tideover_viewer_connections", 0.0).await;
    }

    #[tokio::test]
    async fn the_status_listener_changes_nothing_and_knows_three_paths() {
        let (red, _green, builder) = two().await;
        let edge = builder.start().await;
        let status = harness::viewer_of(edge.status());

        status
            .post("/readyz", "")
            .await
            .expect(405)
            .header("allow", "GET, HEAD");
        status.get("/other").await.expect(404);
        status.head("/metrics").await.expect(200);
        red.saw_nothing();
    }
}
