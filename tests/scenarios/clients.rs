//! Clients that other people wrote see it right: curl, nghttp and h2load. Python's `websockets` is beside the WebSocket scenarios.

use std::net::SocketAddr;
use std::process::Command;

use harness::certificates::authority_pem;
use harness::{Edge, Origin, Step, in_front_of, origin, patiently};

const BODY_BYTES: usize = 100_000;

async fn cast() -> (Edge, Origin) {
    let app = origin("app").body("x".repeat(BODY_BYTES)).start().await;
    let edge = in_front_of(&app)
        .tls()
        .and("[listen]\nh2c = true")
        .file("ca.pem", &authority_pem())
        .start()
        .await;
    (edge, app)
}

/// What the program prints.
///
/// # Panics
/// When it is not there, or ends with a failure.
pub(super) async fn prints(program: &'static str, arguments: Vec<String>) -> String {
    let said = arguments.join(" ");
    let runs = tokio::task::spawn_blocking(move || Command::new(program).args(arguments).output());
    let output = patiently(program, runs).await.expect("no panic");
    let output = output.unwrap_or_else(|error| panic!("tests/run installs {program}: {error}"));
    let [out, err] =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{program} {said}: {out}{err}");
    out
}

/// Where curl is sent, with its arguments for that.
fn to(address: SocketAddr, edge: &Edge) -> Vec<String> {
    let authority = edge.folder().join("ca.pem").display().to_string();
    let scheme = if address == edge.address() {
        "http"
    } else {
        "https"
    };
    let port = address.port();
    vec![
        "--silent".to_owned(),
        "--show-error".to_owned(),
        "--noproxy".to_owned(),
        "*".to_owned(),
        "--cacert".to_owned(),
        authority,
        "--resolve".to_owned(),
        format!("localhost:{port}:127.0.0.1"),
        format!("{scheme}://localhost:{port}/"),
    ]
}

#[tokio::test]
async fn curl_by_every_protocol() {
    let (edge, app) = cast().await;
    let (plain, tls) = (edge.address(), edge.tls_address());
    for (address, flags, version) in [
        (plain, "--http1.0", "1"),
        (plain, "--http1.1", "1.1"),
        (plain, "--http2-prior-knowledge", "2"),
        // Asks to be upgraded (h2c), which nobody has to do: RFC 9113, section 3.1.
        (plain, "--http2", "1.1"),
        (tls, "--http1.1 --tlsv1.2 --tls-max 1.2", "1.1"),
        (tls, "--http1.1 --tlsv1.3", "1.1"),
        (tls, "--http2 --tlsv1.2 --tls-max 1.2", "2"),
        (tls, "--http2 --tlsv1.3", "2"),
    ] {
        for (more, expected) in [
            (&[][..], "200"),
            (&["--head"][..], "200"),
            // Long enough that curl asks first (Expect: 100-continue) where it does.
            (
                &[
                    "--data-binary",
                    "@edge.pem",
                    "--header",
                    "Expect: 100-continue",
                ][..],
                "200",
            ),
        ] {
            let mut arguments = to(address, &edge);
            arguments.extend(flags.split(' ').map(str::to_owned));
            arguments.extend(more.iter().map(|argument| {
                let file = edge.folder().join("edge.pem");
                argument.replace("edge.pem", &file.display().to_string())
            }));
            let format = "\\n%{http_code} %{http_version} %{size_download}";
            arguments.extend(["--write-out".to_owned(), format.to_owned()]);
            let out = prints("curl", arguments).await;
            let told = out.lines().last().unwrap_or_default();
            let bytes = if more == ["--head"] { 0 } else { BODY_BYTES };
            assert_eq!(
                told,
                format!("{expected} {version} {bytes}"),
                "{flags} {more:?}"
            );
        }
    }
    assert!(app.requests().iter().all(|seen| seen.is_whole));
}

#[tokio::test]
async fn curl_switches_to_a_websocket() {
    let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let frame = b"\x81\x05hello\x88\x02\x03\xe8";
    let app = origin("app")
        .plays([Step::Send([head.as_bytes(), frame].concat()), Step::Close])
        .start()
        .await;
    let edge = in_front_of(&app)
        .tls()
        .file("ca.pem", &authority_pem())
        .start()
        .await;
    for address in [edge.address(), edge.tls_address()] {
        let mut arguments = to(address, &edge);
        arguments.extend(["--http1.1", "--include", "--no-buffer"].map(str::to_owned));
        for header in [
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
        ] {
            arguments.extend(["--header".to_owned(), header.to_owned()]);
        }
        let out = prints("curl", arguments).await.to_ascii_lowercase();
        assert!(out.starts_with("http/1.1 101 "), "{out}");
        assert!(
            out.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="),
            "{out}"
        );
        assert!(out.contains("hello"), "{out}");
    }
}

#[tokio::test]
async fn nghttp_and_h2load_by_http2() {
    let (edge, app) = cast().await;
    let urls = [
        format!("http://{}/", edge.address()),
        format!("https://localhost:{}/", edge.tls_address().port()),
    ];
    for url in urls {
        // Three at once, and the frames of each are told.
        let arguments = [
            "--no-verify-peer",
            "--null-out",
            "--stat",
            "--multiply=3",
            &url,
        ];
        let out = prints("nghttp", arguments.map(str::to_owned).to_vec()).await;
        let answered = out.lines().filter(|line| line.contains(" 200 ")).count();
        assert_eq!(answered, 3, "{out}");

        let arguments = [
            "--requests=300",
            "--clients=3",
            "--max-concurrent-streams=20",
            &url,
        ];
        let out = prints("h2load", arguments.map(str::to_owned).to_vec()).await;
        assert!(
            out.contains("300 succeeded, 0 failed, 0 errored, 0 timeout"),
            "{out}"
        );
        assert!(out.contains("status codes: 300 2xx"), "{out}");
    }
    assert_eq!(app.requests().len(), 606);
}
