//! Promise 6: limits on everything that a peer controls, deadlines on everything that waits.

use harness::{Edge, EdgeBuilder, Origin, in_front_of, ms, origin, reached, viewer};

async fn cast(with: impl FnOnce(EdgeBuilder) -> EdgeBuilder) -> (Edge, Origin) {
    let primary = origin("primary").start().await;
    let edge = with(in_front_of(&primary)).start().await;
    (edge, primary)
}

fn as_it_comes(builder: EdgeBuilder) -> EdgeBuilder {
    builder
}

mod sizes {
    use super::*;

    /// A path and query of this many bytes.
    fn url(bytes: usize) -> String {
        format!("/?{}", "x".repeat(bytes - 2))
    }

    /// Headers of this many bytes in all, as lines of 1,000 bytes and a rest; `Host: localhost` is counted too.
    fn headers(bytes: usize) -> String {
        let mut text = "Host: localhost\r\n".to_owned();
        while bytes - text.len() >= 2_000 {
            text += &format!("X-Filling: {}\r\n", "x".repeat(1_000 - 13));
        }
        let rest = bytes - text.len() - 13;
        text += &format!("X-Filling: {}\r\n", "x".repeat(rest));
        assert_eq!(text.len(), bytes);
        text
    }

    #[tokio::test]
    async fn a_url_may_have_8192_bytes() {
        let (edge, primary) = cast(as_it_comes).await;

        viewer(&edge).get(&url(8_192)).await.expect(200);
        assert_eq!(primary.request().target.len(), 8_192);

        let mut response = viewer(&edge)
            .sends(format!(
                "GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n",
                url(8_193)
            ))
            .await;
        response
            .expect(413)
            .header("x-cache", "Error from tideover")
            .body_has("URL is too long");
        response.closes().await;
        assert_eq!(primary.requests().len(), 1);
    }

    #[tokio::test]
    async fn a_head_may_have_32768_bytes() {
        let (edge, primary) = cast(as_it_comes).await;
        let head = |bytes: usize| format!("GET / HTTP/1.1\r\n{}\r\n", headers(bytes));

        // The path counts as well.
        viewer(&edge).sends(head(32_767)).await.expect(200);
        let mut response = viewer(&edge).sends(head(32_768)).await;

        response
            .expect(413)
            .header("x-cache", "Error from tideover")
            .body_has("headers are too large");
        response.closes().await;
        assert_eq!(primary.requests().len(), 1);
    }

    #[tokio::test]
    async fn much_larger_heads_are_answered_by_us_too() {
        let (edge, primary) = cast(as_it_comes).await;

        // Up to 64 KiB the status is CloudFront's, beyond it RFC 6585's.
        for (bytes, status) in [(40_000, 413), (60_000, 413), (90_000, 431)] {
            let mut response = viewer(&edge)
                .sends(format!("GET / HTTP/1.1\r\n{}\r\n", headers(bytes)))
                .await;
            response.expect(status).body_has("headers are too large");
            response.closes().await;
        }
        primary.saw_nothing();
    }

    #[tokio::test]
    async fn a_head_without_end_ends() {
        let (edge, primary) = cast(as_it_comes).await;
        let mut line = viewer(&edge).connects().await;

        let endless = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(64 << 20));
        let taken = line
            .sends_as_much_as_is_taken(endless.as_bytes(), ms(2_000))
            .await;
        assert!(taken < endless.len(), "all of it was taken");

        viewer(&edge).get("/next").await.expect(200);
        primary.saw(["GET /next"]);
    }

    #[tokio::test]
    async fn too_many_headers_are_refused() {
        let (edge, primary) = cast(as_it_comes).await;
        let many = "X: 1\r\n".repeat(5_000);

        let mut response = viewer(&edge)
            .sends(format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"))
            .await;

        assert!(matches!(response.status, 413 | 431), "{response:?}");
        response.closes().await;
        primary.saw_nothing();
    }

    #[tokio::test]
    async fn the_limits_can_be_set() {
        let (edge, primary) =
            cast(|edge| edge.and("[listen]\nmax_url_bytes = 300\nmax_head_bytes = 1000")).await;

        viewer(&edge).get(&url(300)).await.expect(200);
        viewer(&edge).get(&url(301)).await.expect(413);
        viewer(&edge)
            .get("/")
            .header("X", &"x".repeat(1_000))
            .await
            .expect(413);
        assert_eq!(primary.requests().len(), 1);
    }

    #[tokio::test]
    async fn an_origins_head_may_have_32768_bytes() {
        for (bytes, status) in [(31_000, 200), (34_000, 502), (1_000_000, 502)] {
            let primary = origin("primary").huge_headers(bytes).start().await;
            let edge = in_front_of(&primary).start().await;

            let response = viewer(&edge).get("/").await;

            assert_eq!(response.status, status, "for {bytes} bytes");
            if status == 502 {
                response.header_has("proxy-status", "error=http_response_header_section_size");
            }
        }
    }
}

mod times {
    use super::*;

    fn short(builder: EdgeBuilder) -> EdgeBuilder {
        builder
            .and("[listen]\nhead_timeout = \"300ms\"\nidle_timeout = \"20s\"")
            .logs("json")
    }

    #[tokio::test]
    async fn a_viewer_that_says_nothing_is_hung_up_on() {
        let (edge, _primary) = cast(short).await;
        let mut line = viewer(&edge).connects().await;

        line.until_closed().await;

        edge.until_metric(&reached("head_timeout"), 1.0).await;
    }

    #[tokio::test]
    async fn a_head_that_trickles_has_a_deadline() {
        let (edge, primary) = cast(short).await;
        let mut line = viewer(&edge).connects().await;

        line.sends("GET / HTTP/1.1\r\n").await;
        // A header each 50 ms: the deadline is for the head as a whole.
        for _ in 0..40 {
            line.sends("X: 1\r\n").await;
            tokio::time::sleep(ms(50)).await;
        }
        line.until_closed().await;

        primary.saw_nothing();
        edge.until_metric(&reached("head_timeout"), 1.0).await;
        let log = edge.log_json(1).await;
        assert_eq!(log[0]["status"], 0, "{log:?}");
        assert_eq!(log[0]["limit"], "head_timeout", "{log:?}");
    }

    #[tokio::test]
    async fn an_idle_connection_is_closed() {
        let (edge, _primary) = cast(|edge| {
            edge.and("[listen]\nhead_timeout = \"20s\"\nidle_timeout = \"300ms\"")
                .logs("json")
        })
        .await;
        let mut line = viewer(&edge).connects().await;

        line.sends("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        line.receives("GET").await.expect(200);
        assert!(line.until_closed().await, "it is closed in order");

        edge.until_metric(&reached("idle_timeout"), 1.0).await;
        // Nothing went wrong: there is the line of the request and no other.
        viewer(&edge).get("/next").await.expect(200);
        let log = edge.log_json(2).await;
        assert_eq!(log[1]["path"], "/next", "{log:?}");
    }

    #[tokio::test]
    async fn a_head_that_has_begun_is_idle_no_longer() {
        let (edge, _primary) =
            cast(|edge| edge.and("[listen]\nhead_timeout = \"20s\"\nidle_timeout = \"300ms\""))
                .await;
        let mut line = viewer(&edge).connects().await;
        line.sends("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n").await;
        line.receives("GET").await.expect(200);

        line.sends("G").await;
        tokio::time::sleep(ms(600)).await;
        line.sends("ET /2 HTTP/1.1\r\nHost: a\r\n\r\n").await;

        line.receives("GET").await.expect(200);
    }

    #[tokio::test]
    async fn a_later_head_has_the_same_deadline_from_its_first_byte() {
        let (edge, primary) = cast(short).await;
        let mut line = viewer(&edge).connects().await;
        line.sends("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n").await;
        line.receives("GET").await.expect(200);

        // Longer than a head may take: nothing of the next one has come.
        tokio::time::sleep(ms(600)).await;
        line.sends("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n").await;
        line.receives("GET").await.expect(200);
        line.sends("GET /3").await;
        line.until_closed().await;

        primary.saw(["GET /1", "GET /2"]);
        edge.until_metric(&reached("head_timeout"), 1.0).await;
    }

    #[tokio::test]
    async fn idle_origin_connections_are_closed_after_their_keepalive() {
        let (edge, primary) = cast(|edge| {
            edge.and("[origin.primary]\nurl = \"http://primary.test\"\nkeepalive_timeout = \"1s\"")
        })
        .await;

        viewer(&edge).get("/1").await.expect(200);
        primary.until_it_was_closed(1).await;
        viewer(&edge).get("/2").await.expect(200);

        assert_eq!(primary.connections(), 2);
    }

    #[tokio::test]
    async fn a_completion_timeout_bounds_the_whole_exchange() {
        let primary = origin("primary").trickles(ms(40)).start().await;
        // All of it takes 2 s, no gap is longer than 40 ms.
        let edge = in_front_of(&primary)
            .and(
                "[origin.primary]\nurl = \"http://primary.test\"\nresponse_timeout = \"1s\"\n\
                 response_completion_timeout = \"1s\"",
            )
            .start()
            .await;

        viewer(&edge).get("/").await.expect(504);
        primary.until_it_was_left().await;
    }
}

mod connections_to_an_origin {
    use super::*;
    use harness::{answer, gate};

    #[tokio::test]
    async fn there_are_never_more_than_the_origin_allows_and_the_rest_wait_in_line() {
        let held = gate();
        let primary = origin("primary")
            .plays(answer(200).body("x").after(&held))
            .start()
            .await;
        let edge = in_front_of(&primary)
            .and("[origin.primary]\nurl = \"http://primary.test\"\nmax_connections = 2\nconnection_timeout = \"8s\"")
            .start()
            .await;
        let mut lines = Vec::new();
        for _ in 0..6 {
            let mut line = viewer(&edge).connects().await;
            line.sends("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
            lines.push(line);
        }

        primary.until_it_saw(2).await;
        tokio::time::sleep(ms(200)).await;
        assert_eq!(primary.requests().len(), 2);
        held.open();

        for line in &mut lines {
            line.receives("GET").await.expect(200).body("x");
        }
        assert_eq!(primary.requests().len(), 6);
        assert_eq!(primary.connections(), 2);
    }

    #[tokio::test]
    async fn waiting_for_one_counts_as_connecting() {
        let primary = origin("primary").never_answers().start().await;
        let secondary = origin("secondary").start().await;
        let edge = harness::tiers([&primary, &secondary], [503])
            .and(
                "[origin.primary]\nurl = \"http://primary.test\"\nmax_connections = 1\n\
                 connection_attempts = 1\nconnection_timeout = \"1s\"",
            )
            .start()
            .await;
        let mut first = viewer(&edge).connects().await;
        first.sends("GET /first HTTP/1.1\r\nHost: a\r\n\r\n").await;
        primary.until_it_saw(1).await;

        let response = viewer(&edge).get("/second").await;

        response
            .expect(200)
            .body("from secondary")
            .header_has("tideover-attempts", "primary;error=connect-timeout");
        primary.saw(["GET /first"]);
    }
}

mod an_origin_that_never_comes_to_the_point {
    use super::*;
    use harness::{Step, edge};

    #[tokio::test]
    async fn keeps_nobody_else_waiting() {
        // A chunk's size that has any number of zeros in front, or of spaces behind it.
        for (size, more) in [("", b'0'), ("5", b' ')] {
            let head = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{size}");
            let bad = origin("bad")
                .plays([
                    Step::Send(head.into_bytes()),
                    Step::SendForever(vec![more; 1 << 20]),
                ])
                .start()
                .await;
            let good = origin("good").start().await;
            let edge = edge(
                r#"
                [distribution.site.default_behavior]
                target = "good"

                [[distribution.site.behavior]]
                path = "/bad"
                target = "bad"
                "#,
            )
            .origins([&bad, &good])
            .start()
            .await;
            let mut line = viewer(&edge).connects().await;

            line.sends("GET /bad HTTP/1.1\r\nHost: a\r\n\r\n").await;
            line.receives_a_head().await.expect(200);
            for _ in 0..5 {
                viewer(&edge).get("/").await.expect(200);
            }
        }
    }
}
