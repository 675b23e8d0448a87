//! The PROXY protocol: what stands before the edge says who the viewer is, if it may, and only then.

use std::sync::Arc;

use harness::{
    Edge, Line, Origin, Protocol, client_config, in_front_of, ms, origin, patiently, reached,
    viewer, viewer_of,
};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// An edge behind something that speaks for others at these addresses.
async fn behind(networks: &str, more: &str) -> (Edge, Origin) {
    let primary = origin("primary").start().await;
    let edge = in_front_of(&primary)
        .and(&format!(
            "[listen]\nproxy_protocol_from = {networks}\n{more}"
        ))
        .logs("json")
        .start()
        .await;
    (edge, primary)
}

const EVERYBODY_HERE: &str = "[\"192.0.2.0/24\", \"127.0.0.0/8\"]";
const ASK: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A version 2 header for a connection over TCP and IPv6 from this address.
fn version_2(address: &str) -> Vec<u8> {
    let address: std::net::Ipv6Addr = address.parse().expect("an address");
    [
        b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24".as_slice(),
        &address.octets(),
        &[0; 16],
        &[0xdc, 0x04, 0x01, 0xbb],
    ]
    .concat()
}

#[tokio::test]
async fn the_address_in_the_header_is_the_viewers() {
    let (edge, primary) = behind(EVERYBODY_HERE, "").await;
    let version_1 = b"PROXY TCP4 203.0.113.7 198.51.100.2 56324 443\r\n".to_vec();
    for (header, address) in [
        (version_1, "203.0.113.7"),
        (version_2("2001:db8::7"), "2001:db8::7"),
    ] {
        let mut line = viewer(&edge).connects().await;

        line.sends([header.as_slice(), ASK.as_bytes()].concat())
            .await;

        line.receives("GET").await.expect(200);
        let requests = primary.requests();
        let last = requests.last().expect("it was asked");
        assert_eq!(last.value("x-forwarded-for"), address);
        let log = edge.log_json(requests.len()).await;
        assert_eq!(log[requests.len() - 1]["client"], address, "{log:?}");
        // It stands before the connection, not before each request.
        line.sends(ASK).await;
        line.receives("GET").await.expect(200);
    }
}

#[tokio::test]
async fn a_header_may_come_in_pieces() {
    let (edge, primary) = behind(EVERYBODY_HERE, "").await;
    let mut line = viewer(&edge).connects().await;

    for byte in version_2("2001:db8::7").chunks(5) {
        line.sends(byte).await;
        tokio::time::sleep(ms(5)).await;
    }
    line.sends(ASK).await;

    line.receives("GET").await.expect(200);
    assert_eq!(primary.request().value("x-forwarded-for"), "2001:db8::7");
}

#[tokio::test]
async fn a_header_that_names_nobody_leaves_the_sockets_address() {
    let (edge, primary) = behind(EVERYBODY_HERE, "").await;
    for header in [
        b"PROXY UNKNOWN\r\n".as_slice(),
        b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
    ] {
        let mut line = viewer(&edge).connects().await;
        line.sends([header, ASK.as_bytes()].concat()).await;
        line.receives("GET").await.expect(200);
    }

    for request in primary.requests() {
        assert_eq!(request.value("x-forwarded-for"), "127.0.0.1");
    }
}

#[tokio::test]
async fn a_header_from_anywhere_else_is_no_http() {
    let (edge, primary) = behind("\"192.0.2.0/24\"", "").await;

    viewer(&edge)
        .sends("PROXY TCP4 203.0.113.7 198.51.100.2 56324 443\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .expect(400);
    primary.saw_nothing();

    viewer(&edge).get("/").await.expect(200);
    assert_eq!(primary.request().value("x-forwarded-for"), "127.0.0.1");
}

async fn is_closed_without_an_answer(line: &mut Line) {
    let answer = line.tries_to_receive("GET").await;
    assert!(!matches!(answer, Ok(Some(_))), "{answer:?}");
}

#[tokio::test]
async fn where_a_header_is_due_nothing_else_will_do() {
    let (edge, primary) = behind(EVERYBODY_HERE, "").await;
    for bytes in [
        ASK,
        "PROXY TCP4 nobody nowhere 1 2\r\n",
        "\r\n\r\n\0\r\nQUIT\n\x7f",
    ] {
        let mut line = viewer(&edge).connects().await;
        line.sends(bytes).await;
        is_closed_without_an_answer(&mut line).await;
    }

    primary.saw_nothing();
    edge.until_metric(&reached("proxy_protocol_from"), 3.0)
        .await;
    edge.until_metric("tideover_viewer_connections", 0.0).await;
    let log = edge.log_json(3).await;
    assert_eq!(log[0]["limit"], "proxy_protocol_from", "{log:?}");
    assert_eq!(log[0]["client"], "127.0.0.1", "{log:?}");
}

#[tokio::test]
async fn a_header_has_a_deadline() {
    let (edge, _primary) = behind(EVERYBODY_HERE, "head_timeout = \"300ms\"").await;
    let mut line = viewer(&edge).connects().await;

    line.sends("PROXY TCP4 203").await;

    is_closed_without_an_answer(&mut line).await;
    edge.until_metric(&reached("head_timeout"), 1.0).await;
}

#[tokio::test]
async fn viewers_are_counted_by_the_address_in_the_header() {
    let (edge, _primary) = behind(EVERYBODY_HERE, "max_connections_per_address = 1").await;
    let mut first = viewer(&edge).connects().await;
    first
        .sends([&version_2("2001:db8::7"), ASK.as_bytes()].concat())
        .await;
    first.receives("GET").await.expect(200);

    // The same /64.
    let mut second = viewer(&edge).connects().await;
    second.sends(version_2("2001:db8::8")).await;
    second.receives("GET").await.expect(503);
    let mut other = viewer(&edge).connects().await;
    other
        .sends([&version_2("2001:db8:0:1::7"), ASK.as_bytes()].concat())
        .await;
    other.receives("GET").await.expect(200);

    edge.until_metric(&reached("max_connections_per_address"), 1.0)
        .await;
    let log = edge.log_json(3).await;
    assert!(
        log.iter()
            .any(|line| line["client"] == "2001:db8::8" && line["status"] == 503),
        "{log:?}"
    );
}

#[tokio::test]
async fn who_has_not_said_who_it_is_does_not_hold_up_a_drain() {
    let (edge, _primary) = behind(EVERYBODY_HERE, "").await;
    let _silent = viewer(&edge).connects().await;
    edge.until_metric("tideover_viewer_connections", 1.0).await;

    let began = std::time::Instant::now();
    edge.shuts_down(ms(8_000)).await;

    assert!(began.elapsed() < ms(4_000), "{:?}", began.elapsed());
}

#[tokio::test]
async fn who_was_let_in_just_before_a_drain_is_answered() {
    let (edge, primary) = behind(EVERYBODY_HERE, "").await;
    let status = viewer_of(edge.status());
    let mut line = viewer(&edge).connects().await;
    edge.until_metric("tideover_viewer_connections", 1.0).await;

    let drains = tokio::spawn(edge.shuts_down(ms(8_000)));
    patiently("it drains", async {
        while status.get("/readyz").await.status != 503 {
            tokio::time::sleep(ms(5)).await;
        }
    })
    .await;
    line.sends([&version_2("2001:db8::7"), ASK.as_bytes()].concat())
        .await;

    line.receives("GET").await.expect(200);
    assert_eq!(primary.request().value("x-forwarded-for"), "2001:db8::7");
    assert_eq!(drains.await.expect("it ends").requests, 1);
}

#[tokio::test]
async fn a_header_stands_in_front_of_tls() {
    let primary = origin("primary").start().await;
    let edge = in_front_of(&primary)
        .and(&format!("[listen]\nproxy_protocol_from = {EVERYBODY_HERE}"))
        .tls()
        .start()
        .await;
    let mut tcp = TcpStream::connect(edge.tls_address())
        .await
        .expect("it listens");
    tcp.write_all(&version_2("2001:db8::7"))
        .await
        .expect("it is read");
    let connector = TlsConnector::from(Arc::new(client_config(Protocol::Tls)));
    let name = ServerName::try_from("localhost").expect("a name");
    let mut tls = patiently("a handshake", connector.connect(name, tcp))
        .await
        .expect("hands are shaken");

    tls.write_all(ASK.as_bytes()).await.expect("it is read");

    let mut status = [0; 12];
    let read = patiently("an answer", tls.read_exact(&mut status)).await;
    read.expect("it is answered");
    assert_eq!(&status, b"HTTP/1.1 200");
    assert_eq!(primary.request().value("x-forwarded-for"), "2001:db8::7");
}
