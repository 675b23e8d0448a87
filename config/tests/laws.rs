//! What holds for every pattern, for every set of methods, statuses and failures, and for however much there is of a thing.

use std::fmt::Write as _;
use std::path::Path;

use http::{Method, StatusCode};
use proptest::prelude::*;
use tideover_config::{
    Failure, FailureSet, MethodSet, Overrides, PathPattern, StatusSet, load_text, wildcard_matches,
};

/// The definition, without any cleverness.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, _) => text.is_empty(),
        (Some((b'*', rest)), _) => (0..=text.len()).any(|taken| matches(rest, &text[taken..])),
        (Some(_), None) => false,
        (Some((sign, rest)), Some((byte, text))) => {
            (*sign == b'?' || sign == byte) && matches(rest, text)
        }
    }
}

#[test]
fn patterns_match_as_the_documents_say() {
    for (pattern, path, expected) in [
        ("images/*.jpg", "/images/a.jpg", true),
        ("images/*.jpg", "/images/a/b.jpg", true),
        ("/images/*.jpg", "/images/.jpg", true),
        ("/images/*.jpg", "/images/a.JPG", false),
        ("/images/*.jpg", "/images/a.jpg2", false),
        ("*.gif", "/a/b.gif", true),
        ("/a*", "/a", true),
        ("/a*", "/about", true),
        ("/00?.jpg", "/001.jpg", true),
        ("/00?.jpg", "/00.jpg", false),
        ("*", "/", true),
        ("/*", "/", true),
        ("/index.html", "/index.html", true),
        ("/$a~", "/$a~", true),
        ("/%EA*", "/%EA%B3%A0", true),
    ] {
        assert_eq!(
            PathPattern::new(pattern).matches(path),
            expected,
            "{pattern} {path}"
        );
    }
}

#[test]
fn a_pattern_full_of_stars_takes_no_time() {
    let pattern = "*a".repeat(120);
    let text = "a".repeat(100) + &"b".repeat(8_000);
    assert!(!wildcard_matches(pattern.as_bytes(), text.as_bytes()));
}

fn any_methods() -> impl Strategy<Value = MethodSet> {
    let names: Vec<&str> = MethodSet::ALL.names().collect();
    let most = names.len();
    prop::sample::subsequence(names, 0..=most).prop_map(|names| {
        names
            .into_iter()
            .filter_map(MethodSet::named)
            .fold(MethodSet::default(), MethodSet::or)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn wildcards_match_as_defined(pattern in "[*?abc/]{0,8}", text in "[abc/]{0,10}") {
        prop_assert_eq!(
            wildcard_matches(pattern.as_bytes(), text.as_bytes()),
            matches(pattern.as_bytes(), text.as_bytes())
        );
    }

    #[test]
    fn a_pattern_matches_what_it_was_made_from(
        parts in prop::collection::vec(("[*?]", "[a-z]{0,3}"), 0..5), fillings in prop::collection::vec("[a-z*?]{0,3}", 5),
    ) {
        let (mut pattern, mut path) = ("/".to_owned(), "/".to_owned());
        for ((wildcard, literal), filling) in parts.iter().zip(&fillings) {
            pattern += wildcard;
            pattern += literal;
            path += if wildcard == "*" { filling } else { "x" };
            path += literal;
        }
        prop_assert!(PathPattern::new(&pattern).matches(&path), "{} {}", pattern, path);
        prop_assert!(PathPattern::everything().matches(&path));
    }

    #[test]
    fn any_bytes_match_or_do_not(pattern in any::<Vec<u8>>(), text in any::<Vec<u8>>()) {
        wildcard_matches(&pattern, &text);
        prop_assert!(wildcard_matches(b"*", &text));
    }

    #[test]
    fn sets_of_methods_are_sets(a in any_methods(), b in any_methods()) {
        for name in MethodSet::ALL.names() {
            let method = Method::from_bytes(name.as_bytes()).expect("it is a method");
            let (in_a, in_b) = (a.contains(&method), b.contains(&method));
            prop_assert_eq!(a.and(b).contains(&method), in_a && in_b);
            prop_assert_eq!(a.or(b).contains(&method), in_a || in_b);
            prop_assert_eq!(a.without(b).contains(&method), in_a && !in_b);
            prop_assert_eq!(a.names().any(|known| known == name), in_a);
        }
        prop_assert_eq!(a.covers(b), b.without(a).is_empty());
        prop_assert_eq!(a.is_empty(), a.names().next().is_none());
        prop_assert!(!a.contains(&Method::TRACE) && !a.contains(&Method::CONNECT));
        let named = a.names().filter_map(MethodSet::named).fold(MethodSet::default(), MethodSet::or);
        prop_assert_eq!(named, a);
    }

    #[test]
    fn a_set_of_statuses_holds_what_was_put_in(codes in prop::collection::vec(100_u16..1_000, 0..12), other in 100_u16..1_000) {
        let statuses = codes.iter().filter_map(|code| StatusCode::from_u16(*code).ok());
        let set: StatusSet = statuses.collect();
        // No origin is asked to fail over on anything beyond.
        let mut kept: Vec<u16> = codes.iter().copied().filter(|code| *code < 612).collect();
        kept.sort_unstable();
        kept.dedup();
        let other = StatusCode::from_u16(other).expect("it is a status");
        prop_assert_eq!(set.contains(other), kept.contains(&other.as_u16()));
        prop_assert_eq!(set.is_empty(), kept.is_empty());
        prop_assert_eq!(set.iter().map(|status| status.as_u16()).collect::<Vec<_>>(), kept);
        prop_assert_eq!(set.iter().collect::<StatusSet>(), set);
    }

    #[test]
    fn a_set_of_failures_holds_what_was_put_in(failures in prop::sample::subsequence(Failure::ALL.to_vec(), 0..=10)) {
        let set: FailureSet = failures.iter().copied().collect();
        for failure in Failure::ALL {
            prop_assert_eq!(set.contains(failure), failures.contains(&failure));
        }
        prop_assert_eq!(set == FailureSet::all(), failures.len() == 10);
    }
}

#[test]
fn more_than_fits_of_anything_is_told_of_the_first_that_does_not() {
    let all = [
        ("origin", "[origin.o{}]\nurl = \"http://a.example\"\n"),
        ("group", "[origin_group.g{}]\nmembers = [\"o0\"]\n"),
        (
            "distribution",
            "[distribution.d{}]\naliases = [\"{}.example.com\"]\ndefault_behavior = { target = \"o0\" }\n",
        ),
        (
            "behavior",
            "[[distribution.d0.behavior]]\npath = \"/{}\"\ntarget = \"o0\"\n",
        ),
    ];
    for (kind, of_one) in all {
        let mut text = String::new();
        for (other, of_one_other) in all {
            let count = if other == kind { 10_001 } else { 1 };
            for number in 0..count {
                let one = of_one_other.replace("{}", &number.to_string());
                text.write_str(&one).expect("a string takes every line");
            }
        }
        assert!(text.contains(&of_one.replace("{}", "10000")), "{kind}");
        let problems = load_text(Path::new("x.toml"), &text, &Overrides::default())
            .expect_err("there is one too many")
            .to_string();
        let expected = format!("is {kind} number 10001; write 10000 at most");
        assert!(
            problems.contains(&expected),
            "{kind}: {}",
            &problems[..500.min(problems.len())]
        );
    }
}
