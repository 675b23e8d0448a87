//! Fields by which a request steers some applications past its own target.

use http::HeaderName;

use crate::fields::Fields;

/// Frameworks and servers are known to heed them, and no key has them unless its operator names them: an answer to such a
/// request must not become everybody's.
static FIELDS: [&str; 10] = [
    "forwarded",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-server",
    "x-host",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
];

/// Whether `viewer` has one of them that is not among the names `keyed`.
pub fn is(viewer: Fields<'_>, keyed: &[HeaderName]) -> bool {
    FIELDS
        .iter()
        .any(|field| viewer.map().contains_key(*field) && !keyed.iter().any(|name| name == field))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;

    #[test]
    fn a_field_that_the_key_has_steers_nothing() {
        let mut map = HeaderMap::new();
        let is_steered = |map: &HeaderMap, keyed: &[HeaderName]| is(Fields::of(map), keyed);
        assert!(!is_steered(&map, &[]));
        map.insert("accept", HeaderValue::from_static("*/*"));
        assert!(!is_steered(&map, &[]));
        map.insert("x-original-url", HeaderValue::from_static("/admin"));
        assert!(is_steered(&map, &[]));
        let keyed = HeaderName::from_static("x-original-url");
        assert!(!is_steered(&map, &[keyed]));
    }
}
