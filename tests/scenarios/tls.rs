//! TLS to viewers: which certificate is shown, what is spoken, and what happens to those who do not keep to it.

use harness::certificates::Certificate;
use harness::{
    EdgeBuilder, Origin, Protocol, client_config, in_front_of, is_trusted, ms, origin, patiently,
    shakes_hands, viewer, viewer_by,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn app() -> Origin {
    origin("app").start().await
}

fn two_certificates(edge: EdgeBuilder) -> EdgeBuilder {
    let (shop, wild) = (
        Certificate::good("shop.example"),
        Certificate::good("*.shop.example"),
    );
    edge.file("shop.pem", shop.pem())
        .file("shop.key", &shop.key_pem())
        .file("wild.pem", &format!("{}{}", wild.pem(), wild.key_pem()))
        .and(
            r#"
            [tls]
            certificates = [{ certificate = "shop.pem", key = "shop.key" }, { certificate = "wild.pem" }]
            "#,
        )
        .flags(|flags| flags.listen_tls = vec!["127.0.0.1:0".to_owned()])
}

#[tokio::test]
async fn certificates_are_chosen_by_server_name() {
    let app = app().await;
    let edge = two_certificates(in_front_of(&app)).start().await;
    for (name, trusted) in [
        ("shop.example", true),
        ("SHOP.example", true),
        ("www.shop.example", true),
        ("a.b.shop.example", false),
        ("other.example", false),
    ] {
        assert_eq!(is_trusted(&edge, name).await, trusted, "{name}");
    }
}

#[tokio::test]
async fn a_host_of_another_certificate_is_misdirected() {
    let app = app().await;
    let edge = two_certificates(in_front_of(&app))
        .logs("json")
        .start()
        .await;
    let viewer = viewer_by(&edge, Protocol::Tls);
    for (server_name, host, status) in [
        ("shop.example", "shop.example", 200),
        ("www.shop.example", "www.shop.example", 200),
        // The same certificate.
        ("www.shop.example", "img.shop.example", 200),
        ("www.shop.example", "shop.example", 421),
        ("shop.example", "other.example", 421),
    ] {
        let mut tls = shakes_hands(
            edge.tls_address(),
            server_name,
            client_config(Protocol::Tls),
        )
        .await
        .expect("it is trusted");
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        tls.write_all(request.as_bytes()).await.expect("it is read");
        let mut answer = Vec::new();
        let _ = patiently("an answer", tls.read_to_end(&mut answer)).await;
        let answer = String::from_utf8_lossy(&answer);
        let expected = format!("HTTP/1.1 {status} ");
        assert!(
            answer.starts_with(&expected),
            "{server_name} {host}: {answer}"
        );
    }
    let log = edge.log_json(5).await;
    assert_eq!(log[4]["detail"], "InvalidRequestCertificate");
    assert_eq!(log[0]["tls"], "TLSv1.3");
    viewer.host("shop.example").get("/").await.expect(200);
}

#[tokio::test]
async fn http2_is_offered_and_can_be_switched_off() {
    let app = app().await;
    for (said, offered) in [("", true), ("http2 = true", true), ("http2 = false", false)] {
        let edge = in_front_of(&app)
            .tls()
            .and(&format!("[tls]\n{said}"))
            .start()
            .await;
        let mut config = client_config(Protocol::Http2);
        config.alpn_protocols.push(b"http/1.1".to_vec());
        let stream = shakes_hands(edge.tls_address(), "localhost", config)
            .await
            .expect("a handshake");
        let spoken = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        let expected = if offered { "h2" } else { "http/1.1" };
        assert_eq!(spoken.as_deref(), Some(expected.as_bytes()), "{said:?}");
    }
}

#[tokio::test]
async fn the_minimum_protocol_holds() {
    let app = app().await;
    for (minimum, tls12) in [
        ("TLSv1.2_2021", true),
        ("TLSv1.2_2025", true),
        ("TLSv1", true),
        ("TLSv1.3_2025", false),
    ] {
        let edge = in_front_of(&app)
            .tls()
            .and(&format!("[tls]\nminimum_protocol_version = \"{minimum}\""))
            .start()
            .await;
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS12])
            .expect("the provider speaks it")
            .with_root_certificates(harness::roots())
            .with_no_client_auth();
        let shaken = shakes_hands(edge.tls_address(), "localhost", config).await;
        assert_eq!(shaken.is_ok(), tls12, "{minimum}");
        assert!(is_trusted(&edge, "localhost").await, "{minimum}");
    }
}

#[tokio::test]
async fn the_log_tells_protocol_and_cipher() {
    let app = app().await;
    let edge = in_front_of(&app).tls().logs("cloudfront").start().await;
    viewer_by(&edge, Protocol::Http2).get("/").await.expect(200);
    viewer(&edge).get("/").await.expect(200);
    let log = edge.log(2).await;
    let fields: Vec<Vec<&str>> = log.iter().map(|line| line.split('\t').collect()).collect();
    assert_eq!(fields[0][20], "TLSv1.3");
    assert!(fields[0][21].starts_with("TLS_"), "{}", fields[0][21]);
    assert_eq!(fields[0][23], "HTTP/2.0");
    assert_eq!(fields[1][20..22], ["-", "-"]);
}

/// Silence, and what is no TLS: the connection ends, and is counted.
#[tokio::test]
async fn a_handshake_has_a_deadline() {
    let app = app().await;
    let edge = in_front_of(&app)
        .tls()
        .and("[tls]\nhandshake_timeout = \"200ms\"")
        .start()
        .await;
    let mut silent = TcpStream::connect(edge.tls_address())
        .await
        .expect("it listens");
    let mut plain = TcpStream::connect(edge.tls_address())
        .await
        .expect("it listens");
    plain
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .expect("it is read");
    for stream in [&mut silent, &mut plain] {
        let mut rest = Vec::new();
        let _ = patiently("the end", stream.read_to_end(&mut rest)).await;
    }
    edge.until_metric("tideover_failed_handshakes_total", 2.0)
        .await;
}

#[tokio::test]
async fn a_reload_changes_the_certificate_and_keeps_connections() {
    let app = app().await;
    let builder = in_front_of(&app).certificate(&Certificate::good("old.example"));
    let edge = builder.start().await;
    assert!(is_trusted(&edge, "old.example").await);
    let mut kept = shakes_hands(
        edge.tls_address(),
        "old.example",
        client_config(Protocol::Tls),
    )
    .await
    .expect("it is trusted");

    let new = Certificate::good("new.example");
    edge.writes("edge.pem", new.pem());
    // Not its key: the old one stays.
    assert!(edge.tries_to_reload().is_err());
    assert!(is_trusted(&edge, "old.example").await);
    edge.writes("edge.key", &new.key_pem());
    edge.tries_to_reload().expect("now they belong together");

    assert!(is_trusted(&edge, "new.example").await);
    assert!(!is_trusted(&edge, "old.example").await);
    kept.write_all(b"GET / HTTP/1.1\r\nHost: old.example\r\nConnection: close\r\n\r\n")
        .await
        .expect("it is read");
    let mut answer = Vec::new();
    let _ = patiently("an answer", kept.read_to_end(&mut answer)).await;
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{answer:?}");
}

/// Certificate and key lie in a folder that a link leads to, and the link is turned, as Kubernetes does with a secret and
/// certbot with its `live`: what is watched changes, though nothing was written into it.
#[tokio::test]
async fn a_certificate_changes_by_the_turn_of_a_link() {
    let app = app().await;
    let certificates = ["old.example", "new.example"].map(Certificate::good);
    let edge = in_front_of(&app)
        .certificate(&certificates[0])
        .start()
        .await;
    for (folder, certificate) in ["first", "second"].iter().zip(&certificates) {
        let folder = edge.folder().join(folder);
        std::fs::create_dir(&folder).expect("it is a new folder");
        std::fs::write(folder.join("edge.pem"), certificate.pem()).expect("it is written");
        std::fs::write(folder.join("edge.key"), certificate.key_pem()).expect("it is written");
    }
    let turn_to = |folder: &str| {
        let (new, link) = (edge.folder().join("new"), edge.folder().join("data"));
        std::os::unix::fs::symlink(folder, &new).expect("a link");
        std::fs::rename(new, link).expect("it takes the other's place at once");
    };
    turn_to("first");
    for name in ["edge.pem", "edge.key"] {
        let file = edge.folder().join(name);
        std::fs::remove_file(&file).expect("it was there");
        std::os::unix::fs::symlink(format!("data/{name}"), file).expect("a link");
    }
    let watched = edge.watched_files();
    assert_eq!(
        watched,
        ["edge.key", "edge.pem"].map(|name| edge.folder().join(name))
    );
    let seen = || -> Vec<u64> {
        let inode = |file| {
            std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(file).expect("it is there"))
        };
        watched.iter().map(inode).collect()
    };
    let before = seen();
    turn_to("second");
    assert!(
        before
            .iter()
            .zip(seen())
            .all(|(before, now)| *before != now)
    );
    edge.tries_to_reload().expect("they belong together");
    assert!(is_trusted(&edge, "new.example").await);
    assert!(!is_trusted(&edge, "old.example").await);
}

#[tokio::test]
async fn tickets_survive_a_reload() {
    let app = app().await;
    let edge = in_front_of(&app).tls().start().await;
    let config = client_config(Protocol::Tls);
    for reloaded in [false, true] {
        if reloaded {
            edge.tries_to_reload().expect("nothing changed");
        }
        // The session store is shared by clones.
        let mut stream = shakes_hands(edge.tls_address(), "localhost", config.clone())
            .await
            .expect("a handshake");
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .await
            .expect("it is read");
        let mut answer = Vec::new();
        let _ = patiently("an answer", stream.read_to_end(&mut answer)).await;
        let kind = stream.get_ref().1.handshake_kind();
        let expected = if reloaded {
            rustls::HandshakeKind::Resumed
        } else {
            rustls::HandshakeKind::Full
        };
        assert_eq!(kind, Some(expected));
    }
}

#[tokio::test]
async fn a_self_signed_certificate_serves() {
    let app = app().await;
    let edge = in_front_of(&app)
        .flags(|flags| {
            flags.listen_tls = vec!["127.0.0.1:0".to_owned()];
            flags.tls_self_signed = true;
        })
        .start()
        .await;
    assert!(!is_trusted(&edge, "localhost").await, "nobody trusts it");
}

#[tokio::test]
async fn https_only_and_redirects_mean_tls() {
    let app = origin("app").start().await;
    let edge = harness::edge(
        r#"
        [[distribution.site.behavior]]
        path = "/secure/*"
        target = "app"
        viewer_protocol = "https-only"
        [distribution.site.default_behavior]
        target = "app"
        viewer_protocol = "redirect-to-https"
        allowed_methods = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
        "#,
    )
    .origins([&app])
    .tls()
    .start()
    .await;
    let (plain, tls) = (viewer(&edge), viewer_by(&edge, Protocol::Http2));
    plain.get("/secure/x").await.expect(403);
    tls.get("/secure/x").await.expect(200);
    tls.get("/x").await.expect(200);
    // A Host with a port is a set-up on this machine: the redirect leads to the listener that is there.
    let port = edge.tls_address().port();
    for (host, location) in [
        ("www.example", "https://www.example/x?y".to_owned()),
        ("localhost:8000", format!("https://localhost:{port}/x?y")),
        ("[::1]:8000", format!("https://[::1]:{port}/x?y")),
    ] {
        for (method, status) in [("GET", 301), ("HEAD", 301), ("POST", 307), ("OPTIONS", 307)] {
            let response = plain.clone().host(host).request(method, "/x?y").await;
            response.expect(status).header("location", &location);
        }
    }
}

/// However much it has sent beside that: with bytes unread a close would be a reset.
#[tokio::test]
async fn a_viewer_whose_handshake_fails_is_told_why() {
    const UNEXPECTED_MESSAGE: u8 = 10;
    const DECODE_ERROR: u8 = 50;
    let app = app().await;
    let edge = in_front_of(&app).tls().start().await;
    let record = |kind: u8, payload: &[u8]| {
        let length = u16::try_from(payload.len()).expect("short").to_be_bytes();
        [&[kind, 3, 1], &length[..], payload].concat()
    };
    let large = [&[1, 0, 0xff, 0xff][..], &[0; 0xffff]].concat();
    for (what, sent, alert) in [
        ("no TLS", vec![b'x'; 100_000], DECODE_ERROR),
        (
            "data first",
            record(23, &[0; 16_000]).repeat(9),
            UNEXPECTED_MESSAGE,
        ),
        (
            "a message of 16 MiB",
            record(22, &[1, 0xff, 0xff, 0xff]).repeat(999),
            DECODE_ERROR,
        ),
        (
            "a hello of 64 KiB",
            large
                .chunks(16_000)
                .flat_map(|piece| record(22, piece))
                .collect(),
            DECODE_ERROR,
        ),
    ] {
        let mut line = TcpStream::connect(edge.tls_address())
            .await
            .expect("it listens");
        patiently(what, line.write_all(&sent)).await.expect(what);
        let mut came = Vec::new();
        let ended = patiently(what, line.read_to_end(&mut came)).await;
        assert!(ended.is_ok(), "{what}: {ended:?}");
        assert_eq!(came, [21, 3, 3, 0, 2, 2, alert], "{what}");
    }
}

#[tokio::test]
async fn who_has_said_nothing_does_not_hold_up_a_drain() {
    let app = app().await;
    let edge = in_front_of(&app).tls().start().await;
    let mut silent = TcpStream::connect(edge.tls_address())
        .await
        .expect("it listens");
    edge.until_metric("tideover_viewer_connections", 1.0).await;

    let began = std::time::Instant::now();
    edge.shuts_down(ms(20_000)).await;

    assert!(began.elapsed() < ms(4_000), "{:?}", began.elapsed());
    let ended = patiently("it is closed", silent.read(&mut [0])).await;
    assert_eq!(ended.expect("in order"), 0);
}
