//! WebSocket: a handshake is a GET like any other, and what comes after its 101 is nobody's but the two sides'.

use std::net::SocketAddr;
use std::time::Duration;

use harness::certificates::Certificate;
use harness::{
    Edge, EdgeBuilder, Line, Protocol, answer, client_config, edge, gate, in_front_of, ms, origin,
    patiently, shakes_hands, tiers, viewer,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

mod ends;
mod python;
mod takeover;

const ASK: &str = "GET /chat?room=1 HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const AGREE: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nX-Own: 1\r\n\r\n";

/// What ends a WebSocket whose endpoint goes away, from a server.
const GOING_AWAY: [u8; 4] = [0x88, 2, 0x03, 0xe9];

/// An origin over raw TCP, which does nothing by itself.
struct App {
    listener: TcpListener,
    address: SocketAddr,
}

impl App {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        Self { listener, address }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next connection to it, and the head of the first request on it.
    async fn accepts(&self) -> (TcpStream, String) {
        let (mut stream, _) = patiently("the edge connects", self.listener.accept())
            .await
            .expect("a connection");
        stream.set_nodelay(true).expect("a socket takes options");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(patiently("a head", stream.read_u8()).await.expect("a head"));
        }
        let head = String::from_utf8(head).expect("text");
        (stream, head.to_ascii_lowercase())
    }

    /// Accepts a handshake.
    async fn agrees(&self) -> TcpStream {
        let (mut stream, _) = self.accepts().await;
        stream
            .write_all(AGREE.as_bytes())
            .await
            .expect("it is taken");
        stream
    }
}

/// An edge in front of `app` alone.
fn before(app: &App) -> EdgeBuilder {
    edge(
        r#"
        [distribution.site.default_behavior]
        target = "app"
        allowed_methods = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
        "#,
    )
    .map("app", &app.url())
}

/// Both ends of a tunnel through `edge`.
async fn open(edge: &Edge, app: &App) -> (Line, TcpStream) {
    let mut line = viewer(edge).connects().await;
    line.sends(ASK).await;
    let stream = app.agrees().await;
    line.receives_a_head().await.expect(101);
    (line, stream)
}

async fn reads(stream: &mut TcpStream, expected: &[u8]) {
    let mut got = vec![0; expected.len()];
    patiently("the bytes", stream.read_exact(&mut got))
        .await
        .expect("they come");
    assert_eq!(got, expected);
}

/// What comes until the edge hangs up.
async fn reads_the_rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // A reset is an end as well.
    let _ = patiently("the edge hangs up", stream.read_to_end(&mut rest)).await;
    rest
}

#[tokio::test]
async fn goes_through_in_both_directions_after_its_handshake() {
    let app = App::start().await;
    let edge = before(&app).start().await;
    let mut line = viewer(&edge).connects().await;

    line.sends(ASK).await;
    let (mut stream, head) = app.accepts().await;
    assert!(head.starts_with("get /chat?room=1 http/1.1\r\n"), "{head}");
    for expected in [
        "connection: upgrade\r\n",
        "upgrade: websocket\r\n",
        "sec-websocket-key: dghlihnhbxbszsbub25jzq==\r\n",
        "sec-websocket-version: 13\r\n",
        "x-forwarded-for: 127.0.0.1\r\n",
    ] {
        assert_eq!(head.matches(expected).count(), 1, "{expected} in {head}");
    }
    stream
        .write_all(AGREE.as_bytes())
        .await
        .expect("it is taken");

    let answer = line.receives_a_head().await;
    answer
        .expect(101)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        .header("x-own", "1")
        .header_has("via", "1.1 ")
        .header_has("x-cache", "Miss")
        .header_has("tideover-attempts", "app;status=101")
        .no_header("content-length")
        .no_header("transfer-encoding");
    for round in [&b"one"[..], b"\0\r\n\r\n", b"GET / HTTP/1.1\nnot: HTTP\n\n"] {
        line.sends(round).await;
        reads(&mut stream, round).await;
        stream.write_all(round).await.expect("it is taken");
        assert_eq!(line.receives_bytes(round.len() as u64).await, round);
    }
}

#[tokio::test]
async fn carries_much_in_both_directions_at_once() {
    let app = App::start().await;
    let edge = before(&app).start().await;
    let (line, mut stream) = open(&edge, &app).await;
    let bytes: Vec<u8> = (0..(32_u32 << 20)).map(|n| (n ^ (n >> 11)) as u8).collect();

    let echoes = tokio::spawn(async move {
        let (mut from, mut to) = stream.split();
        tokio::io::copy(&mut from, &mut to).await.expect("an echo");
        to.shutdown().await.expect("it is taken");
    });
    let (mut receives, mut sends) = line.into_stream().into_split();
    let sent = bytes.clone();
    let writer = tokio::spawn(async move {
        sends.write_all(&sent).await.expect("it is taken");
        sends.shutdown().await.expect("it is taken");
    });
    let mut got = Vec::new();
    patiently("the echo", receives.read_to_end(&mut got))
        .await
        .expect("it ends in order");
    assert!(
        got == bytes,
        "{} bytes of {} came back",
        got.len(),
        bytes.len()
    );
    writer.await.expect("it was sent");
    echoes.await.expect("it was echoed");
}

#[tokio::test]
async fn loses_nothing_that_came_with_the_request_or_right_behind_the_answer() {
    let app = App::start().await;
    let edge = before(&app).start().await;
    let mut line = viewer(&edge).connects().await;

    // No HTTP, and more than one read of it.
    let early = [b"\n\0early\r\n\r\n".repeat(2_000), b"end".to_vec()].concat();
    line.sends([ASK.as_bytes(), &early].concat()).await;
    let (mut stream, _) = app.accepts().await;
    line.sends(b", and later").await;
    stream
        .write_all(&[AGREE.as_bytes(), b"welcome"].concat())
        .await
        .expect("it is taken");

    line.receives_a_head().await.expect(101);
    assert_eq!(line.receives_bytes(7).await, b"welcome");
    reads(&mut stream, &early).await;
    reads(&mut stream, b", and later").await;
}

#[tokio::test]
async fn goes_through_over_tls_and_ends_in_order_there() {
    let certificate = Certificate::good("localhost");
    let app = App::start().await;
    let edge = before(&app)
        .file(
            "own.pem",
            &format!("{}{}", certificate.pem(), certificate.key_pem()),
        )
        .and("[tls]\ncertificates = [{ certificate = \"own.pem\" }]")
        .flags(|flags| flags.listen_tls = vec!["127.0.0.1:0".to_owned()])
        .start()
        .await;
    let config = client_config(Protocol::Tls);
    let mut tls = shakes_hands(edge.tls_address(), "localhost", config)
        .await
        .expect("it is trusted");

    let early = b"early ".repeat(10_000);
    let both = [ASK.as_bytes(), &early].concat();
    let sends = async { tls.write_all(&both).await.expect("it is taken") };
    let ((), (mut stream, head)) = tokio::join!(sends, app.accepts());
    assert!(head.contains("x-forwarded-proto: https\r\n"), "{head}");
    let answer = [AGREE.as_bytes(), b"welcome"].concat();
    stream.write_all(&answer).await.expect("it is taken");
    reads(&mut stream, &early).await;
    drop(stream);

    let mut got = Vec::new();
    patiently("the end", tls.read_to_end(&mut got))
        .await
        .expect("in order: TLS says when it is not");
    let got = String::from_utf8_lossy(&got);
    assert!(
        got.starts_with("HTTP/1.1 101 ") && got.ends_with("\r\n\r\nwelcome"),
        "{got}"
    );
}

mod a_handshake {
    use super::*;

    #[tokio::test]
    async fn that_is_refused_is_answered_plainly_and_http_goes_on() {
        for (status, body) in [(200, "a page"), (403, "not you"), (426, "another version")] {
            let app = origin("app")
                .at("/chat", answer(status).body(body))
                .start()
                .await;
            let edge = in_front_of(&app).start().await;
            let mut line = viewer(&edge).connects().await;

            line.sends(ASK.replace("?room=1", "")).await;
            line.receives("GET").await.expect(status).body(body);
            line.sends("GET /next HTTP/1.1\r\nHost: localhost\r\n\r\n")
                .await;
            line.receives("GET").await.expect(200).body("from app");
            // Nobody is let through unread for having asked.
            line.sends("GET /smuggled HTTP/1.1\nHost: localhost\r\n\r\n")
                .await;
            line.receives("GET").await.expect(400);
            assert!(line.until_closed().await, "in order");
            app.saw(["GET /chat", "GET /next"]);
            assert_eq!(edge.metric("tideover_tunnels_total").await, 0.0);
        }
    }

    #[tokio::test]
    async fn that_is_refused_leaves_what_came_behind_it_to_http() {
        let app = origin("app").start().await;
        let edge = in_front_of(&app).start().await;
        let mut line = viewer(&edge).connects().await;

        let next = "GET /next HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let faulty = "GET /faulty HTTP/1.1\r\nHost: localhost\r\nX: 1\nY: 2\r\n\r\n";
        line.sends([ASK, next, ASK, next, faulty, next].concat())
            .await;
        for _ in 0..4 {
            line.receives("GET").await.expect(200);
        }
        line.receives("GET").await.expect(400);
        assert!(line.until_closed().await, "in order");
        app.saw([
            "GET /chat?room=1",
            "GET /next",
            "GET /chat?room=1",
            "GET /next",
        ]);
    }

    #[tokio::test]
    async fn falls_through_like_any_get() {
        let app = App::start().await;
        for first in [origin("first").answers(503), origin("first").refuses()] {
            let first = first.start().await;
            let edge = edge(
                r#"
                [origin_group.both]
                members = ["first", "app"]
                fail_over_on = [503]

                [distribution.site.default_behavior]
                target = "both"
                "#,
            )
            .origins([&first])
            .map("app", &app.url())
            .start()
            .await;

            let (mut line, mut stream) = open(&edge, &app).await;

            line.sends("hello").await;
            reads(&mut stream, b"hello").await;
            drop(stream);
            line.until_closed().await;
            drop(line);
            edge.until_metric("tideover_fell_through_total", 1.0).await;
        }
    }

    #[tokio::test]
    async fn that_everybody_refuses_is_answered_by_the_last() {
        let first = origin("first").answers(503).start().await;
        let second = origin("second").answers(503).body("nobody").start().await;
        let edge = tiers([&first, &second], [503]).start().await;

        viewer(&edge).sends(ASK).await.expect(503).body("nobody");
        first.saw(["GET /chat?room=1"]);
    }

    #[tokio::test]
    async fn is_not_answered_by_a_switch_to_something_else() {
        let other = AGREE.replace("WebSocket", "smoke");
        let app = origin("app")
            .plays([harness::Step::Send(other.into())])
            .start()
            .await;
        let edge = in_front_of(&app).start().await;

        viewer(&edge).sends(ASK).await.expect(502);
    }

    #[tokio::test]
    async fn that_asks_otherwise_is_a_plain_request() {
        let get = |fields: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        for (method, request) in [
            (
                "GET",
                get(
                    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n",
                ),
            ),
            ("GET", get("Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n")),
            ("GET", get("Upgrade: websocket\r\n")),
            ("GET", ASK.replace("HTTP/1.1", "HTTP/1.0")),
            ("HEAD", ASK.replace("GET", "HEAD")),
            (
                "POST",
                ASK.replace("GET", "POST")
                    .replace("\r\n\r\n", "\r\nContent-Length: 4\r\n\r\nbody"),
            ),
            (
                "POST",
                ASK.replace("GET", "POST").replace(
                    "\r\n\r\n",
                    "\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
                ),
            ),
        ] {
            let app = origin("app").start().await;
            let edge = in_front_of(&app).start().await;
            let mut line = viewer(&edge).connects().await;

            line.sends(&request).await;
            line.receives(method).await.expect(200);

            let seen = app.request();
            assert_eq!(seen.head.header("upgrade"), None, "{request}");
            assert_eq!(seen.head.header("http2-settings"), None, "{request}");
            let connection = seen.head.header("connection").unwrap_or_default();
            assert!(!connection.to_lowercase().contains("upgrade"), "{request}");
            if method == "POST" {
                assert_eq!(seen.body, b"body", "{request}");
            }
            if !request.contains("HTTP/1.0") {
                line.sends("GET /next HTTP/1.1\r\nHost: a\r\n\r\n").await;
                line.receives("GET").await.expect(200);
            }
        }
    }

    #[tokio::test]
    async fn that_a_viewer_does_not_wait_for_is_given_up() {
        let held = gate();
        let app = origin("app").plays(answer(200).after(&held)).start().await;
        let edge = in_front_of(&app).start().await;
        let mut line = viewer(&edge).connects().await;

        line.sends(ASK).await;
        app.until_it_saw(1).await;
        line.ends().await;

        edge.until_metric("tideover_viewer_gone_total", 1.0).await;
        held.open();
    }
}

mod a_tunnel {
    use super::*;

    #[tokio::test]
    async fn counts_against_the_most_connections_of_its_origin() {
        let app = App::start().await;
        let edge = before(&app)
            .and("[origin.app]\nurl = \"http://app.test\"\nmax_connections = 1")
            .start()
            .await;
        let (line, stream) = open(&edge, &app).await;

        let asked = viewer(&edge).get("/next");
        let mut answered = tokio::spawn(asked.into_future());
        let waited = tokio::time::timeout(ms(200), app.listener.accept()).await;
        assert!(waited.is_err(), "a second connection was opened");
        assert!(!answered.is_finished());
        drop(stream);
        drop(line);
        let (mut next, head) = app.accepts().await;
        assert!(head.starts_with("get /next "), "{head}");
        next.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .await
            .expect("it is taken");
        patiently("the answer", &mut answered)
            .await
            .expect("no panic")
            .expect(200);
    }

    #[tokio::test]
    async fn is_counted_while_it_is_open_and_logged_when_it_is_over() {
        let app = App::start().await;
        let edge = before(&app).logs("cloudfront").start().await;
        let (mut line, mut stream) = open(&edge, &app).await;
        edge.until_metric("tideover_tunnels", 1.0).await;

        line.sends([b'u'; 1_000]).await;
        reads(&mut stream, &[b'u'; 1_000]).await;
        stream.write_all(&[b'd'; 5_000]).await.expect("it is taken");
        line.receives_bytes(5_000).await;
        assert_eq!(edge.metric("tideover_requests_total").await, 0.0);
        drop(stream);
        assert!(line.until_closed().await);
        drop(line);

        let logged = edge.log(1).await.remove(0);
        let fields: Vec<&str> = logged.split('\t').collect();
        let number = |index: usize| fields[index].parse::<u64>().expect("a number");
        assert!((5_100..6_000).contains(&number(3)), "sc-bytes of {logged}");
        assert_eq!(fields[8], "101", "{logged}");
        assert_eq!(fields[13], "Miss", "{logged}");
        assert_eq!(fields[16], "wss", "{logged}");
        assert_eq!(number(17), 1_000 + ASK.len() as u64, "cs-bytes of {logged}");
        assert_eq!(fields[28], "Miss", "{logged}");
        assert_eq!(edge.metric("tideover_tunnels").await, 0.0);
        assert_eq!(edge.metric("tideover_tunnels_total").await, 1.0);
        assert_eq!(edge.metric("tideover_requests_total").await, 1.0);
        assert_eq!(
            edge.metric("tideover_responses_total{distribution=\"site\",class=\"1xx\"}")
                .await,
            1.0
        );
    }

    #[tokio::test]
    async fn may_follow_the_last_request_that_its_connection_is_allowed() {
        let app = App::start().await;
        let edge = before(&app)
            .and("[listen]\nmax_requests_per_connection = 1")
            .start()
            .await;
        let mut line = viewer(&edge).connects().await;
        line.sends(ASK).await;
        let mut stream = app.agrees().await;

        line.receives_a_head()
            .await
            .expect(101)
            .header("connection", "Upgrade");
        line.sends("through").await;
        reads(&mut stream, b"through").await;
    }

    #[tokio::test]
    async fn outlives_a_reload() {
        let app = App::start().await;
        let edge = before(&app).start().await;
        let (mut line, mut stream) = open(&edge, &app).await;

        edge.reloads(
            r#"
            [distribution.site.default_behavior]
            target = "app"
            "#,
        );

        line.sends("still there").await;
        reads(&mut stream, b"still there").await;
    }
}

/// An edge that lets a tunnel be silent for this long.
fn impatient(app: &App, idle: Duration) -> EdgeBuilder {
    before(app).and(&format!(
        "[listen]\nwebsocket_idle_timeout = \"{}ms\"",
        idle.as_millis()
    ))
}
