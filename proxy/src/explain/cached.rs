//! What the cache would do with a request, and what it keeps for it now, in words.

use std::net::Ipv4Addr;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Version};
use serde_json::{Value, json};
use tideover_config::{
    CachePolicy, Compression, DefaultTtl, StatusRule, VaryRule, ViewerScheme, counted,
};
use tideover_rules::cache::key::{self, KeyPart};
use tideover_rules::headers::{Request, Viewer};
use tideover_rules::route::Route;

use super::seconds;

/// What is told of the cache for one request.
#[derive(Debug)]
pub(super) struct Cached {
    /// What its key has in it; or why nothing is kept for it.
    key: Result<Vec<KeyPart>, String>,
    /// What the policy comes to, a line each.
    rules: Vec<String>,
    /// What is kept for it at this moment; `None`: that is not known.
    now: Option<Found>,
}

/// What is kept for a request.
#[derive(Debug)]
pub(super) struct Found {
    /// `fresh`, `stale`, `nothing`, …
    pub(super) word: &'static str,
    /// Seconds for which it is good, below 0 if it is too old.
    pub(super) ttl: Option<i64>,
    pub(super) age: Option<u32>,
    /// Of the body.
    pub(super) bytes: Option<u64>,
    pub(super) status: Option<u16>,
}

/// The request as the cache sees it. `is_bodyless`: it has no body; `found` looks for what is kept under a key.
pub(super) fn cached(
    route: &Route<'_, '_>,
    request: Request<'_>,
    viewer: &Viewer<'_>,
    is_bodyless: bool,
    found: impl FnOnce(&CachePolicy) -> Option<Found>,
) -> Cached {
    let nothing = |why: String| Cached {
        key: Err(why),
        rules: Vec::new(),
        now: None,
    };
    let Some(policy) = &route.behavior.cache else {
        return nothing("nothing is kept by this behavior".to_owned());
    };
    if !policy.methods.contains(request.method) {
        return nothing(format!("answers to {} are not kept", request.method));
    }
    if !is_bodyless || request.to_websocket {
        return nothing("the answer to such a request is not kept".to_owned());
    }
    Cached {
        key: Ok(key::parts(policy, route.path, request, viewer)),
        rules: rules(policy),
        now: found(policy),
    }
}

impl Cached {
    /// Each line with the word that stands before it.
    pub(super) fn lines(&self) -> Vec<(&'static str, String)> {
        let parts = match &self.key {
            Ok(parts) => parts,
            Err(why) => return vec![("cache", why.clone())],
        };
        let parts: Vec<String> = parts.iter().map(of_key).collect();
        let mut lines = vec![("cache", format!("key: {}", parts.join(", ")))];
        lines.extend(self.rules.iter().map(|rule| ("", rule.clone())));
        lines.extend(self.now.as_ref().map(|found| ("kept now", found.words())));
        lines
    }

    pub(super) fn json(&self) -> Value {
        let parts = match &self.key {
            Ok(parts) => parts,
            Err(why) => return json!({ "kept": false, "why": why }),
        };
        let key: Vec<Value> = parts
            .iter()
            .map(|part| json!({ "part": part.what, "value": part.value }))
            .collect();
        json!({
            "kept": true,
            "key": key,
            "rules": self.rules,
            "now": self.now.as_ref().map(Found::json),
        })
    }
}

impl Found {
    pub(super) const NOTHING: Self = Self::only("nothing");
    pub(super) const OTHER_VARIANTS: Self = Self::only("other-variants");
    pub(super) const PASSED: Self = Self::only("passed");

    const fn only(word: &'static str) -> Self {
        Self {
            word,
            ttl: None,
            age: None,
            bytes: None,
            status: None,
        }
    }

    fn words(&self) -> String {
        let (Some(ttl), Some(age), Some(bytes)) = (self.ttl, self.age, self.bytes) else {
            return match self.word {
                "other-variants" => {
                    "nothing that was chosen by such a request (Vary)".to_owned()
                }
                "passed" => {
                    "nothing: the last answer was for its viewer only, so nobody waits for another's"
                        .to_owned()
                }
                _ => "nothing".to_owned(),
            };
        };
        let good = match ttl {
            0.. => format!("good for {ttl} s more"),
            over => format!("{} s too old", over.saturating_neg()),
        };
        let status = self.status.unwrap_or_default();
        let bytes = counted(bytes, "byte");
        format!(
            "{}: status {status}, {age} s old, {good}, {bytes}",
            self.word
        )
    }

    fn json(&self) -> Value {
        json!({
            "verdict": self.word,
            "status": self.status,
            "age": self.age,
            "ttl": self.ttl,
            "bytes": self.bytes,
        })
    }
}

/// `header accept-language = en`.
fn of_key(part: &KeyPart) -> String {
    match &part.value {
        Some(value) if part.what == "path" => format!("path {value}"),
        Some(value) => format!("{} = {value}", part.what),
        None => format!("no {}", part.what),
    }
}

fn rules(policy: &CachePolicy) -> Vec<String> {
    let together = if policy.collapse {
        "requests with one key at the same time wait for one fetch"
    } else {
        "requests with one key do not wait for each other: each asks for itself"
    };
    let mut rules = vec![lifetime(policy), together.to_owned(), stale(policy)];
    if let VaryRule::Selects = policy.vary {
        rules.push("what Vary of an answer names is part of the key, too".to_owned());
    }
    if let StatusRule::CloudFront { errors } = policy.statuses
        && !policy.ttl.max.is_zero()
    {
        rules.push(format!(
            "404, 414 and 500 to 504 are kept for {} at least, unless a custom error response says otherwise",
            seconds(errors.min(policy.ttl.max)),
        ));
    }
    let Compression { gzip, brotli } = policy.compression;
    let codings: Vec<&str> = [(brotli, "br"), (gzip, "gzip")]
        .into_iter()
        .filter_map(|(is_on, name)| is_on.then_some(name))
        .collect();
    if !codings.is_empty() {
        rules.push(format!("compressed by {}", codings.join(" or ")));
    }
    rules
}

/// How long what says nothing of it is kept, and within which bounds what does.
fn lifetime(policy: &CachePolicy) -> String {
    let ttl = policy.ttl;
    let silent = match ttl.default {
        DefaultTtl::Fixed(time) => match time.max(ttl.min).min(ttl.max) {
            Duration::ZERO => "is asked about each time".to_owned(),
            time => format!("is good for {}", seconds(time)),
        },
        DefaultTtl::Heuristic => {
            "is good for a tenth of the time since its Last-Modified, a day at most; without that it is asked about each time"
                .to_owned()
        }
    };
    let beats = if policy.minimum_beats_refusal && !ttl.min.is_zero() {
        ", even if it says no-store, no-cache or private"
    } else {
        ""
    };
    let bounds = match (ttl.min, ttl.max) {
        (Duration::ZERO, max) => format!("at most {}", seconds(max)),
        (min, max) => format!("{} at least{beats}, at most {}", seconds(min), seconds(max)),
    };
    format!(
        "an answer that says nothing of its lifetime {silent}; one that does for as long as it says, {bounds}"
    )
}

fn stale(policy: &CachePolicy) -> String {
    let rule = policy.stale;
    if rule.if_error.is_zero() {
        return "too old: served only where the answer itself allows it (stale-if-error, stale-while-revalidate)".to_owned();
    }
    let at_once = if rule.at_once {
        "; at once while it is known that no origin answers"
    } else {
        "; after they have failed this request"
    };
    let rest = if rule.ask_again_after.is_zero() {
        String::new()
    } else {
        format!(
            ", and then without asking for {}",
            seconds(rule.ask_again_after)
        )
    };
    format!(
        "too old: served all the same for {} more when the origins fail, unless the answer forbids it{at_once}{rest}",
        seconds(rule.if_error),
    )
}

/// A viewer who might ask.
pub(super) struct Somebody {
    address: HeaderValue,
    request_id: HeaderValue,
}

impl Somebody {
    pub(super) fn new() -> Self {
        Self {
            address: HeaderValue::from_static("127.0.0.1"),
            request_id: HeaderValue::from_static("explain"),
        }
    }

    pub(super) fn viewer<'v>(&'v self, scheme: ViewerScheme, fields: &'v HeaderMap) -> Viewer<'v> {
        Viewer {
            address: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            address_text: &self.address,
            scheme,
            host: fields.get(http::header::HOST),
            version: Version::HTTP_11,
            request_id: &self.request_id,
        }
    }
}
