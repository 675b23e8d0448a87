//! What a request means to a bucket.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tideover_rules::bucket::{Asked, Key, LONGEST_KEY, NoKey, asked};

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
