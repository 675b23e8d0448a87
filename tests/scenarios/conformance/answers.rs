//! What comes back from origins, one row each: what cannot be understood in one way only falls through or is a 502, and what
//! is passed on has one framing, of the edge's own making.

use harness::{Origin, Step, answer, in_front_of, ms, origin, tiers, viewer};

enum Expected {
    /// As good as no answer: the next member is asked, and where there is none the viewer gets 502.
    Failed,
    /// This body, whole.
    Delivered(&'static str),
    /// The head goes out, and then the viewer's connection is cut.
    Cut,
}

use Expected::{Cut, Delivered, Failed};

const POISON: &str = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned";

/// What the origin sends after it has read a GET, and what becomes of it.
#[rustfmt::skip]
const ROWS: &[(&str, &[u8], Expected)] = &[
    ("a length", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", Delivered("hello")),
    ("chunks", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", Delivered("hello")),
    ("no reason", b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", Delivered("hello")),
    ("HTTP/1.0", b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", Delivered("hello")),
    ("two equal lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", Delivered("hello")),
    ("a list of equal lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello", Delivered("hello")),
    ("a coding and a length", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n5\r\nhello\r\n0\r\n\r\n", Delivered("hello")),
    ("a length and a coding", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", Delivered("hello")),
    ("LF for line ends", b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", Delivered("hello")),
    ("a hop-by-hop length", b"HTTP/1.1 200 OK\r\nConnection: content-length\r\nContent-Length: 5\r\n\r\nhello", Delivered("hello")),

    ("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 3\r\n\r\nhello", Failed),
    ("a list of lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 5, 3\r\n\r\nhello", Failed),
    ("a negative length", b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", Failed),
    ("a length with a sign", b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello", Failed),
    ("a length in hex", b"HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello", Failed),
    ("a length that is none", b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello", Failed),
    ("an empty length", b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhello", Failed),
    ("a length beyond counting", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello", Failed),
    ("an unknown coding", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello", Failed),
    ("two codings", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", Failed),
    ("chunked twice", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", Failed),
    ("chunked on two lines", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", Failed),
    ("chunked, but not last", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, identity\r\n\r\n5\r\nhello\r\n0\r\n\r\n", Failed),
    ("a coding with a prefix", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", Failed),
    ("a coding behind a tab of its own kind", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: \x0bchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", Failed),
    ("chunks on HTTP/1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", Failed),
    ("a folded line", b"HTTP/1.1 200 OK\r\nX: y\r\n z\r\nContent-Length: 5\r\n\r\nhello", Failed),
    ("a space before a colon", b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello", Failed),
    ("no colon", b"HTTP/1.1 200 OK\r\nNoColon\r\nContent-Length: 5\r\n\r\nhello", Failed),
    ("a NUL in a value", b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 5\r\n\r\nhello", Failed),
    ("a CR in a value", b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 5\r\n\r\nhello", Failed),
    ("a control byte in a name", b"HTTP/1.1 200 OK\r\nX\x01: y\r\nContent-Length: 5\r\n\r\nhello", Failed),
    ("HTTP/2.0", b"HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", Failed),
    ("HTTP/1.2", b"HTTP/1.2 200 OK\r\nContent-Length: 5\r\n\r\nhello", Failed),
    ("HTTP/0.9", b"<html>hello</html>\r\n\r\n", Failed),
    ("a request for an answer", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Failed),
    ("a status of two digits", b"HTTP/1.1 20 OK\r\nContent-Length: 5\r\n\r\nhello", Failed),
    ("a status of four digits", b"HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\nhello", Failed),
    ("a status below 100", b"HTTP/1.1 099 OK\r\nContent-Length: 5\r\n\r\nhello", Failed),
    ("a status of letters", b"HTTP/1.1 abc OK\r\nContent-Length: 5\r\n\r\nhello", Failed),
    ("a switch that nobody asked for", b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello", Failed),

    ("a chunk size that is none", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nx\r\n\r\n", Cut),
    ("a chunk size with a sign", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n-1\r\n\r\n", Cut),
    ("a chunk size beyond counting", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nfffffffffffffffff\r\n\r\n", Cut),
    ("a chunk without its end", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n", Cut),
    ("a chunk size that ends in LF", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\n\r\n", Cut),
];

/// Plays the row once and is an orderly origin from then on.
async fn plays(bytes: &[u8]) -> Origin {
    origin("app")
        .in_turn([
            [Step::ReadBody, Step::Send(bytes.to_vec())].into(),
            harness::Script::from(answer(200).body("orderly")),
        ])
        .start()
        .await
}

async fn alone(bytes: &[u8], expected: &Expected) -> Result<(), String> {
    let app = plays(bytes).await;
    let edge = in_front_of(&app).start().await;
    let mut line = viewer(&edge).connects().await;
    line.sends("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    let response = line.receives("GET").await;
    let got = (response.status, response.whole, response.text());
    let is_right = match expected {
        Failed => response.status == 502 && response.whole,
        Delivered(body) => {
            let framings = response.head.all("content-length").count()
                + response.head.all("transfer-encoding").count();
            response.status == 200 && response.whole && response.text() == *body && framings == 1
        }
        Cut => response.status == 200 && !response.whole,
    };
    if !is_right {
        return Err(format!("got {got:?} with {:?}", response.head.headers));
    }
    // Whatever that was, the next viewer gets the next answer.
    viewer(&edge).get("/next").await.expect(200).body("orderly");
    Ok(())
}

async fn as_first_of_two(bytes: &[u8]) -> Result<(), String> {
    let app = plays(bytes).await;
    let standby = origin("standby").start().await;
    let edge = tiers([&app, &standby], [502]).start().await;
    let response = viewer(&edge).get("/").await;
    if response.status != 200 || response.text() != "from standby" {
        return Err(format!("the standby was not asked: {response:?}"));
    }
    Ok(())
}

#[tokio::test]
async fn each_answer_is_taken_in_one_way_or_not_at_all() {
    let mut wrong = Vec::new();
    for (name, bytes, expected) in ROWS {
        let played = tokio::time::timeout(ms(5_000), async {
            alone(bytes, expected).await?;
            if matches!(expected, Failed) {
                as_first_of_two(bytes).await?;
            }
            Ok(())
        });
        if let Err(what) = played.await.unwrap_or_else(|_| Err("hangs".to_owned())) {
            wrong.push(format!("{name}: {what}"));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

/// An answer that goes on behind its end must not become the next request's.
#[tokio::test]
async fn what_follows_an_answer_is_nobodys_answer() {
    for (method, status, body) in [
        ("GET", 200, "hello"),
        ("HEAD", 200, ""),
        ("GET", 204, ""),
        ("GET", 304, ""),
    ] {
        for length in ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"] {
            let has_body = method == "GET" && status == 200;
            let body_sent = match (has_body, length.starts_with('C')) {
                (false, _) => "",
                (true, true) => "hello",
                (true, false) => "5\r\nhello\r\n0\r\n\r\n",
            };
            let bytes = format!("HTTP/1.1 {status} X\r\n{length}\r\n{body_sent}{POISON}");
            let app = plays(bytes.as_bytes()).await;
            let edge = in_front_of(&app).start().await;
            let response = viewer(&edge).request(method, "/").await;
            response.expect(status).body(body);
            for _ in 0..3 {
                viewer(&edge).get("/next").await.expect(200).body("orderly");
            }
        }
    }
}
