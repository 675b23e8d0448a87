//! Routing against a second, naive writing of the same rules.

use http::{HeaderMap, Method, Version};
use proptest::prelude::*;
use tideover_config::{
    Behavior, Distribution, Edge, MethodSet, PathPattern, ViewerScheme, wildcard_matches,
};
use tideover_rules::fields::Fields;
use tideover_rules::route::{Arrival, distribution, normalised, route};

use crate::cast::{self, behavior, edge, origin, server, single};

/// By the definition: a star is nothing, or any byte and the star again.
fn naive_match(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) if naive_match(rest, text) => true,
        ([b'*', ..], [_, after @ ..]) => naive_match(pattern, after),
        ([b'?', rest @ ..], [_, after @ ..]) => naive_match(rest, after),
        ([byte, rest @ ..], [same, after @ ..]) if byte == same => naive_match(rest, after),
        _ => false,
    }
}

/// RFC 3986, section 5.2.4, to the letter, after repeated slashes became one.
fn naive_normalised(path: &str) -> String {
    let mut input = path.to_owned();
    while input.contains("//") {
        input = input.replace("//", "/");
    }
    let mut output = String::new();
    while !input.is_empty() {
        if let Some(rest) = input.strip_prefix("/./") {
            input = format!("/{rest}");
        } else if input == "/." {
            "/".clone_into(&mut input);
        } else if let Some(rest) = input.strip_prefix("/../") {
            input = format!("/{rest}");
            output.truncate(output.rfind('/').unwrap_or(0));
        } else if input == "/.." {
            "/".clone_into(&mut input);
            output.truncate(output.rfind('/').unwrap_or(0));
        } else {
            let end = input[1..].find('/').map_or(input.len(), |end| end + 1);
            output.push_str(&input[..end]);
            input.drain(..end);
        }
    }
    output
}

/// Few letters, so that patterns and paths meet.
fn path() -> impl Strategy<Value = String> {
    "/[ab./%]{0,12}".prop_filter("a path", |path| {
        path.parse::<http::Uri>().is_ok() || path.starts_with("//")
    })
}

fn pattern() -> impl Strategy<Value = String> {
    "[/ab.*?]{1,8}"
}

fn methods() -> impl Strategy<Value = Option<MethodSet>> {
    proptest::sample::select(vec![
        None,
        None,
        Some(MethodSet::READS),
        Some(MethodSet::WRITES),
        Some(MethodSet::ALL),
    ])
}

proptest! {
    #[test]
    fn wildcards_are_what_they_are_defined_to_be(pattern in "[ab*?]{0,10}", text in "[ab]{0,12}") {
        prop_assert_eq!(
            wildcard_matches(pattern.as_bytes(), text.as_bytes()),
            naive_match(pattern.as_bytes(), text.as_bytes()),
            "{} {}", pattern, text
        );
    }

    /// Whatever bytes there are; and no pattern takes long.
    #[test]
    fn wildcards_take_any_bytes(
        pattern in proptest::collection::vec(proptest::sample::select(b"a*?\xff\0".to_vec()), 0..8),
        text in proptest::collection::vec(proptest::sample::select(b"a*?\xff\0".to_vec()), 0..10),
    ) {
        prop_assert_eq!(wildcard_matches(&pattern, &text), naive_match(&pattern, &text));
    }

    #[test]
    fn paths_are_normalised_as_rfc_3986_says(path in path()) {
        let normal = normalised(&path);
        prop_assert_eq!(&*normal, naive_normalised(&path));
        // Once is enough, and what is normal is not copied.
        prop_assert!(matches!(normalised(&normal), std::borrow::Cow::Borrowed(same) if same == normal));
    }

    /// The first behavior of the list whose methods and pattern take the request, else the default one; and the origin is
    /// asked for the path as it came.
    #[test]
    fn the_first_behavior_that_takes_it(
        list in proptest::collection::vec((pattern(), methods()), 0..8),
        method in proptest::sample::select(vec![Method::GET, Method::HEAD, Method::POST, Method::DELETE, Method::OPTIONS]),
        path in path(),
        has_root in any::<bool>(),
    ) {
        let root = has_root.then_some("/a");
        let mut behaviors: Vec<Behavior> = list
            .iter()
            .map(|(pattern, methods)| Behavior {
                path: PathPattern::new(pattern),
                for_methods: *methods,
                allowed_methods: MethodSet::ALL,
                ..behavior("*", 0)
            })
            .collect();
        behaviors.push(Behavior { allowed_methods: MethodSet::ALL, ..behavior("*", 0) });
        let edge = edge(vec![origin("vm", server("vm"))], vec![single(0)], vec![Distribution {
            default_root_object: root.map(Into::into),
            ..cast::distribution(behaviors)
        }]);
        let headers = HeaderMap::new();
        let arrival = Arrival {
            method: &method,
            host: "a.example",
            path: &path,
            query: None,
            scheme: ViewerScheme::Https,
            version: Version::HTTP_11,
            has_body: false,
            fields: Fields::of(&headers),
        };

        let asked = match root {
            Some(root) if path == "/" => root,
            Some(_) | None => path.as_str(),
        };
        let normal = naive_normalised(asked);
        let expected = list
            .iter()
            .position(|(pattern, methods)| {
                let pattern = if pattern.starts_with(['/', '*', '?']) { pattern.clone() } else { format!("/{pattern}") };
                methods.is_none_or(|methods| methods.contains(&method))
                    && naive_match(pattern.as_bytes(), normal.as_bytes())
            })
            .unwrap_or(list.len());
        let route = route(&edge, &arrival).expect("everything is allowed");
        prop_assert_eq!(route.behavior_index, expected);
        prop_assert_eq!(route.path, asked);
    }

    /// An exact name, else the longest wildcard, else the one for any host.
    #[test]
    fn the_closest_alias_answers(
        aliases in proptest::collection::btree_set("(\\*\\.)?([ab]\\.){1,2}[ab]", 0..6),
        has_any in any::<bool>(),
        host in "([abAB]{1,2}\\.){0,3}[abAB]",
    ) {
        let aliases: Vec<String> = aliases.into_iter().collect();
        let named = |id: &str, aliases: Vec<std::sync::Arc<str>>| Distribution {
            id: id.into(),
            aliases,
            ..cast::distribution(vec![behavior("*", 0)])
        };
        let mut distributions: Vec<Distribution> = aliases
            .iter()
            .map(|alias| named(alias, vec![alias.as_str().into()]))
            .collect();
        // The second one is there so that none of them is the only one, which local names would go to.
        distributions.push(named("other", vec!["other.example".into()]));
        if has_any {
            distributions.push(named("any", Vec::new()));
        }
        let edge: Edge = edge(vec![origin("vm", server("vm"))], vec![single(0)], distributions);

        let lower = host.to_ascii_lowercase();
        let wildcard = aliases
            .iter()
            .filter_map(|alias| Some((alias, alias.strip_prefix('*')?)))
            .filter(|(_, suffix)| lower.len() > suffix.len() && lower.ends_with(suffix))
            .max_by_key(|(_, suffix)| suffix.len())
            .map(|(alias, _)| alias.as_str());
        let exact = aliases.iter().find(|alias| **alias == lower).map(String::as_str);
        let expected = exact.or(wildcard).or(has_any.then_some("any"));
        let seen = distribution(&edge, &host).map(|distribution| &*distribution.id);
        prop_assert_eq!(seen, expected);
    }
}

/// A pattern made to take long by trying every way to share out the stars.
#[test]
fn no_pattern_takes_long() {
    let pattern = "*a".repeat(120) + "b";
    let text = "a".repeat(60_000);
    assert!(!wildcard_matches(pattern.as_bytes(), text.as_bytes()));
}
