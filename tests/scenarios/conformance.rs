//! Promise 6: bad input gets a clear error and harms nobody else. What public HTTP/1.1 conformance and desync suites send,
//! and more of the kind: each row is what one viewer sends on one connection.
//!
//! Where RFC 9112 leaves a choice between refusing and guessing, Tideover refuses; where it says that something is to be
//! accepted, it is.

mod answers;
mod requests;

use harness::{Edge, Origin, in_front_of, ms, origin, viewer};
use requests::{Expected, Row, fragments, rows};

/// How the bytes of a row are sent.
#[derive(Clone, Copy)]
enum Manner {
    AtOnce,
    InSmallPieces,
    /// Behind a good request, in the same packet.
    Pipelined,
}

const GOOD: &[u8] = b"GET /before HTTP/1.1\r\nHost: localhost\r\n\r\n";

async fn play(edge: &Edge, origin: &Origin, row: &Row, manner: Manner) -> Result<(), String> {
    let before = origin.requests().len();
    let mut line = viewer(edge).connects().await;
    match manner {
        Manner::AtOnce => line.sends(&row.bytes).await,
        Manner::InSmallPieces => {
            for piece in row.bytes.chunks(7) {
                line.sends(piece).await;
            }
        }
        Manner::Pipelined => {
            line.sends([GOOD, &row.bytes].concat()).await;
            line.receives("GET").await.expect(200);
        }
    }
    let mut statuses = Vec::new();
    let (expected_statuses, closes, delivered) = match &row.expected {
        Expected::Refused(status) => (vec![*status], true, Some(Vec::new())),
        Expected::Cut => (vec![400], true, Some(Vec::new())),
        Expected::Answered { statuses, closes } => (statuses.clone(), *closes, None),
        Expected::Delivered(bodies) => (vec![200; bodies.len()], false, Some(bodies.clone())),
    };
    let method = if row.bytes.starts_with(b"HEAD") {
        "HEAD"
    } else {
        "GET"
    };
    while statuses.len() < expected_statuses.len() {
        match line.tries_to_receive(method).await {
            Ok(Some(response)) => statuses.push(response.status),
            Ok(None) | Err(_) => break,
        }
    }
    if closes {
        // Whatever the edge still said would be a second answer.
        while let Ok(Some(response)) = line.tries_to_receive("GET").await {
            statuses.push(response.status);
        }
    } else {
        // Open means: the next request is answered.
        line.sends("GET /next HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        match line.tries_to_receive("GET").await {
            Ok(Some(response)) if response.status == 200 => {}
            other => return Err(format!("not open any more: {other:?}, got {statuses:?}")),
        }
    }
    if statuses != expected_statuses {
        return Err(format!("answers {statuses:?}, not {expected_statuses:?}"));
    }
    let got: Vec<String> = origin.requests()[before..]
        .iter()
        .filter(|request| !matches!(&request.target[..], "/before" | "/next"))
        .filter(|request| request.is_whole || matches!(row.expected, Expected::Refused(_)))
        .map(|request| request.text())
        .collect();
    if let Some(delivered) = delivered
        && got != delivered
    {
        return Err(format!("the origin got {got:?}, not {delivered:?}"));
    }
    viewer(edge).get("/next").await.expect(200);
    Ok(())
}

async fn play_all(faithful: bool, manner: Manner) {
    let origin = origin("app").start().await;
    let edge = in_front_of(&origin);
    let edge = if faithful { edge.faithful() } else { edge };
    let edge = edge.start().await;
    let mut wrong = Vec::new();
    for row in rows() {
        let played = tokio::time::timeout(ms(5_000), play(&edge, &origin, &row, manner)).await;
        if let Err(what) = played.unwrap_or_else(|_| Err("hangs".to_owned())) {
            wrong.push(format!("{}: {what}", row.name));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn each_request_is_answered_as_it_deserves() {
    play_all(false, Manner::AtOnce).await;
}

#[tokio::test]
async fn the_same_in_faithful_mode() {
    play_all(true, Manner::AtOnce).await;
}

#[tokio::test]
async fn the_same_in_small_pieces() {
    play_all(false, Manner::InSmallPieces).await;
}

#[tokio::test]
async fn the_same_as_a_second_request() {
    play_all(false, Manner::Pipelined).await;
}

/// What the parser refuses by itself it answers without our page; all the rest is told by us.
#[tokio::test]
async fn a_refusal_says_why() {
    let origin = origin("app").start().await;
    let edge = in_front_of(&origin).start().await;
    for (bytes, words) in [
        (
            "GET / HTTP/1.1\nHost: localhost\n\n",
            "a bare LF, CR or NUL",
        ),
        (
            "GET /#a HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "has a fragment",
        ),
        (
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding beside Content-Length",
        ),
        (
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
            "not one plain number",
        ),
        (
            "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "a transfer coding other than chunked",
        ),
        ("GET / HTTP/1.1\r\n\r\n", "no Host header"),
        (
            "GET * HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "neither a path nor a URL",
        ),
        (
            "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
            "",
        ),
    ] {
        let mut response = viewer(&edge).sends(bytes).await;
        response
            .expect(400)
            .header("x-cache", "Error from tideover")
            .body_has(words);
        response.closes().await;
    }
}

#[tokio::test]
async fn a_request_is_not_answered_before_it_is_complete() {
    let origin = origin("app").start().await;
    let edge = in_front_of(&origin).start().await;
    for (begin, end) in fragments() {
        let mut line = viewer(&edge).connects().await;
        line.sends(begin).await;
        // Another viewer's whole request later, the edge has surely read it.
        viewer(&edge).get("/next").await.expect(200);
        line.sends(end).await;
        line.receives("GET").await.expect(200).body("from app");
    }
}
