//! Promise 4: every answer says what happened. Verdict, way, id, attempts; the edge's own pages; custom error responses.

use harness::{Edge, Origin, Step, answer, edge, in_front_of, ms, origin, pair, tiers, viewer};

const USUAL: [u16; 4] = [500, 502, 503, 504];

mod verdict_and_way {
    use super::*;

    /// Its own work, and none of the origin's time.
    #[tokio::test]
    async fn the_time_that_the_edge_adds_is_told() {
        let primary = origin("primary")
            .plays([
                Step::ReadBody,
                Step::Pause(ms(300)),
                Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".into()),
            ])
            .start()
            .await;
        let edge = in_front_of(&primary).start().await;

        for _ in 0..3 {
            viewer(&edge).get("/").await.expect(200);
        }

        let added = edge.summary().added_p50;
        assert!(added > ms(0), "nothing takes no time");
        assert!(added < ms(300), "{added:?}");
    }

    #[tokio::test]
    async fn a_good_answer_is_a_miss_and_an_error_an_error() {
        for (status, verdict) in [
            (200, "Miss"),
            (204, "Miss"),
            (302, "Miss"),
            (304, "Miss"),
            (400, "Error"),
            (404, "Error"),
            (500, "Error"),
            (503, "Error"),
        ] {
            let primary = origin("primary").answers(status).start().await;
            for (edge, name) in [
                (in_front_of(&primary), "tideover"),
                (in_front_of(&primary).faithful(), "cloudfront"),
            ] {
                let edge = edge.start().await;
                viewer(&edge)
                    .get("/")
                    .await
                    .expect(status)
                    .header("x-cache", &format!("{verdict} from {name}"));
            }
        }
    }

    #[tokio::test]
    async fn in_faithful_mode_nothing_reveals_a_failover() {
        let primary = origin("primary").answers(503).start().await;
        let secondary = origin("secondary").start().await;
        let edge = pair([&primary, &secondary], [503]).start().await;

        let response = viewer(&edge).get("/").await;

        response
            .expect(200)
            .header("x-cache", "Miss from cloudfront")
            .no_header("tideover-attempts")
            .no_header("proxy-status")
            .no_header("server")
            .no_header("x-request-id");
        let id = response.value("x-amz-cf-id");
        assert!(id.len() == 56 && id.ends_with("=="), "{id}");
        let pop = response.value("x-amz-cf-pop");
        assert!(pop.len() == 8 && pop.as_bytes()[5] == b'-', "{pop}");
        let via = response.value("via");
        assert!(
            via.starts_with("1.1 ") && via.ends_with(".cloudfront.net (CloudFront)"),
            "{via}"
        );
    }

    #[tokio::test]
    async fn the_edges_name_can_be_chosen() {
        let primary = origin("primary").start().await;
        let edge = in_front_of(&primary)
            .and("[distribution.site]\nname = \"acme\"")
            .start()
            .await;

        viewer(&edge)
            .get("/")
            .await
            .expect(200)
            .header("x-cache", "Miss from acme")
            .header("via", "1.1 acme")
            .header_has("proxy-status", "acme;next-hop=primary");
    }

    #[tokio::test]
    async fn each_request_has_an_id_of_its_own_that_its_origin_sees_too() {
        let primary = origin("primary").start().await;
        let edge = in_front_of(&primary).start().await;

        let first = viewer(&edge).get("/").await;
        let second = viewer(&edge).get("/").await;

        assert_ne!(first.value("x-request-id"), second.value("x-request-id"));
        let seen: Vec<String> = primary
            .requests()
            .iter()
            .map(|request| request.value("x-request-id").to_owned())
            .collect();
        assert_eq!(
            seen,
            [first.value("x-request-id"), second.value("x-request-id")]
        );
    }
}

mod attempts {
    use super::*;

    #[tokio::test]
    async fn every_attempt_is_told_in_order() {
        let first = origin("first").refuses().start().await;
        let second = origin("second").answers(404).start().await;
        let third = origin("azure-swa").start().await;
        let edge = tiers([&first, &second, &third], [404, 503]).start().await;

        let response = viewer(&edge).get("/").await;

        assert_eq!(
            response.expect(200).attempts(),
            "first;error=refused, first;error=refused, second;status=404, azure-swa;status=200"
        );
        response.header(
            "proxy-status",
            "tideover;next-hop=azure-swa;received-status=200",
        );
    }

    #[tokio::test]
    async fn the_times_are_those_of_the_attempts() {
        let primary = origin("primary").never_answers().start().await;
        let secondary = origin("secondary").start().await;
        let edge = tiers([&primary, &secondary], [503])
            .time_scale(0.02)
            .start()
            .await;

        let response = viewer(&edge).get("/").await;

        let told = response.expect(200).value("tideover-attempts");
        let first = told.split(", ").next().unwrap_or_default();
        let ms: u64 = first
            .rsplit_once(";ms=")
            .and_then(|(_, ms)| ms.parse().ok())
            .unwrap_or_default();
        // Told as if the clock ran at its usual speed.
        assert!((10_000..20_000).contains(&ms), "{told}");
    }

    #[tokio::test]
    async fn the_attempts_are_told_when_a_soft_answer_is_delivered() {
        let first = origin("first").answers(404).start().await;
        let second = origin("second").answers(503).start().await;
        let edge = tiers([&first, &second], [404, 503]).start().await;

        let response = viewer(&edge).get("/").await;

        response.expect(404).header(
            "proxy-status",
            "tideover;next-hop=first;received-status=404",
        );
        assert_eq!(response.attempts(), "first;status=404, second;status=503");
    }

    #[tokio::test]
    async fn an_origins_proxy_status_stays_in_front() {
        let primary = origin("primary")
            .plays(answer(200).header("Proxy-Status", "inner; received-status=200"))
            .start()
            .await;
        let edge = in_front_of(&primary).start().await;

        let response = viewer(&edge).get("/").await;

        let lines: Vec<&str> = response.head.all("proxy-status").collect();
        assert_eq!(
            lines,
            [
                "inner; received-status=200",
                "tideover;next-hop=primary;received-status=200"
            ]
        );
    }

    #[tokio::test]
    async fn they_can_be_kept_for_those_with_a_token() {
        let primary = origin("primary").start().await;
        let edge = in_front_of(&primary)
            .and("[distribution.site]\nattempts = \"token\"\nattempts_token = \"open sesame\"")
            .start()
            .await;
        let asks = viewer(&edge);

        asks.get("/")
            .await
            .expect(200)
            .no_header("tideover-attempts")
            .no_header("proxy-status");
        asks.get("/")
            .header("Tideover-Token", "wrong")
            .await
            .expect(200)
            .no_header("tideover-attempts");
        asks.get("/")
            .header("Tideover-Token", "open sesame")
            .await
            .expect(200)
            .header_has("tideover-attempts", "primary;status=200")
            .header_has("proxy-status", "next-hop=primary");
        assert!(
            primary
                .requests()
                .iter()
                .all(|request| !request.has("tideover-token"))
        );
    }

    #[tokio::test]
    async fn they_can_be_turned_off_and_on() {
        let primary = origin("primary").start().await;
        let with = |attempts: &'static str| {
            in_front_of(&primary).flags(|flags| flags.attempts = Some(attempts.to_owned()))
        };

        let edge = with("off").start().await;
        viewer(&edge)
            .get("/")
            .await
            .expect(200)
            .no_header("tideover-attempts")
            .no_header("proxy-status");

        let edge = with("public").faithful().start().await;
        viewer(&edge)
            .get("/")
            .await
            .expect(200)
            .header_has("tideover-attempts", "primary;status=200")
            .header_has("proxy-status", "cloudfront;next-hop=primary");
    }
}

mod pages_of_the_edge {
    use super::*;

    async fn dead(faithful: bool) -> (Edge, Origin) {
        let primary = origin("primary").refuses().start().await;
        let edge = in_front_of(&primary);
        let edge = if faithful { edge.faithful() } else { edge };
        (edge.start().await, primary)
    }

    #[tokio::test]
    async fn in_resilient_mode_they_are_short_and_human() {
        let (edge, _primary) = dead(false).await;

        let response = viewer(&edge).get("/").await;

        response
            .expect(502)
            .header("server", "tideover")
            .header("content-type", "text/html; charset=utf-8")
            .header("via", "1.1 tideover")
            .header("x-cache", "Error from tideover")
            .body_has("502 Bad Gateway")
            .body_has(response.value("x-request-id"));
    }

    #[tokio::test]
    async fn in_faithful_mode_they_have_cloudfronts_structure_whatever_is_accepted() {
        let (edge, _primary) = dead(true).await;

        let response = viewer(&edge)
            .get("/")
            .header("Accept", "application/json")
            .await;

        response
            .expect(502)
            .header("server", "CloudFront")
            .header("x-cache", "Error from cloudfront")
            .header_has("content-type", "text/html")
            .no_header("etag")
            .no_header("cache-control")
            .body_has("<H1>502 ERROR</H1>")
            .body_has("<H2>The request could not be satisfied.</H2>")
            .body_has("Generated by cloudfront (CloudFront)")
            .body_has(&format!("Request ID: {}", response.value("x-amz-cf-id")));
    }

    #[tokio::test]
    async fn whoever_asks_for_json_gets_a_problem_document() {
        let (edge, _primary) = dead(false).await;

        let response = viewer(&edge)
            .get("/")
            .header("Accept", "application/problem+json")
            .await;

        response
            .expect(502)
            .header("content-type", "application/problem+json");
        let problem: serde_json::Value = serde_json::from_str(&response.text()).expect("JSON");
        assert_eq!(problem["title"], "Bad Gateway", "{problem}");
        assert_eq!(problem["status"], 502, "{problem}");
        assert_eq!(
            problem["request_id"],
            response.value("x-request-id"),
            "{problem}"
        );
    }

    #[tokio::test]
    async fn head_gets_their_head_alone() {
        let (edge, _primary) = dead(false).await;
        let mut line = viewer(&edge).connects().await;

        line.sends("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        let length = line
            .receives("HEAD")
            .await
            .expect(502)
            .value("content-length")
            .to_owned();
        line.sends("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        let response = line.receives("GET").await;

        assert_eq!(response.expect(502).body.len().to_string(), length);
    }

    #[tokio::test]
    async fn an_origins_own_error_page_is_not_replaced() {
        let primary = origin("primary")
            .plays(answer(503).header("Server", "nginx").body("we are sorry"))
            .start()
            .await;
        let edge = in_front_of(&primary).start().await;

        viewer(&edge)
            .get("/")
            .await
            .expect(503)
            .body("we are sorry")
            .header("server", "nginx")
            .header("x-cache", "Error from tideover");
    }
}

mod custom_error_responses {
    use super::*;

    /// A distribution whose pages come from `site`, everything else from `app`.
    const CUSTOM: &str = r#"
        [[distribution.site.error_response]]
        error_code = 404
        page = "/errors/404.html"
        response_code = 200

        [[distribution.site.error_response]]
        error_code = 502
        page = "/errors/502.html"
        response_code = 503

        [[distribution.site.error_response]]
        error_code = 403
        page = "/errors/403.html"
        response_code = 403

        [[distribution.site.error_response]]
        error_code = 500
        min_ttl = 5

        [[distribution.site.behavior]]
        path = "/errors/*"
        target = "site"

        [distribution.site.default_behavior]
        target = "app"
    "#;

    async fn site() -> Origin {
        origin("site")
            .plays(answer(200).header("X-Page", "yes").body("a kind page"))
            .start()
            .await
    }

    async fn in_front(app: &Origin, site: &Origin) -> Edge {
        edge(CUSTOM).origins([app, site]).start().await
    }

    #[tokio::test]
    async fn the_page_is_fetched_from_its_own_origin_with_the_chosen_status() {
        let app = origin("app")
            .plays(answer(404).header("X-App", "1").body("none"))
            .start()
            .await;
        let site = site().await;
        let edge = in_front(&app, &site).await;

        let response = viewer(&edge).get("/owners/99?x=1").await;

        response
            .expect(200)
            .body("a kind page")
            .header("x-page", "yes")
            .no_header("x-app")
            .header("x-cache", "Error from tideover");
        app.saw(["GET /owners/99?x=1"]);
        site.saw(["GET /errors/404.html"]);
    }

    #[tokio::test]
    async fn a_dead_origin_counts_by_the_status_that_stands_for_it() {
        let app = origin("app").refuses().start().await;
        let site = site().await;
        let edge = in_front(&app, &site).await;

        viewer(&edge).get("/").await.expect(503).body("a kind page");
        site.saw(["GET /errors/502.html"]);
    }

    #[tokio::test]
    async fn a_refused_method_counts_too() {
        let app = origin("app").start().await;
        let site = site().await;
        let edge = in_front(&app, &site).await;

        viewer(&edge)
            .post("/", "x")
            .await
            .expect(403)
            .body("a kind page");
        app.saw_nothing();
        site.saw(["GET /errors/403.html"]);
    }

    #[tokio::test]
    async fn head_asks_for_the_pages_head() {
        let app = origin("app").answers(404).start().await;
        let site = site().await;
        let edge = in_front(&app, &site).await;

        viewer(&edge)
            .head("/")
            .await
            .expect(200)
            .body("")
            .header("content-length", "11");
        site.saw(["HEAD /errors/404.html"]);
    }

    #[tokio::test]
    async fn a_status_without_an_entry_or_without_a_page_is_left_alone() {
        for status in [401, 500, 503] {
            let app = origin("app")
                .plays(answer(status).body("own words"))
                .start()
                .await;
            let site = site().await;
            let edge = in_front(&app, &site).await;

            viewer(&edge)
                .get("/")
                .await
                .expect(status)
                .body("own words");
            site.saw_nothing();
        }
    }

    #[tokio::test]
    async fn when_the_page_cannot_be_had_its_failure_is_told_and_nothing_is_asked_again() {
        let app = origin("app").answers(404).start().await;
        for (site, status) in [
            (origin("site").answers(404), 404),
            (origin("site").answers(500), 500),
            (origin("site").refuses(), 502),
        ] {
            let site = site.start().await;
            let edge = in_front(&app, &site).await;

            viewer(&edge)
                .get("/")
                .await
                .expect(status)
                .body_lacks("a kind page");
            assert!(site.requests().len() <= 1, "{:?}", site.requests());
        }
    }

    #[tokio::test]
    async fn the_replaced_answer_does_not_waste_its_connection() {
        let app = origin("app").plays(answer(404).body("none")).start().await;
        let site = site().await;
        let edge = in_front(&app, &site).await;

        for _ in 0..5 {
            viewer(&edge).get("/").await.expect(200).body("a kind page");
        }
        assert_eq!(app.connections(), 1);
        assert_eq!(site.connections(), 1);
    }

    #[tokio::test]
    async fn the_page_falls_through_where_its_behavior_has_a_group() {
        let primary = origin("primary").answers(503).start().await;
        let secondary = origin("secondary")
            .at("/errors/503.html", answer(200).body("a kind page"))
            .answers(503)
            .start()
            .await;
        let edge = tiers([&primary, &secondary], USUAL)
            .and(
                r#"
                [[distribution.site.error_response]]
                error_code = 503
                page = "/errors/503.html"
                response_code = 503
                "#,
            )
            .start()
            .await;

        viewer(&edge).get("/").await.expect(503).body("a kind page");

        primary.saw(["GET /", "GET /errors/503.html"]);
        secondary.saw(["GET /", "GET /errors/503.html"]);
    }
}
