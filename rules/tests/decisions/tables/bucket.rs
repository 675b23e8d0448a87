//! What a request means to a bucket.

use http::header::{ETAG, IF_RANGE, LAST_MODIFIED, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tideover_rules::bucket::{Asked, Key, LONGEST_KEY, NoKey, Part, asked, part};

#[test]
fn a_path_asks_for_a_key() {
    for (origin_path, path, key, names) in [
        ("", "/index.html", "index.html", Some(&["index.html"][..])),
        ("", "/a/b.js", "a/b.js", Some(&["a", "b.js"])),
        ("/v1", "/a/b.js", "v1/a/b.js", Some(&["v1", "a", "b.js"])),
        ("/v%31", "/", "v1/", None),
        ("", "/a%2Fb", "a/b", Some(&["a", "b"])),
        ("", "/a%20b+c", "a b+c", Some(&["a b+c"])),
        ("", "/%C3%A4", "ä", Some(&["ä"])),
        ("", "/A", "A", Some(&["A"])),
        ("", "/%252e%252e/x", "%2e%2e/x", Some(&["%2e%2e", "x"])),
        ("", "/...", "...", Some(&["..."])),
        // No file has such a name, and none may be looked for.
        ("", "/", "", None),
        ("", "", "", None),
        ("", "*", "*", Some(&["*"])),
        ("", "/a/", "a/", None),
        ("", "//a", "/a", None),
        ("", "/a//b", "a//b", None),
        ("", "/.", ".", None),
        ("", "/a/../b", "a/../b", None),
        ("", "/%2e%2e/b", "../b", None),
        ("", "/..%2fb", "../b", None),
        ("", "/a%00b", "a\0b", None),
    ] {
        let found = Key::of(origin_path, path).expect("it is a key");
        assert_eq!(found.as_str(), key, "{origin_path} {path}");
        assert_eq!(found.names().as_deref(), names, "{origin_path} {path}");
    }
    for path in ["/%", "/%4", "/%g0", "/%+1", "/%ff", "/%c0%af"] {
        assert_eq!(Key::of("", path), Err(NoKey::Unreadable), "{path}");
    }
    let longest = "k".repeat(LONGEST_KEY);
    assert!(Key::of("", &format!("/{longest}")).is_ok());
    let too_long = Key::of("/k", &format!("/{longest}"));
    assert_eq!(too_long, Err(NoKey::TooLong(LONGEST_KEY + 2)));
}

#[test]
fn a_key_that_is_a_folder_has_an_index() {
    for (path, index) in [
        ("/", Some("index.html")),
        ("/docs/", Some("docs/index.html")),
        ("/docs", None),
    ] {
        let key = Key::of("", path).expect("it is a key");
        let found = key.index("index.html");
        assert_eq!(found.as_ref().map(Key::as_str), index, "{path}");
    }
    let key = Key::of("", "/a%20b/%C3%A4%22%0D").expect("it is a key");
    assert_eq!(key.as_folder().as_path(), "/a%20b/%C3%A4%22%0D/");
}

#[test]
fn what_is_asked_of_an_object() {
    let origin = ("origin", "https://site.example");
    let wish = ("access-control-request-method", "PUT");
    for (method, headers, expected) in [
        (Method::GET, &[][..], Asked::Object),
        (Method::HEAD, &[origin, wish], Asked::Object),
        (Method::OPTIONS, &[origin, wish], Asked::Preflight),
        (Method::OPTIONS, &[origin], Asked::Other),
        (Method::OPTIONS, &[], Asked::Other),
        (Method::POST, &[origin, wish], Asked::Other),
        (Method::PUT, &[], Asked::Other),
        (Method::DELETE, &[], Asked::Other),
    ] {
        let headers = headers.iter().map(|(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        let headers: HeaderMap = headers.collect();
        assert_eq!(asked(&method, &headers), expected, "{method} {headers:?}");
    }
}

#[test]
fn one_range_is_a_part_and_everything_else_is_the_whole() {
    use Part::{Range, Unsatisfiable, Whole};
    const MOST: u64 = u64::MAX;
    for (range, size, expected) in [
        ("bytes=0-0", 10, Range(0, 0)),
        ("bytes=2-5", 10, Range(2, 5)),
        ("bytes=2-", 10, Range(2, 9)),
        ("bytes=-3", 10, Range(7, 9)),
        ("bytes=-30", 10, Range(0, 9)),
        ("bytes=0-99", 10, Range(0, 9)),
        ("bytes=0-99999999999999999999999", 10, Range(0, 9)),
        ("Bytes=0-1", 10, Range(0, 1)),
        ("bytes= 0-1 ", 10, Range(0, 1)),
        ("bytes=5-", MOST, Range(5, MOST - 1)),
        ("bytes=10-", 10, Unsatisfiable),
        ("bytes=99999999999999999999999-", 10, Unsatisfiable),
        ("bytes=-0", 10, Unsatisfiable),
        ("bytes=0-", 0, Unsatisfiable),
        ("bytes=-1", 0, Unsatisfiable),
        // S3 has one range or none.
        ("bytes=0-1,4-5", 10, Whole),
        ("bytes=0-1,20-", 10, Whole),
        ("bytes=5-2", 10, Whole),
        ("bytes=", 10, Whole),
        ("bytes=-", 10, Whole),
        ("bytes=a-b", 10, Whole),
        ("bytes=+1-2", 10, Whole),
        ("bytes=0x1-2", 10, Whole),
        ("bytes 0-1", 10, Whole),
        ("items=0-1", 10, Whole),
        ("", 10, Whole),
    ] {
        let wanted = HeaderMap::from_iter([(RANGE, HeaderValue::from_static(range))]);
        let found = part(&wanted, &HeaderMap::new(), size);
        assert_eq!(found, expected, "{range:?} of {size}");
    }
    let mut twice = HeaderMap::new();
    twice.append(RANGE, HeaderValue::from_static("bytes=0-0"));
    twice.append(RANGE, HeaderValue::from_static("bytes=1-1"));
    assert_eq!(part(&twice, &HeaderMap::new(), 10), Whole);
    assert_eq!(part(&HeaderMap::new(), &HeaderMap::new(), 10), Whole);
}

/// Source: RFC 9110, section 13.1.5.
#[test]
fn a_range_counts_if_its_condition_holds() {
    const DATE: &str = "Sat, 21 Nov 2026 10:00:00 GMT";
    let validators = HeaderMap::from_iter([
        (ETAG, HeaderValue::from_static("\"a\"")),
        (LAST_MODIFIED, HeaderValue::from_static(DATE)),
    ]);
    for (condition, holds) in [
        ("\"a\"", true),
        (DATE, true),
        ("\"b\"", false),
        ("W/\"a\"", false),
        ("a", false),
        ("*", false),
        ("", false),
        ("Sat, 21 Nov 2026 10:00:01 GMT", false),
        ("Sat, 21 Nov 2026 09:59:59 GMT", false),
    ] {
        let wanted = HeaderMap::from_iter([
            (RANGE, HeaderValue::from_static("bytes=1-2")),
            (IF_RANGE, HeaderValue::from_static(condition)),
        ]);
        let expected = if holds {
            Part::Range(1, 2)
        } else {
            Part::Whole
        };
        assert_eq!(part(&wanted, &validators, 10), expected, "{condition:?}");
    }
}
