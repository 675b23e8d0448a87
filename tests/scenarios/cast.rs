//! The cast itself: every bad origin does what its name says, seen by a viewer without an edge between.

use std::io::ErrorKind;
use std::net::TcpStream;

use harness::{Origin, Response, Viewer, answer, gate, ms, origin, settles, viewer_of};

fn viewer(origin: &Origin) -> Viewer {
    viewer_of(origin.address())
}

/// The first answer on a new connection; `None` when there is none.
async fn ask(origin: &Origin) -> Option<Response> {
    let mut line = viewer(origin).connects().await;
    line.sends("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    line.tries_to_receive("GET").await.unwrap_or_default()
}

#[tokio::test]
async fn a_good_origin_answers_and_remembers() {
    let primary = origin("primary").header("X-Tier", "1").start().await;

    let response = viewer(&primary).post("/owners?page=2", "name=Jean").await;

    response
        .expect(200)
        .body("from primary")
        .header("x-tier", "1");
    primary.saw(["POST /owners?page=2"]);
    assert_eq!(primary.request().text(), "name=Jean");
    assert_eq!(primary.request().value("host"), "localhost");
}

#[tokio::test]
async fn answers_come_by_path_and_in_turn() {
    let primary = origin("primary")
        .at("/fixed", answer(404).body("fixed"))
        .in_turn([answer(503), answer(200).body("second")])
        .start()
        .await;

    viewer(&primary)
        .get("/fixed?x")
        .await
        .expect(404)
        .body("fixed");
    viewer(&primary).get("/").await.expect(503);
    viewer(&primary).get("/").await.expect(200).body("second");
    viewer(&primary).get("/").await.expect(200).body("second");
}

#[tokio::test]
async fn a_connection_is_kept_for_more_requests() {
    let primary = origin("primary").start().await;
    let mut line = viewer(&primary).connects().await;

    line.sends("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    line.receives("HEAD").await.expect(200).body("");
    line.sends("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    line.receives("GET").await.expect(200).body("from primary");

    assert_eq!(primary.connections(), 1);
}

#[tokio::test]
async fn chunks_and_trailers_arrive() {
    let script = answer(200).chunks(["one", "two"]).trailer("X-Sum", "6");
    let primary = origin("primary").plays(script).start().await;

    let response = viewer(&primary).get("/").await;

    response.expect(200).body("onetwo");
    assert_eq!(response.trailers, [("X-Sum".to_owned(), "6".to_owned())]);
}

#[tokio::test]
async fn a_gate_holds_an_answer_back() {
    let held = gate();
    let primary = origin("primary")
        .plays(answer(200).after(&held))
        .start()
        .await;
    let mut line = viewer(&primary).connects().await;

    line.sends("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    primary.until_it_saw(1).await;
    assert_eq!(primary.bytes_sent(), 0);
    held.open();

    line.receives("GET").await.expect(200);
}

#[tokio::test]
async fn refuses() {
    let bad = origin("bad").refuses().start().await;

    let error = TcpStream::connect(bad.address()).expect_err("nobody listens");

    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn black_hole() {
    let bad = origin("bad").black_hole().start().await;

    let error = TcpStream::connect_timeout(&bad.address(), ms(300)).expect_err("the queue is full");

    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[tokio::test]
async fn never_answers() {
    let bad = origin("bad").never_answers().start().await;
    let mut line = viewer(&bad).connects().await;

    line.sends("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    bad.until_it_read(1).await;
    let answered = tokio::time::timeout(ms(100), line.tries_to_receive("GET")).await;
    drop(line);

    assert!(answered.is_err(), "it answered");
    bad.until_it_was_left().await;
}

#[tokio::test]
async fn resets_before_head() {
    let bad = origin("bad").resets_before_head().start().await;
    let mut line = viewer(&bad).connects().await;

    line.sends("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let error = line.tries_to_receive("GET").await.expect_err("a reset");

    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn closes_before_head() {
    let bad = origin("bad").closes_before_head().start().await;

    assert!(ask(&bad).await.is_none());
}

#[tokio::test]
async fn resets_before_the_request_body() {
    let bad = origin("bad").resets_before_the_request_body().start().await;
    let mut line = viewer(&bad).connects().await;

    line.sends("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
        .await;
    let error = line.tries_to_receive("POST").await.expect_err("a reset");

    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(!bad.request().is_whole);
}

#[tokio::test]
async fn resets_after() {
    let bad = origin("bad").resets_after(10).start().await;

    let response = viewer(&bad).get("/").await;

    response.expect(200).cut();
    assert_eq!(response.text(), "0123456789");
}

#[tokio::test]
async fn cuts_mid_head() {
    let bad = origin("bad").cuts_mid_head().start().await;
    let mut line = viewer(&bad).connects().await;

    line.sends("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let error = line.tries_to_receive("GET").await.expect_err("half a head");

    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn trickles() {
    let bad = origin("bad").trickles(ms(2)).start().await;

    let response = viewer(&bad).get("/").await;

    response
        .expect(200)
        .body("drop by drop")
        .took_at_least(ms(100));
}

#[tokio::test]
async fn stalls_after() {
    let bad = origin("bad").stalls_after(3).start().await;
    let mut line = viewer(&bad).connects().await;

    line.sends("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut response = line.receives_a_head().await;
    response.expect(200).header("content-length", "1003");
    let rest = tokio::time::timeout(ms(100), line.receives_the_rest(&mut response)).await;

    assert!(rest.is_err(), "the body ended");
}

#[tokio::test]
async fn lies_about_its_length() {
    let short = origin("short").claims_more_than_it_sends().start().await;
    let long = origin("long").sends_more_than_it_claims().start().await;
    let open = origin("open").leaves_out_the_last_chunk().start().await;

    let response = viewer(&short).get("/").await;
    response.expect(200).header("content-length", "105").cut();

    let mut line = viewer(&long).connects().await;
    line.sends("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    line.receives("GET").await.expect(200).body("short");
    line.receives("GET").await.expect(200).body("poison");

    viewer(&open).get("/").await.expect(200).cut();
}

#[tokio::test]
async fn huge_headers() {
    let bad = origin("bad").huge_headers(40_000).start().await;

    let response = viewer(&bad).get("/").await;

    let names = response.expect(200).head.headers.len();
    assert_eq!(names, 41, "headers of 1,000 bytes, and the length");
}

#[tokio::test]
async fn closes_idle_as_request_arrives() {
    let bad = origin("bad").closes_idle_as_request_arrives().start().await;
    let mut line = viewer(&bad).connects().await;

    line.sends("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n").await;
    line.receives("GET").await.expect(200);
    line.sends("GET /2 HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let second = line.tries_to_receive("GET").await;

    assert!(second.is_ok_and(|response| response.is_none()));
    bad.saw(["GET /1", "GET /2"]);
    viewer(&bad).get("/3").await.expect(200);
}

#[tokio::test]
async fn many_1xx() {
    let bad = origin("bad").many_1xx(3).start().await;

    let response = viewer(&bad).get("/").await;

    response.expect(200).body("at last");
    assert_eq!(response.interim, [103, 103, 103]);
}

#[tokio::test]
async fn continues() {
    let bad = origin("bad").continues(2).start().await;

    let response = viewer(&bad).get("/").await;

    assert_eq!(response.expect(200).interim, [100, 100]);
}

#[tokio::test]
async fn switches_protocols() {
    let bad = origin("bad").switches_protocols().start().await;

    viewer(&bad)
        .get("/")
        .await
        .expect(101)
        .header("upgrade", "smoke");
}

#[tokio::test]
async fn not_http() {
    let bad = origin("bad").not_http().start().await;

    let response = viewer(&bad).connects().await;
    let mut line = response;
    line.sends("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;

    let first_line = line.receives_a_head().await.head.first_line;
    assert_eq!(first_line, "SSH-2.0-OpenSSH_9.2p1");
}

mod certificates {
    use std::sync::Arc;

    use harness::{Origin, certificates, origin};
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::{ClientConfig, RootCertStore};
    use tokio_rustls::TlsConnector;

    /// What a careful client says of the certificate that this origin shows.
    async fn judged(origin: &Origin) -> Result<(), String> {
        let mut roots = RootCertStore::empty();
        let authority = certificates::authority_pem();
        let authority = CertificateDer::from_pem_slice(authority.as_bytes()).expect("is PEM");
        roots.add(authority).expect("is a certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider speaks the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(origin.domain_name().to_owned()).expect("is a name");
        let stream = tokio::net::TcpStream::connect(origin.address()).await;
        TlsConnector::from(Arc::new(config))
            .connect(name, stream.expect("it accepts"))
            .await
            .map(|_| ())
            .map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_good_certificate_is_believed() {
        assert_eq!(judged(&origin("good").https().start().await).await, Ok(()));
    }

    #[tokio::test]
    async fn bad_certificate() {
        let bad = origin("bad").bad_certificate().start().await;
        let error = judged(&bad).await.expect_err("self-signed");
        assert!(error.contains("UnknownIssuer"), "{error}");
    }

    #[tokio::test]
    async fn wrong_name() {
        let bad = origin("bad").wrong_name().start().await;
        let error = judged(&bad).await.expect_err("somebody else's");
        assert!(error.contains("not valid for name"), "{error}");
    }

    #[tokio::test]
    async fn expired_certificate() {
        let bad = origin("bad").expired_certificate().start().await;
        let error = judged(&bad).await.expect_err("expired");
        assert!(error.contains("expired"), "{error}");
    }
}

#[tokio::test]
async fn what_an_origin_can_send_ends_where_nobody_reads() {
    use harness::Step;
    let script = [
        Step::Send(b"HTTP/1.1 200 OK\r\n\r\n".into()),
        Step::Stream(1 << 30),
    ];
    let eager = origin("eager").plays(script).start().await;
    let mut line = viewer(&eager).connects().await;

    line.sends("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    line.receives_a_head().await.expect(200);
    let sent = settles(|| eager.bytes_sent()).await;
    drop(line);

    assert!(sent < 1 << 30, "{sent} bytes were taken");
    eager.until_it_was_left().await;
}
