//! Distributions as people have them load; and whatever is done to their text, it is loaded or reported.

#[path = "print/facts.rs"]
mod facts;
#[path = "print/mangled.rs"]
mod mangled;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;
use tideover_config::{
    FailureSet, Fate, HeaderSelection, MethodSet, Mode, NameSelection, Overrides, Severity,
    ViewerProtocol, fields, load,
};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures")
        .join(name)
}

fn files(name: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder(name))
        .expect("the fixtures are there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "json"))
        .collect();
    files.sort();
    files
}

#[test]
fn real_distributions_load() {
    let files = files("distributions");
    assert!(files.len() >= 50, "there are {}", files.len());
    for file in &files {
        let loaded = load(file, &Overrides::default())
            .unwrap_or_else(|problems| panic!("{}:\n{problems}", file.display()));
        assert_eq!(loaded.edge.mode, Mode::Faithful, "{}", file.display());
    }
}

#[test]
fn petclinic_is_what_its_json_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/petclinic.cloudfront.json");
    let loaded = load(&file, &Overrides::default()).expect("it loads as it stands");
    assert!(
        loaded
            .remarks
            .iter()
            .all(|remark| remark.severity < Severity::NotEnforced)
    );
    let edge = loaded.edge;
    assert_eq!(edge.mode, Mode::Faithful);
    let group = &edge.targets[0];
    assert_eq!(
        (&*group.name, group.is_group),
        ("Azure-Failover-Group", true)
    );
    assert_eq!(group.deadline, None);
    let members: Vec<&str> = group
        .members
        .iter()
        .map(|member| &*edge.origin(member.origin).id)
        .collect();
    assert_eq!(members, ["Azure-VM", "Azure-SWA"]);
    let statuses: Vec<u16> = group.members[0]
        .criteria
        .statuses
        .iter()
        .map(|status| status.as_u16())
        .collect();
    assert_eq!(statuses, [403, 404, 500, 502, 503, 504]);
    assert!(group.members[0].criteria.soft.is_empty());
    assert_eq!(group.members[0].criteria.failures, FailureSet::all());
    assert_eq!(group.members[0].timers.connection_attempts.get(), 3);
    assert_eq!(
        group.members[0].timers.connection_timeout,
        Duration::from_secs(10)
    );
    assert_eq!(
        group.members[0].timers.response_timeout,
        Duration::from_secs(30)
    );
    let [distribution] = &edge.distributions[..] else {
        panic!("there is one distribution");
    };
    let aliases: Vec<&str> = distribution.aliases.iter().map(|alias| &**alias).collect();
    assert_eq!(aliases, ["www.goupang.shop", "dr.goupang.shop"]);
    let [owners, _, default] = &distribution.behaviors[..] else {
        panic!("there are three behaviors");
    };
    assert_eq!(owners.path.as_str(), "/owners/*");
    assert_eq!(owners.allowed_methods, MethodSet::ALL);
    assert_eq!(&*edge.target(owners.target).name, "Azure-VM");
    assert_eq!(default.allowed_methods, MethodSet::READS_AND_OPTIONS);
    // OPTIONS is allowed and not cached.
    assert_eq!(default.falls_through, MethodSet::READS);
    assert_eq!(default.viewer_protocol, ViewerProtocol::HttpAndHttps);
    assert!(!default.origin_request.viewer_host);
    assert_eq!(
        default.origin_request.headers,
        HeaderSelection::AllExcept(vec![http::header::HOST])
    );
    assert_eq!(default.origin_request.cookies, NameSelection::All);
}

#[test]
fn a_file_in_utf_16_is_told_how_to_become_utf_8() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("utf-16.json");
    std::fs::write(&file, b"\xff\xfe{\0}\0").expect("it can be written");
    let problems = load(&file, &Overrides::default()).expect_err("it is not UTF-8");
    assert!(problems.to_string().contains("utf8"), "{problems}");
}

#[test]
fn the_protection_of_a_real_distribution_is_named_as_not_enforced() {
    for (name, field) in [
        (
            "signed_urls_by_key_group",
            "CacheBehaviors.Items[0].TrustedKeyGroups",
        ),
        (
            "signed_urls_by_account",
            "DefaultCacheBehavior.TrustedSigners",
        ),
        ("geo_whitelist", "Restrictions.GeoRestriction"),
        ("geo_blacklist", "Restrictions.GeoRestriction"),
        ("waf", "WebACLId"),
        ("client_certificates", "ViewerMtlsConfig"),
        (
            "field_level_encryption",
            "DefaultCacheBehavior.FieldLevelEncryptionId",
        ),
        (
            "function_that_rewrites",
            "DefaultCacheBehavior.FunctionAssociations",
        ),
        (
            "lambda_at_edge",
            "DefaultCacheBehavior.LambdaFunctionAssociations",
        ),
    ] {
        let file = folder("distributions").join(name).with_extension("json");
        let loaded = load(&file, &Overrides::default()).expect("it loads");
        let named: Vec<&str> = loaded
            .remarks
            .iter()
            .filter(|remark| remark.severity == Severity::NotEnforced)
            .map(|remark| remark.field.as_str())
            .collect();
        assert!(named.contains(&field), "{name}: {named:?}");
    }
}

#[test]
fn ids_of_one_distribution_mean_nothing_in_another() {
    let file = folder("distributions/several.json");
    let edge = load(&file, &Overrides::default()).expect("it loads").edge;
    let ids: Vec<&str> = edge.distributions.iter().map(|one| &*one.id).collect();
    assert_eq!(ids, ["E1AAAAAAAAAAAA", "E2BBBBBBBBBBBB", "default"]);
    let origins = |distribution: usize| -> Vec<&str> {
        let behaviors = &edge.distributions[distribution].behaviors;
        let targets = behaviors
            .iter()
            .map(|behavior| edge.target(behavior.target));
        targets
            .flat_map(|target| &target.members)
            .map(|member| &*edge.origin(member.origin).id)
            .collect()
    };
    assert_eq!(origins(0), ["app"]);
    assert_eq!(
        origins(1),
        ["E2BBBBBBBBBBBB/app", "E2BBBBBBBBBBBB/app", "b"]
    );
    assert_eq!(origins(2), ["default/app"]);
}

#[test]
fn own_policies_decide_what_goes_where() {
    let policies = ["cache", "origin_request", "response_headers"]
        .map(|kind| folder("policies").join(kind).with_extension("json"));
    let overrides = Overrides {
        policies: policies.to_vec(),
        ..Overrides::default()
    };
    let file = folder("distributions/own_policies_that_are_not_given.json");
    let loaded = load(&file, &overrides).expect("it loads");
    let told: Vec<String> = loaded.remarks.iter().map(ToString::to_string).collect();
    assert!(
        told.iter().all(|told| !told.contains("is not known here")),
        "{told:#?}"
    );
    let behavior = &loaded.edge.distributions[0].behaviors[0];
    let request = &behavior.origin_request;
    assert_eq!(
        request.headers,
        HeaderSelection::Only(vec![
            http::HeaderName::from_static("x-tenant"),
            http::HeaderName::from_static("accept-language")
        ])
    );
    assert_eq!(
        request.cookies,
        NameSelection::Only(vec!["session".to_owned()])
    );
    assert_eq!(request.query, NameSelection::All);
    assert!(request.viewer_host);
    let policy = behavior
        .viewer_response
        .policy
        .as_ref()
        .expect("it is known");
    let set: Vec<String> = policy
        .set
        .iter()
        .map(|(name, value, replaces)| format!("{name}: {value:?} {replaces}"))
        .collect();
    assert_eq!(
        set,
        [
            "strict-transport-security: \"max-age=63072000; includeSubDomains; preload\" true",
            "x-content-type-options: \"nosniff\" true",
            "x-frame-options: \"DENY\" false",
            "x-xss-protection: \"1; report=https://example.com/xss\" false",
            "x-tier: \"one\" true",
        ]
    );
    assert_eq!(policy.removed, ["x-powered-by", "server"]);
    let cors = policy.cors.as_ref().expect("it has CORS");
    assert_eq!(cors.allow_origins, ["https://*.example.com"]);
    assert_eq!(
        cors.allow_methods.as_ref().expect("methods"),
        "GET, DELETE, HEAD, OPTIONS, PATCH, POST, PUT"
    );
    assert_eq!(cors.max_age.as_ref().expect("an age"), "600");
}

#[test]
fn a_field_that_is_not_enforced_is_never_called_something_milder() {
    for field in [
        "TrustedSigners",
        "TrustedKeyGroups",
        "GeoRestriction",
        "WebACLId",
        "ViewerMtlsConfig",
    ] {
        let rows: Vec<_> = fields()
            .iter()
            .filter(|row| row.path.rsplit('.').next() == Some(field))
            .collect();
        assert!(!rows.is_empty(), "{field}");
        for row in rows {
            assert_eq!(row.fate, Fate::NotEnforced, "{}", row.path);
        }
    }
}

static TEXTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    ["distributions", "cloudfront"]
        .into_iter()
        .flat_map(files)
        .map(|file| std::fs::read_to_string(file).expect("the fixture can be read"))
        .collect()
});

static TREES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    TEXTS
        .iter()
        .filter_map(|text| serde_json::from_str(text).ok())
        .collect()
});

fn loads_or_reports(text: &str) {
    mangled::loads_or_reports(Path::new("x.json"), text);
}

/// The values of a tree, its root first.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Object(members) => members.values().map(count).sum(),
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// The value with this number, and what to do to it: it is replaced by what `change` makes of it, or goes if that is none.
fn change(
    value: &mut Value,
    number: &mut usize,
    change_to: &mut impl FnMut(&Value) -> Option<Value>,
) -> bool {
    if *number == 0 {
        match change_to(value) {
            Some(new) => *value = new,
            None => return false,
        }
        *number = usize::MAX;
        return true;
    }
    *number = number.saturating_sub(1);
    match value {
        Value::Object(members) => members.retain(|_, member| {
            change(member, number, change_to) || {
                *number = usize::MAX;
                false
            }
        }),
        Value::Array(items) => items.retain_mut(|item| {
            change(item, number, change_to) || {
                *number = usize::MAX;
                false
            }
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    true
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        (-5_i64..700).prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "\\PC{0,12}".prop_map(Value::from),
        "[*/?a-z.:-]{0,8}".prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "app",
            "*",
            "/*",
            "${HOME}",
            "GET",
            "none",
            "whitelist",
            "127.0.0.1",
            "[::1]",
            "é",
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec((any_key(), inner), 0..4).prop_map(|members| {
                members
                    .into_iter()
                    .collect::<serde_json::Map<_, _>>()
                    .into()
            }),
        ]
    })
}

/// Mostly names of fields.
fn any_key() -> impl Strategy<Value = String> {
    let mut names: Vec<String> = [
        "Quantity",
        "Items",
        "DistributionConfig",
        "Distribution",
        "Id",
        "ARN",
    ]
    .map(ToOwned::to_owned)
    .to_vec();
    names.extend(
        fields()
            .iter()
            .filter_map(|field| field.path.rsplit('.').next())
            .map(|name| name.trim_end_matches("[]").to_owned()),
    );
    prop_oneof![4 => prop::sample::select(names), 1 => "\\PC{0,6}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_value_loads_or_is_reported(value in any_value()) {
        loads_or_reports(&value.to_string());
    }

    #[test]
    fn a_value_in_place_of_another_loads_or_is_reported(
        tree in any::<Index>(), place in any::<Index>(), new in any_value(),
    ) {
        let mut tree = tree.get(&TREES).clone();
        let mut number = place.index(count(&tree));
        change(&mut tree, &mut number, &mut |_| Some(new.clone()));
        loads_or_reports(&tree.to_string());
    }

    #[test]
    fn a_value_that_is_missing_or_there_twice_loads_or_is_reported(
        tree in any::<Index>(), places in prop::collection::vec((any::<Index>(), any::<bool>()), 1..4),
    ) {
        let mut tree = tree.get(&TREES).clone();
        for (place, twice) in places {
            let mut number = place.index(count(&tree));
            change(&mut tree, &mut number, &mut |value| match value {
                _ if !twice => None,
                Value::Array(items) => Some(items.iter().chain(items).cloned().collect()),
                Value::Object(_)
                | Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::String(_) => Some(Value::Array(vec![value.clone(), value.clone()])),
            });
        }
        loads_or_reports(&tree.to_string());
    }

    #[test]
    fn a_text_that_is_cut_or_repeated_loads_or_is_reported(text in mangled::cut_or_repeated(&TEXTS)) {
        loads_or_reports(&text);
    }
}
