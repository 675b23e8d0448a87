//! Promise 1: reads fall through in order, the first acceptable answer wins, and when all fail the last answer is
//! delivered, or the first soft one.

use harness::{Origin, OriginBuilder, answer, edge, ms, origin, pair, tiers, viewer};

const USUAL: [u16; 4] = [500, 502, 503, 504];

async fn good(name: &str) -> Origin {
    origin(name).start().await
}

mod by_status {
    use super::*;

    #[tokio::test]
    async fn a_listed_status_is_asked_again_at_the_secondary() {
        let primary = origin("primary").answers(503).start().await;
        let secondary = good("secondary").await;
        let edge = tiers([&primary, &secondary], [503]).start().await;

        let response = viewer(&edge).get("/owners?page=2").await;

        response
            .expect(200)
            .body("from secondary")
            .header("x-cache", "Miss from tideover");
        primary.saw(["GET /owners?page=2"]);
        secondary.saw(["GET /owners?page=2"]);
    }

    #[tokio::test]
    async fn every_status_that_can_be_listed_falls_through() {
        for status in [400, 403, 404, 416, 429, 500, 502, 503, 504] {
            let primary = origin("primary").answers(status).start().await;
            let secondary = good("secondary").await;
            for edge in [
                tiers([&primary, &secondary], [status]),
                pair([&primary, &secondary], [status]),
            ] {
                let edge = edge.start().await;
                let response = viewer(&edge).get("/").await;
                response.expect(200).body("from secondary");
            }
            secondary.saw(["GET /", "GET /"]);
        }
    }

    #[tokio::test]
    async fn a_status_that_is_not_listed_is_final() {
        for status in [200, 204, 304, 302, 400, 401, 404, 418, 429, 501, 505] {
            let primary = origin("primary").answers(status).start().await;
            let secondary = good("secondary").await;
            let edge = tiers([&primary, &secondary], USUAL).start().await;

            viewer(&edge).get("/").await.expect(status);
            secondary.saw_nothing();
        }
    }

    #[tokio::test]
    async fn a_good_primary_is_asked_alone_and_every_time() {
        let primary = origin("primary")
            .in_turn([answer(503), answer(200).body("back")])
            .start()
            .await;
        let secondary = good("secondary").await;
        let edge = tiers([&primary, &secondary], USUAL).start().await;

        viewer(&edge)
            .get("/1")
            .await
            .expect(200)
            .body("from secondary");
        viewer(&edge).get("/2").await.expect(200).body("back");

        primary.saw(["GET /1", "GET /2"]);
        secondary.saw(["GET /1"]);
    }

    #[tokio::test]
    async fn a_listed_status_is_not_asked_again_at_the_same_origin() {
        let primary = origin("primary").answers(503).start().await;
        let secondary = origin("secondary").answers(503).start().await;
        let edge = pair([&primary, &secondary], [503]).start().await;

        viewer(&edge).get("/").await.expect(503);

        primary.saw(["GET /"]);
        secondary.saw(["GET /"]);
    }

    #[tokio::test]
    async fn head_falls_through_too() {
        let primary = origin("primary").answers(502).start().await;
        let secondary = good("secondary").await;
        let edge = tiers([&primary, &secondary], USUAL).start().await;

        viewer(&edge)
            .head("/")
            .await
            .expect(200)
            .header("content-length", "14");
        secondary.saw(["HEAD /"]);
    }

    #[tokio::test]
    async fn options_falls_through_in_resilient_mode() {
        let primary = origin("primary").answers(502).start().await;
        let secondary = good("secondary").await;
        let edge = tiers([&primary, &secondary], USUAL).start().await;

        let response = viewer(&edge).request("OPTIONS", "/").await;

        response.expect(200).body("from secondary");
    }

    #[tokio::test]
    async fn options_falls_through_in_faithful_mode_only_if_it_is_a_cached_method() {
        let primary = origin("primary").answers(502).start().await;
        let secondary = good("secondary").await;
        let group = || pair([&primary, &secondary], USUAL);

        let edge = group().start().await;
        viewer(&edge).request("OPTIONS", "/").await.expect(502);
        secondary.saw_nothing();

        let edge = group()
            .and(r#"cached_methods = ["GET", "HEAD", "OPTIONS"]"#)
            .start()
            .await;
        viewer(&edge).request("OPTIONS", "/").await.expect(200);
        secondary.saw(["OPTIONS /"]);
    }

    #[tokio::test]
    async fn a_rejected_answer_reaches_nobody() {
        let primary = origin("primary")
            .plays(answer(503).header("X-Tier", "1").body("sorry"))
            .start()
            .await;
        let secondary = good("secondary").await;
        let edge = tiers([&primary, &secondary], USUAL).start().await;

        let response = viewer(&edge).get("/").await;

        response
            .expect(200)
            .body("from secondary")
            .no_header("x-tier");
    }

    #[tokio::test]
    async fn a_connection_with_a_short_rejected_answer_is_used_again() {
        let primary = origin("primary")
            .plays(answer(503).body("sorry"))
            .start()
            .await;
        let secondary = good("secondary").await;
        let edge = tiers([&primary, &secondary], USUAL).start().await;

        for _ in 0..5 {
            viewer(&edge).get("/").await.expect(200);
        }

        assert_eq!(primary.connections(), 1);
        assert_eq!(secondary.connections(), 1);
    }

    #[tokio::test]
    async fn a_rejected_answer_without_end_does_not_hold_the_viewer_up() {
        use harness::Step;
        let primary = origin("primary")
            .plays([
                Step::ReadBody,
                Step::Send(b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n".into()),
                Step::Silence,
            ])
            .start()
            .await;
        let secondary = good("secondary").await;
        let edge = tiers([&primary, &secondary], USUAL).start().await;

        viewer(&edge)
            .get("/")
            .await
            .expect(200)
            .body("from secondary")
            .took_less_than(ms(900));
        primary.until_it_was_left().await;
    }
}

mod by_failure {
    use super::*;

    /// Turns a good origin into a bad one.
    type MakesBad = fn(OriginBuilder) -> OriginBuilder;

    /// Every way in which an origin can fail before the head of its answer, and the word for it.
    fn bad_origins() -> Vec<(&'static str, OriginBuilder)> {
        let bad = || origin("primary");
        vec![
            ("refused", bad().refuses()),
            ("connect-timeout", bad().black_hole()),
            ("response-timeout", bad().never_answers()),
            ("response-timeout", bad().stalls_mid_head()),
            ("reset", bad().resets_before_head()),
            ("reset", bad().closes_before_head()),
            ("reset", bad().cuts_mid_head()),
            ("malformed", bad().not_http()),
            ("malformed", bad().switches_protocols()),
            ("malformed", bad().many_1xx(9)),
            ("header-too-big", bad().huge_headers(40_000)),
            ("tls", bad().bad_certificate()),
            ("tls", bad().wrong_name()),
            ("tls", bad().expired_certificate()),
        ]
    }

    #[tokio::test]
    async fn every_failure_falls_through_in_resilient_mode() {
        for (word, bad) in bad_origins() {
            let primary = bad.start().await;
            let secondary = good("secondary").await;
            // 2 x 1 s to connect, 10 s to answer.
            let edge = tiers([&primary, &secondary], [503])
                .time_scale(0.05)
                .start()
                .await;

            let response = viewer(&edge).get("/").await;

            response
                .expect(200)
                .body("from secondary")
                .header_has("tideover-attempts", &format!("primary;error={word};"))
                .header_has("tideover-attempts", "secondary;status=200;");
            secondary.saw(["GET /"]);
        }
    }

    #[tokio::test]
    async fn every_failure_falls_through_in_faithful_mode_if_its_status_is_listed() {
        for (word, bad) in bad_origins() {
            let primary = bad.start().await;
            let secondary = good("secondary").await;
            let edge = pair([&primary, &secondary], [502, 503, 504])
                .time_scale(0.01)
                .start()
                .await;

            let response = viewer(&edge).get("/").await;

            assert_eq!(response.text(), "from secondary", "after {word}");
            response.expect(200).no_header("tideover-attempts");
        }
    }

    /// What stands for which failure: connecting 503, waiting 504 (Developer Guide, "Optimize high availability with
    /// CloudFront origin failover"); the rest is our reading.
    #[tokio::test]
    async fn a_failure_without_its_status_in_the_list_is_final_in_faithful_mode() {
        // The failure, a list that lacks its gate, and the status that the viewer gets.
        let cases: [(_, MakesBad, [u16; 3], u16); 11] = [
            ("refused", OriginBuilder::refuses, [500, 502, 504], 502),
            (
                "black hole",
                OriginBuilder::black_hole,
                [500, 502, 504],
                504,
            ),
            ("silent", OriginBuilder::never_answers, [500, 502, 503], 504),
            (
                "stalls mid-head",
                OriginBuilder::stalls_mid_head,
                [500, 502, 503],
                504,
            ),
            (
                "reset",
                OriginBuilder::resets_before_head,
                [500, 504, 404],
                502,
            ),
            (
                "closed",
                OriginBuilder::closes_before_head,
                [500, 504, 404],
                502,
            ),
            (
                "cut mid-head",
                OriginBuilder::cuts_mid_head,
                [500, 504, 404],
                502,
            ),
            ("not HTTP", OriginBuilder::not_http, [500, 503, 504], 502),
            (
                "huge head",
                |bad| bad.huge_headers(40_000),
                [500, 503, 504],
                502,
            ),
            (
                "bad certificate",
                OriginBuilder::bad_certificate,
                [500, 504, 404],
                502,
            ),
            (
                "wrong name",
                OriginBuilder::wrong_name,
                [500, 504, 404],
                502,
            ),
        ];
        for (what, makes_bad, listed, status) in cases {
            let primary = makes_bad(origin("primary")).start().await;
            let secondary = good("secondary").await;
            let edge = pair([&primary, &secondary], listed)
                .time_scale(0.01)
                .start()
                .await;

            let response = viewer(&edge).get("/").await;

            assert_eq!(response.status, status, "after {what}");
            response.header("x-cache", "Error from cloudfront");
            secondary.saw_nothing();
        }
    }

    #[tokio::test]
    async fn a_name_that_does_not_resolve_falls_through() {
        let secondary = good("secondary").await;
        let nowhere = r#"
            [origin.nowhere]
            url = "http://nowhere.invalid"

            [origin_group.tiers]
            members = ["nowhere", "secondary"]
            fail_over_on = [503]

            [distribution.site.default_behavior]
            target = "tiers"
        "#;
        let edge = edge(nowhere).origins([&secondary]).start().await;

        viewer(&edge)
            .get("/")
            .await
            .expect(200)
            .body("from secondary")
            .header_has("tideover-attempts", "nowhere;error=dns;");
    }

    /// The kernel knows no way to the broadcast address, and says so without sending anything.
    #[tokio::test]
    async fn an_address_that_cannot_be_reached_falls_through() {
        let secondary = good("secondary").await;
        let unreachable = r#"
            [origin.unreachable]
            url = "http://unreachable.test"

            [origin_group.tiers]
            members = ["unreachable", "secondary"]
            fail_over_on = [503]

            [distribution.site.default_behavior]
            target = "tiers"
        "#;
        let edge = edge(unreachable)
            .origins([&secondary])
            .map("unreachable", "http://255.255.255.255:80")
            .start()
            .await;

        viewer(&edge)
            .get("/")
            .await
            .expect(200)
            .body("from secondary")
            .header_has("tideover-attempts", "unreachable;error=refused;");
    }

    #[tokio::test]
    async fn a_good_https_origin_is_believed_under_its_own_name() {
        let primary = origin("primary").https().start().await;
        let secondary = good("secondary").await;
        let edge = tiers([&primary, &secondary], USUAL).start().await;

        viewer(&edge)
            .get("/")
            .await
            .expect(200)
            .body("from primary");
        secondary.saw_nothing();
    }

    #[tokio::test]
    async fn connecting_is_tried_as_often_as_the_origin_says() {
        for (attempts, expected) in [(1, 1), (2, 2), (3, 3)] {
            let primary = origin("primary").refuses().start().await;
            let secondary = good("secondary").await;
            let edge = tiers([&primary, &secondary], USUAL)
                .and(&format!(
                    "[origin.primary]\nurl = \"http://primary.test\"\nconnection_attempts = {attempts}"
                ))
                .start()
                .await;

            let response = viewer(&edge).get("/").await;

            let told = response.expect(200).value("tideover-attempts");
            assert_eq!(
                told.matches("primary;error=refused").count(),
                expected,
                "{told}"
            );
        }
    }

    #[tokio::test]
    async fn a_silent_origin_is_asked_three_times_in_faithful_mode_and_once_in_resilient() {
        let primary = origin("primary").never_answers().start().await;
        let secondary = good("secondary").await;

        let edge = pair([&primary, &secondary], [504])
            .time_scale(0.01)
            .start()
            .await;
        viewer(&edge).get("/faithful").await.expect(200);
        primary.saw(["GET /faithful", "GET /faithful", "GET /faithful"]);

        let edge = tiers([&primary, &secondary], [504])
            .time_scale(0.1) // the connect timeout of 1 s has to outlast a busy machine
            .start()
            .await;
        viewer(&edge).get("/resilient").await.expect(200);
        assert_eq!(primary.requests().len(), 4);
    }

    #[tokio::test]
    async fn a_silent_origin_is_asked_once_with_options() {
        let primary = origin("primary").never_answers().start().await;
        let secondary = good("secondary").await;
        let edge = pair([&primary, &secondary], [504])
            .and(r#"cached_methods = ["GET", "HEAD", "OPTIONS"]"#)
            .time_scale(0.01)
            .start()
            .await;

        viewer(&edge).request("OPTIONS", "/").await.expect(200);
        primary.saw(["OPTIONS /"]);
    }

    #[tokio::test]
    async fn a_head_that_drips_on_and_on_counts_as_silence() {
        // A gap of 4 s, far below the response timeout of 10 s; the head would take 156 s, the deadline is 25 s.
        let primary = origin("primary").trickles(ms(80)).start().await;
        let secondary = good("secondary").await;
        let edge = tiers([&primary, &secondary], USUAL)
            .time_scale(0.02)
            .start()
            .await;

        let response = viewer(&edge).get("/").await;

        response
            .expect(200)
            .body("from secondary")
            .header_has("tideover-attempts", "primary;error=response-timeout;");
        primary.until_it_was_left().await;
    }

    #[tokio::test]
    async fn a_head_that_trickles_is_an_answer() {
        // A gap is far shorter than the response timeout of 10 s, all gaps together are longer than it.
        let primary = origin("primary").trickles(ms(5)).start().await;
        let secondary = good("secondary").await;
        let edge = tiers([&primary, &secondary], [504])
            .and("[origin.primary]\nurl = \"http://primary.test\"\nresponse_timeout = \"200ms\"")
            .start()
            .await;

        let response = viewer(&edge).get("/").await;

        response
            .expect(200)
            .body("drop by drop")
            .took_at_least(ms(200));
        secondary.saw_nothing();
    }
}

mod more_than_two {
    use super::*;

    #[tokio::test]
    async fn members_are_asked_in_order_until_one_answers() {
        let first = origin("first").refuses().start().await;
        let second = origin("second").answers(500).start().await;
        let third = good("third").await;
        let fourth = good("fourth").await;
        let edge = tiers([&first, &second, &third, &fourth], USUAL)
            .start()
            .await;

        let response = viewer(&edge).get("/").await;

        response.expect(200).body("from third");
        second.saw(["GET /"]);
        fourth.saw_nothing();
    }

    #[tokio::test]
    async fn when_all_fail_the_last_answer_is_delivered() {
        let first = origin("first").answers(500).start().await;
        let second = origin("second").answers(502).start().await;
        let third = origin("third")
            .plays(answer(504).body("last words"))
            .start()
            .await;
        let edge = tiers([&first, &second, &third], USUAL).start().await;

        let response = viewer(&edge).get("/").await;

        response
            .expect(504)
            .body("last words")
            .header("x-cache", "Error from tideover");
    }

    #[tokio::test]
    async fn when_the_last_one_is_dead_the_edge_says_so() {
        let first = origin("first").answers(500).start().await;
        let second = origin("second").refuses().start().await;
        let edge = tiers([&first, &second], USUAL).start().await;

        viewer(&edge)
            .get("/")
            .await
            .expect(502)
            .body_has("does not take connections")
            .header_has("proxy-status", "next-hop=second;error=connection_refused");
    }

    #[tokio::test]
    async fn each_member_may_have_its_own_criteria() {
        let first = origin("first").answers(404).start().await;
        let second = origin("second").answers(404).start().await;
        let third = good("third").await;
        let config = r#"
            [origin_group.tiers]
            members = ["first", { origin = "second", fail_over_on = [503] }, "third"]
            fail_over_on = [404, 503]

            [distribution.site.default_behavior]
            target = "tiers"
        "#;
        let edge = edge(config)
            .origins([&first, &second, &third])
            .start()
            .await;

        viewer(&edge).get("/").await.expect(404);

        second.saw(["GET /"]);
        third.saw_nothing();
    }
}

mod soft {
    use super::*;

    #[tokio::test]
    async fn a_real_404_stays_a_404() {
        let first = origin("first")
            .plays(answer(404).body("no such owner"))
            .start()
            .await;
        let second = origin("second")
            .plays(answer(404).body("no such page"))
            .start()
            .await;
        let edge = tiers([&first, &second], [404, 503]).start().await;

        let response = viewer(&edge).get("/owners/99").await;

        response.expect(404).body("no such owner");
        second.saw(["GET /owners/99"]);
    }

    #[tokio::test]
    async fn a_better_answer_of_a_later_member_wins_over_a_soft_one() {
        let first = origin("first").answers(403).start().await;
        let second = good("second").await;
        let edge = tiers([&first, &second], [403, 503]).start().await;

        viewer(&edge).get("/").await.expect(200).body("from second");
    }

    #[tokio::test]
    async fn a_soft_answer_wins_over_later_failures() {
        let first = origin("first")
            .plays(answer(404).body("not here"))
            .start()
            .await;
        let second = origin("second").answers(503).start().await;
        let third = origin("third").refuses().start().await;
        let edge = tiers([&first, &second, &third], [404, 503]).start().await;

        viewer(&edge).get("/").await.expect(404).body("not here");
    }

    #[tokio::test]
    async fn the_first_of_several_soft_answers_wins() {
        let first = origin("first").answers(503).start().await;
        let second = origin("second")
            .plays(answer(403).body("second"))
            .start()
            .await;
        let third = origin("third")
            .plays(answer(404).body("third"))
            .start()
            .await;
        let edge = tiers([&first, &second, &third], [403, 404, 503])
            .start()
            .await;

        viewer(&edge).get("/").await.expect(403).body("second");
    }

    #[tokio::test]
    async fn the_body_of_a_held_answer_arrives_whole() {
        let body = "0123456789".repeat(50_000);
        let first = origin("first").plays(answer(404).body(&body)).start().await;
        let second = origin("second").answers(404).start().await;
        let edge = tiers([&first, &second], [404]).start().await;

        viewer(&edge).get("/").await.expect(404).body(&body);
    }

    #[tokio::test]
    async fn in_faithful_mode_the_secondarys_answer_is_final() {
        let first = origin("first").answers(404).start().await;
        let second = origin("second")
            .plays(answer(503).body("second"))
            .start()
            .await;
        let edge = pair([&first, &second], [404, 503]).start().await;

        viewer(&edge).get("/").await.expect(503).body("second");
    }
}

mod get_with_a_body {
    use super::*;

    #[tokio::test]
    async fn it_is_refused_in_faithful_mode() {
        let primary = good("primary").await;
        let secondary = good("secondary").await;
        let edge = pair([&primary, &secondary], USUAL).start().await;

        viewer(&edge).get("/").body("what").await.expect(403);
        primary.saw_nothing();
    }

    #[tokio::test]
    async fn it_is_sent_once_and_never_replayed_in_resilient_mode() {
        let primary = origin("primary").answers(503).start().await;
        let secondary = good("secondary").await;
        let edge = tiers([&primary, &secondary], USUAL).start().await;

        viewer(&edge).get("/").body("what").await.expect(503);

        assert_eq!(primary.request().text(), "what");
        secondary.saw_nothing();
    }
}
