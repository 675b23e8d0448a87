//! What is kept is compressed once, for those who take it; whoever makes the whole of it again has what the origin sent.

use std::io::Read;
use std::time::Duration;

use harness::{
    Answer, Edge, EdgeBuilder, Origin, OriginBuilder, Protocol, Response, Step, answer, edge, gate,
    origin, viewer, viewer_by,
};

use crate::clients::prints;

/// A page of at least `bytes` bytes that repeats itself no more than pages do.
fn page(bytes: usize) -> String {
    let mut text = String::from("<!doctype html>\n");
    let mut number: u64 = 1;
    while text.len() < bytes {
        number = number
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        text += &format!("<p id=\"{}\">item {}</p>\n", number >> 40, number >> 33);
    }
    text
}

fn html(body: impl AsRef<[u8]>) -> Answer {
    answer(200)
        .header("Content-Type", "text/html; charset=utf-8")
        .header("Cache-Control", "max-age=60")
        .header("ETag", "\"1\"")
        .body(body)
}

fn compresses(app: &Origin) -> EdgeBuilder {
    edge(&format!(
        r#"
        [distribution.site.default_behavior]
        target = "{}"
        compress = true
        "#,
        app.name()
    ))
    .origins([app])
}

async fn started(app: OriginBuilder) -> (Origin, Edge) {
    let app = app.start().await;
    let edge = compresses(&app).start().await;
    (app, edge)
}

async fn asked(edge: &Edge, accepts: &str) -> Response {
    viewer(edge)
        .get("/a")
        .header("Accept-Encoding", accepts)
        .await
}

/// The body without its coding, if it has one.
fn decoded(response: &Response) -> String {
    let mut text = String::new();
    let mut body = &response.body[..];
    let read = match response.value("content-encoding") {
        "gzip" => flate2::read::MultiGzDecoder::new(body).read_to_string(&mut text),
        "br" => brotli::Decompressor::new(body, 4096).read_to_string(&mut text),
        _ => body.read_to_string(&mut text),
    };
    read.expect("what was compressed can be read again");
    text
}

#[track_caller]
fn is_as_it_was(response: &Response, text: &str) {
    assert!(response.whole, "cut");
    assert!(decoded(response) == text, "other bytes than the origin's");
}

const BROWSER: &str = "gzip, deflate, br, zstd";

#[tokio::test]
async fn each_viewer_has_the_coding_it_takes_and_it_is_made_once() {
    let text = page(100_000);
    let (app, edge) = started(origin("app").plays(html(&text))).await;
    for (accepts, coding, sent) in [
        (BROWSER, "br", "br,gzip"),
        ("gzip", "gzip", "gzip"),
        ("gzip, br;q=0", "", ""),
        ("br", "br", "br"),
        ("", "", ""),
        ("identity", "", ""),
    ] {
        let before = app.count();
        for again in [false, true] {
            let response = asked(&edge, accepts).await;
            is_as_it_was(&response, &text);
            let coding = if accepts.contains("br;q=0") {
                "gzip"
            } else {
                coding
            };
            assert_eq!(response.value("content-encoding"), coding, "{accepts}");
            if coding.is_empty() {
                response.header("etag", "\"1\"").no_header("vary");
            } else {
                response.header("etag", "W/\"1\"");
                response.header("vary", "Accept-Encoding");
                assert!(response.body.len() < text.len() / 2, "{accepts}");
            }
            let is_known = again || accepts.contains("q=0") || accepts == "identity";
            let verdict = if is_known {
                "Hit from tideover"
            } else {
                "Miss from tideover"
            };
            response.expect(200).header("x-cache", verdict);
            if again && !coding.is_empty() {
                let length = response.body.len().to_string();
                response.header("content-length", &length);
            } else if !is_known && !coding.is_empty() {
                response.no_header("content-length");
            }
        }
        if app.count() > before {
            assert_eq!(app.requests()[before].value("accept-encoding"), sent);
        }
    }
    assert_eq!(app.count(), 4);
}

#[tokio::test]
async fn what_cloudfront_leaves_alone_is_left_alone() {
    let text = page(2_000);
    let cases: [(&str, Answer); 8] = [
        ("small", html(&text[..999])),
        ("large", html(page(10_000_001))),
        ("type", html(&text).header("Content-Type", "image/png")),
        ("encoded", html(&text).header("Content-Encoding", "deflate")),
        (
            "no-transform",
            html(&text).header("Cache-Control", "no-transform"),
        ),
        (
            "chunked",
            answer(200)
                .header("Content-Type", "text/html")
                .header("Cache-Control", "max-age=60")
                .header("ETag", "\"1\"")
                .chunks([&text, &text]),
        ),
        ("gone", html_of(410, &text)),
        (
            "not kept",
            answer(200)
                .header("Content-Type", "text/html")
                .header("Cache-Control", "no-store")
                .header("ETag", "\"1\"")
                .body(&text),
        ),
    ];
    for (what, script) in cases {
        let (_app, edge) = started(origin("app").plays(script)).await;
        for _ in 0..2 {
            let response = asked(&edge, BROWSER).await;
            let coding = response.value("content-encoding");
            assert_eq!(
                coding,
                if what == "encoded" { "deflate" } else { "" },
                "{what}"
            );
            response.header("etag", "\"1\"").whole();
        }
    }
}

fn html_of(status: u16, text: &str) -> Answer {
    answer(status)
        .header("Content-Type", "text/html")
        .header("Cache-Control", "max-age=60")
        .header("ETag", "\"1\"")
        .body(text)
}

#[tokio::test]
async fn errors_that_cloudfront_compresses_are_compressed() {
    let text = page(2_000);
    for status in [403, 404] {
        let (_app, edge) = started(origin("app").plays(html_of(status, &text))).await;
        for _ in 0..2 {
            let response = asked(&edge, BROWSER).await;
            response.expect(status).header("content-encoding", "br");
            is_as_it_was(&response, &text);
        }
    }
}

#[tokio::test]
async fn first_bytes_flow_before_the_last_ones_have_come() {
    let text = page(300_000);
    let (first, rest) = text.split_at(5_000);
    for accepts in ["gzip", "br"] {
        let goes_on = gate();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nCache-Control: max-age=60\r\nContent-Length: {}\r\n\r\n",
            text.len()
        );
        let (_app, edge) = started(origin("app").plays([
            Step::ReadBody,
            Step::Send(head.into_bytes()),
            Step::Body(first.into()),
            Step::Wait(goes_on.clone()),
            Step::Body(rest.into()),
        ]))
        .await;
        let mut line = viewer(&edge).connects().await;
        line.sends(format!(
            "GET /a HTTP/1.1\r\nHost: x\r\nAccept-Encoding: {accepts}\r\n\r\n"
        ))
        .await;
        let mut response = line.receives_a_head().await;
        // The size of the first chunk: there is something to read, and the origin has not gone on.
        let size = line.receives_line().await;
        let size = u64::from_str_radix(&size, 16).expect("the size of a chunk");
        let mut body = line.receives_bytes(size).await;
        line.receives_line().await;
        goes_on.open();
        line.receives_the_rest(&mut response).await;
        body.append(&mut response.body);
        response.body = body;
        is_as_it_was(&response, &text);
        response.header("content-encoding", accepts);
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_cut_and_not_kept() {
    let text = page(300_000);
    for accepts in ["gzip", "br"] {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nCache-Control: max-age=60\r\nContent-Length: {}\r\n\r\n",
            text.len() + 1
        );
        let (app, edge) = started(origin("app").plays([
            Step::ReadBody,
            Step::Send(head.into_bytes()),
            Step::Body(text.clone().into_bytes()),
            Step::Close,
        ]))
        .await;
        for asked_before in 0..2 {
            assert_eq!(app.count(), asked_before);
            asked(&edge, accepts).await.expect(200).cut();
        }
    }
}

#[tokio::test]
async fn conditions_are_answered_by_the_weak_tag_and_the_origin_is_asked_by_its_own() {
    let text = page(5_000);
    let refreshed = answer(304)
        .header("Cache-Control", "max-age=60")
        .header("ETag", "\"1\"")
        .header("Accept-Ranges", "bytes")
        .header("Vary", "Origin");
    let (app, edge) = started(origin("app").in_turn([
        html(&text).header("Vary", "Origin"),
        refreshed.clone(),
        refreshed,
    ]))
    .await;
    asked(&edge, BROWSER).await.expect(200);
    for tag in ["W/\"1\"", "\"1\""] {
        let request = viewer(&edge).get("/a").header("Accept-Encoding", BROWSER);
        let not_modified = request.header("If-None-Match", tag).await;
        not_modified.expect(304).header("etag", "W/\"1\"");
    }
    for _ in 0..2 {
        edge.time_passes(Duration::from_secs(61));
        let response = asked(&edge, BROWSER).await;
        response.header("x-cache", "RefreshHit from tideover");
        response
            .header("etag", "W/\"1\"")
            .header("content-encoding", "br");
        response.no_header("accept-ranges");
        assert_eq!(response.values("vary"), ["Origin", "Accept-Encoding"]);
        is_as_it_was(&response, &text);
    }
    assert_eq!(app.count(), 3);
    for seen in &app.requests()[1..] {
        assert_eq!(seen.value("if-none-match"), "\"1\"");
    }
}

#[tokio::test]
async fn ranges_count_compressed_bytes() {
    let text = page(50_000);
    let (app, edge) = started(origin("app").plays(html(&text))).await;
    let whole = asked(&edge, "br").await;
    let total = whole.body.len();
    let mut joined: Vec<u8> = Vec::new();
    for range in ["bytes=0-999", "bytes=1000-"] {
        let request = viewer(&edge).get("/a").header("Accept-Encoding", "br");
        let part = request.header("Range", range).await;
        part.expect(206).header("content-encoding", "br");
        part.header_has("content-range", &format!("/{total}"));
        joined.extend(&part.body);
    }
    assert_eq!(joined, whole.body);
    // A weak tag says nothing of bytes.
    let request = viewer(&edge).get("/a").header("Accept-Encoding", "br");
    let request = request.header("Range", "bytes=0-9");
    request.header("If-Range", "W/\"1\"").await.expect(200);
    app.saw(["GET /a"]);
}

#[tokio::test]
async fn head_tells_what_get_would() {
    let text = page(5_000);
    let (app, edge) = started(origin("app").plays(html(&text))).await;
    for is_kept in [false, true] {
        let head = viewer(&edge)
            .head("/a")
            .header("Accept-Encoding", "br")
            .await;
        head.expect(200).header("content-encoding", "br");
        head.header("etag", "W/\"1\"")
            .header("vary", "Accept-Encoding");
        let kept = asked(&edge, "br").await;
        is_as_it_was(&kept, &text);
        if is_kept {
            let length = kept.body.len().to_string();
            head.header("content-length", &length);
        } else {
            head.no_header("content-length");
        }
    }
    app.saw(["HEAD /a", "GET /a"]);
}

#[tokio::test]
async fn who_speaks_http_1_0_takes_none_and_spoils_it_for_nobody() {
    let text = page(5_000);
    let (app, edge) = started(origin("app").plays(html(&text))).await;
    let old = "GET /a HTTP/1.0\r\nHost: localhost\r\nAccept-Encoding: gzip, br\r\n\r\n";
    let response = viewer(&edge).sends(old).await;
    response.no_header("content-encoding");
    is_as_it_was(&response, &text);
    let response = asked(&edge, BROWSER).await;
    response.header("content-encoding", "br");
    let response = viewer(&edge).sends(old).await;
    response.no_header("content-encoding");
    is_as_it_was(&response, &text);
    assert_eq!(app.count(), 2);
    assert!(!app.requests()[0].has("accept-encoding"));
}

#[tokio::test]
async fn all_who_wait_read_what_is_compressed_once_on_whatever_worker() {
    let text = page(1_000_000);
    let flows = gate();
    let app = origin("app")
        .plays(html(&text).body_after(&flows))
        .start()
        .await;
    let edge = compresses(&app)
        .flags(|flags| flags.workers = Some(2))
        .start()
        .await;
    let mut waiting = Vec::new();
    for _ in 0..8 {
        let mut line = viewer(&edge).connects().await;
        line.sends("GET /a HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: br\r\n\r\n")
            .await;
        let head = line.receives_a_head().await;
        waiting.push((line, head));
    }
    flows.open();
    for (line, head) in &mut waiting {
        line.receives_the_rest(head).await;
        head.expect(200).header("content-encoding", "br");
        is_as_it_was(head, &text);
    }
    app.saw(["GET /a"]);
}

#[tokio::test]
async fn cloudfront_s_flag_compresses_what_is_cached_and_nothing_else() {
    let text = page(5_000);
    let script = || {
        answer(200)
            .header("Content-Type", "text/html")
            .header("Cache-Control", "no-transform")
            .body(&text)
    };
    for (policy, coding) in [
        ("658327ea-f89d-4fab-a63d-7e88639e58f6", "br"),
        ("b2884449-e4de-46a7-ac36-70bc7f1ddd6d", ""),
        ("4135ea2d-6df8-44a3-9df3-4b5a84be39ad", ""),
        ("08627262-05a9-4f76-9ded-b50ca2e3a84f", "gzip"),
    ] {
        let app = origin("app").plays(script()).start().await;
        let edge = edge(&format!(
            r#"
            [distribution.site.default_behavior]
            target = "app"
            cache_policy = "{policy}"
            compress = true
            "#
        ))
        .origins([&app])
        .faithful()
        .start()
        .await;
        for _ in 0..2 {
            let response = asked(&edge, BROWSER).await;
            assert_eq!(response.value("content-encoding"), coding, "{policy}");
            is_as_it_was(&response, &text);
        }
    }
}

#[tokio::test]
async fn a_browser_over_http_2_and_curl_read_it() {
    let text = page(200_000);
    let app = origin("app").plays(html(&text)).start().await;
    let edge = compresses(&app)
        .tls()
        .and("[listen]\nh2c = true")
        .start()
        .await;
    for _ in 0..2 {
        let request = viewer_by(&edge, Protocol::Http2).get("/browser");
        let response = request.header("Accept-Encoding", BROWSER).await;
        response.expect(200).header("content-encoding", "br");
        is_as_it_was(&response, &text);
    }
    for protocol in ["--http1.1", "--http2-prior-knowledge"] {
        let url = format!("http://{}/curl", edge.address());
        let arguments = [
            "--silent",
            "--show-error",
            "--fail",
            "--compressed",
            protocol,
            &url,
        ];
        let out = prints("curl", arguments.map(ToOwned::to_owned).into()).await;
        assert!(out == text, "curl read something else");
    }
    assert_eq!(app.count(), 2);
    assert_eq!(app.requests()[1].value("accept-encoding"), "br,gzip");
}

#[tokio::test]
async fn what_comes_while_all_are_busy_is_kept_as_it_is() {
    const LARGEST: usize = 10_000_000;
    /// A quarter of the cores has this many bodies of that size in hand at most.
    const AT_ONCE: usize = 3;
    let (large, small) = (page(LARGEST), page(5_000));
    let goes_on = gate();
    let script = html(&large[..LARGEST]).body_after(&goes_on);
    let app = origin("app")
        .plays(script)
        .at("/small", html(&small))
        .start()
        .await;
    let edge = compresses(&app).start().await;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let most = AT_ONCE * cores.div_ceil(4).min(16);
    let mut lines = Vec::new();
    for number in 0..=most {
        let mut line = viewer(&edge).connects().await;
        line.sends(format!(
            "GET /{number} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n"
        ))
        .await;
        let head = line.receives_a_head().await;
        let coding = if number < most { "gzip" } else { "" };
        assert_eq!(head.value("content-encoding"), coding, "{number} of {most}");
        lines.push(line);
    }
    // It takes no time to speak of.
    let request = viewer(&edge).get("/small").header("Accept-Encoding", "br");
    request.await.expect(200).header("content-encoding", "br");
    goes_on.open();
    let mut last = lines.pop().expect("a last one");
    drop(lines);
    last.receives_bytes(LARGEST as u64).await;
    let target = format!("/{most}");
    let request = viewer(&edge).get(&target).header("Accept-Encoding", "gzip");
    let kept = request.await;
    kept.header("etag", "\"1\"").no_header("content-encoding");
    is_as_it_was(&kept, &large[..LARGEST]);
}
