//! Keys and variants against what tells two requests apart, said once more and plainly.

use std::collections::BTreeSet;

use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use tideover_config::{
    AcceptEncoding, CachePolicy, CloudFrontHeader, KeyParts, NameSelection, ViewerScheme,
};
use tideover_rules::cache::{key, vary};
use tideover_rules::fields::Fields;
use tideover_rules::headers::{Conditions, Request};

use crate::cast::Visitor;

/// One request, small enough that two of them are often alike.
#[derive(Clone, Debug)]
struct Ask {
    distribution: &'static str,
    method: &'static str,
    path: &'static str,
    query: Option<String>,
    lines: Vec<(&'static str, String)>,
    host: Option<&'static str>,
    scheme: ViewerScheme,
    version: Version,
    port: u16,
}

const NAMES: [&str; 6] = [
    "x-a",
    "x-b",
    "accept-language",
    "user-agent",
    "cookie",
    "accept-encoding",
];

fn line() -> impl Strategy<Value = (&'static str, String)> {
    let plain = select(vec!["x-a", "x-b", "accept-language", "user-agent"]);
    let text = prop_oneof!["[12aA,; \"=]{0,4}", "(en|de)(;q=0\\.5)?, ?(de|en)"];
    let cookies = "(a|bx|by|c)(=[12]?)?(; ?(a|bx|by|c)(=[12]?)?){0,2};?";
    let codings = "(gzip|br|GZIP|zstd)(;q=0(\\.0)?)?(, ?(gzip|br))?";
    prop_oneof![
        4 => (plain, text).prop_map(|(name, text)| (name, text.trim().to_owned())),
        2 => cookies.prop_map(|text| ("cookie", text)),
        2 => codings.prop_map(|text| ("accept-encoding", text)),
        1 => select(vec!["keep-alive", "x-a", "cookie, X-B", "close"]).prop_map(|text| ("connection", text.to_owned())),
    ]
}

fn ask() -> impl Strategy<Value = Ask> {
    let hosts = [
        None,
        Some("h"),
        Some("H"),
        Some("h:80"),
        Some("h:443"),
        Some("h:8080"),
        Some("[::80]"),
        Some("[::80]:80"),
    ];
    let query = proptest::option::of("((a|b|A)(=[12]?)?(&(a|b)(=[12]?)?){0,2})?&?");
    (
        select(vec!["E1", "E2", "E1/"]),
        select(vec!["GET", "HEAD", "OPTIONS"]),
        select(vec!["/", "/a", "/a/", "/A"]),
        query,
        proptest::collection::vec(line(), 0..4),
        select(hosts.to_vec()),
        select(vec![ViewerScheme::Http, ViewerScheme::Https]),
        select(vec![Version::HTTP_10, Version::HTTP_11, Version::HTTP_2]),
        1..3_u16,
    )
        .prop_map(
            |(distribution, method, path, query, lines, host, scheme, version, port)| Ask {
                distribution,
                method,
                path,
                query,
                lines,
                host,
                scheme,
                version,
                port,
            },
        )
}

/// Two requests that differ in no more than some of what makes them up.
fn pair() -> impl Strategy<Value = (Ask, Ask)> {
    (
        ask(),
        ask(),
        proptest::collection::vec(proptest::bool::weighted(0.2), 11),
    )
        .prop_map(|(one, other, differs)| {
            let mut two = one.clone();
            let mut differs = differs.into_iter();
            let mut next = || differs.next().unwrap_or_default();
            if next() {
                two.distribution = other.distribution;
            }
            if next() {
                two.method = other.method;
            }
            if next() {
                two.path = other.path;
            }
            if next() {
                two.query = other.query;
            }
            if next() {
                two.lines = other.lines;
            }
            if next() {
                two.host = other.host;
            }
            if next() {
                two.scheme = other.scheme;
            }
            if next() {
                two.version = other.version;
            }
            if next() {
                two.port = other.port;
            }
            if next() {
                two.lines.reverse();
            }
            if next() {
                two.lines.pop();
            }
            (one, two)
        })
}

fn parts() -> impl Strategy<Value = KeyParts> {
    let selection = |names: &'static [&'static str]| {
        let chosen = || {
            subsequence(names, 0..=names.len())
                .prop_map(|names| names.into_iter().map(str::to_owned).collect())
        };
        prop_oneof![
            Just(NameSelection::All),
            Just(NameSelection::None),
            chosen().prop_map(NameSelection::Only),
            chosen().prop_map(NameSelection::Except),
        ]
    };
    let headers = subsequence(
        vec!["x-a", "host", "accept-language", "x-b", "user-agent"],
        0..=4,
    );
    let encoding = prop_oneof![
        Just(AcceptEncoding::Viewer),
        Just(AcceptEncoding::Removed),
        (any::<bool>(), any::<bool>())
            .prop_map(|(gzip, brotli)| AcceptEncoding::Normalised { gzip, brotli }),
    ];
    (
        headers.prop_shuffle(),
        selection(&["a", "b*", "?"]),
        selection(&["a", "b"]),
        encoding,
        subsequence(CloudFrontHeader::ALL.to_vec(), 0..=3),
    )
        .prop_map(
            |(headers, cookies, query, accept_encoding, made)| KeyParts {
                headers: headers.into_iter().map(HeaderName::from_static).collect(),
                cookies,
                query,
                accept_encoding,
                made,
            },
        )
}

impl Ask {
    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, text) in &self.lines {
            let value = HeaderValue::from_str(text).expect("visible characters");
            headers.append(HeaderName::from_static(name), value);
        }
        headers
    }

    fn visitor(&self) -> Visitor {
        Visitor {
            host: self.host.map(HeaderValue::from_static),
            scheme: self.scheme,
            version: self.version,
            ..Visitor::new()
        }
    }

    fn target(&self) -> PathAndQuery {
        let query = self.query.iter().map(|query| format!("?{query}"));
        let target = [self.path.to_owned()].into_iter().chain(query);
        target.collect::<String>().parse().expect("a target")
    }

    fn key(&self, parts: &KeyParts) -> Vec<u8> {
        let policy = CachePolicy {
            key: parts.clone(),
            ..CachePolicy::by_the_origins_word()
        };
        let (headers, visitor, target) = (self.headers(), self.visitor(), self.target());
        let method: Method = self.method.parse().expect("a method");
        let request = Request {
            method: &method,
            target: &target,
            fields: Fields::of(&headers),
            to_websocket: false,
            conditions: Conditions::Viewers,
        };
        let viewer = tideover_rules::headers::Viewer {
            port: self.port,
            ..visitor.viewer()
        };
        let mut written = Vec::new();
        key::write(
            &policy,
            self.distribution,
            self.path,
            request,
            &viewer,
            &mut written,
        );
        written
    }

    fn variant(&self, names: &[HeaderName]) -> Vec<u8> {
        let headers = self.headers();
        let mut written = Vec::new();
        vary::write(names, Fields::of(&headers), &mut written);
        written
    }

    /// The lines of a header, unless it is for one connection.
    fn lines_of(&self, name: &str) -> Vec<&str> {
        let of = |name: &str| {
            let lines = self.lines.iter().filter(|(given, _)| *given == name);
            lines.map(|(_, text)| text.as_str()).collect::<Vec<_>>()
        };
        let connection = of("connection").join(",").to_lowercase();
        if connection.split(',').any(|option| option.trim() == name) {
            Vec::new()
        } else {
            of(name)
        }
    }
}

/// Every fact that a policy lets count, in words.
fn facts(ask: &Ask, parts: &KeyParts) -> Vec<String> {
    let mut facts = vec![ask.distribution.to_owned(), ask.path.to_owned()];
    facts.push(format!("OPTIONS: {}", ask.method == "OPTIONS"));
    let is_chosen = |selection: &NameSelection, is_named: &dyn Fn(&str) -> bool| match selection {
        NameSelection::All => true,
        NameSelection::None => false,
        NameSelection::Only(names) => names.iter().any(|name| is_named(name)),
        NameSelection::Except(names) => !names.iter().any(|name| is_named(name)),
    };
    let named = |text: &str| text.split('=').next().unwrap_or_default().to_owned();
    let query: Option<Vec<&str>> = ask.query.as_ref().and_then(|query| {
        let chosen: Vec<&str> = query
            .split('&')
            .filter(|text| is_chosen(&parts.query, &|name| name == named(text)))
            .collect();
        (!chosen.is_empty()).then_some(chosen)
    });
    facts.push(format!("query: {query:?}"));
    for name in &parts.headers {
        if name == "host" {
            let host = ask.host.map(|host| {
                let host: Authority = host.parse().expect("a host");
                let default = match ask.scheme {
                    ViewerScheme::Http => 80,
                    ViewerScheme::Https => 443,
                };
                let port = host.port_u16().filter(|port| *port != default);
                (host.host().to_lowercase(), port)
            });
            facts.push(format!("host: {host:?}"));
        } else {
            facts.push(format!("{name}: {:?}", ask.lines_of(name.as_str())));
        }
    }
    let cookies = ask.lines_of("cookie").join("; ");
    let cookies: Vec<&str> = cookies
        .split(';')
        .map(str::trim)
        .filter(|cookie| !cookie.is_empty())
        .filter(|cookie| {
            is_chosen(&parts.cookies, &|pattern| match pattern {
                "b*" => named(cookie).starts_with('b'),
                "?" => named(cookie).len() == 1,
                name => named(cookie) == name,
            })
        })
        .collect();
    facts.push(format!("cookies: {cookies:?}"));
    if let AcceptEncoding::Normalised { gzip, brotli } = parts.accept_encoding {
        let lines = ask
            .lines
            .iter()
            .filter(|(name, _)| *name == "accept-encoding");
        let all: Vec<&str> = lines.map(|(_, text)| text.as_str()).collect();
        let all = all.join(",").to_lowercase().replace(' ', "");
        let counts = ask.version != Version::HTTP_10;
        let accepts = |coding: &str| counts && all.split(',').any(|element| element == coding);
        facts.push(format!("br: {}", brotli && accepts("br")));
        facts.push(format!("gzip: {}", gzip && accepts("gzip")));
    }
    for made in &parts.made {
        facts.push(match made {
            CloudFrontHeader::ForwardedProto => format!("{:?}", ask.scheme),
            CloudFrontHeader::ViewerAddress => format!("port {}", ask.port),
            CloudFrontHeader::ViewerHttpVersion => format!("{:?}", ask.version),
        });
    }
    facts
}

/// What a request has in the fields that an answer varies by.
fn selecting(ask: &Ask, names: &[HeaderName]) -> Vec<String> {
    let fact = |name: &HeaderName| {
        let name = name.as_str();
        let lines = ask.lines_of(name);
        if lines.is_empty() {
            return "absent".to_owned();
        }
        match name {
            "user-agent" | "cookie" => format!("{lines:?}"),
            "accept-language" | "accept-encoding" => {
                let all = lines.join(",").to_lowercase();
                let mut elements: Vec<String> = all
                    .split(',')
                    .map(str::trim)
                    .filter(|element| !element.is_empty())
                    .map(|element| {
                        element
                            .split(';')
                            .map(str::trim)
                            .collect::<Vec<_>>()
                            .join(";")
                    })
                    .collect();
                elements.sort();
                format!("{elements:?}")
            }
            _ => lines
                .iter()
                .map(|line| unspaced(line))
                .collect::<Vec<_>>()
                .join(","),
        }
    };
    names.iter().map(fact).collect()
}

/// Without white space beside commas that are not in quotes.
fn unspaced(line: &str) -> String {
    // Between an opening quote and its end commas are letters.
    let pieces: Vec<String> = line
        .split('"')
        .enumerate()
        .map(|(index, piece)| match index % 2 {
            0 => piece.to_owned(),
            _ => piece.replace(',', "\0"),
        })
        .collect();
    let joined = pieces.join("\"");
    let elements: Vec<&str> = joined.split(',').map(str::trim).collect();
    elements.join(",").replace('\0', ",")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn two_requests_share_a_key_if_and_only_if_the_policy_does_not_tell_them_apart(
        parts in parts(),
        (one, other) in pair(),
    ) {
        let same = facts(&one, &parts) == facts(&other, &parts);
        prop_assert_eq!(
            one.key(&parts) == other.key(&parts),
            same,
            "{:?}\n{:?}",
            facts(&one, &parts),
            facts(&other, &parts)
        );
    }

    #[test]
    fn two_requests_share_a_variant_if_and_only_if_the_named_fields_match(
        names in subsequence(NAMES.to_vec(), 1..=3),
        (one, other) in pair(),
    ) {
        let names: Vec<HeaderName> = names.into_iter().map(HeaderName::from_static).collect();
        let same = selecting(&one, &names) == selecting(&other, &names);
        prop_assert_eq!(
            one.variant(&names) == other.variant(&names),
            same,
            "{:?}\n{:?}",
            selecting(&one, &names),
            selecting(&other, &names)
        );
    }

    #[test]
    fn a_key_gives_back_what_it_was_made_for(parts in parts(), ask in ask()) {
        let key = ask.key(&parts);
        prop_assert_eq!(key::distribution(&key), ask.distribution.as_bytes());
        let target = String::from_utf8_lossy(key::target(&key)).into_owned();
        prop_assert_eq!(target.split('?').next(), Some(ask.path));
        if parts.query == NameSelection::All {
            prop_assert_eq!(target, ask.target().to_string());
        }
    }

    #[test]
    fn whatever_is_no_key_is_no_ones(bytes in proptest::collection::vec(any::<u8>(), 0..24)) {
        prop_assert!(key::distribution(&bytes).len() <= bytes.len());
        prop_assert!(key::target(&bytes).len() <= bytes.len());
    }

    #[test]
    fn whatever_vary_says_is_names_in_order_or_everything(
        lines in proptest::collection::vec(value(), 0..3),
        request in proptest::collection::vec(value(), 0..3),
    ) {
        let mut answer = HeaderMap::new();
        for line in lines {
            answer.append("vary", line);
        }
        if let vary::Varies::By(names) = vary::varies(&answer) {
            let texts: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
            let sorted: Vec<&str> = texts.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
            prop_assert_eq!(&texts, &sorted);
            prop_assert!(!names.is_empty());
        }
        let mut fields = HeaderMap::new();
        for (name, line) in NAMES.iter().cycle().zip(&request) {
            fields.append(HeaderName::from_static(name), line.clone());
            fields.append("accept-encoding", line.clone());
        }
        let names = NAMES.map(HeaderName::from_static);
        let mut key = Vec::new();
        vary::write(&names, Fields::of(&fields), &mut key);
        let sent: usize = fields.values().map(HeaderValue::len).sum();
        // Names, lengths and marks; nothing grows by being compared.
        prop_assert!(key.len() <= sent + 6 * 32 + 5 * fields.len());
    }
}

/// Anything that a header can hold.
fn value() -> impl Strategy<Value = HeaderValue> {
    let byte = prop_oneof![
        3 => select(b",;\"\\ \tq=1.0*ab".to_vec()),
        1 => prop_oneof![Just(9_u8), 32..=126_u8, 128..=255_u8],
    ];
    proptest::collection::vec(byte, 0..48)
        .prop_map(|bytes| HeaderValue::try_from(bytes).expect("no control characters"))
}
