//! Promises 6 and 7 over HTTP/2: windows are honest from end to end, a drain loses nothing, and a request means what it says.

use harness::frames::{
    code, connects, data, flag, frame, get, greets, headers, kind, request, setting, window_update,
};
use harness::{Edge, Origin, Step, answer, gate, in_front_of, ms, origin, settles, viewer};

async fn in_front(primary: &Origin) -> Edge {
    in_front_of(primary)
        .and("[listen]\nh2c = true")
        .start()
        .await
}

/// As much as sockets, windows and buffers between an origin and a viewer may hold, beside what the viewer took.
const HELD: u64 = 12 << 20;

mod windows {
    use super::*;

    #[tokio::test]
    async fn a_viewer_that_does_not_read_holds_the_origin_back_and_no_other_stream() {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 1_u64 << 30);
        let primary = origin("primary")
            .at("/large", [Step::Send(head.into()), Step::Stream(1 << 30)])
            .start()
            .await;
        let edge = in_front(&primary).await;
        // The connection has room, the stream keeps what it began with.
        let mut line = greets(edge.address()).await;
        line.sends([get(1, "/large"), window_update(0, 1 << 30)].concat())
            .await;

        let sent = settles(|| primary.bytes_sent()).await;

        assert!(sent < HELD, "{sent} bytes");
        for at in 0..100 {
            line.sends(get(3 + 2 * at, "/")).await;
            let answer = line.answer(3 + 2 * at).await;
            assert_eq!((answer.status, answer.whole), (200, true));
        }
        // The others' answers are counted too.
        let more = settles(|| primary.bytes_sent()).await;
        assert!(more < sent + 100_000, "{more} bytes");

        // And goes on as far as it is let.
        line.sends(window_update(1, 16 << 20)).await;
        let mut came = 0;
        while came < 16 << 20 {
            let frame = line.next().await.expect("it goes on");
            if frame.kind == kind::DATA {
                came += frame.payload.len();
            }
        }
        let more = settles(|| primary.bytes_sent()).await;
        assert!(more < sent + (16 << 20) + HELD, "{more} bytes");
    }

    #[tokio::test]
    async fn an_origin_that_does_not_read_holds_the_viewer_back_and_no_other_stream() {
        let primary = origin("primary").at("/deaf", [Step::Silence]).start().await;
        let edge = in_front(&primary).await;
        let mut line = greets(edge.address()).await;
        line.sends(headers(1, flag::END_HEADERS, &request("POST", "/deaf")))
            .await;
        // What the edge lets in: the windows it began with, and what it adds as the origin's socket takes.
        let mut window = 65_535_u64;
        let mut connection = 65_535_u64;
        let mut sent = 0_u64;
        loop {
            let piece = window.min(connection).min(16_384);
            if piece > 0 {
                line.sends(data(1, 0, vec![b'x'; piece as usize])).await;
                window -= piece;
                connection -= piece;
                sent += piece;
                assert!(sent < 1 << 26, "it is never held back");
                continue;
            }
            let Some(frame) = line.next_within(ms(300)).await else {
                break;
            };
            let bytes = frame.payload.last_chunk::<4>().copied().unwrap_or_default();
            let more = u64::from(u32::from_be_bytes(bytes));
            match (frame.kind, frame.stream) {
                (kind::WINDOW_UPDATE, 0) => connection += more,
                (kind::WINDOW_UPDATE, 1) => window += more,
                _ => {}
            }
        }
        assert!(sent < HELD, "{sent} bytes");
        // The stream's own window was shut, not the connection's.
        assert!(connection > 0, "{window} {connection}");
        line.sends(get(3, "/")).await;
        assert_eq!(line.answer(3).await.status, 200);
    }

    #[tokio::test]
    async fn a_window_of_one_byte_is_kept() {
        let primary = origin("primary").body("abc").start().await;
        let edge = in_front(&primary).await;
        let settings = [(setting::INITIAL_WINDOW_SIZE, 1)];
        let mut line = connects(edge.address()).await.greets_with(&settings).await;
        line.sends(get(1, "/")).await;
        let answer = line.answer(1).await;
        assert_eq!((answer.body.as_slice(), answer.whole), (&b"abc"[..], true));
    }
}

mod drains {
    use super::*;

    /// Nobody knows yet what it would have spoken.
    #[tokio::test]
    async fn who_has_said_nothing_does_not_hold_up_a_drain() {
        let primary = origin("primary").start().await;
        let edge = in_front_of(&primary)
            .and("[listen]\nh2c = true")
            .start()
            .await;
        let mut silent = viewer(&edge).connects().await;
        let mut begun = viewer(&edge).connects().await;
        begun.sends("PRI * HT").await;
        edge.until_metric("tideover_viewer_connections", 2.0).await;

        let began = std::time::Instant::now();
        edge.shuts_down(ms(20_000)).await;

        assert!(began.elapsed() < ms(4_000), "{:?}", began.elapsed());
        assert!(silent.until_closed().await);
        begun.until_closed().await;
    }

    #[tokio::test]
    async fn who_leaves_without_a_word_is_let_go() {
        let primary = origin("primary").start().await;
        let edge = in_front_of(&primary)
            .and("[listen]\nh2c = true\nhead_timeout = \"10m\"")
            .start()
            .await;
        let mut silent = viewer(&edge).connects().await;
        edge.until_metric("tideover_viewer_connections", 1.0).await;

        silent.ends().await;

        assert!(silent.until_closed().await);
        edge.until_metric("tideover_viewer_connections", 0.0).await;
    }

    #[tokio::test]
    async fn a_drain_finishes_what_runs_and_takes_nothing_new() {
        let held = gate();
        let primary = origin("primary")
            .plays(answer(200).body("whole").after(&held))
            .start()
            .await;
        let edge = in_front(&primary).await;
        let mut idle = greets(edge.address()).await;
        let mut line = greets(edge.address()).await;
        line.sends([get(1, "/"), get(3, "/")].concat()).await;
        primary.until_it_saw(2).await;

        let drain = tokio::spawn(edge.shuts_down(ms(8_000)));
        // Idle connections are told, and closed at once.
        assert_eq!(idle.until_closed().await, Some(code::NO_ERROR));
        line.until("it is told to go", |frame| frame.kind == kind::GOAWAY)
            .await;
        held.open();
        for answer in line.answers([1, 3]).await {
            assert_eq!((answer.status, answer.whole), (200, true));
        }
        line.until_closed().await;
        let summary = drain.await.expect("it ends");
        assert_eq!((summary.requests, summary.viewer_gone), (2, 0));
    }

    /// A viewer that no longer lives does not hold up the drain.
    #[tokio::test]
    async fn a_viewer_that_answers_no_ping_is_not_waited_for() {
        let primary = origin("primary").start().await;
        let edge = in_front(&primary).await;
        let mut dead = greets(edge.address()).await;
        dead.sends(get(1, "/")).await;
        assert_eq!(dead.answer(1).await.status, 200);
        let drained = harness::patiently("the drain", edge.shuts_down(ms(60_000))).await;
        assert_eq!(drained.requests, 1);
    }

    /// What was answered and is taken slowly is no reason to cut it.
    #[tokio::test]
    async fn a_viewer_that_takes_slowly_what_was_answered_gets_all_of_it() {
        let body = "x".repeat(20_000);
        let primary = origin("primary").body(&body).start().await;
        let edge = in_front(&primary).await;
        let settings = [(setting::INITIAL_WINDOW_SIZE, 1)];
        let mut line = connects(edge.address()).await.greets_with(&settings).await;
        line.sends(get(1, "/")).await;
        line.until("the head", |frame| frame.kind == kind::HEADERS)
            .await;
        line.until("a byte", |frame| frame.kind == kind::DATA).await;
        let drain = tokio::spawn(edge.shuts_down(ms(9_000)));
        line.until("it is told to go", |frame| frame.kind == kind::GOAWAY)
            .await;
        let ping = line
            .until("a round trip is asked for", |frame| {
                frame.kind == kind::PING
            })
            .await;
        line.sends(frame(kind::PING, flag::ACK, 0, ping.payload))
            .await;
        line.until("the last stream is named", |frame| {
            frame.kind == kind::GOAWAY
        })
        .await;
        // Longer than one that does not live is waited for.
        assert!(line.hears_nothing_for(ms(3_500)).await);
        line.sends(window_update(1, 20_000)).await;
        // One byte was taken out above.
        let mut came = 1;
        while came < body.len() {
            let frame = line.next().await.expect("it goes on");
            if frame.kind == kind::DATA {
                came += frame.payload.len();
            }
        }
        line.until_closed().await;
        drain.await.expect("it ends");
    }

    /// A viewer that has asked before it heard of the drain is answered: the last stream is named one round trip later.
    #[tokio::test]
    async fn what_was_asked_before_the_drain_was_heard_of_is_answered() {
        let held = gate();
        let primary = origin("primary")
            .plays(answer(200).body("whole").after(&held))
            .start()
            .await;
        let edge = in_front(&primary).await;
        let mut line = greets(edge.address()).await;
        line.sends(get(1, "/")).await;
        primary.until_it_saw(1).await;
        let drain = tokio::spawn(edge.shuts_down(ms(8_000)));
        let first = line
            .until("it is told to go", |frame| frame.kind == kind::GOAWAY)
            .await;
        assert_eq!(first.payload[..4], [0x7f, 0xff, 0xff, 0xff]);
        let ping = line
            .until("a round trip is asked for", |frame| {
                frame.kind == kind::PING
            })
            .await;

        line.sends(get(3, "/")).await;
        line.sends(frame(kind::PING, flag::ACK, 0, ping.payload))
            .await;
        let last = line
            .until("the last stream is named", |frame| {
                frame.kind == kind::GOAWAY
            })
            .await;
        assert_eq!(last.payload[..4], [0, 0, 0, 3]);
        held.open();
        for answer in line.answers([1, 3]).await {
            assert_eq!(answer.status, 200);
        }
        line.until_closed().await;
        drain.await.expect("it ends");
    }

    /// The viewer goes: what it asked for is finished, and then the connection ends.
    #[tokio::test]
    async fn a_viewer_that_goes_is_answered_first() {
        let primary = origin("primary").body("x").start().await;
        let edge = in_front(&primary).await;
        let mut line = greets(edge.address()).await;
        let go_away = frame(kind::GOAWAY, 0, 0, [0; 8]);
        line.sends([get(1, "/"), go_away].concat()).await;
        assert_eq!(line.answer(1).await.status, 200);
        line.until_closed().await;
        edge.until_metric("tideover_viewer_connections", 0.0).await;
    }

    #[tokio::test]
    async fn a_request_that_is_taken_back_leaves_its_origin() {
        let primary = origin("primary")
            .at("/silent", [Step::Silence])
            .start()
            .await;
        let edge = in_front(&primary).await;
        let mut line = greets(edge.address()).await;
        line.sends(get(1, "/silent")).await;
        primary.until_it_saw(1).await;
        line.sends(harness::frames::reset(1, code::CANCEL)).await;
        primary.until_it_was_left().await;
        edge.until_metric("tideover_viewer_gone_total", 1.0).await;
        assert!(line.pings().await);
    }
}

mod requests {
    use super::*;

    /// What is sent beside the pseudo-header fields, and what the origin sees.
    #[tokio::test]
    async fn a_head_is_translated() {
        let primary = origin("primary").start().await;
        let edge = in_front(&primary).await;
        let mut line = greets(edge.address()).await;
        let mut fields = request("GET", "/a?b=c");
        fields.extend([
            ("cookie", "a=1"),
            ("x-between", "1"),
            ("cookie", "b=2; c=3"),
            ("cookie", "d=4"),
            ("te", "trailers"),
        ]);
        line.sends(headers(1, flag::WHOLE, &fields)).await;
        let answer = line.answer(1).await;
        assert_eq!(answer.status, 200);
        let seen = primary.request();
        assert_eq!(seen.head.first_line, "GET /a?b=c HTTP/1.1");
        let cookies: Vec<_> = seen.head.all("cookie").collect();
        assert_eq!(cookies, ["a=1; b=2; c=3; d=4"]);
        assert_eq!(seen.value("x-forwarded-host"), "localhost");
        assert_eq!(seen.head.all("host").count(), 1);
        for (name, _) in &seen.head.headers {
            assert!(!name.starts_with(':'), "{name}");
        }
        // Nothing of one connection is told on another.
        for name in ["connection", "keep-alive", "transfer-encoding", "upgrade"] {
            assert_eq!(answer.value(name), "", "{name}");
        }
    }

    #[tokio::test]
    async fn head_has_the_length_and_no_body_also_where_the_edge_answers() {
        let primary = origin("primary").body("abc").start().await;
        let nobody = origin("primary").refuses().start().await;
        for (edge, path, status) in [
            (in_front(&primary).await, "/", 200),
            (in_front(&nobody).await, "/", 502),
        ] {
            let mut line = greets(edge.address()).await;
            line.sends(headers(1, flag::WHOLE, &request("HEAD", path)))
                .await;
            let answer = line.answer(1).await;
            assert_eq!((answer.status, answer.whole), (status, true));
            assert_eq!(answer.body, b"");
            let length: usize = answer.value("content-length").parse().unwrap_or(0);
            assert!(length > 0, "{status}");
        }
    }

    #[tokio::test]
    async fn trailers_cross_both_ways() {
        let script = answer(200)
            .header("Trailer", "X-Sum")
            .chunks(["abc"])
            .trailer("X-Sum", "6");
        let primary = origin("primary").plays(script).start().await;
        let edge = in_front(&primary).await;
        let mut line = greets(edge.address()).await;
        let mut fields = request("POST", "/");
        // What is not announced is not sent on: an origin behind HTTP/1.1 would not expect it.
        fields.extend([("te", "trailers"), ("trailer", "x-check")]);
        line.sends(
            [
                headers(1, flag::END_HEADERS, &fields),
                data(1, 0, "body"),
                headers(1, flag::WHOLE, &[("x-check", "7")]),
            ]
            .concat(),
        )
        .await;
        let answer = line.answer(1).await;
        assert_eq!(answer.body, b"abc");
        assert_eq!(answer.trailers, [("x-sum".to_owned(), "6".to_owned())]);
        let seen = primary.request();
        assert_eq!(seen.text(), "body");
        let trailers: Vec<_> = seen
            .trailers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.as_str()))
            .collect();
        assert_eq!(trailers, [("x-check".to_owned(), "7")]);
    }

    /// Trailers that frame, route or authorize are no trailers.
    #[tokio::test]
    async fn trailers_that_must_not_be_are_refused() {
        let primary = origin("primary").start().await;
        let edge = in_front(&primary).await;
        for name in ["content-length", "host", "authorization", "x-forwarded-for"] {
            let mut line = greets(edge.address()).await;
            line.sends(headers(1, flag::END_HEADERS, &request("POST", "/")))
                .await;
            line.sends(data(1, 0, "body")).await;
            line.sends(headers(1, flag::WHOLE, &[(name, "1")])).await;
            let answer = line.answer(1).await;
            assert_eq!(answer.status, 400, "{name}");
        }
        assert!(primary.requests().iter().all(|seen| !seen.is_whole));
    }

    /// There is no 100 over HTTP/2 (the HTTP/2 library sends none), but whoever waits for one gets an answer if there is one
    /// without the body, and may send the body at any time.
    #[tokio::test]
    async fn an_expectation_hinders_nobody() {
        let head = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n";
        let primary = origin("primary")
            .at("/private", [Step::Send(head.into())])
            .start()
            .await;
        let edge = in_front(&primary).await;
        let mut line = greets(edge.address()).await;
        for (stream, path, status) in [(1, "/private", 401), (3, "/", 200)] {
            let mut fields = request("POST", path);
            fields.push(("expect", "100-continue"));
            line.sends(headers(stream, flag::END_HEADERS, &fields))
                .await;
            if status == 200 {
                line.sends(data(stream, flag::END_STREAM, "body")).await;
            }
            assert_eq!(line.answer(stream).await.status, status);
        }
        assert_eq!(primary.requests()[1].text(), "body");
    }

    /// An origin that dies within its answer ends the stream, and the connection goes on.
    #[tokio::test]
    async fn an_answer_that_is_cut_resets_its_stream_alone() {
        let primary = origin("primary").claims_more_than_it_sends().start().await;
        let edge = in_front(&primary).await;
        let mut line = greets(edge.address()).await;
        line.sends(get(1, "/")).await;
        let answer = line.answer(1).await;
        assert_eq!((answer.status, answer.whole), (200, false));
        assert!(line.pings().await);
    }
}
