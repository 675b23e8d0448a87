//! The promises about failover hold whatever the viewer speaks: one table, three protocols.

use harness::{Edge, Origin, Protocol, Viewer, answer, ms, origin, tiers, viewer_by};

const USUAL: [u16; 6] = [500, 502, 503, 504, 403, 404];

async fn good(name: &str) -> Origin {
    origin(name).start().await
}

async fn edge_before(primary: &Origin, secondary: &Origin) -> Edge {
    tiers([primary, secondary], USUAL).tls().start().await
}

/// Plays `scene` once for each protocol.
async fn by_all<F: AsyncFn(Protocol)>(scene: F) {
    for protocol in Protocol::ALL {
        scene(protocol).await;
    }
}

#[tokio::test]
async fn a_listed_status_falls_through() {
    by_all(async |protocol| {
        for status in USUAL {
            let primary = origin("primary").answers(status).start().await;
            let secondary = good("secondary").await;
            let edge = edge_before(&primary, &secondary).await;

            let response = viewer_by(&edge, protocol).get("/owners?page=2").await;

            response.expect(200).body("from secondary");
            primary.saw(["GET /owners?page=2"]);
            secondary.saw(["GET /owners?page=2"]);
            assert_eq!(secondary.request().value("host"), "secondary.test");
        }
    })
    .await;
}

#[tokio::test]
async fn a_dead_connection_falls_through() {
    by_all(async |protocol| {
        for dead in [
            origin("primary").refuses(),
            origin("primary").resets_before_head(),
            origin("primary").not_http(),
        ] {
            let primary = dead.start().await;
            let secondary = good("secondary").await;
            let edge = edge_before(&primary, &secondary).await;
            let response = viewer_by(&edge, protocol).get("/").await;
            response.expect(200).body("from secondary");
        }
    })
    .await;
}

#[tokio::test]
async fn silence_falls_through_in_time() {
    by_all(async |protocol| {
        let primary = origin("primary").never_answers().start().await;
        let secondary = good("secondary").await;
        let edge = tiers([&primary, &secondary], USUAL)
            .tls()
            .and("[origin.primary]\nurl = \"http://primary.test\"\nresponse_timeout = \"100ms\"")
            .start()
            .await;
        let response = viewer_by(&edge, protocol).get("/").await;
        response.expect(200).body("from secondary");
        assert!(response.took >= ms(100), "{:?}", response.took);
    })
    .await;
}

#[tokio::test]
async fn a_write_goes_to_one_origin_once() {
    by_all(async |protocol| {
        let primary = origin("primary").answers(503).start().await;
        let secondary = good("secondary").await;
        let edge = edge_before(&primary, &secondary).await;

        let response = viewer_by(&edge, protocol)
            .post("/owners", "name=Jean")
            .await;

        response.expect(503);
        primary.saw(["POST /owners"]);
        assert_eq!(primary.request().text(), "name=Jean");
        secondary.saw_nothing();
    })
    .await;
}

#[tokio::test]
async fn a_write_to_a_dead_origin_is_told_that_nothing_was_sent() {
    by_all(async |protocol| {
        let primary = origin("primary").refuses().start().await;
        let secondary = good("secondary").await;
        let edge = edge_before(&primary, &secondary).await;

        let response = viewer_by(&edge, protocol)
            .post("/owners", "name=Jean")
            .await;

        response.expect(503).body_has("nothing");
        assert_ne!(response.value("retry-after"), "");
        secondary.saw_nothing();
    })
    .await;
}

#[tokio::test]
async fn head_is_answered_without_a_body() {
    by_all(async |protocol| {
        let primary = origin("primary").refuses().start().await;
        let secondary = origin("secondary").refuses().start().await;
        for (edge, status) in [
            (edge_before(&primary, &secondary).await, 502),
            (edge_before(&good("primary").await, &secondary).await, 200),
        ] {
            let response = viewer_by(&edge, protocol).head("/").await;
            response.expect(status).body("");
            let length: usize = response.value("content-length").parse().unwrap_or(0);
            assert!(length > 0, "{protocol:?} {status}: {length}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_cut_is_seen_to_be_cut() {
    by_all(async |protocol| {
        let primary = origin("primary").claims_more_than_it_sends().start().await;
        let edge = edge_before(&primary, &good("secondary").await).await;
        let response = viewer_by(&edge, protocol).get("/").await;
        response.expect(200);
        assert!(!response.whole, "{protocol:?}: {:?}", response.text());
    })
    .await;
}

#[tokio::test]
async fn large_bodies_and_trailers_cross_both_ways() {
    by_all(async |protocol| {
        let large = "0123456789abcdef".repeat(40_000);
        let script = answer(200)
            .header("Trailer", "X-Sum")
            .chunks([large.as_str(), "end"])
            .trailer("X-Sum", "6");
        let primary = origin("primary").plays(script).start().await;
        let edge = edge_before(&primary, &good("secondary").await).await;

        let request = viewer_by(&edge, protocol).post("/owners", &large);
        let response = request.header("TE", "trailers").await;

        response.expect(200);
        assert_eq!(response.body.len(), large.len() + 3, "{protocol:?}");
        assert!(response.whole);
        let trailers: Vec<_> = response
            .trailers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.as_str()))
            .collect();
        assert_eq!(trailers, [("x-sum".to_owned(), "6")]);
        assert_eq!(primary.request().text(), large);
    })
    .await;
}

#[tokio::test]
async fn an_origin_is_told_how_the_viewer_came() {
    by_all(async |protocol| {
        let primary = good("primary").await;
        let edge = edge_before(&primary, &good("secondary").await).await;
        let viewer: Viewer = viewer_by(&edge, protocol).host("localhost:8443");

        viewer.get("/").header("Cookie", "a=1").await.expect(200);

        let request = primary.request();
        assert_eq!(request.value("x-forwarded-host"), "localhost:8443");
        let scheme = match protocol {
            Protocol::Plain => "http",
            Protocol::Tls | Protocol::Http2 => "https",
        };
        assert_eq!(request.value("x-forwarded-proto"), scheme);
        assert_eq!(request.value("x-forwarded-for"), "127.0.0.1");
        assert_eq!(request.value("cookie"), "a=1");
    })
    .await;
}
