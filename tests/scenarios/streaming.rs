//! Promise 2: bodies stream in both directions with back-pressure, nothing is decided after the first byte, and a body
//! that was cut never looks complete.

use std::time::Duration;

use harness::{Step, gate, in_front_of, ms, origin, settles, tiers, viewer};

/// Far more than all the buffers between an origin and a viewer hold.
const HUGE: u64 = 1 << 30;
/// More than the edge and the kernel's socket buffers may hold of one body, far less than [`HUGE`].
const BOUND: u64 = 64 << 20;

mod towards_the_viewer {
    use super::*;

    #[tokio::test]
    async fn the_first_bytes_arrive_before_the_last_ones_exist() {
        let held = gate();
        let primary = origin("primary")
            .plays([
                Step::ReadBody,
                Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n".into()),
                Step::Send(b"early".into()),
                Step::Wait(held.clone()),
                Step::Send(b" late".into()),
            ])
            .start()
            .await;
        let edge = in_front_of(&primary).start().await;
        let mut line = viewer(&edge).connects().await;

        line.sends("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        let mut response = line.receives_a_head().await;
        assert_eq!(line.receives_bytes(5).await, b"early");
        held.open();
        assert_eq!(line.receives_bytes(5).await, b" late");

        response.expect(200);
        response.took = Duration::ZERO;
    }

    #[tokio::test]
    async fn a_slow_reader_bounds_what_is_taken_from_the_origin() {
        let primary = origin("primary").streams(HUGE).start().await;
        let edge = in_front_of(&primary).start().await;
        let mut line = viewer(&edge).connects().await;

        line.sends("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        line.receives_a_head().await.expect(200);
        let taken = settles(|| primary.bytes_sent()).await;

        assert!(taken < BOUND, "{taken} bytes were taken from the origin");
    }

    #[tokio::test]
    async fn a_large_body_arrives_whole() {
        let size: u64 = 32 << 20;
        let primary = origin("primary").streams(size).start().await;
        let edge = in_front_of(&primary).start().await;

        let response = viewer(&edge).get("/").await;

        response.expect(200).whole();
        assert_eq!(response.body.len() as u64, size);
    }

    #[tokio::test]
    async fn a_viewer_that_leaves_ends_the_origins_connection() {
        let primary = origin("primary").streams(HUGE).start().await;
        let edge = in_front_of(&primary).start().await;
        let mut line = viewer(&edge).connects().await;

        line.sends("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        line.receives_a_head().await.expect(200);
        line.resets();

        primary.until_it_was_left().await;
    }

    #[tokio::test]
    async fn the_next_viewer_gets_its_own_answer_and_not_the_rest_of_anothers() {
        let size: usize = 4 << 20;
        let primary = origin("primary")
            .at("/large", harness::answer(200).body(vec![b'x'; size]))
            .start()
            .await;
        let edge = in_front_of(&primary).start().await;

        for _ in 0..20 {
            let mut line = viewer(&edge).connects().await;
            line.sends("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
                .await;
            line.receives_a_head().await.expect(200);
            line.resets();
            viewer(&edge)
                .get("/own")
                .await
                .expect(200)
                .body("from primary");
        }
    }

    #[tokio::test]
    async fn a_viewer_that_leaves_before_the_answer_ends_the_origins_connection() {
        let primary = origin("primary").never_answers().start().await;
        let edge = in_front_of(&primary).start().await;
        let mut line = viewer(&edge).connects().await;

        line.sends("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        primary.until_it_saw(1).await;
        line.resets();

        primary.until_it_was_left().await;
        edge.until_metric("tideover_viewer_gone_total", 1.0).await;
    }

    #[tokio::test]
    async fn a_cut_body_cuts_the_viewer_and_is_never_completed() {
        let bad = || origin("primary");
        for cut in [
            bad().resets_after(10_000),
            bad().claims_more_than_it_sends(),
            bad().leaves_out_the_last_chunk(),
        ] {
            let primary = cut.start().await;
            let secondary = origin("secondary").start().await;
            let edge = tiers([&primary, &secondary], [502, 503, 504]).start().await;
            let mut line = viewer(&edge).connects().await;

            line.sends("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                .await;
            line.receives("GET").await.expect(200).cut();
            line.until_closed().await;

            // The head was out: there was nothing left to decide.
            secondary.saw_nothing();
            primary.saw(["GET /"]);
        }
    }

    #[tokio::test]
    async fn a_cut_body_resets_a_viewer_that_knows_its_end_by_the_connection_only() {
        for cut in [
            origin("primary").leaves_out_the_last_chunk(),
            origin("primary").plays([
                Step::ReadBody,
                Step::Send(b"HTTP/1.1 200 OK\r\n\r\n12345".into()),
                Step::Silence,
            ]),
        ] {
            let primary = cut.start().await;
            let edge = in_front_of(&primary).time_scale(0.02).start().await;
            let mut line = viewer(&edge).connects().await;

            line.sends("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
                .await;
            line.receives_a_head().await.expect(200);

            assert!(!line.until_closed().await, "it looks complete");
        }
    }

    #[tokio::test]
    async fn a_body_that_stalls_is_cut_after_the_response_timeout() {
        let primary = origin("primary").stalls_after(5).start().await;
        let edge = in_front_of(&primary).time_scale(0.02).start().await;

        let response = viewer(&edge).get("/").await;

        // 10 s of the response timeout.
        response.expect(200).cut().took_at_least(ms(200));
        assert_eq!(response.text(), "01234");
        primary.until_it_was_left().await;
    }

    #[tokio::test]
    async fn a_body_without_a_length_ends_with_its_connection() {
        let primary = origin("primary")
            .plays([
                Step::ReadBody,
                Step::Send(b"HTTP/1.1 200 OK\r\n\r\nuntil the end".into()),
                Step::Close,
            ])
            .start()
            .await;
        let edge = in_front_of(&primary).start().await;

        let response = viewer(&edge).get("/").await;

        response.expect(200).body("until the end");
        response.header("transfer-encoding", "chunked");
    }

    #[tokio::test]
    async fn a_body_without_a_length_that_is_reset_is_cut() {
        let primary = origin("primary")
            .plays([
                Step::ReadBody,
                Step::Send(b"HTTP/1.1 200 OK\r\n\r\nuntil the e".into()),
                Step::Reset,
            ])
            .start()
            .await;
        let edge = in_front_of(&primary).start().await;
        let mut line = viewer(&edge).connects().await;

        line.sends("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;

        // Nothing, or a cut answer: never one that looks complete.
        if let Ok(Some(response)) = line.tries_to_receive("GET").await {
            assert!(response.status == 502 || !response.whole, "{response:?}");
        }
    }

    #[tokio::test]
    async fn what_an_origin_sends_after_its_answer_is_nobodys_answer() {
        let primary = origin("primary").sends_more_than_it_claims().start().await;
        let edge = in_front_of(&primary).start().await;

        for _ in 0..5 {
            viewer(&edge).get("/").await.expect(200).body("short");
        }
    }
}

mod towards_the_origin {
    use super::*;

    #[tokio::test]
    async fn a_request_body_goes_on_before_it_is_complete() {
        let primary = origin("primary").start().await;
        let edge = in_front_of(&primary).start().await;
        let mut line = viewer(&edge).connects().await;

        line.sends("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nfirst")
            .await;
        primary.until_it_saw(1).await;
        assert!(!primary.request().is_whole);
        line.sends(" half").await;

        line.receives("POST").await.expect(200);
        assert_eq!(primary.request().text(), "first half");
    }

    #[tokio::test]
    async fn an_origin_that_does_not_read_bounds_what_is_taken_from_the_viewer() {
        let held = gate();
        let primary = origin("primary")
            .plays([Step::Wait(held.clone()), Step::Close])
            .start()
            .await;
        let edge = in_front_of(&primary).start().await;
        let mut line = viewer(&edge).connects().await;

        line.sends(format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {HUGE}\r\n\r\n"
        ))
        .await;
        let body = vec![b'x'; usize::try_from(BOUND).expect("fits")];
        let taken = line.sends_as_much_as_is_taken(&body, ms(1_000)).await;
        held.open();

        assert!((taken as u64) < BOUND, "all of {taken} bytes were taken");
    }

    #[tokio::test]
    async fn an_origin_that_stops_reading_is_given_up() {
        let primary = origin("primary").plays([Step::Wait(gate())]).start().await;
        let edge = in_front_of(&primary).time_scale(0.05).start().await;
        let mut line = viewer(&edge).connects().await;

        line.sends(format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {HUGE}\r\n\r\n"
        ))
        .await;
        let body = vec![b'x'; usize::try_from(BOUND).expect("fits")];
        line.sends_as_much_as_is_taken(&body, ms(300)).await;

        // 10 s without a byte taken.
        line.receives("POST")
            .await
            .expect(503)
            .body_has("outcome unknown");
    }

    #[tokio::test]
    async fn a_slow_viewer_is_not_the_origins_fault() {
        let primary = origin("primary").start().await;
        // The body may pause for 30 s, the origin answer within 10 s.
        let edge = in_front_of(&primary).time_scale(0.05).start().await;
        let mut line = viewer(&edge).connects().await;

        line.sends("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nfirst")
            .await;
        tokio::time::sleep(ms(800)).await;
        line.sends(" half").await;

        line.receives("POST").await.expect(200);
        assert_eq!(primary.request().text(), "first half");
    }

    #[tokio::test]
    async fn a_chunked_body_stays_chunked() {
        let primary = origin("primary").start().await;
        let edge = in_front_of(&primary).start().await;
        let mut line = viewer(&edge).connects().await;

        line.sends("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await;
        line.sends("5\r\nfirst\r\n").await;
        primary.until_it_saw(1).await;
        line.sends("5;x=y\r\n half\r\n0\r\n\r\n").await;

        line.receives("POST").await.expect(200);
        let request = primary.request();
        assert_eq!(request.text(), "first half");
        assert_eq!(request.value("transfer-encoding"), "chunked");
        assert!(!request.has("content-length"));
    }

    #[tokio::test]
    async fn a_chunked_body_of_a_read_is_not_lost() {
        for method in ["GET", "OPTIONS", "DELETE"] {
            let primary = origin("primary").start().await;
            let edge = in_front_of(&primary).start().await;
            let mut line = viewer(&edge).connects().await;

            line.sends(format!(
                "{method} / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwhat\r\n0\r\n\r\n"
            ))
            .await;

            line.receives(method).await.expect(200);
            assert_eq!(primary.request().text(), "what");
        }
    }

    #[tokio::test]
    async fn a_viewer_that_leaves_within_its_body_leaves_no_whole_request_behind() {
        for framing in [
            "Content-Length: 10\r\n\r\nhalf",
            "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        ] {
            let primary = origin("primary").start().await;
            let edge = in_front_of(&primary).start().await;
            let mut line = viewer(&edge).connects().await;

            line.sends(format!("POST / HTTP/1.1\r\nHost: localhost\r\n{framing}"))
                .await;
            primary.until_it_saw(1).await;
            line.resets();

            primary.until_it_hung_up(1).await;
            assert!(!primary.request().is_whole);
        }
    }

    #[tokio::test]
    async fn an_answer_may_come_before_the_request_is_complete() {
        let early = b"HTTP/1.1 413 Too Big\r\nContent-Length: 3\r\n\r\nno!";
        let primary = origin("primary")
            .plays([Step::Send(early.into()), Step::Close])
            .start()
            .await;
        let edge = in_front_of(&primary).start().await;
        let mut line = viewer(&edge).connects().await;

        line.sends(format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {HUGE}\r\n\r\nx"
        ))
        .await;

        line.receives("POST").await.expect(413).body("no!");
        line.until_closed().await;
    }

    #[tokio::test]
    async fn a_request_that_goes_on_after_its_answer_is_still_one_request() {
        let early = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly";
        let primary = origin("primary")
            .at("/early", [Step::Send(early.into()), Step::ReadBody])
            .start()
            .await;
        let edge = in_front_of(&primary).start().await;
        let mut line = viewer(&edge).connects().await;

        line.sends("POST /early HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30\r\n\r\n")
            .await;
        line.receives("POST").await.expect(200).body("early");
        // It looks like a request, and is none.
        line.sends("GET /smuggled HTTP/1.1\r\n\r\n....").await;
        primary.until_it_read(1).await;
        viewer(&edge).get("/next").await.expect(200);

        primary.saw(["POST /early", "GET /next"]);
    }

    #[tokio::test]
    async fn a_viewer_that_is_still_sending_gets_its_refusal() {
        let primary = origin("primary").refuses().start().await;
        let edge = in_front_of(&primary).start().await;

        for _ in 0..5 {
            let response = viewer(&edge).post("/", &"x".repeat(8 << 20)).await;
            response.expect(503).body_has("nothing was sent");
        }
    }

    #[tokio::test]
    async fn expect_100_continue_is_answered_by_the_edge() {
        let primary = origin("primary").start().await;
        let edge = in_front_of(&primary).start().await;
        let mut line = viewer(&edge).connects().await;

        line.sends("POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n").await;
        assert!(line.receives_line().await.starts_with("HTTP/1.1 100 "));
        assert_eq!(line.receives_line().await, "");
        line.sends("hello").await;

        line.receives("POST").await.expect(200);
        let request = primary.request();
        assert_eq!(request.text(), "hello");
        assert!(!request.has("expect"));
    }

    #[tokio::test]
    async fn expect_100_continue_is_not_encouraged_when_the_answer_is_no() {
        let primary = origin("primary").start().await;
        let edge = tiers([&primary, &origin("other").start().await], [503])
            .and("allowed_methods = [\"GET\"]")
            .start()
            .await;
        let mut line = viewer(&edge).connects().await;

        line.sends("TRACE / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n").await;

        let response = line.receives("TRACE").await;
        assert!(response.interim.is_empty(), "{response:?}");
        response.expect(403);
    }

    #[tokio::test]
    async fn a_post_without_a_body_says_so() {
        for head in ["Content-Length: 0\r\n", ""] {
            let primary = origin("primary").start().await;
            let edge = in_front_of(&primary).start().await;
            let mut line = viewer(&edge).connects().await;

            line.sends(format!("POST / HTTP/1.1\r\nHost: localhost\r\n{head}\r\n"))
                .await;

            line.receives("POST").await.expect(200);
            let request = primary.request();
            assert_eq!(request.value("content-length"), "0", "{request:?}");
            assert!(!request.has("transfer-encoding"));
        }
    }

    #[tokio::test]
    async fn a_get_without_a_body_has_no_length() {
        let primary = origin("primary").start().await;
        let edge = in_front_of(&primary).start().await;

        viewer(&edge).get("/").await.expect(200);

        let request = primary.request();
        assert!(!request.has("content-length"), "{request:?}");
        assert!(!request.has("transfer-encoding"), "{request:?}");
    }
}
