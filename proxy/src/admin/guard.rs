//! Who may ask for what, and what other sites' pages must not make a browser ask for.

use std::net::IpAddr;

use http::request::Parts;
use http::{HeaderMap, StatusCode, Uri, header};

use super::Access;
use super::answer::Problem;
use crate::worker::Shared;

/// Refuses what came here under a name that may be anybody's: a page of another site can have its own name lead to loopback
/// (DNS rebinding), and would then read the answers. Where others reach the listener, everything takes the token, which no
/// page has.
pub(super) fn is_meant_for_us(shared: &Shared, head: &Parts) -> Result<(), Problem> {
    let Some(host) = head.headers.get(header::HOST) else {
        return Ok(());
    };
    let host = host.to_str().unwrap_or_default();
    if !shared.token.is_for_all() && !is_local(host) {
        return Err(forbidden(format!(
            "{host:?} is no address and not localhost, so this may be a page of another site; ask for localhost or 127.0.0.1"
        )));
    }
    Ok(())
}

/// Refuses a request that lacks what `access` takes.
pub(super) fn admits(shared: &Shared, access: Access, head: &Parts) -> Result<(), Problem> {
    let is_change = match access {
        Access::Open => return Ok(()),
        Access::Look => false,
        Access::Change => true,
    };
    if is_change {
        is_no_other_sites(&head.headers)?;
    }
    if !is_change && !shared.token.is_for_all() {
        return Ok(());
    }
    match shared.token.is(bearer(&head.headers)) {
        Some(true) => {}
        Some(false) => {
            let problem = Problem::new(
                StatusCode::UNAUTHORIZED,
                "this takes the token of the edge: Authorization: Bearer TOKEN",
            );
            return Err(problem.with(header::WWW_AUTHENTICATE, "Bearer"));
        }
        None => {
            return Err(forbidden(
                "this edge has no token, so nothing can be changed here; give it one: [admin] token = \"${NAME}\", or TIDEOVER_ADMIN_TOKEN",
            ));
        }
    }
    let is_json = media_type(&head.headers).eq_ignore_ascii_case("application/json");
    if is_change && !is_json {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "a change is sent as Content-Type: application/json",
        ));
    }
    Ok(())
}

fn forbidden(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, detail)
}

/// What a browser says about where a request comes from; who is no browser says nothing.
/// Source: Fetch Standard, `Origin` header; W3C, "Fetch Metadata Request Headers".
fn is_no_other_sites(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| {
        headers
            .get(name)
            .map(|value: &http::HeaderValue| value.to_str())
    };
    let site = text(http::HeaderName::from_static("sec-fetch-site"));
    if !matches!(site, None | Some(Ok("same-origin" | "none"))) {
        return Err(forbidden("a page of another site asked for this"));
    }
    let Some(origin) = text(header::ORIGIN) else {
        return Ok(());
    };
    let origin = origin.ok().and_then(|origin| origin.parse::<Uri>().ok());
    let authority = origin.as_ref().and_then(Uri::authority);
    let host = text(header::HOST).and_then(Result::ok);
    let is_same = authority
        .zip(host)
        .is_some_and(|(authority, host)| authority.as_str().eq_ignore_ascii_case(host));
    if is_same {
        Ok(())
    } else {
        Err(forbidden("a page of another site asked for this"))
    }
}

fn bearer(headers: &HeaderMap) -> &[u8] {
    let value = headers.get(header::AUTHORIZATION);
    let value = value.map_or(&[][..], |value| value.as_bytes());
    match value.split_at_checked(b"bearer ".len()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => token,
        Some(_) | None => &[],
    }
}

fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE);
    let value = value.and_then(|value| value.to_str().ok()).unwrap_or("");
    value.split(';').next().unwrap_or("").trim()
}

/// An address, or a name that leads to this machine whoever answers for names (RFC 6761, section 6.3).
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(""),
        None => host.split(':').next().unwrap_or(""),
    };
    name.parse::<IpAddr>().is_ok() || name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::{bearer, is_local, is_no_other_sites, media_type};

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let fields = fields.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        fields.collect()
    }

    #[test]
    fn a_name_that_anybody_may_have_is_not_ours() {
        for (host, expected) in [
            ("127.0.0.1:9901", true),
            ("[::1]:9901", true),
            ("[::1]", true),
            ("10.0.0.7", true),
            ("localhost:9901", true),
            ("LOCALHOST", true),
            ("evil.example:9901", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
            ("", false),
        ] {
            assert_eq!(is_local(host), expected, "{host:?}");
        }
    }

    #[test]
    fn a_page_of_another_site_changes_nothing() {
        let host = ("host", "127.0.0.1:9901");
        for (fields, expected) in [
            (&[host][..], true),
            (&[host, ("origin", "http://127.0.0.1:9901")], true),
            (&[host, ("origin", "http://127.0.0.1:9902")], false),
            (&[host, ("origin", "https://evil.example")], false),
            (&[host, ("origin", "null")], false),
            (&[("origin", "http://127.0.0.1:9901")], false),
            (&[host, ("sec-fetch-site", "same-origin")], true),
            (&[host, ("sec-fetch-site", "none")], true),
            (&[host, ("sec-fetch-site", "same-site")], false),
            (&[host, ("sec-fetch-site", "cross-site")], false),
        ] {
            let found = is_no_other_sites(&headers(fields)).is_ok();
            assert_eq!(found, expected, "{fields:?}");
        }
    }

    #[test]
    fn a_token_is_what_follows_its_scheme() {
        for (value, expected) in [
            ("Bearer abc", "abc"),
            ("bearer abc", "abc"),
            ("Basic abc", ""),
            ("Bearer", ""),
            ("", ""),
        ] {
            let headers = headers(&[("authorization", value)]);
            assert_eq!(bearer(&headers), expected.as_bytes(), "{value:?}");
        }
    }

    #[test]
    fn a_media_type_has_parameters() {
        let headers = headers(&[("content-type", "application/json; charset=utf-8")]);
        assert_eq!(media_type(&headers), "application/json");
    }
}
