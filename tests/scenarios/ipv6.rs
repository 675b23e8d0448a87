//! IPv6 beside IPv4, and both at one listener: whom it takes, what is told of the viewer, and origins that are there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use harness::certificates::Certificate;
use harness::{
    Edge, EdgeBuilder, Origin, Protocol, client_config, edge, has_ipv6, in_front_of, origin,
    patiently, shakes_hands, viewer_of,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

async fn cast(with: impl FnOnce(EdgeBuilder) -> EdgeBuilder) -> (Edge, Origin) {
    let app = origin("app").start().await;
    let edge = with(in_front_of(&app)).logs("json").start().await;
    (edge, app)
}

/// What the origin and the log are told of a viewer who asks there, whether the port is the listener's or another's.
async fn is_told_as(edge: &Edge, app: &Origin, at: SocketAddr, line: usize) -> String {
    viewer_of(at).get("/").await.expect(200);
    let requests = app.requests();
    let seen = requests.last().expect("it was asked");
    let forwarded = seen.value("x-forwarded-for").to_owned();
    let log = edge.log_json(line).await;
    assert_eq!(log[line - 1]["client"], forwarded, "{log:?}");
    forwarded
}

async fn is_refused(at: SocketAddr) -> bool {
    tokio::net::TcpStream::connect(at).await.is_err()
}

#[tokio::test]
async fn any_ipv6_address_is_any_ipv4_address_too() {
    if !has_ipv6() {
        return;
    }
    let (edge, app) = cast(|edge| edge.listens(["[::]:0"])).await;
    let port = edge.address().port();

    let v6 = is_told_as(&edge, &app, SocketAddr::new(V6, port), 1).await;
    let v4 = is_told_as(&edge, &app, SocketAddr::new(V4, port), 2).await;

    assert_eq!((v6.as_str(), v4.as_str()), ("::1", "127.0.0.1"));
}

#[tokio::test]
async fn one_address_is_no_other() {
    if !has_ipv6() {
        return;
    }
    let (edge, app) = cast(|edge| edge.listens(["[::1]:0"])).await;
    let port = edge.address().port();

    is_told_as(&edge, &app, SocketAddr::new(V6, port), 1).await;

    assert!(is_refused(SocketAddr::new(V4, port)).await);
}

/// As people write it who know other servers: both families by hand, on the same port.
#[tokio::test]
async fn both_may_be_listened_to_on_the_same_port() {
    if !has_ipv6() {
        return;
    }
    for v4 in ["0.0.0.0", "127.0.0.1"] {
        let (edge, app) = cast(|edge| edge.listens(["127.0.0.1:0"])).await;
        // A port that was free a moment ago, and that the edge itself has.
        let port = edge.address().port();
        let (first, second) = (format!("{v4}:{port}"), format!("[::]:{port}"));

        edge.listens_from_now_on([&second, &first]);

        assert_eq!(edge.addresses().len(), 2);
        let v6 = is_told_as(&edge, &app, SocketAddr::new(V6, port), 1).await;
        let v4 = is_told_as(&edge, &app, SocketAddr::new(V4, port), 2).await;
        assert_eq!((v6.as_str(), v4.as_str()), ("::1", "127.0.0.1"));

        // Without the other the one takes both again.
        edge.listens_from_now_on([&second]);
        is_told_as(&edge, &app, SocketAddr::new(V6, port), 3).await;
        is_told_as(&edge, &app, SocketAddr::new(V4, port), 4).await;
    }
}

#[tokio::test]
async fn an_origin_is_named_by_its_ipv6_address() {
    if !has_ipv6() {
        return;
    }
    let app = origin("app").on(V6).start().await;
    let port = app.address().port();
    let edge = edge(&format!(
        "[origin.app]\nurl = \"http://[::1]:{port}\"\n\
         [distribution.site.default_behavior]\ntarget = \"app\"\n"
    ))
    .start()
    .await;

    let response = viewer_of(edge.address()).get("/").await;

    response.expect(200).body("from app");
    assert_eq!(app.request().value("host"), format!("[::1]:{port}"));
}

/// What stands in front speaks from an IPv4 address to a listener that has IPv6 addresses only in words.
#[tokio::test]
async fn networks_of_ipv4_are_known_at_a_listener_for_both() {
    if !has_ipv6() {
        return;
    }
    let (edge, app) = cast(|edge| {
        edge.and("[listen]\nproxy_protocol_from = [\"127.0.0.0/8\", \"::1\"]")
            .listens(["[::]:0"])
    })
    .await;
    let port = edge.address().port();
    for (at, header, address) in [
        (V4, "PROXY TCP6 2001:db8::7 2001:db8::1 1 2", "2001:db8::7"),
        (V6, "PROXY TCP4 203.0.113.7 203.0.113.1 1 2", "203.0.113.7"),
        (V4, "PROXY UNKNOWN", "127.0.0.1"),
        (V6, "PROXY UNKNOWN", "::1"),
    ] {
        let response = viewer_of(SocketAddr::new(at, port))
            .sends(format!("{header}\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"))
            .await;
        response.expect(200);
        let requests = app.requests();
        let seen = requests.last().expect("it was asked");
        assert_eq!(seen.value("x-forwarded-for"), address, "{header}");
    }
}

/// An address is no server name (RFC 6066, section 3), so nothing can disagree with it.
#[tokio::test]
async fn a_viewer_who_asks_for_an_address_over_tls_is_not_misdirected() {
    if !has_ipv6() {
        return;
    }
    for (certified, asked_for, host, status) in [
        ("::1", "::1", "[::1]", 200),
        ("localhost", "localhost", "localhost", 200),
        // Shown for localhost, and nobody has said that this is the same.
        ("localhost", "localhost", "[::1]", 421),
    ] {
        let (edge, _app) = cast(|edge| {
            edge.certificate(&Certificate::good(certified))
                .flags(|flags| flags.listen_tls = vec!["[::]:0".to_owned()])
        })
        .await;
        let port = edge.tls_address().port();
        let config = client_config(Protocol::Tls);
        let mut stream = shakes_hands(SocketAddr::new(V6, port), asked_for, config)
            .await
            .expect("it is trusted");
        let asked = format!("GET / HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n");
        let sent = stream.write_all(asked.as_bytes()).await;
        sent.expect("it is read");
        let mut answer = Vec::new();
        let _ = patiently("an answer", stream.read_to_end(&mut answer)).await;
        let answer = String::from_utf8_lossy(&answer);
        let expected = format!("HTTP/1.1 {status} ");
        assert!(
            answer.starts_with(&expected),
            "{asked_for} {host}: {answer}"
        );
    }
}
