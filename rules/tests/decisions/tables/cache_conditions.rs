//! Who has it already.

use http::{HeaderMap, HeaderValue};
use tideover_rules::cache::conditional::{
    confirms, freshened, head_confirms, is_not_modified, validators,
};
use tideover_rules::fields::Fields;

use super::cache_freshness::fields;

fn has_it(viewer: &str, kept: &str) -> bool {
    let viewer = fields(viewer);
    is_not_modified(Fields::of(&viewer), &fields(kept))
}

#[test]
fn tags_are_compared_weakly() {
    for (condition, kept, expected) in [
        ("\"a\"", "\"a\"", true),
        ("\"a\"", "\"b\"", false),
        ("\"a\"", "\"A\"", false),
        ("W/\"a\"", "W/\"a\"", true),
        ("W/\"a\"", "\"a\"", true),
        ("\"a\"", "W/\"a\"", true),
        ("\"a\", \"1\", \"2\"", "\"a\"", true),
        ("\"1\", \"a\", \"2\"", "\"a\"", true),
        ("\"1\",\"2\" , W/\"a\"", "\"a\"", true),
        (",, \"a\"", "\"a\"", true),
        ("\"1,a\", \"2\"", "\"1,a\"", true),
        ("\"1,a\"", "\"a\"", false),
        ("\"1\", \"2\"", "\"a\"", false),
        ("", "\"a\"", false),
        ("*", "\"a\"", true),
        (" * ", "\"a\"", true),
        ("\"1\", *", "\"a\"", false),
        ("\"ü\"", "\"ü\"", true),
        // No tags, and the same bytes that the viewer was given.
        ("abc", "abc", true),
        ("\"abc\"", "abc", false),
        ("abc", "\"abc\"", false),
        ("w/\"a\"", "w/\"a\"", true),
        ("w/\"a\"", "\"a\"", false),
        ("\"a", "\"a\"", false),
    ] {
        let viewer = format!("if-none-match: {condition}");
        let kept = format!("etag: {kept}");
        assert_eq!(has_it(&viewer, &kept), expected, "{viewer} {kept}");
    }
    let two_lines = "if-none-match: \"1\"\nif-none-match: \"a\"";
    assert!(has_it(two_lines, "etag: \"a\""));
    assert!(!has_it("if-none-match: \"a\"", ""));
    assert!(has_it("if-none-match: *", ""));
}

#[test]
fn a_date_counts_where_there_is_no_tag() {
    for (viewer, kept, expected) in [
        ("if-modified-since: {-3000}", "last-modified: {-3000}", true),
        ("if-modified-since: {-2000}", "last-modified: {-3000}", true),
        (
            "if-modified-since: {-3001}",
            "last-modified: {-3000}",
            false,
        ),
        ("if-modified-since: {9000}", "last-modified: {-3000}", true),
        (
            "if-modified-since: {-2000}",
            "last-modified: {-3000}\ndate: {0}",
            true,
        ),
        ("if-modified-since: {0}", "date: {0}", true),
        ("if-modified-since: {-1}", "date: {0}", false),
        ("if-modified-since: {0}", "", false),
        ("if-modified-since: {0}", "last-modified: x", false),
        ("if-modified-since: now", "last-modified: {-3000}", false),
        (
            "if-modified-since: {0}\nif-modified-since: {0}",
            "last-modified: {-3000}",
            false,
        ),
        (
            "if-modified-since: Sunday, 06-Nov-94 08:49:37 GMT",
            "last-modified: Sun, 06 Nov 1994 08:49:37 GMT",
            true,
        ),
        (
            "if-modified-since: Sun Nov  6 08:49:37 1994",
            "last-modified: Sun, 06 Nov 1994 08:49:38 GMT",
            false,
        ),
        // A tag decides alone.
        (
            "if-none-match: \"b\"\nif-modified-since: {0}",
            "etag: \"a\"\nlast-modified: {-3000}",
            false,
        ),
        (
            "if-none-match: \"a\"\nif-modified-since: {-5000}",
            "etag: \"a\"\nlast-modified: {-3000}",
            true,
        ),
        (
            "if-none-match: \"a\"\nif-modified-since: {0}",
            "last-modified: {-3000}",
            false,
        ),
        ("", "etag: \"a\"\nlast-modified: {-3000}", false),
    ] {
        assert_eq!(has_it(viewer, kept), expected, "{viewer} | {kept}");
    }
}

#[test]
fn the_origin_is_asked_by_what_is_kept() {
    for (kept, expected) in [
        ("etag: W/\"a\"", "if-none-match: W/\"a\""),
        ("last-modified: {-5}", "if-modified-since: {-5}"),
        (
            "etag: \"a\"\nlast-modified: {-5}",
            "if-none-match: \"a\"\nif-modified-since: {-5}",
        ),
        ("x-one: 1", ""),
    ] {
        let set = validators(&fields(kept));
        let set = set
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        assert_eq!(set.collect::<HeaderMap>(), fields(expected), "{kept}");
    }
}

#[test]
fn a_304_replaces_what_it_names() {
    for (kept, fresh, expected) in [
        ("x-one: 1\nx-two: 2", "x-one: 3", "x-one: 3\nx-two: 2"),
        ("x-one: 1", "x-new: 3", "x-one: 1\nx-new: 3"),
        (
            "x-one: 1\nx-one: 2",
            "x-one: 3\nx-one: 4",
            "x-one: 3\nx-one: 4",
        ),
        (
            "cache-control: max-age=1",
            "cache-control: max-age=3600",
            "cache-control: max-age=3600",
        ),
        ("cache-control: max-age=1", "", "cache-control: max-age=1"),
        ("expires: {1}", "expires: {3600}", "expires: {3600}"),
        ("etag: \"a\"", "etag: W/\"a\"", "etag: W/\"a\""),
        (
            "content-type: text/plain",
            "content-type: text/html",
            "content-type: text/html",
        ),
        (
            "content-location: /a",
            "content-location: /b",
            "content-location: /b",
        ),
        ("content-foo: 1", "content-foo: 2", "content-foo: 2"),
        (
            "content-security-policy: a",
            "content-security-policy: b",
            "content-security-policy: b",
        ),
        // How the kept body is coded and how long it is.
        (
            "content-length: 5",
            "content-length: 0",
            "content-length: 5",
        ),
        (
            "content-length: 5",
            "content-length: 10",
            "content-length: 5",
        ),
        ("x-one: 1", "content-length: 0", "x-one: 1"),
        (
            "content-encoding: gzip",
            "content-encoding: br",
            "content-encoding: gzip",
        ),
        ("x-one: 1", "content-range: bytes 0-1/2", "x-one: 1"),
        // What belongs to one connection.
        ("x-one: 1", "connection: close, x-one\nx-one: 2", "x-one: 1"),
        (
            "x-one: 1",
            "transfer-encoding: chunked\nkeep-alive: a\nte: b\nupgrade: c",
            "x-one: 1",
        ),
        (
            "x-one: 1",
            "proxy-authenticate: a\nproxy-authentication-info: b",
            "x-one: 1",
        ),
        // How old it is now.
        ("age: 30\ndate: {-100}", "date: {0}", "date: {0}"),
        (
            "age: 30\ndate: {-100}",
            "date: {0}\nage: 5",
            "date: {0}\nage: 5",
        ),
        ("age: 30\ndate: {-100}", "", ""),
        // A cookie for one viewer becomes none for all.
        ("x-one: 1", "set-cookie: a=b", "x-one: 1"),
        (
            "set-cookie: a=b",
            "set-cookie: a=c\nset-cookie: d=e",
            "set-cookie: a=b",
        ),
    ] {
        let found = freshened(fields(kept), &fields(fresh));
        assert_eq!(found, fields(expected), "{kept} | {fresh}");
        for name in found.keys() {
            let lines = |fields: &HeaderMap| -> Vec<HeaderValue> {
                fields.get_all(name).iter().cloned().collect()
            };
            assert_eq!(lines(&found), lines(&fields(expected)), "{kept} | {fresh}");
        }
    }
}

#[test]
fn a_304_with_another_strong_tag_is_about_something_else() {
    for (kept, fresh, expected) in [
        ("etag: \"a\"", "etag: \"a\"", true),
        ("etag: \"a\"", "etag: \"b\"", false),
        ("etag: W/\"a\"", "etag: \"b\"", false),
        ("etag: W/\"a\"", "etag: \"a\"", true),
        ("etag: \"a\"", "etag: W/\"b\"", true),
        ("etag: \"a\"", "", true),
        ("last-modified: {0}", "etag: \"a\"", true),
    ] {
        assert_eq!(
            confirms(&fields(kept), &fields(fresh)),
            expected,
            "{kept} | {fresh}"
        );
    }
}

/// What is kept has 5 bytes.
#[test]
fn an_answer_to_head_is_about_what_is_kept_if_it_says_so() {
    for (kept, fresh, expected) in [
        ("etag: \"e\"", "etag: \"e\"", true),
        ("etag: \"e\"", "etag: \"e\"\ncontent-length: 5", true),
        ("etag: \"e\"", "etag: \"e\"\ncontent-length: 6", false),
        (
            "etag: \"e\"",
            "etag: \"e\"\ncontent-length: 5\ncontent-length: 6",
            false,
        ),
        ("etag: W/\"e\"", "etag: W/\"e\"", true),
        ("etag: \"e\"", "etag: W/\"e\"", false),
        ("etag: \"e\"", "etag: \"f\"", false),
        ("", "etag: \"f\"", false),
        ("etag: \"e\"", "", false),
        ("", "", false),
        ("", "content-length: 5", false),
        ("last-modified: {-9}", "last-modified: {-9}", true),
        ("last-modified: {-9}", "last-modified: {-8}", false),
        ("etag: \"e\"\nlast-modified: {-9}", "etag: \"e\"", true),
        (
            "etag: \"e\"\nlast-modified: {-9}",
            "etag: \"e\"\nlast-modified: {-8}",
            false,
        ),
        (
            "etag: \"e\"\nlast-modified: {-9}",
            "etag: \"f\"\nlast-modified: {-9}",
            false,
        ),
    ] {
        assert_eq!(
            head_confirms(&fields(kept), 5, &fields(fresh)),
            expected,
            "{kept} {fresh}"
        );
    }
}
