//! Promise 6: bad input gets a clear error and harms nobody else. It is refused, not forwarded, its connection is closed,
//! and the next viewer is served.

use harness::{Edge, Origin, in_front_of, origin, viewer};

async fn cast() -> (Edge, Origin) {
    let primary = origin("primary").start().await;
    let edge = in_front_of(&primary).start().await;
    (edge, primary)
}

/// The expected status, and the bytes.
type Case<'c> = (u16, &'c str);

/// Each case on a connection of its own, with a good request behind it that must not be taken for one.
async fn refused(cases: &[Case<'_>]) {
    let (edge, primary) = cast().await;
    for (status, bytes) in cases {
        let smuggled = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let mut line = viewer(&edge).connects().await;

        line.sends(format!("{bytes}{smuggled}")).await;

        let response = match line.tries_to_receive("GET").await {
            Ok(Some(response)) => response,
            other => panic!("{bytes:?} was answered by {other:?}"),
        };
        assert_eq!(response.status, *status, "to {bytes:?}: {response:?}");
        line.until_closed().await;
        let seen = primary.requests();
        assert!(seen.is_empty(), "{bytes:?} was forwarded: {seen:?}");
    }
    viewer(&edge).get("/next").await.expect(200);
    primary.saw(["GET /next"]);
}

#[tokio::test]
async fn a_request_has_one_host_that_is_one() {
    refused(&[
        (400, "GET / HTTP/1.1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: :80\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: http://a\r\n\r\n"),
        (400, "GET http://a/ HTTP/1.1\r\n\r\n"),
        (400, "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n"),
        (400, "GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ])
    .await;
}

#[tokio::test]
async fn a_target_is_a_path_or_a_url() {
    refused(&[
        (400, "GET /path#fragment HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET relative HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET relative/path HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET ?query HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET http://user@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"),
        (400, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n"),
        (403, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
    ])
    .await;
}

#[tokio::test]
async fn a_request_line_has_three_words() {
    refused(&[
        (400, "GET /\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
        (400, "GET / http/1.1\r\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        (400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "G\tT / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03\r\n\r\n"),
        (400, "SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    ])
    .await;
}

#[tokio::test]
async fn a_line_ends_in_cr_and_lf() {
    refused(&[
        (400, "GET / HTTP/1.1\nHost: a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\n\n"),
        (400, "GET / HTTP/1.1\nHost: a\n\n"),
        (400, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ])
    .await;
}

#[tokio::test]
async fn an_expectation_that_nobody_knows_is_not_met() {
    refused(&[(417, "GET / HTTP/1.1\r\nHost: a\r\nExpect: the-best\r\n\r\n")]).await;
}

#[tokio::test]
async fn a_header_is_a_name_a_colon_and_a_value() {
    refused(&[
        (400, "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\n: no name\r\n\r\n"),
        (
            400,
            "GET / HTTP/1.1\r\nHost: a\r\nX : space before the colon\r\n\r\n",
        ),
        (
            400,
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n",
        ),
        (400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
        (
            400,
            "GET / HTTP/1.1\r\nHost: a\r\nX: folded\r\n over lines\r\n\r\n",
        ),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX(y): 1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX\x00: 1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\x7fb\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"),
    ])
    .await;
}

#[tokio::test]
async fn a_body_has_one_length() {
    refused(&[
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1.0\r\n\r\n",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 1\r\n\r\n",
        ),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"),
        (
            400,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n",
        ),
        (
            400,
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: nothing\r\n\r\n",
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_body_is_chunked_or_it_is_not() {
    refused(&[
        (400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n"),
        (400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
        (400, "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"),
    ])
    .await;
}

#[tokio::test]
async fn methods_that_no_edge_forwards_are_refused_and_closed() {
    refused(&[
        (400, "CONNECT / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        (403, "BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        (403, "TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        (
            403,
            "TRACE / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
        ),
    ])
    .await;
}

/// Who begins with HTTP/2 and was not told that it is spoken here is hung up on.
#[tokio::test]
async fn an_http_2_preface_is_not_taken_for_a_request() {
    let (edge, primary) = cast().await;
    let mut line = viewer(&edge).connects().await;

    line.sends("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    line.until_closed().await;

    edge.until_metric("tideover_refused_heads_total", 1.0).await;
    primary.saw_nothing();
}

/// What looks odd and is good.
#[tokio::test]
async fn odd_but_good_requests_are_served() {
    let (edge, primary) = cast().await;
    for bytes in [
        "GET / HTTP/1.1\r\nHost:a\r\n\r\n",
        "GET / HTTP/1.1\r\nhOsT: \t a \t \r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\tb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~0aZ: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a:80/ HTTP/1.1\r\nHost: A\r\n\r\n",
        "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a?x HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
    ] {
        let before = primary.requests().len();
        let response = viewer(&edge).sends(bytes).await;
        assert_eq!(response.status, 200, "to {bytes:?}: {response:?}");
        assert_eq!(primary.requests().len(), before + 1, "{bytes:?}");
    }
}

#[tokio::test]
async fn a_refusal_says_what_is_wrong() {
    let (edge, _primary) = cast().await;

    viewer(&edge)
        .sends("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        .await
        .expect(400)
        .header("x-cache", "Error from tideover")
        .header("connection", "close")
        .header("proxy-status", "tideover;error=http_request_error")
        .body_has("more than one Host");
}

#[tokio::test]
async fn what_never_became_a_request_is_counted_and_logged() {
    let primary = origin("primary").start().await;
    let edge = in_front_of(&primary).logs("json").start().await;

    viewer(&edge)
        .sends("nonsense\r\n\r\n")
        .await
        .expect(400)
        .body("");

    edge.until_metric("tideover_refused_heads_total", 1.0).await;
    let line = edge.log_json(1).await.remove(0);
    assert_eq!(line["status"], 400, "{line}");
    assert_eq!(line["detail"], "InvalidRequestHeader", "{line}");
    assert_eq!(line["client"], "127.0.0.1", "{line}");
}

/// A body that turns bad on the way.
mod bodies {
    use super::*;

    const CHUNKED: &str =
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n";

    #[tokio::test]
    async fn a_bad_chunk_is_answered_400_and_never_completed_at_the_origin() {
        for bad in [
            "x\r\n",
            "-1\r\n",
            "+1\r\na\r\n",
            "0x1\r\na\r\n",
            "1 1\r\na\r\n",
            "\r\n",
            "fffffffffffffffff\r\n",
            "1\r\nab\r\n",
            "1\r\na0\r\n\r\n",
            "1\na\n",
            "1;x=\ny\r\na\r\n",
            "0\r\nno colon\r\n\r\n",
        ] {
            let (edge, primary) = cast().await;
            let mut line = viewer(&edge).connects().await;

            line.sends(CHUNKED).await;
            primary.until_it_saw(1).await;
            line.sends(bad).await;

            let response = match line.tries_to_receive("POST").await {
                Ok(Some(response)) => response,
                other => panic!("{bad:?} was answered by {other:?}"),
            };
            assert_eq!(response.status, 400, "to {bad:?}: {response:?}");
            line.until_closed().await;
            primary.until_it_hung_up(1).await;
            let request = primary.request();
            assert!(!request.is_whole, "after {bad:?}: {request:?}");
            viewer(&edge).get("/next").await.expect(200);
        }
    }

    #[tokio::test]
    async fn what_follows_a_bad_body_is_no_request() {
        let (edge, primary) = cast().await;
        let mut line = viewer(&edge).connects().await;

        line.sends(format!(
            "{CHUNKED}x\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        ))
        .await;
        line.receives("POST").await.expect(400);
        line.until_closed().await;

        let targets: Vec<String> = primary
            .requests()
            .into_iter()
            .map(|request| request.target)
            .collect();
        assert!(targets.iter().all(|target| target == "/"), "{targets:?}");
    }

    #[tokio::test]
    async fn a_bad_body_is_not_the_origins_fault() {
        let primary = origin("primary").start().await;
        let secondary = origin("secondary").start().await;
        let edge = harness::tiers([&primary, &secondary], [502, 503])
            .start()
            .await;
        let mut line = viewer(&edge).connects().await;

        line.sends("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
            .await;
        primary.until_it_saw(1).await;
        line.sends("x\r\n").await;

        line.receives("GET")
            .await
            .expect(400)
            .body_has("malformed or was cut off");
        secondary.saw_nothing();
    }

    #[tokio::test]
    async fn a_body_that_stops_arriving_is_answered_408() {
        let primary = origin("primary").start().await;
        let edge = in_front_of(&primary)
            .and("[listen]\nbody_timeout = \"200ms\"")
            .start()
            .await;
        let mut line = viewer(&edge).connects().await;

        line.sends("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
            .await;

        line.receives("POST")
            .await
            .expect(408)
            .body_has("stopped arriving");
        line.until_closed().await;
        primary.until_it_hung_up(1).await;
        assert!(!primary.request().is_whole);
    }
}

/// Origins that answer badly.
mod answers {
    use super::*;
    use harness::Step;

    #[tokio::test]
    async fn a_bad_head_of_an_origin_is_answered_502() {
        for head in [
            "HTTP/1.1 abc OK\r\n\r\n",
            "HTTP/1.1 99 OK\r\n\r\n",
            "HTTP/1.1 1000 OK\r\n\r\n",
            "HTTP/3.0 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
            "<html>no head</html>\r\n\r\n",
        ] {
            let primary = origin("primary")
                .plays([Step::ReadBody, Step::Send(head.into()), Step::Close])
                .start()
                .await;
            let edge = in_front_of(&primary).start().await;

            let response = viewer(&edge).get("/").await;

            assert_eq!(response.status, 502, "after {head:?}: {response:?}");
        }
    }

    #[tokio::test]
    async fn a_length_beside_chunks_does_not_count() {
        let primary = origin("primary")
            .plays([
                Step::ReadBody,
                Step::Send(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n\
                      5\r\nwhole\r\n0\r\n\r\n"
                        .into(),
                ),
            ])
            .start()
            .await;
        let edge = in_front_of(&primary).start().await;

        for _ in 0..2 {
            viewer(&edge)
                .get("/")
                .await
                .expect(200)
                .body("whole")
                .no_header("content-length");
        }
    }

    #[tokio::test]
    async fn a_bad_chunk_of_an_origin_cuts_the_answer() {
        for bad in ["x\r\n", "5\r\ntoo long\r\n", "fffffffffffffffff\r\n"] {
            let primary = origin("primary")
                .plays([
                    Step::ReadBody,
                    Step::Send(
                        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n"
                            .into(),
                    ),
                    Step::Send(bad.into()),
                    Step::Silence,
                ])
                .start()
                .await;
            let edge = in_front_of(&primary).start().await;
            let mut line = viewer(&edge).connects().await;

            line.sends("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
            line.receives("GET").await.expect(200).cut();
            primary.until_it_was_left().await;
        }
    }
}
