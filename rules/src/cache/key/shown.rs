//! A key in words, for who asks why two requests get one answer, or two.

use http::Method;
use http::header::{COOKIE, HOST};
use tideover_config::{AcceptEncoding, CachePolicy, CloudFrontHeader, NameSelection, ViewerScheme};

use super::without_port;
use crate::fields::{Fields, Known};
use crate::headers::copied::{Connection, chosen_cookies};
use crate::headers::target::kept_of_query;
use crate::headers::{Request, Viewer, made};

/// One thing that a key has in it, beside the distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPart {
    /// `path`, `query`, `method`, `header accept-language`, `cookie`, `encodings`, `scheme`, `viewer address`, `HTTP version`.
    pub what: String,
    /// Of this request; `None`: it has none, which is told from any value. What is no UTF-8 is shown as U+FFFD.
    pub value: Option<String>,
}

/// What [`write`](super::write) would put into a key, in its order.
pub fn parts(
    policy: &CachePolicy,
    path: &str,
    request: Request<'_>,
    viewer: &Viewer<'_>,
) -> Vec<KeyPart> {
    let said = &policy.key;
    let sent = request.fields;
    let mut parts = vec![part("path", Some(path.to_owned()))];
    if said.query != NameSelection::None {
        let query = request.target.query().map(|query| {
            let kept: Vec<&str> = kept_of_query(&said.query, query).collect();
            kept.join("&")
        });
        // Of which nothing is left is told from none by nobody but who has all of it.
        let is_told = |query: &String| said.query == NameSelection::All || !query.is_empty();
        parts.push(part("query", query.filter(is_told)));
    }
    if *request.method == Method::OPTIONS {
        parts.push(part("method", Some("OPTIONS".to_owned())));
    }
    headers(&mut parts, policy, sent, viewer);
    if said.cookies != NameSelection::None {
        let before = parts.len();
        if sent.has(Known::Cookie) && !Connection::of(sent).names(&COOKIE) {
            let cookies = chosen_cookies(&said.cookies, sent);
            parts.extend(cookies.map(|cookie| part("cookie", Some(text(cookie)))));
        }
        if parts.len() == before {
            parts.push(part("cookie", None));
        }
    }
    if let AcceptEncoding::Normalised { gzip, brotli } = said.accept_encoding {
        let accepted = made::accept_encoding(sent, viewer.version, gzip, brotli);
        parts.push(part("encodings", accepted.map(str::to_owned)));
    }
    parts.extend(said.made.iter().map(|wanted| edges_own(*wanted, viewer)));
    parts
}

fn headers(parts: &mut Vec<KeyPart>, policy: &CachePolicy, sent: Fields<'_>, viewer: &Viewer<'_>) {
    let connection = Connection::of(sent);
    for name in &policy.key.headers {
        let what = format!("header {name}");
        if *name == HOST {
            let default_port: &[u8] = match viewer.scheme {
                ViewerScheme::Http => b"80",
                ViewerScheme::Https => b"443",
            };
            let host = viewer
                .host
                .map(|host| text(without_port(host.as_bytes(), default_port)).to_ascii_lowercase());
            parts.push(part(&what, host));
            continue;
        }
        let before = parts.len();
        if !connection.names(name) {
            let lines = sent.map().get_all(name).iter();
            parts.extend(lines.map(|line| part(&what, Some(text(line.as_bytes())))));
        }
        if parts.len() == before {
            parts.push(part(&what, None));
        }
    }
}

fn edges_own(wanted: CloudFrontHeader, viewer: &Viewer<'_>) -> KeyPart {
    match wanted {
        CloudFrontHeader::ForwardedProto => part("scheme", Some(viewer.scheme.as_str().to_owned())),
        CloudFrontHeader::ViewerAddress => {
            let address = format!("{}:{}", text(viewer.address_text.as_bytes()), viewer.port);
            part("viewer address", Some(address))
        }
        CloudFrontHeader::ViewerHttpVersion => {
            let version = made::http_version(viewer).to_owned();
            part("HTTP version", Some(version))
        }
    }
}

fn part(what: &str, value: Option<String>) -> KeyPart {
    let what = what.to_owned();
    KeyPart { what, value }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
