//! HTTP/2 by the letter of RFC 9113 and RFC 7541, section by section: what is sent, and what must come.

mod requests;

use harness::frames::Verdict::{self, Answer, Connection, GoesOn, Stream};
use harness::frames::{
    PREFACE, block, code, connects, data, flag, frame, get, greets, headers, kind, request, reset,
    setting, settings, window_update,
};
use harness::{Step, in_front_of, origin};

/// What is sent after the greeting, the stream in question, what must come.
type Case = (&'static str, Vec<u8>, u32, Verdict);

const PROTOCOL_ERROR: Verdict = Connection(Some(code::PROTOCOL_ERROR));
const FRAME_SIZE_ERROR: Verdict = Connection(Some(code::FRAME_SIZE_ERROR));
const FLOW_CONTROL_ERROR: Verdict = Connection(Some(code::FLOW_CONTROL_ERROR));
const COMPRESSION_ERROR: Verdict = Connection(Some(code::COMPRESSION_ERROR));
const STREAM_CLOSED: Verdict = Connection(Some(code::STREAM_CLOSED));
/// Why the HTTP/2 library says something else, each time to nobody's harm.
const ONE_CODE: &str = "it has one code for all frames and blocks that it cannot read; the connection ends all the same";
const NO_STREAM: &str =
    "the connection ends where the stream would do, which RFC 9113, section 5.4, allows";
const UNSEEN: &str = "it drops this before anybody can see it, so nothing of it is forwarded";

const MALFORMED: Verdict = Stream(code::PROTOCOL_ERROR);

/// What comes instead, and why.
type Difference = (&'static str, Verdict, &'static str);

async fn plays(cases: Vec<Case>, differs: &[Difference]) {
    let primary = origin("primary").at("/held", [Step::Silence]).start().await;
    let edge = in_front_of(&primary)
        .and("[listen]\nh2c = true")
        .start()
        .await;
    for (what, _, _) in differs {
        assert!(cases.iter().any(|case| case.0 == *what), "no case {what}");
    }
    let mut wrong = Vec::new();
    for (what, bytes, stream, must) in cases {
        let mut line = greets(edge.address()).await;
        line.sends(bytes).await;
        let came = line.verdict(stream, matches!(must, Answer(_))).await;
        let difference = differs.iter().find(|difference| difference.0 == what);
        let expected = difference.map_or(must, |difference| difference.1);
        if came != expected {
            wrong.push(format!("{what}: {came:?} instead of {expected:?}"));
        }
        if difference.is_some() && came == must {
            wrong.push(format!("{what}: differs no longer"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let mut next = greets(edge.address()).await;
    next.sends(get(1, "/")).await;
    assert_eq!(next.answer(1).await.status, 200);
}

/// A request without a body whose header block is `block` after the usual pseudo-header fields.
fn with_block(more: &[u8]) -> Vec<u8> {
    let block = [block(&request("GET", "/")), more.to_vec()].concat();
    frame(kind::HEADERS, flag::WHOLE, 1, block)
}

/// A request without a body with these fields after the usual pseudo-header fields.
fn with(fields: &[(&str, &str)]) -> Vec<u8> {
    with_block(&block(fields))
}

/// A request that is not over, to a place that never answers.
fn held(stream: u32) -> Vec<u8> {
    headers(stream, flag::END_HEADERS, &request("POST", "/held"))
}

fn then(parts: &[Vec<u8>]) -> Vec<u8> {
    parts.concat()
}

#[tokio::test]
async fn connections_begin_with_the_preface() {
    let primary = origin("primary").start().await;
    let edge = in_front_of(&primary)
        .and("[listen]\nh2c = true")
        .tls()
        .start()
        .await;
    // Section 3.4. On a plain listener what is no preface is taken for HTTP/1.1.
    for wrong in [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r"[..],
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        let mut line = harness::frames::connects_by_tls(edge.tls_address()).await;
        line.sends(wrong).await;
        line.until_closed().await;
    }
    // The first frame has to be SETTINGS.
    let mut line = connects(edge.address()).await;
    line.sends([PREFACE, &get(1, "/")].concat()).await;
    let came = line.verdict(1, true).await;
    assert!(matches!(came, Connection(_) | Answer(200)), "{came:?}");
    // The peer's comes at once, without waiting for ours.
    let mut line = connects(edge.address()).await;
    line.sends(PREFACE).await;
    let first = line.next().await.expect("settings come");
    assert_eq!((first.kind, first.flags & flag::ACK), (kind::SETTINGS, 0));
}

#[tokio::test]
async fn section_4_frames() {
    plays(
        vec![
            (
                "4.1 an unknown type",
                then(&[frame(99, 0, 0, "x"), get(1, "/")]),
                1,
                Answer(200),
            ),
            (
                "4.1 unknown flags",
                frame(kind::PING, 0x16, 0, [0; 8]),
                0,
                GoesOn,
            ),
            (
                "4.1 a reserved bit",
                frame(
                    kind::HEADERS,
                    flag::WHOLE,
                    0x8000_0001,
                    block(&request("GET", "/")),
                ),
                1,
                Answer(200),
            ),
            (
                "4.2 DATA of 16,384 bytes",
                then(&[held(1), data(1, 0, vec![0; 16_384])]),
                1,
                GoesOn,
            ),
            (
                "4.2 DATA of 16,385 bytes",
                then(&[held(1), data(1, 0, vec![0; 16_385])]),
                1,
                FRAME_SIZE_ERROR,
            ),
            (
                "4.2 HEADERS of 16,385 bytes",
                frame(kind::HEADERS, flag::WHOLE, 1, vec![0; 16_385]),
                1,
                FRAME_SIZE_ERROR,
            ),
            (
                "4.2 an unknown type of 16,385 bytes",
                frame(99, 0, 0, vec![0; 16_385]),
                0,
                FRAME_SIZE_ERROR,
            ),
            (
                "4.3 a block that is not HPACK",
                with_block(&[0x80]),
                1,
                COMPRESSION_ERROR,
            ),
            (
                "4.3 a block with PRIORITY inside",
                then(&[
                    headers(1, 0, &request("GET", "/")),
                    frame(kind::PRIORITY, 0, 1, [0, 0, 0, 0, 0]),
                ]),
                1,
                PROTOCOL_ERROR,
            ),
            (
                "4.3 a block with an unknown type inside",
                then(&[headers(1, 0, &request("GET", "/")), frame(99, 0, 1, "x")]),
                1,
                PROTOCOL_ERROR,
            ),
            (
                "4.3 a block with another stream's HEADERS inside",
                then(&[headers(1, 0, &request("GET", "/")), get(3, "/")]),
                1,
                PROTOCOL_ERROR,
            ),
        ],
        &[("4.3 a block that is not HPACK", PROTOCOL_ERROR, ONE_CODE)],
    )
    .await;
}

#[tokio::test]
async fn section_5_streams() {
    let priority = |stream: u32, on: u8| frame(kind::PRIORITY, 0, stream, [0, 0, 0, on, 15]);
    let closed = || then(&[held(1), reset(1, code::CANCEL)]);
    plays(
        vec![
            (
                "5.1 idle: DATA",
                data(1, flag::END_STREAM, "x"),
                1,
                PROTOCOL_ERROR,
            ),
            (
                "5.1 idle: RST_STREAM",
                reset(1, code::CANCEL),
                1,
                PROTOCOL_ERROR,
            ),
            (
                "5.1 idle: WINDOW_UPDATE",
                window_update(1, 100),
                1,
                PROTOCOL_ERROR,
            ),
            (
                "5.1 idle: CONTINUATION",
                frame(kind::CONTINUATION, flag::END_HEADERS, 1, []),
                1,
                PROTOCOL_ERROR,
            ),
            ("5.1 idle: PRIORITY", priority(1, 0), 1, GoesOn),
            (
                "5.1 half-closed: DATA",
                then(&[get(1, "/held"), data(1, flag::END_STREAM, "x")]),
                1,
                Stream(code::STREAM_CLOSED),
            ),
            (
                "5.1 half-closed: HEADERS",
                then(&[get(1, "/held"), get(1, "/held")]),
                1,
                Stream(code::STREAM_CLOSED),
            ),
            (
                "5.1 half-closed: CONTINUATION",
                then(&[
                    get(1, "/held"),
                    frame(kind::CONTINUATION, flag::END_HEADERS, 1, []),
                ]),
                1,
                PROTOCOL_ERROR,
            ),
            (
                "5.1 half-closed: WINDOW_UPDATE",
                then(&[get(1, "/held"), window_update(1, 9)]),
                1,
                GoesOn,
            ),
            (
                "5.1 half-closed: PRIORITY",
                then(&[get(1, "/held"), priority(1, 0)]),
                1,
                GoesOn,
            ),
            (
                "5.1 half-closed: RST_STREAM",
                then(&[get(1, "/held"), reset(1, 8)]),
                1,
                GoesOn,
            ),
            (
                "5.1 closed: DATA",
                then(&[closed(), data(1, flag::END_STREAM, "x")]),
                1,
                STREAM_CLOSED,
            ),
            (
                "5.1 closed: HEADERS",
                then(&[closed(), get(1, "/")]),
                1,
                STREAM_CLOSED,
            ),
            (
                "5.1 closed: CONTINUATION",
                then(&[
                    closed(),
                    frame(kind::CONTINUATION, flag::END_HEADERS, 1, []),
                ]),
                1,
                PROTOCOL_ERROR,
            ),
            (
                "5.1 closed: WINDOW_UPDATE",
                then(&[closed(), window_update(1, 9)]),
                1,
                GoesOn,
            ),
            (
                "5.1 closed: RST_STREAM",
                then(&[closed(), reset(1, 8)]),
                1,
                GoesOn,
            ),
            (
                "5.1 closed: PRIORITY",
                then(&[closed(), priority(1, 0)]),
                1,
                GoesOn,
            ),
            ("5.1.1 an even stream", get(2, "/"), 2, PROTOCOL_ERROR),
            (
                "5.1.1 a lower stream",
                then(&[get(5, "/held"), get(3, "/")]),
                3,
                PROTOCOL_ERROR,
            ),
            (
                "5.1.1 a stream that was skipped",
                then(&[get(5, "/held"), data(3, 0, "x")]),
                3,
                PROTOCOL_ERROR,
            ),
            (
                "5.3.1 HEADERS that depend on themselves",
                frame(
                    kind::HEADERS,
                    flag::WHOLE | flag::PRIORITY,
                    1,
                    [&[0, 0, 0, 1, 15][..], &block(&request("GET", "/"))].concat(),
                ),
                1,
                MALFORMED,
            ),
            (
                "5.3.1 PRIORITY that depends on itself",
                priority(1, 1),
                1,
                MALFORMED,
            ),
        ],
        &[
            ("5.1 half-closed: DATA", STREAM_CLOSED, NO_STREAM),
            ("5.1 half-closed: HEADERS", STREAM_CLOSED, NO_STREAM),
        ],
    )
    .await;
}

#[tokio::test]
async fn section_6_data_headers_and_continuation() {
    let padded = |length: u8| {
        let payload = [&[length][..], &block(&request("GET", "/"))].concat();
        frame(kind::HEADERS, flag::WHOLE | flag::PADDED, 1, payload)
    };
    let continued = |stream: u32, flags: u8, fields: &[(&str, &str)]| {
        frame(kind::CONTINUATION, flags, stream, block(fields))
    };
    let begins = || headers(1, flag::END_STREAM, &request("GET", "/"));
    plays(
        vec![
            ("6.1 DATA on stream 0", data(0, 0, "x"), 0, PROTOCOL_ERROR),
            (
                "6.1 DATA padded as far as it goes",
                then(&[held(1), data(1, flag::PADDED, [4, 0, 0, 0, 0])]),
                1,
                GoesOn,
            ),
            (
                "6.1 DATA with more padding than payload",
                then(&[held(1), data(1, flag::PADDED, [5, 0, 0, 0, 0])]),
                1,
                PROTOCOL_ERROR,
            ),
            (
                "6.1 DATA without its padding's length",
                then(&[held(1), data(1, flag::PADDED, [])]),
                1,
                FRAME_SIZE_ERROR,
            ),
            ("6.2 HEADERS on stream 0", get(0, "/"), 0, PROTOCOL_ERROR),
            ("6.2 HEADERS padded with nothing", padded(0), 1, Answer(200)),
            (
                "6.2 HEADERS with more padding than payload",
                padded(255),
                1,
                PROTOCOL_ERROR,
            ),
            (
                "6.2 HEADERS with a priority",
                frame(
                    kind::HEADERS,
                    flag::WHOLE | flag::PRIORITY,
                    1,
                    [&[0x80, 0, 0, 0, 255][..], &block(&request("GET", "/"))].concat(),
                ),
                1,
                Answer(200),
            ),
            (
                "6.2 HEADERS too short for its priority",
                frame(kind::HEADERS, flag::WHOLE | flag::PRIORITY, 1, [0, 0, 0]),
                1,
                FRAME_SIZE_ERROR,
            ),
            (
                "6.10 a block in three frames",
                then(&[
                    begins(),
                    continued(1, 0, &[("a", "b")]),
                    continued(1, flag::END_HEADERS, &[("c", "d")]),
                ]),
                1,
                Answer(200),
            ),
            (
                "6.10 a block whose end is empty",
                then(&[begins(), continued(1, flag::END_HEADERS, &[])]),
                1,
                Answer(200),
            ),
            (
                "6.10 CONTINUATION of another stream",
                then(&[begins(), continued(3, 4, &[])]),
                1,
                PROTOCOL_ERROR,
            ),
            (
                "6.10 CONTINUATION on stream 0",
                then(&[begins(), continued(0, 4, &[])]),
                1,
                PROTOCOL_ERROR,
            ),
            (
                "6.10 CONTINUATION after the end",
                then(&[get(1, "/held"), continued(1, 4, &[])]),
                1,
                PROTOCOL_ERROR,
            ),
            (
                "6.10 CONTINUATION after DATA",
                then(&[held(1), data(1, 0, "x"), continued(1, 4, &[])]),
                1,
                PROTOCOL_ERROR,
            ),
        ],
        &[],
    )
    .await;
}

#[tokio::test]
async fn section_6_what_is_about_the_connection() {
    let of = |kind: u8, flags: u8, stream: u32, length: usize| {
        frame(kind, flags, stream, vec![0; length])
    };
    plays(
        vec![
            (
                "6.3 PRIORITY on stream 0",
                of(kind::PRIORITY, 0, 0, 5),
                0,
                PROTOCOL_ERROR,
            ),
            (
                "6.3 PRIORITY of 4 bytes",
                of(kind::PRIORITY, 0, 1, 4),
                1,
                Stream(code::FRAME_SIZE_ERROR),
            ),
            (
                "6.4 RST_STREAM on stream 0",
                of(kind::RST_STREAM, 0, 0, 4),
                0,
                PROTOCOL_ERROR,
            ),
            (
                "6.4 RST_STREAM of 3 bytes",
                then(&[held(1), of(kind::RST_STREAM, 0, 1, 3)]),
                1,
                FRAME_SIZE_ERROR,
            ),
            (
                "6.5 SETTINGS ACK with a payload",
                of(kind::SETTINGS, flag::ACK, 0, 6),
                0,
                FRAME_SIZE_ERROR,
            ),
            (
                "6.5 SETTINGS on a stream",
                of(kind::SETTINGS, 0, 1, 0),
                0,
                PROTOCOL_ERROR,
            ),
            (
                "6.5 SETTINGS of 5 bytes",
                of(kind::SETTINGS, 0, 0, 5),
                0,
                FRAME_SIZE_ERROR,
            ),
            (
                "6.5.2 ENABLE_PUSH of 2",
                settings(&[(setting::ENABLE_PUSH, 2)]),
                0,
                PROTOCOL_ERROR,
            ),
            (
                "6.5.2 ENABLE_PUSH of 0",
                settings(&[(setting::ENABLE_PUSH, 0)]),
                0,
                GoesOn,
            ),
            (
                "6.5.2 a window beyond the largest",
                settings(&[(setting::INITIAL_WINDOW_SIZE, 1 << 31)]),
                0,
                FLOW_CONTROL_ERROR,
            ),
            (
                "6.5.2 the largest window",
                settings(&[(setting::INITIAL_WINDOW_SIZE, (1 << 31) - 1)]),
                0,
                GoesOn,
            ),
            (
                "6.5.2 frames below the smallest",
                settings(&[(setting::MAX_FRAME_SIZE, 16_383)]),
                0,
                PROTOCOL_ERROR,
            ),
            (
                "6.5.2 frames beyond the largest",
                settings(&[(setting::MAX_FRAME_SIZE, 1 << 24)]),
                0,
                PROTOCOL_ERROR,
            ),
            (
                "6.5.2 the largest frames",
                settings(&[(setting::MAX_FRAME_SIZE, (1 << 24) - 1)]),
                0,
                GoesOn,
            ),
            (
                "6.5.2 an unknown setting",
                settings(&[(0xff, 1)]),
                0,
                GoesOn,
            ),
            (
                "6.5.3 the last of a setting's values",
                then(&[
                    settings(&[
                        (setting::INITIAL_WINDOW_SIZE, 1),
                        (setting::INITIAL_WINDOW_SIZE, 9_000),
                    ]),
                    get(1, "/"),
                ]),
                1,
                Answer(200),
            ),
            (
                "6.6 PUSH_PROMISE from a viewer",
                of(kind::PUSH_PROMISE, flag::END_HEADERS, 1, 4),
                1,
                PROTOCOL_ERROR,
            ),
            (
                "6.7 PING on a stream",
                of(kind::PING, 0, 1, 8),
                0,
                PROTOCOL_ERROR,
            ),
            (
                "6.7 PING of 6 bytes",
                of(kind::PING, 0, 0, 6),
                0,
                FRAME_SIZE_ERROR,
            ),
            (
                "6.7 an answer to no PING",
                of(kind::PING, flag::ACK, 0, 8),
                0,
                GoesOn,
            ),
            (
                "6.8 GOAWAY on a stream",
                of(kind::GOAWAY, 0, 1, 8),
                0,
                PROTOCOL_ERROR,
            ),
            (
                "6.8 GOAWAY of 7 bytes",
                of(kind::GOAWAY, 0, 0, 7),
                0,
                FRAME_SIZE_ERROR,
            ),
            (
                "6.8 a request before GOAWAY",
                then(&[get(1, "/"), of(kind::GOAWAY, 0, 0, 8)]),
                1,
                Answer(200),
            ),
            (
                "6.9 WINDOW_UPDATE of 0 for the connection",
                window_update(0, 0),
                0,
                PROTOCOL_ERROR,
            ),
            (
                "6.9 WINDOW_UPDATE of 0 for a stream",
                then(&[held(1), window_update(1, 0)]),
                1,
                MALFORMED,
            ),
            (
                "6.9 WINDOW_UPDATE of 3 bytes",
                of(kind::WINDOW_UPDATE, 0, 0, 3),
                0,
                FRAME_SIZE_ERROR,
            ),
            (
                "6.9.1 the connection's window overflows",
                then(&[
                    window_update(0, (1 << 31) - 1),
                    window_update(0, (1 << 31) - 1),
                ]),
                0,
                FLOW_CONTROL_ERROR,
            ),
            (
                "6.9.1 a stream's window overflows",
                then(&[
                    held(1),
                    window_update(1, (1 << 31) - 1),
                    window_update(1, (1 << 31) - 1),
                ]),
                1,
                Stream(code::FLOW_CONTROL_ERROR),
            ),
            (
                "6.9.2 a setting makes a window overflow",
                then(&[
                    held(1),
                    window_update(1, (1 << 31) - 1 - 65_535),
                    settings(&[(setting::INITIAL_WINDOW_SIZE, 65_536)]),
                ]),
                1,
                FLOW_CONTROL_ERROR,
            ),
            (
                "7 an unknown code in RST_STREAM",
                then(&[held(1), reset(1, 255)]),
                1,
                GoesOn,
            ),
        ],
        &[
            ("6.3 PRIORITY of 4 bytes", FRAME_SIZE_ERROR, NO_STREAM),
            (
                "6.5.2 a window beyond the largest",
                PROTOCOL_ERROR,
                ONE_CODE,
            ),
            (
                "6.9 WINDOW_UPDATE of 0 for a stream",
                PROTOCOL_ERROR,
                NO_STREAM,
            ),
        ],
    )
    .await;
}
