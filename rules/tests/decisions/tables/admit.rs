//! Which heads are fit to be forwarded: a head a line, and the host that it asks or what is wrong with it.

use http::{Method as HttpMethod, Uri, Version};
use tideover_rules::admit::{Malformed, admit, may_be_trailers};
use tideover_rules::fields::Fields;

use crate::cast::{all_hold, headers};

const V10: Version = Version::HTTP_10;
const V11: Version = Version::HTTP_11;
const V2: Version = Version::HTTP_2;

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn heads_that_can_be_understood_in_one_way_only_are_admitted() {
    use Malformed::*;
    type Case = (
        &'static str,
        &'static str,
        Version,
        &'static [&'static str],
        Result<&'static str, Malformed>,
    );
    #[rustfmt::skip]
    let cases: &[Case] = &[
        // Hosts.
        ("GET", "/", V11, &["Host: a.example"], Ok("a.example")),
        ("GET", "/", V11, &["Host: A.Example"], Ok("A.Example")),
        ("GET", "/", V11, &["Host: a.example:8080"], Ok("a.example")),
        ("GET", "/", V11, &["Host: a.example:"], Ok("a.example")),
        ("GET", "/", V11, &["Host: a.example."], Ok("a.example")),
        ("GET", "/", V11, &["Host: a.example.:80"], Ok("a.example")),
        ("GET", "/", V11, &["Host: 127.0.0.1:1"], Ok("127.0.0.1")),
        ("GET", "/", V11, &["Host: [::1]"], Ok("[::1]")),
        ("GET", "/", V11, &["Host: [::1]:8080"], Ok("[::1]")),
        ("GET", "/", V11, &[], Err(MissingHost)),
        ("GET", "/", V10, &[], Ok("")),
        ("GET", "/", V10, &["Host: a.example"], Ok("a.example")),
        ("GET", "/", V2, &[], Err(MissingHost)),
        ("GET", "/", V11, &["Host:"], Err(InvalidHost)),
        ("GET", "/", V10, &["Host:"], Err(InvalidHost)),
        ("GET", "/", V11, &["Host: ."], Err(InvalidHost)),
        ("GET", "/", V11, &["Host: :80"], Err(InvalidHost)),
        ("GET", "/", V11, &["Host: a.example:http"], Err(InvalidHost)),
        ("GET", "/", V11, &["Host: a.example:65536"], Err(InvalidHost)),
        ("GET", "/", V11, &["Host: a.example:80:80"], Err(InvalidHost)),
        ("GET", "/", V11, &["Host: a.example/"], Err(InvalidHost)),
        ("GET", "/", V11, &["Host: user@a.example"], Err(InvalidHost)),
        ("GET", "/", V11, &["Host: a example"], Err(InvalidHost)),
        ("GET", "/", V11, &["Host: a.example, b.example"], Err(InvalidHost)),
        ("GET", "/", V11, &["Host: a.example,b.example"], Err(InvalidHost)),
        ("GET", "/", V11, &["Host: a%2eexample"], Err(InvalidHost)),
        ("GET", "/", V11, &["Host: http://a.example"], Err(InvalidHost)),
        ("GET", "/", V11, &["Host: [::1"], Err(InvalidHost)),
        ("GET", "/", V11, &["Host: ::1"], Err(InvalidHost)),
        ("GET", "/", V11, &["Host: [::1]x"], Err(InvalidHost)),
        ("GET", "/", V11, &["Host: [a.example]"], Err(InvalidHost)),
        ("GET", "/", V11, &["Host: caf\u{e9}.example"], Err(InvalidHost)),
        ("GET", "/", V11, &["Host: a.example", "Host: a.example"], Err(SecondHost)),
        ("GET", "/", V11, &["Host: a.example", "Host: b.example"], Err(SecondHost)),
        ("GET", "http://a.example/", V2, &["Host: a.example", "Host: a.example"], Err(SecondHost)),
        ("GET", "/", V11, &["Host: a_b-c.example"], Ok("a_b-c.example")),
        ("GET", "/", V11, &["Host: a!b.example"], Err(InvalidHost)),
        ("GET", "/", V11, &["Host: a%2eb.example"], Err(InvalidHost)),
        ("GET", "/", V11, &["Host: a=b"], Err(InvalidHost)),
        ("GET", "/", V11, &["Host: a.example?"], Err(InvalidHost)),
        ("GET", "/", V11, &["Host: [fe80::1%25eth0]"], Err(InvalidHost)),
        // Targets.
        ("OPTIONS", "*", V11, &["Host: a.example"], Ok("a.example")),
        ("GET", "*", V11, &["Host: a.example"], Err(InvalidTarget)),
        ("GET", "//b.example/x", V11, &["Host: a.example"], Ok("a.example")),
        ("GET", "word", V11, &["Host: a.example"], Err(InvalidTarget)),
        ("CONNECT", "a.example:443", V11, &["Host: a.example:443"], Ok("a.example")),
        ("GET", "http://a.example/x", V11, &["Host: a.example"], Ok("a.example")),
        ("GET", "HTTP://a.example/x", V11, &["Host: a.example"], Ok("a.example")),
        ("GET", "http://a.example", V11, &["Host: a.example"], Ok("a.example")),
        ("GET", "http://A.example:80/x", V11, &["Host: a.example"], Ok("a.example")),
        ("GET", "https://a.example/x", V11, &["Host: a.example:443"], Ok("a.example")),
        ("GET", "https://a.example/x", V11, &["Host: a.example:80"], Err(TargetAndHostDiffer)),
        ("GET", "http://b.example/x", V11, &["Host: a.example"], Err(TargetAndHostDiffer)),
        ("GET", "http://a.example:81/x", V11, &["Host: a.example"], Err(TargetAndHostDiffer)),
        ("GET", "http://a.example/x", V11, &[], Err(MissingHost)),
        ("GET", "http://a.example/x", V10, &[], Ok("a.example")),
        ("GET", "ftp://a.example/x", V11, &["Host: a.example"], Err(InvalidTarget)),
        ("GET", "http://u:p@a.example/x", V11, &["Host: a.example"], Err(InvalidTarget)),
        ("GET", "https://a.example/x", V2, &[], Ok("a.example")),
        ("GET", "https://a.example/x", V2, &["Host: a.example"], Ok("a.example")),
        ("GET", "https://a.example/x", V2, &["Host: b.example"], Err(TargetAndHostDiffer)),
        ("CONNECT", "/", V11, &["Host: a.example"], Err(InvalidTarget)),
        ("CONNECT", "http://a.example/", V11, &["Host: a.example"], Err(InvalidTarget)),
        ("OPTIONS", "http://a.example", V11, &["Host: a.example"], Ok("a.example")),
        // Methods: known ones, and any that nobody can take for one of them.
        ("PATCH", "/", V11, &["Host: a.example"], Ok("a.example")),
        ("TRACE", "/", V11, &["Host: a.example"], Ok("a.example")),
        ("PROPFIND", "/", V11, &["Host: a.example"], Ok("a.example")),
        ("get", "/", V11, &["Host: a.example"], Err(Malformed::Method)),
        ("Post", "/", V11, &["Host: a.example"], Err(Malformed::Method)),
        ("cONNECT", "/", V11, &["Host: a.example"], Err(Malformed::Method)),
        (LONG_METHOD, "/", V11, &["Host: a.example"], Ok("a.example")),
        (LONGER_METHOD, "/", V11, &["Host: a.example"], Err(Malformed::Method)),
        // Expectations.
        ("POST", "/", V11, &["Host: a.example", "Expect: 100-continue"], Ok("a.example")),
        ("POST", "/", V11, &["Host: a.example", "Expect: 100-Continue"], Ok("a.example")),
        ("POST", "/", V11, &["Host: a.example", "Expect:"], Ok("a.example")),
        ("POST", "/", V11, &["Host: a.example", "Expect: 200-ok"], Err(Expectation)),
        ("POST", "/", V11, &["Host: a.example", "Expect: 100-continue", "Expect: x"], Err(Expectation)),
        // Framing.
        ("POST", "/", V11, &["Host: a.example", "Content-Length: 5"], Ok("a.example")),
        ("POST", "/", V11, &["Host: a.example", "Content-Length: 0"], Ok("a.example")),
        ("POST", "/", V11, &["Host: a.example", "Content-Length:"], Err(ContentLength)),
        ("POST", "/", V11, &["Host: a.example", "Content-Length: +5"], Err(ContentLength)),
        ("POST", "/", V11, &["Host: a.example", "Content-Length: -5"], Err(ContentLength)),
        ("POST", "/", V11, &["Host: a.example", "Content-Length: 05"], Err(ContentLength)),
        ("POST", "/", V11, &["Host: a.example", "Content-Length: 00"], Err(ContentLength)),
        ("POST", "/", V11, &["Host: a.example", "Content-Length: 0x5"], Err(ContentLength)),
        ("POST", "/", V11, &["Host: a.example", "Content-Length: 18446744073709551615"], Ok("a.example")),
        ("POST", "/", V11, &["Host: a.example", "Content-Length: 5 5"], Err(ContentLength)),
        ("POST", "/", V11, &["Host: a.example", "Content-Length: 5, 5"], Err(ContentLength)),
        ("POST", "/", V11, &["Host: a.example", "Content-Length: 18446744073709551616"], Err(ContentLength)),
        ("POST", "/", V11, &["Host: a.example", "Content-Length: 5", "Content-Length: 5"], Err(ContentLength)),
        ("POST", "/", V11, &["Host: a.example", "Transfer-Encoding: chunked"], Ok("a.example")),
        ("POST", "/", V11, &["Host: a.example", "Transfer-Encoding: CHUNKED"], Ok("a.example")),
        ("POST", "/", V11, &["Host: a.example", "Transfer-Encoding:"], Err(TransferEncoding)),
        ("POST", "/", V11, &["Host: a.example", "Transfer-Encoding: gzip"], Err(TransferEncoding)),
        ("POST", "/", V11, &["Host: a.example", "Transfer-Encoding: identity"], Err(TransferEncoding)),
        ("POST", "/", V11, &["Host: a.example", "Transfer-Encoding: gzip, chunked"], Err(TransferEncoding)),
        ("POST", "/", V11, &["Host: a.example", "Transfer-Encoding: chunked, chunked"], Err(TransferEncoding)),
        ("POST", "/", V11, &["Host: a.example", "Transfer-Encoding: chunked;x"], Err(TransferEncoding)),
        ("POST", "/", V11, &["Host: a.example", "Transfer-Encoding: xchunked"], Err(TransferEncoding)),
        ("POST", "/", V11, &["Host: a.example", "Transfer-Encoding: \"chunked\""], Err(TransferEncoding)),
        ("POST", "/", V11, &["Host: a.example", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], Err(TransferEncoding)),
        ("POST", "/", V11, &["Host: a.example", "Transfer-Encoding: chunked", "Transfer-Encoding: identity"], Err(TransferEncoding)),
        ("POST", "/", V10, &["Host: a.example", "Transfer-Encoding: chunked"], Err(TransferEncoding)),
        ("POST", "/", V2, &["Host: a.example", "Transfer-Encoding: chunked"], Err(TransferEncoding)),
        ("POST", "/", V11, &["Host: a.example", "Transfer-Encoding: chunked", "Content-Length: 5"], Err(LengthAndTransferEncoding)),
        ("POST", "/", V11, &["Host: a.example", "Content-Length: 0", "Transfer-Encoding: chunked"], Err(LengthAndTransferEncoding)),
    ];
    let mut failures = Vec::new();
    for (method, target, version, lines, expected) in cases {
        let method = HttpMethod::from_bytes(method.as_bytes()).expect("a method");
        let uri: Uri = target.parse().expect("a target");
        let headers = headers(lines);
        let seen = admit(&method, &uri, *version, Fields::of(&headers)).map(|host| host.name);
        if seen != *expected {
            failures.push(format!(
                "{method} {target} {version:?} {lines:?}: {seen:?}, not {expected:?}"
            ));
        }
    }
    all_hold(&failures);
}

/// 64 bytes, and one more.
const LONG_METHOD: &str = "MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM";
const LONGER_METHOD: &str = "MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM";

#[test]
fn malformed_heads_are_answered_400_but_for_expectations() {
    use Malformed::*;
    #[rustfmt::skip]
    let rows = [
        (MissingHost, 400), (InvalidHost, 400), (SecondHost, 400), (InvalidTarget, 400), (TargetAndHostDiffer, 400),
        (TransferEncoding, 400), (LengthAndTransferEncoding, 400), (ContentLength, 400), (LineEnding, 400),
        (Fragment, 400), (Malformed::Method, 400), (Expectation, 417),
    ];
    for (malformed, status) in rows {
        assert_eq!(malformed.status().as_u16(), status, "{malformed:?}");
        assert!(!malformed.reason().is_empty());
    }
}

/// Source: RFC 9110, section 6.5.1.
#[test]
fn trailers_say_nothing_about_the_message() {
    #[rustfmt::skip]
    let rows: &[(&[&str], bool)] = &[
        (&[], true),
        (&["X-Checksum: 1", "Server-Timing: x", "ETag: \"x\""], true),
        (&["Content-Length: 5"], false),
        (&["Transfer-Encoding: chunked"], false),
        (&["X-Checksum: 1", "Host: b.example"], false),
        (&["Authorization: x"], false),
        (&["Cookie: a=1"], false),
        (&["If-Match: x"], false),
        (&["X-Forwarded-For: 10.0.0.1"], false),
        (&["Connection: close"], false),
        (&["Trailer: x"], false),
        (&["Content-Type: x"], false),
    ];
    for (lines, expected) in rows {
        assert_eq!(may_be_trailers(&headers(lines)), *expected, "{lines:?}");
    }
}

#[test]
fn a_host_is_passed_on_as_it_was_sent() {
    let headers = headers(&["Host: WWW.Shop.example.:8080"]);
    let uri = Uri::from_static("/");
    let host = admit(&HttpMethod::GET, &uri, V11, Fields::of(&headers)).expect("it is fit");
    assert_eq!(
        (host.name, host.sent),
        ("WWW.Shop.example", "WWW.Shop.example.:8080")
    );
}

#[test]
fn trailers_hold_nothing_that_belongs_into_a_head() {
    for (line, expected) in [
        ("X-Checksum: abc", true),
        ("Server-Timing: a", true),
        ("grpc-status: 0", true),
        ("Digest: abc", true),
        ("Content-Length: 5", false),
        ("Transfer-Encoding: chunked", false),
        ("Host: a.example", false),
        ("Authorization: x", false),
        ("Cookie: a=b", false),
        ("Content-Type: a/b", false),
        ("Content-Encoding: gzip", false),
        ("X-Forwarded-For: 192.0.2.1", false),
        ("If-None-Match: *", false),
        ("Connection: close", false),
    ] {
        let both = headers(&["X-First: a", line]);
        assert_eq!(may_be_trailers(&both), expected, "{line}");
    }
}
