//! What is too old is served all the same where that helps, for as long as it may be, and the answer says why.

use std::time::Duration;

use harness::{
    Answer, Edge, EdgeBuilder, Origin, Script, answer, edge, gate, in_front_of, ms, origin,
    patiently, tiers, viewer,
};
use http::StatusCode;
use tideover_config::{Fault, FaultKind};

use super::s;

const USUAL: [u16; 4] = [500, 502, 503, 504];
const ON: &str = "[faults]\nenabled = true\n";
/// Longer than anything is waited for.
const SILENT: FaultKind = FaultKind::Delay(Duration::from_mins(30));

fn kept(control: &str) -> Answer {
    answer(200)
        .header("Cache-Control", control)
        .header("ETag", "\"1\"")
        .body("kept")
}

async fn keeps(control: &str) -> Origin {
    origin("app").plays(kept(control)).start().await
}

/// A hundredth of the time that the config says.
fn before(app: &Origin) -> EdgeBuilder {
    in_front_of(app).and(ON).time_scale(0.01)
}

fn strikes(edge: &Edge, kind: FaultKind) {
    edge.strikes("app", Some(Fault::of(kind)))
        .expect("it is allowed");
}

fn status(code: u16) -> FaultKind {
    FaultKind::Status(StatusCode::from_u16(code).expect("a status"))
}

fn in_turn<const N: usize>(answers: [Answer; N]) -> [Script; N] {
    answers.map(Script::from)
}

/// Asks until what is told of the cache begins with this.
async fn until_told(edge: &Edge, path: &str, what: &str) {
    patiently(what, async {
        loop {
            let told = viewer(edge).get(path).await;
            told.expect(200);
            if told.value("cache-status").contains(what) {
                return;
            }
            tokio::time::sleep(ms(5)).await;
        }
    })
    .await;
}

/// Asks until it is a hit that is not too old.
async fn until_fresh(edge: &Edge, path: &str) {
    patiently("it is fresh", async {
        loop {
            let told = viewer(edge).get(path).await;
            let told = told.value("cache-status");
            if told.contains("hit; ttl=") && !told.contains("ttl=-") {
                return;
            }
            tokio::time::sleep(ms(5)).await;
        }
    })
    .await;
}

mod while_it_is_asked_for_anew {
    use super::*;

    #[tokio::test]
    async fn it_is_served_at_once_and_one_refresh_does_for_all_viewers_of_all_workers() {
        let held = gate();
        let app = origin("app")
            .in_turn(in_turn([
                kept("max-age=60, stale-while-revalidate=600"),
                answer(200)
                    .header("Cache-Control", "max-age=60")
                    .body("new")
                    .after(&held),
            ]))
            .start()
            .await;
        let edge = in_front_of(&app)
            .flags(|flags| flags.workers = Some(2))
            .start()
            .await;
        viewer(&edge).get("/a").await.expect(200);
        edge.time_passes(s(70));

        for _ in 0..40 {
            let stale = viewer(&edge).get("/a").await;
            stale.expect(200).body("kept").header("age", "70");
            stale.header("x-cache", "Hit from tideover");
            let told = "tideover; hit; ttl=-10; detail=stale-while-revalidate";
            stale.header("cache-status", told);
        }
        app.until_it_saw(2).await;
        assert_eq!(app.requests()[1].value("if-none-match"), "\"1\"");
        held.open();
        until_fresh(&edge, "/a").await;
        viewer(&edge).get("/a").await.body("new");
        assert_eq!(app.count(), 2);
    }

    #[tokio::test]
    async fn an_origin_that_fails_is_asked_once_a_second_and_not_by_every_viewer() {
        let app = origin("app")
            .in_turn(in_turn([
                kept("max-age=60, stale-while-revalidate=600"),
                answer(503),
            ]))
            .start()
            .await;
        let edge = in_front_of(&app).start().await;
        viewer(&edge).get("/a").await.expect(200);
        edge.time_passes(s(70));
        for _ in 0..100 {
            viewer(&edge).get("/a").await.expect(200).body("kept");
        }
        app.until_it_saw(2).await;
        // As many as there were seconds, and one.
        assert!(app.count() <= 4, "{}", app.count());
    }

    #[tokio::test]
    async fn the_page_of_an_error_is_refreshed_as_itself() {
        let page = |body: &str| {
            answer(200)
                .header("Cache-Control", "max-age=60, stale-while-revalidate=600")
                .body(body)
        };
        let app = origin("app")
            .at("/missing", answer(404).header("Cache-Control", "no-store"))
            .in_turn(in_turn([page("a kind page"), page("a kinder page")]))
            .start()
            .await;
        let edge = in_front_of(&app)
            .and(
                r#"
                [[distribution.site.error_response]]
                error_code = 404
                page = "/errors/404.html"
                response_code = 404
                "#,
            )
            .start()
            .await;
        let missing = || viewer(&edge).get("/missing");
        missing().await.expect(404).body("a kind page");
        edge.time_passes(s(70));
        missing().await.expect(404).body("a kind page");
        patiently("the page is a newer one", async {
            while missing().await.text() != "a kinder page" {
                tokio::time::sleep(ms(5)).await;
            }
        })
        .await;
        let pages = app.requests().into_iter();
        let pages = pages.filter(|seen| seen.target == "/errors/404.html");
        assert_eq!(pages.count(), 2);
    }
}

mod when_origins_fail {
    use super::*;

    #[tokio::test]
    async fn it_is_served_whatever_the_failure_and_says_so() {
        for (fault, told) in [
            (status(503), "fwd-status=503; detail=stale-if-error"),
            (FaultKind::Refuse, "detail=stale-if-error"),
            (FaultKind::BlackHole, "detail=stale-if-error"),
            (SILENT, "detail=stale-if-error"),
        ] {
            let app = keeps("max-age=60").await;
            let edge = before(&app).start().await;
            viewer(&edge).get("/a").await.expect(200);
            edge.time_passes(s(100));
            strikes(&edge, fault);
            let stale = viewer(&edge).get("/a").await;
            stale.expect(200).body("kept");
            stale.header("x-cache", "Hit from tideover");
            stale.header_has("cache-status", "tideover; hit; ttl=-");
            stale.header_has("cache-status", told);
        }
    }

    #[tokio::test]
    async fn a_name_that_nobody_knows_any_more_is_such_a_failure() {
        const CONFIG: &str = r#"
            [origin.app]
            url = "http://app.test"
            [distribution.site.default_behavior]
            target = "app"
        "#;
        let app = keeps("max-age=60").await;
        let edge = edge(CONFIG).origins([&app]).start().await;
        viewer(&edge).get("/a").await.expect(200);
        edge.time_passes(s(100));
        edge.reloads_without_maps(CONFIG);
        let stale = viewer(&edge).get("/a").await;
        stale.expect(200).body("kept");
        stale.header_has("cache-status", "detail=stale-if-error");
        stale.header_has("tideover-attempts", "error=dns");
    }

    #[tokio::test]
    async fn it_is_never_served_against_its_word_or_beyond_its_bound() {
        for (control, age) in [
            ("max-age=60, must-revalidate", 61),
            ("max-age=60, proxy-revalidate", 61),
            ("s-maxage=60", 61),
            ("no-cache", 1),
            ("max-age=60, stale-if-error=0", 61),
            ("max-age=60, stale-if-error=100", 160),
            ("max-age=60", 60 + 24 * 3600),
            (
                "max-age=60, stale-while-revalidate=100, stale-if-error=0",
                160,
            ),
        ] {
            let app = keeps(control).await;
            let edge = before(&app).start().await;
            viewer(&edge).get("/a").await.expect(200);
            edge.time_passes(s(age));
            strikes(&edge, FaultKind::Refuse);
            // As long as it is not known that nobody answers, and then.
            for _ in 0..8 {
                let failed = viewer(&edge).get("/a").await;
                assert_eq!(failed.status, 502, "{control} at {age}");
            }
        }
    }

    #[tokio::test]
    async fn a_bound_of_none_serves_none() {
        let app = keeps("max-age=60").await;
        let edge = in_front_of(&app)
            .and("stale_if_error = \"0s\"")
            .and(ON)
            .start()
            .await;
        viewer(&edge).get("/a").await.expect(200);
        edge.time_passes(s(61));
        strikes(&edge, FaultKind::Refuse);
        viewer(&edge).get("/a").await.expect(502);
    }

    #[tokio::test]
    async fn it_comes_before_the_page_of_an_error_and_before_the_last_page() {
        let app = keeps("max-age=60").await;
        let last = edge(
            r#"
            [origin.last]
            page = "page.html"
            [origin_group.tiers]
            members = ["app", "last"]
            fail_over_on = [500, 502, 503, 504]
            [distribution.site.default_behavior]
            target = "tiers"
            [[distribution.site.error_response]]
            error_code = 503
            page = "/errors/503.html"
            response_code = 503
            "#,
        )
        .file("page.html", "the last page")
        .origins([&app])
        .and(ON)
        .start()
        .await;
        viewer(&last).get("/a").await.expect(200);
        last.time_passes(s(100));
        strikes(&last, status(503));
        let stale = viewer(&last).get("/a").await;
        stale.expect(200).body("kept");
        // What nobody has kept is the page's.
        viewer(&last).get("/b").await.expect(503);
        assert_eq!(app.count(), 1);
    }

    #[tokio::test]
    async fn the_second_of_a_group_comes_before_it() {
        let app = keeps("max-age=60").await;
        let second = origin("second").start().await;
        let edge = tiers([&app, &second], USUAL).and(ON).start().await;
        viewer(&edge).get("/a").await.body("kept");
        edge.time_passes(s(100));
        strikes(&edge, FaultKind::Refuse);
        viewer(&edge).get("/a").await.body("from second");
    }

    #[tokio::test]
    async fn by_cloudfronts_rules_they_are_left_alone_for_ten_seconds_then() {
        let app = origin("app")
            .in_turn(in_turn([kept("max-age=60"), answer(503)]))
            .start()
            .await;
        let edge = in_front_of(&app)
            .and(
                "cache = \"cloudfront\"\nmin_ttl = \"0s\"\ndefault_ttl = \"1h\"\nmax_ttl = \"24h\"",
            )
            .and("cache_key = { headers = [], cookies = \"none\", query = \"none\" }")
            .faithful()
            .start()
            .await;
        viewer(&edge).get("/a").await.expect(200);
        edge.time_passes(s(61));
        for _ in 0..5 {
            viewer(&edge).get("/a").await.expect(200).body("kept");
        }
        assert_eq!(app.count(), 2);
        edge.time_passes(s(11));
        viewer(&edge).get("/a").await.expect(200).body("kept");
        assert_eq!(app.count(), 3);
        // Until the longest time that it may be kept has passed since it came.
        edge.time_passes(s(24 * 3600));
        viewer(&edge).get("/a").await.expect(503);
    }

    #[tokio::test]
    async fn a_viewer_cannot_throw_it_away() {
        let new = || {
            answer(200)
                .header("Cache-Control", "max-age=60")
                .body("new")
        };
        for (method, field, value) in [
            ("GET", "Cache-Control", "no-store"),
            ("GET", "Authorization", "Basic bWU6bWU="),
            ("HEAD", "Accept", "*/*"),
        ] {
            let app = origin("app")
                .in_turn(in_turn([kept("max-age=60"), new(), answer(503)]))
                .start()
                .await;
            let edge = in_front_of(&app).start().await;
            viewer(&edge).get("/a").await.expect(200);
            edge.time_passes(s(61));
            let own = viewer(&edge).request(method, "/a").header(field, value);
            own.await.expect(200);
            let told = viewer(&edge).get("/a").await;
            assert_eq!(
                (told.status, told.text()),
                (200, "kept".to_owned()),
                "{field}"
            );
        }
    }
}

mod while_it_is_known_that_nobody_answers {
    use super::*;

    /// The config's seconds are tenths.
    async fn dead(fault: FaultKind) -> (Origin, Edge) {
        let app = keeps("max-age=600").await;
        let edge = in_front_of(&app).and(ON).time_scale(0.1).start().await;
        for path in ["/a", "/b"] {
            viewer(&edge).get(path).await.expect(200);
        }
        edge.time_passes(s(601));
        strikes(&edge, fault);
        for nth in 0..6 {
            // A different one each: nobody waits for another's failure.
            let _ = viewer(&edge).get(&format!("/unknown/{nth}")).await;
        }
        (app, edge)
    }

    #[tokio::test]
    async fn it_is_served_without_waiting_for_any_timer_and_fresh_again_when_they_are_back() {
        for fault in [FaultKind::Refuse, FaultKind::BlackHole] {
            let (app, edge) = dead(fault).await;
            for _ in 0..50 {
                let stale = viewer(&edge).get("/a").await;
                stale.expect(200).body("kept").took_less_than(ms(100));
                stale.header_has("cache-status", "tideover; hit; ttl=-");
                stale.header_has("cache-status", "detail=no-origin-answers");
                stale.no_header("tideover-attempts");
            }
            assert_eq!(app.count(), 2);
            edge.strikes("app", None).expect("it is allowed");
            let back = std::time::Instant::now();
            until_fresh(&edge, "/a").await;
            // Two seconds of the config's, and what a busy machine takes.
            assert!(back.elapsed() < ms(1_000), "{:?}", back.elapsed());
            until_fresh(&edge, "/b").await;
        }
    }

    #[tokio::test]
    async fn a_failed_check_says_so_as_well_as_a_breaker() {
        let app = origin("app")
            .at("/healthz", answer(503))
            .in_turn(in_turn([kept("max-age=600"), answer(503)]))
            .start()
            .await;
        let edge = edge(
            r#"
            [origin.app]
            url = "http://app.test"
            health_check = { path = "/healthz", interval = "1s", failure_threshold = 3, recovery_threshold = 1 }
            [distribution.site.default_behavior]
            target = "app"
            "#,
        )
        .origins([&app])
        .time_scale(0.1)
        .start()
        .await;
        viewer(&edge).get("/a").await.expect(200);
        edge.time_passes(s(601));
        until_told(&edge, "/a", "detail=no-origin-answers").await;
    }

    #[tokio::test]
    async fn what_must_be_validated_is_not_served() {
        let app = keeps("max-age=600, must-revalidate").await;
        let edge = in_front_of(&app).and(ON).time_scale(0.1).start().await;
        viewer(&edge).get("/a").await.expect(200);
        edge.time_passes(s(601));
        strikes(&edge, FaultKind::Refuse);
        for _ in 0..10 {
            viewer(&edge).get("/a").await.expect(502);
        }
    }
}
