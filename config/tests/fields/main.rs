//! Every field that CloudFront has, taken in turn: set to something that matters, it changes the edge if the table says
//! that it is honoured, else it is named in what the operator is told.

mod distribution;
mod policies;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tideover_config::{Fate, Loaded, Overrides, Severity, fields, load_text, to_toml};

/// One field and what to set it to.
struct Case {
    path: String,
    value: Value,
    /// Set before and after.
    given: Vec<(String, Value)>,
    /// Set together with the field.
    with: Vec<(String, Value)>,
}

fn case(path: &str, value: Value) -> Case {
    Case {
        path: path.to_owned(),
        value,
        given: Vec::new(),
        with: Vec::new(),
    }
}

impl Case {
    fn given(mut self, path: &str, value: Value) -> Self {
        self.given.push((path.to_owned(), value));
        self
    }

    fn with(mut self, path: &str, value: Value) -> Self {
        self.with.push((path.to_owned(), value));
        self
    }
}

/// A config, and own policies of all kinds that it uses.
struct Documents {
    config: Value,
    policies: [(&'static str, Value); 3],
}

impl Documents {
    fn minimal() -> Self {
        let policy = |kind: &str, id: &str, config: Value| json!({kind: {"Id": id, format!("{kind}Config"): config}});
        Self {
            config: json!({
                "Origins": {"Items": [origin("app")]},
                "DefaultCacheBehavior": behavior(),
                "Enabled": true
            }),
            policies: [
                (
                    "CachePolicy",
                    policy(
                        "CachePolicy",
                        "own-cache",
                        json!({
                            "Name": "own-cache-name", "MinTTL": 0, "DefaultTTL": 0, "MaxTTL": 0,
                            "ParametersInCacheKeyAndForwardedToOrigin": {
                                "EnableAcceptEncodingGzip": false,
                                "HeadersConfig": {"HeaderBehavior": "none"},
                                "CookiesConfig": {"CookieBehavior": "none"},
                                "QueryStringsConfig": {"QueryStringBehavior": "none"}
                            }
                        }),
                    ),
                ),
                (
                    "OriginRequestPolicy",
                    policy(
                        "OriginRequestPolicy",
                        "own-request",
                        json!({
                            "Name": "own-request-name",
                            "HeadersConfig": {"HeaderBehavior": "none"},
                            "CookiesConfig": {"CookieBehavior": "none"},
                            "QueryStringsConfig": {"QueryStringBehavior": "none"}
                        }),
                    ),
                ),
                (
                    "ResponseHeadersPolicy",
                    policy(
                        "ResponseHeadersPolicy",
                        "own-headers",
                        json!({"Name": "own-headers-name"}),
                    ),
                ),
            ],
        }
    }

    /// Puts `value` to `path` of the document that the path belongs to.
    fn put(&mut self, path: &str, value: &Value) {
        for (kind, document) in &mut self.policies {
            if path.starts_with(&format!("{kind}Config")) {
                return put(&mut document[*kind], path, value);
            }
        }
        put(&mut self.config, path, value);
    }

    fn load(mut self, name: &str) -> Loaded {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let policies: Vec<PathBuf> = self
            .policies
            .iter_mut()
            .map(|(kind, document)| {
                count(document);
                let file = folder.join(format!("{kind}-{name}.json"));
                std::fs::write(&file, document.to_string()).expect("the policy can be written");
                file
            })
            .collect();
        count(&mut self.config);
        let overrides = Overrides {
            policies,
            // Where nobody speaks TLS, nothing that is said about it changes anything.
            listen_tls: vec!["127.0.0.1:8443".to_owned()],
            tls_self_signed: true,
            ..Overrides::default()
        };
        load_text(
            Path::new("config.json"),
            &self.config.to_string(),
            &overrides,
        )
        .unwrap_or_else(|problems| panic!("{name} does not load:\n{problems}"))
    }
}

fn origin(id: &str) -> Value {
    json!({
        "Id": id, "DomainName": format!("{id}.example.net"),
        "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"}
    })
}

fn behavior() -> Value {
    json!({
        "TargetOriginId": "app", "ViewerProtocolPolicy": "allow-all", "CachePolicyId": "own-cache",
        "OriginRequestPolicyId": "own-request", "ResponseHeadersPolicyId": "own-headers"
    })
}

/// `A.Items[].B`: the B of the first item.
fn put(document: &mut Value, path: &str, value: &Value) {
    let mut at = document;
    for part in path.split('.') {
        at = match part.strip_suffix("[]") {
            None => &mut at[part],
            Some(list) => {
                let list = &mut at[list];
                if list.as_array().is_none_or(Vec::is_empty) {
                    *list = json!([{}]);
                }
                &mut list[0]
            }
        };
    }
    *at = value.clone();
}

/// Writes every `Quantity`.
fn count(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::Array(items)) = members.get("Items") {
                let quantity = items.len().into();
                members.insert("Quantity".to_owned(), quantity);
            }
            members.values_mut().for_each(count);
        }
        Value::Array(items) => items.iter_mut().for_each(count),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn items(items: impl Into<Value>) -> Value {
    json!({ "Items": items.into() })
}

fn cases() -> Vec<Case> {
    let mut cases = distribution::general();
    cases.extend(distribution::origins());
    cases.extend(distribution::groups());
    cases.extend(distribution::behaviors("DefaultCacheBehavior"));
    cases.extend(distribution::behaviors("CacheBehaviors.Items[]"));
    cases.extend(distribution::lists_and_protection());
    cases.extend(policies::request_policies());
    cases.extend(policies::response_headers_policy());
    cases
}

fn fate(path: &str) -> Option<Fate> {
    let mut rows = fields().iter();
    rows.find(|row| row.path == path).map(|row| row.fate)
}

/// What the operator reads about the field itself or about what it is part of, as far as that is not honoured either.
fn names(remark: &str, path: &str) -> bool {
    let mut rest = Some(path);
    while let Some(path) = rest {
        let name = path.rsplit('.').next().unwrap_or(path);
        if remark
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| word == name)
        {
            return true;
        }
        rest = path
            .rsplit_once('.')
            .map(|(around, _)| around.trim_end_matches("[]").trim_end_matches(".Items"))
            .filter(|around| fate(around).is_some_and(|fate| fate != Fate::Honoured));
    }
    false
}

#[test]
fn every_field_is_honoured_or_named() {
    let mut wrong = Vec::new();
    for (number, case) in cases().iter().enumerate() {
        let load = |with_it: bool| {
            let mut documents = Documents::minimal();
            for (path, value) in &case.given {
                documents.put(path, value);
            }
            if with_it {
                for (path, value) in &case.with {
                    documents.put(path, value);
                }
                documents.put(&case.path, &case.value);
            }
            documents.load(&format!("{number}-{with_it}"))
        };
        let (before, after) = (load(false), load(true));
        let told: BTreeSet<String> = before
            .remarks
            .iter()
            .map(|said| said.found.clone())
            .collect();
        let new: Vec<_> = after
            .remarks
            .iter()
            .filter(|said| !told.contains(&said.found) && names(&said.to_string(), &case.path))
            .collect();
        let Some(fate) = fate(&case.path) else {
            wrong.push(format!("{} is not in the table", case.path));
            continue;
        };
        let good = match fate {
            Fate::Honoured => to_toml(&before.edge) != to_toml(&after.edge),
            Fate::Meaningless | Fate::NotYet => !new.is_empty(),
            Fate::NotEnforced => new
                .iter()
                .any(|said| said.severity == Severity::NotEnforced),
        };
        if !good {
            let said: Vec<String> = after.remarks.iter().map(ToString::to_string).collect();
            wrong.push(format!(
                "{} is {}, and is not:\n{}",
                case.path,
                fate.as_str(),
                said.join("\n")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_table_and_these_cases_are_about_the_same_fields() {
    let rows: Vec<&str> = fields().iter().map(|row| row.path).collect();
    let table: BTreeSet<&str> = rows.iter().copied().collect();
    assert_eq!(table.len(), rows.len(), "a field stands in the table twice");
    let cases = cases();
    let taken: BTreeSet<&str> = cases.iter().map(|case| case.path.as_str()).collect();
    let untaken: Vec<_> = table.difference(&taken).collect();
    assert!(untaken.is_empty(), "no case takes {untaken:#?}");
    assert_eq!(taken.len(), cases.len(), "a field is taken twice");
}

#[test]
fn every_field_says_what_becomes_of_it() {
    for row in fields() {
        assert!(!row.says.is_empty(), "{}", row.path);
        assert!(!row.says.ends_with('.'), "{}", row.path);
    }
}
