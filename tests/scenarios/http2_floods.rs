//! Promise 6 over HTTP/2: whoever floods is hung up on and counted, and nobody else waits. The floods are those that HTTP/2
//! has become known for; each would go on for as long as it is listened to.

use harness::frames::{
    self, Frames, PREFACE, code, connects, data, flag, frame, get, greets, headers, kind, ping,
    request, reset, setting, settings, window_update,
};
use harness::{Edge, EdgeBuilder, Origin, in_front_of, ms, origin, patiently, viewer};

const CALM: &str = "tideover_http2_faults_total{reason=\"enhance_your_calm\"}";

async fn cast(with: impl FnOnce(EdgeBuilder) -> EdgeBuilder) -> (Edge, Origin) {
    let primary = origin("primary")
        .at("/silent", [harness::Step::Silence])
        .start()
        .await;
    let edge = with(in_front_of(&primary).and("[listen]\nh2c = true"))
        .start()
        .await;
    (edge, primary)
}

fn as_it_comes(builder: EdgeBuilder) -> EdgeBuilder {
    builder
}

/// Each flood is said a hundred thousand times at most, without reading an answer, and ends long before.
async fn is_hung_up_on(what: &str, first: Vec<u8>, flood: impl Fn(u32) -> Vec<u8>) -> Option<u32> {
    let (edge, _primary) = cast(as_it_comes).await;
    let mut line = greets(edge.address()).await;
    line.sends(first).await;
    let mut said = 0;
    for round in 0..1_000 {
        // Streams 3, 5, …, as far as the flood has any.
        let piece: Vec<u8> = (0..100)
            .flat_map(|at| flood(3 + 2 * (round * 100 + at)))
            .collect();
        if line.floods(&piece, 1).await == 0 {
            break;
        }
        said += 100;
    }
    assert!(said < 100_000, "{what}: all of it was taken");
    let said_code = line.until_closed().await;
    viewer(&edge).get("/").await.expect(200);
    edge.until_metric("tideover_viewer_connections", 0.0).await;
    let faults: f64 = edge
        .metrics()
        .await
        .lines()
        .filter(|line| line.starts_with("tideover_http2_faults_total{"))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
        .sum();
    assert!(
        (faults - 1.0).abs() < f64::EPSILON,
        "{what}: {faults} faults"
    );
    said_code
}

/// What the flood is, and one unit of it on a stream of its own.
type Flood = (&'static str, Vec<u8>, fn(u32) -> Vec<u8>);

#[tokio::test]
async fn every_flood_ends() {
    let held = || headers(1, flag::END_HEADERS, &request("POST", "/silent"));
    let floods: Vec<Flood> = vec![
        (
            "requests taken back at once (CVE-2023-44487)",
            vec![],
            |stream| [get(stream, "/silent"), reset(stream, code::CANCEL)].concat(),
        ),
        (
            "requests that this side has to reset (CVE-2025-8671)",
            vec![],
            |stream| [get(stream, "/silent"), window_update(stream, 0)].concat(),
        ),
        ("windows that overflow", vec![], |stream| {
            [get(stream, "/silent"), window_update(stream, 0x7fff_ffff)].concat()
        }),
        (
            "a header block without end (CVE-2024-27316)",
            headers(1, 0, &[]),
            |_| frame(kind::CONTINUATION, 0, 1, frames::block(&[("x", "y")])),
        ),
        (
            "an empty header block without end",
            headers(1, 0, &[]),
            |_| frame(kind::CONTINUATION, 0, 1, []),
        ),
        ("header blocks that are empty", vec![], |stream| {
            headers(stream, flag::WHOLE, &[])
        }),
        ("empty DATA (CVE-2019-9518)", held(), |_| data(1, 0, [])),
        ("padding and nothing else", held(), |_| {
            data(1, flag::PADDED, [7, 0, 0, 0, 0, 0, 0, 0])
        }),
        ("SETTINGS (CVE-2019-9515)", vec![], |_| settings(&[])),
        ("SETTINGS that resize", vec![], |stream| {
            settings(&[(setting::HEADER_TABLE_SIZE, stream % 4_096)])
        }),
        ("PING (CVE-2019-9512)", vec![], |_| ping()),
        ("answers to no PING", vec![], |_| {
            frame(kind::PING, flag::ACK, 0, [0; 8])
        }),
        ("PRIORITY (CVE-2019-9513)", vec![], |stream| {
            frame(kind::PRIORITY, 0, stream, [0, 0, 0, 1, 16])
        }),
        ("frames that nobody knows", vec![], |_| {
            frame(99, 0, 0, [0; 16])
        }),
        ("windows opened byte by byte", held(), |_| {
            window_update(0, 1)
        }),
        ("resets of a stream that is gone", get(1, "/"), |_| {
            reset(1, code::CANCEL)
        }),
        ("GOAWAY again and again", vec![], |_| {
            frame(kind::GOAWAY, 0, 0, [0; 8])
        }),
    ];
    for (what, first, flood) in floods {
        let code = is_hung_up_on(what, first, flood).await;
        // A reset may have overtaken it.
        let may_be = [
            None,
            Some(code::ENHANCE_YOUR_CALM),
            Some(code::PROTOCOL_ERROR),
        ];
        assert!(may_be.contains(&code), "{what}: {code:?}");
    }
}

#[tokio::test]
async fn a_flood_is_told_to_calm_down() {
    let (edge, _primary) = cast(as_it_comes).await;
    let mut line = greets(edge.address()).await;

    // Just as many as it takes, so that no reset overtakes the word; the greeting cost two.
    line.sends(ping().repeat(999)).await;

    assert_eq!(line.until_closed().await, Some(code::ENHANCE_YOUR_CALM));
    edge.until_metric(CALM, 1.0).await;
}

#[tokio::test]
async fn what_a_download_needs_is_no_flood() {
    let primary = origin("primary").streams(20 << 20).start().await;
    let edge = in_front_of(&primary)
        .and("[listen]\nh2c = true")
        .start()
        .await;
    let mut line = greets(edge.address()).await;
    line.sends(get(1, "/")).await;
    let mut came = 0;
    while came < 20 << 20 {
        let frame = line.next().await.expect("it goes on");
        if frame.kind != kind::DATA {
            continue;
        }
        let more = frame.payload.len() as u32;
        came += more;
        // Wasteful: the window in pieces of 1 KiB, for the stream and for the connection.
        let mut updates = Vec::new();
        for at in (0..more).step_by(1_024) {
            let piece = (more - at).min(1_024);
            updates.extend(window_update(0, piece));
            updates.extend(window_update(1, piece));
        }
        line.sends(updates).await;
    }
    assert!(line.pings().await);
}

/// Five hundred requests, asked in turn, each with a PING: no more than what a viewer may do.
#[tokio::test]
async fn what_a_busy_connection_says_is_no_flood() {
    let (edge, primary) = cast(as_it_comes).await;
    let mut line = greets(edge.address()).await;
    for at in 0..1_200 {
        line.sends([get(1 + 2 * at, "/"), ping()].concat()).await;
        assert_eq!(line.answer(1 + 2 * at).await.status, 200, "{at}");
    }
    assert_eq!(primary.requests().len(), 1_200);
}

/// More requests at once than the connection may have: refused, not forwarded, and after some hundred of them it ends.
#[tokio::test]
async fn requests_beyond_the_limit_are_refused() {
    let (edge, primary) = cast(as_it_comes).await;
    let mut line = greets(edge.address()).await;
    let all: Vec<u8> = (0..140).flat_map(|at| get(1 + 2 * at, "/silent")).collect();
    line.sends(all).await;
    let refused = line
        .until("a refusal", |frame| frame.kind == kind::RST_STREAM)
        .await;
    assert_eq!(refused.code(), code::REFUSED_STREAM);
    assert_eq!(refused.stream, 1 + 2 * 128);
    assert!(primary.requests().len() <= 128);
    viewer(&edge).get("/").await.expect(200);
}

mod slowness {
    use super::*;

    const OUT_OF_TIME: &str = "tideover_limits_reached_total{limit=\"head_timeout\"}";

    fn short(builder: EdgeBuilder) -> EdgeBuilder {
        builder.and("head_timeout = \"300ms\"\nidle_timeout = \"60s\"\nbody_timeout = \"400ms\"")
    }

    /// Whatever begins has to end within the time for a head, also beside a request that is served.
    #[tokio::test]
    async fn what_begins_ends_in_time() {
        let head = get(3, "/slow");
        let cases: [(&str, bool, Vec<u8>); 7] = [
            ("half a preface", false, PREFACE[..10].to_vec()),
            (
                "a preface alone, and half a frame",
                false,
                [PREFACE, &[0, 0]].concat(),
            ),
            ("half a frame's head", true, head[..5].to_vec()),
            ("half a head", true, head[..20].to_vec()),
            (
                "a head that goes on",
                true,
                headers(3, flag::END_STREAM, &[(":method", "GET")]),
            ),
            ("half a PING", true, ping()[..12].to_vec()),
            (
                "half a frame that nobody knows",
                true,
                frame(99, 0, 0, [0; 64])[..40].to_vec(),
            ),
        ];
        let (edge, primary) = cast(short).await;
        let mut ended = 0.0;
        for (what, is_greeted, bytes) in cases {
            let mut line = if is_greeted {
                let mut line = greets(edge.address()).await;
                line.sends(get(1, "/silent")).await;
                line
            } else {
                connects(edge.address()).await
            };
            line.sends(bytes).await;
            let code = line.until_closed().await;
            assert!(
                matches!(code, None | Some(code::NO_ERROR)),
                "{what}: {code:?}"
            );
            ended += 1.0;
            edge.until_metric(OUT_OF_TIME, ended).await;
        }
        assert!(
            primary
                .requests()
                .iter()
                .all(|seen| seen.target == "/silent")
        );
    }

    /// A byte now and then does not help.
    #[tokio::test]
    async fn a_head_that_trickles_has_a_deadline() {
        let (edge, primary) = cast(short).await;
        let mut line = greets(edge.address()).await;
        line.sends(headers(1, flag::END_STREAM, &request("GET", "/")))
            .await;
        let trickle = async {
            // Few enough to be no flood of their own.
            for _ in 0..40 {
                let more = frame(kind::CONTINUATION, 0, 1, []);
                for byte in more.chunks(3) {
                    line.sends(byte).await;
                    if line
                        .next_within(ms(30))
                        .await
                        .is_none_or(|frame| frame.kind == kind::GOAWAY)
                    {
                        continue;
                    }
                }
            }
        };
        patiently("it ends", trickle).await;
        line.until_closed().await;
        primary.saw_nothing();
    }

    #[tokio::test]
    async fn a_window_that_stays_shut_ends_its_stream() {
        let primary = origin("primary").streams(10 << 20).start().await;
        let edge = short(in_front_of(&primary).and("[listen]\nh2c = true"))
            .start()
            .await;
        for settings in [
            // Never opened; opened as far as it is by itself.
            &[(setting::INITIAL_WINDOW_SIZE, 0)][..],
            &[],
        ] {
            let mut line = connects(edge.address()).await.greets_with(settings).await;
            line.sends(get(1, "/")).await;
            let end = line
                .until("the stream is reset", |frame| {
                    frame.kind == kind::RST_STREAM
                })
                .await;
            assert_eq!(end.stream, 1);
            // The connection has done nothing wrong.
            assert!(line.pings().await);
        }
        primary.until_it_was_left().await;
        edge.until_metric("tideover_limits_reached_total{limit=\"body_timeout\"}", 2.0)
            .await;
    }

    #[tokio::test]
    async fn a_body_that_stops_is_answered_in_time() {
        let (edge, primary) = cast(short).await;
        let mut line = greets(edge.address()).await;
        line.sends(headers(1, flag::END_HEADERS, &request("POST", "/")))
            .await;
        line.sends(data(1, 0, "begins")).await;
        assert_eq!(line.answer(1).await.status, 408);
        assert!(line.pings().await);
        assert!(primary.requests().iter().all(|seen| !seen.is_whole));
    }

    #[tokio::test]
    async fn idle_connections_are_told_to_go_and_closed() {
        let (edge, _primary) = cast(|edge| edge.and("idle_timeout = \"300ms\"")).await;
        let mut line = greets(edge.address()).await;
        line.sends(get(1, "/")).await;
        assert_eq!(line.answer(1).await.status, 200);
        // PINGs do not keep it.
        line.sends(ping().repeat(10)).await;
        assert_eq!(line.until_closed().await, Some(code::NO_ERROR));
        edge.until_metric("tideover_limits_reached_total{limit=\"idle_timeout\"}", 1.0)
            .await;
    }
}

mod sizes {
    use super::*;

    async fn asks_with(line: &mut Frames, fields: &[(String, String)]) -> u16 {
        let mut all = request("GET", "/");
        all.extend(
            fields
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        let block = frames::block(&all);
        let mut pieces = block.chunks(16_384);
        let first = pieces.next().unwrap_or_default();
        let mut bytes = frame(kind::HEADERS, flag::END_STREAM, 1, first);
        for piece in pieces {
            bytes.extend(frame(kind::CONTINUATION, 0, 1, piece));
        }
        bytes.extend(frame(kind::CONTINUATION, flag::END_HEADERS, 1, []));
        line.sends(bytes).await;
        match line.verdict(1, true).await {
            frames::Verdict::Answer(status) => status,
            _ => 0,
        }
    }

    /// A list of this size is answered with this status; 0: the connection ends.
    #[tokio::test]
    async fn header_lists_are_bounded() {
        let (edge, primary) = cast(as_it_comes).await;
        for (bytes, may_be) in [
            (30_000, &[200][..]),
            (40_000, &[413]),
            (60_000, &[413]),
            (90_000, &[431, 0]),
            (1_000_000, &[431, 0]),
        ] {
            let fields: Vec<_> = (0..bytes / 1_000)
                .map(|at| (format!("x-{at}"), "x".repeat(990)))
                .collect();
            let mut line = greets(edge.address()).await;
            let status = asks_with(&mut line, &fields).await;
            assert!(may_be.contains(&status), "{bytes}: {status}");
        }
        assert_eq!(primary.requests().len(), 1);
        viewer(&edge).get("/").await.expect(200);
    }

    #[tokio::test]
    async fn thousands_of_names_are_refused() {
        let (edge, primary) = cast(as_it_comes).await;
        for names in [2_000, 5_000, 30_000] {
            let fields: Vec<_> = (0..names)
                .map(|at| (format!("x{at}"), String::new()))
                .collect();
            let mut line = greets(edge.address()).await;
            let status = asks_with(&mut line, &fields).await;
            assert!(matches!(status, 0 | 413 | 431), "{names}: {status}");
        }
        primary.saw_nothing();
        viewer(&edge).get("/").await.expect(200);
    }
}
