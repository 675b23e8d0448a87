//! Which other URIs of its own host a write has changed, by what its answer names.

/// How a URI reference is read.
struct Reference<'r> {
    scheme: Option<&'r str>,
    authority: Option<&'r str>,
    path: &'r str,
    query: Option<&'r str>,
}

/// The target (path and query) of the URI that `reference`, a `Location` or `Content-Location`, names: if it is of the
/// same origin as the request, which came by `scheme` (`http`, `https`) to `host` and asked for `target`. `None` too where it
/// is no URI reference.
///
/// Source: RFC 9111, section 4.4; RFC 3986, section 5.2; RFC 9110, section 4.3.1.
pub fn also_written(reference: &str, scheme: &str, host: &str, target: &str) -> Option<String> {
    if !reference.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let named = parse(reference);
    if named
        .scheme
        .is_some_and(|named| !named.eq_ignore_ascii_case(scheme))
    {
        return None;
    }
    // `http:a` has a scheme and no authority: no URI of HTTP.
    if named.scheme.is_some() && named.authority.is_none() {
        return None;
    }
    let port = if scheme == "https" { ":443" } else { ":80" };
    if let Some(authority) = named.authority
        && !without(authority, port).eq_ignore_ascii_case(without(host, port))
    {
        return None;
    }
    let (own_path, own_query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let is_elsewhere = named.authority.is_some();
    let (path, query) = match named.path {
        "" if is_elsewhere => ("/".to_owned(), named.query),
        "" => (own_path.to_owned(), named.query.or(own_query)),
        path if path.starts_with('/') || is_elsewhere => (without_dots(path), named.query),
        path => {
            let folder = own_path.rfind('/').map_or("/", |slash| &own_path[..=slash]);
            (without_dots(&[folder, path].concat()), named.query)
        }
    };
    Some(match query {
        Some(query) => [&path, "?", query].concat(),
        None => path,
    })
}

/// Source: RFC 3986, appendix B; what is behind `#` is nobody's.
fn parse(reference: &str) -> Reference<'_> {
    let rest = reference.split('#').next().unwrap_or_default();
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, Some(query)),
        None => (rest, None),
    };
    let is_scheme = |text: &str| {
        text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    };
    let (scheme, rest) = match rest.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => (Some(scheme), rest),
        Some(_) | None => (None, rest),
    };
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            (Some(authority), path)
        }
        None => (None, rest),
    };
    Reference {
        scheme,
        authority,
        path,
        query,
    }
}

fn without<'h>(host: &'h str, port: &str) -> &'h str {
    host.strip_suffix(port).unwrap_or(host)
}

/// Source: RFC 3986, section 5.2.4; `path` begins with `/`.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    ["/", &kept.join("/")].concat()
}
