//! What the edge compresses, and what it says of it then. Source: Developer Guide, "Serve compressed files".

use http::{HeaderMap, StatusCode, Version};
use tideover_config::{CachePolicy, Compression};
use tideover_rules::cache::compression::{Coding, coding, describe};
use tideover_rules::cache::conditional::{confirms, freshened, validators};
use tideover_rules::fields::Fields;

use crate::cast::{headers, lines};
use Coding::{Brotli, Gzip};

const BOTH: Compression = Compression {
    gzip: true,
    brotli: true,
};
const NEITHER: Compression = Compression {
    gzip: false,
    brotli: false,
};
const ONLY_GZIP: Compression = Compression {
    gzip: true,
    brotli: false,
};
const ONLY_BROTLI: Compression = Compression {
    gzip: false,
    brotli: true,
};

const HTML: &[&str] = &["Content-Type: text/html", "Content-Length: 5000"];

fn policy(compression: Compression) -> CachePolicy {
    CachePolicy {
        compression,
        ..CachePolicy::by_the_origins_word()
    }
}

fn of(compression: Compression, accepts: &str) -> Option<Coding> {
    let viewer = match accepts {
        "" => HeaderMap::new(),
        list => headers(&[&format!("Accept-Encoding: {list}")]),
    };
    let (viewer, answer) = (Fields::of(&viewer), headers(HTML));
    let (version, status) = (Version::HTTP_11, StatusCode::OK);
    coding(&policy(compression), viewer, version, status, &answer)
}

/// For a viewer who takes both.
fn of_answer(policy: &CachePolicy, status: u16, answer: &[&str]) -> Option<Coding> {
    let viewer = headers(&["Accept-Encoding: gzip, br"]);
    let status = StatusCode::from_u16(status).expect("a status");
    let viewer = Fields::of(&viewer);
    coding(policy, viewer, Version::HTTP_2, status, &headers(answer))
}

#[test]
fn it_is_by_what_the_policy_has_and_the_viewer_takes_brotli_first() {
    for (compression, accepts, expected) in [
        (BOTH, "gzip, deflate, br, zstd", Some(Brotli)),
        (BOTH, "br", Some(Brotli)),
        (BOTH, "gzip", Some(Gzip)),
        (BOTH, "GZIP", Some(Gzip)),
        (BOTH, "gzip;q=1.0, br;q=0.1", Some(Brotli)),
        (BOTH, "gzip, br;q=0", Some(Gzip)),
        (BOTH, "gzip;q=0.000, br;q=0.0", None),
        (BOTH, "deflate", None),
        (BOTH, "identity", None),
        (BOTH, "*", None),
        (BOTH, "brotli, x-gzip", None),
        (BOTH, "", None),
        (ONLY_GZIP, "gzip, br", Some(Gzip)),
        (ONLY_GZIP, "br", None),
        (ONLY_BROTLI, "gzip, br", Some(Brotli)),
        (ONLY_BROTLI, "gzip", None),
        (NEITHER, "gzip, br", None),
    ] {
        assert_eq!(of(compression, accepts), expected, "{accepts}");
    }
}

#[test]
fn nothing_is_compressed_over_http_1_0() {
    let viewer = headers(&["Accept-Encoding: gzip, br"]);
    for (version, expected) in [
        (Version::HTTP_09, None),
        (Version::HTTP_10, None),
        (Version::HTTP_11, Some(Brotli)),
        (Version::HTTP_2, Some(Brotli)),
    ] {
        let (viewer, answer) = (Fields::of(&viewer), headers(HTML));
        let coding = coding(&policy(BOTH), viewer, version, StatusCode::OK, &answer);
        assert_eq!(coding, expected, "{version:?}");
    }
}

#[test]
fn statuses_are_three() {
    for status in 200..=599 {
        let expected = matches!(status, 200 | 403 | 404).then_some(Brotli);
        assert_eq!(of_answer(&policy(BOTH), status, HTML), expected, "{status}");
    }
}

#[test]
fn lengths_are_told_and_within_bounds() {
    for (length, expected) in [
        (Some("0"), None),
        (Some("999"), None),
        (Some("1000"), Some(Brotli)),
        (Some("10000000"), Some(Brotli)),
        (Some("10000001"), None),
        (Some("99999999999999999999"), None),
        (Some("many"), None),
        (None, None),
    ] {
        let mut answer = vec!["Content-Type: text/html".to_owned()];
        answer.extend(length.map(|bytes| format!("Content-Length: {bytes}")));
        let answer: Vec<&str> = answer.iter().map(String::as_str).collect();
        assert_eq!(
            of_answer(&policy(BOTH), 200, &answer),
            expected,
            "{length:?}"
        );
    }
}

#[test]
fn what_has_an_encoding_keeps_it() {
    for encoding in ["gzip", "br", "deflate", "identity", ""] {
        let encoding = format!("Content-Encoding: {encoding}");
        let answer = [HTML, &[&encoding]].concat();
        assert_eq!(of_answer(&policy(BOTH), 200, &answer), None, "{encoding}");
    }
}

#[test]
fn types_are_listed_ones_whatever_their_parameters() {
    const LISTED: &str = "application/dash+xml application/eot application/font application/font-sfnt \
        application/javascript application/json application/opentype application/otf application/pdf \
        application/pkcs7-mime application/protobuf application/rss+xml application/truetype application/ttf \
        application/vnd.apple.mpegurl application/vnd.mapbox-vector-tile application/vnd.ms-fontobject \
        application/wasm application/xhtml+xml application/xml application/x-font-opentype \
        application/x-font-truetype application/x-font-ttf application/x-httpd-cgi application/x-javascript \
        application/x-mpegurl application/x-opentype application/x-otf application/x-perl application/x-ttf \
        font/eot font/opentype font/otf font/ttf image/svg+xml text/css text/csv text/html text/javascript text/js \
        text/plain text/richtext text/tab-separated-values text/xml text/x-component text/x-java-source \
        text/x-script";
    let of_type = |media: &str| {
        let answer = [&format!("Content-Type: {media}"), "Content-Length: 5000"];
        of_answer(&policy(BOTH), 200, &answer)
    };
    for media in LISTED.split_whitespace() {
        for written in [
            media.to_owned(),
            media.to_uppercase(),
            format!("{media};charset=utf-8"),
            format!("{media} ; charset=\"a;b\""),
        ] {
            assert_eq!(of_type(&written), Some(Brotli), "{written}");
        }
    }
    for media in [
        "image/png",
        "image/jpeg",
        "font/woff2",
        "font/woff",
        "video/mp4",
        "audio/mpeg",
        "application/zip",
        "application/octet-stream",
        "application/ld+json",
        "text/event-stream",
        "text/markdown",
        "text/",
        "text",
        "/html",
        "text/html/x",
        "text/html, text/css",
        "text /html",
        ";text/html",
        "",
    ] {
        assert_eq!(of_type(media), None, "{media}");
    }
    let none = ["Content-Length: 5000"];
    assert_eq!(of_answer(&policy(BOTH), 200, &none), None, "no type");
    let two = [HTML, &["Content-Type: text/css"]].concat();
    assert_eq!(of_answer(&policy(BOTH), 200, &two), None, "two types");
}

#[test]
fn no_transform_is_heeded_where_the_policy_says_so() {
    for (line, heeded) in [
        ("Cache-Control: max-age=60, no-transform", true),
        ("Cache-Control: NO-TRANSFORM", true),
        ("CDN-Cache-Control: max-age=60, no-transform", true),
        ("Cache-Control: max-age=60", false),
        ("X-Cache-Control: no-transform", false),
    ] {
        let answer = [HTML, &[line]].concat();
        let heeds = policy(BOTH);
        let expected = (!heeded).then_some(Brotli);
        assert_eq!(of_answer(&heeds, 200, &answer), expected, "{line}");
        let does_not = CachePolicy {
            heeds_no_transform: false,
            ..heeds
        };
        assert_eq!(of_answer(&does_not, 200, &answer), Some(Brotli), "{line}");
    }
    // A field for this cache alone takes nothing back that was said to all.
    let said_to_all = [
        HTML,
        &[
            "Cache-Control: no-transform",
            "CDN-Cache-Control: max-age=60",
        ],
    ]
    .concat();
    assert_eq!(of_answer(&policy(BOTH), 200, &said_to_all), None);
}

#[test]
fn the_head_says_what_became_of_the_body() {
    for (before, after, was_strong) in [
        (
            &[
                "Content-Type: text/css",
                "Content-Length: 5000",
                "Accept-Ranges: bytes",
                "ETag: \"a\"",
                "Last-Modified: Tue, 01 Jan 2030 00:00:00 GMT",
            ][..],
            &[
                "content-encoding: br",
                "content-type: text/css",
                "etag: W/\"a\"",
                "last-modified: Tue, 01 Jan 2030 00:00:00 GMT",
                "vary: Accept-Encoding",
            ][..],
            true,
        ),
        (
            &["ETag: W/\"a\"", "Vary: Origin"],
            &[
                "content-encoding: br",
                "etag: W/\"a\"",
                "vary: Accept-Encoding",
                "vary: Origin",
            ],
            false,
        ),
        (
            &["ETag: abc", "Vary: Origin, accept-encoding"],
            &["content-encoding: br", "vary: Origin, accept-encoding"],
            false,
        ),
        (
            &[
                "Vary: *",
                "Content-MD5: x",
                "Digest: x",
                "Repr-Digest: x",
                "Content-Digest: x",
            ],
            &["content-encoding: br", "vary: *"],
            false,
        ),
    ] {
        let mut head = headers(before);
        let compressed = describe(&mut head, Brotli);
        assert_eq!(lines(&head), after, "{before:?}");
        assert_eq!(compressed.was_strong, was_strong, "{before:?}");
    }
}

#[test]
fn the_origin_is_asked_by_its_own_tag_and_its_answer_changes_nothing_of_the_rest() {
    for tag in ["\"a\"", "W/\"a\""] {
        let as_it_came = headers(&[
            "Content-Type: text/css",
            "Content-Length: 5000",
            &format!("ETag: {tag}"),
        ]);
        let mut kept = as_it_came;
        let compressed = describe(&mut kept, Gzip);
        let restored = compressed.with_the_origins_tag(kept.clone());
        let [(_, sent), _] = validators(&restored);
        assert_eq!(sent.expect("a tag"), tag);

        let fresh = headers(&[
            &format!("ETag: {tag}"),
            "Vary: Origin",
            "Accept-Ranges: bytes",
            "Cache-Control: max-age=60",
        ]);
        assert!(confirms(&kept, &fresh), "{tag}");
        let mut again = freshened(restored, &fresh);
        assert_eq!(describe(&mut again, Gzip), compressed, "{tag}");
        assert_eq!(again.get("etag"), kept.get("etag"), "{tag}");
        assert_eq!(again["content-encoding"], "gzip");
        assert!(!again.contains_key("accept-ranges"));
        let varies: Vec<_> = again.get_all("vary").iter().collect();
        assert_eq!(varies, ["Origin", "Accept-Encoding"]);
    }
}
