//! `--policy FILE`: own policies, as the AWS command line prints them.
//!
//! Taken are the outputs of `get-cache-policy`, `get-origin-request-policy`, `get-response-headers-policy`, the same with
//! `-config` at their end, a bare config as `create-…-policy` takes it, the outputs of `list-…-policies`, and lists of these.
//! Source: API shapes `CachePolicy`, `OriginRequestPolicy`, `ResponseHeadersPolicy` and their `…Config`.

use std::path::{Path, PathBuf};

use http::HeaderName;

use super::response_headers;
use crate::cloudfront::remarks::Remarks;
use crate::cloudfront::shape;
use crate::cloudfront::spot::{Source, Spot};
use crate::files;
use crate::problem::Problem;
use crate::written::{
    At, CachePolicy, OriginRequestPolicy, Place, Policies, ResponseHeadersPolicy,
};

/// Source: API shape `CachePolicyConfig`.
const DEFAULT_TTL: i64 = 86_400;
const MAX_TTL: i64 = 31_536_000;

/// The policies in the files at `paths`; what is wrong with them goes to `problems`.
pub(crate) fn read(paths: &[PathBuf], problems: &mut Vec<Problem>) -> Policies {
    let mut policies = Policies::default();
    for file in paths {
        match files::read_text(file) {
            Ok(text) => read_text(&text, file, &mut policies, problems),
            Err(why) => problems.push(Problem::unreadable(file, &why)),
        }
    }
    policies
}

fn read_text(text: &str, file: &Path, policies: &mut Policies, problems: &mut Vec<Problem>) {
    let source = Source::new(text, file);
    let Some(root) = crate::cloudfront::parse(&source, problems) else {
        return;
    };
    let root = Spot::root(&source, &root);
    let mut found = Vec::new();
    unwrap(&root, None, &mut found);
    if found.is_empty() {
        problems.push(Place::new(&source.file, root.node.line, "this").error(
            "is no policy",
            "give the output of `aws cloudfront get-cache-policy --id ID`, of get-origin-request-policy or of get-response-headers-policy",
        ));
    }
    let mut remarks = Remarks::default();
    for Found { kind, id, config } in &found {
        shape::check(config, kind.config(), problems);
        remarks.look(config, kind.config());
        let name = config.text("Name").map(|name| name.value);
        let id = match id {
            Some(id) => id.value.clone(),
            None => file_name(config, name.as_deref(), file, problems),
        };
        let name = name.unwrap_or_default();
        if policies.has(*kind, &id) {
            problems.push(config.place().warning(
                format!("has the id {id:?} of a policy that came before it"),
                "that one is used; give each policy once",
            ));
        }
        match kind {
            Kind::Cache => policies.cache.push(cache(config, id, name, problems)),
            Kind::OriginRequest => {
                let policy = origin_request(config, id, name, problems);
                policies.origin_request.push(policy);
            }
            Kind::ResponseHeaders => policies.response_headers.push(ResponseHeadersPolicy {
                id,
                name,
                compiled: response_headers::compile(config, problems),
            }),
        }
    }
    remarks.tell(problems);
}

impl Policies {
    fn has(&self, kind: Kind, id: &str) -> bool {
        match kind {
            Kind::Cache => self.cache.iter().any(|policy| policy.id == id),
            Kind::OriginRequest => self.origin_request.iter().any(|policy| policy.id == id),
            Kind::ResponseHeaders => self.response_headers.iter().any(|policy| policy.id == id),
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Cache,
    OriginRequest,
    ResponseHeaders,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Cache, Self::OriginRequest, Self::ResponseHeaders];

    /// What holds the id and the config.
    fn policy(self) -> &'static str {
        match self {
            Self::Cache => "CachePolicy",
            Self::OriginRequest => "OriginRequestPolicy",
            Self::ResponseHeaders => "ResponseHeadersPolicy",
        }
    }

    /// What holds the policy itself; its fields stand below this name in the table.
    fn config(self) -> &'static str {
        match self {
            Self::Cache => "CachePolicyConfig",
            Self::OriginRequest => "OriginRequestPolicyConfig",
            Self::ResponseHeaders => "ResponseHeadersPolicyConfig",
        }
    }

    /// What a bare config has that those of other kinds have not.
    fn signs(self) -> &'static [&'static str] {
        match self {
            Self::Cache => &["ParametersInCacheKeyAndForwardedToOrigin"],
            Self::OriginRequest => &["HeadersConfig", "CookiesConfig", "QueryStringsConfig"],
            Self::ResponseHeaders => &[
                "CorsConfig",
                "SecurityHeadersConfig",
                "ServerTimingHeadersConfig",
                "CustomHeadersConfig",
                "RemoveHeadersConfig",
            ],
        }
    }
}

struct Found<'a> {
    kind: Kind,
    id: Option<At<String>>,
    config: Spot<'a>,
}

fn unwrap<'a>(spot: &Spot<'a>, id: Option<At<String>>, found: &mut Vec<Found<'a>>) {
    for element in spot.elements() {
        unwrap(&element, None, found);
    }
    for kind in Kind::ALL {
        if let Some(list) = spot.get(&format!("{}List", kind.policy())) {
            for item in list.items() {
                unwrap(&item, None, found);
            }
            return;
        }
        if let Some(policy) = spot.get(kind.policy()) {
            return unwrap(&policy, policy.text("Id"), found);
        }
        if let Some(config) = spot.get(kind.config()) {
            return found.push(Found { kind, id, config });
        }
    }
    let bare = Kind::ALL
        .into_iter()
        .find(|kind| kind.signs().iter().any(|sign| spot.get(sign).is_some()));
    if let Some(kind) = bare {
        let config = Spot {
            field: crate::json::join(&spot.field, kind.config()),
            ..spot.clone()
        };
        found.push(Found { kind, id, config });
    }
}

/// A config without an id (as `get-cache-policy-config` prints it) has the name of its file for one.
fn file_name(
    config: &Spot<'_>,
    name: Option<&str>,
    file: &Path,
    problems: &mut Vec<Problem>,
) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let name = name.map_or_else(String::new, |name| format!(" or {name:?}"));
    problems.push(config.place().note(
        format!("stands without an Id: it is found as {stem:?}{name}"),
        "give the output of `aws cloudfront get-cache-policy` and its kin, which has the Id, or name the file ID.json",
    ));
    stem.into_owned()
}

fn cache(config: &Spot<'_>, id: String, name: String, problems: &mut Vec<Problem>) -> CachePolicy {
    crate::cloudfront::check_ttls(config, problems);
    let ttl = |key| config.number(key).map(|ttl| ttl.value);
    let min_ttl = ttl("MinTTL").unwrap_or_default();
    let default_ttl = ttl("DefaultTTL").unwrap_or(DEFAULT_TTL.max(min_ttl));
    let parameters = config.get("ParametersInCacheKeyAndForwardedToOrigin");
    let parameters = parameters.as_ref();
    let flag = |key| {
        parameters
            .and_then(|parameters| parameters.flag(key))
            .is_some_and(|flag| flag.value)
    };
    CachePolicy {
        id,
        name,
        min_ttl,
        default_ttl,
        max_ttl: ttl("MaxTTL").unwrap_or(MAX_TTL.max(default_ttl)),
        gzip: flag("EnableAcceptEncodingGzip"),
        brotli: flag("EnableAcceptEncodingBrotli"),
        headers: choice(parameters, HEADERS, problems),
        cookies: choice(parameters, COOKIES, problems),
        query: choice(parameters, QUERY, problems),
    }
}

fn origin_request(
    config: &Spot<'_>,
    id: String,
    name: String,
    problems: &mut Vec<Problem>,
) -> OriginRequestPolicy {
    OriginRequestPolicy {
        id,
        name,
        headers: choice(Some(config), HEADERS, problems),
        cookies: choice(Some(config), COOKIES, problems),
        query: choice(Some(config), QUERY, problems),
    }
}

/// The names of a choice's object, of its word and of its list.
type Choice = [&'static str; 3];
const HEADERS: Choice = ["HeadersConfig", "HeaderBehavior", "Headers"];
const COOKIES: Choice = ["CookiesConfig", "CookieBehavior", "Cookies"];
const QUERY: Choice = ["QueryStringsConfig", "QueryStringBehavior", "QueryStrings"];

/// Which of something are sent: the word for it, and the names that go with the word.
fn choice(
    spot: Option<&Spot<'_>>,
    [object, word, list]: Choice,
    problems: &mut Vec<Problem>,
) -> (String, Vec<String>) {
    let nothing = ("none".to_owned(), Vec::new());
    let Some(object) = spot.and_then(|spot| spot.get(object)) else {
        return nothing;
    };
    let Some(which) = object.text(word) else {
        return nothing;
    };
    let mut names = object.texts(list).unwrap_or_default();
    let takes_names = matches!(
        which.value.as_str(),
        "whitelist" | "allExcept" | "allViewerAndWhitelistCloudFront"
    );
    if takes_names && object.list(list).is_empty() {
        problems.push(which.place.error(
            format!("is {}, and {list} names none", which.shown()),
            format!("write the names in {list}, or another {word}"),
        ));
    } else if !takes_names && let Some(first) = names.first() {
        problems.push(first.place.warning(
            format!("has {}, and {word} is {}", first.shown(), which.shown()),
            "names mean nothing beside that: they are ignored",
        ));
        names.clear();
    }
    if list == "Headers" {
        names.retain(|name| {
            let good = HeaderName::from_bytes(name.value.as_bytes()).is_ok();
            if !good {
                problems.push(name.place.error(
                    format!("has {}", name.shown()),
                    "write header names: letters, digits and -",
                ));
            }
            good
        });
    }
    (
        which.value,
        names.into_iter().map(|name| name.value).collect(),
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::read_text;
    use crate::problem::Severity;
    use crate::written::Policies;

    const CACHE: &str = r#"{"Name": "mine", "MinTTL": 5, "ParametersInCacheKeyAndForwardedToOrigin": {
        "EnableAcceptEncodingGzip": true,
        "HeadersConfig": {"HeaderBehavior": "whitelist", "Headers": {"Quantity": 1, "Items": ["X-Tenant"]}},
        "CookiesConfig": {"CookieBehavior": "none"},
        "QueryStringsConfig": {"QueryStringBehavior": "all"}}}"#;

    fn read(text: &str) -> (Policies, Vec<String>) {
        let mut policies = Policies::default();
        let mut problems = Vec::new();
        read_text(text, Path::new("own.json"), &mut policies, &mut problems);
        let told = problems
            .iter()
            .filter(|problem| problem.severity > Severity::Note)
            .map(ToString::to_string)
            .collect();
        (policies, told)
    }

    #[test]
    fn a_policy_may_be_wrapped_in_all_the_ways_that_aws_prints_it() {
        for (text, id) in [
            (CACHE.to_owned(), "own"),
            (
                format!(r#"{{"CachePolicyConfig": {CACHE}, "ETag": "E1"}}"#),
                "own",
            ),
            (
                format!(
                    r#"{{"CachePolicy": {{"Id": "abc", "CachePolicyConfig": {CACHE}}}, "ETag": "E1"}}"#
                ),
                "abc",
            ),
            (
                format!(
                    r#"{{"CachePolicyList": {{"Quantity": 1, "Items": [{{"Type": "custom", "CachePolicy": {{"Id": "abc", "CachePolicyConfig": {CACHE}}}}}]}}}}"#
                ),
                "abc",
            ),
            (
                format!(r#"[{{"CachePolicy": {{"Id": "abc", "CachePolicyConfig": {CACHE}}}}}]"#),
                "abc",
            ),
        ] {
            let (policies, told) = read(&text);
            assert!(told.is_empty(), "{told:?}");
            let [policy] = &policies.cache[..] else {
                panic!("one policy in {text}");
            };
            assert_eq!((policy.id.as_str(), policy.name.as_str()), (id, "mine"));
            assert_eq!(
                (policy.min_ttl, policy.default_ttl, policy.max_ttl),
                (5, 86_400, 31_536_000)
            );
            assert_eq!((policy.gzip, policy.brotli), (true, false));
            assert_eq!(
                policy.headers,
                ("whitelist".to_owned(), vec!["X-Tenant".to_owned()])
            );
            assert_eq!(policy.query.0, "all");
        }
    }

    #[test]
    fn what_is_wrong_with_a_policy_is_told_with_its_file_and_line() {
        for (text, expected) in [
            ("{}", "own.json:1: this is no policy"),
            ("{", "own.json:1: this is not JSON"),
            (
                "{\"HeadersConfig\": {\"HeaderBehavior\": \"whitlist\"}}",
                "own.json:1: OriginRequestPolicyConfig.HeadersConfig.HeaderBehavior is \"whitlist\"; write one of \"none\", \"whitelist\", \"allViewer\", \"allViewerAndWhitelistCloudFront\", \"allExcept\", perhaps \"whitelist\"",
            ),
            (
                "{\"HeadersConfig\":\n {\"HeaderBehavior\": \"whitelist\"}}",
                "own.json:2: OriginRequestPolicyConfig.HeadersConfig.HeaderBehavior is \"whitelist\", and Headers names none",
            ),
            (
                "{\"HeadersConfig\": {\"HeaderBehavior\": \"allExcept\", \"Headers\": {\"Quantity\": 1, \"Items\": [\"a b\"]}}}",
                "OriginRequestPolicyConfig.HeadersConfig.Headers.Items[0] has \"a b\"; write header names",
            ),
            (
                "{\"CookiesConfig\": {\"CookieBehavior\": \"all\", \"Cookies\": {\"Quantity\": 1, \"Items\": [\"id\"]}}}",
                "warning: OriginRequestPolicyConfig.CookiesConfig.Cookies.Items[0] has \"id\", and CookieBehavior is \"all\"",
            ),
            (
                "{\"MinTTL\": 10, \"MaxTTL\": 5, \"ParametersInCacheKeyAndForwardedToOrigin\": {}}",
                "CachePolicyConfig.MaxTTL is 5, less than MinTTL",
            ),
        ] {
            let (_, told) = read(text);
            assert!(
                told.iter().any(|told| told.contains(expected)),
                "{text}: {told:#?}"
            );
        }
    }

    const PRINTED: [&str; 3] = [
        include_str!("../../../tests/fixtures/policies/cache.json"),
        include_str!("../../../tests/fixtures/policies/origin_request.json"),
        include_str!("../../../tests/fixtures/policies/response_headers.json"),
    ];

    proptest! {
        #[test]
        fn whatever_is_done_to_a_policy_it_is_read_or_reported(
            text in 0..PRINTED.len(),
            from in any::<Index>(),
            to in any::<Index>(),
            instead in prop::sample::select(vec![
                "", "null", "-1", "1.5", "\"\"", "\"a b\"", "[]", "{}", "[{}]", "true", "\"é\\n\"",
            ]),
        ) {
            let text = PRINTED[text];
            // Whole values mostly: from after a colon to before a comma or a brace.
            let starts: Vec<usize> = text.match_indices(": ").map(|(at, _)| at + 2).collect();
            let start = *from.get(&starts);
            let ends: Vec<usize> = text[start..]
                .match_indices([',', '}', ']'])
                .map(|(at, _)| start + at)
                .collect();
            let end = ends[to.index(ends.len().min(4))];
            let changed = format!("{}{instead}{}", &text[..start], &text[end..]);
            let mut policies = Policies::default();
            let mut problems = Vec::new();
            read_text(&changed, Path::new("own.json"), &mut policies, &mut problems);
            let is_read = policies.cache.len() + policies.origin_request.len() + policies.response_headers.len() == 1;
            prop_assert!(is_read || problems.iter().any(|problem| problem.severity == Severity::Error));
        }
    }
}
