//! What never becomes a request has a line in the log all the same, whatever the viewer speaks.

use harness::frames::{Frames, connects_by_tls, flag, get, greets, headers, ping, request};
use harness::{Edge, EdgeBuilder, Origin, in_front_of, origin, viewer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const SHORT: &str = "head_timeout = \"300ms\"\nidle_timeout = \"60s\"";

async fn logging(
    format: &'static str,
    limits: &str,
    with: impl FnOnce(EdgeBuilder) -> EdgeBuilder,
) -> (Edge, Origin) {
    let primary = origin("primary")
        .at("/silent", [harness::Step::Silence])
        .start()
        .await;
    let edge = in_front_of(&primary).and(&format!("[listen]\nh2c = true\n{limits}"));
    (with(edge).logs(format).start().await, primary)
}

fn plain(edge: EdgeBuilder) -> EdgeBuilder {
    edge
}

async fn greets_by_tls(edge: &Edge) -> Frames {
    let line = connects_by_tls(edge.tls_address()).await;
    line.greets_with(&[]).await
}

#[tokio::test]
async fn a_head_over_http2_that_does_not_end_is_logged() {
    let (edge, _primary) = logging("json", SHORT, plain).await;
    let begun = headers(3, flag::END_STREAM, &request("GET", "/"));
    for (at, bytes) in [begun.clone(), begun[..12].to_vec()]
        .into_iter()
        .enumerate()
    {
        let mut line = asks_once(greets(edge.address()).await).await;
        line.sends(bytes).await;
        line.until_closed().await;
        let log = edge.log_json(2 * at + 2).await;
        let refused = &log[2 * at + 1];
        assert_eq!(refused["status"], 0, "{log:?}");
        assert_eq!(refused["detail"], "InvalidRequestHeader", "{log:?}");
        assert_eq!(refused["limit"], "head_timeout", "{log:?}");
        assert_eq!(refused["client"], "127.0.0.1", "{log:?}");
        assert_eq!(refused["protocol"], "HTTP/2.0", "{log:?}");
    }
    // Of somebody who has not begun a head there is nothing to say.
    let mut line = greets(edge.address()).await;
    line.until_closed().await;
    edge.until_metric("tideover_limits_reached_total{limit=\"head_timeout\"}", 3.0)
        .await;
    viewer(&edge).get("/last").await.expect(200);
    let log = edge.log_json(5).await;
    assert_eq!(log[4]["path"], "/last", "{log:?}");
}

/// The same connection after an answer: from then on nothing but the next head is waited for.
async fn asks_once(mut line: Frames) -> Frames {
    line.sends(get(1, "/")).await;
    assert_eq!(line.answer(1).await.status, 200);
    line
}

#[tokio::test]
async fn a_flood_over_http2_is_logged() {
    let (edge, _primary) = logging("json", "", EdgeBuilder::tls).await;
    let mut line = greets_by_tls(&edge).await;
    line.sends(ping().repeat(5_000)).await;
    line.until_closed().await;
    let log = edge.log_json(1).await;
    assert_eq!(log[0]["status"], 0, "{log:?}");
    assert_eq!(log[0]["detail"], "LimitExceeded", "{log:?}");
    assert_eq!(log[0]["fault"], "enhance_your_calm", "{log:?}");
    assert_eq!(log[0]["scheme"], "https", "{log:?}");
    assert_eq!(log[0]["tls"], "TLSv1.3", "{log:?}");

    // What is no flood and against the protocol: a request on an even stream.
    let mut line = greets_by_tls(&edge).await;
    line.sends(get(2, "/")).await;
    line.until_closed().await;
    let log = edge.log_json(2).await;
    assert_eq!(log[1]["detail"], "InvalidRequest", "{log:?}");
    assert_eq!(log[1]["fault"], "protocol_error", "{log:?}");
}

#[tokio::test]
async fn cloudfronts_log_tells_scheme_and_protocol() {
    let (edge, _primary) = logging("cloudfront", SHORT, EdgeBuilder::tls).await;
    let mut line = asks_once(greets_by_tls(&edge).await).await;
    line.sends(headers(3, flag::END_STREAM, &request("GET", "/")))
        .await;
    line.until_closed().await;
    let log = edge.log(2).await;
    let fields: Vec<&str> = log[1].split('\t').collect();
    assert_eq!(fields.len(), 33, "{log:?}");
    assert_eq!(fields[8], "000", "{log:?}");
    assert_eq!(fields[16], "https", "{log:?}");
    assert_eq!(fields[20], "TLSv1.3", "{log:?}");
    assert!(fields[21].starts_with("TLS_"), "{log:?}");
    assert_eq!(fields[23], "HTTP/2.0", "{log:?}");
    assert_eq!(fields[28], "InvalidRequestHeader", "{log:?}");
}

/// A head that HTTP/1.1 refuses, and a connection that there is no place for, on a listener for TLS.
#[tokio::test]
async fn what_is_refused_behind_tls_is_logged_as_https() {
    let limits = "max_connections = 1";
    let (edge, _primary) = logging("cloudfront", limits, EdgeBuilder::tls).await;
    let said = answer_by_tls(&edge, "GET / HTTP/1.1\r\nBroken\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 400"), "{said}");
    let log = edge.log(1).await;
    let fields: Vec<&str> = log[0].split('\t').collect();
    assert_eq!((fields[8], fields[16]), ("400", "https"), "{log:?}");
    assert_eq!(fields[20], "TLSv1.3", "{log:?}");

    edge.until_metric("tideover_viewer_connections", 0.0).await;
    let mut within = viewer(&edge).connects().await;
    within.sends("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    within.receives("GET").await.expect(200);
    drop(tokio::net::TcpStream::connect(edge.tls_address()).await);
    viewer(&edge).sends("").await.expect(503);
    let log = edge.log(4).await;
    let schemes: Vec<&str> = log[2..]
        .iter()
        .filter_map(|line| line.split('\t').nth(16))
        .collect();
    assert_eq!(schemes, ["https", "http"], "{log:?}");
}

/// What is answered to this, over TLS and HTTP/1.1.
async fn answer_by_tls(edge: &Edge, asked: &str) -> String {
    let config = harness::client_config(harness::Protocol::Tls);
    let mut stream = harness::shakes_hands(edge.tls_address(), "localhost", config)
        .await
        .expect("it is trusted");
    stream
        .write_all(asked.as_bytes())
        .await
        .expect("it is read");
    let mut answer = Vec::new();
    let _ = harness::patiently("an answer", stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}
