//! The ends of messages are right for every method, status and version; trailers and interim answers are what they
//! should be.

use harness::{Origin, Step, answer, in_front_of, ms, origin, patiently, viewer};

mod ends_of_messages {
    use super::*;

    #[tokio::test]
    async fn head_keeps_the_length_of_what_get_would_bring() {
        let primary = origin("primary").body("0123456789").start().await;
        let edge = in_front_of(&primary).start().await;
        let mut line = viewer(&edge).connects().await;

        line.sends("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        line.receives("HEAD")
            .await
            .expect(200)
            .header("content-length", "10");
        line.sends("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        line.receives("GET").await.expect(200).body("0123456789");

        assert_eq!(primary.connections(), 1);
    }

    #[tokio::test]
    async fn a_length_is_judged_where_no_body_comes_too() {
        for (said, status, passed_on) in
            [("10, 10", 200, "10"), ("10, 11", 502, ""), ("+10", 502, "")]
        {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {said}\r\n\r\n");
            let primary = origin("primary")
                .plays([Step::ReadBody, Step::Send(head.into())])
                .start()
                .await;
            let edge = in_front_of(&primary).start().await;

            let response = viewer(&edge).head("/").await;

            response.expect(status);
            if status == 200 {
                response.header("content-length", passed_on);
            }
        }
    }

    #[tokio::test]
    async fn answers_without_a_body_end_at_their_head() {
        for status in [204, 304] {
            let primary = origin("primary")
                .plays(answer(status).header("ETag", "\"1\""))
                .start()
                .await;
            let edge = in_front_of(&primary).start().await;
            let mut line = viewer(&edge).connects().await;

            for _ in 0..2 {
                line.sends("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    .await;
                line.receives("GET")
                    .await
                    .expect(status)
                    .header("etag", "\"1\"")
                    .no_header("transfer-encoding");
            }
            assert_eq!(primary.connections(), 1);
        }
    }

    #[tokio::test]
    async fn a_304_with_a_length_has_no_body() {
        let primary = origin("primary")
            .plays([
                Step::ReadBody,
                Step::Send(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n".into()),
            ])
            .start()
            .await;
        let edge = in_front_of(&primary).start().await;
        let mut line = viewer(&edge).connects().await;

        for _ in 0..2 {
            line.sends("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                .await;
            line.receives("GET").await.expect(304);
        }
    }

    #[tokio::test]
    async fn a_chunked_answer_stays_chunked_and_the_connection_is_kept() {
        let primary = origin("primary")
            .plays(answer(200).chunks(["one", "two"]))
            .start()
            .await;
        let edge = in_front_of(&primary).start().await;
        let mut line = viewer(&edge).connects().await;

        for _ in 0..2 {
            line.sends("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                .await;
            line.receives("GET")
                .await
                .expect(200)
                .body("onetwo")
                .header("transfer-encoding", "chunked")
                .no_header("content-length");
        }
        assert_eq!(primary.connections(), 1);
    }

    #[tokio::test]
    async fn an_http_1_0_viewer_gets_what_it_understands() {
        let primary = origin("primary")
            .plays(answer(200).chunks(["one", "two"]))
            .start()
            .await;
        let edge = in_front_of(&primary).start().await;
        let mut line = viewer(&edge).connects().await;

        line.sends("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
            .await;

        line.receives("GET")
            .await
            .expect(200)
            .body("onetwo")
            .no_header("transfer-encoding");
        assert!(line.until_closed().await, "closed in order");
        assert!(primary.request().head.first_line.ends_with("HTTP/1.1"));
    }

    #[tokio::test]
    async fn an_http_1_0_viewer_may_keep_its_connection() {
        let primary = origin("primary").start().await;
        let edge = in_front_of(&primary).start().await;
        let mut line = viewer(&edge).connects().await;

        for _ in 0..2 {
            line.sends("GET / HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n")
                .await;
            line.receives("GET").await.expect(200).body("from primary");
        }
    }

    #[tokio::test]
    async fn a_viewer_that_says_close_is_closed() {
        let primary = origin("primary").start().await;
        let edge = in_front_of(&primary).start().await;

        let mut response = viewer(&edge)
            .sends("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .await;

        response.expect(200).header("connection", "close");
        response.closes().await;
    }

    #[tokio::test]
    async fn an_http_1_0_origin_is_understood() {
        let primary = origin("primary")
            .plays([
                Step::ReadBody,
                Step::Send(b"HTTP/1.0 200 OK\r\n\r\nold".into()),
                Step::Close,
            ])
            .start()
            .await;
        let edge = in_front_of(&primary).start().await;

        let response = viewer(&edge).get("/").await;

        response.expect(200).body("old");
        assert!(
            response.head.first_line.starts_with("HTTP/1.1 "),
            "{response:?}"
        );
    }

    #[tokio::test]
    async fn requests_that_are_sent_at_once_are_answered_in_order() {
        let primary = origin("primary")
            .at("/1", answer(200).body("one").in_gaps_of(ms(50)))
            .at("/2", answer(200).body("two"))
            .start()
            .await;
        let edge = in_front_of(&primary).start().await;
        let mut line = viewer(&edge).connects().await;

        line.sends(
            "GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /2 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        )
        .await;

        line.receives("GET").await.expect(200).body("one");
        line.receives("GET").await.expect(200).body("two");
    }

    /// As with most servers: waiting for an answer with one side closed cannot be told from having left.
    #[tokio::test]
    async fn a_viewer_that_closes_its_side_has_left() {
        let primary = origin("primary").never_answers().start().await;
        let edge = in_front_of(&primary).start().await;
        let mut line = viewer(&edge).connects().await;

        line.sends("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        primary.until_it_saw(1).await;
        line.ends().await;

        primary.until_it_was_left().await;
    }
}

mod trailers {
    use super::*;

    async fn with_trailers() -> Origin {
        let script = answer(200)
            .header("Trailer", "X-Sum")
            .chunks(["one", "two"])
            .trailer("X-Sum", "6");
        origin("primary").plays(script).start().await
    }

    #[tokio::test]
    async fn they_are_kept_in_resilient_mode() {
        let primary = with_trailers().await;
        let edge = in_front_of(&primary).start().await;

        let response = viewer(&edge).get("/").header("TE", "trailers").await;

        response
            .expect(200)
            .body("onetwo")
            .header("trailer", "X-Sum");
        let trailers: Vec<(String, &str)> = response
            .trailers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.as_str()))
            .collect();
        assert_eq!(trailers, [("x-sum".to_owned(), "6")]);
        let request = primary.request();
        assert_eq!(request.value("te"), "trailers");
        assert_eq!(request.value("connection"), "te");
    }

    #[tokio::test]
    async fn they_are_dropped_in_faithful_mode() {
        let primary = with_trailers().await;
        let edge = in_front_of(&primary).faithful().start().await;

        let response = viewer(&edge).get("/").header("TE", "trailers").await;

        response.expect(200).body("onetwo").no_header("trailer");
        assert!(response.trailers.is_empty(), "{:?}", response.trailers);
        assert!(!primary.request().has("te"));
    }

    #[tokio::test]
    async fn those_of_a_request_are_kept_in_resilient_mode_only() {
        for (faithful, kept) in [(false, 1), (true, 0)] {
            let primary = origin("primary").start().await;
            let edge = in_front_of(&primary);
            let edge = if faithful { edge.faithful() } else { edge };
            let edge = edge.start().await;
            let mut line = viewer(&edge).connects().await;

            line.sends(
                "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
                 3\r\none\r\n0\r\nX-Sum: 3\r\n\r\n",
            )
            .await;

            line.receives("POST").await.expect(200);
            let request = primary.request();
            assert_eq!(request.text(), "one");
            assert_eq!(request.trailers.len(), kept, "{request:?}");
        }
    }
}

mod interim_answers {
    use super::*;

    #[tokio::test]
    async fn up_to_eight_are_swallowed() {
        for count in [1, 8] {
            let primary = origin("primary").many_1xx(count).start().await;
            let edge = in_front_of(&primary).start().await;

            let response = viewer(&edge).get("/").await;

            response.expect(200).body("at last").no_header("link");
            assert!(response.interim.is_empty(), "{response:?}");
        }
    }

    #[tokio::test]
    async fn more_are_a_failure_of_the_origin() {
        let primary = origin("primary").many_1xx(9).start().await;
        let edge = in_front_of(&primary).start().await;

        viewer(&edge)
            .get("/")
            .await
            .expect(502)
            .header_has("proxy-status", "error=http_protocol_error");
    }

    #[tokio::test]
    async fn the_count_starts_again_with_each_request() {
        let primary = origin("primary").many_1xx(8).start().await;
        let edge = in_front_of(&primary).start().await;

        for _ in 0..3 {
            viewer(&edge).get("/").await.expect(200).body("at last");
        }
        assert_eq!(primary.connections(), 1);
    }

    #[tokio::test]
    async fn an_endless_stream_of_them_ends() {
        let flood = "HTTP/1.1 102 Processing\r\n\r\n".repeat(100_000);
        let primary = origin("primary")
            .plays([Step::ReadBody, Step::Send(flood.into()), Step::Silence])
            .start()
            .await;
        let edge = in_front_of(&primary).start().await;

        patiently("an answer", viewer(&edge).get("/").into_future())
            .await
            .expect(502);
        primary.until_it_was_left().await;
    }

    #[tokio::test]
    async fn one_100_is_cloudfronts_limit() {
        let once = origin("primary").continues(1).start().await;
        let edge = in_front_of(&once).faithful().start().await;
        viewer(&edge).get("/").await.expect(200).body("at last");

        let twice = origin("primary").continues(2).start().await;
        let edge = in_front_of(&twice).faithful().start().await;
        viewer(&edge).get("/").await.expect(502);

        let edge = in_front_of(&twice).start().await;
        viewer(&edge).get("/").await.expect(200).body("at last");
    }
}
