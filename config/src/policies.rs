//! Policies by id or name: own ones from `--policy` files, then those that AWS manages.
//!
//! Source of the managed ones: Developer Guide, "Use managed cache policies", "Use managed origin request policies", "Use
//! managed response headers policies".

use crate::written::{CachePolicy, OriginRequestPolicy, Policies, ResponseHeadersPolicy};

mod managed;
mod own;
mod response_headers;

pub(crate) use managed::{all_viewer_except_host_header, caching_disabled};
pub(crate) use own::read;

/// The cache policy that has `named` as its id or name; `None` if nobody knows it.
pub(crate) fn cache_policy(own: &Policies, named: &str) -> Option<CachePolicy> {
    let is_it = |policy: &CachePolicy| is_called(named, &policy.id, &policy.name);
    let own = own.cache.iter().find(|policy| is_it(policy)).cloned();
    own.or_else(|| managed::cache_policies().find(is_it))
}

/// The origin request policy that has `named` as its id or name; `None` if nobody knows it.
pub(crate) fn origin_request_policy(own: &Policies, named: &str) -> Option<OriginRequestPolicy> {
    let is_it = |policy: &OriginRequestPolicy| is_called(named, &policy.id, &policy.name);
    let own = own.origin_request.iter().find(|policy| is_it(policy));
    own.cloned()
        .or_else(|| managed::origin_request_policies().find(is_it))
}

/// The response headers policy that has `named` as its id or name; `None` if nobody knows it.
pub(crate) fn response_headers_policy(
    own: &Policies,
    named: &str,
) -> Option<ResponseHeadersPolicy> {
    let is_it = |policy: &ResponseHeadersPolicy| is_called(named, &policy.id, &policy.name);
    let own = own.response_headers.iter().find(|policy| is_it(policy));
    own.cloned()
        .or_else(|| managed::response_headers_policies().find(is_it))
}

/// The names of cache policies.
pub(crate) fn cache_policy_names(own: &Policies) -> Vec<String> {
    let own = own.cache.iter().map(|policy| policy.name.clone());
    own.chain(managed::cache_policies().map(|policy| policy.name))
        .collect()
}

/// The names of origin request policies.
pub(crate) fn origin_request_policy_names(own: &Policies) -> Vec<String> {
    let own = own.origin_request.iter().map(|policy| policy.name.clone());
    own.chain(managed::origin_request_policies().map(|policy| policy.name))
        .collect()
}

/// The names of response headers policies.
pub(crate) fn response_headers_policy_names(own: &Policies) -> Vec<String> {
    let own = own
        .response_headers
        .iter()
        .map(|policy| policy.name.clone());
    own.chain(managed::response_headers_policies().map(|policy| policy.name))
        .collect()
}

/// The API writes `Managed-` before the names that the documents and the console show.
fn is_called(named: &str, id: &str, name: &str) -> bool {
    let bare = |name| str::strip_prefix(name, "Managed-").unwrap_or(name);
    !named.is_empty() && (named == id || bare(named) == bare(name))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{cache_policy, managed, origin_request_policy, response_headers_policy};
    use crate::written::Policies;

    #[test]
    fn a_managed_policy_is_found_by_its_id_and_by_both_of_its_names() {
        let none = Policies::default();
        for named in [
            "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
            "CachingDisabled",
            "Managed-CachingDisabled",
        ] {
            let found = cache_policy(&none, named).map(|policy| policy.max_ttl);
            assert_eq!(found, Some(0), "{named}");
        }
        assert_eq!(cache_policy(&none, "cachingdisabled"), None);
        assert_eq!(cache_policy(&none, ""), None);
        let host_only = origin_request_policy(&none, "HostHeaderOnly").map(|policy| policy.headers);
        assert_eq!(
            host_only,
            Some(("whitelist".to_owned(), vec!["Host".to_owned()]))
        );
        assert!(response_headers_policy(&none, "Managed-SimpleCORS").is_some());
        assert!(response_headers_policy(&none, "CachingDisabled").is_none());
    }

    #[test]
    fn managed_policies_have_ids_and_names_of_their_own() {
        let cache = managed::cache_policies().map(|policy| (policy.id, policy.name));
        let origin = managed::origin_request_policies().map(|policy| (policy.id, policy.name));
        let response = managed::response_headers_policies().map(|policy| (policy.id, policy.name));
        let all: Vec<_> = cache.chain(origin).chain(response).collect();
        assert_eq!(all.len(), 7 + 8 + 5);
        let ids: HashSet<_> = all.iter().map(|(id, _)| id).collect();
        let names: HashSet<_> = all.iter().map(|(_, name)| name).collect();
        assert_eq!((ids.len(), names.len()), (all.len(), all.len()));
        for (id, name) in &all {
            let is_uuid = id.len() == 36
                && id.split('-').map(str::len).eq([8, 4, 4, 4, 12])
                && id
                    .bytes()
                    .all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
            assert!(is_uuid, "{name}: {id}");
        }
    }
}
