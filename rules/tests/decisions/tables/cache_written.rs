//! What a write's answer names. Source: RFC 9111, section 4.4; the references of RFC 3986, section 5.4, that are paths.

use tideover_rules::cache::written::also_written;

use crate::cast::all_hold;

#[test]
fn what_is_named_is_of_the_same_origin() {
    #[rustfmt::skip]
    let rows = [
        // Of a request for http://a.test/b/c/d?q.
        ("/x", Some("/x")),
        ("/x?y=1", Some("/x?y=1")),
        ("/x#there", Some("/x")),
        ("g", Some("/b/c/g")),
        ("./g", Some("/b/c/g")),
        ("g/", Some("/b/c/g/")),
        ("?y", Some("/b/c/d?y")),
        ("g?y", Some("/b/c/g?y")),
        ("g?y/./x", Some("/b/c/g?y/./x")),
        ("#s", Some("/b/c/d?q")),
        ("", Some("/b/c/d?q")),
        (".", Some("/b/c/")),
        ("./", Some("/b/c/")),
        ("..", Some("/b/")),
        ("../g", Some("/b/g")),
        ("../..", Some("/")),
        ("../../../g", Some("/g")),
        ("/./g", Some("/g")),
        ("/../g", Some("/g")),
        ("g.", Some("/b/c/g.")),
        ("..g", Some("/b/c/..g")),
        ("./g/../h", Some("/b/c/h")),
        ("/a//b", Some("/a//b")),
        ("http://a.test/x", Some("/x")),
        ("HTTP://A.test/x", Some("/x")),
        ("http://a.test:80/x", Some("/x")),
        ("http://a.test", Some("/")),
        ("http://a.test?y", Some("/?y")),
        ("//a.test/x", Some("/x")),
        // Somebody else's.
        ("http://b.test/x", None),
        ("http://a.test.evil/x", None),
        ("http://a.test:8080/x", None),
        ("http://a.test@b.test/x", None),
        ("https://a.test/x", None),
        ("//b.test/x", None),
        // No URI of HTTP.
        ("http:/x", None),
        ("urn:x", None),
        ("mailto:a@a.test", None),
        ("/a b", None),
        ("/\u{e9}", None),
    ];
    let mut failures = Vec::new();
    for (reference, expected) in rows {
        let found = also_written(reference, "http", "a.test", "/b/c/d?q");
        if found.as_deref() != expected {
            failures.push(format!("{reference:?} is {found:?}: not {expected:?}"));
        }
    }
    all_hold(&failures);
}
