//! What a request holds, it lets go of: connections to origins, their places in the line, and its viewer's connection.

use harness::{
    Edge, Gate, Line, Origin, Script, Step, answer, edge, gate, in_front_of, ms, origin, viewer,
};

/// Far more than all the buffers between a viewer and an origin hold.
const HUGE: u64 = 1 << 30;

mod a_place_at_an_origin {
    use super::*;

    #[tokio::test]
    async fn is_not_held_by_an_answer_that_an_error_page_replaces() {
        let app = origin("app")
            .at("/missing", answer(404).body("nothing here"))
            .at("/errors/404.html", answer(200).body("a kind page"))
            .start()
            .await;
        let edge = in_front_of(&app)
            .and(
                r#"
                [origin.app]
                url = "http://app.test"
                max_connections = 1

                [[distribution.site.error_response]]
                error_code = 404
                page = "/errors/404.html"
                response_code = 404
                "#,
            )
            .start()
            .await;

        let response = viewer(&edge).get("/missing").await;

        response.expect(404).body("a kind page");
        app.saw(["GET /missing", "GET /errors/404.html"]);
        assert_eq!(app.connections(), 1);
    }

    #[tokio::test]
    async fn stays_each_origins_own_after_a_reload_though_two_are_at_one_address() {
        let app = origin("app")
            .at("/blue/page", answer(404).body("not in blue"))
            .at("/green/page", answer(200).body("from green"))
            .start()
            .await;
        let config = format!(
            r#"
            [origin.blue]
            url = "{0}"
            path = "/blue"
            max_connections = 1

            [origin.green]
            url = "{0}"
            path = "/green"
            max_connections = 1

            [origin_group.both]
            members = ["blue", "green"]
            fail_over_on = [404]

            [distribution.site.default_behavior]
            target = "both"
            "#,
            app.url()
        );
        let edge = edge(&config).start().await;

        for _ in 0..3 {
            // The answer of "blue" is soft: it is held, and its connection with it, while "green" is asked.
            viewer(&edge)
                .get("/page")
                .await
                .expect(200)
                .body("from green");
            edge.reloads_without_maps(&config);
        }
    }

    /// An edge that opens one connection to "app" at most.
    async fn narrow(app: &Origin) -> Edge {
        in_front_of(app)
            .and("[origin.app]\nurl = \"http://app.test\"\nmax_connections = 1")
            .start()
            .await
    }

    /// The origin answers before it has read the request, and the viewer stops within it: this much is left.
    async fn half_a_post(edge: &Edge) -> (Line, Vec<u8>) {
        let rest = vec![b'x'; 4 << 20];
        let mut line = viewer(edge).connects().await;
        line.sends(format!(
            "POST /early HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\nhalf",
            rest.len() + 4
        ))
        .await;
        line.receives("POST").await.expect(413).body("no!");
        (line, rest)
    }

    const EARLY: &[u8] = b"HTTP/1.1 413 Too Big\r\nContent-Length: 3\r\n\r\nno!";

    #[tokio::test]
    async fn is_not_held_by_the_rest_of_a_request_once_the_origin_has_hung_up() {
        for end in [Step::Close, Step::Reset] {
            let held = gate();
            let app = origin("app")
                .at(
                    "/early",
                    [Step::Send(EARLY.into()), Step::Wait(held.clone()), end],
                )
                .start()
                .await;
            let edge = narrow(&app).await;

            let _still_there = half_a_post(&edge).await;
            held.open();

            viewer(&edge).get("/next").await.expect(200);
        }
    }

    #[tokio::test]
    async fn is_not_held_by_the_rest_of_a_request_once_that_has_been_sent() {
        let app = origin("app")
            .at(
                "/early",
                [Step::Send(EARLY.into()), Step::ReadBody, Step::Silence],
            )
            .start()
            .await;
        let edge = narrow(&app).await;

        let (mut line, rest) = half_a_post(&edge).await;
        line.sends(rest).await;
        app.until_it_read(1).await;
        assert!(app.request().is_whole);

        viewer(&edge).get("/next").await.expect(200);
        assert_eq!(app.connections(), 2);
    }

    #[tokio::test]
    async fn is_not_held_by_the_rest_of_a_request_whose_viewer_has_left() {
        let app = origin("app")
            .at("/early", [Step::Send(EARLY.into()), Step::ReadBody])
            .start()
            .await;
        let edge = narrow(&app).await;

        half_a_post(&edge).await.0.resets();

        viewer(&edge).get("/next").await.expect(200);
    }
}

mod a_viewer_that_does_not_read {
    use super::*;

    #[tokio::test]
    async fn is_left_after_the_body_timeout_and_so_is_the_origin() {
        let primary = origin("primary").streams(HUGE).start().await;
        let edge = in_front_of(&primary).time_scale(0.01).start().await;
        let mut line = viewer(&edge).connects().await;

        line.sends("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        line.receives_a_head().await.expect(200);

        primary.until_it_was_left().await;
        edge.until_metric("tideover_viewer_connections", 0.0).await;
    }

    #[tokio::test]
    async fn may_be_slow_as_long_as_it_reads_on() {
        let primary = origin("primary").streams(HUGE).start().await;
        // 30 s of the body timeout are 300 ms, in which far less is read than the buffers between the two hold.
        let edge = in_front_of(&primary).time_scale(0.01).start().await;
        let mut line = viewer(&edge).connects().await;

        line.sends("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        line.receives_a_head().await.expect(200);
        for _ in 0..20 {
            tokio::time::sleep(ms(50)).await;
            line.receives_bytes(128 * 1024).await;
        }
    }
}

mod an_origin_that_does_not_read {
    use super::*;

    /// Takes a request's head and not a byte of its body, and does this.
    async fn does(steps: impl IntoIterator<Item = Step>) -> (Origin, Gate) {
        let held = gate();
        let mut script: Vec<Step> = steps.into_iter().collect();
        script.extend([Step::Wait(held.clone()), Step::Silence]);
        let origin = origin("primary").plays(Script(script)).start().await;
        (origin, held)
    }

    /// A POST of a body that no buffer holds, sent until nobody takes more of it.
    async fn posts_without_end(edge: &Edge) -> Line {
        let mut line = viewer(edge).connects().await;
        line.sends(format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {HUGE}\r\n\r\n"
        ))
        .await;
        line.sends_as_much_as_is_taken(&vec![b'x'; 64 << 20], ms(300))
            .await;
        line
    }

    #[tokio::test]
    async fn is_left_when_it_answers_nothing() {
        let (primary, held) = does([]).await;
        let edge = in_front_of(&primary).time_scale(0.05).start().await;

        let mut line = posts_without_end(&edge).await;

        line.receives("POST").await.expect(503);
        line.until_closed().await;
        edge.until_metric("tideover_viewer_connections", 0.0).await;
        held.open();
        primary.until_it_was_left().await;
    }

    #[tokio::test]
    async fn is_left_when_it_has_answered() {
        let answer = b"HTTP/1.1 413 Too large\r\nContent-Length: 3\r\n\r\nbig";
        let (primary, held) = does([Step::Send(answer.into())]).await;
        let edge = in_front_of(&primary).time_scale(0.05).start().await;

        let mut line = posts_without_end(&edge).await;

        line.receives("POST").await.expect(413).body("big");
        line.until_closed().await;
        edge.until_metric("tideover_viewer_connections", 0.0).await;
        held.open();
        primary.until_it_was_left().await;
    }
}
