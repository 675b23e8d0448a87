//! The end of a group: the page that cannot fail, and the deadline over all attempts.

use harness::{EdgeBuilder, Origin, answer, edge, gate, ms, origin, viewer};

const WITH_PAGE: &str = r#"
    [origin.last-page]
    page = "maintenance.html"
    retry_after = "120s"

    [origin_group.tiers]
    members = ["first", "last-page"]
    fail_over_on = [404, 500, 502, 503, 504]
    deadline = "25s"

    [distribution.site.default_behavior]
    target = "tiers"
"#;

/// An edge that has its page after `first`.
fn behind(first: &Origin) -> EdgeBuilder {
    within("25s", first)
}

/// The same with this deadline.
fn within(deadline: &str, first: &Origin) -> EdgeBuilder {
    edge(&WITH_PAGE.replace("25s", deadline))
        .file("maintenance.html", "<h1>Back soon</h1>")
        .origins([first])
}

mod page {
    use super::*;

    #[tokio::test]
    async fn a_page_never_follows_a_soft_answer() {
        let first = origin("first")
            .plays(answer(404).body("no such owner"))
            .start()
            .await;
        let edge = behind(&first).start().await;

        viewer(&edge)
            .get("/")
            .await
            .expect(404)
            .body("no such owner");
    }

    #[tokio::test]
    async fn the_page_answers_when_all_else_is_gone() {
        let first = origin("first").refuses().start().await;
        let edge = behind(&first).start().await;

        viewer(&edge)
            .get("/owners?q=1")
            .await
            .expect(503)
            .body("<h1>Back soon</h1>")
            .header("content-type", "text/html; charset=utf-8")
            .header("retry-after", "120")
            .header("cache-control", "no-store")
            .header("x-cache", "Error from tideover")
            .header_has("tideover-attempts", "last-page;status=503");
    }

    #[tokio::test]
    async fn the_page_is_a_problem_document_for_those_who_ask_for_json() {
        let first = origin("first").refuses().start().await;
        let edge = behind(&first).start().await;

        let response = viewer(&edge)
            .get("/")
            .header("Accept", "application/json")
            .await;

        response
            .expect(503)
            .header("content-type", "application/problem+json")
            .header("retry-after", "120");
        let problem: serde_json::Value =
            serde_json::from_str(&response.text()).expect("a problem document is JSON");
        assert_eq!(problem["status"], 503, "{problem}");
        assert_eq!(
            problem["request_id"],
            response.value("x-request-id"),
            "{problem}"
        );
    }

    #[tokio::test]
    async fn the_page_has_no_body_for_head() {
        let first = origin("first").refuses().start().await;
        let edge = behind(&first).start().await;

        viewer(&edge)
            .head("/")
            .await
            .expect(503)
            .body("")
            .header("content-length", "18");
    }

    #[tokio::test]
    async fn there_is_a_page_of_ones_own_status_and_a_built_in_one() {
        let first = origin("first").refuses().start().await;
        let config = WITH_PAGE.replace(r#"page = "maintenance.html""#, "page = true\nstatus = 200");
        let edge = edge(&config).origins([&first]).start().await;

        viewer(&edge)
            .get("/")
            .await
            .expect(200)
            .body_has("<html")
            .header("x-cache", "Miss from tideover");
    }
}

mod deadline {
    use super::*;

    #[tokio::test]
    async fn all_attempts_together_end_with_the_deadline() {
        let first = origin("first").never_answers().start().await;
        let second = origin("second").never_answers().start().await;
        let third = origin("third").never_answers().start().await;
        let config = r#"
            [origin_group.tiers]
            members = ["first", "second", "third"]
            fail_over_on = [503]
            deadline = "15s"

            [distribution.site.default_behavior]
            target = "tiers"
        "#;
        // The first may take 10 s, the second the 5 s that are left, the third nothing.
        let edge = edge(config)
            .origins([&first, &second, &third])
            .time_scale(0.1) // the second's share has to outlast a busy machine
            .start()
            .await;

        let response = viewer(&edge).get("/").await;

        response.expect(504).took_at_least(ms(1_450));
        second.saw(["GET /"]);
        third.saw_nothing();
    }

    #[tokio::test]
    async fn a_page_is_still_delivered_within_the_deadline() {
        let first = origin("first").never_answers().start().await;
        // Slowed down: the deadline is 3 s, and the time kept back for the page 300 ms, which is long for a busy machine too.
        let edge = within("1s", &first).time_scale(3.0).start().await;

        let response = viewer(&edge).get("/").await;

        response
            .expect(503)
            .body("<h1>Back soon</h1>")
            .took_at_least(ms(2_600))
            .took_less_than(ms(3_000));
    }

    #[tokio::test]
    async fn a_body_may_take_longer_than_the_deadline() {
        let held = gate();
        let first = origin("first")
            .plays(answer(200).body("late but whole").body_after(&held))
            .start()
            .await;
        let edge = within("1s", &first).start().await;
        let mut line = viewer(&edge).connects().await;

        line.sends("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        let mut response = line.receives_a_head().await;
        tokio::time::sleep(ms(1_200)).await;
        held.open();
        line.receives_the_rest(&mut response).await;

        response.expect(200).body("late but whole");
    }
}
