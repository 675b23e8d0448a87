//! Which requests share one of several answers. Source: RFC 9110, section 12.5.5; RFC 9111, section 4.1.

use http::HeaderName;
use tideover_rules::cache::vary::{Varies, varies, write};
use tideover_rules::fields::Fields;

use crate::cast::{all_hold, headers};

fn by(names: &[&'static str]) -> Varies {
    Varies::By(names.iter().copied().map(HeaderName::from_static).collect())
}

#[test]
fn vary_names_fields_or_everything() {
    let rows: Vec<(&[&str], Varies)> = vec![
        (&[], Varies::Not),
        (&["vary:"], Varies::Not),
        (&["vary: ,, "], Varies::Not),
        (&["vary: Foo"], by(&["foo"])),
        (&["vary: foo, Bar ,FOO"], by(&["bar", "foo"])),
        (&["vary: foo", "vary: ", "vary: bar"], by(&["bar", "foo"])),
        (&["vary: *"], Varies::Unknowably),
        (&["vary: *, *"], Varies::Unknowably),
        (&["vary: *", "vary: *"], Varies::Unknowably),
        (&["vary: , *"], Varies::Unknowably),
        (&["vary:", "vary: *"], Varies::Unknowably),
        (&["vary: *, Foo"], Varies::Unknowably),
        (&["vary: Foo, *"], Varies::Unknowably),
        (&["vary: Foo", "vary: *"], Varies::Unknowably),
        (&["vary: foo bar"], Varies::Unknowably),
        (&["vary: \"foo\""], Varies::Unknowably),
        (&["vary: fo\u{e9}"], Varies::Unknowably),
    ];
    let mut failures = Vec::new();
    for (answer, expected) in rows {
        let said = varies(&headers(answer));
        if said != expected {
            failures.push(format!("{answer:?}: {said:?}, not {expected:?}"));
        }
    }
    all_hold(&failures);
}

#[test]
fn requests_match_whose_named_fields_do() {
    #[rustfmt::skip]
    let rows: Vec<(&[&'static str], &[&str], &[&str], bool)> = vec![
        (&["foo"], &["foo: 1"], &["foo: 1", "other: 2"], true),
        (&["foo"], &["foo: 1"], &["foo: 2"], false),
        (&["foo"], &["foo: 1"], &[], false),
        (&["foo"], &["foo:"], &[], false),
        (&["foo"], &[], &["other: 1"], true),
        (&["bar", "foo"], &["foo: 1", "bar: 2"], &["bar: 2", "foo: 1"], true),
        (&["bar", "foo"], &["foo: 1"], &["bar: 1"], false),
        (&["bar", "foo"], &["foo: 1", "bar: 2"], &["foo: 1"], false),
        (&["foo"], &["foo: v"], &["foo: V"], false),
        // White space around elements, and line ends between them.
        (&["foo"], &["foo: 1,2"], &["foo: 1, 2 "], true),
        (&["foo"], &["foo: 1,2"], &["foo: 1 \t,\t2"], true),
        (&["foo"], &["foo: 1, 2"], &["foo: 1", "foo: 2"], true),
        (&["foo"], &["foo: 1, 2"], &["foo: 2, 1"], false),
        (&["foo"], &["foo: 1, 2"], &["foo: 1 2"], false),
        (&["foo"], &["foo: 1 2"], &["foo: 1  2"], false),
        (&["foo"], &["foo: 1,,2"], &["foo: 1,2"], false),
        // In quotes nothing is an element.
        (&["foo"], &["foo: \"1,2\""], &["foo: \"1, 2\""], false),
        (&["foo"], &["foo: \"1\\\",2\""], &["foo: \"1\\\", 2\""], false),
        (&["foo"], &["foo: \"1\", 2"], &["foo: \"1\",2"], true),
        (&["foo"], &["foo: \"1, 2"], &["foo: \"1,2"], false),
        // Preferences.
        (&["accept-language"], &["accept-language: en, de"], &["accept-language: de, en"], true),
        (&["accept-language"], &["accept-language: en-GB, de;q=0.5"], &["accept-language: DE ; Q=0.5", "accept-language: en-gb"], true),
        (&["accept-language"], &["accept-language: en"], &["accept-language: en;q=1.0"], true),
        (&["accept-language"], &["accept-language: en"], &["accept-language: en;q=0.9"], false),
        (&["accept-language"], &["accept-language: en;q=0.5, de"], &["accept-language: en, de;q=0.5"], false),
        (&["accept-language"], &["accept-language: en"], &["accept-language: en-GB"], false),
        (&["accept-language"], &["accept-language: en,"], &["accept-language: , en"], true),
        (&["accept-encoding"], &["accept-encoding: gzip, deflate, br"], &["accept-encoding: br,GZIP,deflate"], true),
        (&["accept-encoding"], &["accept-encoding: gzip"], &["accept-encoding: gzip, br"], false),
        (&["accept-encoding"], &["accept-encoding:"], &[], false),
        (&["accept-encoding"], &["accept-encoding: b, ;q=1"], &["accept-encoding: ;q=1, b"], true),
        // No lists.
        (&["cookie"], &["cookie: a=1,2"], &["cookie: a=1, 2"], false),
        (&["user-agent"], &["user-agent: A (b, c)"], &["user-agent: A (b,c)"], false),
        (&["user-agent"], &["user-agent: A (b, c)"], &["user-agent: A (b, c)"], true),
        (&["origin"], &["origin: https://a.example"], &["origin: https://b.example"], false),
        // What the origin is not sent is not there.
        (&["foo"], &["foo: 1", "connection: foo"], &[], true),
        (&["foo"], &["foo: 1", "connection: foo"], &["foo: 1"], false),
    ];
    let mut failures = Vec::new();
    for (names, one, other, expected) in rows {
        let matches = written(names, one) == written(names, other);
        if matches != expected {
            failures.push(format!("{names:?}: {one:?} and {other:?}: not {expected}"));
        }
    }
    all_hold(&failures);
}

#[test]
fn what_one_name_says_is_not_taken_for_what_another_does() {
    let lines = ["bar: 1", "foo: 1"];
    assert_ne!(written(&["bar"], &lines), written(&["foo"], &lines));
}

fn written(names: &[&'static str], lines: &[&str]) -> Vec<u8> {
    let names: Vec<HeaderName> = names.iter().copied().map(HeaderName::from_static).collect();
    let fields = headers(lines);
    let mut key = b"key".to_vec();
    write(&names, Fields::of(&fields), &mut key);
    assert_eq!(key.get(..3), Some(&b"key"[..]), "it is appended");
    key
}
