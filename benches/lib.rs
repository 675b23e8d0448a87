//! The cast of the benches: configs, a browser's request, an application's answer, attempts that went wrong.
//!
//! Each bench names the question that it answers; `benches/README.md` says how to run them and how far to trust them.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use tideover_config::{Edge, Failure, OriginKind, Overrides, Server, ViewerScheme};
use tideover_rules::failover::{Attempt, Outcome, Sent};
use tideover_rules::fields::Survey;
use tideover_rules::headers::{Conditions, Request, Viewer};
use tideover_rules::route::Arrival;

/// Three tiers as in the README: a server, a maintenance site, a page; writes go to the server.
pub const THREE_TIERS: &str = r#"
[origin.vm]
url = "http://vm.example.com"
headers = { X-Edge = "tideover" }
[origin.swa]
url = "https://swa.example.com"
[origin.last-page]
page = true

[origin_group.tiers]
members = ["vm", "swa", "last-page"]
fail_over_on = [500, 502, 503, 504, 403, 404]
deadline = "25s"

[distribution.shop]
aliases = ["www.example.com", "*.dr.example.com"]
[[distribution.shop.behavior]]
path = "/owners/*"
for_methods = ["POST", "PUT", "PATCH", "DELETE"]
target = "vm"
[distribution.shop.default_behavior]
target = "tiers"
"#;

/// The three tiers with `count` behaviors before the default one: `/service-0/*`, `/service-1/*`, ….
///
/// # Panics
/// Never: the text is a good config.
pub fn many_behaviors(count: usize) -> Edge {
    let mut text = THREE_TIERS.to_owned();
    for number in 0..count {
        write!(
            text,
            "[[distribution.shop.behavior]]\npath = \"/service-{number}/*\"\ntarget = \"tiers\"\n"
        )
        .expect("a String takes everything");
    }
    edge(&text)
}

/// The compiled config.
///
/// # Panics
/// If `text` has a problem: the message is the report.
pub fn edge(text: &str) -> Edge {
    let loaded = tideover_config::load_text(Path::new("bench.toml"), text, &Overrides::default());
    loaded.unwrap_or_else(|problems| panic!("{problems}")).edge
}

/// The server with this id.
///
/// # Panics
/// If there is none, or it is a page.
pub fn server<'e>(edge: &'e Edge, id: &str) -> &'e Server {
    let origin = edge.origins.iter().find(|origin| &*origin.id == id);
    match &origin.expect("the config has this origin").kind {
        OriginKind::Server(server) => server,
        OriginKind::Page(_) | OriginKind::Folder(_) => panic!("{id} is no server"),
    }
}

/// What a browser sends along with a GET: sixteen headers, cookies among them.
pub fn browser() -> HeaderMap {
    headers(&[
        ("host", "www.example.com"),
        ("connection", "keep-alive"),
        ("cache-control", "max-age=0"),
        ("sec-ch-ua", r#""Chromium";v="142", "Not_A Brand";v="99""#),
        ("sec-ch-ua-mobile", "?0"),
        ("sec-ch-ua-platform", "\"Linux\""),
        ("upgrade-insecure-requests", "1"),
        (
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        ),
        (
            "accept",
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        ),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
        ("referer", "https://www.example.com/owners/find"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("accept-language", "ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7"),
        (
            "cookie",
            "JSESSIONID=6F1B2C3D4E5F60718293A4B5C6D7E8F9; theme=light",
        ),
    ])
}

/// What a load generator sends: a host and nothing else that matters.
pub fn load_generator() -> HeaderMap {
    headers(&[("host", "www.example.com")])
}

/// An application's answer behind nginx.
pub fn application() -> HeaderMap {
    headers(&[
        ("server", "nginx/1.18.0 (Ubuntu)"),
        ("date", "Tue, 06 Jan 2026 09:00:00 GMT"),
        ("content-type", "text/html;charset=UTF-8"),
        ("content-length", "3192"),
        ("connection", "keep-alive"),
        ("keep-alive", "timeout=60"),
        ("content-language", "ko-KR"),
        ("vary", "Accept-Encoding"),
        ("set-cookie", "theme=light; Path=/"),
    ])
}

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let line = |&(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    lines.iter().map(line).collect()
}

/// A request as it arrives, with what is known of who sent it.
#[derive(Debug)]
pub struct Visit {
    method: Method,
    target: PathAndQuery,
    headers: HeaderMap,
    survey: Survey,
    address: HeaderValue,
    request_id: HeaderValue,
}

impl Visit {
    /// A GET of `target`.
    pub fn get(target: &'static str, headers: HeaderMap) -> Self {
        Self {
            method: Method::GET,
            target: PathAndQuery::from_static(target),
            survey: Survey::of(&headers),
            headers,
            address: HeaderValue::from_static("192.0.2.7"),
            request_id: HeaderValue::from_static(
                "8gk3vWmQyT0eYc0pZ5h2a1b9n4x7r6s_LQ0TqKc5dVwM3fUjXyzA==",
            ),
        }
    }

    /// As routing sees it.
    pub fn arrival(&self) -> Arrival<'_> {
        Arrival {
            method: &self.method,
            host: "www.example.com",
            path: self.target.path(),
            query: self.target.query(),
            scheme: ViewerScheme::Https,
            version: Version::HTTP_11,
            has_body: false,
            fields: self.survey.fields(&self.headers),
        }
    }

    /// As heads are made from it.
    pub fn request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            target: &self.target,
            fields: self.survey.fields(&self.headers),
            to_websocket: false,
            conditions: Conditions::Viewers,
        }
    }

    /// Who sent it.
    pub fn viewer(&self) -> Viewer<'_> {
        Viewer {
            address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
            port: 50_412,
            address_text: &self.address,
            scheme: ViewerScheme::Https,
            host: self.headers.get(http::header::HOST),
            version: Version::HTTP_11,
            request_id: &self.request_id,
        }
    }
}

/// `member` answered with `status` after 12 ms.
pub fn answered(member: usize, status: StatusCode) -> Attempt {
    Attempt {
        member,
        outcome: Outcome::Status(status),
        sent: Sent::Something,
        took: Duration::from_millis(12),
    }
}

/// `member` refused the connection.
pub fn refused(member: usize) -> Attempt {
    Attempt {
        member,
        outcome: Outcome::Failed(Failure::Refused),
        sent: Sent::Nothing,
        took: Duration::from_millis(1),
    }
}
